/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls that control existing objects.
 */
#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/irq.h"
#include "hv/mapping.h"
#include "hv/pd.h"
#include "hv/pt.h"
#include "hv/sm.h"
#include "hv/spaces.h"
#include "hv/syscall.h"
#include "hv/vmx/vmx.h"

static struct object *lookup(struct ec *ec, uint8_t type, uint64_t rights, enum bh_status *status)
{
    return cap_lookup(ec->pd, syscall_selector(ec), type, rights, status);
}

enum bh_status syscall_pd_ctrl(struct ec *ec)
{
    enum bh_status status = BH_OK;
    struct pd *pd = (struct pd *)lookup(ec, BH_OBJ_PD, BH_PD_CTRL, &status);
    if (pd != NULL) {
        ec->regs.rsi = pd->quota.limit;
        ec->regs.rax = pd->quota.used;
    }
    return status;
}

static enum bh_status recall(struct ec *ec, struct ec *target)
{
    (void)ec;
    if (target->vcpu == NULL) {
        return BH_ERR_STATE;
    }
    ec_hazard(target, HAZARD_RECALL);
    return BH_OK;
}

static enum bh_status set_event(struct ec *ec, struct ec *target)
{
    enum bh_status status = BH_OK;
    struct pt *pt = (struct pt *)cap_lookup(ec->pd, ec->regs.rsi, BH_OBJ_PT, BH_PT_EVENT, &status);
    if (pt == NULL) {
        return status;
    }
    if (pt->ec->cpu != target->cpu) {
        return BH_ERR_CPU;
    }
    if (!object_try_get(&pt->obj)) {
        return BH_ERR_DEAD;
    }
    struct pt *old = __atomic_exchange_n(&target->event, pt, __ATOMIC_ACQ_REL);
    if (old != NULL) {
        object_put(&old->obj);
    }
    return BH_OK;
}

static enum bh_status set_mtd(struct ec *ec, struct ec *target)
{
    if (target->vcpu == NULL) {
        return BH_ERR_STATE;
    }
    return vmx_set_mtd(target, (const uint32_t *)(const void *)ec->utcb->data) ? BH_OK
                                                                               : BH_ERR_PARAMETER;
}

/* A vCPU that waits for the reply to its exit, on this CPU, does not change. */
static enum bh_status read_state(struct ec *ec, struct ec *target)
{
    if (target->vcpu == NULL) {
        return BH_ERR_STATE;
    }
    if (target->cpu != ec->cpu) {
        return BH_ERR_CPU;
    }
    if (target->partner == NULL) {
        return BH_ERR_STATE;
    }
    return vmx_read(target, ec->regs.rsi) ? BH_OK : BH_ERR_PARAMETER;
}

enum bh_status syscall_ec_ctrl(struct ec *ec)
{
    static enum bh_status (*const op[])(struct ec *, struct ec *) = {
        [BH_EC_RECALL] = recall,
        [BH_EC_SET_EVENT] = set_event,
        [BH_EC_SET_MTD] = set_mtd,
        [BH_EC_READ] = read_state,
    };
    enum bh_status status = BH_OK;
    struct ec *target = (struct ec *)lookup(ec, BH_OBJ_EC, BH_EC_CTRL, &status);
    if (target == NULL) {
        return status;
    }
    unsigned flags = syscall_flags(ec);
    return flags < ARRAY_SIZE(op) ? op[flags](ec, target) : BH_ERR_PARAMETER;
}

enum bh_status syscall_pt_ctrl(struct ec *ec)
{
    enum bh_status status = BH_OK;
    struct pt *pt = (struct pt *)lookup(ec, BH_OBJ_PT, BH_PT_CTRL, &status);
    if (pt != NULL) {
        pt->id = ec->regs.rsi;
    }
    return status;
}

enum bh_status syscall_sm_ctrl(struct ec *ec)
{
    unsigned op = syscall_flags(ec);
    enum bh_status status = BH_OK;
    if (op > BH_SM_OP_DOWN_ZERO) {
        return BH_ERR_PARAMETER;
    }
    struct sm *sm =
        (struct sm *)lookup(ec, BH_OBJ_SM, op == BH_SM_OP_UP ? BH_SM_UP : BH_SM_DOWN, &status);
    if (sm == NULL) {
        return status;
    }
    if (op == BH_SM_OP_UP) {
        return sm_up(sm);
    }
    uint64_t taken = 0;
    status = sm_down(ec, sm, ec->regs.rsi, op == BH_SM_OP_DOWN_ZERO, &taken);
    ec->regs.rsi = taken;
    return status;
}

enum bh_status syscall_irq_ctrl(struct ec *ec)
{
    enum bh_status status = BH_OK;
    struct sm *sm = (struct sm *)lookup(ec, BH_OBJ_SM, BH_SM_IRQ, &status);
    if (sm == NULL) {
        return status;
    }
    if (sm->irq == SM_NO_IRQ) {
        return BH_ERR_TYPE;
    }
    if (ec->regs.rsi >= cpu_count()) {
        return BH_ERR_CPU;
    }
    irq_route(sm->irq, (unsigned)ec->regs.rsi, &ec->regs.rsi, &ec->regs.rax);
    return BH_OK;
}

enum bh_status syscall_io(struct ec *ec)
{
    struct regs *r = &ec->regs;
    unsigned size = syscall_flags(ec) & ~BH_IO_OUT;
    bool out = (syscall_flags(ec) & BH_IO_OUT) != 0;
    if (size != 1 && size != 2 && size != 4) {
        return BH_ERR_PARAMETER;
    }
    const struct space *ports = &ec->pd->space[BH_SPACE_PIO];
    spaces_lock();
    bool held = r->rsi < ports->units;
    for (unsigned i = 0; held && i < size; i++) {
        held = mapping_find(ports, r->rsi + i) != NULL;
    }
    spaces_unlock();
    if (!held) {
        return BH_ERR_RIGHTS;
    }
    uint16_t port = (uint16_t)r->rsi;
    switch (size | (out ? BH_IO_OUT : 0)) {
    case 1:
        r->rsi = inb(port);
        break;
    case 2:
        r->rsi = inw(port);
        break;
    case 4:
        r->rsi = inl(port);
        break;
    case 1 | BH_IO_OUT:
        outb(port, (uint8_t)r->rax);
        break;
    case 2 | BH_IO_OUT:
        outw(port, (uint16_t)r->rax);
        break;
    default:
        outl(port, (uint32_t)r->rax);
        break;
    }
    return BH_OK;
}
