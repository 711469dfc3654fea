/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of the local APIC: one-shot, periodic, TSC deadline, divider, mask, and how it fits the
 * TSC and the PM timer. Manual: SDM volume 3, "APIC Timer", "TSC-Deadline Mode".
 */
#include <stddef.h>

#include "tests/guest/lib/acpi.h"
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    VECTOR = 0x61,
    LONG_MS = 500,
    SHORT_MS = 5,
    PERIOD_US = 2000,
    PERIODS = 10,
    ATTEMPTS = 8, /* a loaded machine may spoil a measurement; a wrong rate spoils all */
    COUNTER_BITS = 32,
    PM_TIMER_BITS = 24
};

static volatile unsigned interrupts;
static volatile uint64_t first_tick, last_tick;

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    last_tick = rdtsc();
    if (interrupts++ == 0)
        first_tick = last_tick;
    lapic_eoi();
}

static void prepare(uint32_t mode)
{
    lapic_enable();
    trap_handle(VECTOR, on_timer);
    lapic_write(LAPIC_LVT_TIMER, mode | VECTOR);
    time_wait_for(&interrupts, UINT32_MAX, 0); /* what an earlier claim may have left */
    interrupts = 0;
}

static uint64_t counted_up(void)
{
    return UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
}

/* Counts a second with this divider. */
static uint64_t count_rate(uint32_t divider)
{
    lapic_enable();
    lapic_write(LAPIC_TIMER_DIVIDE, divider);
    lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
    struct time_sample first = time_sample(NULL, counted_up);
    time_delay(5000);
    struct time_sample second = time_sample(NULL, counted_up);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    return time_rate(&first, &second, COUNTER_BITS);
}

/* The initial count for some microseconds, divider 1. */
static uint32_t counts(unsigned microseconds)
{
    return (uint32_t)(count_rate(LAPIC_DIVIDE_BY_1) * microseconds / 1000000);
}

static uint64_t read_pm_timer(void)
{
    return inl(acpi_pm_timer());
}

static void count_runs_down_to_zero_and_stays(void)
{
    uint32_t count = counts(PERIOD_US);

    prepare(LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, count);
    uint32_t first = lapic_read(LAPIC_TIMER_CURRENT);
    uint32_t second = lapic_read(LAPIC_TIMER_CURRENT);
    expect(HERE, first <= count && second <= first, "0x%x, then 0x%x, then 0x%x", count, first,
           second);
    time_delay(2 * PERIOD_US);
    expect_equal(HERE, "current count at the end", lapic_read(LAPIC_TIMER_CURRENT), 0);
    expect_equal(HERE, "initial count", lapic_read(LAPIC_TIMER_INITIAL), count);
}

static void one_shot_interrupts_once(void)
{
    uint32_t count = counts(PERIOD_US);

    prepare(0);
    uint64_t start = rdtsc();
    lapic_write(LAPIC_TIMER_INITIAL, count);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect_between(HERE, "ticks until it", last_tick - start, time_ticks(PERIOD_US) * 98 / 100,
                   time_ticks(LONG_MS * 1000));
    expect(HERE, !time_wait_for(&interrupts, 2, SHORT_MS), "more than one");
}

static void periodic_interrupts_keep_their_rate(void)
{
    uint32_t count = counts(PERIOD_US);
    uint64_t wanted = time_ticks(PERIOD_US * PERIODS), ticks = 0;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        prepare(LAPIC_TIMER_PERIODIC);
        lapic_write(LAPIC_TIMER_INITIAL, count);
        if (!expect(HERE, time_wait_for(&interrupts, PERIODS + 1, LONG_MS), "%u interrupts",
                    interrupts))
            break;
        ticks = last_tick - first_tick;
        if (ticks >= wanted * 98 / 100 && ticks <= wanted * 102 / 100)
            break;
    }
    lapic_enable();
    expect_between(HERE, "ticks in 10 periods", ticks, wanted * 98 / 100, wanted * 102 / 100);
}

static void periodic_count_is_reloaded(void)
{
    uint32_t count = counts(PERIOD_US);

    prepare(LAPIC_TIMER_PERIODIC | LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, count);
    time_delay(3 * PERIOD_US + PERIOD_US / 2);
    expect_between(HERE, "current count", lapic_read(LAPIC_TIMER_CURRENT), 1, count);
    lapic_enable();
}

static void masked_timer_does_not_interrupt(void)
{
    prepare(LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, counts(PERIOD_US));
    prepare(LAPIC_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, 1000);
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "an interrupt came");
    expect(HERE, !lapic_bit(LAPIC_IRR, VECTOR), "IRR is set");
}

static void initial_count_zero_stops_it(void)
{
    uint32_t count = counts(PERIOD_US);

    prepare(LAPIC_TIMER_PERIODIC);
    lapic_write(LAPIC_TIMER_INITIAL, count);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    time_wait_for(&interrupts, UINT32_MAX, 1);
    interrupts = 0;
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "it goes on");
    expect_equal(HERE, "current count", lapic_read(LAPIC_TIMER_CURRENT), 0);
}

static void divider_divides(void)
{
    uint64_t by_1 = count_rate(LAPIC_DIVIDE_BY_1), by_2 = 0, by_16 = 0;
    bool good = false;

    for (unsigned i = 0; i < ATTEMPTS && !good; i++) {
        by_1 = count_rate(LAPIC_DIVIDE_BY_1);
        by_2 = count_rate(LAPIC_DIVIDE_BY_2) * 2;
        by_16 = count_rate(LAPIC_DIVIDE_BY_16) * 16;
        good = by_2 >= by_1 * 99 / 100 && by_2 <= by_1 * 101 / 100 && by_16 >= by_1 * 99 / 100 &&
               by_16 <= by_1 * 101 / 100;
    }
    expect_between(HERE, "twice the rate by 2", by_2, by_1 * 99 / 100, by_1 * 101 / 100);
    expect_between(HERE, "16 times the rate by 16", by_16, by_1 * 99 / 100, by_1 * 101 / 100);
}

static void rate_holds_against_the_pm_timer(void)
{
    uint64_t ratio[2] = {0, 0}; /* counts in a tick of the PM timer, times 1000 */

    for (unsigned i = 0; i < 2; i++) {
        lapic_enable();
        lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
        struct time_sample apic_first = time_sample(NULL, counted_up);
        struct time_sample pm_first = time_sample(NULL, read_pm_timer);
        time_delay(10000);
        struct time_sample apic_second = time_sample(NULL, counted_up);
        struct time_sample pm_second = time_sample(NULL, read_pm_timer);
        lapic_write(LAPIC_TIMER_INITIAL, 0);
        ratio[i] = time_rate(&apic_first, &apic_second, COUNTER_BITS) * 1000 /
                   (time_rate(&pm_first, &pm_second, PM_TIMER_BITS) + 1);
    }
    expect_between(HERE, "the second ratio", ratio[1], ratio[0] * 98 / 100, ratio[0] * 102 / 100);
}

static bool has_deadline(void)
{
    if (cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE)
        return true;
    skip("no TSC-deadline mode");
    return false;
}

static void deadline_interrupts_not_before_its_time(void)
{
    if (!has_deadline())
        return;
    prepare(LAPIC_TIMER_TSC_DEADLINE);
    uint64_t deadline = rdtsc() + time_ticks(PERIOD_US);
    wrmsr(MSR_TSC_DEADLINE, deadline);
    expect_equal(HERE, "IA32_TSC_DEADLINE while armed", rdmsr(MSR_TSC_DEADLINE), deadline);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect(HERE, last_tick >= deadline, "%lu ticks too early", deadline - last_tick);
    expect_equal(HERE, "IA32_TSC_DEADLINE afterwards", rdmsr(MSR_TSC_DEADLINE), 0);
    expect(HERE, !time_wait_for(&interrupts, 2, SHORT_MS), "more than one");
}

static void deadline_in_the_past_interrupts_at_once(void)
{
    if (!has_deadline())
        return;
    prepare(LAPIC_TIMER_TSC_DEADLINE);
    wrmsr(MSR_TSC_DEADLINE, 1);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
}

static void deadline_zero_disarms(void)
{
    if (!has_deadline())
        return;
    prepare(LAPIC_TIMER_TSC_DEADLINE);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + time_ticks(PERIOD_US));
    wrmsr(MSR_TSC_DEADLINE, 0);
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "an interrupt came");
}

static void deadline_is_ignored_in_other_modes(void)
{
    if (!has_deadline())
        return;
    prepare(0);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + time_ticks(PERIOD_US));
    expect_equal(HERE, "IA32_TSC_DEADLINE", rdmsr(MSR_TSC_DEADLINE), 0);
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "an interrupt came");
}

static void initial_count_is_ignored_in_deadline_mode(void)
{
    if (!has_deadline())
        return;
    prepare(LAPIC_TIMER_TSC_DEADLINE);
    lapic_write(LAPIC_TIMER_INITIAL, 1000);
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "an interrupt came");
    expect_equal(HERE, "current count", lapic_read(LAPIC_TIMER_CURRENT), 0);
    lapic_enable();
}

static void halt_ends_with_the_timer(void)
{
    uint32_t count = counts(PERIOD_US);

    prepare(0);
    lapic_write(LAPIC_TIMER_INITIAL, count);
    sti_hlt();
    cli();
    expect_equal(HERE, "interrupts", interrupts, 1);
}

static const struct claim claims[] = {
    CLAIM(count_runs_down_to_zero_and_stays),
    CLAIM(one_shot_interrupts_once),
    CLAIM(periodic_interrupts_keep_their_rate),
    CLAIM(periodic_count_is_reloaded),
    CLAIM(masked_timer_does_not_interrupt),
    CLAIM(initial_count_zero_stops_it),
    CLAIM(divider_divides),
    CLAIM(rate_holds_against_the_pm_timer),
    CLAIM(deadline_interrupts_not_before_its_time),
    CLAIM(deadline_in_the_past_interrupts_at_once),
    CLAIM(deadline_zero_disarms),
    CLAIM(deadline_is_ignored_in_other_modes),
    CLAIM(initial_count_is_ignored_in_deadline_mode),
    CLAIM(halt_ends_with_the_timer),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
