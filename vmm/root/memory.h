/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical memory that the root partition manager gives to VMs: a sorted table of free extents.
 * Pure bookkeeping, the pages themselves are not touched. One thread uses an instance.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_PAGE        4096ull
#define MEMORY_BIG_PAGE    (2ull << 20) /* what one entry of an EPT page directory maps */
#define MEMORY_EXTENTS_MAX 512u

struct memory_extent {
    uint64_t base, size; /* bytes, multiples of MEMORY_PAGE */
};

struct memory {
    struct memory_extent free[MEMORY_EXTENTS_MAX]; /* ascending, none touches the next */
    uint32_t count;
    uint32_t pieces;     /* regions added + live allocations: never less than count */
    uint64_t free_bytes; /* sum of the sizes */
};

/* Nothing is free. */
void memory_init(struct memory *memory);

/* A region of RAM becomes free. Refused (false, nothing changed): not page multiples, empty, it
 * wraps, overlaps free memory, or there are too many. */
bool memory_add(struct memory *memory, uint64_t base, uint64_t size);

/* size bytes at a multiple of align (a power of two, at least MEMORY_PAGE) from the smallest extent
 * where they fit. False: there is no such extent. */
bool memory_alloc(struct memory *memory, uint64_t size, uint64_t align, uint64_t *base);

/* size bytes in at most max extents, whose number is returned; 0: impossible, nothing changed. One
 * extent where that is possible; else the largest ones. From MEMORY_BIG_PAGE up, extents are
 * aligned to it and are multiples of it, the last excepted, as long as memory allows. */
uint32_t memory_alloc_extents(struct memory *memory, uint64_t size, struct memory_extent *extents,
                              uint32_t max);

/* Takes back what one memory_alloc returned. Refused (false): part of it is free already. */
bool memory_free(struct memory *memory, uint64_t base, uint64_t size);
