/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of the processor and the PC that more than one test needs, and what the entry code has
 * set up: the descriptor table and the page tables. Manuals: SDM volume 3, "Control Registers",
 * "EFLAGS Register", "Model-Specific Registers"; volume 1, "Managing State Using the XSAVE Feature
 * Set".
 */
#pragma once

#include <stdint.h>

/* Selectors, as in lib/selectors.inc. */
enum {
    SEL_CODE64 = 0x08,
    SEL_DATA = 0x10,
    SEL_CODE32 = 0x18,
    SEL_CODE16 = 0x20,
    SEL_DATA16 = 0x28,
    SEL_USER_CODE64 = 0x33,
    SEL_USER_DATA = 0x3B,
    SEL_USER_CODE32 = 0x43,
    SEL_SPARE = 0x48,
    SEL_TSS = 0x50,
    SEL_ENTRY_SIZE = 8
};

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1B,
    MSR_FEATURE_CONTROL = 0x3A,
    MSR_TSC_ADJUST = 0x3B,
    MSR_MTRRCAP = 0xFE,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MISC_ENABLE = 0x1A0,
    MSR_PAT = 0x277,
    MSR_VMX_BASIC = 0x480,
    MSR_TSC_DEADLINE = 0x6E0
};

#define MSR_EFER           0xC0000080U
#define MSR_STAR           0xC0000081U
#define MSR_LSTAR          0xC0000082U
#define MSR_CSTAR          0xC0000083U
#define MSR_SFMASK         0xC0000084U
#define MSR_FS_BASE        0xC0000100U
#define MSR_GS_BASE        0xC0000101U
#define MSR_KERNEL_GS_BASE 0xC0000102U
#define MSR_TSC_AUX        0xC0000103U

enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

#define APIC_BASE_BSP    (UINT64_C(1) << 8)
#define APIC_BASE_EXTD   (UINT64_C(1) << 10)
#define APIC_BASE_ENABLE (UINT64_C(1) << 11)

#define RFLAGS_FIXED UINT64_C(0x2)
#define RFLAGS_TF    (UINT64_C(1) << 8)
#define RFLAGS_IF    (UINT64_C(1) << 9)

#define CR0_PE (UINT64_C(1) << 0)
#define CR0_MP (UINT64_C(1) << 1)
#define CR0_EM (UINT64_C(1) << 2)
#define CR0_TS (UINT64_C(1) << 3)
#define CR0_NE (UINT64_C(1) << 5)
#define CR0_WP (UINT64_C(1) << 16)
#define CR0_PG (UINT64_C(1) << 31)

#define CR4_PAE        (UINT64_C(1) << 5)
#define CR4_OSFXSR     (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT (UINT64_C(1) << 10)
#define CR4_OSXSAVE    (UINT64_C(1) << 18)

#define XCR0_X87 (UINT64_C(1) << 0)
#define XCR0_SSE (UINT64_C(1) << 1)
#define XCR0_AVX (UINT64_C(1) << 2)

/* CPUID leaf 1. */
#define CPUID1_ECX_VMX          (1U << 5)
#define CPUID1_ECX_X2APIC       (1U << 21)
#define CPUID1_ECX_TSC_DEADLINE (1U << 24)
#define CPUID1_ECX_XSAVE        (1U << 26)
#define CPUID1_ECX_OSXSAVE      (1U << 27)
#define CPUID1_ECX_AVX          (1U << 28)
#define CPUID1_ECX_HYPERVISOR   (1U << 31)
#define CPUID1_EDX_MSR          (1U << 5)
#define CPUID1_EDX_APIC         (1U << 9)
#define CPUID1_EDX_HTT          (1U << 28)

#define CPUID_LEAF_HYPERVISOR 0x40000000U
#define CPUID_LEAF_EXTENDED   0x80000000U

/* lib/entry.asm: identity-mapped PML4, PDPT and four directories of 2 MiB pages, one page each. */
enum { PAGE_SIZE = 4096, PAGE_ENTRIES = 512, PAGE_DIRECTORIES = 4 };

enum {
    PAGE_PRESENT = 1 << 0,
    PAGE_WRITE = 1 << 1,
    PAGE_USER = 1 << 2,
    PAGE_WRITE_THROUGH = 1 << 3,
    PAGE_UNCACHED = 1 << 4,
    PAGE_LARGE = 1 << 7
};

#define PAGE_LARGE_SIZE (UINT64_C(1) << 21)
#define PAGE_MAPPED_END (UINT64_C(1) << 32) /* nothing is mapped from here on */

extern uint64_t page_tables[2 + PAGE_DIRECTORIES][PAGE_ENTRIES];
extern uint64_t gdt[];

/* The directory entry that maps the 2 MiB around a linear address below 4 GiB. */
static inline uint64_t *page_entry(uint64_t address)
{
    return &page_tables[2][address / PAGE_LARGE_SIZE];
}
