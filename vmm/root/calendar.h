/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the registers of the MC146818 real-time clock to seconds since 1970. Pure.
 */
#pragma once

#include <stdint.h>

/* Registers as read. */
struct calendar_registers {
    uint8_t seconds, minutes, hours, day, month, year;
    uint8_t century;  /* 0: the machine has none; then years below 70 are after 2000 */
    uint8_t status_b; /* binary or BCD, 24 or 12 hours */
};

/* Seconds since 1970-01-01 00:00:00 of the clock's own time zone; 0 if the registers hold no date.
 */
uint64_t calendar_seconds(const struct calendar_registers *registers);
