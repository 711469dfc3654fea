/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 by polling, and the emulator's way to end a machine.
 */
#pragma once

/* One line of text, with its newline. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the emulated machine when all is sent. */
_Noreturn void console_power_off(void);
