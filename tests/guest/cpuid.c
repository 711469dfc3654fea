/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID says to a guest: there is a hypervisor, no VT-x, one CPU; what the leaves say agrees
 * with each other and with the control registers. Manual: SDM volume 2, "CPUID—CPU Identification".
 */
#include <stddef.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/trap.h"

enum {
    LEAF_VENDOR = 0,
    LEAF_FEATURES = 1,
    LEAF_EXTENDED_FEATURES = 7,
    LEAF_TOPOLOGY = 0xB,
    LEAF_XSAVE = 0xD,
    TOPOLOGY_INVALID = 0, /* level types in ECX[15:8] */
    TOPOLOGY_SMT = 1,
    TOPOLOGY_CORE = 2,
    XSAVE_LEGACY_AND_HEADER = 576, /* bytes */
    XSAVE_FIRST_EXTENDED = 2,
    XSAVE_COMPONENTS = 63,
    HIGHEST_HYPERVISOR_LEAF = 0x400000FF
};

#define CPUID80000001_EDX_LM (1U << 29)

static bool same(const struct cpuid_result *a, const struct cpuid_result *b)
{
    return a->eax == b->eax && a->ebx == b->ebx && a->ecx == b->ecx && a->edx == b->edx;
}

static void hypervisor_bit_is_set(void)
{
    expect(HERE, cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_HYPERVISOR, "ECX[31] of leaf 1 is clear");
}

static void vt_x_is_hidden(void)
{
    uint64_t value = 0;

    expect(HERE, !(cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_VMX), "ECX[5] of leaf 1 is set");
    expect_vector(HERE, "reading IA32_VMX_BASIC", trap_rdmsr(MSR_VMX_BASIC, &value), TRAP_GP);
}

static void hypervisor_leaf_names_its_range(void)
{
    struct cpuid_result r = cpuid(CPUID_LEAF_HYPERVISOR, 0);

    expect_between(HERE, "EAX of leaf 0x40000000", r.eax, CPUID_LEAF_HYPERVISOR,
                   HIGHEST_HYPERVISOR_LEAF);
    expect(HERE, r.ebx != 0, "the hypervisor has no signature");
}

/* "If a value entered for CPUID.EAX is higher than the maximum input value ... the data for the
 * highest basic information leaf is returned"; AMD processors return zeros instead. */
static void basic_leaf_out_of_range_returns_the_highest(void)
{
    uint32_t highest = cpuid(LEAF_VENDOR, 0).eax;
    struct cpuid_result beyond = cpuid(highest + 1, 0), last = cpuid(highest, 0);
    struct cpuid_result zero = {0, 0, 0, 0};

    if (cpuid(LEAF_VENDOR, 0).ecx != 0x6C65746E) { /* "ntel" */
        skip("not an Intel CPU");
        return;
    }
    expect(HERE, same(&beyond, &last), "leaf 0x%x is not leaf 0x%x: EAX 0x%x and 0x%x", highest + 1,
           highest, beyond.eax, last.eax);
    beyond = cpuid(0x3FFFFFFF, 0);
    expect(HERE, same(&beyond, &last) || same(&beyond, &zero), "leaf 0x3fffffff: EAX 0x%x",
           beyond.eax);
}

static void extended_leaves_cover_long_mode(void)
{
    expect_between(HERE, "highest extended leaf", cpuid(CPUID_LEAF_EXTENDED, 0).eax,
                   CPUID_LEAF_EXTENDED + 8, CPUID_LEAF_EXTENDED + 0xFF);
    expect(HERE, cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & CPUID80000001_EDX_LM,
           "no long mode in leaf 0x80000001");
    expect_between(HERE, "physical-address width", cpuid(CPUID_LEAF_EXTENDED + 8, 0).eax & 0xFF, 32,
                   52);
}

static void features_that_every_pc_guest_needs_are_shown(void)
{
    uint32_t edx = cpuid(LEAF_FEATURES, 0).edx;

    expect(HERE, edx & 1, "no FPU");
    expect(HERE, edx & 1 << 4, "no TSC");
    expect(HERE, edx & CPUID1_EDX_MSR, "no MSR");
    expect(HERE, edx & 1 << 6, "no PAE");
    expect(HERE, edx & CPUID1_EDX_APIC, "no APIC");
    expect(HERE, edx & 1 << 13, "no PGE");
    expect(HERE, edx & 1 << 16, "no PAT");
    expect(HERE, edx & 1 << 24, "no FXSR");
    expect(HERE, edx & 1 << 26, "no SSE2");
}

static void apic_bit_is_clear_while_the_apic_is_off(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_ENABLE | APIC_BASE_EXTD));
    bool shown = cpuid(LEAF_FEATURES, 0).edx & CPUID1_EDX_APIC;
    wrmsr(MSR_APIC_BASE, base);
    expect(HERE, !shown, "EDX[9] of leaf 1 stays set");
}

static void osxsave_bit_follows_cr4(void)
{
    uint64_t cr4 = read_cr4();

    if (!(cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_XSAVE)) {
        skip("no XSAVE");
        return;
    }
    write_cr4(cr4 & ~CR4_OSXSAVE);
    expect(HERE, !(cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_OSXSAVE), "set while CR4 has it clear");
    write_cr4(cr4 | CR4_OSXSAVE);
    expect(HERE, cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_OSXSAVE, "clear while CR4 has it set");
    write_cr4(cr4);
}

/* Bytes of the standard format for these components. */
static uint32_t xsave_size(uint64_t components)
{
    uint32_t end = XSAVE_LEGACY_AND_HEADER;

    for (unsigned i = XSAVE_FIRST_EXTENDED; i < XSAVE_COMPONENTS; i++) {
        struct cpuid_result r = cpuid(LEAF_XSAVE, i);

        if ((components >> i & 1) && r.ebx + r.eax > end)
            end = r.ebx + r.eax;
    }
    return end;
}

static void xsave_leaf_agrees_with_xcr0(void)
{
    uint64_t cr4 = read_cr4();

    if (!(cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_XSAVE)) {
        skip("no XSAVE");
        return;
    }
    write_cr4(cr4 | CR4_OSXSAVE);
    struct cpuid_result r = cpuid(LEAF_XSAVE, 0);
    uint64_t supported = r.eax | (uint64_t)r.edx << 32;
    uint64_t xcr0 = xgetbv(0);

    expect(HERE, (supported & (XCR0_X87 | XCR0_SSE)) == (XCR0_X87 | XCR0_SSE),
           "supported components are 0x%lx", supported);
    expect_equal(HERE, "size for all components", r.ecx, xsave_size(supported));
    xsetbv(0, XCR0_X87);
    expect_equal(HERE, "size for x87", cpuid(LEAF_XSAVE, 0).ebx, xsave_size(XCR0_X87));
    xsetbv(0, supported);
    expect_equal(HERE, "XCR0", xgetbv(0), supported);
    expect_equal(HERE, "size for XCR0 with everything", cpuid(LEAF_XSAVE, 0).ebx,
                 xsave_size(supported));
    xsetbv(0, xcr0);
    write_cr4(cr4);
}

static void avx_is_shown_with_its_state(void)
{
    bool avx = cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_AVX;
    bool state =
        (cpuid(LEAF_FEATURES, 0).ecx & CPUID1_ECX_XSAVE) && (cpuid(LEAF_XSAVE, 0).eax & XCR0_AVX);

    expect(HERE, avx == state, "AVX in leaf 1: %d, in leaf 0xD: %d", avx, state);
}

static void topology_is_one_cpu(void)
{
    struct cpuid_result features = cpuid(LEAF_FEATURES, 0);

    if (features.edx & CPUID1_EDX_HTT)
        expect_equal(HERE, "logical processors of leaf 1", features.ebx >> 16 & 0xFF, 1);
    if (cpuid(LEAF_VENDOR, 0).eax < LEAF_TOPOLOGY)
        return;
    for (unsigned level = 0; level < 2; level++) {
        struct cpuid_result r = cpuid(LEAF_TOPOLOGY, level);

        if ((r.ecx >> 8 & 0xFF) == TOPOLOGY_INVALID)
            break;
        expect_equal(HERE, "logical processors of leaf 0xB", r.ebx & 0xFFFF, 1);
        expect_equal(HERE, "level type", r.ecx >> 8 & 0xFF,
                     level == 0 ? TOPOLOGY_SMT : TOPOLOGY_CORE);
        expect_equal(HERE, "level number", r.ecx & 0xFF, level);
    }
}

static void apic_ids_agree(void)
{
    uint32_t initial = cpuid(LEAF_FEATURES, 0).ebx >> 24;

    if (cpuid(LEAF_VENDOR, 0).eax >= LEAF_TOPOLOGY && cpuid(LEAF_TOPOLOGY, 0).ebx != 0)
        expect_equal(HERE, "x2APIC ID of leaf 0xB", cpuid(LEAF_TOPOLOGY, 0).edx, initial);
    expect_equal(HERE, "initial APIC ID", initial, 0);
}

static void sub_leaves_beyond_the_last_are_empty(void)
{
    uint32_t highest = cpuid(LEAF_VENDOR, 0).eax;
    struct cpuid_result zero = {0, 0, 0, 0};

    if (highest >= LEAF_EXTENDED_FEATURES) {
        uint32_t last = cpuid(LEAF_EXTENDED_FEATURES, 0).eax;
        struct cpuid_result r = cpuid(LEAF_EXTENDED_FEATURES, last + 1);
        expect(HERE, same(&r, &zero), "leaf 7, sub-leaf %u: EAX 0x%x", last + 1, r.eax);
    }
    if (highest >= LEAF_XSAVE) {
        struct cpuid_result r = cpuid(LEAF_XSAVE, XSAVE_COMPONENTS);
        expect(HERE, same(&r, &zero), "leaf 0xD, sub-leaf 63: EAX 0x%x", r.eax);
    }
}

static const struct claim claims[] = {
    CLAIM(hypervisor_bit_is_set),
    CLAIM(vt_x_is_hidden),
    CLAIM(hypervisor_leaf_names_its_range),
    CLAIM(basic_leaf_out_of_range_returns_the_highest),
    CLAIM(extended_leaves_cover_long_mode),
    CLAIM(features_that_every_pc_guest_needs_are_shown),
    CLAIM(osxsave_bit_follows_cr4),
    CLAIM(xsave_leaf_agrees_with_xcr0),
    CLAIM(avx_is_shown_with_its_state),
    CLAIM(topology_is_one_cpu),
    CLAIM(apic_ids_agree),
    CLAIM(sub_leaves_beyond_the_last_are_empty),
    CLAIM(apic_bit_is_clear_while_the_apic_is_off),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
