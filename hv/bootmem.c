/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's memory at boot. Regions are kept sorted and apart by carving: what the kernel keeps
 * is cut out of every region that it overlaps.
 */
#include "hv/bootmem.h"

#include "hv/abi/info.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/mapping.h"
#include "hv/memlayout.h"
#include "hv/pd.h"
#include "hv/x86/ioapic.h"
#include "hv/x86/lapic.h"

#define MIB              (1ul << 20)
#define POOL_ALIGN       (2 * MIB)
#define POOL_MIN         (4 * MIB)
#define POOL_DEFAULT_MAX (64 * MIB)
#define POOL_SHARE       32u /* of RAM */
#define LOW_END          0x100000000ull
#define LOW_START        MIB
#define MB_RAM           1u
#define MB_ACPI          3u
#define MB_NVS           4u

extern char image_start[], image_end[], boot_end[];

struct span {
    uint64_t base, end;
};

/* The image up to `end`: image_end, or boot_end with boot's page tables. */
static struct span image_span(const char *end)
{
    return (struct span){((uint64_t)image_start - KERNEL_VMA) & ~PAGE_MASK,
                         ((uint64_t)end - KERNEL_VMA + PAGE_MASK) & ~PAGE_MASK};
}

static bool overlap(struct span a, struct span b)
{
    return a.base < b.end && b.base < a.end;
}

static struct span module_span(const struct multiboot2_module *m)
{
    return (struct span){m->base & ~PAGE_MASK, (m->end + PAGE_MASK) & ~PAGE_MASK};
}

/* Something that a candidate for the pool must not overlap; moves the candidate down below it. */
static bool collides(const struct multiboot2 *mb, struct span *candidate)
{
    uint64_t size = candidate->end - candidate->base;
    struct multiboot2_module m;
    struct span taken = image_span(boot_end);
    bool hit = overlap(*candidate, taken);
    struct span info = {(uint64_t)mb->info, (uint64_t)mb->info + multiboot2_size(mb)};
    if (!hit && overlap(*candidate, info)) {
        taken = info;
        hit = true;
    }
    for (unsigned i = 0; !hit && multiboot2_module(mb, i, &m); i++) {
        taken = module_span(&m);
        hit = overlap(*candidate, taken);
    }
    if (hit) {
        candidate->end = taken.base & ~(POOL_ALIGN - 1);
        candidate->base = candidate->end < size ? 0 : candidate->end - size;
    }
    return hit;
}

static uint64_t ram_size(const struct multiboot2 *mb)
{
    struct multiboot2_region r;
    uint64_t sum = 0;
    for (unsigned i = 0; multiboot2_region(mb, i, &r); i++) {
        sum += r.type == MB_RAM ? r.size : 0;
    }
    return sum;
}

void bootmem_choose_pool(const struct multiboot2 *mb, uint64_t wish, hpa_t *base, uint64_t *size)
{
    uint64_t want = wish != 0 ? wish : ram_size(mb) / POOL_SHARE;
    uint64_t max = wish != 0 ? POOL_MAX : POOL_DEFAULT_MAX;
    want = want > max ? max : want < POOL_MIN ? POOL_MIN : want;
    want &= ~(POOL_ALIGN - 1);
    struct multiboot2_region r;
    struct span best = {0, 0};
    for (unsigned i = 0; multiboot2_region(mb, i, &r); i++) {
        if (r.type != MB_RAM || r.base >= LOW_END) {
            continue;
        }
        uint64_t end = r.base + r.size < LOW_END ? r.base + r.size : LOW_END;
        uint64_t start = r.base < LOW_START ? LOW_START : r.base;
        end &= ~(POOL_ALIGN - 1);
        struct span c = {end < want ? 0 : end - want, end};
        while (c.base >= start && collides(mb, &c)) {
        }
        if (c.base >= start && c.end > best.end) {
            best = c;
        }
    }
    if (best.end == 0) {
        panic("no %lu MiB of memory below 4 GiB for the kernel's pool", want / MIB);
    }
    *base = hpa(best.base);
    *size = best.end - best.base;
}

static void add_region(struct bh_info *info, struct span s, uint32_t type)
{
    if (s.base >= s.end) {
        return;
    }
    if (info->regions == BH_MAX_REGIONS) {
        log_line("[cpu 0] warn: memory at %lx not used: too many regions", s.base);
        return;
    }
    info->region[info->regions++] = (struct bh_region){s.base, s.end - s.base, type, 0};
}

/* Cut `hole` out of all regions so far; if type is not 0 the part that was RAM becomes a region of
 * that type. */
static void carve(struct bh_info *info, struct span hole, uint32_t type)
{
    unsigned n = info->regions;
    for (unsigned i = 0; i < n; i++) {
        struct bh_region *r = &info->region[i];
        struct span s = {r->base, r->base + r->size};
        if (!overlap(s, hole)) {
            continue;
        }
        struct span cut = {s.base > hole.base ? s.base : hole.base,
                           s.end < hole.end ? s.end : hole.end};
        uint32_t old = r->type;
        r->size = cut.base - s.base;
        add_region(info, (struct span){cut.end, s.end}, old);
        if (type != 0) {
            add_region(info, cut, type);
        }
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < info->regions; i++) {
        if (info->region[i].size != 0) {
            info->region[kept++] = info->region[i];
        }
    }
    info->regions = kept;
}

static uint32_t region_type(uint32_t mb_type)
{
    switch (mb_type) {
    case MB_RAM:
        return BH_REGION_RAM;
    case MB_ACPI:
    case MB_NVS:
        return BH_REGION_ACPI;
    default:
        return BH_REGION_MMIO;
    }
}

/* The loader's map, RAM rounded inwards and all else outwards, so that a page that is only partly
 * RAM is not used as RAM. */
static void add_loader_map(const struct multiboot2 *mb, struct bh_info *info)
{
    struct multiboot2_region r;
    for (unsigned i = 0; multiboot2_region(mb, i, &r); i++) {
        if (r.type == MB_RAM) {
            info->ram_size += r.size;
            add_region(
                info,
                (struct span){(r.base + PAGE_MASK) & ~PAGE_MASK, (r.base + r.size) & ~PAGE_MASK},
                BH_REGION_RAM);
        }
    }
    for (unsigned i = 0; multiboot2_region(mb, i, &r); i++) {
        if (r.type != MB_RAM) {
            struct span s = {r.base & ~PAGE_MASK, (r.base + r.size + PAGE_MASK) & ~PAGE_MASK};
            carve(info, s, 0);
            add_region(info, s, region_type(r.type));
        }
    }
}

/* What the loader does not mention below 4 GiB is devices. */
static void add_gaps(struct bh_info *info)
{
    for (uint64_t at = 0; at < LOW_END;) {
        uint64_t next = LOW_END;
        bool inside = false;
        for (unsigned i = 0; i < info->regions && !inside; i++) {
            const struct bh_region *r = &info->region[i];
            if (r->base <= at && at < r->base + r->size) {
                next = r->base + r->size;
                inside = true;
            } else if (r->base > at && r->base < next) {
                next = r->base;
            }
        }
        if (!inside) {
            add_region(info, (struct span){at, next}, BH_REGION_MMIO);
        }
        at = next;
    }
}

static void add_modules(const struct multiboot2 *mb, struct bh_info *info, uint32_t *strings)
{
    struct multiboot2_module m;
    for (unsigned i = 0; multiboot2_module(mb, i, &m); i++) {
        if (info->modules == BH_MAX_MODULES || *strings >= sizeof(info->strings)) {
            log_line("[cpu 0] warn: module %s ignored: too many modules", m.cmdline);
            break;
        }
        info->module[info->modules++] = (struct bh_module){m.base, m.end - m.base, *strings, 0};
        *strings += (uint32_t)lib_strcpy(info->strings + *strings, m.cmdline,
                                         sizeof(info->strings) - *strings) +
                    1;
        carve(info, module_span(&m), BH_REGION_MODULE);
    }
}

void bootmem_describe(const struct multiboot2 *mb, hpa_t pool, uint64_t pool_size,
                      struct bh_info *info)
{
    uint32_t strings = 0;
    struct span image = image_span(image_end);
    hpa_t base;
    info->cmdline = strings;
    strings += (uint32_t)lib_strcpy(info->strings, mb->cmdline, sizeof(info->strings)) + 1;
    add_loader_map(mb, info);
    add_gaps(info);
    carve(info, image, 0);
    carve(info, (struct span){pool.v, pool.v + pool_size}, 0);
    carve(info, (struct span){lapic_base().v, lapic_base().v + PAGE_SIZE}, 0);
    for (unsigned i = 0; ioapic_base(i, &base); i++) {
        carve(info, (struct span){base.v & ~PAGE_MASK, (base.v & ~PAGE_MASK) + PAGE_SIZE}, 0);
    }
    add_modules(mb, info, &strings);
    info->pool_size = pool_size;
    info->kernel_size = image.end - image.base;
}

void bootmem_give(struct pd *root, const struct bh_info *info)
{
    for (unsigned i = 0; i < info->regions; i++) {
        const struct bh_region *r = &info->region[i];
        unsigned rights = PTAB_R | PTAB_W | PTAB_X;
        if (r->type == BH_REGION_MMIO) {
            rights = PTAB_R | PTAB_W | PTAB_UNCACHED;
        } else if (r->type == BH_REGION_ACPI) {
            rights = PTAB_R;
        }
        mapping_init_root(&root->space[BH_SPACE_MEM], (BH_ROOT_PHYS + r->base) >> PAGE_SHIFT,
                          r->base >> PAGE_SHIFT, r->size >> PAGE_SHIFT, rights);
    }
    mapping_init_root(&root->space[BH_SPACE_PIO], 0, 0, root->space[BH_SPACE_PIO].units,
                      PTAB_R | PTAB_W);
}
