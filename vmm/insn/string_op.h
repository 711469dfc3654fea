/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOVS, CMPS, STOS, LODS and SCAS, one element at a time. Internal to vmm/insn.
 */
#pragma once

#include "vmm/insn/memory.h"

/*
 * Moves or compares one element, advances the index registers and, with a repeat prefix, the count.
 * Returns as insn_execute does: INSN_REPEAT while elements are left.
 */
int string_op_execute(const struct memory_view *view);
