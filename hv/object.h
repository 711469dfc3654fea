/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all kernel objects have in common, and their end.
 *
 * An object is alive while a capability names it. When the last one goes it is killed: taken out of
 * every queue, on the CPU it belongs to. Its memory stays until the last reference is gone and then
 * until every CPU has been outside the kernel once (reclaim.h): a pointer read without a lock stays
 * good until the reader leaves the kernel.
 */
#pragma once

#include "hv/abi/syscall.h"
#include "hv/types.h"

struct pd;

struct object {
    struct object *next;      /* on a CPU's list of remote kills, or a reclaim list */
    struct object *kill_next; /* on cpu.kill_later, while another CPU may kill it, too */
    struct pd *owner;         /* whose quota it was taken from; a reference */
    uint32_t caps;            /* capabilities that name it; changed under the spaces lock */
    uint32_t refs; /* 1 while alive, 1 while a capability names it, and 1 for each lasting pointer
                      to it */
    uint8_t type;  /* enum bh_object */
    uint8_t dead;
    uint8_t reserved[14]; /* to a multiple of 16 */
};

/* A new object of `size` bytes from owner's quota, or NULL. */
void *object_create(struct pd *owner, uint8_t type, size_t size);

/* Undo object_create for an object that nobody has seen yet. */
void object_discard(struct object *o);

static inline void object_get(struct object *o)
{
    __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
}

/* The same for an object that was found without a reference; false if it is on its way to
 * reclamation. */
static inline bool object_try_get(struct object *o)
{
    uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);
    while (refs != 0) {
        if (__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* Drop a reference; with the last one the memory goes to reclamation. */
void object_put(struct object *o);

/* The last capability is gone: kill the object on the CPU it belongs to. Call without locks. */
void object_kill(struct object *o);

/* End of the grace period: free the memory. */
void object_free(struct object *o);
