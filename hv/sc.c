/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling: on each CPU the ready scheduling context of the highest priority runs; equal ones
 * take turns by budget; one with a period that has used its budget waits for the period's end.
 */
#include "hv/sc.h"

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/lib.h"
#include "hv/pd.h"
#include "hv/x86/trap.h"

static void enqueue(struct cpu *cpu, struct sc *sc, bool head)
{
    unsigned p = sc->now.priority;
    cpu->ready_map[p / 64] |= 1ull << (p % 64);
    if (head) {
        list_add_head(&cpu->ready[p], &sc->link);
    } else {
        list_add_tail(&cpu->ready[p], &sc->link);
    }
    sc->state = SC_READY;
}

static void dequeue(struct cpu *cpu, struct sc *sc)
{
    unsigned p = sc->now.priority;
    list_remove(&sc->link);
    if (list_empty(&cpu->ready[p])) {
        cpu->ready_map[p / 64] &= ~(1ull << (p % 64));
    }
}

static struct sc *most_urgent(const struct cpu *cpu)
{
    for (unsigned i = ARRAY_SIZE(cpu->ready_map); i-- > 0;) {
        if (cpu->ready_map[i] != 0) {
            unsigned p = i * 64 + 63u - (unsigned)__builtin_clzll(cpu->ready_map[i]);
            return CONTAINER_OF(cpu->ready[p].next, struct sc, link);
        }
    }
    return NULL;
}

/* A new budget; changed parameters take effect. */
static void replenish(struct sc *sc, uint64_t now)
{
    spin_lock(&sc->lock);
    sc->now = sc->next;
    spin_unlock(&sc->lock);
    sc->left = sc->now.budget;
    if (sc->now.period != 0) {
        uint64_t end = sc->period_end;
        sc->period_end = end + sc->now.period > now ? end + sc->now.period : now + sc->now.period;
    }
}

static void replenish_fire(struct timeout *t)
{
    struct sc *sc = CONTAINER_OF(t, struct sc, replenish);
    sc_make_ready(cpu_self(), sc);
}

struct sc *sc_create(struct pd *owner, struct ec *ec, const struct sc_params *params)
{
    struct sc *sc = object_create(owner, BH_OBJ_SC, sizeof(*sc));
    if (sc == NULL) {
        return NULL;
    }
    if (!object_try_get(&ec->obj)) {
        object_discard(&sc->obj);
        return NULL;
    }
    sc->ec = ec;
    sc->next = *params;
    list_init(&sc->link);
    sc->replenish.fire = replenish_fire;
    replenish(sc, rdtsc());
    return sc;
}

void sc_make_ready(struct cpu *cpu, struct sc *sc)
{
    if (sc->obj.dead != 0) {
        return;
    }
    uint64_t now = rdtsc();
    if (sc->now.period != 0 ? now >= sc->period_end : sc->left == 0) {
        replenish(sc, now);
    }
    if (sc->left == 0) {
        sc->state = SC_DEPLETED;
        timeout_set(cpu, &sc->replenish, sc->period_end);
        return;
    }
    enqueue(cpu, sc, false);
    if (cpu->sc == NULL || sc->now.priority > cpu->sc->now.priority) {
        cpu->hazard |= HAZARD_SCHED;
    }
}

void sc_set(struct sc *sc, const struct sc_params *params)
{
    spin_lock(&sc->lock);
    sc->next = *params;
    spin_unlock(&sc->lock);
}

void sched_preemption_point(struct cpu *cpu)
{
    trap_window();
    if (cpu->hazard != 0) {
        sched_reschedule(cpu);
    }
}

void sched_account(struct cpu *cpu, uint64_t now)
{
    struct sc *sc = cpu->sc;
    uint64_t used = now - cpu->sc_start;
    cpu->sc_start = now;
    if (sc == NULL) {
        cpu->idle_ticks += used;
        return;
    }
    sc->consumed += used;
    sc->left = used >= sc->left ? 0 : sc->left - used;
}

_Noreturn void sched_pick(struct cpu *cpu)
{
    struct sc *sc = most_urgent(cpu);
    cpu->hazard &= ~HAZARD_SCHED;
    if (sc == NULL) {
        cpu->sc = NULL;
        cpu->sc_end = BH_NEVER;
        timeout_program(cpu);
        entry_idle(cpu);
    }
    dequeue(cpu, sc);
    sc->state = SC_RUNNING;
    cpu->sc = sc;
    cpu->sc_end = cpu->sc_start + sc->left;
    timeout_program(cpu);
    sched_rewalk(cpu);
}

_Noreturn void sched_reschedule(struct cpu *cpu)
{
    uint64_t now = rdtsc();
    sched_account(cpu, now);
    struct sc *sc = cpu->sc;
    cpu->sc = NULL;
    cpu->sc_end = BH_NEVER;
    if (sc != NULL) {
        if (sc->left != 0) {
            enqueue(cpu, sc, true);
        } else {
            sc_make_ready(cpu, sc);
        }
    }
    sched_pick(cpu);
}

_Noreturn void sched_block(struct cpu *cpu, struct ec *ec)
{
    sched_account(cpu, rdtsc());
    struct sc *sc = cpu->sc;
    cpu->sc = NULL;
    cpu->sc_end = BH_NEVER;
    if (sc != NULL) {
        sc->state = SC_BLOCKED;
        list_add_tail(&ec->blocked_scs, &sc->link);
    }
    entry_pick(cpu);
}

_Noreturn void sched_rewalk(struct cpu *cpu)
{
    cpu->helping = 0;
    cpu->hops = 0;
    if (cpu->sc == NULL) {
        sched_reschedule(cpu);
    }
    struct ec *ec = ec_chain_end(cpu->sc->ec);
    if (ec->blocked) {
        sched_block(cpu, ec);
    }
    ec_run(cpu, ec);
}

void sc_destroy_local(struct cpu *cpu, struct sc *sc)
{
    if (sc->state == SC_DEAD) {
        return;
    }
    switch (sc->state) {
    case SC_READY:
        dequeue(cpu, sc);
        break;
    case SC_RUNNING:
        sched_account(cpu, rdtsc());
        cpu->sc = NULL;
        cpu->hazard |= HAZARD_SCHED;
        break;
    case SC_BLOCKED:
        list_remove(&sc->link);
        break;
    case SC_DEPLETED:
        timeout_cancel(cpu, &sc->replenish);
        break;
    default:
        break;
    }
    sc->state = SC_DEAD;
    sc->obj.dead = 1;
    sc->ec->sc = NULL;
    object_put(&sc->obj);
}

void sc_kill(struct object *o)
{
    ec_post_kill(o, ((struct sc *)o)->ec->cpu);
}

void sc_release(struct object *o)
{
    object_put(&((struct sc *)o)->ec->obj);
}
