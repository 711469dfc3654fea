/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state: every thread finds its own, whoever ran in between, and a new one finds the
 * initial state.
 */
#include "tests/system/calls/test.h"

#define PATTERN 0x1111111100000000ull
#define ROUNDS  300u
#define THREADS 6u
#define SLICE   20000ull /* so that they are switched within a round */

static void worker(struct thread *t)
{
    uint64_t pattern = (uint64_t)(uintptr_t)t->argument;
    t->result = fpu_zero();
    fpu_fill(pattern);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t end = bh_rdtsc() + SLICE / 10;
        while (bh_rdtsc() < end) {
        }
        t->result += fpu_check(pattern);
    }
}

static void compete(bool domains)
{
    struct thread *t[THREADS];
    fpu_fill(PATTERN);
    for (uint64_t i = 0; i < THREADS; i++) {
        uint32_t pd = domains && i % 2 != 0 ? domain_create(DOMAIN_QUOTA) : BH_SEL_PD;
        t[i] = thread_create(pd, (uint32_t)i / 3 % test_cpus(), worker,
                             at(PATTERN + ((i + 1) << 32)), BH_SELECTOR_NONE);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        thread_start(t[i], PRIO_LOW, SLICE, 0);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        thread_join(t[i]);
        expect(t[i]->result == 0, "thread %lu: %lu registers differ", i, t[i]->result);
    }
    expect_equal(fpu_check(PATTERN), 0, "registers that differ in the main thread");
}

static void same_domain(void)
{
    compete(false);
}

static void domains(void)
{
    compete(true);
}

/* The handler looks for the caller's state and leaves its own. */
static uint64_t serve_look(struct service *s, struct bh_msg *m)
{
    m->w[0] = s->count == 1 ? fpu_zero() : fpu_check(PATTERN);
    fpu_fill(PATTERN);
    m->words = 0;
    return 0;
}

static void handler(uint32_t pd)
{
    struct service *s = service_create(pd, 0, serve_look, NULL, BH_SELECTOR_NONE);
    for (uint64_t i = 1; i < 4; i++) {
        uint64_t pattern = PATTERN + (i << 40);
        struct bh_msg m = {{0}, 0};
        fpu_fill(pattern);
        must(bh_call(s->pt, 0, 0, &m), "call");
        expect(m.w[0] == 0, "call %lu: %lu registers differ in the handler", i, m.w[0]);
        expect_equal(fpu_check(pattern), 0, "registers that differ in the caller");
    }
}

static void handler_here(void)
{
    handler(BH_SEL_PD);
}

static void handler_across(void)
{
    handler(domain_create(DOMAIN_QUOTA));
}

const struct test fpu_tests[] = {
    {"extended_state_is_private_to_threads", same_domain},
    {"extended_state_is_private_to_domains", domains},
    {"calls_keep_extended_state", handler_here},
    {"calls_across_domains_keep_extended_state", handler_across},
    {NULL, NULL},
};
