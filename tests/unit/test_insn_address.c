/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Effective and linear addresses: how they are summed and cut in each mode, and which of them fault
 * with which exception before memory is touched.
 */
#include "tests/unit/test_insn_fixture.h"

#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_AC 17

#define AR_UNUSABLE       0x10000u
#define AR_READ_ONLY      0xC091u
#define AR_EXPAND_DOWN    0xC097u
#define AR_EXPAND_DOWN_16 0x0097u
#define AR_EXECUTE_ONLY   0xC099u

static void expect_address(struct fixture *f, const char *hex, uint64_t address)
{
    fixture_complete(f, hex);
    assert_int_equal(f->last_address, address);
    f->state.rip = FIXTURE_RIP;
}

static void expect_fault(struct fixture *f, const char *hex, unsigned vector)
{
    memset(&f->fault, 0xFF, sizeof(f->fault));
    fixture_unchanged(f, hex, INSN_FAULT);
    assert_int_equal(f->fault.vector, vector);
    assert_int_equal(f->fault.error_code, 0);
    assert_int_equal(f->fault.has_error_code, (f->state.cr0 & 1) != 0);
    assert_int_equal(f->reads + f->writes, 0);
}

static void sums_are_cut_to_the_address_size(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    f.state.gpr[INSN_RBX] = 0x100001000;
    f.state.gpr[INSN_RCX] = 0x20;
    expect_address(&f, "8B 44 8B 10", 0x100001090);
    expect_address(&f, "67 8B 44 8B 10", 0x1090);
    fixture_init(&f, INSN_MODE_32);
    f.state.gpr[INSN_RBX] = 0xFFFFFFF0;
    expect_address(&f, "8B 43 20", 0x10);
    fixture_init(&f, INSN_MODE_16);
    f.state.gpr[INSN_RBX] = 0x1FFF0;
    f.state.gpr[INSN_RSI] = 0x20;
    expect_address(&f, "8B 00", 0x10);
}

static void segment_bases_are_added_by_mode(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_REAL);
    f.state.gpr[INSN_RBX] = 0x20;
    f.state.seg[INSN_DS].base = 0xA0000;
    f.state.seg[INSN_ES].base = 0xB8000;
    expect_address(&f, "8B 07", 0xA0020);
    expect_address(&f, "26 8B 07", 0xB8020);
    fixture_init(&f, INSN_MODE_32);
    f.state.gpr[INSN_RBX] = 0x20;
    f.state.seg[INSN_DS].base = 0xFFFFFFF0;
    expect_address(&f, "8B 03", 0x10);
    fixture_init(&f, INSN_MODE_64);
    f.state.gpr[INSN_RBX] = 0x20;
    f.state.seg[INSN_DS].base = 0x1000;
    f.state.seg[INSN_GS].base = 0xFFFF888000000000;
    expect_address(&f, "8B 03", 0x20);
    expect_address(&f, "3E 8B 03", 0x20);
    expect_address(&f, "65 8B 03", 0xFFFF888000000020);
}

static void limits_fault_with_ss_for_the_stack_and_gp_elsewhere(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_32);
    f.state.seg[INSN_DS].limit = 0xFFF;
    f.state.seg[INSN_SS].limit = 0xFFF;
    f.state.gpr[INSN_RBX] = 0xFFD;
    f.state.gpr[INSN_RBP] = 0xFFD;
    f.state.gpr[INSN_RSP] = 0x2000;
    expect_fault(&f, "8B 03", VECTOR_GP);
    expect_fault(&f, "8B 45 00", VECTOR_SS);
    expect_fault(&f, "36 8B 03", VECTOR_SS);
    expect_fault(&f, "8F 03", VECTOR_SS);
    f.state.gpr[INSN_RBX] = 0xFFC;
    expect_address(&f, "8B 03", 0xFFC);
}

static void real_mode_faults_have_no_error_code(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_REAL);
    f.state.gpr[INSN_RBX] = 0xFFFF;
    expect_fault(&f, "8B 07", VECTOR_GP);
    expect_address(&f, "8A 07", 0xFFFF);
    fixture_init(&f, INSN_MODE_VIRTUAL_8086);
    f.state.gpr[INSN_RBP] = 0xFFFF;
    expect_fault(&f, "8B 46 00", VECTOR_SS);
}

static void unreal_mode_keeps_its_big_limit(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_REAL);
    f.state.seg[INSN_DS].limit = UINT32_MAX;
    f.state.gpr[INSN_RBX] = 0xFEE00020;
    expect_address(&f, "67 66 8B 03", 0xFEE00020);
}

static void expand_down_segments_allow_what_is_above_the_limit(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_32);
    f.state.seg[INSN_DS].ar = AR_EXPAND_DOWN;
    f.state.seg[INSN_DS].limit = 0xFFF;
    f.state.gpr[INSN_RBX] = 0xFFF;
    expect_fault(&f, "8B 03", VECTOR_GP);
    f.state.gpr[INSN_RBX] = 0x1000;
    expect_address(&f, "8B 03", 0x1000);
    f.reads = 0;
    f.state.seg[INSN_DS].ar = AR_EXPAND_DOWN_16;
    f.state.gpr[INSN_RBX] = 0xFFFD;
    expect_fault(&f, "8B 03", VECTOR_GP);
    f.state.gpr[INSN_RBX] = 0xFFFC;
    expect_address(&f, "8B 03", 0xFFFC);
}

static void types_are_checked_in_protected_mode_alone(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_32);
    f.state.seg[INSN_DS].ar = AR_READ_ONLY;
    f.state.seg[INSN_FS].ar = AR_EXECUTE_ONLY;
    f.state.seg[INSN_GS].ar = AR_UNUSABLE;
    expect_fault(&f, "89 03", VECTOR_GP);
    expect_fault(&f, "01 03", VECTOR_GP);
    expect_fault(&f, "2E 89 03", VECTOR_GP); /* a code segment is never written */
    expect_fault(&f, "64 8B 03", VECTOR_GP);
    expect_fault(&f, "65 8B 03", VECTOR_GP);
    expect_address(&f, "8B 03", 0);
    expect_address(&f, "2E 8B 03", 0);
    fixture_init(&f, INSN_MODE_REAL);
    f.state.seg[INSN_DS].ar = AR_READ_ONLY;
    expect_address(&f, "89 07", 0);
    fixture_init(&f, INSN_MODE_64);
    f.state.seg[INSN_DS].ar = AR_UNUSABLE;
    expect_address(&f, "89 03", 0);
}

static void addresses_must_be_canonical_in_64_bit_mode(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    f.state.gpr[INSN_RBX] = 0x0000800000000000;
    f.state.gpr[INSN_RBP] = 0x0000800000000000;
    f.state.gpr[INSN_RSP] = 0xFFFF7FFFFFFFFFFF;
    expect_fault(&f, "8B 03", VECTOR_GP);
    expect_fault(&f, "8B 45 00", VECTOR_SS);
    expect_fault(&f, "8B 04 24", VECTOR_SS);
    expect_fault(&f, "8F 03", VECTOR_SS);
    f.state.gpr[INSN_RBX] = 0x00007FFFFFFFFFFD; /* ends behind the hole's edge */
    expect_fault(&f, "8B 03", VECTOR_GP);
    f.state.gpr[INSN_RBX] = 0x00007FFFFFFFFFFC;
    expect_address(&f, "8B 03", 0x00007FFFFFFFFFFC);
    f.state.gpr[INSN_RBX] = 0xFFFF800000000000;
    expect_address(&f, "8B 03", 0xFFFF800000000000);
    f.state.cr4 |= 0x1000; /* LA57 */
    f.state.gpr[INSN_RBX] = 0x0000800000000000;
    expect_address(&f, "8B 03", 0x0000800000000000);
    f.reads = 0;
    f.state.gpr[INSN_RBX] = 0x0100000000000000;
    expect_fault(&f, "8B 03", VECTOR_GP);
}

static void alignment_is_checked_for_the_user_who_asks(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    f.state.cr0 |= 0x40000;
    f.state.rflags |= 0x40000;
    f.state.gpr[INSN_RBX] = 0x1001;
    expect_address(&f, "8B 03", 0x1001);
    f.reads = 0;
    f.state.seg[INSN_SS].ar |= FIXTURE_AR_DPL_3;
    expect_fault(&f, "8B 03", VECTOR_AC);
    f.state.gpr[INSN_RBX] = 0x1004;
    expect_address(&f, "8B 03", 0x1004);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_cut_to_the_address_size),
        cmocka_unit_test(segment_bases_are_added_by_mode),
        cmocka_unit_test(limits_fault_with_ss_for_the_stack_and_gp_elsewhere),
        cmocka_unit_test(real_mode_faults_have_no_error_code),
        cmocka_unit_test(unreal_mode_keeps_its_big_limit),
        cmocka_unit_test(expand_down_segments_allow_what_is_above_the_limit),
        cmocka_unit_test(types_are_checked_in_protected_mode_alone),
        cmocka_unit_test(addresses_must_be_canonical_in_64_bit_mode),
        cmocka_unit_test(alignment_is_checked_for_the_user_who_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
