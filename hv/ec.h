/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Execution contexts: threads and vCPUs. The kernel has one stack per CPU and keeps nothing on it
 * between two entries: what an EC does next is its continuation.
 *
 * Calls form chains: caller.partner = callee, callee.caller = caller, all on one CPU and only
 * touched by it. The EC at the end of the chain runs on the scheduling context of the first.
 */
#pragma once

#include "hv/abi/utcb.h"
#include "hv/cpu.h"
#include "hv/list.h"
#include "hv/object.h"
#include "hv/timeout.h"

struct sm;
struct sc;
struct pt;
struct pd;
struct vcpu;

#define EC_CHAIN_MAX 32u /* calls nested in each other */

/* User registers, in the order in which entry.asm saves them (offsets.c). */
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 176 && sizeof(struct object) % 16 == 0 &&
                   sizeof(struct regs) % 16 == 0,
               "the processor aligns the frame it pushes to 16 bytes");

struct ec {
    struct object obj;
    struct regs regs; /* ends at a multiple of 16 (offsets.c) */
    uint64_t stack;   /* top of its CPU's kernel stack, for entry.asm */
    void (*cont)(struct ec *);
    struct ec *partner; /* the EC it has called */
    struct ec *caller;  /* the EC that has called it */
    struct pd *pd;      /* a reference */
    struct bh_utcb *utcb;
    struct vcpu *vcpu; /* NULL for a thread */
    struct pt *event;  /* event portal, a reference, or NULL */
    uint32_t cpu;
    uint32_t hazard;
    uint32_t depth;    /* of the chain before it */
    bool handler;      /* runs only when called */
    bool waking;       /* is on its CPU's remote_wake list */
    bool blocked;      /* waits to be woken */
    bool in_exception; /* waits for the reply of its event portal; entry.asm tests it together with
                          blocked */
    void *vapic;       /* virtual-APIC page of a vCPU, or NULL */
    void *fpu;         /* extended state, a page; NULL before the first use */
    bool fpu_used;
    bool continued; /* the system call under way has done a part already */
    struct sc *sc;
    struct list blocked_scs; /* scheduling contexts that wait until it is woken */
    struct sm *sm;           /* the semaphore it waits on */
    struct list sm_link;
    struct timeout timeout;
    struct list pd_link;
    struct ec *wait_next;   /* reclaim_wait */
    struct ec *remote_next; /* cpu.remote_wake */
    uint64_t user_page;     /* where its UTCB or state page is mapped */
    uint64_t vapic_page;    /* where its virtual-APIC page is mapped, or 0 */
    uint64_t fault_address; /* CR2 of its last page fault */
};

struct ec_params {
    struct pd *pd;
    struct pt *event;
    uint64_t user_page, rip, rsp, vapic;
    uint32_t cpu;
};

/* Create a thread or a vCPU, not mapped yet. NULL without quota. */
struct ec *ec_create_thread(const struct ec_params *p);
struct ec *ec_create_vcpu(const struct ec_params *p);
void ec_kill(struct object *o);
void ec_release(struct object *o);

/* Kill an EC or SC on CPU `cpu`: at once if that is this one, else by asking it. */
void ec_post_kill(struct object *o, unsigned cpu);
/* The end of ec, on its own CPU. */
void ec_destroy_local(struct cpu *cpu, struct ec *ec);

/* The last EC of the chain that begins at ec. */
static inline struct ec *ec_chain_end(struct ec *ec)
{
    while (ec->partner != NULL) {
        ec = ec->partner;
    }
    return ec;
}

/* Wake ec, which waits or is about to: on its CPU, or by asking it. */
void ec_wake(struct ec *ec);
/* Wake ec on its own CPU. */
void ec_unblock(struct ec *ec);

/* ec has got a scheduling context: let it begin. */
void ec_start(struct ec *ec);

/* Make ec exit to its event portal soon. */
void ec_hazard(struct ec *ec, uint32_t hazard);

/* Continue with ec on this CPU. */
_Noreturn void ec_run(struct cpu *cpu, struct ec *ec);

/* Load the address space of pd. */
void ec_switch_space(struct cpu *cpu, struct pd *pd);

/* Make ec the current EC. */
static inline void ec_make_current(struct cpu *cpu, struct ec *ec)
{
    cpu->current = ec;
    cpu->tss.rsp[0] = (uint64_t)(&ec->regs + 1);
}

/* Go back to the current EC after a system call or trap, unless something more urgent came up. */
_Noreturn void ec_resume(struct ec *ec);

/* Continuations: back to user level after a system call, after a trap; nothing more to do, ever. */
void ec_return_sysexit(struct ec *ec);
void ec_return_iret(struct ec *ec);
void ec_dead(struct ec *ec);

_Static_assert(offsetof(struct ec, in_exception) == offsetof(struct ec, blocked) + 1,
               "tested as one word");
_Static_assert(offsetof(struct object, dead) == offsetof(struct object, type) + 1,
               "tested as one word");

/* Continuation of a handler that waits for a message. */
void ec_waiting(struct ec *ec);

/* Nothing to run on this CPU: entry_idle leads here. */
_Noreturn void ec_idle(struct cpu *cpu);

/* entry.asm. Continuations and scheduling decisions lead to each other without an end, so each
 * begins on an empty stack. */
_Noreturn void entry_continue(struct ec *ec);
_Noreturn void entry_pick(struct cpu *cpu);
_Noreturn void entry_idle(struct cpu *cpu);
_Noreturn void entry_sysexit(struct ec *ec);
_Noreturn void entry_iret(struct ec *ec);
