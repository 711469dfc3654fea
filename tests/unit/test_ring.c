/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console rings and the selector pool of vmm/lib: order and wrap-around, what fits, and that an
 * index written by a hostile other end is never followed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vmm/lib/ring.h"
#include "vmm/lib/selector.h"

static struct vm_ring ring;

static void start(struct ring_end *producer, struct ring_end *consumer)
{
    memset(&ring, 0, sizeof(ring));
    ring_init(producer, &ring);
    ring_init(consumer, &ring);
}

static void bytes_arrive_in_order_across_the_wrap(void **state)
{
    (void)state;
    struct ring_end in;
    struct ring_end out;
    start(&in, &out);
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (int round = 0; round < 100; round++) {
        uint8_t block[777];
        for (size_t i = 0; i < sizeof(block); i++) {
            block[i] = next_in++;
        }
        assert_int_equal(ring_put(&in, block, sizeof(block)), sizeof(block));
        assert_int_equal(ring_get(&out, block, sizeof(block)), sizeof(block));
        for (size_t i = 0; i < sizeof(block); i++) {
            assert_int_equal(block[i], next_out++);
        }
    }
}

static void a_full_ring_takes_no_more(void **state)
{
    (void)state;
    struct ring_end in;
    struct ring_end out;
    start(&in, &out);
    uint8_t block[VM_RING_SIZE + 10] = {0};
    assert_int_equal(ring_put(&in, block, sizeof(block)), VM_RING_SIZE);
    assert_int_equal(ring_put(&in, block, 1), 0);
    assert_int_equal(ring_get(&out, block, 3), 3);
    assert_int_equal(ring_room(&in), 3);
}

static void an_impossible_head_reads_as_empty(void **state)
{
    (void)state;
    struct ring_end in;
    struct ring_end out;
    start(&in, &out);
    uint8_t byte;
    ring.head = VM_RING_SIZE + 1;
    assert_int_equal(ring_get(&out, &byte, 1), 0);
    ring.head = UINT64_MAX;
    assert_int_equal(ring_get(&out, &byte, 1), 0);
}

static void an_impossible_tail_reads_as_full(void **state)
{
    (void)state;
    struct ring_end in;
    struct ring_end out;
    start(&in, &out);
    ring.tail = 5;
    assert_int_equal(ring_put(&in, "x", 1), 0);
}

static void the_own_index_is_not_taken_from_the_page(void **state)
{
    (void)state;
    struct ring_end in;
    struct ring_end out;
    start(&in, &out);
    uint8_t byte = 0;
    assert_int_equal(ring_put(&in, "ab", 2), 2);
    assert_int_equal(ring_get(&out, &byte, 1), 1);
    ring.tail = 0;
    assert_int_equal(ring_get(&out, &byte, 1), 1);
    assert_int_equal(byte, 'b');
}

static void selectors_are_found_and_come_back(void **state)
{
    (void)state;
    uint64_t bitmap[SELECTOR_BITMAP_WORDS(100)];
    struct selector_pool pool;
    selector_init(&pool, bitmap, 32, 100);
    assert_int_equal(selector_alloc(&pool, 1), 32);
    assert_int_equal(selector_alloc(&pool, 64), 33);
    assert_int_equal(selector_alloc(&pool, 36), BH_SELECTOR_NONE);
    assert_int_equal(selector_alloc(&pool, 35), 97);
    assert_int_equal(selector_alloc(&pool, 1), BH_SELECTOR_NONE);
    selector_free(&pool, 40, 2);
    assert_int_equal(selector_alloc(&pool, 2), 40);
    assert_int_equal(pool.in_use, 100);
}

static void freeing_what_is_not_in_use_changes_nothing(void **state)
{
    (void)state;
    uint64_t bitmap[SELECTOR_BITMAP_WORDS(64)];
    struct selector_pool pool;
    selector_init(&pool, bitmap, 32, 64);
    selector_free(&pool, 0, 200);
    assert_int_equal(pool.in_use, 0);
    assert_int_equal(selector_alloc(&pool, 0), BH_SELECTOR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_order_across_the_wrap),
        cmocka_unit_test(a_full_ring_takes_no_more),
        cmocka_unit_test(an_impossible_head_reads_as_empty),
        cmocka_unit_test(an_impossible_tail_reads_as_full),
        cmocka_unit_test(the_own_index_is_not_taken_from_the_page),
        cmocka_unit_test(selectors_are_found_and_come_back),
        cmocka_unit_test(freeing_what_is_not_in_use_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
