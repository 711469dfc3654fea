/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creation and end of kernel objects. The type-specific ends are tables, indexed by type.
 */
#include "hv/object.h"

#include "hv/ec.h"
#include "hv/pd.h"
#include "hv/pt.h"
#include "hv/reclaim.h"
#include "hv/sc.h"
#include "hv/sm.h"

void *object_create(struct pd *owner, uint8_t type, size_t size)
{
    struct object *o = quota_alloc(&owner->quota, size);
    if (o != NULL) {
        o->owner = owner;
        o->type = type;
        o->refs = 1;
        object_get(&owner->obj);
    }
    return o;
}

void object_discard(struct object *o)
{
    struct pd *owner = o->owner;
    quota_free(o);
    object_put(&owner->obj);
}

void object_put(struct object *o)
{
    if (__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        reclaim_defer(o);
    }
}

static void kill_pt(struct object *o)
{
    object_put(o);
}

static void (*const kill[])(struct object *) = {
    [BH_OBJ_PD] = pd_kill, [BH_OBJ_EC] = ec_kill, [BH_OBJ_SC] = sc_kill,
    [BH_OBJ_PT] = kill_pt, [BH_OBJ_SM] = sm_kill,
};

static void (*const release[])(struct object *) = {
    [BH_OBJ_PD] = pd_release,
    [BH_OBJ_EC] = ec_release,
    [BH_OBJ_SC] = sc_release,
    [BH_OBJ_PT] = pt_release,
};

void object_kill(struct object *o)
{
    if (__atomic_exchange_n(&o->dead, 1, __ATOMIC_ACQ_REL) == 0) {
        kill[o->type](o);
    }
}

void object_free(struct object *o)
{
    if (o->type < ARRAY_SIZE(release) && release[o->type] != NULL) {
        release[o->type](o);
    }
    object_discard(o);
}
