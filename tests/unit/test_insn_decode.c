/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder: the mode, the exact length of every form, every addressing mode, prefixes, byte
 * registers, and the four ways to refuse.
 */
#include "tests/unit/test_insn_fixture.h"

struct expected {
    enum insn_mode mode;
    const char *hex; /* exactly one instruction */
    enum insn_op op;
    uint8_t size;
};

static const struct expected instructions[] = {
    {INSN_MODE_64, "88 03", INSN_OP_MOV, 1},
    {INSN_MODE_64, "89 03", INSN_OP_MOV, 4},
    {INSN_MODE_64, "66 89 03", INSN_OP_MOV, 2},
    {INSN_MODE_64, "48 89 03", INSN_OP_MOV, 8},
    {INSN_MODE_64, "66 48 89 03", INSN_OP_MOV, 8},
    {INSN_MODE_64, "8A 43 10", INSN_OP_MOV, 1},
    {INSN_MODE_64, "8B 83 00 01 00 00", INSN_OP_MOV, 4},
    {INSN_MODE_64, "4C 8B 84 8B 00 01 00 00", INSN_OP_MOV, 8},
    {INSN_MODE_64, "A0 88 77 66 55 44 33 22 11", INSN_OP_MOV, 1},
    {INSN_MODE_64, "48 A1 88 77 66 55 44 33 22 11", INSN_OP_MOV, 8},
    {INSN_MODE_64, "67 A2 44 33 22 11", INSN_OP_MOV, 1},
    {INSN_MODE_64, "A3 88 77 66 55 44 33 22 11", INSN_OP_MOV, 4},
    {INSN_MODE_64, "C6 03 12", INSN_OP_MOV, 1},
    {INSN_MODE_64, "C7 03 12 34 56 78", INSN_OP_MOV, 4},
    {INSN_MODE_64, "66 C7 03 12 34", INSN_OP_MOV, 2},
    {INSN_MODE_64, "48 C7 03 12 34 56 78", INSN_OP_MOV, 8},
    {INSN_MODE_64, "C7 05 00 01 00 00 12 34 56 78", INSN_OP_MOV, 4},
    {INSN_MODE_64, "0F B6 03", INSN_OP_MOV, 4},
    {INSN_MODE_64, "48 0F B7 03", INSN_OP_MOV, 8},
    {INSN_MODE_64, "0F BE 03", INSN_OP_MOVSX, 4},
    {INSN_MODE_64, "66 0F BE 03", INSN_OP_MOVSX, 2},
    {INSN_MODE_64, "0F BF 03", INSN_OP_MOVSX, 4},
    {INSN_MODE_64, "48 63 03", INSN_OP_MOVSX, 8},
    {INSN_MODE_64, "00 03", INSN_OP_ADD, 1},
    {INSN_MODE_64, "09 03", INSN_OP_OR, 4},
    {INSN_MODE_64, "12 03", INSN_OP_ADC, 1},
    {INSN_MODE_64, "1B 03", INSN_OP_SBB, 4},
    {INSN_MODE_64, "24 7F", INSN_OP_AND, 1},
    {INSN_MODE_64, "2D 00 00 00 01", INSN_OP_SUB, 4},
    {INSN_MODE_64, "80 33 55", INSN_OP_XOR, 1},
    {INSN_MODE_64, "81 3B 11 22 33 44", INSN_OP_CMP, 4},
    {INSN_MODE_64, "66 81 03 11 22", INSN_OP_ADD, 2},
    {INSN_MODE_64, "83 0B 01", INSN_OP_OR, 4},
    {INSN_MODE_64, "F0 83 0B 01", INSN_OP_OR, 4},
    {INSN_MODE_64, "84 03", INSN_OP_TEST, 1},
    {INSN_MODE_64, "A9 01 00 00 00", INSN_OP_TEST, 4},
    {INSN_MODE_64, "F6 03 01", INSN_OP_TEST, 1},
    {INSN_MODE_64, "F7 03 01 02 03 04", INSN_OP_TEST, 4},
    {INSN_MODE_64, "F7 0B 01 02 03 04", INSN_OP_TEST, 4},
    {INSN_MODE_64, "F7 13", INSN_OP_NOT, 4},
    {INSN_MODE_64, "F6 1B", INSN_OP_NEG, 1},
    {INSN_MODE_64, "FE 03", INSN_OP_INC, 1},
    {INSN_MODE_64, "48 FF 0B", INSN_OP_DEC, 8},
    {INSN_MODE_64, "87 03", INSN_OP_XCHG, 4},
    {INSN_MODE_64, "F0 0F C1 03", INSN_OP_XADD, 4},
    {INSN_MODE_64, "0F B0 0B", INSN_OP_CMPXCHG, 1},
    {INSN_MODE_64, "F0 48 0F B1 0B", INSN_OP_CMPXCHG, 8},
    {INSN_MODE_64, "0F C7 0B", INSN_OP_CMPXCHG8B, 8},
    {INSN_MODE_64, "0F A3 0B", INSN_OP_BT, 4},
    {INSN_MODE_64, "0F AB 0B", INSN_OP_BTS, 4},
    {INSN_MODE_64, "0F B3 0B", INSN_OP_BTR, 4},
    {INSN_MODE_64, "0F BB 0B", INSN_OP_BTC, 4},
    {INSN_MODE_64, "0F BA 23 05", INSN_OP_BT, 4},
    {INSN_MODE_64, "F0 0F BA 2B 05", INSN_OP_BTS, 4},
    {INSN_MODE_64, "0F BA 33 05", INSN_OP_BTR, 4},
    {INSN_MODE_64, "0F BA 3B 05", INSN_OP_BTC, 4},
    {INSN_MODE_64, "FF 33", INSN_OP_PUSH, 8},
    {INSN_MODE_64, "66 FF 33", INSN_OP_PUSH, 2},
    {INSN_MODE_64, "8F 03", INSN_OP_POP, 8},
    {INSN_MODE_64, "A4", INSN_OP_MOVS, 1},
    {INSN_MODE_64, "F3 48 A5", INSN_OP_MOVS, 8},
    {INSN_MODE_64, "F3 A6", INSN_OP_CMPS, 1},
    {INSN_MODE_64, "66 AB", INSN_OP_STOS, 2},
    {INSN_MODE_64, "AD", INSN_OP_LODS, 4},
    {INSN_MODE_64, "F2 AE", INSN_OP_SCAS, 1},
    {INSN_MODE_64, "0F 94 03", INSN_OP_SETCC, 1},
    {INSN_MODE_64, "0F 44 03", INSN_OP_CMOVCC, 4},
    {INSN_MODE_64, "C0 23 04", INSN_OP_SHL, 1},
    {INSN_MODE_64, "C1 2B 04", INSN_OP_SHR, 4},
    {INSN_MODE_64, "D1 3B", INSN_OP_SAR, 4},
    {INSN_MODE_64, "D3 03", INSN_OP_ROL, 4},
    {INSN_MODE_64, "D2 0B", INSN_OP_ROR, 1},
    {INSN_MODE_64, "C1 33 04", INSN_OP_SHL, 4},
    {INSN_MODE_64, "0F AF 03", INSN_OP_IMUL, 4},
    {INSN_MODE_64, "69 03 01 02 03 04", INSN_OP_IMUL3, 4},
    {INSN_MODE_64, "66 69 03 01 02", INSN_OP_IMUL3, 2},
    {INSN_MODE_64, "6B 03 FF", INSN_OP_IMUL3, 4},
    {INSN_MODE_64, "0F 38 F0 03", INSN_OP_MOVBE, 4},
    {INSN_MODE_64, "66 0F 38 F1 03", INSN_OP_MOVBE, 2},
    {INSN_MODE_64, "48 0F C3 03", INSN_OP_MOV, 8},
    {INSN_MODE_32, "89 03", INSN_OP_MOV, 4},
    {INSN_MODE_32, "66 C7 03 12 34", INSN_OP_MOV, 2},
    {INSN_MODE_32, "A1 44 33 22 11", INSN_OP_MOV, 4},
    {INSN_MODE_32, "67 A1 22 11", INSN_OP_MOV, 4},
    {INSN_MODE_32, "C7 05 44 33 22 11 12 34 56 78", INSN_OP_MOV, 4},
    {INSN_MODE_32, "67 C7 06 22 11 12 34 56 78", INSN_OP_MOV, 4},
    {INSN_MODE_32, "82 03 01", INSN_OP_ADD, 1},
    {INSN_MODE_32, "FF 33", INSN_OP_PUSH, 4},
    {INSN_MODE_16, "89 07", INSN_OP_MOV, 2},
    {INSN_MODE_16, "66 89 07", INSN_OP_MOV, 4},
    {INSN_MODE_16, "C7 46 10 12 34", INSN_OP_MOV, 2},
    {INSN_MODE_16, "C7 86 10 20 12 34", INSN_OP_MOV, 2},
    {INSN_MODE_16, "A3 22 11", INSN_OP_MOV, 2},
    {INSN_MODE_16, "67 89 84 8B 00 01 00 00", INSN_OP_MOV, 2},
    {INSN_MODE_REAL, "26 66 67 C7 04 05 44 33 22 11 12 34 56 78", INSN_OP_MOV, 4},
    {INSN_MODE_VIRTUAL_8086, "26 A2 22 11", INSN_OP_MOV, 1},
};

static void every_form_has_its_exact_length(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        const struct expected *e = &instructions[i];
        uint8_t bytes[32] = {0};
        size_t length = fixture_bytes(e->hex, bytes, sizeof(bytes));

        fixture_init(&f, e->mode);
        for (size_t len = 0; len < length; len++)
            assert_int_equal(insn_decode(&f.insn, bytes, len, &f.state), INSN_TRUNCATED);
        for (size_t len = length; len < sizeof(bytes); len++) {
            assert_int_equal(insn_decode(&f.insn, bytes, len, &f.state), INSN_OK);
            assert_int_equal(f.insn.length, length);
            assert_int_equal(f.insn.op, e->op);
            assert_int_equal(f.insn.size, e->size);
        }
    }
}

static void mode_follows_cr0_efer_rflags_and_cs(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    for (int mode = INSN_MODE_REAL; mode <= INSN_MODE_64; mode++) {
        fixture_init(&f, (enum insn_mode)mode);
        assert_int_equal(insn_mode(&f.state), mode);
    }
    /* Compatibility mode: long mode active, CS.L clear. */
    fixture_init(&f, INSN_MODE_64);
    f.state.seg[INSN_CS].ar = FIXTURE_AR_CODE_32;
    assert_int_equal(insn_mode(&f.state), INSN_MODE_32);
    f.state.seg[INSN_CS].ar = FIXTURE_AR_CODE_16;
    assert_int_equal(insn_mode(&f.state), INSN_MODE_16);
}

static void privilege_level_is_the_dpl_of_ss(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(insn_cpl(&f.state), 0);
    f.state.seg[INSN_SS].ar |= FIXTURE_AR_DPL_3;
    assert_int_equal(insn_cpl(&f.state), 3);
}

static void fetch_address_uses_the_cs_base_except_in_64_bit_mode(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_REAL);
    f.state.seg[INSN_CS].base = 0xFFFF0000;
    f.state.rip = 0xFFF0;
    assert_int_equal(insn_fetch_address(&f.state), 0xFFFFFFF0);
    fixture_init(&f, INSN_MODE_64);
    f.state.seg[INSN_CS].base = 0x1000;
    f.state.rip = 0xFFFFFFFF80000000;
    assert_int_equal(insn_fetch_address(&f.state), 0xFFFFFFFF80000000);
}

struct refusal {
    enum insn_mode mode;
    const char *hex;
    int status;
};

static const struct refusal refusals[] = {
    {INSN_MODE_64, "0F 0B", INSN_INVALID},               /* UD2 */
    {INSN_MODE_64, "82 03 01", INSN_INVALID},            /* no alias of 80 in 64-bit mode */
    {INSN_MODE_64, "F0 89 03", INSN_INVALID},            /* LOCK MOV */
    {INSN_MODE_64, "F0 3B 03", INSN_INVALID},            /* LOCK CMP */
    {INSN_MODE_64, "F0 03 03", INSN_INVALID},            /* LOCK ADD, the destination a register */
    {INSN_MODE_64, "F0 01 C3", INSN_INVALID},            /* the same */
    {INSN_MODE_64, "F0 0F BA 23 05", INSN_INVALID},      /* LOCK BT */
    {INSN_MODE_64, "F0 A4", INSN_INVALID},               /* LOCK MOVS */
    {INSN_MODE_64, "C7 0B 01 02 03 04", INSN_INVALID},   /* C7 /1 */
    {INSN_MODE_64, "8F 0B", INSN_INVALID},               /* 8F /1 */
    {INSN_MODE_64, "FE 13", INSN_INVALID},               /* FE /2 */
    {INSN_MODE_64, "FF 3B", INSN_INVALID},               /* FF /7 */
    {INSN_MODE_64, "0F BA 03 01", INSN_INVALID},         /* 0F BA /0 */
    {INSN_MODE_64, "0F C3 C0", INSN_INVALID},            /* MOVNTI to a register */
    {INSN_MODE_64, "66 0F C3 03", INSN_INVALID},         /* MOVNTI of 16 bits */
    {INSN_MODE_64, "0F C7 C9", INSN_INVALID},            /* CMPXCHG8B of a register */
    {INSN_MODE_64, "FF 13", INSN_NOT_EMULATED},          /* CALL [rbx] */
    {INSN_MODE_64, "FF 23", INSN_NOT_EMULATED},          /* JMP [rbx] */
    {INSN_MODE_64, "FF 1B", INSN_NOT_EMULATED},          /* CALL FAR [rbx] */
    {INSN_MODE_64, "0F 10 03", INSN_NOT_EMULATED},       /* MOVUPS */
    {INSN_MODE_64, "0F 28 03", INSN_NOT_EMULATED},       /* MOVAPS */
    {INSN_MODE_64, "66 0F 6F 03", INSN_NOT_EMULATED},    /* MOVDQA */
    {INSN_MODE_64, "F3 0F 7F 03", INSN_NOT_EMULATED},    /* MOVDQU */
    {INSN_MODE_64, "C5 F8 10 03", INSN_NOT_EMULATED},    /* VMOVUPS */
    {INSN_MODE_64, "48 0F C7 0B", INSN_NOT_EMULATED},    /* CMPXCHG16B */
    {INSN_MODE_64, "F2 0F 38 F0 03", INSN_NOT_EMULATED}, /* CRC32 */
    {INSN_MODE_64, "D1 13", INSN_NOT_EMULATED},          /* RCL */
    {INSN_MODE_64, "F7 23", INSN_NOT_EMULATED},          /* MUL */
    {INSN_MODE_32, "63 03", INSN_NOT_EMULATED},          /* ARPL */
    {INSN_MODE_32, "40", INSN_NOT_EMULATED},             /* INC EAX, no REX */
    {INSN_MODE_32, "C4 03", INSN_NOT_EMULATED},          /* LES */
};

static void what_is_not_done_is_refused_by_its_reason(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        fixture_init(&f, refusals[i].mode);
        assert_int_equal(fixture_decode(&f, refusals[i].hex), refusals[i].status);
    }
}

static void fifteen_bytes_are_the_limit(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    /* 13 prefixes, opcode and ModRM: just right. With one prefix more: too long. */
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 66 66 66 89 03"), INSN_OK);
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 89 03"),
                     INSN_TOO_LONG);
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 89"),
                     INSN_TOO_LONG);
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 66 66 66 66"),
                     INSN_TRUNCATED);
    /* An immediate that would end behind the limit. */
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 67 C7 03 12 34"), INSN_OK);
    assert_int_equal(fixture_decode(&f, "66 66 66 66 66 66 66 66 66 66 66 67 C7 03 12 34"),
                     INSN_TOO_LONG);
}

static void rex_counts_only_right_before_the_opcode(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(fixture_decode(&f, "48 66 89 03"), INSN_OK);
    assert_int_equal(f.insn.size, 2);
    assert_int_equal(fixture_decode(&f, "48 44 89 03"), INSN_OK);
    assert_int_equal(f.insn.size, 4);
    assert_int_equal(f.insn.source.reg, 8);
}

static void byte_registers_depend_on_rex(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    for (unsigned reg = 4; reg < 8; reg++) {
        uint8_t plain[] = {0x88, (uint8_t)(reg << 3 | 3)};
        uint8_t with_rex[] = {0x40, 0x88, (uint8_t)(reg << 3 | 3)};

        assert_int_equal(insn_decode(&f.insn, plain, sizeof(plain), &f.state), INSN_OK);
        assert_true(f.insn.source.high);
        assert_int_equal(f.insn.source.reg, reg - 4);
        assert_int_equal(insn_decode(&f.insn, with_rex, sizeof(with_rex), &f.state), INSN_OK);
        assert_false(f.insn.source.high);
        assert_int_equal(f.insn.source.reg, reg);
    }
    assert_int_equal(fixture_decode(&f, "0F B6 E7"), INSN_OK); /* MOVZX ESP, BH */
    assert_true(f.insn.source.high);
    assert_false(f.insn.destination.high);
}

static void the_last_repeat_prefix_wins(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(fixture_decode(&f, "F2 F3 A6"), INSN_OK);
    assert_int_equal(f.insn.repeat, INSN_REPEAT_REP);
    assert_int_equal(fixture_decode(&f, "F3 F2 A6"), INSN_OK);
    assert_int_equal(f.insn.repeat, INSN_REPEAT_REPNE);
}

static void segment_overrides_are_taken_or_ignored_by_mode(void **cmocka_state)
{
    static const char *const prefixes[INSN_SEGMENT_COUNT] = {"26 89 03", "2E 89 03", "36 89 03",
                                                             "3E 89 03", "64 89 03", "65 89 03"};
    struct fixture f;

    (void)cmocka_state;
    for (unsigned i = 0; i < INSN_SEGMENT_COUNT; i++) {
        fixture_init(&f, INSN_MODE_32);
        assert_int_equal(fixture_decode(&f, prefixes[i]), INSN_OK);
        assert_int_equal(f.insn.memory.segment, i);
        fixture_init(&f, INSN_MODE_64);
        assert_int_equal(fixture_decode(&f, prefixes[i]), INSN_OK);
        assert_int_equal(f.insn.memory.segment, i >= INSN_FS ? i : INSN_DS);
    }
}

struct addressing {
    enum insn_mode mode;
    const char *hex;
    struct insn_memory memory;
};

#define NONE INSN_NO_REGISTER

static const struct addressing addressings[] = {
    /* 16-bit */
    {INSN_MODE_16, "8B 00", {0, INSN_RBX, INSN_RSI, 0, INSN_DS}},
    {INSN_MODE_16, "8B 01", {0, INSN_RBX, INSN_RDI, 0, INSN_DS}},
    {INSN_MODE_16, "8B 02", {0, INSN_RBP, INSN_RSI, 0, INSN_SS}},
    {INSN_MODE_16, "8B 03", {0, INSN_RBP, INSN_RDI, 0, INSN_SS}},
    {INSN_MODE_16, "8B 04", {0, INSN_RSI, NONE, 0, INSN_DS}},
    {INSN_MODE_16, "8B 05", {0, INSN_RDI, NONE, 0, INSN_DS}},
    {INSN_MODE_16, "8B 06 34 12", {0x1234, NONE, NONE, 0, INSN_DS}},
    {INSN_MODE_16, "8B 07", {0, INSN_RBX, NONE, 0, INSN_DS}},
    {INSN_MODE_16, "8B 46 FE", {UINT64_MAX - 1, INSN_RBP, NONE, 0, INSN_SS}},
    {INSN_MODE_16, "8B 87 34 12", {0x1234, INSN_RBX, NONE, 0, INSN_DS}},
    {INSN_MODE_16, "3E 8B 46 02", {2, INSN_RBP, NONE, 0, INSN_DS}},
    /* 32-bit */
    {INSN_MODE_32, "8B 00", {0, INSN_RAX, NONE, 0, INSN_DS}},
    {INSN_MODE_32, "8B 05 78 56 34 12", {0x12345678, NONE, NONE, 0, INSN_DS}},
    {INSN_MODE_32, "8B 45 00", {0, INSN_RBP, NONE, 0, INSN_SS}},
    {INSN_MODE_32, "8B 04 24", {0, INSN_RSP, NONE, 0, INSN_SS}},
    {INSN_MODE_32, "8B 04 98", {0, INSN_RAX, INSN_RBX, 2, INSN_DS}},
    {INSN_MODE_32, "8B 04 DD 00 00 00 80", {0xFFFFFFFF80000000, NONE, INSN_RBX, 3, INSN_DS}},
    {INSN_MODE_32, "8B 44 5D 7F", {0x7F, INSN_RBP, INSN_RBX, 1, INSN_SS}},
    {INSN_MODE_32, "8B 04 25 00 10 00 00", {0x1000, NONE, NONE, 0, INSN_DS}},
    /* 64-bit */
    {INSN_MODE_64, "8B 05 00 01 00 00", {0x100, INSN_RIP, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "41 8B 05 00 01 00 00", {0x100, INSN_RIP, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "8B 04 25 00 10 00 80", {0xFFFFFFFF80001000, NONE, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "41 8B 04 24", {0, 12, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "41 8B 45 00", {0, 13, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "43 8B 44 A5 00", {0, 13, 12, 2, INSN_DS}},
    {INSN_MODE_64, "41 8B 04 25 00 10 00 00", {0x1000, NONE, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "42 8B 04 20", {0, INSN_RAX, 12, 0, INSN_DS}},
    {INSN_MODE_64, "8B 04 20", {0, INSN_RAX, NONE, 0, INSN_DS}},
    {INSN_MODE_64, "8B 84 24 00 01 00 00", {0x100, INSN_RSP, NONE, 0, INSN_SS}},
};

static void every_addressing_mode_is_understood(void **cmocka_state)
{
    struct fixture f;

    (void)cmocka_state;
    for (size_t i = 0; i < sizeof(addressings) / sizeof(addressings[0]); i++) {
        const struct insn_memory *e = &addressings[i].memory;

        fixture_init(&f, addressings[i].mode);
        assert_int_equal(fixture_decode(&f, addressings[i].hex), INSN_OK);
        assert_int_equal(f.insn.memory.base, e->base);
        assert_int_equal(f.insn.memory.index, e->index);
        assert_int_equal(f.insn.memory.segment, e->segment);
        assert_int_equal(f.insn.memory.displacement, e->displacement);
        if (e->index != NONE)
            assert_int_equal(f.insn.memory.shift, e->shift);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_its_exact_length),
        cmocka_unit_test(mode_follows_cr0_efer_rflags_and_cs),
        cmocka_unit_test(privilege_level_is_the_dpl_of_ss),
        cmocka_unit_test(fetch_address_uses_the_cs_base_except_in_64_bit_mode),
        cmocka_unit_test(what_is_not_done_is_refused_by_its_reason),
        cmocka_unit_test(fifteen_bytes_are_the_limit),
        cmocka_unit_test(rex_counts_only_right_before_the_opcode),
        cmocka_unit_test(byte_registers_depend_on_rex),
        cmocka_unit_test(the_last_repeat_prefix_wins),
        cmocka_unit_test(segment_overrides_are_taken_or_ignored_by_mode),
        cmocka_unit_test(every_addressing_mode_is_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
