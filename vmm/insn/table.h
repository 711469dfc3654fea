/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The opcode maps as data: for each opcode, which operands it has (form) and what it does (op). The
 * decoder knows how to read a form, the emulator how to do an op, and neither knows opcodes.
 * SDM volume 2, "Opcode Map".
 */
#pragma once

#include <stdint.h>

/* Operands in the order destination, source. FORM_NONE is zero: what a table leaves out is refused.
 */
enum table_form {
    FORM_NONE,    /* not emulated */
    FORM_INVALID, /* #UD */
    FORM_PREFIX,  /* op: enum table_prefix */
    FORM_REX,     /* prefix in 64-bit mode */
    FORM_ESCAPE,  /* op: enum table_map */
    FORM_INHERIT, /* in a group: the form of the opcode that led there */
    FORM_RM_R,
    FORM_R_RM,
    FORM_RM_IMM,  /* immediate of the operand size, at most 4 bytes, sign-extended */
    FORM_RM_IMM8, /* one byte, sign-extended */
    FORM_RM_ONE,
    FORM_RM_CL,
    FORM_RM,
    FORM_M64,
    FORM_ACC_IMM,
    FORM_ACC_MOFFS,
    FORM_MOFFS_ACC,
    FORM_R_RM8,
    FORM_R_RM16,
    FORM_R_RM32,
    FORM_R_RM_IMM,
    FORM_R_RM_IMM8,
    FORM_STRING,
    FORM_COUNT
};

enum table_prefix {
    PREFIX_SEGMENT, /* the segment is in bits 5:3 of the byte, FS and GS aside */
    PREFIX_FS,
    PREFIX_GS,
    PREFIX_OPERAND_SIZE,
    PREFIX_ADDRESS_SIZE,
    PREFIX_LOCK,
    PREFIX_REPNE,
    PREFIX_REP,
};

enum table_map { MAP_PRIMARY, MAP_0F, MAP_0F38 };

enum table_group {
    GROUP_ARITHMETIC,
    GROUP_POP,
    GROUP_SHIFT,
    GROUP_UNARY,
    GROUP_INC_DEC_8,
    GROUP_INC_DEC,
    GROUP_BIT_TEST,
    GROUP_CMPXCHG8B,
    GROUP_MOV,
    GROUP_COUNT
};

#define OPCODE_BYTE       0x01u  /* operands of one byte */
#define OPCODE_LOCK       0x02u  /* LOCK is allowed if the destination is memory */
#define OPCODE_GROUP      0x04u  /* op is an enum table_group, chosen from by ModRM.reg */
#define OPCODE_MEMORY     0x08u  /* not with a register in ModRM.rm */
#define OPCODE_ONLY_64    0x10u  /* another instruction outside 64-bit mode */
#define OPCODE_INVALID_64 0x20u  /* #UD in 64-bit mode */
#define OPCODE_STACK      0x40u  /* 64-bit operands are the default in 64-bit mode */
#define OPCODE_PLAIN_ONLY 0x80u  /* another instruction with F2 or F3 */
#define OPCODE_NOT_16     0x100u /* #UD with 66 */

struct table_opcode {
    uint8_t form;        /* enum table_form */
    uint8_t op;          /* enum insn_op, or as the form says */
    uint16_t attributes; /* OPCODE_* */
};

/* The entry of an opcode byte in a map; never NULL. */
const struct table_opcode *table_opcode(enum table_map map, uint8_t opcode);

/* The entry of a group for ModRM.reg, 0 to 7; never NULL. */
const struct table_opcode *table_group(enum table_group group, unsigned reg);
