/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of a device's interrupt line in a unit test: remembers the level and counts the
 * rising edges.
 */
#pragma once

#include <stdbool.h>

#include "vmm/devemu/irq.h"

struct wire {
    bool level;
    unsigned rises;
};

static inline void wire_set(void *ctx, unsigned line, bool level)
{
    struct wire *w = ctx;

    (void)line;
    w->rises += level && !w->level;
    w->level = level;
}

static inline struct irq_line wire_line(struct wire *w)
{
    return (struct irq_line){.set = wire_set, .ctx = w, .line = 0};
}
