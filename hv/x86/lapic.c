/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC driver.
 */
#include "hv/x86/lapic.h"

#include "hv/memlayout.h"
#include "hv/ptab.h"
#include "hv/x86/asm.h"
#include "hv/x86/msr.h"
#include "hv/x86/paging.h"
#include "hv/x86/tsc.h"
#include "hv/x86/vectors.h"

#define CPUID_ECX_X2APIC   (1u << 21)
#define CPUID_ECX_DEADLINE (1u << 24)
#define BASE_ENABLE        (1ull << 11)
#define BASE_X2APIC        (1ull << 10)
#define BASE_ADDRESS       0x000FFFFFFFFFF000ull

enum apic_register {
    APIC_ID = 0x02,
    APIC_TPR = 0x08,
    APIC_EOI = 0x0B,
    APIC_SVR = 0x0F,
    APIC_ESR = 0x28,
    APIC_ICR = 0x30,
    APIC_ICR_HIGH = 0x31,
    APIC_LVT_TIMER = 0x32,
    APIC_LVT_PERF = 0x34,
    APIC_LVT_LINT0 = 0x35,
    APIC_LVT_LINT1 = 0x36,
    APIC_LVT_ERROR = 0x37,
    APIC_TIMER_COUNT = 0x38,
    APIC_TIMER_CURRENT = 0x39,
    APIC_TIMER_DIVIDE = 0x3E
};

#define SVR_ENABLE        0x100u
#define LVT_MASKED        0x10000u
#define LVT_NMI           0x400u
#define LVT_DEADLINE      0x40000u
#define ICR_INIT          0x500u
#define ICR_STARTUP       0x600u
#define ICR_ASSERT        0x4000u
#define ICR_PENDING       0x1000u
#define DIVIDE_BY_1       0xBu
#define COUNT_MAX         0xFFFFFFFFull
#define CALIBRATE_DIVISOR 200u /* of a second */

static bool x2apic, use_deadline;
static uint64_t timer_hz, tsc_frequency;

static volatile uint32_t *mmio(enum apic_register r)
{
    return (volatile uint32_t *)(MMIO_VMA +
                                 ((uint64_t)r << 4)); // NOLINT(performance-no-int-to-ptr)
}

static uint32_t apic_read(enum apic_register r)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC + r) : *mmio(r);
}

static void apic_write(enum apic_register r, uint32_t v)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC + r, v);
    } else {
        *mmio(r) = v;
    }
}

hpa_t lapic_base(void)
{
    return hpa(rdmsr(MSR_APIC_BASE) & BASE_ADDRESS);
}

static void enable(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE | (x2apic ? BASE_X2APIC : 0));
}

void lapic_init(void)
{
    uint32_t features = cpuid(1, 0).c;
    x2apic = (features & CPUID_ECX_X2APIC) != 0;
    use_deadline = (features & CPUID_ECX_DEADLINE) != 0;
    if (!x2apic) {
        paging_map_kernel(MMIO_VMA, lapic_base(), PTAB_R | PTAB_W | PTAB_UNCACHED);
    }
    enable();
}

void lapic_init_cpu(void)
{
    enable();
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_NMI);
    apic_write(APIC_LVT_PERF, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (use_deadline ? LVT_DEADLINE : 0));
    __asm__ volatile("mfence"
                     :
                     :
                     : "memory"); /* before the first write of the deadline ("TSC-Deadline Mode") */
}

void lapic_calibrate(uint64_t tsc_hz)
{
    tsc_frequency = tsc_hz;
    if (use_deadline) {
        return;
    }
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_TIMER_COUNT, (uint32_t)COUNT_MAX);
    uint64_t start = rdtsc();
    while (rdtsc() - start < tsc_hz / CALIBRATE_DIVISOR) {
        cpu_pause();
    }
    uint64_t ticks = rdtsc() - start;
    uint64_t count = COUNT_MAX - apic_read(APIC_TIMER_CURRENT);
    apic_write(APIC_TIMER_COUNT, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    timer_hz = tsc_scale(count, tsc_hz, ticks);
}

uint32_t lapic_id(void)
{
    return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

bool lapic_x2apic(void)
{
    return x2apic;
}

void lapic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static void send(uint32_t apic_id, uint32_t command)
{
    if (x2apic) {
        __asm__ volatile("mfence; lfence"
                         :
                         :
                         : "memory"); /* WRMSR to the x2APIC does not order earlier stores */
        wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)apic_id << 32 | command);
        return;
    }
    *mmio(APIC_ICR_HIGH) = apic_id << 24;
    *mmio(APIC_ICR) = command;
    while ((*mmio(APIC_ICR) & ICR_PENDING) != 0) {
        cpu_pause();
    }
}

void lapic_ipi(uint32_t apic_id, unsigned vector)
{
    send(apic_id, ICR_ASSERT | vector);
}

void lapic_send_init(uint32_t apic_id)
{
    send(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(uint32_t apic_id, unsigned page)
{
    send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

void lapic_timer(uint64_t deadline)
{
    if (use_deadline) {
        wrmsr(MSR_TSC_DEADLINE, deadline);
        return;
    }
    uint64_t now = rdtsc();
    uint64_t ticks = deadline > now ? deadline - now : 0;
    uint64_t count = ticks > tsc_frequency ? timer_hz : tsc_scale(ticks, timer_hz, tsc_frequency);
    apic_write(APIC_TIMER_COUNT, count == 0          ? 1
                                 : count > COUNT_MAX ? (uint32_t)COUNT_MAX
                                                     : (uint32_t)count);
}
