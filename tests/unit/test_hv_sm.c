/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timeouts, semaphores and what crosses CPUs: the order of firing against a sorted model, counts,
 * waiting in order, deadlines, the end of a semaphore or of a waiter, wake-ups and kills of other
 * CPUs, and memory that is freed only after every CPU has been outside the kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/sm.h"
#include "hv/timeout.h"
#include "tests/unit/hv_fixture.h"

#define BUDGET 1000000u

static struct pd *root;
static struct sm *sm;

static int setup(void **state)
{
    (void)state;
    root = fixture_root(3);
    sm = sm_create(root, 0);
    assert_non_null(sm);
    assert_int_equal(cap_insert(root, 1, &sm->obj), BH_OK);
    return 0;
}

static struct ec *start(unsigned cpu, uint32_t priority)
{
    const struct ec_params p = {.pd = root, .rip = 0x1000, .cpu = cpu};
    const struct sc_params params = {BUDGET, 0, priority};
    struct ec *ec = ec_create_thread(&p);
    assert_non_null(ec);
    ec->sc = sc_create(root, ec, &params);
    assert_non_null(ec->sc);
    ec_start(ec);
    hw_deliver();
    return ec;
}

/* Timeouts. */

#define TIMEOUTS 60u

static struct timeout timeouts[TIMEOUTS];
static uint64_t due[TIMEOUTS]; /* 0: not armed */
static unsigned fired;
static uint64_t latest;

static void fire(struct timeout *t)
{
    unsigned i = (unsigned)(t - timeouts);
    assert_false(t->queued);
    assert_int_not_equal(due[i], 0);
    assert_true(due[i] <= hw.tsc && due[i] >= latest);
    latest = due[i];
    due[i] = 0;
    fired++;
}

static void timeouts_fire_in_order_when_due(void **state)
{
    (void)state;
    uint64_t seed = 31;
    struct cpu *cpu = cpu_self();
    memset(timeouts, 0, sizeof(timeouts));
    memset(due, 0, sizeof(due));
    fired = 0;
    for (unsigned step = 0; step < 30000; step++) {
        unsigned i = (unsigned)random_below(&seed, TIMEOUTS);
        uint64_t action = random_below(&seed, 4);
        if (action < 2) {
            timeouts[i].fire = fire;
            due[i] = hw.tsc + 1 + random_below(&seed, 500);
            timeout_set(cpu, &timeouts[i], due[i]);
        } else if (action == 2) {
            timeout_cancel(cpu, &timeouts[i]);
            due[i] = 0;
        } else {
            hw.tsc += random_below(&seed, 60);
            latest = 0;
            hw_timer_interrupt();
        }
        uint64_t first = UINT64_MAX;
        for (unsigned k = 0; k < TIMEOUTS; k++) {
            assert_true(timeouts[k].queued == (due[k] != 0));
            first = due[k] != 0 && due[k] < first ? due[k] : first;
        }
        assert_true(cpu->first == NULL ? first == UINT64_MAX : cpu->first->key == first);
        assert_true(hw.cpu[0].timer <= first); /* never too late */
    }
    assert_true(fired > 1000);
}

static struct timeout again;

static void fire_again(struct timeout *t)
{
    fired++;
    timeout_set(cpu_self(), t, hw.tsc + 100);
}

static void a_timeout_may_set_itself_again(void **state)
{
    (void)state;
    fired = 0;
    again = (struct timeout){.fire = fire_again};
    timeout_set(cpu_self(), &again, hw.tsc + 100);
    for (unsigned i = 1; i <= 10; i++) {
        hw.tsc += 99;
        hw_timer_interrupt();
        assert_int_equal(fired, i - 1);
        hw.tsc += 1;
        hw_timer_interrupt();
        assert_int_equal(fired, i);
    }
    timeout_cancel(cpu_self(), &again);
    timeout_cancel(cpu_self(), &again);
}

static void the_timer_is_programmed_only_for_something_earlier(void **state)
{
    (void)state;
    memset(timeouts, 0, sizeof(timeouts));
    unsigned sets = hw.cpu[0].timer_sets;
    timeout_set(cpu_self(), &timeouts[0], hw.tsc + 100);
    timeout_set(cpu_self(), &timeouts[1], hw.tsc + 200);
    assert_int_equal(hw.cpu[0].timer_sets, sets + 1);
    timeout_cancel(cpu_self(), &timeouts[0]);
    timeout_set(cpu_self(), &timeouts[0], hw.tsc + 150);
    assert_int_equal(hw.cpu[0].timer_sets, sets + 1);
    timeout_set(cpu_self(), &timeouts[2], hw.tsc + 50);
    assert_int_equal(hw.cpu[0].timer_sets, sets + 2);
    assert_int_equal(hw.cpu[0].timer, hw.tsc + 50);
}

/* Semaphores. */

static struct {
    uint64_t deadline;
    bool zero;
    enum bh_status status;
    uint64_t taken;
} down;

static void down_current(struct cpu *cpu)
{
    struct ec *ec = cpu->current;
    down.status = sm_down(ec, sm, down.deadline, down.zero, &down.taken);
}

/* The current thread goes down. Returns who runs then; the same thread if it need not wait. */
static struct ec *go_down(uint64_t deadline)
{
    struct ec *ec = cpu_self()->current;
    down.deadline = deadline;
    struct ec *next = hw_dispatch(down_current);
    return hw.returned ? ec : next;
}

static void a_count_is_taken_without_waiting(void **state)
{
    (void)state;
    struct ec *ec = start(0, 5);
    hw_dispatch(sched_reschedule);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sm_up(sm), BH_OK);
    }
    assert_ptr_equal(go_down(BH_NEVER), ec);
    assert_int_equal(down.status, BH_OK);
    assert_int_equal(down.taken, 1);
    down.zero = true;
    assert_ptr_equal(go_down(0), ec);
    down.zero = false;
    assert_int_equal(down.taken, 4);
    assert_ptr_equal(go_down(hw.tsc), ec);
    assert_int_equal(down.status, BH_ERR_TIMEOUT);
}

static void the_count_stops_at_its_greatest(void **state)
{
    (void)state;
    sm->count = BH_SM_COUNT_MAX - 1;
    assert_int_equal(sm_up(sm), BH_OK);
    assert_int_equal(sm_up(sm), BH_ERR_OVERFLOW);
    assert_int_equal(sm->count, BH_SM_COUNT_MAX);
}

static void waiters_are_woken_in_order_of_arrival(void **state)
{
    (void)state;
    struct ec *a = start(0, 5);
    struct ec *b = start(0, 9);
    struct ec *c = start(0, 1);
    assert_ptr_equal(hw_dispatch(sched_reschedule), b);
    assert_ptr_equal(go_down(BH_NEVER), a);
    assert_ptr_equal(go_down(BH_NEVER), c);
    assert_ptr_equal(go_down(BH_NEVER), NULL);
    struct ec *order[] = {b, a, c};
    for (unsigned i = 0; i < 3; i++) {
        order[i]->regs.rdi = 99;
        assert_int_equal(sm_up(sm), BH_OK);
        assert_ptr_equal(hw_dispatch(sched_reschedule), order[i]);
        assert_int_equal(order[i]->regs.rdi, BH_OK);
        assert_int_equal(order[i]->regs.rsi, 1);
        order[i]->sc->now.priority = order[i]->sc->next.priority;
        object_kill(&order[i]->obj);
    }
    assert_int_equal(sm->count, 0);
    hw_dispatch(sched_reschedule);
    hw_settle();
}

static void a_deadline_ends_the_wait_of_one(void **state)
{
    (void)state;
    struct ec *a = start(0, 5);
    struct ec *b = start(0, 4);
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    uint64_t deadline = hw.tsc + 500;
    assert_ptr_equal(go_down(deadline), b);
    assert_ptr_equal(go_down(BH_NEVER), NULL);
    hw.tsc = deadline - 1;
    hw_timer_interrupt();
    assert_ptr_equal(hw_dispatch(sched_reschedule), NULL);
    hw.tsc = deadline;
    hw_timer_interrupt();
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    assert_int_equal(a->regs.rdi, BH_ERR_TIMEOUT);
    assert_int_equal(sm_up(sm), BH_OK); /* it is b's */
    assert_false(b->blocked);
    assert_int_equal(sm->count, 0);
}

static void an_up_stops_the_clock(void **state)
{
    (void)state;
    struct ec *a = start(0, 5);
    hw_dispatch(sched_reschedule);
    go_down(hw.tsc + 500);
    assert_int_equal(sm_up(sm), BH_OK);
    assert_false(a->timeout.queued);
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    assert_ptr_equal(go_down(BH_NEVER), NULL);
    hw.tsc += 1000;
    hw_timer_interrupt();
    assert_ptr_equal(hw_dispatch(sched_reschedule), NULL);
}

static void the_end_of_a_semaphore_wakes_all(void **state)
{
    (void)state;
    uint64_t used = root->quota.used;
    struct ec *a = start(0, 5);
    struct ec *b = start(0, 4);
    hw_dispatch(sched_reschedule);
    assert_ptr_equal(go_down(hw.tsc + 500), b);
    assert_ptr_equal(go_down(BH_NEVER), NULL);
    spaces_lock();
    assert_true(cap_revoke(root, 1, true));
    spaces_unlock();
    cpu_kill_later(cpu_self());
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    assert_int_equal(a->regs.rdi, BH_ERR_DEAD);
    assert_int_equal(b->regs.rdi, BH_ERR_DEAD);
    assert_false(b->blocked);
    object_kill(&a->obj);
    object_kill(&b->obj);
    assert_ptr_equal(hw_dispatch(sched_reschedule), NULL);
    hw_settle();
    assert_int_equal(root->quota.used, used - 1); /* nothing stays, not even the slab of sm */
}

static void a_killed_waiter_leaves_the_queue(void **state)
{
    (void)state;
    struct ec *a = start(0, 5);
    struct ec *b = start(0, 4);
    hw_dispatch(sched_reschedule);
    go_down(hw.tsc + 500);
    go_down(BH_NEVER);
    object_kill(&a->obj);
    hw_settle();
    assert_int_equal(sm_up(sm), BH_OK);
    assert_false(b->blocked);
    assert_int_equal(sm->count, 0);
    hw.tsc += 1000;
    hw_timer_interrupt(); /* nothing of a is left to fire */
    assert_ptr_equal(hw_dispatch(sched_reschedule), b);
}

/* Other CPUs. */

static void a_waiter_is_woken_on_its_own_cpu(void **state)
{
    (void)state;
    hw.self = 1;
    struct ec *a = start(1, 5);
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    assert_ptr_equal(go_down(BH_NEVER), NULL);
    hw.self = 0;
    assert_int_equal(sm_up(sm), BH_OK);
    assert_true(a->blocked); /* not yet: only its CPU may touch it */
    assert_int_equal(sm_up(sm), BH_OK);
    hw_deliver();
    assert_false(a->blocked);
    assert_int_equal(sm->count, 1);
    hw.self = 1;
    assert_int_equal(cpu_self()->hazard, HAZARD_SCHED);
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
}

static void a_thread_is_killed_on_its_own_cpu(void **state)
{
    (void)state;
    struct ec *a = start(2, 5);
    hw.self = 2;
    assert_ptr_equal(hw_dispatch(sched_reschedule), a);
    hw.self = 0;
    object_get(&a->obj);
    object_kill(&a->obj);
    assert_int_equal(a->obj.dead, 1);
    hw_deliver();
    assert_int_equal(a->obj.dead, 2);
    object_put(&a->obj);
    hw.self = 2;
    assert_int_equal(cpu_self()->hazard, HAZARD_SCHED);
    assert_ptr_equal(hw_dispatch(sched_reschedule), NULL);
    hw.self = 0;
    hw_settle();
}

static void memory_is_freed_when_all_cpus_have_been_outside(void **state)
{
    (void)state;
    struct pd *pd = fixture_pd(root, 2, 20);
    struct sm *dead = sm_create(pd, 0);
    uint64_t used = pd->quota.used;
    object_put(&dead->obj);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        assert_int_equal(pd->quota.used, used);
        hw.self = cpu;
        reclaim_quiescent();
        reclaim_quiescent(); /* twice is not two CPUs */
    }
    assert_int_equal(pd->quota.used, used - 1);
    hw.self = 0;
    hw_settle();
}

static void what_dies_in_a_grace_period_waits_for_the_next(void **state)
{
    (void)state;
    struct pd *pd = fixture_pd(root, 2, 20);
    struct sm *first = sm_create(pd, 0);
    struct sm *second = sm_create(pd, 0);
    uint64_t used = pd->quota.used;
    object_put(&first->obj);
    hw.self = 1;
    reclaim_quiescent();
    hw.self = 0;
    object_put(&second->obj); /* CPU 1 may have seen it since */
    reclaim_quiescent();
    hw.self = 2;
    reclaim_quiescent();
    hw.self = 0;
    assert_int_equal(pd->quota.used, used); /* both lie in one slab */
    hw_deliver();
    assert_int_equal(pd->quota.used, used - 1);
}

static void one_can_wait_for_the_end(void **state)
{
    (void)state;
    struct ec *ec = start(0, 5);
    struct sm *dead = sm_create(root, 0);
    hw_dispatch(sched_reschedule);
    assert_true(reclaim_wait(ec));
    object_put(&dead->obj);
    assert_false(reclaim_wait(ec));
    ec->blocked = true;
    hw_deliver();
    assert_false(ec->blocked);
    assert_true(reclaim_wait(ec));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(timeouts_fire_in_order_when_due, setup),
        cmocka_unit_test_setup(a_timeout_may_set_itself_again, setup),
        cmocka_unit_test_setup(the_timer_is_programmed_only_for_something_earlier, setup),
        cmocka_unit_test_setup(a_count_is_taken_without_waiting, setup),
        cmocka_unit_test_setup(the_count_stops_at_its_greatest, setup),
        cmocka_unit_test_setup(waiters_are_woken_in_order_of_arrival, setup),
        cmocka_unit_test_setup(a_deadline_ends_the_wait_of_one, setup),
        cmocka_unit_test_setup(an_up_stops_the_clock, setup),
        cmocka_unit_test_setup(the_end_of_a_semaphore_wakes_all, setup),
        cmocka_unit_test_setup(a_killed_waiter_leaves_the_queue, setup),
        cmocka_unit_test_setup(a_waiter_is_woken_on_its_own_cpu, setup),
        cmocka_unit_test_setup(a_thread_is_killed_on_its_own_cpu, setup),
        cmocka_unit_test_setup(memory_is_freed_when_all_cpus_have_been_outside, setup),
        cmocka_unit_test_setup(what_dies_in_a_grace_period_waits_for_the_next, setup),
        cmocka_unit_test_setup(one_can_wait_for_the_end, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
