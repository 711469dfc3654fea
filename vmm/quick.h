/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The usual access to a device's registers, in few instructions: a MOV between a register (or an
 * immediate value) and memory in 64-bit mode. The processor has checked the access and told its
 * address, so no segment and no page table of the operand is looked at, and no state is copied.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/*
 * Does the access to `gpa`, guest-physical, on account of which the instruction at RIP has exited.
 * True: done, *mtd holds what the exit handler is to return. False: another instruction or mode;
 * nothing has changed. Reads MMIO_MTD.
 */
bool quick_mov(struct vcpu *v, uint64_t gpa, uint32_t *mtd);
