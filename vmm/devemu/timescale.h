/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion between guest TSC ticks and the clock of a device, exact in both directions: whole
 * seconds and the rest are scaled apart, so that 64-bit arithmetic suffices and no run-time library
 * for 128-bit division is needed. Always converts from power-on, never from period to period, so
 * that rounding cannot add up to drift.
 *
 * Limits: tsc_hz is 1 to 2^35, hz 1 to 2^29; then no product overflows.
 */
#pragma once

#include <stdint.h>

/* "No deadline": what X_deadline() of a device returns while nothing is due. */
static const uint64_t timescale_never = UINT64_MAX;

/* Clocks of a device running at hz that are complete at TSC value tsc (rounded down). */
static inline uint64_t timescale_ticks(uint64_t tsc, uint64_t tsc_hz, uint64_t hz)
{
    return tsc / tsc_hz * hz + tsc % tsc_hz * hz / tsc_hz;
}

/* First TSC value at which timescale_ticks() has reached ticks (rounded up). */
static inline uint64_t timescale_tsc(uint64_t ticks, uint64_t tsc_hz, uint64_t hz)
{
    return ticks / hz * tsc_hz + (ticks % hz * tsc_hz + hz - 1) / hz;
}
