/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the kernel share: a repeatable source of random numbers, and domains on the
 * machine of tests/unit/fake/hw.h.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "hv/cap.h"
#include "hv/memlayout.h"
#include "hv/pd.h"
#include "hv/pool.h"
#include "hv/spaces.h"
#include "tests/unit/fake/hw.h"

/* xorshift64*, seeded by the caller. */
static inline uint64_t random_next(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * 0x2545F4914F6CDD1Dull;
}

static inline uint64_t random_below(uint64_t *s, uint64_t bound)
{
    return (random_next(s) >> 16) % bound;
}

/* A machine and its root domain, which owns the whole pool. */
static inline struct pd *fixture_root(unsigned cpus)
{
    static struct pd root;
    hw_reset(cpus);
    memset(&root, 0, sizeof(root));
    pd_init_root(&root);
    return &root;
}

/* A domain with `pages` of the root domain's quota, named by `selector` there. */
static inline struct pd *fixture_pd(struct pd *root, uint64_t selector, uint64_t pages)
{
    struct pd *pd = pd_create(root, pages);
    assert_non_null(pd);
    assert_int_equal(cap_insert(root, selector, &pd->obj), BH_OK);
    return pd;
}
