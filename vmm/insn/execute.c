/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries out a decoded instruction. Each function computes first, then writes memory, which is the
 * last step that can fail, and only then registers and flags: so a fault leaves the state as it
 * was. Operations with one result go through alu.c; the table at the end names the others. SDM
 * volume 2, the "Operation" section of each instruction.
 */
#include "vmm/insn/insn.h"

#include <stddef.h>

#include "vmm/insn/alu.h"
#include "vmm/insn/gpr.h"
#include "vmm/insn/memory.h"
#include "vmm/insn/string_op.h"
#include "vmm/insn/x86.h"

#define BITS_PER_BYTE 8u
#define DWORD         4u
#define DWORD_BITS    32u

typedef int execute_function(const struct memory_view *view);

/* With a bit offset in a register, the bit may lie anywhere around the memory operand. */
static uint64_t bit_string_offset(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    unsigned log2_bits = 4; /* BT and its kin have no byte form: 16, 32 or 64 bits */
    uint64_t bit;

    while ((BITS_PER_BYTE * insn->size) >> log2_bits > 1)
        log2_bits++;
    bit = alu_sign_extend(gpr_read(view->state, &insn->source), insn->size);
    return alu_shift_right_signed(bit, log2_bits) * insn->size;
}

static int locate_memory(const struct memory_view *view, unsigned size, enum address_access access,
                         uint64_t *linear)
{
    const struct insn *insn = view->insn;
    uint64_t offset = address_effective(insn, view->state);

    if (insn->op >= INSN_OP_BT && insn->op <= INSN_OP_BTC &&
        insn->source.kind == INSN_OPERAND_REGISTER)
        offset = address_wrap(offset + bit_string_offset(view), insn->address);
    return memory_locate(view, insn->memory.segment, offset, size, access, linear);
}

/* The linear address of operand, if it is in memory. */
static inline int locate(const struct memory_view *view, const struct insn_operand *operand,
                         enum address_access access, uint64_t *linear)
{
    *linear = 0;
    if (operand->kind != INSN_OPERAND_MEMORY)
        return INSN_OK;
    return locate_memory(view, operand->size, access, linear);
}

static int load_at(const struct memory_view *view, const struct insn_operand *operand,
                   uint64_t linear, uint64_t *value)
{
    switch (operand->kind) {
    case INSN_OPERAND_MEMORY:
        return memory_read(view, linear, operand->size, value);
    case INSN_OPERAND_REGISTER:
        *value = gpr_read(view->state, operand);
        return INSN_OK;
    case INSN_OPERAND_IMMEDIATE:
        *value = alu_truncate(view->insn->immediate, operand->size);
        return INSN_OK;
    default:
        *value = 0;
        return INSN_OK;
    }
}

static int load(const struct memory_view *view, const struct insn_operand *operand, uint64_t *value)
{
    uint64_t linear;
    int status = locate(view, operand, ADDRESS_READ, &linear);

    return status != INSN_OK ? status : load_at(view, operand, linear, value);
}

static int store_at(const struct memory_view *view, const struct insn_operand *operand,
                    uint64_t linear, uint64_t value)
{
    if (operand->kind == INSN_OPERAND_MEMORY)
        return memory_write(view, linear, operand->size, value);
    gpr_write(view->state, operand, value);
    return INSN_OK;
}

/* The destination's value, when it will be written as well. */
static int load_to_modify(const struct memory_view *view, uint64_t *linear, uint64_t *value)
{
    const struct insn_operand *destination = &view->insn->destination;
    int status = locate(view, destination, ADDRESS_WRITE, linear);

    if (status == INSN_OK && destination->kind == INSN_OPERAND_MEMORY)
        status = memory_check_write(view, *linear, destination->size);
    return status != INSN_OK ? status : load_at(view, destination, *linear, value);
}

static int retire(const struct memory_view *view)
{
    gpr_retire(view->state, view->insn);
    return INSN_OK;
}

static int load_destination(const struct memory_view *view, const struct alu_operation *operation,
                            uint64_t *linear, uint64_t *value)
{
    const struct insn_operand *destination = &view->insn->destination;

    *value = 0;
    if (!operation->writes_destination)
        return load(view, destination, value);
    if (operation->reads_destination)
        return load_to_modify(view, linear, value);
    return locate(view, destination, ADDRESS_WRITE, linear);
}

static int execute_alu(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    const struct alu_operation *operation = alu_operation(insn->op);
    uint64_t rflags = view->state->rflags;
    uint64_t linear = 0;
    uint64_t destination;
    uint64_t source;
    uint64_t result;
    int status = load(view, &insn->source, &source);

    if (status == INSN_OK)
        status = load_destination(view, operation, &linear, &destination);
    if (status != INSN_OK)
        return status;
    if (insn->op == INSN_OP_MOVSX)
        source = alu_sign_extend(source, insn->source.size);
    result = operation->function(destination, source, insn->size, &rflags);
    if (operation->writes_destination)
        status = store_at(view, &insn->destination, linear, result);
    if (status != INSN_OK)
        return status;
    view->state->rflags = rflags;
    return retire(view);
}

static int execute_imul3(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    uint64_t source;
    int status = load(view, &insn->source, &source);

    if (status != INSN_OK)
        return status;
    gpr_write(view->state, &insn->destination,
              alu_imul(source, alu_truncate(insn->immediate, insn->size), insn->size,
                       &view->state->rflags));
    return retire(view);
}

static int execute_setcc(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    bool holds = alu_condition(insn->condition, view->state->rflags);
    uint64_t linear;
    int status = locate(view, &insn->destination, ADDRESS_WRITE, &linear);

    if (status == INSN_OK)
        status = store_at(view, &insn->destination, linear, holds ? 1 : 0);
    return status != INSN_OK ? status : retire(view);
}

/* The source is read in any case, and the upper half of a 32-bit destination cleared in any case.
 */
static int execute_cmovcc(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    uint64_t value;
    int status = load(view, &insn->source, &value);

    if (status != INSN_OK)
        return status;
    if (!alu_condition(insn->condition, view->state->rflags))
        value = gpr_read(view->state, &insn->destination);
    gpr_write(view->state, &insn->destination, value);
    return retire(view);
}

static int execute_xchg(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    uint64_t linear;
    uint64_t old;
    int status = load_to_modify(view, &linear, &old);

    if (status == INSN_OK)
        status = store_at(view, &insn->destination, linear, gpr_read(view->state, &insn->source));
    if (status != INSN_OK)
        return status;
    gpr_write(view->state, &insn->source, old);
    return retire(view);
}

static int execute_xadd(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    uint64_t rflags = view->state->rflags;
    uint64_t linear;
    uint64_t old;
    uint64_t sum;
    int status = load_to_modify(view, &linear, &old);

    if (status != INSN_OK)
        return status;
    sum = alu_add(old, gpr_read(view->state, &insn->source), insn->size, &rflags);
    if (insn->destination.kind == INSN_OPERAND_MEMORY)
        status = memory_write(view, linear, insn->size, sum);
    if (status != INSN_OK)
        return status;
    gpr_write(view->state, &insn->source, old);
    /* After the source: with one register in both places the sum stays. */
    if (insn->destination.kind == INSN_OPERAND_REGISTER)
        gpr_write(view->state, &insn->destination, sum);
    view->state->rflags = rflags;
    return retire(view);
}

/*
 * Memory is written in any case, with its old value if the comparison fails. A register is not: the
 * upper half of one that is compared as 32 bits survives a failure.
 */
static int execute_cmpxchg(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    uint64_t rflags = view->state->rflags;
    uint64_t linear;
    uint64_t old;
    bool equal;
    int status = load_to_modify(view, &linear, &old);

    if (status != INSN_OK)
        return status;
    (void)alu_sub(gpr_read_sized(view->state, INSN_RAX, insn->size), old, insn->size, &rflags);
    equal = (rflags & X86_RFLAGS_ZF) != 0;
    if (equal || insn->destination.kind == INSN_OPERAND_MEMORY)
        status = store_at(view, &insn->destination, linear,
                          equal ? gpr_read(view->state, &insn->source) : old);
    if (status != INSN_OK)
        return status;
    if (!equal)
        gpr_write_sized(view->state, INSN_RAX, insn->size, old);
    view->state->rflags = rflags;
    return retire(view);
}

static uint64_t register_pair(const struct insn_state *state, unsigned high, unsigned low)
{
    return (gpr_read_sized(state, high, DWORD) << DWORD_BITS) | gpr_read_sized(state, low, DWORD);
}

static int execute_cmpxchg8b(const struct memory_view *view)
{
    struct insn_state *state = view->state;
    uint64_t linear;
    uint64_t old;
    bool equal;
    int status = load_to_modify(view, &linear, &old);

    if (status != INSN_OK)
        return status;
    equal = old == register_pair(state, INSN_RDX, INSN_RAX);
    status = store_at(view, &view->insn->destination, linear,
                      equal ? register_pair(state, INSN_RCX, INSN_RBX) : old);
    if (status != INSN_OK)
        return status;
    if (equal) {
        state->rflags |= X86_RFLAGS_ZF;
    } else {
        state->rflags &= ~X86_RFLAGS_ZF;
        gpr_write_sized(state, INSN_RAX, DWORD, old);
        gpr_write_sized(state, INSN_RDX, DWORD, old >> DWORD_BITS);
    }
    return retire(view);
}

static int execute_push(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    unsigned stack = address_stack_size(view->state, insn->mode);
    uint64_t top = address_wrap(view->state->gpr[INSN_RSP] - insn->size, stack);
    uint64_t linear;
    uint64_t value;
    int status = load(view, &insn->destination, &value);

    if (status == INSN_OK)
        status = memory_locate(view, INSN_SS, top, insn->size, ADDRESS_WRITE, &linear);
    if (status == INSN_OK)
        status = memory_write(view, linear, insn->size, value);
    if (status != INSN_OK)
        return status;
    gpr_write_sized(view->state, INSN_RSP, stack, top);
    return retire(view);
}

static int execute_pop(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    unsigned stack = address_stack_size(view->state, insn->mode);
    uint64_t rsp = view->state->gpr[INSN_RSP];
    uint64_t top = address_wrap(rsp, stack);
    uint64_t linear;
    uint64_t value;
    int status = memory_locate(view, INSN_SS, top, insn->size, ADDRESS_READ, &linear);

    if (status == INSN_OK)
        status = memory_read(view, linear, insn->size, &value);
    if (status != INSN_OK)
        return status;
    /* An address based on rSP is made from its incremented value. */
    gpr_write_sized(view->state, INSN_RSP, stack, top + insn->size);
    status = locate(view, &insn->destination, ADDRESS_WRITE, &linear);
    if (status == INSN_OK)
        status = store_at(view, &insn->destination, linear, value);
    if (status != INSN_OK) {
        view->state->gpr[INSN_RSP] = rsp;
        return status;
    }
    return retire(view);
}

static execute_function *const special[INSN_OP_COUNT] = {
    [INSN_OP_IMUL3] = execute_imul3,
    [INSN_OP_SETCC] = execute_setcc,
    [INSN_OP_CMOVCC] = execute_cmovcc,
    [INSN_OP_XCHG] = execute_xchg,
    [INSN_OP_XADD] = execute_xadd,
    [INSN_OP_CMPXCHG] = execute_cmpxchg,
    [INSN_OP_CMPXCHG8B] = execute_cmpxchg8b,
    [INSN_OP_PUSH] = execute_push,
    [INSN_OP_POP] = execute_pop,
    [INSN_OP_MOVS] = string_op_execute,
    [INSN_OP_CMPS] = string_op_execute,
    [INSN_OP_STOS] = string_op_execute,
    [INSN_OP_LODS] = string_op_execute,
    [INSN_OP_SCAS] = string_op_execute,
};

int insn_execute(const struct insn *insn, struct insn_state *state, const struct insn_bus *bus,
                 struct insn_fault *fault)
{
    const struct memory_view view = {insn, state, bus, fault};

    if (alu_operation(insn->op)->function != NULL)
        return execute_alu(&view);
    if (insn->op < INSN_OP_COUNT && special[insn->op] != NULL)
        return special[insn->op](&view);
    return INSN_NOT_EMULATED;
}
