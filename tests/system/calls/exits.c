/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM exits: their reasons and what they carry, the groups of state that move, injected interrupts,
 * and VM entries that the processor refuses.
 */
#include "tests/system/calls/guest.h"

#define CPUID_ANSWER   0xCAFE1234u
#define IN_ANSWER      0x77u
#define INL_ANSWER     0x89ABCDEFu
#define POISON         0x5A5A5A5A5A5Aull
#define INTR_EXTERNAL  0x80000000u /* valid, type 0 */
#define INTR_RESERVED  0x80000100u /* type 1 does not exist */
#define RFLAGS_IF      0x200u
#define ERROR_CONTROLS 7u /* VM-instruction error: invalid control field */
#define PORT_SHIFT     16u
#define IN_BIT         8u
#define ACCESS_READ    1u
#define CR_WRITE_CR0   0u

static uint32_t tour(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    uint32_t i = v->exits - 1;
    v->value[i] = s->exit_reason == BH_EXIT_EPT_VIOLATION ? s->guest_physical : s->qualification;
    switch (s->exit_reason) {
    case BH_EXIT_CPUID:
        v->value[i] = s->gpr[BH_RAX];
        s->gpr[BH_RAX] = CPUID_ANSWER;
        break;
    case BH_EXIT_IO:
        if ((s->qualification & IN_BIT) != 0) {
            s->gpr[BH_RAX] = (s->qualification & 7) == 0 ? IN_ANSWER : INL_ANSWER;
        } else {
            v->value[i + 10] = s->gpr[BH_RAX] & 0xFF;
        }
        break;
    case BH_EXIT_EPT_VIOLATION:
        s->rip = guest_at(guest_after_ept);
        v->value[i + 10] = s->qualification;
        return BH_MTD_RIP;
    case BH_EXIT_VMCALL:
        return guest_stop(v);
    default:
        break;
    }
    return guest_next(v);
}

static void tour_of_exits(void)
{
    static const uint32_t want[] = {
        BH_EXIT_STARTUP, BH_EXIT_CPUID,         BH_EXIT_IO,    BH_EXIT_IO,    BH_EXIT_IO,
        BH_EXIT_HLT,     BH_EXIT_EPT_VIOLATION, BH_EXIT_RDMSR, BH_EXIT_WRMSR, BH_EXIT_CR,
        BH_EXIT_VMCALL,
    };
    struct vcpu *v = guest_run(0, guest_tour, tour);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        expect(v->reason[i] == want[i], "exit %zu has reason %u, not %u", i, v->reason[i], want[i]);
    }
    expect_equal(v->value[1], 0x40, "EAX of CPUID");
    expect_equal(guest_word(v, GUEST_RESULT), CPUID_ANSWER, "EAX after CPUID");
    expect_equal(v->value[2] >> PORT_SHIFT, 0x60, "port of IN");
    expect_equal(guest_word(v, GUEST_RESULT + 4) & 0xFF, IN_ANSWER, "AL after IN");
    expect_equal(v->value[3] >> PORT_SHIFT, 0x80, "port of OUT");
    expect_equal(v->value[13], 0x55, "AL of OUT");
    expect_equal(v->value[4] >> PORT_SHIFT, 0x1234, "port of IN EAX, DX");
    expect_equal(guest_word(v, GUEST_RESULT + 8), INL_ANSWER, "EAX after IN");
    expect_equal(v->value[6], GUEST_NO_MEMORY, "guest-physical address of the EPT violation");
    expect_equal(v->value[16] & 7, ACCESS_READ, "its access");
    expect_equal(v->value[9] & 0xFF, CR_WRITE_CR0, "qualification of MOV to CR0");
}

static uint32_t at_once(struct vcpu *v)
{
    return guest_stop(v);
}

static void startup(void)
{
    struct vcpu *v = guest_create(0, guest_count, at_once);
    v->stop = 1;
    guest_start(v);
    guest_wait(v);
    expect(v->exits == 1 && v->reason[0] == BH_EXIT_STARTUP, "%u exits, the first %u", v->exits,
           v->reason[0]);
    expect_equal(guest_word(v, GUEST_COUNTER), 0, "what the guest has counted");
}

/* Only RIP moves. What else the page holds is neither written at the exit nor read at the entry. */
static uint32_t narrow(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    uint32_t i = v->exits - 2;
    v->value[4 * i] = s->gpr[BH_RBX];
    v->value[4 * i + 1] = s->rip;
    v->value[4 * i + 2] = s->rsp;
    v->value[4 * i + 3] = s->rflags;
    s->rsp = POISON;
    s->rflags = POISON;
    s->cr3 = POISON;
    return v->exits == 4 ? guest_stop(v) : guest_next(v);
}

static void groups(void)
{
    struct vcpu *v = guest_create(0, guest_calls, narrow);
    guest_mtd(v, BH_MTD_RIP);
    guest_start(v);
    guest_wait(v);
    uint64_t rip = v->value[1];
    for (uint64_t i = 0; i < 3; i++) {
        expect_equal(v->value[4 * i], i + 1, "EBX");
        expect_equal(v->value[4 * i + 1], rip, "RIP");
        expect(i == 0 || v->value[4 * i + 2] == POISON, "RSP is %lx", v->value[4 * i + 2]);
        expect(i == 0 || v->value[4 * i + 3] == POISON, "RFLAGS are %lx", v->value[4 * i + 3]);
    }
}

/* What the reply names arrives in the guest. */
static uint32_t wide(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    if (v->exits == 3) {
        v->value[0] = s->rsp;
        v->value[1] = s->cr3;
        v->value[2] = s->seg[BH_FS].base;
        v->value[3] = s->gdtr_base;
        v->value[4] = s->efer;
        v->value[5] = s->sysenter_eip;
        v->value[6] = s->lstar;
        v->value[7] = s->tsc_offset;
        return guest_stop(v);
    }
    s->rsp = 0x7654;
    s->cr3 = 0x3000;
    s->seg[BH_FS].base = 0x12340;
    s->gdtr_base = 0x4560;
    s->efer = 1;
    s->sysenter_eip = 0x789A;
    s->lstar = 0x7FFF12345678;
    s->tsc_offset = 0x1122334455;
    return guest_next(v) | BH_MTD_RSP | BH_MTD_CR | BH_MTD_SEGS | BH_MTD_TABLES | BH_MTD_EFER |
           BH_MTD_SYSENTER | BH_MTD_SYSCALL | BH_MTD_TSC;
}

static void groups_written(void)
{
    static const uint64_t want[] = {0x7654, 0x3000, 0x12340,        0x4560,
                                    1,      0x789A, 0x7FFF12345678, 0x1122334455};
    struct vcpu *v = guest_run(0, guest_calls, wide);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        expect(v->value[i] == want[i], "value %zu is %lx, not %lx", i, v->value[i], want[i]);
    }
}

/* VMCALL with IF = 0: ask for the window; there, inject; the guest's handler answers by VMCALL. */
static uint32_t inject(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    if (v->exits == 2) {
        s->window = BH_WINDOW_INTR;
        return guest_next(v) | BH_MTD_WINDOW;
    }
    if (s->exit_reason == BH_EXIT_INTR_WINDOW) {
        v->value[0] = s->rflags;
        v->value[1] = s->interruptibility;
        s->window = 0;
        s->inject_info = INTR_EXTERNAL | GUEST_VECTOR;
        return BH_MTD_WINDOW | BH_MTD_INJECT;
    }
    v->value[2] = s->rflags;
    return guest_stop(v);
}

static void injected(void)
{
    struct vcpu *v = guest_create(0, guest_interrupts, inject);
    uint16_t *ivt = (uint16_t *)(void *)v->memory;
    ivt[2 * GUEST_VECTOR] = (uint16_t)guest_at(guest_interrupt);
    guest_start(v);
    guest_wait(v);
    expect_equal(v->reason[2], BH_EXIT_INTR_WINDOW, "the exit after STI");
    expect_equal(v->reason[3], BH_EXIT_VMCALL, "the exit after the injection");
    expect(v->exits == 4, "%u exits", v->exits);
    expect_equal(v->value[0] & RFLAGS_IF, RFLAGS_IF, "IF in the window");
    expect_equal(v->value[1] & 3, 0, "blocking in the window");
    expect_equal(v->value[2] & RFLAGS_IF, 0, "IF in the guest's handler");
    expect_equal(guest_word(v, GUEST_COUNT), 1, "interrupts that the guest has taken");
}

/* First a control, then guest state that VT-x refuses; then the guest runs on. */
static uint32_t refuse(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    switch (v->exits) {
    case 2:
        s->inject_info = INTR_RESERVED;
        return guest_next(v) | BH_MTD_INJECT;
    case 3:
        v->value[0] = s->qualification;
        s->inject_info = 0;
        s->rflags = 0;
        return BH_MTD_INJECT | BH_MTD_RFLAGS;
    case 4:
        s->rflags = 2;
        return BH_MTD_RFLAGS;
    default:
        v->value[1] = s->gpr[BH_RBX];
        return guest_stop(v);
    }
}

static void refused(void)
{
    struct vcpu *v = guest_run(0, guest_calls, refuse);
    expect_equal(v->reason[2], BH_EXIT_ENTRY_FAILED, "the exit after a bad control");
    expect_equal(v->value[0], ERROR_CONTROLS, "its VM-instruction error");
    expect_equal(v->reason[3], BH_EXIT_INVALID_STATE, "the exit after bad guest state");
    expect_equal(v->reason[4], BH_EXIT_VMCALL, "the exit after repair");
    expect_equal(v->value[1], 2, "EBX");
}

/* Nothing that a VMM writes into its state page may harm more than its guest. */
static uint32_t garbage(struct vcpu *v)
{
    uint8_t *page = (uint8_t *)v->state;
    uint64_t random = v->ebx;
    if (v->exits > 30) {
        return guest_stop(v);
    }
    for (uint32_t i = 0; i < sizeof(*v->state); i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        page[i] = (uint8_t)(random >> 56);
    }
    v->ebx = random;
    v->state->rflags |= RFLAGS_IF;
    v->state->deadline = bh_rdtsc() + TICKS_SHORT / 10; /* whatever happens, it comes back */
    return BH_MTD_ALL & ~BH_MTD_APIC;
}

static void garbage_in(void)
{
    struct vcpu *v = guest_create(0, guest_calls, garbage);
    guest_start(v);
    wait_for(&v->exits, 31, "exits");
    expect(v->exits > 30, "%u exits, the last %u", v->exits, v->reason[v->exits % GUEST_LOG - 1]);
    expect_status(bh_null(), BH_OK, "the system afterwards");
    v = guest_run(0, guest_tour, tour);
    expect_equal(v->reason[10], BH_EXIT_VMCALL, "the last exit of another guest");
}

const struct test exit_tests[] = {
    {"first_exit_is_startup_before_any_instruction", startup},
    {"exits_carry_their_reasons_and_details", tour_of_exits},
    {"only_the_groups_of_the_mtd_move", groups},
    {"groups_of_the_reply_arrive", groups_written},
    {"interrupt_is_injected_in_its_window", injected},
    {"refused_entry_is_reported_and_repaired", refused},
    {"garbage_in_the_state_page_harms_only_its_guest", garbage_in},
    {NULL, NULL},
};
