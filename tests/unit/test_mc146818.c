/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the RTC: the time in all four formats and over every kind of rollover, SET and
 * divider, update in progress, the three interrupts with register C and their deadlines, alarms
 * with "don't care", CMOS memory and its size bytes. The TSC runs at the crystal's rate, so that
 * times are crystal ticks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/mc146818.h"

enum {
    HZ = MC146818_HZ,
    REG_A = 0x0a,
    REG_B = 0x0b,
    REG_C = 0x0c,
    REG_D = 0x0d,
    UIP = 0x80,
    SET = 0x80,
    PIE = 0x40,
    AIE = 0x20,
    UIE = 0x10,
    BINARY = 0x04,
    H24 = 0x02,
    IRQF = 0x80,
    PF = 0x40,
    AF = 0x20,
    UF = 0x10,
};

/* 2024-02-28 23:59:58, a Wednesday in a leap year */
static const uint64_t leap_eve = 1709164798;

static struct {
    struct mc146818 rtc;
    struct wire irq;
} f;

static void start_at(uint64_t epoch)
{
    f.irq = (struct wire){.level = false};
    mc146818_init(&f.rtc, epoch, HZ, wire_line(&f.irq));
}

static int start(void **state)
{
    (void)state;
    start_at(leap_eve);
    return 0;
}

static uint8_t get(uint8_t reg, uint64_t now)
{
    mc146818_write(&f.rtc, 0, 1, reg, now);
    return (uint8_t)mc146818_read(&f.rtc, 1, 1, now);
}

static void put(uint8_t reg, uint8_t value, uint64_t now)
{
    mc146818_write(&f.rtc, 0, 1, reg, now);
    mc146818_write(&f.rtc, 1, 1, value, now);
}

static void put_alarm(uint8_t hour, uint8_t minute, uint8_t second, uint64_t now)
{
    put(5, hour, now);
    put(3, minute, now);
    put(1, second, now);
}

/* Year to second, as the registers show them. */
static void assert_time(uint64_t now, const uint8_t *expected)
{
    static const uint8_t reg[] = {0x32, 9, 8, 7, 6, 4, 2, 0};

    for (unsigned i = 0; i < sizeof(reg); i++) {
        assert_int_equal(get(reg[i], now), expected[i]);
    }
}

static void starts_at_the_epoch_given_in_bcd(void **state)
{
    (void)state;
    assert_time(0, (uint8_t[]){0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x59, 0x58});
    assert_int_equal(get(REG_A, 0), 0x26);
    assert_int_equal(get(REG_B, 0), H24);
    assert_int_equal(get(REG_D, 0), 0x80);
}

static void epoch_zero_is_a_thursday(void **state)
{
    (void)state;
    start_at(0);
    assert_time(0, (uint8_t[]){0x19, 0x70, 0x01, 0x01, 5, 0x00, 0x00, 0x00});
}

static void leap_day_comes_and_goes(void **state)
{
    (void)state;
    assert_time(2 * HZ - 1, (uint8_t[]){0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x59, 0x59});
    assert_time(2 * HZ, (uint8_t[]){0x20, 0x24, 0x02, 0x29, 5, 0x00, 0x00, 0x00});
    assert_time((uint64_t)(2 + 86400) * HZ,
                (uint8_t[]){0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00});
}

static void century_rolls_over(void **state)
{
    (void)state;
    start_at(946684799); /* 1999-12-31 23:59:59, a Friday */
    assert_time(0, (uint8_t[]){0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59});
    assert_time(HZ, (uint8_t[]){0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00});
    start_at(4102444800 - 1); /* 2099-12-31 23:59:59 */
    assert_time(HZ, (uint8_t[]){0x21, 0x00, 0x01, 0x01, 6, 0x00, 0x00, 0x00});
    assert_time((uint64_t)(1 + 59 * 86400) * HZ, /* 2100 is no leap year */
                (uint8_t[]){0x21, 0x00, 0x03, 0x01, 2, 0x00, 0x00, 0x00});
}

static void century_byte_used_as_memory_does_no_harm(void **state)
{
    (void)state;
    put(0x32, 0x05, 0);
    assert_int_equal(get(0, HZ), 0x59);
    assert_int_equal(get(9, HZ), 0x24);
    assert_int_equal(get(0x32, HZ), 0x05);
}

static void long_sleep_is_one_step(void **state)
{
    (void)state;
    start_at(0);
    assert_time(UINT64_C(1709164798) * HZ,
                (uint8_t[]){0x20, 0x24, 0x02, 0x28, 4, 0x23, 0x59, 0x58});
}

static void binary_mode_shows_numbers(void **state)
{
    (void)state;
    put(REG_B, SET | H24 | BINARY, 0);
    put(0, 58, 0);
    put(2, 59, 0);
    put(4, 23, 0);
    put(7, 31, 0);
    put(8, 12, 0);
    put(9, 98, 0);
    put(0x32, 19, 0);
    put(REG_B, H24 | BINARY, 0);
    assert_time(HZ, (uint8_t[]){19, 98, 12, 31, 4, 23, 59, 59});
    assert_time(2 * HZ, (uint8_t[]){19, 99, 1, 1, 5, 0, 0, 0});
}

static void twelve_hour_mode_marks_the_afternoon(void **state)
{
    (void)state;
    put(REG_B, 0, 0);
    put(4, 0x91, 0); /* 11 pm */
    put(2, 0x59, 0);
    put(0, 0x59, 0);
    assert_int_equal(get(4, HZ), 0x12);
    assert_int_equal(get(7, HZ), 0x29);
    put(4, 0x11, HZ);
    put(2, 0x59, HZ);
    put(0, 0x59, HZ);
    assert_int_equal(get(4, 2 * HZ), 0x92);
    assert_int_equal(get(7, 2 * HZ), 0x29);
    assert_int_equal(get(4, (uint64_t)(2 + 3600) * HZ), 0x81);
}

static void twelve_hour_binary_mode_works_too(void **state)
{
    (void)state;
    put(REG_B, BINARY | SET, 0);
    put(4, 0x80 | 12, 0); /* noon */
    put(2, 59, 0);
    put(0, 59, 0);
    put(REG_B, BINARY, 0);
    assert_int_equal(get(4, HZ), 0x80 | 1);
}

static void set_freezes_the_registers_but_not_the_second(void **state)
{
    (void)state;
    put(REG_B, SET | H24, HZ / 2);
    put(0, 0x30, HZ / 2);
    assert_int_equal(get(0, 10 * HZ), 0x30);
    assert_int_equal(get(REG_C, 10 * HZ), PF);
    put(REG_B, H24, 10 * HZ + 100);
    assert_int_equal(get(0, 11 * HZ - 1), 0x30);
    assert_int_equal(get(0, 11 * HZ), 0x31);
}

static void set_clears_the_update_interrupt_enable(void **state)
{
    (void)state;
    put(REG_B, H24 | UIE, 0);
    put(REG_B, SET | H24 | UIE, 0);
    assert_int_equal(get(REG_B, 0), SET | H24);
}

static void divider_reset_restarts_half_a_second_before_the_update(void **state)
{
    (void)state;
    put(REG_A, 0x76, 100);
    assert_int_equal(get(0, 50 * HZ), 0x58);
    put(REG_A, 0x26, 50 * HZ + 7);
    assert_int_equal(get(0, 50 * HZ + 7 + HZ / 2 - 1), 0x58);
    assert_int_equal(get(0, 50 * HZ + 7 + HZ / 2), 0x59);
    assert_int_equal(get(0, 51 * HZ + 7 + HZ / 2), 0x00);
}

static void divider_restarted_in_the_first_half_second_works(void **state)
{
    (void)state;
    put(REG_A, 0x76, 5);
    put(REG_A, 0x26, 10);
    put(REG_B, H24 | UIE, 10);
    assert_int_equal(mc146818_deadline(&f.rtc), 10 + HZ / 2);
    assert_int_equal(get(0, 10 + HZ / 2), 0x59);
}

static void update_in_progress_precedes_the_new_second(void **state)
{
    (void)state;
    assert_int_equal(get(REG_A, HZ - 74) & UIP, 0);
    assert_int_equal(get(REG_A, HZ - 73) & UIP, UIP);
    assert_int_equal(get(REG_A, HZ - 1) & UIP, UIP);
    assert_int_equal(get(REG_A, HZ) & UIP, 0);
}

static void update_in_progress_is_clear_while_set_or_stopped(void **state)
{
    (void)state;
    put(REG_B, SET | H24, 0);
    assert_int_equal(get(REG_A, HZ - 1) & UIP, 0);
    put(REG_B, H24, HZ);
    put(REG_A, 0x76, HZ);
    assert_int_equal(get(REG_A, 2 * HZ - 1) & UIP, 0);
}

static void uip_cannot_be_written(void **state)
{
    (void)state;
    put(REG_A, 0xa6, 0);
    assert_int_equal(get(REG_A, 0), 0x26);
}

static void update_ended_interrupts_each_second(void **state)
{
    (void)state;
    put(REG_B, H24 | UIE, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), HZ);
    mc146818_advance(&f.rtc, HZ - 1);
    assert_false(f.irq.level);
    mc146818_advance(&f.rtc, HZ);
    assert_true(f.irq.level);
    assert_true(mc146818_deadline(&f.rtc) == UINT64_MAX);
    assert_int_equal(get(REG_C, HZ), IRQF | UF | PF);
    assert_false(f.irq.level);
    assert_int_equal(get(REG_C, HZ), 0);
    assert_int_equal(mc146818_deadline(&f.rtc), 2 * HZ);
}

static void register_c_cannot_be_written(void **state)
{
    (void)state;
    put(REG_B, H24 | UIE, 0);
    mc146818_advance(&f.rtc, HZ);
    put(REG_C, 0, HZ);
    put(REG_D, 0, HZ);
    assert_true(f.irq.level);
    assert_int_equal(get(REG_C, HZ), IRQF | UF | PF);
    assert_int_equal(get(REG_D, HZ), 0x80);
}

static void flag_that_waits_interrupts_when_enabled(void **state)
{
    (void)state;
    mc146818_advance(&f.rtc, HZ);
    assert_false(f.irq.level);
    put(REG_B, H24 | UIE, HZ + 1);
    assert_true(f.irq.level);
    put(REG_B, H24, HZ + 2);
    assert_false(f.irq.level);
    assert_int_equal(get(REG_C, HZ + 3), UF | PF);
}

static void periodic_rates_are_those_of_the_table(void **state)
{
    static const uint32_t period[] = {0,   128, 256, 4,    8,    16,   32,   64,
                                      128, 256, 512, 1024, 2048, 4096, 8192, 16384};

    (void)state;
    put(REG_B, H24 | PIE, 0);
    put(REG_A, 0x20, 0);
    (void)get(REG_C, 0);
    assert_true(mc146818_deadline(&f.rtc) == UINT64_MAX);
    for (unsigned rate = 1; rate < 16; rate++) {
        const uint64_t now = (uint64_t)rate * HZ;

        put(REG_A, (uint8_t)(0x20 | rate), now);
        (void)get(REG_C, now);
        assert_int_equal(mc146818_deadline(&f.rtc), now + period[rate]);
    }
}

static void periodic_interrupt_waits_for_register_c(void **state)
{
    (void)state;
    put(REG_B, H24 | PIE, 0);
    mc146818_advance(&f.rtc, 31);
    assert_false(f.irq.level);
    mc146818_advance(&f.rtc, 32);
    assert_true(f.irq.level);
    mc146818_advance(&f.rtc, 100);
    assert_int_equal(f.irq.rises, 1);
    assert_int_equal(get(REG_C, 100), IRQF | PF);
    assert_int_equal(mc146818_deadline(&f.rtc), 128);
}

static void alarm_rings_at_its_time(void **state)
{
    (void)state;
    put_alarm(0x00, 0x00, 0x05, 0);
    put(REG_B, H24 | AIE, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), 7 * HZ);
    mc146818_advance(&f.rtc, 7 * HZ - 1);
    assert_false(f.irq.level);
    mc146818_advance(&f.rtc, 7 * HZ);
    assert_true(f.irq.level);
    assert_int_equal(get(REG_C, 7 * HZ), IRQF | AF | UF | PF);
    assert_int_equal(mc146818_deadline(&f.rtc), (uint64_t)(7 + 86400) * HZ);
}

static void alarm_time_that_is_now_rings_tomorrow(void **state)
{
    (void)state;
    put_alarm(0x23, 0x59, 0x58, 0);
    put(REG_B, H24 | AIE, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), (uint64_t)86400 * HZ);
}

static void alarm_with_dont_care_rings_often(void **state)
{
    (void)state;
    put(REG_B, H24 | AIE, 0);
    put_alarm(0xff, 0xff, 0xff, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), HZ);
    put_alarm(0xc0, 0xc0, 0x10, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), 12 * HZ);
    put_alarm(0xc0, 0x30, 0x00, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), (uint64_t)(2 + 30 * 60) * HZ);
    put_alarm(0x02, 0xff, 0xff, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), (uint64_t)(2 + 2 * 3600) * HZ);
}

static void alarm_passed_during_a_long_sleep_is_flagged(void **state)
{
    (void)state;
    put_alarm(0x00, 0x00, 0x05, 0);
    assert_int_equal(get(REG_C, 6 * HZ) & AF, 0);
    assert_int_equal(get(REG_C, 100 * HZ) & AF, AF);
    assert_int_equal(get(REG_C, 200 * HZ) & AF, 0);
}

static void alarm_in_twelve_hour_mode_knows_the_afternoon(void **state)
{
    (void)state;
    put(REG_B, AIE, 0);
    put(4, 0x12, 0); /* midnight */
    put_alarm(0x81, 0x59, 0x58, 0);
    assert_int_equal(mc146818_deadline(&f.rtc), (uint64_t)13 * 3600 * HZ);
}

static void alarm_that_names_no_time_never_rings(void **state)
{
    (void)state;
    put(REG_B, H24 | AIE, 0);
    put_alarm(0x25, 0x00, 0x00, 0);
    assert_true(mc146818_deadline(&f.rtc) == UINT64_MAX);
    put_alarm(0x00, 0x00, 0x99, 0);
    assert_true(mc146818_deadline(&f.rtc) == UINT64_MAX);
    assert_int_equal(get(REG_C, (uint64_t)90000 * HZ) & AF, 0);
}

static void no_deadline_while_the_divider_is_stopped(void **state)
{
    (void)state;
    put(REG_B, H24 | UIE | PIE, 0);
    put(REG_A, 0x76, 0);
    assert_true(mc146818_deadline(&f.rtc) == UINT64_MAX);
}

static void nonsense_in_the_registers_is_survived(void **state)
{
    (void)state;
    for (unsigned reg = 0; reg < REG_A; reg++) {
        put((uint8_t)reg, 0xff, 0);
    }
    mc146818_advance(&f.rtc, HZ);
    assert_in_range(get(8, HZ), 0x01, 0x12);
    assert_in_range(get(7, HZ), 0x01, 0x31);
    assert_in_range(get(0, HZ), 0x00, 0x59);
    assert_in_range(get(6, HZ), 1, 7);
}

static void day_of_week_keeps_what_software_wrote(void **state)
{
    (void)state;
    put(6, 7, 0);
    assert_int_equal(get(6, HZ), 7);
    assert_int_equal(get(6, 2 * HZ), 1);
}

static void cmos_memory_is_kept_and_index_wraps_off_bit7(void **state)
{
    (void)state;
    put(0x0f, 0x5a, 0);
    put(0x7f, 0xa5, 0);
    assert_int_equal(get(0x0f, HZ), 0x5a);
    assert_int_equal(get(0x80 | 0x7f, HZ), 0xa5);
}

static void word_write_sets_index_and_data(void **state)
{
    (void)state;
    mc146818_write(&f.rtc, 0, 2, 0x7740, 0);
    assert_int_equal(get(0x40, 0), 0x77);
    assert_int_equal(mc146818_read(&f.rtc, 0, 2, 0), 0x77ff);
    assert_int_equal(mc146818_read(&f.rtc, 0, 1, 0), 0xff);
}

static void memory_size_bytes_say_what_a_bios_would(void **state)
{
    (void)state;
    mc146818_set_memory(&f.rtc, UINT64_C(32) << 20, 0);
    assert_int_equal(get(0x15, 0) | get(0x16, 0) << 8, 640);
    assert_int_equal(get(0x17, 0) | get(0x18, 0) << 8, 31 * 1024);
    assert_int_equal(get(0x30, 0) | get(0x31, 0) << 8, 31 * 1024);
    assert_int_equal(get(0x34, 0) | get(0x35, 0) << 8, 16 * 16);
    assert_int_equal(get(0x5b, 0) | get(0x5c, 0) << 8 | get(0x5d, 0) << 16, 0);
}

static void memory_size_bytes_saturate(void **state)
{
    (void)state;
    mc146818_set_memory(&f.rtc, UINT64_C(3) << 30, UINT64_C(5) << 30);
    assert_int_equal(get(0x17, 0) | get(0x18, 0) << 8, 0xffff);
    assert_int_equal(get(0x34, 0) | get(0x35, 0) << 8, (3 * 1024 - 16) * 16);
    assert_int_equal(get(0x5b, 0) | get(0x5c, 0) << 8 | get(0x5d, 0) << 16, 5 * 1024 * 16);
    mc146818_set_memory(&f.rtc, 512 * 1024, 0);
    assert_int_equal(get(0x15, 0) | get(0x16, 0) << 8, 512);
    assert_int_equal(get(0x17, 0) | get(0x18, 0) << 8, 0);
}

static void checksum_covers_the_configuration(void **state)
{
    unsigned sum = 0;

    (void)state;
    mc146818_set_memory(&f.rtc, UINT64_C(256) << 20, 0);
    for (uint8_t reg = 0x10; reg <= 0x2d; reg++) {
        sum += get(reg, 0);
    }
    assert_int_not_equal(sum, 0);
    assert_int_equal(get(0x2e, 0) << 8 | get(0x2f, 0), sum);
}

static void any_tsc_rate_converts_without_drift(void **state)
{
    const uint64_t hz = 2999999999;

    (void)state;
    mc146818_init(&f.rtc, 0, hz, wire_line(&f.irq));
    assert_int_equal(get(0, 86400 * 365 * hz - 1), 0x59);
    assert_int_equal(get(0, 86400 * 365 * hz), 0x00);
    assert_int_equal(get(9, 86400 * 365 * hz), 0x71);
    put(REG_B, H24 | UIE, 86400 * 365 * hz);
    (void)get(REG_C, 86400 * 365 * hz);
    assert_true(mc146818_deadline(&f.rtc) == (UINT64_C(86400) * 365 + 1) * hz);
}

static void flags_gather_until_register_c_is_read(void **state)
{
    (void)state;
    put(REG_A, 0x20, 0); /* no periodic flag */
    mc146818_advance(&f.rtc, HZ);
    put(REG_A, 0x26, HZ);
    assert_int_equal(get(REG_C, HZ + 40), UF | PF);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_at_the_epoch_given_in_bcd),
        cmocka_unit_test(epoch_zero_is_a_thursday),
        cmocka_unit_test(leap_day_comes_and_goes),
        cmocka_unit_test(century_rolls_over),
        cmocka_unit_test(century_byte_used_as_memory_does_no_harm),
        cmocka_unit_test(long_sleep_is_one_step),
        cmocka_unit_test(binary_mode_shows_numbers),
        cmocka_unit_test(twelve_hour_mode_marks_the_afternoon),
        cmocka_unit_test(twelve_hour_binary_mode_works_too),
        cmocka_unit_test(set_freezes_the_registers_but_not_the_second),
        cmocka_unit_test(set_clears_the_update_interrupt_enable),
        cmocka_unit_test(divider_reset_restarts_half_a_second_before_the_update),
        cmocka_unit_test(divider_restarted_in_the_first_half_second_works),
        cmocka_unit_test(update_in_progress_precedes_the_new_second),
        cmocka_unit_test(update_in_progress_is_clear_while_set_or_stopped),
        cmocka_unit_test(uip_cannot_be_written),
        cmocka_unit_test(update_ended_interrupts_each_second),
        cmocka_unit_test(register_c_cannot_be_written),
        cmocka_unit_test(flag_that_waits_interrupts_when_enabled),
        cmocka_unit_test(periodic_rates_are_those_of_the_table),
        cmocka_unit_test(periodic_interrupt_waits_for_register_c),
        cmocka_unit_test(alarm_rings_at_its_time),
        cmocka_unit_test(alarm_time_that_is_now_rings_tomorrow),
        cmocka_unit_test(alarm_with_dont_care_rings_often),
        cmocka_unit_test(alarm_passed_during_a_long_sleep_is_flagged),
        cmocka_unit_test(alarm_in_twelve_hour_mode_knows_the_afternoon),
        cmocka_unit_test(alarm_that_names_no_time_never_rings),
        cmocka_unit_test(no_deadline_while_the_divider_is_stopped),
        cmocka_unit_test(nonsense_in_the_registers_is_survived),
        cmocka_unit_test(day_of_week_keeps_what_software_wrote),
        cmocka_unit_test(cmos_memory_is_kept_and_index_wraps_off_bit7),
        cmocka_unit_test(word_write_sets_index_and_data),
        cmocka_unit_test(memory_size_bytes_say_what_a_bios_would),
        cmocka_unit_test(memory_size_bytes_saturate),
        cmocka_unit_test(checksum_covers_the_configuration),
        cmocka_unit_test(any_tsc_rate_converts_without_drift),
        cmocka_unit_test(flags_gather_until_register_c_is_read),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
