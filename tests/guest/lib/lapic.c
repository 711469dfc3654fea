/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lapic.h.
 */
#include "tests/guest/lib/lapic.h"

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"

enum {
    MSR_STRIDE = 16,
    ID_SHIFT = 24,
    LDR_FLAT_1 = 1 << 24,
    VECTORS = 256,
    BITS = 32,
    POLLS = 100000
};

#define DFR_FLAT UINT32_MAX

static volatile uint32_t *mmio(enum lapic_register reg)
{
    return (volatile uint32_t *)(LAPIC_BASE + reg);
}

bool lapic_is_x2apic(void)
{
    return rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
}

uint32_t lapic_read(enum lapic_register reg)
{
    return lapic_is_x2apic() ? (uint32_t)rdmsr(LAPIC_X2APIC_MSR + reg / MSR_STRIDE) : *mmio(reg);
}

void lapic_write(enum lapic_register reg, uint32_t value)
{
    if (lapic_is_x2apic())
        wrmsr(LAPIC_X2APIC_MSR + reg / MSR_STRIDE, value);
    else
        *mmio(reg) = value;
}

void lapic_enable(void)
{
    static const enum lapic_register lvt[] = {LAPIC_LVT_TIMER, LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
                                              LAPIC_LVT_ERROR};

    lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
    lapic_write(LAPIC_TPR, 0);
    for (unsigned i = 0; i < sizeof lvt / sizeof lvt[0]; i++)
        lapic_write(lvt[i], LAPIC_MASKED | LAPIC_SPURIOUS_VECTOR);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
    if (!lapic_is_x2apic()) {
        lapic_write(LAPIC_DFR, DFR_FLAT);
        lapic_write(LAPIC_LDR, LDR_FLAT_1);
    }
    for (unsigned vector = 0; vector < VECTORS; vector++)
        if (lapic_bit(LAPIC_ISR, vector))
            lapic_eoi();
}

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

bool lapic_bit(enum lapic_register first, unsigned vector)
{
    return lapic_read(first + vector / BITS * MSR_STRIDE) >> vector % BITS & 1;
}

void lapic_send(uint32_t destination, uint32_t command)
{
    if (lapic_is_x2apic()) {
        wrmsr(LAPIC_X2APIC_MSR + LAPIC_ICR / MSR_STRIDE, (uint64_t)destination << 32 | command);
        return;
    }
    lapic_write(LAPIC_ICR_HIGH, destination << ID_SHIFT);
    lapic_write(LAPIC_ICR, command);
    for (unsigned i = 0; i < POLLS && lapic_read(LAPIC_ICR) & LAPIC_ICR_PENDING; i++)
        pause();
}

uint32_t lapic_id(void)
{
    return lapic_is_x2apic() ? lapic_read(LAPIC_ID) : lapic_read(LAPIC_ID) >> ID_SHIFT;
}
