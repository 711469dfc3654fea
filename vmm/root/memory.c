/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free extents of physical memory: best fit, coalescing at once. Between two free extents of one
 * region lies at least one live allocation, so the table cannot run over as long as regions and
 * live allocations together are no more than its entries: freeing never fails for want of room.
 */
#include "vmm/root/memory.h"

#include <string.h>

void memory_init(struct memory *memory)
{
    memory->count = 0;
    memory->pieces = 0;
    memory->free_bytes = 0;
}

static bool is_sound(uint64_t base, uint64_t size)
{
    return size != 0 && (base | size) % MEMORY_PAGE == 0 && base + size > base;
}

static void remove_at(struct memory *memory, uint32_t i)
{
    memory->count--;
    memmove(&memory->free[i], &memory->free[i + 1], (memory->count - i) * sizeof(memory->free[0]));
}

static void insert_at(struct memory *memory, uint32_t i, uint64_t base, uint64_t size)
{
    memmove(&memory->free[i + 1], &memory->free[i], (memory->count - i) * sizeof(memory->free[0]));
    memory->free[i] = (struct memory_extent){base, size};
    memory->count++;
}

static uint64_t end_of(const struct memory_extent *extent)
{
    return extent->base + extent->size;
}

/* Inserts, joined with its neighbours. False: it overlaps one. */
static bool insert(struct memory *memory, uint64_t base, uint64_t size)
{
    uint32_t i = 0;
    while (i < memory->count && memory->free[i].base < base) {
        i++;
    }
    if ((i > 0 && end_of(&memory->free[i - 1]) > base) ||
        (i < memory->count && base + size > memory->free[i].base)) {
        return false;
    }
    bool joins_lower = i > 0 && end_of(&memory->free[i - 1]) == base;
    bool joins_upper = i < memory->count && memory->free[i].base == base + size;
    if (joins_lower) {
        memory->free[i - 1].size += size;
        if (joins_upper) {
            memory->free[i - 1].size += memory->free[i].size;
            remove_at(memory, i);
        }
    } else if (joins_upper) {
        memory->free[i].base = base;
        memory->free[i].size += size;
    } else {
        insert_at(memory, i, base, size);
    }
    memory->free_bytes += size;
    return true;
}

bool memory_add(struct memory *memory, uint64_t base, uint64_t size)
{
    if (!is_sound(base, size) || memory->pieces == MEMORY_EXTENTS_MAX ||
        !insert(memory, base, size)) {
        return false;
    }
    memory->pieces++;
    return true;
}

bool memory_free(struct memory *memory, uint64_t base, uint64_t size)
{
    if (!is_sound(base, size) || memory->pieces == 0 || !insert(memory, base, size)) {
        return false;
    }
    memory->pieces--;
    return true;
}

/* Bytes lost below the first multiple of align in the extent. */
static uint64_t gap_below(const struct memory_extent *extent, uint64_t align)
{
    return (0 - extent->base) & (align - 1);
}

/* Bytes from the first multiple of align to the end. */
static uint64_t usable(const struct memory_extent *extent, uint64_t align)
{
    uint64_t gap = gap_below(extent, align);
    return extent->size > gap ? extent->size - gap : 0;
}

static void take(struct memory *memory, uint32_t i, uint64_t base, uint64_t size)
{
    struct memory_extent whole = memory->free[i];
    uint64_t below = base - whole.base;
    uint64_t above = whole.size - below - size;
    if (below == 0 && above == 0) {
        remove_at(memory, i);
    } else if (below == 0) {
        memory->free[i] = (struct memory_extent){base + size, above};
    } else {
        memory->free[i].size = below;
        if (above != 0) {
            insert_at(memory, i + 1, base + size, above);
        }
    }
    memory->free_bytes -= size;
    memory->pieces++;
}

bool memory_alloc(struct memory *memory, uint64_t size, uint64_t align, uint64_t *base)
{
    if (size == 0 || size % MEMORY_PAGE != 0 || memory->pieces == MEMORY_EXTENTS_MAX) {
        return false;
    }
    uint32_t best = memory->count;
    for (uint32_t i = 0; i < memory->count; i++) {
        if (usable(&memory->free[i], align) >= size &&
            (best == memory->count || memory->free[i].size < memory->free[best].size)) {
            best = i;
        }
    }
    if (best == memory->count) {
        return false;
    }
    *base = memory->free[best].base + gap_below(&memory->free[best], align);
    take(memory, best, *base, size);
    return true;
}

/* The most, in multiples of align, that any extent has; 0: nothing. */
static uint64_t largest(const struct memory *memory, uint64_t align)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < memory->count; i++) {
        uint64_t there = usable(&memory->free[i], align) & ~(align - 1);
        most = there > most ? there : most;
    }
    return most;
}

/* One extent of at most size bytes. */
static bool alloc_piece(struct memory *memory, uint64_t size, struct memory_extent *extent)
{
    uint64_t align = size >= MEMORY_BIG_PAGE ? MEMORY_BIG_PAGE : MEMORY_PAGE;
    for (; align >= MEMORY_PAGE; align = align == MEMORY_BIG_PAGE ? MEMORY_PAGE : 0) {
        if (memory_alloc(memory, size, align, &extent->base)) {
            extent->size = size;
            return true;
        }
        extent->size = largest(memory, align);
        if (extent->size != 0 && extent->size < size) {
            return memory_alloc(memory, extent->size, align, &extent->base);
        }
    }
    return false;
}

uint32_t memory_alloc_extents(struct memory *memory, uint64_t size, struct memory_extent *extents,
                              uint32_t max)
{
    uint32_t count = 0;
    uint64_t left = size;
    while (left != 0 && count < max && alloc_piece(memory, left, &extents[count])) {
        left -= extents[count].size;
        count++;
    }
    if (left == 0) {
        return count;
    }
    while (count > 0) {
        count--;
        (void)memory_free(memory, extents[count].base, extents[count].size);
    }
    return 0;
}
