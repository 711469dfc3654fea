/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 through BH_CALL_IO. The kernel has set the line up.
 */
#include "tests/system/calls/console.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/lib/syscall.h"

#define COM1_DATA       0x3F8u
#define COM1_LSR        0x3FDu
#define LSR_THR_EMPTY   0x20u
#define LSR_ALL_EMPTY   0x40u
#define POWER_PORT      0x8900u /* of Bochs and of Debian's SeaBIOS machines */
#define QEMU_PM_CONTROL 0x604u  /* PM1a control of QEMU's PIIX4 */
#define QEMU_S5         0x2000u
#define LINE            256

static void wait_line(uint32_t bit)
{
    uint32_t status = 0;
    while (bh_io_in(COM1_LSR, 1, &status) == BH_OK && (status & bit) == 0) {
    }
}

static void put(char c)
{
    wait_line(LSR_THR_EMPTY);
    bh_io_out(COM1_DATA, 1, (uint8_t)c);
}

void console_print(const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *s = line; *s != '\0'; s++) {
        if (*s == '\n') {
            put('\r');
        }
        put(*s);
    }
}

_Noreturn void console_power_off(void)
{
    wait_line(LSR_ALL_EMPTY);
    for (const char *s = "Shutdown"; *s != '\0'; s++) {
        bh_io_out(POWER_PORT, 1, (uint8_t)*s);
    }
    bh_io_out(QEMU_PM_CONTROL, 2, QEMU_S5);
    for (;;) {
    }
}
