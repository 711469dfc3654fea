/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's memory at boot: who gets what. The kernel keeps its image and a pool; everything
 * else is the root task's.
 */
#pragma once

#include "hv/multiboot2.h"

struct bh_info;
struct pd;

/* Choose the pool: physical base and size, 2 MiB aligned, below 4 GiB, clear of image, modules and
   boot information. `wish`: bytes, 0 for the default. Panics if there is none. */
void bootmem_choose_pool(const struct multiboot2 *mb, uint64_t wish, hpa_t *base, uint64_t *size);

/* Fill regions and modules of the information page. */
void bootmem_describe(const struct multiboot2 *mb, hpa_t pool, uint64_t pool_size,
                      struct bh_info *info);

/* Give the root task what the information page describes, and all ports. */
void bootmem_give(struct pd *root, const struct bh_info *info);
