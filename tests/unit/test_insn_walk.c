/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table walker in every paging mode: addresses, page sizes, rights with WP, SMEP, SMAP and
 * NX, reserved bits, error codes, accessed and dirty bits, and races with the guest.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "vmm/insn/walk.h"

#define CR0_WP   UINT64_C(0x00010000)
#define CR0_PG   UINT64_C(0x80000000)
#define CR4_PSE  UINT64_C(0x00000010)
#define CR4_PAE  UINT64_C(0x00000020)
#define CR4_LA57 UINT64_C(0x00001000)
#define CR4_SMEP UINT64_C(0x00100000)
#define CR4_SMAP UINT64_C(0x00200000)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)
#define FLAG_AC  UINT64_C(0x40000)

#define P  UINT64_C(0x01)
#define W  UINT64_C(0x02)
#define U  UINT64_C(0x04)
#define A  UINT64_C(0x20)
#define D  UINT64_C(0x40)
#define PS UINT64_C(0x80)
#define NX (UINT64_C(1) << 63)

/* Six pages of guest memory that hold the tables; the pages they map lie elsewhere. */
#define MEMORY 0x6000u
#define TOP    0x1000u
#define SECOND 0x2000u
#define THIRD  0x3000u
#define FOURTH 0x4000u
#define FIFTH  0x5000u

struct rig {
    struct walk_regs regs;
    struct walk_mem mem;
    struct walk_fault fault;
    uint64_t gpa;
    uint8_t memory[MEMORY];
    unsigned exchanges;
    unsigned losses; /* how many exchanges the guest wins */
};

static bool rig_read(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
    struct rig *rig = ctx;

    if (gpa > MEMORY - size)
        return false;
    *value = 0;
    memcpy(value, &rig->memory[gpa], size);
    return true;
}

static bool rig_cmpxchg(void *ctx, uint64_t gpa, unsigned size, uint64_t expected, uint64_t desired,
                        bool *exchanged)
{
    struct rig *rig = ctx;

    rig->exchanges++;
    if (gpa > MEMORY - size)
        return false;
    *exchanged = memcmp(&rig->memory[gpa], &expected, size) == 0;
    if (rig->losses > 0) {
        rig->losses--;
        *exchanged = false;
    }
    if (*exchanged)
        memcpy(&rig->memory[gpa], &desired, size);
    return true;
}

static void rig_init(struct rig *rig, uint64_t cr4, uint64_t efer)
{
    memset(rig, 0, sizeof(*rig));
    rig->mem = (struct walk_mem){rig, rig_read, rig_cmpxchg};
    rig->regs.cr0 = CR0_PG | CR0_WP | 1;
    rig->regs.cr3 = TOP;
    rig->regs.cr4 = cr4;
    rig->regs.efer = efer;
    rig->regs.physical_bits = 39;
    rig->regs.page_1g = true;
}

static void set(struct rig *rig, uint64_t table, unsigned index, unsigned size, uint64_t entry)
{
    memcpy(&rig->memory[table + index * size], &entry, size);
}

static uint64_t get(const struct rig *rig, uint64_t table, unsigned index, unsigned size)
{
    uint64_t entry = 0;

    memcpy(&entry, &rig->memory[table + index * size], size);
    return entry;
}

static void expect(struct rig *rig, uint64_t gva, enum walk_access access, uint64_t gpa)
{
    assert_int_equal(walk_translate(&rig->regs, gva, access, &rig->mem, &rig->gpa, &rig->fault),
                     WALK_OK);
    assert_int_equal(rig->gpa, gpa);
}

static void expect_fault(struct rig *rig, uint64_t gva, enum walk_access access, uint32_t code)
{
    assert_int_equal(walk_translate(&rig->regs, gva, access, &rig->mem, &rig->gpa, &rig->fault),
                     WALK_FAULT);
    assert_int_equal(rig->fault.error_code, code);
    assert_int_equal(rig->fault.address, gva);
}

/* Long mode with one mapping of 4 KiB: index 1, 2, 3, 4 of the four levels. */
#define LONG_GVA ((UINT64_C(1) << 39) | (UINT64_C(2) << 30) | (UINT64_C(3) << 21) | (4 << 12))

static void map_long(struct rig *rig, uint64_t rights)
{
    set(rig, TOP, 1, 8, SECOND | rights | P);
    set(rig, SECOND, 2, 8, THIRD | rights | P);
    set(rig, THIRD, 3, 8, FOURTH | rights | P);
    set(rig, FOURTH, 4, 8, 0xABCDE000 | rights | P);
}

static void long_init(struct rig *rig, uint64_t rights)
{
    rig_init(rig, CR4_PAE, EFER_LMA | EFER_NXE);
    map_long(rig, rights);
}

static void without_paging_addresses_are_physical(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, 0, 0);
    rig.regs.cr0 = 1;
    expect(&rig, 0xFEE00020, WALK_WRITE, 0xFEE00020);
    assert_int_equal(rig.exchanges, 0);
}

static void paging_32_translates_4_kib_pages(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, 0, 0);
    set(&rig, TOP, 0x3FB, 4, SECOND | P | W | PS); /* without CR4.PSE the PS bit means nothing */
    set(&rig, SECOND, 0x201, 4, 0xFEE00000 | P | W);
    expect(&rig, 0xFEE01234, WALK_READ, 0xFEE00234);
    expect_fault(&rig, 0xFEE02000, WALK_WRITE, WALK_FAULT_WRITE);
    expect_fault(&rig, 0x00001000, WALK_FETCH, 0);
}

static void pse_36_reaches_above_4_gib(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, CR4_PSE, 0);
    set(&rig, TOP, 2, 4, 0x00C00000 | P | W | PS);
    expect(&rig, 0x00812345, WALK_READ, 0x00C12345);
    set(&rig, TOP, 2, 4, 0x00C00000 | (UINT64_C(0x7F) << 13) | P | W | PS);
    expect(&rig, 0x00812345, WALK_READ, 0x7F00C12345);
    set(&rig, TOP, 2, 4, 0x00C00000 | (UINT64_C(0x80) << 13) | P | W | PS); /* bit 39 of 39 */
    expect_fault(&rig, 0x00812345, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
    set(&rig, TOP, 2, 4, 0x00C00000 | (UINT64_C(1) << 21) | P | W | PS);
    expect_fault(&rig, 0x00812345, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
}

static void pae_starts_from_the_pdpte_registers(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, CR4_PAE, EFER_NXE);
    rig.regs.pdpte[3] = SECOND | P;
    set(&rig, SECOND, 1, 8, THIRD | P | W | U);
    set(&rig, THIRD, 2, 8, UINT64_C(0x123456000) | P | W | U);
    set(&rig, SECOND, 5, 8, UINT64_C(0x200000000) | P | W | PS);
    expect(&rig, 0xC0202ABC, WALK_WRITE, 0x123456ABC);
    expect(&rig, 0xC0ABCDEF, WALK_READ, 0x2000BCDEF);
    expect_fault(&rig, 0x00202ABC, WALK_READ, 0);
    set(&rig, THIRD, 2, 8, (UINT64_C(1) << 52) | 0x6000 | P); /* reserved in PAE alone */
    expect_fault(&rig, 0xC0202ABC, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
}

static void long_mode_walks_four_levels(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W | U);
    expect(&rig, LONG_GVA | 0x567, WALK_WRITE, 0xABCDE567);
    expect_fault(&rig, LONG_GVA + 0x1000, WALK_READ, 0);
    set(&rig, FOURTH, 4, 8, (UINT64_C(0x7FF) << 52) | 0x6000 | P); /* 62:52 are ignored */
    expect(&rig, LONG_GVA, WALK_READ, 0x6000);
    rig.regs.cr3 = TOP | 0xFFF; /* PCID and ignored bits */
    expect(&rig, LONG_GVA, WALK_READ, 0x6000);
}

static void long_mode_has_2_mib_and_1_gib_pages(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    set(&rig, THIRD, 3, 8, UINT64_C(0x140000000) | P | W | PS);
    expect(&rig, LONG_GVA | 0x567, WALK_READ, 0x140004567);
    set(&rig, THIRD, 3, 8, UINT64_C(0x140000000) | 0x1000 | P | W | PS); /* PAT */
    expect(&rig, LONG_GVA | 0x567, WALK_READ, 0x140004567);
    set(&rig, SECOND, 2, 8, UINT64_C(0x180000000) | P | W | PS);
    expect(&rig, LONG_GVA | 0x567, WALK_READ, 0x180604567);
    rig.regs.page_1g = false;
    expect_fault(&rig, LONG_GVA, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
}

static void five_levels_start_one_higher(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    rig.regs.cr4 |= CR4_LA57;
    rig.regs.cr3 = FIFTH;
    set(&rig, FIFTH, 1, 8, TOP | P | W);
    expect(&rig, (UINT64_C(1) << 48) | LONG_GVA | 0x567, WALK_READ, 0xABCDE567);
    expect_fault(&rig, LONG_GVA, WALK_READ, 0);
}

static void reserved_bits_fault(void **state)
{
    static const struct {
        uint64_t table;
        unsigned index;
        uint64_t entry;
    } cases[] = {
        {TOP, 1, SECOND | P | PS},                /* PS in a PML4E */
        {TOP, 1, SECOND | P | UINT64_C(1) << 39}, /* MAXPHYADDR is 39 */
        {SECOND, 2, THIRD | P | UINT64_C(1) << 51},
        {SECOND, 2, UINT64_C(0x40000000) | P | PS | UINT64_C(1) << 29},
        {THIRD, 3, UINT64_C(0x200000) | P | PS | UINT64_C(1) << 13},
        {THIRD, 3, UINT64_C(0x200000) | P | PS | UINT64_C(1) << 20},
        {FOURTH, 4, P | UINT64_C(1) << 45},
    };
    struct rig rig;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long_init(&rig, W | U);
        set(&rig, cases[i].table, cases[i].index, 8, cases[i].entry);
        expect_fault(&rig, LONG_GVA, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
    }
}

static void user_code_needs_user_pages_at_every_level(void **state)
{
    static const struct {
        uint64_t table;
        unsigned index;
    } levels[] = {{TOP, 1}, {SECOND, 2}, {THIRD, 3}, {FOURTH, 4}};
    struct rig rig;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        long_init(&rig, W | U);
        rig.regs.cpl = 3;
        expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
        set(&rig, levels[i].table, levels[i].index, 8,
            get(&rig, levels[i].table, levels[i].index, 8) & ~U);
        expect_fault(&rig, LONG_GVA, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_USER);
        rig.regs.cpl = 0;
        expect(&rig, LONG_GVA, WALK_READ, 0xABCDE000);
    }
}

static void writes_need_writable_pages_unless_wp_is_clear(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W | U);
    set(&rig, THIRD, 3, 8, FOURTH | P | U);
    expect_fault(&rig, LONG_GVA, WALK_WRITE, WALK_FAULT_PRESENT | WALK_FAULT_WRITE);
    rig.regs.cr0 &= ~CR0_WP;
    expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
    rig.regs.cpl = 3; /* WP is for the supervisor */
    expect_fault(&rig, LONG_GVA, WALK_WRITE,
                 WALK_FAULT_PRESENT | WALK_FAULT_WRITE | WALK_FAULT_USER);
}

static void nx_stops_fetches_when_enabled(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    expect(&rig, LONG_GVA, WALK_FETCH, 0xABCDE000);
    set(&rig, SECOND, 2, 8, THIRD | P | W | NX);
    expect_fault(&rig, LONG_GVA, WALK_FETCH, WALK_FAULT_PRESENT | WALK_FAULT_FETCH);
    expect(&rig, LONG_GVA, WALK_READ, 0xABCDE000);
    rig.regs.efer = EFER_LMA; /* then the bit is reserved */
    expect_fault(&rig, LONG_GVA, WALK_READ, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED);
}

static void smep_stops_the_supervisor_on_user_code(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W | U);
    rig.regs.efer = EFER_LMA;
    expect(&rig, LONG_GVA, WALK_FETCH, 0xABCDE000);
    rig.regs.cr4 |= CR4_SMEP;
    expect_fault(&rig, LONG_GVA, WALK_FETCH, WALK_FAULT_PRESENT | WALK_FAULT_FETCH);
    rig.regs.cpl = 3;
    expect(&rig, LONG_GVA, WALK_FETCH, 0xABCDE000);
}

static void smap_stops_the_supervisor_on_user_data_unless_ac(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W | U);
    rig.regs.cr4 |= CR4_SMAP;
    expect_fault(&rig, LONG_GVA, WALK_READ, WALK_FAULT_PRESENT);
    expect_fault(&rig, LONG_GVA, WALK_WRITE, WALK_FAULT_PRESENT | WALK_FAULT_WRITE);
    expect(&rig, LONG_GVA, WALK_FETCH, 0xABCDE000);
    rig.regs.rflags = FLAG_AC;
    expect(&rig, LONG_GVA, WALK_READ, 0xABCDE000);
    rig.regs.rflags = 0;
    rig.regs.cpl = 3;
    expect(&rig, LONG_GVA, WALK_READ, 0xABCDE000);
}

static void accessed_and_dirty_bits_are_set_as_used(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W | U);
    expect(&rig, LONG_GVA, WALK_READ, 0xABCDE000);
    assert_int_equal(get(&rig, TOP, 1, 8), SECOND | P | W | U | A);
    assert_int_equal(get(&rig, FOURTH, 4, 8), 0xABCDE000 | P | W | U | A);
    assert_int_equal(rig.exchanges, 4);
    expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
    assert_int_equal(get(&rig, THIRD, 3, 8), FOURTH | P | W | U | A);
    assert_int_equal(get(&rig, FOURTH, 4, 8), 0xABCDE000 | P | W | U | A | D);
    assert_int_equal(rig.exchanges, 5);
    expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
    assert_int_equal(rig.exchanges, 5);
}

static void entries_of_32_bit_paging_are_marked_alone(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, CR4_PSE, 0);
    set(&rig, TOP, 2, 4, 0x00C00000 | P | W | PS);
    set(&rig, TOP, 3, 4, 0x11111111);
    expect(&rig, 0x00800000, WALK_WRITE, 0x00C00000);
    assert_int_equal(get(&rig, TOP, 2, 4), 0x00C00000 | P | W | PS | A | D);
    assert_int_equal(get(&rig, TOP, 3, 4), 0x11111111);
}

static void a_fault_marks_nothing(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, U);
    expect_fault(&rig, LONG_GVA, WALK_WRITE, WALK_FAULT_PRESENT | WALK_FAULT_WRITE);
    assert_int_equal(rig.exchanges, 0);
}

static void a_look_without_cmpxchg_leaves_no_trace(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    rig.mem.cmpxchg = NULL;
    expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
    assert_int_equal(get(&rig, FOURTH, 4, 8), 0xABCDE000 | P | W);
}

static void a_lost_race_is_walked_again_and_given_up_in_the_end(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    rig.losses = 2;
    expect(&rig, LONG_GVA, WALK_WRITE, 0xABCDE000);
    assert_int_equal(get(&rig, FOURTH, 4, 8), 0xABCDE000 | P | W | A | D);
    long_init(&rig, W);
    rig.losses = 1000;
    assert_int_equal(walk_translate(&rig.regs, LONG_GVA, WALK_READ, &rig.mem, &rig.gpa, &rig.fault),
                     WALK_RACE);
    assert_true(rig.losses > 900);
}

static void tables_outside_memory_are_reported(void **state)
{
    struct rig rig;

    (void)state;
    long_init(&rig, W);
    set(&rig, THIRD, 3, 8, UINT64_C(0x100000) | P | W);
    assert_int_equal(walk_translate(&rig.regs, LONG_GVA, WALK_READ, &rig.mem, &rig.gpa, &rig.fault),
                     WALK_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_paging_addresses_are_physical),
        cmocka_unit_test(paging_32_translates_4_kib_pages),
        cmocka_unit_test(pse_36_reaches_above_4_gib),
        cmocka_unit_test(pae_starts_from_the_pdpte_registers),
        cmocka_unit_test(long_mode_walks_four_levels),
        cmocka_unit_test(long_mode_has_2_mib_and_1_gib_pages),
        cmocka_unit_test(five_levels_start_one_higher),
        cmocka_unit_test(reserved_bits_fault),
        cmocka_unit_test(user_code_needs_user_pages_at_every_level),
        cmocka_unit_test(writes_need_writable_pages_unless_wp_is_clear),
        cmocka_unit_test(nx_stops_fetches_when_enabled),
        cmocka_unit_test(smep_stops_the_supervisor_on_user_code),
        cmocka_unit_test(smap_stops_the_supervisor_on_user_data_unless_ac),
        cmocka_unit_test(accessed_and_dirty_bits_are_set_as_used),
        cmocka_unit_test(entries_of_32_bit_paging_are_marked_alone),
        cmocka_unit_test(a_fault_marks_nothing),
        cmocka_unit_test(a_look_without_cmpxchg_leaves_no_trace),
        cmocka_unit_test(a_lost_race_is_walked_again_and_given_up_in_the_end),
        cmocka_unit_test(tables_outside_memory_are_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
