/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's address space: the last entry of every PML4, the same in all of them.
 *
 *   FFFFFFFF_80000000  KERNEL_VMA   image: physical address + KERNEL_VMA; text RX, constants R,
 * data RW FFFFFFFF_A0000000  POOL_VMA     the pool: all objects, page tables, UTCBs, vCPU state
 * pages      RW FFFFFFFF_E0000000  MMIO_VMA     local APIC, then the IOAPICs, a page each RW,
 * uncached FFFFFFFF_E8000000  GDT_VMA      the GDT, one page; nothing for 64 KiB behind it RW
 *   FFFFFFFF_F0000000  CPU_VMA      an area of CPU_AREA bytes for each CPU (cpu.h) RW
 *
 * User space is everything below USER_END. No page of a VM or of a program is ever mapped by the
 * kernel.
 */
#pragma once

#define KERNEL_VMA  0xFFFFFFFF80000000ull
#define POOL_VMA    0xFFFFFFFFA0000000ull
#define POOL_MAX    0x20000000ull /* bytes */
#define MMIO_VMA    0xFFFFFFFFE0000000ull
#define GDT_VMA     0xFFFFFFFFE8000000ull
#define CPU_VMA     0xFFFFFFFFF0000000ull
#define CPU_AREA    0x8000ull
#define USER_END    0x00007FFFFFFFF000ull
#define PML4_KERNEL 511u
