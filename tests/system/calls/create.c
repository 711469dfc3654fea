/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creation: each refusal, and quotas. A refused creation leaves no object and no page.
 */
#include "tests/system/calls/test.h"

#define CODE          ((uint64_t)IMAGE_PAGE << PAGE_SHIFT)
#define SMALL_QUOTA   16u
#define MANY          1500u
#define PARTITION     (1ull << 48)
#define SC_PRIO_SHIFT 32u

static void nothing(struct thread *t)
{
    (void)t;
}

static bool has_vapic(void)
{
    return (test_info()->vmx & BH_VMX_VID) != 0;
}

static bool is_free(uint64_t selector)
{
    uint64_t object = 1;
    uint64_t rights;
    bh_lookup(BH_SPACE_OBJ, selector, &object, &rights);
    return object == BH_OBJ_NONE;
}

static void pd_refused(void)
{
    uint64_t limit = 0;
    uint64_t used;
    uint64_t after = 0;
    uint32_t s = sel();
    must(bh_pd_ctrl(BH_SEL_PD, &limit, &used), "pd_ctrl");
    expect_status(bh_create_pd(s, 0), BH_ERR_PARAMETER, "quota 0");
    expect_status(bh_create_pd(s, 7), BH_ERR_PARAMETER, "quota 7");
    expect_status(bh_create_pd(s, limit + 1), BH_ERR_QUOTA, "more than there is");
    expect_status(bh_create_pd(s, UINT64_MAX), BH_ERR_QUOTA, "all there could be");
    expect_status(bh_create_pd(BH_SEL_PD, 8), BH_ERR_OCCUPIED, "occupied selector");
    expect(is_free(s), "a refused call has created");
    objects_used();
    bh_pd_ctrl(BH_SEL_PD, &after, &used);
    expect_equal(after, limit, "own quota after refusals");
}

static void pd_quota_moves(void)
{
    uint64_t before = 0;
    uint64_t after = 0;
    uint64_t used = 0;
    uint64_t own = 0;
    uint32_t s = sel();
    must(bh_pd_ctrl(BH_SEL_PD, &before, &used), "pd_ctrl");
    must(bh_create_pd(s, 100), "create_pd");
    must(bh_pd_ctrl(BH_SEL_PD, &after, &used), "pd_ctrl");
    must(bh_pd_ctrl(s, &own, &used), "pd_ctrl of the new domain");
    expect_equal(own, 100, "its quota");
    expect_equal(after, before - 100, "what is left here");
    expect(used <= 8, "an empty domain uses %lu pages", used);
    must(bh_revoke(BH_SPACE_OBJ, s, 1, 1), "destroy it");
    objects_used();
    must(bh_pd_ctrl(BH_SEL_PD, &after, &used), "pd_ctrl");
    expect_equal(after, before, "quota after its end");
}

static void selectors_refused(void)
{
    static const uint64_t outside[] = {BH_SELECTORS, BH_SELECTOR_NONE, 0xFFFFFFFF};
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    struct service *s = service_create(BH_SEL_PD, 0, NULL, NULL, BH_SELECTOR_NONE);
    uint64_t page = free_page() << PAGE_SHIFT;
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        uint64_t to = outside[i];
        expect_status(bh_create_pd(to, 8), BH_ERR_SELECTOR, "create_pd outside");
        expect_status(bh_create_thread(to, BH_SEL_PD, 0, page, 0, 0, BH_SELECTOR_NONE),
                      BH_ERR_SELECTOR, "create_ec outside");
        expect_status(bh_create_sc(to, t->ec, 1, BUDGET, 0), BH_ERR_SELECTOR, "create_sc outside");
        expect_status(bh_create_pt(to, s->ec, CODE, 0), BH_ERR_SELECTOR, "create_pt outside");
        expect_status(bh_create_sm(to, 0), BH_ERR_SELECTOR, "create_sm outside");
    }
    expect_status(bh_create_thread(t->ec, BH_SEL_PD, 0, page, 0, 0, BH_SELECTOR_NONE),
                  BH_ERR_OCCUPIED, "create_ec");
    expect_status(bh_create_vcpu(t->ec, BH_SEL_PD, 0, page, 0, BH_SELECTOR_NONE), BH_ERR_OCCUPIED,
                  "create_ec of a vCPU");
    expect_status(bh_create_sc(t->ec, t->ec, 1, BUDGET, 0), BH_ERR_OCCUPIED, "create_sc");
    expect_status(bh_create_pt(t->ec, s->ec, CODE, 0), BH_ERR_OCCUPIED, "create_pt");
    expect_status(bh_create_sm(t->ec, 0), BH_ERR_OCCUPIED, "create_sm");
    expect_equal(probe_read(page), 1, "access to the page of a refused EC");
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
}

static void ec_refused(void)
{
    uint32_t s = sel();
    uint64_t page = free_page() << PAGE_SHIFT;
    static const uint64_t wrong[] = {0, 1, KERNEL_TOP, USER_PAGES << PAGE_SHIFT};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_status(bh_create_thread(s, BH_SEL_PD, 0, wrong[i], 0, 0, BH_SELECTOR_NONE),
                      BH_ERR_RANGE, "UTCB address");
        expect_status(bh_create_vcpu(s, BH_SEL_PD, 0, wrong[i], 0, BH_SELECTOR_NONE), BH_ERR_RANGE,
                      "state page address");
        if (wrong[i] != 0) { /* 0 stands for none */
            expect_status(bh_create_vcpu(s, BH_SEL_PD, 0, page, wrong[i], BH_SELECTOR_NONE),
                          BH_ERR_RANGE, "virtual-APIC page address");
        }
    }
    expect_status(bh_create_thread(s, BH_SEL_PD, test_cpus(), page, 0, 0, BH_SELECTOR_NONE),
                  BH_ERR_CPU, "no such CPU");
    expect_status(bh_create_vcpu(s, BH_SEL_PD, UINT32_MAX, page, 0, BH_SELECTOR_NONE), BH_ERR_CPU,
                  "no such CPU");
    expect_status(bh_create_thread(s, BH_SEL_PD, 0, BH_ROOT_UTCB, 0, 0, BH_SELECTOR_NONE),
                  BH_ERR_OCCUPIED, "UTCB over a UTCB");
    expect_status(bh_create_thread(s, BH_SEL_PD, 0, CODE, 0, 0, BH_SELECTOR_NONE), BH_ERR_OCCUPIED,
                  "UTCB over code");
    expect_status(bh_create_vcpu(s, BH_SEL_PD, 0, CODE, 0, BH_SELECTOR_NONE), BH_ERR_OCCUPIED,
                  "state page over code");
    expect_status(bh_create_vcpu(s, BH_SEL_PD, 0, page, CODE, BH_SELECTOR_NONE),
                  has_vapic() ? BH_ERR_OCCUPIED : BH_ERR_UNSUPPORTED,
                  "virtual-APIC page over code");
    expect_equal(probe_read(page), 1, "access to the state page of a refused vCPU");
    expect_status(bh_create_thread(s, BH_SEL_PD, 0, page, KERNEL_TOP, 0, BH_SELECTOR_NONE),
                  BH_ERR_PARAMETER, "RIP in the kernel");
    expect_status(bh_create_thread(s, BH_SEL_PD, 0, page, CODE, KERNEL_TOP, BH_SELECTOR_NONE),
                  BH_ERR_PARAMETER, "RSP in the kernel");
    expect(is_free(s), "a refused call has created");
}

static void ec_event_cpu(void)
{
    if (test_cpus() < 2) {
        skip("one CPU");
    }
    uint32_t s = sel();
    uint64_t page = free_page() << PAGE_SHIFT;
    struct service *other = service_create(BH_SEL_PD, 1, NULL, NULL, BH_SELECTOR_NONE);
    expect_status(bh_create_thread(s, BH_SEL_PD, 0, page, 0, 0, other->pt), BH_ERR_CPU,
                  "event portal on another CPU");
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    expect_status(bh_ec_set_event(t->ec, other->pt), BH_ERR_CPU, "set_event");
}

static enum bh_status raw_sc(uint64_t s, uint64_t rsi, uint64_t budget, uint64_t period)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_SC, 0, 0, s), rsi, budget, period, 0, 0, &r);
}

static void sc_refused(void)
{
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    struct service *h = service_create(BH_SEL_PD, 0, NULL, NULL, BH_SELECTOR_NONE);
    uint32_t s = sel();
    uint64_t prio = 1ull << SC_PRIO_SHIFT;
    expect_status(raw_sc(s, t->ec, BUDGET, 0), BH_ERR_PARAMETER, "priority 0");
    expect_status(raw_sc(s, t->ec | prio, BH_BUDGET_MIN - 1, 0), BH_ERR_PARAMETER, "budget");
    expect_status(raw_sc(s, t->ec | prio, BUDGET, BUDGET - 1), BH_ERR_PARAMETER,
                  "budget above the period");
    expect_status(raw_sc(s, t->ec | prio | PARTITION, BUDGET, 0), BH_ERR_UNSUPPORTED, "partition");
    expect_status(raw_sc(s, h->ec | prio, BUDGET, 0), BH_ERR_STATE, "portal handler");
    expect_status(raw_sc(s, BH_SEL_EC | prio, BUDGET, 0), BH_ERR_STATE, "it has one");
    expect(is_free(s), "a refused call has created");
    sleep_ticks(TICKS_SHORT);
    expect(!thread_has_finished(t), "a refused call has started the thread");
    thread_start(t, PRIO_LOW, BH_BUDGET_MIN, 0);
    thread_join(t);
    expect_status(raw_sc(s, t->ec | prio, BUDGET, 0), BH_ERR_STATE, "twice");
}

static void pt_and_sm_refused(void)
{
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    struct service *h = service_create(BH_SEL_PD, 0, NULL, NULL, BH_SELECTOR_NONE);
    uint32_t s = sel();
    expect_status(bh_create_pt(s, t->ec, CODE, 0), BH_ERR_STATE, "portal of a thread");
    expect_status(bh_create_pt(s, h->ec, KERNEL_TOP, 0), BH_ERR_PARAMETER, "RIP in the kernel");
    expect_status(bh_create_sm(s, BH_SM_COUNT_MAX + 1ull), BH_ERR_PARAMETER, "count");
    expect_status(bh_create_sm(s, UINT64_MAX), BH_ERR_PARAMETER, "count");
    expect(is_free(s), "a refused call has created");
    expect_status(bh_create_sm(s, BH_SM_COUNT_MAX), BH_OK, "the greatest count");
}

static uint64_t agent_used(struct agent *g)
{
    uint64_t limit;
    uint64_t used = 0;
    objects_used();
    bh_pd_ctrl(g->pd, &limit, &used);
    return used;
}

/* A domain fills its quota; after it has given all back, the same fits again, and nobody else has
 * noticed. */
static void exhaust(void)
{
    struct agent *g = agent_create(DOMAIN_QUOTA);
    uint64_t held = 0;
    for (int round = 0; round < 2; round++) {
        enum bh_status status = BH_OK;
        uint64_t used = agent_used(g);
        uint32_t n = 0;
        for (; n < MANY * 8 && status == BH_OK; n++) {
            status = agent_syscall(g, bh_descriptor(BH_CALL_CREATE_SM, 0, 0, DOMAIN_FREE + n), 0, 0,
                                   0, 0);
        }
        n--; /* the refused one */
        expect_status(status, BH_ERR_QUOTA, "create_sm until the quota is used up");
        expect_equal(agent_used(g), DOMAIN_QUOTA, "pages in use at the end");
        expect(!agent_holds(g, BH_SPACE_OBJ, DOMAIN_FREE + n), "a refused call has created");
        expect(agent_holds(g, BH_SPACE_OBJ, DOMAIN_FREE + n - 1), "the last one is lost");
        expect(round == 0 || n == held, "%u fitted, at first %lu", n, held);
        held = n;
        must(agent_syscall(g, bh_descriptor(BH_CALL_REVOKE, 0, 0, 0),
                           BH_REVOKE_SELF /* of BH_SPACE_OBJ, 0 */, DOMAIN_FREE, 0, MANY * 8),
             "give all back");
        /* Pages of capabilities stay until the domain goes; they are the same in the second round.
         */
        expect(round == 0 || agent_used(g) == used, "%lu pages in use, before %lu", agent_used(g),
               used);
    }
    uint32_t s = sel();
    expect_status(bh_create_sm(s, 0), BH_OK, "others create");
}

/* Each type is refused when its domain has no page left, and leaves no page in use. */
static void exhaust_ec(void)
{
    for (uint64_t quota = 8; quota < 16; quota++) {
        uint32_t pd = sel();
        uint32_t s = sel();
        must(bh_create_pd(pd, quota), "create_pd");
        uint64_t limit;
        uint64_t before = 0;
        uint64_t after = 0;
        bh_pd_ctrl(pd, &limit, &before);
        enum bh_status status = BH_OK;
        uint64_t page = free_page();
        for (uint64_t i = 0; i < quota && status == BH_OK; i++) {
            objects_used();
            bh_pd_ctrl(pd, &limit, &before);
            s = sel();
            status = bh_create_thread(s, pd, 0, (page + i) << PAGE_SHIFT, 0, 0, BH_SELECTOR_NONE);
        }
        expect_status(status, BH_ERR_QUOTA, "create_ec until the quota is used up");
        expect(is_free(s), "a refused call has created");
        objects_used();
        bh_pd_ctrl(pd, &limit, &after);
        expect(after == before, "quota %lu: %lu pages in use, before the refusal %lu", quota, after,
               before);
        status =
            bh_create_vcpu(s, pd, 0, (page + quota) << PAGE_SHIFT,
                           has_vapic() ? (page + quota + 1) << PAGE_SHIFT : 0, BH_SELECTOR_NONE);
        expect_status(status, BH_ERR_QUOTA, "create_ec of a vCPU");
        objects_used();
        bh_pd_ctrl(pd, &limit, &after);
        expect(after == before, "quota %lu: %lu pages in use after a vCPU, before %lu", quota,
               after, before);
    }
}

const struct test create_tests[] = {
    {"create_pd_refuses_and_changes_nothing", pd_refused},
    {"quota_of_a_domain_comes_from_its_creator", pd_quota_moves},
    {"creation_refuses_bad_selectors", selectors_refused},
    {"create_ec_refuses_and_changes_nothing", ec_refused},
    {"event_portal_must_be_on_the_same_cpu", ec_event_cpu},
    {"create_sc_refuses_and_changes_nothing", sc_refused},
    {"create_pt_and_create_sm_refuse", pt_and_sm_refused},
    {"exhausted_quota_is_refused_and_nothing_lost", exhaust},
    {"refused_ecs_leave_no_page", exhaust_ec},
    {NULL, NULL},
};
