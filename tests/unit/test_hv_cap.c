/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability spaces: what a selector names, derivation, whose rights only shrink, revocation of
 * trees of derivations, the end of what nobody names any more, and random derivations and
 * revocations against a model in which each capability knows its parent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/sm.h"
#include "tests/unit/hv_fixture.h"

#define SEL_SM 10u

static struct pd *root;
static struct pd *child;

static int setup(void **state)
{
    (void)state;
    root = fixture_root(1);
    child = fixture_pd(root, 1, 200);
    return 0;
}

static struct sm *new_sm(struct pd *pd, uint64_t selector)
{
    struct sm *sm = sm_create(pd, 0);
    assert_non_null(sm);
    assert_int_equal(cap_insert(pd, selector, &sm->obj), BH_OK);
    return sm;
}

static enum bh_status lookup(struct pd *pd, uint64_t selector, uint64_t rights)
{
    enum bh_status status = BH_OK;
    const struct object *o = cap_lookup(pd, selector, BH_OBJ_SM, rights, &status);
    assert_true((o != NULL) == (status == BH_OK));
    return status;
}

static enum bh_status delegate(struct pd *src, uint64_t from, struct pd *dst, uint64_t to,
                               uint64_t count, uint64_t rights)
{
    spaces_lock();
    enum bh_status status = cap_delegate(src, from, dst, to, count, rights);
    spaces_unlock();
    return status;
}

/* Returns the steps it took. */
static unsigned revoke(struct pd *pd, uint64_t selector, bool self)
{
    unsigned steps = 0;
    bool done = false;
    while (!done) {
        spaces_lock();
        done = cap_revoke(pd, selector, self);
        spaces_unlock();
        steps++;
    }
    cpu_kill_later(cpu_self());
    return steps;
}

/* Lookup. */

static void a_selector_names_what_was_put_there(void **state)
{
    (void)state;
    struct sm *sm = new_sm(root, SEL_SM);
    enum bh_status status = BH_OK;
    assert_ptr_equal(cap_lookup(root, SEL_SM, BH_OBJ_SM, BH_RIGHTS_ALL, &status), &sm->obj);
    assert_int_equal(sm->obj.caps, 1);
}

static void each_refusal_has_its_status(void **state)
{
    (void)state;
    struct sm *sm = new_sm(root, SEL_SM);
    enum bh_status status = BH_OK;
    assert_int_equal(lookup(root, SEL_SM + 1, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, 5 * CAP_LEAF, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, BH_SELECTOR_NONE, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, BH_SELECTORS, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, (1ull << 32) + SEL_SM, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, UINT64_MAX, 0), BH_ERR_SELECTOR);
    assert_null(cap_lookup(root, SEL_SM, BH_OBJ_PD, 0, &status));
    assert_int_equal(status, BH_ERR_TYPE);
    assert_int_equal(delegate(root, SEL_SM, child, 0, 1, BH_SM_UP), BH_OK);
    assert_int_equal(lookup(child, 0, BH_SM_UP), BH_OK);
    assert_int_equal(lookup(child, 0, BH_SM_UP | BH_SM_DOWN), BH_ERR_RIGHTS);
    sm->obj.dead = 1;
    assert_int_equal(lookup(root, SEL_SM, 0), BH_ERR_DEAD);
    assert_int_equal(lookup(child, 0, BH_SM_DOWN), BH_ERR_DEAD);
}

static void insertion_wants_a_free_selector_inside_the_space(void **state)
{
    (void)state;
    struct sm *sm = new_sm(root, SEL_SM);
    assert_int_equal(cap_prepare(root, SEL_SM), BH_ERR_OCCUPIED);
    assert_int_equal(cap_insert(root, SEL_SM, &sm->obj), BH_ERR_OCCUPIED);
    assert_int_equal(cap_prepare(root, SEL_SM + 1), BH_OK);
    assert_int_equal(cap_prepare(root, BH_SELECTOR_NONE), BH_ERR_SELECTOR);
    assert_int_equal(cap_prepare(root, BH_SELECTORS), BH_ERR_SELECTOR);
    assert_int_equal(cap_prepare(root, UINT64_MAX), BH_ERR_SELECTOR);
    assert_int_equal(cap_prepare(root, BH_SELECTORS - 2), BH_OK);
}

static void tables_are_charged_to_the_domain(void **state)
{
    (void)state;
    uint64_t used = child->quota.used;
    assert_int_equal(cap_prepare(child, 0), BH_OK);
    assert_int_equal(cap_prepare(child, CAP_LEAF - 1), BH_OK);
    assert_int_equal(child->quota.used, used + 1);
    assert_int_equal(cap_prepare(child, CAP_LEAF), BH_OK);
    assert_int_equal(child->quota.used, used + 2);
    child->quota.limit = child->quota.used;
    assert_int_equal(cap_prepare(child, 2 * CAP_LEAF), BH_ERR_QUOTA);
    new_sm(root, SEL_SM);
    assert_int_equal(delegate(root, SEL_SM, child, 2 * CAP_LEAF, 1, BH_RIGHTS_ALL), BH_ERR_QUOTA);
    assert_int_equal(delegate(root, SEL_SM, child, 5, 1, BH_RIGHTS_ALL), BH_OK);
}

/* Derivation. */

static void rights_only_shrink(void **state)
{
    (void)state;
    new_sm(root, SEL_SM);
    for (uint64_t first = 0; first <= BH_RIGHTS_ALL; first++) {
        for (uint64_t second = 0; second <= CAP_RIGHTS; second++) {
            assert_int_equal(delegate(root, SEL_SM, child, 0, 1, first), BH_OK);
            assert_int_equal(delegate(child, 0, child, 1, 1, second), BH_OK);
            for (uint64_t right = 1; right <= BH_RIGHTS_ALL; right <<= 1) {
                assert_int_equal(lookup(child, 0, right),
                                 (first & right) != 0 ? BH_OK : BH_ERR_RIGHTS);
                assert_int_equal(lookup(child, 1, right),
                                 (first & second & right) != 0 ? BH_OK : BH_ERR_RIGHTS);
            }
            revoke(root, SEL_SM, false);
        }
    }
}

static void a_range_is_derived_whole_or_not_at_all(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 8; i++) {
        new_sm(root, SEL_SM + i);
    }
    assert_int_equal(delegate(root, SEL_SM, child, 20, 8, BH_RIGHTS_ALL), BH_OK);
    assert_int_equal(delegate(root, SEL_SM, child, 14, 8, BH_RIGHTS_ALL), BH_ERR_OCCUPIED);
    assert_int_equal(delegate(root, SEL_SM + 4, child, 40, 8, BH_RIGHTS_ALL), BH_ERR_NOT_HELD);
    assert_int_equal(delegate(root, BH_SELECTORS - 1, child, 40, 2, 0), BH_ERR_NOT_HELD);
    assert_int_equal(delegate(root, SEL_SM, child, BH_SELECTORS - 4, 8, BH_RIGHTS_ALL),
                     BH_ERR_SELECTOR);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(lookup(child, i, 0), i >= 20 && i < 28 ? BH_OK : BH_ERR_SELECTOR);
    }
    for (uint64_t i = 1; i < 5; i++) {
        assert_int_equal(lookup(child, BH_SELECTORS - i, 0), BH_ERR_SELECTOR);
    }
    assert_int_equal(revoke(root, SEL_SM, false), 1);
    assert_int_equal(lookup(child, 20, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(child, 21, 0), BH_OK);
}

static void what_is_dead_cannot_be_derived(void **state)
{
    (void)state;
    struct sm *sm = new_sm(root, SEL_SM);
    sm->obj.dead = 1;
    assert_int_equal(delegate(root, SEL_SM, child, 0, 1, BH_RIGHTS_ALL), BH_ERR_NOT_HELD);
    assert_int_equal(sm->obj.caps, 1);
}

/* Revocation. */

/*
 * 0 --- 1 --- 2
 *   |     `-- 3
 *   `-- 4 --- 5
 */
static struct sm *small_tree(void)
{
    struct sm *sm = new_sm(child, 0);
    static const uint64_t edge[][2] = {{0, 1}, {0, 4}, {1, 2}, {4, 5}, {1, 3}};
    for (unsigned i = 0; i < ARRAY_SIZE(edge); i++) {
        assert_int_equal(delegate(child, edge[i][0], child, edge[i][1], 1, BH_RIGHTS_ALL), BH_OK);
    }
    return sm;
}

static unsigned held(uint64_t last)
{
    unsigned map = 0;
    for (uint64_t i = 0; i <= last; i++) {
        map |= lookup(child, i, 0) == BH_OK ? 1u << i : 0;
    }
    return map;
}

static void revocation_takes_the_subtree_only(void **state)
{
    (void)state;
    struct sm *sm = small_tree();
    revoke(child, 2, false);
    assert_int_equal(held(5), 0x3F);
    revoke(child, 1, false);
    assert_int_equal(held(5), 0x33);
    assert_int_equal(sm->obj.caps, 4);
    revoke(child, 4, true);
    assert_int_equal(held(5), 0x03);
    revoke(child, 4, true);
    assert_int_equal(held(5), 0x03);
    revoke(child, 0, false);
    assert_int_equal(held(5), 0x01);
    assert_int_equal(sm->obj.caps, 1);
    assert_int_equal(sm->obj.dead, 0);
}

static void what_a_removed_capability_gave_is_gone_too(void **state)
{
    (void)state;
    small_tree();
    revoke(child, 1, true);
    assert_int_equal(held(5), 0x31);
    assert_int_equal(delegate(child, 5, child, 1, 1, BH_RIGHTS_ALL), BH_OK);
    revoke(child, 4, false);
    assert_int_equal(held(5), 0x11);
}

static void an_object_dies_with_its_last_capability(void **state)
{
    (void)state;
    uint64_t used = root->quota.used;
    struct sm *sm = new_sm(root, SEL_SM);
    assert_int_equal(delegate(root, SEL_SM, child, 0, 1, BH_RIGHTS_ALL), BH_OK);
    object_get(&sm->obj); /* so that it can be looked at */
    revoke(root, SEL_SM, false);
    assert_int_equal(sm->obj.dead, 0);
    revoke(root, SEL_SM, true);
    assert_int_equal(sm->obj.dead, 1);
    object_put(&sm->obj);
    hw_settle();
    assert_int_equal(root->quota.used, used);
}

static void long_revocations_take_bounded_steps(void **state)
{
    (void)state;
    struct sm *sm = new_sm(root, SEL_SM);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(delegate(root, SEL_SM, child, i, 1, BH_RIGHTS_ALL), BH_OK);
    }
    assert_int_equal(sm->obj.caps, 1001);
    assert_in_range(revoke(root, SEL_SM, false), 1000 / 64, 1000);
    assert_int_equal(sm->obj.caps, 1);
}

/* The end of a domain. */

static void a_dying_domain_takes_back_what_it_gave(void **state)
{
    (void)state;
    uint64_t free = pool_free_pages();
    uint64_t used = root->quota.used;
    struct pd *dying = fixture_pd(root, 2, 50);
    struct sm *sm = new_sm(dying, 300);
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(delegate(dying, 300, child, i, 1, BH_RIGHTS_ALL), BH_OK);
    }
    assert_int_equal(delegate(child, 5, root, 900, 1, BH_RIGHTS_ALL), BH_OK);
    new_sm(root, SEL_SM);
    assert_int_equal(delegate(root, SEL_SM, dying, 7, 1, BH_RIGHTS_ALL), BH_OK);
    assert_int_equal(delegate(dying, 7, child, 500, 1, BH_RIGHTS_ALL), BH_OK);
    object_get(&sm->obj);
    revoke(root, 2, true);
    hw_settle();
    assert_int_equal(sm->obj.dead, 1);
    for (uint64_t i = 0; i < 600; i++) {
        assert_int_equal(lookup(child, i, 0), BH_ERR_SELECTOR);
    }
    assert_int_equal(lookup(root, 900, 0), BH_ERR_SELECTOR);
    assert_int_equal(lookup(root, SEL_SM, 0), BH_OK);
    object_put(&sm->obj); /* the last thing that holds the domain's memory */
    hw_settle();
    revoke(root, SEL_SM, true);
    hw_settle();
    /* The root domain keeps its table for selector 900, the child those for 0, 128 and 500. */
    assert_int_equal(root->quota.used, used + 1);
    assert_int_equal(pool_free_pages(), free - 1 - 3);
}

/* Random derivations and revocations against a model. */

#define MODEL_PDS  3u
#define MODEL_SELS 300u
#define MODEL_SMS  4u

struct model_cap {
    struct object *object;
    uint64_t rights;
    struct model_cap *parent;
    bool doomed;
};

static struct model_cap model[MODEL_PDS][MODEL_SELS];
static struct pd *pds[MODEL_PDS];

static bool descends(const struct model_cap *c, const struct model_cap *from)
{
    for (c = c->parent; c != NULL; c = c->parent) {
        if (c == from) {
            return true;
        }
    }
    return false;
}

static void model_revoke(struct model_cap *from, bool self)
{
    struct model_cap *all = &model[0][0];
    for (unsigned i = 0; i < MODEL_PDS * MODEL_SELS; i++) {
        all[i].doomed =
            all[i].object != NULL && (descends(&all[i], from) || (self && &all[i] == from));
    }
    for (unsigned i = 0; i < MODEL_PDS * MODEL_SELS; i++) {
        if (all[i].doomed) {
            all[i] = (struct model_cap){0};
        }
    }
}

static void compare(struct object **sm)
{
    uint32_t caps[MODEL_SMS] = {0};
    for (unsigned p = 0; p < MODEL_PDS; p++) {
        for (unsigned s = 0; s < MODEL_SELS; s++) {
            const struct model_cap *c = &model[p][s];
            const struct cap *leaf = pds[p]->caps[(1024 + s) >> CAP_LEAF_SHIFT];
            uint64_t word = leaf == NULL ? 0 : leaf[(1024 + s) % CAP_LEAF].word;
            assert_int_equal(word, c->object == NULL ? 0 : (uint64_t)c->object | c->rights);
            for (unsigned i = 0; i < MODEL_SMS; i++) {
                caps[i] += c->object == sm[i] ? 1 : 0;
            }
        }
    }
    for (unsigned i = 0; i < MODEL_SMS; i++) {
        assert_int_equal(sm[i]->caps, caps[i]);
    }
}

static void random_delegate(uint64_t *seed)
{
    unsigned p = (unsigned)random_below(seed, MODEL_PDS);
    unsigned q = (unsigned)random_below(seed, MODEL_PDS);
    uint64_t from = random_below(seed, MODEL_SELS);
    uint64_t to = random_below(seed, MODEL_SELS);
    uint64_t count = 1 + random_below(seed, 3);
    uint64_t rights = BH_RIGHTS_ALL & ~(1u << random_below(seed, 12));
    if (from + count > MODEL_SELS || to + count > MODEL_SELS) {
        return;
    }
    enum bh_status expected = BH_OK;
    for (uint64_t i = 0; i < count && expected == BH_OK; i++) {
        expected = model[p][from + i].object == NULL ? BH_ERR_NOT_HELD
                   : model[q][to + i].object != NULL ? BH_ERR_OCCUPIED
                                                     : BH_OK;
    }
    assert_int_equal(delegate(pds[p], 1024 + from, pds[q], 1024 + to, count, rights), expected);
    for (uint64_t i = 0; i < count && expected == BH_OK; i++) {
        struct model_cap *c = &model[p][from + i];
        model[q][to + i] = (struct model_cap){c->object, c->rights & rights, c, false};
    }
}

static void random_changes_equal_the_model(void **state)
{
    (void)state;
    uint64_t seed = 42;
    struct object *sm[MODEL_SMS];
    memset(model, 0, sizeof(model));
    pds[0] = root;
    pds[1] = child;
    pds[2] = fixture_pd(root, 2, 200);
    for (unsigned i = 0; i < MODEL_SMS; i++) {
        sm[i] = &new_sm(root, 1024 + i)->obj;
        model[0][i] = (struct model_cap){sm[i], BH_RIGHTS_ALL, NULL, false};
    }
    for (unsigned step = 0; step < 20000; step++) {
        if (random_below(&seed, 12) != 0) {
            random_delegate(&seed);
        } else {
            unsigned p = (unsigned)random_below(&seed, MODEL_PDS);
            unsigned s = (unsigned)random_below(&seed, MODEL_SELS);
            bool self = (p != 0 || s >= MODEL_SMS) && random_below(&seed, 2) == 0;
            revoke(pds[p], 1024 + s, self);
            model_revoke(&model[p][s], self);
        }
        if (step % 20 == 0) {
            compare(sm);
        }
    }
    compare(sm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_selector_names_what_was_put_there, setup),
        cmocka_unit_test_setup(each_refusal_has_its_status, setup),
        cmocka_unit_test_setup(insertion_wants_a_free_selector_inside_the_space, setup),
        cmocka_unit_test_setup(tables_are_charged_to_the_domain, setup),
        cmocka_unit_test_setup(rights_only_shrink, setup),
        cmocka_unit_test_setup(a_range_is_derived_whole_or_not_at_all, setup),
        cmocka_unit_test_setup(what_is_dead_cannot_be_derived, setup),
        cmocka_unit_test_setup(revocation_takes_the_subtree_only, setup),
        cmocka_unit_test_setup(what_a_removed_capability_gave_is_gone_too, setup),
        cmocka_unit_test_setup(an_object_dies_with_its_last_capability, setup),
        cmocka_unit_test_setup(long_revocations_take_bounded_steps, setup),
        cmocka_unit_test_setup(a_dying_domain_takes_back_what_it_gave, setup),
        cmocka_unit_test_setup(random_changes_equal_the_model, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
