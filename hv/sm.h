/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores: counting, with waiting in order of arrival until an absolute deadline. An interrupt
 * is one, too: its arrival is an up (irq.h).
 */
#pragma once

#include "hv/abi/status.h"
#include "hv/list.h"
#include "hv/object.h"
#include "hv/spinlock.h"

struct ec;

struct sm {
    struct object obj;
    struct spinlock lock;
    uint32_t irq; /* number of the interrupt behind it, or SM_NO_IRQ */
    uint64_t count;
    struct list waiters; /* ec.sm_link */
};

#define SM_NO_IRQ UINT32_MAX

struct sm *sm_create(struct pd *owner, uint64_t count);

/* One more; wakes the first waiter. Any CPU. */
enum bh_status sm_up(struct sm *sm);

/*
 * The current thread takes one (`zero`: all), at once or when it is woken; RDI and RSI of its
 * registers are set then. Returns only when it need not wait, with the status; *taken is the count
 * taken.
 */
enum bh_status sm_down(struct ec *ec, struct sm *sm, uint64_t deadline, bool zero, uint64_t *taken);

void sm_kill(struct object *o);

/* Take ec off the queue it waits on, if any; true if it was waiting. */
bool sm_dequeue(struct ec *ec);
