/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls, replies and events.
 *
 * A call that finds the handler busy helps: it runs whoever keeps the handler busy, on its own
 * time, and tries again when that one has replied. Its continuation says where to go on.
 */
#include "hv/ipc.h"

#include "hv/cap.h"
#include "hv/fpu.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/mapping.h"
#include "hv/pd.h"
#include "hv/pt.h"
#include "hv/sc.h"
#include "hv/spaces.h"
#include "hv/syscall.h"
#include "hv/vmx/vmx.h"

#define TRANSFER_CAPS  32u  /* most capabilities that one message can carry */
#define TRANSFER_PAGES 512u /* most pages or ports */

#define EXCEPTION_RESUME 1u          /* RSI of the reply to an exception */
#define RFLAGS_USER      0x240DD5ull /* what user level may choose: CF PF AF ZF SF TF DF OF AC ID */
#define RFLAGS_FIXED     0x202ull    /* IF, and bit 1 */

static uint64_t words_of(const struct ec *ec)
{
    return ec->regs.rdi >> BH_DESC_WORDS_SHIFT & 0xFFFF;
}

static bool has_flag(const struct ec *ec, uint64_t flag)
{
    return (ec->regs.rdi >> BH_DESC_FLAGS_SHIFT & flag) != 0;
}

/* The range that `from` offers and `to` accepts; false if they do not match. The UTCBs may change
 * at any time. */
static bool transfer_range(const struct ec *from, const struct ec *to, uint8_t *space,
                           struct mapping_range *r)
{
    struct bh_transfer send = from->utcb->send;
    struct bh_transfer window = to->utcb->window;
    if (send.space >= BH_SPACE_COUNT || send.space == BH_SPACE_GUEST ||
        window.space != send.space) {
        return false;
    }
    *space = (uint8_t)send.space;
    r->src = &from->pd->space[send.space];
    r->dst = &to->pd->space[send.space];
    r->from = send.base;
    r->to = window.base;
    r->count = send.count < window.count ? send.count : window.count;
    r->rights = send.rights & window.rights;
    return send.space != BH_SPACE_PIO || r->from == r->to;
}

static enum bh_status transfer_locked(const struct ec *from, const struct ec *to, uint32_t *count)
{
    uint8_t space;
    struct mapping_range r;
    if (!transfer_range(from, to, &space, &r)) {
        return BH_ERR_PARAMETER;
    }
    if (r.count > (space == BH_SPACE_OBJ ? TRANSFER_CAPS : TRANSFER_PAGES)) {
        return BH_ERR_RANGE;
    }
    enum bh_status status;
    if (space == BH_SPACE_OBJ) {
        status = cap_delegate(from->pd, r.from, to->pd, r.to, r.count, r.rights);
        *count = status == BH_OK ? (uint32_t)r.count : 0;
        return status;
    }
    status = mapping_check(&r);
    while (status == BH_OK && r.count != 0) {
        uint64_t done;
        status = mapping_delegate(&r, &done);
        r.from += done;
        r.to += done;
        r.count -= done;
        *count += (uint32_t)done;
    }
    return status;
}

/* Delegate what `from` sends into the window of `to`, and tell the latter the outcome. */
__attribute__((noinline)) static void transfer(const struct ec *from, struct ec *to)
{
    uint32_t count = 0;
    spaces_lock();
    enum bh_status status = to->pd->obj.dead != 0 ? BH_ERR_DEAD : transfer_locked(from, to, &count);
    spaces_unlock();
    to->utcb->window.status = status;
    to->utcb->window.count = count;
}

static inline void copy_message(const struct ec *from, struct ec *to)
{
    uint64_t words = words_of(from);
    to->regs.rsi = from->regs.rsi;
    to->regs.rax = from->regs.rax;
    to->regs.r8 = from->regs.r8;
    to->regs.r9 = from->regs.r9;
    to->regs.r10 = from->regs.r10;
    to->regs.r11 = words;
    if (words != 0) {
        const uint64_t *s = from->utcb->data;
        uint64_t *d = to->utcb->data;
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    }
    if (__builtin_expect(has_flag(from, BH_FLAG_TRANSFER), 0)) {
        transfer(from, to);
    }
}

/* ec has to wait for `handler`, which is busy: run who keeps it busy. Returns only to refuse. */
static enum bh_status help(struct cpu *cpu, struct ec *ec, struct ec *handler)
{
    struct ec *end = ec_chain_end(handler);
    if (end == ec || ++cpu->hops > EC_CHAIN_MAX) {
        return BH_ERR_DEADLOCK;
    }
    if (cpu->hazard != 0) {
        sched_reschedule(cpu);
    }
    if (end->blocked) {
        sched_block(cpu, end);
    }
    cpu->helping = 1;
    ec_run(cpu, end);
}

/* Go to user level in `ec`, a thread that was in a system call. */
static inline _Noreturn void run_thread(struct cpu *cpu, struct ec *ec)
{
    ec_make_current(cpu, ec);
    if (cpu->pd != ec->pd) {
        ec_switch_space(cpu, ec->pd);
    }
    fpu_switch(cpu, ec);
    entry_sysexit(ec);
}

/* Make `handler` the callee of `ec` and start it at the portal. */
static inline void enter(struct ec *ec, struct ec *handler, const struct pt *pt)
{
    handler->caller = ec;
    handler->depth = ec->depth + 1;
    handler->regs.rdi = pt->id;
    handler->regs.rip = pt->rip;
    handler->cont = ec_return_sysexit;
    ec->partner = handler;
}

enum bh_status ipc_call(struct ec *ec)
{
    enum bh_status status;
    struct pt *pt = (struct pt *)cap_lookup(ec->pd, ec->regs.rdi >> BH_DESC_SELECTOR_SHIFT,
                                            BH_OBJ_PT, BH_PT_CALL, &status);
    if (pt == NULL) {
        return status;
    }
    struct ec *handler = pt->ec;
    if (handler->cpu != ec->cpu) {
        return BH_ERR_CPU;
    }
    if (words_of(ec) > BH_UTCB_WORDS) {
        return BH_ERR_PARAMETER;
    }
    struct cpu *cpu = cpu_self();
    if (__builtin_expect(handler->cont != ec_waiting, 0)) {
        if (handler->obj.dead != 0) {
            return BH_ERR_DEAD;
        }
        if (has_flag(ec, BH_FLAG_NO_WAIT)) {
            return BH_ERR_BUSY;
        }
        ec->cont = syscall_restart;
        return help(cpu, ec, handler);
    }
    if (ec->depth >= EC_CHAIN_MAX) {
        return BH_ERR_DEADLOCK;
    }
    copy_message(ec, handler);
    enter(ec, handler, pt);
    run_thread(cpu, handler);
}

/* The reply to an exception: the thread goes on, perhaps changed, or stays where it is until it is
 * destroyed. */
static void reply_exception(const struct ec *from, struct ec *to)
{
    to->in_exception = false;
    if ((from->regs.rsi & EXCEPTION_RESUME) == 0) {
        to->cont = ec_dead;
        to->blocked = true;
        return;
    }
    struct bh_thread_state *s = (struct bh_thread_state *)from->utcb->data;
    memcpy(&to->regs, s->gpr, sizeof(s->gpr));
    to->regs.rip = s->rip & (USER_END | PAGE_MASK);
    to->regs.rsp = s->rsp & (USER_END | PAGE_MASK);
    to->regs.rflags = (s->rflags & RFLAGS_USER) | RFLAGS_FIXED;
    to->cont = ec_return_iret;
}

_Noreturn void ipc_reply_vcpu(struct ec *ec, uint64_t mtd)
{
    struct cpu *cpu = cpu_self();
    struct ec *caller = ec->caller;
    ec->cont = ec_waiting;
    ec->caller = NULL;
    caller->partner = NULL;
    vmx_reply(caller, mtd);
    if (__builtin_expect(cpu->helping != 0 || cpu->hazard != 0 || caller->blocked, 0)) {
        sched_reschedule(cpu);
    }
    ec_make_current(cpu, caller);
    vmx_resume(caller);
}

enum bh_status ipc_reply(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    struct ec *caller = ec->caller;
    if (!ec->handler) {
        return BH_ERR_STATE;
    }
    if (words_of(ec) > BH_UTCB_WORDS) {
        return BH_ERR_PARAMETER;
    }
    ec->cont = ec_waiting;
    if (__builtin_expect(caller == NULL, 0)) {
        sched_rewalk(cpu);
    }
    if (caller->vcpu != NULL) {
        ipc_reply_vcpu(ec, ec->regs.rsi);
    }
    ec->caller = NULL;
    caller->partner = NULL;
    if (caller->in_exception) {
        reply_exception(ec, caller);
    } else {
        copy_message(ec, caller);
        caller->regs.rdi = BH_OK;
        caller->cont = ec_return_sysexit;
    }
    if (__builtin_expect(cpu->helping != 0 || cpu->hazard != 0 || caller->blocked, 0)) {
        if (cpu->hazard != 0) {
            sched_reschedule(cpu);
        }
        sched_rewalk(cpu);
    }
    ec_run(cpu, caller);
}

static void describe_exception(struct ec *ec, struct ec *handler)
{
    struct bh_thread_state *s = (struct bh_thread_state *)handler->utcb->data;
    memcpy(s->gpr, &ec->regs, sizeof(s->gpr));
    s->rip = ec->regs.rip;
    s->rsp = ec->regs.rsp;
    s->rflags = ec->regs.rflags;
    s->vector = ec->regs.vector;
    s->error = ec->regs.error;
    s->cr2 = ec->fault_address;
    ec->in_exception = true;
    handler->regs.r11 = sizeof(*s) / sizeof(uint64_t);
}

/* Nobody hears of the event: the EC ends here, and with a thread of the root task the system. */
static _Noreturn void end_without_handler(struct cpu *cpu, struct ec *ec, uint64_t what)
{
    if (ec->pd->obj.owner == ec->pd) {
        panic("the root task: exception %lu, error %lx, at RIP %lx, CR2 %lx", what, ec->regs.error,
              ec->regs.rip, ec->fault_address);
    }
    log_line("[cpu %u] warn: %s without event portal ended: %s %lu at RIP %lx", cpu->id,
             ec->vcpu != NULL ? "vCPU" : "thread", ec->vcpu != NULL ? "exit" : "exception", what,
             ec->regs.rip);
    object_kill(&ec->obj);
    sched_reschedule(cpu);
}

_Noreturn void ipc_exit(struct cpu *cpu, struct ec *ec, uint64_t reason)
{
    struct pt *pt = ec->event;
    if (__builtin_expect(pt == NULL || pt->obj.dead != 0 || pt->ec->cont != ec_waiting ||
                             pt->ec->pd != ec->pd,
                         0)) {
        ipc_event(ec, reason);
    }
    /* The VMM's address space is loaded and CR0.TS is set: there is nothing to switch but
     * registers. */
    struct ec *handler = pt->ec;
    enter(ec, handler, pt);
    handler->regs.rsi = reason;
    ec_make_current(cpu, handler);
    entry_sysexit(handler);
}

_Noreturn void ipc_event(struct ec *ec, uint64_t what)
{
    struct cpu *cpu = cpu_self();
    struct pt *pt = ec->event;
    ec->regs.vector = what;
    if (pt == NULL || pt->obj.dead != 0 || pt->ec->obj.dead != 0) {
        end_without_handler(cpu, ec, what);
    }
    struct ec *handler = pt->ec;
    if (__builtin_expect(handler->cont != ec_waiting, 0)) {
        ec->cont = ipc_event_again;
        help(cpu, ec, handler);
        end_without_handler(cpu, ec, what); /* its handler waits for it: it can never go on */
    }
    if (ec->vcpu == NULL) {
        describe_exception(ec, handler);
    }
    enter(ec, handler, pt);
    handler->regs.rsi = what;
    ec_run(cpu, handler);
}

void ipc_event_again(struct ec *ec)
{
    ipc_event(ec, ec->regs.vector);
}
