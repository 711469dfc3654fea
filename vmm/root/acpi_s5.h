/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ACPI tables say about switching the machine off and resetting it: found from the RSDP
 * through RSDT or XSDT, FADT and the _S5 package of the DSDT. Pure: physical memory is read through
 * a function that is passed in.
 *
 * ACPI specification 6.5: "Root System Description Pointer", "Fixed ACPI Description Table",
 * "System
 * \_S5 State", "Reset Register".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Physical memory. map returns where size bytes at the physical address can be read, for as long as
 * the reader lives, or NULL if that is not all readable. */
struct acpi_reader {
    const uint8_t *(*map)(void *ctx, uint64_t address, uint64_t size);
    void *ctx;
};

enum acpi_result {
    ACPI_OK = 0,
    ACPI_NO_RSDP, /* no pointer, unreadable, or its checksum is wrong */
    ACPI_NO_RSDT, /* the table of tables is unreadable or damaged */
    ACPI_NO_FADT, /* there is none, or it is too short */
    ACPI_NO_PM1,  /* no PM1a control register in port space: hardware-reduced ACPI */
    ACPI_NO_DSDT, /* unreadable */
    ACPI_NO_S5,   /* the DSDT has no _S5 package of constants */
    ACPI_RESULT_COUNT
};

struct acpi_power {
    /* reset: valid also when the result says that S5 is not there */
    bool has_reset;
    bool reset_in_memory; /* else a port */
    uint64_t reset_address;
    uint8_t reset_value;
    /* power off: valid on ACPI_OK */
    uint16_t pm1a_control, pm1b_control; /* ports; pm1b 0: none */
    uint8_t sleep_type_a, sleep_type_b;  /* SLP_TYP, 3 bits */
    uint16_t smi_command;                /* port, 0: ACPI mode is always on */
    uint8_t acpi_enable;                 /* value that switches ACPI mode on */
};

/* Fills *power (whole) from the tables that start at the RSDP. */
enum acpi_result acpi_s5_find(const struct acpi_reader *reader, uint64_t rsdp,
                              struct acpi_power *power);

/* What the result means, for a log line. */
const char *acpi_s5_result_text(enum acpi_result result);
