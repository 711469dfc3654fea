/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console rings. The bytes are published by a release store of the index and seen after an acquire
 * load of it, so the ends may run on different CPUs.
 */
#include "vmm/lib/ring.h"

#include <string.h>

void ring_init(struct ring_end *end, struct vm_ring *ring)
{
    *end = (struct ring_end){.ring = ring, .index = 0};
}

size_t ring_room(const struct ring_end *producer)
{
    uint64_t tail = __atomic_load_n(&producer->ring->tail, __ATOMIC_ACQUIRE);
    uint64_t used = producer->index - tail;
    return used > VM_RING_SIZE ? 0 : (size_t)(VM_RING_SIZE - used);
}

size_t ring_used(const struct ring_end *consumer)
{
    uint64_t head = __atomic_load_n(&consumer->ring->head, __ATOMIC_ACQUIRE);
    uint64_t used = head - consumer->index;
    return used > VM_RING_SIZE ? 0 : (size_t)used;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ring_put(struct ring_end *producer, const void *bytes, size_t n)
{
    size_t done = smaller(n, ring_room(producer));
    size_t at = (size_t)(producer->index % VM_RING_SIZE);
    size_t before_wrap = smaller(done, VM_RING_SIZE - at);
    memcpy(producer->ring->data + at, bytes, before_wrap);
    memcpy(producer->ring->data, (const uint8_t *)bytes + before_wrap, done - before_wrap);
    producer->index += done;
    __atomic_store_n(&producer->ring->head, producer->index, __ATOMIC_RELEASE);
    return done;
}

size_t ring_get(struct ring_end *consumer, void *bytes, size_t n)
{
    size_t done = smaller(n, ring_used(consumer));
    size_t at = (size_t)(consumer->index % VM_RING_SIZE);
    size_t before_wrap = smaller(done, VM_RING_SIZE - at);
    memcpy(bytes, consumer->ring->data + at, before_wrap);
    memcpy((uint8_t *)bytes + before_wrap, consumer->ring->data, done - before_wrap);
    consumer->index += done;
    __atomic_store_n(&consumer->ring->tail, consumer->index, __ATOMIC_RELEASE);
    return done;
}
