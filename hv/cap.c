/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability spaces: insertion, derivation, revocation.
 */
#include "hv/cap.h"

#include "hv/cpu.h"
#include "hv/spaces.h"

#define LEAVES      (BH_SELECTORS / CAP_LEAF)
#define REVOKE_STEP 32u /* capabilities removed in one step */

static struct object *object_of(const struct cap *c)
{
    return (struct object *)(c->word & ~CAP_RIGHTS); // NOLINT(performance-no-int-to-ptr)
}

static struct cap *slot(struct pd *pd, uint64_t selector)
{
    struct cap *leaf = pd->caps[selector >> CAP_LEAF_SHIFT];
    return leaf == NULL ? NULL : &leaf[selector % CAP_LEAF];
}

/* The slot, its table made if missing. */
static enum bh_status slot_make(struct pd *pd, uint64_t selector, struct cap **out)
{
    if (selector >= BH_SELECTORS || selector == BH_SELECTOR_NONE) {
        return BH_ERR_SELECTOR;
    }
    struct cap **leaf = &pd->caps[selector >> CAP_LEAF_SHIFT];
    if (*leaf == NULL) {
        void *page = quota_page(&pd->quota);
        if (page == NULL) {
            return BH_ERR_QUOTA;
        }
        __atomic_store_n(leaf, page, __ATOMIC_RELEASE);
    }
    *out = &(*leaf)[selector % CAP_LEAF];
    return (*out)->word != 0 ? BH_ERR_OCCUPIED : BH_OK;
}

enum bh_status cap_prepare(struct pd *pd, uint64_t selector)
{
    struct cap *c;
    spaces_lock();
    enum bh_status status = slot_make(pd, selector, &c);
    spaces_unlock();
    return status;
}

enum bh_status cap_insert(struct pd *pd, uint64_t selector, struct object *o)
{
    struct cap *c;
    spaces_lock();
    enum bh_status status = pd->obj.dead != 0 ? BH_ERR_DEAD : slot_make(pd, selector, &c);
    if (status == BH_OK) {
        c->next = NULL;
        c->prev = NULL;
        c->depth = 0;
        o->caps = 1;
        object_get(o); /* the capabilities' */
        __atomic_store_n(&c->word, (uint64_t)o | BH_RIGHTS_ALL, __ATOMIC_RELEASE);
    }
    spaces_unlock();
    return status;
}

static void derive(struct cap *from, struct cap *to, uint64_t rights)
{
    to->prev = from;
    to->next = from->next;
    if (to->next != NULL) {
        to->next->prev = to;
    }
    from->next = to;
    to->depth = from->depth + 1;
    object_of(from)->caps++;
    __atomic_store_n(&to->word, (from->word & ~CAP_RIGHTS) | (from->word & rights),
                     __ATOMIC_RELEASE);
}

enum bh_status cap_delegate(struct pd *src, uint64_t from, struct pd *dst, uint64_t to,
                            uint64_t count, uint64_t rights)
{
    for (uint64_t i = 0; i < count; i++) {
        struct cap *s = from + i < BH_SELECTORS ? slot(src, from + i) : NULL;
        struct cap *d;
        if (s == NULL || s->word == 0 || object_of(s)->dead != 0) {
            return BH_ERR_NOT_HELD;
        }
        enum bh_status status = slot_make(dst, to + i, &d);
        if (status != BH_OK) {
            return status;
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        derive(slot(src, from + i), slot(dst, to + i), rights & BH_RIGHTS_ALL);
    }
    return BH_OK;
}

static void remove(struct cap *c)
{
    struct object *o = object_of(c);
    __atomic_store_n(&c->word, 0, __ATOMIC_RELEASE);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    if (--o->caps != 0) {
        return;
    }
    if (o->dead != 0) {
        object_put(o);
        return;
    }
    struct cpu *cpu = cpu_self();
    o->kill_next = cpu->kill_later;
    cpu->kill_later = o;
}

static bool revoke(struct cap *c, bool self)
{
    for (unsigned n = 0; n < REVOKE_STEP; n++) {
        if (c->next != NULL && c->next->depth > c->depth) {
            remove(c->next);
        } else {
            if (self) {
                remove(c);
            }
            return true;
        }
    }
    return false;
}

bool cap_revoke(struct pd *pd, uint64_t selector, bool self)
{
    struct cap *c = slot(pd, selector);
    return c == NULL || c->word == 0 || revoke(c, self);
}

bool cap_reap(struct pd *pd, uint32_t *leaf)
{
    for (; *leaf < LEAVES; (*leaf)++) {
        struct cap *caps = pd->caps[*leaf];
        if (caps == NULL) {
            continue;
        }
        for (unsigned i = 0; i < CAP_LEAF; i++) {
            if (caps[i].word != 0 && !revoke(&caps[i], true)) {
                return false;
            }
        }
        (*leaf)++;
        return *leaf == LEAVES;
    }
    return true;
}

void cap_destroy(struct pd *pd)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        if (pd->caps[i] != NULL) {
            quota_page_free(&pd->quota, pd->caps[i]);
        }
    }
}
