/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The refusals that all calls with a selector share, as a table: no capability there, another type
 * of object, a permission missing, a dead object.
 */
#include "tests/system/calls/test.h"

struct call {
    const char *name;
    enum bh_call number;
    uint32_t flags;
    enum bh_object object; /* that the selector must name */
    uint32_t right;        /* that the call needs */
    uint64_t a, b, c, d, e;
};

/* Arguments are such that each would be refused for nothing else. */
static const struct call calls[] = {
    {"call", BH_CALL_CALL, 0, BH_OBJ_PT, BH_PT_CALL, 0, 0, 0, 0, 0},
    {"delegate", BH_CALL_DELEGATE, 0, BH_OBJ_PD, BH_PD_DELEGATE,
     BH_DELEGATE_ARG(BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL), BH_SEL_PD, DOMAIN_FREE, 1, 0},
    {"pd_ctrl", BH_CALL_PD_CTRL, 0, BH_OBJ_PD, BH_PD_CTRL, 0, 0, 0, 0, 0},
    {"ec_ctrl", BH_CALL_EC_CTRL, BH_EC_RECALL, BH_OBJ_EC, BH_EC_CTRL, 0, 0, 0, 0, 0},
    {"sc_ctrl read", BH_CALL_SC_CTRL, BH_SC_READ, BH_OBJ_SC, BH_SC_CTRL, 0, 0, 0, 0, 0},
    {"sc_ctrl set", BH_CALL_SC_CTRL, BH_SC_SET, BH_OBJ_SC, BH_SC_CTRL, 1, BUDGET, 0, 0, 0},
    {"pt_ctrl", BH_CALL_PT_CTRL, 0, BH_OBJ_PT, BH_PT_CTRL, 0, 0, 0, 0, 0},
    {"up", BH_CALL_SM_CTRL, BH_SM_OP_UP, BH_OBJ_SM, BH_SM_UP, 0, 0, 0, 0, 0},
    {"down", BH_CALL_SM_CTRL, BH_SM_OP_DOWN, BH_OBJ_SM, BH_SM_DOWN, 0, 0, 0, 0, 0},
    {"down_zero", BH_CALL_SM_CTRL, BH_SM_OP_DOWN_ZERO, BH_OBJ_SM, BH_SM_DOWN, 0, 0, 0, 0, 0},
    {"irq_ctrl", BH_CALL_IRQ_CTRL, 0, BH_OBJ_SM, BH_SM_IRQ, 0, 0, 0, 0, 0},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static enum bh_status make(const struct call *c, uint64_t selector)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(c->number, c->flags, 0, selector), c->a, c->b, c->c, c->d, c->e,
                      &r);
}

/* One object of each type, by enum bh_object. */
struct objects {
    uint32_t of[BH_OBJ_SM + 1];
};

static uint64_t serve_nothing(struct service *s, struct bh_msg *m)
{
    (void)s;
    m->words = 0;
    return 0;
}

static void idle(struct thread *t)
{
    (void)t;
}

static struct objects create_objects(void)
{
    struct objects o = {{0}};
    struct service *s = service_create(BH_SEL_PD, 0, serve_nothing, NULL, BH_SELECTOR_NONE);
    struct thread *t = thread_run(0, 1, idle, NULL);
    o.of[BH_OBJ_PD] = domain_create(DOMAIN_QUOTA);
    o.of[BH_OBJ_EC] = s->ec;
    o.of[BH_OBJ_SC] = t->sc;
    o.of[BH_OBJ_PT] = s->pt;
    o.of[BH_OBJ_SM] = sel();
    must(bh_create_sm(o.of[BH_OBJ_SM], 0), "create_sm");
    return o;
}

static void no_capability(void)
{
    uint32_t empty = sel();
    static const uint64_t outside[] = {BH_SELECTOR_NONE, BH_SELECTORS, 0xFFFFFFFF};
    for (size_t i = 0; i < CALLS; i++) {
        expect_status(make(&calls[i], empty), BH_ERR_SELECTOR, calls[i].name);
        for (size_t k = 0; k < sizeof(outside) / sizeof(outside[0]); k++) {
            expect_status(make(&calls[i], outside[k]), BH_ERR_SELECTOR, calls[i].name);
        }
    }
}

static void other_type(void)
{
    struct objects o = create_objects();
    for (size_t i = 0; i < CALLS; i++) {
        for (uint32_t type = BH_OBJ_PD; type <= BH_OBJ_SM; type++) {
            if (type != calls[i].object) {
                expect_status(make(&calls[i], o.of[type]), BH_ERR_TYPE, calls[i].name);
            }
        }
    }
}

static void missing_right(void)
{
    struct objects o = create_objects();
    for (size_t i = 0; i < CALLS; i++) {
        uint32_t copy = sel();
        must(bh_delegate(BH_SEL_PD, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL & ~calls[i].right,
                         o.of[calls[i].object], copy, 1),
             "delegate");
        expect_status(make(&calls[i], copy), BH_ERR_RIGHTS, calls[i].name);
    }
    expect_status(bh_sm_down(o.of[BH_OBJ_SM], 0), BH_ERR_TIMEOUT, "a refused up has counted");
}

/* The permission alone is enough. */
static void right_is_enough(void)
{
    struct objects o = create_objects();
    for (size_t i = 0; i < CALLS; i++) {
        uint32_t copy = sel();
        must(bh_delegate(BH_SEL_PD, BH_SPACE_OBJ, BH_SPACE_OBJ, calls[i].right,
                         o.of[calls[i].object], copy, 1),
             "delegate");
        enum bh_status status = make(&calls[i], copy);
        expect(status != BH_ERR_RIGHTS && status != BH_ERR_SELECTOR, "%s: status %d", calls[i].name,
               status);
    }
}

static void arguments_without_right(void)
{
    struct objects o = create_objects();
    uint32_t pd = sel();
    uint32_t ec = sel();
    uint32_t thread = sel();
    uint32_t pt = sel();
    uint32_t new = sel();
    struct thread *t = thread_create(BH_SEL_PD, 0, idle, NULL, BH_SELECTOR_NONE);
    const struct {
        uint32_t from, to, without;
    } copy[] = {
        {o.of[BH_OBJ_PD], pd, BH_PD_CREATE},
        {o.of[BH_OBJ_EC], ec, BH_EC_BIND_PT},
        {t->ec, thread, BH_EC_BIND_SC},
        {o.of[BH_OBJ_PT], pt, BH_PT_EVENT},
    };
    for (size_t i = 0; i < sizeof(copy) / sizeof(copy[0]); i++) {
        must(bh_delegate(BH_SEL_PD, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_RIGHTS_ALL & ~copy[i].without,
                         copy[i].from, copy[i].to, 1),
             "delegate");
    }
    uint64_t utcb = free_page() << PAGE_SHIFT;
    expect_status(bh_create_thread(new, pd, 0, utcb, 0, 0, BH_SELECTOR_NONE), BH_ERR_RIGHTS,
                  "create_ec without PD_CREATE");
    expect_status(bh_create_vcpu(new, pd, 0, utcb, 0, BH_SELECTOR_NONE), BH_ERR_RIGHTS,
                  "create_ec vCPU without PD_CREATE");
    expect_status(bh_create_thread(new, BH_SEL_PD, 0, utcb, 0, 0, pt), BH_ERR_RIGHTS,
                  "event portal without PT_EVENT");
    expect_status(bh_ec_set_event(t->ec, pt), BH_ERR_RIGHTS, "set_event without PT_EVENT");
    expect_status(bh_create_pt(new, ec, IMAGE_PAGE << PAGE_SHIFT, 0), BH_ERR_RIGHTS,
                  "create_pt without EC_BIND_PT");
    expect_status(bh_create_sc(new, thread, 1, BUDGET, 0), BH_ERR_RIGHTS,
                  "create_sc without EC_BIND_SC");
    uint64_t object = 1;
    uint64_t rights;
    bh_lookup(BH_SPACE_OBJ, new, &object, &rights);
    expect_equal(object, BH_OBJ_NONE, "what a refused call has left");
}

static void arguments_of_other_type(void)
{
    struct objects o = create_objects();
    uint32_t new = sel();
    uint32_t none = sel();
    uint64_t utcb = free_page() << PAGE_SHIFT;
    const struct {
        uint32_t selector;
        enum bh_status status;
    } bad[] = {{o.of[BH_OBJ_SM], BH_ERR_TYPE}, {none, BH_ERR_SELECTOR}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t s = bad[i].selector;
        expect_status(bh_create_thread(new, s, 0, utcb, 0, 0, BH_SELECTOR_NONE), bad[i].status,
                      "create_ec: PD");
        expect_status(bh_create_vcpu(new, s, 0, utcb, 0, BH_SELECTOR_NONE), bad[i].status,
                      "create_ec vCPU: PD");
        expect_status(bh_create_thread(new, BH_SEL_PD, 0, utcb, 0, 0, s), bad[i].status,
                      "create_ec: event portal");
        expect_status(bh_ec_set_event(o.of[BH_OBJ_EC], s), bad[i].status, "set_event: portal");
        expect_status(bh_create_pt(new, s, IMAGE_PAGE << PAGE_SHIFT, 0), bad[i].status,
                      "create_pt: EC");
        expect_status(bh_create_sc(new, s, 1, BUDGET, 0), bad[i].status, "create_sc: EC");
    }
}

const struct test refusal_tests[] = {
    {"selector_without_capability_is_refused", no_capability},
    {"object_of_another_type_is_refused", other_type},
    {"missing_permission_is_refused", missing_right},
    {"the_permission_alone_is_enough", right_is_enough},
    {"argument_without_permission_is_refused", arguments_without_right},
    {"argument_of_another_type_is_refused", arguments_of_other_type},
    {NULL, NULL},
};
