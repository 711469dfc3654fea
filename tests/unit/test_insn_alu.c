/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results and flags of every operation against the same instruction of the processor that runs the
 * test, over boundary and pseudo-random operands in all four sizes. Flags that the manual calls
 * undefined are left out of the comparison.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/insn/alu.h"

#define CF 0x001u
#define PF 0x004u
#define AF 0x010u
#define ZF 0x040u
#define SF 0x080u
#define OF 0x800u

#define ALL         (CF | PF | AF | ZF | SF | OF)
#define LOGIC       (CF | PF | ZF | SF | OF)
#define FIXED_FLAGS 0x202u

typedef uint64_t native_function(uint64_t a, uint64_t b, unsigned size, uint64_t *flags);

/* The flags go through the stack, below the red zone. */
#define BEFORE "leaq -128(%%rsp), %%rsp\n pushq %[flags]\n popfq\n"
#define AFTER  "\n pushfq\n popq %[flags]\n leaq 128(%%rsp), %%rsp"

#define ONE_SIZE(text, type)                                     \
    {                                                            \
        type value = (type)a;                                    \
        __asm__ volatile(BEFORE text AFTER                       \
                         : [a] "+a"(value), [flags] "+r"(*flags) \
                         : [b] "c"((type)b)                      \
                         : "cc", "memory");                      \
        return value;                                            \
    }

/* One function for each instruction; the texts are those of the four sizes. */
#define NATIVE(name, text1, text2, text4, text8)                                          \
    static uint64_t native_##name(uint64_t a, uint64_t b, unsigned size, uint64_t *flags) \
    {                                                                                     \
        if (size == 1)                                                                    \
            ONE_SIZE(text1, uint8_t)                                                      \
        if (size == 2)                                                                    \
            ONE_SIZE(text2, uint16_t)                                                     \
        if (size == 4)                                                                    \
            ONE_SIZE(text4, uint32_t)                                                     \
        ONE_SIZE(text8, uint64_t)                                                         \
    }

#define BINARY(name)                                                               \
    NATIVE(name, #name "b %[b], %[a]", #name "w %[b], %[a]", #name "l %[b], %[a]", \
           #name "q %[b], %[a]")
#define UNARY(name) NATIVE(name, #name "b %[a]", #name "w %[a]", #name "l %[a]", #name "q %[a]")
#define SHIFT(name)                                                                \
    NATIVE(name, #name "b %%cl, %[a]", #name "w %%cl, %[a]", #name "l %%cl, %[a]", \
           #name "q %%cl, %[a]")
/* No byte form; it is not asked for. */
#define WIDE(name) \
    NATIVE(name, "nop", #name "w %[b], %[a]", #name "l %[b], %[a]", #name "q %[b], %[a]")

BINARY(add)
BINARY(or)
BINARY(adc)
BINARY(sbb)
BINARY(and)
BINARY(sub)
BINARY(xor)
BINARY(cmp)
BINARY(test)
UNARY(inc)
UNARY(dec)
UNARY(not )
UNARY(neg)
SHIFT(rol)
SHIFT(ror)
SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
WIDE(bt)
WIDE(bts)
WIDE(btr)
WIDE(btc)
WIDE(imul)

struct operation {
    enum insn_op op;
    native_function *native;
    uint32_t flags; /* defined */
    unsigned smallest;
};

static const struct operation arithmetic[] = {
    {INSN_OP_ADD, native_add, ALL, 1},     {INSN_OP_OR, native_or, LOGIC, 1},
    {INSN_OP_ADC, native_adc, ALL, 1},     {INSN_OP_SBB, native_sbb, ALL, 1},
    {INSN_OP_AND, native_and, LOGIC, 1},   {INSN_OP_SUB, native_sub, ALL, 1},
    {INSN_OP_XOR, native_xor, LOGIC, 1},   {INSN_OP_CMP, native_cmp, ALL, 1},
    {INSN_OP_TEST, native_test, LOGIC, 1}, {INSN_OP_INC, native_inc, ALL, 1},
    {INSN_OP_DEC, native_dec, ALL, 1},     {INSN_OP_NOT, native_not, ALL, 1},
    {INSN_OP_NEG, native_neg, ALL, 1},     {INSN_OP_BT, native_bt, CF | ZF, 2},
    {INSN_OP_BTS, native_bts, CF | ZF, 2}, {INSN_OP_BTR, native_btr, CF | ZF, 2},
    {INSN_OP_BTC, native_btc, CF | ZF, 2}, {INSN_OP_IMUL, native_imul, CF | OF, 2},
};

static const struct operation shifts[] = {
    {INSN_OP_ROL, native_rol, ALL, 1}, {INSN_OP_ROR, native_ror, ALL, 1},
    {INSN_OP_SHL, native_shl, ALL, 1}, {INSN_OP_SHR, native_shr, ALL, 1},
    {INSN_OP_SAR, native_sar, ALL, 1},
};

static const uint64_t boundaries[] = {
    0,
    1,
    2,
    0xF,
    0x10,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    UINT32_MAX,
    0x100000000,
    INT64_MAX,
    UINT64_C(1) << 63,
    UINT64_MAX,
};

#define BOUNDARY_COUNT (sizeof(boundaries) / sizeof(boundaries[0]))

/* xorshift64: fixed seed, the same run every time. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void compare(const struct operation *o, uint64_t a, uint64_t b, unsigned size,
                    uint64_t flags_in, uint32_t defined)
{
    const struct alu_operation *operation = alu_operation(o->op);
    uint64_t native_flags = flags_in | FIXED_FLAGS;
    uint64_t flags = flags_in | FIXED_FLAGS;
    uint64_t expected;
    uint64_t result;

    a = alu_truncate(a, size);
    b = alu_truncate(b, size);
    expected = o->native(a, b, size, &native_flags);
    result = operation->function(a, b, size, &flags);
    if (operation->writes_destination)
        assert_int_equal(result, expected);
    assert_int_equal(flags & defined, native_flags & defined);
    assert_int_equal(flags & ~(uint64_t)ALL, FIXED_FLAGS);
}

static void arithmetic_matches_the_processor(void **state)
{
    static const uint64_t flags_in[] = {0, CF, ALL};
    uint64_t seed = 0x9E3779B97F4A7C15;

    (void)state;
    for (size_t i = 0; i < sizeof(arithmetic) / sizeof(arithmetic[0]); i++) {
        const struct operation *o = &arithmetic[i];

        for (unsigned size = o->smallest; size <= 8; size *= 2) {
            for (size_t n = 0; n < BOUNDARY_COUNT * BOUNDARY_COUNT; n++) {
                uint64_t a = boundaries[n / BOUNDARY_COUNT];
                uint64_t b = boundaries[n % BOUNDARY_COUNT];

                for (size_t k = 0; k < 3; k++)
                    compare(o, a, b, size, flags_in[k], o->flags);
                compare(o, next_random(&seed), next_random(&seed), size, CF, o->flags);
            }
        }
    }
}

/* OF is defined for a count of one, CF for a count up to the width, AF never, all for zero. */
static uint32_t defined_flags(enum insn_op op, unsigned count, unsigned size)
{
    bool rotates = op == INSN_OP_ROL || op == INSN_OP_ROR;
    uint32_t defined = ALL;

    count &= size == 8 ? 63u : 31u;
    if (count == 0)
        return ALL;
    if (!rotates)
        defined &= ~AF;
    if (count != 1)
        defined &= ~OF;
    if (!rotates && op != INSN_OP_SAR && count > 8 * size)
        defined &= ~CF;
    return defined;
}

static void shifts_match_the_processor_for_every_count(void **state)
{
    uint64_t seed = 0x2545F4914F6CDD1D;

    (void)state;
    for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            for (unsigned count = 0; count < 256; count++) {
                uint32_t defined = defined_flags(shifts[i].op, count, size);

                for (size_t n = 0; n < BOUNDARY_COUNT; n++) {
                    compare(&shifts[i], boundaries[n], count, size, 0, defined);
                    compare(&shifts[i], boundaries[n], count, size, ALL, defined);
                    compare(&shifts[i], next_random(&seed), count, size, 0, defined);
                }
            }
        }
    }
}

#define NATIVE_CONDITION(name)                                                \
    static bool native_set##name(uint64_t flags)                              \
    {                                                                         \
        uint8_t value;                                                        \
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n pushq %[flags]\n popfq\n" \
                         "leaq 128(%%rsp), %%rsp\n set" #name " %[value]"     \
                         : [value] "=a"(value)                                \
                         : [flags] "r"(flags)                                 \
                         : "cc", "memory");                                   \
        return value != 0;                                                    \
    }

NATIVE_CONDITION(o)
NATIVE_CONDITION(no)
NATIVE_CONDITION(b)
NATIVE_CONDITION(ae)
NATIVE_CONDITION(e)
NATIVE_CONDITION(ne)
NATIVE_CONDITION(be)
NATIVE_CONDITION(a)
NATIVE_CONDITION(s)
NATIVE_CONDITION(ns)
NATIVE_CONDITION(p)
NATIVE_CONDITION(np)
NATIVE_CONDITION(l)
NATIVE_CONDITION(ge)
NATIVE_CONDITION(le)
NATIVE_CONDITION(g)

static bool (*const native_conditions[16])(uint64_t) = {
    native_seto,  native_setno, native_setb,  native_setae, native_sete, native_setne,
    native_setbe, native_seta,  native_sets,  native_setns, native_setp, native_setnp,
    native_setl,  native_setge, native_setle, native_setg,
};

static void conditions_match_the_processor_for_all_flags(void **state)
{
    static const uint32_t bits[] = {CF, PF, AF, ZF, SF, OF};

    (void)state;
    for (unsigned condition = 0; condition < 16; condition++) {
        for (unsigned set = 0; set < 64; set++) {
            uint64_t flags = FIXED_FLAGS;

            for (unsigned i = 0; i < 6; i++)
                flags |= (set >> i & 1) != 0 ? bits[i] : 0;
            assert_int_equal(alu_condition(condition, flags), native_conditions[condition](flags));
        }
    }
}

static void undefined_flags_are_as_documented(void **state)
{
    uint64_t flags = ALL | FIXED_FLAGS;

    (void)state;
    (void)alu_operation(INSN_OP_AND)->function(0xFF, 0x0F, 1, &flags);
    assert_int_equal(flags & AF, 0);
    flags = ALL | FIXED_FLAGS;
    (void)alu_operation(INSN_OP_SHL)->function(1, 3, 4, &flags);
    assert_int_equal(flags & (AF | OF | CF), 0);
    flags = ALL | FIXED_FLAGS;
    (void)alu_imul(2, 3, 4, &flags);
    assert_int_equal(flags & ALL, SF | ZF | AF | PF);
    flags = ALL | FIXED_FLAGS;
    (void)alu_operation(INSN_OP_BT)->function(0, 3, 4, &flags);
    assert_int_equal(flags & ALL, ALL & ~CF);
}

static void movbe_reverses_the_bytes(void **state)
{
    alu_function *movbe = alu_operation(INSN_OP_MOVBE)->function;
    uint64_t flags = FIXED_FLAGS;

    (void)state;
    assert_int_equal(movbe(0, 0x1234, 2, &flags), 0x3412);
    assert_int_equal(movbe(0, 0x12345678, 4, &flags), 0x78563412);
    assert_int_equal(movbe(0, 0x0123456789ABCDEF, 8, &flags), 0xEFCDAB8967452301);
    assert_int_equal(flags, FIXED_FLAGS);
}

static void unknown_operations_have_no_function(void **state)
{
    (void)state;
    assert_null(alu_operation(INSN_OP_NONE)->function);
    assert_null(alu_operation(INSN_OP_XCHG)->function);
    assert_null(alu_operation(INSN_OP_COUNT)->function);
    assert_null(alu_operation(255)->function);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_matches_the_processor),
        cmocka_unit_test(shifts_match_the_processor_for_every_count),
        cmocka_unit_test(conditions_match_the_processor_for_all_flags),
        cmocka_unit_test(undefined_flags_are_as_documented),
        cmocka_unit_test(movbe_reverses_the_bytes),
        cmocka_unit_test(unknown_operations_have_no_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
