/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a Linux bzImage by the Linux/x86 boot protocol, version 2.06 or later (kernel
 * documentation, "The Linux/x86 Boot Protocol"). The 64-bit entry is taken when the image has one
 * (XLF_KERNEL_64), else the 32-bit entry; an image that can only be entered in real mode is
 * refused. Also boots what uses the same protocol, such as memtest86+.
 *
 * Memory: fixed structures below MEMMAP_BASE_MEMORY_END (memmap.h); the kernel at its preferred
 * address, init_size bytes; the initrd as high as RAM and initrd_addr_max allow. Kernels
 * before 2.10 do not tell init_size: the size of the file's protected-mode part is taken.
 */
#pragma once

#include "vmm/load_common.h"
#include "vmm/memmap.h"

struct load_linux_files {
    struct load_file kernel;
    struct load_file initrd; /* size 0: none */
    const char *cmdline;     /* NULL: empty */
};

/*
 * Writes kernel, initrd, command line, boot_params, GDT and page tables into ram and the CPU's
 * first state into *state. boot_params names MEMMAP_ACPI_BASE as the RSDP. On an error nothing has
 * been written to ram, and *state holds the error and its figures for load_describe. Keeps no
 * pointer.
 */
enum load_error load_linux(const struct guest_ram *ram, const struct load_linux_files *files,
                           struct load_state *state);
