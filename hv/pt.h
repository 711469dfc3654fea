/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Portals: an entry into a handler thread of another (or the same) protection domain.
 */
#pragma once

#include "hv/object.h"

struct ec;

struct pt {
    struct object obj;
    struct ec *ec; /* the handler; a reference */
    uint64_t rip;
    uint64_t id;
};

/* A portal into handler `ec`, paid by owner; NULL without quota. */
struct pt *pt_create(struct pd *owner, struct ec *ec, uint64_t rip, uint64_t id);
void pt_release(struct object *o);
