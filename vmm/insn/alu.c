/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results and flags, in plain C on 64-bit values: carry and overflow come from comparing and
 * combining operands and result, so that nothing depends on the host's flags or on wider integers.
 * SDM volume 1, "EFLAGS Register"; volume 2, the "Operation" and "Flags Affected" of each
 * instruction.
 */
#include "vmm/insn/alu.h"

#include <stddef.h>

#include "vmm/insn/x86.h"

/* Shift counts are taken modulo 32, or 64 for 64-bit operands. */
#define COUNT_MASK       31u
#define COUNT_MASK_QWORD 63u

static uint64_t flag_if(bool condition, uint64_t flag)
{
    return condition ? flag : 0;
}

static bool even_parity(uint64_t value)
{
    uint8_t fold = (uint8_t)value;

    fold ^= fold >> 4;
    fold ^= fold >> 2;
    fold ^= fold >> 1;
    return (fold & 1) == 0;
}

static uint64_t result_flags(uint64_t result, unsigned size)
{
    return flag_if(result == 0, X86_RFLAGS_ZF) |
           flag_if((result & alu_sign_bit(size)) != 0, X86_RFLAGS_SF) |
           flag_if(even_parity(result), X86_RFLAGS_PF);
}

static void set_flags(uint64_t *rflags, uint64_t which, uint64_t value)
{
    *rflags = (*rflags & ~which) | value;
}

static uint64_t add_with(uint64_t a, uint64_t b, bool carry, unsigned size, uint64_t *rflags)
{
    uint64_t result = alu_truncate(a + b + (carry ? 1 : 0), size);

    set_flags(rflags, X86_RFLAGS_STATUS,
              result_flags(result, size) |
                  flag_if(carry ? result <= a : result < a, X86_RFLAGS_CF) |
                  flag_if(((a ^ result) & (b ^ result) & alu_sign_bit(size)) != 0, X86_RFLAGS_OF) |
                  ((a ^ b ^ result) & X86_RFLAGS_AF));
    return result;
}

static uint64_t subtract_with(uint64_t a, uint64_t b, bool borrow, unsigned size, uint64_t *rflags)
{
    uint64_t result = alu_truncate(a - b - (borrow ? 1 : 0), size);

    set_flags(rflags, X86_RFLAGS_STATUS,
              result_flags(result, size) | flag_if(borrow ? a <= b : a < b, X86_RFLAGS_CF) |
                  flag_if(((a ^ b) & (a ^ result) & alu_sign_bit(size)) != 0, X86_RFLAGS_OF) |
                  ((a ^ b ^ result) & X86_RFLAGS_AF));
    return result;
}

static uint64_t logic(uint64_t result, unsigned size, uint64_t *rflags)
{
    set_flags(rflags, X86_RFLAGS_STATUS, result_flags(result, size));
    return result;
}

uint64_t alu_add(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return add_with(destination, source, false, size, rflags);
}

uint64_t alu_sub(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return subtract_with(destination, source, false, size, rflags);
}

static uint64_t adc(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return add_with(destination, source, (*rflags & X86_RFLAGS_CF) != 0, size, rflags);
}

static uint64_t sbb(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return subtract_with(destination, source, (*rflags & X86_RFLAGS_CF) != 0, size, rflags);
}

static uint64_t or_(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return logic(destination | source, size, rflags);
}

static uint64_t and_(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return logic(destination & source, size, rflags);
}

static uint64_t xor_(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return logic(destination ^ source, size, rflags);
}

static uint64_t mov(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    (void)destination;
    (void)size;
    (void)rflags;
    return source;
}

static uint64_t movbe(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    uint64_t swapped = 0;

    (void)destination;
    (void)rflags;
    for (unsigned i = 0; i < size; i++)
        swapped =
            (swapped << ALU_BITS_PER_BYTE) | ((source >> (ALU_BITS_PER_BYTE * i)) & UINT8_MAX);
    return swapped;
}

/* INC and DEC leave CF as it is. */
static uint64_t inc(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    uint64_t carry = *rflags & X86_RFLAGS_CF;
    uint64_t result = alu_add(destination, 1, size, rflags);

    (void)source;
    set_flags(rflags, X86_RFLAGS_CF, carry);
    return result;
}

static uint64_t dec(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    uint64_t carry = *rflags & X86_RFLAGS_CF;
    uint64_t result = alu_sub(destination, 1, size, rflags);

    (void)source;
    set_flags(rflags, X86_RFLAGS_CF, carry);
    return result;
}

static uint64_t not_(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    (void)source;
    (void)rflags;
    return alu_truncate(~destination, size);
}

static uint64_t neg(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    (void)source;
    return alu_sub(0, destination, size, rflags);
}

static unsigned shift_count(uint64_t source, unsigned size)
{
    return (unsigned)source & (size == ALU_QWORD ? COUNT_MASK_QWORD : COUNT_MASK);
}

static uint64_t shl(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    unsigned count = shift_count(source, size);
    uint64_t result;
    bool carry;
    bool sign;

    if (count == 0)
        return destination;
    /* The bit above the operand after count - 1 steps. Operands shorter than 64 bits keep theirs.
     */
    carry = ((destination << (count - 1)) & alu_sign_bit(size)) != 0;
    result = alu_truncate(destination << count, size);
    sign = (result & alu_sign_bit(size)) != 0;
    set_flags(rflags, X86_RFLAGS_STATUS,
              result_flags(result, size) | flag_if(carry, X86_RFLAGS_CF) |
                  flag_if(carry != sign, X86_RFLAGS_OF));
    return result;
}

static uint64_t shr(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    unsigned count = shift_count(source, size);
    uint64_t result;

    if (count == 0)
        return destination;
    result = destination >> count;
    set_flags(rflags, X86_RFLAGS_STATUS,
              result_flags(result, size) |
                  flag_if(((destination >> (count - 1)) & 1) != 0, X86_RFLAGS_CF) |
                  flag_if((destination & alu_sign_bit(size)) != 0, X86_RFLAGS_OF));
    return result;
}

static uint64_t sar(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    unsigned count = shift_count(source, size);
    uint64_t extended = alu_sign_extend(destination, size);
    uint64_t result;
    bool carry;

    if (count == 0)
        return destination;
    carry = (alu_shift_right_signed(extended, count - 1) & 1) != 0;
    result = alu_truncate(alu_shift_right_signed(extended, count), size);
    set_flags(rflags, X86_RFLAGS_STATUS,
              result_flags(result, size) | flag_if(carry, X86_RFLAGS_CF));
    return result;
}

/* value of size bytes rotated left by less than its width. */
static uint64_t rotate_left(uint64_t value, unsigned count, unsigned size)
{
    if (count == 0)
        return value;
    return alu_truncate((value << count) | (value >> (ALU_BITS_PER_BYTE * size - count)), size);
}

/* Rotates touch CF and OF alone, and also when a whole turn leaves the value as it was. */
static uint64_t rol(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    unsigned count = shift_count(source, size);
    uint64_t result = rotate_left(destination, count % (ALU_BITS_PER_BYTE * size), size);
    bool carry = (result & 1) != 0;
    bool sign = (result & alu_sign_bit(size)) != 0;

    if (count != 0)
        set_flags(rflags, X86_RFLAGS_CF | X86_RFLAGS_OF,
                  flag_if(carry, X86_RFLAGS_CF) | flag_if(carry != sign, X86_RFLAGS_OF));
    return result;
}

static uint64_t ror(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    unsigned bits = ALU_BITS_PER_BYTE * size;
    unsigned count = shift_count(source, size);
    uint64_t result = rotate_left(destination, (bits - count % bits) % bits, size);
    bool sign = (result & alu_sign_bit(size)) != 0;
    bool below_sign = (result & (alu_sign_bit(size) >> 1)) != 0;

    if (count != 0)
        set_flags(rflags, X86_RFLAGS_CF | X86_RFLAGS_OF,
                  flag_if(sign, X86_RFLAGS_CF) | flag_if(sign != below_sign, X86_RFLAGS_OF));
    return result;
}

static uint64_t selected_bit(uint64_t source, unsigned size)
{
    return UINT64_C(1) << (source & (ALU_BITS_PER_BYTE * size - 1));
}

static uint64_t bt(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    bool set = (destination & selected_bit(source, size)) != 0;

    set_flags(rflags, X86_RFLAGS_CF, flag_if(set, X86_RFLAGS_CF));
    return destination;
}

static uint64_t bts(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return bt(destination, source, size, rflags) | selected_bit(source, size);
}

static uint64_t btr(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return bt(destination, source, size, rflags) & ~selected_bit(source, size);
}

static uint64_t btc(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    return bt(destination, source, size, rflags) ^ selected_bit(source, size);
}

uint64_t alu_imul(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags)
{
    int64_t product;
    bool lost = __builtin_mul_overflow((int64_t)alu_sign_extend(destination, size),
                                       (int64_t)alu_sign_extend(source, size), &product);
    uint64_t result = alu_truncate((uint64_t)product, size);

    lost = lost || alu_sign_extend(result, size) != (uint64_t)product;
    set_flags(rflags, X86_RFLAGS_CF | X86_RFLAGS_OF, flag_if(lost, X86_RFLAGS_CF | X86_RFLAGS_OF));
    return result;
}

static const struct alu_operation operations[INSN_OP_COUNT] = {
    [INSN_OP_ADD] = {alu_add, true, true},      [INSN_OP_OR] = {or_, true, true},
    [INSN_OP_ADC] = {adc, true, true},          [INSN_OP_SBB] = {sbb, true, true},
    [INSN_OP_AND] = {and_, true, true},         [INSN_OP_SUB] = {alu_sub, true, true},
    [INSN_OP_XOR] = {xor_, true, true},         [INSN_OP_CMP] = {alu_sub, true, false},
    [INSN_OP_TEST] = {and_, true, false},       [INSN_OP_MOV] = {mov, false, true},
    [INSN_OP_MOVSX] = {mov, false, true},       [INSN_OP_MOVBE] = {movbe, false, true},
    [INSN_OP_INC] = {inc, true, true},          [INSN_OP_DEC] = {dec, true, true},
    [INSN_OP_NOT] = {not_, true, true},         [INSN_OP_NEG] = {neg, true, true},
    [INSN_OP_ROL] = {rol, true, true},          [INSN_OP_ROR] = {ror, true, true},
    [INSN_OP_SHL] = {shl, true, true},          [INSN_OP_SHR] = {shr, true, true},
    [INSN_OP_SAR] = {sar, true, true},          [INSN_OP_BT] = {bt, true, false},
    [INSN_OP_BTS] = {bts, true, true},          [INSN_OP_BTR] = {btr, true, true},
    [INSN_OP_BTC] = {btc, true, true},          [INSN_OP_IMUL] = {alu_imul, true, true},
    [INSN_OP_COUNT - 1] = {NULL, false, false},
};

const struct alu_operation *alu_operation(unsigned op)
{
    return &operations[op < INSN_OP_COUNT ? op : INSN_OP_NONE];
}

bool alu_condition(unsigned condition, uint64_t rflags)
{
    bool sign = (rflags & X86_RFLAGS_SF) != 0;
    bool overflow = (rflags & X86_RFLAGS_OF) != 0;
    bool zero = (rflags & X86_RFLAGS_ZF) != 0;
    bool carry = (rflags & X86_RFLAGS_CF) != 0;
    bool parity = (rflags & X86_RFLAGS_PF) != 0;
    const bool holds[] = {
        overflow,
        carry,
        zero,
        carry || zero,
        sign,
        parity,
        sign != overflow,
        zero || sign != overflow,
    };

    /* Odd conditions are the negations of the even ones before them. */
    return holds[(condition >> 1) & 7u] != ((condition & 1u) != 0);
}
