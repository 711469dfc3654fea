/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings: ranges of memory or ports that a space holds, where they came from, and what was
 * derived from them. A mapping covers `count` units (pages or ports) of one physical range; what is
 * derived from it overlaps it physically. All functions but mapping_init_* want the spaces lock
 * held.
 */
#pragma once

#include "hv/abi/status.h"
#include "hv/avl.h"
#include "hv/list.h"
#include "hv/pd.h"

struct ec;

#define MAPPING_DEPTH_MAX 32u
#define MAPPING_KERNEL \
    0x80u /* a page of the kernel's pool (UTCB, vCPU state): cannot be derived or revoked */

struct mapping {
    struct avl_node node; /* key: first unit in the space */
    struct space *space;
    struct mapping *parent;
    struct list children; /* their `sibling` */
    struct list sibling;
    uint64_t count;
    uint64_t phys;   /* first physical page or port */
    uint32_t rights; /* PTAB_*, MAPPING_KERNEL */
    uint32_t depth;
};

struct mapping_range {
    struct space *src, *dst;
    uint64_t from, to, count; /* units */
    unsigned rights;
};

/* Give a space something that is derived from nothing. Boot only; panics on failure. */
void mapping_init_root(struct space *s, uint64_t base, uint64_t phys, uint64_t count,
                       unsigned rights);

/* Could all of r be delegated? BH_OK or why not; the amount of kernel memory is not checked. */
enum bh_status mapping_check(const struct mapping_range *r);

/* One step of a delegation that mapping_check found possible: *done units were delegated, at least
 * one on BH_OK. */
enum bh_status mapping_delegate(const struct mapping_range *r, uint64_t *done);

/* One step of revoking [base, base + count); *finished when nothing is left. */
enum bh_status mapping_revoke(struct space *s, uint64_t base, uint64_t count, bool self,
                              bool *finished);

/* One step of emptying the space of a dying domain. True: it is empty. */
bool mapping_reap(struct space *s);

/* The mapping that holds `unit`, or NULL. */
struct mapping *mapping_find(const struct space *s, uint64_t unit);

/* Map pages of an EC (UTCB or state page, virtual-APIC page) into its domain: takes the lock
 * itself. */
enum bh_status mapping_add_ec(struct ec *ec);
/* Take them away: takes the lock itself. */
void mapping_remove_ec(struct ec *ec);
