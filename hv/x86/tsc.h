/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frequency of the time-stamp counter.
 */
#pragma once

#include <stdint.h>

/* Ticks a second: from CPUID leaf 15H where it is complete, else measured against the 8254. Boot
 * CPU, once. */
uint64_t tsc_measure(void);

/* a * b / c without overflow in between, for a result below 2^64. */
uint64_t tsc_scale(uint64_t a, uint64_t b, uint64_t c);
