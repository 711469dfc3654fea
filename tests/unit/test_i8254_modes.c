/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the 8254's modes: count, OUT and reload in each of them, and what the gate of
 * channel 2 does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/i8254_fixture.h"

static void mode0_goes_high_at_terminal_count(void **state)
{
    (void)state;
    program(0, 0, 10, 100);
    assert_false(f.irq.level);
    assert_int_equal(i8254_deadline(&f.pit), 111);
    i8254_advance(&f.pit, 110);
    assert_false(f.irq.level);
    i8254_advance(&f.pit, 111);
    assert_true(f.irq.level);
    assert_true(i8254_deadline(&f.pit) == UINT64_MAX);
    assert_int_equal(f.irq.rises, 1);
}

static void mode0_counts_on_below_zero(void **state)
{
    (void)state;
    program(0, 0, 10, 0);
    assert_int_equal(read_both(0, 1), 10);
    assert_int_equal(read_both(0, 11), 0);
    assert_int_equal(read_both(0, 12), 0xffff);
    assert_int_equal(read_both(0, 11 + 0x10000), 0);
}

static void mode0_first_byte_stops_and_lowers(void **state)
{
    (void)state;
    program(0, 0, 10, 0);
    i8254_advance(&f.pit, 11);
    assert_true(f.irq.level);
    out(0, 5, 20);
    assert_false(f.irq.level);
    assert_true(i8254_deadline(&f.pit) == UINT64_MAX);
    assert_int_equal(read_both(0, 30), 0x10000 - 9);
    out(0, 0, 40);
    assert_int_equal(i8254_deadline(&f.pit), 46);
}

static void mode0_new_count_restarts(void **state)
{
    (void)state;
    out(CONTROL, 0x10, 0); /* least significant byte only */
    out(0, 10, 0);
    out(0, 50, 5);
    assert_int_equal(i8254_deadline(&f.pit), 56);
    assert_int_equal(next(), 56);
    assert_int_equal(f.irq.rises, 1);
}

static void mode0_gate_holds_the_count(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 0, 100, 0);
    assert_int_equal(read_both(2, 41), 60);
    gate2(false, 41);
    assert_int_equal(read_both(2, 1000), 60);
    gate2(true, 1000);
    assert_int_equal(read_both(2, 1010), 50);
    assert_false(out2(1059));
    assert_true(out2(1060));
}

static void mode0_count_written_with_gate_low_waits(void **state)
{
    (void)state;
    program(2, 0, 100, 0);
    assert_int_equal(read_both(2, 500), 100);
    assert_false(out2(500));
    gate2(true, 500);
    assert_false(out2(599));
    assert_true(out2(600));
}

static void mode1_fires_on_gate_rise_and_again(void **state)
{
    (void)state;
    program(2, 1, 20, 0);
    assert_true(out2(50));
    gate2(true, 100);
    assert_true(out2(100));
    assert_false(out2(101));
    assert_false(out2(120));
    assert_true(out2(121));
    gate2(false, 130);
    gate2(true, 140);
    gate2(false, 145); /* the level does not matter */
    gate2(true, 150);
    assert_false(out2(170)); /* retriggered at 151 */
    assert_true(out2(171));
}

static void mode1_new_count_waits_for_the_next_trigger(void **state)
{
    (void)state;
    program(2, 1, 20, 0);
    gate2(true, 100);
    out(2, 5, 110);
    out(2, 0, 110);
    assert_false(out2(120));
    assert_true(out2(121));
    gate2(false, 200);
    gate2(true, 200);
    assert_false(out2(205));
    assert_true(out2(206));
}

static void mode2_repeats_with_one_low_clock(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 2, 10, 0);
    assert_int_equal(read_both(2, 1), 10);
    assert_true(out2(9));
    assert_int_equal(read_both(2, 10), 1);
    assert_false(out2(10));
    assert_true(out2(11));
    assert_int_equal(read_both(2, 11), 10);
    assert_false(out2(20));
}

static void mode2_new_count_begins_with_the_next_cycle(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 2, 10, 0);
    out(2, 20, 5);
    out(2, 0, 5);
    assert_int_equal(read_both(2, 6), 5);
    assert_false(out2(10));
    assert_int_equal(read_both(2, 11), 20);
    assert_false(out2(30));
    assert_true(out2(31));
}

static void mode2_gate_low_forces_high_and_rise_reloads(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 2, 10, 0);
    assert_false(out2(10));
    gate2(false, 10);
    assert_true(out2(10));
    assert_int_equal(read_both(2, 15), 1);
    gate2(true, 20);
    assert_int_equal(read_both(2, 21), 10);
    assert_false(out2(30));
}

static void mode2_takes_count_written_while_gate_was_low(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 2, 10, 0);
    gate2(false, 5);
    out(2, 30, 6);
    out(2, 0, 6);
    gate2(true, 20);
    assert_int_equal(read_both(2, 21), 30);
}

static void mode3_even_count_has_equal_halves(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 3, 10, 0);
    assert_int_equal(read_both(2, 1), 10);
    assert_int_equal(read_both(2, 2), 8);
    assert_true(out2(5));
    assert_int_equal(read_both(2, 5), 2);
    assert_false(out2(6));
    assert_int_equal(read_both(2, 6), 10);
    assert_false(out2(10));
    assert_true(out2(11));
}

static void mode3_odd_count_is_high_one_clock_longer(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 3, 5, 0);
    assert_int_equal(read_both(2, 1), 4);
    assert_int_equal(read_both(2, 3), 0);
    assert_true(out2(3));
    assert_false(out2(4));
    assert_int_equal(read_both(2, 4), 4);
    assert_false(out2(5));
    assert_true(out2(6));
}

static void mode3_new_count_begins_with_the_next_half(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 3, 10, 0);
    out(2, 20, 2);
    out(2, 0, 2);
    assert_true(out2(5));
    assert_false(out2(6)); /* a low half of the new count */
    assert_false(out2(15));
    assert_true(out2(16));
    assert_true(out2(25));
    assert_false(out2(26));
}

static void mode3_gate_low_forces_high(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 3, 10, 0);
    gate2(false, 7);
    assert_true(out2(7));
    assert_true(out2(100));
    gate2(true, 100);
    assert_true(out2(105));
    assert_false(out2(106));
}

static void mode4_strobes_once(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 4, 10, 0);
    assert_true(out2(10));
    assert_false(out2(11));
    assert_true(out2(12));
    assert_true(out2(11 + 0x10000));
}

static void mode5_strobes_after_a_trigger(void **state)
{
    (void)state;
    program(2, 5, 10, 0);
    assert_true(out2(11));
    gate2(true, 50);
    assert_true(out2(60));
    assert_false(out2(61));
    assert_true(out2(62));
}

static void modes_6_and_7_are_2_and_3(void **state)
{
    (void)state;
    gate2(true, 0);
    program(2, 6, 10, 0);
    assert_false(out2(10));
    assert_true(out2(11));
    program(2, 7, 10, 100);
    assert_true(out2(105));
    assert_false(out2(106));
}

static void count_zero_is_the_full_range(void **state)
{
    (void)state;
    program(0, 2, 0, 0);
    assert_int_equal(i8254_deadline(&f.pit), 1 + 0x10000);
    assert_int_equal(read_both(0, 1), 0);
    assert_int_equal(read_both(0, 2), 0xffff);
}

static void count_one_is_survived_in_periodic_modes(void **state)
{
    (void)state;
    program(0, 2, 1, 0);
    assert_true(i8254_deadline(&f.pit) > 1);
    program(0, 3, 1, 10);
    assert_true(i8254_deadline(&f.pit) > 11);
}

static void mode4_interrupts_at_the_end_of_its_strobe(void **state)
{
    (void)state;
    program(0, 4, 100, 0);
    const unsigned before = f.irq.rises;

    assert_int_equal(next(), 102);
    assert_int_equal(f.irq.rises, before + 1);
    assert_true(i8254_deadline(&f.pit) == UINT64_MAX);
}

static void gate_triggers_nothing_before_a_count_is_written(void **state)
{
    (void)state;
    program(2, 1, 20, 0);
    out(CONTROL, 0x80 | 0x30 | 1 << 1, 10);
    gate2(true, 20);
    assert_true(out2(22));
    out(2, 5, 30);
    out(2, 0, 30);
    gate2(false, 40);
    gate2(true, 50);
    assert_false(out2(51));
    assert_true(out2(56));
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(mode0_goes_high_at_terminal_count),
        cmocka_unit_test(mode0_counts_on_below_zero),
        cmocka_unit_test(mode0_first_byte_stops_and_lowers),
        cmocka_unit_test(mode0_new_count_restarts),
        cmocka_unit_test(mode0_gate_holds_the_count),
        cmocka_unit_test(mode0_count_written_with_gate_low_waits),
        cmocka_unit_test(mode1_fires_on_gate_rise_and_again),
        cmocka_unit_test(mode1_new_count_waits_for_the_next_trigger),
        cmocka_unit_test(mode2_repeats_with_one_low_clock),
        cmocka_unit_test(mode2_new_count_begins_with_the_next_cycle),
        cmocka_unit_test(mode2_gate_low_forces_high_and_rise_reloads),
        cmocka_unit_test(mode2_takes_count_written_while_gate_was_low),
        cmocka_unit_test(mode3_even_count_has_equal_halves),
        cmocka_unit_test(mode3_odd_count_is_high_one_clock_longer),
        cmocka_unit_test(mode3_new_count_begins_with_the_next_half),
        cmocka_unit_test(mode3_gate_low_forces_high),
        cmocka_unit_test(mode4_strobes_once),
        cmocka_unit_test(mode5_strobes_after_a_trigger),
        cmocka_unit_test(modes_6_and_7_are_2_and_3),
        cmocka_unit_test(count_zero_is_the_full_range),
        cmocka_unit_test(count_one_is_survived_in_periodic_modes),
        cmocka_unit_test(mode4_interrupts_at_the_end_of_its_strobe),
        cmocka_unit_test(gate_triggers_nothing_before_a_count_is_written),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
