/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Multiboot loader has handed over. Multiboot Specification 0.6.96, "Boot information
 * format". The structure stays where the loader has put it; a test that writes to low memory reads
 * it first.
 */
#pragma once

#include <stdint.h>

enum { MULTIBOOT_LOADER_MAGIC = 0x2BADB002 };

enum multiboot_flag {
    MULTIBOOT_HAS_MEMORY = 1 << 0,
    MULTIBOOT_HAS_CMDLINE = 1 << 2,
    MULTIBOOT_HAS_MODULES = 1 << 3,
    MULTIBOOT_HAS_MMAP = 1 << 6,
    MULTIBOOT_HAS_LOADER_NAME = 1 << 9
};

struct multiboot_info {
    uint32_t flags;
    uint32_t mem_lower; /* KiB from 0 */
    uint32_t mem_upper; /* KiB from 1 MiB */
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count;
    uint32_t mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length;
    uint32_t mmap_addr;
    uint32_t drives_length;
    uint32_t drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
};

struct multiboot_module {
    uint32_t start;
    uint32_t end; /* the first byte behind */
    uint32_t string;
    uint32_t reserved;
};

struct __attribute__((packed)) multiboot_range {
    uint32_t size; /* of the entry, this field aside */
    uint64_t base;
    uint64_t length;
    uint32_t type;
};

enum { MULTIBOOT_RANGE_RAM = 1 };

void multiboot_keep(uint32_t magic, const struct multiboot_info *info);
uint32_t multiboot_magic(void);
const struct multiboot_info *multiboot_info(void);
