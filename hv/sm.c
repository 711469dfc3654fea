/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores. Whoever takes a waiter off the queue, under the semaphore's lock, decides how its
 * wait ends: an up, the deadline, the end of the semaphore, or the end of the waiter.
 */
#include "hv/sm.h"

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/irq.h"
#include "hv/sc.h"

struct sm *sm_create(struct pd *owner, uint64_t count)
{
    struct sm *sm = object_create(owner, BH_OBJ_SM, sizeof(*sm));
    if (sm != NULL) {
        sm->count = count;
        sm->irq = SM_NO_IRQ;
        list_init(&sm->waiters);
    }
    return sm;
}

/* Under the lock: the first waiter, its results set, with a reference; or NULL. */
static struct ec *take_waiter(struct sm *sm, enum bh_status status, uint64_t taken)
{
    if (list_empty(&sm->waiters)) {
        return NULL;
    }
    struct ec *ec = CONTAINER_OF(sm->waiters.next, struct ec, sm_link);
    list_remove(&ec->sm_link);
    ec->sm = NULL;
    ec->regs.rdi = status;
    ec->regs.rsi = taken;
    object_get(&ec->obj);
    return ec;
}

static void wake(struct sm *sm, struct ec *ec)
{
    ec_wake(ec);
    object_put(&ec->obj);
    object_put(&sm->obj); /* the waiter's */
}

enum bh_status sm_up(struct sm *sm)
{
    enum bh_status status = BH_OK;
    spin_lock(&sm->lock);
    struct ec *ec = take_waiter(sm, BH_OK, 1);
    if (ec == NULL) {
        if (sm->count < BH_SM_COUNT_MAX) {
            sm->count++;
        } else {
            status = BH_ERR_OVERFLOW;
        }
    }
    spin_unlock(&sm->lock);
    if (ec != NULL) {
        wake(sm, ec);
    }
    return status;
}

/* The deadline has passed. Runs on the waiter's CPU. */
static void deadline_fire(struct timeout *t)
{
    struct ec *ec = CONTAINER_OF(t, struct ec, timeout);
    if (sm_dequeue(ec)) {
        ec->regs.rdi = BH_ERR_TIMEOUT;
        ec_unblock(ec);
    }
}

bool sm_dequeue(struct ec *ec)
{
    struct sm *sm = __atomic_load_n(&ec->sm, __ATOMIC_ACQUIRE);
    if (sm == NULL) {
        return false;
    }
    spin_lock(&sm->lock);
    bool waiting = ec->sm == sm;
    if (waiting) {
        list_remove(&ec->sm_link);
        ec->sm = NULL;
    }
    spin_unlock(&sm->lock);
    if (waiting) {
        object_put(&sm->obj);
    }
    return waiting;
}

enum bh_status sm_down(struct ec *ec, struct sm *sm, uint64_t deadline, bool zero, uint64_t *taken)
{
    if (sm->irq != SM_NO_IRQ) {
        irq_rearm(sm->irq);
    }
    spin_lock(&sm->lock);
    if (sm->obj.dead != 0) {
        spin_unlock(&sm->lock);
        return BH_ERR_DEAD;
    }
    if (sm->count != 0) {
        *taken = zero ? sm->count : 1;
        sm->count -= *taken;
        spin_unlock(&sm->lock);
        return BH_OK;
    }
    if (deadline != BH_NEVER && rdtsc() >= deadline) {
        spin_unlock(&sm->lock);
        return BH_ERR_TIMEOUT;
    }
    object_get(&sm->obj);
    ec->sm = sm;
    list_add_tail(&sm->waiters, &ec->sm_link);
    spin_unlock(&sm->lock);

    struct cpu *cpu = cpu_self();
    if (deadline != BH_NEVER) {
        ec->timeout.fire = deadline_fire;
        timeout_set(cpu, &ec->timeout, deadline);
    }
    ec->cont = ec_return_sysexit;
    ec->blocked = true;
    sched_block(cpu, ec);
}

void sm_kill(struct object *o)
{
    struct sm *sm = (struct sm *)o;
    for (;;) {
        spin_lock(&sm->lock);
        struct ec *ec = take_waiter(sm, BH_ERR_DEAD, 0);
        spin_unlock(&sm->lock);
        if (ec == NULL) {
            break;
        }
        wake(sm, ec);
    }
    object_put(o);
}
