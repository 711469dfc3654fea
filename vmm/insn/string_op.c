/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions. One element a call leaves the registers as an interrupt between two
 * iterations would find them, so the guest can be resumed, interrupted or faulted after each. SDM
 * volume 2, "REP/REPE/REPZ/REPNE/REPNZ", and the five instructions.
 */
#include "vmm/insn/string_op.h"

#include "vmm/insn/alu.h"
#include "vmm/insn/gpr.h"
#include "vmm/insn/x86.h"

typedef int element_function(const struct memory_view *view);

/* The source is at rSI in DS or an override; the destination at rDI in ES, always. */
static int locate_source(const struct memory_view *view, uint64_t *linear)
{
    uint64_t offset = gpr_read_sized(view->state, INSN_RSI, view->insn->address);

    return memory_locate(view, view->insn->memory.segment, offset, view->insn->size, ADDRESS_READ,
                         linear);
}

static int locate_destination(const struct memory_view *view, enum address_access access,
                              uint64_t *linear)
{
    uint64_t offset = gpr_read_sized(view->state, INSN_RDI, view->insn->address);

    return memory_locate(view, INSN_ES, offset, view->insn->size, access, linear);
}

static int read_source(const struct memory_view *view, uint64_t *value)
{
    uint64_t linear;
    int status = locate_source(view, &linear);

    return status != INSN_OK ? status : memory_read(view, linear, view->insn->size, value);
}

static int read_destination(const struct memory_view *view, uint64_t *value)
{
    uint64_t linear;
    int status = locate_destination(view, ADDRESS_READ, &linear);

    return status != INSN_OK ? status : memory_read(view, linear, view->insn->size, value);
}

static void advance(const struct memory_view *view, unsigned index)
{
    unsigned address = view->insn->address;
    uint64_t offset = gpr_read_sized(view->state, index, address);
    bool down = (view->state->rflags & X86_RFLAGS_DF) != 0;

    offset = down ? offset - view->insn->size : offset + view->insn->size;
    gpr_write_sized(view->state, index, address, offset);
}

static int movs(const struct memory_view *view)
{
    unsigned size = view->insn->size;
    uint64_t from;
    uint64_t to;
    uint64_t value;
    int status = locate_source(view, &from);

    if (status == INSN_OK)
        status = locate_destination(view, ADDRESS_WRITE, &to);
    if (status == INSN_OK)
        status = memory_check_write(view, to, size);
    if (status == INSN_OK)
        status = memory_read(view, from, size, &value);
    if (status == INSN_OK)
        status = memory_write(view, to, size, value);
    if (status != INSN_OK)
        return status;
    advance(view, INSN_RSI);
    advance(view, INSN_RDI);
    return INSN_OK;
}

static int cmps(const struct memory_view *view)
{
    uint64_t source;
    uint64_t destination;
    int status = read_source(view, &source);

    if (status == INSN_OK)
        status = read_destination(view, &destination);
    if (status != INSN_OK)
        return status;
    (void)alu_sub(source, destination, view->insn->size, &view->state->rflags);
    advance(view, INSN_RSI);
    advance(view, INSN_RDI);
    return INSN_OK;
}

static int stos(const struct memory_view *view)
{
    unsigned size = view->insn->size;
    uint64_t linear;
    int status = locate_destination(view, ADDRESS_WRITE, &linear);

    if (status == INSN_OK)
        status = memory_write(view, linear, size, gpr_read_sized(view->state, INSN_RAX, size));
    if (status != INSN_OK)
        return status;
    advance(view, INSN_RDI);
    return INSN_OK;
}

static int lods(const struct memory_view *view)
{
    uint64_t value;
    int status = read_source(view, &value);

    if (status != INSN_OK)
        return status;
    gpr_write_sized(view->state, INSN_RAX, view->insn->size, value);
    advance(view, INSN_RSI);
    return INSN_OK;
}

static int scas(const struct memory_view *view)
{
    unsigned size = view->insn->size;
    uint64_t value;
    int status = read_destination(view, &value);

    if (status != INSN_OK)
        return status;
    (void)alu_sub(gpr_read_sized(view->state, INSN_RAX, size), value, size, &view->state->rflags);
    advance(view, INSN_RDI);
    return INSN_OK;
}

static const struct {
    element_function *element;
    bool compares; /* the repetition also ends on ZF */
} string_ops[INSN_OP_COUNT] = {
    [INSN_OP_MOVS] = {movs, false}, [INSN_OP_CMPS] = {cmps, true}, [INSN_OP_STOS] = {stos, false},
    [INSN_OP_LODS] = {lods, false}, [INSN_OP_SCAS] = {scas, true},
};

int string_op_execute(const struct memory_view *view)
{
    const struct insn *insn = view->insn;
    bool repeated = insn->repeat != INSN_REPEAT_NONE;
    uint64_t count = repeated ? gpr_read_sized(view->state, INSN_RCX, insn->address) : 1;

    if (count != 0) {
        int status = string_ops[insn->op].element(view);

        if (status != INSN_OK)
            return status;
        count--;
        if (repeated)
            gpr_write_sized(view->state, INSN_RCX, insn->address, count);
        if (string_ops[insn->op].compares && repeated) {
            bool equal = (view->state->rflags & X86_RFLAGS_ZF) != 0;

            if (equal != (insn->repeat == INSN_REPEAT_REP))
                count = 0;
        }
    }
    if (count != 0)
        return INSN_REPEAT;
    gpr_retire(view->state, insn);
    return INSN_OK;
}
