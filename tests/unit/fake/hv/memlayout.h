/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's address space for host tests: the image, the pool and the areas of the CPUs are
 * memory of the test program (image.asm, hw.c), so the addresses are the program's.
 */
#pragma once

#include <stdint.h>

#define HW_IMAGE_PHYS 0x100000ull   /* where the image is said to lie */
#define HW_POOL_PHYS  0x10000000ull /* and the pool */

extern char image_start[];
extern uint8_t hw_pool[];
extern uint8_t hw_areas[];

#define KERNEL_VMA  ((uint64_t)image_start - HW_IMAGE_PHYS)
#define POOL_VMA    ((uint64_t)hw_pool)
#define POOL_MAX    0x20000000ull
#define CPU_VMA     ((uint64_t)hw_areas)
#define CPU_AREA    0x8000ull
#define USER_END    0x00007FFFFFFFF000ull
#define PML4_KERNEL 511u
