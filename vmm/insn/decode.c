/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bytes to struct insn: prefixes, opcode, ModRM, SIB, displacement, immediate, in the order in
 * which they stand in memory. What an opcode means comes from table.c: here is only how each form
 * of operands is read, and which combinations of opcode and prefix the processor refuses. SDM
 * volume 2, "Instruction Format".
 */
#include "vmm/insn/insn.h"

#include "vmm/insn/decoder.h"
#include "vmm/insn/modrm.h"
#include "vmm/insn/table.h"

#define HIGH_BYTES 4u /* AH to BH are numbered from 4 when there is no REX */

/* Where an operand of a form is found. */
enum place {
    AT_NOWHERE,
    AT_RM,
    AT_RM_8,
    AT_RM_16,
    AT_RM_32,
    AT_REG,
    AT_ACCUMULATOR,
    AT_CL,
    AT_MOFFS,
    AT_IMMEDIATE,
    AT_IMMEDIATE_8,
    AT_ONE,
};

struct form {
    bool has_modrm;
    uint8_t destination;
    uint8_t source;
    uint8_t extra;
};

static const struct form forms[FORM_COUNT] = {
    [FORM_RM_R] = {true, AT_RM, AT_REG, AT_NOWHERE},
    [FORM_R_RM] = {true, AT_REG, AT_RM, AT_NOWHERE},
    [FORM_RM_IMM] = {true, AT_RM, AT_IMMEDIATE, AT_NOWHERE},
    [FORM_RM_IMM8] = {true, AT_RM, AT_IMMEDIATE_8, AT_NOWHERE},
    [FORM_RM_ONE] = {true, AT_RM, AT_ONE, AT_NOWHERE},
    [FORM_RM_CL] = {true, AT_RM, AT_CL, AT_NOWHERE},
    [FORM_RM] = {true, AT_RM, AT_NOWHERE, AT_NOWHERE},
    [FORM_M64] = {true, AT_RM, AT_NOWHERE, AT_NOWHERE},
    [FORM_ACC_IMM] = {false, AT_ACCUMULATOR, AT_IMMEDIATE, AT_NOWHERE},
    [FORM_ACC_MOFFS] = {false, AT_ACCUMULATOR, AT_MOFFS, AT_NOWHERE},
    [FORM_MOFFS_ACC] = {false, AT_MOFFS, AT_ACCUMULATOR, AT_NOWHERE},
    [FORM_R_RM8] = {true, AT_REG, AT_RM_8, AT_NOWHERE},
    [FORM_R_RM16] = {true, AT_REG, AT_RM_16, AT_NOWHERE},
    [FORM_R_RM32] = {true, AT_REG, AT_RM_32, AT_NOWHERE},
    [FORM_R_RM_IMM] = {true, AT_REG, AT_RM, AT_IMMEDIATE},
    [FORM_R_RM_IMM8] = {true, AT_REG, AT_RM, AT_IMMEDIATE_8},
    [FORM_STRING] = {false, AT_NOWHERE, AT_NOWHERE, AT_NOWHERE},
};

static void apply_prefix(struct decoder *d, enum table_prefix prefix, uint8_t byte)
{
    switch (prefix) {
    case PREFIX_SEGMENT:
        /* In 64-bit mode these four are ignored; FS and GS are not. */
        if (!decoder_64_bit(d))
            d->segment = (byte >> 3) & 3;
        break;
    case PREFIX_FS:
        d->segment = INSN_FS;
        break;
    case PREFIX_GS:
        d->segment = INSN_GS;
        break;
    case PREFIX_OPERAND_SIZE:
        d->operand_size_prefix = true;
        break;
    case PREFIX_ADDRESS_SIZE:
        d->address_size_prefix = true;
        break;
    case PREFIX_LOCK:
        d->out->lock = true;
        break;
    case PREFIX_REPNE:
        d->out->repeat = INSN_REPEAT_REPNE;
        break;
    case PREFIX_REP:
        d->out->repeat = INSN_REPEAT_REP;
        break;
    }
}

/* Prefixes and opcode. A REX counts only right before the opcode. */
static const struct table_opcode *read_opcode(struct decoder *d)
{
    enum table_map map = MAP_PRIMARY;

    while (d->error == INSN_OK) {
        uint8_t byte = (uint8_t)decoder_fetch(d, 1);
        const struct table_opcode *entry = table_opcode(map, byte);

        if (entry->form == FORM_PREFIX) {
            d->rex = 0;
            apply_prefix(d, entry->op, byte);
        } else if (entry->form == FORM_REX && decoder_64_bit(d)) {
            d->rex = byte;
        } else if (entry->form == FORM_ESCAPE) {
            map = entry->op;
        } else {
            d->out->condition = byte & 0xF;
            return entry;
        }
    }
    return NULL;
}

static uint8_t operand_size(const struct decoder *d, unsigned attributes)
{
    if ((attributes & OPCODE_BYTE) != 0)
        return 1;
    if (decoder_64_bit(d)) {
        if ((d->rex & REX_W) != 0)
            return 8;
        if (d->operand_size_prefix)
            return 2;
        return (attributes & OPCODE_STACK) != 0 ? 8 : 4;
    }
    return (d->out->mode == INSN_MODE_32) != d->operand_size_prefix ? 4 : 2;
}

static uint8_t address_size(const struct decoder *d)
{
    if (decoder_64_bit(d))
        return d->address_size_prefix ? 4 : 8;
    return (d->out->mode == INSN_MODE_32) != d->address_size_prefix ? 4 : 2;
}

static struct insn_operand register_operand(const struct decoder *d, unsigned number, uint8_t size)
{
    bool high = size == 1 && d->rex == 0 && number >= HIGH_BYTES;

    if (high)
        number -= HIGH_BYTES;
    return (struct insn_operand){INSN_OPERAND_REGISTER, size, (uint8_t)number, high};
}

static struct insn_operand rm_operand(const struct decoder *d, uint8_t size)
{
    if (modrm_mod(d) != MODRM_MOD_REGISTER)
        return (struct insn_operand){INSN_OPERAND_MEMORY, size, 0, false};
    return register_operand(d, modrm_rm(d) | ((d->rex & REX_B) != 0 ? 8u : 0u), size);
}

static struct insn_operand immediate_operand(struct decoder *d, uint64_t value)
{
    d->out->immediate = value;
    return (struct insn_operand){INSN_OPERAND_IMMEDIATE, d->out->size, 0, false};
}

static struct insn_operand moffs_operand(struct decoder *d)
{
    uint8_t segment = d->segment != DECODER_NO_SEGMENT ? d->segment : INSN_DS;
    uint64_t displacement = decoder_fetch(d, d->out->address);

    d->out->memory =
        (struct insn_memory){displacement, INSN_NO_REGISTER, INSN_NO_REGISTER, 0, segment};
    return (struct insn_operand){INSN_OPERAND_MEMORY, d->out->size, 0, false};
}

static struct insn_operand read_operand(struct decoder *d, enum place place)
{
    uint8_t size = d->out->size;

    switch (place) {
    case AT_RM:
        return rm_operand(d, size);
    case AT_RM_8:
        return rm_operand(d, 1);
    case AT_RM_16:
        return rm_operand(d, 2);
    case AT_RM_32:
        return rm_operand(d, size < 4 ? size : 4);
    case AT_REG:
        return register_operand(d, modrm_reg(d) | ((d->rex & REX_R) != 0 ? 8u : 0u), size);
    case AT_ACCUMULATOR:
        return (struct insn_operand){INSN_OPERAND_REGISTER, size, INSN_RAX, false};
    case AT_CL:
        return (struct insn_operand){INSN_OPERAND_REGISTER, 1, INSN_RCX, false};
    case AT_MOFFS:
        return moffs_operand(d);
    case AT_IMMEDIATE:
        return immediate_operand(d, decoder_fetch_signed(d, size < 4 ? size : 4));
    case AT_IMMEDIATE_8:
        return immediate_operand(d, decoder_fetch_signed(d, 1));
    case AT_ONE:
        return immediate_operand(d, 1);
    default:
        return (struct insn_operand){INSN_OPERAND_NONE, 0, 0, false};
    }
}

/* Whether this opcode, with the prefixes and the ModRM that it has, is one that is emulated. */
static int check_opcode(const struct decoder *d, enum table_form form, unsigned attributes)
{
    if (form == FORM_INVALID)
        return INSN_INVALID;
    if (form <= FORM_INHERIT)
        return INSN_NOT_EMULATED;
    if ((attributes & OPCODE_ONLY_64) != 0 && !decoder_64_bit(d))
        return INSN_NOT_EMULATED;
    if ((attributes & OPCODE_INVALID_64) != 0 && decoder_64_bit(d))
        return INSN_INVALID;
    if ((attributes & OPCODE_PLAIN_ONLY) != 0 && d->out->repeat != INSN_REPEAT_NONE)
        return INSN_NOT_EMULATED;
    if ((attributes & OPCODE_NOT_16) != 0 && d->operand_size_prefix)
        return INSN_INVALID;
    if ((attributes & OPCODE_MEMORY) != 0 && modrm_mod(d) == MODRM_MOD_REGISTER)
        return INSN_INVALID;
    if (form == FORM_M64 && (d->rex & REX_W) != 0)
        return INSN_NOT_EMULATED; /* CMPXCHG16B */
    return INSN_OK;
}

static void read_operands(struct decoder *d, const struct form *form)
{
    if (form->has_modrm)
        modrm_read_memory(d);
    d->out->destination = read_operand(d, form->destination);
    d->out->source = read_operand(d, form->source);
    if (form->extra != AT_NOWHERE)
        (void)read_operand(d, form->extra);
}

static int decode(struct decoder *d)
{
    const struct table_opcode *entry = read_opcode(d);
    enum table_form form;
    unsigned attributes;

    if (d->error != INSN_OK)
        return d->error;
    form = entry->form;
    attributes = entry->attributes;
    if (forms[form].has_modrm)
        d->modrm = (uint8_t)decoder_fetch(d, 1);
    if ((attributes & OPCODE_GROUP) != 0) {
        entry = table_group(entry->op, modrm_reg(d));
        attributes |= entry->attributes;
        if (entry->form != FORM_INHERIT)
            form = entry->form;
    }
    if (d->error == INSN_OK)
        d->error = check_opcode(d, form, attributes);
    if (d->error != INSN_OK)
        return d->error;

    d->out->op = entry->op;
    d->out->size = form == FORM_M64 ? 8 : operand_size(d, attributes);
    d->out->address = address_size(d);
    if (form == FORM_STRING)
        d->out->memory.segment = d->segment != DECODER_NO_SEGMENT ? d->segment : INSN_DS;
    read_operands(d, &forms[form]);
    d->out->length = (uint8_t)d->at;
    if (d->error == INSN_OK && d->out->lock &&
        ((attributes & OPCODE_LOCK) == 0 || d->out->destination.kind != INSN_OPERAND_MEMORY))
        d->error = INSN_INVALID;
    return d->error;
}

int insn_decode(struct insn *out, const uint8_t *bytes, size_t len, const struct insn_state *state)
{
    bool whole = len >= INSN_MAX_LENGTH;
    struct decoder d = {
        .bytes = bytes,
        .end = whole ? INSN_MAX_LENGTH : len,
        .error = INSN_OK,
        .end_error = whole ? INSN_TOO_LONG : INSN_TRUNCATED,
        .out = out,
        .segment = DECODER_NO_SEGMENT,
    };

    *out = (struct insn){.mode = (uint8_t)insn_mode(state)};
    return decode(&d);
}
