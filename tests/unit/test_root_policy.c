/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pure rest of the root partition manager: restart policy, lines of several VMs on one console,
 * and the real-time clock's date.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vmm/root/calendar.h"
#include "vmm/root/lines.h"
#include "vmm/root/policy.h"

#define SECOND 1000000u

static struct config_vm vm_with(enum config_restart restart)
{
    return (struct config_vm){.restart = restart, .restart_limit = 3, .restart_delay_us = SECOND};
}

static void a_crash_restarts_with_growing_delay_up_to_the_limit(void **state)
{
    (void)state;
    struct config_vm vm = vm_with(CONFIG_RESTART_ON_FAILURE);
    struct policy policy = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct policy_decision d = policy_decide(&policy, &vm, VM_END_CRASH, SECOND);
        assert_true(d.restart);
        assert_int_equal(d.delay_us, SECOND << i);
    }
    struct policy_decision last = policy_decide(&policy, &vm, VM_END_CRASH, SECOND);
    assert_false(last.restart);
    assert_true(last.exhausted);
}

static void a_long_run_begins_a_new_row(void **state)
{
    (void)state;
    struct config_vm vm = vm_with(CONFIG_RESTART_ALWAYS);
    struct policy policy = {.restarts = 3};
    struct policy_decision d = policy_decide(&policy, &vm, VM_END_CRASH, POLICY_STABLE_US);
    assert_true(d.restart);
    assert_int_equal(d.delay_us, SECOND);
}

static void the_policy_decides_what_a_power_off_means(void **state)
{
    (void)state;
    struct config_vm never = vm_with(CONFIG_RESTART_NEVER);
    struct config_vm failure = vm_with(CONFIG_RESTART_ON_FAILURE);
    struct config_vm always = vm_with(CONFIG_RESTART_ALWAYS);
    struct policy policy = {0};
    assert_false(policy_decide(&policy, &never, VM_END_POWEROFF, 0).restart);
    assert_false(policy_decide(&policy, &failure, VM_END_POWEROFF, 0).restart);
    assert_false(policy_decide(&policy, &failure, VM_END_DEBUG_EXIT, 0).restart);
    assert_true(policy_decide(&policy, &always, VM_END_POWEROFF, 0).restart);
    assert_false(policy_decide(&policy, &never, VM_END_CRASH, 0).restart);
}

static void a_reset_restarts_whatever_the_policy(void **state)
{
    (void)state;
    struct config_vm vm = vm_with(CONFIG_RESTART_NEVER);
    struct policy policy = {0};
    struct policy_decision d = policy_decide(&policy, &vm, VM_END_REBOOT, 5 * SECOND);
    assert_true(d.restart);
    assert_int_equal(d.delay_us, 0);
    d = policy_decide(&policy, &vm, VM_END_REBOOT, 5);
    assert_true(d.restart);
    assert_int_equal(d.delay_us, SECOND);
}

static void what_cannot_start_stays_stopped(void **state)
{
    (void)state;
    struct config_vm vm = vm_with(CONFIG_RESTART_ALWAYS);
    struct policy policy = {0};
    assert_false(policy_decide(&policy, &vm, VM_END_NO_START, 0).restart);
    assert_false(policy_decide(&policy, &vm, (enum vm_end)77, 0).restart);
}

static char screen[1024];

static void put(void *ctx, char c)
{
    size_t *n = ctx;
    screen[(*n)++] = c;
    screen[*n] = '\0';
}

static void say(struct lines *lines, unsigned source, const char *text)
{
    lines_put(lines, source, text, strlen(text));
}

static void a_single_vm_appears_as_it_is(void **state)
{
    (void)state;
    size_t n = 0;
    struct lines lines;
    lines_init(&lines, put, &n);
    say(&lines, 0, "hello\n\rworld\r\n/ # ");
    assert_string_equal(screen, "hello\n\rworld\r\n/ # ");
}

static void lines_carry_the_tag_of_their_source(void **state)
{
    (void)state;
    size_t n = 0;
    struct lines lines;
    lines_init(&lines, put, &n);
    lines_tag(&lines, 0, "[a] ");
    lines_tag(&lines, 1, "[b] ");
    say(&lines, 0, "one\r\ntwo\n\n");
    say(&lines, 1, "three\r\n");
    assert_string_equal(screen, "[a] one\r\n[a] two\r\n[a] \r\n[b] three\r\n");
}

static void others_wait_for_the_end_of_their_line(void **state)
{
    (void)state;
    size_t n = 0;
    struct lines lines;
    lines_init(&lines, put, &n);
    lines_tag(&lines, 0, "[a] ");
    lines_tag(&lines, 1, "[b] ");
    say(&lines, 1, "ha");
    say(&lines, 0, "$ ");
    assert_string_equal(screen, "[a] $ ");
    say(&lines, 1, "lf\n");
    assert_string_equal(screen, "[a] $ \r\n[b] half\r\n");
    say(&lines, 0, "ls");
    assert_string_equal(screen, "[a] $ \r\n[b] half\r\n[a] ls");
}

static void a_long_line_is_not_held_for_ever(void **state)
{
    (void)state;
    size_t n = 0;
    struct lines lines;
    lines_init(&lines, put, &n);
    screen[0] = '\0';
    for (unsigned i = 0; i < LINES_HELD_MAX - 1; i++) {
        say(&lines, 1, "x");
    }
    assert_string_equal(screen, "");
    say(&lines, 1, "x");
    assert_int_equal(strlen(screen), LINES_HELD_MAX);
}

static void the_end_of_a_source_shows_what_it_held(void **state)
{
    (void)state;
    size_t n = 0;
    struct lines lines;
    lines_init(&lines, put, &n);
    lines_tag(&lines, 1, "[b] ");
    say(&lines, 1, "last words");
    lines_finish(&lines, 1);
    lines_finish(&lines, 1);
    assert_string_equal(screen, "[b] last words\r\n");
}

static void dates_become_seconds(void **state)
{
    (void)state;
    struct calendar_registers bcd = {.seconds = 0x56,
                                     .minutes = 0x34,
                                     .hours = 0x12,
                                     .day = 0x29,
                                     .month = 0x02,
                                     .year = 0x24,
                                     .century = 0x20,
                                     .status_b = 0x02};
    assert_int_equal(calendar_seconds(&bcd), 1709210096);
    struct calendar_registers binary = {
        .hours = 0x80 | 11, .day = 1, .month = 1, .year = 70, .century = 0, .status_b = 0x04};
    assert_int_equal(calendar_seconds(&binary), 23 * 3600);
    binary.hours = 12;
    assert_int_equal(calendar_seconds(&binary), 0);
}

static void nonsense_is_no_date(void **state)
{
    (void)state;
    struct calendar_registers all_ones;
    memset(&all_ones, 0xFF, sizeof(all_ones));
    assert_int_equal(calendar_seconds(&all_ones), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_restarts_with_growing_delay_up_to_the_limit),
        cmocka_unit_test(a_long_run_begins_a_new_row),
        cmocka_unit_test(the_policy_decides_what_a_power_off_means),
        cmocka_unit_test(a_reset_restarts_whatever_the_policy),
        cmocka_unit_test(what_cannot_start_stays_stopped),
        cmocka_unit_test(a_single_vm_appears_as_it_is),
        cmocka_unit_test(lines_carry_the_tag_of_their_source),
        cmocka_unit_test(others_wait_for_the_end_of_their_line),
        cmocka_unit_test(a_long_line_is_not_held_for_ever),
        cmocka_unit_test(the_end_of_a_source_shows_what_it_held),
        cmocka_unit_test(dates_become_seconds),
        cmocka_unit_test(nonsense_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
