/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the bytes of an instruction. After an error nothing more is read and all values are zero,
 * so that the decoder checks for errors at a few points instead of after each byte.
 */
#include "vmm/insn/decoder.h"

#include "vmm/insn/alu.h"

#define BITS_PER_BYTE 8u

/* Written out, so that the compiler makes one load of it. */
static uint64_t dword(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint64_t decoder_fetch(struct decoder *d, size_t count)
{
    const uint8_t *bytes = d->bytes + d->at;

    if (count > d->end - d->at) {
        d->error = d->end_error;
        d->at = d->end;
        return 0;
    }
    d->at += count;
    switch (count) {
    case 1:
        return bytes[0];
    case 2:
        return (uint64_t)bytes[0] | (uint64_t)bytes[1] << BITS_PER_BYTE;
    case 4:
        return dword(bytes);
    default:
        return dword(bytes) | dword(bytes + 4) << (4 * BITS_PER_BYTE);
    }
}

uint64_t decoder_fetch_signed(struct decoder *d, size_t count)
{
    return alu_sign_extend(decoder_fetch(d, count), (unsigned)count);
}
