/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capability spaces: selectors name objects with permissions. A capability knows what it was
 * derived from: all derivations of an object form a list in the order of a walk through their tree,
 * each with its depth, so that what was derived from a capability is what follows it with a greater
 * depth.
 */
#pragma once

#include "hv/abi/status.h"
#include "hv/object.h"
#include "hv/pd.h"

/* word: pointer to the object, with the permissions in the low bits (objects are aligned to 64). 0:
 * empty. */
struct cap {
    uint64_t word;
    struct cap *next, *prev;
    uint32_t depth;
    uint32_t reserved;
};
_Static_assert(sizeof(struct cap) == 32, "128 capabilities fill a page");

#define CAP_RIGHTS     0x3Full
#define CAP_LEAF_SHIFT 7u
#define CAP_LEAF       (1u << CAP_LEAF_SHIFT)

/*
 * The object that `selector` names in pd, of type `type` with at least `rights`. On failure NULL
 * and *status. Lock-free: the object stays usable until the CPU leaves the kernel.
 */
static inline struct object *cap_lookup(struct pd *pd, uint64_t selector, uint8_t type,
                                        uint64_t rights, enum bh_status *status)
{
    if (selector < BH_SELECTORS) {
        struct cap *leaf = __atomic_load_n(&pd->caps[selector >> CAP_LEAF_SHIFT], __ATOMIC_ACQUIRE);
        uint64_t word =
            leaf != NULL ? __atomic_load_n(&leaf[selector % CAP_LEAF].word, __ATOMIC_ACQUIRE) : 0;
        if (word != 0) {
            struct object *o =
                (struct object *)(word & ~CAP_RIGHTS); // NOLINT(performance-no-int-to-ptr)
            if (o->type == type && (word & rights) == rights && o->dead == 0) {
                return o;
            }
            *status = o->type != type ? BH_ERR_TYPE : o->dead != 0 ? BH_ERR_DEAD : BH_ERR_RIGHTS;
            return NULL;
        }
    }
    *status = BH_ERR_SELECTOR;
    return NULL;
}

/* Is `selector` free for a new capability? Makes its table; BH_OK, BH_ERR_SELECTOR, BH_ERR_OCCUPIED
 * or BH_ERR_QUOTA. */
enum bh_status cap_prepare(struct pd *pd, uint64_t selector);

/* Put the first capability of a new object, with all rights, at a selector that cap_prepare found
 * free. */
enum bh_status cap_insert(struct pd *pd, uint64_t selector, struct object *o);

/* Under the spaces lock: derive capabilities [from, from + count) of src as [to, ...) of dst. All
 * or nothing for each step. */
enum bh_status cap_delegate(struct pd *src, uint64_t from, struct pd *dst, uint64_t to,
                            uint64_t count, uint64_t rights);

/* Under the spaces lock: one step of taking back what was derived from `selector`, and with `self`
   it too. True: done. Objects that nobody names any more go to cpu->kill_later. */
bool cap_revoke(struct pd *pd, uint64_t selector, bool self);

/* Under the spaces lock: one step of emptying a dying domain's capability space. True: it is empty.
 */
bool cap_reap(struct pd *pd, uint32_t *leaf);
/* Free the tables of an empty space. */
void cap_destroy(struct pd *pd);
