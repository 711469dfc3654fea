/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small direct-mapped cache in front of the decoder. An entry holds the bytes that made the
 * instruction and a mask that covers just these, so that what follows them in memory does not
 * matter.
 */
#include "vmm/insn/insn.h"

#include <string.h>

#define BITS_PER_BYTE  8u
#define BYTES_PER_HALF 8u

/* A mask of the lowest count bytes, 0 to 8. */
static uint64_t low_bytes(unsigned count)
{
    return count == 0 ? 0 : UINT64_MAX >> (BITS_PER_BYTE * (BYTES_PER_HALF - count));
}

static bool hit(const struct insn_cache_entry *entry, const uint64_t bytes[2], unsigned mode)
{
    return entry->insn.length != 0 && entry->insn.mode == mode &&
           (bytes[0] & entry->mask[0]) == entry->bytes[0] &&
           (bytes[1] & entry->mask[1]) == entry->bytes[1];
}

static void remember(struct insn_cache_entry *entry, const uint64_t bytes[2])
{
    unsigned length = entry->insn.length;

    entry->mask[0] = low_bytes(length < BYTES_PER_HALF ? length : BYTES_PER_HALF);
    entry->mask[1] = low_bytes(length < BYTES_PER_HALF ? 0 : length - BYTES_PER_HALF);
    entry->bytes[0] = bytes[0] & entry->mask[0];
    entry->bytes[1] = bytes[1] & entry->mask[1];
}

int insn_decode_cached(struct insn_cache *cache, const uint8_t *bytes, size_t len,
                       const struct insn_state *state, const struct insn **out)
{
    struct insn_cache_entry *entry = &cache->entry[state->rip % INSN_CACHE_ENTRIES];
    uint64_t halves[2];
    int status;

    *out = &entry->insn;
    if (len < INSN_CACHE_BYTES) {
        *out = &cache->uncached;
        return insn_decode(&cache->uncached, bytes, len, state);
    }
    memcpy(halves, bytes, sizeof(halves));
    if (hit(entry, halves, insn_mode(state)))
        return INSN_OK;
    status = insn_decode(&entry->insn, bytes, len, state);
    if (status == INSN_OK)
        remember(entry, halves);
    else
        entry->insn.length = 0;
    return status;
}
