/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection domains. A domain whose last capability is gone is taken apart in steps: its threads
 * and vCPUs are killed, its capabilities and mappings removed, with all that was derived from them;
 * its tables go when no CPU uses them any more.
 */
#include "hv/pd.h"

#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/ec.h"
#include "hv/ept/ept.h"
#include "hv/mapping.h"
#include "hv/pool.h"
#include "hv/reclaim.h"
#include "hv/spaces.h"
#include "hv/x86/paging.h"

#define PORTS     65536u
#define REAP_STEP 64u /* capabilities or mappings a step */

static struct list dying = {&dying, &dying}; /* under the spaces lock */

static bool init(struct pd *pd)
{
    list_init(&pd->ecs);
    list_init(&pd->dying);
    uint64_t *pml4 = quota_page(&pd->quota);
    uint64_t *ept = quota_page(&pd->quota);
    pd->caps = quota_page(&pd->quota);
    if (pml4 == NULL || ept == NULL || pd->caps == NULL) {
        return false;
    }
    paging_share_kernel(pml4);
    pd->cr3 = pool_hpa(pml4).v;
    pd->eptp = ept_pointer(pool_hpa(ept));
    pd->space[BH_SPACE_MEM].ptab =
        (struct ptab){pml4, paging_format(), paging_memory(), &pd->quota};
    pd->space[BH_SPACE_MEM].units = USER_END >> PAGE_SHIFT;
    pd->space[BH_SPACE_GUEST].ptab = (struct ptab){ept, ept_format(), paging_memory(), &pd->quota};
    pd->space[BH_SPACE_GUEST].units = 1ull << (48 - PAGE_SHIFT);
    pd->space[BH_SPACE_PIO].units = PORTS;
    for (unsigned i = 0; i < BH_SPACE_COUNT; i++) {
        pd->space[i].kind = (uint8_t)i;
        pd->space[i].pd = pd;
    }
    return true;
}

struct pd *pd_create(struct pd *owner, uint64_t pages)
{
    struct pd *pd = object_create(owner, BH_OBJ_PD, sizeof(*pd));
    if (pd == NULL) {
        return NULL;
    }
    quota_init(&pd->quota, 0);
    if (pages < PD_QUOTA_MIN || !quota_move(&owner->quota, &pd->quota, pages)) {
        object_discard(&pd->obj);
        return NULL;
    }
    pd->granted = pages;
    init(pd); /* cannot fail: PD_QUOTA_MIN covers it */
    return pd;
}

void pd_init_root(struct pd *self)
{
    self->obj.type = BH_OBJ_PD;
    self->obj.refs = 1;
    self->obj.owner = self;
    quota_init(&self->quota, pool_free_pages());
    init(self);
}

void pd_kill(struct object *o)
{
    struct pd *pd = (struct pd *)o;
    reclaim_begin();
    spaces_lock();
    list_add_tail(&dying, &pd->dying);
    spaces_unlock();
}

/* Under the spaces lock: kill one EC of pd. True if there was one; the lock is released then. */
static bool reap_ec(struct pd *pd)
{
    if (list_empty(&pd->ecs)) {
        return false;
    }
    struct ec *ec = CONTAINER_OF(pd->ecs.next, struct ec, pd_link);
    list_remove(&ec->pd_link);
    object_get(&ec->obj);
    spaces_unlock();
    object_kill(&ec->obj);
    object_put(&ec->obj);
    return true;
}

/* Under the spaces lock: one step. True when the domain is empty. */
static bool reap_spaces(struct pd *pd)
{
    static const uint8_t order[] = {BH_SPACE_GUEST, BH_SPACE_MEM, BH_SPACE_PIO};
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if (!mapping_reap(&pd->space[order[i]])) {
            return false;
        }
    }
    return cap_reap(pd, &pd->reap_leaf);
}

bool pd_reap(void)
{
    spaces_lock();
    if (list_empty(&dying)) {
        spaces_unlock();
        return false;
    }
    struct pd *pd = CONTAINER_OF(dying.next, struct pd, dying);
    if (reap_ec(pd)) {
        return true;
    }
    bool empty = reap_spaces(pd);
    if (empty) {
        list_remove(&pd->dying);
    }
    spaces_unlock();
    cpu_kill_later(cpu_self());
    if (empty) {
        object_put(&pd->obj);
        reclaim_end();
    }
    return true;
}

void pd_release(struct object *o)
{
    struct pd *pd = (struct pd *)o;
    struct quota *q = &pd->quota;
    cap_destroy(pd);
    struct ptab *mem = &pd->space[BH_SPACE_MEM].ptab;
    struct ptab *guest = &pd->space[BH_SPACE_GUEST].ptab;
    ptab_destroy(mem, 0, PML4_KERNEL - 1, UINT32_MAX);
    ptab_destroy(guest, 0, PML4_KERNEL, UINT32_MAX);
    quota_page_free(q, mem->root);
    quota_page_free(q, guest->root);
    quota_page_free(q, pd->caps);
    if (pd->apic_access != NULL) {
        quota_page_free(q, pd->apic_access);
    }
    quota_move(q, &o->owner->quota, pd->granted);
}
