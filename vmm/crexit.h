/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits of control and debug registers, XSETBV, and what a guest may have in CR4 at all. Most bits
 * of CR0 and CR4 belong to the guest (crexit_cr0_own, crexit_cr4_own) and never exit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/x86.h"

struct cpuid_table;
struct vcpu;

/* What CPUID shows to the guest, as far as it decides about registers and paging. */
struct crexit_policy {
    uint64_t cr4;           /* bits that exist */
    unsigned physical_bits; /* MAXPHYADDR */
    bool page_1g;
};

/* All of CR0 but the bits that VT-x or the VMM has an opinion on: NE is fixed, CD and NW are only
 * remembered. */
#define CREXIT_CR0_OWN (X86_CR0_DEFINED & ~(X86_CR0_CD | X86_CR0_NW | X86_CR0_NE))

void crexit_policy_init(struct crexit_policy *policy, const struct cpuid_table *cpuid);

/* OSXSAVE is in CPUID too, and what CPUID must hide must exit. */
static inline uint64_t crexit_cr4_own(const struct crexit_policy *policy)
{
    return policy->cr4 & ~X86_CR4_OSXSAVE;
}

/* Exit reasons 28, 29 and 55. */
uint32_t crexit_cr(struct vcpu *v);
uint32_t crexit_dr(struct vcpu *v);
uint32_t crexit_xsetbv(struct vcpu *v);

/* Exit reasons 13 and 54, INVD and WBINVD: the caches are the host's, and coherent. */
uint32_t crexit_cache(struct vcpu *v);
