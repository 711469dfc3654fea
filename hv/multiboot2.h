/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader says, by the Multiboot2 specification ("Boot information format").
 */
#pragma once

#include "hv/types.h"

#define MULTIBOOT2_MAGIC 0x36D76289u

struct multiboot2 {
    const char *cmdline;
    uint64_t rsdp;    /* address of the copy in the boot information, or 0 */
    bool text_screen; /* VGA text mode, or no word about the screen */
    const void *info; /* the information itself */
};

struct multiboot2_region {
    uint64_t base, size;
    uint32_t type; /* 1 RAM, 3 ACPI tables, 4 ACPI NVS, else reserved */
};

struct multiboot2_module {
    uint64_t base, end;
    const char *cmdline;
};

void multiboot2_read(uint64_t address, struct multiboot2 *out);

/* The n-th region or module; false if there is none. */
bool multiboot2_region(const struct multiboot2 *mb, unsigned n, struct multiboot2_region *out);
bool multiboot2_module(const struct multiboot2 *mb, unsigned n, struct multiboot2_module *out);

/* Bytes of the boot information. */
uint64_t multiboot2_size(const struct multiboot2 *mb);
