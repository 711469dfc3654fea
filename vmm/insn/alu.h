/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic of the processor: results and flags of every operation that makes one value from a
 * destination and a source. Pure functions in a table by enum insn_op, apart from memory and
 * registers, so that a test can hold each against the real instruction. SDM volume 1, "EFLAGS
 * Register"; the flags of each instruction in volume 2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/insn/insn.h"

#define ALU_BITS_PER_BYTE 8u
#define ALU_QWORD         8u

/*
 * destination and source hold size bytes (1, 2, 4 or 8), zero-extended; so does the result. *rflags
 * is read where the operation reads flags, and updated. Undefined flags: see insn_execute.
 */
typedef uint64_t alu_function(uint64_t destination, uint64_t source, unsigned size,
                              uint64_t *rflags);

struct alu_operation {
    alu_function *function; /* NULL: not an operation of this kind */
    bool reads_destination;
    bool writes_destination;
};

/* The operation of enum insn_op, or one without a function. Never NULL. */
const struct alu_operation *alu_operation(unsigned op);

/* Whether condition (0 to 15: SDM volume 1, "EFLAGS Condition Codes") holds. */
bool alu_condition(unsigned condition, uint64_t rflags);

/* The sign bit of a value of size bytes. */
static inline uint64_t alu_sign_bit(unsigned size)
{
    return UINT64_C(1) << (ALU_BITS_PER_BYTE * size - 1);
}

/* The low size bytes of value. */
static inline uint64_t alu_truncate(uint64_t value, unsigned size)
{
    return value & (UINT64_MAX >> (ALU_BITS_PER_BYTE * (ALU_QWORD - size)));
}

/* value of size bytes, sign-extended to 64 bits. */
static inline uint64_t alu_sign_extend(uint64_t value, unsigned size)
{
    return (alu_truncate(value, size) ^ alu_sign_bit(size)) - alu_sign_bit(size);
}

/* value shifted right arithmetically by 0 to 63. */
static inline uint64_t alu_shift_right_signed(uint64_t value, unsigned count)
{
    return (value & alu_sign_bit(ALU_QWORD)) != 0 ? ~(~value >> count) : value >> count;
}

/* The arithmetic that is also part of CMPS, SCAS, XADD, CMPXCHG and the three-operand IMUL. */
uint64_t alu_add(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags);
uint64_t alu_sub(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags);
uint64_t alu_imul(uint64_t destination, uint64_t source, unsigned size, uint64_t *rflags);
