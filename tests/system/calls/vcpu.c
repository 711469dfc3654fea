/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs as execution contexts: recall, deadlines, switching between them, memory that is taken from
 * a running guest, and their end.
 */
#include "tests/system/calls/guest.h"

#define LATE_MAX   30000ull
#define RFLAGS_ON  0x202u
#define RFLAGS_OFF 2u
#define SPAN       500000ull

static uint32_t last_cpu(void)
{
    return test_cpus() - 1;
}

static uint32_t count_recalls(struct vcpu *v)
{
    v->value[0] += v->state->exit_reason == BH_EXIT_RECALL;
    v->value[1] = v->state->rip;
    return 0;
}

static void recalled_on(uint32_t cpu, uint64_t rflags)
{
    struct vcpu *v = guest_create(cpu, guest_spin, count_recalls);
    v->rflags = rflags;
    guest_start(v);
    wait_for(&v->exits, 1, "exits");
    sleep_ticks(TICKS_SHORT / 4);
    for (uint32_t i = 1; i <= 5; i++) {
        expect_status(bh_ec_recall(v->ec), BH_OK, "recall");
        wait_for(&v->exits, 1 + i, "exits");
        sleep_ticks(TICKS_SHORT / 40);
        expect_equal(v->exits, 1 + i, "exits");
        expect_equal(v->value[0], i, "recalls");
        expect_equal(v->value[1], v->entry, "RIP");
    }
}

static void recalled(void)
{
    recalled_on(0, RFLAGS_ON);
    recalled_on(last_cpu(), RFLAGS_ON);
}

/* A guest that has interrupts off and never exits is interrupted all the same. Bochs 2.7 holds
 * external interrupts back from a guest that is entered so; the preemption timer helps. */
static void interrupts_off(void)
{
    if ((test_info()->vmx & BH_VMX_PREEMPTION_TIMER) == 0) {
        skip("no VMX-preemption timer, which emulators need for it");
    }
    recalled_on(0, RFLAGS_OFF);
    recalled_on(last_cpu(), RFLAGS_OFF);
    uint64_t end = bh_rdtsc() + SPAN;
    sleep_ticks(SPAN);
    expect(bh_rdtsc() < end + LATE_MAX, "the main thread sleeps too long");
}

/* Two recalls before the vCPU begins are one, and the exit comes after the first entry's. */
static void recalled_early(void)
{
    struct vcpu *v = guest_create(0, guest_spin, count_recalls);
    must(bh_ec_recall(v->ec), "recall");
    must(bh_ec_recall(v->ec), "recall");
    guest_start(v);
    wait_for(&v->exits, 2, "exits");
    sleep_ticks(TICKS_SHORT / 4);
    expect_equal(v->exits, 2, "exits");
    expect(v->reason[0] == BH_EXIT_STARTUP && v->reason[1] == BH_EXIT_RECALL, "reasons %u, %u",
           v->reason[0], v->reason[1]);
}

/* Every second exit is by recall, to set the next deadline. */
static uint32_t deadlines(struct vcpu *v)
{
    uint64_t now = bh_rdtsc();
    struct bh_vcpu_state *s = v->state;
    if (s->exit_reason == BH_EXIT_DEADLINE) {
        uint64_t late = now - v->value[1];
        v->value[2] = late > v->value[2] ? late : v->value[2];
        v->value[0]++;
    }
    if (v->value[0] == 5) {
        s->deadline = BH_NEVER;
        return BH_MTD_DEADLINE;
    }
    s->deadline = bh_rdtsc() + SPAN;
    v->value[1] = s->deadline;
    return BH_MTD_DEADLINE;
}

static void deadline_on(uint32_t cpu)
{
    struct vcpu *v = guest_create(cpu, guest_spin, deadlines);
    guest_start(v);
    wait_for(&v->exits, 1, "exits");
    must(bh_ec_recall(v->ec), "recall");
    wait_for(&v->exits, 7, "exits");
    sleep_ticks(4 * SPAN);
    expect_equal(v->exits, 7, "exits");
    expect_equal(v->value[0], 5, "deadlines");
    expect(v->value[2] < LATE_MAX, "one was %ld ticks late", (long)v->value[2]);
    must(bh_revoke(BH_SPACE_OBJ, v->ec, 1, 1), "end the vCPU");
}

static void deadline(void)
{
    deadline_on(0);
    deadline_on(last_cpu());
}

static uint32_t keep_count(struct vcpu *v)
{
    v->value[0] = v->state->gpr[BH_RSI];
    v->value[1] = v->state->exit_reason;
    return v->state->exit_reason == BH_EXIT_VMCALL ? guest_stop(v) : 0;
}

/* Four guests on one CPU, each with its own value in an MSR that no exit guards. */
static void msrs(void)
{
    struct vcpu *v[4];
    for (uint32_t i = 0; i < 4; i++) {
        v[i] = guest_create(0, guest_msr, keep_count);
        v[i]->ebx = 0x1000 + i;
        v[i]->sc = sel();
    }
    for (uint32_t i = 0; i < 4; i++) {
        must(bh_create_sc(v[i]->sc, v[i]->ec, PRIO_LOW, BH_BUDGET_MIN * 2, 0), "create_sc");
    }
    for (uint32_t i = 0; i < 4; i++) {
        guest_wait(v[i]);
        expect_equal(v[i]->value[0], 0, "turns left when STAR was another");
        expect_equal(v[i]->value[1], BH_EXIT_VMCALL, "exit reason");
    }
}

static uint32_t use_fpu(struct vcpu *v)
{
    uint32_t call = v->exits - 2;
    fpu_fill(0x7777);
    v->value[call] = v->state->gpr[call == 2 ? BH_RSI : BH_RAX];
    return call == 2 ? guest_stop(v) : guest_next(v);
}

static void fpu_worker(struct thread *t)
{
    for (uint64_t i = 0; get_flag(&t->sc) != 0; i++) {
        fpu_fill(i << 32);
        t->result += fpu_check(i << 32);
    }
}

static void fpu(void)
{
    struct vcpu *v[2];
    struct thread *t = thread_create(BH_SEL_PD, 0, fpu_worker, NULL, BH_SELECTOR_NONE);
    t->sc = sel();
    must(bh_create_sc(t->sc, t->ec, PRIO_LOW, 2 * BH_BUDGET_MIN, 0), "create_sc");
    for (uint32_t i = 0; i < 2; i++) {
        v[i] = guest_create(0, guest_fpu, use_fpu);
        v[i]->ebx = 0xFEED0000 + i;
        v[i]->sc = sel();
    }
    for (uint32_t i = 0; i < 2; i++) {
        must(bh_create_sc(v[i]->sc, v[i]->ec, PRIO_LOW, 2 * BH_BUDGET_MIN, 0), "create_sc");
    }
    for (uint32_t i = 0; i < 2; i++) {
        guest_wait(v[i]);
        expect_equal(v[i]->value[1], v[i]->ebx, "XMM3 after the VMM has used it");
        expect_equal(v[i]->value[2], 0, "turns left when XMM3 was another");
    }
    expect_equal(t->result, 0, "registers that differ in the thread");
}

static uint32_t on_loss(struct vcpu *v)
{
    v->value[0] = v->state->exit_reason;
    v->value[1] = v->state->guest_physical;
    return guest_stop(v);
}

static void loses_memory_on(uint32_t cpu)
{
    struct vcpu *v = guest_create(cpu, guest_count, on_loss);
    guest_start(v);
    wait_for(&v->exits, 1, "exits");
    sleep_ticks(TICKS_SHORT);
    expect(guest_word(v, GUEST_COUNTER) != 0, "the guest does not run");
    uint64_t page = v->memory_page + (GUEST_COUNTER >> PAGE_SHIFT);
    must(bh_revoke(BH_SPACE_MEM, page, 1, 0), "revoke");
    uint32_t count = guest_word(v, GUEST_COUNTER);
    guest_wait(v);
    expect_equal(guest_word(v, GUEST_COUNTER), count, "what was counted after the revocation");
    expect_equal(v->value[0], BH_EXIT_EPT_VIOLATION, "exit reason");
    expect_equal(v->value[1], GUEST_COUNTER, "guest-physical address");
}

static void loses_memory(void)
{
    loses_memory_on(0);
    loses_memory_on(last_cpu());
}

static void ends_on(uint32_t cpu)
{
    struct vcpu *v = guest_create(cpu, guest_count, on_loss);
    guest_start(v);
    wait_for(&v->exits, 1, "exits");
    sleep_ticks(TICKS_SHORT);
    must(bh_revoke(BH_SPACE_OBJ, v->ec, 1, 1), "end the vCPU");
    objects_used();
    uint32_t count = guest_word(v, GUEST_COUNTER);
    expect(count != 0, "the guest does not run");
    sleep_ticks(TICKS_SHORT);
    expect_equal(guest_word(v, GUEST_COUNTER), count, "what was counted after the end");
    expect_equal(v->stopped, 0, "exits at the end");
}

static void ends(void)
{
    ends_on(0);
    ends_on(last_cpu());
}

/* Its exits have nowhere to go: the vCPU ends, and nobody else. */
static void handler_dies(void)
{
    struct vcpu *v = guest_create(last_cpu(), guest_spin, count_recalls);
    guest_start(v);
    wait_for(&v->exits, 1, "exits");
    must(bh_revoke(BH_SPACE_OBJ, v->handler, 1, 1), "destroy the handler");
    bh_ec_recall(v->ec);
    sleep_ticks(TICKS_SHORT);
    expect_equal(v->exits, 1, "exits");
    expect_status(bh_ec_recall(v->ec), BH_ERR_DEAD, "recall afterwards");
}

const struct test vcpu_tests[] = {
    {"recall_makes_a_running_guest_exit", recalled},
    {"guest_with_interrupts_off_cannot_keep_the_cpu", interrupts_off},
    {"recall_before_the_start_is_kept", recalled_early},
    {"deadlines_of_guests_are_kept", deadline},
    {"guests_keep_their_msrs", msrs},
    {"guests_and_threads_keep_their_extended_state", fpu},
    {"guest_loses_revoked_memory_at_once", loses_memory},
    {"guest_ends_with_its_vcpu", ends},
    {"vcpu_ends_without_its_handler", handler_dies},
    {NULL, NULL},
};
