/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoder and emulator for the instructions with which a guest reaches a device page (MMIO).
 * Bytes and registers in, an operation out: no globals, no system calls, no knowledge of any
 * device. The VMM fetches up to 15 bytes at insn_fetch_address(), decodes them, and executes the
 * result on a copy of the guest's registers; memory operands, in RAM or in a device, go through
 * struct insn_bus. What an instruction means is in Intel SDM volume 2, "Instruction Set Reference".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest instruction: SDM volume 2, "Instruction Format". */
#define INSN_MAX_LENGTH 15

/*
 * Results. Negative, so that an insn_bus can use every positive number for its own.
 * INSN_OK          decoded; or executed, rip stands behind the instruction.
 * INSN_REPEAT      one element of a REP string instruction is done, registers are up to date and
 * rip still stands on it: execute the same struct insn again, or resume the guest. INSN_FAULT
 * nothing changed; struct insn_fault names the exception to inject. INSN_TRUNCATED   the bytes end
 * inside the instruction: fetch more (the next page) and decode again. INSN_INVALID     the
 * processor would raise #UD. INSN_TOO_LONG    more than 15 bytes: the processor would raise #GP(0).
 * INSN_NOT_EMULATED  perhaps valid, but not among what is emulated here.
 */
enum insn_status {
    INSN_OK = 0,
    INSN_REPEAT = -1,
    INSN_FAULT = -2,
    INSN_TRUNCATED = -3,
    INSN_INVALID = -4,
    INSN_TOO_LONG = -5,
    INSN_NOT_EMULATED = -6,
};

/* General registers by their number in ModRM and REX. */
enum insn_register {
    INSN_RAX,
    INSN_RCX,
    INSN_RDX,
    INSN_RBX,
    INSN_RSP,
    INSN_RBP,
    INSN_RSI,
    INSN_RDI,
    INSN_GPR_COUNT = 16,
    INSN_RIP = 16,        /* as a base register only */
    INSN_NO_REGISTER = 17 /* no base, or no index */
};

/* Segment registers by their number in the instruction set. */
enum insn_segment { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS, INSN_SEGMENT_COUNT };

/* A segment register as the VMCS holds it: SDM volume 3, "Guest Register State". */
struct insn_seg {
    uint64_t base;
    uint32_t limit; /* in bytes, inclusive */
    uint32_t ar;    /* access rights in VMCS format: unusable is bit 16 */
    uint16_t sel;
};

/* What the emulator reads and changes (gpr, rip and rflags only) of a virtual CPU. */
struct insn_state {
    uint64_t gpr[INSN_GPR_COUNT];
    uint64_t rip;
    uint64_t rflags;
    struct insn_seg seg[INSN_SEGMENT_COUNT];
    uint64_t cr0;
    uint64_t cr4;
    uint64_t efer;
};

/* SDM volume 3, "Modes of Operation"; the three protected ones by the default sizes of CS. */
enum insn_mode {
    INSN_MODE_REAL,
    INSN_MODE_VIRTUAL_8086,
    INSN_MODE_16,
    INSN_MODE_32,
    INSN_MODE_64,
};

enum insn_op {
    INSN_OP_NONE,
    /* Those with one result, computed from a destination and a source. */
    INSN_OP_ADD,
    INSN_OP_OR,
    INSN_OP_ADC,
    INSN_OP_SBB,
    INSN_OP_AND,
    INSN_OP_SUB,
    INSN_OP_XOR,
    INSN_OP_CMP,
    INSN_OP_TEST,
    INSN_OP_MOV,
    INSN_OP_MOVSX, /* MOVSXD too; MOVZX is a MOV from a smaller source */
    INSN_OP_MOVBE,
    INSN_OP_INC,
    INSN_OP_DEC,
    INSN_OP_NOT,
    INSN_OP_NEG,
    INSN_OP_ROL,
    INSN_OP_ROR,
    INSN_OP_SHL,
    INSN_OP_SHR,
    INSN_OP_SAR,
    INSN_OP_BT,
    INSN_OP_BTS,
    INSN_OP_BTR,
    INSN_OP_BTC,
    INSN_OP_IMUL,
    /* Those with a way of their own. */
    INSN_OP_IMUL3, /* destination, source, immediate */
    INSN_OP_SETCC,
    INSN_OP_CMOVCC,
    INSN_OP_XCHG,
    INSN_OP_XADD,
    INSN_OP_CMPXCHG,
    INSN_OP_CMPXCHG8B,
    INSN_OP_PUSH,
    INSN_OP_POP,
    INSN_OP_MOVS,
    INSN_OP_CMPS,
    INSN_OP_STOS,
    INSN_OP_LODS,
    INSN_OP_SCAS,
    INSN_OP_COUNT
};

enum insn_operand_kind {
    INSN_OPERAND_NONE,
    INSN_OPERAND_REGISTER,
    INSN_OPERAND_MEMORY,
    INSN_OPERAND_IMMEDIATE,
};

struct insn_operand {
    uint8_t kind; /* enum insn_operand_kind */
    uint8_t size; /* bytes: 1, 2, 4, 8 */
    uint8_t reg;  /* enum insn_register, if kind says register */
    bool high;    /* bits 15:8 of reg: AH, CH, DH, BH */
};

/* How the address of the memory operand is made. No instruction but the string ones has two. */
struct insn_memory {
    uint64_t displacement; /* sign-extended */
    uint8_t base;          /* enum insn_register */
    uint8_t index;         /* enum insn_register */
    uint8_t shift;         /* of the index: 0 to 3 */
    uint8_t segment;       /* enum insn_segment, default or override */
};

enum insn_repeat { INSN_REPEAT_NONE, INSN_REPEAT_REPNE, INSN_REPEAT_REP };

/*
 * A decoded instruction. It depends on the bytes and on the mode alone, so it may be kept and
 * executed again as long as these two are the same.
 */
struct insn {
    uint8_t op;        /* enum insn_op */
    uint8_t length;    /* bytes */
    uint8_t mode;      /* enum insn_mode */
    uint8_t size;      /* operand size in bytes: 1, 2, 4, 8 */
    uint8_t address;   /* address size in bytes: 2, 4, 8 */
    uint8_t condition; /* of SETcc and CMOVcc: SDM volume 1, "EFLAGS Condition Codes" */
    uint8_t repeat;    /* enum insn_repeat */
    bool lock;         /* LOCK prefix; XCHG with memory locks without it */
    struct insn_operand destination;
    struct insn_operand source;
    struct insn_memory memory;
    uint64_t immediate; /* sign-extended to 64 bits */
};

/* An exception to inject. */
struct insn_fault {
    uint8_t vector;
    bool has_error_code; /* false in real mode, where none is pushed */
    uint32_t error_code;
};

/*
 * Memory, by linear address; size is 1, 2, 4 or 8 bytes and the access may cross a page. Each
 * function returns 0, or a positive code of its own, which insn_execute hands back with the state
 * unchanged (a page fault in the guest, a device that needs more time). Values are zero-extended.
 * check_write may be NULL. It tells whether a write would succeed, and is asked before a device is
 * read when the same instruction will write, lest a page fault follow a read that has side effects.
 * The bus need not be atomic: who lets several virtual CPUs reach one device holds that device's
 * lock over all of insn_execute.
 */
struct insn_bus {
    void *ctx;
    int (*read)(void *ctx, uint64_t linear_address, unsigned size, uint64_t *value);
    int (*write)(void *ctx, uint64_t linear_address, unsigned size, uint64_t value);
    int (*check_write)(void *ctx, uint64_t linear_address, unsigned size);
};

/* The mode that CR0, RFLAGS, EFER and CS make. */
enum insn_mode insn_mode(const struct insn_state *state);

/* Current privilege level, 0 to 3: SDM volume 3, "Guest Register State": the DPL of SS. */
unsigned insn_cpl(const struct insn_state *state);

/* The linear address of the byte that rip points to. The limit of CS is not checked. */
uint64_t insn_fetch_address(const struct insn_state *state);

/*
 * Decodes the instruction in the first len bytes; reads none behind len and none behind the
 * fifteenth. Returns INSN_OK, INSN_TRUNCATED, INSN_INVALID, INSN_TOO_LONG or INSN_NOT_EMULATED; out
 * is complete only with INSN_OK. Of state, what decides the mode is used.
 */
int insn_decode(struct insn *out, const uint8_t *bytes, size_t len, const struct insn_state *state);

/*
 * Remembers what was decoded: drivers reach their device from the same few places, and comparing
 * bytes costs a tenth of decoding them. All zero is empty. Owned by the caller, one for each
 * virtual CPU.
 */
#define INSN_CACHE_ENTRIES 16
#define INSN_CACHE_BYTES   16 /* compared in two halves */

struct insn_cache_entry {
    uint64_t bytes[2]; /* those of the instruction, the others cleared */
    uint64_t mask[2];
    struct insn insn; /* of length 0: the entry is empty */
};

struct insn_cache {
    struct insn_cache_entry entry[INSN_CACHE_ENTRIES];
    struct insn uncached; /* from fewer bytes than are compared */
};

/*
 * As insn_decode, by way of cache if len is INSN_CACHE_BYTES or more. *out points into cache, and
 * is good until the next call. Of rip only the choice of the entry depends: self-modifying code and
 * changed mappings are safe, since it is the bytes and the mode that must match.
 */
int insn_decode_cached(struct insn_cache *cache, const uint8_t *bytes, size_t len,
                       const struct insn_state *state, const struct insn **out);

/*
 * Executes what insn_decode made, once, or one element of it if repeated. Segment limits and types,
 * canonical addresses and alignment (CR0.AM) are checked; paging and the fetch are not.
 * Returns INSN_OK, INSN_REPEAT, INSN_FAULT with *fault filled, INSN_NOT_EMULATED, or a positive
 * code of the bus. State changes only with INSN_OK and INSN_REPEAT. RFLAGS.RF is cleared with
 * INSN_OK; a single-step trap (RFLAGS.TF) and the end of an STI or MOV SS shadow are the caller's.
 * Flags that the SDM calls undefined: AF is cleared by logic operations and shifts; OF and CF after
 * a shift or rotate by more than one follow the formula for one; IMUL keeps SF, ZF, AF and PF; BT,
 * BTS, BTR and BTC keep OF, SF, AF and PF.
 */
int insn_execute(const struct insn *insn, struct insn_state *state, const struct insn_bus *bus,
                 struct insn_fault *fault);
