/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the 8259A pair: the slave's way through IR2, special fully nested mode, poll, and
 * IR7 as the default answer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/i8259_fixture.h"

static void slave_request_comes_through_ir2(void **state)
{
    (void)state;
    i8259_set(&f.pic, 12, true);
    assert_true(f.intr.level);
    assert_int_equal(master_irr(), 0x04);
    assert_int_equal(slave_irr(), 0x10);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 4);
    assert_int_equal(master_isr(), 0x04);
    assert_int_equal(slave_isr(), 0x10);
    assert_int_equal(slave_irr(), 0x00);
}

static void slave_has_the_priority_of_ir2(void **state)
{
    (void)state;
    i8259_set(&f.pic, 3, true);
    i8259_set(&f.pic, 15, true);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 7);
    i8259_set(&f.pic, 1, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 1);
}

static void slave_needs_an_eoi_at_both_chips(void **state)
{
    (void)state;
    i8259_set(&f.pic, 10, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 11, true);
    slave(COMMAND, 0x20);
    assert_false(f.intr.level);
    master(COMMAND, 0x20);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 3);
}

static void masked_cascade_hides_the_slave(void **state)
{
    (void)state;
    master(DATA, 0x04);
    i8259_set(&f.pic, 8, true);
    assert_false(f.intr.level);
    master(DATA, 0x00);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 0);
}

static void slave_withdrawing_takes_intr_back(void **state)
{
    (void)state;
    i8259_set(&f.pic, 8, true);
    slave(DATA, 0x01);
    assert_false(f.intr.level);
    assert_int_equal(master_irr(), 0x00);
}

static void slave_with_auto_eoi_asks_again_at_once(void **state)
{
    (void)state;
    init_master(0x03);
    init_slave(0x03);
    i8259_set(&f.pic, 9, true);
    i8259_set(&f.pic, 14, true);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 1);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 6);
    assert_false(f.intr.level);
}

static void higher_slave_request_waits_in_fully_nested_mode(void **state)
{
    (void)state;
    i8259_set(&f.pic, 14, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 9, true);
    assert_false(f.intr.level);
}

static void special_fully_nested_lets_the_slave_nest(void **state)
{
    (void)state;
    init_master(0x11);
    i8259_set(&f.pic, 14, true);
    (void)i8259_ack(&f.pic);
    i8259_set(&f.pic, 3, true);
    assert_false(f.intr.level); /* lower than IR2, which is in service */
    i8259_set(&f.pic, 9, true);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 1);
    assert_int_equal(slave_isr(), 0x42);
}

static void default_ir7_when_the_request_has_gone(void **state)
{
    (void)state;
    i8259_set(&f.pic, 4, true);
    i8259_set(&f.pic, 4, false);
    assert_false(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 7);
    assert_int_equal(master_isr(), 0x00);
}

static void real_ir7_is_in_service(void **state)
{
    (void)state;
    i8259_set(&f.pic, 7, true);
    assert_int_equal(i8259_ack(&f.pic), MASTER_BASE + 7);
    assert_int_equal(master_isr(), 0x80);
}

static void irq15_is_told_from_default_by_the_slave_isr(void **state)
{
    (void)state;
    i8259_set(&f.pic, 15, true);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 7);
    assert_int_equal(slave_isr(), 0x80);
    assert_int_equal(master_isr(), 0x04);
}

static void poll_acknowledges_by_a_read(void **state)
{
    (void)state;
    i8259_set(&f.pic, 3, true);
    master(COMMAND, 0x0c);
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0), 0x83);
    assert_false(f.intr.level);
    assert_int_equal(master_isr(), 0x08);
    master(COMMAND, 0x0c);
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0) & 0x80, 0x00);
}

static void poll_lasts_for_one_read(void **state)
{
    (void)state;
    i8259_set(&f.pic, 3, true);
    i8259_set(&f.pic, 5, true);
    master(COMMAND, 0x0a);
    master(COMMAND, 0x0c);
    assert_int_equal(i8259_master_read(&f.pic, DATA, 1, 0), 0x83);
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0), 0x20);
}

static void poll_overrides_read_command_in_one_word(void **state)
{
    (void)state;
    i8259_set(&f.pic, 2 + 1, true);
    master(COMMAND, 0x0f);
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0), 0x83);
    /* The register to be read is still IRR. */
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0), 0x00);
}

static void polled_slave_lets_its_next_request_through(void **state)
{
    (void)state;
    init_slave(0x03);
    i8259_set(&f.pic, 8, true);
    i8259_set(&f.pic, 9, true);
    slave(COMMAND, 0x0c);
    assert_int_equal(i8259_slave_read(&f.pic, COMMAND, 1, 0), 0x80);
    assert_true(f.intr.level);
    assert_int_equal(i8259_ack(&f.pic), SLAVE_BASE + 1);
    assert_false(f.intr.level);
}

static void cascade_input_and_unknown_inputs_are_ignored(void **state)
{
    (void)state;
    i8259_set(&f.pic, 2, true);
    i8259_set(&f.pic, 16, true);
    assert_false(f.intr.level);
    assert_int_equal(master_irr(), 0x00);
}

static void polled_master_leaves_the_slave_to_its_own_poll(void **state)
{
    (void)state;
    i8259_set(&f.pic, 9, true);
    master(COMMAND, 0x0c);
    assert_int_equal(i8259_master_read(&f.pic, COMMAND, 1, 0), 0x82);
    assert_int_equal(master_irr(), 0x00); /* the slave's INT stays high: no new edge */
    assert_int_equal(slave_isr(), 0x00);
    slave(COMMAND, 0x0c);
    assert_int_equal(i8259_slave_read(&f.pic, COMMAND, 1, 0), 0x81);
    assert_int_equal(slave_isr(), 0x02);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(slave_request_comes_through_ir2),
        cmocka_unit_test(slave_has_the_priority_of_ir2),
        cmocka_unit_test(slave_needs_an_eoi_at_both_chips),
        cmocka_unit_test(masked_cascade_hides_the_slave),
        cmocka_unit_test(slave_withdrawing_takes_intr_back),
        cmocka_unit_test(slave_with_auto_eoi_asks_again_at_once),
        cmocka_unit_test(higher_slave_request_waits_in_fully_nested_mode),
        cmocka_unit_test(special_fully_nested_lets_the_slave_nest),
        cmocka_unit_test(default_ir7_when_the_request_has_gone),
        cmocka_unit_test(real_ir7_is_in_service),
        cmocka_unit_test(irq15_is_told_from_default_by_the_slave_isr),
        cmocka_unit_test(poll_acknowledges_by_a_read),
        cmocka_unit_test(poll_lasts_for_one_read),
        cmocka_unit_test(poll_overrides_read_command_in_one_word),
        cmocka_unit_test(polled_slave_lets_its_next_request_through),
        cmocka_unit_test(cascade_input_and_unknown_inputs_are_ignored),
        cmocka_unit_test(polled_master_leaves_the_slave_to_its_own_poll),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
