/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first IOAPIC of the MADT: its registers behind the index and window. Datasheet: Intel 82093AA
 * I/O Advanced Programmable Interrupt Controller.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum ioapic_register {
    IOAPIC_ID = 0x00,
    IOAPIC_VERSION = 0x01,
    IOAPIC_ARBITRATION = 0x02,
    IOAPIC_REDIRECTION = 0x10 /* two of each pin, low half first */
};

enum { /* low half of a redirection entry, beside the vector */
       IOAPIC_LOWEST = 1 << 8,
       IOAPIC_NMI = 4 << 8,
       IOAPIC_LOGICAL = 1 << 11,
       IOAPIC_STATUS = 1 << 12,
       IOAPIC_REMOTE_IRR = 1 << 14,
       IOAPIC_LEVEL = 1 << 15,
       IOAPIC_MASKED = 1 << 16
};

uint32_t ioapic_read(unsigned reg);
void ioapic_write(unsigned reg, uint32_t value);

unsigned ioapic_pins(void);

/* Entry of a pin: first the destination, then the low half. */
void ioapic_route(unsigned pin, uint32_t low, uint8_t destination);

uint32_t ioapic_entry(unsigned pin);

/* All pins masked, edge triggered. */
void ioapic_mask_all(void);

/* The index register itself. */
uint32_t ioapic_index(void);
