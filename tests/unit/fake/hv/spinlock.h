/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks for host tests, which have one thread: a lock that is held when it is wanted would
 * never be free again, and one that is not held cannot be released. Both end the test.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>

struct spinlock {
    uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
    if (l->held != 0) {
        abort();
    }
    l->held = 1;
}

static inline void spin_unlock(struct spinlock *l)
{
    if (l->held == 0) {
        abort();
    }
    l->held = 0;
}
