/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts. Gates of NMI, #DB, #DF and #MC switch to stacks of their own: #DB
 * because SYSENTER with RFLAGS.TF set raises it on the first instruction of the kernel.
 */
#include "hv/x86/trap.h"

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/fpu.h"
#include "hv/ipc.h"
#include "hv/irq.h"
#include "hv/log.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/spaces.h"
#include "hv/x86/gdt.h"
#include "hv/x86/lapic.h"
#include "hv/x86/msr.h"
#include "hv/x86/vectors.h"

#define GATES          256u
#define GATE_INTERRUPT 0x8E00u
#define GATE_USER      0x6000u /* DPL 3: INT3 and INTO */
#define ENTRY_SIZE     16u     /* bytes of an entry in entry.asm */
#define RFLAGS_TF      0x100ull

#define IST_NMI 1u
#define IST_DB  2u
#define IST_DF  3u
#define IST_MC  4u

struct gate {
    uint16_t offset_low, selector;
    uint16_t flags, offset_mid;
    uint32_t offset_high, reserved;
};

static struct gate idt[GATES] __attribute__((aligned(4096)));

extern char entry_table[], entry_sysenter[], entry_sysexit_direct[], entry_sysexit_switch[],
    entry_sysexit_short[];

static unsigned ist_of(unsigned vector)
{
    switch (vector) {
    case VECTOR_NMI:
        return IST_NMI;
    case VECTOR_DB:
        return IST_DB;
    case VECTOR_DF:
        return IST_DF;
    case VECTOR_MC:
        return IST_MC;
    default:
        return 0;
    }
}

void trap_init(void)
{
    for (unsigned v = 0; v < GATES; v++) {
        uint64_t entry = (uint64_t)entry_table + v * ENTRY_SIZE;
        unsigned flags = GATE_INTERRUPT | ist_of(v) | (v == 3 || v == 4 ? GATE_USER : 0);
        idt[v] = (struct gate){(uint16_t)entry,         GDT_KERNEL_CODE,         (uint16_t)flags,
                               (uint16_t)(entry >> 16), (uint32_t)(entry >> 32), 0};
    }
}

void trap_init_cpu(struct cpu *cpu)
{
    for (unsigned i = IST_NMI; i <= IST_MC; i++) {
        cpu->tss.ist[i - 1] = (uint64_t)cpu + CPU_IST_LOW + i * CPU_IST_SIZE;
    }
    struct table_register r = {sizeof(idt) - 1, (uint64_t)idt};
    lidt(&r);
    wrmsr(MSR_SYSENTER_CS, GDT_KERNEL_CODE);
    wrmsr(MSR_SYSENTER_ESP, (uint64_t)&cpu->tss.rsp[0]);
    wrmsr(MSR_SYSENTER_EIP, (uint64_t)entry_sysenter);
}

uint64_t trap_idt(void)
{
    return (uint64_t)idt;
}

uint64_t trap_sysenter(void)
{
    return (uint64_t)entry_sysenter;
}

void trap_timer(struct cpu *cpu)
{
    uint64_t now = rdtsc();
    cpu->timer = BH_NEVER;
    timeout_run(cpu, now);
    if (now >= cpu->sc_end) {
        cpu->hazard |= HAZARD_SCHED;
    } else {
        timeout_program(cpu);
    }
}

void trap_interrupt(struct cpu *cpu, unsigned vector)
{
    if (vector == VECTOR_SPURIOUS) {
        return;
    }
    if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + VECTOR_IRQS) {
        irq_arrived(vector - VECTOR_IRQ);
        lapic_eoi();
        return;
    }
    lapic_eoi();
    switch (vector) {
    case VECTOR_TIMER:
        trap_timer(cpu);
        break;
    case VECTOR_REMOTE:
        cpu_remote_work(cpu);
        break;
    case VECTOR_QUIESCE:
        reclaim_quiescent();
        break;
    case VECTOR_FLUSH:
        spaces_serve();
        break;
    default:
        break;
    }
}

void trap_nmi(struct cpu *cpu)
{
    log_line("[cpu %u] warn: NMI ignored", cpu->id);
}

/* Go on after an interrupt that did not come from the current EC. */
static _Noreturn void go_on(struct cpu *cpu)
{
    if (cpu->hazard != 0 || cpu->current == NULL) {
        if (cpu->hazard == 0) {
            entry_idle(cpu);
        }
        sched_reschedule(cpu);
    }
    ec_resume(cpu->current);
}

_Noreturn void trap_user(struct ec *ec)
{
    struct cpu *cpu = cpu_self();
    uint64_t vector = ec->regs.vector;
    ec->cont = ec_return_iret;
    if (vector >= VECTOR_EXCEPTIONS) {
        trap_interrupt(cpu, (unsigned)vector);
        ec_resume(ec);
    }
    switch (vector) {
    case VECTOR_NM:
        if (!fpu_prepare(ec)) { /* the exception is the thread's, then */
            break;
        }
        fpu_trap(cpu, ec);
        ec_resume(ec);
    case VECTOR_PF:
        ec->fault_address = read_cr2();
        break;
    default:
        break;
    }
    ipc_event(ec, vector);
}

static _Noreturn void die(const struct cpu *cpu, const struct regs *r)
{
    panic("CPU %u: exception %lu in the kernel, error %lx, RIP %lx, RSP %lx, CR2 %lx, RDI %lx",
          cpu->id, r->vector, r->error, r->rip, r->rsp, read_cr2(), r->rdi);
}

void trap_kernel(struct regs *r)
{
    struct cpu *cpu = cpu_self();
    if (r->vector == VECTOR_GP &&
        (r->rip == (uint64_t)entry_sysexit_direct || r->rip == (uint64_t)entry_sysexit_switch ||
         r->rip == (uint64_t)entry_sysexit_short)) {
        /* SYSEXIT to an address that is not canonical: the fault is the user's. */
        ipc_event(cpu->current, VECTOR_GP);
    }
    if (r->vector < VECTOR_EXCEPTIONS) {
        die(cpu, r);
    }
    trap_interrupt(cpu, (unsigned)r->vector);
    go_on(cpu);
}

struct ec *trap_ist(struct regs *r)
{
    struct cpu *cpu = cpu_self();
    bool user = (r->cs & 3) != 0;
    switch (r->vector) {
    case VECTOR_NMI:
        trap_nmi(cpu);
        return NULL;
    case VECTOR_DB:
        if (!user) { /* SYSENTER with TF set */
            r->rflags &= ~RFLAGS_TF;
            return NULL;
        }
        cpu->current->regs = *r;
        return cpu->current;
    default:
        die(cpu, r);
    }
}

void trap_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}
