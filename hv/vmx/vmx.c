/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs: VMX operation, creation, loading, entry and exit. The hot path is vmx_exit, vmx_reply and
 * vmx_resume; its rules: no lock, no allocation, no search, and no model-specific register is
 * touched.
 */
#include "hv/vmx/vmx.h"

#include "hv/abi/info.h"
#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/ept/ept.h"
#include "hv/fpu.h"
#include "hv/ipc.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/pd.h"
#include "hv/pool.h"
#include "hv/sc.h"
#include "hv/vmx/caps.h"
#include "hv/vmx/insn.h"
#include "hv/vmx/vcpu.h"
#include "hv/vmx/vmcs.h"
#include "hv/x86/gdt.h"
#include "hv/x86/msr.h"
#include "hv/x86/trap.h"

#define INVEPT_SINGLE  1u
#define INVEPT_ALL     2u
#define INVVPID_SINGLE 1u
#define INVVPID_ALL    2u
#define VPIDS          256u
#define CR0_TS         (1ull << 3)
#define CR4_VMXE       (1ull << 13)
#define EXCEPTION_DB   (1u << 1)
#define EXCEPTION_AC \
    (1u << 17) /* with #DB: a guest could loop in their delivery and never reach an interrupt */
#define EXCEPTION_MC  (1u << 18)
#define VECTOR_MC     18u
#define ENTRY_FAILURE (1u << 31)
#define LINK_NONE     UINT64_MAX
#define TIMER_SLACK   500u /* ticks that the preemption timer waits for the APIC's timer */

static struct vmx_caps caps;
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(4096)));

const struct vmx_caps *vcpu_caps(void)
{
    return &caps;
}

uint32_t vmx_features(void)
{
    return caps.features;
}

/* MSRs that guests read and write without an exit: those whose values the VMCS or vcpu_load keep
   apart. The bitmap has a quarter each for reads and writes of MSRs 0 .. 1FFFh and C0000000h ..
   (Intel SDM volume 3, "MSR-Bitmap Address"). */
static void pass_msr(uint32_t msr, bool write)
{
    uint32_t bit = msr & 0x1FFF;
    uint32_t quarter = (msr >= 0xC0000000u ? 1u : 0u) + (write ? 2u : 0u);
    msr_bitmap[quarter * 1024 + bit / 8] &= (uint8_t) ~(1u << (bit % 8));
}

static void init_msr_bitmap(void)
{
    static const uint32_t pass[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,   MSR_PAT,
        MSR_STAR,        MSR_LSTAR,        MSR_CSTAR,          MSR_FMASK,
        MSR_FS_BASE,     MSR_GS_BASE,      MSR_KERNEL_GS_BASE,
    };
    memset(msr_bitmap, 0xFF, sizeof(msr_bitmap));
    for (unsigned i = 0; i < ARRAY_SIZE(pass); i++) {
        pass_msr(pass[i], false);
        pass_msr(pass[i], true);
    }
    pass_msr(MSR_EFER, false);
    pass_msr(MSR_TSC, false); /* with the offset */
}

const char *vmx_missing(void)
{
    const char *missing = caps_read(&caps);
    if (missing == NULL) {
        ept_init((caps.features & BH_VMX_EPT_1G) != 0, (caps.features & BH_VMX_EPT_AD) != 0);
        init_msr_bitmap();
    }
    return missing;
}

void vmx_disable_vid(void)
{
    caps.features &= ~(BH_VMX_TPR_SHADOW | BH_VMX_APIC_REG | BH_VMX_VID);
}

void vmx_init_cpu(struct cpu *cpu)
{
    struct vmx_caps own;
    const char *missing = caps_read(&own);
    if (missing != NULL) {
        panic("CPU %u: missing: %s", cpu->id, missing);
    }
    write_cr0((read_cr0() | own.cr0_set) & own.cr0_may);
    write_cr4(((read_cr4() | own.cr4_set) & own.cr4_may) | CR4_VMXE);
    cpu->vmxon = pool_alloc();
    memcpy(cpu->vmxon, &own.revision, sizeof(own.revision));
    if (!vmxon(pool_hpa(cpu->vmxon).v)) {
        panic("CPU %u: VMXON refused", cpu->id);
    }
    cpu->vpids[0] = 1; /* VPID 0 is the host's */
    invept(INVEPT_ALL, 0);
}

static uint32_t vpid_alloc(struct cpu *cpu)
{
    for (uint32_t i = 0; i < VPIDS; i++) {
        if ((cpu->vpids[i / 64] >> (i % 64) & 1) == 0) {
            cpu->vpids[i / 64] |= 1ull << (i % 64);
            return i;
        }
    }
    return 0;
}

void vmx_flush_vpid(uint32_t vpid)
{
    if (vpid != 0) {
        invvpid(caps.invvpid_single ? INVVPID_SINGLE : INVVPID_ALL, caps.invvpid_single ? vpid : 0);
    }
}

static void deadline_fire(struct timeout *t)
{
    ec_hazard(CONTAINER_OF(t, struct vcpu, deadline)->ec, HAZARD_DEADLINE);
}

bool vmx_vcpu_create(struct ec *ec)
{
    struct vcpu *v = quota_alloc(&ec->pd->quota, sizeof(*v));
    if (v == NULL) {
        return false;
    }
    v->vmcs = quota_page(&ec->pd->quota);
    if (v->vmcs == NULL) {
        quota_free(v);
        return false;
    }
    v->state = (struct bh_vcpu_state *)ec->utcb;
    v->ec = ec;
    v->xcr0 = 1;
    v->deadline.fire = deadline_fire;
    memcpy(v->vmcs, &caps.revision, sizeof(caps.revision));
    ec->vcpu = v;
    return true;
}

void vmx_vcpu_release(struct ec *ec)
{
    if (ec->vcpu != NULL) {
        quota_page_free(&ec->pd->quota, ec->vcpu->vmcs);
        quota_free(ec->vcpu);
    }
}

static void save_msrs(struct vcpu_msrs *m)
{
    m->star = rdmsr(MSR_STAR);
    m->lstar = rdmsr(MSR_LSTAR);
    m->cstar = rdmsr(MSR_CSTAR);
    m->fmask = rdmsr(MSR_FMASK);
    m->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    for (unsigned i = 0; i < 4; i++) {
        m->dr[i] = read_dr(i);
    }
    m->dr6 = read_dr(6);
}

static void load_msrs(const struct vcpu_msrs *m)
{
    wrmsr(MSR_STAR, m->star);
    wrmsr(MSR_LSTAR, m->lstar);
    wrmsr(MSR_CSTAR, m->cstar);
    wrmsr(MSR_FMASK, m->fmask);
    wrmsr(MSR_KERNEL_GS_BASE, m->kernel_gs_base);
    for (unsigned i = 0; i < 4; i++) {
        write_dr(i, m->dr[i]);
    }
    write_dr(6, m->dr6);
}

void vmx_vcpu_stop(struct cpu *cpu, struct ec *ec)
{
    struct vcpu *v = ec->vcpu;
    if (v == NULL) {
        return;
    }
    timeout_cancel(cpu, &v->deadline);
    if (v->initialized) {
        vmclear(pool_hpa(v->vmcs).v);
        cpu->vpids[v->vpid / 64] &= v->vpid == 0 ? UINT64_MAX : ~(1ull << (v->vpid % 64));
    }
    if (cpu->vcpu == v) {
        cpu->vcpu = NULL;
    }
}

bool vmx_set_mtd(struct ec *ec, const uint32_t *table)
{
    uint32_t copy[BH_EXIT_REASONS];
    memcpy(copy, table, sizeof(copy));
    for (unsigned i = 0; i < BH_EXIT_REASONS; i++) {
        if ((copy[i] & ~BH_MTD_ALL) != 0) {
            return false;
        }
    }
    memcpy(ec->vcpu->mtd, copy, sizeof(copy));
    return true;
}

bool vmx_read(struct ec *ec, uint64_t mtd)
{
    if ((mtd & ~(uint64_t)BH_MTD_ALL) != 0) {
        return false;
    }
    vcpu_load(cpu_self(), ec->vcpu);
    groups_read(ec->vcpu, (uint32_t)mtd);
    return true;
}

static void init_host_state(const struct cpu *cpu, const struct vcpu *v)
{
    vmwrite(VMCS_HOST_CR0, read_cr0() | CR0_TS);
    vmwrite(VMCS_HOST_CR3, v->ec->pd->cr3);
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_ES_SELECTOR, 0);
    vmwrite(VMCS_HOST_CS_SELECTOR, GDT_KERNEL_CODE);
    vmwrite(VMCS_HOST_SS_SELECTOR, GDT_KERNEL_DATA);
    vmwrite(VMCS_HOST_DS_SELECTOR, 0);
    vmwrite(VMCS_HOST_FS_SELECTOR, 0);
    vmwrite(VMCS_HOST_GS_SELECTOR, 0);
    vmwrite(VMCS_HOST_TR_SELECTOR, gdt_tss_selector(cpu->id));
    vmwrite(VMCS_HOST_FS_BASE, 0);
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)cpu); /* entry.asm finds the kernel stack through it */
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&cpu->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, GDT_VMA);
    vmwrite(VMCS_HOST_IDTR_BASE, trap_idt());
    vmwrite(VMCS_HOST_SYSENTER_CS, GDT_KERNEL_CODE);
    vmwrite(VMCS_HOST_SYSENTER_ESP, (uint64_t)&cpu->tss.rsp[0]);
    vmwrite(VMCS_HOST_SYSENTER_EIP, trap_sysenter());
    vmwrite(VMCS_HOST_PAT, PAT_DEFAULT);
    vmwrite(VMCS_HOST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    vmwrite(VMCS_HOST_RSP, (uint64_t)&v->state->gpr[BH_GPRS]);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
}

static void init_controls(struct cpu *cpu, struct vcpu *v)
{
    uint32_t cpu2 = caps.cpu2;
    v->vpid = (cpu2 & CPU2_VPID) != 0 ? vpid_alloc(cpu) : 0;
    if (v->vpid == 0) {
        cpu2 &= ~CPU2_VPID;
    } else {
        vmwrite(VMCS_VPID, v->vpid);
        vmx_flush_vpid(v->vpid);
    }
    v->cpu_controls = caps.cpu;
    if (v->ec->vapic != NULL) {
        cpu2 |= CPU2_APIC_REGISTER | CPU2_VID;
        v->cpu_controls = (caps.cpu | CPU_TPR_SHADOW) & ~(CPU_CR8_LOAD | CPU_CR8_STORE);
        vmwrite(VMCS_VIRTUAL_APIC, pool_hpa(v->ec->vapic).v);
        vmwrite(VMCS_APIC_ACCESS, pool_hpa(v->ec->pd->apic_access).v);
        vmwrite(VMCS_TPR_THRESHOLD, 0);
        vmwrite(VMCS_GUEST_INTR_STATUS, 0);
    }
    v->cpu_controls_2 = cpu2;
    vmwrite(VMCS_PIN_CONTROLS, caps.pin);
    vmwrite(VMCS_CPU_CONTROLS, v->cpu_controls);
    vmwrite(VMCS_CPU_CONTROLS_2, cpu2);
    vmwrite(VMCS_EXIT_CONTROLS, caps.exit);
    vmwrite(VMCS_ENTRY_CONTROLS, caps.entry);
    vmwrite(VMCS_EXCEPTION_BITMAP, EXCEPTION_DB | EXCEPTION_AC | EXCEPTION_MC);
    vmwrite(VMCS_PF_ERROR_MASK, 0);
    vmwrite(VMCS_PF_ERROR_MATCH, 0);
    vmwrite(VMCS_CR3_TARGETS, 0);
    vmwrite(VMCS_EXIT_MSR_STORES, 0);
    vmwrite(VMCS_EXIT_MSR_LOADS, 0);
    vmwrite(VMCS_ENTRY_MSR_LOADS, 0);
    vmwrite(VMCS_ENTRY_INTR_INFO, 0);
    vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap - KERNEL_VMA);
    vmwrite(VMCS_EPT_POINTER, v->ec->pd->eptp);
    vmwrite(VMCS_LINK_POINTER, LINK_NONE);
    vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    vmwrite(VMCS_GUEST_ACTIVITY, 0);
}

void vcpu_load(struct cpu *cpu, struct vcpu *v)
{
    if (cpu->vcpu == v) {
        return;
    }
    if (cpu->vcpu != NULL) {
        save_msrs(&cpu->vcpu->msrs);
    }
    cpu->vcpu = v;
    uint64_t vmcs = pool_hpa(v->vmcs).v;
    if (!v->initialized) {
        vmclear(vmcs);
        vmptrld(vmcs);
        v->initialized = true;
        init_controls(cpu, v);
        init_host_state(cpu, v);
    } else {
        vmptrld(vmcs);
    }
    load_msrs(&v->msrs);
    cpu->timer_changed = true;
}

_Noreturn void vmx_start(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    vcpu_load(cpu, ec->vcpu);
    groups_write(ec->vcpu, BH_MTD_CR_OWN);
    ec->vcpu->state->exit_reason = BH_EXIT_STARTUP;
    ipc_event(ec, BH_EXIT_STARTUP);
}

void vmx_reply(struct ec *ec, uint64_t mtd)
{
    struct vcpu *v = ec->vcpu;
    struct cpu *cpu = cpu_self();
    if (__builtin_expect(cpu->vcpu != v, 0)) {
        vcpu_load(cpu, v);
    }
    groups_write(v, (uint32_t)mtd & BH_MTD_ALL);
    ec->cont = vmx_resume;
}

/* An exit that the processor knows nothing of. An event that waits for injection is shown as one
 * whose delivery was interrupted. */
static _Noreturn void send_synthetic(struct ec *ec, uint32_t reason)
{
    struct vcpu *v = ec->vcpu;
    uint32_t info = (uint32_t)vmread(VMCS_ENTRY_INTR_INFO);
    v->state->exit_reason = reason;
    groups_read(v, v->mtd[reason]);
    v->state->exit_intr_info = 0;
    v->state->idt_info = 0;
    if ((info & INTR_INFO_VALID) != 0) {
        v->state->idt_info = info;
        v->state->idt_error = (uint32_t)vmread(VMCS_ENTRY_ERROR);
        v->state->insn_len = (uint32_t)vmread(VMCS_ENTRY_INSN_LEN);
        vmwrite(VMCS_ENTRY_INTR_INFO, 0);
    }
    ipc_event(ec, reason);
}

/* ec was asked to leave the guest, or its deadline has passed. */
static _Noreturn void handle_hazard(struct ec *ec)
{
    uint32_t hazard = __atomic_load_n(&ec->hazard, __ATOMIC_ACQUIRE);
    uint32_t one = (hazard & HAZARD_RECALL) != 0 ? HAZARD_RECALL : HAZARD_DEADLINE;
    __atomic_fetch_and(&ec->hazard, ~one, __ATOMIC_ACQ_REL);
    send_synthetic(ec, one == HAZARD_RECALL ? BH_EXIT_RECALL : BH_EXIT_DEADLINE);
}

/*
 * The preemption timer stands behind the APIC's: should that not get through, because a machine
 * masks interrupts by the guest's RFLAGS.IF all the same, the guest leaves a little later. It
 * counts in the guest only, from exit to entry on; outside, the APIC's timer does get through.
 */
static void set_preemption_timer(struct cpu *cpu)
{
    uint64_t ticks = UINT32_MAX;
    cpu->timer_changed = false;
    if ((caps.features & BH_VMX_PREEMPTION_TIMER) == 0) {
        return;
    }
    if (cpu->timer != BH_NEVER) {
        uint64_t now = rdtsc();
        uint64_t left = (cpu->timer > now ? cpu->timer - now : 0) + TIMER_SLACK;
        ticks = left >> caps.timer_shift < UINT32_MAX ? left >> caps.timer_shift : UINT32_MAX;
    }
    vmwrite(VMCS_PREEMPTION_TIMER, ticks);
}

_Noreturn void vmx_resume(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    struct vcpu *v = ec->vcpu;
    if (__builtin_expect(cpu->vcpu != v, 0)) {
        vcpu_load(cpu, v);
    }
    if (__builtin_expect(ec->hazard != 0, 0)) {
        handle_hazard(ec);
    }
    if (__builtin_expect(cpu->timer_changed, 0)) {
        set_preemption_timer(cpu);
    }
    if (cpu->pd != ec->pd) {
        ec_switch_space(cpu, ec->pd);
    }
    if (cpu->fpu_owner != ec) {
        fpu_load_guest(cpu, ec, v->xcr0);
    }
    if (read_cr2() != v->state->cr2) {
        write_cr2(v->state->cr2);
    }
    if (__builtin_expect(!v->launched, 0)) {
        v->launched = true;
        vmx_launch(v->state);
    }
    vmx_resume_guest(v->state);
}

/* A VM entry has failed: whatever state the VMCS is in, it is launched again next time. */
static void restart_vmcs(struct vcpu *v)
{
    v->launched = false;
    vmclear(pool_hpa(v->vmcs).v);
    vmptrld(pool_hpa(v->vmcs).v);
}

/* Exits that the kernel keeps. */
static _Noreturn void interrupted(struct cpu *cpu, struct ec *ec, uint32_t info)
{
    ec->cont = vmx_resume;
    if ((info & INTR_INFO_TYPE) == INTR_INFO_TYPE_NMI) {
        entry_unblock_nmi();
        trap_nmi(cpu);
    } else {
        trap_interrupt(cpu, info & INTR_INFO_VECTOR);
    }
    ec_resume(ec);
}

/* What is not simply for the VMM. Returns if it is for the VMM after all. */
static void special_exit(struct cpu *cpu, struct ec *ec, uint32_t reason)
{
    if ((reason & ENTRY_FAILURE) != 0) {
        restart_vmcs(ec->vcpu);
        vmwrite(VMCS_ENTRY_INTR_INFO, 0);
        return;
    }
    if (reason == EXIT_REASON_PREEMPTION_TIMER) {
        ec->cont = vmx_resume;
        cpu->timer_changed = true;
        trap_timer(cpu);
        ec_resume(ec);
    }
    if (reason <= EXIT_REASON_EXTERNAL_INTERRUPT) {
        uint32_t info = (uint32_t)vmread(VMCS_EXIT_INTR_INFO);
        if (reason == EXIT_REASON_EXTERNAL_INTERRUPT ||
            (info & INTR_INFO_TYPE) == INTR_INFO_TYPE_NMI) {
            interrupted(cpu, ec, info);
        }
        if ((info & INTR_INFO_VECTOR) == VECTOR_MC) {
            panic("CPU %u: machine check while a guest ran", cpu->id);
        }
    }
    if (reason >= BH_EXIT_STARTUP) {
        panic("CPU %u: unknown exit reason %u", cpu->id, reason);
    }
}

_Noreturn void vmx_exit(struct cpu *cpu)
{
    struct ec *ec = cpu->current;
    struct vcpu *v = ec->vcpu;
    uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
    cpu->fpu_enabled = false; /* HOST_CR0 has TS set */
    v->state->cr2 = read_cr2();
    if (__builtin_expect(reason > EXIT_REASON_PLAIN_MAX || (EXIT_REASONS_KEPT >> reason & 1) != 0,
                         0)) {
        special_exit(cpu, ec, reason);
        reason &= EXIT_REASON_BASIC;
    }
    v->state->exit_reason = reason;
    groups_read(v, v->mtd[reason]);
    ipc_exit(cpu, ec, reason);
}

_Noreturn void vmx_entry_failed(void)
{
    struct ec *ec = cpu_self()->current;
    uint64_t error = vmread(VMCS_INSN_ERROR);
    restart_vmcs(ec->vcpu);
    vmwrite(VMCS_ENTRY_INTR_INFO, 0);
    groups_read(ec->vcpu, ec->vcpu->mtd[BH_EXIT_ENTRY_FAILED]);
    ec->vcpu->state->exit_reason = BH_EXIT_ENTRY_FAILED;
    ec->vcpu->state->qualification = error;
    ipc_event(ec, BH_EXIT_ENTRY_FAILED);
}

void vmx_flush_ept(uint64_t eptp)
{
    invept(caps.invept_single ? INVEPT_SINGLE : INVEPT_ALL, caps.invept_single ? eptp : 0);
}
