/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AVL trees with parent links: insertion and removal walk up once and rotate where the balance
 * leaves -1 .. 1.
 */
#include "hv/avl.h"

#include <stddef.h>

static int side(const struct avl_node *n)
{
    return n->parent->child[1] == n;
}

static void replace(struct avl_tree *t, struct avl_node *old, struct avl_node *new_node)
{
    if (old->parent == NULL) {
        t->root = new_node;
    } else {
        old->parent->child[side(old)] = new_node;
    }
    if (new_node != NULL) {
        new_node->parent = old->parent;
    }
}

/* Rotate n down to side d; its child on the other side takes its place. */
static struct avl_node *rotate(struct avl_tree *t, struct avl_node *n, int d)
{
    struct avl_node *up = n->child[!d];
    replace(t, n, up);
    n->child[!d] = up->child[d];
    if (n->child[!d] != NULL) {
        n->child[!d]->parent = n;
    }
    up->child[d] = n;
    n->parent = up;
    return up;
}

/* n is out of balance towards side d (its balance is 2 there). Returns the new root of the subtree.
 */
static struct avl_node *rebalance(struct avl_tree *t, struct avl_node *n, int d)
{
    int32_t sign = d != 0 ? 1 : -1;
    struct avl_node *c = n->child[d];
    if (c->balance == -sign) { /* the inner grandchild is the tall one: two rotations */
        struct avl_node *g = c->child[!d];
        rotate(t, c, d);
        rotate(t, n, !d);
        n->balance = g->balance == sign ? -sign : 0;
        c->balance = g->balance == -sign ? sign : 0;
        g->balance = 0;
        return g;
    }
    rotate(t, n, !d);
    n->balance = c->balance == 0 ? sign : 0;
    c->balance = c->balance == 0 ? -sign : 0;
    return c;
}

void avl_insert(struct avl_tree *t, struct avl_node *n)
{
    n->child[0] = NULL;
    n->child[1] = NULL;
    n->parent = NULL;
    n->balance = 0;
    if (t->root == NULL) {
        t->root = n;
        return;
    }
    struct avl_node *p = t->root;
    int d = n->key >= p->key;
    while (p->child[d] != NULL) {
        p = p->child[d];
        d = n->key >= p->key;
    }
    p->child[d] = n;
    n->parent = p;
    for (;;) {
        p->balance += d != 0 ? 1 : -1;
        if (p->balance == 0) {
            return;
        }
        if (p->balance < -1 || p->balance > 1) {
            rebalance(t, p, d);
            return;
        }
        if (p->parent == NULL) {
            return;
        }
        d = side(p);
        p = p->parent;
    }
}

/* The subtree on side d of p has become one lower. */
static void shrunk(struct avl_tree *t, struct avl_node *p, int d)
{
    while (p != NULL) {
        p->balance += d != 0 ? -1 : 1;
        struct avl_node *top = p;
        if (p->balance < -1 || p->balance > 1) {
            top = rebalance(t, p, !d);
        }
        if (top->balance != 0) {
            return;
        }
        d = top->parent != NULL ? side(top) : 0;
        p = top->parent;
    }
}

void avl_remove(struct avl_tree *t, struct avl_node *n)
{
    if (n->child[0] != NULL && n->child[1] != NULL) {
        /* The successor, which has no smaller child, takes n's place. */
        struct avl_node *s = n->child[1];
        while (s->child[0] != NULL) {
            s = s->child[0];
        }
        struct avl_node *p = s->parent == n ? s : s->parent;
        int d = side(s);
        replace(t, s, s->child[1]);
        s->child[0] = n->child[0];
        s->child[1] = n->child[1];
        s->balance = n->balance;
        replace(t, n, s);
        for (int i = 0; i < 2; i++) {
            if (s->child[i] != NULL) {
                s->child[i]->parent = s;
            }
        }
        shrunk(t, p, d);
        return;
    }
    struct avl_node *p = n->parent;
    int d = p != NULL ? side(n) : 0;
    replace(t, n, n->child[0] != NULL ? n->child[0] : n->child[1]);
    shrunk(t, p, d);
}

struct avl_node *avl_first(const struct avl_tree *t)
{
    struct avl_node *n = t->root;
    while (n != NULL && n->child[0] != NULL) {
        n = n->child[0];
    }
    return n;
}

struct avl_node *avl_next(const struct avl_node *n)
{
    if (n->child[1] != NULL) {
        n = n->child[1];
        while (n->child[0] != NULL) {
            n = n->child[0];
        }
        return (struct avl_node *)n;
    }
    while (n->parent != NULL && side(n) == 1) {
        n = n->parent;
    }
    return n->parent;
}

struct avl_node *avl_floor(const struct avl_tree *t, uint64_t key)
{
    struct avl_node *best = NULL;
    for (struct avl_node *n = t->root; n != NULL;) {
        if (n->key <= key) {
            best = n;
            n = n->child[1];
        } else {
            n = n->child[0];
        }
    }
    return best;
}
