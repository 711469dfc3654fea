/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux loader against bzImages made here, byte by byte: which entry is taken, where everything
 * lies, what boot_params say, and that each kind of damage is refused with its own error before RAM
 * is touched.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/load_linux.h"

static const uint64_t mib = 1 << 20;

enum {
    RAM_SIZE = 64 << 20,
    SETUP_SIZE = 1024, /* setup_sects = 1 */
    PAYLOAD_SIZE = 4096,
    IMAGE_SIZE = SETUP_SIZE + PAYLOAD_SIZE,
    PARAMS = MEMMAP_BOOT_INFO
};

struct fixture {
    uint8_t image[IMAGE_SIZE];
    struct guest_ram ram;
    struct load_linux_files files;
    struct load_state state;
};

static int setup(void **context)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->ram = (struct guest_ram){.low = calloc(1, RAM_SIZE), .low_size = RAM_SIZE};
    assert_non_null(f->ram.low);
    uint8_t *h = f->image;
    memset(h + SETUP_SIZE, 0xC3, PAYLOAD_SIZE);
    h[0x1F1] = 1;
    load_put32(h + 0x1F4, PAYLOAD_SIZE / 16);
    load_put16(h + 0x1FE, 0xAA55);
    h[0x200] = 0xEB;
    h[0x201] = 0x6A; /* the header ends at 0x26C, as that of Linux 6.1 */
    load_put32(h + 0x202, 0x53726448);
    load_put16(h + 0x206, 0x20F);
    h[0x211] = 0xE1;
    load_put32(h + 0x214, 0x100000);
    load_put32(h + 0x22C, 0x7FFFFFFF);
    load_put32(h + 0x230, 0x200000);
    h[0x234] = 1;
    load_put16(h + 0x236, 1);
    load_put32(h + 0x238, 2047);
    load_put64(h + 0x250, 0x1234);
    load_put64(h + 0x258, 0x1000000);
    load_put32(h + 0x260, 0x800000);
    f->files.kernel = (struct load_file){f->image, IMAGE_SIZE};
    *context = f;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    free(f->ram.low);
    free(f);
    return 0;
}

static void assert_ram_untouched(const struct fixture *f)
{
    for (uint64_t i = 0; i < f->ram.low_size; i++) {
        if (f->ram.low[i] != 0) {
            fail_msg("RAM written at %#lx", (unsigned long)i);
        }
    }
}

static void assert_refused(struct fixture *f, enum load_error error)
{
    char text[256];

    assert_int_equal(load_linux(&f->ram, &f->files, &f->state), error);
    assert_int_equal(f->state.error, error);
    load_describe(&f->state, text, sizeof text);
    assert_ptr_equal(strstr(text, load_strerror(error)), text);
    assert_ram_untouched(f);
}

static void assert_loads(struct fixture *f)
{
    assert_int_equal(load_linux(&f->ram, &f->files, &f->state), LOAD_OK);
    assert_int_equal(f->state.error, LOAD_OK);
}

static void long_mode_entry_is_0x200_behind_the_kernel(void **context)
{
    struct fixture *f = *context;

    assert_loads(f);
    assert_int_equal(f->state.rip, 0x1000200);
    assert_int_equal(f->state.gpr[LOAD_RSI], PARAMS);
    assert_int_equal(f->state.cr0 & 0x80000001, 0x80000001);
    assert_int_equal(f->state.cr4, 0x20);
    assert_int_equal(f->state.efer, 0x500);
    assert_int_equal(f->state.rflags, 2);
    assert_int_equal(f->state.cs.selector, 0x10);
    assert_int_equal(f->state.cs.access, 0xA09B);
    assert_int_equal(f->state.data.selector, 0x18);
    assert_int_equal(load_get64(f->ram.low + f->state.gdt_base + 0x10), 0x00AF9B000000FFFF);
    assert_memory_equal(f->ram.low + 0x1000000, f->image + SETUP_SIZE, PAYLOAD_SIZE);
}

static uint64_t walk(const struct fixture *f, uint64_t va)
{
    const uint8_t *ram = f->ram.low;
    uint64_t pml4e = load_get64(ram + f->state.cr3 + 8 * (va >> 39 & 511));
    assert_int_equal(pml4e & 0xFFF, 3);
    uint64_t pdpte = load_get64(ram + (pml4e & ~0xFFFULL) + 8 * (va >> 30 & 511));
    assert_int_equal(pdpte & 0xFFF, 3);
    uint64_t pde = load_get64(ram + (pdpte & ~0xFFFULL) + 8 * (va >> 21 & 511));
    assert_int_equal(pde & 0xFFF, 0x83);
    return (pde & ~0x1FFFFFULL) | (va & 0x1FFFFF);
}

static void page_tables_map_4_gib_to_themselves(void **context)
{
    struct fixture *f = *context;

    assert_loads(f);
    for (uint64_t va = 0x123456; va < 0x100000000; va += 0x200000) {
        assert_int_equal(walk(f, va), va);
    }
}

static void boot_params_hold_the_header_and_what_the_loader_knows(void **context)
{
    struct fixture *f = *context;
    f->files.cmdline = "console=ttyS0";
    f->image[0x26C] = 0x55; /* behind the header: must not be copied */

    assert_loads(f);
    const uint8_t *p = f->ram.low + PARAMS;
    assert_memory_equal(p + 0x202, "HdrS", 4);
    assert_int_equal(load_get32(p + 0x260), 0x800000);
    assert_int_equal(p[0x26C], 0);
    assert_int_equal(p[0x1EF], 0); /* the sentinel of sanitize_boot_params */
    assert_int_equal(p[0x210], 0xFF);
    assert_int_equal(p[0x211], 1);
    assert_int_equal(load_get16(p + 0x1FA), 0xFFFF);
    assert_int_equal(load_get32(p + 0x214), 0x1000000);
    assert_int_equal(load_get64(p + 0x250), 0);
    assert_int_equal(load_get64(p + 0x70), MEMMAP_ACPI_BASE);
    assert_string_equal((char *)f->ram.low + load_get32(p + 0x228), "console=ttyS0");
    assert_int_equal(load_get32(p + 0x1E0), (RAM_SIZE - mib) / 1024);
}

static void e820_lists_ram_and_reserved_without_overlap(void **context)
{
    struct fixture *f = *context;
    uint64_t end = 0, ram = 0;
    f->ram.high_size = 512ULL * mib;

    assert_loads(f);
    const uint8_t *p = f->ram.low + PARAMS;
    assert_int_equal(p[0x1E8], 5);
    for (unsigned i = 0; i < p[0x1E8]; i++) {
        const uint8_t *e = p + 0x2D0 + (size_t)i * 20;
        assert_true(load_get64(e) >= end);
        end = load_get64(e) + load_get64(e + 8);
        ram += load_get32(e + 16) == 1 ? load_get64(e + 8) : 0;
    }
    assert_int_equal(end, MEMMAP_HIGH_RAM + 512ULL * mib);
    assert_int_equal(ram, 576ULL * mib - (mib - MEMMAP_BASE_MEMORY_END));
}

static void initrd_lies_at_the_top_on_a_page(void **context)
{
    struct fixture *f = *context;
    static uint8_t initrd[5000];
    memset(initrd, 0x77, sizeof initrd);
    f->files.initrd = (struct load_file){initrd, sizeof initrd};

    assert_loads(f);
    const uint8_t *p = f->ram.low + PARAMS;
    assert_int_equal(load_get32(p + 0x218), RAM_SIZE - 0x2000);
    assert_int_equal(load_get32(p + 0x21C), sizeof initrd);
    assert_int_equal(load_get32(p + 0xC0), 0);
    assert_memory_equal(f->ram.low + RAM_SIZE - 0x2000, initrd, sizeof initrd);
}

static void initrd_addr_max_is_honoured(void **context)
{
    struct fixture *f = *context;
    static uint8_t initrd[5000] = {1};
    f->files.initrd = (struct load_file){initrd, sizeof initrd};
    load_put32(f->image + 0x22C, 0x1FFFFFF);

    assert_loads(f);
    assert_int_equal(load_get32(f->ram.low + PARAMS + 0x218), 0x2000000 - 0x2000);
}

static void initrd_that_reaches_into_init_size_is_refused(void **context)
{
    struct fixture *f = *context;
    uint8_t *initrd = calloc(1, 40 * mib + 1);
    assert_non_null(initrd);

    f->files.initrd = (struct load_file){initrd, 40 * mib + 1};
    assert_refused(f, LOAD_ERR_INITRD_TOO_LARGE);
    assert_int_equal(f->state.have, 40 * mib);
    f->files.initrd.size = 40 * mib; /* 64 MiB less 16 MiB less init_size: just fits */
    assert_loads(f);
    free(initrd);
}

static void initrd_limit_below_the_kernel_is_refused(void **context)
{
    struct fixture *f = *context;
    static uint8_t initrd[16];
    f->files.initrd = (struct load_file){initrd, sizeof initrd};
    load_put32(f->image + 0x22C, 0xFFFFF);
    assert_refused(f, LOAD_ERR_INITRD_TOO_LARGE);
}

static void kernel_needs_init_size_of_ram(void **context)
{
    struct fixture *f = *context;
    f->ram.low_size = 24 * mib - 1;
    assert_refused(f, LOAD_ERR_KERNEL_TOO_LARGE);
    assert_int_equal(f->state.need, 24 * mib);
    f->ram.low_size = 24 * mib;
    assert_loads(f);
}

static void without_a_64_bit_entry_the_32_bit_entry_is_taken(void **context)
{
    struct fixture *f = *context;
    load_put16(f->image + 0x236, 0);

    assert_loads(f);
    assert_int_equal(f->state.rip, 0x1000000);
    assert_int_equal(f->state.cr0 & 0x80000001, 1);
    assert_int_equal(f->state.cr4, 0);
    assert_int_equal(f->state.efer, 0);
    assert_int_equal(f->state.cs.access, 0xC09B);
    assert_int_equal(f->state.cs.limit, 0xFFFFFFFF);
    assert_int_equal(f->state.gpr[LOAD_RSI], PARAMS);
    assert_int_equal(f->state.gpr[LOAD_RBP] | f->state.gpr[LOAD_RDI] | f->state.gpr[LOAD_RBX], 0);
    assert_int_equal(load_get64(f->ram.low + f->state.gdt_base + 0x10), 0x00CF9B000000FFFF);
}

static void protocol_2_06_loads_at_1_mib(void **context)
{
    struct fixture *f = *context;
    load_put16(f->image + 0x206, 0x206);
    f->image[0x201] = 0x3A;

    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100000);
    assert_int_equal(load_get32(f->ram.low + PARAMS + 0x260), 0);
}

static void xloadflags_before_2_12_mean_nothing(void **context)
{
    struct fixture *f = *context;
    load_put16(f->image + 0x206, 0x20A);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x1000000);
}

static void not_relocatable_keeps_its_preferred_address(void **context)
{
    struct fixture *f = *context;
    f->image[0x234] = 0;
    load_put32(f->image + 0x230, 0);
    load_put64(f->image + 0x258, 0x123000);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x123200);
}

static void relocatable_is_aligned_up(void **context)
{
    struct fixture *f = *context;
    load_put64(f->image + 0x258, 0x1100000);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x1200200);
}

static void each_damage_has_its_error(void **context)
{
    static const struct {
        unsigned offset, size;
        uint64_t value;
        enum load_error error;
    } damage[] = {
        {0x202, 4, 0, LOAD_ERR_NOT_BZIMAGE},
        {0x1FE, 2, 0, LOAD_ERR_NOT_BZIMAGE},
        {0x000, 2, 0x8B1F, LOAD_ERR_COMPRESSED},
        {0x206, 2, 0x205, LOAD_ERR_OLD_PROTOCOL},
        {0x206, 2, 0, LOAD_ERR_OLD_PROTOCOL},
        {0x201, 1, 0x10, LOAD_ERR_BAD_HEADER},
        {0x201, 1, 0x3A, LOAD_ERR_BAD_HEADER}, /* 2.15 with a header as short as that of 2.06 */
        {0x211, 1, 0, LOAD_ERR_LOW_KERNEL},
        {0x1F1, 1, 200, LOAD_ERR_TRUNCATED},
        {0x1F1, 1, 0, LOAD_ERR_TRUNCATED},
        {0x1F4, 4, PAYLOAD_SIZE / 16 + 1, LOAD_ERR_TRUNCATED},
        {0x1F4, 4, UINT32_MAX, LOAD_ERR_TRUNCATED},
        {0x1F4, 4, 0x20, LOAD_ERR_BAD_HEADER}, /* nothing at the 64-bit entry */
        {0x230, 4, 0, LOAD_ERR_BAD_HEADER},
        {0x230, 4, 0x30000, LOAD_ERR_BAD_HEADER},
        {0x230, 4, 0x80000000, LOAD_ERR_KERNEL_TOO_LARGE},
        {0x258, 8, 0, LOAD_ERR_BAD_HEADER},
        {0x258, 8, UINT64_MAX, LOAD_ERR_BAD_HEADER},
        {0x258, 8, 0xC0000000, LOAD_ERR_KERNEL_TOO_LARGE},
        {0x260, 4, UINT32_MAX, LOAD_ERR_KERNEL_TOO_LARGE},
    };
    struct fixture *f = *context;
    uint8_t saved[IMAGE_SIZE];
    memcpy(saved, f->image, IMAGE_SIZE);

    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        memcpy(f->image, saved, IMAGE_SIZE);
        memcpy(f->image + damage[i].offset, &damage[i].value, damage[i].size);
        assert_int_equal(load_linux(&f->ram, &f->files, &f->state), damage[i].error);
    }
    assert_ram_untouched(f);
}

static void real_mode_only_image_is_refused(void **context)
{
    struct fixture *f = *context;
    load_put16(f->image + 0x206, 0x207);
    load_put32(f->image + 0x214, 0);
    assert_refused(f, LOAD_ERR_REAL_MODE_ONLY);
}

static void no_prefix_of_an_image_is_read_beyond_its_end(void **context)
{
    struct fixture *f = *context;

    for (size_t size = 0; size < IMAGE_SIZE - 15; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees the end */
        assert_non_null(exact);
        memcpy(exact, f->image, size);
        f->files.kernel = (struct load_file){exact, size};
        assert_int_not_equal(load_linux(&f->ram, &f->files, &f->state), LOAD_OK);
        free(exact);
    }
    assert_ram_untouched(f);
}

static void last_paragraph_may_be_incomplete_and_a_tail_is_ignored(void **context)
{
    struct fixture *f = *context;
    f->files.kernel.size = IMAGE_SIZE - 15;
    assert_loads(f);
    assert_int_equal(f->ram.low[0x1000000 + PAYLOAD_SIZE - 16], 0xC3);
    assert_int_equal(f->ram.low[0x1000000 + PAYLOAD_SIZE - 15], 0);
    f->files.kernel.size = IMAGE_SIZE;
    load_put32(f->image + 0x1F4, PAYLOAD_SIZE / 32);
    memset(f->ram.low, 0, RAM_SIZE);
    assert_loads(f);
    assert_int_equal(f->ram.low[0x1000000 + PAYLOAD_SIZE / 2], 0);
}

static void command_line_longer_than_the_kernel_takes_is_refused(void **context)
{
    struct fixture *f = *context;
    char line[2049];
    memset(line, 'x', sizeof line);
    line[2048] = 0;
    f->files.cmdline = line;
    assert_refused(f, LOAD_ERR_CMDLINE_TOO_LONG);
    line[2047] = 0;
    assert_loads(f);
    assert_string_equal((char *)f->ram.low + MEMMAP_CMDLINE, line);
}

static void command_line_never_outgrows_its_place(void **context)
{
    struct fixture *f = *context;
    char *line = malloc(MEMMAP_CMDLINE_SIZE + 1);
    assert_non_null(line);
    memset(line, 'x', MEMMAP_CMDLINE_SIZE);
    line[MEMMAP_CMDLINE_SIZE] = 0;
    load_put32(f->image + 0x238, UINT32_MAX);
    f->files.cmdline = line;
    assert_refused(f, LOAD_ERR_CMDLINE_TOO_LONG);
    free(line);
}

static void describe_gives_the_figures(void **context)
{
    struct load_state state;
    char text[256];
    (void)context;

    load_fail(&state, LOAD_ERR_KERNEL_TOO_LARGE, 30 * mib + mib / 2, 16 * mib);
    load_describe(&state, text, sizeof text);
    assert_string_equal(text, "the kernel does not fit into the memory of the VM (needs 30.5 MiB, "
                              "there are 16.0 MiB)");
    load_fail(&state, LOAD_ERR_OLD_PROTOCOL, 0x206, 0x204);
    load_describe(&state, text, sizeof text);
    assert_string_equal(text, "Linux boot protocol is too old (2.04, at least 2.06 is needed)");
    for (int error = 0; error < LOAD_ERR_COUNT; error++) {
        assert_non_null(load_strerror((enum load_error)error));
    }
    assert_string_equal(load_strerror(LOAD_ERR_COUNT), "unknown loader error");
}

static void ram_is_split_at_the_pci_hole(void **context)
{
    (void)context;
    assert_int_equal(memmap_low_size(256 * mib), 256 * mib);
    assert_int_equal(memmap_low_size(8ULL << 30), 3ULL << 30);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(long_mode_entry_is_0x200_behind_the_kernel),
        CLAIM(page_tables_map_4_gib_to_themselves),
        CLAIM(boot_params_hold_the_header_and_what_the_loader_knows),
        CLAIM(e820_lists_ram_and_reserved_without_overlap),
        CLAIM(initrd_lies_at_the_top_on_a_page),
        CLAIM(initrd_addr_max_is_honoured),
        CLAIM(initrd_that_reaches_into_init_size_is_refused),
        CLAIM(initrd_limit_below_the_kernel_is_refused),
        CLAIM(kernel_needs_init_size_of_ram),
        CLAIM(without_a_64_bit_entry_the_32_bit_entry_is_taken),
        CLAIM(protocol_2_06_loads_at_1_mib),
        CLAIM(xloadflags_before_2_12_mean_nothing),
        CLAIM(not_relocatable_keeps_its_preferred_address),
        CLAIM(relocatable_is_aligned_up),
        CLAIM(each_damage_has_its_error),
        CLAIM(real_mode_only_image_is_refused),
        CLAIM(no_prefix_of_an_image_is_read_beyond_its_end),
        CLAIM(last_paragraph_may_be_incomplete_and_a_tail_is_ignored),
        CLAIM(command_line_longer_than_the_kernel_takes_is_refused),
        CLAIM(command_line_never_outgrows_its_place),
        CLAIM(describe_gives_the_figures),
        CLAIM(ram_is_split_at_the_pci_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
