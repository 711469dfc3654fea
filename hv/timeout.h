/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timeouts of a CPU: ordered by TSC, fired by the timer interrupt. Only their own CPU touches them.
 */
#pragma once

#include "hv/avl.h"
#include "hv/types.h"

struct cpu;

struct timeout {
    struct avl_node node; /* key: TSC */
    void (*fire)(struct timeout *);
    bool queued;
};

/* (Re)arm t on this CPU for `tsc`. */
void timeout_set(struct cpu *cpu, struct timeout *t, uint64_t tsc);
void timeout_cancel(struct cpu *cpu, struct timeout *t);

/* Fire all that are due at `now`. */
void timeout_run(struct cpu *cpu, uint64_t now);

/* Program the timer for the first timeout or the end of the current budget, whichever is earlier.
 */
void timeout_program(struct cpu *cpu);
