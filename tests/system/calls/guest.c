/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs for tests. The handler of exits runs in the domain of the vCPU, where the state page is
 * mapped; what it finds out goes into struct vcpu, which every domain sees.
 */
#include "tests/system/calls/guest.h"

#include <string.h>

#define GUESTS      8u
#define STACK_SIZE  8192u
#define STATE_BASE  0x280000000000ull
#define STACK_TOP   0x8000u
#define CR0_ET      0x10u
#define CR4_OSFXSR  0x200u
#define AR_CODE     0x9Bu
#define AR_DATA     0x93u
#define AR_LDTR     0x82u
#define AR_TR       0x8Bu
#define REAL_LIMIT  0xFFFFu
#define RFLAGS_IF   0x202u /* and bit 1 */
#define DR7_ONE     0x400u
#define DR6_ONES    0xFFFF0FF0u
#define PAT_DEFAULT 0x0007040600070406ull

static struct vcpu guest[GUESTS];
static uint8_t stack[GUESTS][STACK_SIZE] __attribute__((aligned(16)));
static uint32_t guests;

void guests_reset(void)
{
    guests = 0;
}

/* As after a reset, but for the first instruction. */
static uint32_t begin(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    s->rip = v->entry;
    s->rsp = STACK_TOP;
    s->rflags = v->rflags;
    s->gpr[BH_RBX] = v->ebx;
    s->cr0 = CR0_ET;
    s->cr4 = CR4_OSFXSR;
    for (uint32_t i = 0; i < BH_SEGS; i++) {
        s->seg[i] = (struct bh_segment){.limit = REAL_LIMIT, .ar = AR_DATA};
    }
    s->seg[BH_CS].ar = AR_CODE;
    s->seg[BH_LDTR].ar = AR_LDTR;
    s->seg[BH_TR].ar = AR_TR;
    s->gdtr_limit = REAL_LIMIT;
    s->idtr_limit = REAL_LIMIT;
    s->dr7 = DR7_ONE;
    s->dr6 = DR6_ONES;
    s->pat = PAT_DEFAULT;
    s->xcr0 = 1;
    s->deadline = BH_NEVER;
    return BH_MTD_ALL & ~BH_MTD_APIC;
}

static uint32_t on_exit(struct vcpu *v)
{
    uint32_t reason = v->state->exit_reason;
    if (v->exits < GUEST_LOG) {
        v->reason[v->exits] = reason;
    }
    add_flag(&v->exits);
    uint32_t mtd = reason == BH_EXIT_STARTUP ? begin(v) : 0;
    if (reason != BH_EXIT_STARTUP || v->stop != 0) {
        mtd |= v->script(v);
    }
    if (v->stop != 0) {
        set_flag(&v->stopped, 1);
        bh_sm_up(DOMAIN_DONE);
        bh_sm_down(DOMAIN_PARK, BH_NEVER);
    }
    return mtd;
}

uint32_t (*const exit_handler[BH_EXIT_REASONS])(struct vcpu *) = {
    [0 ... BH_EXIT_REASONS - 1] = on_exit};

void guest_mtd(struct vcpu *v, uint32_t mtd)
{
    uint32_t *table = (uint32_t *)(void *)my_utcb()->data;
    for (uint32_t i = 0; i < BH_EXIT_REASONS; i++) {
        table[i] = mtd;
    }
    must(bh_ec_set_mtd(v->ec), "set_mtd");
}

struct vcpu *guest_create(uint32_t cpu, const uint8_t *piece, uint32_t (*script)(struct vcpu *))
{
    if (guests == GUESTS) {
        give_up("the test library's guests");
    }
    struct vcpu *v = &guest[guests];
    *v = (struct vcpu){.script = script, .entry = guest_at(piece), .rflags = RFLAGS_IF};
    v->pd = domain_create(DOMAIN_QUOTA);
    uint64_t base = STATE_BASE + guests * 16ull * PAGE_BYTES;
    v->state = at(base);
    v->memory = ram(GUEST_PAGES, 1);
    v->memory_page = page_of(v->memory);
    memcpy(v->memory + GUEST_CODE, guest_code, guest_at(guest_code_end) - GUEST_CODE);
    must(bh_delegate(v->pd, BH_SPACE_MEM, BH_SPACE_GUEST, BH_MEM_R | BH_MEM_W | BH_MEM_X,
                     v->memory_page, 0, GUEST_PAGES),
         "delegate the guest's memory");
    v->handler = sel();
    v->pt = sel();
    v->ec = sel();
    must(bh_create_thread(v->handler, v->pd, cpu, base + PAGE_BYTES, 0,
                          portal_stack(stack[guests], STACK_SIZE), BH_SELECTOR_NONE),
         "create the exit handler");
    must(bh_create_pt(v->pt, v->handler, code_address(exit_entry), (uint64_t)(uintptr_t)v),
         "create_pt");
    must(bh_create_vcpu(v->ec, v->pd, cpu, base, 0, v->pt), "create a vCPU");
    guests++;
    guest_mtd(v, BH_MTD_ALL & ~BH_MTD_APIC);
    return v;
}

void guest_start(struct vcpu *v)
{
    v->sc = sel();
    must(bh_create_sc(v->sc, v->ec, PRIO_LOW, BUDGET, 0), "create_sc");
}

bool guest_wait(struct vcpu *v)
{
    return wait_for(&v->stopped, 1, "guests stopped");
}

struct vcpu *guest_run(uint32_t cpu, const uint8_t *piece, uint32_t (*script)(struct vcpu *))
{
    struct vcpu *v = guest_create(cpu, piece, script);
    guest_start(v);
    guest_wait(v);
    return v;
}

uint32_t guest_stop(struct vcpu *v)
{
    v->stop = 1;
    return 0;
}

uint32_t guest_next(struct vcpu *v)
{
    v->state->rip += v->state->insn_len;
    return BH_MTD_RIP;
}

uint32_t guest_word(const struct vcpu *v, uint32_t address)
{
    uint32_t word;
    memcpy(&word, v->memory + address, sizeof(word));
    return word;
}
