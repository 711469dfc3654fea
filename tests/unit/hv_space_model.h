/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of mappings: the calls as system calls make them, step by step, and the invariants that
 * hold between any two of them.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/mapping.h"
#include "tests/unit/hv_fixture.h"

#define SPACE_ADDRESS 0x000FFFFFFFFFF000ull

static inline struct mapping *space_mapping(struct avl_node *n)
{
    return n == NULL ? NULL : CONTAINER_OF(n, struct mapping, node);
}

/* One step of a delegation; *done units were delegated. */
static inline enum bh_status space_delegate_step(struct space *src, uint64_t from,
                                                 struct space *dst, uint64_t to, uint64_t count,
                                                 unsigned rights, uint64_t *done)
{
    const struct mapping_range r = {src, dst, from, to, count, rights};
    *done = 0;
    spaces_lock();
    enum bh_status status = mapping_check(&r);
    if (status == BH_OK) {
        status = mapping_delegate(&r, done);
        assert_true((status == BH_OK) == (*done > 0) && *done <= count);
    }
    spaces_unlock();
    return status;
}

static inline enum bh_status space_delegate(struct space *src, uint64_t from, struct space *dst,
                                            uint64_t to, uint64_t count, unsigned rights)
{
    enum bh_status status = BH_OK;
    do {
        uint64_t done;
        status = space_delegate_step(src, from, dst, to, count, rights, &done);
        from += done;
        to += done;
        count -= done;
    } while (status == BH_OK && count > 0);
    return status;
}

static inline enum bh_status space_revoke(struct space *s, uint64_t base, uint64_t count, bool self)
{
    bool finished = false;
    enum bh_status status = BH_OK;
    for (unsigned steps = 0; !finished && status == BH_OK; steps++) {
        assert_in_range(steps, 0, 1000000);
        spaces_lock();
        status = mapping_revoke(s, base, count, self, &finished);
        spaces_unlock();
    }
    return status;
}

/* Are the tables' entries for m what m says? */
static inline void space_check_tables(const struct mapping *m)
{
    const struct ptab *t = &m->space->ptab;
    for (uint64_t i = 0; i < m->count;) {
        unsigned level = 0;
        uint64_t unit = m->node.key + i;
        uint64_t e = ptab_lookup(t, unit << PAGE_SHIFT, &level);
        assert_int_not_equal(e, 0);
        uint64_t span = 1ull << (9 * level);
        uint64_t inside = unit % span;
        uint64_t large = level > 0 ? t->format->large : 0;
        assert_int_equal(e & ~SPACE_ADDRESS, t->format->leaf(m->rights) | large);
        assert_int_equal(((e & SPACE_ADDRESS) >> PAGE_SHIFT) + inside, m->phys + i);
        assert_true(inside <= i && span - inside <= m->count - i); /* it reaches not beyond m */
        i += span - inside;
    }
}

/* How many 4 KiB pages do the tables map? */
// NOLINTNEXTLINE(misc-no-recursion)
static inline uint64_t space_mapped(const struct ptab *t, const uint64_t *table, unsigned level)
{
    uint64_t sum = 0;
    bool used = false;
    for (unsigned i = 0; i < 512; i++) {
        if ((table[i] & t->format->present) == 0) {
            continue;
        }
        used = true;
        if (level == 0 || (level < 3 && (table[i] & t->format->large) != 0)) {
            sum += 1ull << (9 * level);
        } else {
            const uint64_t *below = t->memory->ptr(hpa(table[i] & SPACE_ADDRESS));
            sum += space_mapped(t, below, level - 1);
        }
    }
    assert_true(used || level == 3); /* an empty table is given back */
    return sum;
}

static inline void space_check_mapping(const struct space *s, const struct mapping *m)
{
    assert_ptr_equal(m->space, s);
    assert_true(m->count > 0 && m->node.key + m->count <= s->units);
    const struct mapping *p = m->parent;
    if (p != NULL) {
        assert_true(m->phys >= p->phys && m->phys + m->count <= p->phys + p->count);
        assert_int_equal(m->depth, p->depth + 1);
        assert_int_equal(m->rights & ~p->rights, 0);
        assert_false(list_empty(&m->sibling));
    } else {
        assert_int_equal(m->depth, 0);
    }
    for (const struct list *l = m->children.next; l != &m->children; l = l->next) {
        assert_ptr_equal(CONTAINER_OF(l, struct mapping, sibling)->parent, m);
        assert_ptr_equal(l->next->prev, l);
    }
}

/* All invariants of one space. */
static inline void space_check(const struct space *s)
{
    uint64_t end = 0;
    uint64_t sum = 0;
    for (struct mapping *m = space_mapping(avl_first(&s->mappings)); m != NULL;
         m = space_mapping(avl_next(&m->node))) {
        assert_true(m->node.key >= end);
        end = m->node.key + m->count;
        sum += m->count;
        space_check_mapping(s, m);
        if (s->ptab.root != NULL) {
            space_check_tables(m);
        }
    }
    if (s->ptab.root != NULL) {
        assert_int_equal(space_mapped(&s->ptab, s->ptab.root, 3), sum);
    }
}

/* The number of mappings in a space. */
static inline unsigned space_mappings(const struct space *s)
{
    unsigned n = 0;
    for (const struct avl_node *a = avl_first(&s->mappings); a != NULL; a = avl_next(a)) {
        n++;
    }
    return n;
}
