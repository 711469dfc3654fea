/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The restart policy; the header has the table.
 */
#include "vmm/root/policy.h"

static bool wants_restart(enum config_restart restart, enum vm_end end)
{
    switch (end) {
    case VM_END_CRASH:
        return restart != CONFIG_RESTART_NEVER;
    case VM_END_POWEROFF:
    case VM_END_DEBUG_EXIT:
        return restart == CONFIG_RESTART_ALWAYS;
    default:
        return false;
    }
}

/* The configured delay, doubled for every restart already made in this row. */
static uint64_t backed_off(const struct config_vm *config, unsigned restarts)
{
    uint64_t delay = config->restart_delay_us;
    for (unsigned i = 0; i < restarts && delay < POLICY_DELAY_MAX_US; i++) {
        delay *= 2;
    }
    return delay < POLICY_DELAY_MAX_US || restarts == 0 ? delay : POLICY_DELAY_MAX_US;
}

struct policy_decision policy_decide(struct policy *policy, const struct config_vm *config,
                                     enum vm_end end, uint64_t ran_us)
{
    if (ran_us >= POLICY_STABLE_US) {
        policy->restarts = 0;
    }
    if (end == VM_END_REBOOT) {
        return (struct policy_decision){
            .restart = true, .delay_us = ran_us < POLICY_REBOOT_US ? config->restart_delay_us : 0};
    }
    if (!wants_restart(config->restart, end)) {
        return (struct policy_decision){0};
    }
    if (policy->restarts >= config->restart_limit) {
        return (struct policy_decision){.exhausted = true};
    }
    return (struct policy_decision){.restart = true,
                                    .delay_us = backed_off(config, policy->restarts++)};
}
