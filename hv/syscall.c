/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls: dispatch by table. A call that gives way keeps its registers and is made again.
 */
#include "hv/syscall.h"

#include "hv/ipc.h"
#include "hv/sc.h"

static enum bh_status null_call(struct ec *ec)
{
    (void)ec;
    return BH_OK;
}

enum bh_status (*const syscall_table[BH_CALL_COUNT])(struct ec *) = {
    [BH_CALL_NULL] = null_call,
    [BH_CALL_CALL] = entry_ipc_call,
    [BH_CALL_REPLY] = entry_ipc_reply,
    [BH_CALL_CREATE_PD] = syscall_create_pd,
    [BH_CALL_CREATE_EC] = syscall_create_ec,
    [BH_CALL_CREATE_SC] = syscall_create_sc,
    [BH_CALL_CREATE_PT] = syscall_create_pt,
    [BH_CALL_CREATE_SM] = syscall_create_sm,
    [BH_CALL_DELEGATE] = entry_syscall_delegate,
    [BH_CALL_REVOKE] = entry_syscall_revoke,
    [BH_CALL_LOOKUP] = syscall_lookup,
    [BH_CALL_PD_CTRL] = syscall_pd_ctrl,
    [BH_CALL_EC_CTRL] = syscall_ec_ctrl,
    [BH_CALL_SC_CTRL] = syscall_sc_ctrl,
    [BH_CALL_PT_CTRL] = syscall_pt_ctrl,
    [BH_CALL_SM_CTRL] = entry_syscall_sm_ctrl,
    [BH_CALL_IRQ_CTRL] = syscall_irq_ctrl,
    [BH_CALL_IO] = syscall_io,
};

_Noreturn void syscall_preempted(struct ec *ec)
{
    ec->cont = ec_return_sysexit;
    sched_reschedule(cpu_self());
}

/* The calls that are ever made again, without the way in that saves registers. */
static enum bh_status (*restart(unsigned call))(struct ec *)
{
    switch (call) {
    case BH_CALL_CALL:
        return ipc_call;
    case BH_CALL_DELEGATE:
        return syscall_delegate;
    default:
        return syscall_revoke;
    }
}

void syscall_restart(struct ec *ec)
{
    ec->regs.rdi = restart((uint8_t)ec->regs.rdi)(ec);
    ec->continued = false;
    ec->cont = ec_return_sysexit;
    ec_resume(ec);
}

_Noreturn void syscall_continue(struct ec *ec)
{
    ec->cont = syscall_restart;
    ec->continued = true;
    struct cpu *cpu = cpu_self();
    /* A preemption point: take the interrupts that have come in, then go on where the scheduler
     * says. */
    sched_preemption_point(cpu);
    ec_resume(ec);
}
