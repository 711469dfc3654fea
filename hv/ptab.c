/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables. Mapping walks down from the root for each run of equal-sized entries; unmapping
 * recurses, so that tables which become empty are seen on the way back.
 */
#include "hv/ptab.h"

#define LEVELS             4u
#define INDEX_BITS         9u
#define ENTRIES            512u
#define ADDRESS            0x000FFFFFFFFFF000ull /* physical address in an entry */
#define SPLIT_KEEP(format) (~(ADDRESS | (format)->large))

static unsigned index_at(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_SHIFT + INDEX_BITS * level)) & (ENTRIES - 1);
}

/* Pages covered by an entry of a level. */
static uint64_t span(unsigned level)
{
    return 1ull << (INDEX_BITS * level);
}

static bool is_leaf(const struct ptab *t, uint64_t entry, unsigned level)
{
    return level == 0 || (level < LEVELS - 1 && (entry & t->format->large) != 0);
}

static uint64_t *table_of(const struct ptab *t, uint64_t entry)
{
    return t->memory->ptr(hpa(entry & ADDRESS));
}

/* Entries are read by other processors while they are written. */
static void set_entry(uint64_t *e, uint64_t value)
{
    __atomic_store_n(e, value, __ATOMIC_RELEASE);
}

/* The largest level whose entries can map at va to pa with `pages` left. */
static unsigned leaf_level(const struct ptab *t, uint64_t va, hpa_t pa, uint64_t pages)
{
    unsigned level = t->format->max_level;
    while (level > 0 && (((va | pa.v) >> PAGE_SHIFT) % span(level) != 0 || pages < span(level))) {
        level--;
    }
    return level;
}

/* The table of `level` that covers va, made if missing; NULL without memory. */
static uint64_t *walk_make(struct ptab *t, uint64_t va, unsigned level)
{
    uint64_t *table = t->root;
    for (unsigned l = LEVELS - 1; l > level; l--) {
        uint64_t *e = &table[index_at(va, l)];
        if ((*e & t->format->present) == 0) {
            void *page = t->memory->alloc(t->ctx);
            if (page == NULL) {
                return NULL;
            }
            set_entry(e, t->memory->hpa(page).v | t->format->table);
        }
        table = table_of(t, *e);
    }
    return table;
}

uint64_t ptab_map(struct ptab *t, uint64_t va, hpa_t pa, uint64_t pages, unsigned rights,
                  unsigned limit, bool *no_memory)
{
    uint64_t bits = t->format->leaf(rights);
    uint64_t done = 0;
    while (done < pages && limit > 0) {
        uint64_t at = va + (done << PAGE_SHIFT);
        uint64_t from = pa.v + (done << PAGE_SHIFT);
        unsigned level = leaf_level(t, at, hpa(from), pages - done);
        uint64_t *table = walk_make(t, at, level);
        if (table == NULL) {
            *no_memory = true;
            break;
        }
        uint64_t large = level > 0 ? t->format->large : 0;
        unsigned i = index_at(at, level);
        for (; i < ENTRIES && limit > 0 && pages - done >= span(level); i++, limit--) {
            set_entry(&table[i], from | bits | large);
            from += span(level) << PAGE_SHIFT;
            done += span(level);
        }
    }
    return done;
}

/* Replace a large mapping by a table of mappings one size smaller. */
static bool split(struct ptab *t, uint64_t *e, unsigned level)
{
    uint64_t *table = t->memory->alloc(t->ctx);
    if (table == NULL) {
        return false;
    }
    uint64_t large = level > 1 ? t->format->large : 0;
    uint64_t bits = *e & SPLIT_KEEP(t->format);
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = ((*e & ADDRESS) + ((uint64_t)i * span(level - 1) << PAGE_SHIFT)) | bits | large;
    }
    set_entry(e, t->memory->hpa(table).v | t->format->table);
    return true;
}

static bool is_empty(const struct ptab *t, const uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if ((table[i] & t->format->present) != 0) {
            return false;
        }
    }
    return true;
}

struct unmap {
    struct ptab *t;
    struct ptab_garbage *garbage;
    unsigned limit;
    bool no_memory;
};

/* Unmap pages [first, end) within the table of `level`; returns the first page not gone over. */
// NOLINTNEXTLINE(misc-no-recursion): at most four levels
static uint64_t unmap_in(struct unmap *u, uint64_t *table, unsigned level, uint64_t first,
                         uint64_t end)
{
    while (first < end && u->limit > 0 && u->garbage->count + LEVELS <= PTAB_GARBAGE) {
        uint64_t *e = &table[index_at(first << PAGE_SHIFT, level)];
        uint64_t next = (first | (span(level) - 1)) + 1;
        uint64_t stop = next < end ? next : end;
        if ((*e & u->t->format->present) == 0) {
            first = stop;
            continue;
        }
        if (is_leaf(u->t, *e, level)) {
            if (stop - first == span(level)) {
                set_entry(e, 0);
                u->limit--;
                first = stop;
                continue;
            }
            if (level == 0 || !split(u->t, e, level)) {
                u->no_memory = true;
                return first;
            }
        }
        uint64_t *below = table_of(u->t, *e);
        first = unmap_in(u, below, level - 1, first, stop);
        if (is_empty(u->t, below)) {
            set_entry(e, 0);
            u->garbage->table[u->garbage->count++] = below;
        }
        if (first < stop) {
            break;
        }
    }
    return first;
}

uint64_t ptab_unmap(struct ptab *t, uint64_t va, uint64_t pages, unsigned limit,
                    struct ptab_garbage *g, bool *no_memory)
{
    struct unmap u = {.t = t, .garbage = g, .limit = limit};
    uint64_t first = va >> PAGE_SHIFT;
    uint64_t done = unmap_in(&u, t->root, LEVELS - 1, first, first + pages) - first;
    *no_memory = u.no_memory;
    return done;
}

void ptab_collect(struct ptab *t, struct ptab_garbage *g)
{
    while (g->count > 0) {
        t->memory->free(t->ctx, g->table[--g->count]);
    }
}

uint64_t ptab_lookup(const struct ptab *t, uint64_t va, unsigned *level)
{
    const uint64_t *table = t->root;
    for (unsigned l = LEVELS; l-- > 0;) {
        uint64_t e = table[index_at(va, l)];
        if ((e & t->format->present) == 0) {
            return 0;
        }
        if (is_leaf(t, e, l)) {
            *level = l;
            return e;
        }
        table = table_of(t, e);
    }
    return 0;
}

// NOLINTNEXTLINE(misc-no-recursion): at most four levels
static bool destroy_in(struct ptab *t, uint64_t *table, unsigned level, unsigned first,
                       unsigned last, unsigned *limit)
{
    for (unsigned i = first; i <= last; i++) {
        uint64_t e = table[i];
        if ((e & t->format->present) == 0 || is_leaf(t, e, level)) {
            continue;
        }
        uint64_t *below = table_of(t, e);
        if (level > 1 && !destroy_in(t, below, level - 1, 0, ENTRIES - 1, limit)) {
            return false;
        }
        if (*limit == 0) {
            return false;
        }
        (*limit)--;
        table[i] = 0;
        t->memory->free(t->ctx, below);
    }
    return true;
}

bool ptab_destroy(struct ptab *t, unsigned first, unsigned last, unsigned limit)
{
    return destroy_in(t, t->root, LEVELS - 1, first, last, &limit);
}
