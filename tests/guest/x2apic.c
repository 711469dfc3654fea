/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x2APIC mode: the transitions of IA32_APIC_BASE, the registers as MSRs, IPIs, priorities, the
 * timer. Manual: SDM volume 3, "Extended XAPIC (x2APIC)".
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    VECTOR = 0x61,
    HIGH = 0x81,
    LONG_MS = 500,
    SHORT_MS = 3,
    MSR_ID = 0x802,
    MSR_VERSION = 0x803,
    MSR_TPR = 0x808,
    MSR_EOI = 0x80B,
    MSR_LDR = 0x80D,
    MSR_DFR = 0x80E,
    MSR_SVR = 0x80F,
    MSR_ICR = 0x830,
    MSR_ICR_HIGH = 0x831,
    MSR_SELF_IPI = 0x83F,
    MSR_LAST = 0x8FF
};

static volatile unsigned interrupts, high_interrupts;

static void on_interrupt(struct trap_frame *frame)
{
    (void)frame;
    interrupts++;
    lapic_eoi();
}

static void on_high(struct trap_frame *frame)
{
    (void)frame;
    high_interrupts++;
    lapic_eoi();
}

static uint64_t base_without_mode(void)
{
    return rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_EXTD);
}

/* Into x2APIC mode by the legal way, from whatever there is. False: the claim is skipped. */
static bool prepare(void)
{
    if (!(cpuid(1, 0).ecx & CPUID1_ECX_X2APIC)) {
        skip("no x2APIC");
        return false;
    }
    if (!lapic_is_x2apic()) {
        wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_ENABLE);
        wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_ENABLE | APIC_BASE_EXTD);
    }
    lapic_enable();
    interrupts = high_interrupts = 0;
    trap_handle(VECTOR, on_interrupt);
    trap_handle(HIGH, on_high);
    return true;
}

static void registers_are_no_msrs_in_xapic_mode(void)
{
    uint64_t value = 0;

    if (lapic_is_x2apic()) {
        skip("x2APIC mode is on already");
        return;
    }
    expect_vector(HERE, "reading MSR 0x802", trap_rdmsr(MSR_ID, &value), TRAP_GP);
    expect_vector(HERE, "writing MSR 0x808", trap_wrmsr(MSR_TPR, 0), TRAP_GP);
}

static void mode_is_entered_from_xapic_mode(void)
{
    if (!prepare())
        return;
    expect(HERE, rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD, "EXTD is clear");
    expect(HERE, rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLE, "EN is clear");
}

static void id_is_that_of_cpuid(void)
{
    if (!prepare())
        return;
    expect_equal(HERE, "x2APIC ID", rdmsr(MSR_ID), cpuid(0xB, 0).edx);
    expect_vector(HERE, "writing the ID", trap_wrmsr(MSR_ID, 0), TRAP_GP);
}

static void logical_id_is_derived_from_the_id(void)
{
    if (!prepare())
        return;
    uint32_t id = lapic_id();

    expect_equal(HERE, "LDR", rdmsr(MSR_LDR), (uint64_t)(id >> 4) << 16 | 1U << (id & 0xF));
    expect_vector(HERE, "writing the LDR", trap_wrmsr(MSR_LDR, 0), TRAP_GP);
}

static void registers_that_are_gone_raise_gp(void)
{
    uint64_t value = 0;

    if (!prepare())
        return;
    expect_vector(HERE, "reading DFR", trap_rdmsr(MSR_DFR, &value), TRAP_GP);
    expect_vector(HERE, "writing DFR", trap_wrmsr(MSR_DFR, 0), TRAP_GP);
    expect_vector(HERE, "reading ICR's high half", trap_rdmsr(MSR_ICR_HIGH, &value), TRAP_GP);
    expect_vector(HERE, "reading MSR 0x8ff", trap_rdmsr(MSR_LAST, &value), TRAP_GP);
    expect_vector(HERE, "reading EOI", trap_rdmsr(MSR_EOI, &value), TRAP_GP);
    expect_vector(HERE, "reading SELF IPI", trap_rdmsr(MSR_SELF_IPI, &value), TRAP_GP);
    expect_vector(HERE, "writing the version", trap_wrmsr(MSR_VERSION, 0), TRAP_GP);
}

static void reserved_bits_raise_gp(void)
{
    if (!prepare())
        return;
    expect_vector(HERE, "writing 1 to EOI", trap_wrmsr(MSR_EOI, 1), TRAP_GP);
    expect_vector(HERE, "writing 0x100 to TPR", trap_wrmsr(MSR_TPR, 0x100), TRAP_GP);
    expect_vector(HERE, "writing bit 32 of SVR",
                  trap_wrmsr(MSR_SVR, UINT64_C(1) << 32 | LAPIC_SVR_ENABLE), TRAP_GP);
    expect_vector(HERE, "writing 0x100 to SELF IPI", trap_wrmsr(MSR_SELF_IPI, 0x100), TRAP_GP);
    lapic_enable();
}

static void self_ipi_arrives(void)
{
    if (!prepare())
        return;
    wrmsr(MSR_SELF_IPI, VECTOR);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect(HERE, !lapic_bit(LAPIC_ISR, VECTOR), "in service after the EOI");
}

static void icr_is_one_register(void)
{
    if (!prepare())
        return;
    lapic_send(lapic_id(), VECTOR);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "physical: no interrupt");
    lapic_send((uint32_t)rdmsr(MSR_LDR), VECTOR | LAPIC_LOGICAL);
    expect(HERE, time_wait_for(&interrupts, 2, LONG_MS), "logical: no interrupt");
    lapic_send(UINT32_MAX, VECTOR);
    expect(HERE, time_wait_for(&interrupts, 3, LONG_MS), "broadcast: no interrupt");
    lapic_send(0, VECTOR | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&interrupts, 4, LONG_MS), "shorthand: no interrupt");
    lapic_send(lapic_id() + 1, VECTOR);
    expect(HERE, !time_wait_for(&interrupts, 5, SHORT_MS), "one for another CPU came");
}

static void task_priority_holds_back(void)
{
    if (!prepare())
        return;
    wrmsr(MSR_TPR, HIGH & 0xF0);
    expect_equal(HERE, "CR8", read_cr8(), HIGH >> 4);
    wrmsr(MSR_SELF_IPI, HIGH);
    expect(HERE, !time_wait_for(&high_interrupts, 1, SHORT_MS), "not held back");
    write_cr8(0);
    expect_equal(HERE, "TPR", rdmsr(MSR_TPR), 0);
    expect(HERE, time_wait_for(&high_interrupts, 1, LONG_MS), "held back");
}

static void timer_interrupts(void)
{
    if (!prepare())
        return;
    lapic_write(LAPIC_LVT_TIMER, VECTOR);
    lapic_write(LAPIC_TIMER_INITIAL, 10000);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect_equal(HERE, "current count", lapic_read(LAPIC_TIMER_CURRENT), 0);
}

static void way_back_to_xapic_mode_raises_gp(void)
{
    if (!prepare())
        return;
    expect_vector(HERE, "clearing EXTD",
                  trap_wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_ENABLE), TRAP_GP);
    expect_vector(HERE, "clearing EN alone",
                  trap_wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_EXTD), TRAP_GP);
    expect(HERE, lapic_is_x2apic(), "the mode has changed");
}

static void way_back_leads_through_disabled(void)
{
    if (!prepare())
        return;
    wrmsr(MSR_APIC_BASE, base_without_mode());
    expect_equal(HERE, "mode bits", rdmsr(MSR_APIC_BASE) & (APIC_BASE_ENABLE | APIC_BASE_EXTD), 0);
    expect_vector(
        HERE, "from disabled to x2APIC mode",
        trap_wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_ENABLE | APIC_BASE_EXTD),
        TRAP_GP);
    wrmsr(MSR_APIC_BASE, base_without_mode() | APIC_BASE_ENABLE);
    if (!expect(HERE, !lapic_is_x2apic(), "still in x2APIC mode"))
        return;
    expect(HERE, !(lapic_read(LAPIC_SVR) & LAPIC_SVR_ENABLE), "SVR is not that of a reset");
    lapic_enable();
    lapic_send(0, VECTOR | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt in xAPIC mode");
}

static const struct claim claims[] = {
    CLAIM(registers_are_no_msrs_in_xapic_mode),
    CLAIM(mode_is_entered_from_xapic_mode),
    CLAIM(id_is_that_of_cpuid),
    CLAIM(logical_id_is_derived_from_the_id),
    CLAIM(registers_that_are_gone_raise_gp),
    CLAIM(reserved_bits_raise_gp),
    CLAIM(self_ipi_arrives),
    CLAIM(icr_is_one_register),
    CLAIM(task_priority_holds_back),
    CLAIM(timer_interrupts),
    CLAIM(way_back_to_xapic_mode_raises_gp),
    CLAIM(way_back_leads_through_disabled),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
