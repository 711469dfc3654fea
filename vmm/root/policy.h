/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What follows when a VM has ended: stop or restart, and when. Pure; time is passed in.
 *
 * | ended by           | never | on-failure       | always           |
 * | power off, port F4 | stop  | stop             | restart, limited |
 * | crash              | stop  | restart, limited | restart, limited |
 * | reset by the guest | restart at once, or after the delay when it came too soon |
 * | cannot start       | stop: the file will be no better the next time            |
 *
 * "Limited": restart-limit restarts in a row, the delay doubled for each further one. A VM that has
 * run for POLICY_STABLE_US begins a new row.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/lib/protocol.h"
#include "vmm/root/config.h"

#define POLICY_STABLE_US    60000000u /* a VM that ran this long was not in a restart loop */
#define POLICY_REBOOT_US    1000000u  /* a reset sooner than this is answered with the delay */
#define POLICY_DELAY_MAX_US 60000000u

/* Per VM; zero-filled at boot. */
struct policy {
    unsigned restarts; /* in this row */
};

struct policy_decision {
    bool restart;
    bool exhausted;    /* it would have been restarted but for the limit */
    uint64_t delay_us; /* microseconds until the restart */
};

/* A VM of this configuration has ended in this way after running for ran_us microseconds. */
struct policy_decision policy_decide(struct policy *policy, const struct config_vm *config,
                                     enum vm_end end, uint64_t ran_us);
