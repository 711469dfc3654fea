/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the 8254's registers, port 61h and IRQ 0: access modes, latch and read-back, BCD,
 * null count, channel 0 with its deadlines; one test uses another TSC rate to see that nothing
 * drifts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/i8254_fixture.h"

static void power_on_interrupts_nobody(void **state)
{
    (void)state;
    assert_true(i8254_deadline(&f.pit) == UINT64_MAX);
    assert_false(f.irq.level);
    assert_int_equal(read_both(0, 5), 0);
}

static void access_modes_place_the_byte(void **state)
{
    (void)state;
    out(CONTROL, 0x20 | 0x04, 0); /* most significant byte only, mode 2 */
    out(0, 0x12, 0);
    assert_int_equal(in(0, 1), 0x12);
    assert_int_equal(in(0, 2), 0x11);
    out(CONTROL, 0x10 | 0x04, 10);
    out(0, 0x34, 10);
    assert_int_equal(in(0, 11), 0x34);
    assert_int_equal(in(0, 12), 0x33);
}

static void latch_holds_until_read(void **state)
{
    (void)state;
    program(0, 2, 0x1234, 0);
    out(CONTROL, 0x00, 1);
    out(CONTROL, 0x00, 50); /* ignored */
    assert_int_equal(in(0, 100), 0x34);
    assert_int_equal(in(0, 200), 0x12);
    assert_int_equal(read_both(0, 1 + 0x34), 0x1200);
}

static void latch_leaves_other_channels_alone(void **state)
{
    (void)state;
    gate2(true, 0);
    program(0, 2, 1000, 0);
    program(2, 2, 2000, 0);
    out(CONTROL, 0x80, 1);
    assert_int_equal(read_both(0, 101), 900);
    assert_int_equal(read_both(2, 101), 2000);
    assert_int_equal(read_both(2, 101), 1900);
}

static void read_back_gives_status_first(void **state)
{
    (void)state;
    program(0, 2, 0x1234, 0);
    out(CONTROL, 0xc2, 1);
    assert_int_equal(in(0, 9), 0xb4); /* OUT, both bytes, mode 2 */
    assert_int_equal(read_both(0, 9), 0x1234);
    assert_int_equal(read_both(0, 0x35), 0x1200);
}

static void read_back_takes_several_channels(void **state)
{
    (void)state;
    gate2(true, 0);
    program(0, 2, 1000, 0);
    program(2, 2, 2000, 0);
    out(CONTROL, 0xda, 11); /* count only, channels 0 and 2 */
    assert_int_equal(read_both(0, 500), 990);
    assert_int_equal(read_both(2, 500), 1990);
    out(CONTROL, 0xe8, 600); /* status only, channel 2 */
    assert_int_equal(in(2, 700), 0xb4);
    assert_int_equal(read_both(2, 701), 1300);
}

static void null_count_lasts_until_the_load(void **state)
{
    (void)state;
    program(0, 2, 100, 0);
    out(CONTROL, 0xe2, 0);
    assert_int_equal(in(0, 0) & 0x40, 0x40);
    out(CONTROL, 0xe2, 1);
    assert_int_equal(in(0, 1) & 0x40, 0x00);
    out(0, 200, 50);
    out(0, 0, 50);
    out(CONTROL, 0xe2, 100);
    assert_int_equal(in(0, 100) & 0x40, 0x40);
    out(CONTROL, 0xe2, 101);
    assert_int_equal(in(0, 101) & 0x40, 0x00);
}

static void status_latch_is_not_overwritten(void **state)
{
    (void)state;
    program(0, 0, 10, 0);
    out(CONTROL, 0xe2, 5);
    out(CONTROL, 0xe2, 50);
    assert_int_equal(in(0, 50), 0x30);
    out(CONTROL, 0xe2, 50);
    assert_int_equal(in(0, 50), 0xb0);
}

static void control_word_drops_latches_and_byte_order(void **state)
{
    (void)state;
    program(0, 2, 0x1234, 0);
    out(CONTROL, 0x00, 1);
    (void)in(0, 1);
    out(0, 0x55, 2);
    program(0, 2, 0x4321, 10);
    assert_int_equal(read_both(0, 11), 0x4321);
}

static void bcd_counts_in_decimal(void **state)
{
    (void)state;
    out(CONTROL, 0x35, 0); /* mode 2, BCD */
    out(0, 0x00, 0);
    out(0, 0x10, 0); /* 1000 */
    assert_int_equal(read_both(0, 2), 0x0999);
    assert_int_equal(i8254_deadline(&f.pit), 1001);
    out(CONTROL, 0x31, 2000); /* mode 0, BCD, count 0 */
    out(0, 0x00, 2000);
    out(0, 0x00, 2000);
    assert_int_equal(read_both(0, 2001), 0x0000);
    assert_int_equal(read_both(0, 2002), 0x9999);
    assert_int_equal(i8254_deadline(&f.pit), 12001);
}

static void bcd_digits_beyond_nine_are_survived(void **state)
{
    (void)state;
    out(CONTROL, 0x31, 0);
    out(0, 0xff, 0);
    out(0, 0xff, 0);
    assert_int_equal(i8254_deadline(&f.pit), 1 + 16665);
    assert_int_equal(read_both(0, 1), 0x6665);
}

static void control_port_reads_as_floating(void **state)
{
    (void)state;
    assert_int_equal(in(CONTROL, 0), 0xff);
    assert_int_equal(i8254_read(&f.pit, CONTROL, 2, 0), 0xffff);
}

static void wide_write_is_split(void **state)
{
    (void)state;
    out(CONTROL, 0x90 | 0x04, 0);
    gate2(true, 0);
    i8254_write(&f.pit, 2, 2, 0x1442, 0); /* count 42h, then control word 14h: channel 0, mode 2 */
    assert_int_equal(in(2, 1), 0x42);
    out(CONTROL, 0xe2, 1);
    assert_int_equal(in(0, 1) & 0x3f, 0x14);
}

static void periodic_interrupt_keeps_its_rhythm(void **state)
{
    (void)state;
    program(0, 2, 1000, 0);
    const unsigned before = f.irq.rises;

    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(next(), 1 + 1000 * i);
        assert_true(f.irq.level);
        assert_int_equal(f.irq.rises, before + i);
    }
}

static void square_wave_interrupts_once_per_cycle(void **state)
{
    (void)state;
    program(0, 3, 1000, 0);
    const unsigned before = f.irq.rises;

    assert_int_equal(next(), 501);
    assert_false(f.irq.level);
    assert_int_equal(next(), 1001);
    assert_true(f.irq.level);
    assert_int_equal(f.irq.rises, before + 1);
}

static void missed_periods_give_one_edge(void **state)
{
    (void)state;
    program(0, 2, 1000, 0);
    const unsigned before = f.irq.rises;

    i8254_advance(&f.pit, 123456);
    assert_int_equal(f.irq.rises, before + 1);
    assert_int_equal(i8254_deadline(&f.pit), 124001);
}

static void late_rise_is_not_lost_in_the_low_half(void **state)
{
    (void)state;
    program(0, 3, 1000, 0);
    i8254_advance(&f.pit, 501);
    assert_false(f.irq.level);
    i8254_advance(&f.pit, 1700);
    assert_true(f.irq.level);
}

static void reload_keeps_the_boundary_edge(void **state)
{
    (void)state;
    program(0, 2, 1000, 0);
    out(0, 0xd0, 500);
    out(0, 0x07, 500); /* 2000 */
    const unsigned before = f.irq.rises;

    assert_int_equal(next(), 1001);
    assert_int_equal(f.irq.rises, before + 1);
    assert_int_equal(next(), 3001);
    assert_int_equal(f.irq.rises, before + 2);
}

static void refresh_toggles_every_15_us(void **state)
{
    (void)state;
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 17) & REFRESH, 0);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 18) & REFRESH, REFRESH);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 35) & REFRESH, REFRESH);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 36) & REFRESH, 0);
}

static void port61_keeps_its_low_bits_only(void **state)
{
    (void)state;
    i8254_port61_write(&f.pit, 0, 1, 0xff, 0);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 0), 0x0f);
    i8254_port61_write(&f.pit, 0, 1, SPEAKER_DATA, 0);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 1, 0), SPEAKER_DATA);
    assert_int_equal(i8254_port61_read(&f.pit, 0, 2, 0), 0xff00 | SPEAKER_DATA);
}

static void any_tsc_rate_converts_without_drift(void **state)
{
    const uint64_t hz = 3500000001;
    const uint64_t day = 24 * 3600;

    (void)state;
    i8254_init(&f.pit, hz, wire_line(&f.irq));
    program(0, 2, 1000, 0);
    i8254_advance(&f.pit, day * hz);

    /* The first rise after a day: tick 1 + 1000 k, as a TSC value rounded up. */
    const uint64_t tick = (day * I8254_HZ - 1) / 1000 * 1000 + 1001;
    const uint64_t expected = (uint64_t)(((unsigned __int128)tick * hz + I8254_HZ - 1) / I8254_HZ);

    assert_true(i8254_deadline(&f.pit) == expected);
    const unsigned before = f.irq.rises;

    i8254_advance(&f.pit, expected - 1);
    assert_int_equal(f.irq.rises, before);
    i8254_advance(&f.pit, expected);
    assert_int_equal(f.irq.rises, before + 1);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(power_on_interrupts_nobody),
        cmocka_unit_test(access_modes_place_the_byte),
        cmocka_unit_test(latch_holds_until_read),
        cmocka_unit_test(latch_leaves_other_channels_alone),
        cmocka_unit_test(read_back_gives_status_first),
        cmocka_unit_test(read_back_takes_several_channels),
        cmocka_unit_test(null_count_lasts_until_the_load),
        cmocka_unit_test(status_latch_is_not_overwritten),
        cmocka_unit_test(control_word_drops_latches_and_byte_order),
        cmocka_unit_test(bcd_counts_in_decimal),
        cmocka_unit_test(bcd_digits_beyond_nine_are_survived),
        cmocka_unit_test(control_port_reads_as_floating),
        cmocka_unit_test(wide_write_is_split),
        cmocka_unit_test(periodic_interrupt_keeps_its_rhythm),
        cmocka_unit_test(square_wave_interrupts_once_per_cycle),
        cmocka_unit_test(missed_periods_give_one_edge),
        cmocka_unit_test(late_rise_is_not_lost_in_the_low_half),
        cmocka_unit_test(reload_keeps_the_boundary_edge),
        cmocka_unit_test(refresh_toggles_every_15_us),
        cmocka_unit_test(port61_keeps_its_low_bits_only),
        cmocka_unit_test(any_tsc_rate_converts_without_drift),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
