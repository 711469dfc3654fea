/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings, case by case: what can be delegated and with which rights, chains of derivations,
 * revocation in the middle and across domains, merging, ports, pages of the kernel, no memory, the
 * flush of other CPUs before tables are used again, and the end of a domain.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/ec.h"
#include "tests/unit/hv_space_model.h"

#define RW    (PTAB_R | PTAB_W)
#define RWX   (PTAB_R | PTAB_W | PTAB_X)
#define PHYS  0x4000u /* page numbers */
#define BASE  0x100000u
#define PAGES 0x2000u
#define GUEST BH_SPACE_GUEST
#define MEM   BH_SPACE_MEM

static struct pd *root;
static struct pd *a;
static struct pd *b;

static int setup(void **state)
{
    (void)state;
    root = fixture_root(4);
    a = fixture_pd(root, 1, 100);
    b = fixture_pd(root, 2, 100);
    mapping_init_root(&root->space[MEM], BASE, PHYS, PAGES, RWX);
    mapping_init_root(&root->space[BH_SPACE_PIO], 0, 0, 65536, RW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    space_check(&root->space[MEM]);
    for (unsigned i = MEM; i < BH_SPACE_COUNT; i++) {
        space_check(&a->space[i]);
        space_check(&b->space[i]);
    }
    hw_settle();
    return 0;
}

static enum bh_status give(struct pd *to, unsigned space, uint64_t from, uint64_t at,
                           uint64_t pages, unsigned rights)
{
    return space_delegate(&root->space[MEM], from, &to->space[space], at, pages, rights);
}

static unsigned rights_at(const struct pd *pd, unsigned space, uint64_t unit)
{
    const struct mapping *m = mapping_find(&pd->space[space], unit);
    return m == NULL ? 0 : m->rights;
}

static uint64_t phys_at(const struct pd *pd, unsigned space, uint64_t unit)
{
    const struct mapping *m = mapping_find(&pd->space[space], unit);
    assert_non_null(m);
    return m->phys + (unit - m->node.key);
}

/* Delegation. */

static void a_page_arrives_where_it_is_sent(void **state)
{
    (void)state;
    assert_int_equal(give(a, GUEST, BASE + 3, 77, 2, RWX), BH_OK);
    assert_int_equal(rights_at(a, GUEST, 76), 0);
    assert_int_equal(rights_at(a, GUEST, 77), RWX);
    assert_int_equal(rights_at(a, GUEST, 78), RWX);
    assert_int_equal(rights_at(a, GUEST, 79), 0);
    assert_int_equal(phys_at(a, GUEST, 78), PHYS + 4);
    assert_int_equal(rights_at(a, MEM, 77), 0);
}

static void rights_only_shrink(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 8; first++) {
        enum bh_status expected = (first & PTAB_R) != 0 ? BH_OK : BH_ERR_RIGHTS;
        assert_int_equal(give(a, MEM, BASE, 0, 1, first), expected);
        for (unsigned second = 0; second < 8 && expected == BH_OK; second++) {
            bool ok = (first & second & PTAB_R) != 0;
            assert_int_equal(space_delegate(&a->space[MEM], 0, &b->space[MEM], 5, 1, second),
                             ok ? BH_OK : BH_ERR_RIGHTS);
            assert_int_equal(rights_at(b, MEM, 5), ok ? first & second : 0);
            space_check(&b->space[MEM]);
            assert_int_equal(space_revoke(&a->space[MEM], 0, 1, false), BH_OK);
        }
        assert_int_equal(space_revoke(&root->space[MEM], BASE, 1, false), BH_OK);
    }
}

static void uncached_memory_stays_uncached(void **state)
{
    (void)state;
    mapping_init_root(&root->space[MEM], 5, 0xFEB00, 1, RW | PTAB_UNCACHED);
    assert_int_equal(give(a, MEM, 5, 0, 1, RWX), BH_OK);
    assert_int_equal(rights_at(a, MEM, 0), RW | PTAB_UNCACHED);
    assert_int_equal(space_delegate(&a->space[MEM], 0, &b->space[GUEST], 1, 1, PTAB_R), BH_OK);
    assert_int_equal(rights_at(b, GUEST, 1), PTAB_R | PTAB_UNCACHED);
    space_check(&b->space[GUEST]);
}

static void ranges_outside_a_space_are_refused(void **state)
{
    (void)state;
    uint64_t end = a->space[GUEST].units;
    assert_int_equal(give(a, GUEST, BASE, 0, 0, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, BASE, end, 1, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, BASE, end - 1, 2, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, BASE, UINT64_MAX, 1, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, UINT64_MAX, 0, 1, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, BASE, 0, UINT64_MAX, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, GUEST, BASE, end - 1, 1, RWX), BH_OK);
    assert_int_equal(give(a, MEM, BASE, USER_END >> PAGE_SHIFT, 1, RWX), BH_ERR_RANGE);
    assert_int_equal(give(a, MEM, BASE, (USER_END >> PAGE_SHIFT) - 1, 1, RWX), BH_OK);
}

static void only_what_is_held_whole_can_be_given(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE - 1, 0, 2, RWX), BH_ERR_NOT_HELD);
    assert_int_equal(give(a, MEM, BASE + PAGES - 1, 0, 2, RWX), BH_ERR_NOT_HELD);
    assert_int_equal(give(a, MEM, 0, 0, 1, RWX), BH_ERR_NOT_HELD);
    assert_int_equal(give(a, MEM, BASE, 0, 10, RWX), BH_OK);
    assert_int_equal(give(a, MEM, BASE, 15, 10, RWX), BH_OK);
    assert_int_equal(space_delegate(&a->space[MEM], 0, &b->space[MEM], 0, 25, RWX),
                     BH_ERR_NOT_HELD);
    assert_null(avl_first(&b->space[MEM].mappings));
}

static void what_is_in_use_is_not_replaced(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, 100, 10, RWX), BH_OK);
    for (uint64_t at = 91; at < 110; at++) {
        assert_int_equal(give(a, MEM, BASE + 500, at, 10, RWX), BH_ERR_OCCUPIED);
    }
    assert_int_equal(give(a, MEM, BASE + 500, 1, 1000, RWX), BH_ERR_OCCUPIED);
    assert_int_equal(give(a, MEM, BASE + 500, 90, 10, RWX), BH_OK);
    assert_int_equal(give(a, MEM, BASE + 500, 110, 10, RWX), BH_OK);
    assert_int_equal(phys_at(a, MEM, 100), PHYS);
}

static void neighbours_from_one_parent_become_one_mapping(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, 10, 5, RWX), BH_OK);
    assert_int_equal(give(a, MEM, BASE + 5, 15, 5, RWX), BH_OK);
    assert_int_equal(space_mappings(&a->space[MEM]), 1);
    assert_int_equal(give(a, MEM, BASE + 10, 20, 5, RW), BH_OK); /* other rights */
    assert_int_equal(space_mappings(&a->space[MEM]), 2);
    assert_int_equal(give(a, MEM, BASE + 30, 25, 5, RW), BH_OK); /* other memory */
    assert_int_equal(space_mappings(&a->space[MEM]), 3);
    assert_int_equal(space_delegate(&a->space[MEM], 10, &b->space[MEM], 10, 20, PTAB_R), BH_OK);
    assert_int_equal(space_mappings(&b->space[MEM]), 3); /* a parent each */
}

static void a_chain_ends_at_its_greatest_depth(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, 0, 1, RWX), BH_OK);
    for (unsigned depth = 1; depth < MAPPING_DEPTH_MAX; depth++) {
        assert_int_equal(space_delegate(&a->space[MEM], depth - 1, &a->space[MEM], depth, 1, RWX),
                         BH_OK);
    }
    assert_int_equal(
        space_delegate(&a->space[MEM], MAPPING_DEPTH_MAX - 1, &a->space[MEM], 99, 1, RWX),
        BH_ERR_STATE);
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 1, false), BH_OK);
    assert_null(avl_first(&a->space[MEM].mappings));
}

/* Revocation. */

static void a_hole_in_the_middle_takes_only_itself(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, BASE, 0x1000, RWX), BH_OK);
    assert_int_equal(space_delegate(&a->space[MEM], BASE, &b->space[GUEST], 0, 0x1000, RW), BH_OK);
    assert_int_equal(space_revoke(&root->space[MEM], BASE + 0x700, 3, false), BH_OK);
    for (uint64_t i = 0; i < 0x1000; i++) {
        bool gone = i >= 0x700 && i < 0x703;
        assert_int_equal(rights_at(a, MEM, BASE + i), gone ? 0 : RWX);
        assert_int_equal(rights_at(b, GUEST, i), gone ? 0 : RW);
    }
    assert_int_equal(space_mappings(&a->space[MEM]), 2);
    assert_int_equal(space_mappings(&b->space[GUEST]), 2);
    assert_int_equal(rights_at(root, MEM, BASE + 0x701), RWX);
    /* Each half is still derived from its half. */
    assert_int_equal(space_revoke(&a->space[MEM], BASE, 0x700, true), BH_OK);
    assert_int_equal(rights_at(b, GUEST, 0x6FF), 0);
    assert_int_equal(rights_at(b, GUEST, 0x703), RW);
}

static void revocation_without_self_keeps_the_range(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, 0, 10, RWX), BH_OK);
    assert_int_equal(space_delegate(&a->space[MEM], 0, &b->space[MEM], 0, 10, RWX), BH_OK);
    assert_int_equal(space_revoke(&a->space[MEM], 2, 3, false), BH_OK);
    assert_int_equal(rights_at(a, MEM, 3), RWX);
    assert_int_equal(rights_at(b, MEM, 3), 0);
    assert_int_equal(rights_at(b, MEM, 5), RWX);
    assert_int_equal(space_revoke(&a->space[MEM], 0, 10, true), BH_OK);
    assert_int_equal(rights_at(a, MEM, 3), 0);
    assert_int_equal(rights_at(b, MEM, 5), 0);
    assert_int_equal(rights_at(root, MEM, BASE), RWX);
}

static void all_copies_go(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(give(a, i % 2 == 0 ? MEM : GUEST, BASE + i % 7, 1000 * i, 9, RWX), BH_OK);
    }
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 16, false), BH_OK);
    assert_null(avl_first(&a->space[MEM].mappings));
    assert_null(avl_first(&a->space[GUEST].mappings));
}

static void one_may_revoke_where_nothing_is(void **state)
{
    (void)state;
    assert_int_equal(space_revoke(&a->space[MEM], 0, 1, true), BH_OK);
    assert_int_equal(space_revoke(&a->space[MEM], 0, a->space[MEM].units, true), BH_OK);
    assert_int_equal(give(a, MEM, BASE, 100, 10, RWX), BH_OK);
    assert_int_equal(space_revoke(&a->space[MEM], 50, 50, true), BH_OK);
    assert_int_equal(space_revoke(&a->space[MEM], 110, 50, true), BH_OK);
    assert_int_equal(rights_at(a, MEM, 100), RWX);
    assert_int_equal(rights_at(a, MEM, 109), RWX);
    assert_int_equal(space_revoke(&a->space[MEM], 50, 1000, true), BH_OK);
    assert_null(avl_first(&a->space[MEM].mappings));
}

static void ports_are_cut_like_pages(void **state)
{
    (void)state;
    struct space *src = &root->space[BH_SPACE_PIO];
    struct space *dst = &a->space[BH_SPACE_PIO];
    assert_int_equal(space_delegate(src, 0x60, dst, 0x60, 5, RW), BH_OK);
    assert_int_equal(space_delegate(src, 0x65, dst, 0x65, 3, RW), BH_OK);
    assert_int_equal(space_mappings(dst), 1);
    assert_int_equal(space_delegate(src, 0xFFFF, dst, 0xFFFF, 1, PTAB_R), BH_OK);
    assert_int_equal(space_delegate(src, 0xFFFF, dst, 0xFFFF, 2, RW), BH_ERR_RANGE);
    assert_int_equal(space_revoke(src, 0x62, 1, false), BH_OK);
    assert_int_equal(rights_at(a, BH_SPACE_PIO, 0x61), RW);
    assert_int_equal(rights_at(a, BH_SPACE_PIO, 0x62), 0);
    assert_int_equal(rights_at(a, BH_SPACE_PIO, 0x67), RW);
    assert_int_equal(rights_at(a, BH_SPACE_PIO, 0xFFFF), PTAB_R);
    assert_int_equal(a->quota.used, b->quota.used + 1); /* the mappings' slab */
}

/* No memory. */

static void a_refused_delegation_leaves_nothing_behind(void **state)
{
    (void)state;
    uint64_t used = a->quota.used;
    for (uint64_t room = 0; room < 4; room++) { /* a mapping and three tables are needed */
        a->quota.limit = used + room;
        assert_int_equal(give(a, MEM, BASE, 1, 1, RWX), BH_ERR_QUOTA);
        assert_int_equal(a->quota.used, used);
        assert_null(avl_first(&a->space[MEM].mappings));
        space_check(&a->space[MEM]);
    }
    a->quota.limit = used + 4;
    assert_int_equal(give(a, MEM, BASE, 1, 1, RWX), BH_OK);
    assert_int_equal(a->quota.used, used + 4);
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 1, false), BH_OK);
    assert_int_equal(a->quota.used, used);
}

static void a_delegation_cut_short_can_be_taken_back(void **state)
{
    (void)state;
    uint64_t used = a->quota.used;
    a->quota.limit = used + 5; /* a mapping, two tables above, two below: 1,024 pages */
    assert_int_equal(give(a, MEM, BASE + 1, 512ull * 512, 2000, RWX), BH_ERR_QUOTA);
    space_check(&a->space[MEM]);
    assert_int_equal(rights_at(a, MEM, 512ull * 512 + 1023), RWX);
    assert_int_equal(rights_at(a, MEM, 512ull * 512 + 1024), 0);
    assert_int_equal(space_revoke(&root->space[MEM], BASE, PAGES, false), BH_OK);
    assert_int_equal(a->quota.used, used);
}

static void a_domain_that_cannot_pay_for_a_split_still_loses_the_whole(void **state)
{
    (void)state;
    uint64_t used = a->quota.used;
    assert_int_equal(give(a, GUEST, BASE, 0, 1024, RWX), BH_OK);
    a->quota.limit = a->quota.used;
    assert_int_equal(space_revoke(&root->space[MEM], BASE + 600, 1, false), BH_ERR_QUOTA);
    assert_int_equal(rights_at(a, GUEST, 600), RWX);
    space_check(&a->space[GUEST]);
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 1024, false), BH_OK);
    assert_int_equal(a->quota.used, used);
}

/* Other CPUs. */

static struct {
    unsigned flushes_before;
    unsigned freed;
    struct ptab_memory memory;
    const struct ptab_memory *real;
} order;

static unsigned flushes(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < hw.cpus; i++) {
        sum += hw.cpu[i].ept_flushes;
    }
    return sum;
}

static void free_after_flush(void *ctx, void *page)
{
    assert_true(flushes() > order.flushes_before);
    order.freed++;
    order.real->free(ctx, page);
}

static void tables_go_after_all_users_have_flushed(void **state)
{
    (void)state;
    struct ptab *t = &a->space[GUEST].ptab;
    order.real = t->memory;
    order.memory = *t->memory;
    order.memory.free = free_after_flush;
    t->memory = &order.memory;
    order.freed = 0;
    a->cpus = 0xD; /* 0, 2, 3 */
    assert_int_equal(give(a, GUEST, BASE, 1, 10, RWX), BH_OK);
    assert_int_equal(flushes(), 0); /* what is new needs no flush */
    order.flushes_before = flushes() + 2;
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 10, false), BH_OK);
    assert_int_equal(order.freed, 3);
    assert_int_equal(hw.cpu[0].ept_flushes, 1);
    assert_int_equal(hw.cpu[1].ept_flushes, 0);
    assert_int_equal(hw.cpu[1].ipis, 0);
    assert_int_equal(hw.cpu[2].ept_flushes, 1);
    assert_int_equal(hw.cpu[3].ept_flushes, 1);
    assert_int_equal(hw.cpu[3].cr3_writes, 1);
    t->memory = order.real;
}

static void who_never_ran_a_domain_is_not_disturbed(void **state)
{
    (void)state;
    unsigned before = flushes();
    assert_int_equal(give(a, MEM, BASE, 1, 10, RWX), BH_OK);
    assert_int_equal(space_revoke(&root->space[MEM], BASE, 10, false), BH_OK);
    assert_int_equal(flushes(), before);
}

/* Pages of the kernel. */

static struct ec *thread_at(struct pd *pd, uint64_t address, enum bh_status expected)
{
    const struct ec_params p = {.pd = pd, .user_page = address, .rip = 0x1000};
    struct ec *ec = ec_create_thread(&p);
    assert_non_null(ec);
    assert_int_equal(mapping_add_ec(ec), expected);
    return ec;
}

static void a_utcb_cannot_be_given_or_taken(void **state)
{
    (void)state;
    struct ec *ec = thread_at(a, 0x5000, BH_OK);
    const struct space *s = &a->space[MEM];
    assert_int_equal(rights_at(a, MEM, 5), RW | MAPPING_KERNEL);
    assert_int_equal(phys_at(a, MEM, 5), pool_hpa(ec->utcb).v >> PAGE_SHIFT);
    space_check(s);
    assert_int_equal(space_delegate(&a->space[MEM], 5, &b->space[MEM], 5, 1, PTAB_R),
                     BH_ERR_NOT_HELD);
    assert_int_equal(give(a, MEM, BASE, 4, 3, RWX), BH_ERR_OCCUPIED);
    assert_int_equal(space_revoke(&a->space[MEM], 0, 100, true), BH_OK);
    assert_int_equal(rights_at(a, MEM, 5), RW | MAPPING_KERNEL);
    mapping_remove_ec(ec);
    assert_int_equal(rights_at(a, MEM, 5), 0);
}

static void a_utcb_does_not_displace_memory(void **state)
{
    (void)state;
    assert_int_equal(give(a, MEM, BASE, 5, 1, RWX), BH_OK);
    uint64_t used = a->quota.used;
    struct ec *ec = thread_at(a, 0x5000, BH_ERR_OCCUPIED);
    assert_int_equal(rights_at(a, MEM, 5), RWX);
    ec_release(&ec->obj);
    object_discard(&ec->obj);
    hw_settle();
    assert_int_equal(a->quota.used, used);
}

static void a_refused_virtual_apic_page_leaves_nothing_behind(void **state)
{
    (void)state;
    const struct ec_params p = {.pd = a, .user_page = 0x5000, .vapic = 0x6000};
    assert_int_equal(give(a, MEM, BASE, 20, 1, RWX), BH_OK); /* tables are there */
    uint64_t used = a->quota.used;
    uint64_t limit = a->quota.limit;
    struct ec *ec = ec_create_vcpu(&p);
    assert_non_null(ec);
    uint64_t with_pages = a->quota.used;
    for (uint64_t room = 0; room < 4; room++) { /* the APIC's page and three tables of EPT */
        a->quota.limit = with_pages + room;
        assert_int_equal(mapping_add_ec(ec), BH_ERR_QUOTA);
        assert_int_equal(a->quota.used, with_pages);
        assert_int_equal(space_mappings(&a->space[MEM]), 1);
    }
    a->quota.limit = limit;
    assert_int_equal(mapping_add_ec(ec), BH_OK);
    assert_int_equal(rights_at(a, GUEST, 0xFEE00), RW | MAPPING_KERNEL);
    space_check(&a->space[GUEST]);
    object_kill(&ec->obj);
    hw_settle();
    assert_int_equal(space_mappings(&a->space[MEM]), 1);
    assert_in_range(a->quota.used, used + 4, used + 5); /* the page stays, and its mapping */
}

/* The end of a domain. */

static void a_dead_domain_leaves_nothing_behind(void **state)
{
    (void)state;
    uint64_t free = pool_free_pages();
    uint64_t limit = root->quota.limit;
    uint64_t used = b->quota.used;
    struct pd *c = fixture_pd(root, 3, 60);
    assert_int_equal(give(c, MEM, BASE, 1, 3000, RWX), BH_OK);
    assert_int_equal(give(c, GUEST, BASE + 5, 0x12345678, 700, RW), BH_OK);
    assert_int_equal(space_delegate(&c->space[MEM], 500, &b->space[GUEST], 0, 200, RW), BH_OK);
    thread_at(c, 0x7000000, BH_OK);
    spaces_lock();
    assert_true(cap_revoke(root, 3, true));
    spaces_unlock();
    cpu_kill_later(cpu_self());
    hw_settle();
    assert_null(avl_first(&b->space[GUEST].mappings));
    assert_int_equal(b->quota.used, used);
    assert_int_equal(root->quota.limit, limit);
    assert_int_equal(pool_free_pages(), free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_arrives_where_it_is_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(rights_only_shrink, setup, teardown),
        cmocka_unit_test_setup_teardown(uncached_memory_stays_uncached, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_outside_a_space_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_held_whole_can_be_given, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_use_is_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_from_one_parent_become_one_mapping, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_chain_ends_at_its_greatest_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hole_in_the_middle_takes_only_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(revocation_without_self_keeps_the_range, setup, teardown),
        cmocka_unit_test_setup_teardown(all_copies_go, setup, teardown),
        cmocka_unit_test_setup_teardown(one_may_revoke_where_nothing_is, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_are_cut_like_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_delegation_leaves_nothing_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_delegation_cut_short_can_be_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_that_cannot_pay_for_a_split_still_loses_the_whole,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(tables_go_after_all_users_have_flushed, setup, teardown),
        cmocka_unit_test_setup_teardown(who_never_ran_a_domain_is_not_disturbed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_utcb_cannot_be_given_or_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_utcb_does_not_displace_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_virtual_apic_page_leaves_nothing_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_dead_domain_leaves_nothing_behind, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
