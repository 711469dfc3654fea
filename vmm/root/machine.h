/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switching the machine off and resetting it, by ACPI and by what PCs had before.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/root/acpi_s5.h"

struct machine {
    const struct bh_info *info;
    struct acpi_power power;
    enum acpi_result found; /* whether power-off by ACPI is possible, or why not */
    uint32_t pause;         /* semaphore that never comes up: to wait for a time */
};

/* Reads the ACPI tables. pause: a semaphore with count 0 that nobody raises. */
void machine_init(struct machine *machine, const struct bh_info *info, uint32_t pause);

/* Switches the machine off; returns only if nothing answered. */
void machine_power_off(const struct machine *machine);

/* Resets the machine; returns only if nothing answered. */
void machine_reset(const struct machine *machine);
