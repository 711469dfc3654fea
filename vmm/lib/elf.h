/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the user programs of the system itself: static ELF64 executables for x86-64 (System V ABI,
 * "Object Files"). The image is checked whole once; after that its loadable segments are handed out
 * one by one in ascending order. No allocation, no copy: the caller maps and fills pages by
 * permission. W^X and one permission per page are part of the check.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum elf_error {
    ELF_OK,
    ELF_ERR_NOT_ELF,
    ELF_ERR_NOT_X86_64,
    ELF_ERR_NOT_STATIC,
    ELF_ERR_TRUNCATED,
    ELF_ERR_HEADERS,
    ELF_ERR_SIZES,
    ELF_ERR_ADDRESS,
    ELF_ERR_ALIGNMENT,
    ELF_ERR_WRITE_EXECUTE,
    ELF_ERR_ORDER,
    ELF_ERR_ENTRY,
    ELF_ERR_EMPTY,
    ELF_ERR_COUNT
};

/* p_flags of the ABI. */
enum elf_permission { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

/* A checked image. Points into the caller's file, which must stay; fields other than entry are
 * private. */
struct elf_image {
    const uint8_t *data;
    uint64_t entry; /* virtual address */
    uint64_t phoff;
    unsigned phnum;
};

/* One PT_LOAD. The bytes behind file_size, up to mem_size and to both ends' page boundaries, are
 * zero. */
struct elf_segment {
    const uint8_t *data;  /* file_size bytes in the file */
    uint64_t address;     /* virtual; its offset within a page is the same in the file */
    uint64_t file_size;   /* bytes */
    uint64_t mem_size;    /* bytes, not 0 */
    unsigned permissions; /* enum elf_permission */
};

/*
 * Checks size bytes at data as an executable whose segments lie page-wise within [bottom, top) and
 * fills *image. No segment is both writable and executable, no two share a page, and the entry is
 * in an executable one. On an error *image is unusable.
 */
enum elf_error elf_open(const uint8_t *data, size_t size, uint64_t bottom, uint64_t top,
                        struct elf_image *image);

/*
 * The next loadable segment of a checked image: start with *cursor = 0. Returns false behind the
 * last one. Empty segments are left out.
 */
bool elf_next(const struct elf_image *image, unsigned *cursor, struct elf_segment *segment);

/* One sentence for a person. Static text. */
const char *elf_strerror(enum elf_error error);
