/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text for user programs: what snprintf does, without floating point, wide characters,
 * %n and positional arguments.
 *
 * snprintf and vsnprintf of musl's libc.a cannot be used: Debian compiles it with the stack
 * protector, whose canary is read at FS:0x28, in thread-local storage that these programs do not
 * have. stdio.c offers this under the names of the standard.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf (ISO C17, "The vsnprintf function"): flags - 0 + space #, width and precision with
 * *, lengths hh h l ll z j t, conversions d i u x X o c s p %. Returns the length of the whole
 * text, also when only size - 1 characters of it fitted. An unknown conversion is copied. */
int format_print(char *buffer, size_t size, const char *format, va_list args);
