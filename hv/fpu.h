/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE, AVX and AVX-512 state. It belongs to an EC and lies in the registers of the CPU on
 * which that EC used it last (cpu.fpu_owner). Within a domain it moves when another EC uses it
 * (#NM); before another domain runs it is saved and the registers are cleared, so that nothing of
 * it can be read, not even by speculation.
 */
#pragma once

#include "hv/cpu.h"
#include "hv/ec.h"

/* Boot: what this machine has. Needs no state. */
void fpu_init(void);
/* This CPU: control registers and XCR0. */
void fpu_init_cpu(struct cpu *cpu);

/* Extended states that guests may use, as XCR0 bits; the nearest valid value to a wish of a guest's
 * XCR0. */
uint64_t fpu_states(void);
uint64_t fpu_valid_xcr0(uint64_t wish);

/* Slow parts of fpu_switch. */
void fpu_switch_owner(struct cpu *cpu, struct ec *ec);

/* `ec`, a thread, is about to run. */
static inline void fpu_switch(struct cpu *cpu, struct ec *ec)
{
    const struct ec *owner = cpu->fpu_owner;
    if ((owner != NULL && owner->pd != ec->pd) || cpu->fpu_enabled != (owner == ec)) {
        fpu_switch_owner(cpu, ec);
    }
}

/* Memory for the state of ec: a vCPU has it from the beginning, a thread from its first use on.
 * False without quota. */
bool fpu_prepare(struct ec *ec);

/* The thread ec, which is prepared, has used it (#NM). */
void fpu_trap(struct cpu *cpu, struct ec *ec);

/* The vCPU ec is about to run with this XCR0. */
void fpu_load_guest(struct cpu *cpu, struct ec *ec, uint64_t xcr0);
/* The XCR0 of vCPU ec has changed. */
void fpu_set_guest(struct cpu *cpu, struct ec *ec, uint64_t xcr0);

/* ec ends: its state is not worth saving. */
void fpu_forget(struct cpu *cpu, const struct ec *ec);
