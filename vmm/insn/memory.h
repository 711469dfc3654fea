/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the execution of one instruction has in hand, and its way to memory: first the linear
 * address with all checks, then the bus. Internal to vmm/insn.
 */
#pragma once

#include <stdint.h>

#include "vmm/insn/address.h"
#include "vmm/insn/insn.h"

struct memory_view {
    const struct insn *insn;
    struct insn_state *state;
    const struct insn_bus *bus;
    struct insn_fault *fault;
};

/* address_linear for the instruction at hand. */
int memory_locate(const struct memory_view *view, unsigned segment, uint64_t offset, unsigned size,
                  enum address_access access, uint64_t *linear);

/* 0 and *value, zero-extended, or what the bus said. */
int memory_read(const struct memory_view *view, uint64_t linear, unsigned size, uint64_t *value);

/* 0, or what the bus said. */
int memory_write(const struct memory_view *view, uint64_t linear, unsigned size, uint64_t value);

/* 0 if a write would succeed or the bus cannot tell. */
int memory_check_write(const struct memory_view *view, uint64_t linear, unsigned size);
