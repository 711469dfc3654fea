/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of threads: the message of the event portal, the way back, and what becomes of a
 * thread without one.
 */
#include "tests/system/calls/test.h"

#define VECTOR_DE    0u
#define VECTOR_BP    3u
#define VECTOR_UD    6u
#define VECTOR_GP    13u
#define VECTOR_PF    14u
#define PF_USER      4u
#define PF_WRITE     2u
#define NOT_MAPPED   0x123456789000ull
#define RFLAGS_IF    0x200u
#define RFLAGS_IOPL  0x3000u
#define RFLAGS_VM_NT 0x24000u
#define RFLAGS_CF    1u

/* #BP is a trap: RIP is behind the instruction. */
static void vectors(void)
{
    static const struct {
        uint64_t (*probe)(void);
        uint64_t vector;
    } list[] = {
        {probe_ud, VECTOR_UD},         {probe_divide, VECTOR_DE}, {probe_breakpoint, VECTOR_BP},
        {probe_privileged, VECTOR_GP}, {probe_port, VECTOR_GP},   {probe_syscall, VECTOR_UD},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        fault_clear();
        expect(list[i].probe() == 1, "probe %zu: no exception", i);
        expect(fault_last()->vector == list[i].vector && fault_last()->count == 1,
               "probe %zu: vector %lu, %u times", i, fault_last()->vector, fault_last()->count);
    }
}

static void non_canonical(void)
{
    expect_equal(probe_non_canonical(), 1, "access to a non-canonical address");
    expect_equal(fault_last()->vector, VECTOR_GP, "vector");
    fault_clear();
    expect_equal(probe_bad_return(), 1, "system call with a bad return address");
    uint64_t vector = fault_last()->vector;
    expect(vector == VECTOR_PF || vector == VECTOR_GP, "vector %lu", vector);
}

static void kernel_is_closed(void)
{
    expect_equal(probe_read(KERNEL_TOP), 1, "read of the kernel");
    expect_equal(fault_last()->cr2, KERNEL_TOP, "CR2");
    expect_equal(fault_last()->error & PF_USER, PF_USER, "error code");
    expect_equal(probe_write(KERNEL_TOP + PAGE_BYTES, 0), 1, "write of the kernel");
    expect_equal(probe_execute(KERNEL_TOP), 1, "execution of the kernel");
    expect_equal(probe_write(BH_ROOT_INFO, 0), 1, "write of the information page");
    expect_equal(probe_write(BH_ROOT_LOG, 0), 1, "write of the log");
    expect_equal(probe_read(0), 1, "read of address 0");
}

/* A thread of this domain with an event portal of its own, which judges it by the words below. */
struct judge {
    struct bh_utcb *utcb;
    struct bh_thread_state seen;
    uint64_t words, resume, rip, rflags;
    uint32_t count;
};

static struct judge judge;

static uint64_t serve_judge(struct service *s, struct bh_msg *m)
{
    struct judge *j = s->argument;
    struct bh_thread_state *t = (void *)j->utcb->data;
    j->seen = *t;
    j->words = m->words;
    j->seen.vector = m->w[0];
    t->rip = j->rip != 0 ? j->rip : t->gpr[BH_R12];
    t->rflags |= j->rflags;
    t->rflags &= ~(uint64_t)RFLAGS_IF;
    m->w[0] = j->resume;
    m->words = sizeof(*t) / sizeof(uint64_t);
    j->rip = 0;
    add_flag(&j->count);
    return 0;
}

static struct service *judge_create(void)
{
    judge = (struct judge){.resume = 1};
    struct service *s = service_create(BH_SEL_PD, 0, serve_judge, &judge, BH_SELECTOR_NONE);
    judge.utcb = at(s->utcb);
    return s;
}

static void reader(struct thread *t)
{
    t->result = probe_write(NOT_MAPPED, 1);
}

static void flags(struct thread *t)
{
    t->result = probe_flags();
}

static void page_fault(void)
{
    struct service *s = judge_create();
    struct thread *t = thread_create(BH_SEL_PD, 0, reader, NULL, s->pt);
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
    expect_equal(t->result, 1, "what the thread says");
    expect_equal(judge.seen.vector, VECTOR_PF, "vector");
    expect_equal(judge.seen.cr2, NOT_MAPPED, "CR2");
    expect_equal(judge.seen.error, PF_USER | PF_WRITE, "error code");
    expect_equal(judge.seen.gpr[BH_RDI], NOT_MAPPED, "RDI");
    expect_equal(judge.words, sizeof(struct bh_thread_state) / 8, "UTCB words");
    expect_equal(judge.count, 1, "messages");
}

static void flags_are_safe(void)
{
    struct service *s = judge_create();
    struct thread *t = thread_create(BH_SEL_PD, 0, flags, NULL, s->pt);
    judge.rflags = RFLAGS_IOPL | RFLAGS_VM_NT | RFLAGS_CF;
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
    expect_equal(t->result & (RFLAGS_IOPL | RFLAGS_VM_NT), 0, "IOPL, VM and NT");
    expect_equal(t->result & (RFLAGS_IF | RFLAGS_CF), RFLAGS_IF | RFLAGS_CF, "IF and CF");
}

/* A handler that sends its thread into the kernel's half gets the thread's page fault. */
static void bad_rip(void)
{
    struct service *s = judge_create();
    struct thread *t = thread_create(BH_SEL_PD, 0, reader, NULL, s->pt);
    judge.rip = KERNEL_TOP;
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
    expect_equal(judge.count, 2, "messages");
    expect_equal(judge.seen.vector, VECTOR_PF, "vector");
}

static void not_resumed(void)
{
    struct service *s = judge_create();
    struct thread *t = thread_create(BH_SEL_PD, 0, reader, NULL, s->pt);
    judge.resume = 0;
    thread_start(t, PRIO_LOW, BUDGET, 0);
    wait_for(&judge.count, 1, "messages");
    sleep_ticks(TICKS_SHORT);
    expect(!thread_has_finished(t), "the thread goes on");
    expect_equal(judge.count, 1, "messages");
}

/* In a domain of its own: the kernel stops the machine for a thread of the root task. */
static void no_portal(void)
{
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct thread *t = thread_create(pd, 0, reader, NULL, BH_SELECTOR_NONE);
    thread_start(t, PRIO_LOW, BUDGET, 0);
    sleep_ticks(TICKS_SHORT);
    expect(!thread_has_finished(t), "the thread goes on");
    expect_status(bh_ec_set_event(t->ec, fault_portal()), BH_ERR_DEAD, "ec_ctrl of it");
    expect_status(bh_ec_recall(t->ec), BH_ERR_DEAD, "recall of it");
    expect_equal(fault_last()->count, 0, "messages elsewhere");
}

static void event_changes(void)
{
    struct service *s = judge_create();
    struct thread *t = thread_create(BH_SEL_PD, 0, reader, NULL, BH_SELECTOR_NONE);
    must(bh_ec_set_event(t->ec, s->pt), "set_event");
    thread_start(t, PRIO_LOW, BUDGET, 0);
    thread_join(t);
    expect_equal(judge.count, 1, "messages at the new portal");
}

/* The exception happens in a handler, in the middle of a call. */
static uint64_t serve_fault(struct service *s, struct bh_msg *m)
{
    (void)s;
    m->w[0] = probe_write(NOT_MAPPED, 1);
    m->words = 0;
    return 0;
}

static void fault_in_handler(uint32_t pd)
{
    struct service *good = service_create(pd, 0, serve_fault, NULL, fault_portal());
    struct bh_msg m = {{0}, 0};
    must(bh_call(good->pt, 0, 0, &m), "call");
    expect_equal(m.w[0], 1, "what the handler says");
    expect_equal(fault_last()->cr2, NOT_MAPPED, "CR2");
    uint32_t other = domain_create(DOMAIN_QUOTA);
    struct service *bad = service_create(other, 0, serve_fault, NULL, BH_SELECTOR_NONE);
    expect_status(bh_call(bad->pt, 0, 0, &m), BH_ERR_DEAD, "call of a handler that dies");
}

static void fault_in_handler_here(void)
{
    fault_in_handler(BH_SEL_PD);
}

static void fault_in_handler_across(void)
{
    fault_in_handler(domain_create(DOMAIN_QUOTA));
}

/* The event handler dies while it holds the thread: the thread stays where it is. */
static void handler_dies(void)
{
    struct service *s = judge_create();
    uint32_t pd = domain_create(DOMAIN_QUOTA);
    struct thread *t = thread_create(pd, 0, reader, NULL, s->pt);
    must(bh_revoke(BH_SPACE_OBJ, s->ec, 1, 1), "destroy the handler");
    thread_start(t, PRIO_LOW, BUDGET, 0);
    sleep_ticks(TICKS_SHORT);
    expect(!thread_has_finished(t), "the thread goes on");
    expect_equal(judge.count, 0, "messages");
}

const struct test event_tests[] = {
    {"exceptions_have_their_vectors", vectors},
    {"non_canonical_addresses_fault_at_user_level", non_canonical},
    {"kernel_memory_is_closed_to_users", kernel_is_closed},
    {"page_fault_reaches_the_event_portal_with_its_address", page_fault},
    {"event_portal_cannot_raise_privileges", flags_are_safe},
    {"event_portal_cannot_resume_in_the_kernel", bad_rip},
    {"thread_is_not_resumed_without_being_told", not_resumed},
    {"thread_without_event_portal_ends", no_portal},
    {"set_event_takes_effect", event_changes},
    {"exception_of_a_handler_in_a_call", fault_in_handler_here},
    {"exception_of_a_handler_in_a_call_across_domains", fault_in_handler_across},
    {"dead_event_portal_stops_the_thread", handler_dies},
    {NULL, NULL},
};
