/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU inside the VT-x back end.
 */
#pragma once

#include "hv/abi/vcpu.h"
#include "hv/timeout.h"
#include "hv/types.h"

struct ec;
struct cpu;

/* Registers that a guest changes without an exit and that are not in the VMCS: they stay in the
   processor until another vCPU runs on it, so an exit moves none of them. */
struct vcpu_msrs {
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t dr[4], dr6;
};

struct vcpu {
    struct bh_vcpu_state *state; /* the state page, which the VMM writes at any time */
    struct ec *ec;
    void *vmcs; /* a page */
    uint32_t vpid;
    uint32_t cpu_controls;   /* as in the VMCS */
    uint32_t cpu_controls_2; /* without CPU2_APIC_ACCESS */
    bool launched;
    bool initialized;
    bool inactive; /* the VMM has set an activity state other than active */
    struct timeout deadline;
    struct vcpu_msrs msrs; /* valid while the vCPU is not loaded */
    uint64_t xcr0;
    uint64_t cr0_mask, cr4_mask; /* bits that the guest does not own */
    uint32_t mtd[BH_EXIT_REASONS];
};

/* Load v's VMCS and registers on this CPU. */
void vcpu_load(struct cpu *cpu, struct vcpu *v);

/* groups.c: move state between the VMCS and the state page. v is loaded. */
void groups_read(struct vcpu *v, uint32_t mtd);
void groups_write(struct vcpu *v, uint32_t mtd);

/* Forget the translations of a VPID; 0: none is in use, VM entry and exit do. */
void vmx_flush_vpid(uint32_t vpid);

/* The control values and capabilities in use. */
const struct vmx_caps *vcpu_caps(void);

/* entry.asm */
_Noreturn void vmx_launch(struct bh_vcpu_state *state);
_Noreturn void vmx_resume_guest(struct bh_vcpu_state *state);
void vmx_exit_entry(void);
