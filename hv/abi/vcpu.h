/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state page of a vCPU, the groups of state that move at an exit (MTD), and exit reasons.
 *
 * The page belongs to the kernel's pool and is mapped into the protection domain of the vCPU at the
 * address given to BH_CALL_CREATE_EC. General registers and CR2 are always exact in it. The other
 * groups are written by the kernel at an exit when the MTD table of the vCPU names them for that
 * exit reason, and read by the kernel when the reply names them. Values are those that the guest
 * sees; the kernel adds what VT-x wants (CR0.NE, CR4.VMXE). A value that the processor refuses
 * leads to BH_EXIT_ENTRY_FAILED or to exit reason 33, never to harm. Field names and encodings:
 * Intel SDM volume 3, "Virtual Machine Control Structures".
 */
#pragma once

#include <stdint.h>

#define BH_VCPU_STATE_SIZE 4096u

/* Index into gpr[]: the order in which the exit code pushes. */
enum bh_gpr {
    BH_R15 = 0,
    BH_R14,
    BH_R13,
    BH_R12,
    BH_R11,
    BH_R10,
    BH_R9,
    BH_R8,
    BH_RDI,
    BH_RSI,
    BH_RBP,
    BH_RDX,
    BH_RCX,
    BH_RBX,
    BH_RAX,
    BH_GPRS
};

struct bh_segment {
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied */
    uint32_t
        ar; /* access rights as in the VMCS: type, S, DPL, P, AVL, L, D/B, G, bit 16 unusable */
    uint16_t selector;
    uint16_t reserved[3];
};

enum bh_seg { BH_ES = 0, BH_CS, BH_SS, BH_DS, BH_FS, BH_GS, BH_LDTR, BH_TR, BH_SEGS };

#define BH_AR_UNUSABLE (1u << 16)

struct bh_vcpu_state {
    uint64_t gpr[BH_GPRS];
    uint64_t cr2;
    /* BH_MTD_RIP, BH_MTD_RSP, BH_MTD_RFLAGS */
    uint64_t rip;
    uint64_t rsp;
    uint64_t rflags;
    /* always written at an exit */
    uint32_t exit_reason; /* basic exit reason, or BH_EXIT_RECALL and up */
    uint32_t insn_len;    /* BH_MTD_RIP: bytes; valid for exits caused by an instruction */
    /* BH_MTD_QUAL; the addresses for exits from BH_EXIT_APIC_ACCESS on, which are accesses to
     * memory */
    uint64_t qualification;
    uint64_t guest_linear;
    uint64_t guest_physical;
    /* BH_MTD_EVENT: what was going on at the exit (read only) */
    uint32_t exit_intr_info;
    uint32_t exit_intr_error;
    uint32_t idt_info; /* the event whose delivery was interrupted: inject it again */
    uint32_t idt_error;
    /* BH_MTD_INSN_INFO (read only) */
    uint32_t insn_info;
    /* BH_MTD_INT_STATE */
    uint32_t interruptibility; /* blocking by STI, MOV SS, SMI, NMI */
    uint32_t activity;         /* 0 active, 1 HLT; anything else is taken as active */
    /* BH_MTD_INJECT (write only): VM-entry interruption information; used once */
    uint32_t inject_info;
    uint32_t inject_error;
    uint32_t inject_len;
    /* BH_MTD_WINDOW (write only): exit when an interrupt or NMI can be taken */
    uint32_t window;
    uint32_t reserved0;
    /* BH_MTD_TSC */
    uint64_t tsc_offset; /* guest TSC = host TSC + offset */
    /* BH_MTD_DEADLINE (write only): host TSC at which exit reason 52 is due; BH_NEVER: none */
    uint64_t deadline;
    /* BH_MTD_CR */
    uint64_t cr0, cr3, cr4;
    uint64_t pdpte[4];
    /* BH_MTD_CR_OWN (write only): bits that the guest changes without an exit */
    uint64_t cr0_own, cr4_own;
    /* BH_MTD_DR */
    uint64_t dr7, dr6, dr[4], pending_debug;
    /* BH_MTD_EFER */
    uint64_t efer, pat;
    /* BH_MTD_SYSENTER */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    /* BH_MTD_SYSCALL */
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    /* BH_MTD_XCR0 */
    uint64_t xcr0;
    /* BH_MTD_CSSS: CS and SS; BH_MTD_SEGS: ES, DS, FS, GS; BH_MTD_LDTR_TR */
    struct bh_segment seg[BH_SEGS];
    /* BH_MTD_TABLES: GDTR and IDTR */
    uint64_t gdtr_base, idtr_base;
    uint32_t gdtr_limit, idtr_limit;
    /* BH_MTD_APIC: only with a virtual-APIC page (BH_VMX_VID); RVI in bits 7:0, SVI in 15:8 */
    uint32_t guest_intr_status;
    /* BH_MTD_APIC_CTRL (write only): the same condition */
    uint32_t apic_mmio;   /* 1: accesses to the page at FEE00000h are virtualized (xAPIC mode) */
    uint64_t eoi_exit[4]; /* vectors whose EOI exits */
};

_Static_assert(sizeof(struct bh_vcpu_state) <= BH_VCPU_STATE_SIZE, "the state fits its page");

/* Groups of state. */
#define BH_MTD_RIP       (1u << 0) /* rip, insn_len */
#define BH_MTD_RSP       (1u << 1)
#define BH_MTD_RFLAGS    (1u << 2)
#define BH_MTD_QUAL      (1u << 3) /* qualification, linear and physical address (read only) */
#define BH_MTD_EVENT     (1u << 4) /* exit interruption information, IDT vectoring (read only) */
#define BH_MTD_INSN_INFO (1u << 5) /* VM-exit instruction information (read only) */
#define BH_MTD_INT_STATE (1u << 6) /* interruptibility, activity */
#define BH_MTD_INJECT    (1u << 7)
#define BH_MTD_WINDOW    (1u << 8)
#define BH_MTD_TSC       (1u << 9)
#define BH_MTD_DEADLINE  (1u << 10)
#define BH_MTD_CR        (1u << 11)
#define BH_MTD_CR_OWN    (1u << 12)
#define BH_MTD_DR        (1u << 13)
#define BH_MTD_EFER      (1u << 14)
#define BH_MTD_SYSENTER  (1u << 15)
#define BH_MTD_SYSCALL   (1u << 16)
#define BH_MTD_XCR0      (1u << 17)
#define BH_MTD_CSSS      (1u << 18)
#define BH_MTD_SEGS      (1u << 19)
#define BH_MTD_LDTR_TR   (1u << 20)
#define BH_MTD_TABLES    (1u << 21)
#define BH_MTD_APIC      (1u << 22)
#define BH_MTD_APIC_CTRL (1u << 23)
#define BH_MTD_GROUPS    24u
#define BH_MTD_ALL       ((1u << BH_MTD_GROUPS) - 1u)

/* bh_vcpu_state.window */
#define BH_WINDOW_INTR (1u << 0)
#define BH_WINDOW_NMI  (1u << 1)

/* The MTD table: one entry per exit reason, 32 bits each, passed in the UTCB's data to
 * BH_EC_SET_MTD. */
#define BH_EXIT_REASONS 80u
/* Reasons above those of the SDM ("Basic Exit Reasons"). */
#define BH_EXIT_STARTUP \
    77u /* the first exit of a new vCPU, before it has run: set the initial state */
#define BH_EXIT_RECALL 78u /* BH_EC_RECALL */
#define BH_EXIT_ENTRY_FAILED \
    79u /* VMLAUNCH/VMRESUME refused; qualification = VM-instruction error number */

/* The reasons that reach a VMM; the kernel keeps external interrupts (1) and NMIs for itself. */
enum bh_exit {
    BH_EXIT_EXCEPTION = 0,
    BH_EXIT_TRIPLE_FAULT = 2,
    BH_EXIT_INIT = 3,
    BH_EXIT_SIPI = 4,
    BH_EXIT_INTR_WINDOW = 7,
    BH_EXIT_NMI_WINDOW = 8,
    BH_EXIT_TASK_SWITCH = 9,
    BH_EXIT_CPUID = 10,
    BH_EXIT_GETSEC = 11,
    BH_EXIT_HLT = 12,
    BH_EXIT_INVD = 13,
    BH_EXIT_INVLPG = 14,
    BH_EXIT_RDPMC = 15,
    BH_EXIT_RDTSC = 16,
    BH_EXIT_VMCALL = 18,
    BH_EXIT_VMXON = 27,
    BH_EXIT_CR = 28,
    BH_EXIT_DR = 29,
    BH_EXIT_IO = 30,
    BH_EXIT_RDMSR = 31,
    BH_EXIT_WRMSR = 32,
    BH_EXIT_INVALID_STATE = 33,
    BH_EXIT_MSR_LOAD = 34,
    BH_EXIT_MWAIT = 36,
    BH_EXIT_MONITOR = 39,
    BH_EXIT_PAUSE = 40,
    BH_EXIT_TPR_THRESHOLD = 43,
    BH_EXIT_APIC_ACCESS = 44,
    BH_EXIT_EOI_INDUCED = 45,
    BH_EXIT_EPT_VIOLATION = 48,
    BH_EXIT_EPT_MISCONFIG = 49,
    BH_EXIT_INVEPT = 50,
    BH_EXIT_RDTSCP = 51,
    BH_EXIT_DEADLINE = 52,
    BH_EXIT_INVVPID = 53,
    BH_EXIT_WBINVD = 54,
    BH_EXIT_XSETBV = 55,
    BH_EXIT_APIC_WRITE = 56,
    BH_EXIT_INVPCID = 58,
    BH_EXIT_XSAVES = 63,
    BH_EXIT_XRSTORS = 64
};
