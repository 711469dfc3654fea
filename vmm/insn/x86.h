/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits of the architecture that the emulator and the page-table walker look at. Internal to
 * vmm/insn: the public headers stay free of these names. SDM volume 3, "Control Registers", "System
 * Flags and Fields in the EFLAGS Register", "Exception and Interrupt Reference", "Guest Register
 * State".
 */
#pragma once

#include <stdint.h>

#define X86_CR0_PE UINT64_C(0x00000001)
#define X86_CR0_WP UINT64_C(0x00010000)
#define X86_CR0_AM UINT64_C(0x00040000)
#define X86_CR0_PG UINT64_C(0x80000000)

#define X86_CR4_PSE  UINT64_C(0x00000010)
#define X86_CR4_PAE  UINT64_C(0x00000020)
#define X86_CR4_LA57 UINT64_C(0x00001000)
#define X86_CR4_SMEP UINT64_C(0x00100000)
#define X86_CR4_SMAP UINT64_C(0x00200000)

#define X86_EFER_LMA UINT64_C(0x00000400)
#define X86_EFER_NXE UINT64_C(0x00000800)

#define X86_RFLAGS_CF UINT64_C(0x00000001)
#define X86_RFLAGS_PF UINT64_C(0x00000004)
#define X86_RFLAGS_AF UINT64_C(0x00000010)
#define X86_RFLAGS_ZF UINT64_C(0x00000040)
#define X86_RFLAGS_SF UINT64_C(0x00000080)
#define X86_RFLAGS_DF UINT64_C(0x00000400)
#define X86_RFLAGS_OF UINT64_C(0x00000800)
#define X86_RFLAGS_RF UINT64_C(0x00010000)
#define X86_RFLAGS_VM UINT64_C(0x00020000)
#define X86_RFLAGS_AC UINT64_C(0x00040000)

/* The six flags that arithmetic changes. */
#define X86_RFLAGS_STATUS \
    (X86_RFLAGS_CF | X86_RFLAGS_PF | X86_RFLAGS_AF | X86_RFLAGS_ZF | X86_RFLAGS_SF | X86_RFLAGS_OF)

/* Segment access rights. */
#define X86_AR_WRITABLE    0x0002u /* of a data segment */
#define X86_AR_READABLE    0x0002u /* of a code segment */
#define X86_AR_EXPAND_DOWN 0x0004u /* of a data segment */
#define X86_AR_CODE        0x0008u
#define X86_AR_DPL_SHIFT   5
#define X86_AR_DPL_MASK    0x3u
#define X86_AR_LONG        0x2000u
#define X86_AR_DB          0x4000u
#define X86_AR_UNUSABLE    0x10000u

#define X86_VECTOR_SS 12
#define X86_VECTOR_GP 13
#define X86_VECTOR_PF 14
#define X86_VECTOR_AC 17

#define X86_USER_CPL 3u

#define X86_LINEAR_BITS_4_LEVEL 48u
#define X86_LINEAR_BITS_5_LEVEL 57u
