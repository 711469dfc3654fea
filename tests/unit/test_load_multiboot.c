/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot loader against ELF and a.out-kludge images made here: header search, both formats
 * and widths, bss, modules, the information structure, and every refusal with RAM untouched.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/load_multiboot.h"

enum {
    MIB = 1 << 20,
    RAM_SIZE = 16 * MIB,
    IMAGE_SIZE = 0x3000,
    HEADER = 0x200, /* where the fixture puts the Multiboot header */
    PHDR = 0x40,
    TEXT = 0x100 /* file offset of the first segment */
};

struct fixture {
    uint8_t image[IMAGE_SIZE];
    struct guest_ram ram;
    struct load_multiboot_files files;
    struct load_state state;
};

static void put_header(uint8_t *at, uint32_t flags)
{
    load_put32(at, 0x1BADB002);
    load_put32(at + 4, flags);
    load_put32(at + 8, 0u - 0x1BADB002u - flags);
}

static void put_phdr32(uint8_t *p, uint32_t offset, uint32_t vaddr, uint32_t paddr, uint32_t filesz,
                       uint32_t memsz)
{
    const uint32_t fields[8] = {1, offset, vaddr, paddr, filesz, memsz, 7, 4096};
    memcpy(p, fields, sizeof fields);
}

static void put_phdr64(uint8_t *p, uint64_t offset, uint64_t vaddr, uint64_t paddr, uint64_t filesz,
                       uint64_t memsz)
{
    const uint64_t fields[7] = {1 | 7ULL << 32, offset, vaddr, paddr, filesz, memsz, 4096};
    memcpy(p, fields, sizeof fields);
}

static int setup(void **context)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->ram = (struct guest_ram){.low = calloc(1, RAM_SIZE), .low_size = RAM_SIZE};
    assert_non_null(f->ram.low);
    uint8_t *e = f->image;
    memset(e + TEXT, 0xC3, IMAGE_SIZE - TEXT);
    load_put32(e, 0x464C457F);
    e[4] = 1;
    e[5] = 1;
    load_put16(e + 16, 2);
    load_put16(e + 18, 3);
    load_put32(e + 24, 0x100010);
    load_put32(e + 28, PHDR);
    load_put16(e + 42, 32);
    load_put16(e + 44, 2);
    put_phdr32(e + PHDR, TEXT, 0x100000, 0x100000, 0x1000, 0x1000);
    put_phdr32(e + PHDR + 32, TEXT + 0x1000, 0x102000, 0x102000, 0x800, 0x1800);
    put_header(e + HEADER, 3);
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
    assert_int_equal(load_multiboot(&f->ram, &f->files, &f->state), error);
    assert_int_equal(f->state.error, error);
    assert_ram_untouched(f);
}

static void assert_loads(struct fixture *f)
{
    assert_int_equal(load_multiboot(&f->ram, &f->files, &f->state), LOAD_OK);
}

static const uint8_t *info_of(const struct fixture *f)
{
    return f->ram.low + f->state.gpr[LOAD_RBX];
}

static const char *string_at(const struct fixture *f, uint32_t gpa)
{
    return (const char *)f->ram.low + gpa;
}

static void elf32_segments_go_to_their_physical_addresses(void **context)
{
    struct fixture *f = *context;
    memset(f->ram.low + 0x102000, 0xEE, 0x2000);

    assert_loads(f);
    assert_memory_equal(f->ram.low + 0x100000, f->image + TEXT, 0x1000);
    assert_memory_equal(f->ram.low + 0x102000, f->image + TEXT + 0x1000, 0x800);
    for (unsigned i = 0x800; i < 0x1800; i++) {
        assert_int_equal(f->ram.low[0x102000 + i], 0);
    }
    assert_int_equal(f->ram.low[0x103800], 0xEE);
}

static void entry_state_is_flat_protected_mode(void **context)
{
    struct fixture *f = *context;

    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100010);
    assert_int_equal(f->state.gpr[LOAD_RAX], 0x2BADB002);
    assert_int_equal(f->state.cr0 & 0x80000001, 1);
    assert_int_equal(f->state.rflags, 2);
    assert_int_equal(f->state.efer | f->state.cr4 | f->state.cr3, 0);
    assert_int_equal(f->state.cs.access, 0xC09B);
    assert_int_equal(f->state.data.access, 0xC093);
    assert_int_equal(load_get64(f->ram.low + f->state.gdt_base + f->state.cs.selector),
                     0x00CF9B000000FFFF);
}

static void virtual_entry_is_translated(void **context)
{
    struct fixture *f = *context;
    put_phdr32(f->image + PHDR, TEXT, 0xC0100000, 0x100000, 0x1000, 0x1000);
    load_put32(f->image + 24, 0xC0100010);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100010);
}

static void physical_entry_of_a_higher_half_kernel_is_kept(void **context)
{
    struct fixture *f = *context;
    put_phdr32(f->image + PHDR, TEXT, 0xC0100000, 0x100000, 0x1000, 0x1000);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100010);
}

static void make_elf64(struct fixture *f)
{
    uint8_t *e = f->image;
    e[4] = 2;
    load_put16(e + 18, 62);
    load_put64(e + 24, 0xFFFFFFFF80100010);
    load_put64(e + 32, PHDR);
    load_put16(e + 54, 56);
    load_put16(e + 56, 1);
    put_phdr64(e + PHDR, TEXT, 0xFFFFFFFF80100000, 0x100000, 0x1000, 0x1000);
}

static void elf64_is_entered_in_protected_mode(void **context)
{
    struct fixture *f = *context;
    make_elf64(f);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100010);
    assert_int_equal(f->state.efer, 0);
    assert_memory_equal(f->ram.low + 0x100000, f->image + TEXT, 0x1000);
}

static void elf64_ranges_that_wrap_are_refused(void **context)
{
    struct fixture *f = *context;
    make_elf64(f);
    put_phdr64(f->image + PHDR, UINT64_MAX - 8, 0, 0x100000, 0x1000, 0x1000);
    assert_refused(f, LOAD_ERR_TRUNCATED);
    put_phdr64(f->image + PHDR, TEXT, 0, 0x100000, 0x1000, UINT64_MAX - 0x1000);
    assert_refused(f, LOAD_ERR_SEGMENT_ADDRESS);
    put_phdr64(f->image + PHDR, TEXT, 0, UINT64_MAX - 8, 0x1000, 0x1000);
    assert_refused(f, LOAD_ERR_SEGMENT_ADDRESS);
}

/* Kludge: header at file offset HEADER is linked at 1 MiB + 0x200, the image starts 0x180 before
 * it. */
static void make_kludge(struct fixture *f, uint32_t load_end, uint32_t bss_end)
{
    memset(f->image, 0x90, TEXT);
    uint8_t *h = f->image + HEADER;
    put_header(h, 0x10003);
    load_put32(h + 12, 0x100200);
    load_put32(h + 16, 0x100080);
    load_put32(h + 20, load_end);
    load_put32(h + 24, bss_end);
    load_put32(h + 28, 0x100300);
}

static void kludge_addresses_place_text_and_bss(void **context)
{
    struct fixture *f = *context;
    make_kludge(f, 0x101080, 0x101180);
    memset(f->ram.low + 0x101000, 0xEE, 0x1000);

    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100300);
    assert_memory_equal(f->ram.low + 0x100080, f->image + 0x80, 0x1000);
    assert_int_equal(f->ram.low[0x101080], 0);
    assert_int_equal(f->ram.low[0x10117F], 0);
    assert_int_equal(f->ram.low[0x101180], 0xEE);
}

static void kludge_load_end_0_means_the_whole_file(void **context)
{
    struct fixture *f = *context;
    make_kludge(f, 0, 0);
    assert_loads(f);
    assert_memory_equal(f->ram.low + 0x100080, f->image + 0x80, IMAGE_SIZE - 0x80);
    assert_int_equal(f->ram.low[0x100080 + IMAGE_SIZE - 0x80], 0);
}

static void kludge_wins_over_elf(void **context)
{
    struct fixture *f = *context;
    uint8_t elf[TEXT];
    memcpy(elf, f->image, sizeof elf);
    make_kludge(f, 0, 0);
    memcpy(f->image, elf, sizeof elf);
    assert_loads(f);
    assert_int_equal(f->state.rip, 0x100300);
}

static void contradicting_kludge_addresses_are_refused(void **context)
{
    struct fixture *f = *context;
    make_kludge(f, 0x101080, 0x101180);
    load_put32(f->image + HEADER + 16, 0x100201); /* load behind the header */
    assert_refused(f, LOAD_ERR_BAD_KLUDGE);
    load_put32(f->image + HEADER + 16, 0x0FFFFF); /* image begins before the file */
    assert_refused(f, LOAD_ERR_BAD_KLUDGE);
    make_kludge(f, 0x100010, 0);
    assert_refused(f, LOAD_ERR_BAD_KLUDGE);
    make_kludge(f, 0x101080, 0x101000);
    assert_refused(f, LOAD_ERR_BAD_KLUDGE);
    make_kludge(f, 0x101080, 0x10);
    assert_refused(f, LOAD_ERR_BAD_KLUDGE);
    make_kludge(f, 0x100080 + IMAGE_SIZE - 0x80 + 1, 0);
    assert_refused(f, LOAD_ERR_TRUNCATED);
    make_kludge(f, 0, UINT32_MAX);
    assert_refused(f, LOAD_ERR_SEGMENT_ADDRESS);
}

static void header_is_found_up_to_its_last_place_and_not_beyond(void **context)
{
    struct fixture *f = *context;
    memset(f->image + HEADER, 0, 12);
    put_header(f->image + 8192 - 12, 0);
    assert_loads(f);
    memset(f->image + 8192 - 12, 0, 12);
    put_header(f->image + 8192 - 8, 0);
    memset(f->ram.low, 0, RAM_SIZE);
    assert_refused(f, LOAD_ERR_NO_MULTIBOOT);
}

static void gzip_file_is_named_as_such(void **context)
{
    struct fixture *f = *context;
    memset(f->image + HEADER, 0, 12);
    load_put16(f->image, 0x8B1F);
    assert_refused(f, LOAD_ERR_COMPRESSED);
    f->files.kernel.size = 1;
    assert_refused(f, LOAD_ERR_NO_MULTIBOOT);
}

static void header_with_a_wrong_checksum_or_unaligned_is_none(void **context)
{
    struct fixture *f = *context;
    f->image[HEADER + 8] ^= 1;
    assert_refused(f, LOAD_ERR_NO_MULTIBOOT);
    memset(f->image + HEADER, 0, 12);
    put_header(f->image + HEADER + 2, 0);
    assert_refused(f, LOAD_ERR_NO_MULTIBOOT);
}

static void unknown_mandatory_flags_are_refused_optional_ones_not(void **context)
{
    struct fixture *f = *context;
    put_header(f->image + HEADER, 0x8);
    assert_refused(f, LOAD_ERR_MULTIBOOT_FLAGS);
    put_header(f->image + HEADER, 0x8000);
    assert_refused(f, LOAD_ERR_MULTIBOOT_FLAGS);
    put_header(f->image + HEADER, 0xFFFE0007);
    assert_loads(f);
}

static void information_has_memory_map_and_strings_and_no_framebuffer(void **context)
{
    struct fixture *f = *context;
    put_header(f->image + HEADER, 7);
    f->files.cmdline = "one two";

    assert_loads(f);
    const uint8_t *info = info_of(f);
    assert_int_equal(load_get32(info), 0x24D);
    assert_int_equal(load_get32(info + 4), 639);
    assert_int_equal(load_get32(info + 8), (RAM_SIZE - MIB) / 1024);
    assert_string_equal(string_at(f, load_get32(info + 16)), "one two");
    assert_string_equal(string_at(f, load_get32(info + 64)), "Bulkhead");
    assert_int_equal(load_get32(info + 20), 0);
    assert_int_equal(load_get32(info + 44), 4 * 24);
    const uint8_t *mmap = f->ram.low + load_get32(info + 48);
    const uint8_t *last = mmap + (size_t)3 * 24;
    assert_int_equal(load_get32(mmap), 20);
    assert_int_equal(load_get64(mmap + 12), MEMMAP_BASE_MEMORY_END);
    assert_int_equal(load_get64(last + 4), MIB);
    assert_int_equal(load_get64(last + 12), RAM_SIZE - MIB);
    assert_int_equal(load_get32(last + 20), 1);
}

static void modules_lie_page_aligned_behind_the_kernel(void **context)
{
    struct fixture *f = *context;
    static uint8_t first[5000], second[10];
    memset(first, 1, sizeof first);
    memset(second, 2, sizeof second);
    const struct load_module modules[] = {
        {{first, sizeof first}, "first a b"}, {{NULL, 0}, NULL}, {{second, sizeof second}, NULL}};
    f->files.modules = modules;
    f->files.module_count = 3;

    assert_loads(f);
    const uint8_t *info = info_of(f);
    assert_int_equal(load_get32(info + 20), 3);
    const uint8_t *list = f->ram.low + load_get32(info + 24);
    assert_int_equal(load_get32(list), 0x104000);
    assert_int_equal(load_get32(list + 4), 0x104000 + 5000);
    assert_string_equal(string_at(f, load_get32(list + 8)), "first a b");
    assert_int_equal(load_get32(list + 12), 0);
    assert_int_equal(load_get32(list + 16), load_get32(list + 20));
    assert_int_equal(load_get32(list + 32), 0x106000);
    assert_string_equal(string_at(f, load_get32(list + 40)), "");
    assert_memory_equal(f->ram.low + 0x104000, first, sizeof first);
    assert_memory_equal(f->ram.low + 0x106000, second, sizeof second);
}

static void modules_that_do_not_fit_are_refused(void **context)
{
    struct fixture *f = *context;
    uint8_t *big = calloc(1, RAM_SIZE);
    assert_non_null(big);
    struct load_module modules[LOAD_MULTIBOOT_MODULES + 1] = {
        {{big, RAM_SIZE - 0x104000 + 1}, NULL}};
    f->files.modules = modules;
    f->files.module_count = 1;
    assert_refused(f, LOAD_ERR_MODULES_TOO_LARGE);
    f->files.module_count = LOAD_MULTIBOOT_MODULES + 1;
    assert_refused(f, LOAD_ERR_MODULE_COUNT);
    f->files.module_count = 1;
    modules[0].file.size--;
    assert_loads(f);
    free(big);
}

static void kernel_below_1_mib_pushes_the_information_behind_it(void **context)
{
    struct fixture *f = *context;
    put_phdr32(f->image + PHDR + 32, TEXT + 0x1000, 0x10000, 0x10000, 0x800, 0x800);

    assert_loads(f);
    assert_int_equal(f->state.gdt_base, 0x101000);
    assert_memory_equal(f->ram.low + 0x10000, f->image + TEXT + 0x1000, 0x800);
}

static void segments_outside_of_ram_are_refused(void **context)
{
    static const uint32_t addresses[] = {0x9FC00,          0xA0000,    0xE0000,   0xFF000 + 0x801,
                                         RAM_SIZE - 0x7FF, 0xC0000000, 0xFFFFFF00};
    struct fixture *f = *context;

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        put_phdr32(f->image + PHDR + 32, TEXT, addresses[i], addresses[i], 0x800, 0x800);
        assert_int_equal(load_multiboot(&f->ram, &f->files, &f->state), LOAD_ERR_SEGMENT_ADDRESS);
    }
    assert_ram_untouched(f);
}

static void each_damaged_elf_has_its_error(void **context)
{
    static const struct {
        unsigned offset, size;
        uint32_t value;
        enum load_error error;
    } damage[] = {
        {0, 4, 0, LOAD_ERR_NOT_ELF},
        {4, 1, 3, LOAD_ERR_NOT_ELF},
        {5, 1, 2, LOAD_ERR_NOT_ELF},
        {16, 2, 1, LOAD_ERR_NOT_ELF},
        {18, 2, 40, LOAD_ERR_NOT_ELF},
        {24, 4, 0x101000, LOAD_ERR_ENTRY},
        {24, 4, 0, LOAD_ERR_ENTRY},
        {28, 4, IMAGE_SIZE - 63, LOAD_ERR_TRUNCATED},
        {28, 4, UINT32_MAX, LOAD_ERR_TRUNCATED},
        {42, 2, 31, LOAD_ERR_BAD_ELF},
        {44, 2, 0, LOAD_ERR_BAD_ELF},
        {44, 2, 0xFFFF, LOAD_ERR_TRUNCATED},
        {PHDR + 4, 4, IMAGE_SIZE, LOAD_ERR_TRUNCATED},
        {PHDR + 20, 4, 0xFFF, LOAD_ERR_BAD_ELF},         /* file size above memory size */
        {PHDR + 32 + 12, 4, 0x100800, LOAD_ERR_BAD_ELF}, /* segments overlap */
        {PHDR + 32 + 20, 4, RAM_SIZE, LOAD_ERR_SEGMENT_ADDRESS},
    };
    struct fixture *f = *context;
    uint8_t saved[IMAGE_SIZE];
    memcpy(saved, f->image, IMAGE_SIZE);

    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        memcpy(f->image, saved, IMAGE_SIZE);
        memcpy(f->image + damage[i].offset, &damage[i].value, damage[i].size);
        assert_int_equal(load_multiboot(&f->ram, &f->files, &f->state), damage[i].error);
    }
    assert_ram_untouched(f);
}

static void no_prefix_of_an_image_is_read_beyond_its_end(void **context)
{
    struct fixture *f = *context;

    for (size_t size = 0; size < TEXT + 0x1800; size += 3) {
        uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees the end */
        assert_non_null(exact);
        memcpy(exact, f->image, size);
        f->files.kernel = (struct load_file){exact, size};
        assert_int_not_equal(load_multiboot(&f->ram, &f->files, &f->state), LOAD_OK);
        free(exact);
    }
    assert_ram_untouched(f);
}

static void vm_without_memory_above_1_mib_is_refused(void **context)
{
    struct fixture *f = *context;
    f->ram.low_size = MIB;
    assert_refused(f, LOAD_ERR_RAM_TOO_SMALL);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(elf32_segments_go_to_their_physical_addresses),
        CLAIM(entry_state_is_flat_protected_mode),
        CLAIM(virtual_entry_is_translated),
        CLAIM(physical_entry_of_a_higher_half_kernel_is_kept),
        CLAIM(elf64_is_entered_in_protected_mode),
        CLAIM(elf64_ranges_that_wrap_are_refused),
        CLAIM(kludge_addresses_place_text_and_bss),
        CLAIM(kludge_load_end_0_means_the_whole_file),
        CLAIM(kludge_wins_over_elf),
        CLAIM(contradicting_kludge_addresses_are_refused),
        CLAIM(header_is_found_up_to_its_last_place_and_not_beyond),
        CLAIM(gzip_file_is_named_as_such),
        CLAIM(header_with_a_wrong_checksum_or_unaligned_is_none),
        CLAIM(unknown_mandatory_flags_are_refused_optional_ones_not),
        CLAIM(information_has_memory_map_and_strings_and_no_framebuffer),
        CLAIM(modules_lie_page_aligned_behind_the_kernel),
        CLAIM(modules_that_do_not_fit_are_refused),
        CLAIM(kernel_below_1_mib_pushes_the_information_behind_it),
        CLAIM(segments_outside_of_ram_are_refused),
        CLAIM(each_damaged_elf_has_its_error),
        CLAIM(no_prefix_of_an_image_is_read_beyond_its_end),
        CLAIM(vm_without_memory_above_1_mib_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
