/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits of the processor that the VMM's exit handlers look at: control registers, RFLAGS, EFER,
 * segment access rights, exception vectors, and the two encodings that VT-x adds, interruption
 * information and interruptibility. Intel SDM volume 3, "Control Registers", "System Flags and
 * Fields in the EFLAGS Register", "Exception and Interrupt Reference", "VM-Entry Controls for Event
 * Injection", "Guest Non-Register State".
 */
#pragma once

#include <stdint.h>

#define X86_CR0_PE UINT64_C(0x00000001)
#define X86_CR0_MP UINT64_C(0x00000002)
#define X86_CR0_EM UINT64_C(0x00000004)
#define X86_CR0_TS UINT64_C(0x00000008)
#define X86_CR0_ET UINT64_C(0x00000010)
#define X86_CR0_NE UINT64_C(0x00000020)
#define X86_CR0_WP UINT64_C(0x00010000)
#define X86_CR0_AM UINT64_C(0x00040000)
#define X86_CR0_NW UINT64_C(0x20000000)
#define X86_CR0_CD UINT64_C(0x40000000)
#define X86_CR0_PG UINT64_C(0x80000000)
/* All that CR0 defines; a write of the rest of its low half is ignored. */
#define X86_CR0_DEFINED                                                                         \
    (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | \
     X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

#define X86_CR4_VME        UINT64_C(0x00000001)
#define X86_CR4_PVI        UINT64_C(0x00000002)
#define X86_CR4_TSD        UINT64_C(0x00000004)
#define X86_CR4_DE         UINT64_C(0x00000008)
#define X86_CR4_PSE        UINT64_C(0x00000010)
#define X86_CR4_PAE        UINT64_C(0x00000020)
#define X86_CR4_MCE        UINT64_C(0x00000040)
#define X86_CR4_PGE        UINT64_C(0x00000080)
#define X86_CR4_PCE        UINT64_C(0x00000100)
#define X86_CR4_OSFXSR     UINT64_C(0x00000200)
#define X86_CR4_OSXMMEXCPT UINT64_C(0x00000400)
#define X86_CR4_UMIP       UINT64_C(0x00000800)
#define X86_CR4_FSGSBASE   UINT64_C(0x00010000)
#define X86_CR4_PCIDE      UINT64_C(0x00020000)
#define X86_CR4_OSXSAVE    UINT64_C(0x00040000)
#define X86_CR4_SMEP       UINT64_C(0x00100000)
#define X86_CR4_SMAP       UINT64_C(0x00200000)

#define X86_CR3_PCID      UINT64_C(0xFFF)
#define X86_CR3_NO_FLUSH  (UINT64_C(1) << 63)
#define X86_CR3_PAE_TABLE UINT64_C(0xFFFFFFE0) /* the PDPTEs' address in PAE paging */

#define X86_MSR_EFER UINT32_C(0xC0000080)
#define X86_EFER_SCE UINT64_C(0x001)
#define X86_EFER_LME UINT64_C(0x100)
#define X86_EFER_LMA UINT64_C(0x400)
#define X86_EFER_NXE UINT64_C(0x800)

#define X86_RFLAGS_FIXED UINT64_C(0x00000002)
#define X86_RFLAGS_TF    UINT64_C(0x00000100)
#define X86_RFLAGS_IF    UINT64_C(0x00000200)
#define X86_RFLAGS_DF    UINT64_C(0x00000400)
#define X86_RFLAGS_RF    UINT64_C(0x00010000)
#define X86_RFLAGS_VM    UINT64_C(0x00020000)
#define X86_RFLAGS_AC    UINT64_C(0x00040000)

/* Segment access rights in the VMCS format. */
#define X86_AR_WRITABLE    UINT32_C(0x00002) /* of a data segment */
#define X86_AR_READABLE    UINT32_C(0x00002) /* of a code segment */
#define X86_AR_EXPAND_DOWN UINT32_C(0x00004) /* of a data segment */
#define X86_AR_CODE        UINT32_C(0x00008)
#define X86_AR_DPL_SHIFT   5
#define X86_AR_DPL_MASK    UINT32_C(0x3)
#define X86_AR_LONG        UINT32_C(0x02000)
#define X86_AR_DB          UINT32_C(0x04000)
#define X86_AR_UNUSABLE    UINT32_C(0x10000)

#define X86_USER_CPL 3u

enum x86_vector {
    X86_VECTOR_DB = 1,
    X86_VECTOR_NMI = 2,
    X86_VECTOR_UD = 6,
    X86_VECTOR_SS = 12,
    X86_VECTOR_GP = 13,
    X86_VECTOR_PF = 14,
    X86_VECTOR_AC = 17
};

#define X86_DR6_FIXED UINT64_C(0xFFFF0FF0)
#define X86_DR6_TRAPS UINT64_C(0x0000E00F) /* B0 to B3, BD, BS, BT */
#define X86_DR6_BD    UINT64_C(0x00002000)
#define X86_DR6_BS    UINT64_C(0x00004000)
#define X86_DR6_RTM   UINT64_C(0x00010000) /* reads as one unless in a transaction */
#define X86_DR7_FIXED UINT64_C(0x00000400)
#define X86_DR7_GD    UINT64_C(0x00002000)
#define X86_DR7_ZERO  UINT64_C(0x0000D000) /* bits that a write cannot set */

#define X86_XCR0_X87    UINT64_C(0x01)
#define X86_XCR0_SSE    UINT64_C(0x02)
#define X86_XCR0_AVX    UINT64_C(0x04)
#define X86_XCR0_AVX512 UINT64_C(0xE0) /* opmask, ZMM_Hi256, Hi16_ZMM: all or none */

/* Interruption information: vector 7:0, type 10:8, error code 11, NMI unblocking 12, valid 31. */
#define X86_EVENT_VECTOR      UINT32_C(0x000000FF)
#define X86_EVENT_TYPE        UINT32_C(0x00000700)
#define X86_EVENT_ERROR       UINT32_C(0x00000800)
#define X86_EVENT_NMI_UNBLOCK UINT32_C(0x00001000)
#define X86_EVENT_VALID       UINT32_C(0x80000000)
#define X86_EVENT_INTERRUPT   UINT32_C(0x00000000)
#define X86_EVENT_NMI         UINT32_C(0x00000200)
#define X86_EVENT_EXCEPTION   UINT32_C(0x00000300)
#define X86_EVENT_SOFT_INT    UINT32_C(0x00000400)
#define X86_EVENT_PRIV_SOFT   UINT32_C(0x00000500)
#define X86_EVENT_SOFT_EXC    UINT32_C(0x00000600)

/* Interruptibility state. */
#define X86_BLOCKING_STI    UINT32_C(0x1)
#define X86_BLOCKING_MOV_SS UINT32_C(0x2)
#define X86_BLOCKING_SMI    UINT32_C(0x4)
#define X86_BLOCKING_NMI    UINT32_C(0x8)
#define X86_BLOCKING_SHADOW                                               \
    (X86_BLOCKING_STI | X86_BLOCKING_MOV_SS) /* ends with the instruction \
                                              */
