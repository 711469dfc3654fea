/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two things that the kernel wants from ACPI: which CPUs and which IOAPICs there are (MADT).
 * Tables of revision 1 and later. Source: ACPI specification, "Multiple APIC Description Table".
 */
#pragma once

#include "hv/types.h"

struct acpi_cpus {
    unsigned count;
    uint32_t apic_id[64];
    uint32_t isa_gsi[16];
};

/* Is the machine the emulator Bochs? Its BIOS signs the RSDP, as QEMU's does, but its processors do
 * not show a hypervisor. */
bool acpi_is_bochs(uint64_t rsdp);

/* Read the MADT through boot's identity mapping: fills *cpus, adds IOAPICs and the modes of their
   pins (ioapic.h). Without an MADT the boot CPU is the only one. rsdp: physical address, 0 if
   unknown (then it is searched where a BIOS puts it). Returns the physical address of the RSDP, or
   0. */
uint64_t acpi_read(uint64_t rsdp, struct acpi_cpus *cpus);
