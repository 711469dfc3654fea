/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ModRM and SIB bytes: SDM volume 2, "ModR/M and SIB Bytes". Internal to vmm/insn.
 */
#pragma once

#include "vmm/insn/decoder.h"

/* The fields of d->modrm, without the bits that REX adds. */
static inline unsigned modrm_mod(const struct decoder *d)
{
    return d->modrm >> 6;
}

static inline unsigned modrm_reg(const struct decoder *d)
{
    return (d->modrm >> 3) & 7u;
}

static inline unsigned modrm_rm(const struct decoder *d)
{
    return d->modrm & 7u;
}

/*
 * Reads SIB and displacement, if ModRM names memory, and fills d->out->memory; the address size in
 * d->out->address is known already.
 */
void modrm_read_memory(struct decoder *d);
