/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * General registers by size: a 4-byte write clears the upper half, 1- and 2-byte writes keep the
 * rest. SDM volume 1, "General-Purpose Registers in 64-Bit Mode". Internal to vmm/insn.
 */
#pragma once

#include <stdint.h>

#include "vmm/insn/insn.h"

/* The value of a register operand, zero-extended. */
uint64_t gpr_read(const struct insn_state *state, const struct insn_operand *operand);

/* Sets a register operand; value is cut to its size. */
void gpr_write(struct insn_state *state, const struct insn_operand *operand, uint64_t value);

/* The same for the low size bytes of a register given by its number. */
uint64_t gpr_read_sized(const struct insn_state *state, unsigned number, unsigned size);
void gpr_write_sized(struct insn_state *state, unsigned number, unsigned size, uint64_t value);

/* Moves rip behind the instruction and ends the suppression of instruction breakpoints (RF). */
void gpr_retire(struct insn_state *state, const struct insn *insn);
