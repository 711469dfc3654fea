/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's page tables: the format of ptab.h for user space, and the kernel's own mappings, which
 * every address space shares through its last PML4 entry. Source: Intel SDM volume 3, "4-Level
 * Paging".
 */
#pragma once

#include "hv/ptab.h"

/* Map the pool in boot's page tables, so that the kernel's can be made in it. Both 2 MiB aligned.
 */
void paging_map_pool(hpa_t base, uint64_t size);

/* Build the kernel's page tables (W^X) in the pool and switch to them. Boot's identity mapping
   stays until paging_drop_identity. pool: physical base and size. */
void paging_init(hpa_t pool_base, uint64_t pool_size);

const struct ptab_format *paging_format(void);
const struct ptab_memory *paging_memory(void); /* pool pages; ctx is the struct quota to charge */

/* Map a page of the kernel. rights: PTAB_R, PTAB_W, PTAB_X, PTAB_UNCACHED. Boot only; panics
 * without memory. */
void paging_map_kernel(uint64_t va, hpa_t pa, unsigned rights);

/* Give a new address space the kernel's part. */
void paging_share_kernel(uint64_t *pml4);

/* CR3 of the kernel alone: what an idle CPU runs on. */
uint64_t paging_kernel_cr3(void);

/* Forget the identity mapping of boot, on this CPU and in the kernel's tables. */
void paging_drop_identity(void);
