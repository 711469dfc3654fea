/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From ModRM, SIB and displacement to the parts of an address: base, index, scale, segment. The
 * 16-bit forms are a table; the 32- and 64-bit ones share their rules and differ in RIP-relative
 * addresses. SDM volume 2, "Addressing-Mode Encoding of ModR/M and SIB Bytes".
 */
#include "vmm/insn/modrm.h"

#define RM_SIB            4u /* ModRM.rm: a SIB byte follows; SIB.index: no index */
#define RM_DISPLACEMENT   5u /* with mod 0, ModRM.rm and SIB.base: displacement without a base */
#define RM16_DISPLACEMENT 6u /* the same for 16-bit addresses */

/* SDM volume 2, "16-Bit Addressing Forms with the ModR/M Byte": base, index, segment by ModRM.rm.
 */
static const struct insn_memory forms_16[] = {
    {0, INSN_RBX, INSN_RSI, 0, INSN_DS},         {0, INSN_RBX, INSN_RDI, 0, INSN_DS},
    {0, INSN_RBP, INSN_RSI, 0, INSN_SS},         {0, INSN_RBP, INSN_RDI, 0, INSN_SS},
    {0, INSN_RSI, INSN_NO_REGISTER, 0, INSN_DS}, {0, INSN_RDI, INSN_NO_REGISTER, 0, INSN_DS},
    {0, INSN_RBP, INSN_NO_REGISTER, 0, INSN_SS}, {0, INSN_RBX, INSN_NO_REGISTER, 0, INSN_DS},
};

static void read_memory_16(struct decoder *d)
{
    struct insn_memory *memory = &d->out->memory;

    *memory = forms_16[modrm_rm(d)];
    if (modrm_mod(d) == 0 && modrm_rm(d) == RM16_DISPLACEMENT) {
        memory->base = INSN_NO_REGISTER;
        memory->segment = INSN_DS;
        memory->displacement = decoder_fetch_signed(d, 2);
    } else if (modrm_mod(d) != 0) {
        memory->displacement = decoder_fetch_signed(d, modrm_mod(d));
    }
}

/* The base that ModRM.rm or SIB.base name, and whether a displacement takes its place. */
static bool set_base(struct decoder *d, unsigned number)
{
    struct insn_memory *memory = &d->out->memory;

    if (number == RM_DISPLACEMENT && modrm_mod(d) == 0) {
        memory->base = INSN_NO_REGISTER;
        return true;
    }
    /* Only rSP and rBP imply SS, R12 and R13 do not. */
    memory->base = (uint8_t)(number | ((d->rex & REX_B) != 0 ? 8u : 0u));
    if (memory->base == INSN_RSP || memory->base == INSN_RBP)
        memory->segment = INSN_SS;
    return false;
}

static bool read_sib(struct decoder *d)
{
    struct insn_memory *memory = &d->out->memory;
    uint8_t sib = (uint8_t)decoder_fetch(d, 1);
    unsigned index = ((sib >> 3) & 7u) | ((d->rex & REX_X) != 0 ? 8u : 0u);

    if (index != RM_SIB) {
        memory->index = (uint8_t)index;
        memory->shift = sib >> 6;
    }
    return set_base(d, sib & 7u);
}

static void read_memory_32_64(struct decoder *d)
{
    struct insn_memory *memory = &d->out->memory;
    bool only_displacement;

    *memory = (struct insn_memory){0, INSN_NO_REGISTER, INSN_NO_REGISTER, 0, INSN_DS};
    if (modrm_rm(d) == RM_SIB) {
        only_displacement = read_sib(d);
    } else {
        only_displacement = set_base(d, modrm_rm(d));
        if (only_displacement && decoder_64_bit(d))
            memory->base = INSN_RIP;
    }
    if (only_displacement || modrm_mod(d) == 2)
        memory->displacement = decoder_fetch_signed(d, 4);
    else if (modrm_mod(d) == 1)
        memory->displacement = decoder_fetch_signed(d, 1);
}

void modrm_read_memory(struct decoder *d)
{
    if (modrm_mod(d) == MODRM_MOD_REGISTER)
        return;
    if (d->out->address == 2)
        read_memory_16(d);
    else
        read_memory_32_64(d);
    if (d->segment != DECODER_NO_SEGMENT)
        d->out->memory.segment = d->segment;
}
