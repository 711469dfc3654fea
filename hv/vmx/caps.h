/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this processor's VT-x can do, and the values of the VM-execution controls computed from it.
 * Source: Intel SDM volume 3, appendix "VMX Capability Reporting Facility".
 */
#pragma once

#include "hv/types.h"

struct vmx_caps {
    uint32_t revision;                    /* of the VMCS */
    uint32_t pin, cpu, cpu2, exit, entry; /* control values */
    uint64_t cr0_set, cr0_may;            /* bits of CR0 that must be 1; that may be 1 */
    uint64_t cr4_set, cr4_may;            /* the same of CR4 */
    uint32_t features;                    /* BH_VMX_* */
    unsigned timer_shift;                 /* the preemption timer counts TSC >> timer_shift */
    bool invept_single, invvpid_single;
};

/* Read the capability MSRs into *c. NULL, or the name of what is missing. */
const char *caps_read(struct vmx_caps *c);
