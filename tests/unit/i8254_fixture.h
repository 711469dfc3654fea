/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the 8254 share. The TSC runs at the 8254's own rate here, so that times are
 * clocks.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/i8254.h"

enum { CONTROL = 3, GATE2 = 1, SPEAKER_DATA = 2, REFRESH = 0x10, OUT2 = 0x20 };

static struct {
    struct i8254 pit;
    struct wire irq;
} f;

static inline int start(void **state)
{
    (void)state;
    f.irq = (struct wire){.level = false};
    i8254_init(&f.pit, I8254_HZ, wire_line(&f.irq));
    return 0;
}

static inline void out(unsigned port, uint8_t value, uint64_t now)
{
    i8254_write(&f.pit, port, 1, value, now);
}

static inline uint8_t in(unsigned port, uint64_t now)
{
    return (uint8_t)i8254_read(&f.pit, port, 1, now);
}

static inline void gate2(bool level, uint64_t now)
{
    i8254_port61_write(&f.pit, 0, 1, level ? GATE2 : 0, now);
}

static inline bool out2(uint64_t now)
{
    return i8254_port61_read(&f.pit, 0, 1, now) & OUT2;
}

/* Control word for both bytes, then the count; loaded at now + 1. */
static inline void program(unsigned channel, unsigned mode, uint16_t count, uint64_t now)
{
    out(CONTROL, (uint8_t)(channel << 6 | 0x30 | mode << 1), now);
    out(channel, (uint8_t)count, now);
    out(channel, (uint8_t)(count >> 8), now);
}

static inline uint16_t read_both(unsigned channel, uint64_t now)
{
    const uint8_t low = in(channel, now);

    return (uint16_t)(in(channel, now) << 8 | low);
}

/* Advances to the deadline and returns it. */
static inline uint64_t next(void)
{
    const uint64_t deadline = i8254_deadline(&f.pit);

    i8254_advance(&f.pit, deadline);
    return deadline;
}
