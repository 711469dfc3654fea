/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three functions that a compiler may call on its own, in a program without a C library.
 */
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
    volatile uint8_t *to = dest; /* volatile: or this loop becomes a call of itself */
    const uint8_t *from = src;

    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
    return dest;
}

void *memset(void *s, int c, size_t n)
{
    volatile uint8_t *to = s;

    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)c;
    return s;
}

int memcmp(const void *s1, const void *s2, size_t n)
{
    const uint8_t *left = s1, *right = s2;

    for (size_t i = 0; i < n; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}
