/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit table: for each reason the handler and the groups of state that it reads, and the
 * handlers that have no file of their own. The groups are chosen so that a frequent exit moves what
 * it needs in the usual case; vcpu_need reads more in the others. SDM volume 3, "Basic Exit
 * Reasons".
 */
#include "vmm/exits.h"

#include "vmm/crexit.h"
#include "vmm/lib/portal.h"
#include "vmm/mmio.h"
#include "vmm/vm.h"

/* "Exit Qualification": of EOI-induced and of APIC-write exits. */
#define QUAL_EOI_VECTOR  0xFFu
#define QUAL_APIC_OFFSET 0xFFFu

static void put_cpuid(struct bh_vcpu_state *s, const uint32_t *r)
{
    s->gpr[BH_RAX] = r[CPUID_EAX];
    s->gpr[BH_RBX] = r[CPUID_EBX];
    s->gpr[BH_RCX] = r[CPUID_ECX];
    s->gpr[BH_RDX] = r[CPUID_EDX];
}

/* A leaf that depends on the subleaf or on XCR0. */
static uint32_t cpuid_special(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    uint32_t r[CPUID_REGS];

    cpuid_query(&v->vm->cpuid, (uint32_t)s->gpr[BH_RAX], (uint32_t)s->gpr[BH_RCX], v->xcr0, r);
    put_cpuid(s, r);
    return vcpu_skip(v);
}

static uint32_t cpuid(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    const struct cpuid_row *row = cpuid_plain(&v->vm->cpuid, (uint32_t)s->gpr[BH_RAX]);

    if (row == NULL)
        return cpuid_special(v);
    put_cpuid(s, row->reg);
    return vcpu_skip(v);
}

/* Something to do for a halted guest, with the devices up to date? */
static bool awake(struct vcpu *v)
{
    vm_advance(v->vm);
    return vcpu_wakes(v);
}

/* The guest's HLT is the handler's wait. Nothing is left to wake a vCPU that takes no interrupt: no
 * device makes NMIs. */
static uint32_t hlt(struct vcpu *v)
{
    bool waited = false;
    uint32_t mtd;

    vm_advance(v->vm);
    if ((v->state->rflags & X86_RFLAGS_IF) == 0 && !v->board->nmi)
        return vcpu_stop(v, "HLT with interrupts off");
    mtd = vcpu_skip(v);
    console_flush(v->console);
    while (!awake(v)) {
        vcpu_wait(v, vm_deadline(v->vm), awake);
        waited = true;
    }
    if (waited)
        mtd |= vcpu_renew_deadline(v);
    return vcpu_resume(v, mtd);
}

static uint32_t window(struct vcpu *v)
{
    return vcpu_resume(v, 0);
}

static uint32_t deadline(struct vcpu *v)
{
    v->deadline = BH_NEVER; /* the kernel's has fired */
    vcpu_take_back(v);
    vm_advance(v->vm);
    return vcpu_resume(v, 0);
}

/* DR6 of a debug exception; a fault because of DR7.GD clears that bit. "Debug Exceptions (#DB)". */
static uint32_t debug_registers(struct bh_vcpu_state *s, uint64_t causes)
{
    s->dr6 = (s->dr6 & X86_DR6_TRAPS) | X86_DR6_FIXED | X86_DR6_RTM | (causes & X86_DR6_TRAPS);
    if (causes & X86_DR6_RTM)
        s->dr6 &= ~X86_DR6_RTM;
    s->dr7 &= ~X86_DR7_GD;
    return BH_MTD_DR;
}

/* Console input, or the single-step trap of an emulated instruction. */
static uint32_t recall(struct vcpu *v)
{
    uint32_t mtd = 0;

    vcpu_take_back(v);
    if (v->step) {
        v->step = false;
        vcpu_put_event(v, inject_exception(X86_VECTOR_DB, false, 0));
        mtd = debug_registers(v->state, X86_DR6_BS);
    }
    vm_advance(v->vm);
    return vcpu_resume(v, mtd);
}

/* An interrupt or NMI that an exception has pushed aside would not come again by itself. */
static void keep_interrupted(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;

    if (!inject_keeps(s->idt_info))
        return;
    if ((s->idt_info & X86_EVENT_TYPE) == X86_EVENT_NMI) {
        s->interruptibility &= ~X86_BLOCKING_NMI;
        v->vm->board.nmi = true;
    } else {
        v->held = inject_interrupted(s->idt_info, s->idt_error, s->insn_len);
    }
}

/* The kernel watches for #DB and #AC, which could keep the CPU in microcode for ever; the guest
 * gets them all the same. */
static uint32_t exception(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    const uint32_t info = s->exit_intr_info;
    uint32_t mtd = BH_MTD_INT_STATE;

    keep_interrupted(v);
    if ((info & X86_EVENT_NMI_UNBLOCK) && (s->idt_info & X86_EVENT_VALID) == 0)
        s->interruptibility |=
            X86_BLOCKING_NMI; /* the IRET that had ended it will be executed again */
    s->interruptibility &= ~X86_BLOCKING_SHADOW;
    if ((info & X86_EVENT_VECTOR) == X86_VECTOR_DB)
        mtd |= debug_registers(s, s->qualification);
    vcpu_put_event(v, inject_interrupted(info, s->exit_intr_error, s->insn_len));
    return vcpu_resume(v, mtd);
}

/* An instruction that the guest's processor does not have. */
static uint32_t undefined(struct vcpu *v)
{
    return vcpu_fault(v, X86_VECTOR_UD, false, 0);
}

/* There are no performance counters. */
static uint32_t rdpmc(struct vcpu *v)
{
    return vcpu_fault(v, X86_VECTOR_GP, true, 0);
}

static uint32_t pause(struct vcpu *v)
{
    return vcpu_resume(v, vcpu_skip(v));
}

/* "EOI-Induced VM Exits": the instruction is done. */
static uint32_t eoi_induced(struct vcpu *v)
{
    board_apic_eoi(&v->vm->board, (unsigned)v->state->qualification & QUAL_EOI_VECTOR);
    return vcpu_resume(v, 0);
}

/* "APIC-Write VM Exits": the page has the value, the instruction is done. */
static uint32_t apic_write(struct vcpu *v)
{
    board_apic_written(&v->vm->board, (unsigned)v->state->qualification & QUAL_APIC_OFFSET,
                       vm_now(v->vm));
    return vcpu_resume(v, 0);
}

static uint32_t triple_fault(struct vcpu *v)
{
    return vcpu_stop(v, "triple fault");
}

static uint32_t task_switch(struct vcpu *v)
{
    return vcpu_stop(v, "a hardware task switch, which is not emulated");
}

static uint32_t invalid_state(struct vcpu *v)
{
    return vcpu_stop(v, "a state that the processor does not accept");
}

static uint32_t entry_failed(struct vcpu *v)
{
    return vcpu_stop(v, "VM entry refused");
}

static uint32_t unexpected(struct vcpu *v)
{
    return vcpu_stop(v, "an exit that was not asked for");
}

#define ALL  VCPU_MTD_STATE
#define SKIP VCPU_MTD_SKIP

/* The table of the handlers, and the MTD table: reason, handler, groups. */
#define EXITS(X)                                                                             \
    X(BH_EXIT_EXCEPTION, exception,                                                          \
      VCPU_MTD_RESUME | BH_MTD_RIP | BH_MTD_QUAL | BH_MTD_EVENT | BH_MTD_DR)                 \
    X(1, unexpected, ALL) /* external interrupt: the kernel's */                             \
    X(BH_EXIT_TRIPLE_FAULT, triple_fault, ALL)                                               \
    X(BH_EXIT_INIT, unexpected, ALL)                                                         \
    X(BH_EXIT_SIPI, unexpected, ALL)                                                         \
    X(5, unexpected, ALL)                                                                    \
    X(6, unexpected, ALL)                                                                    \
    X(BH_EXIT_INTR_WINDOW, window, VCPU_MTD_RESUME)                                          \
    X(BH_EXIT_NMI_WINDOW, window, VCPU_MTD_RESUME)                                           \
    X(BH_EXIT_TASK_SWITCH, task_switch, ALL)                                                 \
    X(BH_EXIT_CPUID, cpuid, SKIP)                                                            \
    X(BH_EXIT_GETSEC, undefined, SKIP)                                                       \
    X(BH_EXIT_HLT, hlt, SKIP)                                                                \
    X(BH_EXIT_INVD, crexit_cache, SKIP)                                                      \
    X(BH_EXIT_INVLPG, unexpected, ALL)                                                       \
    X(BH_EXIT_RDPMC, rdpmc, SKIP)                                                            \
    X(BH_EXIT_RDTSC, unexpected, ALL)                                                        \
    X(17, undefined, SKIP) /* RSM outside SMM */                                             \
    X(BH_EXIT_VMCALL, undefined, SKIP)                                                       \
    X(19, undefined, SKIP) /* 19 to 27: VMX instructions */                                  \
    X(20, undefined, SKIP)                                                                   \
    X(21, undefined, SKIP)                                                                   \
    X(22, undefined, SKIP)                                                                   \
    X(23, undefined, SKIP)                                                                   \
    X(24, undefined, SKIP)                                                                   \
    X(25, undefined, SKIP)                                                                   \
    X(26, undefined, SKIP)                                                                   \
    X(BH_EXIT_VMXON, undefined, SKIP)                                                        \
    X(BH_EXIT_CR, crexit_cr,                                                                 \
      SKIP | BH_MTD_RSP | BH_MTD_QUAL | BH_MTD_CR | BH_MTD_EFER | BH_MTD_CSSS)               \
    X(BH_EXIT_DR, crexit_dr,                                                                 \
      SKIP | BH_MTD_RSP | BH_MTD_QUAL | BH_MTD_CR | BH_MTD_EFER | BH_MTD_CSSS | BH_MTD_DR)   \
    X(BH_EXIT_IO, io_exit, SKIP | BH_MTD_QUAL)                                               \
    X(BH_EXIT_RDMSR, msrexit_read, SKIP)                                                     \
    X(BH_EXIT_WRMSR, msrexit_write, SKIP)                                                    \
    X(BH_EXIT_INVALID_STATE, invalid_state, ALL)                                             \
    X(BH_EXIT_MSR_LOAD, unexpected, ALL)                                                     \
    X(35, unexpected, ALL)                                                                   \
    X(BH_EXIT_MWAIT, undefined, SKIP)                                                        \
    X(37, unexpected, ALL) /* monitor trap flag */                                           \
    X(38, unexpected, ALL)                                                                   \
    X(BH_EXIT_MONITOR, undefined, SKIP)                                                      \
    X(BH_EXIT_PAUSE, pause, SKIP)                                                            \
    X(41, unexpected, ALL)                                                                   \
    X(42, unexpected, ALL)                                                                   \
    X(BH_EXIT_TPR_THRESHOLD, unexpected, ALL) /* not used with virtual-interrupt delivery */ \
    X(BH_EXIT_APIC_ACCESS, mmio_apic_exit, MMIO_MTD)                                         \
    X(BH_EXIT_EOI_INDUCED, eoi_induced, VCPU_MTD_RESUME | BH_MTD_QUAL)                       \
    X(46, unexpected, ALL) /* 46 and 47: descriptor tables */                                \
    X(47, unexpected, ALL)                                                                   \
    X(BH_EXIT_EPT_VIOLATION, mmio_exit, MMIO_MTD)                                            \
    X(BH_EXIT_EPT_MISCONFIG, unexpected, ALL)                                                \
    X(BH_EXIT_INVEPT, undefined, SKIP)                                                       \
    X(BH_EXIT_RDTSCP, unexpected, ALL)                                                       \
    X(BH_EXIT_DEADLINE, deadline, VCPU_MTD_RESUME)                                           \
    X(BH_EXIT_INVVPID, undefined, SKIP)                                                      \
    X(BH_EXIT_WBINVD, crexit_cache, SKIP)                                                    \
    X(BH_EXIT_XSETBV, crexit_xsetbv, SKIP | BH_MTD_CSSS)                                     \
    X(BH_EXIT_APIC_WRITE, apic_write, VCPU_MTD_RESUME | BH_MTD_QUAL)                         \
    X(57, unexpected, ALL) /* RDRAND */                                                      \
    X(BH_EXIT_INVPCID, unexpected, ALL)                                                      \
    X(59, undefined, SKIP) /* VMFUNC */                                                      \
    X(60, undefined, SKIP) /* ENCLS */                                                       \
    X(61, unexpected, ALL) /* RDSEED */                                                      \
    X(62, unexpected, ALL) /* page-modification log full */                                  \
    X(BH_EXIT_XSAVES, undefined, SKIP)                                                       \
    X(BH_EXIT_XRSTORS, undefined, SKIP)                                                      \
    X(65, undefined, SKIP) /* PCONFIG */                                                     \
    X(66, unexpected, ALL)                                                                   \
    X(67, undefined, SKIP) /* UMWAIT */                                                      \
    X(68, undefined, SKIP) /* TPAUSE */                                                      \
    X(69, undefined, SKIP) /* LOADIWKEY */                                                   \
    X(70, unexpected, ALL)                                                                   \
    X(71, unexpected, ALL)                                                                   \
    X(72, unexpected, ALL)                                                                   \
    X(73, unexpected, ALL)                                                                   \
    X(74, unexpected, ALL)                                                                   \
    X(75, unexpected, ALL)                                                                   \
    X(76, unexpected, ALL)                                                                   \
    X(BH_EXIT_STARTUP, startup_exit, 0)                                                      \
    X(BH_EXIT_RECALL, recall, VCPU_MTD_RESUME | BH_MTD_DR)                                   \
    X(BH_EXIT_ENTRY_FAILED, entry_failed, ALL)

#define EXIT_HANDLER(reason, handler, groups) [reason] = (handler),
#define EXIT_GROUPS(reason, handler, groups)  [reason] = (groups),
#define EXIT_ROW(reason, handler, groups)     char row_##reason;

uint32_t (*const exit_handler[BH_EXIT_REASONS])(struct vcpu *) = {EXITS(EXIT_HANDLER)};
const uint32_t vcpu_mtd[BH_EXIT_REASONS] = {EXITS(EXIT_GROUPS)};

struct exit_rows {
    EXITS(EXIT_ROW)
};
_Static_assert(sizeof(struct exit_rows) == BH_EXIT_REASONS, "no reason is without a handler");
