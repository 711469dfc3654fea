/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF reader of the system's own programs: what it hands out for a good file, and one bad file
 * for each check, including arithmetic at the ends of the address space and every truncation.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/lib/elf.h"

enum { SIZE = 0x2800, PHDR = 64, PHDR_SIZE = 56, BOTTOM = 0x10000 };
static const uint64_t top = 0x800000000000;

static uint8_t file[SIZE];
static struct elf_image image;

static void put(size_t offset, uint64_t value, size_t bytes)
{
    memcpy(file + offset, &value, bytes);
}

static void put_phdr(unsigned index, uint32_t flags, uint64_t offset, uint64_t address,
                     uint64_t file_size, uint64_t mem_size)
{
    const uint64_t fields[7] = {
        1 | (uint64_t)flags << 32, offset, address, 0, file_size, mem_size, 4096};
    memcpy(file + PHDR + (size_t)index * PHDR_SIZE, fields, sizeof fields);
}

static int setup(void **context)
{
    (void)context;
    memset(file, 0, sizeof file);
    put(0, 0x010102464C457F, 7); /* magic, 64 bit, little-endian, version */
    put(16, 2, 2);
    put(18, 62, 2);
    put(24, 0x400010, 8);
    put(32, PHDR, 8);
    put(54, PHDR_SIZE, 2);
    put(56, 3, 2);
    put_phdr(0, 5, 0, 0x400000, 0x1200, 0x1200);
    put_phdr(1, 6, 0x1200, 0x402200, 0x1600, 0x3000);
    put(PHDR + 2 * PHDR_SIZE, 0x6474E551, 4); /* PT_GNU_STACK */
    return 0;
}

static enum elf_error open_file(void)
{
    return elf_open(file, SIZE, BOTTOM, top, &image);
}

static void segments_come_in_order_with_permissions(void **context)
{
    struct elf_segment s;
    unsigned cursor = 0;
    (void)context;

    assert_int_equal(open_file(), ELF_OK);
    assert_int_equal(image.entry, 0x400010);
    assert_true(elf_next(&image, &cursor, &s));
    assert_ptr_equal(s.data, file);
    assert_int_equal(s.address, 0x400000);
    assert_int_equal(s.permissions, ELF_READ | ELF_EXECUTE);
    assert_true(elf_next(&image, &cursor, &s));
    assert_ptr_equal(s.data, file + 0x1200);
    assert_int_equal(s.address, 0x402200);
    assert_int_equal(s.file_size, 0x1600);
    assert_int_equal(s.mem_size, 0x3000);
    assert_int_equal(s.permissions, ELF_READ | ELF_WRITE);
    assert_false(elf_next(&image, &cursor, &s));
    assert_false(elf_next(&image, &cursor, &s));
}

static void empty_segment_is_left_out(void **context)
{
    struct elf_segment s;
    unsigned cursor = 0;
    (void)context;

    put_phdr(1, 7, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0);
    assert_int_equal(open_file(), ELF_OK);
    assert_true(elf_next(&image, &cursor, &s));
    assert_false(elf_next(&image, &cursor, &s));
}

static void each_bad_header_has_its_error(void **context)
{
    static const struct {
        size_t offset, bytes;
        uint64_t value;
        enum elf_error error;
    } damage[] = {
        {0, 1, 0, ELF_ERR_NOT_ELF},
        {4, 1, 1, ELF_ERR_NOT_X86_64},
        {5, 1, 2, ELF_ERR_NOT_X86_64},
        {18, 2, 3, ELF_ERR_NOT_X86_64},
        {16, 2, 1, ELF_ERR_NOT_STATIC},
        {16, 2, 3, ELF_ERR_NOT_STATIC},
        {24, 8, 0x3FFFFF, ELF_ERR_ENTRY},
        {24, 8, 0x401200, ELF_ERR_ENTRY},
        {24, 8, 0x402200, ELF_ERR_ENTRY}, /* in a segment that is not executable */
        {32, 8, UINT64_MAX, ELF_ERR_TRUNCATED},
        {32, 8, SIZE - 3 * PHDR_SIZE + 1, ELF_ERR_TRUNCATED},
        {54, 2, 55, ELF_ERR_HEADERS},
        {56, 2, 65, ELF_ERR_HEADERS},
        {56, 2, 0, ELF_ERR_EMPTY},
        {PHDR + 2 * PHDR_SIZE, 4, 2, ELF_ERR_NOT_STATIC},
        {PHDR + 2 * PHDR_SIZE, 4, 3, ELF_ERR_NOT_STATIC},
    };

    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        setup(context);
        put(damage[i].offset, damage[i].value, damage[i].bytes);
        assert_int_equal(open_file(), damage[i].error);
    }
}

static void each_bad_segment_has_its_error(void **context)
{
    static const struct {
        uint64_t flags, offset, address, file_size, mem_size;
        enum elf_error error;
    } damage[] = {
        {6, 0x1200, 0x402200, 0x1600, 0x15FF, ELF_ERR_SIZES},
        {6, 0x1200, 0x402200, 0x1601, 0x3000, ELF_ERR_TRUNCATED},
        {6, UINT64_MAX, 0x402FFF, 1, 1, ELF_ERR_TRUNCATED},
        {6, 0x1200, 0x402200, 0, UINT64_MAX, ELF_ERR_ADDRESS},
        {6, 0x1200, UINT64_MAX - 0xDFF, 0, 0x2000, ELF_ERR_ADDRESS},
        {6, 0x1200, 0x7FFFFFFFF200, 0, 0xE01, ELF_ERR_ADDRESS},
        {6, 0x1200, 0x7FFFFFFFF200, 0, 0xE00, ELF_OK},
        {6, 0x1200, 0xF200, 0, 0x1000, ELF_ERR_ADDRESS},
        {6, 0x1200, 0x402201, 0x100, 0x100, ELF_ERR_ALIGNMENT},
        {7, 0x1200, 0x402200, 0x100, 0x100, ELF_ERR_WRITE_EXECUTE},
        {6, 0x1200, 0x401200, 0x100, 0x100, ELF_ERR_ORDER}, /* shares a page */
        {6, 0x1200, 0x300200, 0x100, 0x100, ELF_ERR_ORDER}, /* descends */
        {6, 0x1200, 0x400200, 0x100, 0x100, ELF_ERR_ORDER}, /* overlaps */
    };

    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        setup(context);
        put_phdr(1, (uint32_t)damage[i].flags, damage[i].offset, damage[i].address,
                 damage[i].file_size, damage[i].mem_size);
        assert_int_equal(open_file(), damage[i].error);
    }
}

static void no_prefix_of_a_file_is_read_beyond_its_end(void **context)
{
    (void)context;
    for (size_t size = 0; size < SIZE; size++) {
        uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees the end */
        assert_non_null(exact);
        memcpy(exact, file, size);
        enum elf_error error = elf_open(exact, size, BOTTOM, top, &image);
        assert_int_equal(error, size < 4 ? ELF_ERR_NOT_ELF : ELF_ERR_TRUNCATED);
        free(exact);
    }
}

static void every_error_has_a_sentence(void **context)
{
    (void)context;
    for (int error = 0; error < ELF_ERR_COUNT; error++) {
        assert_non_null(elf_strerror((enum elf_error)error));
    }
    assert_string_equal(elf_strerror(ELF_ERR_COUNT), "unknown ELF error");
}

#define CLAIM(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(segments_come_in_order_with_permissions),
        CLAIM(empty_segment_is_left_out),
        CLAIM(each_bad_header_has_its_error),
        CLAIM(each_bad_segment_has_its_error),
        CLAIM(no_prefix_of_a_file_is_read_beyond_its_end),
        CLAIM(every_error_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
