/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls that create objects. The selector is checked, and its table made, before the object;
 * only another thread of the same domain that takes the selector in between can still make
 * cap_insert refuse, and then the object goes at once.
 */
#include "hv/abi/info.h"
#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/mapping.h"
#include "hv/pd.h"
#include "hv/pt.h"
#include "hv/sc.h"
#include "hv/sm.h"
#include "hv/syscall.h"
#include "hv/vmx/vmx.h"

#define SELECTOR_MASK      0xFFFFFFFFull
#define SC_PRIORITY_SHIFT  32u
#define SC_PARTITION_SHIFT 48u

/* Publish a new object, or undo it. */
static enum bh_status publish(struct ec *ec, struct object *o)
{
    if (o == NULL) { /* or, on another CPU, what it was made for has ended meanwhile */
        return BH_ERR_QUOTA;
    }
    enum bh_status status = cap_insert(ec->pd, syscall_selector(ec), o);
    if (status != BH_OK) {
        object_kill(o);
    }
    return status;
}

static struct object *lookup(struct ec *ec, uint64_t selector, uint8_t type, uint64_t rights,
                             enum bh_status *status)
{
    return cap_lookup(ec->pd, selector & SELECTOR_MASK, type, rights, status);
}

static bool in_user_space(uint64_t address)
{
    return address < USER_END;
}

enum bh_status syscall_create_pd(struct ec *ec)
{
    if (ec->regs.rsi < PD_QUOTA_MIN) {
        return BH_ERR_PARAMETER;
    }
    enum bh_status status = cap_prepare(ec->pd, syscall_selector(ec));
    if (status != BH_OK) {
        return status;
    }
    struct pd *pd = pd_create(ec->pd, ec->regs.rsi);
    return publish(ec, pd == NULL ? NULL : &pd->obj);
}

/* The page-aligned user address of a kernel page, not 0. */
static bool page_address(uint64_t a)
{
    return a != 0 && (a & PAGE_MASK) == 0 && in_user_space(a);
}

/* The event portal in R10, or NULL for BH_SELECTOR_NONE. */
static enum bh_status decode_event(struct ec *ec, uint64_t selector, unsigned cpu,
                                   struct pt **event)
{
    enum bh_status status = BH_OK;
    *event = NULL;
    if (selector == BH_SELECTOR_NONE) {
        return BH_OK;
    }
    struct pt *pt = (struct pt *)lookup(ec, selector, BH_OBJ_PT, BH_PT_EVENT, &status);
    if (pt == NULL) {
        return status;
    }
    *event = pt;
    return pt->ec->cpu == cpu ? BH_OK : BH_ERR_CPU;
}

static enum bh_status decode_ec(struct ec *ec, bool vcpu, struct ec_params *p)
{
    const struct regs *r = &ec->regs;
    enum bh_status status = BH_OK;
    p->pd = (struct pd *)lookup(ec, r->rsi, BH_OBJ_PD, BH_PD_CREATE, &status);
    if (p->pd == NULL) {
        return status;
    }
    p->cpu = (uint32_t)(r->rsi >> 32);
    if (p->cpu >= cpu_count()) {
        return BH_ERR_CPU;
    }
    p->user_page = r->rax;
    if (!page_address(p->user_page)) {
        return BH_ERR_RANGE;
    }
    if (vcpu) {
        p->vapic = r->r8;
        if (p->vapic != 0 && !page_address(p->vapic)) {
            return BH_ERR_RANGE;
        }
        if (p->vapic != 0 && (vmx_features() & BH_VMX_VID) == 0) {
            return BH_ERR_UNSUPPORTED;
        }
    } else {
        p->rip = r->r8;
        p->rsp = r->r9;
        if (!in_user_space(p->rip) || !in_user_space(p->rsp)) {
            return BH_ERR_PARAMETER;
        }
    }
    return decode_event(ec, r->r10, p->cpu, &p->event);
}

enum bh_status syscall_create_ec(struct ec *ec)
{
    struct ec_params p = {0};
    bool vcpu = (syscall_flags(ec) & BH_EC_VCPU) != 0;
    enum bh_status status = decode_ec(ec, vcpu, &p);
    if (status == BH_OK) {
        status = cap_prepare(ec->pd, syscall_selector(ec));
    }
    if (status != BH_OK) {
        return status;
    }
    struct ec *made = vcpu ? ec_create_vcpu(&p) : ec_create_thread(&p);
    if (made == NULL) {
        return BH_ERR_QUOTA;
    }
    status = mapping_add_ec(made);
    if (status != BH_OK) {
        object_kill(&made->obj);
        return status;
    }
    return publish(ec, &made->obj);
}

static enum bh_status decode_params(uint64_t priority, uint64_t budget, uint64_t period,
                                    struct sc_params *p)
{
    p->priority = (uint32_t)priority;
    p->budget = budget;
    p->period = period;
    bool good = priority >= BH_PRIO_MIN && priority <= BH_PRIO_MAX && budget >= BH_BUDGET_MIN &&
                budget < BH_NEVER / 4 && period < BH_NEVER / 4 && (period == 0 || budget <= period);
    return good ? BH_OK : BH_ERR_PARAMETER;
}

enum bh_status syscall_create_sc(struct ec *ec)
{
    const struct regs *r = &ec->regs;
    enum bh_status status = BH_OK;
    struct sc_params params;
    struct ec *target = (struct ec *)lookup(ec, r->rsi, BH_OBJ_EC, BH_EC_BIND_SC, &status);
    if (target == NULL) {
        return status;
    }
    if (target->handler) {
        return BH_ERR_STATE;
    }
    if (r->rsi >> SC_PARTITION_SHIFT != 0) {
        return BH_ERR_UNSUPPORTED;
    }
    status = decode_params(r->rsi >> SC_PRIORITY_SHIFT & 0xFF, r->rax, r->r8, &params);
    if (status == BH_OK) {
        status = cap_prepare(ec->pd, syscall_selector(ec));
    }
    if (status != BH_OK) {
        return status;
    }
    struct sc *sc = sc_create(ec->pd, target, &params);
    if (sc == NULL) {
        return BH_ERR_QUOTA;
    }
    struct sc *none = NULL;
    if (!__atomic_compare_exchange_n(&target->sc, &none, sc, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        object_put(&sc->obj);
        return BH_ERR_STATE;
    }
    status = publish(ec, &sc->obj);
    if (status == BH_OK) {
        ec_start(target);
    }
    return status;
}

enum bh_status syscall_sc_ctrl(struct ec *ec)
{
    struct regs *r = &ec->regs;
    enum bh_status status = BH_OK;
    struct sc *sc = (struct sc *)lookup(ec, syscall_selector(ec), BH_OBJ_SC, BH_SC_CTRL, &status);
    if (sc == NULL) {
        return status;
    }
    switch (syscall_flags(ec)) {
    case BH_SC_READ:
        r->rsi = sc->consumed;
        r->rax = sc->next.priority;
        r->r8 = sc->next.budget;
        r->r9 = sc->next.period;
        return BH_OK;
    case BH_SC_SET: {
        struct sc_params params;
        status = decode_params(r->rsi, r->rax, r->r8, &params);
        if (status == BH_OK) {
            sc_set(sc, &params);
        }
        return status;
    }
    default:
        return BH_ERR_PARAMETER;
    }
}

enum bh_status syscall_create_pt(struct ec *ec)
{
    const struct regs *r = &ec->regs;
    enum bh_status status = BH_OK;
    struct ec *handler = (struct ec *)lookup(ec, r->rsi, BH_OBJ_EC, BH_EC_BIND_PT, &status);
    if (handler == NULL) {
        return status;
    }
    if (!handler->handler || handler->vcpu != NULL) {
        return BH_ERR_STATE;
    }
    if (!in_user_space(r->rax)) {
        return BH_ERR_PARAMETER;
    }
    status = cap_prepare(ec->pd, syscall_selector(ec));
    if (status != BH_OK) {
        return status;
    }
    struct pt *pt = pt_create(ec->pd, handler, r->rax, r->r8);
    return publish(ec, pt == NULL ? NULL : &pt->obj);
}

enum bh_status syscall_create_sm(struct ec *ec)
{
    if (ec->regs.rsi > BH_SM_COUNT_MAX) {
        return BH_ERR_PARAMETER;
    }
    enum bh_status status = cap_prepare(ec->pd, syscall_selector(ec));
    if (status != BH_OK) {
        return status;
    }
    struct sm *sm = sm_create(ec->pd, ec->regs.rsi);
    return publish(ec, sm == NULL ? NULL : &sm->obj);
}
