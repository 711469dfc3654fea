/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF64 for the root partition manager: every field that is used is checked before, with arithmetic
 * that cannot wrap, since a boot module is whatever the integrator's file happened to be.
 */
#include "vmm/lib/elf.h"

#include <string.h>

/* "ELF Header" */
enum {
    EI_CLASS = 4,
    EI_DATA = 5,
    E_TYPE = 16,
    E_MACHINE = 18,
    E_ENTRY = 24,
    E_PHOFF = 32,
    E_PHENTSIZE = 54,
    E_PHNUM = 56,
    EHDR_SIZE = 64,
    ELFCLASS64 = 2,
    ELFDATA2LSB = 1,
    ET_EXEC = 2,
    EM_X86_64 = 62
};

/* "Program Header" */
enum {
    P_TYPE = 0,
    P_FLAGS = 4,
    P_OFFSET = 8,
    P_VADDR = 16,
    P_FILESZ = 32,
    P_MEMSZ = 40,
    PHDR_SIZE = 56,
    PHNUM_MAX = 64,
    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    PT_INTERP = 3,
    PAGE = 4096
};

static const uint8_t magic[4] = {0x7F, 'E', 'L', 'F'};

static uint64_t get(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return value;
}

static const uint8_t *phdr_of(const struct elf_image *image, unsigned index)
{
    return image->data + image->phoff + (uint64_t)index * PHDR_SIZE;
}

static enum elf_error check_header(const uint8_t *data, size_t size, struct elf_image *image)
{
    if (size < sizeof magic || memcmp(data, magic, sizeof magic) != 0) {
        return ELF_ERR_NOT_ELF;
    }
    if (size < EHDR_SIZE) {
        return ELF_ERR_TRUNCATED;
    }
    if (data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB ||
        get(data + E_MACHINE, 2) != EM_X86_64) {
        return ELF_ERR_NOT_X86_64;
    }
    if (get(data + E_TYPE, 2) != ET_EXEC) {
        return ELF_ERR_NOT_STATIC;
    }
    *image = (struct elf_image){.data = data,
                                .entry = get(data + E_ENTRY, 8),
                                .phoff = get(data + E_PHOFF, 8),
                                .phnum = (unsigned)get(data + E_PHNUM, 2)};
    if (get(data + E_PHENTSIZE, 2) != PHDR_SIZE || image->phnum > PHNUM_MAX) {
        return ELF_ERR_HEADERS;
    }
    if (image->phoff > size || (uint64_t)image->phnum * PHDR_SIZE > size - image->phoff) {
        return ELF_ERR_TRUNCATED;
    }
    return ELF_OK;
}

/* One PT_LOAD by itself; *end becomes its end, rounded up to a page. */
static enum elf_error check_segment(const uint8_t *p, size_t size, uint64_t bottom, uint64_t top,
                                    uint64_t *end)
{
    uint64_t offset = get(p + P_OFFSET, 8), address = get(p + P_VADDR, 8);
    uint64_t file_size = get(p + P_FILESZ, 8), mem_size = get(p + P_MEMSZ, 8);
    const unsigned write_execute = ELF_WRITE | ELF_EXECUTE;
    const uint64_t page_mask = PAGE - 1;

    if (file_size > mem_size) {
        return ELF_ERR_SIZES;
    }
    if (offset > size || file_size > size - offset) {
        return ELF_ERR_TRUNCATED;
    }
    uint64_t limit = top & ~page_mask;
    uint64_t start = address & ~page_mask;
    if (start < bottom || address > limit || mem_size > limit - address) {
        return ELF_ERR_ADDRESS;
    }
    if ((address & page_mask) != (offset & page_mask)) {
        return ELF_ERR_ALIGNMENT;
    }
    if ((get(p + P_FLAGS, 4) & write_execute) == write_execute) {
        return ELF_ERR_WRITE_EXECUTE;
    }
    *end = (address + mem_size + page_mask) & ~page_mask;
    return ELF_OK;
}

static bool is_segment(const uint8_t *p)
{
    return get(p + P_TYPE, 4) == PT_LOAD && get(p + P_MEMSZ, 8) != 0;
}

static enum elf_error check_segments(const struct elf_image *image, size_t size, uint64_t bottom,
                                     uint64_t top)
{
    uint64_t next_free = 0;
    bool entry_found = false;

    for (unsigned i = 0; i < image->phnum; i++) {
        const uint8_t *p = phdr_of(image, i);
        uint64_t type = get(p + P_TYPE, 4), address = get(p + P_VADDR, 8), end = 0;
        if (type == PT_INTERP || type == PT_DYNAMIC) {
            return ELF_ERR_NOT_STATIC;
        }
        if (!is_segment(p)) {
            continue;
        }
        enum elf_error error = check_segment(p, size, bottom, top, &end);
        if (error != ELF_OK) {
            return error;
        }
        if ((address & ~(uint64_t)(PAGE - 1)) < next_free) {
            return ELF_ERR_ORDER;
        }
        next_free = end;
        if ((get(p + P_FLAGS, 4) & ELF_EXECUTE) && image->entry >= address &&
            image->entry - address < get(p + P_FILESZ, 8)) {
            entry_found = true;
        }
    }
    if (next_free == 0) {
        return ELF_ERR_EMPTY;
    }
    return entry_found ? ELF_OK : ELF_ERR_ENTRY;
}

enum elf_error elf_open(const uint8_t *data, size_t size, uint64_t bottom, uint64_t top,
                        struct elf_image *image)
{
    enum elf_error error = check_header(data, size, image);

    return error == ELF_OK ? check_segments(image, size, bottom, top) : error;
}

bool elf_next(const struct elf_image *image, unsigned *cursor, struct elf_segment *segment)
{
    while (*cursor < image->phnum) {
        const uint8_t *p = phdr_of(image, (*cursor)++);
        if (!is_segment(p)) {
            continue;
        }
        *segment = (struct elf_segment){
            .data = image->data + get(p + P_OFFSET, 8),
            .address = get(p + P_VADDR, 8),
            .file_size = get(p + P_FILESZ, 8),
            .mem_size = get(p + P_MEMSZ, 8),
            .permissions = (unsigned)get(p + P_FLAGS, 4) & (ELF_READ | ELF_WRITE | ELF_EXECUTE),
        };
        return true;
    }
    return false;
}

static const char *const texts[ELF_ERR_COUNT] = {
    [ELF_OK] = "a valid executable",
    [ELF_ERR_NOT_ELF] = "not an ELF file",
    [ELF_ERR_NOT_X86_64] = "not a 64-bit ELF file for x86-64",
    [ELF_ERR_NOT_STATIC] = "not a statically linked executable with fixed addresses",
    [ELF_ERR_TRUNCATED] = "the ELF file is truncated",
    [ELF_ERR_HEADERS] = "the ELF program header table has an unexpected form",
    [ELF_ERR_SIZES] = "an ELF segment is larger in the file than in memory",
    [ELF_ERR_ADDRESS] = "an ELF segment lies outside of the addresses for user programs",
    [ELF_ERR_ALIGNMENT] = "an ELF segment is not aligned alike in file and memory",
    [ELF_ERR_WRITE_EXECUTE] = "an ELF segment is both writable and executable",
    [ELF_ERR_ORDER] = "ELF segments overlap, share a page or are not in ascending order",
    [ELF_ERR_ENTRY] = "the entry point lies outside of the executable segments",
    [ELF_ERR_EMPTY] = "the ELF file has nothing to load",
};

const char *elf_strerror(enum elf_error error)
{
    return (unsigned)error < ELF_ERR_COUNT ? texts[error] : "unknown ELF error";
}
