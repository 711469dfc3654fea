/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8042 and keyboard: see i8042.h for what is modelled. Bytes for the host come from two sources,
 * the controller and the keyboard; refill() moves the next one into the output buffer when it is
 * free, replies of the controller first.
 */
#include "vmm/devemu/i8042.h"

#include <string.h>

enum {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20,
    STATUS_TIMEOUT = 0x40,

    COMMAND_BYTE = 0,
    COMMAND_BYTE_IRQ1 = 0x01,
    COMMAND_BYTE_SYSTEM = 0x04,
    COMMAND_BYTE_DISABLE = 0x10,
    COMMAND_BYTE_DISABLE_AUX = 0x20,
    COMMAND_BYTE_TRANSLATE = 0x40,

    CTL_READ_RAM = 0x20,
    CTL_READ_RAM_END = 0x3f,
    CTL_WRITE_RAM = 0x60,
    CTL_WRITE_RAM_END = 0x7f,
    CTL_RAM_MASK = 0x1f,
    CTL_TEST_PASSWORD = 0xa4,
    CTL_DISABLE_AUX = 0xa7,
    CTL_ENABLE_AUX = 0xa8,
    CTL_TEST_AUX = 0xa9,
    CTL_SELF_TEST = 0xaa,
    CTL_TEST_KEYBOARD = 0xab,
    CTL_DISABLE_KEYBOARD = 0xad,
    CTL_ENABLE_KEYBOARD = 0xae,
    CTL_READ_INPUT_PORT = 0xc0,
    CTL_READ_OUTPUT_PORT = 0xd0,
    CTL_WRITE_OUTPUT_PORT = 0xd1,
    CTL_WRITE_KEYBOARD_BUFFER = 0xd2,
    CTL_WRITE_AUX_BUFFER = 0xd3,
    CTL_WRITE_AUX = 0xd4,
    CTL_DISABLE_A20 = 0xdd,
    CTL_ENABLE_A20 = 0xdf,
    CTL_TEST_INPUTS = 0xe0,
    CTL_PULSE = 0xf0,

    SELF_TEST_PASSED = 0x55,
    INTERFACE_GOOD = 0x00,
    INTERFACE_CLOCK_LOW = 0x01, /* what a missing auxiliary port looks like */
    NO_PASSWORD = 0xf1,
    INPUT_PORT = 0xb0, /* not locked, colour display, manufacturing jumper out */
    OUTPUT_PORT_RUN = 0x01,
    OUTPUT_PORT_A20 = 0x02,
    OUTPUT_PORT_IRQ1 = 0x10,
    OUTPUT_PORT_LINES = 0xc0, /* keyboard clock and data, high when idle */

    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCAN_CODE_SET = 0xf0,
    KBD_IDENTIFY = 0xf2,
    KBD_TYPEMATIC = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULTS = 0xf6,
    KBD_ALL_KEYS_FIRST = 0xf7,
    KBD_ALL_KEYS_LAST = 0xfa,
    KBD_RESEND = 0xfe,
    KBD_RESET = 0xff,
    KBD_ACK = 0xfa,
    KBD_NAK = 0xfe,
    KBD_PASSED = 0xaa,
    KBD_ID_FIRST = 0xab,
    KBD_ID_SECOND = 0x83,
    KBD_SET_2 = 0x02,
    SCAN_BREAK = 0xf0,
    TRANSLATED_BREAK = 0x80,

    PORT92_RESET = 0x01,
    PORT92_A20 = 0x02,
    BITS_PER_BYTE = 8,
};

/* Scan code set 2 to set 1, as in the 8042's ROM (Technical Reference, "Keyboard Scan Codes"). */
static const uint8_t set1[] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29,
    0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11,
    0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14,
    0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24,
    0x16, 0x08, 0x09, 0x5f, 0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35,
    0x26, 0x27, 0x19, 0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36,
    0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c,
    0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
    0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, 0x80, 0x81, 0x82, 0x41, 0x54,
};

static bool command_bit(const struct i8042 *kbc, uint8_t bit)
{
    return kbc->ram[COMMAND_BYTE] & bit;
}

static void drive_irq(struct i8042 *kbc)
{
    const bool level = kbc->output_full && !(kbc->output_flags & STATUS_AUX) &&
                       command_bit(kbc, COMMAND_BYTE_IRQ1);

    if (level != kbc->irq_level) {
        kbc->irq_level = level;
        irq_set(&kbc->irq1, level);
    }
}

static void fill_output(struct i8042 *kbc, uint8_t byte, uint8_t flags)
{
    kbc->output = byte;
    kbc->output_flags = flags;
    kbc->output_full = true;
}

/* Translates in place; false if the byte is the break prefix, which set 1 does not have. */
static bool translate(struct i8042 *kbc, uint8_t *byte)
{
    if (*byte == SCAN_BREAK) {
        kbc->break_prefix = true;
        return false;
    }
    if (*byte < sizeof(set1)) {
        *byte = set1[*byte];
    }
    if (kbc->break_prefix) {
        *byte |= TRANSLATED_BREAK;
        kbc->break_prefix = false;
    }
    return true;
}

static void refill(struct i8042 *kbc)
{
    if (!kbc->output_full && kbc->reply_full) {
        kbc->reply_full = false;
        fill_output(kbc, kbc->reply, kbc->reply_flags);
    }
    while (!kbc->output_full && kbc->queue.count != 0 && !command_bit(kbc, COMMAND_BYTE_DISABLE)) {
        uint8_t byte = kbc->queue.byte[kbc->queue.first];

        kbc->queue.first = (kbc->queue.first + 1) % I8042_QUEUE;
        kbc->queue.count--;
        if (!command_bit(kbc, COMMAND_BYTE_TRANSLATE) || translate(kbc, &byte)) {
            fill_output(kbc, byte, 0);
        }
    }
    drive_irq(kbc);
}

static void reply(struct i8042 *kbc, uint8_t byte, uint8_t flags)
{
    kbc->reply = byte;
    kbc->reply_flags = flags;
    kbc->reply_full = true;
}

/* A keyboard whose buffer is full drops what does not fit. */
static void keyboard_send(struct i8042 *kbc, uint8_t byte)
{
    struct i8042_queue *q = &kbc->queue;

    if (q->count < I8042_QUEUE) {
        q->byte[(q->first + q->count) % I8042_QUEUE] = byte;
        q->count++;
    }
    kbc->last_sent = byte;
}

static void keyboard_defaults(struct i8042 *kbc, bool scanning)
{
    kbc->scanning = scanning;
    kbc->queue.count = 0;
    kbc->break_prefix = false;
}

/* The argument of the command that came before; any value is accepted. */
static void keyboard_argument(struct i8042 *kbc, uint8_t value)
{
    const bool asks_for_set = kbc->keyboard_command == KBD_SCAN_CODE_SET && value == 0;

    kbc->keyboard_command = 0;
    keyboard_send(kbc, KBD_ACK);
    if (asks_for_set) {
        keyboard_send(kbc, KBD_SET_2);
    }
}

static void keyboard_command(struct i8042 *kbc, uint8_t value)
{
    switch (value) {
    case KBD_SET_LEDS:
    case KBD_SCAN_CODE_SET:
    case KBD_TYPEMATIC:
        kbc->keyboard_command = value;
        keyboard_send(kbc, KBD_ACK);
        break;
    case KBD_ECHO:
        keyboard_send(kbc, KBD_ECHO);
        break;
    case KBD_IDENTIFY:
        keyboard_send(kbc, KBD_ACK);
        keyboard_send(kbc, KBD_ID_FIRST);
        keyboard_send(kbc, KBD_ID_SECOND);
        break;
    case KBD_ENABLE:
    case KBD_DISABLE:
    case KBD_DEFAULTS:
        keyboard_defaults(kbc, value == KBD_ENABLE || (value == KBD_DEFAULTS && kbc->scanning));
        keyboard_send(kbc, KBD_ACK);
        break;
    case KBD_RESEND:
        keyboard_send(kbc, kbc->last_sent);
        break;
    case KBD_RESET:
        keyboard_defaults(kbc, true);
        keyboard_send(kbc, KBD_ACK);
        keyboard_send(kbc, KBD_PASSED);
        break;
    default:
        /* F7h to FAh set all keys of set 3: accepted without effect in set 2. */
        keyboard_send(kbc, value >= KBD_ALL_KEYS_FIRST && value <= KBD_ALL_KEYS_LAST ? KBD_ACK
                                                                                     : KBD_NAK);
        break;
    }
}

/* A command may come where an argument is expected: it takes its place. */
static void keyboard_receive(struct i8042 *kbc, uint8_t value)
{
    /* "A byte for the keyboard enables its interface." */
    kbc->ram[COMMAND_BYTE] &= (uint8_t)~COMMAND_BYTE_DISABLE;
    if (!kbc->keyboard_present) {
        reply(kbc, KBD_NAK, STATUS_TIMEOUT);
    } else if (kbc->keyboard_command != 0 && value < KBD_SET_LEDS) {
        keyboard_argument(kbc, value);
    } else {
        kbc->keyboard_command = 0;
        keyboard_command(kbc, value);
    }
}

static void set_output_port(struct i8042 *kbc, uint8_t value)
{
    kbc->output_port = value | OUTPUT_PORT_RUN;
    if (!(value & OUTPUT_PORT_RUN)) {
        kbc->reset.reset(kbc->reset.ctx);
    }
}

static uint8_t read_output_port(const struct i8042 *kbc)
{
    const uint8_t stored = kbc->output_port & (uint8_t)~OUTPUT_PORT_IRQ1;

    return stored | (kbc->output_full ? OUTPUT_PORT_IRQ1 : 0);
}

static void set_command_bit(struct i8042 *kbc, uint8_t bit, bool value)
{
    if (value) {
        kbc->ram[COMMAND_BYTE] |= bit;
    } else {
        kbc->ram[COMMAND_BYTE] &= (uint8_t)~bit;
    }
}

static void self_test(struct i8042 *kbc)
{
    kbc->output_full = false;
    kbc->status |= STATUS_SYSTEM;
    set_command_bit(kbc, COMMAND_BYTE_SYSTEM, true);
    reply(kbc, SELF_TEST_PASSED, 0);
}

/* Commands that neither read nor write the controller's memory nor pulse its output port. */
static void simple_command(struct i8042 *kbc, uint8_t value)
{
    switch (value) {
    case CTL_TEST_PASSWORD:
        reply(kbc, NO_PASSWORD, 0);
        break;
    case CTL_DISABLE_AUX:
    case CTL_ENABLE_AUX:
        set_command_bit(kbc, COMMAND_BYTE_DISABLE_AUX, value == CTL_DISABLE_AUX);
        break;
    case CTL_TEST_AUX:
        reply(kbc, INTERFACE_CLOCK_LOW, 0);
        break;
    case CTL_SELF_TEST:
        self_test(kbc);
        break;
    case CTL_TEST_KEYBOARD:
        reply(kbc, INTERFACE_GOOD, 0);
        break;
    case CTL_DISABLE_KEYBOARD:
    case CTL_ENABLE_KEYBOARD:
        set_command_bit(kbc, COMMAND_BYTE_DISABLE, value == CTL_DISABLE_KEYBOARD);
        break;
    case CTL_READ_INPUT_PORT:
        reply(kbc, INPUT_PORT, 0);
        break;
    case CTL_READ_OUTPUT_PORT:
        reply(kbc, read_output_port(kbc), 0);
        break;
    case CTL_DISABLE_A20:
    case CTL_ENABLE_A20:
        kbc->output_port &= (uint8_t)~OUTPUT_PORT_A20;
        kbc->output_port |= value == CTL_ENABLE_A20 ? OUTPUT_PORT_A20 : 0;
        break;
    case CTL_TEST_INPUTS:
        reply(kbc, 0, 0);
        break;
    case CTL_WRITE_OUTPUT_PORT:
    case CTL_WRITE_KEYBOARD_BUFFER:
    case CTL_WRITE_AUX_BUFFER:
    case CTL_WRITE_AUX:
        kbc->command = value;
        break;
    default:
        break;
    }
}

static void controller_command(struct i8042 *kbc, uint8_t value)
{
    kbc->command = 0;
    if (value >= CTL_READ_RAM && value <= CTL_READ_RAM_END) {
        reply(kbc, kbc->ram[value & CTL_RAM_MASK], 0);
    } else if (value >= CTL_WRITE_RAM && value <= CTL_WRITE_RAM_END) {
        kbc->command = value;
    } else if (value < CTL_PULSE) {
        simple_command(kbc, value);
    } else if (!(value & OUTPUT_PORT_RUN)) {
        kbc->reset.reset(kbc->reset.ctx);
    }
}

static void write_ram(struct i8042 *kbc, unsigned index, uint8_t value)
{
    kbc->ram[index] = value;
    if (index == COMMAND_BYTE) {
        kbc->status &= (uint8_t)~STATUS_SYSTEM;
        kbc->status |= value & COMMAND_BYTE_SYSTEM;
    }
}

/* The data byte of a controller command, or a byte for the keyboard. */
static void data_byte(struct i8042 *kbc, uint8_t value)
{
    const uint8_t command = kbc->command;

    kbc->command = 0;
    switch (command) {
    case 0:
        keyboard_receive(kbc, value);
        break;
    case CTL_WRITE_OUTPUT_PORT:
        set_output_port(kbc, value);
        break;
    case CTL_WRITE_KEYBOARD_BUFFER:
    case CTL_WRITE_AUX_BUFFER:
        /* Without an auxiliary port the byte comes back as the keyboard's, which tells the host so.
         */
        reply(kbc, value, 0);
        break;
    case CTL_WRITE_AUX:
        reply(kbc, KBD_NAK, STATUS_AUX | STATUS_TIMEOUT);
        break;
    default:
        write_ram(kbc, command & CTL_RAM_MASK, value);
        break;
    }
}

void i8042_init(struct i8042 *kbc, bool keyboard_present, struct i8042_reset reset,
                struct irq_line irq1)
{
    memset(kbc, 0, sizeof(*kbc));
    kbc->irq1 = irq1;
    kbc->reset = reset;
    kbc->keyboard_present = keyboard_present;
    kbc->scanning = true;
    kbc->status = STATUS_SYSTEM;
    kbc->output_port = OUTPUT_PORT_RUN | OUTPUT_PORT_A20 | OUTPUT_PORT_LINES;
    kbc->ram[COMMAND_BYTE] =
        COMMAND_BYTE_IRQ1 | COMMAND_BYTE_SYSTEM | COMMAND_BYTE_DISABLE_AUX | COMMAND_BYTE_TRANSLATE;
}

/* A byte at offset 0, all ones in what a wider access covers beyond it. */
static uint32_t widen(uint8_t byte, unsigned size)
{
    const uint32_t ones = UINT32_MAX >> (32 - BITS_PER_BYTE * size);

    return (ones & ~(uint32_t)UINT8_MAX) | byte;
}

uint32_t i8042_data_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    if (offset != 0) {
        return widen(UINT8_MAX, size);
    }
    const uint8_t byte = kbc->output;

    kbc->output_full = false;
    drive_irq(kbc); /* low before the next byte raises it: the interrupt is edge-triggered */
    refill(kbc);
    return widen(byte, size);
}

void i8042_data_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now)
{
    (void)size;
    (void)now;
    if (offset == 0) {
        kbc->status &= (uint8_t)~STATUS_COMMAND;
        data_byte(kbc, (uint8_t)value);
        refill(kbc);
    }
}

uint32_t i8042_command_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    if (offset != 0) {
        return widen(UINT8_MAX, size);
    }
    const uint8_t full = kbc->output_full ? STATUS_OUTPUT_FULL | kbc->output_flags : 0;

    return widen(kbc->status | STATUS_UNLOCKED | full, size);
}

void i8042_command_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now)
{
    (void)size;
    (void)now;
    if (offset == 0) {
        kbc->status |= STATUS_COMMAND;
        controller_command(kbc, (uint8_t)value);
        refill(kbc);
    }
}

uint32_t i8042_fast92_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    return widen(offset == 0 ? kbc->port92 : UINT8_MAX, size);
}

void i8042_fast92_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now)
{
    const bool resets = (value & PORT92_RESET) && !(kbc->port92 & PORT92_RESET);

    (void)size;
    (void)now;
    if (offset == 0) {
        kbc->port92 = value & (PORT92_RESET | PORT92_A20);
        if (resets) {
            kbc->reset.reset(kbc->reset.ctx);
        }
    }
}

bool i8042_scan(struct i8042 *kbc, uint8_t byte)
{
    if (!kbc->keyboard_present || !kbc->scanning || kbc->queue.count == I8042_QUEUE) {
        return false;
    }
    keyboard_send(kbc, byte);
    refill(kbc);
    return true;
}

bool i8042_a20(const struct i8042 *kbc)
{
    return (kbc->output_port & OUTPUT_PORT_A20) || (kbc->port92 & PORT92_A20);
}
