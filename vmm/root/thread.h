/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of the root partition manager, all on CPU 0, and where the UTCBs of its threads lie.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/lib/portal.h"
#include "vmm/lib/selector.h"
#include "vmm/lib/status.h"

/* UTCBs, one page each, from the main thread's upwards; the information pages lie above. */
#define THREAD_UTCB_CONSOLE  (BH_ROOT_UTCB + 1 * BH_UTCB_SIZE)
#define THREAD_UTCB_INPUT    (BH_ROOT_UTCB + 2 * BH_UTCB_SIZE)
#define THREAD_UTCB_SERVICES (BH_ROOT_UTCB + 16 * BH_UTCB_SIZE) /* portal handlers: */
#define THREAD_SERVICE_SLOTS 128u
_Static_assert(THREAD_UTCB_SERVICES + THREAD_SERVICE_SLOTS * BH_UTCB_SIZE <= BH_ROOT_INFO,
               "the UTCBs end below the information");

struct thread_plan {
    void (*function)(void *argument); /* never returns */
    void *argument;
    void *stack;
    size_t stack_size;
    uint64_t utcb;
    uint32_t priority;
    uint64_t budget, period; /* ticks */
};

/* Creates and starts the thread. On an error nothing is left behind. */
enum bh_status thread_start(const struct thread_plan *plan, struct selector_pool *selectors);

/* Microseconds in ticks of the TSC. */
uint64_t thread_ticks(const struct bh_info *info, uint64_t microseconds);

/* Ticks in microseconds. */
uint64_t thread_microseconds(const struct bh_info *info, uint64_t ticks);
