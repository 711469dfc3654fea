/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Circular doubly linked lists, linked through the elements. An element that is on no list points
 * to itself.
 */
#pragma once

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* Insert e before position l; with l a list's head that is the tail. */
static inline void list_add_tail(struct list *l, struct list *e)
{
    e->next = l;
    e->prev = l->prev;
    l->prev->next = e;
    l->prev = e;
}

static inline void list_add_head(struct list *l, struct list *e)
{
    list_add_tail(l->next, e);
}

static inline void list_remove(struct list *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    list_init(e);
}
