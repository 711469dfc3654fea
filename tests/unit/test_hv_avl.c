/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AVL trees: random insertions and removals against a sorted array, with the shape checked after
 * each one; equal keys; the search for the last key that is not greater.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "hv/avl.h"

#define NODES 300u

struct item {
    struct avl_node node;
    unsigned order; /* of insertion, increasing */
};

static struct item items[NODES];
static struct item *sorted[NODES]; /* by key, then by insertion */
static unsigned count;

static uint64_t next(uint64_t *s)
{
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    return *s >> 33;
}

/* The height of the subtree at n, whose links and balances are checked. */
// NOLINTNEXTLINE(misc-no-recursion)
static int height(const struct avl_node *n, const struct avl_node *parent)
{
    if (n == NULL) {
        return 0;
    }
    assert_ptr_equal(n->parent, parent);
    int smaller = height(n->child[0], n);
    int greater = height(n->child[1], n);
    assert_int_equal(n->balance, greater - smaller);
    assert_in_range(n->balance + 1, 0, 2);
    return 1 + (smaller > greater ? smaller : greater);
}

static void check(const struct avl_tree *t)
{
    height(t->root, NULL);
    const struct avl_node *n = avl_first(t);
    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(n, &sorted[i]->node);
        n = avl_next(n);
    }
    assert_null(n);
}

static void insert(struct avl_tree *t, struct item *item)
{
    static unsigned order;
    item->order = ++order;
    unsigned at = count;
    while (at > 0 && sorted[at - 1]->node.key > item->node.key) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = item;
    count++;
    avl_insert(t, &item->node);
}

static void remove_at(struct avl_tree *t, unsigned at)
{
    avl_remove(t, &sorted[at]->node);
    count--;
    for (; at < count; at++) {
        sorted[at] = sorted[at + 1];
    }
}

static void an_empty_tree_holds_nothing(void **state)
{
    (void)state;
    struct avl_tree t = {NULL};
    assert_null(avl_first(&t));
    assert_null(avl_floor(&t, UINT64_MAX));
}

/* Nodes come from memory that holds anything: avl_insert sets all links. */
static void random_changes_keep_order_and_balance(void **state)
{
    (void)state;
    for (unsigned spread = 1; spread < 5000; spread = spread * 5 + 1) {
        uint64_t seed = spread;
        struct avl_tree t = {NULL};
        struct item *spare[NODES];
        unsigned spares = NODES;
        memset(items, 0xA5, sizeof(items));
        count = 0;
        for (unsigned i = 0; i < NODES; i++) {
            spare[i] = &items[i];
        }
        for (unsigned step = 0; step < 4000; step++) {
            bool grow = (step / 500) % 2 == 0 ? next(&seed) % 4 != 0 : next(&seed) % 4 == 0;
            if (grow && spares > 0) {
                struct item *item = spare[--spares];
                item->node.key = next(&seed) % spread;
                insert(&t, item);
            } else if (count > 0) {
                unsigned at = (unsigned)(next(&seed) % count);
                spare[spares++] = sorted[at];
                remove_at(&t, at);
            }
            check(&t);
        }
        while (count > 0) {
            remove_at(&t, count / 2);
            check(&t);
        }
        assert_null(t.root);
    }
}

static void ascending_keys_make_a_low_tree(void **state)
{
    (void)state;
    struct avl_tree t = {NULL};
    count = 0;
    for (unsigned i = 0; i < NODES; i++) {
        items[i].node.key = i;
        insert(&t, &items[i]);
    }
    check(&t);
    assert_in_range(height(t.root, NULL), 9, 12); /* at most 1.44 log2 of 300 */
}

static void equal_keys_stay_in_the_order_of_insertion(void **state)
{
    (void)state;
    struct avl_tree t = {NULL};
    count = 0;
    for (unsigned i = 0; i < 50; i++) {
        items[i].node.key = 7;
        insert(&t, &items[i]);
    }
    const struct avl_node *n = avl_first(&t);
    for (unsigned i = 0; i < 50; i++, n = avl_next(n)) {
        assert_ptr_equal(n, &items[i].node);
    }
    assert_ptr_equal(avl_floor(&t, 7), &items[49].node);
}

static void floor_is_the_last_key_not_greater(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct avl_tree t = {NULL};
    count = 0;
    for (unsigned i = 0; i < NODES; i++) {
        items[i].node.key = 10 + next(&seed) % 1000;
        insert(&t, &items[i]);
    }
    for (uint64_t key = 0; key < 1100; key++) {
        const struct avl_node *expected = NULL;
        for (unsigned i = 0; i < count && sorted[i]->node.key <= key; i++) {
            expected = &sorted[i]->node;
        }
        assert_ptr_equal(avl_floor(&t, key), expected);
    }
    assert_ptr_equal(avl_floor(&t, UINT64_MAX), &sorted[count - 1]->node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tree_holds_nothing),
        cmocka_unit_test(random_changes_keep_order_and_balance),
        cmocka_unit_test(ascending_keys_make_a_low_tree),
        cmocka_unit_test(equal_keys_stay_in_the_order_of_insertion),
        cmocka_unit_test(floor_is_the_last_key_not_greater),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
