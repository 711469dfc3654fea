/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the C library for functions that Debian's libc.a has only with the stack protector,
 * which reads thread-local storage (see format.h). The linker finds these before it looks there.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/lib/format.h"

int vsnprintf(char *restrict buffer, size_t size, const char *restrict format, va_list args)
{
    return format_print(buffer, size, format, args);
}

int snprintf(char *restrict buffer, size_t size, const char *restrict format, ...)
{
    va_list args;
    va_start(args, format);
    int length = format_print(buffer, size, format, args);
    va_end(args);
    return length;
}

size_t strspn(const char *s, const char *accept)
{
    size_t n = 0;
    while (s[n] != '\0' && strchr(accept, s[n]) != NULL) {
        n++;
    }
    return n;
}

size_t strcspn(const char *s, const char *reject)
{
    size_t n = 0;
    while (s[n] != '\0' && strchr(reject, s[n]) == NULL) {
        n++;
    }
    return n;
}
