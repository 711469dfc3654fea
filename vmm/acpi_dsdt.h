/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The body of the guest's DSDT in AML (ACPI specification, "ACPI Machine Language (AML)
 * Specification"): \_S5, a PCI root bridge with its windows, COM1, RTC and the keyboard controller.
 * Everything else a guest finds by the fixed tables or by probing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Writes the AML that follows the DSDT's header to out, at most size bytes. Returns its length, or
 * 0 if it does not fit (1 KiB is plenty).
 */
size_t acpi_dsdt_build(uint8_t *out, size_t size);
