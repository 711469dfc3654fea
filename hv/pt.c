/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Portals: creation and release; calling them is in ipc.c.
 */
#include "hv/pt.h"

#include "hv/ec.h"

struct pt *pt_create(struct pd *owner, struct ec *ec, uint64_t rip, uint64_t id)
{
    struct pt *pt = object_create(owner, BH_OBJ_PT, sizeof(*pt));
    if (pt != NULL && !object_try_get(&ec->obj)) {
        object_discard(&pt->obj);
        return NULL;
    }
    if (pt != NULL) {
        pt->ec = ec;
        pt->rip = rip;
        pt->id = id;
    }
    return pt;
}

void pt_release(struct object *o)
{
    object_put(&((struct pt *)o)->ec->obj);
}
