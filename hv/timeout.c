/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timeouts. The timer is programmed only when it has to fire earlier than it would; when the
 * earliest timeout is cancelled the timer fires once in vain, which is cheaper than programming it
 * each time.
 */
#include "hv/timeout.h"

#include "hv/cpu.h"
#include "hv/x86/lapic.h"

void timeout_program(struct cpu *cpu)
{
    uint64_t due = cpu->sc_end;
    if (cpu->first != NULL && cpu->first->key < due) {
        due = cpu->first->key;
    }
    if (due < cpu->timer) {
        cpu->timer = due;
        cpu->timer_changed = true;
        lapic_timer(due);
    }
}

void timeout_set(struct cpu *cpu, struct timeout *t, uint64_t tsc)
{
    if (t->queued) {
        timeout_cancel(cpu, t);
    }
    t->node.key = tsc;
    t->queued = true;
    avl_insert(&cpu->timeouts, &t->node);
    if (cpu->first == NULL || tsc < cpu->first->key) {
        cpu->first = &t->node;
        timeout_program(cpu);
    }
}

void timeout_cancel(struct cpu *cpu, struct timeout *t)
{
    if (!t->queued) {
        return;
    }
    if (cpu->first == &t->node) {
        cpu->first = avl_next(&t->node);
    }
    avl_remove(&cpu->timeouts, &t->node);
    t->queued = false;
}

void timeout_run(struct cpu *cpu, uint64_t now)
{
    while (cpu->first != NULL && cpu->first->key <= now) {
        struct timeout *t = CONTAINER_OF(cpu->first, struct timeout, node);
        timeout_cancel(cpu, t);
        t->fire(t);
    }
}
