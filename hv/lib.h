/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few lines of C library that the kernel needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memset(void *dst, int value, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* Copy at most size - 1 characters and terminate; returns the length copied. */
size_t lib_strcpy(char *dst, const char *src, size_t size);

/* Does the space-separated command line `line` hold the word `word`? A word ending in '=' matches
 *as a prefix, and value then points behind it. */
bool lib_option(const char *line, const char *word, const char **value);

/* The decimal number at s; stops at the first other character. */
uint64_t lib_number(const char *s);
