/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few lines of C library that the kernel needs. Memory is moved by the string instructions,
 * which are fast on every processor that has EPT.
 */
#include "hv/lib.h"

void *memset(void *dst, int value, size_t n)
{
    void *d = dst;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
    return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *d = dst;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n] != '\0') {
        n++;
    }
    return n;
}

size_t lib_strcpy(char *dst, const char *src, size_t size)
{
    size_t n = 0;
    for (; n + 1 < size && src[n] != '\0'; n++) {
        dst[n] = src[n];
    }
    if (size != 0) {
        dst[n] = '\0';
    }
    return n;
}

bool lib_option(const char *line, const char *word, const char **value)
{
    size_t n = strlen(word);
    for (const char *p = line; *p != '\0';) {
        size_t len = 0;
        while (p[len] != '\0' && p[len] != ' ') {
            len++;
        }
        if (len >= n && memcmp(p, word, n) == 0 && (len == n || word[n - 1] == '=')) {
            *value = p + n;
            return true;
        }
        p += len;
        while (*p == ' ') {
            p++;
        }
    }
    return false;
}

uint64_t lib_number(const char *s)
{
    uint64_t v = 0;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint64_t)(*s - '0');
    }
    return v;
}
