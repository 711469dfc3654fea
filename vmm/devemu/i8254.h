/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 interval timer of a PC with system control port B (61h) around it.
 *
 * Models: three channels, modes 0-5, the three access modes, binary and BCD, counter latch,
 * read-back of count and status, null count, gate 2 and speaker bits, refresh toggle (channel 1's
 * output), OUT 2 in port 61h. OUT 0 is IRQ 0. Does not model: fractions of an 8254 clock, the sound
 * itself, NMI sources of port 61h (they read as quiet). Several periods that pass between two calls
 * give one edge, as for a CPU that kept interrupts off for so long. Datasheet: Intel 8254 (231164);
 * port 61h: 82371FB (PIIX) "NMI Status and Control Register".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    I8254_HZ = 1193182,
    I8254_PORT = 0x40, /* 4 ports: i8254_read/write */
    I8254_PORTS = 4,
    I8254_CHANNELS = 3,
    I8254_PORT61 = 0x61, /* 1 port: i8254_port61_read/write */
};

enum i8254_state {
    I8254_IDLE,   /* no count since the control word: the element holds, OUT has its first level */
    I8254_RUN,    /* counts since tick start */
    I8254_FROZEN, /* gate low: stopped after elapsed clocks */
};

/* Ticks are 8254 clocks since power-on. */
struct i8254_channel {
    uint64_t start;   /* RUN: tick of the load (of the present cycle of the wave, in mode 3) */
    uint64_t elapsed; /* FROZEN: clocks since the load */
    uint64_t load_at; /* tick at which the count register moves into the counting element */
    uint32_t n;       /* count in the counting element, 1 to 65536 */
    uint32_t held;    /* IDLE: what a read of the count shows */
    uint16_t cr;      /* count register as written */
    uint16_t output_latch;
    uint8_t status_latch;
    uint8_t first_byte; /* least significant byte, waiting for the other one */
    uint8_t control;    /* access, mode and BCD bits of the control word */
    enum i8254_state state;
    bool gate;
    bool written; /* a count has been written since the control word */
    bool null_count;
    bool write_msb;
    bool read_msb;
    bool count_latched;
    bool status_latched;
};

struct i8254 {
    struct i8254_channel channel[I8254_CHANNELS];
    struct irq_line irq0;
    uint64_t tsc_hz;
    uint64_t last; /* tick up to which the state is current */
    bool irq_level;
    uint8_t port61; /* the bits that software writes */
};

/*
 * Power-on: channel 0 and 2 idle in mode 0 (no interrupt until programmed), channel 1 making
 * refresh requests as a BIOS leaves it. tsc_hz: guest TSC ticks a second (see timescale.h for
 * limits). irq0 gets the level of OUT 0.
 */
void i8254_init(struct i8254 *pit, uint64_t tsc_hz, struct irq_line irq0);

/* Register access: offset 0-3 (counter 0-2, control word), size in bytes, split into bytes; now is
 * the guest TSC. */
uint32_t i8254_read(struct i8254 *pit, unsigned offset, unsigned size, uint64_t now);
void i8254_write(struct i8254 *pit, unsigned offset, unsigned size, uint32_t value, uint64_t now);

/* Port 61h: offset 0 only. */
uint32_t i8254_port61_read(struct i8254 *pit, unsigned offset, unsigned size, uint64_t now);
void i8254_port61_write(struct i8254 *pit, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now);

/* TSC at which i8254_advance() must be called next, UINT64_MAX while OUT 0 will not change by
 * itself. */
uint64_t i8254_deadline(const struct i8254 *pit);

/* Brings the outputs up to TSC value now. */
void i8254_advance(struct i8254 *pit, uint64_t now);
