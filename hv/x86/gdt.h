/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDT: one page for all CPUs, with a TSS descriptor for each. VM exits set its limit to 64 KiB,
 * so the 15 pages behind it are never mapped (memlayout.h). SYSENTER and SYSEXIT fix the order of
 * the first descriptors (Intel SDM volume 2, "SYSEXIT").
 */
#pragma once

#include <stdint.h>

#define GDT_KERNEL_CODE 0x08u
#define GDT_KERNEL_DATA 0x10u
#define GDT_USER_CODE   0x2Bu /* SYSEXIT: SYSENTER_CS + 32, privilege 3 */
#define GDT_USER_DATA   0x33u /* SYSENTER_CS + 40 */
#define GDT_TSS         0x38u /* 16 bytes each */

struct tss;

static inline uint16_t gdt_tss_selector(unsigned cpu)
{
    return (uint16_t)(GDT_TSS + 16u * cpu);
}

/* Make and map the table. Boot CPU, once. */
void gdt_init(void);

/* Load it, with `tss`, on this CPU. */
void gdt_load(unsigned cpu, const struct tss *tss);

/* asm: load CS and the data segments from the new table. */
void gdt_reload_segments(void);
