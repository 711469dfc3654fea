/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's page tables. The kernel's image is mapped page by page with the rights of its
 * sections, the pool with large pages; nothing else of the machine's memory is mapped in the
 * kernel.
 */
#include "hv/x86/paging.h"

#include "hv/log.h"
#include "hv/memlayout.h"
#include "hv/pool.h"
#include "hv/quota.h"
#include "hv/x86/asm.h"

#define PTE_P     1ull
#define PTE_W     2ull
#define PTE_U     4ull
#define PTE_PWT   8ull
#define PTE_PCD   0x10ull
#define PTE_LARGE 0x80ull
#define PTE_NX    (1ull << 63)

#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EDX_PAGE_1G       (1u << 26)

/* From the link map. */
extern char image_text[], image_rodata[], image_data[], image_end[];

/* From start.asm: boot's table for the GiB at KERNEL_VMA, whose second half is POOL_VMA. */
extern uint64_t boot_pd_high[];

static uint64_t *kernel_pml4;

static uint64_t leaf(unsigned rights)
{
    uint64_t e = PTE_P;
    e |= (rights & PTAB_W) != 0 ? PTE_W : 0;
    e |= (rights & PTAB_X) != 0 ? 0 : PTE_NX;
    e |= (rights & PTAB_UNCACHED) != 0 ? PTE_PCD | PTE_PWT : 0;
    e |= (rights & PTAB_SUPERVISOR) != 0 ? 0 : PTE_U;
    return e;
}

static struct ptab_format format = {
    .leaf = leaf,
    .present = PTE_P,
    .table = PTE_P | PTE_W | PTE_U,
    .large = PTE_LARGE,
    .max_level = 1,
};

static void *quota_table(void *ctx)
{
    return quota_page(ctx);
}

static void quota_table_free(void *ctx, void *page)
{
    quota_page_free(ctx, page);
}

static const struct ptab_memory memory = {quota_table, quota_table_free, pool_hpa, pool_ptr};

static void *boot_table(void *ctx)
{
    (void)ctx;
    return pool_alloc();
}

static const struct ptab_memory boot_memory = {boot_table, NULL, pool_hpa, pool_ptr};

static void map_kernel_range(uint64_t va, hpa_t pa, uint64_t size, unsigned rights)
{
    struct ptab t = {kernel_pml4, &format, &boot_memory, NULL};
    bool no_memory = false;
    ptab_map(&t, va, pa, size >> PAGE_SHIFT, rights | PTAB_SUPERVISOR, UINT32_MAX, &no_memory);
    if (no_memory) {
        panic("the pool is too small for the kernel's page tables");
    }
}

static void map_image(char *from, char *to, unsigned rights)
{
    uint64_t va = (uint64_t)from;
    map_kernel_range(va, hpa(va - KERNEL_VMA), (uint64_t)to - va, rights);
}

void paging_map_pool(hpa_t base, uint64_t size)
{
    const uint64_t large = 2ull << 20;
    for (uint64_t o = 0; o < size; o += large) {
        boot_pd_high[(POOL_VMA - KERNEL_VMA + o) / large] =
            (base.v + o) | PTE_P | PTE_W | PTE_LARGE;
    }
    write_cr3(read_cr3());
}

void paging_init(hpa_t pool_base, uint64_t pool_size)
{
    struct cpuid_regs r = cpuid(CPUID_EXTENDED_FEATURES, 0);
    if ((r.d & CPUID_EDX_PAGE_1G) != 0) {
        format.max_level = 2;
    }
    kernel_pml4 = pool_alloc();
    map_image(image_text, image_rodata, PTAB_R | PTAB_X);
    map_image(image_rodata, image_data, PTAB_R);
    map_image(image_data, image_end, PTAB_R | PTAB_W);
    map_kernel_range(POOL_VMA, pool_base, pool_size, PTAB_R | PTAB_W);
    /* The VGA text screen, which the log writes to until it hands it over. */
    for (uint64_t a = 0xB8000; a < 0xBA000; a += PAGE_SIZE) {
        map_kernel_range(KERNEL_VMA + a, hpa(a), PAGE_SIZE, PTAB_R | PTAB_W | PTAB_UNCACHED);
    }
    const uint64_t *boot_pml4 =
        (const uint64_t *)(KERNEL_VMA + read_cr3()); // NOLINT(performance-no-int-to-ptr)
    kernel_pml4[0] = boot_pml4[0];
    write_cr3(paging_kernel_cr3());
}

const struct ptab_format *paging_format(void)
{
    return &format;
}

const struct ptab_memory *paging_memory(void)
{
    return &memory;
}

void paging_map_kernel(uint64_t va, hpa_t pa, unsigned rights)
{
    map_kernel_range(va, pa, PAGE_SIZE, rights);
    invlpg(va);
}

void paging_share_kernel(uint64_t *pml4)
{
    pml4[PML4_KERNEL] = kernel_pml4[PML4_KERNEL];
}

uint64_t paging_kernel_cr3(void)
{
    return pool_hpa(kernel_pml4).v;
}

void paging_drop_identity(void)
{
    kernel_pml4[0] = 0;
    write_cr3(paging_kernel_cr3());
}
