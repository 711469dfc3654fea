/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model-specific registers that the kernel uses. Source: Intel SDM volume 4.
 */
#pragma once

#define MSR_TSC             0x10u
#define MSR_APIC_BASE       0x1Bu
#define MSR_FEATURE_CONTROL 0x3Au
#define MSR_SYSENTER_CS     0x174u
#define MSR_SYSENTER_ESP    0x175u
#define MSR_SYSENTER_EIP    0x176u
#define MSR_MISC_ENABLE     0x1A0u
#define MSR_PAT             0x277u
#define MSR_VMX_BASIC       0x480u
#define MSR_VMX_PIN         0x481u
#define MSR_VMX_CPU         0x482u
#define MSR_VMX_EXIT        0x483u
#define MSR_VMX_ENTRY       0x484u
#define MSR_VMX_MISC        0x485u
#define MSR_VMX_CR0_FIXED0  0x486u
#define MSR_VMX_CR0_FIXED1  0x487u
#define MSR_VMX_CR4_FIXED0  0x488u
#define MSR_VMX_CR4_FIXED1  0x489u
#define MSR_VMX_CPU2        0x48Bu
#define MSR_VMX_EPT_VPID    0x48Cu
#define MSR_VMX_TRUE_PIN    0x48Du
#define MSR_VMX_TRUE_CPU    0x48Eu
#define MSR_VMX_TRUE_EXIT   0x48Fu
#define MSR_VMX_TRUE_ENTRY  0x490u
#define MSR_TSC_DEADLINE    0x6E0u
#define MSR_X2APIC          0x800u /* register at offset 16 * n of the APIC page: MSR_X2APIC + n */
#define MSR_EFER            0xC0000080u
#define MSR_STAR            0xC0000081u
#define MSR_LSTAR           0xC0000082u
#define MSR_CSTAR           0xC0000083u
#define MSR_FMASK           0xC0000084u
#define MSR_FS_BASE         0xC0000100u
#define MSR_GS_BASE         0xC0000101u
#define MSR_KERNEL_GS_BASE  0xC0000102u

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

/* Write-back, write-through, uncached-minus, uncached, twice: as after reset. */
#define PAT_DEFAULT 0x0007040600070406ull
