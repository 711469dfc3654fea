/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four-level page tables of any format: the host's and EPT's differ only in the bits of their
 * entries, which are handed in, as is the memory that tables lie in. Source: Intel SDM volume 3,
 * "4-Level Paging" and "EPT Translation Mechanism".
 */
#pragma once

#include "hv/types.h"

/* Rights of a mapping, as in hv/abi/syscall.h (BH_MEM_*), and one more. */
#define PTAB_R          1u
#define PTAB_W          2u
#define PTAB_X          4u
#define PTAB_UNCACHED   8u
#define PTAB_SUPERVISOR 16u

struct ptab_format {
    uint64_t (*leaf)(unsigned rights); /* bits of a mapping, address and size aside */
    uint64_t present;                  /* an entry with none of these bits is empty */
    uint64_t table;                    /* bits of an entry that refers to a table */
    uint64_t large;                    /* the bit that makes a level-1 or -2 entry a mapping */
    unsigned max_level;                /* highest level of mappings: 0 4 KiB, 1 2 MiB, 2 1 GiB */
};

struct ptab_memory {
    void *(*alloc)(void *ctx); /* a zeroed page or NULL */
    void (*free)(void *ctx, void *page);
    hpa_t (*hpa)(const void *page);
    void *(*ptr)(hpa_t a);
};

struct ptab {
    uint64_t *root; /* level 3 */
    const struct ptab_format *format;
    const struct ptab_memory *memory;
    void *ctx; /* passed to alloc and free */
};

/* Tables that unmapping has emptied: no longer reachable, but a processor may still have them
 * cached. */
#define PTAB_GARBAGE 16u
struct ptab_garbage {
    unsigned count;
    void *table[PTAB_GARBAGE];
};

/*
 * Map `pages` pages from address va to physical address pa; nothing may be mapped there. Writes at
 * most `limit` entries. Returns the number of pages mapped, less than asked when the limit was
 * reached or, with *no_memory set, when there was no memory for a table.
 */
uint64_t ptab_map(struct ptab *t, uint64_t va, hpa_t pa, uint64_t pages, unsigned rights,
                  unsigned limit, bool *no_memory);

/*
 * Unmap `pages` pages from va, splitting larger mappings where needed. Empties at most `limit`
 * entries. Emptied tables go to g; the caller frees them with ptab_collect once no processor can
 * use them. Returns the number of pages gone over, less than asked when a limit was reached or,
 * with *no_memory set, when there was no memory to split a larger mapping.
 */
uint64_t ptab_unmap(struct ptab *t, uint64_t va, uint64_t pages, unsigned limit,
                    struct ptab_garbage *g, bool *no_memory);
void ptab_collect(struct ptab *t, struct ptab_garbage *g);

/* The entry that maps va and its level, or 0. */
uint64_t ptab_lookup(const struct ptab *t, uint64_t va, unsigned *level);

/* Free all tables below the root's entries [first, last]; nobody uses them any more. At most
 * `limit` tables; false: call again. */
bool ptab_destroy(struct ptab *t, unsigned first, unsigned last, unsigned limit);
