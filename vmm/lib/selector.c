/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bitmap of selectors: first fit from below, so that the kernel's table of capabilities stays
 * dense.
 */
#include "vmm/lib/selector.h"

#include <stdbool.h>
#include <string.h>

#define WORD_BITS 64u

static bool is_used(const struct selector_pool *pool, uint32_t bit)
{
    return (pool->bitmap[bit / WORD_BITS] >> (bit % WORD_BITS)) & 1u;
}

void selector_init(struct selector_pool *pool, uint64_t *bitmap, uint32_t first, uint32_t count)
{
    memset(bitmap, 0, SELECTOR_BITMAP_WORDS(count) * sizeof(*bitmap));
    *pool = (struct selector_pool){.bitmap = bitmap, .first = first, .count = count};
}

uint32_t selector_alloc(struct selector_pool *pool, uint32_t count)
{
    uint32_t run = 0;
    for (uint32_t bit = 0; count != 0 && bit < pool->count; bit++) {
        run = is_used(pool, bit) ? 0 : run + 1;
        if (run == count) {
            uint32_t start = bit + 1 - count;
            for (uint32_t b = start; b <= bit; b++) {
                pool->bitmap[b / WORD_BITS] |= 1ull << (b % WORD_BITS);
            }
            pool->in_use += count;
            return pool->first + start;
        }
    }
    return BH_SELECTOR_NONE;
}

void selector_free(struct selector_pool *pool, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = first + i - pool->first;
        if (bit < pool->count && is_used(pool, bit)) {
            pool->bitmap[bit / WORD_BITS] &= ~(1ull << (bit % WORD_BITS));
            pool->in_use--;
        }
    }
}
