/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit handlers that exits.c puts into its table and that are implemented elsewhere. Each is
 * called by exit_entry (vmm/lib/portal.h) with the vCPU and returns the groups of state that it has
 * changed.
 */
#pragma once

#include <stdint.h>

struct vcpu;

/* io.c: reason 30, I/O instruction. */
uint32_t io_exit(struct vcpu *v);

/* msrexit.c: reasons 31 and 32. */
uint32_t msrexit_read(struct vcpu *v);
uint32_t msrexit_write(struct vcpu *v);

/* startup.c: BH_EXIT_STARTUP, the first exit of a vCPU; sets all of its state. */
uint32_t startup_exit(struct vcpu *v);
