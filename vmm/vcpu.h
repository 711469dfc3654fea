/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual CPU as the exit handlers use it: which groups of state an exit brings, how an
 * emulated instruction ends, how a fault is raised, and what is delivered before the guest goes on.
 *
 * An exit handler receives the vCPU and returns the groups that it changed (BH_MTD_*). Its state
 * page holds what vcpu_mtd says for the exit reason and nothing else; a handler that needs more in
 * a rare case reads it with vcpu_need. All is done by one thread, the exit handler; only `waiting`
 * is shared with the event thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/status.h"
#include "hv/abi/utcb.h"
#include "hv/abi/vcpu.h"
#include "vmm/board.h"
#include "vmm/console.h"
#include "vmm/inject.h"
#include "vmm/insn/insn.h"
#include "vmm/x86.h"

struct vm;

struct vcpu {
    struct bh_vcpu_state *state; /* the kernel's page */
    struct vm *vm;
    struct board *board;
    struct console *console;
    uint64_t deadline;    /* as the kernel has it, in ticks of vm_now; BH_NEVER: none. It may come
                             before anything is due: then the kernel is told the next one */
    bool busy;            /* something waits to be delivered, or a window is asked for */
    uint32_t window;      /* BH_WINDOW_* as the kernel has it */
    uint32_t sel;         /* of the vCPU */
    uint32_t sel_halt;    /* semaphore on which the handler waits while the guest halts */
    struct bh_utcb *utcb; /* of the exit handler */
    struct inject_event event; /* goes before everything else; info 0: none */
    struct inject_event
        held;                /* an interrupt that lost its delivery to an exception; info 0: none */
    bool interrupt;          /* an interrupt of the board waits: current unless board.changed */
    bool step;               /* a single-step trap follows the instruction just emulated */
    bool waiting;            /* the handler waits on sel_halt, or is about to: atomic */
    uint64_t xcr0;           /* XCR0: CPUID shows it; it changes by exits only */
    struct insn_cache cache; /* instructions decoded lately */
};

/* The table a vCPU starts with: the groups that its exits bring, by reason. */
extern const uint32_t vcpu_mtd[BH_EXIT_REASONS];

/* Everything that an exit can bring. */
#define VCPU_MTD_STATE                                                                           \
    (BH_MTD_RIP | BH_MTD_RSP | BH_MTD_RFLAGS | BH_MTD_QUAL | BH_MTD_EVENT | BH_MTD_INSN_INFO |   \
     BH_MTD_INT_STATE | BH_MTD_CR | BH_MTD_DR | BH_MTD_EFER | BH_MTD_SYSENTER | BH_MTD_SYSCALL | \
     BH_MTD_XCR0 | BH_MTD_CSSS | BH_MTD_SEGS | BH_MTD_LDTR_TR | BH_MTD_TABLES)

/* What vcpu_skip, vcpu_fault and vcpu_resume look at: every handler that calls them has it in its
 * table. */
#define VCPU_MTD_SKIP   (BH_MTD_RIP | BH_MTD_RFLAGS | BH_MTD_INT_STATE)
#define VCPU_MTD_RESUME (BH_MTD_RFLAGS | BH_MTD_INT_STATE)

/* Puts *v into the state of a vCPU that has not run. utcb: of the exit handler. */
void vcpu_init(struct vcpu *v, struct vm *vm, struct bh_vcpu_state *state, struct bh_utcb *utcb,
               uint32_t sel, uint32_t sel_halt);

/* Hands vcpu_mtd to the kernel, through the UTCB of the calling thread. Returns the call's status.
 */
enum bh_status vcpu_set_table(const struct vcpu *v, struct bh_utcb *utcb);

/*
 * Reads those of the groups that the present exit has not brought. To be called before the handler
 * changes anything in them: what the kernel has is read again.
 */
void vcpu_need(struct vcpu *v, uint32_t groups);

/* General register by its number in ModRM and REX, 0 to 15. RSP needs BH_MTD_RSP; a write returns
 * it if it changed. */
static inline uint64_t vcpu_gpr(const struct vcpu *v, unsigned number);
static inline uint32_t vcpu_put_gpr(struct vcpu *v, unsigned number, uint64_t value);

/* The same numbering as an index into gpr[]; BH_GPRS for RSP. */
#define VCPU_GPRS 16u
extern const uint8_t vcpu_gpr_index[VCPU_GPRS];

/*
 * The instruction of this exit is done: RIP, the shadow of STI and MOV SS, RF and a single-step
 * trap. Returns the groups changed. Needs VCPU_MTD_SKIP.
 */
static inline uint32_t vcpu_skip(struct vcpu *v);

/* The same for an instruction of `length` bytes. */
static inline uint32_t vcpu_skip_length(struct vcpu *v, unsigned length);

/*
 * The instruction of this exit raises an exception (enum x86_vector). Returns what the handler is
 * to return at once. Needs VCPU_MTD_SKIP; nothing of the instruction has been done yet.
 */
uint32_t vcpu_fault(struct vcpu *v, unsigned vector, bool has_error, uint32_t error);

/* The page fault of the present instruction, with CR2. */
uint32_t vcpu_page_fault(struct vcpu *v, uint32_t error, uint64_t address);

/* `event` goes before everything else that waits. vcpu_resume follows. */
void vcpu_put_event(struct vcpu *v, struct inject_event event);

/*
 * The end of every handler that may have changed a device, or time: interrupts and deadline for the
 * next entry. `mtd`: the groups that the handler changed. Returns all groups changed. Needs
 * VCPU_MTD_RESUME. Does not return if a device has ended the VM.
 */
static inline uint32_t vcpu_resume(struct vcpu *v, uint32_t mtd);

/* After a wait: the kernel's deadline may have come meanwhile, and must not lead to an exit of its
 * own. Returns the groups changed. */
uint32_t vcpu_renew_deadline(struct vcpu *v);

/*
 * At the beginning of exits that the kernel makes up (deadline, recall): the guest may not have run
 * since the last reply; an event injected then which has not happened comes first again.
 */
void vcpu_take_back(struct vcpu *v);

/* Can the vCPU take an interrupt or NMI that waits, now? Devices are up to date. */
bool vcpu_wakes(struct vcpu *v);

/*
 * Blocks the handler until the event thread wakes it or `deadline` (ticks of vm_now, BH_NEVER) has
 * come. `ready` is asked once the event thread knows that the handler waits: with true, it returns
 * at once.
 */
void vcpu_wait(struct vcpu *v, uint64_t deadline, bool (*ready)(struct vcpu *v));

/*
 * The VM cannot go on: `why` is a clause for people ("triple fault"). Dumps the state and ends the
 * VM; returns (what the handler is to return) only if the exit has to be repeated first to get the
 * whole state.
 */
uint32_t vcpu_stop(struct vcpu *v, const char *why);

/* The rare halves of the inline functions. */
uint32_t vcpu_end_insn(struct vcpu *v);
uint32_t vcpu_settle(struct vcpu *v, uint32_t mtd);

static inline uint64_t vcpu_gpr(const struct vcpu *v, unsigned number)
{
    const uint8_t index = vcpu_gpr_index[number % VCPU_GPRS];

    return index < BH_GPRS ? v->state->gpr[index] : v->state->rsp;
}

static inline uint32_t vcpu_put_gpr(struct vcpu *v, unsigned number, uint64_t value)
{
    const uint8_t index = vcpu_gpr_index[number % VCPU_GPRS];

    if (index < BH_GPRS) {
        v->state->gpr[index] = value;
        return 0;
    }
    v->state->rsp = value;
    return BH_MTD_RSP;
}

static inline uint32_t vcpu_skip_length(struct vcpu *v, unsigned length)
{
    struct bh_vcpu_state *s = v->state;

    s->rip += length;
    if ((s->interruptibility & X86_BLOCKING_SHADOW) ||
        (s->rflags & (X86_RFLAGS_TF | X86_RFLAGS_RF)))
        return vcpu_end_insn(v);
    return BH_MTD_RIP;
}

static inline uint32_t vcpu_skip(struct vcpu *v)
{
    return vcpu_skip_length(v, v->state->insn_len);
}

static inline uint32_t vcpu_resume(struct vcpu *v, uint32_t mtd)
{
    if (v->board->changed || v->busy || v->board->deadline < v->deadline ||
        v->console->deadline < v->deadline)
        return vcpu_settle(v, mtd);
    return mtd;
}
