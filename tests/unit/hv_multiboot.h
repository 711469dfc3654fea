/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds Multiboot2 boot information for tests ("Boot information format"): tags one after the
 * other, the memory map as one tag at the end.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define MULTIBOOT_SIZE       8192u
#define MULTIBOOT_REGIONS    64u
#define MULTIBOOT_TAG_MODULE 3u
#define MULTIBOOT_TAG_MMAP   6u

struct multiboot_entry {
    uint64_t base, size;
    uint32_t type, reserved;
};

struct multiboot_info {
    _Alignas(8) uint8_t bytes[MULTIBOOT_SIZE];
    uint32_t used;
    uint32_t regions;
    struct multiboot_entry region[MULTIBOOT_REGIONS];
};

static inline void multiboot_begin(struct multiboot_info *i)
{
    memset(i, 0, sizeof(*i));
    i->used = 8;
}

/* A tag of `type` with these contents, which are padded to a multiple of 8. */
static inline void multiboot_tag(struct multiboot_info *i, uint32_t type, const void *data,
                                 uint32_t size)
{
    const uint32_t head[2] = {type, size + 8};
    assert_in_range(i->used + size + 16, 0, MULTIBOOT_SIZE);
    memcpy(i->bytes + i->used, head, sizeof(head));
    if (size > 0) {
        memcpy(i->bytes + i->used + 8, data, size);
    }
    i->used += (size + 8 + 7) & ~7u;
}

static inline void multiboot_module(struct multiboot_info *i, uint32_t start, uint32_t end,
                                    const char *cmdline)
{
    uint8_t data[200];
    const uint32_t head[2] = {start, end};
    size_t length = strlen(cmdline) + 1;
    memcpy(data, head, sizeof(head));
    memcpy(data + sizeof(head), cmdline, length);
    multiboot_tag(i, MULTIBOOT_TAG_MODULE, data, (uint32_t)(sizeof(head) + length));
}

static inline void multiboot_region(struct multiboot_info *i, uint64_t base, uint64_t size,
                                    uint32_t type)
{
    assert_in_range(i->regions, 0, MULTIBOOT_REGIONS - 1);
    i->region[i->regions++] = (struct multiboot_entry){base, size, type, 0};
}

/* Write the memory map and the end. */
static inline void multiboot_end(struct multiboot_info *i)
{
    if (i->regions > 0) {
        uint8_t data[8 + sizeof(i->region)];
        const uint32_t head[2] = {sizeof(struct multiboot_entry), 0};
        uint32_t size = i->regions * (uint32_t)sizeof(struct multiboot_entry);
        memcpy(data, head, sizeof(head));
        memcpy(data + sizeof(head), i->region, size);
        multiboot_tag(i, MULTIBOOT_TAG_MMAP, data, (uint32_t)sizeof(head) + size);
    }
    multiboot_tag(i, 0, NULL, 0);
    memcpy(i->bytes, &i->used, sizeof(i->used));
}
