/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device interrupt as a semaphore: the 8254's channel 0, which only counts its own time, so that
 * the number of interrupts in a while can be told from the counter. Datasheet: Intel 8254.
 */
#include "tests/system/calls/test.h"

#define PIT_CHANNEL_0 0x40u
#define PIT_CONTROL   0x43u
#define PIT_RATE      0x34u /* channel 0, low then high byte, mode 2 */
#define PIT_ONE_SHOT  0x30u /* the same in mode 0: no more than one interrupt */
#define DIVISOR       5966u /* 200 Hz */
#define INTERRUPTS    20u

static uint32_t semaphore(void)
{
    return BH_SEL_IRQ + test_info()->isa_gsi[0];
}

static void program(uint32_t mode, uint32_t divisor)
{
    bh_io_out(PIT_CONTROL, 1, mode);
    bh_io_out(PIT_CHANNEL_0, 1, divisor & 0xFF);
    bh_io_out(PIT_CHANNEL_0, 1, divisor >> 8);
}

static uint32_t counter(void)
{
    uint32_t low = 0;
    uint32_t high = 0;
    bh_io_out(PIT_CONTROL, 1, 0);
    bh_io_in(PIT_CHANNEL_0, 1, &low);
    bh_io_in(PIT_CHANNEL_0, 1, &high);
    return high << 8 | low;
}

static void stop(void)
{
    uint64_t count;
    program(PIT_ONE_SHOT, 1);
    sleep_ticks(TICKS_SHORT);
    bh_sm_down_zero(semaphore(), 0, &count);
}

/* Each wait ends shortly after the counter has begun anew. */
static void arrive_on(uint32_t cpu)
{
    must(bh_irq_route(semaphore(), cpu), "irq_ctrl");
    program(PIT_RATE, DIVISOR);
    uint64_t count;
    bh_sm_down_zero(semaphore(), 0, &count);
    for (uint32_t i = 0; i < INTERRUPTS; i++) {
        if (!expect_status(bh_sm_down(semaphore(), bh_rdtsc() + TICKS_LONG), BH_OK, "down")) {
            break;
        }
        uint32_t left = counter();
        expect(left > DIVISOR / 2, "CPU %u, interrupt %u: %u of %u left", cpu, i, left, DIVISOR);
    }
    stop();
}

static void arrive(void)
{
    for (uint32_t cpu = 0; cpu < test_cpus(); cpu++) {
        arrive_on(cpu);
    }
    bh_irq_route(semaphore(), 0);
}

static void collected(void)
{
    uint64_t count = 0;
    must(bh_irq_route(semaphore(), 0), "irq_ctrl");
    program(PIT_RATE, DIVISOR);
    bh_sm_down_zero(semaphore(), 0, &count);
    uint32_t last = counter();
    for (uint32_t turns = 0; turns < INTERRUPTS;) {
        uint32_t now = counter();
        turns += now > last;
        last = now;
    }
    expect_status(bh_sm_down_zero(semaphore(), 0, &count), BH_OK, "down to zero");
    expect(count >= INTERRUPTS - 1 && count <= INTERRUPTS + 1, "%lu interrupts in %u turns", count,
           INTERRUPTS);
    stop();
    expect_status(bh_sm_down(semaphore(), bh_rdtsc() + TICKS_SHORT), BH_ERR_TIMEOUT,
                  "after the end");
}

const struct test irq_tests[] = {
    {"interrupts_arrive_as_ups_on_every_cpu", arrive},
    {"interrupts_are_counted", collected},
    {NULL, NULL},
};
