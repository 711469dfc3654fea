/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of a local APIC.
 *
 * Every instant is computed from the epoch in 128 bits: the expiry is the first TSC tick at which
 * the count has been reached, so that a periodic timer never drifts, whatever the ratio of the two
 * frequencies. The next expiry is kept as a TSC value too, so that advancing a timer that has not
 * expired costs one comparison.
 */
#include "vmm/devemu/lapic_timer.h"

typedef unsigned __int128 wide_t;

/* Divide configuration register: bits 3, 1, 0 hold n; the divisor is 2^(n + 1), and 1 for n = 7. */
#define DIVIDE_LOW_BITS   0x3U
#define DIVIDE_HIGH_BIT   0x8U
#define DIVIDE_HIGH_SHIFT 1
#define DIVIDE_CODES_MASK 7U

static uint32_t divisor(uint32_t dcr)
{
    uint32_t code = (dcr & DIVIDE_LOW_BITS) | ((dcr & DIVIDE_HIGH_BIT) >> DIVIDE_HIGH_SHIFT);

    return UINT32_C(1) << ((code + 1) & DIVIDE_CODES_MASK);
}

static uint64_t counts_since_epoch(const struct lapic_timer *t, uint64_t now)
{
    if (now <= t->epoch)
        return 0;
    return (uint64_t)((wide_t)(now - t->epoch) * t->bus_hz / t->scale);
}

static uint64_t tsc_of_count(const struct lapic_timer *t, uint64_t count)
{
    wide_t tsc = ((wide_t)count * t->scale + t->bus_hz - 1) / t->bus_hz + t->epoch;

    return tsc < LAPIC_TIMER_NEVER ? (uint64_t)tsc : LAPIC_TIMER_NEVER;
}

static void stop(struct lapic_timer *t)
{
    t->next = LAPIC_TIMER_NEVER;
    t->deadline = LAPIC_TIMER_NEVER;
}

static void start(struct lapic_timer *t, uint32_t count, uint64_t now)
{
    t->epoch = now;
    t->next = count;
    t->deadline = tsc_of_count(t, t->next);
}

static bool counts_down(enum lapic_timer_mode mode)
{
    return mode == LAPIC_TIMER_ONE_SHOT || mode == LAPIC_TIMER_PERIODIC;
}

void lapic_timer_init(struct lapic_timer *t, uint64_t tsc_hz, uint64_t bus_hz)
{
    t->tsc_hz = tsc_hz;
    t->bus_hz = bus_hz;
    t->epoch = 0;
    lapic_timer_reset(t);
}

void lapic_timer_reset(struct lapic_timer *t)
{
    t->scale = t->tsc_hz * divisor(0);
    t->initial = 0;
    t->mode = LAPIC_TIMER_ONE_SHOT;
    stop(t);
}

void lapic_timer_set_mode(struct lapic_timer *t, enum lapic_timer_mode mode)
{
    if (mode == t->mode)
        return;
    if (!counts_down(mode) || !counts_down(t->mode)) {
        t->initial = 0;
        stop(t);
    }
    t->mode = mode;
}

void lapic_timer_set_initial(struct lapic_timer *t, uint32_t count, uint64_t now)
{
    if (!counts_down(t->mode))
        return;
    t->initial = count;
    if (count == 0)
        stop(t);
    else
        start(t, count, now);
}

void lapic_timer_set_divide(struct lapic_timer *t, uint32_t dcr, uint64_t now)
{
    uint32_t count = lapic_timer_count(t, now);
    uint64_t scale = t->tsc_hz * divisor(dcr);

    if (scale == t->scale)
        return;
    t->scale = scale;
    if (count != 0)
        start(t, count, now);
}

void lapic_timer_set_tsc_deadline(struct lapic_timer *t, uint64_t tsc)
{
    if (t->mode == LAPIC_TIMER_TSC_DEADLINE)
        t->deadline = tsc != 0 ? tsc : LAPIC_TIMER_NEVER;
}

uint64_t lapic_timer_tsc_deadline(const struct lapic_timer *t)
{
    if (t->mode != LAPIC_TIMER_TSC_DEADLINE || t->deadline == LAPIC_TIMER_NEVER)
        return 0;
    return t->deadline;
}

uint32_t lapic_timer_count(const struct lapic_timer *t, uint64_t now)
{
    uint64_t passed;

    if (t->next == LAPIC_TIMER_NEVER)
        return 0;
    passed = counts_since_epoch(t, now);
    return passed < t->next ? (uint32_t)(t->next - passed) : 0;
}

bool lapic_timer_advance(struct lapic_timer *t, uint64_t now)
{
    uint64_t late;

    if (now < t->deadline || t->deadline == LAPIC_TIMER_NEVER)
        return false;
    if (t->mode != LAPIC_TIMER_PERIODIC) {
        stop(t);
        return true;
    }
    late = counts_since_epoch(t, now) - t->next;
    t->next += (late / t->initial + 1) * t->initial;
    t->deadline = tsc_of_count(t, t->next);
    return true;
}
