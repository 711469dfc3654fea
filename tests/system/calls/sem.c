/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores: counts, order, deadlines, their end while waited on, and ups from other CPUs.
 */
#include "tests/system/calls/test.h"

#define WAITERS   4u
#define UPS       3000u
#define ROUNDS    500u
#define LATE_MAX  30000ull /* ticks: the emulated APIC timer is exact to some 100 instructions */
#define DEADLINES 20u

struct shared {
    uint32_t sm, other;
    uint32_t waiting; /* threads about to wait */
    uint32_t next;    /* place in the order of waking */
    uint32_t up;      /* ups made */
};

static struct shared shared;

static void prepare(uint32_t count)
{
    shared = (struct shared){.sm = sel(), .other = sel()};
    must(bh_create_sm(shared.sm, count), "create_sm");
    must(bh_create_sm(shared.other, 0), "create_sm");
}

static void waiter(struct thread *t)
{
    add_flag(&shared.waiting);
    t->result = bh_sm_down(shared.sm, BH_NEVER);
    t->argument = at(__atomic_fetch_add(&shared.next, 1, __ATOMIC_ACQ_REL));
}

static uint64_t count_of(uint32_t sm)
{
    uint64_t count = 0;
    return bh_sm_down_zero(sm, 0, &count) == BH_OK ? count : 0;
}

static void counts(void)
{
    prepare(2);
    uint64_t count = 0;
    expect_status(bh_sm_down(shared.sm, BH_NEVER), BH_OK, "first down");
    expect_status(bh_sm_down(shared.sm, 0), BH_OK, "second down, with a deadline in the past");
    expect_status(bh_sm_down(shared.sm, 0), BH_ERR_TIMEOUT, "third down");
    for (int i = 0; i < 5; i++) {
        bh_sm_up(shared.sm);
    }
    expect_status(bh_sm_down_zero(shared.sm, BH_NEVER, &count), BH_OK, "down to zero");
    expect_equal(count, 5, "its count");
    expect_status(bh_sm_down_zero(shared.sm, 0, &count), BH_ERR_TIMEOUT, "again");
}

static void order(void)
{
    struct thread *t[WAITERS];
    prepare(0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        t[i] = thread_run(0, PRIO_LOW, waiter, NULL);
        wait_for(&shared.waiting, i + 1, "waiting threads");
    }
    sleep_ticks(TICKS_SHORT / 4);
    for (uint32_t i = 0; i < WAITERS; i++) {
        expect_equal(get_flag(&shared.next), i, "threads woken");
        bh_sm_up(shared.sm);
        thread_join(t[i]);
        expect(t[i]->argument == at(i), "thread %u was woken as number %lu", i,
               (uint64_t)(uintptr_t)t[i]->argument);
        expect_status((enum bh_status)t[i]->result, BH_OK, "its down");
    }
    expect_equal(count_of(shared.sm), 0, "count");
}

static void deadlines(void)
{
    prepare(0);
    for (uint32_t i = 1; i <= DEADLINES; i++) {
        uint64_t deadline = bh_rdtsc() + i * TICKS_SHORT / DEADLINES + 5000;
        enum bh_status status = bh_sm_down(shared.sm, deadline);
        uint64_t now = bh_rdtsc();
        expect_status(status, BH_ERR_TIMEOUT, "down");
        expect(now >= deadline, "woken %lu ticks early", deadline - now);
        expect(now < deadline + LATE_MAX, "woken %lu ticks late", now - deadline);
    }
    uint64_t count;
    uint64_t deadline = bh_rdtsc() + TICKS_SHORT;
    expect_status(bh_sm_down_zero(shared.sm, deadline, &count), BH_ERR_TIMEOUT, "down to zero");
    expect(bh_rdtsc() >= deadline, "woken early");
}

static void sleeper(struct thread *t)
{
    uint64_t deadline = (uint64_t)(uintptr_t)t->argument;
    bh_sm_down(shared.sm, deadline);
    t->result = bh_rdtsc();
}

/* Set in the opposite order of their expiry. */
static void many_deadlines(void)
{
    struct thread *t[16];
    prepare(0);
    uint64_t start = bh_rdtsc() + 4 * TICKS_SHORT;
    for (uint64_t i = 0; i < 16; i++) {
        uint64_t deadline = start + (16 - i) * TICKS_SHORT / 8;
        t[i] = thread_run(0, PRIO_HIGH, sleeper, at(deadline));
    }
    for (uint64_t i = 0; i < 16; i++) {
        uint64_t deadline = start + (16 - i) * TICKS_SHORT / 8;
        thread_join(t[i]);
        expect(t[i]->result >= deadline && t[i]->result < deadline + LATE_MAX,
               "thread %lu was woken at %ld", i, (long)(t[i]->result - deadline));
    }
}

static void up_before_deadline(void)
{
    prepare(0);
    struct thread *t = thread_run(0, PRIO_LOW, sleeper, at(bh_rdtsc() + TICKS_LONG));
    sleep_ticks(TICKS_SHORT);
    expect(!thread_has_finished(t), "it does not wait");
    uint64_t before = bh_rdtsc();
    bh_sm_up(shared.sm);
    thread_join(t);
    expect(t->result - before < TICKS_SHORT, "woken %lu ticks after the up", t->result - before);
    expect_equal(count_of(shared.sm), 0, "count");
}

static void destroyed(void)
{
    struct thread *t[WAITERS];
    prepare(0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        t[i] = thread_run(i % test_cpus(), PRIO_LOW, waiter, NULL);
    }
    wait_for(&shared.waiting, WAITERS, "waiting threads");
    sleep_ticks(TICKS_SHORT);
    must(bh_revoke(BH_SPACE_OBJ, shared.sm, 1, 1), "destroy the semaphore");
    for (uint32_t i = 0; i < WAITERS; i++) {
        thread_join(t[i]);
        expect_status((enum bh_status)t[i]->result, BH_ERR_DEAD, "down");
    }
    expect_status(bh_sm_up(shared.sm), BH_ERR_SELECTOR, "up afterwards");
}

static void waiter_dies(void)
{
    prepare(0);
    struct thread *t = thread_run(test_cpus() - 1, PRIO_LOW, waiter, NULL);
    wait_for(&shared.waiting, 1, "waiting threads");
    sleep_ticks(TICKS_SHORT);
    must(bh_revoke(BH_SPACE_OBJ, t->ec, 2, 1), "destroy the waiter");
    objects_used();
    bh_sm_up(shared.sm);
    expect_equal(count_of(shared.sm), 1, "count after an up for nobody");
}

static void ponger(struct thread *t)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        t->result |= bh_sm_down(shared.sm, bh_rdtsc() + TICKS_LONG);
        bh_sm_up(shared.other);
    }
}

static void ping_pong(uint32_t cpu)
{
    prepare(0);
    struct thread *t = thread_run(cpu, PRIO_HIGH, ponger, NULL);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        bh_sm_up(shared.sm);
        if (!expect_status(bh_sm_down(shared.other, bh_rdtsc() + TICKS_LONG), BH_OK, "answer")) {
            break;
        }
    }
    thread_join(t);
    expect_status((enum bh_status)t->result, BH_OK, "down of the other");
}

static void ping_pong_here(void)
{
    ping_pong(0);
}

static void ping_pong_cpus(void)
{
    if (test_cpus() < 2) {
        skip("one CPU");
    }
    for (uint32_t cpu = 1; cpu < test_cpus(); cpu++) {
        ping_pong(cpu);
    }
}

static void upper(struct thread *t)
{
    for (uint32_t i = 0; i < UPS; i++) {
        t->result |= bh_sm_up(shared.sm);
    }
    add_flag(&shared.up);
}

/* Ups from all CPUs, downs on all CPUs: none is lost, none is made up. */
static void many(void)
{
    struct thread *t[WAITERS];
    prepare(0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        t[i] = thread_run(i % test_cpus(), PRIO_MIDDLE, upper, NULL);
    }
    uint32_t taken = 0;
    uint64_t deadline = bh_rdtsc() + TICKS_LONG;
    while (taken < WAITERS * UPS) {
        enum bh_status status = bh_sm_down(shared.sm, deadline);
        if (!expect(status == BH_OK, "status %d after %u of %u downs", status, taken,
                    WAITERS * UPS)) {
            break;
        }
        taken++;
    }
    for (uint32_t i = 0; i < WAITERS; i++) {
        thread_join(t[i]);
        expect_status((enum bh_status)t[i]->result, BH_OK, "up");
    }
    expect_equal(count_of(shared.sm), 0, "count at the end");
}

/* Deadlines and ups race; every up is taken exactly once. */
static void races(void)
{
    prepare(0);
    struct thread *t = thread_run(test_cpus() - 1, PRIO_MIDDLE, upper, NULL);
    uint32_t taken = 0;
    uint64_t end = bh_rdtsc() + TICKS_LONG;
    while (taken < UPS && bh_rdtsc() < end) {
        taken += bh_sm_down(shared.sm, bh_rdtsc() + 2000) == BH_OK;
    }
    thread_join(t);
    expect_equal(taken, UPS, "ups taken");
    expect_equal(count_of(shared.sm), 0, "count at the end");
}

const struct test sem_tests[] = {
    {"semaphore_counts", counts},
    {"waiters_are_woken_in_order", order},
    {"deadlines_are_kept", deadlines},
    {"many_deadlines_at_a_time_are_kept", many_deadlines},
    {"up_ends_a_wait_before_its_deadline", up_before_deadline},
    {"end_of_a_semaphore_wakes_its_waiters", destroyed},
    {"dead_waiter_takes_no_up", waiter_dies},
    {"semaphores_switch_between_threads", ping_pong_here},
    {"up_wakes_on_other_cpus", ping_pong_cpus},
    {"no_up_is_lost_among_many", many},
    {"no_up_is_lost_to_a_deadline", races},
    {NULL, NULL},
};
