/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model-specific registers: those that are shown keep what is written and refuse what the manual
 * calls reserved; unknown ones raise #GP(0), for reading and for writing; the TSC goes forward.
 * Manual: SDM volume 3, "Model-Specific Registers (MSRs)", volume 4.
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum { UNKNOWN_BASIC = 0x3FFF, PAT_ENTRY_BITS = 8, PAT_RESERVED_TYPE = 2, TSC_READS = 1000 };

#define UNKNOWN_HYPERVISOR 0x4000FFFFU
#define UNKNOWN_EXTENDED   0xC0001FF0U
#define CANONICAL_HIGH     UINT64_C(0xFFFF800012345678)
#define CANONICAL_LOW      UINT64_C(0x0000123456789ABC)
#define NOT_CANONICAL      UINT64_C(0x0000800000000000)
#define PAT_AFTER_RESET    UINT64_C(0x0007040600070406)

static void unknown_msr_raises_gp(void)
{
    static const uint32_t unknown[] = {UNKNOWN_BASIC, UNKNOWN_HYPERVISOR, UNKNOWN_EXTENDED,
                                       UINT32_MAX};
    uint64_t value = 0;

    for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        expect_vector(HERE, "RDMSR", trap_rdmsr(unknown[i], &value), TRAP_GP);
        expect_equal(HERE, "error code of RDMSR", trap_caught()->error, 0);
        expect_vector(HERE, "WRMSR", trap_wrmsr(unknown[i], 0), TRAP_GP);
        expect_equal(HERE, "error code of WRMSR", trap_caught()->error, 0);
    }
}

/* The register keeps these values, and gets its own one back. */
static void keeps(struct place place, uint32_t msr, const uint64_t *values, unsigned count)
{
    uint64_t before = rdmsr(msr);

    for (unsigned i = 0; i < count; i++) {
        wrmsr(msr, values[i]);
        expect(place, rdmsr(msr) == values[i], "MSR 0x%x reads 0x%lx after 0x%lx", msr, rdmsr(msr),
               values[i]);
    }
    wrmsr(msr, before);
}

static void address_msrs_keep_canonical_values(void)
{
    static const uint32_t msrs[] = {MSR_FS_BASE, MSR_GS_BASE,      MSR_KERNEL_GS_BASE, MSR_LSTAR,
                                    MSR_CSTAR,   MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};
    static const uint64_t values[] = {CANONICAL_HIGH, CANONICAL_LOW, 0};

    for (unsigned i = 0; i < sizeof msrs / sizeof msrs[0]; i++)
        keeps(HERE, msrs[i], values, 3);
}

static void address_msrs_refuse_non_canonical_values(void)
{
    static const uint32_t msrs[] = {MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_LSTAR,
                                    MSR_CSTAR};

    for (unsigned i = 0; i < sizeof msrs / sizeof msrs[0]; i++) {
        uint64_t before = rdmsr(msrs[i]);

        expect_vector(HERE, "WRMSR", trap_wrmsr(msrs[i], NOT_CANONICAL), TRAP_GP);
        expect(HERE, rdmsr(msrs[i]) == before, "MSR 0x%x has changed", msrs[i]);
        wrmsr(msrs[i], before);
    }
}

static void system_call_msrs_keep_their_values(void)
{
    static const uint64_t star[] = {UINT64_C(0x0023001000000000), UINT64_C(0x0033000800001234)};
    static const uint64_t mask[] = {0x47700, 0};
    static const uint64_t selector[] = {0x10, 0};

    keeps(HERE, MSR_STAR, star, 2);
    keeps(HERE, MSR_SFMASK, mask, 2);
    keeps(HERE, MSR_SYSENTER_CS, selector, 2);
}

static void fs_base_is_the_base_of_fs(void)
{
    uint64_t before = rdmsr(MSR_FS_BASE);
    static const uint64_t pattern = UINT64_C(0x1122334455667788);
    uint64_t value;

    wrmsr(MSR_FS_BASE, (uint64_t)&pattern);
    value = read_fs_0();
    wrmsr(MSR_FS_BASE, before);
    expect_equal(HERE, "FS:0", value, pattern);
}

static void efer_shows_long_mode(void)
{
    expect_equal(HERE, "EFER.LME and LMA", rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA),
                 EFER_LME | EFER_LMA);
}

static void efer_keeps_sce_and_nxe(void)
{
    uint64_t efer = rdmsr(MSR_EFER);
    static const uint64_t bits[] = {EFER_SCE, EFER_NXE, EFER_SCE | EFER_NXE, 0};

    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        uint64_t value = (efer & ~(uint64_t)(EFER_SCE | EFER_NXE)) | bits[i];

        wrmsr(MSR_EFER, value);
        expect_equal(HERE, "EFER", rdmsr(MSR_EFER), value);
    }
    wrmsr(MSR_EFER, efer);
}

static void efer_refuses_reserved_bits(void)
{
    uint64_t efer = rdmsr(MSR_EFER);

    expect_vector(HERE, "setting EFER[2]", trap_wrmsr(MSR_EFER, efer | 1 << 2), TRAP_GP);
    expect_vector(HERE, "setting EFER[63]", trap_wrmsr(MSR_EFER, efer | UINT64_C(1) << 63),
                  TRAP_GP);
    expect_equal(HERE, "EFER", rdmsr(MSR_EFER), efer);
    wrmsr(MSR_EFER, efer);
}

static void efer_refuses_to_leave_long_mode_under_paging(void)
{
    uint64_t efer = rdmsr(MSR_EFER);

    expect_vector(HERE, "clearing EFER.LME", trap_wrmsr(MSR_EFER, efer & ~(uint64_t)EFER_LME),
                  TRAP_GP);
    expect_equal(HERE, "EFER", rdmsr(MSR_EFER), efer);
}

static void pat_keeps_every_legal_type(void)
{
    static const uint64_t values[] = {UINT64_C(0x0001040506070007), PAT_AFTER_RESET};

    keeps(HERE, MSR_PAT, values, 2);
}

static void pat_refuses_reserved_types(void)
{
    uint64_t before = rdmsr(MSR_PAT);

    for (unsigned entry = 0; entry < 8; entry++) {
        uint64_t mask = UINT64_C(0xFF) << (entry * PAT_ENTRY_BITS);
        uint64_t reserved = (uint64_t)PAT_RESERVED_TYPE << (entry * PAT_ENTRY_BITS);

        expect_vector(HERE, "a reserved memory type",
                      trap_wrmsr(MSR_PAT, (before & ~mask) | reserved), TRAP_GP);
    }
    expect_equal(HERE, "PAT", rdmsr(MSR_PAT), before);
    wrmsr(MSR_PAT, before);
}

static void apic_base_is_that_of_the_boot_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    expect_equal(HERE, "the address", base & ~UINT64_C(0xFFF), 0xFEE00000);
    expect(HERE, base & APIC_BASE_BSP, "BSP is clear");
    expect(HERE, base & APIC_BASE_ENABLE, "EN is clear");
    expect(HERE, !(base & APIC_BASE_EXTD), "x2APIC mode is on already");
}

static void apic_base_refuses_reserved_bits(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    expect_vector(HERE, "setting bit 0", trap_wrmsr(MSR_APIC_BASE, base | 1), TRAP_GP);
    expect_vector(HERE, "setting bit 9", trap_wrmsr(MSR_APIC_BASE, base | 1 << 9), TRAP_GP);
    expect_vector(HERE, "setting bit 63", trap_wrmsr(MSR_APIC_BASE, base | UINT64_C(1) << 63),
                  TRAP_GP);
    expect_equal(HERE, "IA32_APIC_BASE", rdmsr(MSR_APIC_BASE), base);
    wrmsr(MSR_APIC_BASE, base);
}

static void tsc_goes_forward(void)
{
    uint64_t previous = rdtsc();

    for (unsigned i = 0; i < TSC_READS; i++) {
        uint64_t now = i % 2 ? rdtsc() : rdmsr(MSR_TSC);

        if (!expect(HERE, now >= previous, "0x%lx after 0x%lx", now, previous))
            return;
        previous = now;
    }
}

static void tsc_can_be_written(void)
{
    enum {
        SLACK_US = 20000
    }; /* what may pass between the two reads around a write on a loaded machine */
    uint64_t start = rdtsc(), offset = UINT64_C(1) << 40;

    if (trap_wrmsr(MSR_TSC, start + offset) != TRAP_NONE) {
        expect(HERE, false, "WRMSR raised #GP");
        return;
    }
    uint64_t moved = rdtsc();
    wrmsr(MSR_TSC, rdtsc() - offset);
    uint64_t back = rdtsc();

    expect_between(HERE, "ticks over the written value", moved - (start + offset), 0,
                   time_ticks(SLACK_US));
    expect_between(HERE, "ticks after the way back", back - start, 0, time_ticks(SLACK_US));
}

static void tsc_adjust_moves_the_tsc(void)
{
    enum { SLACK_US = 20000, FEATURES = 7, TSC_ADJUST_BIT = 1 << 1 };
    uint64_t offset = UINT64_C(1) << 40;

    if (cpuid(0, 0).eax < FEATURES || !(cpuid(FEATURES, 0).ebx & TSC_ADJUST_BIT)) {
        skip("no IA32_TSC_ADJUST");
        return;
    }
    uint64_t adjust = rdmsr(MSR_TSC_ADJUST);
    uint64_t before = rdtsc();

    wrmsr(MSR_TSC_ADJUST, adjust + offset);
    uint64_t moved = rdtsc();
    expect_equal(HERE, "IA32_TSC_ADJUST", rdmsr(MSR_TSC_ADJUST), adjust + offset);
    wrmsr(MSR_TSC_ADJUST, adjust);
    expect_between(HERE, "ticks over the adjusted value", moved - (before + offset), 0,
                   time_ticks(SLACK_US));
}

static void tsc_aux_is_read_by_rdtscp(void)
{
    if (!(cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & 1 << 27)) {
        skip("no RDTSCP");
        return;
    }
    uint64_t before = rdmsr(MSR_TSC_AUX);

    wrmsr(MSR_TSC_AUX, 0x12345678);
    uint32_t aux = rdtscp_aux();
    wrmsr(MSR_TSC_AUX, before);
    expect_equal(HERE, "ECX", aux, 0x12345678);
}

static void mtrrs_are_as_many_as_announced(void)
{
    enum { MTRR_PHYSBASE0 = 0x200, MTRR_DEF_TYPE = 0x2FF, CPUID1_EDX_MTRR = 1 << 12 };
    uint64_t value = 0;

    if (!(cpuid(1, 0).edx & CPUID1_EDX_MTRR)) {
        skip("no MTRRs");
        return;
    }
    uint64_t cap = rdmsr(MSR_MTRRCAP);

    for (unsigned i = 0; i < 2 * (cap & 0xFF); i++)
        expect_vector(HERE, "a variable-range MTRR", trap_rdmsr(MTRR_PHYSBASE0 + i, &value),
                      TRAP_NONE);
    expect_vector(HERE, "IA32_MTRR_DEF_TYPE", trap_rdmsr(MTRR_DEF_TYPE, &value), TRAP_NONE);
}

static const struct claim claims[] = {
    CLAIM(unknown_msr_raises_gp),
    CLAIM(address_msrs_keep_canonical_values),
    CLAIM(address_msrs_refuse_non_canonical_values),
    CLAIM(system_call_msrs_keep_their_values),
    CLAIM(fs_base_is_the_base_of_fs),
    CLAIM(efer_shows_long_mode),
    CLAIM(efer_keeps_sce_and_nxe),
    CLAIM(efer_refuses_reserved_bits),
    CLAIM(efer_refuses_to_leave_long_mode_under_paging),
    CLAIM(pat_keeps_every_legal_type),
    CLAIM(pat_refuses_reserved_types),
    CLAIM(apic_base_is_that_of_the_boot_cpu),
    CLAIM(apic_base_refuses_reserved_bits),
    CLAIM(tsc_goes_forward),
    CLAIM(tsc_can_be_written),
    CLAIM(tsc_adjust_moves_the_tsc),
    CLAIM(tsc_aux_is_read_by_rdtscp),
    CLAIM(mtrrs_are_as_many_as_announced),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
