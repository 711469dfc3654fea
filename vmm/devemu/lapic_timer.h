/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of a local APIC: one-shot, periodic and TSC deadline.
 *
 * Models: the count-down at bus_hz / divide, derived without rounding error from the TSC at which
 * counting began; the deadline in TSC ticks; the disarming that a change to or from TSC-deadline
 * mode brings. Does not model: the LVT entry (vector, mask), which belongs to lapic.c. Manual:
 * Intel SDM volume 3, "APIC Timer" and "TSC-Deadline Mode".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_TIMER_NEVER UINT64_MAX

enum lapic_timer_mode {
    LAPIC_TIMER_ONE_SHOT = 0,
    LAPIC_TIMER_PERIODIC = 1,
    LAPIC_TIMER_TSC_DEADLINE = 2,
    LAPIC_TIMER_RESERVED = 3, /* never counts, never expires */
};

/* All fields are private to lapic_timer.c. */
struct lapic_timer {
    uint64_t tsc_hz;
    uint64_t bus_hz;
    uint64_t scale; /* tsc_hz * divide: TSC ticks in bus_hz counts */
    uint64_t epoch; /* TSC at which the counting began */
    uint64_t next;  /* counts from the epoch to the next expiry; LAPIC_TIMER_NEVER: not counting */
    uint64_t deadline; /* TSC of the next expiry; LAPIC_TIMER_NEVER: none */
    uint32_t initial;  /* initial-count register */
    enum lapic_timer_mode mode;
};

/* Both frequencies in Hz, greater than 0, tsc_hz below 2^57. They are independent of each other. */
void lapic_timer_init(struct lapic_timer *t, uint64_t tsc_hz, uint64_t bus_hz);

/* The state after power-up and INIT: one-shot, stopped, divide by 2. */
void lapic_timer_reset(struct lapic_timer *t);

/* The caller has advanced the timer to now before each of the following. */

/* A switch between one-shot and periodic lets the count go on; one to or from TSC-deadline mode
 * disarms. */
void lapic_timer_set_mode(struct lapic_timer *t, enum lapic_timer_mode mode);

/* Starts the count at now; 0 stops it. Ignored in TSC-deadline mode. */
void lapic_timer_set_initial(struct lapic_timer *t, uint32_t count, uint64_t now);

/* dcr: divide configuration register, bits 3, 1 and 0. A running count goes on from its value at
 * the new rate. */
void lapic_timer_set_divide(struct lapic_timer *t, uint32_t dcr, uint64_t now);

/* IA32_TSC_DEADLINE: write (0 disarms, ignored outside TSC-deadline mode) and read (0 when
 * disarmed). */
void lapic_timer_set_tsc_deadline(struct lapic_timer *t, uint64_t tsc);
uint64_t lapic_timer_tsc_deadline(const struct lapic_timer *t);

/* The current-count register; 0 when not counting and in TSC-deadline mode. */
uint32_t lapic_timer_count(const struct lapic_timer *t, uint64_t now);

/* True when the timer has expired since it was last advanced; several periods missed count as one.
 */
bool lapic_timer_advance(struct lapic_timer *t, uint64_t now);
