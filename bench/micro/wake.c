/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores: up when nobody waits, and up that wakes a thread of higher priority, which runs at
 * once and waits again.
 */
#include <stdalign.h>

#include "bench/micro/micro.h"
#include "vmm/lib/portal.h"

enum { SEL_LONELY = SEL_WAKE, SEL_WAITED, SEL_WAITER_EC, SEL_WAITER_SC };

#define STACK_SIZE 4096u

static alignas(STACK_ALIGN) uint8_t stack[STACK_SIZE];
static volatile uint64_t woken_at;

static void wait(void *argument)
{
    (void)argument;
    for (;;) {
        (void)bh_sm_down(SEL_WAITED, BH_NEVER);
        woken_at = bh_rdtsc();
    }
}

static __attribute__((noinline)) void op_up(void)
{
    (void)bh_sm_up(SEL_LONELY);
}

static __attribute__((noinline)) void op_up_wake_down(void)
{
    (void)bh_sm_up(SEL_WAITED);
}

static const struct operation table[] = {
    {"up", op_up}, {"up_wake_down", op_up_wake_down}, {NULL, NULL}};

const struct operation *wake_prepare(void)
{
    struct bh_sc_state own = {0};
    micro_need(bh_create_sm(SEL_LONELY, 0), "semaphore");
    micro_need(bh_create_sm(SEL_WAITED, 0), "semaphore");
    micro_need(bh_sc_read(BH_SEL_SC, &own), "own scheduling context");
    micro_need(bh_create_thread(SEL_WAITER_EC, BH_SEL_PD, 0, UTCB_WAKE, code_address(thread_entry),
                                thread_prepare(stack, sizeof(stack), wait, NULL), BH_SELECTOR_NONE),
               "thread");
    micro_need(
        bh_create_sc(SEL_WAITER_SC, SEL_WAITER_EC, (uint32_t)own.priority + 1, own.budget, 0),
        "scheduling context");
    op_up_wake_down();
    micro_need(woken_at != 0 ? BH_OK : BH_ERR_STATE, "the thread of higher priority runs at once");
    return table;
}

uint64_t wake_latency(void)
{
    uint64_t best = UINT64_MAX;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t start = bh_rdtsc();
        op_up_wake_down();
        uint64_t ticks = woken_at - start;
        best = ticks < best ? ticks : best;
    }
    return best;
}
