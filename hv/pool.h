/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's pool: physically contiguous memory set aside at boot, mapped at POOL_VMA, handed out
 * in pages. Who gets how much is decided by quotas (quota.h), whose sum never exceeds the pool.
 */
#pragma once

#include "hv/types.h"

/* Start with all pages free. base and size: bytes, page multiples; the pool is mapped at POOL_VMA
 * already. */
void pool_init(hpa_t base, uint64_t size);

/* A zeroed page, or NULL when the pool is empty. */
void *pool_alloc(void);

/* Give a page back. */
void pool_free(void *page);

/* Pages that are free. */
uint64_t pool_free_pages(void);

/* The physical address of pool memory, and back. */
hpa_t pool_hpa(const void *p);
void *pool_ptr(hpa_t a);
