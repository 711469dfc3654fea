/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder's working state and its only way to the bytes: decoder_fetch() keeps both the end of
 * the buffer and the 15-byte limit. Internal to vmm/insn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/insn/insn.h"

#define REX_B 0x1u
#define REX_X 0x2u
#define REX_R 0x4u
#define REX_W 0x8u

#define MODRM_MOD_REGISTER 3u /* ModRM.mod: the operand in ModRM.rm is a register */

#define DECODER_NO_SEGMENT 0xFFu /* no override prefix */

struct decoder {
    const uint8_t *bytes;
    size_t end; /* of what may be read */
    size_t at;
    int error;     /* the first one, or INSN_OK */
    int end_error; /* what reading past the end means */
    struct insn *out;
    uint8_t rex;
    uint8_t modrm;
    uint8_t segment; /* override, or DECODER_NO_SEGMENT */
    bool operand_size_prefix;
    bool address_size_prefix;
};

/* The next count bytes (1, 2, 4 or 8), least significant first; 0, with error set, behind the end.
 */
uint64_t decoder_fetch(struct decoder *d, size_t count);

/* The same, sign-extended to 64 bits. */
uint64_t decoder_fetch_signed(struct decoder *d, size_t count);

/* Whether the processor is in 64-bit mode. */
static inline bool decoder_64_bit(const struct decoder *d)
{
    return d->out->mode == INSN_MODE_64;
}
