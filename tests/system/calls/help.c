/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to a handler that is busy or dies: NO_WAIT, helping (priority inheritance), donation of
 * time, and BH_ERR_DEAD for everyone who waits.
 */
#include "tests/system/calls/test.h"

#define WORK_TICKS 1000000ull

/* A handler that works for a while, or waits on a semaphore. */
struct worker {
    uint32_t entered, left;
    uint32_t sm;    /* waited on if not 0 */
    uint64_t ticks; /* of work */
};

static struct worker worker;

static void spin(uint64_t ticks)
{
    uint64_t end = bh_rdtsc() + ticks;
    while (bh_rdtsc() < end) {
    }
}

static uint64_t serve_work(struct service *s, struct bh_msg *m)
{
    struct worker *w = s->argument;
    add_flag(&w->entered);
    if (w->sm != 0) {
        bh_sm_down(w->sm, BH_NEVER);
    }
    spin(w->ticks);
    add_flag(&w->left);
    m->words = 0;
    return 0;
}

static void client(struct thread *t)
{
    t->result = service_call(t->argument);
}

static void spinner(struct thread *t)
{
    for (;;) {
        __atomic_fetch_add(&t->result, 1, __ATOMIC_RELAXED);
    }
}

static struct service *worker_create(uint32_t pd, uint32_t sm, uint64_t ticks)
{
    worker = (struct worker){.sm = sm, .ticks = ticks};
    return service_create(pd, 0, serve_work, &worker, BH_SELECTOR_NONE);
}

static uint32_t semaphore(void)
{
    uint32_t sm = sel();
    must(bh_create_sm(sm, 0), "create_sm");
    return sm;
}

static void no_wait(void)
{
    uint32_t sm = semaphore();
    struct service *s = worker_create(BH_SEL_PD, sm, 0);
    struct thread *t = thread_run(0, PRIO_LOW, client, s);
    wait_for(&worker.entered, 1, "calls at the handler");
    struct bh_msg m = {{0}, 0};
    expect_status(bh_call(s->pt, BH_FLAG_NO_WAIT, 0, &m), BH_ERR_BUSY, "call with NO_WAIT");
    bh_sm_up(sm);
    thread_join(t);
    expect_status((enum bh_status)t->result, BH_OK, "the first call");
    bh_sm_up(sm);
    expect_status(bh_call(s->pt, BH_FLAG_NO_WAIT, 0, &m), BH_OK, "NO_WAIT with an idle handler");
}

/* Without helping the low client, and with it the main thread, would wait for the spinner for ever.
 */
static void helping(uint32_t pd)
{
    struct service *s = worker_create(pd, 0, WORK_TICKS);
    struct thread *low = thread_run(0, PRIO_LOW, client, s);
    wait_for(&worker.entered, 1, "calls at the handler");
    struct thread *middle = thread_run(0, PRIO_MIDDLE, spinner, NULL);
    sleep_ticks(TICKS_SHORT);
    expect(middle->result != 0, "the spinner does not run");
    expect(get_flag(&worker.left) == 0, "the handler was done too soon for this test");
    uint64_t before = bh_rdtsc();
    expect_status(service_call(s), BH_OK, "call");
    uint64_t ticks = bh_rdtsc() - before;
    expect(ticks < 3 * WORK_TICKS, "the call took %lu ticks", ticks);
    expect_equal(get_flag(&worker.left), 2, "messages that the handler has answered");
    expect(!thread_has_finished(low), "the client of low priority has overtaken the spinner");
    must(bh_revoke(BH_SPACE_OBJ, middle->ec, 1, 1), "end the spinner");
    thread_join(low);
    expect_status((enum bh_status)low->result, BH_OK, "the call of low priority");
}

static void helping_here(void)
{
    helping(BH_SEL_PD);
}

static void helping_across(void)
{
    helping(domain_create(DOMAIN_QUOTA));
}

static uint64_t serve_forward(struct service *s, struct bh_msg *m)
{
    m->w[0] = service_call(s->argument);
    m->words = 0;
    return 0;
}

/* The busy handler itself waits for another one, which does the work. */
static void helping_through(void)
{
    struct service *inner = worker_create(BH_SEL_PD, 0, WORK_TICKS);
    struct service *outer = service_create(BH_SEL_PD, 0, serve_forward, inner, BH_SELECTOR_NONE);
    struct thread *low = thread_run(0, PRIO_LOW, client, outer);
    wait_for(&worker.entered, 1, "calls at the inner handler");
    thread_run(0, PRIO_MIDDLE, spinner, NULL);
    sleep_ticks(TICKS_SHORT / 4);
    uint64_t before = bh_rdtsc();
    expect_status(service_call(outer), BH_OK, "call");
    uint64_t ticks = bh_rdtsc() - before;
    expect(ticks < 3 * WORK_TICKS, "the call took %lu ticks", ticks);
    expect(!thread_has_finished(low), "the client of low priority has overtaken the spinner");
}

/* Both wait for a handler that waits for a semaphore; both are answered, the urgent one first. */
static void waiting_for_blocked(void)
{
    uint32_t sm = semaphore();
    struct service *s = worker_create(BH_SEL_PD, sm, 0);
    struct thread *one = thread_run(0, PRIO_LOW, client, s);
    wait_for(&worker.entered, 1, "calls at the handler");
    struct thread *two = thread_run(0, PRIO_MIDDLE, client, s);
    struct thread *three = thread_run(0, PRIO_MIDDLE, client, s);
    sleep_ticks(TICKS_SHORT);
    expect_equal(get_flag(&worker.entered), 1, "calls at the handler");
    for (int i = 0; i < 3; i++) {
        bh_sm_up(sm);
        sleep_ticks(TICKS_SHORT);
    }
    thread_join(one);
    thread_join(two);
    thread_join(three);
    expect(one->result == BH_OK && two->result == BH_OK && three->result == BH_OK,
           "statuses %lu %lu %lu", one->result, two->result, three->result);
    expect_equal(get_flag(&worker.left), 3, "messages that the handler has answered");
}

static void donation(void)
{
    struct service *s = worker_create(BH_SEL_PD, 0, WORK_TICKS);
    struct thread *t = thread_create(BH_SEL_PD, 0, client, s, BH_SELECTOR_NONE);
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
    struct bh_sc_state state = {0};
    must(bh_sc_read(t->sc, &state), "read");
    expect(state.consumed >= WORK_TICKS && state.consumed < 2 * WORK_TICKS,
           "the caller was charged %lu ticks", state.consumed);
}

static void handler_dies(uint32_t pd, bool whole_domain)
{
    uint32_t sm = semaphore();
    struct service *s = worker_create(BH_SEL_PD, sm, 0);
    if (pd != BH_SEL_PD) {
        must(bh_delegate(pd, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL, sm, sm, 1), "delegate");
        s = worker_create(pd, sm, 0);
    }
    struct thread *one = thread_run(0, PRIO_MIDDLE, client, s);
    struct thread *two = thread_run(0, PRIO_LOW, client, s);
    wait_for(&worker.entered, 1, "calls at the handler");
    sleep_ticks(TICKS_SHORT);
    must(bh_revoke(BH_SPACE_OBJ, whole_domain ? pd : s->ec, 1, 1), "destroy");
    thread_join(one);
    thread_join(two);
    expect_status((enum bh_status)one->result, BH_ERR_DEAD, "the call in the middle");
    expect_status((enum bh_status)two->result, BH_ERR_DEAD, "the call that waited");
    expect_status(service_call(s), BH_ERR_DEAD, "a call afterwards");
}

static void dies_here(void)
{
    handler_dies(BH_SEL_PD, false);
}

static void dies_across(void)
{
    handler_dies(domain_create(DOMAIN_QUOTA), false);
}

static void domain_dies(void)
{
    handler_dies(domain_create(DOMAIN_QUOTA), true);
}

/* The end of a caller in the middle of its call: the handler finishes with somebody else's time. */
static void caller_dies(void)
{
    uint32_t sm = semaphore();
    struct service *s = worker_create(BH_SEL_PD, sm, 0);
    struct thread *t = thread_run(0, PRIO_LOW, client, s);
    wait_for(&worker.entered, 1, "calls at the handler");
    must(bh_revoke(BH_SPACE_OBJ, t->ec, 2, 1), "destroy the caller");
    bh_sm_up(sm);
    bh_sm_up(sm);
    expect_status(service_call(s), BH_OK, "the next call");
    expect_equal(get_flag(&worker.left), 2, "messages that the handler has finished");
}

const struct test help_tests[] = {
    {"no_wait_tells_a_busy_handler", no_wait},
    {"busy_handler_is_helped", helping_here},
    {"busy_handler_is_helped_across_domains", helping_across},
    {"help_reaches_the_end_of_a_chain", helping_through},
    {"callers_wait_for_a_blocked_handler", waiting_for_blocked},
    {"call_charges_the_caller", donation},
    {"death_of_a_handler_fails_its_callers", dies_here},
    {"death_of_a_handler_fails_callers_across_domains", dies_across},
    {"death_of_a_domain_fails_callers_of_its_handlers", domain_dies},
    {"death_of_a_caller_frees_the_handler", caller_dies},
    {NULL, NULL},
};
