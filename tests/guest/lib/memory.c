/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three functions that a compiler may call on its own, in a program without a C library.
 */
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    volatile uint8_t *out = to; /* volatile: or this loop becomes a call of itself */
    const uint8_t *in = from;

    for (size_t i = 0; i < size; i++)
        out[i] = in[i];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    volatile uint8_t *out = to;

    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a, *right = b;

    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}
