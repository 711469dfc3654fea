/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the manager answers to one VMM: a portal handler on the VM's CPU with two portals, one for
 * requests (vmm/lib/protocol.h) and one for the exceptions of the VMM's threads.
 *
 * Every VM has a handler of its own, so none can keep another waiting. A VM that has ended, by its
 * request or by an exception, is not answered any more: the handler keeps the caller where it is
 * until the main thread has destroyed both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/utcb.h"
#include "vmm/lib/protocol.h"
#include "vmm/lib/ring.h"

#define SERVICE_TEXT_MAX 160u

/* The handler's selectors, adjoining: in this order from service.selector. */
enum service_selector {
    SERVICE_SEL_EC = 0,
    SERVICE_SEL_REQUEST, /* portals */
    SERVICE_SEL_FAULT,
    SERVICE_SEL_PARKED, /* semaphore that never comes up */
    SERVICE_SELECTORS
};

enum service_kind { SERVICE_REQUEST = 0, SERVICE_FAULT, SERVICE_KINDS };

struct service;

/* What a portal's id points to. */
struct service_port {
    struct service *service;
    enum service_kind kind;
};

/* Set by the creator, before service_create: */
struct service_plan {
    const char *name; /* of the VM */
    uint32_t cpu;
    uint32_t selector; /* the first of SERVICE_SELECTORS free ones */
    void *stack;
    uint64_t stack_size;
    struct vm_ring *report; /* zero-filled; lines about the VM for the console */
    uint32_t work;          /* semaphore of the main thread: the VM has ended */
    uint32_t console;       /* semaphore of the console: there are lines */
};

struct service {
    struct service_plan plan;
    struct service_port port[SERVICE_KINDS];
    struct bh_utcb *utcb;
    struct ring_end report; /* producer */
    /* written by the handler, read by the main thread once `ended` is set */
    uint32_t ended;
    enum vm_end how;
    uint64_t detail;
    char text[SERVICE_TEXT_MAX];
};

/* Creates the handler and its portals. *slot: which of the UTCB addresses to try first; the kernel
 * may still be clearing away an old one. On an error the selectors created so far are left to the
 * caller, who revokes all SERVICE_SELECTORS. */
enum bh_status service_create(struct service *service, const struct service_plan *plan,
                              uint32_t *slot);

/* Whether the VM has ended; then how, detail and text say why. */
bool service_has_ended(const struct service *service);
