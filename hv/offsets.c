/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts for the assembly files: compiled to assembly text, from which the build picks the values.
 */
#include "hv/abi/status.h"
#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/pd.h"
#include "hv/pt.h"
#include "hv/x86/gdt.h"

#define DEFINE(name, value) __asm__ volatile(".ascii \"->" #name " %c0\"" : : "i"(value))

void offsets(void);

void offsets(void)
{
    DEFINE(EC_REGS, offsetof(struct ec, regs));
    DEFINE(EC_STACK, offsetof(struct ec, stack));
    DEFINE(EC_CONT, offsetof(struct ec, cont));
    DEFINE(EC_PD, offsetof(struct ec, pd));
    DEFINE(EC_CPU, offsetof(struct ec, cpu));
    DEFINE(EC_DEPTH, offsetof(struct ec, depth));
    DEFINE(EC_CALLER, offsetof(struct ec, caller));
    DEFINE(EC_PARTNER, offsetof(struct ec, partner));
    DEFINE(EC_VCPU, offsetof(struct ec, vcpu));
    DEFINE(EC_BLOCKED, offsetof(struct ec, blocked));
    DEFINE(PD_CAPS, offsetof(struct pd, caps));
    DEFINE(PD_CPUS, offsetof(struct pd, cpus));
    DEFINE(PD_CR3, offsetof(struct pd, cr3));
    DEFINE(PT_EC, offsetof(struct pt, ec));
    DEFINE(PT_RIP, offsetof(struct pt, rip));
    DEFINE(PT_ID, offsetof(struct pt, id));
    DEFINE(OBJ_TYPE, offsetof(struct object, type));
    DEFINE(OBJ_PT, BH_OBJ_PT);
    DEFINE(PT_CALL, BH_PT_CALL);
    DEFINE(SELECTORS, BH_SELECTORS);
    DEFINE(CAP_LEAF_SHIFT, CAP_LEAF_SHIFT);
    DEFINE(CAP_LEAF, CAP_LEAF);
    DEFINE(CAP_SHIFT, 5);
    DEFINE(CAP_RIGHTS, CAP_RIGHTS);
    DEFINE(CHAIN_MAX, EC_CHAIN_MAX);
    DEFINE(CALL_REPLY, BH_CALL_REPLY);
    DEFINE(CPU_RSP0, offsetof(struct cpu, tss.rsp[0]));
    DEFINE(CPU_FPU_OWNER, offsetof(struct cpu, fpu_owner));
    DEFINE(CPU_PD, offsetof(struct cpu, pd));
    DEFINE(CPU_MASK, offsetof(struct cpu, mask));
    DEFINE(REGS_SIZE, sizeof(struct regs));
    DEFINE(REGS_R15, offsetof(struct regs, r15));
    DEFINE(REGS_R14, offsetof(struct regs, r14));
    DEFINE(REGS_R13, offsetof(struct regs, r13));
    DEFINE(REGS_R12, offsetof(struct regs, r12));
    DEFINE(REGS_R11, offsetof(struct regs, r11));
    DEFINE(REGS_R10, offsetof(struct regs, r10));
    DEFINE(REGS_R9, offsetof(struct regs, r9));
    DEFINE(REGS_R8, offsetof(struct regs, r8));
    DEFINE(REGS_RDI, offsetof(struct regs, rdi));
    DEFINE(REGS_RSI, offsetof(struct regs, rsi));
    DEFINE(REGS_RBP, offsetof(struct regs, rbp));
    DEFINE(REGS_RBX, offsetof(struct regs, rbx));
    DEFINE(REGS_RAX, offsetof(struct regs, rax));
    DEFINE(REGS_VECTOR, offsetof(struct regs, vector));
    DEFINE(REGS_RIP, offsetof(struct regs, rip));
    DEFINE(REGS_CS, offsetof(struct regs, cs));
    DEFINE(REGS_RSP, offsetof(struct regs, rsp));
    DEFINE(CPU_STACK, offsetof(struct cpu, stack));
    DEFINE(CPU_STACK_TOP, CPU_STACK_TOP);
    DEFINE(CPU_CURRENT, offsetof(struct cpu, current));
    DEFINE(CPU_HAZARD, offsetof(struct cpu, hazard));
    DEFINE(CPU_SELF, offsetof(struct cpu, self));
    DEFINE(GDT_KERNEL_CODE, GDT_KERNEL_CODE);
    DEFINE(CALL_COUNT, BH_CALL_COUNT);
    DEFINE(ERR_CALL, BH_ERR_CALL);
    DEFINE(GDT_KERNEL_DATA, GDT_KERNEL_DATA);
}
