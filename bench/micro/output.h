/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on COM1, polled, and the emulator's power switch. Used between measurements only.
 */
#pragma once

void output_init(void);

void output_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bochs ends when it reads "Shutdown" here; another machine stays as it is. */
void output_power_off(void);
