/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Polled output on COM1 and a small formatter. See console.h.
 */
#include "tests/guest/lib/console.h"

#include <stdbool.h>
#include <stdint.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/uart.h"

enum {
    DIVISOR_115200 = 1,
    TRANSMIT_POLLS =
        1000000, /* then the character goes out all the same: better garbled than silent */
    LINE = 256,
    DIGITS = 20 /* of 2^64 - 1 */
};

void console_init(void)
{
    outb(UART_IER, 0);
    outb(UART_LCR, LCR_DLAB);
    outb(UART_DLL, DIVISOR_115200);
    outb(UART_DLM, 0);
    outb(UART_LCR, LCR_8N1);
    outb(UART_FCR, 0);
    outb(UART_MCR, MCR_DTR | MCR_RTS);
}

static void put_char(char c)
{
    for (unsigned polls = 0; polls < TRANSMIT_POLLS && !(inb(UART_LSR) & LSR_THRE); polls++)
        pause();
    outb(UART_DATA, (uint8_t)c);
}

struct output {
    char *buffer;
    size_t room; /* without the NUL */
};

static void add(struct output *out, char c)
{
    if (out->room == 0)
        return;
    *out->buffer++ = c;
    out->room--;
}

static void add_string(struct output *out, const char *text)
{
    while (*text != '\0')
        add(out, *text++);
}

static void add_number(struct output *out, uint64_t value, unsigned base)
{
    char digits[DIGITS];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0)
        add(out, digits[--count]);
}

static void add_signed(struct output *out, int64_t value)
{
    if (value < 0) {
        add(out, '-');
        add_number(out, 0 - (uint64_t)value, 10);
    } else {
        add_number(out, (uint64_t)value, 10);
    }
}

/* A conversion of `%`; `format` stands behind it. Returns where the text goes on. */
static const char *convert(struct output *out, const char *format, va_list *arguments)
{
    bool is_long = *format == 'l';

    if (is_long)
        format++;
    switch (*format) {
    case 's':
        add_string(out, va_arg(*arguments, const char *));
        break;
    case 'c':
        add(out, (char)va_arg(*arguments, int));
        break;
    case 'd':
        add_signed(out, is_long ? va_arg(*arguments, long) : va_arg(*arguments, int));
        break;
    case 'u':
    case 'x':
        add_number(out, is_long ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   *format == 'x' ? 16 : 10);
        break;
    case '\0':
        return format;
    default:
        add(out, *format);
        break;
    }
    return format + 1;
}

void console_format(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output out = {.buffer = buffer, .room = size - 1};
    va_list rest;

    va_copy(rest, arguments);
    while (*format != '\0') {
        if (*format == '%')
            format = convert(&out, format + 1, &rest);
        else
            add(&out, *format++);
    }
    va_end(rest);
    *out.buffer = '\0';
}

void console_print(const char *format, ...)
{
    char line[LINE];
    va_list arguments;

    va_start(arguments, format);
    console_format(line, sizeof line, format, arguments);
    va_end(arguments);
    for (const char *c = line; *c != '\0'; c++)
        put_char(*c);
}
