/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Effective and linear addresses with the checks that hardware makes before paging. Segment
 * registers are taken as the VMCS holds them, so that "unreal" limits behave as they do on a
 * processor.
 */
#include "vmm/insn/address.h"

#include "vmm/insn/alu.h"
#include "vmm/insn/x86.h"

uint64_t address_wrap(uint64_t offset, unsigned address_size)
{
    return alu_truncate(offset, address_size);
}

uint64_t address_effective(const struct insn *insn, const struct insn_state *state)
{
    const struct insn_memory *memory = &insn->memory;
    uint64_t offset = memory->displacement;

    if (memory->base < INSN_GPR_COUNT)
        offset += state->gpr[memory->base];
    else if (memory->base == INSN_RIP)
        offset += state->rip + insn->length;
    if (memory->index < INSN_GPR_COUNT)
        offset += state->gpr[memory->index] << memory->shift;
    return address_wrap(offset, insn->address);
}

unsigned address_stack_size(const struct insn_state *state, unsigned mode)
{
    if (mode == INSN_MODE_64)
        return 8;
    return (state->seg[INSN_SS].ar & X86_AR_DB) != 0 ? 4 : 2;
}

static int fault_with(struct insn_fault *fault, unsigned mode, uint8_t vector)
{
    *fault = (struct insn_fault){vector, mode != INSN_MODE_REAL, 0};
    return INSN_FAULT;
}

static bool canonical(const struct insn_state *state, uint64_t address)
{
    unsigned bits =
        (state->cr4 & X86_CR4_LA57) != 0 ? X86_LINEAR_BITS_5_LEVEL : X86_LINEAR_BITS_4_LEVEL;
    uint64_t upper = alu_shift_right_signed(address, bits - 1);

    return upper == 0 || upper == UINT64_MAX;
}

/* Whether the type of a segment allows the access. Real and virtual-8086 mode have no types. */
static bool type_allows(const struct insn_seg *seg, enum address_access access)
{
    if ((seg->ar & X86_AR_UNUSABLE) != 0)
        return false;
    if ((seg->ar & X86_AR_CODE) != 0)
        return access == ADDRESS_READ && (seg->ar & X86_AR_READABLE) != 0;
    return access == ADDRESS_READ || (seg->ar & X86_AR_WRITABLE) != 0;
}

static bool limit_allows(const struct insn_seg *seg, bool typed, uint64_t offset, unsigned size)
{
    uint64_t last = offset + size - 1;
    uint64_t top = (seg->ar & X86_AR_DB) != 0 ? UINT32_MAX : UINT16_MAX;

    if (typed && (seg->ar & X86_AR_CODE) == 0 && (seg->ar & X86_AR_EXPAND_DOWN) != 0)
        return offset > seg->limit && last <= top;
    return last <= seg->limit;
}

static bool misaligned(const struct insn_state *state, uint64_t linear, unsigned size)
{
    return (linear & (size - 1)) != 0 && (state->cr0 & X86_CR0_AM) != 0 &&
           (state->rflags & X86_RFLAGS_AC) != 0 && insn_cpl(state) == X86_USER_CPL;
}

static bool linear_64(const struct insn_state *state, unsigned segment, uint64_t offset,
                      unsigned size, uint64_t *linear)
{
    bool has_base = segment == INSN_FS || segment == INSN_GS;

    *linear = offset + (has_base ? state->seg[segment].base : 0);
    return canonical(state, *linear) && canonical(state, *linear + size - 1);
}

static bool linear_32(const struct insn_state *state, unsigned mode, unsigned segment,
                      uint64_t offset, unsigned size, enum address_access access, uint64_t *linear)
{
    const struct insn_seg *seg = &state->seg[segment];
    bool typed = mode == INSN_MODE_16 || mode == INSN_MODE_32;

    *linear = (uint32_t)(seg->base + offset);
    return (!typed || type_allows(seg, access)) && limit_allows(seg, typed, offset, size);
}

int address_linear(const struct insn_state *state, unsigned mode, unsigned segment, uint64_t offset,
                   unsigned size, enum address_access access, uint64_t *linear,
                   struct insn_fault *fault)
{
    bool allowed = mode == INSN_MODE_64
                       ? linear_64(state, segment, offset, size, linear)
                       : linear_32(state, mode, segment, offset, size, access, linear);

    if (!allowed)
        return fault_with(fault, mode, segment == INSN_SS ? X86_VECTOR_SS : X86_VECTOR_GP);
    if (misaligned(state, *linear, size))
        return fault_with(fault, mode, X86_VECTOR_AC);
    return INSN_OK;
}
