/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manager's own threads. They live as long as the machine runs, so nothing here ends one.
 */
#include "vmm/root/thread.h"

#define US_PER_SECOND 1000000u

enum bh_status thread_start(const struct thread_plan *plan, struct selector_pool *selectors)
{
    uint32_t ec = selector_alloc(selectors, 2);
    if (ec == BH_SELECTOR_NONE) {
        return BH_ERR_RANGE;
    }
    uint32_t sc = ec + 1;
    uint64_t rsp = thread_prepare(plan->stack, plan->stack_size, plan->function, plan->argument);
    enum bh_status status = bh_create_thread(ec, BH_SEL_PD, 0, plan->utcb,
                                             code_address(thread_entry), rsp, BH_SELECTOR_NONE);
    if (status == BH_OK) {
        status = bh_create_sc(sc, ec, plan->priority, plan->budget, plan->period);
        if (status != BH_OK) {
            (void)bh_revoke(BH_SPACE_OBJ, ec, 1, 1);
        }
    }
    if (status != BH_OK) {
        selector_free(selectors, ec, 2);
    }
    return status;
}

uint64_t thread_ticks(const struct bh_info *info, uint64_t microseconds)
{
    uint64_t seconds = microseconds / US_PER_SECOND;
    return seconds * info->tsc_hz + microseconds % US_PER_SECOND * info->tsc_hz / US_PER_SECOND;
}

uint64_t thread_microseconds(const struct bh_info *info, uint64_t ticks)
{
    return ticks / info->tsc_hz * US_PER_SECOND +
           ticks % info->tsc_hz * US_PER_SECOND / info->tsc_hz;
}
