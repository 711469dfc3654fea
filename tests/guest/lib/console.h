/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on COM1, the way by which a guest test speaks. Conversions: %s, %c, %d, %u, %x, each of the
 * last three also with l, and %%; no widths. The UART is polled, so that no interrupt is needed to
 * report.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* 115200 baud, 8N1, FIFO off, UART interrupts off. Also after a test has used the UART for itself.
 */
void console_init(void);

void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Into a buffer of size bytes, cut there, always with a NUL. */
void console_format(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
