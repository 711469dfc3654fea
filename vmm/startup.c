/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first exit of the vCPU: gives it the state in which the loader has left the guest; what no
 * loader speaks of is as after power-on. SDM volume 3, "IA-32 and Intel 64 Processor States
 * Following Power-up, Reset, or INIT".
 */
#include "vmm/exits.h"
#include "vmm/vm.h"

/* IA32_PAT after reset. */
#define PAT_RESET UINT64_C(0x0007040600070406)

static struct bh_segment segment(const struct load_segment *from)
{
    return (struct bh_segment){
        .base = from->base, .limit = from->limit, .ar = from->access, .selector = from->selector};
}

static void set_segments(struct bh_vcpu_state *s, const struct load_state *load)
{
    static const uint8_t data[] = {BH_ES, BH_SS, BH_DS, BH_FS, BH_GS};

    for (unsigned i = 0; i < sizeof data; i++)
        s->seg[data[i]] = segment(&load->data);
    s->seg[BH_CS] = segment(&load->cs);
    s->seg[BH_TR] = segment(&load->tr);
    s->seg[BH_LDTR] = segment(&load->ldtr);
    s->gdtr_base = load->gdt_base;
    s->gdtr_limit = load->gdt_limit;
}

static void set_general(struct vcpu *v, const struct load_state *load)
{
    struct bh_vcpu_state *s = v->state;

    for (unsigned i = 0; i < LOAD_GPRS; i++)
        (void)vcpu_put_gpr(v, i, load->gpr[i]);
    s->rip = load->rip;
    s->rflags = load->rflags;
}

static void set_control(struct vcpu *v, const struct load_state *load)
{
    struct bh_vcpu_state *s = v->state;

    s->cr0 = load->cr0;
    s->cr3 = load->cr3;
    s->cr4 = load->cr4;
    s->efer = load->efer;
    s->pat = PAT_RESET;
    s->dr6 = X86_DR6_FIXED | X86_DR6_RTM;
    s->dr7 = X86_DR7_FIXED;
    s->cr0_own = CREXIT_CR0_OWN;
    s->cr4_own = crexit_cr4_own(&v->vm->limits);
    s->xcr0 = X86_XCR0_X87;
    v->xcr0 = s->xcr0;
}

uint32_t startup_exit(struct vcpu *v)
{
    const uint32_t read_only = BH_MTD_QUAL | BH_MTD_EVENT | BH_MTD_INSN_INFO;
    struct bh_vcpu_state *s = v->state;

    set_general(v, &v->vm->load);
    set_control(v, &v->vm->load);
    set_segments(s, &v->vm->load);
    s->tsc_offset = v->vm->tsc_adjust - v->vm->tsc_start;
    s->deadline = BH_NEVER;
    return vcpu_resume(v, BH_MTD_ALL & ~(read_only | BH_MTD_INJECT | BH_MTD_APIC));
}
