/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two cascaded 8259A interrupt controllers of a PC with their edge/level control registers.
 *
 * Models: ICW1-4, OCW1-3, fully nested and special fully nested mode, automatic EOI, both
 * rotations, special mask, poll, default IR7, an edge request that is withdrawn when its input
 * falls (the cascade follows at once: what a slave withdraws before the acknowledge ends as IR7 of
 * the master), ELCR. Does not model: 8080 mode (ICW4.uPM clear is taken as 8086 mode), buffered
 * mode, the LTIM bit (as in PC chip sets, ELCR replaces it), slaves other than the one on IR2 (ICW3
 * is accepted and fixed). Datasheet: Intel 8259A (231468); ELCR: 82371FB (PIIX) "Edge/Level Control
 * Registers".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    I8259_MASTER_PORT = 0x20, /* 2 ports: i8259_master_read/write */
    I8259_SLAVE_PORT = 0xa0,  /* 2 ports: i8259_slave_read/write */
    I8259_ELCR_PORT = 0x4d0,  /* 2 ports: i8259_elcr_read/write */
    I8259_PORTS = 2,
    I8259_INPUTS = 16,
};

/* Which word a write to the odd port is. */
enum i8259_init { I8259_READY, I8259_EXPECT_ICW2, I8259_EXPECT_ICW3, I8259_EXPECT_ICW4 };

struct i8259_chip {
    uint8_t irr;    /* interrupt request register */
    uint8_t isr;    /* in-service register */
    uint8_t imr;    /* interrupt mask register */
    uint8_t inputs; /* levels of IR0-IR7 */
    uint8_t elcr;   /* inputs that are level-triggered */
    uint8_t vector; /* T7-T3 of ICW2 */
    uint8_t lowest; /* the IR that has the lowest priority */
    uint8_t slaves; /* inputs with a slave: IR2 for the master */
    enum i8259_init init;
    bool single; /* ICW1.SNGL */
    bool expect_icw4;
    bool auto_eoi;
    bool rotate_on_auto_eoi;
    bool special_mask;
    bool special_fully_nested;
    bool read_isr; /* OCW3.RIS: the even port shows ISR instead of IRR */
    bool poll;     /* OCW3.P: the next read is an acknowledge */
};

struct i8259 {
    struct i8259_chip master;
    struct i8259_chip slave;
    struct irq_line intr;
    bool intr_level;
};

/*
 * Puts both chips into the state after power-on: no request, everything masked, vectors 0 (master)
 * and 8 (slave) until ICW2 comes. intr is driven whenever the INTR output changes; it must not call
 * back into the pair.
 */
void i8259_init(struct i8259 *pic, struct irq_line intr);

/* Level of input irq (0-15). Input 2 is taken by the cascade; it and numbers beyond 15 are ignored.
 */
void i8259_set(struct i8259 *pic, unsigned irq, bool level);

/* Level of the master's INT output: the CPU's INTR. */
bool i8259_pending(const struct i8259 *pic);

/*
 * The CPU's interrupt-acknowledge cycle: returns the vector and moves the request into service.
 * Without a request it answers with the vector of IR7 and leaves ISR alone ("default IR7").
 */
uint8_t i8259_ack(struct i8259 *pic);

/*
 * Register access; offset is relative to the base port, size is 1, 2 or 4 bytes and is split into
 * bytes. Bytes beyond the two ports read all ones and are ignored. now (TSC) is not used: the chips
 * have no clock.
 */
uint32_t i8259_master_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now);
void i8259_master_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now);
uint32_t i8259_slave_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now);
void i8259_slave_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                       uint64_t now);
uint32_t i8259_elcr_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now);
void i8259_elcr_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now);
