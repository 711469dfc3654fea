/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs. Each gets an area of its own (cpu.h), mapped page by page so that overflows of its stacks
 * fault. The others are started one after the other, because they share the words through which
 * their stack is handed over.
 */
#include "hv/smp.h"

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/fpu.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/sc.h"
#include "hv/vmx/vmx.h"
#include "hv/x86/acpi.h"
#include "hv/x86/gdt.h"
#include "hv/x86/lapic.h"
#include "hv/x86/msr.h"
#include "hv/x86/paging.h"
#include "hv/x86/trap.h"

#define TRAMPOLINE        0x8000u /* physical: below 640 KiB, used by no firmware once the kernel runs */
#define START_WAIT_INIT   100u /* part of a second to wait after INIT: 10 ms */
#define START_WAIT_ONLINE 5u   /* part of a second for a CPU to come up: 200 ms */

#define CPUID_FEATURES 7u
#define CPUID_EBX_SMEP (1u << 7)
#define CPUID_EBX_SMAP (1u << 20)
#define CPUID_ECX_UMIP (1u << 2)
#define CR4_PAE        (1ull << 5)
#define CR4_MCE        (1ull << 6)
#define CR4_UMIP       (1ull << 11)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)
#define CR0_WP         (1ull << 16)

/* From ap.asm: the code to copy, and within it what to fill in. */
extern uint8_t ap_start[], ap_end[];
extern uint64_t ap_cr3, ap_stack;

static unsigned cpus_up;
static bool released;
static unsigned left; /* CPUs that have dropped the identity mapping */

unsigned cpu_count(void)
{
    return cpus_up;
}

uint64_t cpu_online_mask(void)
{
    return cpus_up == 64 ? UINT64_MAX : (1ull << cpus_up) - 1;
}

struct cpu *cpu_create(unsigned id, uint32_t apic_id)
{
    static const uint32_t pages[] = {
        0, 0x1000, CPU_STACK_LOW, CPU_STACK_LOW + 0x1000, CPU_IST_LOW, CPU_IST_LOW + 0x1000};
    struct cpu *cpu = cpu_by_id(id);
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
        void *page = pool_alloc();
        if (page == NULL) {
            panic("the pool is too small for CPU %u", id);
        }
        paging_map_kernel((uint64_t)cpu + pages[i], pool_hpa(page), PTAB_R | PTAB_W);
    }
    cpu->self = cpu;
    cpu->id = id;
    cpu->mask = 1ull << id;
    cpu->apic_id = apic_id;
    cpu->stack = (uint64_t)cpu + CPU_STACK_TOP;
    cpu->tss.io_map = sizeof(cpu->tss); /* no I/O bitmap: ports go through a system call */
    cpu->timer = BH_NEVER;
    cpu->sc_end = BH_NEVER;
    for (unsigned i = 0; i < CPU_PRIORITIES; i++) {
        list_init(&cpu->ready[i]);
    }
    return cpu;
}

static void init_protection(void)
{
    uint64_t cr4 = CR4_PAE | CR4_MCE; /* whatever the firmware has left: nothing else is wanted,
                               FSGSBASE and PCE least of all */
    if (cpuid(0, 0).a >= CPUID_FEATURES) {
        struct cpuid_regs r = cpuid(CPUID_FEATURES, 0);
        cr4 |= (r.b & CPUID_EBX_SMEP) != 0 ? CR4_SMEP : 0;
        cr4 |= (r.b & CPUID_EBX_SMAP) != 0 ? CR4_SMAP : 0;
        cr4 |= (r.c & CPUID_ECX_UMIP) != 0 ? CR4_UMIP : 0;
    }
    write_cr4(cr4);
    write_cr0(read_cr0() | CR0_WP);
    wrmsr(MSR_EFER,
          EFER_LME | EFER_LMA | EFER_NXE); /* SYSCALL stays off: guests own its target (vmx.c) */
    wrmsr(MSR_PAT, PAT_DEFAULT);
}

void cpu_init(struct cpu *cpu)
{
    gdt_load(cpu->id, &cpu->tss);
    trap_init_cpu(cpu);
    init_protection();
    lapic_init_cpu();
    fpu_init_cpu(cpu);
    vmx_init_cpu(cpu);
    cpu->sc_start = rdtsc();
    cpu->online = true;
}

static bool wait_online(const struct cpu *cpu, uint64_t ticks)
{
    uint64_t start = rdtsc();
    while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE)) {
        if (rdtsc() - start > ticks) {
            return false;
        }
        cpu_pause();
    }
    return true;
}

static void *low_copy(void *symbol)
{
    return (void *)(TRAMPOLINE + (uint64_t)symbol -
                    (uint64_t)ap_start); // NOLINT(performance-no-int-to-ptr)
}

static void start_one(uint32_t apic_id, uint64_t tsc_hz)
{
    struct cpu *cpu = cpu_create(cpus_up, apic_id);
    memcpy(low_copy(&ap_stack), &cpu->stack, sizeof(cpu->stack));
    lapic_send_init(apic_id);
    wait_online(cpu, tsc_hz / START_WAIT_INIT);
    for (unsigned i = 0; i < 2 && !cpu->online; i++) {
        lapic_send_startup(apic_id, TRAMPOLINE >> PAGE_SHIFT);
        wait_online(cpu, tsc_hz / START_WAIT_ONLINE);
    }
    if (cpu->online) {
        cpus_up++;
    } else {
        log_line("[cpu 0] warn: CPU with APIC id %u does not start", apic_id);
    }
}

void smp_start(const struct acpi_cpus *cpus, uint64_t tsc_hz)
{
    cpus_up = 1;
    memcpy(low_copy(ap_start), ap_start, (uint64_t)ap_end - (uint64_t)ap_start);
    uint64_t cr3 = paging_kernel_cr3();
    memcpy(low_copy(&ap_cr3), &cr3, sizeof(cr3));
    for (unsigned i = 1; i < cpus->count; i++) {
        start_one(cpus->apic_id[i], tsc_hz);
    }
}

_Noreturn void smp_entry(void)
{
    struct cpu *cpu = cpu_self();
    cpu_init(cpu);
    while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE)) {
        cpu_pause();
    }
    write_cr3(paging_kernel_cr3());
    __atomic_fetch_add(&left, 1, __ATOMIC_RELEASE);
    sched_pick(cpu);
}

void smp_release(void)
{
    __atomic_store_n(&released, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) != cpus_up - 1) {
        cpu_pause();
    }
}
