/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls, replies and events. All three go from one EC to another on the same CPU and switch to it
 * at once.
 */
#pragma once

#include "hv/abi/status.h"
#include "hv/ec.h"

/* The current thread calls the portal that its registers name. Returns only to refuse. */
enum bh_status ipc_call(struct ec *ec);

/* The current thread replies to its caller and waits. Returns only to refuse. */
enum bh_status ipc_reply(struct ec *ec);

/* From entry.asm: the current thread replies to a vCPU, and waits. */
_Noreturn void ipc_reply_vcpu(struct ec *ec, uint64_t mtd);

/*
 * Tell the event portal of `ec`, the current EC: for a vCPU, RSI = exit reason, the state page is
 * up to date; for a thread, RSI = exception vector. An EC without a living event portal ends here.
 */
_Noreturn void ipc_event(struct ec *ec, uint64_t what);

/* The same for a vCPU that has just left the guest on this CPU. */
_Noreturn void ipc_exit(struct cpu *cpu, struct ec *ec, uint64_t reason);

/* The vector or exit reason of an event that has to wait is kept in regs.vector; this tries again.
 */
void ipc_event_again(struct ec *ec);
