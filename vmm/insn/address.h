/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a memory operand to a linear address: effective address, segmentation and its checks.
 * SDM volume 3, "Limit Checking", "Type Checking", "Canonical Addressing"; volume 1, "Specifying a
 * Segment Selector". Internal to vmm/insn.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/insn/insn.h"

enum address_access { ADDRESS_READ, ADDRESS_WRITE };

/* The offset that the memory operand of insn names, before segmentation, cut to the address size.
 */
uint64_t address_effective(const struct insn *insn, const struct insn_state *state);

/* Cuts an offset to an address size of 2, 4 or 8 bytes. */
uint64_t address_wrap(uint64_t offset, unsigned address_size);

/*
 * The linear address of size bytes at offset in segment (enum insn_segment), for the given access.
 * mode is enum insn_mode. Returns INSN_OK, or INSN_FAULT with *fault filled: #SS for the stack
 * segment, else #GP; #AC for a misaligned access at CPL 3 under CR0.AM and RFLAGS.AC.
 */
int address_linear(const struct insn_state *state, unsigned mode, unsigned segment, uint64_t offset,
                   unsigned size, enum address_access access, uint64_t *linear,
                   struct insn_fault *fault);

/* The address size of the stack, in bytes: SDM volume 1, "Address-Size Attribute for Stack". */
unsigned address_stack_size(const struct insn_state *state, unsigned mode);
