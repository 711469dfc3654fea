/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's pool. Free pages form a list through their first words; pages never touched yet lie
 * above `fresh`, so that boot does not walk the pool and untouched memory stays untouched.
 */
#include "hv/pool.h"

#include "hv/lib.h"
#include "hv/memlayout.h"
#include "hv/spinlock.h"

struct free_page {
    struct free_page *next;
};

static struct {
    struct spinlock lock;
    struct free_page *list;
    uint64_t base;  /* physical */
    uint64_t size;  /* bytes */
    uint64_t fresh; /* offset of the first page never handed out */
    uint64_t free;  /* pages */
} pool;

void pool_init(hpa_t base, uint64_t size)
{
    pool.base = base.v;
    pool.size = size;
    pool.fresh = 0;
    pool.list = NULL;
    pool.free = size / PAGE_SIZE;
}

void *pool_alloc(void)
{
    void *page = NULL;
    spin_lock(&pool.lock);
    if (pool.list != NULL) {
        page = pool.list;
        pool.list = pool.list->next;
    } else if (pool.fresh < pool.size) {
        page = (void *)(POOL_VMA + pool.fresh); // NOLINT(performance-no-int-to-ptr)
        pool.fresh += PAGE_SIZE;
    }
    if (page != NULL) {
        pool.free--;
    }
    spin_unlock(&pool.lock);
    if (page != NULL) {
        memset(page, 0, PAGE_SIZE);
    }
    return page;
}

void pool_free(void *page)
{
    struct free_page *f = page;
    spin_lock(&pool.lock);
    f->next = pool.list;
    pool.list = f;
    pool.free++;
    spin_unlock(&pool.lock);
}

uint64_t pool_free_pages(void)
{
    return __atomic_load_n(&pool.free, __ATOMIC_RELAXED);
}

hpa_t pool_hpa(const void *p)
{
    return hpa((uint64_t)p - POOL_VMA + pool.base);
}

void *pool_ptr(hpa_t a)
{
    return (void *)(a.v - pool.base + POOL_VMA); // NOLINT(performance-no-int-to-ptr)
}
