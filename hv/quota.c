/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel memory by quota. A slab page begins with a header of 64 bytes, followed by objects of one
 * size; a page whose objects are all free goes back to the pool at once.
 */
#include "hv/quota.h"

#include "hv/lib.h"
#include "hv/pool.h"

#define CLASS_SHIFT 6u /* the smallest class: 64 bytes */

struct slot {
    struct slot *next;
};

struct slab {
    struct list link; /* on partial[] while an object is free */
    struct quota *quota;
    struct slot *free;
    uint32_t class;
    uint32_t used;
    uint32_t capacity;
    uint32_t pad[5];
};
_Static_assert(sizeof(struct slab) == 64, "objects behind the header keep their alignment of 64");

static unsigned class_of(size_t size)
{
    unsigned c = 0;
    while (((size_t)1 << (CLASS_SHIFT + c)) < size) {
        c++;
    }
    return c;
}

void quota_init(struct quota *q, uint64_t limit)
{
    q->lock.held = 0;
    q->limit = limit;
    q->used = 0;
    for (unsigned i = 0; i < QUOTA_CLASSES; i++) {
        list_init(&q->partial[i]);
    }
}

static void *page_locked(struct quota *q)
{
    if (q->used >= q->limit) {
        return NULL;
    }
    void *page = pool_alloc();
    if (page != NULL) {
        q->used++;
    }
    return page;
}

void *quota_page(struct quota *q)
{
    spin_lock(&q->lock);
    void *page = page_locked(q);
    spin_unlock(&q->lock);
    return page;
}

void quota_page_free(struct quota *q, void *page)
{
    spin_lock(&q->lock);
    q->used--;
    pool_free(page);
    spin_unlock(&q->lock);
}

static struct slab *slab_create(struct quota *q, unsigned class)
{
    struct slab *s = page_locked(q);
    if (s == NULL) {
        return NULL;
    }
    size_t size = (size_t)1 << (CLASS_SHIFT + class);
    s->quota = q;
    s->class = class;
    s->capacity = (uint32_t)((PAGE_SIZE - sizeof(*s)) / size);
    for (uint32_t i = s->capacity; i > 0; i--) {
        struct slot *o = (struct slot *)(void *)((char *)(s + 1) + (i - 1) * size);
        o->next = s->free;
        s->free = o;
    }
    list_add_head(&q->partial[class], &s->link);
    return s;
}

void *quota_alloc(struct quota *q, size_t size)
{
    unsigned class = class_of(size);
    spin_lock(&q->lock);
    struct list *head = &q->partial[class];
    struct slab *s =
        list_empty(head) ? slab_create(q, class) : CONTAINER_OF(head->next, struct slab, link);
    struct slot *o = NULL;
    if (s != NULL) {
        o = s->free;
        s->free = o->next;
        s->used++;
        if (s->free == NULL) {
            list_remove(&s->link);
        }
    }
    spin_unlock(&q->lock);
    return o == NULL ? NULL : memset(o, 0, (size_t)1 << (CLASS_SHIFT + class));
}

void quota_free(void *object)
{
    struct slab *s =
        (struct slab *)((uintptr_t)object & ~PAGE_MASK); // NOLINT(performance-no-int-to-ptr)
    struct quota *q = s->quota;
    struct slot *o = object;
    spin_lock(&q->lock);
    if (s->free == NULL) {
        list_add_head(&q->partial[s->class], &s->link);
    }
    o->next = s->free;
    s->free = o;
    s->used--;
    if (s->used == 0) {
        list_remove(&s->link);
        q->used--;
        pool_free(s);
    }
    spin_unlock(&q->lock);
}

bool quota_move(struct quota *from, struct quota *to, uint64_t pages)
{
    spin_lock(&from->lock);
    bool enough = pages <= from->limit - from->used;
    if (enough) {
        from->limit -= pages;
    }
    spin_unlock(&from->lock);
    if (enough) {
        spin_lock(&to->lock);
        to->limit += pages;
        spin_unlock(&to->lock);
    }
    return enough;
}
