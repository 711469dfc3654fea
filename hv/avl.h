/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Balanced binary trees (AVL), linked through the elements and ordered by a 64-bit key; equal keys
 * are allowed and stay in the order of insertion. All operations take O(log n) steps and allocate
 * nothing.
 */
#pragma once

#include <stdint.h>

struct avl_node {
    struct avl_node *child[2]; /* smaller, greater */
    struct avl_node *parent;
    uint64_t key;
    int32_t balance; /* height of child[1] less height of child[0]: -1, 0, 1 */
};

struct avl_tree {
    struct avl_node *root;
};

/* Insert n under n->key. */
void avl_insert(struct avl_tree *t, struct avl_node *n);

/* Remove n, which must be in t. */
void avl_remove(struct avl_tree *t, struct avl_node *n);

/* The node with the smallest key, or NULL. */
struct avl_node *avl_first(const struct avl_tree *t);

/* The node after n in order, or NULL. */
struct avl_node *avl_next(const struct avl_node *n);

/* The last node whose key is at most `key`, or NULL. */
struct avl_node *avl_floor(const struct avl_tree *t, uint64_t key);
