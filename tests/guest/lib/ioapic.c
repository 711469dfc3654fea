/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ioapic.h.
 */
#include "tests/guest/lib/ioapic.h"

#include "tests/guest/lib/acpi.h"

enum { INDEX = 0x00, WINDOW = 0x10, DESTINATION_SHIFT = 24 };

static volatile uint32_t *mmio(unsigned offset)
{
    return (volatile uint32_t *)((uint64_t)acpi_ioapic_address() + offset);
}

uint32_t ioapic_read(unsigned reg)
{
    *mmio(INDEX) = reg;
    return *mmio(WINDOW);
}

void ioapic_write(unsigned reg, uint32_t value)
{
    *mmio(INDEX) = reg;
    *mmio(WINDOW) = value;
}

uint32_t ioapic_index(void)
{
    return *mmio(INDEX);
}

unsigned ioapic_pins(void)
{
    return (ioapic_read(IOAPIC_VERSION) >> 16 & 0xFF) + 1;
}

void ioapic_route(unsigned pin, uint32_t low, uint8_t destination)
{
    ioapic_write(IOAPIC_REDIRECTION + 2 * pin + 1, (uint32_t)destination << DESTINATION_SHIFT);
    ioapic_write(IOAPIC_REDIRECTION + 2 * pin, low);
}

uint32_t ioapic_entry(unsigned pin)
{
    return ioapic_read(IOAPIC_REDIRECTION + 2 * pin);
}

void ioapic_mask_all(void)
{
    for (unsigned pin = 0; pin < ioapic_pins(); pin++)
        ioapic_route(pin, IOAPIC_MASKED, 0);
}
