/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's virtualization, as the rest of the kernel sees it: create a vCPU, enter it,
 * exits, state groups, flush. All VT-x names stay behind this header.
 */
#pragma once

#include "hv/types.h"

struct cpu;
struct ec;

/* Boot CPU, early: is everything there that Bulkhead needs? NULL, or the name of what is missing.
 */
const char *vmx_missing(void);

/* BH_VMX_* in use. */
uint32_t vmx_features(void);

/* Do without virtual-interrupt delivery and what belongs to it. Before any vCPU is created. */
void vmx_disable_vid(void);

/* Enter VMX operation on this CPU. */
void vmx_init_cpu(struct cpu *cpu);

/* Memory for the vCPU `ec`; false without quota. Released when no CPU knows it any more. */
bool vmx_vcpu_create(struct ec *ec);
void vmx_vcpu_release(struct ec *ec);

/* ec ends, on its own CPU. */
void vmx_vcpu_stop(struct cpu *cpu, struct ec *ec);

/* Set the MTD table of ec: BH_EXIT_REASONS entries. False: an entry has an unknown group. */
bool vmx_set_mtd(struct ec *ec, const uint32_t *table);

/* Read the groups of state in `mtd` into the state page of ec, which waits for a reply on this CPU.
 * False: an unknown group. */
bool vmx_read(struct ec *ec, uint64_t mtd);

/* Continuations: the first exit of a vCPU; into the guest. */
_Noreturn void vmx_start(struct ec *ec);
_Noreturn void vmx_resume(struct ec *ec);

/* The VMM has answered: take over the groups named in mtd; ec continues in the guest. */
void vmx_reply(struct ec *ec, uint64_t mtd);

/* Forget cached translations of an EPT pointer on this CPU. */
void vmx_flush_ept(uint64_t eptp);

/* From exit.asm. */
_Noreturn void vmx_exit(struct cpu *cpu);
_Noreturn void vmx_entry_failed(void);
