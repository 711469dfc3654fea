/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling on one CPU: who runs by priority, turns by budget among equals, budgets with a period,
 * depletion and replenishment, parameters that change, blocking and waking, call chains, and what
 * is charged to whom. Last, random events against what must hold at every moment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/sc.h"
#include "tests/unit/hv_fixture.h"

#define THREADS_MAX 8u
#define BUDGET      1000u

static struct pd *root;
static struct ec *thread[THREADS_MAX];
static struct sc *context[THREADS_MAX];
static unsigned threads;

static int setup(void **state)
{
    (void)state;
    root = fixture_root(2);
    threads = 0;
    return 0;
}

static struct ec *new_thread(struct pd *pd)
{
    const struct ec_params p = {.pd = pd, .rip = 0x1000};
    struct ec *ec = ec_create_thread(&p);
    assert_non_null(ec);
    return ec;
}

/* A thread that is ready to run. Returns its number. */
static unsigned start(uint32_t priority, uint64_t budget, uint64_t period)
{
    const struct sc_params params = {budget, period, priority};
    unsigned i = threads++;
    thread[i] = new_thread(root);
    context[i] = sc_create(root, thread[i], &params);
    assert_non_null(context[i]);
    thread[i]->sc = context[i];
    ec_start(thread[i]);
    return i;
}

static int number_of(const struct ec *ec)
{
    for (unsigned i = 0; i < threads; i++) {
        if (thread[i] == ec) {
            return (int)i;
        }
    }
    return -1;
}

/* Who runs now? -1: nobody. */
static int schedule(void)
{
    const struct ec *ec = hw_dispatch(sched_reschedule);
    assert_false(hw.returned);
    assert_ptr_equal(cpu_self()->current, ec);
    assert_int_equal(cpu_self()->hazard & HAZARD_SCHED, 0);
    return number_of(ec);
}

/* Time passes while the current thread runs, until the timer or for `ticks`; then whoever is next.
 */
static int run_for(uint64_t ticks)
{
    hw.tsc += ticks;
    hw_timer_interrupt();
    if (cpu_self()->hazard != 0) {
        return schedule();
    }
    return number_of(cpu_self()->current);
}

static void block_current(struct cpu *cpu)
{
    cpu->current->blocked = true;
    sched_block(cpu, cpu->current);
}

static int block(void)
{
    cpu_self()->current->cont = ec_return_sysexit;
    return number_of(hw_dispatch(block_current));
}

/* The TSC for which the timer is programmed. */
static uint64_t next_timer(void)
{
    return hw.cpu[0].timer;
}

static int wake(unsigned i)
{
    ec_wake(thread[i]);
    return cpu_self()->hazard != 0 ? schedule() : number_of(cpu_self()->current);
}

/* Priorities. */

static void the_highest_priority_runs(void **state)
{
    (void)state;
    static const uint32_t priorities[] = {1, 64, 255, 63, 128, 127};
    for (unsigned i = 0; i < ARRAY_SIZE(priorities); i++) {
        start(priorities[i], BUDGET, 0);
    }
    assert_int_equal(schedule(), 2);
    assert_int_equal(block(), 4);
    assert_int_equal(block(), 5);
    assert_int_equal(block(), 1);
    assert_int_equal(block(), 3);
    assert_int_equal(block(), 0);
    assert_int_equal(block(), -1);
}

static void an_idle_cpu_runs_on_the_kernels_own_space(void **state)
{
    (void)state;
    start(5, BUDGET, 0);
    assert_int_equal(schedule(), 0);
    assert_int_equal(hw.cpu[0].cr3, root->cr3);
    assert_int_equal(block(), -1);
    assert_int_not_equal(hw.cpu[0].cr3, root->cr3);
    assert_null(cpu_self()->pd);
    assert_null(cpu_self()->sc);
    assert_int_equal(cpu_self()->sc_end, BH_NEVER);
}

static void whoever_is_more_urgent_preempts_when_woken(void **state)
{
    (void)state;
    unsigned low = start(5, BUDGET, 0);
    unsigned high = start(9, BUDGET, 0);
    unsigned equal = start(5, BUDGET, 0);
    assert_int_equal(schedule(), high);
    assert_int_equal(block(), low);
    assert_int_equal(wake(high), high);
    assert_int_equal(block(), low);
    assert_int_equal(block(), equal);
    ec_wake(thread[low]);
    assert_int_equal(cpu_self()->hazard, 0); /* an equal waits for its turn */
}

static void a_space_is_loaded_only_when_it_changes(void **state)
{
    (void)state;
    struct pd *other = fixture_pd(root, 1, 50);
    start(5, BUDGET, 0);
    start(5, BUDGET, 0);
    struct ec *ec = new_thread(other);
    const struct sc_params params = {BUDGET, 0, 5};
    thread[2] = ec;
    threads = 3;
    ec->sc = sc_create(root, ec, &params);
    ec_start(ec);
    assert_int_equal(schedule(), 0);
    unsigned writes = hw.cpu[0].cr3_writes;
    assert_int_equal(run_for(BUDGET), 1);
    assert_int_equal(hw.cpu[0].cr3_writes, writes);
    assert_int_equal(run_for(BUDGET), 2);
    assert_int_equal(hw.cpu[0].cr3_writes, writes + 1);
    assert_int_equal(hw.cpu[0].cr3, other->cr3);
    assert_int_equal(other->cpus, 1);
}

/* Turns. */

static void equals_take_turns_by_budget(void **state)
{
    (void)state;
    start(5, BUDGET, 0);
    start(5, 2 * BUDGET, 0);
    start(5, 3 * BUDGET, 0);
    assert_int_equal(schedule(), 0);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(run_for(BUDGET - 1), 0);
        assert_int_equal(run_for(1), 1);
        assert_int_equal(run_for(2 * BUDGET - 1), 1);
        assert_int_equal(run_for(1), 2);
        assert_int_equal(run_for(3 * BUDGET), 0);
    }
    assert_int_equal(context[1]->consumed, 3 * 2 * BUDGET);
}

static void who_is_preempted_goes_on_with_the_rest_of_its_budget(void **state)
{
    (void)state;
    unsigned a = start(5, BUDGET, 0);
    unsigned b = start(5, BUDGET, 0);
    unsigned high = start(9, 10 * BUDGET, 0);
    assert_int_equal(schedule(), high);
    assert_int_equal(block(), a);
    assert_int_equal(run_for(400), a);
    assert_int_equal(wake(high), high);
    hw.tsc += 5000;
    assert_int_equal(block(), a); /* not b: its turn is not over */
    assert_int_equal(context[a]->left, 600);
    assert_int_equal(run_for(599), a);
    assert_int_equal(run_for(1), b);
}

static void alone_one_runs_on(void **state)
{
    (void)state;
    start(5, BUDGET, 0);
    assert_int_equal(schedule(), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(run_for(BUDGET), 0);
    }
    assert_int_equal(context[0]->consumed, 10 * BUDGET);
    assert_int_equal(cpu_self()->idle_ticks, 0);
}

/* Periods. */

static void a_used_up_budget_waits_for_the_period(void **state)
{
    (void)state;
    uint64_t begin = hw.tsc;
    unsigned high = start(9, BUDGET, 5 * BUDGET);
    unsigned low = start(5, BUDGET, 0);
    assert_int_equal(schedule(), high);
    for (unsigned period = 0; period < 5; period++) {
        assert_int_equal(run_for(BUDGET - 1), high);
        assert_int_equal(run_for(1), low);
        assert_int_equal(context[high]->state, SC_DEPLETED);
        while (hw.tsc < begin + (period + 1) * 5 * BUDGET - 100) {
            assert_int_equal(run_for(100), low);
        }
        assert_int_equal(run_for(100), high);
        assert_int_equal(context[high]->left, BUDGET);
    }
    assert_int_equal(context[high]->consumed, 5 * BUDGET);
    assert_int_equal(context[low]->consumed, 5 * 4 * BUDGET);
}

static void periods_keep_their_instants_when_one_is_late(void **state)
{
    (void)state;
    uint64_t begin = hw.tsc;
    start(9, BUDGET, 5 * BUDGET);
    assert_int_equal(schedule(), 0);
    assert_int_equal(run_for(BUDGET), -1);
    assert_int_equal(next_timer(), begin + 5 * BUDGET);
    assert_int_equal(run_for(4 * BUDGET + 77), 0); /* the interrupt came late */
    assert_int_equal(context[0]->period_end, begin + 10 * BUDGET);
    assert_int_equal(run_for(BUDGET), -1);
    assert_int_equal(next_timer(), begin + 10 * BUDGET);
}

static void a_missed_period_is_not_made_up_for(void **state)
{
    (void)state;
    start(9, BUDGET, 5 * BUDGET);
    assert_int_equal(schedule(), 0);
    assert_int_equal(block(), -1);
    hw.tsc += 100 * BUDGET;
    assert_int_equal(wake(0), 0);
    assert_int_equal(context[0]->left, BUDGET);
    assert_int_equal(context[0]->period_end, hw.tsc + 5 * BUDGET);
    assert_int_equal(run_for(BUDGET), -1);
}

static void waking_within_the_period_gives_no_new_budget(void **state)
{
    (void)state;
    start(9, BUDGET, 5 * BUDGET);
    assert_int_equal(schedule(), 0);
    assert_int_equal(run_for(700), 0);
    assert_int_equal(block(), -1);
    assert_int_equal(wake(0), 0);
    assert_int_equal(context[0]->left, 300);
    assert_int_equal(run_for(299), 0);
    hw.tsc += 1; /* it blocks when just nothing is left */
    assert_int_equal(block(), -1);
    assert_int_equal(wake(0), -1);
    assert_int_equal(context[0]->state, SC_DEPLETED);
    assert_int_equal(run_for(4000), 0);
}

/* Changed parameters. */

static void changes_take_effect_with_the_next_budget(void **state)
{
    (void)state;
    const struct sc_params urgent = {3 * BUDGET, 0, 9};
    const struct sc_params periodic = {BUDGET, 4 * BUDGET, 9};
    unsigned a = start(5, BUDGET, 0);
    unsigned b = start(5, BUDGET, 0);
    assert_int_equal(schedule(), a);
    sc_set(context[b], &urgent);
    assert_int_equal(run_for(BUDGET), b); /* still with the old parameters */
    assert_int_equal(context[b]->now.priority, 5);
    assert_int_equal(run_for(BUDGET), b); /* now with the new */
    assert_int_equal(context[b]->now.priority, 9);
    assert_int_equal(run_for(3 * BUDGET - 1), b);
    sc_set(context[b], &periodic);
    assert_int_equal(run_for(1), b);
    assert_int_equal(run_for(BUDGET), a);
    assert_int_equal(context[b]->state, SC_DEPLETED);
    assert_int_equal(context[a]->consumed, BUDGET);
}

/* Chains of calls. */

static void a_callee_runs_on_its_callers_time(void **state)
{
    (void)state;
    struct ec *handler = new_thread(root);
    unsigned a = start(5, BUDGET, 0);
    assert_int_equal(schedule(), a);
    thread[a]->partner = handler;
    handler->caller = thread[a];
    assert_ptr_equal(hw_dispatch(sched_reschedule), handler);
    hw.tsc += 300;
    hw_dispatch(sched_reschedule);
    assert_int_equal(context[a]->consumed, 300);
    assert_ptr_equal(cpu_self()->current, handler);
}

static void a_context_waits_with_the_end_of_its_chain(void **state)
{
    (void)state;
    struct ec *handler = new_thread(root);
    unsigned a = start(5, BUDGET, 0);
    unsigned b = start(4, BUDGET, 0);
    assert_int_equal(schedule(), a);
    thread[a]->partner = handler;
    handler->caller = thread[a];
    handler->blocked = true;
    assert_int_equal(schedule(), b);
    assert_int_equal(context[a]->state, SC_BLOCKED);
    assert_false(list_empty(&handler->blocked_scs));
    ec_wake(handler);
    assert_ptr_equal(hw_dispatch(sched_reschedule), handler);
    assert_ptr_equal(cpu_self()->sc, context[a]);
}

/* The end. */

static void kill_it(unsigned i)
{
    object_kill(&context[i]->obj);
    hw_settle();
}

static void a_context_can_end_in_every_state(void **state)
{
    (void)state;
    unsigned ready = start(5, BUDGET, 0);
    unsigned running = start(9, BUDGET, 0);
    unsigned blocked = start(8, BUDGET, 0);
    unsigned depleted = start(7, BUDGET, 9 * BUDGET);
    uint64_t used = root->quota.used;
    assert_int_equal(schedule(), running);
    assert_int_equal(block(), blocked);
    assert_int_equal(block(), depleted);
    assert_int_equal(run_for(BUDGET), ready);
    assert_int_equal(wake(running), running);
    kill_it(blocked);
    kill_it(depleted);
    assert_int_equal(run_for(0), running);
    kill_it(running);
    assert_null(thread[running]->sc);
    assert_int_equal(schedule(), ready);
    assert_int_equal(run_for(20 * BUDGET), ready); /* nobody comes back */
    assert_int_equal(block(), -1);
    assert_int_equal(wake(blocked), -1);
    assert_int_equal(wake(running), -1);
    kill_it(ready);
    assert_int_equal(wake(ready), -1);
    assert_in_range(root->quota.used, 0, used);
}

/* The timer. */

static void the_timer_is_set_for_whatever_is_first(void **state)
{
    (void)state;
    uint64_t begin = hw.tsc;
    start(9, BUDGET, 3 * BUDGET);
    start(5, 50 * BUDGET, 0);
    assert_int_equal(schedule(), 0);
    assert_int_equal(next_timer(), begin + BUDGET);
    assert_int_equal(run_for(BUDGET), 1);
    assert_int_equal(next_timer(), begin + 3 * BUDGET); /* the replenishment */
    assert_int_equal(run_for(2 * BUDGET), 0);
    assert_int_equal(next_timer(), begin + 4 * BUDGET);
}

/* Random events. */

static void check_queues(void)
{
    const struct cpu *cpu = cpu_self();
    for (unsigned p = 0; p < CPU_PRIORITIES; p++) {
        bool marked = (cpu->ready_map[p / 64] >> (p % 64) & 1) != 0;
        assert_int_equal(marked, !list_empty(&cpu->ready[p]));
        for (const struct list *l = cpu->ready[p].next; l != &cpu->ready[p]; l = l->next) {
            const struct sc *sc = CONTAINER_OF(l, struct sc, link);
            assert_int_equal(sc->now.priority, p);
            assert_int_equal(sc->state, SC_READY);
            assert_int_not_equal(sc->left, 0);
            assert_true(cpu->sc != NULL && cpu->sc->now.priority >= p);
        }
    }
}

static void random_events_keep_the_rules(void **state)
{
    (void)state;
    uint64_t seed = 9;
    uint64_t begin = hw.tsc;
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        uint64_t budget = BUDGET + random_below(&seed, 3000);
        start(1 + (uint32_t)random_below(&seed, 3) * 100, budget, i % 2 == 0 ? 0 : 8 * budget);
    }
    int now = schedule();
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t event = random_below(&seed, 8);
        if (event == 0 && now >= 0) {
            now = block();
        } else if (event < 3) {
            unsigned i = (unsigned)random_below(&seed, THREADS_MAX);
            now = thread[i]->blocked ? wake(i) : now;
        } else {
            uint64_t first = hw.cpu[0].timer;
            uint64_t ticks = 1 + random_below(&seed, 900);
            now = run_for(first > hw.tsc && first - hw.tsc < ticks ? first - hw.tsc : ticks);
        }
        check_queues();
        assert_true(now < 0 || (context[now]->state == SC_RUNNING && context[now]->left > 0));
    }
    hw_dispatch(sched_reschedule);
    uint64_t sum = cpu_self()->idle_ticks;
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        const struct sc *sc = context[i];
        sum += sc->consumed;
        if (sc->now.period != 0) { /* never more than its share, and a budget at the edges */
            uint64_t periods = (hw.tsc - begin) / sc->now.period + 1;
            assert_in_range(sc->consumed, 0, periods * sc->now.budget);
        }
    }
    assert_int_equal(sum, hw.tsc - begin); /* every tick is charged once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_highest_priority_runs, setup),
        cmocka_unit_test_setup(an_idle_cpu_runs_on_the_kernels_own_space, setup),
        cmocka_unit_test_setup(whoever_is_more_urgent_preempts_when_woken, setup),
        cmocka_unit_test_setup(a_space_is_loaded_only_when_it_changes, setup),
        cmocka_unit_test_setup(equals_take_turns_by_budget, setup),
        cmocka_unit_test_setup(who_is_preempted_goes_on_with_the_rest_of_its_budget, setup),
        cmocka_unit_test_setup(alone_one_runs_on, setup),
        cmocka_unit_test_setup(a_used_up_budget_waits_for_the_period, setup),
        cmocka_unit_test_setup(periods_keep_their_instants_when_one_is_late, setup),
        cmocka_unit_test_setup(a_missed_period_is_not_made_up_for, setup),
        cmocka_unit_test_setup(waking_within_the_period_gives_no_new_budget, setup),
        cmocka_unit_test_setup(changes_take_effect_with_the_next_budget, setup),
        cmocka_unit_test_setup(a_callee_runs_on_its_callers_time, setup),
        cmocka_unit_test_setup(a_context_waits_with_the_end_of_its_chain, setup),
        cmocka_unit_test_setup(a_context_can_end_in_every_state, setup),
        cmocka_unit_test_setup(the_timer_is_set_for_whatever_is_first, setup),
        cmocka_unit_test_setup(random_events_keep_the_rules, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
