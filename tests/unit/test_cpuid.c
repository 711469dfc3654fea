/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policy against made-up hosts: one that has every bit, one that has none, and variations.
 * What is hidden, what is forced, topology, clocks, extended state sizes, and leaves out of range.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/cpuid.h"

enum { CR4_OSXSAVE_BIT = 1 << 18 };

struct host {
    uint32_t max_basic;
    uint32_t fill; /* value of every register that is not set below */
};

static const struct {
    uint32_t size, offset, flags;
} xsave_components[8] = {
    [2] = {256, 576, 0}, [3] = {64, 960, 0},   [4] = {64, 1024, 0},
    [5] = {64, 1088, 0}, [6] = {512, 1152, 2}, [7] = {1024, 1664, 2},
};

/* Fails on a leaf beyond the host's last one: its answer would be that of another leaf. */
static void query(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t *out)
{
    const struct host *host = ctx;

    assert_true(leaf >= 0x80000000 ? leaf <= 0x80000008 : leaf <= host->max_basic);
    for (unsigned i = 0; i < CPUID_REGS; i++) {
        out[i] = host->fill;
    }
    if (leaf == 0) {
        out[0] = host->max_basic;
        memcpy(out + 1, "GenuntelineI", 12);
    } else if (leaf == 1) {
        out[0] = 0x000306C3;
        out[1] = 0xAB100800;
    } else if (leaf == 4) {
        const uint32_t types[] = {0x21, 0x22, 0x43, 0x163, 0};
        out[0] = (subleaf < 4 ? types[subleaf] : 0) | (host->fill & 0xFFFFC000);
    } else if (leaf == 0xD && subleaf < 8 && subleaf >= 2) {
        out[0] = xsave_components[subleaf].size;
        out[1] = xsave_components[subleaf].offset;
        out[2] = xsave_components[subleaf].flags;
    } else if (leaf == 0x80000000) {
        out[0] = 0x80000008;
    } else if (leaf == 0x80000008) {
        out[0] = 0x3927;
    }
}

static struct cpuid_table table;
static const struct cpuid_vm plain_vm = {
    .cpus = 1, .tsc_hz = 3600000000, .apic_hz = 100000000, .xcr0 = 0xE7};

static void init(struct host *host, const struct cpuid_vm *vm)
{
    const struct cpuid_facts facts = {query, host};
    memset(&table, 0xEE, sizeof table);
    cpuid_init(&table, &facts, vm);
}

static int full_host(void **context)
{
    static struct host host = {.max_basic = 0x20, .fill = UINT32_MAX};
    (void)context;
    init(&host, &plain_vm);
    return 0;
}

static uint32_t ask(uint32_t leaf, uint32_t subleaf, unsigned reg)
{
    uint32_t out[CPUID_REGS];
    cpuid_query(&table, leaf, subleaf, 7, out);
    return out[reg];
}

static void assert_leaf(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c,
                        uint32_t d)
{
    assert_int_equal(ask(leaf, subleaf, CPUID_EAX), a);
    assert_int_equal(ask(leaf, subleaf, CPUID_EBX), b);
    assert_int_equal(ask(leaf, subleaf, CPUID_ECX), c);
    assert_int_equal(ask(leaf, subleaf, CPUID_EDX), d);
}

static void what_does_not_work_is_hidden_on_a_host_that_has_all(void **context)
{
    static const struct {
        uint32_t leaf, subleaf;
        uint8_t reg, bit;
    } hidden[] = {
        {1, 0, CPUID_ECX, 2},           {1, 0, CPUID_ECX, 3},   {1, 0, CPUID_ECX, 5},
        {1, 0, CPUID_ECX, 6},           {1, 0, CPUID_ECX, 7},   {1, 0, CPUID_ECX, 8},
        {1, 0, CPUID_ECX, 15},          {1, 0, CPUID_ECX, 17},  {1, 0, CPUID_ECX, 27},
        {1, 0, CPUID_EDX, 18},          {1, 0, CPUID_EDX, 21},  {1, 0, CPUID_EDX, 22},
        {1, 0, CPUID_EDX, 28},          {1, 0, CPUID_EDX, 29},  {1, 0, CPUID_EDX, 31},
        {7, 0, CPUID_EBX, 2},           {7, 0, CPUID_EBX, 4},   {7, 0, CPUID_EBX, 10},
        {7, 0, CPUID_EBX, 11},          {7, 0, CPUID_EBX, 12},  {7, 0, CPUID_EBX, 14},
        {7, 0, CPUID_EBX, 25},          {7, 0, CPUID_ECX, 3},   {7, 0, CPUID_ECX, 4},
        {7, 0, CPUID_ECX, 5},           {7, 0, CPUID_ECX, 7},   {7, 0, CPUID_ECX, 16},
        {7, 0, CPUID_ECX, 22},          {7, 0, CPUID_ECX, 30},  {7, 0, CPUID_EDX, 5},
        {7, 0, CPUID_EDX, 15},          {7, 0, CPUID_EDX, 20},  {7, 0, CPUID_EDX, 24},
        {7, 0, CPUID_EDX, 26},          {7, 0, CPUID_EDX, 27},  {7, 0, CPUID_EDX, 29},
        {7, 0, CPUID_EDX, 31},          {0xD, 1, CPUID_EAX, 3}, {0xD, 1, CPUID_EAX, 4},
        {0x80000001, 0, CPUID_EDX, 27},
    };
    (void)context;

    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (ask(hidden[i].leaf, hidden[i].subleaf, hidden[i].reg) >> hidden[i].bit & 1) {
            fail_msg("leaf %#x reg %u bit %u is shown", hidden[i].leaf, hidden[i].reg,
                     hidden[i].bit);
        }
    }
    static const uint32_t empty[] = {3, 5, 8, 9, 0xA, 0xC, 0xE, 0xF, 0x10, 0x11, 0x12, 0x13, 0x14};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_leaf(empty[i], 0, 0, 0, 0, 0);
    }
    assert_leaf(6, 0, 4, 0, 0, 0);
}

static void exact_feature_words_of_a_host_that_has_all(void **context)
{
    (void)context;
    assert_int_equal(ask(1, 0, CPUID_ECX), 0xF7F83203 & ~(1u << 27));
    assert_int_equal(ask(1, 0, CPUID_EDX), 0x0F8BFBFF);
    assert_int_equal(ask(7, 0, CPUID_EBX), 0xFDBF23EB);
    assert_int_equal(ask(7, 0, CPUID_ECX), 0x18005F47);
    assert_int_equal(ask(7, 0, CPUID_EDX), 0x0080451C);
    assert_int_equal(ask(7, 0, CPUID_EAX), 1);
    assert_int_equal(ask(7, 1, CPUID_EAX), 0x1C30);
    assert_int_equal(ask(0x80000001, 0, CPUID_ECX), 0x121);
    assert_int_equal(ask(0x80000001, 0, CPUID_EDX), 0x24100800);
}

static void emulated_features_are_shown_on_a_host_that_has_none(void **context)
{
    struct host host = {.max_basic = 0xD};
    (void)context;

    init(&host, &plain_vm);
    assert_int_equal(ask(1, 0, CPUID_ECX), 1u << 31 | 1 << 24 | 1 << 21);
    assert_int_equal(ask(1, 0, CPUID_EDX), 1 << 9 | 1 << 12);
    assert_leaf(7, 0, 0, 2, 0, 0);
    assert_leaf(0x80000007, 0, 0, 0, 0, 1 << 8);
    assert_leaf(0xD, 0, 0, 0, 0, 0);
    assert_leaf(0xD, 1, 0, 0, 0, 0);
    assert_int_equal(ask(0, 0, CPUID_EAX), 0x16);
    assert_int_equal(ask(0x15, 0, CPUID_EBX), 36);
}

static void old_host_is_never_asked_beyond_its_last_leaf(void **context)
{
    struct host host = {.max_basic = 1, .fill = UINT32_MAX};
    (void)context;

    init(&host, &plain_vm); /* query() checks */
    assert_int_equal(table.xcr0, 0);
    assert_int_equal(ask(1, 0, CPUID_ECX) >> 26 & 1, 0);
}

static void pcid_and_rdtscp_follow_the_kernel(void **context)
{
    struct host host = {.max_basic = 0x20, .fill = UINT32_MAX};
    struct cpuid_vm vm = plain_vm;
    (void)context;

    vm.pcid = true;
    init(&host, &vm);
    assert_int_equal(ask(1, 0, CPUID_ECX) >> 17 & 1, 1);
    assert_int_equal(ask(7, 0, CPUID_EBX) >> 10 & 1, 1);
    assert_int_equal(ask(0x80000001, 0, CPUID_EDX) >> 27 & 1, 0);
    vm.pcid = false;
    vm.rdtscp = true;
    init(&host, &vm);
    assert_int_equal(ask(1, 0, CPUID_ECX) >> 17 & 1, 0);
    assert_int_equal(ask(0x80000001, 0, CPUID_EDX) >> 27 & 1, 1);
    assert_int_equal(ask(7, 0, CPUID_ECX) >> 22 & 1, 1);
}

static void vector_extensions_need_their_state(void **context)
{
    static const struct {
        uint64_t offered, usable;
        bool xsave, avx, avx512;
    } cases[] = {
        {0, 0, false, false, false},          {1, 0, false, false, false},
        {3, 3, true, false, false},           {7, 7, true, true, false},
        {0xE3, 3, true, false, false},        {0x67, 7, true, true, false},
        {UINT64_MAX, 0xE7, true, true, true},
    };
    struct host host = {.max_basic = 0x20, .fill = UINT32_MAX};
    struct cpuid_vm vm = plain_vm;
    (void)context;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vm.xcr0 = cases[i].offered;
        init(&host, &vm);
        assert_int_equal(table.xcr0, cases[i].usable);
        assert_int_equal(ask(1, 0, CPUID_ECX) >> 26 & 1, cases[i].xsave);
        assert_int_equal(ask(1, 0, CPUID_ECX) >> 28 & 1, cases[i].avx);
        assert_int_equal(ask(7, 0, CPUID_EBX) >> 5 & 1, cases[i].avx);
        assert_int_equal(ask(7, 0, CPUID_EBX) >> 16 & 1, cases[i].avx512);
        assert_int_equal(ask(0xD, 0, CPUID_EAX), cases[i].usable);
    }
}

static void osxsave_mirrors_cr4(void **context)
{
    uint32_t out[CPUID_REGS];
    (void)context;

    cpuid_show_osxsave(&table, true);
    cpuid_query(&table, 1, 0, 0, out);
    assert_int_equal(out[CPUID_ECX] >> 27 & 1, 1);
    cpuid_show_osxsave(&table, false);
    cpuid_query(&table, 1, 0, 0, out);
    assert_int_equal(out[CPUID_ECX] >> 27 & 1, 0);
}

static void xsave_sizes_follow_xcr0(void **context)
{
    static const struct {
        uint64_t xcr0;
        uint32_t standard, compacted;
    } cases[] = {
        {1, 576, 576},
        {3, 576, 576},
        {7, 832, 832},
        {0xE7, 2688, 2432}, /* 576 + 256 + 64, up to 896, + 512 = 1408, + 1024 */
    };
    uint32_t out[CPUID_REGS];
    (void)context;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cpuid_query(&table, 0xD, 0, cases[i].xcr0, out);
        assert_int_equal(out[CPUID_EBX], cases[i].standard);
        assert_int_equal(out[CPUID_ECX], 2688);
        assert_int_equal(out[CPUID_EDX], 0);
        cpuid_query(&table, 0xD, 1, cases[i].xcr0, out);
        assert_int_equal(out[CPUID_EBX], cases[i].compacted);
    }
    assert_leaf(0xD, 2, 256, 576, 0, 0);
    assert_leaf(0xD, 3, 0, 0, 0, 0); /* MPX is hidden */
    assert_leaf(0xD, 6, 512, 1152, 2, 0);
    assert_leaf(0xD, 9, 0, 0, 0, 0);
    assert_leaf(0xD, UINT32_MAX, 0, 0, 0, 0);
}

static void topology_is_one_package_of_cores(void **context)
{
    struct host host = {.max_basic = 0x20, .fill = UINT32_MAX};
    struct cpuid_vm vm = plain_vm;
    (void)context;

    vm.cpu = 2;
    vm.cpus = 3;
    init(&host, &vm);
    assert_int_equal(ask(1, 0, CPUID_EBX), 0x020408FF & ~0xFFu);
    assert_int_equal(ask(1, 0, CPUID_EDX) >> 28 & 1, 1);
    assert_leaf(0xB, 0, 0, 1, 0x100, 2);
    assert_leaf(0xB, 1, 2, 3, 0x201, 2);
    assert_leaf(0xB, 2, 0, 0, 2, 2);
    assert_leaf(0xB, 0x1FF, 0, 0, 0xFF, 2);
    assert_int_equal(ask(4, 0, CPUID_EAX) >> 14, 3 << 12);     /* L1: private, four IDs */
    assert_int_equal(ask(4, 2, CPUID_EAX) >> 14, 3 << 12);     /* L2: private */
    assert_int_equal(ask(4, 3, CPUID_EAX) >> 14, 3 << 12 | 3); /* L3: shared by all */
    assert_int_equal(ask(4, 3, CPUID_EAX) & 0x3FFF, 0x163);
    assert_leaf(4, 4, 0, 0, 0, 0);
    assert_leaf(4, 100, 0, 0, 0, 0);
}

static void single_cpu_has_no_htt(void **context)
{
    (void)context;
    assert_int_equal(ask(1, 0, CPUID_EDX) >> 28 & 1, 0);
    assert_leaf(0xB, 0, 0, 1, 0x100, 0);
    assert_leaf(0xB, 1, 0, 1, 0x201, 0);
}

static void clocks_are_exact_or_hidden(void **context)
{
    struct host host = {.max_basic = 0x20, .fill = UINT32_MAX};
    struct cpuid_vm vm = plain_vm;
    (void)context;

    assert_leaf(0x15, 0, 1, 36, 100000000, 0);
    assert_leaf(0x16, 0, 3600, 3600, 100, 0);
    assert_leaf(0x40000010, 0, 3600000, 100000, 0, 0);
    vm.apic_hz = 25000001;
    init(&host, &vm);
    assert_leaf(0x15, 0, 0, 0, 0, 0);
    vm.apic_hz = 0;
    init(&host, &vm);
    assert_leaf(0x15, 0, 0, 0, 0, 0);
    vm.apic_hz = vm.tsc_hz = 5000000000;
    init(&host, &vm);
    assert_leaf(0x15, 0, 0, 0, 0, 0);
    vm.apic_hz = vm.tsc_hz = 50000000;
    init(&host, &vm);
    assert_leaf(0x15, 0, 1, 1, 50000000, 0);
}

static void hypervisor_leaf_carries_the_signature(void **context)
{
    uint32_t out[CPUID_REGS];
    (void)context;

    cpuid_query(&table, 0x40000000, 0, 0, out);
    assert_int_equal(out[CPUID_EAX], 0x40000010);
    assert_memory_equal(out + CPUID_EBX, "BulkheadBulk", 12);
    assert_leaf(0x40000001, 0, 0, 0, 0, 0);
}

static void leaf_out_of_range_is_the_highest_basic_leaf(void **context)
{
    static const uint32_t leaves[] = {0x17,       0x1F,       0x3FFFFFFF, 0x40000011, 0x40000100,
                                      0x7FFFFFFF, 0x80000009, 0xC0000000, UINT32_MAX};
    (void)context;

    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
        assert_leaf(leaves[i], 5, 3600, 3600, 100, 0);
    }
}

static void identity_is_the_hosts(void **context)
{
    (void)context;
    assert_int_equal(ask(1, 0, CPUID_EAX), 0x306C3);
    assert_int_equal(ask(1, 7, CPUID_EBX), 0x00010800);
    assert_leaf(0x80000000, 0, 0x80000008, 0, 0, 0);
    assert_leaf(0x80000003, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    assert_leaf(0x80000006, 0, 0, 0, UINT32_MAX, 0);
    assert_leaf(0x80000008, 0, 0x3027, 0, 0, 0); /* 39 bits as the host, LA57 clipped to 48 */
}

#define CLAIM(name) cmocka_unit_test_setup(name, full_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_does_not_work_is_hidden_on_a_host_that_has_all),
        CLAIM(exact_feature_words_of_a_host_that_has_all),
        CLAIM(emulated_features_are_shown_on_a_host_that_has_none),
        CLAIM(old_host_is_never_asked_beyond_its_last_leaf),
        CLAIM(pcid_and_rdtscp_follow_the_kernel),
        CLAIM(vector_extensions_need_their_state),
        CLAIM(osxsave_mirrors_cr4),
        CLAIM(xsave_sizes_follow_xcr0),
        CLAIM(topology_is_one_package_of_cores),
        CLAIM(single_cpu_has_no_htt),
        CLAIM(clocks_are_exact_or_hidden),
        CLAIM(hypervisor_leaf_carries_the_signature),
        CLAIM(leaf_out_of_range_is_the_highest_basic_leaf),
        CLAIM(identity_is_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
