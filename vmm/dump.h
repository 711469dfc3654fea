/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person needs when a VM has stopped: why, in which mode, the registers, the bytes at RIP.
 */
#pragma once

struct vcpu;

/* Prints the state on the VM's console. `why` is a clause ("triple fault"). The exit has brought
 * VCPU_MTD_STATE. */
void dump_state(struct vcpu *v, const char *why);
