/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ends of a console ring (struct vm_ring): one producer, one consumer, in different
 * protection domains that need not trust each other. Each end keeps its own index privately and
 * takes the other's from the shared page as a claim: an impossible one is answered as "full" or
 * "empty", never followed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/lib/protocol.h"

struct ring_end {
    struct vm_ring *ring; /* shared */
    uint64_t index;       /* this end's own: head of a producer, tail of a consumer */
};

/* An end of a ring that was zero-filled before either end began. */
void ring_init(struct ring_end *end, struct vm_ring *ring);

/* Producer: bytes that fit now. */
size_t ring_room(const struct ring_end *producer);

/* Producer: puts up to n bytes, returns how many fitted. */
size_t ring_put(struct ring_end *producer, const void *bytes, size_t n);

/* Consumer: bytes that are there now. */
size_t ring_used(const struct ring_end *consumer);

/* Consumer: takes up to n bytes, returns how many there were. */
size_t ring_get(struct ring_end *consumer, void *bytes, size_t n);
