/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDT.
 */
#include "hv/x86/gdt.h"

#include "hv/cpu.h"
#include "hv/pool.h"
#include "hv/x86/asm.h"
#include "hv/x86/paging.h"

#define DESCRIPTOR_CODE64 0x00209A0000000000ull
#define DESCRIPTOR_DATA   0x0000920000000000ull
#define DESCRIPTOR_USER   0x0000600000000000ull /* DPL 3 */
#define DESCRIPTOR_TSS    0x0000890000000000ull
#define GDT_LIMIT         0xFFFu

static uint64_t *gdt(void)
{
    return (uint64_t *)GDT_VMA; // NOLINT(performance-no-int-to-ptr)
}

void gdt_init(void)
{
    void *page = pool_alloc();
    paging_map_kernel(GDT_VMA, pool_hpa(page), PTAB_R | PTAB_W);
    gdt()[GDT_KERNEL_CODE / 8] = DESCRIPTOR_CODE64;
    gdt()[GDT_KERNEL_DATA / 8] = DESCRIPTOR_DATA;
    gdt()[GDT_USER_CODE / 8] = DESCRIPTOR_CODE64 | DESCRIPTOR_USER;
    gdt()[GDT_USER_DATA / 8] = DESCRIPTOR_DATA | DESCRIPTOR_USER;
}

void gdt_load(unsigned cpu, const struct tss *tss)
{
    uint64_t base = (uint64_t)tss;
    uint64_t *d = &gdt()[gdt_tss_selector(cpu) / 8];
    d[0] =
        DESCRIPTOR_TSS | (sizeof(*tss) - 1) | (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56;
    d[1] = base >> 32;
    struct table_register r = {GDT_LIMIT, GDT_VMA};
    lgdt(&r);
    gdt_reload_segments();
    ltr(gdt_tss_selector(cpu));
}
