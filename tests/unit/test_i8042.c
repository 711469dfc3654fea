/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the 8042: controller commands, command byte and status, interrupt gating, the
 * keyboard's replies and what comes without one, translation, the missing auxiliary port as Linux
 * looks for it, A20 and reset by all their ways.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/i8042.h"

enum { OBF = 0x01, SYS = 0x04, CMD = 0x08, UNLOCKED = 0x10, AUX = 0x20, TO = 0x40 };
enum { ACK = 0xfa, NAK = 0xfe };

static struct {
    struct i8042 kbc;
    struct wire irq;
    unsigned resets;
} f;

static void count_reset(void *ctx)
{
    (void)ctx;
    f.resets++;
}

static void start_with(bool keyboard)
{
    f.irq = (struct wire){.level = false};
    f.resets = 0;
    i8042_init(&f.kbc, keyboard, (struct i8042_reset){.reset = count_reset}, wire_line(&f.irq));
}

static int start(void **state)
{
    (void)state;
    start_with(true);
    return 0;
}

static uint8_t status(void)
{
    return (uint8_t)i8042_command_read(&f.kbc, 0, 1, 0);
}

static void command(uint8_t value)
{
    i8042_command_write(&f.kbc, 0, 1, value, 0);
}

static void data(uint8_t value)
{
    i8042_data_write(&f.kbc, 0, 1, value, 0);
}

static uint8_t read(void)
{
    return (uint8_t)i8042_data_read(&f.kbc, 0, 1, 0);
}

static void expect(uint8_t value)
{
    assert_int_equal(status() & OBF, OBF);
    assert_int_equal(read(), value);
}

static void expect_nothing(void)
{
    assert_int_equal(status() & OBF, 0);
}

static uint8_t ask(uint8_t value)
{
    command(value);
    assert_int_equal(status() & OBF, OBF);
    return read();
}

static void write_command_byte(uint8_t value)
{
    command(0x60);
    data(value);
}

static void power_on_is_as_a_bios_leaves_it(void **state)
{
    (void)state;
    assert_int_equal(status(), SYS | UNLOCKED);
    assert_int_equal(ask(0x20), 0x65);
    assert_true(i8042_a20(&f.kbc));
}

static void tests_pass(void **state)
{
    (void)state;
    assert_int_equal(ask(0xaa), 0x55);
    assert_int_equal(ask(0xab), 0x00);
    assert_int_equal(ask(0xa4), 0xf1);
    assert_int_equal(ask(0xc0), 0xb0);
    assert_int_equal(ask(0xe0), 0x00);
    assert_int_equal(status() & SYS, SYS);
}

static void self_test_drops_a_byte_that_waits(void **state)
{
    (void)state;
    data(0xee);
    assert_int_equal(ask(0xaa), 0x55);
    expect_nothing();
}

static void command_byte_can_be_written_and_sets_the_system_flag(void **state)
{
    (void)state;
    write_command_byte(0x40);
    assert_int_equal(ask(0x20), 0x40);
    assert_int_equal(status() & SYS, 0);
    write_command_byte(0x45);
    assert_int_equal(status() & SYS, SYS);
}

static void controller_memory_has_32_bytes(void **state)
{
    (void)state;
    command(0x7f);
    data(0x5a);
    assert_int_equal(ask(0x3f), 0x5a);
    assert_int_equal(ask(0x20), 0x65);
}

static void status_tells_command_from_data(void **state)
{
    (void)state;
    command(0xa8);
    assert_int_equal(status() & CMD, CMD);
    data(0xf4);
    assert_int_equal(status() & CMD, 0);
}

static void interface_bits_follow_their_commands(void **state)
{
    (void)state;
    command(0xad);
    assert_int_equal(ask(0x20) & 0x10, 0x10);
    command(0xae);
    assert_int_equal(ask(0x20) & 0x10, 0x00);
    command(0xa8);
    assert_int_equal(ask(0x20) & 0x20, 0x00);
    command(0xa7);
    assert_int_equal(ask(0x20) & 0x20, 0x20);
}

static void unknown_command_is_ignored(void **state)
{
    (void)state;
    command(0x00);
    command(0xb5);
    command(0xff); /* pulses nothing */
    expect_nothing();
    assert_int_equal(f.resets, 0);
}

static void new_command_cancels_one_that_waits_for_data(void **state)
{
    (void)state;
    command(0xd1);
    command(0xae);
    data(0x00); /* for the keyboard: not an output port that resets */
    assert_int_equal(f.resets, 0);
    expect(NAK);
}

static void keyboard_reset_answers_ack_and_passed(void **state)
{
    (void)state;
    data(0xff);
    expect(ACK);
    expect(0xaa);
    expect_nothing();
}

static void keyboard_identifies_itself(void **state)
{
    (void)state;
    write_command_byte(0x05);
    data(0xf2);
    expect(ACK);
    expect(0xab);
    expect(0x83);
}

static void identity_is_translated_as_on_hardware(void **state)
{
    (void)state;
    data(0xf2);
    expect(ACK);
    expect(0xab);
    expect(0x41);
}

static void simple_keyboard_commands_are_acknowledged(void **state)
{
    (void)state;
    for (unsigned value = 0xf4; value <= 0xfa; value++) {
        data((uint8_t)value);
        expect(ACK);
        expect_nothing();
    }
    data(0xee);
    expect(0xee);
    data(0xf1);
    expect(NAK);
}

static void commands_with_an_argument_acknowledge_twice(void **state)
{
    static const uint8_t value[] = {0xed, 0xf3, 0xf0};

    (void)state;
    for (unsigned i = 0; i < sizeof(value); i++) {
        data(value[i]);
        expect(ACK);
        data(0x02);
        expect(ACK);
        expect_nothing();
    }
}

static void scan_code_set_can_be_asked(void **state)
{
    (void)state;
    write_command_byte(0x05);
    data(0xf0);
    expect(ACK);
    data(0x00);
    expect(ACK);
    expect(0x02);
}

static void command_takes_the_place_of_an_argument(void **state)
{
    (void)state;
    data(0xed);
    expect(ACK);
    data(0xee);
    expect(0xee);
    data(0x00);
    expect(NAK);
}

static void resend_repeats_the_last_byte(void **state)
{
    (void)state;
    data(0xee);
    expect(0xee);
    data(0xfe);
    expect(0xee);
}

static void absent_keyboard_reads_as_timeout(void **state)
{
    (void)state;
    start_with(false);
    assert_int_equal(ask(0xaa), 0x55);
    data(0xff);
    assert_int_equal(status() & (OBF | TO | AUX), OBF | TO);
    assert_int_equal(read(), NAK);
    assert_int_equal(status() & TO, 0);
    expect_nothing();
    assert_false(i8042_scan(&f.kbc, 0x1c));
}

static void each_byte_is_an_edge_of_irq1(void **state)
{
    (void)state;
    data(0xff);
    assert_int_equal(f.irq.rises, 1);
    expect(ACK);
    assert_int_equal(f.irq.rises, 2);
    assert_true(f.irq.level);
    expect(0xaa);
    assert_false(f.irq.level);
}

static void interrupt_follows_its_enable(void **state)
{
    (void)state;
    write_command_byte(0x44);
    data(0xee);
    assert_false(f.irq.level);
    write_command_byte(0x45);
    assert_true(f.irq.level);
    expect(0xee);
}

static void disabled_keyboard_keeps_its_bytes(void **state)
{
    (void)state;
    command(0xad);
    assert_true(i8042_scan(&f.kbc, 0x1c));
    expect_nothing();
    command(0xae);
    expect(0x1e);
}

static void byte_for_the_keyboard_enables_its_interface(void **state)
{
    (void)state;
    command(0xad);
    data(0xee);
    expect(0xee);
    assert_int_equal(ask(0x20) & 0x10, 0);
}

static void controller_reply_comes_before_queued_keys(void **state)
{
    (void)state;
    command(0xad);
    assert_true(i8042_scan(&f.kbc, 0x1c));
    command(0x20);
    expect(0x75);
    command(0xae);
    expect(0x1e);
}

static void keys_are_translated_with_their_prefixes(void **state)
{
    static const uint8_t sent[] = {0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0x83};
    static const uint8_t seen[] = {0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8, 0x41};

    (void)state;
    for (unsigned i = 0; i < sizeof(sent); i++) {
        assert_true(i8042_scan(&f.kbc, sent[i]));
    }
    for (unsigned i = 0; i < sizeof(seen); i++) {
        expect(seen[i]);
    }
    expect_nothing();
}

static void keys_pass_untranslated_on_request(void **state)
{
    (void)state;
    write_command_byte(0x05);
    assert_true(i8042_scan(&f.kbc, 0xf0));
    assert_true(i8042_scan(&f.kbc, 0x1c));
    expect(0xf0);
    expect(0x1c);
}

static void disabled_scanning_refuses_keys(void **state)
{
    (void)state;
    data(0xf5);
    expect(ACK);
    assert_false(i8042_scan(&f.kbc, 0x1c));
    data(0xf4);
    expect(ACK);
    assert_true(i8042_scan(&f.kbc, 0x1c));
}

static void full_buffer_refuses_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < I8042_QUEUE + 1; i++) {
        assert_true(i8042_scan(&f.kbc, 0x1c)); /* the first is in the output buffer */
    }
    assert_false(i8042_scan(&f.kbc, 0x1c));
    data(0xee); /* the reply is dropped, nothing breaks */
    for (unsigned i = 0; i < I8042_QUEUE + 1; i++) {
        expect(0x1e);
    }
    expect_nothing();
}

static void auxiliary_port_is_seen_to_be_missing_at_once(void **state)
{
    (void)state;
    command(0xd3);
    data(0x5a);
    assert_int_equal(status() & (OBF | AUX), OBF);
    assert_int_equal(read(), 0x5a);
    assert_int_equal(ask(0xa9), 0x01);
    command(0xd4);
    data(0xff);
    assert_int_equal(status() & (OBF | AUX | TO), OBF | AUX | TO);
    assert_false(f.irq.level);
    assert_int_equal(read(), NAK);
}

static void keyboard_buffer_can_be_written(void **state)
{
    (void)state;
    command(0xd2);
    data(0x77);
    assert_true(f.irq.level);
    expect(0x77);
}

static void a20_by_the_output_port(void **state)
{
    (void)state;
    command(0xd1);
    data(0xdd);
    assert_false(i8042_a20(&f.kbc));
    assert_int_equal(ask(0xd0), 0xcd);
    command(0xd1);
    data(0xdf);
    assert_true(i8042_a20(&f.kbc));
    assert_int_equal(ask(0xd0), 0xcf);
    command(0xdd);
    assert_false(i8042_a20(&f.kbc));
    command(0xdf);
    assert_true(i8042_a20(&f.kbc));
    assert_int_equal(f.resets, 0);
}

static void output_port_shows_a_waiting_byte(void **state)
{
    (void)state;
    data(0xee);
    command(0xd0);
    expect(0xee);
    expect(0xd3);
}

static void a20_by_port_92(void **state)
{
    (void)state;
    command(0xdd);
    i8042_fast92_write(&f.kbc, 0, 1, 0x02, 0);
    assert_true(i8042_a20(&f.kbc));
    assert_int_equal(i8042_fast92_read(&f.kbc, 0, 1, 0), 0x02);
    i8042_fast92_write(&f.kbc, 0, 1, 0xfc, 0);
    assert_false(i8042_a20(&f.kbc));
    assert_int_equal(i8042_fast92_read(&f.kbc, 0, 1, 0), 0x00);
}

static void reset_by_pulse(void **state)
{
    (void)state;
    command(0xfe);
    assert_int_equal(f.resets, 1);
    command(0xf0);
    assert_int_equal(f.resets, 2);
    command(0xfd);
    assert_int_equal(f.resets, 2);
}

static void reset_by_output_port(void **state)
{
    (void)state;
    command(0xd1);
    data(0xfe);
    assert_int_equal(f.resets, 1);
}

static void reset_by_port_92_needs_a_rise(void **state)
{
    (void)state;
    i8042_fast92_write(&f.kbc, 0, 1, 0x01, 0);
    assert_int_equal(f.resets, 1);
    i8042_fast92_write(&f.kbc, 0, 1, 0x03, 0);
    assert_int_equal(f.resets, 1);
    i8042_fast92_write(&f.kbc, 0, 1, 0x00, 0);
    i8042_fast92_write(&f.kbc, 0, 1, 0x01, 0);
    assert_int_equal(f.resets, 2);
}

static void other_offsets_are_unclaimed(void **state)
{
    (void)state;
    i8042_data_write(&f.kbc, 1, 1, 0xee, 0);
    i8042_command_write(&f.kbc, 1, 1, 0xfe, 0);
    i8042_fast92_write(&f.kbc, 1, 1, 0x01, 0);
    expect_nothing();
    assert_int_equal(f.resets, 0);
    assert_int_equal(i8042_data_read(&f.kbc, 1, 1, 0), 0xff);
    assert_int_equal(i8042_command_read(&f.kbc, 0, 2, 0), 0xff00 | SYS | UNLOCKED);
    assert_true(i8042_fast92_read(&f.kbc, 0, 4, 0) == 0xffffff00);
}

static void self_test_leaves_the_other_status_bits(void **state)
{
    (void)state;
    assert_int_equal(ask(0xaa), 0x55);
    assert_int_equal(status(), CMD | SYS | UNLOCKED);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(power_on_is_as_a_bios_leaves_it),
        cmocka_unit_test(tests_pass),
        cmocka_unit_test(self_test_drops_a_byte_that_waits),
        cmocka_unit_test(command_byte_can_be_written_and_sets_the_system_flag),
        cmocka_unit_test(controller_memory_has_32_bytes),
        cmocka_unit_test(status_tells_command_from_data),
        cmocka_unit_test(interface_bits_follow_their_commands),
        cmocka_unit_test(unknown_command_is_ignored),
        cmocka_unit_test(new_command_cancels_one_that_waits_for_data),
        cmocka_unit_test(keyboard_reset_answers_ack_and_passed),
        cmocka_unit_test(keyboard_identifies_itself),
        cmocka_unit_test(identity_is_translated_as_on_hardware),
        cmocka_unit_test(simple_keyboard_commands_are_acknowledged),
        cmocka_unit_test(commands_with_an_argument_acknowledge_twice),
        cmocka_unit_test(scan_code_set_can_be_asked),
        cmocka_unit_test(command_takes_the_place_of_an_argument),
        cmocka_unit_test(resend_repeats_the_last_byte),
        cmocka_unit_test(absent_keyboard_reads_as_timeout),
        cmocka_unit_test(each_byte_is_an_edge_of_irq1),
        cmocka_unit_test(interrupt_follows_its_enable),
        cmocka_unit_test(disabled_keyboard_keeps_its_bytes),
        cmocka_unit_test(byte_for_the_keyboard_enables_its_interface),
        cmocka_unit_test(controller_reply_comes_before_queued_keys),
        cmocka_unit_test(keys_are_translated_with_their_prefixes),
        cmocka_unit_test(keys_pass_untranslated_on_request),
        cmocka_unit_test(disabled_scanning_refuses_keys),
        cmocka_unit_test(full_buffer_refuses_keys),
        cmocka_unit_test(auxiliary_port_is_seen_to_be_missing_at_once),
        cmocka_unit_test(keyboard_buffer_can_be_written),
        cmocka_unit_test(a20_by_the_output_port),
        cmocka_unit_test(output_port_shows_a_waiting_byte),
        cmocka_unit_test(a20_by_port_92),
        cmocka_unit_test(reset_by_pulse),
        cmocka_unit_test(reset_by_output_port),
        cmocka_unit_test(reset_by_port_92_needs_a_rise),
        cmocka_unit_test(other_offsets_are_unclaimed),
        cmocka_unit_test(self_test_leaves_the_other_status_bits),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
