/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: PM1a event and control block, power-management timer, and the reset register
 * at CF9h.
 *
 * Models: PM1 status (write one to clear) and enable, SCI, sleep request, power button, PM timer of
 * 24 or 32 bits with its carry status, hard and soft reset by CF9h. Does not model: legacy mode
 * (SCI_EN is always set: the FADT says SMI_CMD = 0), general-purpose events, PM1b, waking: a sleep
 * request is handed to the owner, who ends the machine or ignores it. Specification: ACPI 6.5,
 * "ACPI Hardware Specification"; CF9h: 82371SB (PIIX3) "Reset Control Register".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    ACPI_PM_HZ = 3579545,
    /* Offsets in the block, for the FADT; where the block lies is the board's choice. */
    ACPI_PM_EVENT = 0, /* PM1a_EVT_BLK, PM1_EVT_LEN 4 */
    ACPI_PM_EVENT_LENGTH = 4,
    ACPI_PM_CONTROL = 4, /* PM1a_CNT_BLK, PM1_CNT_LEN 2 */
    ACPI_PM_CONTROL_LENGTH = 2,
    ACPI_PM_TIMER = 8, /* PM_TMR_BLK, PM_TMR_LEN 4 */
    ACPI_PM_TIMER_LENGTH = 4,
    ACPI_PM_PORTS = 12,
    ACPI_PM_RESET_PORT = 0xcf9, /* RESET_REG: 8-bit I/O; acpi_pm_reset_read/write */
    ACPI_PM_RESET_VALUE = 0x06, /* RESET_VALUE: hard reset */
    ACPI_PM_SCI = 9,            /* SCI_INT, level-triggered */
};

/* What the guest asks of its machine. Either call may return; the model stays usable. */
struct acpi_pm_power {
    void (*sleep)(void *ctx, unsigned slp_typ); /* SLP_EN written with this SLP_TYP (0-7) */
    void (*reset)(void *ctx, bool hard);        /* CF9h: hard, or the processor only */
    void *ctx;
};

struct acpi_pm {
    struct acpi_pm_power power;
    struct irq_line sci;
    bool sci_level;
    uint8_t timer_bits;
    uint8_t reset_control;
    uint16_t status;
    uint16_t enable;
    uint16_t control;
    uint64_t tsc_hz;
    uint64_t last; /* timer tick up to which TMR_STS is current */
};

/*
 * timer_is_32_bit is what the FADT says in TMR_VAL_EXT. tsc_hz: guest TSC ticks a second
 * (timescale.h). Both functions of power must be set.
 */
void acpi_pm_init(struct acpi_pm *pm, uint64_t tsc_hz, bool timer_is_32_bit,
                  struct acpi_pm_power power, struct irq_line sci);

/* Register access: offset 0-11, any size and alignment; what is reserved reads as zero. now is the
 * guest TSC. */
uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned size, uint64_t now);
void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned size, uint32_t value,
                   uint64_t now);

/* Port CF9h: offset 0, one byte; other sizes belong to PCI's address register and are not decoded.
 */
uint32_t acpi_pm_reset_read(struct acpi_pm *pm, unsigned offset, unsigned size, uint64_t now);
void acpi_pm_reset_write(struct acpi_pm *pm, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now);

/* Somebody presses the power button: PWRBTN_STS, and an SCI if the guest wants to know. */
void acpi_pm_power_button(struct acpi_pm *pm, uint64_t now);

/* TSC at which the timer's top bit changes, if that is to raise an SCI; else UINT64_MAX. */
uint64_t acpi_pm_deadline(const struct acpi_pm *pm);

/* Brings TMR_STS and SCI up to TSC value now. */
void acpi_pm_advance(struct acpi_pm *pm, uint64_t now);
