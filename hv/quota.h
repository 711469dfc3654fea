/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel memory by quota. A protection domain has a number of pages; page tables, capability
 * tables, UTCBs and the slabs that its objects lie in are taken from it. A slab page belongs to one
 * quota, so what a domain uses is exact, and one domain's objects cannot fragment another's memory.
 */
#pragma once

#include "hv/list.h"
#include "hv/spinlock.h"
#include "hv/types.h"

#define QUOTA_CLASSES 5u /* slabs of 64, 128, 256, 512 and 1024 bytes */

struct quota {
    struct spinlock lock;
    uint64_t limit, used; /* pages */
    struct list partial[QUOTA_CLASSES];
};

void quota_init(struct quota *q, uint64_t limit);

/* A zeroed page charged to q, or NULL when q is exhausted. */
void *quota_page(struct quota *q);
void quota_page_free(struct quota *q, void *page);

/* A zeroed object of `size` <= 1024 bytes, aligned to 64, charged to q, or NULL. */
void *quota_alloc(struct quota *q, size_t size);

/* Free what quota_alloc returned; its quota is found from the address. */
void quota_free(void *object);

/* Move `pages` from one quota to another; false if `from` has not that many to spare. */
bool quota_move(struct quota *from, struct quota *to, uint64_t pages);
