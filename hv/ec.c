/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Execution contexts: creation, switching, waking and their end.
 */
#include "hv/ec.h"

#include "hv/fpu.h"
#include "hv/lib.h"
#include "hv/mapping.h"
#include "hv/pd.h"
#include "hv/pool.h"
#include "hv/pt.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/sm.h"
#include "hv/vmx/vmx.h"
#include "hv/x86/gdt.h"
#include "hv/x86/lapic.h"
#include "hv/x86/paging.h"
#include "hv/x86/trap.h"
#include "hv/x86/vectors.h"

#define RFLAGS_RESERVED 0x2ull
#define RFLAGS_IF       0x200ull

/* The references of a new EC; false if one of the objects has ended meanwhile. */
static bool take_references(const struct ec_params *p)
{
    if (!object_try_get(&p->pd->obj)) {
        return false;
    }
    if (p->event == NULL || object_try_get(&p->event->obj)) {
        return true;
    }
    object_put(&p->pd->obj);
    return false;
}

static struct ec *create(const struct ec_params *p)
{
    struct ec *ec = object_create(p->pd, BH_OBJ_EC, sizeof(*ec));
    if (ec == NULL) {
        return NULL;
    }
    ec->utcb = quota_page(&p->pd->quota);
    if (ec->utcb == NULL || !take_references(p)) {
        if (ec->utcb != NULL) {
            quota_page_free(&p->pd->quota, ec->utcb);
        }
        object_discard(&ec->obj);
        return NULL;
    }
    ec->pd = p->pd;
    ec->cpu = p->cpu;
    ec->stack = cpu_by_id(p->cpu)->stack;
    ec->user_page = p->user_page;
    ec->event = p->event;
    list_init(&ec->blocked_scs);
    list_init(&ec->sm_link);
    list_init(&ec->pd_link);
    ec->regs.cs = GDT_USER_CODE;
    ec->regs.ss = GDT_USER_DATA;
    ec->regs.rflags = RFLAGS_RESERVED | RFLAGS_IF;
    ec->regs.rip = p->rip;
    ec->regs.rsp = p->rsp;
    return ec;
}

struct ec *ec_create_thread(const struct ec_params *p)
{
    struct ec *ec = create(p);
    if (ec != NULL) {
        ec->handler = p->rip == 0;
        ec->cont = ec->handler ? ec_waiting : ec_return_iret;
    }
    return ec;
}

struct ec *ec_create_vcpu(const struct ec_params *p)
{
    struct ec *ec = create(p);
    if (ec == NULL) {
        return NULL;
    }
    ec->vapic_page = p->vapic;
    ec->vapic = p->vapic != 0 ? quota_page(&p->pd->quota) : NULL;
    if ((p->vapic != 0 && ec->vapic == NULL) || !fpu_prepare(ec) || !vmx_vcpu_create(ec)) {
        ec_release(&ec->obj);
        object_discard(&ec->obj);
        return NULL;
    }
    ec->cont = vmx_start;
    return ec;
}

/* Memory and references, when no CPU knows the EC any more. */
void ec_release(struct object *o)
{
    struct ec *ec = CONTAINER_OF(o, struct ec, obj);
    struct pd *pd = ec->pd;
    vmx_vcpu_release(ec);
    if (ec->vapic != NULL) {
        quota_page_free(&pd->quota, ec->vapic);
    }
    if (ec->fpu != NULL) {
        quota_page_free(&pd->quota, ec->fpu);
    }
    quota_page_free(&pd->quota, ec->utcb);
    if (ec->event != NULL) {
        object_put(&ec->event->obj);
    }
    object_put(&pd->obj);
}

void ec_kill(struct object *o)
{
    ec_post_kill(o, CONTAINER_OF(o, struct ec, obj)->cpu);
}

static void destroy_local(struct cpu *cpu, struct object *o)
{
    if (o->type == BH_OBJ_EC) {
        ec_destroy_local(cpu, CONTAINER_OF(o, struct ec, obj));
    } else {
        sc_destroy_local(cpu, (struct sc *)o);
    }
}

void ec_post_kill(struct object *o, unsigned cpu)
{
    struct cpu *target = cpu_by_id(cpu);
    if (target == cpu_self()) {
        destroy_local(target, o);
        return;
    }
    reclaim_begin();
    object_get(o);
    spin_lock(&target->remote_lock);
    o->next = target->remote_kill;
    target->remote_kill = o;
    spin_unlock(&target->remote_lock);
    lapic_ipi(target->apic_id, VECTOR_REMOTE);
}

/* The caller of ec will not get an answer. */
static void fail_caller(struct ec *ec)
{
    struct ec *caller = ec->caller;
    if (caller == NULL) {
        return;
    }
    ec->caller = NULL;
    caller->partner = NULL;
    if (caller->vcpu != NULL || caller->in_exception) {
        caller->cont = ec_dead;
        caller->blocked = true;
    } else {
        caller->regs.rdi = BH_ERR_DEAD;
        caller->cont = ec_return_sysexit;
    }
}

/* The scheduling contexts that wait for ec are ready again. */
static void release_waiting(struct cpu *cpu, struct ec *ec)
{
    while (!list_empty(&ec->blocked_scs)) {
        struct sc *sc = CONTAINER_OF(ec->blocked_scs.next, struct sc, link);
        list_remove(&sc->link);
        sc_make_ready(cpu, sc);
    }
}

void ec_destroy_local(struct cpu *cpu, struct ec *ec)
{
    if (ec->obj.dead == 2) {
        return;
    }
    ec->obj.dead = 2;
    if (ec->sc != NULL) {
        sc_destroy_local(cpu, ec->sc);
    }
    sm_dequeue(ec);
    timeout_cancel(cpu, &ec->timeout);
    fail_caller(ec);
    if (ec->partner != NULL) {
        ec->partner->caller = NULL;
        ec->partner = NULL;
    }
    ec->cont = ec_dead;
    ec->blocked = false;
    release_waiting(cpu, ec); /* their chains end elsewhere now */
    ec->blocked = true;
    fpu_forget(cpu, ec);
    vmx_vcpu_stop(cpu, ec);
    if (cpu->current == ec) {
        cpu->hazard |= HAZARD_SCHED;
    }
    mapping_remove_ec(ec);
    object_put(&ec->obj);
}

void ec_unblock(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    if (ec->obj.dead != 0) {
        return;
    }
    timeout_cancel(cpu, &ec->timeout);
    ec->blocked = false;
    if (ec->sc != NULL && ec->sc->state == SC_NEW) {
        sc_make_ready(cpu, ec->sc);
    }
    release_waiting(cpu, ec);
}

void ec_start(struct ec *ec)
{
    ec_wake(ec);
}

void ec_wake(struct ec *ec)
{
    struct cpu *cpu = cpu_by_id(ec->cpu);
    if (cpu == cpu_self()) {
        ec_unblock(ec);
        return;
    }
    spin_lock(&cpu->remote_lock);
    bool queued = ec->waking;
    if (!queued) {
        object_get(&ec->obj);
        ec->waking = true;
        ec->remote_next = cpu->remote_wake;
        cpu->remote_wake = ec;
    }
    spin_unlock(&cpu->remote_lock);
    if (!queued) {
        lapic_ipi(cpu->apic_id, VECTOR_REMOTE);
    }
}

void cpu_remote_work(struct cpu *cpu)
{
    spin_lock(&cpu->remote_lock);
    struct ec *wake = cpu->remote_wake;
    struct object *dead = cpu->remote_kill;
    cpu->remote_wake = NULL;
    cpu->remote_kill = NULL;
    for (struct ec *ec = wake; ec != NULL; ec = ec->remote_next) {
        ec->waking = false;
    }
    spin_unlock(&cpu->remote_lock);
    while (wake != NULL) {
        struct ec *ec = wake;
        wake = ec->remote_next;
        ec_unblock(ec);
        object_put(&ec->obj);
    }
    while (dead != NULL) {
        struct object *o = dead;
        dead = o->next;
        destroy_local(cpu, o);
        object_put(o);
        reclaim_end();
    }
}

void cpu_kill_later(struct cpu *cpu)
{
    while (cpu->kill_later != NULL) {
        struct object *o = cpu->kill_later;
        cpu->kill_later = o->kill_next;
        object_kill(o);
        object_put(o); /* the capabilities' */
    }
}

void ec_hazard(struct ec *ec, uint32_t hazard)
{
    __atomic_fetch_or(&ec->hazard, hazard, __ATOMIC_ACQ_REL);
    struct cpu *cpu = cpu_by_id(ec->cpu);
    if (cpu != cpu_self()) {
        lapic_ipi(cpu->apic_id, VECTOR_REMOTE);
    }
}

void ec_switch_space(struct cpu *cpu, struct pd *pd)
{
    if (cpu->pd == pd) {
        return;
    }
    cpu->pd = pd;
    if ((__atomic_load_n(&pd->cpus, __ATOMIC_RELAXED) & cpu->mask) == 0) {
        __atomic_fetch_or(&pd->cpus, cpu->mask, __ATOMIC_SEQ_CST);
    }
    write_cr3(pd->cr3);
}

_Noreturn void ec_run(struct cpu *cpu, struct ec *ec)
{
    ec_make_current(cpu, ec);
    if (ec->vcpu == NULL) {
        ec_switch_space(cpu, ec->pd);
        fpu_switch(cpu, ec);
    }
    entry_continue(ec);
}

_Noreturn void ec_resume(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    if (__builtin_expect(cpu->hazard != 0, 0)) {
        sched_reschedule(cpu);
    }
    entry_continue(ec);
}

void ec_return_sysexit(struct ec *ec)
{
    entry_sysexit(ec);
}

void ec_return_iret(struct ec *ec)
{
    entry_iret(ec);
}

void ec_dead(struct ec *ec)
{
    sched_block(cpu_self(), ec);
}

void ec_waiting(struct ec *ec)
{
    sched_block(cpu_self(), ec);
}

_Noreturn void ec_idle(struct cpu *cpu)
{
    cpu->current = NULL;
    if (cpu->pd != NULL) { /* do not keep an address space loaded that may go away */
        cpu->pd = NULL;
        write_cr3(paging_kernel_cr3());
    }
    for (;;) {
        if (pd_reap()) { /* what a revocation has left undone because its thread has ended */
            trap_window();
        } else {
            sti_hlt();
        }
    }
}
