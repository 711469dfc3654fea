/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log. Lines are made in a small buffer and put out under one lock, so that lines of
 * several CPUs do not mix. The serial line is set up from scratch, because GRUB leaves it as the
 * firmware did.
 */
#include "hv/log.h"

#include <stdarg.h>
#include <stddef.h>

#include "hv/abi/info.h"
#include "hv/memlayout.h"
#include "hv/spinlock.h"
#include "hv/x86/asm.h"

#define COM1          0x3F8u
#define UART_IER      1u
#define UART_FCR      2u
#define UART_LCR      3u
#define UART_MCR      4u
#define UART_LSR      5u
#define UART_LCR_DLAB 0x80u
#define UART_LCR_8N1  0x03u
#define UART_LSR_TEMT 0x40u
#define UART_LSR_THRE 0x20u
#define UART_SPIN     100000u /* reads of LSR before a line without a UART is given up */

#define VGA_TEXT      0xB8000u
#define VGA_COLUMNS   80u
#define VGA_ROWS      25u
#define VGA_ATTRIBUTE 0x0700u

#define EMULATOR_POWER_PORT 0x8900u /* Bochs: "Shutdown" written here ends the emulation */
#define LINE_MAX            256u

static struct bh_log ring __attribute__((aligned(4096)));
static struct spinlock lock;
static bool to_serial, to_screen;
static unsigned column, row;

static void serial_init(void)
{
    outb(COM1 + UART_IER, 0);
    outb(COM1 + UART_LCR, UART_LCR_DLAB);
    outb(COM1, 1); /* divisor 1: 115200 baud */
    outb(COM1 + UART_IER, 0);
    outb(COM1 + UART_LCR, UART_LCR_8N1);
    outb(COM1 + UART_FCR, 0x07); /* FIFOs on and empty */
    outb(COM1 + UART_MCR, 0x03); /* DTR, RTS */
    to_serial = inb(COM1 + UART_LSR) != 0xFF;
}

/* Wait until the line is quiet: setting it up, or switching off, would cut off what is still in the
 * FIFO. */
static void serial_drain(void)
{
    for (unsigned i = 0; i < UART_SPIN && (inb(COM1 + UART_LSR) & UART_LSR_TEMT) == 0; i++) {
        cpu_pause();
    }
}

static void serial_put(char c)
{
    for (unsigned i = 0; i < UART_SPIN; i++) {
        if ((inb(COM1 + UART_LSR) & UART_LSR_THRE) != 0) {
            outb(COM1, (uint8_t)c);
            return;
        }
        cpu_pause();
    }
    to_serial = false;
}

static volatile uint16_t *screen_cell(unsigned r, unsigned c)
{
    return (volatile uint16_t *)(KERNEL_VMA + VGA_TEXT) + (size_t)r * VGA_COLUMNS + c;
}

static void screen_newline(void)
{
    column = 0;
    if (++row < VGA_ROWS) {
        return;
    }
    row = VGA_ROWS - 1;
    for (unsigned r = 0; r < VGA_ROWS; r++) {
        for (unsigned c = 0; c < VGA_COLUMNS; c++) {
            *screen_cell(r, c) = r < row ? *screen_cell(r + 1, c) : (VGA_ATTRIBUTE | ' ');
        }
    }
}

static void screen_put(char c)
{
    if (c == '\n' || column == VGA_COLUMNS) {
        screen_newline();
    }
    if (c != '\n') {
        *screen_cell(row, column++) = (uint16_t)(VGA_ATTRIBUTE | (uint8_t)c);
    }
}

static void put(char c)
{
    ring.text[ring.head % BH_LOG_SIZE] = c;
    ring.head++;
    if (to_serial) {
        if (c == '\n') {
            serial_put('\r');
        }
        serial_put(c);
    }
    if (to_screen) {
        screen_put(c);
    }
}

static void put_number(uint64_t v, unsigned base, unsigned width)
{
    char digits[24];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    while (n < width && n < sizeof(digits)) {
        digits[n++] = '0';
    }
    while (n > 0) {
        put(digits[--n]);
    }
}

static void put_string(const char *s)
{
    for (unsigned n = 0; *s != '\0' && n < LINE_MAX; n++) {
        put(*s++);
    }
}

/* One conversion; f points behind the '%'. Returns the last character used. */
static const char *put_conversion(const char *f, va_list *args)
{
    unsigned width = 0;
    bool is_long = false;
    for (; *f >= '0' && *f <= '9'; f++) {
        width = width * 10 + (unsigned)(*f - '0');
    }
    for (; *f == 'l'; f++) {
        is_long = true;
    }
    switch (*f) {
    case 's':
        put_string(va_arg(*args, const char *));
        break;
    case 'c':
        put((char)va_arg(*args, int));
        break;
    case 'u':
    case 'x':
        put_number(is_long ? va_arg(*args, uint64_t) : va_arg(*args, unsigned), *f == 'x' ? 16 : 10,
                   width);
        break;
    default:
        put(*f);
        break;
    }
    return f;
}

static void put_format(const char *format, va_list *args)
{
    for (const char *f = format; *f != '\0'; f++) {
        if (*f == '%') {
            f = put_conversion(f + 1, args);
        } else {
            put(*f);
        }
    }
    put('\n');
}

void log_init(bool screen)
{
    ring.size = BH_LOG_SIZE;
    to_screen = screen;
    if (screen) {
        for (unsigned r = 0; r < VGA_ROWS; r++) {
            for (unsigned c = 0; c < VGA_COLUMNS; c++) {
                *screen_cell(r, c) = VGA_ATTRIBUTE | ' ';
            }
        }
    }
    serial_init();
}

void log_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    spin_lock(&lock);
    put_format(format, &args);
    spin_unlock(&lock);
    va_end(args);
}

void log_hand_over(void)
{
    to_serial = false;
    to_screen = false;
}

struct bh_log *log_ring(void)
{
    return &ring;
}

_Noreturn void panic(const char *format, ...)
{
    va_list args;
    static uint32_t panicking;
    while (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL) != 0) { /* the first one speaks */
        cli_hlt();
    }
    va_start(args, format);
    serial_drain();
    serial_init();
    put_string("bulkhead: stopped: ");
    put_format(format, &args);
    va_end(args);
    serial_drain();
    for (const char *s = "Shutdown"; *s != '\0'; s++) {
        outb(EMULATOR_POWER_PORT, (uint8_t)*s);
    }
    for (;;) {
        cli_hlt();
    }
}
