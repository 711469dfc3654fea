/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator of physical memory: refusals, best fit, alignment, coalescing in every order, VM
 * memory in several extents, and a long random run that must end where it began.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vmm/root/memory.h"

#define MIB (1ull << 20)
#define KIB (1ull << 10)

static struct memory memory;

static int setup(void **state)
{
    (void)state;
    memory_init(&memory);
    return 0;
}

static void unsound_regions_are_refused(void **state)
{
    (void)state;
    assert_false(memory_add(&memory, 0, 0));
    assert_false(memory_add(&memory, 100, MEMORY_PAGE));
    assert_false(memory_add(&memory, 0, 100));
    assert_false(memory_add(&memory, UINT64_MAX - MEMORY_PAGE + 1, 2 * MEMORY_PAGE));
    assert_true(memory_add(&memory, MIB, MIB));
    assert_false(memory_add(&memory, MIB + 4 * KIB, MEMORY_PAGE));
    assert_false(memory_add(&memory, MIB - 4 * KIB, 2 * MEMORY_PAGE));
    assert_int_equal(memory.free_bytes, MIB);
    assert_int_equal(memory.count, 1);
}

static void the_smallest_extent_that_fits_is_taken(void **state)
{
    (void)state;
    uint64_t base;
    assert_true(memory_add(&memory, 0, 64 * MIB));
    assert_true(memory_add(&memory, 100 * MIB, 4 * MIB));
    assert_true(memory_add(&memory, 200 * MIB, 1 * MIB));
    assert_true(memory_alloc(&memory, 2 * MIB, MEMORY_PAGE, &base));
    assert_int_equal(base, 100 * MIB);
    assert_true(memory_alloc(&memory, 1 * MIB, MEMORY_PAGE, &base));
    assert_int_equal(base, 200 * MIB);
    assert_false(memory_alloc(&memory, 65 * MIB, MEMORY_PAGE, &base));
    assert_false(memory_alloc(&memory, 0, MEMORY_PAGE, &base));
    assert_false(memory_alloc(&memory, 1, MEMORY_PAGE, &base));
}

static void alignment_is_kept_and_the_gap_stays_free(void **state)
{
    (void)state;
    uint64_t base;
    assert_true(memory_add(&memory, MIB, 8 * MIB));
    assert_true(memory_alloc(&memory, 4 * MIB, MEMORY_BIG_PAGE, &base));
    assert_int_equal(base, 2 * MIB);
    assert_int_equal(memory.count, 2);
    assert_int_equal(memory.free_bytes, 4 * MIB);
    assert_true(memory_free(&memory, base, 4 * MIB));
    assert_int_equal(memory.count, 1);
    assert_int_equal(memory.free[0].base, MIB);
    assert_int_equal(memory.free[0].size, 8 * MIB);
}

static void neighbours_join_in_any_order(void **state)
{
    (void)state;
    static const int order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++) {
        uint64_t base[3];
        memory_init(&memory);
        assert_true(memory_add(&memory, MIB, 3 * MIB));
        for (int i = 0; i < 3; i++) {
            assert_true(memory_alloc(&memory, MIB, MEMORY_PAGE, &base[i]));
        }
        assert_int_equal(memory.count, 0);
        for (int i = 0; i < 3; i++) {
            assert_true(memory_free(&memory, base[order[o][i]], MIB));
        }
        assert_int_equal(memory.count, 1);
        assert_int_equal(memory.free[0].size, 3 * MIB);
        assert_int_equal(memory.pieces, 1);
    }
}

static void a_second_free_is_refused(void **state)
{
    (void)state;
    uint64_t base;
    assert_true(memory_add(&memory, MIB, MIB));
    assert_true(memory_alloc(&memory, 8 * KIB, MEMORY_PAGE, &base));
    assert_true(memory_free(&memory, base, 8 * KIB));
    assert_false(memory_free(&memory, base, 8 * KIB));
    assert_int_equal(memory.free_bytes, MIB);
}

static void vm_memory_is_one_extent_where_possible(void **state)
{
    (void)state;
    struct memory_extent extents[4];
    assert_true(memory_add(&memory, MIB, 300 * MIB));
    assert_int_equal(memory_alloc_extents(&memory, 256 * MIB, extents, 4), 1);
    assert_int_equal(extents[0].base % MEMORY_BIG_PAGE, 0);
    assert_int_equal(extents[0].size, 256 * MIB);
}

static void vm_memory_is_pieced_together_in_big_pages(void **state)
{
    (void)state;
    struct memory_extent extents[4];
    assert_true(memory_add(&memory, 1 * MIB, 10 * MIB));
    assert_true(memory_add(&memory, 32 * MIB, 6 * MIB));
    assert_int_equal(memory_alloc_extents(&memory, 12 * MIB, extents, 4), 2);
    assert_int_equal(extents[0].base, 2 * MIB);
    assert_int_equal(extents[0].size, 8 * MIB);
    assert_int_equal(extents[1].base, 32 * MIB);
    assert_int_equal(extents[1].size, 4 * MIB);
}

static void small_remainders_serve_when_no_big_page_is_left(void **state)
{
    (void)state;
    struct memory_extent extents[4];
    assert_true(memory_add(&memory, 1 * MIB, 2 * MIB));
    assert_true(memory_add(&memory, 5 * MIB, 2 * MIB));
    assert_int_equal(memory_alloc_extents(&memory, 4 * MIB, extents, 4), 2);
    assert_int_equal(memory.free_bytes, 0);
}

static void too_many_extents_leave_everything_as_it_was(void **state)
{
    (void)state;
    struct memory_extent extents[2];
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(memory_add(&memory, i * 4 * MIB, 2 * MIB));
    }
    assert_int_equal(memory_alloc_extents(&memory, 8 * MIB, extents, 2), 0);
    assert_int_equal(memory.free_bytes, 8 * MIB);
    assert_int_equal(memory.count, 4);
    assert_int_equal(memory.pieces, 4);
}

static void the_table_never_runs_over(void **state)
{
    (void)state;
    static uint64_t base[MEMORY_EXTENTS_MAX];
    assert_true(memory_add(&memory, 0, 4096 * MEMORY_PAGE));
    uint32_t n = 0;
    while (memory_alloc(&memory, MEMORY_PAGE, MEMORY_PAGE, &base[n])) {
        n++;
    }
    assert_int_equal(n, MEMORY_EXTENTS_MAX - 1);
    for (uint32_t i = 0; i < n; i += 2) {
        assert_true(memory_free(&memory, base[i], MEMORY_PAGE));
    }
    for (uint32_t i = 1; i < n; i += 2) {
        assert_true(memory_free(&memory, base[i], MEMORY_PAGE));
    }
    assert_int_equal(memory.count, 1);
}

static void random_use_balances_to_zero(void **state)
{
    (void)state;
    static struct memory_extent live[200];
    uint32_t count = 0;
    uint32_t seed = 12345;
    assert_true(memory_add(&memory, 0, 64 * MIB));
    assert_true(memory_add(&memory, 128 * MIB, 33 * MIB));
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        if ((seed >> 16) % 2 == 0 && count < 200) {
            uint64_t size = (1 + (seed >> 20) % 300) * MEMORY_PAGE;
            if (memory_alloc(&memory, size, MEMORY_PAGE << (seed >> 30), &live[count].base)) {
                live[count++].size = size;
            }
        } else if (count > 0) {
            uint32_t i = (seed >> 8) % count;
            assert_true(memory_free(&memory, live[i].base, live[i].size));
            live[i] = live[--count];
        }
    }
    while (count > 0) {
        count--;
        assert_true(memory_free(&memory, live[count].base, live[count].size));
    }
    assert_int_equal(memory.free_bytes, 97 * MIB);
    assert_int_equal(memory.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unsound_regions_are_refused, setup),
        cmocka_unit_test_setup(the_smallest_extent_that_fits_is_taken, setup),
        cmocka_unit_test_setup(alignment_is_kept_and_the_gap_stays_free, setup),
        cmocka_unit_test_setup(neighbours_join_in_any_order, setup),
        cmocka_unit_test_setup(a_second_free_is_refused, setup),
        cmocka_unit_test_setup(vm_memory_is_one_extent_where_possible, setup),
        cmocka_unit_test_setup(vm_memory_is_pieced_together_in_big_pages, setup),
        cmocka_unit_test_setup(small_remainders_serve_when_no_big_page_is_left, setup),
        cmocka_unit_test_setup(too_many_extents_leave_everything_as_it_was, setup),
        cmocka_unit_test_setup(the_table_never_runs_over, setup),
        cmocka_unit_test_setup(random_use_balances_to_zero, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
