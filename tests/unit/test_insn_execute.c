/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Execution: what each instruction does to registers, memory and flags; what the bus sees; and that
 * nothing changes when the bus refuses.
 */
#include "tests/unit/test_insn_fixture.h"

#define CF UINT64_C(0x001)
#define ZF UINT64_C(0x040)
#define SF UINT64_C(0x080)
#define RF UINT64_C(0x10000)

#define AT 0x2000u /* where rbx points */

static void setup(struct fixture *f, enum insn_mode mode)
{
    fixture_init(f, mode);
    f->state.gpr[INSN_RBX] = AT;
    f->state.gpr[INSN_RSP] = 0x8000;
}

static void mov_stores_and_loads_each_size(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    f.state.gpr[INSN_RCX] = 0x1122334455667788;
    fixture_complete(&f, "48 89 0B");
    assert_int_equal(fixture_peek(&f, AT, 8), 0x1122334455667788);
    fixture_poke(&f, AT, 8, 0);
    fixture_complete(&f, "89 0B");
    assert_int_equal(fixture_peek(&f, AT, 8), 0x55667788);
    fixture_poke(&f, AT, 8, 0);
    fixture_complete(&f, "66 89 0B");
    assert_int_equal(fixture_peek(&f, AT, 8), 0x7788);
    fixture_poke(&f, AT, 8, 0);
    fixture_complete(&f, "88 2B"); /* CH */
    assert_int_equal(fixture_peek(&f, AT, 8), 0x77);

    fixture_poke(&f, AT, 8, 0xFFEEDDCCBBAA9988);
    f.state.gpr[INSN_RAX] = UINT64_MAX;
    fixture_complete(&f, "8A 23"); /* AH */
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFFFFFFFFFFF88FF);
    fixture_complete(&f, "66 8B 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFFFFFFFFFFF9988);
    fixture_complete(&f, "8B 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xBBAA9988);
    fixture_complete(&f, "48 8B 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFEEDDCCBBAA9988);
    fixture_complete(&f, "40 8A 33"); /* SIL */
    assert_int_equal(f.state.gpr[INSN_RSI], 0x88);
}

static void a_plain_store_does_not_read(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_complete(&f, "89 0B");
    fixture_complete(&f, "C7 03 12 34 56 78");
    fixture_complete(&f, "48 0F C3 0B");
    fixture_complete(&f, "0F 94 03");
    assert_int_equal(f.reads, 0);
    assert_int_equal(f.checks, 0);
    assert_int_equal(f.writes, 4);
}

static void a_comparison_does_not_write(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_complete(&f, "39 0B");
    fixture_complete(&f, "3B 0B");
    fixture_complete(&f, "83 3B 01");
    fixture_complete(&f, "85 0B");
    fixture_complete(&f, "F7 03 01 00 00 00");
    fixture_complete(&f, "0F A3 0B");
    assert_int_equal(f.reads, 6);
    assert_int_equal(f.writes, 0);
    assert_int_equal(f.checks, 0);
}

static void immediates_are_sign_extended(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_complete(&f, "48 C7 03 FF FF FF FF");
    assert_int_equal(fixture_peek(&f, AT, 8), UINT64_MAX);
    fixture_complete(&f, "48 83 23 F0");
    assert_int_equal(fixture_peek(&f, AT, 8), UINT64_MAX - 15);
    fixture_complete(&f, "48 81 23 00 00 00 80");
    assert_int_equal(fixture_peek(&f, AT, 8), 0xFFFFFFFF80000000);
}

static void moffs_addresses_the_accumulator(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 0xCAFEF00D);
    fixture_complete(&f, "A1 00 20 00 00 00 00 00 00");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xCAFEF00D);
    fixture_complete(&f, "A2 08 20 00 00 00 00 00 00");
    assert_int_equal(fixture_peek(&f, AT + 8, 2), 0x0D);
}

static void extending_moves_widen(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 0x8765A3F4);
    f.state.gpr[INSN_RAX] = UINT64_MAX;
    fixture_complete(&f, "0F B6 03");
    assert_int_equal(f.last_size, 1);
    assert_int_equal(f.state.gpr[INSN_RAX], 0xF4);
    fixture_complete(&f, "0F B7 03");
    assert_int_equal(f.last_size, 2);
    assert_int_equal(f.state.gpr[INSN_RAX], 0xA3F4);
    fixture_complete(&f, "0F BE 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFFFFFF4);
    fixture_complete(&f, "48 0F BF 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFFFFFFFFFFFA3F4);
    fixture_complete(&f, "48 63 03");
    assert_int_equal(f.last_size, 4);
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFFFFFFF8765A3F4);
    f.state.gpr[INSN_RAX] = 0;
    fixture_complete(&f, "66 0F BE 03");
    assert_int_equal(f.state.gpr[INSN_RAX], 0xFFF4);
}

static void arithmetic_changes_memory_and_flags(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 0xFFFFFFFF);
    f.state.gpr[INSN_RCX] = 1;
    fixture_complete(&f, "01 0B");
    assert_int_equal(fixture_peek(&f, AT, 4), 0);
    assert_int_equal(f.state.rflags & (CF | ZF), CF | ZF);
    fixture_complete(&f, "83 13 05"); /* ADC */
    assert_int_equal(fixture_peek(&f, AT, 4), 6);
    fixture_complete(&f, "03 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 7);
    fixture_complete(&f, "F0 FF 03");
    assert_int_equal(fixture_peek(&f, AT, 4), 7);
    fixture_complete(&f, "F7 1B");
    assert_int_equal(fixture_peek(&f, AT, 4), 0xFFFFFFF9);
    assert_int_equal(f.state.rflags & (CF | SF), CF | SF);
    fixture_complete(&f, "F6 13");
    assert_int_equal(fixture_peek(&f, AT, 4), 0xFFFFFF06);
    fixture_complete(&f, "C1 23 04");
    assert_int_equal(fixture_peek(&f, AT, 4), 0xFFFFF060);
    fixture_complete(&f, "D1 3B");
    assert_int_equal(fixture_peek(&f, AT, 4), 0xFFFFF830);
    f.state.gpr[INSN_RCX] = 8;
    fixture_complete(&f, "D3 03");
    assert_int_equal(fixture_peek(&f, AT, 4), 0xFFF830FF);
}

static void multiplication_takes_two_or_three_operands(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 7);
    f.state.gpr[INSN_RCX] = 6;
    fixture_complete(&f, "0F AF 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 42);
    fixture_complete(&f, "6B 0B FF");
    assert_int_equal(f.state.gpr[INSN_RCX], 0xFFFFFFF9);
    fixture_complete(&f, "69 0B 00 00 00 40");
    assert_int_equal(f.state.gpr[INSN_RCX], 0xC0000000);
    assert_int_equal(f.state.rflags & CF, CF);
}

static void xchg_swaps(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 0x11111111);
    f.state.gpr[INSN_RCX] = UINT64_MAX;
    fixture_complete(&f, "87 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 0x11111111);
    assert_int_equal(fixture_peek(&f, AT, 4), UINT32_MAX);
}

static void xadd_returns_the_old_value(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 5);
    f.state.gpr[INSN_RCX] = 3;
    fixture_complete(&f, "F0 0F C1 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 5);
    assert_int_equal(fixture_peek(&f, AT, 4), 8);
    fixture_complete(&f, "0F C1 C9"); /* a register with itself */
    assert_int_equal(f.state.gpr[INSN_RCX], 10);
}

static void cmpxchg_stores_only_on_a_match(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 8, 0x100000005);
    f.state.gpr[INSN_RAX] = 0xAAAAAAAA00000005;
    f.state.gpr[INSN_RCX] = 9;
    fixture_complete(&f, "0F B1 0B");
    assert_int_equal(f.state.rflags & ZF, ZF);
    assert_int_equal(fixture_peek(&f, AT, 8), 0x100000009);
    assert_int_equal(f.state.gpr[INSN_RAX], 0xAAAAAAAA00000005);
    fixture_complete(&f, "0F B1 0B");
    assert_int_equal(f.state.rflags & ZF, 0);
    assert_int_equal(f.state.gpr[INSN_RAX], 9);
    assert_int_equal(f.writes, 2);
    f.state.gpr[INSN_RAX] = 0x100000009;
    fixture_complete(&f, "F0 48 0F B1 0B");
    assert_int_equal(fixture_peek(&f, AT, 8), 9);
    f.state.gpr[INSN_RAX] = 0xFF09;
    fixture_complete(&f, "0F B0 0B");
    assert_int_equal(f.state.rflags & ZF, ZF);
}

static void cmpxchg_leaves_a_register_alone_on_a_mismatch(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    f.state.gpr[INSN_RDX] = 0x1111111100000005;
    f.state.gpr[INSN_RAX] = 0x2222222200000006;
    fixture_complete(&f, "0F B1 CA");
    assert_int_equal(f.state.gpr[INSN_RDX], 0x1111111100000005);
    assert_int_equal(f.state.gpr[INSN_RAX], 5);
}

static void cmpxchg8b_compares_edx_eax(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 8, 0x0000000200000001);
    f.state.gpr[INSN_RDX] = 2;
    f.state.gpr[INSN_RAX] = 1;
    f.state.gpr[INSN_RCX] = 4;
    fixture_complete(&f, "F0 0F C7 0B");
    assert_int_equal(f.state.rflags & ZF, ZF);
    assert_int_equal(fixture_peek(&f, AT, 8), 0x0000000400000000 | AT);
    fixture_complete(&f, "0F C7 0B");
    assert_int_equal(f.state.rflags & ZF, 0);
    assert_int_equal(f.state.gpr[INSN_RDX], 4);
    assert_int_equal(f.state.gpr[INSN_RAX], AT);
}

static void bit_offsets_in_registers_reach_around(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    f.state.gpr[INSN_RCX] = 100; /* dword 3, bit 4 */
    fixture_complete(&f, "0F AB 0B");
    assert_int_equal(f.last_address, AT + 12);
    assert_int_equal(fixture_peek(&f, AT + 12, 4), 0x10);
    assert_int_equal(f.state.rflags & CF, 0);
    fixture_complete(&f, "0F B3 0B");
    assert_int_equal(f.state.rflags & CF, CF);
    assert_int_equal(fixture_peek(&f, AT + 12, 4), 0);
    f.state.gpr[INSN_RCX] = (uint32_t)-1; /* the last bit of the dword before */
    fixture_complete(&f, "0F BB 0B");
    assert_int_equal(f.last_address, AT - 4);
    assert_int_equal(fixture_peek(&f, AT - 4, 4), 0x80000000);
    f.state.gpr[INSN_RCX] = 16 + 1;
    fixture_complete(&f, "66 0F AB 0B");
    assert_int_equal(f.last_address, AT + 2);
    f.state.gpr[INSN_RCX] = 64 + 63;
    fixture_complete(&f, "48 0F AB 0B");
    assert_int_equal(f.last_address, AT + 8);
    assert_int_equal(fixture_peek(&f, AT + 8, 8), UINT64_C(1) << 63);
    /* An immediate offset stays inside the operand. */
    fixture_complete(&f, "0F BA 2B 25");
    assert_int_equal(f.last_address, AT);
    assert_int_equal(fixture_peek(&f, AT, 4) & 0x20, 0x20);
}

static void setcc_and_cmovcc_follow_the_flags(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    f.state.rflags |= ZF;
    fixture_complete(&f, "0F 94 03");
    assert_int_equal(fixture_peek(&f, AT, 1), 1);
    fixture_complete(&f, "0F 95 03");
    assert_int_equal(fixture_peek(&f, AT, 1), 0);
    fixture_poke(&f, AT, 4, 0x1234);
    f.state.gpr[INSN_RCX] = UINT64_MAX;
    fixture_complete(&f, "0F 45 0B"); /* not taken, clears the upper half */
    assert_int_equal(f.state.gpr[INSN_RCX], UINT32_MAX);
    fixture_complete(&f, "0F 44 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 0x1234);
}

static void movbe_swaps_bytes_both_ways(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 4, 0x12345678);
    fixture_complete(&f, "0F 38 F0 0B");
    assert_int_equal(f.state.gpr[INSN_RCX], 0x78563412);
    fixture_complete(&f, "66 0F 38 F1 0B");
    assert_int_equal(fixture_peek(&f, AT, 2), 0x1234);
}

static void push_and_pop_use_the_stack(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_poke(&f, AT, 8, 0x1122334455667788);
    fixture_complete(&f, "FF 33");
    assert_int_equal(f.state.gpr[INSN_RSP], 0x7FF8);
    assert_int_equal(fixture_peek(&f, 0x7FF8, 8), 0x1122334455667788);
    fixture_complete(&f, "8F 43 08");
    assert_int_equal(f.state.gpr[INSN_RSP], 0x8000);
    assert_int_equal(fixture_peek(&f, AT + 8, 8), 0x1122334455667788);
    /* The address is made from rsp before a push and after a pop. */
    fixture_poke(&f, 0x8000, 8, 0xABCD);
    fixture_complete(&f, "FF 34 24");
    assert_int_equal(fixture_peek(&f, 0x7FF8, 8), 0xABCD);
    fixture_complete(&f, "8F 44 24 10");
    assert_int_equal(fixture_peek(&f, 0x8010, 8), 0xABCD);
    fixture_complete(&f, "66 FF 33");
    assert_int_equal(f.state.gpr[INSN_RSP], 0x7FFE);
}

static void a_16_bit_stack_wraps_and_keeps_the_upper_half(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_REAL);
    f.state.gpr[INSN_RSP] = 0x12340000;
    fixture_poke(&f, AT, 2, 0xBEEF);
    fixture_complete(&f, "FF 37");
    assert_int_equal(f.state.gpr[INSN_RSP], 0x1234FFFE);
    assert_int_equal(fixture_peek(&f, 0xFFFE, 2), 0xBEEF);
    fixture_complete(&f, "8F 47 02");
    assert_int_equal(f.state.gpr[INSN_RSP], 0x12340000);
    assert_int_equal(fixture_peek(&f, AT + 2, 2), 0xBEEF);
}

static void rip_relative_counts_from_the_end_with_the_immediate(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    fixture_complete(&f, "C7 05 00 01 00 00 12 34 56 78");
    assert_int_equal(f.last_address, FIXTURE_RIP + 10 + 0x100);
    f.state.rip = FIXTURE_RIP;
    fixture_complete(&f, "80 3D F0 FF FF FF 01");
    assert_int_equal(f.last_address, FIXTURE_RIP + 7 - 0x10);
    f.state.rip = 0xFFFFFFFF80000000;
    fixture_complete(&f, "67 8B 05 00 00 00 00"); /* EIP-relative: cut to 32 bits */
    assert_int_equal(f.last_address, 0x80000007);
}

static void retiring_moves_rip_by_mode_and_clears_rf(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup(&f, INSN_MODE_32);
    f.state.rip = 0xFFFFFFFE;
    f.state.rflags |= RF;
    assert_int_equal(fixture_run(&f, "89 0B"), INSN_OK);
    assert_int_equal(f.state.rip, 0);
    assert_int_equal(f.state.rflags & RF, 0);
    setup(&f, INSN_MODE_64);
    f.state.rip = 0xFFFFFFFE;
    fixture_complete(&f, "89 0B");
    assert_int_equal(f.state.rip, 0x100000000);
}

/* One of every way to touch memory; rbx, rsi and rdi point to it. */
static const char *const readers[] = {
    "8B 0B",    "03 0B",    "0F B6 0B", "48 63 0B",    "39 0B",       "85 0B",
    "01 0B",    "F0 FF 03", "87 0B",    "0F C1 0B",    "0F B1 0B",    "0F C7 0B",
    "0F A3 0B", "0F AB 0B", "FF 33",    "8F 03",       "A4",          "F3 A5",
    "A6",       "AC",       "AE",       "F3 A7",       "0F 44 0B",    "D1 23",
    "0F AF 0B", "6B 0B 05", "F7 1B",    "0F 38 F0 0B", "0F BA 2B 01",
};

static const char *const writers[] = {
    "89 0B",    "C7 03 12 34 56 78",
    "01 0B",    "F0 FF 03",
    "87 0B",    "0F C1 0B",
    "0F B1 0B", "0F C7 0B",
    "0F AB 0B", "FF 33",
    "8F 03",    "A4",
    "F3 A5",    "AA",
    "F3 AB",    "D1 23",
    "F7 1B",    "0F 38 F1 0B",
    "0F 94 03", "48 0F C3 0B",
};

static void setup_pointers(struct fixture *f)
{
    setup(f, INSN_MODE_64);
    f->state.gpr[INSN_RCX] = 3;
    f->state.gpr[INSN_RSI] = AT;
    f->state.gpr[INSN_RDI] = AT + 0x100;
    f->state.rflags |= RF | ZF | CF;
    fixture_poke(f, AT, 8, 0x8877665544332211);
}

static void a_refused_access_changes_nothing(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        setup_pointers(&f);
        f.refuse_read = true;
        fixture_unchanged(&f, readers[i], FIXTURE_BUS_REFUSES);
    }
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        setup_pointers(&f);
        f.refuse_write = true;
        fixture_unchanged(&f, writers[i], FIXTURE_BUS_REFUSES);
    }
}

static void a_device_is_not_read_when_the_write_would_fail(void **cmocka_state)
{
    static const char *const modifiers[] = {"01 0B",    "87 0B", "0F C1 0B", "0F B1 0B",
                                            "0F C7 0B", "F3 A5", "0F AB 0B"};
    static struct fixture f;

    (void)cmocka_state;
    for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
        setup_pointers(&f);
        f.refuse_check = true;
        fixture_unchanged(&f, modifiers[i], FIXTURE_BUS_REFUSES);
        assert_int_equal(f.reads, 0);
    }
}

static void check_write_may_be_missing(void **cmocka_state)
{
    static struct fixture f;

    (void)cmocka_state;
    setup_pointers(&f);
    f.bus.check_write = NULL;
    fixture_complete(&f, "01 0B");
    assert_int_equal(f.writes, 1);
}

static void an_empty_instruction_is_refused(void **cmocka_state)
{
    static struct fixture f;
    static const struct insn empty;
    static const struct insn unknown = {.op = UINT8_MAX};

    (void)cmocka_state;
    setup(&f, INSN_MODE_64);
    assert_int_equal(insn_execute(&empty, &f.state, &f.bus, &f.fault), INSN_NOT_EMULATED);
    assert_int_equal(insn_execute(&unknown, &f.state, &f.bus, &f.fault), INSN_NOT_EMULATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mov_stores_and_loads_each_size),
        cmocka_unit_test(a_plain_store_does_not_read),
        cmocka_unit_test(a_comparison_does_not_write),
        cmocka_unit_test(immediates_are_sign_extended),
        cmocka_unit_test(moffs_addresses_the_accumulator),
        cmocka_unit_test(extending_moves_widen),
        cmocka_unit_test(arithmetic_changes_memory_and_flags),
        cmocka_unit_test(multiplication_takes_two_or_three_operands),
        cmocka_unit_test(xchg_swaps),
        cmocka_unit_test(xadd_returns_the_old_value),
        cmocka_unit_test(cmpxchg_stores_only_on_a_match),
        cmocka_unit_test(cmpxchg_leaves_a_register_alone_on_a_mismatch),
        cmocka_unit_test(cmpxchg8b_compares_edx_eax),
        cmocka_unit_test(bit_offsets_in_registers_reach_around),
        cmocka_unit_test(setcc_and_cmovcc_follow_the_flags),
        cmocka_unit_test(movbe_swaps_bytes_both_ways),
        cmocka_unit_test(push_and_pop_use_the_stack),
        cmocka_unit_test(a_16_bit_stack_wraps_and_keeps_the_upper_half),
        cmocka_unit_test(rip_relative_counts_from_the_end_with_the_immediate),
        cmocka_unit_test(retiring_moves_rip_by_mode_and_clears_rf),
        cmocka_unit_test(a_refused_access_changes_nothing),
        cmocka_unit_test(a_device_is_not_read_when_the_write_would_fail),
        cmocka_unit_test(check_write_may_be_missing),
        cmocka_unit_test(an_empty_instruction_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
