/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables: the bits of EPT entries. Memory is write-back or uncached; the guest's PAT
 * has its say on top, as on a machine without a hypervisor (bit 6, ignore PAT, stays clear).
 */
#include "hv/ept/ept.h"

#define EPT_READ    1ull
#define EPT_WRITE   2ull
#define EPT_EXECUTE 4ull
#define EPT_TYPE_WB (6ull << 3)
#define EPT_TYPE_UC (0ull << 3)
#define EPT_LARGE   (1ull << 7)

#define EPTP_TYPE_WB        6ull
#define EPTP_LEVELS_4       (3ull << 3)
#define EPTP_ACCESSED_DIRTY (1ull << 6)

static bool use_accessed_dirty;

static uint64_t leaf(unsigned rights)
{
    uint64_t e = (rights & PTAB_UNCACHED) != 0 ? EPT_TYPE_UC : EPT_TYPE_WB;
    e |= (rights & PTAB_R) != 0 ? EPT_READ : 0;
    e |= (rights & PTAB_W) != 0 ? EPT_WRITE : 0;
    e |= (rights & PTAB_X) != 0 ? EPT_EXECUTE : 0;
    return e;
}

static struct ptab_format format = {
    .leaf = leaf,
    .present = EPT_READ | EPT_WRITE | EPT_EXECUTE,
    .table = EPT_READ | EPT_WRITE | EPT_EXECUTE,
    .large = EPT_LARGE,
    .max_level = 1,
};

void ept_init(bool one_gib, bool accessed_dirty)
{
    format.max_level = one_gib ? 2 : 1;
    use_accessed_dirty = accessed_dirty;
}

const struct ptab_format *ept_format(void)
{
    return &format;
}

uint64_t ept_pointer(hpa_t root)
{
    return root.v | EPTP_TYPE_WB | EPTP_LEVELS_4 | (use_accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
}
