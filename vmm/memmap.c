/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory map as seen by its loaders: where RAM is split by the PCI hole, the e820 map
 * that a BIOS would have reported, and the check that a range named by an image is RAM and nothing
 * else.
 */
#include "vmm/memmap.h"

#include <stddef.h>

uint64_t memmap_low_size(uint64_t total)
{
    return total < MEMMAP_LOW_RAM_END ? total : MEMMAP_LOW_RAM_END;
}

static unsigned add(struct memmap_entry *out, unsigned count, uint64_t base, uint64_t end,
                    enum memmap_type type)
{
    if (end <= base) {
        return count;
    }
    out[count] = (struct memmap_entry){.base = base, .size = end - base, .type = type};
    return count + 1;
}

unsigned memmap_e820(const struct guest_ram *ram, struct memmap_entry *out)
{
    uint64_t base_end =
        ram->low_size < MEMMAP_BASE_MEMORY_END ? ram->low_size : MEMMAP_BASE_MEMORY_END;
    unsigned count = 0;

    count = add(out, count, 0, base_end, MEMMAP_TYPE_RAM);
    count = add(out, count, MEMMAP_BASE_MEMORY_END, MEMMAP_VIDEO_BASE, MEMMAP_TYPE_RESERVED);
    count = add(out, count, MEMMAP_ACPI_BASE, MEMMAP_HIGH_MEMORY, MEMMAP_TYPE_RESERVED);
    count = add(out, count, MEMMAP_HIGH_MEMORY, ram->low_size, MEMMAP_TYPE_RAM);
    count = add(out, count, MEMMAP_HIGH_RAM, MEMMAP_HIGH_RAM + ram->high_size, MEMMAP_TYPE_RAM);
    return count;
}

static int inside(uint64_t gpa, uint64_t size, uint64_t base, uint64_t end)
{
    return gpa >= base && gpa <= end && size <= end - gpa;
}

uint8_t *memmap_low_ram(const struct guest_ram *ram, uint64_t gpa, uint64_t size)
{
    uint64_t base_end =
        ram->low_size < MEMMAP_BASE_MEMORY_END ? ram->low_size : MEMMAP_BASE_MEMORY_END;

    if (inside(gpa, size, 0, base_end) || inside(gpa, size, MEMMAP_HIGH_MEMORY, ram->low_size)) {
        return ram->low + gpa;
    }
    return NULL;
}
