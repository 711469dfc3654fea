/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The information page that the kernel hands to the root task, and how the root task begins.
 *
 * The root task is an ELF64 program, the first boot module. It starts at its entry point on CPU 0
 * with RDI = the address of struct bh_info (read only) and no stack; its UTCB is mapped at
 * BH_ROOT_UTCB. Its capability space holds the selectors below, its memory space all memory that
 * the kernel does not keep, at physical address + BH_ROOT_PHYS, and its port space all
 * ports.
 */
#pragma once

#include <stdint.h>

#define BH_INFO_MAGIC   0x304B484Cu /* "LHK0" */
#define BH_INFO_VERSION 1u
#define BH_MAX_CPUS     64u
#define BH_MAX_MODULES  64u
#define BH_MAX_REGIONS  96u

/* The root task's first capabilities. */
#define BH_SEL_PD  0u   /* its protection domain */
#define BH_SEL_EC  1u   /* its first thread */
#define BH_SEL_SC  2u   /* that thread's scheduling context */
#define BH_SEL_IRQ 256u /* semaphores of interrupts: BH_SEL_IRQ + n, n < bh_info.irqs */

#define BH_ROOT_PHYS 0x400000000000ull /* physical address 0 in the root task's memory space */
#define BH_ROOT_INFO 0x3FFFFFF00000ull /* struct bh_info */
#define BH_ROOT_UTCB 0x3FFFFFE00000ull
#define BH_ROOT_LOG  0x3FFFFFD00000ull /* struct bh_log, read only */

/* VT-x features in use (bh_info.vmx). */
#define BH_VMX_VPID             (1u << 0)
#define BH_VMX_TPR_SHADOW       (1u << 1)
#define BH_VMX_APIC_REG         (1u << 2) /* APIC-register virtualization */
#define BH_VMX_VID              (1u << 3) /* virtual-interrupt delivery */
#define BH_VMX_EPT_1G           (1u << 4)
#define BH_VMX_EPT_AD           (1u << 5)
#define BH_VMX_RDTSCP           (1u << 6)
#define BH_VMX_INVPCID          (1u << 7)
#define BH_VMX_XSAVES           (1u << 8)
#define BH_VMX_PREEMPTION_TIMER (1u << 9)
#define BH_VMX_FAST_STRINGS \
    (1u << 10) /* IA32_MISC_ENABLE bit 0 of the host: REP MOVS and STOS are fast */

/* Kinds of memory regions; all lie outside the kernel's image and pool. */
enum bh_region_type {
    BH_REGION_RAM = 1,  /* usable, write-back */
    BH_REGION_ACPI = 2, /* tables and NVS: readable */
    BH_REGION_MMIO = 3, /* reserved or not listed: uncached */
    BH_REGION_MODULE = 4
};

struct bh_region {
    uint64_t base, size; /* bytes, page multiples */
    uint32_t type;
    uint32_t reserved;
};

struct bh_module {
    uint64_t base, size; /* bytes; base is a page multiple */
    uint32_t name;       /* offset of its NUL-terminated command line in bh_info.strings */
    uint32_t reserved;
};

struct bh_info {
    uint32_t magic, version;
    uint64_t tsc_hz;
    uint64_t rsdp;        /* physical address, 0 if none */
    uint64_t pool_size;   /* bytes of kernel pool, and */
    uint64_t kernel_size; /* of kernel image */
    uint64_t ram_size;    /* bytes of RAM found, including both */
    uint32_t cpus;        /* CPUs running: 0 .. cpus-1 */
    uint32_t irqs;        /* interrupt semaphores: pins first, then message-signalled ones */
    uint32_t pins;        /* pins of all IOAPICs */
    uint32_t vmx;         /* BH_VMX_* */
    uint32_t regions, modules;
    uint32_t xcr0;        /* extended states that guests may use */
    uint32_t cmdline;     /* offset of the kernel's command line in strings */
    uint32_t isa_gsi[16]; /* global system interrupt of each ISA interrupt, polarity and trigger
                             known to the kernel */
    uint32_t apic_id[BH_MAX_CPUS];
    struct bh_region region[BH_MAX_REGIONS];
    struct bh_module module[BH_MAX_MODULES];
    char strings[4096];
};

#define BH_INFO_SIZE 16384u
_Static_assert(sizeof(struct bh_info) <= BH_INFO_SIZE, "the information fits its pages");

/* The kernel's log: a ring of characters that only grows; text[head % BH_LOG_SIZE] is written next.
 */
#define BH_LOG_SIZE 16368u
struct bh_log {
    uint64_t head; /* characters written since boot */
    uint64_t size; /* BH_LOG_SIZE */
    char text[BH_LOG_SIZE];
};
_Static_assert(sizeof(struct bh_log) == 16384u, "the log fills its pages");
