/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings, at random: delegations and revocations between the spaces of four domains, compared
 * with a flat model in which each unit knows the unit that it was derived from; with large pages
 * and single ones, within one domain and across, with quotas that run out in the middle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/ept/ept.h"
#include "tests/unit/hv_space_model.h"

#define DOMAINS 4u
#define SPACES  7u /* memory and guest memory of three domains, memory of the root domain */
#define UNITS   3072u
#define BASE    (512ull * 512 * 512 - UNITS / 2) /* across a boundary of all levels */
#define PHYS    0x80000ull                       /* of the root domain's units */
#define R       PTAB_R
#define RW      (PTAB_R | PTAB_W)
#define RWX     (PTAB_R | PTAB_W | PTAB_X)

struct unit {
    struct unit *parent;
    uint64_t phys;
    unsigned rights; /* 0: not held */
    unsigned depth;
    bool doomed;
};

static struct pd *pds[DOMAINS];
static struct space *spaces[SPACES];
static struct unit model[SPACES][UNITS];
static uint64_t granted[DOMAINS];
static uint64_t used[DOMAINS]; /* with empty spaces */

static void start(bool one_gib)
{
    pds[0] = fixture_root(1);
    ept_init(one_gib, false);
    for (unsigned i = 1; i < DOMAINS; i++) {
        pds[i] = fixture_pd(pds[0], i, 600);
    }
    memset(model, 0, sizeof(model));
    for (unsigned i = 0; i < SPACES; i++) {
        spaces[i] = &pds[(i + 1) / 2]->space[i % 2 != 0 || i == 0 ? BH_SPACE_MEM : BH_SPACE_GUEST];
    }
    for (unsigned i = 0; i < DOMAINS; i++) {
        granted[i] = pds[i]->quota.limit;
        used[i] = pds[i]->quota.used;
    }
    mapping_init_root(spaces[0], BASE, PHYS, UNITS / 2, RWX);
    mapping_init_root(spaces[0], BASE + UNITS / 2, 5 * PHYS, UNITS / 2, RW | PTAB_UNCACHED);
    for (unsigned i = 0; i < UNITS; i++) {
        bool low = i < UNITS / 2;
        model[0][i].rights = low ? RWX : RW | PTAB_UNCACHED;
        model[0][i].phys = low ? PHYS + i : 5 * PHYS + (i - UNITS / 2);
    }
}

static void compare(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        space_check(spaces[s]);
        for (unsigned i = 0; i < UNITS; i++) {
            const struct mapping *m = mapping_find(spaces[s], BASE + i);
            const struct unit *u = &model[s][i];
            assert_int_equal(m == NULL ? 0 : m->rights, u->rights);
            if (m != NULL) {
                assert_int_equal(m->phys + (BASE + i - m->node.key), u->phys);
                assert_int_equal(m->depth, u->depth);
            }
        }
    }
}

/* Does every unit that the kernel holds stem from the unit that the model says? */
static void compare_parents(void)
{
    for (unsigned s = 1; s < SPACES; s++) {
        for (unsigned i = 0; i < UNITS; i++) {
            const struct unit *u = &model[s][i];
            if (u->rights == 0) {
                continue;
            }
            const struct mapping *m = mapping_find(spaces[s], BASE + i);
            unsigned at = (unsigned)(u->parent - &model[0][0]);
            const struct mapping *p = mapping_find(spaces[at / UNITS], BASE + at % UNITS);
            assert_ptr_equal(m->parent, p);
        }
    }
}

static enum bh_status model_check(unsigned s, unsigned from, unsigned d, unsigned to,
                                  unsigned count, unsigned rights)
{
    for (unsigned i = 0; i < count; i++) {
        const struct unit *u = &model[s][from + i];
        if (u->rights == 0) {
            return BH_ERR_NOT_HELD;
        }
        if ((u->rights & rights & R) == 0) {
            return BH_ERR_RIGHTS;
        }
        if (u->depth >= MAPPING_DEPTH_MAX) {
            return BH_ERR_STATE;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (model[d][to + i].rights != 0) {
            return BH_ERR_OCCUPIED;
        }
    }
    return BH_OK;
}

static void random_delegate(uint64_t *seed, bool may_fail)
{
    unsigned s = (unsigned)random_below(seed, SPACES);
    unsigned d = 1 + (unsigned)random_below(seed, SPACES - 1);
    unsigned from = (unsigned)random_below(seed, UNITS);
    unsigned to = random_below(seed, 2) == 0 ? from : (unsigned)random_below(seed, UNITS);
    unsigned count = 1 + (unsigned)random_below(seed, random_below(seed, 3) == 0 ? 1500 : 20);
    unsigned rights = random_below(seed, 8) == 0 ? (unsigned)random_below(seed, 8) : RWX;
    unsigned last = from > to ? from : to;
    count = count < UNITS - last ? count : UNITS - last;
    enum bh_status expected = model_check(s, from, d, to, count, rights);
    enum bh_status status = BH_OK;
    while (count > 0 && status == BH_OK) {
        uint64_t done;
        status =
            space_delegate_step(spaces[s], BASE + from, spaces[d], BASE + to, count, rights, &done);
        for (unsigned i = 0; i < done; i++) {
            struct unit *u = &model[s][from + i];
            unsigned kept = u->rights & (rights | PTAB_UNCACHED);
            model[d][to + i] = (struct unit){u, u->phys, kept, u->depth + 1, false};
        }
        from += (unsigned)done;
        to += (unsigned)done;
        count -= (unsigned)done;
    }
    if (status != BH_ERR_QUOTA || !may_fail) {
        assert_int_equal(status, expected);
    }
}

/* Mark what a revocation of [base, base + count) of space s takes. */
static void model_doom(unsigned s, unsigned base, unsigned count, bool self)
{
    struct unit *all = &model[0][0];
    for (unsigned i = 0; i < SPACES * UNITS; i++) {
        all[i].doomed = false;
        for (const struct unit *u = self ? &all[i] : all[i].parent; u != NULL; u = u->parent) {
            size_t at = (size_t)(u - all);
            if (at / UNITS == s && at % UNITS >= base && at % UNITS - base < count) {
                all[i].doomed = all[i].rights != 0;
                break;
            }
        }
    }
}

/* A unit is gone in the model when it was to go and the kernel holds it no longer. */
static void model_reap(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        for (unsigned i = 0; i < UNITS; i++) {
            if (model[s][i].doomed && mapping_find(spaces[s], BASE + i) == NULL) {
                model[s][i] = (struct unit){0};
            }
        }
    }
}

static void random_revoke(uint64_t *seed, bool may_fail)
{
    unsigned s = (unsigned)random_below(seed, SPACES);
    unsigned base = (unsigned)random_below(seed, UNITS);
    unsigned count = 1 + (unsigned)random_below(seed, random_below(seed, 3) == 0 ? UNITS : 30);
    bool self = s != 0 && random_below(seed, 2) == 0;
    count = count < UNITS - base ? count : UNITS - base;
    model_doom(s, base, count, self);
    enum bh_status status = space_revoke(spaces[s], BASE + base, count, self);
    if (!may_fail) {
        assert_int_equal(status, BH_OK);
    }
    model_reap();
    for (unsigned i = 0; status == BH_OK && i < SPACES * UNITS; i++) {
        assert_false((&model[0][0])[i].doomed);
    }
}

static void finish(void)
{
    for (unsigned i = 0; i < DOMAINS; i++) {
        pds[i]->quota.limit = granted[i];
    }
    assert_int_equal(space_revoke(spaces[0], BASE, UNITS, true), BH_OK);
    for (unsigned i = 0; i < SPACES; i++) {
        assert_null(avl_first(&spaces[i]->mappings));
        space_check(spaces[i]);
    }
    for (unsigned i = 0; i < DOMAINS; i++) {
        assert_int_equal(pds[i]->quota.used, used[i]);
    }
}

static void run(uint64_t seed, unsigned steps, bool exhaust)
{
    for (unsigned step = 0; step < steps; step++) {
        if (exhaust && step % 8 == 0) { /* a few pages more than are in use, or none */
            for (unsigned i = 1; i < DOMAINS; i++) {
                pds[i]->quota.limit = pds[i]->quota.used + random_below(&seed, 5);
            }
        }
        if (random_below(&seed, 5) != 0) {
            random_delegate(&seed, exhaust);
        } else {
            random_revoke(&seed, exhaust);
        }
        if (step % 10 == 0) {
            compare();
            compare_parents();
        }
    }
    compare();
    finish();
}

static void random_changes_equal_the_model(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        start(round % 2 == 1);
        run(100 + round, 400, false);
    }
}

static void nothing_is_lost_when_quotas_run_out(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        start(round % 2 == 1);
        run(200 + round, 500, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_equal_the_model),
        cmocka_unit_test(nothing_is_lost_when_quotas_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
