/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls: dispatch. Each decodes all of its arguments first; what follows cannot fail.
 */
#pragma once

#include "hv/abi/status.h"
#include "hv/ec.h"

/* For entry.asm, by call number: what a call returns is its status. Calls that switch to another EC
 * do not return. */
extern enum bh_status (*const syscall_table[BH_CALL_COUNT])(struct ec *);

/* From entry.asm: the call is done, but something more urgent came up. */
_Noreturn void syscall_preempted(struct ec *ec);

/* Continuation: make the call in the thread's registers again. */
void syscall_restart(struct ec *ec);

/* A call that goes on later: like syscall_restart, but gives way to more urgent work first. */
_Noreturn void syscall_continue(struct ec *ec);

/* entry.asm: the calls that may switch to another EC. */
enum bh_status entry_ipc_call(struct ec *ec);
enum bh_status entry_ipc_reply(struct ec *ec);
enum bh_status entry_syscall_delegate(struct ec *ec);
enum bh_status entry_syscall_revoke(struct ec *ec);
enum bh_status entry_syscall_sm_ctrl(struct ec *ec);

/* The calls, in create.c, range.c and control.c. */
enum bh_status syscall_create_pd(struct ec *ec);
enum bh_status syscall_create_ec(struct ec *ec);
enum bh_status syscall_create_sc(struct ec *ec);
enum bh_status syscall_create_pt(struct ec *ec);
enum bh_status syscall_create_sm(struct ec *ec);
enum bh_status syscall_delegate(struct ec *ec);
enum bh_status syscall_revoke(struct ec *ec);
enum bh_status syscall_lookup(struct ec *ec);
enum bh_status syscall_pd_ctrl(struct ec *ec);
enum bh_status syscall_ec_ctrl(struct ec *ec);
enum bh_status syscall_sc_ctrl(struct ec *ec);
enum bh_status syscall_pt_ctrl(struct ec *ec);
enum bh_status syscall_sm_ctrl(struct ec *ec);
enum bh_status syscall_irq_ctrl(struct ec *ec);
enum bh_status syscall_io(struct ec *ec);

/* Parts of the descriptor in RDI. */
static inline uint64_t syscall_selector(const struct ec *ec)
{
    return ec->regs.rdi >> BH_DESC_SELECTOR_SHIFT;
}

static inline unsigned syscall_flags(const struct ec *ec)
{
    return (unsigned)(ec->regs.rdi >> BH_DESC_FLAGS_SHIFT) & 0xFFu;
}
