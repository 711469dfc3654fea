/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller of a PC/AT, a keyboard that answers its host, and fast A20/reset at
 * port 92h.
 *
 * Models: controller memory and command byte, self test, interface test, input and output port,
 * system reset by output port or pulse, A20 bits, translation to scan code set 1, a PS/2 keyboard's
 * replies or, without a keyboard, the controller's time-out report. There is no auxiliary (mouse)
 * port; its test says so at once. Does not model: masking of address line 20 (only the bits can be
 * read back), scan code sets 1 and 3, key repeat, the time that a byte takes on the cable.
 * Datasheet: IBM PC/AT Technical Reference, "Keyboard Controller"; IBM PS/2 keyboard; 82371FB
 * (PIIX) "Port 92".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    I8042_DATA_PORT = 0x60,    /* 1 port: i8042_data_read/write */
    I8042_COMMAND_PORT = 0x64, /* 1 port: i8042_command_read/write */
    I8042_FAST92_PORT = 0x92,  /* 1 port: i8042_fast92_read/write */
    I8042_KEYBOARD_IRQ = 1,
    I8042_RAM = 32,
    I8042_QUEUE = 16,
};

/* Called when the guest resets its machine; the call may return, the model stays usable. */
struct i8042_reset {
    void (*reset)(void *ctx);
    void *ctx;
};

struct i8042_queue {
    uint8_t byte[I8042_QUEUE];
    unsigned first;
    unsigned count;
};

struct i8042 {
    struct irq_line irq1;
    struct i8042_reset reset;
    bool keyboard_present;
    bool irq_level;
    bool output_full;
    bool reply_full;
    uint8_t output; /* output buffer, and the status bits that describe it */
    uint8_t output_flags;
    uint8_t reply; /* what the controller says as soon as the output buffer is free */
    uint8_t reply_flags;
    uint8_t status; /* SYS and command/data */
    uint8_t output_port;
    uint8_t port92;
    uint8_t command;          /* controller command that waits for its data byte, or 0 */
    uint8_t keyboard_command; /* keyboard command that waits for its argument, or 0 */
    uint8_t last_sent;        /* by the keyboard, for "resend" */
    bool scanning;
    bool break_prefix;        /* the translation has swallowed F0h */
    uint8_t ram[I8042_RAM];   /* byte 0 is the command byte */
    struct i8042_queue queue; /* from the keyboard, untranslated */
};

/* Power-on, self test passed, A20 enabled, as a BIOS leaves it. irq1 is driven while a byte waits
 * and is enabled. */
void i8042_init(struct i8042 *kbc, bool keyboard_present, struct i8042_reset reset,
                struct irq_line irq1);

/* Data port 60h: offset 0 only. now (TSC) is not used: the controller answers at once. */
uint32_t i8042_data_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now);
void i8042_data_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now);

/* Port 64h, status when read and command when written: offset 0 only. */
uint32_t i8042_command_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now);
void i8042_command_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now);

/* Port 92h, bit 0 fast reset on its rise, bit 1 fast A20: offset 0 only. */
uint32_t i8042_fast92_read(struct i8042 *kbc, unsigned offset, unsigned size, uint64_t now);
void i8042_fast92_write(struct i8042 *kbc, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now);

/* The keyboard sends a byte of scan code set 2. False: no keyboard, scanning is off, or its buffer
 * is full. */
bool i8042_scan(struct i8042 *kbc, uint8_t byte);

/* Whether address line 20 is let through by either of its two switches. */
bool i8042_a20(const struct i8042 *kbc);
