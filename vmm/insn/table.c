/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcode maps: one line per row of the manual's tables, nothing but data. Opcodes that cannot
 * touch memory, or that no driver uses on a device, are left out and so refused. SDM volume 2,
 * "Opcode Map", "Opcode Extensions for One-Byte and Two-Byte Opcodes".
 */
#include "vmm/insn/table.h"

#include "vmm/insn/insn.h"

#define OPCODES_PER_MAP 256
#define GROUP_MEMBERS   8

/* Each line of these stands for entries that the manual lists side by side. */
#define ARITHMETIC_ROW(first, op, lock)                                                        \
    [(first)] = {FORM_RM_R, (op), OPCODE_BYTE | (lock)},                                       \
    [(first) + 1] = {FORM_RM_R, (op), (lock)}, [(first) + 2] = {FORM_R_RM, (op), OPCODE_BYTE}, \
    [(first) + 3] = {FORM_R_RM, (op), 0}, [(first) + 4] = {FORM_ACC_IMM, (op), OPCODE_BYTE},   \
    [(first) + 5] = {FORM_ACC_IMM, (op), 0}

#define BYTE_AND_FULL(first, form, op, attributes)          \
    [(first)] = {(form), (op), OPCODE_BYTE | (attributes)}, \
    [(first) + 1] = {(form), (op), (attributes)}

#define FOUR(first, form, op, attributes)                                                   \
    [(first)] = {(form), (op), (attributes)}, [(first) + 1] = {(form), (op), (attributes)}, \
    [(first) + 2] = {(form), (op), (attributes)}, [(first) + 3] = {(form), (op), (attributes)}

#define SIXTEEN(first, form, op, attributes)                                                  \
    FOUR((first), (form), (op), (attributes)), FOUR((first) + 4, (form), (op), (attributes)), \
        FOUR((first) + 8, (form), (op), (attributes)),                                        \
        FOUR((first) + 12, (form), (op), (attributes))

static const struct table_opcode primary[OPCODES_PER_MAP] = {
    ARITHMETIC_ROW(0x00, INSN_OP_ADD, OPCODE_LOCK),
    ARITHMETIC_ROW(0x08, INSN_OP_OR, OPCODE_LOCK),
    ARITHMETIC_ROW(0x10, INSN_OP_ADC, OPCODE_LOCK),
    ARITHMETIC_ROW(0x18, INSN_OP_SBB, OPCODE_LOCK),
    ARITHMETIC_ROW(0x20, INSN_OP_AND, OPCODE_LOCK),
    ARITHMETIC_ROW(0x28, INSN_OP_SUB, OPCODE_LOCK),
    ARITHMETIC_ROW(0x30, INSN_OP_XOR, OPCODE_LOCK),
    ARITHMETIC_ROW(0x38, INSN_OP_CMP, 0),
    [0x0F] = {FORM_ESCAPE, MAP_0F, 0},
    [0x26] = {FORM_PREFIX, PREFIX_SEGMENT, 0},
    [0x2E] = {FORM_PREFIX, PREFIX_SEGMENT, 0},
    [0x36] = {FORM_PREFIX, PREFIX_SEGMENT, 0},
    [0x3E] = {FORM_PREFIX, PREFIX_SEGMENT, 0},
    SIXTEEN(0x40, FORM_REX, INSN_OP_NONE, 0),
    [0x63] = {FORM_R_RM32, INSN_OP_MOVSX, OPCODE_ONLY_64},
    [0x64] = {FORM_PREFIX, PREFIX_FS, 0},
    [0x65] = {FORM_PREFIX, PREFIX_GS, 0},
    [0x66] = {FORM_PREFIX, PREFIX_OPERAND_SIZE, 0},
    [0x67] = {FORM_PREFIX, PREFIX_ADDRESS_SIZE, 0},
    [0x69] = {FORM_R_RM_IMM, INSN_OP_IMUL3, 0},
    [0x6B] = {FORM_R_RM_IMM8, INSN_OP_IMUL3, 0},
    BYTE_AND_FULL(0x80, FORM_RM_IMM, GROUP_ARITHMETIC, OPCODE_GROUP),
    [0x82] = {FORM_RM_IMM, GROUP_ARITHMETIC, OPCODE_BYTE | OPCODE_GROUP | OPCODE_INVALID_64},
    [0x83] = {FORM_RM_IMM8, GROUP_ARITHMETIC, OPCODE_GROUP},
    BYTE_AND_FULL(0x84, FORM_RM_R, INSN_OP_TEST, 0),
    BYTE_AND_FULL(0x86, FORM_RM_R, INSN_OP_XCHG, OPCODE_LOCK),
    BYTE_AND_FULL(0x88, FORM_RM_R, INSN_OP_MOV, 0),
    BYTE_AND_FULL(0x8A, FORM_R_RM, INSN_OP_MOV, 0),
    [0x8F] = {FORM_RM, GROUP_POP, OPCODE_GROUP},
    BYTE_AND_FULL(0xA0, FORM_ACC_MOFFS, INSN_OP_MOV, 0),
    BYTE_AND_FULL(0xA2, FORM_MOFFS_ACC, INSN_OP_MOV, 0),
    BYTE_AND_FULL(0xA4, FORM_STRING, INSN_OP_MOVS, 0),
    BYTE_AND_FULL(0xA6, FORM_STRING, INSN_OP_CMPS, 0),
    BYTE_AND_FULL(0xA8, FORM_ACC_IMM, INSN_OP_TEST, 0),
    BYTE_AND_FULL(0xAA, FORM_STRING, INSN_OP_STOS, 0),
    BYTE_AND_FULL(0xAC, FORM_STRING, INSN_OP_LODS, 0),
    BYTE_AND_FULL(0xAE, FORM_STRING, INSN_OP_SCAS, 0),
    BYTE_AND_FULL(0xC0, FORM_RM_IMM8, GROUP_SHIFT, OPCODE_GROUP),
    BYTE_AND_FULL(0xC6, FORM_RM_IMM, GROUP_MOV, OPCODE_GROUP),
    BYTE_AND_FULL(0xD0, FORM_RM_ONE, GROUP_SHIFT, OPCODE_GROUP),
    BYTE_AND_FULL(0xD2, FORM_RM_CL, GROUP_SHIFT, OPCODE_GROUP),
    [0xF0] = {FORM_PREFIX, PREFIX_LOCK, 0},
    [0xF2] = {FORM_PREFIX, PREFIX_REPNE, 0},
    [0xF3] = {FORM_PREFIX, PREFIX_REP, 0},
    BYTE_AND_FULL(0xF6, FORM_RM, GROUP_UNARY, OPCODE_GROUP),
    [0xFE] = {FORM_RM, GROUP_INC_DEC_8, OPCODE_BYTE | OPCODE_GROUP},
    [0xFF] = {FORM_RM, GROUP_INC_DEC, OPCODE_GROUP},
};

static const struct table_opcode map_0f[OPCODES_PER_MAP] = {
    [0x0B] = {FORM_INVALID, INSN_OP_NONE, 0},
    [0x38] = {FORM_ESCAPE, MAP_0F38, 0},
    SIXTEEN(0x40, FORM_R_RM, INSN_OP_CMOVCC, 0),
    SIXTEEN(0x90, FORM_RM, INSN_OP_SETCC, OPCODE_BYTE),
    [0xA3] = {FORM_RM_R, INSN_OP_BT, 0},
    [0xAB] = {FORM_RM_R, INSN_OP_BTS, OPCODE_LOCK},
    [0xAF] = {FORM_R_RM, INSN_OP_IMUL, 0},
    BYTE_AND_FULL(0xB0, FORM_RM_R, INSN_OP_CMPXCHG, OPCODE_LOCK),
    [0xB3] = {FORM_RM_R, INSN_OP_BTR, OPCODE_LOCK},
    [0xB6] = {FORM_R_RM8, INSN_OP_MOV, 0},
    [0xB7] = {FORM_R_RM16, INSN_OP_MOV, 0},
    [0xB9] = {FORM_INVALID, INSN_OP_NONE, 0},
    [0xBA] = {FORM_RM_IMM8, GROUP_BIT_TEST, OPCODE_GROUP},
    [0xBB] = {FORM_RM_R, INSN_OP_BTC, OPCODE_LOCK},
    [0xBE] = {FORM_R_RM8, INSN_OP_MOVSX, 0},
    [0xBF] = {FORM_R_RM16, INSN_OP_MOVSX, 0},
    BYTE_AND_FULL(0xC0, FORM_RM_R, INSN_OP_XADD, OPCODE_LOCK),
    [0xC3] = {FORM_RM_R, INSN_OP_MOV, OPCODE_MEMORY | OPCODE_PLAIN_ONLY | OPCODE_NOT_16},
    [0xC7] = {FORM_M64, GROUP_CMPXCHG8B, OPCODE_GROUP},
    [0xFF] = {FORM_INVALID, INSN_OP_NONE, 0},
};

static const struct table_opcode map_0f38[OPCODES_PER_MAP] = {
    [0xF0] = {FORM_R_RM, INSN_OP_MOVBE, OPCODE_MEMORY | OPCODE_PLAIN_ONLY},
    [0xF1] = {FORM_RM_R, INSN_OP_MOVBE, OPCODE_MEMORY | OPCODE_PLAIN_ONLY},
};

static const struct table_opcode groups[GROUP_COUNT][GROUP_MEMBERS] =
    {
        [GROUP_ARITHMETIC] =
            {
                {FORM_INHERIT, INSN_OP_ADD, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_OR, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_ADC, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_SBB, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_AND, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_SUB, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_XOR, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_CMP, 0},
            },
        [GROUP_POP] =
            {
                {FORM_INHERIT, INSN_OP_POP, OPCODE_STACK},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
            },
        [GROUP_SHIFT] =
            {
                {FORM_INHERIT, INSN_OP_ROL, 0},
                {FORM_INHERIT, INSN_OP_ROR, 0},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_INHERIT, INSN_OP_SHL, 0},
                {FORM_INHERIT, INSN_OP_SHR, 0},
                {FORM_INHERIT, INSN_OP_SHL, 0},
                {FORM_INHERIT, INSN_OP_SAR, 0},
            },
        [GROUP_UNARY] =
            {
                {FORM_RM_IMM, INSN_OP_TEST, 0},
                {FORM_RM_IMM, INSN_OP_TEST, 0},
                {FORM_INHERIT, INSN_OP_NOT, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_NEG, OPCODE_LOCK},
            },
        [GROUP_INC_DEC_8] =
            {
                {FORM_INHERIT, INSN_OP_INC, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_DEC, OPCODE_LOCK},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
            },
        [GROUP_INC_DEC] =
            {
                {FORM_INHERIT, INSN_OP_INC, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_DEC, OPCODE_LOCK},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_INHERIT, INSN_OP_PUSH, OPCODE_STACK},
                {FORM_INVALID, INSN_OP_NONE, 0},
            },
        [GROUP_BIT_TEST] =
            {
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INHERIT, INSN_OP_BT, 0},
                {FORM_INHERIT, INSN_OP_BTS, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_BTR, OPCODE_LOCK},
                {FORM_INHERIT, INSN_OP_BTC, OPCODE_LOCK},
            },
        [GROUP_CMPXCHG8B] =
            {
                {FORM_NONE, INSN_OP_NONE, 0},
                {FORM_INHERIT, INSN_OP_CMPXCHG8B, OPCODE_LOCK | OPCODE_MEMORY},
            },
        [GROUP_MOV] =
            {
                {FORM_INHERIT, INSN_OP_MOV, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_INVALID, INSN_OP_NONE, 0},
                {FORM_NONE, INSN_OP_NONE, 0}, /* XABORT, XBEGIN */
            },
};

const struct table_opcode *table_opcode(enum table_map map, uint8_t opcode)
{
    switch (map) {
    case MAP_0F:
        return &map_0f[opcode];
    case MAP_0F38:
        return &map_0f38[opcode];
    default:
        return &primary[opcode];
    }
}

const struct table_opcode *table_group(enum table_group group, unsigned reg)
{
    return &groups[group][reg % GROUP_MEMBERS];
}
