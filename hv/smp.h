/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs: their areas, and starting all but the first.
 */
#pragma once

#include "hv/types.h"

struct acpi_cpus;

/* Start all CPUs of the list but the first; those that do not come up are left out with a warning.
   Needs boot's identity mapping. tsc_hz: ticks a second, for its waits. */
void smp_start(const struct acpi_cpus *cpus, uint64_t tsc_hz);

/* Boot is over: the other CPUs drop the identity mapping and idle. Returns when they have. */
void smp_release(void);

/* From ap.asm: a CPU has come up, on its own stack. */
_Noreturn void smp_entry(void);
