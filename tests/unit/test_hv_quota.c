/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's pool and quotas: pages are handed out cleared and once, what a quota has used is
 * exact down to the last slab, its limit holds, and what moves between quotas is neither lost nor
 * made.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hv/pool.h"
#include "hv/quota.h"
#include "tests/unit/hv_fixture.h"

#define HEADER 64u /* of a slab page */

static struct quota quota;

static int setup(void **state)
{
    (void)state;
    hw_reset(1);
    quota_init(&quota, 100);
    return 0;
}

static bool is_zero(const void *memory, size_t size)
{
    const uint8_t *p = memory;
    for (size_t i = 0; i < size; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static void the_pool_hands_out_each_page_once_and_cleared(void **state)
{
    (void)state;
    static void *page[HW_POOL_PAGES];
    for (unsigned round = 0; round < 2; round++) {
        uint64_t n = pool_free_pages();
        for (uint64_t i = 0; i < n; i++) {
            page[i] = pool_alloc();
            assert_non_null(page[i]);
            assert_int_equal((uintptr_t)page[i] % PAGE_SIZE, 0);
            assert_true(is_zero(page[i], PAGE_SIZE));
            memset(page[i], 0xFF, PAGE_SIZE); /* a second owner would find it */
        }
        assert_null(pool_alloc());
        assert_int_equal(pool_free_pages(), 0);
        for (uint64_t i = 0; i < n; i++) {
            pool_free(page[i]);
        }
        assert_int_equal(pool_free_pages(), n);
    }
}

static void pool_addresses_translate_both_ways(void **state)
{
    (void)state;
    void *page = pool_alloc();
    hpa_t a = pool_hpa(page);
    assert_in_range(a.v, HW_POOL_PHYS, HW_POOL_PHYS + HW_POOL_PAGES * PAGE_SIZE - 1);
    assert_ptr_equal(pool_ptr(a), page);
    assert_ptr_equal(pool_ptr(hpa(a.v + 77)), (char *)page + 77);
}

static void pages_count_against_the_limit(void **state)
{
    (void)state;
    void *page[100];
    uint64_t before = pool_free_pages();
    for (unsigned i = 0; i < 100; i++) {
        page[i] = quota_page(&quota);
        assert_non_null(page[i]);
        assert_int_equal(quota.used, i + 1);
    }
    assert_null(quota_page(&quota));
    assert_null(quota_alloc(&quota, 64));
    assert_int_equal(quota.used, 100);
    quota_page_free(&quota, page[0]);
    assert_non_null(page[0] = quota_alloc(&quota, 64));
    assert_null(quota_page(&quota));
    quota_free(page[0]);
    for (unsigned i = 1; i < 100; i++) {
        quota_page_free(&quota, page[i]);
    }
    assert_int_equal(quota.used, 0);
    assert_int_equal(pool_free_pages(), before);
}

static void an_empty_pool_charges_nothing(void **state)
{
    (void)state;
    quota_init(&quota, UINT64_MAX);
    uint64_t n = pool_free_pages();
    for (uint64_t i = 0; i < n; i++) {
        assert_non_null(quota_page(&quota));
    }
    assert_null(quota_page(&quota));
    assert_null(quota_alloc(&quota, 1024));
    assert_int_equal(quota.used, n);
}

static void a_slab_takes_a_page_when_full_and_gives_it_back_when_empty(void **state)
{
    (void)state;
    static const size_t sizes[] = {64, 128, 256, 512, 1024};
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
        unsigned capacity = (unsigned)((PAGE_SIZE - HEADER) / sizes[s]);
        void *object[200];
        for (unsigned i = 0; i <= capacity; i++) {
            object[i] = quota_alloc(&quota, sizes[s]);
            assert_non_null(object[i]);
            assert_int_equal((uintptr_t)object[i] % 64, 0);
            assert_int_equal(quota.used, i < capacity ? 1 : 2);
        }
        quota_free(object[capacity]);
        assert_int_equal(quota.used, 1);
        for (unsigned i = 0; i < capacity; i++) {
            assert_int_equal(quota.used, 1);
            quota_free(object[i]);
        }
        assert_int_equal(quota.used, 0);
    }
}

static void a_size_takes_the_next_power_of_two(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 1024; size++) {
        void *object = quota_alloc(&quota, size);
        assert_non_null(object);
        assert_true(is_zero(object, size));
        memset(object, 0xFF, size);
        void *neighbour = quota_alloc(&quota, size);
        size_t apart = (size_t)((char *)neighbour - (char *)object);
        size_t class = 64;
        while (class < size) {
            class *= 2;
        }
        assert_int_equal(apart, class);
        assert_true(is_zero(neighbour, size));
        quota_free(object);
        quota_free(neighbour);
    }
    assert_int_equal(quota.used, 0);
}

static void objects_go_back_to_the_quota_they_came_from(void **state)
{
    (void)state;
    struct quota other;
    quota_init(&other, 10);
    void *a = quota_alloc(&quota, 100);
    void *b = quota_alloc(&other, 100);
    assert_int_equal(quota.used, 1);
    assert_int_equal(other.used, 1);
    quota_free(b);
    assert_int_equal(quota.used, 1);
    assert_int_equal(other.used, 0);
    quota_free(a);
    assert_int_equal(quota.used, 0);
}

#define LIVE_MAX 3000u

struct live {
    uint8_t *object;
    size_t size;
    uint8_t mark;
};

/* No object overlaps another: each keeps its own marks until it is freed. */
static void random_objects_do_not_overlap_and_use_is_exact(void **state)
{
    (void)state;
    static struct live live[LIVE_MAX];
    uint64_t seed = 11;
    unsigned count = 0;
    uint64_t before = pool_free_pages();
    for (unsigned step = 0; step < 60000; step++) {
        bool grow =
            step % 20000 < 10000 ? random_below(&seed, 3) != 0 : random_below(&seed, 3) == 0;
        if (grow && count < LIVE_MAX) {
            struct live *l = &live[count];
            l->size = 1 + random_below(&seed, 1024);
            l->object = quota_alloc(&quota, l->size);
            if (l->object == NULL) {
                assert_int_equal(quota.used, quota.limit);
                continue;
            }
            assert_true(is_zero(l->object, l->size));
            l->mark = (uint8_t)(1 + random_below(&seed, 255));
            memset(l->object, l->mark, l->size);
            count++;
        } else if (count > 0) {
            struct live *l = &live[random_below(&seed, count)];
            assert_int_equal(l->object[0], l->mark);
            assert_memory_equal(l->object, l->object + 1, l->size - 1);
            quota_free(l->object);
            *l = live[--count];
        }
        assert_int_equal(before - pool_free_pages(), quota.used);
    }
    while (count > 0) {
        quota_free(live[--count].object);
    }
    assert_int_equal(quota.used, 0);
    assert_int_equal(pool_free_pages(), before);
}

static void only_what_is_unused_can_move(void **state)
{
    (void)state;
    struct quota to;
    quota_init(&to, 5);
    void *page = quota_page(&quota);
    assert_false(quota_move(&quota, &to, 100));
    assert_false(quota_move(&quota, &to, UINT64_MAX));
    assert_int_equal(quota.limit, 100);
    assert_int_equal(to.limit, 5);
    assert_true(quota_move(&quota, &to, 99));
    assert_int_equal(quota.limit, 1);
    assert_int_equal(to.limit, 104);
    assert_null(quota_page(&quota));
    assert_true(quota_move(&to, &quota, 0));
    quota_page_free(&quota, page);
    assert_true(quota_move(&quota, &to, 1));
    assert_null(quota_page(&quota));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_pool_hands_out_each_page_once_and_cleared, setup),
        cmocka_unit_test_setup(pool_addresses_translate_both_ways, setup),
        cmocka_unit_test_setup(pages_count_against_the_limit, setup),
        cmocka_unit_test_setup(an_empty_pool_charges_nothing, setup),
        cmocka_unit_test_setup(a_slab_takes_a_page_when_full_and_gives_it_back_when_empty, setup),
        cmocka_unit_test_setup(a_size_takes_the_next_power_of_two, setup),
        cmocka_unit_test_setup(objects_go_back_to_the_quota_they_came_from, setup),
        cmocka_unit_test_setup(random_objects_do_not_overlap_and_use_is_exact, setup),
        cmocka_unit_test_setup(only_what_is_unused_can_move, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
