/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one output of a device model that interrupts: a wire with a level. Who listens (an 8259A
 * input, an IOAPIC pin, a test) is injected when the device is initialised, so that a model never
 * knows its interrupt controller.
 */
#pragma once

#include <stdbool.h>

struct irq_line {
    void (*set)(void *ctx, unsigned line, bool level); /* NULL: the wire is not connected */
    void *ctx;
    unsigned line;
};

/* Drives the wire to level (true: asserted). Repeating a level is allowed and means nothing. */
static inline void irq_set(const struct irq_line *l, bool level)
{
    if (l->set) {
        l->set(l->ctx, l->line, level);
    }
}
