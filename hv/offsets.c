/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts for the assembly files: compiled to assembly text, from which the build picks the values.
 */
#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/x86/gdt.h"

#define DEFINE(name, value) __asm__ volatile(".ascii \"->" #name " %c0\"" : : "i"(value))

void offsets(void);

void offsets(void)
{
    DEFINE(EC_REGS, offsetof(struct ec, regs));
    DEFINE(EC_STACK, offsetof(struct ec, stack));
    DEFINE(EC_CONT, offsetof(struct ec, cont));
    DEFINE(REGS_SIZE, sizeof(struct regs));
    DEFINE(REGS_VECTOR, offsetof(struct regs, vector));
    DEFINE(REGS_RIP, offsetof(struct regs, rip));
    DEFINE(REGS_CS, offsetof(struct regs, cs));
    DEFINE(REGS_RSP, offsetof(struct regs, rsp));
    DEFINE(CPU_STACK, offsetof(struct cpu, stack));
    DEFINE(CPU_SELF, offsetof(struct cpu, self));
    DEFINE(GDT_KERNEL_CODE, GDT_KERNEL_CODE);
    DEFINE(GDT_KERNEL_DATA, GDT_KERNEL_DATA);
}
