/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IN, OUT, INS and OUTS. IN and OUT are the hot path: the qualification says everything. INS and
 * OUTS are done as STOS and LODS whose other side is the port, so that segment checks, address
 * sizes, the direction flag, the count and page faults are those of the emulator. An INS reads its
 * port only when the element's destination is known to be writable. SDM volume 3, "Exit
 * Qualification for I/O Instructions", "Format of the VM-Exit Instruction-Information Field as Used
 * for INS and OUTS".
 */
#include <stddef.h>

#include "vmm/exits.h"
#include "vmm/mmio.h"
#include "vmm/vm.h"

#define QUAL_SIZE       UINT64_C(0x07) /* bytes less one */
#define QUAL_IN         UINT64_C(0x08)
#define QUAL_STRING     UINT64_C(0x10)
#define QUAL_REP        UINT64_C(0x20)
#define QUAL_PORT_SHIFT 16

#define INFO_ADDRESS_SHIFT 7 /* 0: 16 bit, 1: 32 bit, 2: 64 bit */
#define INFO_ADDRESS_MASK  0x7u
#define INFO_SEGMENT_SHIFT 15 /* in the order of enum insn_segment; OUTS only */
#define INFO_SEGMENT_MASK  0x7u

#define STRING_MTD (MMIO_MTD | BH_MTD_INSN_INFO | BH_MTD_SEGS)

/* The other side of a string instruction. */
struct string_port {
    struct mmio_guest guest; /* first: mmio_read takes it for its context */
    uint16_t port;
};

static uint64_t merge(uint64_t old, uint32_t value, unsigned size)
{
    switch (size) {
    case 1:
        return (old & ~UINT64_C(0xFF)) | (value & 0xFF);
    case 2:
        return (old & ~UINT64_C(0xFFFF)) | (value & 0xFFFF);
    default:
        return value;
    }
}

/* The write of an INS: the value comes from the port, once it is certain that it has a place. */
static int store_from_port(void *ctx, uint64_t linear, unsigned size, uint64_t unused)
{
    struct string_port *sp = ctx;
    int result = mmio_check_write(&sp->guest, linear, size);

    (void)unused;
    if (result != MMIO_OK)
        return result;
    return mmio_write(&sp->guest, linear, size,
                      board_port_read(&sp->guest.v->vm->board, sp->port, size, sp->guest.now));
}

static void make_insn(struct insn *insn, const struct bh_vcpu_state *s, enum insn_mode mode)
{
    const unsigned segment = (s->insn_info >> INFO_SEGMENT_SHIFT) & INFO_SEGMENT_MASK;
    const bool in = (s->qualification & QUAL_IN) != 0;

    *insn = (struct insn){
        .op = in ? INSN_OP_STOS : INSN_OP_LODS,
        .length = (uint8_t)s->insn_len,
        .mode = (uint8_t)mode,
        .size = (uint8_t)((s->qualification & QUAL_SIZE) + 1),
        .address = (uint8_t)(2u << ((s->insn_info >> INFO_ADDRESS_SHIFT) & INFO_ADDRESS_MASK)),
        .repeat = (s->qualification & QUAL_REP) ? INSN_REPEAT_REP : INSN_REPEAT_NONE,
        .memory = {.base = INSN_RSI,
                   .index = INSN_NO_REGISTER,
                   .segment = (uint8_t)(in || segment >= INSN_SEGMENT_COUNT ? INSN_DS : segment)},
    };
}

/* What of a count register an address size (2, 4, 8 bytes) uses. */
static uint64_t address_mask(unsigned address)
{
    return address == sizeof(uint64_t) ? UINT64_MAX : (UINT64_C(1) << (8 * address)) - 1;
}

/* One element; RAX, which STOS and LODS use and INS and OUTS do not, stays as it is. */
static int element(struct string_port *sp, const struct insn *insn, const struct insn_bus *bus,
                   struct insn_fault *fault)
{
    struct insn_state *state = &sp->guest.state;
    const uint64_t rax = state->gpr[INSN_RAX];
    const bool empty = insn->repeat != INSN_REPEAT_NONE &&
                       (state->gpr[INSN_RCX] & address_mask(insn->address)) == 0;
    int result = insn_execute(insn, state, bus, fault);

    if ((result == INSN_OK || result == INSN_REPEAT) && insn->op == INSN_OP_LODS && !empty)
        board_port_write(&sp->guest.v->vm->board, sp->port, insn->size,
                         (uint32_t)state->gpr[INSN_RAX], sp->guest.now);
    state->gpr[INSN_RAX] = rax;
    return result;
}

static uint32_t string_exit(struct vcpu *v)
{
    struct string_port sp;
    struct insn insn;
    struct insn_fault fault = {0};
    const struct insn_bus bus = {&sp, mmio_read, store_from_port, NULL};
    unsigned done = 0;
    int result;

    vcpu_need(v, STRING_MTD);
    mmio_open(&sp.guest, v);
    sp.port = (uint16_t)(v->state->qualification >> QUAL_PORT_SHIFT);
    make_insn(&insn, v->state, insn_mode(&sp.guest.state));
    do {
        result = element(&sp, &insn, &bus, &fault);
    } while (mmio_goes_on(&sp.guest, result, ++done));
    if (result != INSN_OK && result != INSN_REPEAT && done == 1)
        return mmio_refuse(&sp.guest, result, &fault);
    return mmio_end(&sp.guest, result);
}

static uint32_t in(struct vcpu *v, uint16_t port, unsigned size)
{
    const uint32_t value = board_port_read(v->board, port, size, vm_now(v->vm));
    uint64_t *rax = &v->state->gpr[BH_RAX];

    *rax = merge(*rax, value, size);
    return vcpu_resume(v, vcpu_skip(v));
}

static uint32_t out(struct vcpu *v, uint16_t port, unsigned size)
{
    board_port_write(v->board, port, size, (uint32_t)v->state->gpr[BH_RAX], vm_now(v->vm));
    return vcpu_resume(v, vcpu_skip(v));
}

uint32_t io_exit(struct vcpu *v)
{
    const uint64_t qual = v->state->qualification;
    const uint16_t port = (uint16_t)(qual >> QUAL_PORT_SHIFT);
    const unsigned size = (unsigned)(qual & QUAL_SIZE) + 1;

    if (qual & QUAL_STRING)
        return string_exit(v);
    return qual & QUAL_IN ? in(v, port, size) : out(v, port, size);
}
