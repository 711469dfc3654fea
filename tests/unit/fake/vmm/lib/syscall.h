/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls and the clock for host tests of user-level code: instead of the kernel, the
 * functions of one struct fake_kernel answer, which the test provides. The names and arguments are
 * those of vmm/lib/syscall.h.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/status.h"
#include "hv/abi/syscall.h"
#include "hv/abi/utcb.h"
#include "hv/abi/vcpu.h"

#define BH_MSG_REGISTERS 5

struct bh_msg {
    uint64_t w[BH_MSG_REGISTERS];
    uint64_t words;
};

struct fake_kernel {
    uint64_t tsc;
    unsigned recalls;
    void (*read)(uint32_t groups); /* bh_ec_read */
    enum bh_status (*call)(uint64_t portal, uint64_t words, struct bh_msg *m);
    enum bh_status (*up)(uint64_t sm);
    enum bh_status (*down)(uint64_t sm, uint64_t deadline);
};

extern struct fake_kernel fake_kernel; /* defined by the test */

static inline enum bh_status bh_call(uint64_t portal, uint32_t flags, uint64_t words,
                                     struct bh_msg *m)
{
    (void)flags;
    return fake_kernel.call(portal, words, m);
}

static inline enum bh_status bh_ec_recall(uint64_t ec)
{
    (void)ec;
    fake_kernel.recalls++;
    return BH_OK;
}

static inline enum bh_status bh_ec_set_mtd(uint64_t ec)
{
    (void)ec;
    return BH_OK;
}

static inline enum bh_status bh_ec_read(uint64_t ec, uint32_t groups)
{
    (void)ec;
    fake_kernel.read(groups);
    return BH_OK;
}

static inline enum bh_status bh_sm_up(uint64_t sm)
{
    return fake_kernel.up(sm);
}

static inline enum bh_status bh_sm_down(uint64_t sm, uint64_t deadline)
{
    return fake_kernel.down(sm, deadline);
}

static inline enum bh_status bh_sm_down_zero(uint64_t sm, uint64_t deadline, uint64_t *count)
{
    *count = 1;
    return fake_kernel.down(sm, deadline);
}

static inline uint64_t bh_rdtsc(void)
{
    return fake_kernel.tsc++;
}
