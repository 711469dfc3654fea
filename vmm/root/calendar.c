/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818's date as a number. Datasheet: Motorola MC146818, "Time, Calendar, and Alarm
 * Locations" and "Register B".
 */
#include "vmm/root/calendar.h"

#include <stdbool.h>

#define B_24_HOURS 0x02u
#define B_BINARY   0x04u
#define HOURS_PM   0x80u /* in 12-hour mode */

#define SECONDS_PER_DAY 86400u

static unsigned decode(uint8_t value, uint8_t status_b)
{
    return status_b & B_BINARY ? value : (value >> 4) * 10u + (value & 0x0Fu);
}

static unsigned decode_hours(uint8_t value, uint8_t status_b)
{
    if (status_b & B_24_HOURS) {
        return decode(value, status_b);
    }
    unsigned hours = decode((uint8_t)(value & ~HOURS_PM), status_b) % 12;
    return value & HOURS_PM ? hours + 12 : hours;
}

/* Days from 1970-01-01, with March as the first month, so that the leap day ends a year. */
static uint64_t days_from_1970(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned m = month <= 2 ? month + 9 : month - 3;
    uint64_t days = 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    return days - 719468; /* 1970-01-01 in this count */
}

uint64_t calendar_seconds(const struct calendar_registers *registers)
{
    uint8_t b = registers->status_b;
    unsigned seconds = decode(registers->seconds, b);
    unsigned minutes = decode(registers->minutes, b);
    unsigned hours = decode_hours(registers->hours, b);
    unsigned day = decode(registers->day, b);
    unsigned month = decode(registers->month, b);
    unsigned year = decode(registers->year, b);
    unsigned century = decode(registers->century, b);
    if (century < 19 || century > 21) {
        century = year < 70 ? 20 : 19;
    }
    year += century * 100;
    bool is_date = seconds < 60 && minutes < 60 && hours < 24 && day >= 1 && day <= 31 &&
                   month >= 1 && month <= 12 && year >= 1970;
    if (!is_date) {
        return 0;
    }
    return days_from_1970(year, month, day) * SECONDS_PER_DAY + hours * 3600u + minutes * 60u +
           seconds;
}
