/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control of existing objects: what it reads and sets, and its refusals.
 */
#include "tests/system/calls/test.h"

#define OP_UNKNOWN    77u
#define DEVICE_IRQ    (BH_SEL_IRQ + 5u) /* nothing here uses it */
#define LEVEL_OF_TEST 33u

static void nothing(struct thread *t)
{
    (void)t;
}

static enum bh_status raw(enum bh_call call, uint32_t flags, uint64_t s, uint64_t a)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(call, flags, 0, s), a, 0, 0, 0, 0, &r);
}

static void ec_refused(void)
{
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    expect_status(bh_ec_recall(t->ec), BH_ERR_STATE, "recall of a thread");
    expect_status(bh_ec_set_mtd(t->ec), BH_ERR_STATE, "set_mtd of a thread");
    expect_status(raw(BH_CALL_EC_CTRL, OP_UNKNOWN, t->ec, 0), BH_ERR_PARAMETER,
                  "no such operation");
}

static void mtd_refused(void)
{
    uint32_t v = sel();
    uint64_t page = free_page();
    must(bh_create_vcpu(v, BH_SEL_PD, 0, page << PAGE_SHIFT, 0, BH_SELECTOR_NONE), "create a vCPU");
    uint32_t *mtd = (uint32_t *)(void *)my_utcb()->data;
    for (uint32_t i = 0; i < BH_EXIT_REASONS; i++) {
        mtd[i] = BH_MTD_ALL;
    }
    expect_status(bh_ec_set_mtd(v), BH_OK, "all groups");
    mtd[BH_EXIT_REASONS - 1] = BH_MTD_ALL + 1;
    expect_status(bh_ec_set_mtd(v), BH_ERR_PARAMETER, "unknown group");
}

static void sc_reads_and_sets(void)
{
    struct thread *t = thread_create(BH_SEL_PD, 0, nothing, NULL, BH_SELECTOR_NONE);
    thread_start(t, LEVEL_OF_TEST, BUDGET, BUDGET * 4);
    struct bh_sc_state s = {0};
    must(bh_sc_read(t->sc, &s), "read");
    expect(s.priority == LEVEL_OF_TEST && s.budget == BUDGET && s.period == BUDGET * 4,
           "priority %lu, budget %lu, period %lu", s.priority, s.budget, s.period);
    expect_status(bh_sc_set(t->sc, 0, BUDGET, 0), BH_ERR_PARAMETER, "priority 0");
    expect_status(bh_sc_set(t->sc, BH_PRIO_MAX + 1, BUDGET, 0), BH_ERR_PARAMETER, "priority 256");
    expect_status(bh_sc_set(t->sc, 1, BH_BUDGET_MIN - 1, 0), BH_ERR_PARAMETER, "budget");
    expect_status(bh_sc_set(t->sc, 1, BUDGET, BUDGET - 1), BH_ERR_PARAMETER, "period");
    expect_status(raw(BH_CALL_SC_CTRL, OP_UNKNOWN, t->sc, 0), BH_ERR_PARAMETER, "no operation");
    must(bh_sc_read(t->sc, &s), "read");
    expect(s.priority == LEVEL_OF_TEST && s.budget == BUDGET && s.period == BUDGET * 4,
           "a refused call has set priority %lu, budget %lu, period %lu", s.priority, s.budget,
           s.period);
    must(bh_sc_set(t->sc, LEVEL_OF_TEST + 1, BUDGET + 1, 0), "set");
    must(bh_sc_read(t->sc, &s), "read");
    expect(s.priority == LEVEL_OF_TEST + 1 && s.budget == BUDGET + 1 && s.period == 0,
           "priority %lu, budget %lu, period %lu", s.priority, s.budget, s.period);
    thread_join(t);
}

static uint64_t serve_who(struct service *s, struct bh_msg *m)
{
    m->w[0] = (uint64_t)(uintptr_t)s->argument;
    m->words = 0;
    return 0;
}

static void portal_id(void)
{
    struct service *one = service_create(BH_SEL_PD, 0, serve_who, at(1), BH_SELECTOR_NONE);
    struct service *two = service_create(BH_SEL_PD, 0, serve_who, at(2), BH_SELECTOR_NONE);
    struct bh_msg m = {{0}, 0};
    must(bh_call(one->pt, 0, 0, &m), "call");
    expect_equal(m.w[0], 1, "the id at first");
    must(bh_pt_set_id(one->pt, (uint64_t)(uintptr_t)two), "pt_ctrl");
    must(bh_call(one->pt, 0, 0, &m), "call");
    expect_equal(m.w[0], 2, "the id afterwards");
}

static void sm_refused(void)
{
    uint32_t s = sel();
    uint64_t count = 0;
    must(bh_create_sm(s, BH_SM_COUNT_MAX - 1), "create_sm");
    expect_status(bh_sm_up(s), BH_OK, "up to the greatest count");
    expect_status(bh_sm_up(s), BH_ERR_OVERFLOW, "up beyond it");
    expect_status(raw(BH_CALL_SM_CTRL, OP_UNKNOWN, s, 0), BH_ERR_PARAMETER, "no such operation");
    expect_status(bh_sm_down_zero(s, 0, &count), BH_OK, "down to zero");
    expect_equal(count, BH_SM_COUNT_MAX, "the count");
}

static void irq_refused(void)
{
    uint32_t plain = sel();
    uint32_t copy = sel();
    must(bh_create_sm(plain, 0), "create_sm");
    must(bh_delegate(BH_SEL_PD, BH_SPACE_OBJ, BH_SPACE_OBJ, BH_SM_UP | BH_SM_DOWN, DEVICE_IRQ, copy,
                     1),
         "delegate");
    expect_status(bh_irq_route(plain, 0), BH_ERR_TYPE, "not an interrupt");
    expect_status(bh_irq_route(copy, 0), BH_ERR_RIGHTS, "without BH_SM_IRQ");
    expect_status(bh_irq_route(DEVICE_IRQ, test_cpus()), BH_ERR_CPU, "no such CPU");
    expect_status(raw(BH_CALL_IRQ_CTRL, 0, DEVICE_IRQ, UINT64_MAX), BH_ERR_CPU, "no such CPU");
    expect_status(bh_irq_route(DEVICE_IRQ, test_cpus() - 1), BH_OK, "the last CPU");
}

/* Message-signalled interrupts: the address and data name the CPU and a vector, all different. */
static void irq_message(void)
{
    const struct bh_info *info = test_info();
    struct bh_result one;
    struct bh_result two;
    uint64_t first = BH_SEL_IRQ + info->pins;
    expect(info->irqs >= info->pins + 2, "%u interrupts, %u pins", info->irqs, info->pins);
    must(bh_syscall(bh_descriptor(BH_CALL_IRQ_CTRL, 0, 0, first), 0, 0, 0, 0, 0, &one), "irq_ctrl");
    must(bh_syscall(bh_descriptor(BH_CALL_IRQ_CTRL, 0, 0, first + 1), 0, 0, 0, 0, 0, &two),
         "irq_ctrl");
    expect_equal(one.w[0] & ~0xFFFFFull, 0xFEE00000, "the address");
    expect(one.w[1] != two.w[1], "two interrupts have one vector");
    must(bh_syscall(bh_descriptor(BH_CALL_IRQ_CTRL, 0, 0, BH_SEL_IRQ + 5), 0, 0, 0, 0, 0, &one),
         "irq_ctrl of a pin");
    expect(one.w[0] == 0 && one.w[1] == 0, "a pin has address %lx", one.w[0]);
}

const struct test control_tests[] = {
    {"ec_ctrl_refuses", ec_refused},
    {"set_mtd_refuses_unknown_groups", mtd_refused},
    {"sc_ctrl_reads_what_it_sets_and_refuses", sc_reads_and_sets},
    {"pt_ctrl_changes_the_id", portal_id},
    {"semaphore_count_has_a_limit", sm_refused},
    {"irq_ctrl_refuses", irq_refused},
    {"irq_ctrl_tells_message_address_and_data", irq_message},
    {NULL, NULL},
};
