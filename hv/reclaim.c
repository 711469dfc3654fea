/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred reclamation. One grace period is under way at a time; what is deferred meanwhile waits
 * for the next.
 */
#include "hv/reclaim.h"

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/x86/lapic.h"
#include "hv/x86/vectors.h"

static struct {
    struct spinlock lock;
    struct object *pending; /* for the next grace period */
    struct object *waiting; /* in the current one */
    uint64_t cpus;          /* that have not passed yet */
    uint32_t under_way;
    struct ec *waiters; /* threads in reclaim_wait, through wait_next */
} reclaim;

/* Start a grace period if there is need; returns the CPUs to interrupt. */
static uint64_t start_locked(void)
{
    if (reclaim.cpus != 0 || reclaim.pending == NULL) {
        return 0;
    }
    reclaim.waiting = reclaim.pending;
    reclaim.pending = NULL;
    reclaim.cpus = cpu_online_mask();
    return reclaim.cpus;
}

static void interrupt(uint64_t cpus)
{
    for (unsigned i = 0; cpus != 0; i++, cpus >>= 1) {
        if ((cpus & 1) != 0) {
            lapic_ipi(cpu_by_id(i)->apic_id, VECTOR_QUIESCE);
        }
    }
}

void reclaim_defer(struct object *o)
{
    reclaim_begin();
    spin_lock(&reclaim.lock);
    o->next = reclaim.pending;
    reclaim.pending = o;
    uint64_t cpus = start_locked();
    spin_unlock(&reclaim.lock);
    interrupt(cpus);
}

void reclaim_quiescent(void)
{
    struct object *list = NULL;
    uint64_t cpus = 0;
    spin_lock(&reclaim.lock);
    uint64_t self = 1ull << cpu_self()->id;
    if ((reclaim.cpus & self) != 0) {
        reclaim.cpus &= ~self;
        if (reclaim.cpus == 0) {
            list = reclaim.waiting;
            reclaim.waiting = NULL;
            cpus = start_locked();
        }
    }
    spin_unlock(&reclaim.lock);
    interrupt(cpus);
    while (list != NULL) {
        struct object *o = list;
        list = o->next;
        object_free(o);
        reclaim_end();
    }
}

void reclaim_begin(void)
{
    __atomic_fetch_add(&reclaim.under_way, 1, __ATOMIC_RELAXED);
}

void reclaim_end(void)
{
    struct ec *list = NULL;
    spin_lock(&reclaim.lock);
    if (__atomic_sub_fetch(&reclaim.under_way, 1, __ATOMIC_ACQ_REL) == 0) {
        list = reclaim.waiters;
        reclaim.waiters = NULL;
    }
    spin_unlock(&reclaim.lock);
    while (list != NULL) {
        struct ec *ec = list;
        list = ec->wait_next;
        ec_wake(ec);
        object_put(&ec->obj);
    }
}

bool reclaim_wait(struct ec *ec)
{
    spin_lock(&reclaim.lock);
    bool idle = __atomic_load_n(&reclaim.under_way, __ATOMIC_ACQUIRE) == 0;
    if (!idle) {
        object_get(&ec->obj);
        ec->wait_next = reclaim.waiters;
        reclaim.waiters = ec;
    }
    spin_unlock(&reclaim.lock);
    return idle;
}
