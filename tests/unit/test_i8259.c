/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for one 8259A: initialization with and without ICW3/ICW4, priorities, every EOI and
 * rotation command, masks and special mask, automatic EOI, ELCR, and how accesses of several bytes
 * are split.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/i8259_fixture.h"

static void power_on_is_masked_and_quiet(void **state)
{
    (void)state;
    i8259_init(&f.pic, wire_line(&f.intr));
    i8259_set(&f.pic, 0, true);
    i8259_set(&f.pic, 8, true);
    assert_false(i8259_pending(&f.pic));
    assert_int_equal(i8259_master_read(&f.pic, DATA, 1, 0), 0xff);
    assert_int_equal(i8259_slave_read(&f.pic, DATA, 1, 0), 0xff);
}

static void request_raises_intr_and_ack_gives_vector(void **state)
{
    (void)state;
    i8259_set(&f.pic, 4, true);
    assert_true(f.intr.level);
    assert_true(i8259_pending(&f.pic));
    assert_int_equal(master_irr(), 0x10);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 4);
    assert_false(f.intr.level);
    assert_int_equal(master_isr(), 0x10);
    assert_int_equal(master_irr(), 0x00);
}

static void icw2_keeps_only_the_upper_five_bits(void **state)
{
    (void)state;
    master(COMMAND, 0x11);
    master(DATA, 0xff);
    master(DATA, 0x04);
    master(DATA, 0x01);
    i8259_set(&f.pic, 1, true);
    assert_int_equal(i8259_ack(&f.pic), 0xf9);
}

static void icw1_clears_mask_service_and_edges(void **state)
{
    (void)state;
    master(DATA, 0xf0);
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 0, true);
    master(COMMAND, 0xc3); /* IR3 lowest */
    master(COMMAND, 0x68); /* special mask */
    init_master(0x01);
    assert_int_equal(i8259_master_read(&f.pic, DATA, 1, 0), 0x00);
    assert_int_equal(master_isr(), 0x00);
    assert_int_equal(master_irr(), 0x00);
    assert_false(f.intr.level);
    pulse(3);
    pulse(4);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 3); /* IR7 lowest again */
}

static void no_interrupt_between_icw1_and_the_last_icw(void **state)
{
    (void)state;
    master(COMMAND, 0x11);
    i8259_set(&f.pic, 3, true);
    assert_false(f.intr.level);
    master(DATA, 0x40);
    master(DATA, 0x04);
    assert_false(f.intr.level);
    master(DATA, 0x01);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), 0x43);
}

static void single_mode_skips_icw3(void **state)
{
    (void)state;
    master(COMMAND, 0x13);
    master(DATA, 0x40);
    master(DATA, 0x03); /* ICW4 with AEOI */
    master(DATA, 0xfe); /* OCW1 */
    assert_int_equal(i8259_master_read(&f.pic, DATA, 1, 0), 0xfe);
    i8259_set(&f.pic, 0, true);
    assert_int_equal(i8259_ack(&f.pic), 0x40);
    assert_int_equal(master_isr(), 0x00);
}

static void single_master_answers_for_ir2_itself(void **state)
{
    (void)state;
    master(COMMAND, 0x13);
    master(DATA, 0x40);
    master(DATA, 0x01);
    i8259_set(&f.pic, 9, true);
    assert_int_equal(i8259_ack(&f.pic), 0x42);
    assert_int_equal(slave_isr(), 0x00);
}

static void missing_icw4_clears_what_it_had_set(void **state)
{
    (void)state;
    init_master(0x13);
    master(COMMAND, 0x10);
    master(DATA, MASTER_BASE);
    master(DATA, 0x04);
    master(DATA, 0x00); /* OCW1 already */
    i8259_set(&f.pic, 5, true);
    (void)i8259_ack(&f.pic);
    assert_int_equal(master_isr(), 0x20);
}

static void mask_hides_request_until_unmasked(void **state)
{
    (void)state;
    master(DATA, 0x10);
    i8259_set(&f.pic, 4, true);
    assert_false(f.intr.level);
    assert_int_equal(master_irr(), 0x10);
    master(DATA, 0x00);
    assert_true(f.intr.level);
    master(DATA, 0x10);
    assert_false(f.intr.level);
}

static void lower_number_wins_and_nests(void **state)
{
    (void)state;
    i8259_set(&f.pic, 5, true);
    i8259_set(&f.pic, 3, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 3);
    assert_false(f.intr.level);
    i8259_set(&f.pic, 1, true);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 1);
    assert_int_equal(master_isr(), 0x0a);
}

static void same_level_waits_for_its_eoi(void **state)
{
    (void)state;
    i8259_set(&f.pic, 4, true);
    (void)i8259_ack(&f.pic);
    pulse(4);
    assert_false(f.intr.level);
    master(COMMAND, 0x20);
    assert_true(f.intr.level);
}

static void eoi_reopens_lower_priority(void **state)
{
    (void)state;
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 6, true);
    assert_false(f.intr.level);
    master(COMMAND, 0x20);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 6);
}

static void non_specific_eoi_ends_the_highest(void **state)
{
    (void)state;
    i8259_set(&f.pic, 6, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0x20);
    assert_int_equal(master_isr(), 0x40);
}

static void specific_eoi_ends_the_named_one(void **state)
{
    (void)state;
    i8259_set(&f.pic, 6, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0x66);
    assert_int_equal(master_isr(), 0x02);
}

static void eoi_without_service_changes_nothing(void **state)
{
    (void)state;
    master(COMMAND, 0x20);
    master(COMMAND, 0xa0);
    master(COMMAND, 0x40); /* no operation */
    i8259_set(&f.pic, 0, true);
    i8259_set(&f.pic, 7, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 0);
}

static void rotate_on_non_specific_eoi_makes_it_lowest(void **state)
{
    (void)state;
    i8259_set(&f.pic, 3, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0xa0);
    pulse(3);
    i8259_set(&f.pic, 5, true);
    i8259_set(&f.pic, 1, true);
    /* Order is now 4 5 6 7 0 1 2 3. */
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 5);
    master(COMMAND, 0x20);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 1);
    master(COMMAND, 0x20);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 3);
}

static void rotate_on_specific_eoi_ends_and_rotates(void **state)
{
    (void)state;
    i8259_set(&f.pic, 4, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0xe4);
    assert_int_equal(master_isr(), 0x00);
    i8259_set(&f.pic, 0, true);
    i8259_set(&f.pic, 6, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 6);
}

static void set_priority_rotates_without_eoi(void **state)
{
    (void)state;
    master(COMMAND, 0xc5);
    i8259_set(&f.pic, 5, true);
    i8259_set(&f.pic, 6, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 6);
}

static void auto_eoi_leaves_nothing_in_service(void **state)
{
    (void)state;
    init_master(0x03);
    i8259_set(&f.pic, 6, true);
    i8259_set(&f.pic, 7, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 6);
    assert_int_equal(master_isr(), 0x00);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 7);
}

static void auto_eoi_rotates_only_while_told_to(void **state)
{
    (void)state;
    init_master(0x03);
    master(COMMAND, 0x80);
    i8259_set(&f.pic, 0, true);
    (void)i8259_ack(&f.pic);
    pulse(0);
    i8259_set(&f.pic, 1, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 1);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 0); /* IR0 is now lowest */
    master(COMMAND, 0x00);
    pulse(4);
    (void)i8259_ack(&f.pic);
    pulse(4);
    pulse(5);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 4);
}

static void special_mask_opens_all_other_levels(void **state)
{
    (void)state;
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 6, true);
    master(DATA, 0x02);
    assert_false(f.intr.level);
    master(COMMAND, 0x68); /* ESMM SMM */
    assert_true(f.intr.level);
    master(COMMAND, 0x48); /* ESMM, SMM off */
    assert_false(f.intr.level);
    master(COMMAND, 0x68);
    master(COMMAND, 0x0b); /* no ESMM: stays */
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 6);
    assert_int_equal(master_isr(), 0x42);
}

static void special_mask_spares_masked_level_from_non_specific_eoi(void **state)
{
    (void)state;
    i8259_set(&f.pic, 1, true);
    (void)i8259_ack(&f.pic);
    master(DATA, 0x02);
    master(COMMAND, 0x68);
    i8259_set(&f.pic, 6, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0x20);
    assert_int_equal(master_isr(), 0x02);
    master(COMMAND, 0x20);
    assert_int_equal(master_isr(), 0x02);
    master(COMMAND, 0x61);
    assert_int_equal(master_isr(), 0x00);
}

static void edge_input_asks_once_per_rise(void **state)
{
    (void)state;
    i8259_set(&f.pic, 5, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 5, true);
    master(COMMAND, 0x20);
    assert_false(f.intr.level);
}

static void level_input_asks_as_long_as_it_is_high(void **state)
{
    (void)state;
    i8259_elcr_write(&f.pic, 0, 1, 0x20, 0);
    i8259_set(&f.pic, 5, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 5);
    assert_int_equal(master_irr(), 0x20);
    master(COMMAND, 0x20);
    assert_true(f.intr.level);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 5, false);
    master(COMMAND, 0x20);
    assert_false(f.intr.level);
}

static void level_request_survives_icw1(void **state)
{
    (void)state;
    i8259_elcr_write(&f.pic, 1, 1, 0x08, 0);
    i8259_set(&f.pic, 11, true);
    init_slave(0x01);
    assert_int_equal(slave_irr(), 0x08);
    assert_true(f.intr.level);
}

static void elcr_reserved_bits_stay_edge(void **state)
{
    (void)state;
    i8259_elcr_write(&f.pic, 0, 2, 0xffff, 0);
    assert_int_equal(i8259_elcr_read(&f.pic, 0, 2, 0), 0xdef8);
    assert_int_equal(i8259_elcr_read(&f.pic, 1, 1, 0), 0xde);
}

static void elcr_switched_to_level_sees_the_input(void **state)
{
    (void)state;
    i8259_set(&f.pic, 6, true);
    (void)i8259_ack(&f.pic);
    master(COMMAND, 0x20);
    assert_false(f.intr.level);
    i8259_elcr_write(&f.pic, 0, 1, 0x40, 0);
    assert_true(f.intr.level);
}

static void wide_access_is_split_and_beyond_is_ones(void **state)
{
    (void)state;
    i8259_master_write(&f.pic, 0, 2, 0xab0a, 0);
    assert_int_equal(i8259_master_read(&f.pic, 0, 2, 0), 0xab00);
    assert_int_equal(i8259_master_read(&f.pic, 1, 2, 0), 0xffab);
    i8259_slave_write(&f.pic, 1, 2, 0x1122, 0);
    assert_int_equal(i8259_slave_read(&f.pic, 1, 1, 0), 0x22);
    assert_int_equal(i8259_elcr_read(&f.pic, 1, 4, 0), 0xffffff00);
}

static void works_without_a_listener(void **state)
{
    struct i8259 pic;

    (void)state;
    i8259_init(&pic, (struct irq_line){.set = NULL});
    i8259_master_write(&pic, DATA, 1, 0x00, 0);
    i8259_set(&pic, 1, true);
    assert_true(i8259_pending(&pic));
}

static void level_inputs_are_remembered_apart(void **state)
{
    (void)state;
    i8259_elcr_write(&f.pic, 0, 1, 0x60, 0);
    i8259_set(&f.pic, 5, true);
    i8259_set(&f.pic, 6, true);
    init_master(0x01);
    assert_int_equal(master_irr(), 0x60);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(power_on_is_masked_and_quiet),
        cmocka_unit_test(request_raises_intr_and_ack_gives_vector),
        cmocka_unit_test(icw2_keeps_only_the_upper_five_bits),
        cmocka_unit_test(icw1_clears_mask_service_and_edges),
        cmocka_unit_test(no_interrupt_between_icw1_and_the_last_icw),
        cmocka_unit_test(single_mode_skips_icw3),
        cmocka_unit_test(single_master_answers_for_ir2_itself),
        cmocka_unit_test(missing_icw4_clears_what_it_had_set),
        cmocka_unit_test(mask_hides_request_until_unmasked),
        cmocka_unit_test(lower_number_wins_and_nests),
        cmocka_unit_test(same_level_waits_for_its_eoi),
        cmocka_unit_test(eoi_reopens_lower_priority),
        cmocka_unit_test(non_specific_eoi_ends_the_highest),
        cmocka_unit_test(specific_eoi_ends_the_named_one),
        cmocka_unit_test(eoi_without_service_changes_nothing),
        cmocka_unit_test(rotate_on_non_specific_eoi_makes_it_lowest),
        cmocka_unit_test(rotate_on_specific_eoi_ends_and_rotates),
        cmocka_unit_test(set_priority_rotates_without_eoi),
        cmocka_unit_test(auto_eoi_leaves_nothing_in_service),
        cmocka_unit_test(auto_eoi_rotates_only_while_told_to),
        cmocka_unit_test(special_mask_opens_all_other_levels),
        cmocka_unit_test(special_mask_spares_masked_level_from_non_specific_eoi),
        cmocka_unit_test(edge_input_asks_once_per_rise),
        cmocka_unit_test(level_input_asks_as_long_as_it_is_high),
        cmocka_unit_test(level_request_survives_icw1),
        cmocka_unit_test(elcr_reserved_bits_stay_edge),
        cmocka_unit_test(elcr_switched_to_level_sees_the_input),
        cmocka_unit_test(wide_access_is_split_and_beyond_is_ones),
        cmocka_unit_test(works_without_a_listener),
        cmocka_unit_test(level_inputs_are_remembered_apart),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
