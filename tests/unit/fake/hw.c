/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine for host tests of the kernel, and those functions of the kernel that are nothing but
 * hardware: the local APIC, the FPU, VT-x, the entry code, the log.
 */
#include "tests/unit/fake/hw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/fpu.h"
#include "hv/irq.h"
#include "hv/log.h"
#include "hv/pd.h"
#include "hv/pool.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/spaces.h"
#include "hv/vmx/vmx.h"
#include "hv/x86/ioapic.h"
#include "hv/x86/lapic.h"
#include "hv/x86/paging.h"
#include "hv/x86/trap.h"
#include "hv/x86/vectors.h"

#define INTERRUPT_BASE 0xC0u
#define PAUSES_MAX     1000000u /* who waits longer waits for ever */
#define SETTLE_MAX     1000000u
#define CPUID_CRYSTAL  0x15u
#define CPUID_EXTENDED 0x80000001u
#define CPUID_PAGE_1G  (1u << 26)
#define PORT_PIT       0x42u
#define PORT_61        0x61u
#define PORT_61_OUT    0x20u

struct hw hw;
uint8_t hw_pool[HW_POOL_PAGES * PAGE_SIZE] __attribute__((aligned(2u << 20)));
uint8_t hw_areas[HW_CPUS * CPU_AREA] __attribute__((aligned(0x8000)));

static struct {
    bool active;
    jmp_buf back;
    struct ec *ran;
} dispatch;

static void cpu_reset(unsigned id)
{
    struct cpu *cpu = cpu_by_id(id);
    cpu->self = cpu;
    cpu->stack = (uint64_t)cpu + CPU_STACK_TOP;
    cpu->id = id;
    cpu->apic_id = id;
    cpu->mask = 1ull << id;
    cpu->timer = BH_NEVER;
    cpu->sc_end = BH_NEVER;
    cpu->sc_start = hw.tsc;
    cpu->online = true;
    for (unsigned i = 0; i < CPU_PRIORITIES; i++) {
        list_init(&cpu->ready[i]);
    }
    hw.cpu[id].cr3 = HW_IMAGE_PHYS; /* boot's table: the first page of the image */
    hw.cpu[id].timer = BH_NEVER;
}

void hw_reset(unsigned cpus)
{
    hw = (struct hw){.tsc = 1000000, .cpus = cpus};
    memset(hw_areas, 0, sizeof(hw_areas));
    memset(hw_pool, 0xA5, sizeof(hw_pool)); /* what the pool hands out must be cleared */
    for (unsigned i = 0; i < cpus; i++) {
        cpu_reset(i);
    }
    pool_init(hpa(HW_POOL_PHYS), sizeof(hw_pool));
    paging_init(hpa(HW_POOL_PHYS), sizeof(hw_pool));
}

static _Noreturn void leave(struct ec *ec)
{
    if (!dispatch.active) {
        abort();
    }
    dispatch.ran = ec;
    longjmp(dispatch.back, 1);
}

struct ec *hw_dispatch(void (*decide)(struct cpu *))
{
    dispatch.active = true;
    dispatch.ran = NULL;
    hw.returned = false;
    if (setjmp(dispatch.back) == 0) {
        decide(cpu_self());
        hw.returned = true;
    }
    dispatch.active = false;
    return dispatch.ran;
}

void hw_timer_interrupt(void)
{
    struct cpu *cpu = cpu_self();
    struct hw_cpu *h = &hw.cpu[hw.self];
    if (hw.tsc < h->timer) {
        return;
    }
    h->timer = BH_NEVER;
    trap_timer(cpu);
}

/* hv/x86/trap.c */

void trap_timer(struct cpu *cpu)
{
    cpu->timer = BH_NEVER;
    timeout_run(cpu, hw.tsc);
    if (hw.tsc >= cpu->sc_end) {
        cpu->hazard |= HAZARD_SCHED;
    } else {
        timeout_program(cpu);
    }
}

static void interrupt(unsigned vector)
{
    switch (vector) {
    case VECTOR_REMOTE:
        cpu_remote_work(cpu_self());
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

/* Interrupts that wait on one CPU; true if there was one. */
static bool deliver_to(unsigned id)
{
    unsigned self = hw.self;
    uint64_t waiting = hw.cpu[id].interrupts;
    hw.self = id;
    hw.cpu[id].interrupts = 0;
    for (unsigned i = 0; i < 64; i++) {
        if ((waiting >> i & 1) != 0) {
            interrupt(INTERRUPT_BASE + i);
        }
    }
    hw.self = self;
    return waiting != 0;
}

void hw_deliver(void)
{
    bool again = true;
    while (again) {
        again = false;
        for (unsigned i = 0; i < hw.cpus; i++) {
            again |= deliver_to(i);
        }
    }
}

void hw_settle(void)
{
    unsigned steps = 0;
    do {
        hw_deliver();
        if (++steps > SETTLE_MAX) {
            abort();
        }
    } while (pd_reap());
    hw_deliver();
}

uint64_t hw_stack(void)
{
    return CPU_VMA + hw.self * CPU_AREA + CPU_STACK_LOW;
}

void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *abcd)
{
    (void)subleaf;
    memset(abcd, 0, 4 * sizeof(*abcd));
    if (leaf == 0) {
        abcd[0] = CPUID_CRYSTAL;
    } else if (leaf == CPUID_CRYSTAL) {
        memcpy(abcd, hw.crystal, sizeof(hw.crystal));
    } else if (leaf == CPUID_EXTENDED) {
        abcd[3] = hw.one_gib_pages ? CPUID_PAGE_1G : 0;
    }
}

void hw_out(uint16_t port, uint8_t value)
{
    (void)value;
    if (port == PORT_PIT) {
        hw.pit_expires = hw.tsc + hw.pit_ticks;
    }
}

uint8_t hw_in(uint16_t port)
{
    return port == PORT_61 && hw.tsc >= hw.pit_expires ? PORT_61_OUT : 0;
}

void hw_pause(void)
{
    hw.tsc++;
    if (++hw.pauses > PAUSES_MAX) {
        abort();
    }
}

_Noreturn void hw_halt(void)
{
    leave(NULL);
}

/* hv/smp.c */

unsigned cpu_count(void)
{
    return hw.cpus;
}

uint64_t cpu_online_mask(void)
{
    return (1ull << hw.cpus) - 1;
}

/* hv/x86/lapic.c */

void lapic_timer(uint64_t deadline)
{
    hw.cpu[hw.self].timer = deadline;
    hw.cpu[hw.self].timer_sets++;
}

/* A CPU answers a request for a flush at once, wherever it is; the others wait for hw_deliver. */
void lapic_ipi(uint32_t apic_id, unsigned vector)
{
    hw.cpu[apic_id].ipis++;
    hw.cpu[apic_id].interrupts |= 1ull << (vector - INTERRUPT_BASE);
    if (vector == VECTOR_FLUSH) {
        unsigned self = hw.self;
        hw.self = apic_id;
        hw.cpu[apic_id].interrupts &= ~(1ull << (vector - INTERRUPT_BASE));
        spaces_serve();
        hw.self = self;
    }
}

hpa_t lapic_base(void)
{
    return hpa(0xFEE00000u);
}

/* hv/x86/ioapic.c */

bool ioapic_base(unsigned n, hpa_t *base)
{
    *base = hpa(0xFEC00000u);
    return n == 0;
}

void trap_window(void)
{
    hw_deliver();
}

/* hv/x86/entry.asm: continuations and decisions begin on an empty stack there. */

_Noreturn void entry_continue(struct ec *ec)
{
    ec->cont(ec);
    abort();
}

_Noreturn void entry_pick(struct cpu *cpu)
{
    sched_pick(cpu);
}

_Noreturn void entry_idle(struct cpu *cpu)
{
    ec_idle(cpu);
}

_Noreturn void entry_sysexit(struct ec *ec)
{
    leave(ec);
}

_Noreturn void entry_iret(struct ec *ec)
{
    leave(ec);
}

/* hv/fpu.c */

bool fpu_prepare(struct ec *ec)
{
    (void)ec;
    return true;
}

void fpu_switch_owner(struct cpu *cpu, struct ec *ec)
{
    cpu->fpu_owner = ec;
    cpu->fpu_enabled = true;
}

void fpu_forget(struct cpu *cpu, const struct ec *ec)
{
    if (cpu->fpu_owner == ec) {
        cpu->fpu_owner = NULL;
        cpu->fpu_enabled = false;
    }
}

/* hv/irq.c */

void irq_rearm(unsigned n)
{
    (void)n;
    hw.irq_rearmed++;
}

/* hv/vmx */

bool vmx_vcpu_create(struct ec *ec)
{
    (void)ec;
    return true;
}

void vmx_vcpu_release(struct ec *ec)
{
    (void)ec;
}

void vmx_vcpu_stop(struct cpu *cpu, struct ec *ec)
{
    (void)cpu;
    (void)ec;
}

_Noreturn void vmx_start(struct ec *ec)
{
    leave(ec);
}

void vmx_flush_ept(uint64_t eptp)
{
    (void)eptp;
    hw.cpu[hw.self].ept_flushes++;
}

/* hv/log.c */

void log_line(const char *format, ...)
{
    (void)format;
    hw.log_lines++;
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!dispatch.active) {
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        abort();
    }
    va_end(arguments);
    hw.panicked = true;
    leave(NULL);
}
