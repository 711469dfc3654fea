/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables as an operating system finds them: root pointer in low memory, RSDT or XSDT,
 * table by signature, and the few fields that tests use. ACPI specification, "ACPI Software
 * Programming Model".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { /* "System Description Table Header" and "Fixed ACPI Description Table": byte offsets */
       SDT_LENGTH = 4,
       SDT_HEADER = 36,
       RSDP_REVISION = 15,
       RSDP_RSDT = 16,
       RSDP_LENGTH = 20,
       RSDP_XSDT = 24,
       RSDP_SIZE_1 = 20,
       RSDP_SIZE_2 = 36,
       FADT_FACS = 36,
       FADT_DSDT = 40,
       FADT_SCI_INT = 46,
       FADT_PM1A_EVT_BLK = 56,
       FADT_PM1A_CNT_BLK = 64,
       FADT_PM_TMR_BLK = 76,
       FADT_PM1_EVT_LEN = 88,
       FADT_PM1_CNT_LEN = 89,
       FADT_PM_TMR_LEN = 91,
       FADT_FLAGS = 112,
       FADT_SIZE_1 = 116,
       FADT_X_DSDT = 140,
       FADT_FLAG_TMR_VAL_EXT = 1 << 8,
       MADT_LOCAL_APIC_ADDRESS = 36,
       MADT_FLAGS = 40,
       MADT_ENTRIES = 44,
       MADT_PCAT_COMPAT = 1 << 0,
       MADT_LAPIC = 0,
       MADT_IOAPIC = 1,
       MADT_OVERRIDE = 2,
       ACPI_PM_TIMER_HZ = 3579545
};

/* First byte of the RSDP, NULL: none. */
const uint8_t *acpi_rsdp(void);

/* The table with this signature, or NULL. "DSDT" and "FACS" are found through the FADT. */
const uint8_t *acpi_table(const char *signature);

/* Sum of the bytes modulo 256: 0 for an intact table. */
uint8_t acpi_sum(const uint8_t *table, size_t size);

/* Little-endian fields of any alignment. */
uint32_t acpi_get32(const uint8_t *table, unsigned offset);
uint64_t acpi_get64(const uint8_t *table, unsigned offset);

/* Port of the PM timer and of PM1a control; 0: none. */
uint16_t acpi_pm_timer(void);
uint16_t acpi_pm1a_control(void);

/* The SLP_TYPa value of the DSDT's \_S5; false if there is none. */
bool acpi_s5_type(unsigned *type);

/*
 * The interrupt input of the (only) IOAPIC at which an ISA interrupt arrives, after the MADT's
 * overrides; without a MADT the identity. *flags: its MPS INTI flags, 0: as the bus has it.
 */
unsigned acpi_gsi_of_irq(unsigned irq, unsigned *flags);

/* Physical address of the first IOAPIC, 0: none is listed. */
uint32_t acpi_ioapic_address(void);
