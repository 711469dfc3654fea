/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOAPICs. Pins are numbered through all of them as global system interrupts. Source: Intel 82093AA
 * datasheet.
 */
#pragma once

#include "hv/types.h"

/* Mask the 8259s, which boot loaders leave running, and move them off the exceptions' vectors. */
void ioapic_disable_8259(void);

/* An IOAPIC from the MADT. */
void ioapic_add(hpa_t base, uint32_t gsi_base);
/* Trigger mode and polarity of a pin, before or after it is routed. */
void ioapic_set_mode(uint32_t gsi, bool level, bool active_low);

/* All pins, 0 .. n-1. */
unsigned ioapic_pins(void);
bool ioapic_is_level(uint32_t gsi);
void ioapic_route(uint32_t gsi, uint32_t apic_id, unsigned vector);
void ioapic_mask(uint32_t gsi, bool mask);

/* The n-th IOAPIC's physical address; false if there is none. */
bool ioapic_base(unsigned n, hpa_t *base);
