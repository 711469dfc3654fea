/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A as little as is needed to print. Datasheet: National Semiconductor PC16550D.
 */
#include "bench/micro/output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/lib/syscall.h"

#define COM1       0x3F8u
#define UART_IER   1u
#define UART_LCR   3u
#define UART_LSR   5u
#define LCR_8N1    0x03u
#define LCR_DLAB   0x80u
#define LSR_THRE   0x20u
#define LSR_TEMT   0x40u
#define POWER_PORT 0x8900u
#define LINE       160u

static void out(uint16_t port, uint8_t value)
{
    (void)bh_io_out(port, 1, value);
}

void output_init(void)
{
    out(COM1 + UART_IER, 0);
    out(COM1 + UART_LCR, LCR_DLAB | LCR_8N1);
    out(COM1, 1); /* 115200 baud */
    out(COM1 + UART_IER, 0);
    out(COM1 + UART_LCR, LCR_8N1);
}

static void wait_for(uint8_t bit)
{
    uint32_t status = 0;
    while (bh_io_in(COM1 + UART_LSR, 1, &status) == BH_OK && !(status & bit)) {
    }
}

static void put(char c)
{
    wait_for(LSR_THRE);
    out(COM1, (uint8_t)c);
}

void output_print(const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c != '\0'; c++) {
        put(*c);
    }
}

void output_power_off(void)
{
    wait_for(LSR_TEMT);
    for (const char *c = "Shutdown"; *c != '\0'; c++) {
        out(POWER_PORT, (uint8_t)*c);
    }
}
