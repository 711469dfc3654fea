/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities: what they name and permit, delegation and recursive revocation through several
 * domains, long ranges.
 */
#include "tests/system/calls/test.h"

static bool names(uint64_t selector, enum bh_object object)
{
    uint64_t found = BH_OBJ_NONE;
    uint64_t rights;
    return bh_lookup(BH_SPACE_OBJ, selector, &found, &rights) == BH_OK && found == object;
}

static uint64_t rights_of(uint64_t selector)
{
    uint64_t found;
    uint64_t rights = 0;
    bh_lookup(BH_SPACE_OBJ, selector, &found, &rights);
    return rights;
}

static enum bh_status copy(uint64_t pd, uint64_t from, uint64_t to, uint64_t count, uint32_t rights)
{
    return bh_delegate(pd, BH_SPACE_OBJ, BH_SPACE_OBJ, rights, from, to, count);
}

static void null_call(void)
{
    expect_status(bh_null(), BH_OK, "null");
}

static void registers(void)
{
    struct bh_result r;
    expect_status(bh_syscall(BH_CALL_NULL, 1, 2, 3, 4, 5, &r), BH_OK, "null");
    for (uint64_t i = 0; i < BH_MSG_REGISTERS; i++) {
        expect(r.w[i] == i + 1, "word %lu is %lx", i, r.w[i]);
    }
}

static void unknown(void)
{
    static const uint8_t number[] = {BH_CALL_COUNT, 100, 255};
    struct bh_result r;
    for (size_t i = 0; i < sizeof(number); i++) {
        expect_status(bh_syscall(number[i], 0, 0, 0, 0, 0, &r), BH_ERR_CALL, "unknown call");
    }
}

static void all_rights(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct service *s = service_create(BH_SEL_PD, 0, NULL, NULL, BH_SELECTOR_NONE);
    uint32_t sm = sel();
    must(bh_create_sm(sm, 0), "create_sm");
    const struct {
        uint32_t selector;
        enum bh_object object;
        uint64_t rights;
    } made[] = {
        {pd, BH_OBJ_PD, BH_PD_CREATE | BH_PD_DELEGATE | BH_PD_CTRL},
        {s->ec, BH_OBJ_EC, BH_EC_CTRL | BH_EC_BIND_PT | BH_EC_BIND_SC},
        {s->pt, BH_OBJ_PT, BH_PT_CALL | BH_PT_CTRL | BH_PT_EVENT},
        {sm, BH_OBJ_SM, BH_SM_UP | BH_SM_DOWN | BH_SM_IRQ},
        {BH_SEL_SC, BH_OBJ_SC, BH_SC_CTRL},
    };
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        expect(names(made[i].selector, made[i].object), "object %zu is of another type", i);
        expect((rights_of(made[i].selector) & made[i].rights) == made[i].rights,
               "object %zu has rights %lx", i, rights_of(made[i].selector));
    }
}

static void shrink(void)
{
    uint32_t s = sel_range(3);
    must(bh_create_sm(s, 1), "create_sm");
    must(copy(BH_SEL_PD, s, s + 1, 1, BH_SM_DOWN), "copy with DOWN");
    must(copy(BH_SEL_PD, s + 1, s + 2, 1, BH_RIGHTS_ALL), "copy of the copy");
    expect_equal(rights_of(s + 1), BH_SM_DOWN, "rights of the copy");
    expect_equal(rights_of(s + 2), BH_SM_DOWN, "rights of its copy");
    expect_status(bh_sm_up(s + 2), BH_ERR_RIGHTS, "up");
    expect_status(bh_sm_down(s + 2, 0), BH_OK, "down");
    expect_status(bh_sm_down(s, 0), BH_ERR_TIMEOUT, "the count is 0");
}

static void delegate_refused(void)
{
    uint32_t s = sel_range(8);
    must(bh_create_sm(s, 0), "create_sm");
    must(bh_create_sm(s + 1, 0), "create_sm");
    must(bh_create_sm(s + 5, 0), "create_sm");
    expect_status(copy(BH_SEL_PD, s, s + 4, 0, BH_RIGHTS_ALL), BH_ERR_RANGE, "count 0");
    expect_status(copy(BH_SEL_PD, s, BH_SELECTORS, 1, BH_RIGHTS_ALL), BH_ERR_RANGE, "to outside");
    expect_status(copy(BH_SEL_PD, BH_SELECTORS, s + 4, 1, BH_RIGHTS_ALL), BH_ERR_RANGE,
                  "from outside");
    expect_status(copy(BH_SEL_PD, UINT64_MAX, s + 4, 2, BH_RIGHTS_ALL), BH_ERR_RANGE, "wraps");
    expect_status(copy(BH_SEL_PD, s, s + 4, UINT64_MAX, BH_RIGHTS_ALL), BH_ERR_RANGE, "all");
    expect_status(copy(BH_SEL_PD, s + 2, s + 3, 1, BH_RIGHTS_ALL), BH_ERR_NOT_HELD, "empty");
    expect_status(copy(BH_SEL_PD, s + 1, s + 3, 2, BH_RIGHTS_ALL), BH_ERR_NOT_HELD, "half held");
    expect_status(copy(BH_SEL_PD, s, s + 4, 2, BH_RIGHTS_ALL), BH_ERR_OCCUPIED, "half occupied");
    expect(names(s + 3, BH_OBJ_NONE) && names(s + 4, BH_OBJ_NONE), "a refused call has delegated");
    struct bh_result r;
    uint64_t bad = BH_DELEGATE_ARG(BH_SPACE_OBJ, BH_SPACE_MEM, BH_RIGHTS_ALL);
    uint64_t d = bh_descriptor(BH_CALL_DELEGATE, 0, 0, BH_SEL_PD);
    expect_status(bh_syscall(d, bad, s, s + 3, 1, 0, &r), BH_ERR_PARAMETER, "OBJ to MEM");
    bad = BH_DELEGATE_ARG(BH_SPACE_COUNT, BH_SPACE_COUNT, BH_RIGHTS_ALL);
    expect_status(bh_syscall(d, bad, s, s + 3, 1, 0, &r), BH_ERR_PARAMETER, "no such space");
}

static void units_done(void)
{
    uint32_t s = sel_range(400);
    for (uint32_t i = 0; i < 200; i++) {
        must(bh_create_sm(s + i, 0), "create_sm");
    }
    struct bh_result r;
    uint64_t d = bh_descriptor(BH_CALL_DELEGATE, 0, 0, BH_SEL_PD);
    uint64_t arg = BH_DELEGATE_ARG(BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL);
    expect_status(bh_syscall(d, arg, s, s + 200, 200, 0, &r), BH_OK, "delegate 200");
    expect_equal(r.w[0], 200, "units done");
    for (uint32_t i = 0; i < 200; i++) {
        expect(names(s + 200 + i, BH_OBJ_SM), "capability %u is missing", i);
    }
    expect_status(bh_revoke(BH_SPACE_OBJ, s, 200, 0), BH_OK, "revoke 200");
    for (uint32_t i = 0; i < 200; i++) {
        expect(names(s + i, BH_OBJ_SM) && names(s + 200 + i, BH_OBJ_NONE), "capability %u", i);
    }
}

static void revoke_tree(void)
{
    uint32_t s = sel_range(5);
    must(bh_create_sm(s, 0), "create_sm");
    must(copy(BH_SEL_PD, s, s + 1, 1, BH_RIGHTS_ALL), "copy");
    must(copy(BH_SEL_PD, s + 1, s + 2, 1, BH_RIGHTS_ALL), "copy");
    must(copy(BH_SEL_PD, s + 2, s + 3, 1, BH_RIGHTS_ALL), "copy");
    must(copy(BH_SEL_PD, s, s + 4, 1, BH_RIGHTS_ALL), "copy");
    must(bh_revoke(BH_SPACE_OBJ, s + 1, 1, 0), "revoke");
    expect(names(s + 1, BH_OBJ_SM), "without self, the capability itself stays");
    expect(names(s + 2, BH_OBJ_NONE) && names(s + 3, BH_OBJ_NONE), "a derived one is left");
    expect(names(s, BH_OBJ_SM) && names(s + 4, BH_OBJ_SM), "parent and sibling stay");
    must(bh_revoke(BH_SPACE_OBJ, s, 1, 1), "revoke with self");
    expect(names(s, BH_OBJ_NONE) && names(s + 1, BH_OBJ_NONE) && names(s + 4, BH_OBJ_NONE),
           "something is left");
}

/* This domain, then a first, which passes it on to itself and to a second. */
static void revoke_domains(void)
{
    struct agent *one = agent_create(DOMAIN_QUOTA);
    struct agent *two = agent_create(DOMAIN_QUOTA);
    uint32_t s = sel();
    must(bh_create_sm(s, 0), "create_sm");
    must(copy(one->pd, two->pd, DOMAIN_FREE, 1, BH_PD_DELEGATE), "give the domain");
    must(copy(one->pd, s, DOMAIN_FREE + 1, 1, BH_SM_UP), "give the semaphore");
    must(agent_syscall(one, bh_descriptor(BH_CALL_DELEGATE, 0, 0, DOMAIN_FREE),
                       BH_DELEGATE_ARG(BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL), DOMAIN_FREE + 1,
                       DOMAIN_FREE + 2, 1),
         "pass it on");
    expect(agent_holds(two, BH_SPACE_OBJ, DOMAIN_FREE + 2), "the second domain has not got it");
    uint64_t up = bh_descriptor(BH_CALL_SM_CTRL, BH_SM_OP_UP, 0, DOMAIN_FREE + 2);
    expect_status(agent_syscall(two, up, 0, 0, 0, 0), BH_OK, "up by the second domain");
    must(bh_revoke(BH_SPACE_OBJ, s, 1, 0), "revoke");
    expect(!agent_holds(one, BH_SPACE_OBJ, DOMAIN_FREE + 1), "the first domain still has it");
    expect(!agent_holds(two, BH_SPACE_OBJ, DOMAIN_FREE + 2), "the second domain still has it");
    expect_status(agent_syscall(two, up, 0, 0, 0, 0), BH_ERR_SELECTOR, "up after revocation");
    expect_status(bh_sm_down(s, 0), BH_OK, "the up before has counted");
}

/* What a domain has passed on goes with the domain. */
static void revoke_by_death(void)
{
    struct agent *one = agent_create(DOMAIN_QUOTA);
    struct agent *two = agent_create(DOMAIN_QUOTA);
    uint32_t s = sel();
    must(bh_create_sm(s, 0), "create_sm");
    must(copy(one->pd, two->pd, DOMAIN_FREE, 1, BH_PD_DELEGATE), "give the domain");
    must(copy(one->pd, s, DOMAIN_FREE + 1, 1, BH_SM_UP), "give the semaphore");
    must(agent_syscall(one, bh_descriptor(BH_CALL_DELEGATE, 0, 0, DOMAIN_FREE),
                       BH_DELEGATE_ARG(BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL), DOMAIN_FREE + 1,
                       DOMAIN_FREE + 2, 1),
         "pass it on");
    must(bh_revoke(BH_SPACE_OBJ, one->pd, 1, 1), "destroy the first domain");
    expect(!agent_holds(two, BH_SPACE_OBJ, DOMAIN_FREE + 2), "the second domain still has it");
    expect(names(s, BH_OBJ_SM), "the original is gone");
}

static void revoke_refused(void)
{
    uint32_t s = sel();
    must(bh_create_sm(s, 0), "create_sm");
    expect_status(bh_revoke(BH_SPACE_OBJ, s, 0, 1), BH_ERR_RANGE, "count 0");
    expect_status(bh_revoke(BH_SPACE_OBJ, s, BH_SELECTORS, 1), BH_ERR_RANGE, "beyond the end");
    expect_status(bh_revoke(BH_SPACE_OBJ, UINT64_MAX, 2, 1), BH_ERR_RANGE, "wraps");
    expect_status(bh_revoke(BH_SPACE_MEM, USER_PAGES, 1, 0), BH_ERR_RANGE, "kernel memory");
    expect_status(bh_revoke(BH_SPACE_PIO, 65536, 1, 0), BH_ERR_RANGE, "no such port");
    struct bh_result r;
    expect_status(bh_syscall(BH_CALL_REVOKE, BH_SPACE_COUNT, 0, 0, 1, 0, &r), BH_ERR_PARAMETER,
                  "no such space");
    expect(names(s, BH_OBJ_SM), "a refused call has revoked");
    expect_status(bh_revoke(BH_SPACE_OBJ, s, 1, 1), BH_OK, "revoke");
    expect_status(bh_revoke(BH_SPACE_OBJ, s, 1, 1), BH_OK, "revoke nothing");
}

static void lookup_refused(void)
{
    uint64_t a;
    uint64_t b;
    expect_status(bh_lookup(BH_SPACE_OBJ, BH_SELECTORS, &a, &b), BH_ERR_RANGE, "selector");
    expect_status(bh_lookup(BH_SPACE_MEM, USER_PAGES, &a, &b), BH_ERR_RANGE, "page");
    expect_status(bh_lookup(BH_SPACE_PIO, 65536, &a, &b), BH_ERR_RANGE, "port");
    expect_status(bh_lookup(BH_SPACE_GUEST, UINT64_MAX, &a, &b), BH_ERR_RANGE, "guest page");
    expect_status(bh_lookup(BH_SPACE_COUNT, 0, &a, &b), BH_ERR_PARAMETER, "space");
}

const struct test caps_tests[] = {
    {"null_call_does_nothing", null_call},
    {"null_call_keeps_the_words", registers},
    {"unknown_call_is_refused", unknown},
    {"new_capability_has_all_rights", all_rights},
    {"delegation_only_shrinks_rights", shrink},
    {"delegate_refuses_and_changes_nothing", delegate_refused},
    {"long_ranges_of_capabilities_are_complete", units_done},
    {"revoke_takes_back_what_was_derived", revoke_tree},
    {"revoke_reaches_through_domains", revoke_domains},
    {"death_of_a_domain_revokes_what_it_passed_on", revoke_by_death},
    {"revoke_refuses_and_changes_nothing", revoke_refused},
    {"lookup_refuses", lookup_refused},
    {NULL, NULL},
};
