/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to general registers and rip in the sizes that instructions name.
 */
#include "vmm/insn/gpr.h"

#include "vmm/insn/alu.h"
#include "vmm/insn/x86.h"

#define HIGH_BYTE_SHIFT 8

static unsigned shift_of(const struct insn_operand *operand)
{
    return operand->high ? HIGH_BYTE_SHIFT : 0;
}

uint64_t gpr_read(const struct insn_state *state, const struct insn_operand *operand)
{
    return alu_truncate(state->gpr[operand->reg] >> shift_of(operand), operand->size);
}

void gpr_write(struct insn_state *state, const struct insn_operand *operand, uint64_t value)
{
    uint64_t *gpr = &state->gpr[operand->reg];
    uint64_t mask = alu_truncate(UINT64_MAX, operand->size) << shift_of(operand);

    value = alu_truncate(value, operand->size);
    if (operand->size >= 4)
        *gpr = value;
    else
        *gpr = (*gpr & ~mask) | (value << shift_of(operand));
}

uint64_t gpr_read_sized(const struct insn_state *state, unsigned number, unsigned size)
{
    const struct insn_operand operand = {INSN_OPERAND_REGISTER, (uint8_t)size, (uint8_t)number,
                                         false};

    return gpr_read(state, &operand);
}

void gpr_write_sized(struct insn_state *state, unsigned number, unsigned size, uint64_t value)
{
    const struct insn_operand operand = {INSN_OPERAND_REGISTER, (uint8_t)size, (uint8_t)number,
                                         false};

    gpr_write(state, &operand, value);
}

void gpr_retire(struct insn_state *state, const struct insn *insn)
{
    uint64_t next = state->rip + insn->length;

    /* Outside 64-bit mode EIP is what counts. It is not cut to 16 bits: the limit of CS stops it.
     */
    state->rip = insn->mode == INSN_MODE_64 ? next : (uint32_t)next;
    state->rflags &= ~X86_RFLAGS_RF;
}
