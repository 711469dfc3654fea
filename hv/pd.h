/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection domains: a capability space, a host address space, a guest-physical space, a port
 * space and a quota.
 */
#pragma once

#include "hv/avl.h"
#include "hv/list.h"
#include "hv/object.h"
#include "hv/ptab.h"
#include "hv/quota.h"

struct cap;
struct cpu;

/* A space of ranges: memory, guest-physical memory or ports (mapping.h). */
struct space {
    struct avl_tree mappings;
    struct ptab ptab; /* without root: ports */
    struct pd *pd;
    uint64_t units; /* pages or ports from 0 */
    uint8_t kind;   /* enum bh_space */
};

struct pd {
    struct object obj;
    struct quota quota;
    uint64_t granted; /* pages taken from the owner's quota */
    uint64_t cr3, eptp;
    void *apic_access; /* the page behind FEE00000h of the guest when vCPUs have virtual-APIC pages,
                          or NULL */
    uint64_t cpus;     /* that have run it, and may have cached its translations */
    struct cap **caps; /* capability table (cap.h), a page of pointers */
    struct space space[BH_SPACE_COUNT]; /* [BH_SPACE_OBJ] is not used */
    struct list ecs;                    /* under the spaces lock */
    struct list dying;                  /* the list of domains being taken apart */
    uint32_t reap_leaf;                 /* progress of taking apart */
    bool reaping;
};

#define PD_QUOTA_MIN 8u /* pages: tables for an almost empty domain */

/* A domain with `pages` of the owner's quota. NULL when the owner has not that much. */
struct pd *pd_create(struct pd *owner, uint64_t pages);

/* The first domain: its quota is the whole pool. `self` is static memory. */
void pd_init_root(struct pd *self);

void pd_kill(struct object *o);
void pd_release(struct object *o);

/* One step of taking dying domains apart; false when there is none. */
bool pd_reap(void);
