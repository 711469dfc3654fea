/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller as far as a system without a keyboard needs it: status, self test,
 * command byte, tests of the ports, port 92h. Resetting the machine is left to the system tests.
 * IBM PC/AT Technical Reference, "Keyboard Controller".
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    DATA = 0x60,
    STATUS = 0x64,
    COMMAND = 0x64,
    PORT92 = 0x92,
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_INPUT_FULL = 0x02,
    STATUS_SYSTEM = 0x04,
    READ_COMMAND_BYTE = 0x20,
    WRITE_COMMAND_BYTE = 0x60,
    SELF_TEST = 0xAA,
    SELF_TEST_PASSED = 0x55,
    INTERFACE_TEST = 0xAB,
    DISABLE_KEYBOARD = 0xAD,
    ENABLE_KEYBOARD = 0xAE,
    READ_OUTPUT_PORT = 0xD0,
    OUTPUT_PORT_NO_RESET = 0x01,
    WRITE_OUTPUT_BUFFER = 0xD2,
    CB_INTERRUPT = 0x01,
    CB_SYSTEM = 0x04,
    CB_KEYBOARD_OFF = 0x10,
    CB_TRANSLATE = 0x40,
    PORT92_A20 = 0x02,
    PORT92_RESET = 0x01,
    WAIT_MS = 500
};

static volatile unsigned interrupts;
static volatile uint8_t byte_seen;

static void on_keyboard(struct trap_frame *frame)
{
    (void)frame;
    byte_seen = inb(DATA);
    interrupts++;
    pic_eoi(IRQ_KEYBOARD);
}

/* Waits until (status & mask) == value. */
static bool wait_status(uint8_t mask, uint8_t value)
{
    uint64_t start = rdtsc();

    while ((inb(STATUS) & mask) != value)
        if (rdtsc() - start > time_ticks(WAIT_MS * 1000))
            return false;
    return true;
}

static void command(uint8_t value)
{
    wait_status(STATUS_INPUT_FULL, 0);
    outb(COMMAND, value);
}

static void parameter(uint8_t value)
{
    wait_status(STATUS_INPUT_FULL, 0);
    outb(DATA, value);
}

static bool answer(uint8_t *value)
{
    if (!wait_status(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL))
        return false;
    *value = inb(DATA);
    return true;
}

/* The keyboard cannot speak, and nothing waits to be read. */
static void prepare(void)
{
    enum { MOST = 32 };

    command(DISABLE_KEYBOARD);
    wait_status(STATUS_INPUT_FULL, 0);
    for (unsigned i = 0; i < MOST && inb(STATUS) & STATUS_OUTPUT_FULL; i++)
        inb(DATA);
}

static void input_buffer_becomes_empty(void)
{
    expect(HERE, wait_status(STATUS_INPUT_FULL, 0), "status is 0x%x", inb(STATUS));
}

static void self_test_passes(void)
{
    uint8_t value = 0;

    prepare();
    command(SELF_TEST);
    expect(HERE, answer(&value), "no answer");
    expect_equal(HERE, "the answer", value, SELF_TEST_PASSED);
    expect(HERE, inb(STATUS) & STATUS_SYSTEM, "the system flag is clear");
}

static void interface_test_passes(void)
{
    uint8_t value = 0xFF;

    prepare();
    command(INTERFACE_TEST);
    expect(HERE, answer(&value), "no answer");
    expect_equal(HERE, "the answer", value, 0);
}

static void command_byte_reads_back(void)
{
    static const uint8_t values[] = {CB_SYSTEM | CB_KEYBOARD_OFF,
                                     CB_SYSTEM | CB_KEYBOARD_OFF | CB_TRANSLATE};

    for (unsigned i = 0; i < sizeof values; i++) {
        uint8_t value = 0;

        prepare();
        command(WRITE_COMMAND_BYTE);
        parameter(values[i]);
        command(READ_COMMAND_BYTE);
        expect(HERE, answer(&value), "no answer");
        expect_equal(HERE, "the command byte", value, values[i]);
    }
}

static void keyboard_commands_show_in_the_command_byte(void)
{
    uint8_t value = 0;

    prepare();
    command(READ_COMMAND_BYTE);
    expect(HERE, answer(&value), "no answer");
    expect(HERE, value & CB_KEYBOARD_OFF, "0x%x after ADh", value);
    command(ENABLE_KEYBOARD);
    command(READ_COMMAND_BYTE);
    expect(HERE, answer(&value), "no answer");
    expect(HERE, !(value & CB_KEYBOARD_OFF), "0x%x after AEh", value);
    prepare();
}

static void output_port_does_not_reset(void)
{
    uint8_t value = 0;

    prepare();
    command(READ_OUTPUT_PORT);
    expect(HERE, answer(&value), "no answer");
    expect(HERE, value & OUTPUT_PORT_NO_RESET, "bit 0 of 0x%x is clear", value);
}

static void full_output_buffer_interrupts(void)
{
    prepare();
    interrupts = 0;
    trap_handle(PIC_VECTOR + IRQ_KEYBOARD, on_keyboard);
    pic_open_only(IRQ_KEYBOARD);
    command(WRITE_COMMAND_BYTE);
    parameter(CB_SYSTEM | CB_INTERRUPT);
    command(WRITE_OUTPUT_BUFFER);
    parameter(0x3C);
    bool came = time_wait_for(&interrupts, 1, WAIT_MS);
    command(WRITE_COMMAND_BYTE);
    parameter(CB_SYSTEM | CB_KEYBOARD_OFF);
    expect(HERE, came, "no interrupt");
    expect_equal(HERE, "the byte", byte_seen, 0x3C);
    prepare();
}

static void port_92_keeps_a20(void)
{
    uint8_t before = inb(PORT92);

    expect(HERE, !(before & PORT92_RESET), "bit 0 is set");
    outb(PORT92, (uint8_t)(before | PORT92_A20));
    expect(HERE, inb(PORT92) & PORT92_A20, "A20 does not read back");
}

static const struct claim claims[] = {
    CLAIM(input_buffer_becomes_empty),
    CLAIM(self_test_passes),
    CLAIM(interface_test_passes),
    CLAIM(command_byte_reads_back),
    CLAIM(keyboard_commands_show_in_the_command_byte),
    CLAIM(output_port_does_not_reset),
    CLAIM(full_output_buffer_interrupts),
    CLAIM(port_92_keeps_a20),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
