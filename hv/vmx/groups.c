/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State groups: a table of functions, one for each bit of an MTD. The state page is shared with the
 * VMM, so each value is read from it once and nothing in it is trusted: what could harm the kernel
 * is made harmless here, the rest is checked by VM entry.
 */
#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/fpu.h"
#include "hv/vmx/caps.h"
#include "hv/vmx/insn.h"
#include "hv/vmx/vcpu.h"
#include "hv/vmx/vmcs.h"

#include "hv/x86/msr.h"

#define CR0_PE       (1ull << 0)
#define CR0_ET       (1ull << 4)
#define CR0_NE       (1ull << 5)
#define CR0_NW       (1ull << 29)
#define CR0_CD       (1ull << 30)
#define CR0_PG       (1ull << 31)
#define CR4_PAE      (1ull << 5)
#define CR4_VMXE     (1ull << 13)
#define ACTIVITY_HLT 1u
#define DR_LOW       0xFFFFFFFFull
#define EFER_VALID   (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

static uint64_t canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16);
}

static void read_segment(struct bh_segment *s, unsigned n)
{
    s->selector = (uint16_t)vmread(VMCS_GUEST_ES_SELECTOR + 2 * n);
    s->base = vmread(VMCS_GUEST_ES_BASE + 2 * n);
    s->limit = (uint32_t)vmread(VMCS_GUEST_ES_LIMIT + 2 * n);
    s->ar = (uint32_t)vmread(VMCS_GUEST_ES_AR + 2 * n);
}

static void write_segment(const struct bh_segment *s, unsigned n)
{
    vmwrite(VMCS_GUEST_ES_SELECTOR + 2 * n, s->selector);
    vmwrite(VMCS_GUEST_ES_BASE + 2 * n, s->base);
    vmwrite(VMCS_GUEST_ES_LIMIT + 2 * n, s->limit);
    vmwrite(VMCS_GUEST_ES_AR + 2 * n, s->ar);
}

static void read_rip(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->rip = vmread(VMCS_GUEST_RIP);
    s->insn_len = (uint32_t)vmread(VMCS_EXIT_INSN_LEN);
}

static void write_rip(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_RIP, s->rip);
}

static void read_guest_rsp(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->rsp = vmread(VMCS_GUEST_RSP);
}

static void write_rsp(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_RSP, s->rsp);
}

static void read_rflags(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->rflags = vmread(VMCS_GUEST_RFLAGS);
}

static void write_rflags(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_RFLAGS, s->rflags);
}

static void read_qual(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->qualification = vmread(VMCS_QUALIFICATION);
    if (s->exit_reason >= BH_EXIT_APIC_ACCESS) { /* exits for an access to memory */
        s->guest_linear = vmread(VMCS_GUEST_LINEAR);
        s->guest_physical = vmread(VMCS_GUEST_PHYSICAL);
    }
}

static void read_event(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->exit_intr_info = (uint32_t)vmread(VMCS_EXIT_INTR_INFO);
    s->exit_intr_error = (uint32_t)vmread(VMCS_EXIT_INTR_ERROR);
    s->idt_info = (uint32_t)vmread(VMCS_IDT_INFO);
    s->idt_error = (uint32_t)vmread(VMCS_IDT_ERROR);
}

static void read_insn_info(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->insn_info = (uint32_t)vmread(VMCS_EXIT_INSN_INFO);
}

static void read_int_state(struct vcpu *v, struct bh_vcpu_state *s)
{
    s->interruptibility = (uint32_t)vmread(VMCS_GUEST_INTERRUPTIBILITY);
    if (v->inactive) {
        s->activity = (uint32_t)vmread(VMCS_GUEST_ACTIVITY);
    }
}

static void write_int_state(struct vcpu *v, const struct bh_vcpu_state *s)
{
    /* Shutdown and wait-for-SIPI would keep interrupts from this CPU. */
    uint32_t activity = s->activity == ACTIVITY_HLT ? ACTIVITY_HLT : 0;
    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, s->interruptibility);
    if (activity != 0 || v->inactive) {
        vmwrite(VMCS_GUEST_ACTIVITY, activity);
        v->inactive = activity != 0;
    }
}

static void write_inject(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_ENTRY_INTR_INFO, s->inject_info);
    vmwrite(VMCS_ENTRY_ERROR, s->inject_error);
    vmwrite(VMCS_ENTRY_INSN_LEN, s->inject_len);
}

static void write_window(struct vcpu *v, const struct bh_vcpu_state *s)
{
    uint32_t window = s->window;
    uint32_t controls = v->cpu_controls & ~(CPU_INTR_WINDOW | CPU_NMI_WINDOW);
    controls |= (window & BH_WINDOW_INTR) != 0 ? CPU_INTR_WINDOW : 0;
    controls |= (window & BH_WINDOW_NMI) != 0 && (vcpu_caps()->pin & PIN_VIRTUAL_NMI) != 0
                    ? CPU_NMI_WINDOW
                    : 0;
    if (controls != v->cpu_controls) {
        v->cpu_controls = controls;
        vmwrite(VMCS_CPU_CONTROLS, controls);
    }
}

static void read_tsc(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->tsc_offset = vmread(VMCS_TSC_OFFSET);
}

static void write_tsc(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_TSC_OFFSET, s->tsc_offset);
}

static void write_deadline(struct vcpu *v, const struct bh_vcpu_state *s)
{
    uint64_t deadline = s->deadline;
    struct cpu *cpu = cpu_self();
    if (deadline == BH_NEVER) {
        timeout_cancel(cpu, &v->deadline);
    } else {
        timeout_set(cpu, &v->deadline, deadline);
    }
    __atomic_fetch_and(&v->ec->hazard, ~HAZARD_DEADLINE, __ATOMIC_RELAXED);
}

/* PAE paging, whose page-directory-pointer table is in registers. The entries are harmless, and not
   read, in long mode, where the guest's EFER.LMA is set as well. */
static bool uses_pae(uint64_t cr0, uint64_t cr4)
{
    return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (vmread(VMCS_GUEST_EFER) & EFER_LMA) == 0;
}

static void read_cr(struct vcpu *v, struct bh_vcpu_state *s)
{
    uint64_t cr0 = vmread(VMCS_GUEST_CR0);
    uint64_t cr4 = vmread(VMCS_GUEST_CR4);
    s->cr0 = (cr0 & ~v->cr0_mask) | (vmread(VMCS_CR0_SHADOW) & v->cr0_mask);
    s->cr4 = (cr4 & ~v->cr4_mask) | (vmread(VMCS_CR4_SHADOW) & v->cr4_mask);
    s->cr3 = vmread(VMCS_GUEST_CR3);
    if (uses_pae(cr0, cr4)) {
        for (unsigned i = 0; i < 4; i++) {
            s->pdpte[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
        }
    }
}

static void write_cr(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    const struct vmx_caps *c = vcpu_caps();
    uint64_t cr0 = s->cr0;
    uint64_t cr4 = s->cr4;
    uint64_t set = c->cr0_set & ~(CR0_PE | CR0_PG); /* which unrestricted guests may clear */
    vmwrite(VMCS_CR0_SHADOW, cr0);
    vmwrite(VMCS_CR4_SHADOW, cr4);
    vmwrite(VMCS_GUEST_CR0, ((cr0 & ~(CR0_CD | CR0_NW)) | set | CR0_ET) & c->cr0_may);
    vmwrite(VMCS_GUEST_CR4, (cr4 | c->cr4_set) & c->cr4_may);
    vmwrite(VMCS_GUEST_CR3, s->cr3);
    vmx_flush_vpid(v->vpid); /* as MOV to CR0 and CR4 do when paging changes */
    for (unsigned i = 0; i < 4; i++) {
        vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, s->pdpte[i]);
    }
}

static void write_cr_own(struct vcpu *v, const struct bh_vcpu_state *s)
{
    const struct vmx_caps *c = vcpu_caps();
    v->cr0_mask = ~(s->cr0_own & c->cr0_may) | CR0_NE | CR0_CD | CR0_NW;
    v->cr4_mask = ~(s->cr4_own & c->cr4_may) | CR4_VMXE;
    vmwrite(VMCS_CR0_MASK, v->cr0_mask);
    vmwrite(VMCS_CR4_MASK, v->cr4_mask);
}

static void read_debug(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->dr7 = vmread(VMCS_GUEST_DR7);
    s->pending_debug = vmread(VMCS_GUEST_PENDING_DEBUG);
    for (unsigned i = 0; i < 4; i++) {
        s->dr[i] = read_dr(i);
    }
    s->dr6 = read_dr(6);
}

static void write_debug(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_DR7, s->dr7 & DR_LOW);
    vmwrite(VMCS_GUEST_PENDING_DEBUG, s->pending_debug);
    for (unsigned i = 0; i < 4; i++) {
        write_dr(i, s->dr[i]);
    }
    write_dr(6, s->dr6 & DR_LOW);
}

static void read_efer(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->efer = vmread(VMCS_GUEST_EFER);
    s->pat = vmread(VMCS_GUEST_PAT);
}

static void write_efer(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    uint64_t efer = s->efer & EFER_VALID;
    uint32_t entry = vcpu_caps()->entry & ~ENTRY_GUEST_64;
    vmwrite(VMCS_GUEST_EFER, efer);
    vmwrite(VMCS_GUEST_PAT, s->pat);
    vmwrite(VMCS_ENTRY_CONTROLS, entry | ((efer & EFER_LMA) != 0 ? ENTRY_GUEST_64 : 0));
}

static void read_sysenter(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->sysenter_cs = vmread(VMCS_GUEST_SYSENTER_CS);
    s->sysenter_esp = vmread(VMCS_GUEST_SYSENTER_ESP);
    s->sysenter_eip = vmread(VMCS_GUEST_SYSENTER_EIP);
}

static void write_sysenter(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_SYSENTER_CS, s->sysenter_cs);
    vmwrite(VMCS_GUEST_SYSENTER_ESP, s->sysenter_esp);
    vmwrite(VMCS_GUEST_SYSENTER_EIP, s->sysenter_eip);
}

static void read_syscall(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->star = rdmsr(MSR_STAR);
    s->lstar = rdmsr(MSR_LSTAR);
    s->cstar = rdmsr(MSR_CSTAR);
    s->fmask = rdmsr(MSR_FMASK);
    s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
}

static void write_syscall(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    wrmsr(MSR_STAR, s->star);
    wrmsr(MSR_LSTAR, canonical(s->lstar));
    wrmsr(MSR_CSTAR, canonical(s->cstar));
    wrmsr(MSR_FMASK, s->fmask & DR_LOW);
    wrmsr(MSR_KERNEL_GS_BASE, canonical(s->kernel_gs_base));
}

static void read_xcr0(struct vcpu *v, struct bh_vcpu_state *s)
{
    s->xcr0 = v->xcr0;
}

static void write_xcr0(struct vcpu *v, const struct bh_vcpu_state *s)
{
    v->xcr0 = fpu_valid_xcr0(s->xcr0);
    fpu_set_guest(cpu_self(), v->ec, v->xcr0);
}

static void read_csss(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    read_segment(&s->seg[BH_CS], BH_CS);
    read_segment(&s->seg[BH_SS], BH_SS);
}

static void write_csss(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    write_segment(&s->seg[BH_CS], BH_CS);
    write_segment(&s->seg[BH_SS], BH_SS);
}

static void read_segs(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    read_segment(&s->seg[BH_ES], BH_ES);
    read_segment(&s->seg[BH_DS], BH_DS);
    read_segment(&s->seg[BH_FS], BH_FS);
    read_segment(&s->seg[BH_GS], BH_GS);
}

static void write_segs(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    write_segment(&s->seg[BH_ES], BH_ES);
    write_segment(&s->seg[BH_DS], BH_DS);
    write_segment(&s->seg[BH_FS], BH_FS);
    write_segment(&s->seg[BH_GS], BH_GS);
}

static void read_ldtr_tr(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    read_segment(&s->seg[BH_LDTR], BH_LDTR);
    read_segment(&s->seg[BH_TR], BH_TR);
}

static void write_ldtr_tr(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    write_segment(&s->seg[BH_LDTR], BH_LDTR);
    write_segment(&s->seg[BH_TR], BH_TR);
}

static void read_tables(struct vcpu *v, struct bh_vcpu_state *s)
{
    (void)v;
    s->gdtr_base = vmread(VMCS_GUEST_GDTR_BASE);
    s->gdtr_limit = (uint32_t)vmread(VMCS_GUEST_GDTR_LIMIT);
    s->idtr_base = vmread(VMCS_GUEST_IDTR_BASE);
    s->idtr_limit = (uint32_t)vmread(VMCS_GUEST_IDTR_LIMIT);
}

static void write_tables(struct vcpu *v, const struct bh_vcpu_state *s)
{
    (void)v;
    vmwrite(VMCS_GUEST_GDTR_BASE, s->gdtr_base);
    vmwrite(VMCS_GUEST_GDTR_LIMIT, s->gdtr_limit);
    vmwrite(VMCS_GUEST_IDTR_BASE, s->idtr_base);
    vmwrite(VMCS_GUEST_IDTR_LIMIT, s->idtr_limit);
}

static void read_apic(struct vcpu *v, struct bh_vcpu_state *s)
{
    if (v->ec->vapic != NULL) {
        s->guest_intr_status = (uint32_t)vmread(VMCS_GUEST_INTR_STATUS);
    }
}

static void write_apic(struct vcpu *v, const struct bh_vcpu_state *s)
{
    if (v->ec->vapic != NULL) {
        vmwrite(VMCS_GUEST_INTR_STATUS, s->guest_intr_status & 0xFFFF);
    }
}

static void write_apic_ctrl(struct vcpu *v, const struct bh_vcpu_state *s)
{
    if (v->ec->vapic != NULL) {
        vmwrite(VMCS_CPU_CONTROLS_2,
                s->apic_mmio != 0 ? v->cpu_controls_2 | CPU2_APIC_ACCESS : v->cpu_controls_2);
        for (unsigned i = 0; i < 4; i++) {
            vmwrite(VMCS_EOI_EXIT_0 + 2 * i, s->eoi_exit[i]);
        }
    }
}

struct group {
    void (*read)(struct vcpu *, struct bh_vcpu_state *);
    void (*write)(struct vcpu *, const struct bh_vcpu_state *);
};

/* In the order of the bits of BH_MTD_*. */
static const struct group group[BH_MTD_GROUPS] = {
    {read_rip, write_rip},
    {read_guest_rsp, write_rsp},
    {read_rflags, write_rflags},
    {read_qual, NULL},
    {read_event, NULL},
    {read_insn_info, NULL},
    {read_int_state, write_int_state},
    {NULL, write_inject},
    {NULL, write_window},
    {read_tsc, write_tsc},
    {NULL, write_deadline},
    {read_cr, write_cr},
    {NULL, write_cr_own},
    {read_debug, write_debug},
    {read_efer, write_efer},
    {read_sysenter, write_sysenter},
    {read_syscall, write_syscall},
    {read_xcr0, write_xcr0},
    {read_csss, write_csss},
    {read_segs, write_segs},
    {read_ldtr_tr, write_ldtr_tr},
    {read_tables, write_tables},
    {read_apic, write_apic},
    {NULL, write_apic_ctrl},
};

void groups_read(struct vcpu *v, uint32_t mtd)
{
    /* What almost every exit brings, without the table. */
    if ((mtd & BH_MTD_RIP) != 0) {
        read_rip(v, v->state);
    }
    if ((mtd & BH_MTD_RFLAGS) != 0) {
        read_rflags(v, v->state);
    }
    if ((mtd & BH_MTD_INT_STATE) != 0) {
        read_int_state(v, v->state);
    }
    for (mtd &= ~(BH_MTD_RIP | BH_MTD_RFLAGS | BH_MTD_INT_STATE); mtd != 0; mtd &= mtd - 1) {
        const struct group *g = &group[__builtin_ctz(mtd)];
        if (g->read != NULL) {
            g->read(v, v->state);
        }
    }
}

void groups_write(struct vcpu *v, uint32_t mtd)
{
    if ((mtd & BH_MTD_RIP) != 0) {
        write_rip(v, v->state);
    }
    for (mtd &= ~BH_MTD_RIP; mtd != 0; mtd &= mtd - 1) {
        const struct group *g = &group[__builtin_ctz(mtd)];
        if (g->write != NULL) {
            g->write(v, v->state);
        }
    }
}
