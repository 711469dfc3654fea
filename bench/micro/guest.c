/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits of a vCPU, answered by handlers of a few lines: what the kernel and the way to user level
 * cost, without a VMM. A VMM's own work comes on top; bench/exits.c measures that.
 */
#include <stdalign.h>
#include <string.h>

#include "bench/micro/entry.h"
#include "bench/micro/micro.h"
#include "bench/micro/output.h"
#include "vmm/lib/portal.h"

enum {
    SEL_HANDLER = SEL_GUEST,
    SEL_EXIT,
    SEL_VCPU,
    SEL_VCPU_SC,
    SEL_ENDED, /* semaphore */
    SEL_NEVER  /* semaphore */
};

#define STACK_SIZE   4096u
#define PRIORITY     1u
#define BUDGET       10000000u /* ticks */
#define RFLAGS_FIXED 2u
#define CR0_ET       0x10u
#define PAT_RESET    0x0007040600070406ull
#define DR6_RESET    0xFFFF0FF0u
#define DR7_RESET    0x400u
#define REAL_LIMIT   0xFFFFu
#define AR_DATA      0x93u
#define AR_CODE      0x9Bu
#define AR_LDT       0x82u
#define AR_TSS       0x8Bu
#define PARAGRAPH    16u
#define BEGIN_GROUPS \
    (BH_MTD_ALL & ~(BH_MTD_QUAL | BH_MTD_EVENT | BH_MTD_INSN_INFO | BH_MTD_INJECT | BH_MTD_APIC))

struct guest {
    const char *name; /* NULL: the empty loop, that the others are compared with */
    const uint8_t *code;
};

static const struct guest guests[] = {{NULL, entry_guest_empty},
                                      {"kernel_cpuid", entry_guest_cpuid},
                                      {"kernel_out", entry_guest_out}};
#define GUESTS (sizeof(guests) / sizeof(guests[0]))

static alignas(STACK_ALIGN) uint8_t stack[STACK_SIZE];

/* What the portal's id points to. */
struct vcpu {
    struct bh_vcpu_state *state;
    unsigned current; /* guest */
    uint32_t rounds;
    uint64_t empty; /* ticks of the empty loop */
};

static struct vcpu vcpu = {.state = (struct bh_vcpu_state *)VCPU_STATE, .rounds = ROUNDS};

static void begin_guest(struct vcpu *v)
{
    v->state->rip = (uint64_t)(guests[v->current].code - entry_guest_page);
    v->state->gpr[BH_RDI] = v->rounds;
}

static uint32_t on_startup(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    for (unsigned i = 0; i < BH_SEGS; i++) {
        s->seg[i] = (struct bh_segment){.limit = REAL_LIMIT, .ar = AR_DATA};
    }
    s->seg[BH_CS] = (struct bh_segment){.base = ENTRY_GUEST_BASE,
                                        .limit = REAL_LIMIT,
                                        .ar = AR_CODE,
                                        .selector = ENTRY_GUEST_BASE / PARAGRAPH};
    s->seg[BH_LDTR].ar = AR_LDT;
    s->seg[BH_TR].ar = AR_TSS;
    s->gdtr_limit = REAL_LIMIT;
    s->idtr_limit = REAL_LIMIT;
    s->rflags = RFLAGS_FIXED;
    s->cr0 = CR0_ET;
    s->pat = PAT_RESET;
    s->dr6 = DR6_RESET;
    s->dr7 = DR7_RESET;
    s->xcr0 = 1;
    s->deadline = BH_NEVER;
    begin_guest(v);
    return BEGIN_GROUPS;
}

static uint32_t on_cpuid(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    s->gpr[BH_RAX] = 0;
    s->gpr[BH_RBX] = 0;
    s->gpr[BH_RCX] = 0;
    s->gpr[BH_RDX] = 0;
    s->rip += s->insn_len;
    return BH_MTD_RIP;
}

static volatile uint64_t last_port;

static uint32_t on_io(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    last_port = s->qualification;
    s->rip += s->insn_len;
    return BH_MTD_RIP;
}

static void wait_for_ever(void)
{
    (void)bh_sm_up(SEL_ENDED);
    (void)bh_sm_down(SEL_NEVER, BH_NEVER);
}

/* A guest has ended. */
static uint32_t on_hlt(struct vcpu *v)
{
    const struct guest *g = &guests[v->current];
    const uint64_t least = (uint32_t)v->state->gpr[BH_RBP];
    if (g->name == NULL) {
        v->empty = least;
    } else {
        micro_figure(g->name, least - v->empty);
    }
    if (++v->current == GUESTS) {
        wait_for_ever();
    }
    begin_guest(v);
    return BH_MTD_RIP;
}

static uint32_t on_other(struct vcpu *v)
{
    output_print("FAILED vCPU: exit reason %u at RIP 0x%llx, qualification 0x%llx\n",
                 v->state->exit_reason, (unsigned long long)v->state->rip,
                 (unsigned long long)v->state->qualification);
    wait_for_ever();
    return 0;
}

/* Eight reasons without a handler of their own. */
#define OTHERS_8 on_other, on_other, on_other, on_other, on_other, on_other, on_other, on_other

uint32_t (*const exit_handler[BH_EXIT_REASONS])(struct vcpu *) = {
    /*  0 */ OTHERS_8,
    /*  8 */ on_other, on_other, on_cpuid, on_other, on_hlt,
    on_other,          on_other, on_other,
    /* 16 */ OTHERS_8,
    /* 24 */ on_other, on_other, on_other, on_other, on_other,
    on_other,          on_io,    on_other,
    /* 32 */ OTHERS_8,
    /* 40 */ OTHERS_8,
    /* 48 */ OTHERS_8,
    /* 56 */ OTHERS_8,
    /* 64 */ OTHERS_8,
    /* 72 */ on_other, on_other, on_other, on_other, on_other,
    on_startup,        on_other, on_other,
};
_Static_assert(BH_EXIT_CPUID == 10 && BH_EXIT_HLT == 12 && BH_EXIT_IO == 30 &&
                   BH_EXIT_STARTUP == 77,
               "the table above counts");

static void set_mtd(void)
{
    uint32_t *mtd = (uint32_t *)((struct bh_utcb *)BH_ROOT_UTCB)->data;
    for (unsigned i = 0; i < BH_EXIT_REASONS; i++) {
        mtd[i] = BH_MTD_RIP | BH_MTD_QUAL;
    }
    mtd[BH_EXIT_CPUID] = BH_MTD_RIP;
    mtd[BH_EXIT_HLT] = BH_MTD_RIP;
    micro_need(bh_ec_set_mtd(SEL_VCPU), "MTD table");
}

static void start(void)
{
    micro_need(bh_delegate(BH_SEL_PD, BH_SPACE_MEM, BH_SPACE_GUEST, BH_MEM_R | BH_MEM_X,
                           (uint64_t)(uintptr_t)entry_guest_page >> PAGE_SHIFT,
                           ENTRY_GUEST_BASE >> PAGE_SHIFT, 1),
               "guest memory");
    micro_need(bh_create_sm(SEL_ENDED, 0), "semaphore");
    micro_need(bh_create_sm(SEL_NEVER, 0), "semaphore");
    micro_need(bh_create_thread(SEL_HANDLER, BH_SEL_PD, 0, UTCB_EXITS, 0,
                                portal_stack(stack, sizeof(stack)), BH_SELECTOR_NONE),
               "exit handler");
    micro_need(
        bh_create_pt(SEL_EXIT, SEL_HANDLER, code_address(exit_entry), (uint64_t)(uintptr_t)&vcpu),
        "exit portal");
    micro_need(bh_create_vcpu(SEL_VCPU, BH_SEL_PD, 0, VCPU_STATE, 0, SEL_EXIT), "vCPU");
    set_mtd();
    micro_need(bh_create_sc(SEL_VCPU_SC, SEL_VCPU, PRIORITY, BUDGET, 0), "scheduling context");
    (void)bh_sm_down(SEL_ENDED, BH_NEVER);
}

void guest_measure(void)
{
    start();
}

bool guest_repeat(const char *name)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        if (guests[i].name != NULL && strcmp(guests[i].name, name) == 0) {
            vcpu.current = i;
            vcpu.rounds = ROUNDS_FOREVER;
            output_print("TRACE %s\n", name);
            start();
            return true;
        }
    }
    return false;
}
