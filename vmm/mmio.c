/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulates the instruction behind an EPT violation: its bytes are fetched through the guest's page
 * tables, decoded (or found among those decoded lately, by their bytes) and executed with RAM and
 * devices as memory. The address of the page that caused the exit is known from the exit itself and
 * is not walked again. See mmio.h.
 */
#include "vmm/mmio.h"

#include <stddef.h>
#include <string.h>

#include "vmm/quick.h"
#include "vmm/vm.h"

#define PAGE_SIZE UINT64_C(4096)
#define PAGE_MASK (PAGE_SIZE - 1)
#define NO_PAGE   UINT64_C(1)

/* "Exit Qualification for EPT Violations". */
#define QUAL_WRITE        UINT64_C(0x002)
#define QUAL_FETCH        UINT64_C(0x004)
#define QUAL_LINEAR_VALID UINT64_C(0x080)
#define QUAL_TRANSLATED \
    UINT64_C(0x100) /* of the linear address, not of a paging structure on its way */

/* "Exit Qualification for APIC-Access VM Exits from Linear Accesses and Guest-Physical Accesses".
 */
#define QUAL_APIC_ACCESS       UINT64_C(0xF000)
#define QUAL_APIC_ACCESS_READ  UINT64_C(0x0000)
#define QUAL_APIC_ACCESS_WRITE UINT64_C(0x1000)

_Static_assert(INSN_GPR_COUNT == VCPU_GPRS && INSN_RSP == 4, "both number registers as ModRM does");

static const uint8_t seg_of[INSN_SEGMENT_COUNT] = {
    [INSN_ES] = BH_ES, [INSN_CS] = BH_CS, [INSN_SS] = BH_SS,
    [INSN_DS] = BH_DS, [INSN_FS] = BH_FS, [INSN_GS] = BH_GS};

static bool table_read(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
    const uint8_t *p = vm_ram(ctx, gpa, size);

    if (p == NULL)
        return false;
    *value = 0;
    memcpy(value, p, size);
    return true;
}

static bool table_cmpxchg(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
                          uint64_t desired, bool *exchanged)
{
    uint8_t *p = vm_ram(ctx, gpa, size);

    if (p == NULL)
        return false;
    if (size == sizeof(uint64_t)) {
        *exchanged = __atomic_compare_exchange_n((uint64_t *)(void *)p, &expected, desired, false,
                                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old = (uint32_t)expected;
        *exchanged = __atomic_compare_exchange_n((uint32_t *)(void *)p, &old, (uint32_t)desired,
                                                 false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    return true;
}

static void open_segment(struct insn_seg *to, const struct bh_segment *from)
{
    to->base = from->base;
    to->limit = from->limit;
    to->ar = from->ar;
    to->sel = from->selector;
}

static void open_state(struct insn_state *to, const struct bh_vcpu_state *from)
{
    for (unsigned i = 0; i < INSN_GPR_COUNT; i++)
        to->gpr[i] = vcpu_gpr_index[i] < BH_GPRS ? from->gpr[vcpu_gpr_index[i]] : from->rsp;
    for (unsigned i = 0; i < INSN_SEGMENT_COUNT; i++)
        open_segment(&to->seg[i], &from->seg[seg_of[i]]);
    to->rip = from->rip;
    to->rflags = from->rflags;
    to->cr0 = from->cr0;
    to->cr4 = from->cr4;
    to->efer = from->efer;
}

void mmio_open(struct mmio_guest *g, struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    struct vm *vm = v->vm;

    g->v = v;
    g->now = vm_now(vm);
    open_state(&g->state, s);
    g->regs.cr0 = s->cr0;
    g->regs.cr3 = s->cr3;
    g->regs.cr4 = s->cr4;
    g->regs.efer = s->efer;
    g->regs.rflags = s->rflags;
    memcpy(g->regs.pdpte, s->pdpte, sizeof g->regs.pdpte);
    g->regs.cpl = insn_cpl(&g->state);
    g->regs.physical_bits = vm->limits.physical_bits;
    g->regs.page_1g = vm->limits.page_1g;
    g->memory = (struct walk_mem){vm, table_read, table_cmpxchg};
    g->known_linear = NO_PAGE;
}

enum mmio_result mmio_translate(struct mmio_guest *g, uint64_t linear, enum walk_access access,
                                uint64_t *gpa)
{
    if ((linear & ~PAGE_MASK) == g->known_linear &&
        (access == WALK_READ || (access == WALK_WRITE && g->known_write))) {
        *gpa = g->known_gpa | (linear & PAGE_MASK);
        return MMIO_OK;
    }
    switch (walk_translate(&g->regs, linear, access, &g->memory, gpa, &g->fault)) {
    case WALK_OK:
        return MMIO_OK;
    case WALK_FAULT:
        return MMIO_PAGE_FAULT;
    case WALK_RACE:
        return MMIO_AGAIN;
    default:
        return MMIO_NO_TABLES;
    }
}

/* An access that may cross a page, as one or two pieces that do not. */
struct span {
    uint64_t gpa[2];
    unsigned size[2]; /* bytes; size[1] 0: one piece */
};

static enum mmio_result span_make(struct mmio_guest *g, uint64_t linear, unsigned size,
                                  enum walk_access access, struct span *span)
{
    uint64_t in_page = PAGE_SIZE - (linear & PAGE_MASK);
    enum mmio_result result = mmio_translate(g, linear, access, &span->gpa[0]);

    span->size[0] = size <= in_page ? size : (unsigned)in_page;
    span->size[1] = size - span->size[0];
    if (result == MMIO_OK && span->size[1] != 0)
        result = mmio_translate(g, linear + in_page, access, &span->gpa[1]);
    return result;
}

static uint64_t piece_read(struct mmio_guest *g, uint64_t gpa, unsigned size)
{
    const uint8_t *p = vm_ram(g->v->vm, gpa, size);
    uint64_t value = 0;

    if (p == NULL)
        return board_mmio_read(&g->v->vm->board, gpa, size, g->now);
    memcpy(&value, p, size);
    return value;
}

static void piece_write(struct mmio_guest *g, uint64_t gpa, unsigned size, uint64_t value)
{
    uint8_t *p = vm_ram(g->v->vm, gpa, size);

    if (p == NULL)
        board_mmio_write(&g->v->vm->board, gpa, size, value, g->now);
    else
        memcpy(p, &value, size);
}

int mmio_read(void *ctx, uint64_t linear, unsigned size, uint64_t *value)
{
    struct mmio_guest *g = ctx;
    struct span span;
    enum mmio_result result = span_make(g, linear, size, WALK_READ, &span);

    if (result != MMIO_OK)
        return result;
    *value = piece_read(g, span.gpa[0], span.size[0]);
    if (span.size[1] != 0)
        *value |= piece_read(g, span.gpa[1], span.size[1]) << (8 * span.size[0]);
    return MMIO_OK;
}

int mmio_write(void *ctx, uint64_t linear, unsigned size, uint64_t value)
{
    struct mmio_guest *g = ctx;
    struct span span;
    enum mmio_result result = span_make(g, linear, size, WALK_WRITE, &span);

    if (result != MMIO_OK)
        return result;
    piece_write(g, span.gpa[0], span.size[0], value);
    if (span.size[1] != 0)
        piece_write(g, span.gpa[1], span.size[1], value >> (8 * span.size[0]));
    return MMIO_OK;
}

int mmio_check_write(void *ctx, uint64_t linear, unsigned size)
{
    struct span span;

    return span_make(ctx, linear, size, WALK_WRITE, &span);
}

void mmio_bus(struct mmio_guest *g, struct insn_bus *bus)
{
    *bus = (struct insn_bus){g, mmio_read, mmio_write, mmio_check_write};
}

uint32_t mmio_commit(struct mmio_guest *g)
{
    struct bh_vcpu_state *s = g->v->state;
    uint32_t mtd = BH_MTD_RIP;

    for (unsigned i = 0; i < INSN_GPR_COUNT; i++) {
        if (vcpu_gpr_index[i] < BH_GPRS)
            s->gpr[vcpu_gpr_index[i]] = g->state.gpr[i];
    }
    if (s->rsp != g->state.gpr[INSN_RSP]) {
        s->rsp = g->state.gpr[INSN_RSP];
        mtd |= BH_MTD_RSP;
    }
    if (s->rflags != g->state.rflags) {
        s->rflags = g->state.rflags;
        mtd |= BH_MTD_RFLAGS;
    }
    s->rip = g->state.rip;
    return mtd;
}

/* Elements done are committed; what stopped the next one comes again with it. */
uint32_t mmio_end(struct mmio_guest *g, int result)
{
    uint32_t mtd = mmio_commit(g);

    if (result == INSN_OK || (g->v->state->rflags & X86_RFLAGS_TF))
        mtd |= vcpu_skip_length(g->v, 0);
    return vcpu_resume(g->v, mtd);
}

uint32_t mmio_refuse(struct mmio_guest *g, int result, const struct insn_fault *fault)
{
    switch (result) {
    case MMIO_PAGE_FAULT:
        return vcpu_page_fault(g->v, g->fault.error_code, g->fault.address);
    case MMIO_AGAIN:
        return 0;
    case MMIO_NO_TABLES:
        return vcpu_stop(g->v, "page tables outside of its memory");
    case INSN_FAULT:
        return vcpu_fault(g->v, fault->vector, fault->has_error_code, fault->error_code);
    case INSN_INVALID:
        return vcpu_fault(g->v, X86_VECTOR_UD, false, 0);
    case INSN_TRUNCATED:
    case INSN_TOO_LONG:
        return vcpu_fault(g->v, X86_VECTOR_GP, true, 0);
    default:
        return vcpu_stop(g->v, "an instruction that cannot be used on a device");
    }
}

/* Appends the bytes of one page from `linear` on. Returns MMIO_OK, also if there is no RAM to fetch
 * from. */
static enum mmio_result fetch_page(struct mmio_guest *g, uint64_t linear, uint8_t *bytes,
                                   unsigned *len)
{
    uint64_t in_page = PAGE_SIZE - (linear & PAGE_MASK);
    unsigned n = INSN_CACHE_BYTES - *len;
    const uint8_t *p;
    uint64_t gpa;
    enum mmio_result result = mmio_translate(g, linear, WALK_FETCH, &gpa);

    if (result != MMIO_OK)
        return result;
    if (n > in_page)
        n = (unsigned)in_page;
    p = vm_ram(g->v->vm, gpa, n);
    if (p != NULL) {
        memcpy(bytes + *len, p, n);
        *len += n;
    }
    return MMIO_OK;
}

/* The instruction at RIP; *insn lives in the vCPU's cache. Returns enum insn_status or enum
 * mmio_result. */
static int fetch(struct mmio_guest *g, const struct insn **insn)
{
    const uint64_t linear = insn_fetch_address(&g->state);
    uint8_t bytes[INSN_CACHE_BYTES];
    unsigned len = 0;
    int status = fetch_page(g, linear, bytes, &len);

    if (status != MMIO_OK)
        return status;
    status = insn_decode_cached(&g->v->cache, bytes, len, &g->state, insn);
    if (status != INSN_TRUNCATED || len == sizeof bytes)
        return status;
    /* It goes on in the next page. */
    status = fetch_page(g, linear + len, bytes, &len);
    if (status != MMIO_OK)
        return status;
    return insn_decode_cached(&g->v->cache, bytes, len, &g->state, insn);
}

/* Does executing it read a segment besides CS and SS? In 64-bit mode only FS and GS have a base,
 * and none a limit. */
static bool needs_segments(const struct insn *insn)
{
    return insn->mode != INSN_MODE_64 || insn->memory.segment == INSN_FS ||
           insn->memory.segment == INSN_GS;
}

/* Does executing it use RSP? */
static bool needs_stack(const struct insn *insn)
{
    return insn->op == INSN_OP_PUSH || insn->op == INSN_OP_POP || insn->memory.base == INSN_RSP ||
           insn->source.reg == INSN_RSP || insn->destination.reg == INSN_RSP;
}

static uint32_t emulate(struct mmio_guest *g)
{
    const struct insn *insn;
    struct insn_fault fault = {0};
    struct insn_bus bus;
    unsigned elements = 0;
    uint32_t more;
    int result = fetch(g, &insn);

    if (result != INSN_OK)
        return mmio_refuse(g, result, &fault);
    more = (needs_segments(insn) ? BH_MTD_SEGS : 0) | (needs_stack(insn) ? BH_MTD_RSP : 0);
    if (more != 0) {
        vcpu_need(g->v, more);
        open_state(&g->state, g->v->state);
    }
    mmio_bus(g, &bus);
    do {
        result = insn_execute(insn, &g->state, &bus, &fault);
    } while (mmio_goes_on(g, result, ++elements));
    if (result != INSN_OK && result != INSN_REPEAT && elements == 1)
        return mmio_refuse(g, result, &fault);
    return mmio_end(g, result);
}

static const char *const on_device =
    "an interrupt or exception whose descriptors or stack are not in memory";

uint32_t mmio_exit(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    const uint64_t qual = s->qualification;
    struct mmio_guest g;
    uint32_t mtd;

    if (s->idt_info & X86_EVENT_VALID)
        return vcpu_stop(v, on_device);
    if (qual & QUAL_FETCH)
        return vcpu_stop(v, "a jump to where no memory is");
    if ((qual & QUAL_LINEAR_VALID) == 0 || (qual & QUAL_TRANSLATED) == 0)
        return vcpu_stop(v, "page tables outside of its memory");
    if (quick_mov(v, s->guest_physical, &mtd))
        return mtd;
    mmio_open(&g, v);
    g.known_linear = s->guest_linear & ~PAGE_MASK;
    g.known_gpa = s->guest_physical & ~PAGE_MASK;
    g.known_write = (qual & QUAL_WRITE) != 0;
    return emulate(&g);
}

/* The exit tells the offset in the page, but not the linear address: the tables are walked. */
uint32_t mmio_apic_exit(struct vcpu *v)
{
    const uint64_t access = v->state->qualification & QUAL_APIC_ACCESS;
    struct mmio_guest g;
    uint32_t mtd;

    if (v->state->idt_info & X86_EVENT_VALID)
        return vcpu_stop(v, on_device);
    if (access != QUAL_APIC_ACCESS_READ && access != QUAL_APIC_ACCESS_WRITE)
        return vcpu_stop(v, "code or page tables in the local APIC");
    if (quick_mov(v, LAPIC_BASE | (v->state->qualification & PAGE_MASK), &mtd))
        return mtd;
    mmio_open(&g, v);
    return emulate(&g);
}
