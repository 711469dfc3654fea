/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables, with the host's format and with EPT's, and with mappings of up to 1 GiB: large
 * mappings where they fit, splitting, limits, running out of memory, tables given back only by
 * ptab_collect; and random maps and unmaps against a flat model.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hv/ept/ept.h"
#include "hv/ptab.h"
#include "hv/x86/paging.h"
#include "tests/unit/hv_fixture.h"

#define ADDRESS_MASK 0x000FFFFFFFFFF000ull
#define MIB_2        512ull
#define GIB_1        (512ull * 512)
#define RWX          (PTAB_R | PTAB_W | PTAB_X)
#define NO_LIMIT     UINT32_MAX

static struct {
    struct ptab_format format;
    struct ptab t;
    unsigned tables; /* in use, the root aside */
    unsigned room;   /* tables that may still be made */
} f;

static void *alloc(void *ctx)
{
    (void)ctx;
    if (f.room == 0) {
        return NULL;
    }
    f.room--;
    f.tables++;
    void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    return memset(page, 0, PAGE_SIZE);
}

/* With the sanitizer, what still uses the page is found. */
static void release(void *ctx, void *page)
{
    (void)ctx;
    f.room++;
    f.tables--;
    free(page);
}

static hpa_t to_hpa(const void *page)
{
    return hpa((uint64_t)page);
}

static void *to_ptr(hpa_t a)
{
    return (void *)a.v;
}

static const struct ptab_memory memory = {alloc, release, to_hpa, to_ptr};

static void start(const struct ptab_format *format, unsigned max_level)
{
    f.format = *format;
    f.format.max_level = max_level;
    f.tables = 0;
    f.room = 1000000;
    f.t = (struct ptab){aligned_alloc(PAGE_SIZE, PAGE_SIZE), &f.format, &memory, NULL};
    memset(f.t.root, 0, PAGE_SIZE);
}

static void finish(void)
{
    assert_true(ptab_destroy(&f.t, 0, 511, NO_LIMIT));
    assert_int_equal(f.tables, 0);
    free(f.t.root);
}

static void each_format(void (*claim)(void))
{
    for (unsigned max_level = 0; max_level < 3; max_level++) {
        start(ept_format(), max_level);
        claim();
        finish();
        start(paging_format(), max_level);
        claim();
        finish();
    }
}

static uint64_t map(uint64_t page, uint64_t phys, uint64_t pages, unsigned rights)
{
    bool no_memory = false;
    uint64_t done = ptab_map(&f.t, page << PAGE_SHIFT, hpa(phys << PAGE_SHIFT), pages, rights,
                             NO_LIMIT, &no_memory);
    assert_int_equal(no_memory, done < pages);
    return done;
}

/* Unmap in as many steps as the garbage asks for. */
static void unmap(uint64_t page, uint64_t pages)
{
    while (pages > 0) {
        struct ptab_garbage g = {0};
        bool no_memory = false;
        uint64_t done = ptab_unmap(&f.t, page << PAGE_SHIFT, pages, NO_LIMIT, &g, &no_memory);
        assert_false(no_memory);
        assert_in_range(done, 1, pages);
        assert_in_range(g.count, 0, PTAB_GARBAGE);
        ptab_collect(&f.t, &g);
        page += done;
        pages -= done;
    }
}

/* The physical page behind a page, or UINT64_MAX; *bits gets the rest of the entry, the mark of
 * large mappings aside. */
static uint64_t translate(uint64_t page, unsigned *level, uint64_t *bits)
{
    uint64_t e = ptab_lookup(&f.t, page << PAGE_SHIFT, level);
    if (e == 0) {
        return UINT64_MAX;
    }
    uint64_t inside = page & ((1ull << (9 * *level)) - 1);
    *bits = e & ~ADDRESS_MASK & ~(*level > 0 ? f.format.large : 0);
    return ((e & ADDRESS_MASK) >> PAGE_SHIFT) + inside;
}

static void assert_maps(uint64_t page, uint64_t phys, unsigned rights, unsigned level)
{
    unsigned found = 0;
    uint64_t bits = 0;
    assert_int_equal(translate(page, &found, &bits), phys);
    assert_int_equal(bits, f.format.leaf(rights));
    assert_int_equal(found, level);
}

static void assert_unmapped(uint64_t page)
{
    unsigned level;
    uint64_t bits;
    assert_int_equal(translate(page, &level, &bits), UINT64_MAX);
}

static unsigned at_most(unsigned level)
{
    return level < f.format.max_level ? level : f.format.max_level;
}

/* The formats. */

static void ept_entries_are_the_manuals(void **state)
{
    (void)state;
    const struct ptab_format *e = ept_format();
    assert_int_equal(e->leaf(PTAB_R), 0x31);
    assert_int_equal(e->leaf(PTAB_R | PTAB_W), 0x33);
    assert_int_equal(e->leaf(RWX), 0x37);
    assert_int_equal(e->leaf(RWX | PTAB_UNCACHED), 0x07);
    assert_int_equal(e->table, 0x07);
    assert_int_equal(e->large, 0x80);
}

static void ept_pointer_says_write_back_four_levels_and_ad(void **state)
{
    (void)state;
    ept_init(true, true);
    assert_int_equal(ept_format()->max_level, 2);
    assert_int_equal(ept_pointer(hpa(0x1234000)), 0x123405E);
    ept_init(false, false);
    assert_int_equal(ept_format()->max_level, 1);
    assert_int_equal(ept_pointer(hpa(0x1234000)), 0x123401E);
}

static void host_entries_are_the_manuals(void **state)
{
    (void)state;
    const uint64_t nx = 1ull << 63;
    const struct ptab_format *p = paging_format();
    assert_int_equal(p->leaf(PTAB_R), nx | 0x05);
    assert_int_equal(p->leaf(PTAB_R | PTAB_W), nx | 0x07);
    assert_int_equal(p->leaf(PTAB_R | PTAB_X), 0x05);
    assert_int_equal(p->leaf(PTAB_R | PTAB_W | PTAB_UNCACHED), nx | 0x1F);
    assert_int_equal(p->leaf(PTAB_R | PTAB_W | PTAB_SUPERVISOR), nx | 0x03);
    assert_int_equal(p->table, 0x07);
    assert_int_equal(p->large, 0x80);
}

/* Mapping. */

static void large(void)
{
    assert_int_equal(map(GIB_1, 5 * GIB_1, GIB_1 + MIB_2 + 1, RWX), GIB_1 + MIB_2 + 1);
    assert_maps(GIB_1, 5 * GIB_1, RWX, at_most(2));
    assert_maps(2 * GIB_1 - 1, 6 * GIB_1 - 1, RWX, at_most(2));
    assert_maps(2 * GIB_1 + 5, 6 * GIB_1 + 5, RWX, at_most(1));
    assert_maps(2 * GIB_1 + MIB_2, 6 * GIB_1 + MIB_2, RWX, 0);
    assert_unmapped(GIB_1 - 1);
    assert_unmapped(2 * GIB_1 + MIB_2 + 1);
    /* Just one large page. */
    assert_int_equal(map(8 * GIB_1 + MIB_2, MIB_2, MIB_2, RWX), MIB_2);
    assert_maps(8 * GIB_1 + MIB_2, MIB_2, RWX, at_most(1));
    /* Aligned on one side only. */
    assert_int_equal(map(4 * GIB_1, 9 * GIB_1 + MIB_2, GIB_1, PTAB_R), GIB_1);
    assert_maps(4 * GIB_1, 9 * GIB_1 + MIB_2, PTAB_R, at_most(1));
    assert_int_equal(map(6 * GIB_1, 7 * GIB_1 + 1, MIB_2, PTAB_R), MIB_2);
    assert_maps(6 * GIB_1, 7 * GIB_1 + 1, PTAB_R, 0);
}

static void mappings_are_as_large_as_both_addresses_allow(void **state)
{
    (void)state;
    each_format(large);
}

static void edges(void)
{
    uint64_t first = GIB_1 - 3;
    uint64_t pages = GIB_1 + MIB_2 + 7;
    assert_int_equal(map(first, first, pages, PTAB_R | PTAB_W), pages);
    for (uint64_t p = first; p < first + pages; p += 1 + (p - first) % 1999) {
        unsigned level = 0;
        uint64_t bits = 0;
        assert_int_equal(translate(p, &level, &bits), p);
    }
    assert_maps(first, first, PTAB_R | PTAB_W, 0);
    assert_maps(GIB_1 + 1000, GIB_1 + 1000, PTAB_R | PTAB_W, at_most(2));
    assert_unmapped(first - 1);
    assert_unmapped(first + pages);
    unmap(first, pages);
    assert_int_equal(f.tables, 0);
}

static void a_range_may_begin_and_end_anywhere(void **state)
{
    (void)state;
    each_format(edges);
}

static void last_page(void)
{
    uint64_t last = (1ull << 36) - 1;
    assert_int_equal(map(last, 1, 1, PTAB_R), 1);
    assert_maps(last, 1, PTAB_R, 0);
    unmap(last, 1);
    assert_unmapped(last);
    assert_int_equal(f.tables, 0);
}

static void the_last_page_of_the_space_can_be_used(void **state)
{
    (void)state;
    each_format(last_page);
}

static void limit(void)
{
    bool no_memory = false;
    assert_int_equal(ptab_map(&f.t, 0, hpa(PAGE_SIZE), 1000, RWX, 7, &no_memory), 7);
    assert_maps(6, 7, RWX, 0);
    assert_unmapped(7);
    uint64_t done = ptab_map(&f.t, MIB_2 << PAGE_SHIFT, hpa(0), 5 * MIB_2, RWX, 3, &no_memory);
    assert_int_equal(done, f.format.max_level > 0 ? 3 * MIB_2 : 3);
    assert_int_equal(ptab_map(&f.t, GIB_1 << PAGE_SHIFT, hpa(0), 1, RWX, 0, &no_memory), 0);
    assert_false(no_memory);

    struct ptab_garbage g = {0};
    assert_int_equal(ptab_unmap(&f.t, 0, 7, 5, &g, &no_memory), 5);
    assert_int_equal(g.count, 0);
    assert_unmapped(4);
    assert_maps(5, 6, RWX, 0);
}

static void no_more_entries_change_than_the_limit(void **state)
{
    (void)state;
    each_format(limit);
}

/* Splitting. */

static void split(void)
{
    const unsigned rights = PTAB_R | PTAB_X | PTAB_UNCACHED;
    uint64_t phys = 3 * GIB_1;
    assert_int_equal(map(0, phys, GIB_1, rights), GIB_1);
    uint64_t hole = 5 * MIB_2 + 17;
    unmap(hole, 1);
    assert_unmapped(hole);
    assert_maps(hole - 1, phys + hole - 1, rights, 0);
    assert_maps(hole + 1, phys + hole + 1, rights, 0);
    assert_maps(4 * MIB_2, phys + 4 * MIB_2, rights, at_most(1));
    assert_maps(6 * MIB_2, phys + 6 * MIB_2, rights, at_most(1));
    assert_maps(GIB_1 - 1, phys + GIB_1 - 1, rights, at_most(1));
    unmap(0, hole);
    unmap(hole + 1, GIB_1 - hole - 1);
    for (uint64_t p = 0; p < GIB_1; p += 511) {
        assert_unmapped(p);
    }
    assert_int_equal(f.tables, 0);
}

static void a_hole_splits_a_large_mapping_and_keeps_the_rest(void **state)
{
    (void)state;
    each_format(split);
}

static void split_without_memory(void)
{
    if (f.format.max_level == 0) {
        return;
    }
    struct ptab_garbage g = {0};
    bool no_memory = false;
    assert_int_equal(map(0, 0, 3 * MIB_2, RWX), 3 * MIB_2);
    unsigned tables = f.tables;
    f.room = 0;
    /* Whole large pages need none, the part of the third does. */
    assert_int_equal(ptab_unmap(&f.t, 0, 2 * MIB_2 + 5, NO_LIMIT, &g, &no_memory), 2 * MIB_2);
    assert_true(no_memory);
    assert_int_equal(g.count, 0);
    assert_int_equal(f.tables, tables);
    assert_unmapped(2 * MIB_2 - 1);
    assert_maps(2 * MIB_2, 2 * MIB_2, RWX, 1);
}

static void a_split_without_memory_stops_before_it(void **state)
{
    (void)state;
    each_format(split_without_memory);
}

/* Running out of memory. */

static void map_without_memory(void)
{
    for (unsigned room = 0; room < 3; room++) {
        f.room = room;
        assert_int_equal(map(0, 1, 10, RWX), 0);
        assert_unmapped(0);
        struct ptab_garbage g = {0};
        bool no_memory = false;
        assert_int_equal(ptab_unmap(&f.t, 0, 1, 1, &g, &no_memory), 1); /* as mapping.c does */
        ptab_collect(&f.t, &g);
        assert_int_equal(f.tables, 0);
    }
    f.room = 3;
    assert_int_equal(map(0, 1, 600, RWX), MIB_2);
    assert_int_equal(f.tables, 3);
}

static void a_map_without_memory_says_how_far_it_came(void **state)
{
    (void)state;
    each_format(map_without_memory);
}

/* Garbage. */

static void garbage(void)
{
    for (uint64_t i = 0; i < 40; i++) {
        assert_int_equal(map(i * GIB_1 + 5, 1, 1, RWX), 1);
    }
    unsigned tables = f.tables;
    assert_int_equal(tables, 1 + 40 + 40);
    uint64_t at = 0;
    while (at < 40 * GIB_1) {
        struct ptab_garbage g = {0};
        bool no_memory = false;
        unsigned before = f.tables;
        at += ptab_unmap(&f.t, at << PAGE_SHIFT, 40 * GIB_1 - at, NO_LIMIT, &g, &no_memory);
        assert_in_range(g.count, 1, PTAB_GARBAGE);
        assert_int_equal(f.tables, before); /* none is freed before the shootdown */
        for (unsigned i = 0; i < g.count; i++) {
            memset(g.table[i], 0xFF, PAGE_SIZE); /* and none can be reached any more */
        }
        for (uint64_t i = 0; i < at / GIB_1; i++) {
            assert_unmapped(i * GIB_1 + 5);
        }
        unsigned n = g.count;
        ptab_collect(&f.t, &g);
        assert_int_equal(g.count, 0);
        assert_int_equal(f.tables, before - n);
    }
    assert_int_equal(f.tables, 0);
}

static void emptied_tables_wait_for_the_collection(void **state)
{
    (void)state;
    each_format(garbage);
}

static void destroy_in_parts(void)
{
    for (uint64_t i = 0; i < 1024; i += 3) {
        assert_int_equal(map(i * GIB_1, 1, 1, RWX), 1);
    }
    unsigned steps = 1;
    while (!ptab_destroy(&f.t, 0, 511, 50)) {
        steps++;
    }
    assert_int_equal(f.tables, 0);
    assert_true(steps > 10);
}

static void tables_are_destroyed_in_bounded_steps(void **state)
{
    (void)state;
    each_format(destroy_in_parts);
}

static void destroy_range(void)
{
    const uint64_t slot = 512 * GIB_1;
    assert_int_equal(map(0, 1, 1, RWX), 1);
    assert_int_equal(map(3 * slot, 2, 1, RWX), 1);
    assert_true(ptab_destroy(&f.t, 0, 2, NO_LIMIT));
    assert_unmapped(0);
    assert_maps(3 * slot, 2, RWX, 0);
}

static void destruction_keeps_to_its_part_of_the_root(void **state)
{
    (void)state;
    each_format(destroy_range);
}

/* Random changes against a flat model of a window, which lies across a boundary of all levels. */

#define WINDOW_PAGES 8192u
#define WINDOW_BASE  (512 * GIB_1 - WINDOW_PAGES / 2)

static struct {
    uint64_t phys; /* 0: not mapped */
    unsigned rights;
} model[WINDOW_PAGES];

static void compare(void)
{
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        unsigned level = 0;
        uint64_t bits = 0;
        uint64_t phys = translate(WINDOW_BASE + i, &level, &bits);
        assert_int_equal(phys, model[i].phys == 0 ? UINT64_MAX : model[i].phys);
        if (model[i].phys != 0) {
            assert_int_equal(bits, f.format.leaf(model[i].rights));
        }
    }
}

static void random_map(uint64_t *seed, unsigned at, unsigned pages)
{
    unsigned n = 0;
    while (n < pages && model[at + n].phys == 0) {
        n++;
    }
    if (n == 0) {
        return;
    }
    bool aligned = random_below(seed, 2) == 0;
    uint64_t phys = aligned ? WINDOW_BASE + 4 * MIB_2 + at : 1 + random_below(seed, 1ull << 30);
    unsigned rights = PTAB_R | (unsigned)random_below(seed, 16);
    bool no_memory = false;
    uint64_t done = ptab_map(&f.t, (WINDOW_BASE + at) << PAGE_SHIFT, hpa(phys << PAGE_SHIFT), n,
                             rights, 1 + (unsigned)random_below(seed, 600), &no_memory);
    assert_true(done > 0 || no_memory);
    for (uint64_t i = 0; i < done; i++) {
        model[at + i].phys = phys + i;
        model[at + i].rights = rights;
    }
    if (no_memory) {
        unmap(WINDOW_BASE + at + done, 1);
    }
}

static void random_unmap(uint64_t *seed, unsigned at, unsigned pages)
{
    struct ptab_garbage g = {0};
    bool no_memory = false;
    uint64_t done = ptab_unmap(&f.t, (WINDOW_BASE + at) << PAGE_SHIFT, pages,
                               1 + (unsigned)random_below(seed, 600), &g, &no_memory);
    assert_true(done <= pages && (done > 0 || no_memory));
    ptab_collect(&f.t, &g);
    memset(&model[at], 0, done * sizeof(model[0]));
}

static void random_changes(void)
{
    uint64_t seed = 5 + f.format.max_level;
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < 600; step++) {
        unsigned at = (unsigned)random_below(&seed, WINDOW_PAGES);
        unsigned pages = 1 + (unsigned)random_below(&seed, step % 3 == 0 ? 3000 : 40);
        if (random_below(&seed, 4) == 0) {
            at &= ~511u;
        }
        pages = pages < WINDOW_PAGES - at ? pages : WINDOW_PAGES - at;
        f.room = step % 100 > 80 ? (unsigned)random_below(&seed, 2) : 1000;
        if (random_below(&seed, 2) == 0) {
            random_map(&seed, at, pages);
        } else {
            random_unmap(&seed, at, pages);
        }
        if (step % 8 == 0) {
            compare();
        }
    }
    compare();
    f.room = 1000;
    unmap(WINDOW_BASE, WINDOW_PAGES);
    assert_int_equal(f.tables, 0);
}

static void random_changes_equal_the_model(void **state)
{
    (void)state;
    each_format(random_changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ept_entries_are_the_manuals),
        cmocka_unit_test(ept_pointer_says_write_back_four_levels_and_ad),
        cmocka_unit_test(host_entries_are_the_manuals),
        cmocka_unit_test(mappings_are_as_large_as_both_addresses_allow),
        cmocka_unit_test(a_range_may_begin_and_end_anywhere),
        cmocka_unit_test(the_last_page_of_the_space_can_be_used),
        cmocka_unit_test(no_more_entries_change_than_the_limit),
        cmocka_unit_test(a_hole_splits_a_large_mapping_and_keeps_the_rest),
        cmocka_unit_test(a_split_without_memory_stops_before_it),
        cmocka_unit_test(a_map_without_memory_says_how_far_it_came),
        cmocka_unit_test(emptied_tables_wait_for_the_collection),
        cmocka_unit_test(tables_are_destroyed_in_bounded_steps),
        cmocka_unit_test(destruction_keeps_to_its_part_of_the_root),
        cmocka_unit_test(random_changes_equal_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
