/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings. Delegation makes or extends a mapping at the destination and enters it into page
 * tables, a bounded number of entries a step. Revocation goes to the end of a chain of derivations
 * first and removes it there, again in bounded steps, so that at every moment a mapping's parent
 * holds what it holds.
 */
#include "hv/mapping.h"

#include "hv/ec.h"
#include "hv/log.h"
#include "hv/pool.h"
#include "hv/quota.h"
#include "hv/spaces.h"

#define GUEST_APIC   0xFEE00000ull
#define STEP_ENTRIES 512u /* page-table entries written in one step */

static uint64_t base_of(const struct mapping *m)
{
    return m->node.key;
}

static struct mapping *mapping_of(struct avl_node *n)
{
    return n == NULL ? NULL : CONTAINER_OF(n, struct mapping, node);
}

static bool has_tables(const struct space *s)
{
    return s->ptab.root != NULL;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct mapping *mapping_find(const struct space *s, uint64_t unit)
{
    struct mapping *m = mapping_of(avl_floor(&s->mappings, unit));
    return m != NULL && unit - base_of(m) < m->count ? m : NULL;
}

/* Does the space hold anything in [base, base + count)? */
static bool overlaps(const struct space *s, uint64_t base, uint64_t count)
{
    struct mapping *m = mapping_of(avl_floor(&s->mappings, base + count - 1));
    return m != NULL && base_of(m) + m->count > base;
}

static struct mapping *create(struct space *s, uint64_t base, uint64_t phys, uint64_t count,
                              unsigned rights)
{
    struct mapping *m = quota_alloc(&s->pd->quota, sizeof(*m));
    if (m != NULL) {
        m->node.key = base;
        m->space = s;
        m->count = count;
        m->phys = phys;
        m->rights = rights;
        list_init(&m->children);
        list_init(&m->sibling);
    }
    return m;
}

static void adopt(struct mapping *parent, struct mapping *m)
{
    m->parent = parent;
    if (parent != NULL) {
        m->depth = parent->depth + 1;
        list_add_head(&parent->children, &m->sibling);
    }
}

/* Enter `count` pages into the page tables; returns how many fitted into a step. */
static uint64_t enter(struct space *s, uint64_t base, uint64_t phys, uint64_t count,
                      unsigned rights)
{
    if (!has_tables(s)) {
        return count;
    }
    bool no_memory = false;
    uint64_t done = ptab_map(&s->ptab, base << PAGE_SHIFT, hpa(phys << PAGE_SHIFT), count, rights,
                             STEP_ENTRIES, &no_memory);
    if (done == 0) { /* tables made on the way down are empty: take them back */
        struct ptab_garbage g = {0};
        ptab_unmap(&s->ptab, base << PAGE_SHIFT, 1, 1, &g, &no_memory);
        spaces_shootdown(s->pd);
        ptab_collect(&s->ptab, &g);
    }
    return done;
}

/* Remove up to `count` pages; no CPU can use them afterwards. Returns how many. */
static uint64_t leave(struct space *s, uint64_t base, uint64_t count)
{
    if (!has_tables(s)) {
        return count;
    }
    struct ptab_garbage g = {0};
    bool no_memory = false;
    uint64_t done = ptab_unmap(&s->ptab, base << PAGE_SHIFT, count, STEP_ENTRIES, &g, &no_memory);
    spaces_shootdown(s->pd);
    ptab_collect(&s->ptab, &g);
    return done;
}

void mapping_init_root(struct space *s, uint64_t base, uint64_t phys, uint64_t count,
                       unsigned rights)
{
    struct mapping *m = create(s, base, phys, count, rights);
    if (m == NULL) {
        panic("the pool is too small for the root task's mappings");
    }
    avl_insert(&s->mappings, &m->node);
    for (uint64_t done = 0; done < count;) {
        uint64_t n = enter(s, base + done, phys + done, count - done, rights);
        if (n == 0) {
            panic("the pool is too small for the root task's page tables");
        }
        done += n;
    }
}

enum bh_status mapping_check(const struct mapping_range *r)
{
    if (r->count == 0 || r->count > r->src->units || r->from > r->src->units - r->count ||
        r->count > r->dst->units || r->to > r->dst->units - r->count) {
        return BH_ERR_RANGE;
    }
    for (uint64_t i = 0; i < r->count;) {
        const struct mapping *m = mapping_find(r->src, r->from + i);
        if (m == NULL || (m->rights & MAPPING_KERNEL) != 0) {
            return BH_ERR_NOT_HELD;
        }
        if ((m->rights & r->rights & PTAB_R) == 0) {
            return BH_ERR_RIGHTS;
        }
        if (m->depth >= MAPPING_DEPTH_MAX) {
            return BH_ERR_STATE;
        }
        i += m->count - (r->from + i - base_of(m));
    }
    return overlaps(r->dst, r->to, r->count) ? BH_ERR_OCCUPIED : BH_OK;
}

/* A mapping that [base, ...) of `phys` derived from `parent` would only extend, or NULL. */
static struct mapping *extendable(const struct space *s, uint64_t base, uint64_t phys,
                                  const struct mapping *parent, unsigned rights)
{
    struct mapping *m = base == 0 ? NULL : mapping_find(s, base - 1);
    return m != NULL && m->parent == parent && m->rights == rights && m->phys + m->count == phys
               ? m
               : NULL;
}

enum bh_status mapping_delegate(const struct mapping_range *r, uint64_t *done)
{
    struct mapping *parent = mapping_find(r->src, r->from);
    uint64_t offset = r->from - base_of(parent);
    uint64_t count = min_u64(r->count, parent->count - offset);
    uint64_t phys = parent->phys + offset;
    unsigned rights = parent->rights & (r->rights | PTAB_UNCACHED);
    struct mapping *m = extendable(r->dst, r->to, phys, parent, rights);
    struct mapping *made = m == NULL ? create(r->dst, r->to, phys, 0, rights) : NULL;
    *done = 0;
    if (m == NULL && made == NULL) {
        return BH_ERR_QUOTA;
    }
    count = enter(r->dst, r->to, phys, count, rights);
    if (count == 0) {
        if (made != NULL) {
            quota_free(made);
        }
        return BH_ERR_QUOTA;
    }
    if (made != NULL) {
        avl_insert(&r->dst->mappings, &made->node);
        adopt(parent, made);
        m = made;
    }
    m->count += count;
    *done = count;
    return BH_OK;
}

static void destroy(struct mapping *m)
{
    avl_remove(&m->space->mappings, &m->node);
    list_remove(&m->sibling);
    quota_free(m);
}

/* The tail of m from physical unit `at` becomes a mapping of its own, with what was derived from
 * it. */
static void divide(struct mapping *m, struct mapping *tail, uint64_t at)
{
    uint64_t keep = at - m->phys;
    tail->node.key = base_of(m) + keep;
    tail->phys = at;
    tail->count = m->count - keep;
    m->count = keep;
    avl_insert(&m->space->mappings, &tail->node);
    adopt(m->parent, tail);
    for (struct list *l = m->children.next; l != &m->children;) {
        struct mapping *c = CONTAINER_OF(l, struct mapping, sibling);
        l = l->next;
        if (c->phys >= at) {
            list_remove(&c->sibling);
            list_add_head(&tail->children, &c->sibling);
            c->parent = tail;
        }
    }
}

/* Remove physical units [first, end) of m, from which nothing is derived; or the first part of
 * them. */
static enum bh_status cut(struct mapping *m, uint64_t first, uint64_t end)
{
    struct mapping *tail = NULL;
    if (first > m->phys && end < m->phys + m->count) {
        tail = create(m->space, 0, 0, 0, m->rights);
        if (tail == NULL) {
            return BH_ERR_QUOTA;
        }
    }
    uint64_t done = leave(m->space, base_of(m) + (first - m->phys), end - first);
    if (done == 0) {
        if (tail != NULL) {
            quota_free(tail);
        }
        return BH_ERR_QUOTA;
    }
    if (first > m->phys) {
        if (first + done == m->phys + m->count) {
            m->count -= done;
            return BH_OK;
        }
        if (tail == NULL) { /* the step ended before the end of m: the rest is cut next */
            tail = create(m->space, 0, 0, 0, m->rights);
            if (tail == NULL) {
                enter(m->space, base_of(m) + (first - m->phys), first, done, m->rights);
                return BH_ERR_QUOTA;
            }
        }
        divide(m, tail, first + done);
        m->count -= done;
        return BH_OK;
    }
    if (done == m->count) {
        destroy(m);
        return BH_OK;
    }
    avl_remove(&m->space->mappings, &m->node);
    m->node.key += done;
    m->phys += done;
    m->count -= done;
    avl_insert(&m->space->mappings, &m->node);
    return BH_OK;
}

/* A mapping derived from m that overlaps physical units [first, end), or NULL. */
static struct mapping *derived(const struct mapping *m, uint64_t first, uint64_t end)
{
    for (struct list *l = m->children.next; l != &m->children; l = l->next) {
        struct mapping *c = CONTAINER_OF(l, struct mapping, sibling);
        if (c->phys < end && c->phys + c->count > first) {
            return c;
        }
    }
    return NULL;
}

/* One step on physical units [first, end) of m. */
static enum bh_status revoke(struct mapping *m, uint64_t first, uint64_t end, bool self,
                             bool *finished)
{
    struct mapping *c = m;
    for (struct mapping *d = derived(c, first, end); d != NULL; d = derived(c, first, end)) {
        c = d;
        first = c->phys > first ? c->phys : first;
        end = min_u64(end, c->phys + c->count);
    }
    *finished = c == m && !self;
    return *finished ? BH_OK : cut(c, first, end);
}

enum bh_status mapping_revoke(struct space *s, uint64_t base, uint64_t count, bool self,
                              bool *finished)
{
    struct mapping *m = mapping_of(avl_floor(&s->mappings, base));
    if (m != NULL && base_of(m) + m->count <= base) {
        m = mapping_of(avl_next(&m->node));
    } else if (m == NULL) {
        m = mapping_of(avl_first(&s->mappings));
    }
    for (; m != NULL && base_of(m) < base + count; m = mapping_of(avl_next(&m->node))) {
        if ((m->rights & MAPPING_KERNEL) != 0) {
            continue;
        }
        uint64_t first = base > base_of(m) ? base - base_of(m) : 0;
        uint64_t end = min_u64(m->count, base + count - base_of(m));
        bool done;
        enum bh_status status = revoke(m, m->phys + first, m->phys + end, self, &done);
        if (status != BH_OK || !done) {
            *finished = false;
            return status;
        }
    }
    *finished = true;
    return BH_OK;
}

bool mapping_reap(struct space *s)
{
    struct mapping *m = mapping_of(avl_first(&s->mappings));
    if (m == NULL) {
        return true;
    }
    bool done;
    if ((m->rights & MAPPING_KERNEL) != 0) {
        leave(s, base_of(m), m->count);
        destroy(m);
    } else {
        revoke(m, m->phys, m->phys + m->count, true, &done);
    }
    return false;
}

static enum bh_status add_page(struct space *s, uint64_t address, const void *page)
{
    uint64_t unit = address >> PAGE_SHIFT;
    if (overlaps(s, unit, 1)) {
        return BH_ERR_OCCUPIED;
    }
    uint64_t phys = pool_hpa(page).v >> PAGE_SHIFT;
    unsigned rights = PTAB_R | PTAB_W | MAPPING_KERNEL;
    struct mapping *m = create(s, unit, phys, 1, rights);
    if (m == NULL) {
        return BH_ERR_QUOTA;
    }
    if (enter(s, unit, phys, 1, rights) == 0) {
        quota_free(m);
        return BH_ERR_QUOTA;
    }
    avl_insert(&s->mappings, &m->node);
    return BH_OK;
}

static void remove_page(struct space *s, uint64_t address, const void *page)
{
    struct mapping *m = mapping_find(s, address >> PAGE_SHIFT);
    if (m != NULL && (m->rights & MAPPING_KERNEL) != 0 &&
        m->phys == pool_hpa(page).v >> PAGE_SHIFT) {
        leave(s, base_of(m), 1);
        destroy(m);
    }
}

/* The virtual-APIC page of a vCPU and, for its domain's first, the page that guests find at the
 * APIC's address. */
static enum bh_status add_vapic(struct space *s, struct ec *ec)
{
    struct pd *pd = ec->pd;
    enum bh_status status = add_page(s, ec->vapic_page, ec->vapic);
    if (status != BH_OK || pd->apic_access != NULL) {
        return status;
    }
    void *page = quota_page(&pd->quota);
    status = page == NULL ? BH_ERR_QUOTA : add_page(&pd->space[BH_SPACE_GUEST], GUEST_APIC, page);
    if (status == BH_OK) {
        pd->apic_access = page;
        return BH_OK;
    }
    if (page != NULL) {
        quota_page_free(&pd->quota, page);
    }
    remove_page(s, ec->vapic_page, ec->vapic);
    return status;
}

enum bh_status mapping_add_ec(struct ec *ec)
{
    struct space *s = &ec->pd->space[BH_SPACE_MEM];
    spaces_lock();
    enum bh_status status =
        ec->pd->obj.dead != 0 ? BH_ERR_DEAD : add_page(s, ec->user_page, ec->utcb);
    if (status == BH_OK && ec->vapic_page != 0) {
        status = add_vapic(s, ec);
        if (status != BH_OK) {
            remove_page(s, ec->user_page, ec->utcb);
        }
    }
    if (status == BH_OK) {
        list_add_tail(&ec->pd->ecs, &ec->pd_link);
    }
    spaces_unlock();
    return status;
}

void mapping_remove_ec(struct ec *ec)
{
    struct space *s = &ec->pd->space[BH_SPACE_MEM];
    spaces_lock();
    remove_page(s, ec->user_page, ec->utcb);
    if (ec->vapic_page != 0) {
        remove_page(s, ec->vapic_page, ec->vapic);
    }
    list_remove(&ec->pd_link);
    spaces_unlock();
}
