/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's entry from boot/start.asm.
 */
#pragma once

#include <stdint.h>

/* In long mode, on boot's stack; magic and address as the boot loader gave them. */
void main_boot(uint32_t magic, uint64_t info);

/* The same, on the boot CPU's own stack. */
_Noreturn void main_on_stack(void);

/* start.asm: go on in main_on_stack with this stack. */
_Noreturn void main_switch_stack(uint64_t stack);
