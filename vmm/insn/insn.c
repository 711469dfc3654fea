/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the registers say about a virtual CPU: mode, privilege level, and where it fetches from.
 * SDM volume 3, "Modes of Operation", "Guest Register State".
 */
#include "vmm/insn/insn.h"

#include "vmm/insn/x86.h"

enum insn_mode insn_mode(const struct insn_state *state)
{
    uint32_t cs = state->seg[INSN_CS].ar;

    if ((state->cr0 & X86_CR0_PE) == 0)
        return INSN_MODE_REAL;
    if ((state->efer & X86_EFER_LMA) != 0 && (cs & X86_AR_LONG) != 0)
        return INSN_MODE_64;
    if ((state->efer & X86_EFER_LMA) == 0 && (state->rflags & X86_RFLAGS_VM) != 0)
        return INSN_MODE_VIRTUAL_8086;
    return (cs & X86_AR_DB) != 0 ? INSN_MODE_32 : INSN_MODE_16;
}

unsigned insn_cpl(const struct insn_state *state)
{
    return (state->seg[INSN_SS].ar >> X86_AR_DPL_SHIFT) & X86_AR_DPL_MASK;
}

uint64_t insn_fetch_address(const struct insn_state *state)
{
    if (insn_mode(state) == INSN_MODE_64)
        return state->rip;
    return (uint32_t)(state->seg[INSN_CS].base + state->rip);
}
