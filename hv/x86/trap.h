/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts.
 */
#pragma once

#include "hv/types.h"

struct cpu;
struct ec;
struct regs;

/* Make the IDT. Boot CPU, once. */
void trap_init(void);
/* Load it and the system-call entry on this CPU. */
void trap_init_cpu(struct cpu *cpu);

/* Linear addresses for host state. */
uint64_t trap_idt(void);
uint64_t trap_sysenter(void);

/* A device or inter-processor interrupt has arrived; the timer has expired; an NMI. */
void trap_interrupt(struct cpu *cpu, unsigned vector);
void trap_timer(struct cpu *cpu);
void trap_nmi(struct cpu *cpu);

/* entry.asm: after a VM exit by an NMI, which leaves further ones blocked until the next IRET. */
void entry_unblock_nmi(void);

/* A preemption point: take the interrupts that wait. The current EC's continuation says where to go
   on; comes back only if none came. */
void trap_window(void);

/* From entry.asm: the current thread has trapped; its registers are saved. */
_Noreturn void trap_user(struct ec *ec);
/* A trap in the kernel: NMI and #DB return, interrupts at a preemption point or when idle do not,
 * anything else is the end. */
void trap_kernel(struct regs *r);
/* A trap on an interrupt stack: NULL, or the current thread, which then continues in trap_user. */
struct ec *trap_ist(struct regs *r);
