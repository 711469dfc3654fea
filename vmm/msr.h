/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What RDMSR and WRMSR do in a guest (SDM vol. 4, "Model-Specific Registers"), as a table: each MSR
 * that CPUID promises is there, every other one faults. The kernel lets the guest use without an
 * exit: FS_BASE, GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, FMASK, SYSENTER_*, EFER, PAT and
 * reads of the TSC. MTRRs are stored and have no effect: EPT decides memory types. Not offered:
 * VMX, performance counters, thermal and power control, SPEC_CTRL, ARCH_CAPABILITIES, machine-check
 * banks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MSR_FIXED_MTRRS = 11, MSR_VARIABLE_MTRRS = 8 };

/* What the caller has to do. */
enum msr_result {
    MSR_DONE,         /* read: *value is the result; write: it has taken effect */
    MSR_FAULT,        /* inject #GP(0) */
    MSR_LAPIC,        /* the local APIC's model answers: IA32_APIC_BASE, x2APIC registers */
    MSR_TSC_DEADLINE, /* IA32_TSC_DEADLINE: the local APIC's model, with the guest's TSC */
    MSR_TSC,          /* read of the TSC: *value is unchanged, the caller has it */
    MSR_MOVE_TSC      /* write: add *value (modulo 2^64) to the guest's TSC offset; TSC_ADJUST has
                         followed already */
};

/* The MSRs of one virtual CPU. Private to msr.c; visible so that it can be embedded. */
struct msr_vm {
    uint64_t physical_mask; /* bits that a physical address may have */
    uint64_t platform_info;
    uint64_t tsc_adjust;
    uint64_t misc_enable;
    uint64_t misc_writable;
    uint64_t mcg_status;
    uint64_t mtrr_def_type;
    uint64_t mtrr_fixed[MSR_FIXED_MTRRS];
    uint64_t mtrr_variable[2 * MSR_VARIABLE_MTRRS]; /* base, mask, base, mask ... */
};

/*
 * Power-on state as firmware leaves it: MTRRs enabled, RAM write-back, video memory and the PCI
 * hole uncached. tsc_hz: rate of the guest's TSC; physical_bits: as shown in CPUID leaf 0x80000008
 * (32 to 52). fast_strings: IA32_MISC_ENABLE of the host says that REP MOVS and STOS are fast:
 * guests choose by it how they copy.
 */
void msr_init(struct msr_vm *msr, uint64_t tsc_hz, unsigned physical_bits, bool fast_strings);

/* RDMSR of index. *value is written for MSR_DONE only. Never returns MSR_MOVE_TSC. */
enum msr_result msr_read(const struct msr_vm *msr, uint32_t index, uint64_t *value);

/*
 * WRMSR of *value to index; tsc_now is the guest's TSC. For MSR_MOVE_TSC *value becomes the
 * difference to add, otherwise it is unchanged. Never returns MSR_TSC.
 */
enum msr_result msr_write(struct msr_vm *msr, uint32_t index, uint64_t *value, uint64_t tsc_now);
