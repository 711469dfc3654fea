/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks. Interrupts are off in the kernel, so a holder is never interrupted; sections are
 * short and bounded.
 *
 * Order, outermost first: spaces_lock (spaces.h), quota.lock, pool lock. sm.lock and
 * cpu.remote_lock are innermost and are never held together with another lock, but for sm.lock
 * before cpu.remote_lock.
 */
#pragma once

#include <stdint.h>

struct spinlock {
    uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
    while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("pause");
        }
    }
}

static inline void spin_unlock(struct spinlock *l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
