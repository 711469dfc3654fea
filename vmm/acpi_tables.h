/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of a VM (ACPI specification, "ACPI Software Programming Model"): RSDP revision 2,
 * RSDT, XSDT, FADT revision 3, FACS, MADT and DSDT, describing exactly the board of memmap.h. No
 * SMI, so ACPI mode is always on; the power button is the fixed one of PM1a; the PM timer has 32
 * bits.
 */
#pragma once

#include <stdint.h>

/*
 * Writes all tables to out, the host pointer to guest physical MEMMAP_ACPI_BASE with
 * MEMMAP_ACPI_SIZE bytes, which is cleared first. The RSDP is its first byte. cpus local APICs with
 * IDs from 0 are listed: 1 to MEMMAP_MAX_CPUS, other values are clamped to that. Cannot fail.
 */
void acpi_tables_build(uint8_t *out, unsigned cpus);
