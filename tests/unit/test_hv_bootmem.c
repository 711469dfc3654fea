/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's memory at boot: where the pool goes, and what the root task is told of, page by
 * page against a model, for a PC's map and for random ones; and the rights of the kernel's own
 * mappings.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/abi/info.h"
#include "hv/bootmem.h"
#include "hv/memlayout.h"
#include "hv/ptab.h"
#include "hv/x86/paging.h"
#include "tests/unit/hv_multiboot.h"
#include "tests/unit/hv_space_model.h"

#define MIB          (1ull << 20)
#define GIB          (1ull << 30)
#define POOL_UNIT    (2 * MIB)
#define LOW_PAGES    (4 * GIB / PAGE_SIZE)
#define LAPIC_PAGE   0xFEE00u
#define IOAPIC_PAGE  0xFEC00u
#define RAM          1u
#define RESERVED     2u
#define ACPI         3u
#define PHYSICAL(va) ((uint64_t)(va)-KERNEL_VMA)

extern char image_text[], image_rodata[], image_data[], image_end[];

static struct multiboot_info loader;
static struct multiboot2 mb;
static struct bh_info info;

static int setup(void **state)
{
    (void)state;
    hw_reset(1);
    multiboot_begin(&loader);
    return 0;
}

static void read_it(void)
{
    multiboot_end(&loader);
    multiboot2_read((uint64_t)loader.bytes, &mb);
}

/* What a PC of 512 MiB and 2 GiB above 4 GiB says. */
static void pc(void)
{
    multiboot_tag(&loader, 1, "pool=8 quiet", 13);
    multiboot_module(&loader, 0x800000, 0x812345, "root.elf");
    multiboot_module(&loader, 0x813000, 0x900000, "vmm.elf");
    multiboot_region(&loader, 0, 0x9FC00, RAM);
    multiboot_region(&loader, 0x9FC00, 0x400, RESERVED);
    multiboot_region(&loader, 0xE8000, 0x18000, RESERVED);
    multiboot_region(&loader, MIB, 511 * MIB - 0x10000, RAM);
    multiboot_region(&loader, 512 * MIB - 0x10000, 0x10000, ACPI);
    multiboot_region(&loader, 0xFFFC0000, 0x40000, RESERVED);
    multiboot_region(&loader, 4 * GIB, 2 * GIB, RAM);
    read_it();
}

/* The pool. */

static void the_pool_is_a_share_of_ram_at_the_top(void **state)
{
    (void)state;
    hpa_t base;
    uint64_t size;
    pc();
    bootmem_choose_pool(&mb, 0, &base, &size);
    assert_int_equal(size, 64 * MIB); /* 2.5 GiB / 32, and no more than the default's maximum */
    assert_int_equal(base.v, 510 * MIB - 64 * MIB);
    bootmem_choose_pool(&mb, 100 * MIB, &base, &size);
    assert_int_equal(size, 100 * MIB);
    bootmem_choose_pool(&mb, 5 * MIB, &base, &size);
    assert_int_equal(size, 4 * MIB);
    bootmem_choose_pool(&mb, 1, &base, &size);
    assert_int_equal(size, 4 * MIB);
}

static void the_pool_avoids_what_is_loaded(void **state)
{
    (void)state;
    hpa_t base;
    uint64_t size;
    multiboot_region(&loader, MIB, 31 * MIB, RAM);
    multiboot_module(&loader, 31 * MIB, 31 * MIB + 1, "top");
    multiboot_module(&loader, 25 * MIB + 5, 25 * MIB + 6, "middle");
    read_it();
    bootmem_choose_pool(&mb, 8 * MIB, &base, &size);
    assert_int_equal(base.v, 16 * MIB); /* below 25 MiB, at a multiple of 2 MiB */
    assert_int_equal(size, 8 * MIB);
    bootmem_choose_pool(&mb, 4 * MIB, &base, &size);
    assert_int_equal(base.v, 26 * MIB);
}

static void choose_sixteen(struct cpu *cpu)
{
    (void)cpu;
    hpa_t base;
    uint64_t size;
    bootmem_choose_pool(&mb, 16 * MIB, &base, &size);
}

static void without_room_for_the_pool_it_stops(void **state)
{
    (void)state;
    multiboot_region(&loader, 0, 640 * 1024, RAM);
    multiboot_region(&loader, MIB, 15 * MIB, RAM); /* the image lies at its beginning */
    multiboot_region(&loader, 8 * MIB * 1024, GIB, RAM);
    multiboot_region(&loader, 32 * MIB, GIB, RESERVED);
    read_it();
    hw_dispatch(choose_sixteen);
    assert_true(hw.panicked);
}

/* The description: the type of each page below 4 GiB, 0 for what is kept back. */

static uint8_t expected[LOW_PAGES];

static void expect(uint64_t base, uint64_t end, uint8_t type)
{
    for (uint64_t p = base / PAGE_SIZE; p < (end + PAGE_SIZE - 1) / PAGE_SIZE && p < LOW_PAGES;
         p++) {
        expected[p] = type;
    }
}

static void build_expected(uint64_t pool, uint64_t pool_size)
{
    struct multiboot2_module m;
    memset(expected, BH_REGION_MMIO, sizeof(expected));
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < loader.regions; i++) {
            const struct multiboot_entry *e = &loader.region[i];
            if (pass == 0 && e->type == RAM) {
                uint64_t first = (e->base + PAGE_MASK) & ~PAGE_MASK;
                expect(first, (e->base + e->size) & ~PAGE_MASK, BH_REGION_RAM);
            } else if (pass == 1 && e->type != RAM) {
                bool acpi = e->type == ACPI || e->type == ACPI + 1;
                expect(e->base, e->base + e->size, acpi ? BH_REGION_ACPI : BH_REGION_MMIO);
            }
        }
    }
    for (unsigned i = 0; multiboot2_module(&mb, i, &m); i++) {
        expect(m.base, m.end, BH_REGION_MODULE);
    }
    expect(PHYSICAL(image_start), PHYSICAL(image_end), 0);
    expect(pool, pool + pool_size, 0);
    expect(LAPIC_PAGE * PAGE_SIZE, LAPIC_PAGE * PAGE_SIZE + 1, 0);
    expect(IOAPIC_PAGE * PAGE_SIZE, IOAPIC_PAGE * PAGE_SIZE + 1, 0);
}

static void describe(uint64_t pool, uint64_t pool_size)
{
    static uint8_t found[LOW_PAGES];
    memset(&info, 0, sizeof(info));
    bootmem_describe(&mb, hpa(pool), pool_size, &info);
    memset(found, 0, sizeof(found));
    build_expected(pool, pool_size);
    for (unsigned i = 0; i < info.regions; i++) {
        const struct bh_region *r = &info.region[i];
        assert_int_equal(r->base % PAGE_SIZE, 0);
        assert_int_equal(r->size % PAGE_SIZE, 0);
        assert_int_not_equal(r->size, 0);
        for (uint64_t p = r->base / PAGE_SIZE; p < (r->base + r->size) / PAGE_SIZE; p++) {
            if (p < LOW_PAGES) {
                assert_int_equal(found[p], 0); /* no page twice */
                found[p] = (uint8_t)r->type;
            }
        }
    }
    for (uint64_t p = 0; p < LOW_PAGES; p++) {
        if (found[p] != expected[p]) {
            fail_msg("page %#lx: %u instead of %u", (unsigned long)p, found[p], expected[p]);
        }
    }
}

static void a_pc_is_described(void **state)
{
    (void)state;
    pc();
    describe(400 * MIB, 32 * MIB);
    assert_int_equal(info.ram_size, 0x9FC00 + 511 * MIB - 0x10000 + 2 * GIB);
    assert_int_equal(info.pool_size, 32 * MIB);
    assert_int_equal(info.kernel_size, PHYSICAL(image_end) - PHYSICAL(image_start));
    assert_int_equal(info.modules, 2);
    assert_int_equal(info.module[0].base, 0x800000);
    assert_int_equal(info.module[0].size, 0x12345);
    assert_string_equal(info.strings + info.cmdline, "pool=8 quiet");
    assert_string_equal(info.strings + info.module[0].name, "root.elf");
    assert_string_equal(info.strings + info.module[1].name, "vmm.elf");
    uint64_t high = 0;
    for (unsigned i = 0; i < info.regions; i++) {
        high += info.region[i].base >= 4 * GIB ? info.region[i].size : 0;
    }
    assert_int_equal(high, 2 * GIB);
}

static void random_maps_are_described(void **state)
{
    (void)state;
    uint64_t seed = 77;
    for (unsigned round = 0; round < 30; round++) {
        setup(state);
        uint64_t at = 0;
        for (unsigned i = 0; i < 12; i++) { /* in order and apart, but not at page boundaries */
            at += random_below(&seed, 3) == 0 ? 0 : random_below(&seed, 20000);
            uint64_t size = 1 + random_below(&seed, i % 3 == 0 ? 200 * MIB : 30000);
            multiboot_region(&loader, at, size, 1 + (uint32_t)random_below(&seed, 5));
            at += size;
        }
        for (unsigned i = 0; i < 4; i++) {
            uint32_t base = (uint32_t)(16 + 16 * i) * (uint32_t)MIB;
            multiboot_module(&loader, base + (uint32_t)random_below(&seed, PAGE_SIZE),
                             base + PAGE_SIZE + (uint32_t)random_below(&seed, MIB), "m");
        }
        read_it();
        describe(random_below(&seed, 50) * POOL_UNIT + 128 * MIB, 8 * MIB);
    }
}

static void too_many_regions_and_modules_are_left_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MULTIBOOT_REGIONS - 1; i++) {
        multiboot_region(&loader, (16ull + 2 * i) * MIB, MIB, i % 2 == 0 ? RAM : RESERVED);
    }
    for (unsigned i = 0; i < BH_MAX_MODULES + 6; i++) {
        multiboot_module(&loader, 16 * (uint32_t)MIB + i * PAGE_SIZE,
                         16 * (uint32_t)MIB + i * PAGE_SIZE + 1, "m");
    }
    read_it();
    memset(&info, 0, sizeof(info));
    bootmem_describe(&mb, hpa(16 * GIB), 2 * MIB, &info);
    assert_in_range(info.regions, BH_MAX_REGIONS - 1, BH_MAX_REGIONS);
    assert_int_equal(info.modules, BH_MAX_MODULES);
    assert_true(hw.log_lines > 0);
}

static void the_root_task_gets_what_is_described(void **state)
{
    (void)state;
    struct pd *root = fixture_root(1);
    pc();
    describe(400 * MIB, 32 * MIB);
    bootmem_give(root, &info);
    const struct space *s = &root->space[BH_SPACE_MEM];
    static const unsigned rights[] = {0, PTAB_R | PTAB_W | PTAB_X, PTAB_R,
                                      PTAB_R | PTAB_W | PTAB_UNCACHED, PTAB_R | PTAB_W | PTAB_X};
    for (uint64_t p = 0; p < LOW_PAGES; p++) {
        const struct mapping *m = mapping_find(s, (BH_ROOT_PHYS >> PAGE_SHIFT) + p);
        unsigned found = m == NULL ? 0 : m->rights;
        if (found != rights[expected[p]]) {
            fail_msg("page %#lx: rights %#x", (unsigned long)p, found);
        }
    }
    space_check(s);
    const struct mapping *ports = mapping_find(&root->space[BH_SPACE_PIO], 0);
    assert_non_null(ports);
    assert_int_equal(ports->count, 65536);
}

/* The kernel's own mappings. */

#define PTE_W  2ull
#define PTE_U  4ull
#define PTE_NX (1ull << 63)

static uint64_t kernel_entry(uint64_t va)
{
    struct ptab t = {pool_ptr(hpa(paging_kernel_cr3())), paging_format(), paging_memory(), NULL};
    unsigned level = 0;
    return ptab_lookup(&t, va, &level);
}

static void the_kernel_writes_nothing_that_it_runs(void **state)
{
    (void)state;
    for (uint64_t p = PHYSICAL(image_text); p < PHYSICAL(image_end); p += PAGE_SIZE) {
        uint64_t e = kernel_entry(KERNEL_VMA + p);
        bool code = p < PHYSICAL(image_rodata);
        bool data = p >= PHYSICAL(image_data);
        assert_int_equal(e & 0x000FFFFFFFFFF000ull, p);
        assert_true(((e & PTE_NX) == 0) == code);
        assert_true(((e & PTE_W) != 0) == data);
        assert_int_equal(e & PTE_U, 0);
    }
    assert_int_equal(kernel_entry((uint64_t)image_end), 0);
    uint64_t pool = kernel_entry(POOL_VMA + 5ull * PAGE_SIZE);
    assert_int_equal(pool & (PTE_NX | PTE_W | PTE_U), PTE_NX | PTE_W);
}

static void one_gib_pages_are_used_where_present(void **state)
{
    (void)state;
    assert_int_equal(paging_format()->max_level, 1);
    hw.one_gib_pages = true;
    hw.cpu[0].cr3 = HW_IMAGE_PHYS; /* boot's tables again */
    paging_init(hpa(HW_POOL_PHYS), HW_POOL_PAGES * PAGE_SIZE);
    assert_int_equal(paging_format()->max_level, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_pool_is_a_share_of_ram_at_the_top, setup),
        cmocka_unit_test_setup(the_pool_avoids_what_is_loaded, setup),
        cmocka_unit_test_setup(without_room_for_the_pool_it_stops, setup),
        cmocka_unit_test_setup(a_pc_is_described, setup),
        cmocka_unit_test_setup(random_maps_are_described, setup),
        cmocka_unit_test_setup(too_many_regions_and_modules_are_left_out, setup),
        cmocka_unit_test_setup(the_root_task_gets_what_is_described, setup),
        cmocka_unit_test_setup(the_kernel_writes_nothing_that_it_runs, setup),
        cmocka_unit_test_setup(one_gib_pages_are_used_where_present, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
