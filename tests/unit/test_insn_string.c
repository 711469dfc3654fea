/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions: one element a call, counts and directions, the two ends of a comparison,
 * sizes of index registers, overrides, and a fault in the middle.
 */
#include "tests/unit/test_insn_fixture.h"

#define ZF UINT64_C(0x040)
#define DF UINT64_C(0x400)

#define FROM 0x2000u
#define TO   0x3000u

static void setup(struct fixture *f, enum insn_mode mode, uint64_t count)
{
    fixture_init(f, mode);
    f->state.gpr[INSN_RSI] = FROM;
    f->state.gpr[INSN_RDI] = TO;
    f->state.gpr[INSN_RCX] = count;
    for (unsigned i = 0; i < 64; i++)
        f->memory[FROM + i] = (uint8_t)(i + 1);
}

static void a_single_move_ignores_the_count(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 0);
    fixture_complete(&f, "48 A5");
    assert_int_equal(fixture_peek(&f, TO, 8), 0x0807060504030201);
    assert_int_equal(f.state.gpr[INSN_RSI], FROM + 8);
    assert_int_equal(f.state.gpr[INSN_RDI], TO + 8);
    assert_int_equal(f.state.gpr[INSN_RCX], 0);
}

static void repeat_moves_one_element_a_call(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 3);
    for (unsigned left = 2; left > 0; left--) {
        assert_int_equal(fixture_run(&f, "F3 A5"), INSN_REPEAT);
        assert_int_equal(f.state.gpr[INSN_RCX], left);
        assert_int_equal(f.state.rip, FIXTURE_RIP);
    }
    fixture_complete(&f, "F3 A5");
    assert_int_equal(f.state.gpr[INSN_RCX], 0);
    assert_int_equal(f.state.gpr[INSN_RSI], FROM + 12);
    assert_memory_equal(&f.memory[FROM], &f.memory[TO], 12);
    assert_int_equal(f.memory[TO + 12], 0);
}

static void a_count_of_zero_touches_nothing(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 0);
    fixture_complete(&f, "F3 A5");
    assert_int_equal(f.reads + f.writes, 0);
    assert_int_equal(f.state.gpr[INSN_RSI], FROM);
}

static void the_direction_flag_moves_down(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 1);
    f.state.rflags |= DF;
    fixture_complete(&f, "F3 66 A5");
    assert_int_equal(f.state.gpr[INSN_RSI], FROM - 2);
    assert_int_equal(f.state.gpr[INSN_RDI], TO - 2);
}

static void stos_and_lods_use_the_accumulator(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 2);
    f.state.gpr[INSN_RAX] = 0x1122334455667788;
    assert_int_equal(fixture_run(&f, "F3 AB"), INSN_REPEAT);
    fixture_complete(&f, "F3 AB");
    assert_int_equal(fixture_peek(&f, TO, 8), 0x5566778855667788);
    assert_int_equal(f.reads, 0);
    fixture_complete(&f, "AC");
    assert_int_equal(f.state.gpr[INSN_RAX], 0x1122334455667701);
    fixture_complete(&f, "AD");
    assert_int_equal(f.state.gpr[INSN_RAX], 0x05040302);
}

static void repe_stops_at_a_difference(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 5);
    memcpy(&f.memory[TO], &f.memory[FROM], 8);
    f.memory[TO + 1] = 0xEE;
    assert_int_equal(fixture_run(&f, "F3 A6"), INSN_REPEAT);
    fixture_complete(&f, "F3 A6");
    assert_int_equal(f.state.gpr[INSN_RCX], 3);
    assert_int_equal(f.state.rflags & ZF, 0);
    assert_int_equal(f.state.gpr[INSN_RSI], FROM + 2);
}

static void repne_stops_at_a_match(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 64);
    f.state.gpr[INSN_RDI] = FROM;
    f.state.gpr[INSN_RAX] = 3;
    assert_int_equal(fixture_run(&f, "F2 AE"), INSN_REPEAT);
    assert_int_equal(fixture_run(&f, "F2 AE"), INSN_REPEAT);
    fixture_complete(&f, "F2 AE");
    assert_int_equal(f.state.rflags & ZF, ZF);
    assert_int_equal(f.state.gpr[INSN_RDI], FROM + 3);
    assert_int_equal(f.state.gpr[INSN_RCX], 61);
}

static void cmps_subtracts_the_destination_from_the_source(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 0);
    f.memory[TO] = 2; /* 1 - 2 borrows */
    fixture_complete(&f, "A6");
    assert_int_equal(f.state.rflags & 1, 1);
}

static void comparison_without_prefix_is_not_repeated(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 7);
    fixture_complete(&f, "A6");
    assert_int_equal(f.state.gpr[INSN_RCX], 7);
}

static void index_registers_have_the_address_size(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 0xFFFFFFFF00000001);
    f.state.gpr[INSN_RSI] = 0xFFFFFFFF00000000 | FROM;
    fixture_complete(&f, "F3 67 A4");
    assert_int_equal(f.state.gpr[INSN_RSI], FROM + 1);
    assert_int_equal(f.state.gpr[INSN_RCX], 0);

    setup(&f, INSN_MODE_16, 0x70001);
    f.state.gpr[INSN_RSI] = 0x7FFFF;
    f.memory[0xFFFF] = 0x5A;
    fixture_complete(&f, "F3 A4");
    assert_int_equal(f.memory[TO], 0x5A);
    assert_int_equal(f.state.gpr[INSN_RSI], 0x70000);
    assert_int_equal(f.state.gpr[INSN_RCX], 0x70000);
}

static void an_override_moves_the_source_and_never_the_destination(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_32, 0);
    f.state.seg[INSN_FS].base = 0x100;
    f.state.seg[INSN_ES].base = 0x10;
    f.memory[FROM + 0x100] = 0x77;
    fixture_complete(&f, "64 A4");
    assert_int_equal(f.memory[TO + 0x10], 0x77);
    f.state.gpr[INSN_RAX] = 0x55;
    fixture_complete(&f, "64 AA");
    assert_int_equal(f.memory[TO + 0x11], 0x55);
}

static void a_fault_in_the_middle_keeps_what_is_done(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64, 3);
    assert_int_equal(fixture_run(&f, "F3 A4"), INSN_REPEAT);
    f.refuse_write = true;
    fixture_unchanged(&f, "F3 A4", FIXTURE_BUS_REFUSES);
    assert_int_equal(f.state.gpr[INSN_RCX], 2);
    f.refuse_write = false;
    assert_int_equal(fixture_run(&f, "F3 A4"), INSN_REPEAT);
    fixture_complete(&f, "F3 A4");
    assert_memory_equal(&f.memory[FROM], &f.memory[TO], 3);
}

static void a_segment_fault_of_the_destination_comes_before_the_read(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_32, 1);
    f.state.seg[INSN_ES].limit = TO - 1;
    fixture_unchanged(&f, "F3 A4", INSN_FAULT);
    assert_int_equal(f.fault.vector, 13);
    assert_int_equal(f.reads, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_move_ignores_the_count),
        cmocka_unit_test(repeat_moves_one_element_a_call),
        cmocka_unit_test(a_count_of_zero_touches_nothing),
        cmocka_unit_test(the_direction_flag_moves_down),
        cmocka_unit_test(stos_and_lods_use_the_accumulator),
        cmocka_unit_test(repe_stops_at_a_difference),
        cmocka_unit_test(repne_stops_at_a_match),
        cmocka_unit_test(cmps_subtracts_the_destination_from_the_source),
        cmocka_unit_test(comparison_without_prefix_is_not_repeated),
        cmocka_unit_test(index_registers_have_the_address_size),
        cmocka_unit_test(an_override_moves_the_source_and_never_the_destination),
        cmocka_unit_test(a_fault_in_the_middle_keeps_what_is_done),
        cmocka_unit_test(a_segment_fault_of_the_destination_comes_before_the_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
