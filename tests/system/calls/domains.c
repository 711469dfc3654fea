/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains come and go while their threads and guests run on all CPUs; afterwards no page of kernel
 * memory is missing.
 */
#include "tests/system/calls/guest.h"

#define ROUNDS     200u
#define BATCH      20u /* rounds between two looks at the balance */
#define SOME_PAGES 64u /* more than the code of this program */
#define LIFE_TICKS 20000ull

static void spin(struct thread *t)
{
    for (;;) {
        __atomic_fetch_add(&t->result, 1, __ATOMIC_RELAXED);
    }
}

static void wait(struct thread *t)
{
    bh_sm_down(t->park, BH_NEVER);
}

static void wait_briefly(struct thread *t)
{
    for (;;) {
        bh_sm_down(t->park, bh_rdtsc() + LIFE_TICKS / 8);
    }
}

static uint64_t serve_wait(struct service *s, struct bh_msg *m)
{
    (void)s;
    bh_sm_down(DOMAIN_PARK, BH_NEVER);
    m->words = 0;
    return 0;
}

static void client(struct thread *t)
{
    t->result = service_call(t->argument);
}

static uint32_t guest_script(struct vcpu *v)
{
    return v->state->exit_reason == BH_EXIT_VMCALL ? guest_next(v) : 0;
}

static void populate(uint32_t round, struct thread **caller)
{
    uint32_t cpus = test_cpus();
    guests_reset();
    struct vcpu *v =
        guest_create(round % cpus, round % 2 != 0 ? guest_count : guest_calls, guest_script);
    guest_start(v);
    struct service *s =
        service_create(v->pd, (round + 1) % cpus, serve_wait, NULL, BH_SELECTOR_NONE);
    *caller = thread_run((round + 1) % cpus, PRIO_MIDDLE, client, s);
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        static void (*const role[])(struct thread *) = {spin, wait, wait_briefly};
        for (uint32_t i = 0; i < 3; i++) {
            struct thread *t = thread_create(v->pd, cpu, role[i], NULL, BH_SELECTOR_NONE);
            thread_start(t, PRIO_LOW, BUDGET / 100, 0);
        }
    }
    sleep_ticks(LIFE_TICKS + round * 37);
    must(bh_revoke(BH_SPACE_OBJ, v->pd, 1, 1), "destroy the domain");
    v->pd = 0;
}

static void come_and_go(void)
{
    uint64_t before = objects_used();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct thread *caller;
        objects_begin();
        populate(round, &caller);
        thread_join(caller);
        expect_status((enum bh_status)caller->result, BH_ERR_DEAD, "the call into the domain");
        objects_end();
        if (round % BATCH == BATCH - 1) {
            uint64_t used = objects_used();
            expect(used == before, "after %u rounds %lu pages in use, before %lu", round + 1, used,
                   before);
        }
    }
}

/* A domain made by a domain goes with it. */
static void nested(void)
{
    struct agent *one = agent_create(DOMAIN_QUOTA);
    uint64_t create = bh_descriptor(BH_CALL_CREATE_PD, 0, 0, DOMAIN_FREE);
    expect_status(agent_syscall(one, create, 40, 0, 0, 0), BH_OK, "create_pd in a domain");
    expect_status(
        agent_syscall(one, create + (1ull << BH_DESC_SELECTOR_SHIFT), DOMAIN_QUOTA, 0, 0, 0),
        BH_ERR_QUOTA, "create_pd beyond its quota");
    must(agent_syscall(one, bh_descriptor(BH_CALL_CREATE_SM, 0, 0, DOMAIN_FREE + 2), 0, 0, 0, 0),
         "create_sm in a domain");
    must(bh_revoke(BH_SPACE_OBJ, one->pd, 1, 1), "destroy the outer domain");
}

static uint64_t serve_loss(struct service *s, struct bh_msg *m)
{
    (void)s;
    m->w[0] = bh_revoke(BH_SPACE_MEM, IMAGE_PAGE, SOME_PAGES, 1);
    return 0;
}

/* Its next instruction is gone, and it has no event portal; whoever has called it learns. */
static void loses_itself(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct service *s = service_create(pd, 0, serve_loss, NULL, BH_SELECTOR_NONE);
    expect_status(service_call(s), BH_ERR_DEAD, "call of a handler that loses its code");
}

const struct test domain_tests[] = {
    {"domains_made_by_domains_go_with_them", nested},
    {"domain_can_lose_its_own_memory", loses_itself},
    {"domains_come_and_go_while_active", come_and_go},
    {NULL, NULL},
};
