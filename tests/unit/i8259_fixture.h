/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the 8259A pair share: a pair that is initialized as PCs do it, with the wire to
 * the CPU, and short names for its ports.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/i8259.h"

enum { COMMAND, DATA };
enum { MASTER_BASE = 0x20, SLAVE_BASE = 0x28 };

static struct {
    struct i8259 pic;
    struct wire intr;
} f;

static inline void master(unsigned port, uint8_t value)
{
    i8259_master_write(&f.pic, port, 1, value, 0);
}

static inline void slave(unsigned port, uint8_t value)
{
    i8259_slave_write(&f.pic, port, 1, value, 0);
}

static inline void init_master(uint8_t icw4)
{
    master(COMMAND, 0x11);
    master(DATA, MASTER_BASE);
    master(DATA, 0x04);
    master(DATA, icw4);
}

static inline void init_slave(uint8_t icw4)
{
    slave(COMMAND, 0x11);
    slave(DATA, SLAVE_BASE);
    slave(DATA, 0x02);
    slave(DATA, icw4);
}

static inline int start(void **state)
{
    (void)state;
    f.intr = (struct wire){.level = false};
    i8259_init(&f.pic, wire_line(&f.intr));
    init_master(0x01);
    init_slave(0x01);
    return 0;
}

static inline uint8_t master_isr(void)
{
    master(COMMAND, 0x0b);
    return (uint8_t)i8259_master_read(&f.pic, COMMAND, 1, 0);
}

static inline uint8_t master_irr(void)
{
    master(COMMAND, 0x0a);
    return (uint8_t)i8259_master_read(&f.pic, COMMAND, 1, 0);
}

static inline uint8_t slave_isr(void)
{
    slave(COMMAND, 0x0b);
    return (uint8_t)i8259_slave_read(&f.pic, COMMAND, 1, 0);
}

static inline uint8_t slave_irr(void)
{
    slave(COMMAND, 0x0a);
    return (uint8_t)i8259_slave_read(&f.pic, COMMAND, 1, 0);
}

static inline void pulse(unsigned irq)
{
    i8259_set(&f.pic, irq, false);
    i8259_set(&f.pic, irq, true);
}
