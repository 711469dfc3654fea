/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR policy: what is there and with which value, what faults, that reserved bits are refused
 * without effect, and that TSC and TSC_ADJUST move together.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/msr.h"

enum { TSC_NOW = 1000000 };

static struct msr_vm msr;

static int setup(void **context)
{
    (void)context;
    msr_init(&msr, 3600000000, 39, true);
    return 0;
}

static uint64_t rd(uint32_t index)
{
    uint64_t value = 0xDEADDEADDEADDEAD;
    assert_int_equal(msr_read(&msr, index, &value), MSR_DONE);
    return value;
}

static enum msr_result wr(uint32_t index, uint64_t value)
{
    return msr_write(&msr, index, &value, TSC_NOW);
}

/* The write faults and the register still reads as before. */
static void assert_refused(uint32_t index, uint64_t value)
{
    uint64_t before = rd(index);
    assert_int_equal(wr(index, value), MSR_FAULT);
    assert_int_equal(rd(index), before);
}

static void assert_kept(uint32_t index, uint64_t value)
{
    assert_int_equal(wr(index, value), MSR_DONE);
    assert_int_equal(rd(index), value);
}

static void unknown_msrs_fault(void **context)
{
    static const uint32_t indices[] = {
        0x0,   0x34,  0x48,  0x49,  0x7A,       0x8C,       0xE7,       0xE8,       0x10A,
        0x140, 0x17B, 0x180, 0x186, 0x199,      0x19C,      0x1A2,      0x1B0,      0x210,
        0x251, 0x25A, 0x270, 0x280, 0x345,      0x400,      0x480,      0x560,      0x606,
        0x6E1, 0x7FF, 0x900, 0xDA0, 0x40000000, 0xC0000103, 0xC0010015, 0x12345678, UINT32_MAX};
    (void)context;

    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        uint64_t value = 0;
        assert_int_equal(msr_read(&msr, indices[i], &value), MSR_FAULT);
        assert_int_equal(value, 0);
        assert_int_equal(wr(indices[i], 0), MSR_FAULT);
    }
}

static void every_index_has_an_answer(void **context)
{
    unsigned there = 0;
    (void)context;

    for (uint32_t index = 0; index < 0x2000; index++) {
        uint64_t value = 0;
        there += msr_read(&msr, index, &value) != MSR_FAULT;
    }
    assert_int_equal(there, 13 - 1 + 16 + 11 + 2 + 256); /* 0x79 is there for writes only */
}

static void apic_registers_go_to_the_lapic(void **context)
{
    uint64_t value = 5;
    (void)context;

    assert_int_equal(msr_read(&msr, 0x1B, &value), MSR_LAPIC);
    assert_int_equal(msr_read(&msr, 0x800, &value), MSR_LAPIC);
    assert_int_equal(msr_write(&msr, 0x8FF, &value, 0), MSR_LAPIC);
    assert_int_equal(msr_write(&msr, 0x6E0, &value, 0), MSR_TSC_DEADLINE);
    assert_int_equal(msr_read(&msr, 0x6E0, &value), MSR_TSC_DEADLINE);
    assert_int_equal(value, 5);
}

static void tsc_write_moves_tsc_and_tsc_adjust(void **context)
{
    uint64_t value = 400;
    (void)context;

    assert_int_equal(msr_write(&msr, 0x10, &value, TSC_NOW), MSR_MOVE_TSC);
    assert_int_equal(value, (uint64_t)400 - TSC_NOW);
    assert_int_equal(rd(0x3B), (uint64_t)400 - TSC_NOW);
    assert_int_equal(msr_read(&msr, 0x10, &value), MSR_TSC);
}

static void tsc_adjust_write_moves_the_tsc_by_the_difference(void **context)
{
    uint64_t value = 300;
    (void)context;

    assert_int_equal(msr_write(&msr, 0x3B, &value, TSC_NOW), MSR_MOVE_TSC);
    assert_int_equal(value, 300);
    value = 100;
    assert_int_equal(msr_write(&msr, 0x3B, &value, TSC_NOW), MSR_MOVE_TSC);
    assert_int_equal(value, (uint64_t)-200);
    assert_int_equal(rd(0x3B), 100);
}

static void feature_control_is_locked_without_vmx(void **context)
{
    (void)context;
    assert_int_equal(rd(0x3A), 1);
    assert_refused(0x3A, 5);
}

static void constants_cannot_be_written(void **context)
{
    (void)context;
    assert_int_equal(rd(0x17), 0);
    assert_refused(0x17, 1);
    assert_int_equal(rd(0xCE), 36 << 8);
    assert_refused(0xCE, 0);
    assert_int_equal(rd(0xFE), 0x508);
    assert_refused(0xFE, 0x508);
    assert_int_equal(rd(0x179), 0);
    assert_refused(0x179, 0);
}

static void microcode_signature_can_be_asked_for(void **context)
{
    uint64_t value;
    (void)context;

    assert_int_equal(wr(0x8B, 0), MSR_DONE);
    assert_int_equal(rd(0x8B), 1ULL << 32);
    assert_int_equal(wr(0x79, 0x1000), MSR_DONE);
    assert_int_equal(msr_read(&msr, 0x79, &value), MSR_FAULT);
}

static void misc_enable_takes_fast_strings_only(void **context)
{
    (void)context;
    assert_int_equal(rd(0x1A0), 0x1801);
    assert_kept(0x1A0, 0x1800);
    assert_int_equal(wr(0x1A0, 1), MSR_DONE);
    assert_int_equal(rd(0x1A0), 0x1801);
    assert_refused(0x1A0, 0x1801 | 1 << 18); /* MONITOR */
    assert_refused(0x1A0, 0x1801 | 1ULL << 34);
}

static void machine_check_status_keeps_its_three_bits(void **context)
{
    (void)context;
    assert_kept(0x17A, 7);
    assert_refused(0x17A, 8);
    assert_kept(0x17A, 0);
}

static void debugctl_stays_zero(void **context)
{
    (void)context;
    assert_int_equal(wr(0x1D9, 0), MSR_DONE);
    assert_refused(0x1D9, 1);
}

static void mtrrs_start_as_firmware_leaves_them(void **context)
{
    (void)context;
    assert_int_equal(rd(0x2FF), 0xC06);
    assert_int_equal(rd(0x250), 0x0606060606060606);
    assert_int_equal(rd(0x258), 0x0606060606060606);
    assert_int_equal(rd(0x259), 0);
    assert_int_equal(rd(0x268), 0x0505050505050505);
    assert_int_equal(rd(0x26F), 0x0505050505050505);
    assert_int_equal(rd(0x200), 0xC0000000);
    assert_int_equal(rd(0x201), 0x7FC0000800);
    for (uint32_t index = 0x202; index <= 0x20F; index++) {
        assert_int_equal(rd(index), 0);
    }
}

static void mtrrs_keep_valid_values(void **context)
{
    (void)context;
    assert_kept(0x2FF, 0);
    assert_kept(0x20E, 0x7FFFFFF001);
    assert_kept(0x20F, 0x7FFFFFF800);
    assert_kept(0x250, 0x0001040506060504);
    assert_kept(0x26F, 0x0606060606060600);
    assert_int_equal(rd(0x268), 0x0505050505050505);
}

static void mtrrs_refuse_reserved_bits_and_types(void **context)
{
    static const uint8_t bad_types[] = {2, 3, 7, 8, 0xFF};
    (void)context;

    for (size_t i = 0; i < sizeof bad_types; i++) {
        assert_refused(0x2FF, 0xC00 | bad_types[i]);
        assert_refused(0x200, bad_types[i]);
        assert_refused(0x250, (uint64_t)bad_types[i] << 56);
        assert_refused(0x250, bad_types[i]);
    }
    assert_refused(0x2FF, 0x1006);
    assert_refused(0x2FF, 0x106);
    assert_refused(0x200, 0x106);
    assert_refused(0x200, 1ULL << 39);
    assert_refused(0x201, 0x801);
    assert_refused(0x201, 1ULL << 39);
}

static void fast_strings_are_the_hosts(void **context)
{
    (void)context;
    msr_init(&msr, 3600000000, 39, false);
    assert_int_equal(rd(0x1A0), 0x1800);
    assert_int_equal(wr(0x1A0, 0x1801), MSR_DONE);
    assert_int_equal(rd(0x1A0), 0x1800);
}

#define CLAIM(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(unknown_msrs_fault),
        CLAIM(every_index_has_an_answer),
        CLAIM(apic_registers_go_to_the_lapic),
        CLAIM(tsc_write_moves_tsc_and_tsc_adjust),
        CLAIM(tsc_adjust_write_moves_the_tsc_by_the_difference),
        CLAIM(feature_control_is_locked_without_vmx),
        CLAIM(constants_cannot_be_written),
        CLAIM(microcode_signature_can_be_asked_for),
        CLAIM(misc_enable_takes_fast_strings_only),
        CLAIM(fast_strings_are_the_hosts),
        CLAIM(machine_check_status_keeps_its_three_bits),
        CLAIM(debugctl_stays_zero),
        CLAIM(mtrrs_start_as_firmware_leaves_them),
        CLAIM(mtrrs_keep_valid_values),
        CLAIM(mtrrs_refuse_reserved_bits_and_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
