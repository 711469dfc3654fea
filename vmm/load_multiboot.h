/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a kernel by the Multiboot Specification version 0.6.96 ("Multiboot 1") as GRUB would: ELF
 * or the addresses of the header (a.out kludge, preferred when flag 16 is set), modules, memory
 * map, command line.
 *
 * ELF: 32-bit images for i386, and 64-bit images for x86-64, which GRUB accepts too: their segments
 * go to the physical addresses, and the entry is still taken in 32-bit protected mode. An entry
 * address inside a segment's virtual range is translated to its physical address. Not given: boot
 * device, symbols, drives, ROM configuration table, APM. A wish for a video mode is answered by
 * text mode: no VBE or framebuffer flag in the information structure.
 */
#pragma once

#include "vmm/load_common.h"
#include "vmm/memmap.h"

enum { LOAD_MULTIBOOT_MODULES = 16 }; /* most modules of one VM */

struct load_module {
    struct load_file file;
    const char *cmdline; /* the module's string; NULL: empty */
};

struct load_multiboot_files {
    struct load_file kernel;
    const char *cmdline; /* NULL: empty */
    const struct load_module *modules;
    unsigned module_count; /* at most LOAD_MULTIBOOT_MODULES */
};

/*
 * Writes segments, modules (each on a page boundary behind the kernel) and the information
 * structure into ram, and the first state into *state: EAX the magic, EBX the information, flat
 * protected mode. The information structure, with the GDT, lies at MEMMAP_BOOT_INFO, or behind the
 * last module when the kernel occupies that place. On an error nothing has been written to ram, and
 * *state holds the error and its figures for load_describe. Keeps no pointer.
 */
enum load_error load_multiboot(const struct guest_ram *ram,
                               const struct load_multiboot_files *files, struct load_state *state);
