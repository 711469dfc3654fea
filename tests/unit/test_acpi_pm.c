/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the ACPI block: status and enable with SCI, power button, sleep request, timer in
 * both widths with its carry, odd accesses, reset register. The TSC runs at the timer's rate, so
 * that times are timer ticks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/acpi_pm.h"

enum { STS = 0, EN = 2, CNT = 4, TMR = 8 };
enum { TMR_STS = 0x0001, PWRBTN = 0x0100, SCI_EN = 0x0001, SLP_EN = 0x2000 };

static const uint64_t bit23 = UINT64_C(1) << 23;
static const uint64_t bit31 = UINT64_C(1) << 31;

static struct {
    struct acpi_pm pm;
    struct wire sci;
    unsigned sleeps, slp_typ, resets, hard_resets;
} f;

static void count_sleep(void *ctx, unsigned slp_typ)
{
    (void)ctx;
    f.sleeps++;
    f.slp_typ = slp_typ;
}

static void count_reset(void *ctx, bool hard)
{
    (void)ctx;
    f.resets++;
    f.hard_resets += hard;
}

static void start_timer(bool wide, uint64_t hz)
{
    const struct acpi_pm_power power = {.sleep = count_sleep, .reset = count_reset};

    memset(&f, 0, sizeof(f));
    acpi_pm_init(&f.pm, hz, wide, power, wire_line(&f.sci));
}

static int start(void **state)
{
    (void)state;
    start_timer(false, ACPI_PM_HZ);
    return 0;
}

static uint32_t in(unsigned offset, unsigned size, uint64_t now)
{
    return acpi_pm_read(&f.pm, offset, size, now);
}

static void out(unsigned offset, unsigned size, uint32_t value, uint64_t now)
{
    acpi_pm_write(&f.pm, offset, size, value, now);
}

static void acpi_mode_is_always_on(void **state)
{
    (void)state;
    assert_int_equal(in(CNT, 2, 0), SCI_EN);
    out(CNT, 2, 0, 0);
    assert_int_equal(in(CNT, 2, 0), SCI_EN);
}

static void power_button_raises_sci_only_when_enabled(void **state)
{
    (void)state;
    acpi_pm_power_button(&f.pm, 0);
    assert_false(f.sci.level);
    assert_int_equal(in(STS, 2, 0), PWRBTN);
    out(EN, 2, PWRBTN, 0);
    assert_true(f.sci.level);
    out(STS, 2, PWRBTN, 0);
    assert_false(f.sci.level);
    assert_int_equal(in(STS, 2, 0), 0);
    assert_int_equal(in(EN, 2, 0), PWRBTN);
}

static void status_is_cleared_by_ones_only(void **state)
{
    (void)state;
    acpi_pm_power_button(&f.pm, 0);
    out(STS, 2, 0xffff & ~PWRBTN, 0);
    assert_int_equal(in(STS, 2, 0), PWRBTN);
    out(STS + 1, 1, PWRBTN >> 8, 0);
    assert_int_equal(in(STS, 2, 0), 0);
}

static void enable_has_only_its_bits(void **state)
{
    (void)state;
    out(EN, 2, 0xffff, 0);
    assert_int_equal(in(EN, 2, 0), 0x0721);
    out(EN, 1, 0, 0);
    assert_int_equal(in(EN, 2, 0), 0x0700);
    out(STS, 4, 0x00210000, 0);
    assert_true(in(STS, 4, 0) == 0x00210000);
}

static void sleep_request_names_its_type(void **state)
{
    (void)state;
    out(CNT, 2, 5 << 10, 0);
    assert_int_equal(f.sleeps, 0);
    out(CNT, 2, SLP_EN | 5 << 10, 0);
    assert_int_equal(f.sleeps, 1);
    assert_int_equal(f.slp_typ, 5);
    assert_int_equal(in(CNT, 2, 0), SCI_EN | 5 << 10);
}

static void sleep_request_by_the_upper_byte_alone(void **state)
{
    (void)state;
    out(CNT + 1, 1, (SLP_EN | 7 << 10) >> 8, 0);
    assert_int_equal(f.sleeps, 1);
    assert_int_equal(f.slp_typ, 7);
    out(CNT, 1, 0xff, 0);
    assert_int_equal(f.sleeps, 1);
}

static void short_timer_has_24_bits(void **state)
{
    (void)state;
    assert_int_equal(in(TMR, 4, 12345), 12345);
    assert_int_equal(in(TMR, 4, 2 * bit23 - 1), 0xffffff);
    assert_int_equal(in(TMR, 4, 2 * bit23 + 5), 5);
}

static void long_timer_has_32_bits(void **state)
{
    (void)state;
    start_timer(true, ACPI_PM_HZ);
    assert_true(in(TMR, 4, 2 * bit31 - 1) == UINT32_MAX);
    assert_int_equal(in(TMR, 4, 2 * bit31 + 7), 7);
}

static void timer_cannot_be_written(void **state)
{
    (void)state;
    out(TMR, 4, 0, 100);
    assert_int_equal(in(TMR, 4, 101), 101);
}

static void timer_rate_does_not_drift(void **state)
{
    const uint64_t hz = 3191999999;
    const uint64_t year = 365 * 86400;

    (void)state;
    start_timer(true, hz);
    assert_true(in(TMR, 4, year * hz) == (uint32_t)(year * ACPI_PM_HZ));
    assert_true(in(TMR, 4, year * hz + hz / 2) == (uint32_t)(year * ACPI_PM_HZ + 1789772));
}

static void carry_sets_its_status_both_ways(void **state)
{
    (void)state;
    assert_int_equal(in(STS, 2, bit23 - 1), 0);
    assert_int_equal(in(STS, 2, bit23), TMR_STS);
    out(STS, 2, TMR_STS, bit23);
    assert_int_equal(in(STS, 2, 2 * bit23 - 1), 0);
    assert_int_equal(in(STS, 2, 2 * bit23), TMR_STS);
}

static void carry_interrupts_at_its_deadline(void **state)
{
    (void)state;
    assert_true(acpi_pm_deadline(&f.pm) == UINT64_MAX);
    out(EN, 2, TMR_STS, 100);
    assert_int_equal(acpi_pm_deadline(&f.pm), bit23);
    acpi_pm_advance(&f.pm, bit23 - 1);
    assert_false(f.sci.level);
    acpi_pm_advance(&f.pm, bit23);
    assert_true(f.sci.level);
    assert_true(acpi_pm_deadline(&f.pm) == UINT64_MAX);
    out(STS, 2, TMR_STS, bit23 + 10);
    assert_false(f.sci.level);
    assert_int_equal(acpi_pm_deadline(&f.pm), 2 * bit23);
}

static void long_timer_carries_at_bit_31(void **state)
{
    (void)state;
    start_timer(true, ACPI_PM_HZ);
    out(EN, 2, TMR_STS, 0);
    assert_true(acpi_pm_deadline(&f.pm) == bit31);
    acpi_pm_advance(&f.pm, bit31);
    assert_true(f.sci.level);
}

static void odd_accesses_see_the_right_bytes(void **state)
{
    (void)state;
    assert_int_equal(in(TMR + 1, 1, 0x123456), 0x34);
    assert_int_equal(in(TMR + 2, 2, 0x123456), 0x0012);
    assert_int_equal(in(TMR - 1, 4, 0x123456), 0x12345600);
    assert_true(in(TMR + 3, 4, 0x123456) == 0xffffff00); /* beyond the block */
    out(EN + 1, 4, 0x00000001, 0x123456);                /* PWRBTN_EN, and nothing into PM1_CNT */
    assert_int_equal(in(EN, 2, 0x123456), PWRBTN);
    assert_int_equal(f.sleeps, 0);
    out(ACPI_PM_PORTS, 4, UINT32_MAX, 0x123456);
    assert_int_equal(f.sleeps, 0);
}

static void reset_register_resets_on_the_rise(void **state)
{
    (void)state;
    acpi_pm_reset_write(&f.pm, 0, 1, 0x02, 0);
    assert_int_equal(f.resets, 0);
    acpi_pm_reset_write(&f.pm, 0, 1, ACPI_PM_RESET_VALUE, 0);
    assert_int_equal(f.resets, 1);
    assert_int_equal(f.hard_resets, 1);
    assert_int_equal(acpi_pm_reset_read(&f.pm, 0, 1, 0), 0x06);
    acpi_pm_reset_write(&f.pm, 0, 1, 0x0e, 0);
    assert_int_equal(f.resets, 1);
}

static void reset_of_the_processor_is_not_hard(void **state)
{
    (void)state;
    acpi_pm_reset_write(&f.pm, 0, 1, 0x04, 0);
    assert_int_equal(f.resets, 1);
    assert_int_equal(f.hard_resets, 0);
    acpi_pm_reset_write(&f.pm, 0, 1, 0x00, 0);
    acpi_pm_reset_write(&f.pm, 0, 1, 0x0e, 0);
    assert_int_equal(f.hard_resets, 1);
}

static void reset_register_is_one_byte(void **state)
{
    (void)state;
    acpi_pm_reset_write(&f.pm, 0, 2, 0x0606, 0);
    acpi_pm_reset_write(&f.pm, 1, 1, 0x06, 0);
    assert_int_equal(f.resets, 0);
    acpi_pm_reset_write(&f.pm, 0, 1, 0xf2, 0);
    assert_int_equal(acpi_pm_reset_read(&f.pm, 0, 1, 0), 0x02);
    assert_int_equal(acpi_pm_reset_read(&f.pm, 0, 2, 0), 0xffff);
    assert_int_equal(acpi_pm_reset_read(&f.pm, 1, 1, 0), 0xff);
}

static void status_bits_gather(void **state)
{
    (void)state;
    assert_int_equal(in(STS, 2, bit23), TMR_STS);
    acpi_pm_power_button(&f.pm, bit23);
    assert_int_equal(in(STS, 2, bit23), TMR_STS | PWRBTN);
}

static void access_across_two_words_reaches_both(void **state)
{
    (void)state;
    out(EN, 4, SLP_EN << 16 | 5U << 26 | PWRBTN, 0);
    assert_int_equal(in(EN, 2, 0), PWRBTN);
    assert_int_equal(f.sleeps, 1);
    assert_int_equal(f.slp_typ, 5);
    assert_int_equal(in(EN, 4, 0), (SCI_EN | 5U << 10) << 16 | PWRBTN);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(acpi_mode_is_always_on),
        cmocka_unit_test(power_button_raises_sci_only_when_enabled),
        cmocka_unit_test(status_is_cleared_by_ones_only),
        cmocka_unit_test(enable_has_only_its_bits),
        cmocka_unit_test(sleep_request_names_its_type),
        cmocka_unit_test(sleep_request_by_the_upper_byte_alone),
        cmocka_unit_test(short_timer_has_24_bits),
        cmocka_unit_test(long_timer_has_32_bits),
        cmocka_unit_test(timer_cannot_be_written),
        cmocka_unit_test(timer_rate_does_not_drift),
        cmocka_unit_test(carry_sets_its_status_both_ways),
        cmocka_unit_test(carry_interrupts_at_its_deadline),
        cmocka_unit_test(long_timer_carries_at_bit_31),
        cmocka_unit_test(odd_accesses_see_the_right_bytes),
        cmocka_unit_test(reset_register_resets_on_the_rise),
        cmocka_unit_test(reset_of_the_processor_is_not_hard),
        cmocka_unit_test(reset_register_is_one_byte),
        cmocka_unit_test(status_bits_gather),
        cmocka_unit_test(access_across_two_words_reaches_both),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
