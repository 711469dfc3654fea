/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which selectors of a capability space are free: a bitmap, whose storage the program provides. One
 * thread uses an instance; there is no lock.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/syscall.h"

#define SELECTOR_BITMAP_WORDS(count) (((count) + 63u) / 64u)

struct selector_pool {
    uint64_t *bitmap; /* one bit per selector, set: in use */
    uint32_t first;   /* selector of bit 0 */
    uint32_t count;
    uint32_t in_use;
};

/* Selectors first .. first + count - 1 are free. bitmap: SELECTOR_BITMAP_WORDS(count) words, kept
 * by the pool. */
void selector_init(struct selector_pool *pool, uint64_t *bitmap, uint32_t first, uint32_t count);

/* The first of count adjoining selectors, now in use, or BH_SELECTOR_NONE if there are not so many
 * together. */
uint32_t selector_alloc(struct selector_pool *pool, uint32_t count);

/* Gives count selectors back. Those outside the pool or not in use are ignored. */
void selector_free(struct selector_pool *pool, uint32_t first, uint32_t count);
