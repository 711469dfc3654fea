/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text: a specification is parsed into a structure first, then the value is turned into
 * sign or prefix, zeros and digits, and padded.
 */
#include "vmm/lib/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 22 /* of a 64-bit number in octal */

struct output {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text */
};

struct spec {
    bool left, zero, plus, space, alternate;
    size_t width;
    bool has_precision;
    size_t precision;
    unsigned bytes; /* of an integer argument */
    char conversion;
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size) {
        out->buffer[out->length] = c;
    }
    out->length++;
}

static void put_times(struct output *out, char c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(out, c);
    }
}

static void put_bytes(struct output *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(out, bytes[i]);
    }
}

/* prefix, zeros, body; padded with blanks to the width. */
static void put_field(struct output *out, const struct spec *spec, const char *prefix, size_t zeros,
                      const char *body, size_t length)
{
    size_t used = strlen(prefix) + zeros + length;
    size_t blanks = spec->width > used ? spec->width - used : 0;
    put_times(out, ' ', spec->left ? 0 : blanks);
    put_bytes(out, prefix, strlen(prefix));
    put_times(out, '0', zeros);
    put_bytes(out, body, length);
    put_times(out, ' ', spec->left ? blanks : 0);
}

static const char *parse_flags(const char *f, struct spec *spec)
{
    for (;; f++) {
        switch (*f) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return f;
        }
    }
}

static const char *parse_number(const char *f, size_t *number)
{
    *number = 0;
    for (; *f >= '0' && *f <= '9'; f++) {
        *number = *number > INT_MAX / 10 ? *number : *number * 10 + (size_t)(*f - '0');
    }
    return f;
}

static const char *parse_length(const char *f, struct spec *spec)
{
    spec->bytes = sizeof(int);
    switch (*f) {
    case 'h':
        spec->bytes = f[1] == 'h' ? sizeof(char) : sizeof(short);
        return f[1] == 'h' ? f + 2 : f + 1;
    case 'l':
        spec->bytes = sizeof(long);
        return f[1] == 'l' ? f + 2 : f + 1;
    case 'z':
    case 'j':
    case 't':
        spec->bytes = sizeof(size_t);
        return f + 1;
    default:
        return f;
    }
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value,
                       const char *prefix)
{
    const char *symbols = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = 10;
    if (strchr("xXp", spec->conversion) != NULL) {
        base = 16;
    } else if (spec->conversion == 'o') {
        base = 8;
    }
    char digits[DIGITS_MAX];
    size_t n = 0;
    for (; value != 0; value /= base) {
        digits[DIGITS_MAX - ++n] = symbols[value % base];
    }
    size_t wanted = spec->has_precision ? spec->precision : 1;
    if (spec->zero && !spec->left && !spec->has_precision && spec->width > strlen(prefix)) {
        wanted = spec->width - strlen(prefix);
    }
    put_field(out, spec, prefix, wanted > n ? wanted - n : 0, digits + DIGITS_MAX - n, n);
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
    const char *prefix = "";
    if (value < 0) {
        prefix = "-";
    } else if (spec->plus) {
        prefix = "+";
    } else if (spec->space) {
        prefix = " ";
    }
    put_number(out, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, prefix);
}

/* Integers narrower than int are passed as int and cut down here. */
static int64_t narrow_signed(int value, unsigned bytes)
{
    if (bytes == sizeof(char)) {
        return (signed char)value;
    }
    return bytes == sizeof(short) ? (short)value : value;
}

static uint64_t narrow_unsigned(unsigned value, unsigned bytes)
{
    if (bytes == sizeof(char)) {
        return (unsigned char)value;
    }
    return bytes == sizeof(short) ? (unsigned short)value : value;
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    const char *s = text == NULL ? "(null)" : text;
    size_t length = 0;
    while (!(spec->has_precision && length == spec->precision) && s[length] != '\0') {
        length++;
    }
    put_field(out, spec, "", 0, s, length);
}

static const char *alternate_prefix(const struct spec *spec)
{
    switch (spec->conversion) {
    case 'x':
        return "0x";
    case 'X':
        return "0X";
    case 'o':
        return "0";
    default:
        return "";
    }
}

/* Formats one argument of the list. Returns false for an unknown conversion. */
static bool convert(struct output *out, const struct spec *spec, va_list *args)
{
    char character;
    uint64_t value;
    switch (spec->conversion) {
    case 'd':
    case 'i':
        put_signed(out, spec,
                   spec->bytes == sizeof(long) ? va_arg(*args, long)
                                               : narrow_signed(va_arg(*args, int), spec->bytes));
        return true;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        value = spec->bytes == sizeof(long) ? va_arg(*args, unsigned long)
                                            : narrow_unsigned(va_arg(*args, unsigned), spec->bytes);
        put_number(out, spec, value, spec->alternate && value != 0 ? alternate_prefix(spec) : "");
        return true;
    case 'p':
        put_number(out, spec, (uint64_t)(uintptr_t)va_arg(*args, void *), "0x");
        return true;
    case 'c':
        character = (char)va_arg(*args, int);
        put_field(out, spec, "", 0, &character, 1);
        return true;
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

/* A negative width from the list means "left", a negative precision "none". */
static const char *parse_size(const char *f, struct spec *spec, va_list *args)
{
    if (*f == '*') {
        int width = va_arg(*args, int);
        spec->left = spec->left || width < 0;
        spec->width = width < 0 ? 0 - (size_t)width : (size_t)width;
        f++;
    } else {
        f = parse_number(f, &spec->width);
    }
    if (*f != '.') {
        return f;
    }
    spec->has_precision = true;
    if (f[1] == '*') {
        int precision = va_arg(*args, int);
        spec->has_precision = precision >= 0;
        spec->precision = precision < 0 ? 0 : (size_t)precision;
        return f + 2;
    }
    return parse_number(f + 1, &spec->precision);
}

int format_print(char *buffer, size_t size, const char *format, va_list args)
{
    struct output out = {.buffer = buffer, .size = size};
    va_list list;
    va_copy(list, args);
    const char *f = format;
    while (*f != '\0') {
        if (*f != '%') {
            put(&out, *f++);
            continue;
        }
        struct spec spec = {0};
        const char *end = parse_length(parse_size(parse_flags(f + 1, &spec), &spec, &list), &spec);
        spec.conversion = *end;
        if (*end == '\0' || !convert(&out, &spec, &list)) {
            put(&out, *f++);
            continue;
        }
        f = end + 1;
    }
    va_end(list);
    if (size != 0) {
        buffer[out.length < size ? out.length : size - 1] = '\0';
    }
    return (int)out.length;
}
