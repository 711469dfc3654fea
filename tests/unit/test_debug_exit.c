/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the debug exit port: the value of each write arrives, cut to its size; all else is
 * unclaimed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/devemu/debug_exit.h"

struct result {
    unsigned count;
    uint32_t value;
};

static void record(void *ctx, uint32_t value)
{
    struct result *r = ctx;

    r->count++;
    r->value = value;
}

static void written_value_is_the_result(void **state)
{
    struct result r = {0};
    struct debug_exit port;

    (void)state;
    debug_exit_init(&port, record, &r);
    debug_exit_write(&port, 0, 1, 0xffffff21, 0);
    assert_int_equal(r.value, 0x21);
    debug_exit_write(&port, 0, 2, 0xffff1234, 0);
    assert_int_equal(r.value, 0x1234);
    debug_exit_write(&port, 0, 4, 0xdeadbeef, 0);
    assert_true(r.value == 0xdeadbeef);
    assert_int_equal(r.count, 3);
}

static void other_offsets_do_not_exit(void **state)
{
    struct result r = {0};
    struct debug_exit port;

    (void)state;
    debug_exit_init(&port, record, &r);
    debug_exit_write(&port, 1, 1, 0x21, 0);
    assert_int_equal(r.count, 0);
}

static void reads_are_all_ones_and_do_not_exit(void **state)
{
    struct result r = {0};
    struct debug_exit port;

    (void)state;
    debug_exit_init(&port, record, &r);
    assert_int_equal(debug_exit_read(&port, 0, 1, 0), 0xff);
    assert_int_equal(debug_exit_read(&port, 0, 2, 0), 0xffff);
    assert_true(debug_exit_read(&port, 0, 4, 0) == UINT32_MAX);
    assert_int_equal(r.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_value_is_the_result),
        cmocka_unit_test(other_offsets_do_not_exit),
        cmocka_unit_test(reads_are_all_ones_and_do_not_exit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
