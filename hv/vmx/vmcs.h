/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS field encodings and control bits. Source: Intel SDM volume 3, appendix "Field Encoding in
 * VMCS" and chapter "Virtual Machine Control Structures".
 */
#pragma once

enum vmcs_field {
    VMCS_VPID = 0x0000,
    VMCS_GUEST_ES_SELECTOR = 0x0800, /* CS, SS, DS, FS, GS, LDTR, TR follow, 2 apart */
    VMCS_GUEST_INTR_STATUS = 0x0810,
    VMCS_HOST_ES_SELECTOR = 0x0C00,
    VMCS_HOST_CS_SELECTOR = 0x0C02,
    VMCS_HOST_SS_SELECTOR = 0x0C04,
    VMCS_HOST_DS_SELECTOR = 0x0C06,
    VMCS_HOST_FS_SELECTOR = 0x0C08,
    VMCS_HOST_GS_SELECTOR = 0x0C0A,
    VMCS_HOST_TR_SELECTOR = 0x0C0C,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_TSC_OFFSET = 0x2010,
    VMCS_VIRTUAL_APIC = 0x2012,
    VMCS_APIC_ACCESS = 0x2014,
    VMCS_EPT_POINTER = 0x201A,
    VMCS_EOI_EXIT_0 = 0x201C, /* 1, 2, 3 follow, 2 apart */
    VMCS_GUEST_PHYSICAL = 0x2400,
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_GUEST_PDPTE0 = 0x280A, /* 1, 2, 3 follow, 2 apart */
    VMCS_HOST_PAT = 0x2C00,
    VMCS_HOST_EFER = 0x2C02,
    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_CPU_CONTROLS = 0x4002,
    VMCS_EXCEPTION_BITMAP = 0x4004,
    VMCS_PF_ERROR_MASK = 0x4006,
    VMCS_PF_ERROR_MATCH = 0x4008,
    VMCS_CR3_TARGETS = 0x400A,
    VMCS_EXIT_CONTROLS = 0x400C,
    VMCS_EXIT_MSR_STORES = 0x400E,
    VMCS_EXIT_MSR_LOADS = 0x4010,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_MSR_LOADS = 0x4014,
    VMCS_ENTRY_INTR_INFO = 0x4016,
    VMCS_ENTRY_ERROR = 0x4018,
    VMCS_ENTRY_INSN_LEN = 0x401A,
    VMCS_TPR_THRESHOLD = 0x401C,
    VMCS_CPU_CONTROLS_2 = 0x401E,
    VMCS_INSN_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_INTR_INFO = 0x4404,
    VMCS_EXIT_INTR_ERROR = 0x4406,
    VMCS_IDT_INFO = 0x4408,
    VMCS_IDT_ERROR = 0x440A,
    VMCS_EXIT_INSN_LEN = 0x440C,
    VMCS_EXIT_INSN_INFO = 0x440E,
    VMCS_GUEST_ES_LIMIT = 0x4800, /* CS, SS, DS, FS, GS, LDTR, TR follow, 2 apart */
    VMCS_GUEST_GDTR_LIMIT = 0x4810,
    VMCS_GUEST_IDTR_LIMIT = 0x4812,
    VMCS_GUEST_ES_AR = 0x4814, /* as above */
    VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
    VMCS_GUEST_ACTIVITY = 0x4826,
    VMCS_GUEST_SYSENTER_CS = 0x482A,
    VMCS_PREEMPTION_TIMER = 0x482E,
    VMCS_HOST_SYSENTER_CS = 0x4C00,
    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_GUEST_LINEAR = 0x640A,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_ES_BASE = 0x6806, /* as above */
    VMCS_GUEST_GDTR_BASE = 0x6816,
    VMCS_GUEST_IDTR_BASE = 0x6818,
    VMCS_GUEST_DR7 = 0x681A,
    VMCS_GUEST_RSP = 0x681C,
    VMCS_GUEST_RIP = 0x681E,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6C00,
    VMCS_HOST_CR3 = 0x6C02,
    VMCS_HOST_CR4 = 0x6C04,
    VMCS_HOST_FS_BASE = 0x6C06,
    VMCS_HOST_GS_BASE = 0x6C08,
    VMCS_HOST_TR_BASE = 0x6C0A,
    VMCS_HOST_GDTR_BASE = 0x6C0C,
    VMCS_HOST_IDTR_BASE = 0x6C0E,
    VMCS_HOST_SYSENTER_ESP = 0x6C10,
    VMCS_HOST_SYSENTER_EIP = 0x6C12,
    VMCS_HOST_RSP = 0x6C14,
    VMCS_HOST_RIP = 0x6C16
};

/* Pin-based controls. */
#define PIN_EXTERNAL_INTERRUPT (1u << 0)
#define PIN_NMI                (1u << 3)
#define PIN_VIRTUAL_NMI        (1u << 5)
#define PIN_PREEMPTION_TIMER   (1u << 6)

/* Processor-based controls. */
#define CPU_INTR_WINDOW (1u << 2)
#define CPU_TSC_OFFSET  (1u << 3)
#define CPU_HLT         (1u << 7)
#define CPU_MWAIT       (1u << 10)
#define CPU_RDPMC       (1u << 11)
#define CPU_CR8_LOAD    (1u << 19)
#define CPU_CR8_STORE   (1u << 20)
#define CPU_TPR_SHADOW  (1u << 21)
#define CPU_NMI_WINDOW  (1u << 22)
#define CPU_IO          (1u << 24)
#define CPU_MSR_BITMAP  (1u << 28)
#define CPU_MONITOR     (1u << 29)
#define CPU_SECONDARY   (1u << 31)

/* Secondary controls. */
#define CPU2_APIC_ACCESS   (1u << 0)
#define CPU2_EPT           (1u << 1)
#define CPU2_RDTSCP        (1u << 3)
#define CPU2_X2APIC        (1u << 4)
#define CPU2_VPID          (1u << 5)
#define CPU2_WBINVD        (1u << 6)
#define CPU2_UNRESTRICTED  (1u << 7)
#define CPU2_APIC_REGISTER (1u << 8)
#define CPU2_VID           (1u << 9)
#define CPU2_INVPCID       (1u << 12)

/* Exit and entry controls. */
#define EXIT_SAVE_DEBUG    (1u << 2)
#define EXIT_HOST_64       (1u << 9)
#define EXIT_ACK_INTERRUPT (1u << 15)
#define EXIT_SAVE_PAT      (1u << 18)
#define EXIT_LOAD_PAT      (1u << 19)
#define EXIT_SAVE_EFER     (1u << 20)
#define EXIT_LOAD_EFER     (1u << 21)
#define EXIT_SAVE_TIMER    (1u << 22)
#define ENTRY_LOAD_DEBUG   (1u << 2)
#define ENTRY_GUEST_64     (1u << 9)
#define ENTRY_LOAD_PAT     (1u << 14)
#define ENTRY_LOAD_EFER    (1u << 15)

/* Basic exit reasons that the kernel keeps; bit 31 of the reason: VM-entry failure. */
#define EXIT_REASON_EXCEPTION_NMI      0u
#define EXIT_REASON_EXTERNAL_INTERRUPT 1u
#define EXIT_REASON_PREEMPTION_TIMER   52u
/* The kernel looks at these; above the maximum are those that do not fit the set. */
#define EXIT_REASONS_KEPT              ((1ull << 0) | (1ull << 1) | (1ull << 52))
#define EXIT_REASON_PLAIN_MAX          63u
#define EXIT_REASON_BASIC              0xFFFFu

/* Interruption information. */
#define INTR_INFO_VECTOR   0xFFu
#define INTR_INFO_TYPE     (7u << 8)
#define INTR_INFO_TYPE_NMI (2u << 8)
#define INTR_INFO_VALID    (1u << 31)
