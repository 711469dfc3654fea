/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling contexts: the right to run. Each belongs to one EC and one CPU. The time that an EC
 * uses is charged to the scheduling context at the root of the chain of calls.
 */
#pragma once

#include "hv/list.h"
#include "hv/object.h"
#include "hv/spinlock.h"
#include "hv/timeout.h"

struct cpu;
struct ec;

enum sc_state { SC_NEW, SC_READY, SC_RUNNING, SC_BLOCKED, SC_DEPLETED, SC_DEAD };

struct sc_params {
    uint64_t budget, period; /* ticks; period 0: take turns */
    uint32_t priority;
};

struct sc {
    struct object obj;
    struct ec *ec;    /* a reference */
    struct list link; /* ready queue, or the EC it is blocked on */
    struct timeout replenish;
    struct spinlock lock;       /* of next */
    struct sc_params now, next; /* next takes effect at the next replenishment */
    uint64_t left;              /* of the budget */
    uint64_t period_end;        /* TSC of the next replenishment, with a period */
    uint64_t consumed;          /* ticks since creation */
    enum sc_state state;
};

/* A scheduling context for ec, not yet ready; NULL without quota. */
struct sc *sc_create(struct pd *owner, struct ec *ec, const struct sc_params *params);
void sc_kill(struct object *o);
void sc_release(struct object *o);

/* The end of sc, on its own CPU. */
void sc_destroy_local(struct cpu *cpu, struct sc *sc);

/* sc may run: queue it on this CPU, which must be its own. */
void sc_make_ready(struct cpu *cpu, struct sc *sc);

/* Change the parameters, at the next replenishment. Any CPU. */
void sc_set(struct sc *sc, const struct sc_params *params);

/* A preemption point: takes the interrupts that wait, then returns if nothing more urgent came up.
   The current EC's continuation says where it goes on otherwise. */
void sched_preemption_point(struct cpu *cpu);

/* Charge the running scheduling context up to now. */
void sched_account(struct cpu *cpu, uint64_t now);

/* Put the running one back in its queue and run the most urgent. */
_Noreturn void sched_reschedule(struct cpu *cpu);

/* The running one cannot go on before `ec` is woken: leave it there and run the most urgent. */
_Noreturn void sched_block(struct cpu *cpu, struct ec *ec);

/* Run the EC at the end of the call chain of the running scheduling context. */
_Noreturn void sched_rewalk(struct cpu *cpu);

/* Run the most urgent; none is running. */
_Noreturn void sched_pick(struct cpu *cpu);
