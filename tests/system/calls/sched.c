/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling: priorities, budgets, periods and their change while running. What a thread has got is
 * what its scheduling context says. Everything runs on CPU 0, where the main thread only sleeps,
 * and again on the last CPU.
 */
#include "tests/system/calls/test.h"

#define SLICE   100000ull
#define PERIOD  1000000ull
#define WINDOW  (20 * PERIOD)
#define PERCENT 100u

static void spin(struct thread *t)
{
    for (;;) {
        __atomic_fetch_add(&t->result, 1, __ATOMIC_RELAXED);
    }
}

static struct thread *spinner(uint32_t cpu, uint32_t priority, uint64_t budget, uint64_t period)
{
    struct thread *t = thread_create(BH_SEL_PD, cpu, spin, NULL, BH_SELECTOR_NONE);
    thread_start(t, priority, budget, period);
    return t;
}

static uint64_t consumed(const struct thread *t)
{
    struct bh_sc_state s = {0};
    must(bh_sc_read(t->sc, &s), "read");
    return s.consumed;
}

/* Percent of WINDOW that each of two gets. */
struct shares {
    uint64_t one, two;
};

static struct shares measure(const struct thread *one, const struct thread *two)
{
    uint64_t a = consumed(one);
    uint64_t b = two != NULL ? consumed(two) : 0;
    uint64_t start = bh_rdtsc();
    sleep_ticks(WINDOW);
    uint64_t window = bh_rdtsc() - start;
    a = consumed(one) - a;
    b = two != NULL ? consumed(two) - b : 0;
    return (struct shares){a * PERCENT / window, b * PERCENT / window};
}

static void within(uint64_t got, uint64_t low, uint64_t high, const char *what)
{
    expect(got >= low && got <= high, "%s: %lu%%, not %lu%% to %lu%%", what, got, low, high);
}

static void higher_runs_on(uint32_t cpu)
{
    struct thread *low = spinner(cpu, PRIO_LOW, SLICE, 0);
    struct thread *high = spinner(cpu, PRIO_LOW + 1, SLICE, 0);
    struct shares s = measure(high, low);
    within(s.one, 95, 100, "the higher priority");
    within(s.two, 0, 0, "the lower priority");
    must(bh_revoke(BH_SPACE_OBJ, high->sc, 1, 1), "end the scheduling context");
    within(measure(low, NULL).one, 95, 100, "the lower priority alone");
}

static void higher_runs(void)
{
    higher_runs_on(0);
    if (test_cpus() > 1) {
        higher_runs_on(test_cpus() - 1);
    }
}

static void turns_on(uint32_t cpu)
{
    struct thread *one = spinner(cpu, PRIO_LOW, SLICE, 0);
    struct thread *two = spinner(cpu, PRIO_LOW, SLICE, 0);
    struct thread *three = spinner(cpu, PRIO_LOW, 2 * SLICE, 0);
    struct shares s = measure(one, two);
    within(s.one, 23, 27, "the first of 1 to 1 to 2");
    within(s.two, 23, 27, "the second");
    s = measure(three, NULL);
    within(s.one, 46, 52, "the third");
}

static void turns(void)
{
    turns_on(0);
    if (test_cpus() > 1) {
        turns_on(test_cpus() - 1);
    }
}

static void period_on(uint32_t cpu)
{
    struct thread *hard = spinner(cpu, PRIO_MIDDLE, SLICE, PERIOD);
    struct thread *rest = spinner(cpu, PRIO_LOW, PERIOD, 0);
    struct shares s = measure(hard, rest);
    within(s.one, 9, 11, "budget of a tenth");
    within(s.two, 86, 91, "the rest");
    /* Changes take effect at the next replenishment. */
    must(bh_sc_set(hard->sc, PRIO_MIDDLE, 4 * SLICE, PERIOD), "set");
    sleep_ticks(2 * PERIOD);
    s = measure(hard, rest);
    within(s.one, 38, 42, "budget of four tenths");
    within(s.two, 56, 61, "the rest");
    must(bh_sc_set(hard->sc, PRIO_LOW - 1, 4 * SLICE, PERIOD), "set the priority");
    sleep_ticks(2 * PERIOD);
    s = measure(hard, rest);
    within(s.one, 0, 0, "at the lower priority");
    within(s.two, 95, 100, "the rest");
}

static void period(void)
{
    period_on(0);
    if (test_cpus() > 1) {
        period_on(test_cpus() - 1);
    }
}

/* The instants at which a thread with a period gets its budget. */
struct beat {
    uint64_t first[8];
    uint32_t count;
};

static struct beat beat;

static void beater(struct thread *t)
{
    uint64_t last = bh_rdtsc();
    for (;;) {
        uint64_t now = bh_rdtsc();
        if (now - last > PERIOD / 2 && get_flag(&beat.count) < 8) {
            beat.first[beat.count] = now;
            add_flag(&beat.count);
        }
        last = now;
        __atomic_fetch_add(&t->result, 1, __ATOMIC_RELAXED);
    }
}

static void period_is_steady(void)
{
    beat = (struct beat){0};
    struct thread *t = thread_create(BH_SEL_PD, 0, beater, NULL, BH_SELECTOR_NONE);
    thread_start(t, PRIO_MIDDLE, SLICE, PERIOD);
    spinner(0, PRIO_LOW, 7 * SLICE, 0);
    wait_for(&beat.count, 8, "periods");
    for (uint32_t i = 1; i < 8; i++) {
        uint64_t distance = beat.first[i] - beat.first[i - 1];
        expect(distance > PERIOD - SLICE / 10 && distance < PERIOD + SLICE / 10,
               "period %u has %lu ticks", i, distance);
    }
}

static void waker(struct thread *t)
{
    bh_sm_down((uint64_t)(uintptr_t)t->argument, BH_NEVER);
    t->result = bh_rdtsc();
}

/* The up itself gives the CPU to the more urgent thread, before the call returns. */
static void preempts(void)
{
    uint32_t sm = sel();
    must(bh_create_sm(sm, 0), "create_sm");
    struct thread *t = thread_run(0, BH_PRIO_MAX, waker, at(sm));
    sleep_ticks(TICKS_SHORT);
    bh_sm_up(sm);
    uint64_t after = bh_rdtsc();
    expect(thread_has_finished(t) && t->result < after, "the more urgent thread comes later");
    struct thread *low = thread_run(0, PRIO_MAIN - 1, waker, at(sm));
    sleep_ticks(TICKS_SHORT);
    bh_sm_up(sm);
    after = bh_rdtsc();
    thread_join(low);
    expect(low->result > after, "the less urgent thread comes first");
}

static void sc_dies(void)
{
    struct thread *t = spinner(test_cpus() - 1, PRIO_LOW, SLICE, 0);
    sleep_ticks(TICKS_SHORT);
    must(bh_revoke(BH_SPACE_OBJ, t->sc, 1, 1), "end the scheduling context");
    objects_used();
    uint64_t before = __atomic_load_n(&t->result, __ATOMIC_RELAXED);
    expect(before != 0, "it has not run");
    sleep_ticks(TICKS_SHORT);
    expect_equal(__atomic_load_n(&t->result, __ATOMIC_RELAXED), before, "work without time");
    thread_start(t, PRIO_LOW, SLICE, 0);
    sleep_ticks(TICKS_SHORT);
    expect(__atomic_load_n(&t->result, __ATOMIC_RELAXED) > before, "a new one does not help");
}

static void cpus_are_independent(void)
{
    uint32_t cpus = test_cpus();
    struct thread *t[BH_MAX_CPUS];
    if (cpus < 2) {
        skip("one CPU");
    }
    for (uint32_t i = 0; i < cpus; i++) {
        t[i] = spinner(i, PRIO_LOW, SLICE, 0);
    }
    for (uint32_t i = 0; i < cpus; i++) {
        within(measure(t[i], NULL).one, 90, 100, "alone on a CPU");
    }
}

const struct test sched_tests[] = {
    {"higher_priority_runs_alone", higher_runs},
    {"equal_priorities_take_turns_by_budget", turns},
    {"budget_in_a_period_is_the_share", period},
    {"periods_are_steady", period_is_steady},
    {"up_preempts_at_once", preempts},
    {"thread_without_scheduling_context_stands_still", sc_dies},
    {"cpus_schedule_independently", cpus_are_independent},
    {NULL, NULL},
};
