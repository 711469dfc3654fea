/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818A: see mc146818.h for what is modelled. The registers are the truth, since software may
 * write anything into them; they are brought up to date when somebody looks, by the number of
 * seconds that the divider chain has completed. The chain itself is a function of the TSC, so the
 * clock does not drift.
 */
#include "vmm/devemu/mc146818.h"

#include <string.h>

#include "vmm/devemu/timescale.h"

enum {
    SECONDS = 0x00,
    SECONDS_ALARM = 0x01,
    MINUTES = 0x02,
    MINUTES_ALARM = 0x03,
    HOURS = 0x04,
    HOURS_ALARM = 0x05,
    DAY_OF_WEEK = 0x06,
    DAY_OF_MONTH = 0x07,
    MONTH = 0x08,
    YEAR = 0x09,
    REGISTER_A = 0x0a,
    REGISTER_B = 0x0b,
    REGISTER_C = 0x0c,
    REGISTER_D = 0x0d,
    EQUIPMENT = 0x14,
    CHECKSUM_FIRST = 0x10,
    CHECKSUM_LAST = 0x2d,
    CHECKSUM_HIGH = 0x2e, /* then the low byte: the one big-endian word of CMOS memory */
    BASE_MEMORY = 0x15,
    EXTENDED_MEMORY = 0x17,
    EXTENDED_MEMORY_POST = 0x30,
    MEMORY_ABOVE_16M = 0x34,
    MEMORY_ABOVE_4G = 0x5b,

    INDEX_PORT = 0,
    DATA_PORT = 1,
    INDEX_MASK = 0x7f,
    BITS_PER_BYTE = 8,
    UNCLAIMED = 0xff,

    A_UIP = 0x80,
    A_DIVIDER = 0x70,
    A_DIVIDER_32768 = 0x20,
    A_RATE = 0x0f,
    A_RATE_1024 = 0x06,
    B_SET = 0x80,
    B_UIE = 0x10,
    B_AIE = 0x20,
    B_BINARY = 0x04,
    B_24_HOURS = 0x02,
    C_IRQF = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    C_SOURCES = C_PF | C_AF | C_UF, /* each at the place of its enable bit in register B */
    B_PIE = C_PF,
    D_VRT = 0x80,

    HOUR_PM = 0x80,
    ALARM_DONT_CARE = 0xc0, /* both upper bits set */
    ANY = -1,
    /* tBUC 244 us and tUC 1984 us before the new time can be read ("Update Cycle"). */
    UPDATE_TICKS = 73,
    HALF_SECOND = MC146818_HZ / 2,
    RATE_WRAP = 2, /* rates 1 and 2 are 256 and 128 Hz, as 8 and 9 */
    RATE_WRAP_OFFSET = 7,

    EQUIPMENT_FPU = 0x02,
    BASE_KIB = 640,
    MAX_WORD = 0xffff,
    KIB_SHIFT = 10,
    UNIT_64K_SHIFT = 16,
    SECONDS_PER_MINUTE = 60,
    SECONDS_PER_HOUR = 3600,
    SECONDS_PER_DAY = 86400,
    HOURS_PER_HALF_DAY = 12,
    DAYS_PER_WEEK = 7,
    MONTHS_PER_YEAR = 12,
    YEARS_PER_CENTURY = 100,
    FIRST_CENTURY = 19,
    DEFAULT_CENTURY = 20,
    YEARS_PER_ERA = 400,
    DAYS_PER_ERA = 146097,
    DAYS_PER_YEAR = 365,
    EPOCH_DAY = 719468, /* days from 0000-03-01 to 1970-01-01 */
    EPOCH_WEEKDAY = 3,  /* 0000-03-01 was a Wednesday; Sunday is 0 */
};

struct date {
    uint32_t year, month, day;
};

/* Time of an alarm; ANY in a field is "don't care". */
struct alarm {
    int hour, minute, second;
};

/* Days from 0000-03-01: years that begin in March have their leap day last, so that no table of
 * months is needed. */
static uint64_t days_from_date(struct date d)
{
    const uint32_t year = d.month > 2 ? d.year : d.year - 1;
    const uint32_t month = (d.month + 9) % MONTHS_PER_YEAR;
    const uint32_t era = year / YEARS_PER_ERA;
    const uint32_t y = year % YEARS_PER_ERA;

    return (uint64_t)era * DAYS_PER_ERA + y * DAYS_PER_YEAR + y / 4 - y / 100 +
           (153 * month + 2) / 5 + d.day - 1;
}

static struct date date_from_days(uint64_t days)
{
    const uint32_t day = (uint32_t)(days % DAYS_PER_ERA);
    /* Take out the leap days before dividing by the length of a plain year. */
    const uint32_t y = (day - day / 1460 + day / 36524 - day / 146096) / DAYS_PER_YEAR;
    const uint32_t rest = day - (y * DAYS_PER_YEAR + y / 4 - y / 100);
    const uint32_t month = (5 * rest + 2) / 153;
    struct date d = {
        .year = (uint32_t)(days / DAYS_PER_ERA) * YEARS_PER_ERA + y,
        .month = month < 10 ? month + 3 : month - 9,
        .day = rest - (153 * month + 2) / 5 + 1,
    };

    d.year += d.month <= 2;
    return d;
}

static bool is_set(const struct mc146818 *rtc, unsigned reg, uint8_t bits)
{
    return rtc->ram[reg] & bits;
}

static uint32_t decode(const struct mc146818 *rtc, uint8_t value)
{
    return is_set(rtc, REGISTER_B, B_BINARY) ? value : (value >> 4) * 10U + (value & 0xfU);
}

static uint8_t encode(const struct mc146818 *rtc, uint32_t value)
{
    return (uint8_t)(is_set(rtc, REGISTER_B, B_BINARY) ? value : value / 10 << 4 | value % 10);
}

static uint32_t decode_hour(const struct mc146818 *rtc, uint8_t value)
{
    if (is_set(rtc, REGISTER_B, B_24_HOURS)) {
        return decode(rtc, value);
    }
    const uint32_t hour = decode(rtc, value & (uint8_t)~HOUR_PM) % HOURS_PER_HALF_DAY;
    return value & HOUR_PM ? hour + HOURS_PER_HALF_DAY : hour;
}

static uint8_t encode_hour(const struct mc146818 *rtc, uint32_t hour)
{
    if (is_set(rtc, REGISTER_B, B_24_HOURS)) {
        return encode(rtc, hour);
    }
    const uint32_t shown = hour % HOURS_PER_HALF_DAY;
    const uint8_t value = encode(rtc, shown ? shown : HOURS_PER_HALF_DAY);
    return hour < HOURS_PER_HALF_DAY ? value : value | HOUR_PM;
}

/* The century byte is plain memory to the chip: software may have put something else there. */
static uint32_t century_of(const struct mc146818 *rtc)
{
    const uint32_t century = decode(rtc, rtc->ram[MC146818_CENTURY]);

    return century >= FIRST_CENTURY && century < YEARS_PER_CENTURY ? century : DEFAULT_CENTURY;
}

/* Seconds since 0000-03-01 00:00. Fields out of range carry over into the next one; a month is
 * forced into the year. */
static uint64_t registers_to_seconds(const struct mc146818 *rtc)
{
    const uint32_t month = decode(rtc, rtc->ram[MONTH]);
    const struct date d = {
        .year = century_of(rtc) * YEARS_PER_CENTURY + decode(rtc, rtc->ram[YEAR]),
        .month = month < 1 ? 1 : (month > MONTHS_PER_YEAR ? MONTHS_PER_YEAR : month),
        .day = decode(rtc, rtc->ram[DAY_OF_MONTH]),
    };

    return days_from_date(d) * SECONDS_PER_DAY +
           (uint64_t)decode_hour(rtc, rtc->ram[HOURS]) * SECONDS_PER_HOUR +
           (uint64_t)decode(rtc, rtc->ram[MINUTES]) * SECONDS_PER_MINUTE +
           decode(rtc, rtc->ram[SECONDS]);
}

static void seconds_to_registers(struct mc146818 *rtc, uint64_t seconds)
{
    const uint32_t tod = (uint32_t)(seconds % SECONDS_PER_DAY);
    const struct date d = date_from_days(seconds / SECONDS_PER_DAY);

    rtc->ram[SECONDS] = encode(rtc, tod % SECONDS_PER_MINUTE);
    rtc->ram[MINUTES] = encode(rtc, tod / SECONDS_PER_MINUTE % SECONDS_PER_MINUTE);
    rtc->ram[HOURS] = encode_hour(rtc, tod / SECONDS_PER_HOUR);
    rtc->ram[DAY_OF_MONTH] = encode(rtc, d.day);
    rtc->ram[MONTH] = encode(rtc, d.month);
    rtc->ram[YEAR] = encode(rtc, d.year % YEARS_PER_CENTURY);
    if (century_of(rtc) != d.year / YEARS_PER_CENTURY) {
        rtc->ram[MC146818_CENTURY] = encode(rtc, d.year / YEARS_PER_CENTURY);
    }
}

static int alarm_field(uint8_t value, uint32_t decoded)
{
    return (value & ALARM_DONT_CARE) == ALARM_DONT_CARE ? ANY : (int)decoded;
}

static bool matches(int field, uint32_t value)
{
    return field == ANY || (uint32_t)field == value;
}

/* Seconds from time of day tod to the next alarm, 1 to a day; 0 if the alarm's registers name no
 * time at all. */
static uint32_t seconds_to_alarm(const struct mc146818 *rtc, uint32_t tod)
{
    const struct alarm a = {
        .hour = alarm_field(rtc->ram[HOURS_ALARM], decode_hour(rtc, rtc->ram[HOURS_ALARM])),
        .minute = alarm_field(rtc->ram[MINUTES_ALARM], decode(rtc, rtc->ram[MINUTES_ALARM])),
        .second = alarm_field(rtc->ram[SECONDS_ALARM], decode(rtc, rtc->ram[SECONDS_ALARM])),
    };
    uint32_t t = tod + 1;

    /* From the largest unit down: whatever does not match skips to its own next value. */
    while (t <= tod + SECONDS_PER_DAY) {
        if (!matches(a.hour, t / SECONDS_PER_HOUR % 24)) {
            t += SECONDS_PER_HOUR - t % SECONDS_PER_HOUR;
        } else if (!matches(a.minute, t / SECONDS_PER_MINUTE % 60)) {
            t += SECONDS_PER_MINUTE - t % SECONDS_PER_MINUTE;
        } else if (!matches(a.second, t % SECONDS_PER_MINUTE)) {
            t++;
        } else {
            return t - tod;
        }
    }
    return 0;
}

static bool is_running(const struct mc146818 *rtc)
{
    return (rtc->ram[REGISTER_A] & A_DIVIDER) == A_DIVIDER_32768;
}

/* Crystal ticks between two periodic interrupts, 0 for none ("Periodic Interrupt Rate", 32.768
 * kHz). */
static uint32_t periodic_ticks(const struct mc146818 *rtc)
{
    const unsigned rate = rtc->ram[REGISTER_A] & A_RATE;

    if (rate == 0) {
        return 0;
    }
    return 1U << ((rate <= RATE_WRAP ? rate + RATE_WRAP_OFFSET : rate) - 1U);
}

/* IRQF follows the flags and their enables at any time ("Register C"). */
static void drive_irq(struct mc146818 *rtc)
{
    const bool level = rtc->ram[REGISTER_C] & rtc->ram[REGISTER_B] & C_SOURCES;

    if (level) {
        rtc->ram[REGISTER_C] |= C_IRQF;
    } else {
        rtc->ram[REGISTER_C] &= (uint8_t)~C_IRQF;
    }
    if (level != rtc->irq_level) {
        rtc->irq_level = level;
        irq_set(&rtc->irq, level);
    }
}

/* `seconds` update cycles at once: the alarm rings if its time was among those passed. */
static void update(struct mc146818 *rtc, uint64_t seconds)
{
    const uint64_t before = registers_to_seconds(rtc);
    const uint64_t after = before + seconds;
    const uint32_t alarm = seconds_to_alarm(rtc, (uint32_t)(before % SECONDS_PER_DAY));

    rtc->ram[REGISTER_C] |= C_UF;
    if (alarm != 0 && alarm <= seconds) {
        rtc->ram[REGISTER_C] |= C_AF;
    }
    /* The day of the week is a counter of its own, which keeps what software has written. */
    const uint64_t days = after / SECONDS_PER_DAY - before / SECONDS_PER_DAY;
    const uint64_t weekday = decode(rtc, rtc->ram[DAY_OF_WEEK]) + DAYS_PER_WEEK - 1 + days;

    rtc->ram[DAY_OF_WEEK] = encode(rtc, (uint32_t)(weekday % DAYS_PER_WEEK) + 1);
    seconds_to_registers(rtc, after);
}

void mc146818_advance(struct mc146818 *rtc, uint64_t now)
{
    const uint64_t tick = timescale_ticks(now, rtc->tsc_hz, MC146818_HZ);
    const uint64_t from = rtc->last - rtc->phase;
    const uint64_t to = tick - rtc->phase;
    const uint32_t period = periodic_ticks(rtc);

    if (is_running(rtc)) {
        const uint64_t seconds = to / MC146818_HZ - from / MC146818_HZ;

        if (period != 0 && to / period != from / period) {
            rtc->ram[REGISTER_C] |= C_PF;
        }
        if (seconds != 0 && !is_set(rtc, REGISTER_B, B_SET)) {
            update(rtc, seconds);
        }
    }
    rtc->last = tick;
    drive_irq(rtc);
}

uint64_t mc146818_deadline(const struct mc146818 *rtc)
{
    const uint8_t enables = rtc->ram[REGISTER_B];
    const uint64_t chain = rtc->last - rtc->phase;
    const uint64_t second = chain / MC146818_HZ;
    const uint32_t period = periodic_ticks(rtc);
    uint64_t next = timescale_never;

    if (!is_running(rtc) || is_set(rtc, REGISTER_C, C_IRQF)) {
        return timescale_never;
    }
    if ((enables & B_PIE) && period != 0) {
        next = (chain / period + 1) * period;
    }
    if ((enables & B_UIE) && (second + 1) * MC146818_HZ < next) {
        next = (second + 1) * MC146818_HZ;
    }
    if ((enables & B_AIE) && !(enables & B_SET)) {
        const uint32_t tod = (uint32_t)(registers_to_seconds(rtc) % SECONDS_PER_DAY);
        const uint32_t alarm = seconds_to_alarm(rtc, tod);

        if (alarm != 0 && (second + alarm) * MC146818_HZ < next) {
            next = (second + alarm) * MC146818_HZ;
        }
    }
    if (next == timescale_never) {
        return timescale_never;
    }
    return timescale_tsc(next + rtc->phase, rtc->tsc_hz, MC146818_HZ);
}

void mc146818_init(struct mc146818 *rtc, uint64_t epoch_seconds, uint64_t tsc_hz,
                   struct irq_line irq)
{
    const uint64_t days = epoch_seconds / SECONDS_PER_DAY + EPOCH_DAY;

    memset(rtc, 0, sizeof(*rtc));
    rtc->irq = irq;
    rtc->tsc_hz = tsc_hz;
    rtc->ram[REGISTER_A] = A_DIVIDER_32768 | A_RATE_1024;
    rtc->ram[REGISTER_B] = B_24_HOURS;
    rtc->ram[REGISTER_D] = D_VRT;
    rtc->ram[EQUIPMENT] = EQUIPMENT_FPU;
    rtc->ram[DAY_OF_WEEK] = encode(rtc, (days + EPOCH_WEEKDAY) % DAYS_PER_WEEK + 1);
    rtc->ram[MC146818_CENTURY] = encode(rtc, DEFAULT_CENTURY);
    seconds_to_registers(rtc, days * SECONDS_PER_DAY + epoch_seconds % SECONDS_PER_DAY);
    mc146818_set_memory(rtc, 0, 0);
}

static void put_bytes(struct mc146818 *rtc, unsigned first, unsigned count, uint64_t value)
{
    for (unsigned i = 0; i < count; i++) {
        rtc->ram[first + i] = (uint8_t)(value >> (BITS_PER_BYTE * i));
    }
}

/* Size of what lies above start, in units of 2^shift bytes, as far as a 16-bit word can say. */
static uint64_t size_above(uint64_t end, uint64_t start, unsigned shift)
{
    const uint64_t size = end > start ? (end - start) >> shift : 0;

    return size < MAX_WORD ? size : MAX_WORD;
}

void mc146818_set_memory(struct mc146818 *rtc, uint64_t below_4g, uint64_t above_4g)
{
    const uint64_t one_mib = UINT64_C(1) << 20;
    const uint64_t base = below_4g >> KIB_SHIFT;
    const uint64_t extended = size_above(below_4g, one_mib, KIB_SHIFT);
    uint32_t sum = 0;

    put_bytes(rtc, BASE_MEMORY, 2, base < BASE_KIB ? base : BASE_KIB);
    put_bytes(rtc, EXTENDED_MEMORY, 2, extended);
    put_bytes(rtc, EXTENDED_MEMORY_POST, 2, extended);
    put_bytes(rtc, MEMORY_ABOVE_16M, 2, size_above(below_4g, 16 * one_mib, UNIT_64K_SHIFT));
    put_bytes(rtc, MEMORY_ABOVE_4G, 3, above_4g >> UNIT_64K_SHIFT);

    for (unsigned i = CHECKSUM_FIRST; i <= CHECKSUM_LAST; i++) {
        sum += rtc->ram[i];
    }
    rtc->ram[CHECKSUM_HIGH] = (uint8_t)(sum >> BITS_PER_BYTE);
    rtc->ram[CHECKSUM_HIGH + 1] = (uint8_t)sum;
}

/* "Update In Progress": from 244 us before the update cycle to its end, where the new time appears.
 */
static bool update_in_progress(const struct mc146818 *rtc)
{
    const uint64_t in_second = (rtc->last - rtc->phase) % MC146818_HZ;

    return is_running(rtc) && !is_set(rtc, REGISTER_B, B_SET) &&
           in_second >= MC146818_HZ - UPDATE_TICKS;
}

static uint8_t read_data(struct mc146818 *rtc)
{
    uint8_t value = rtc->ram[rtc->index];

    if (rtc->index == REGISTER_A && update_in_progress(rtc)) {
        value |= A_UIP;
    } else if (rtc->index == REGISTER_C) {
        rtc->ram[REGISTER_C] = 0;
        drive_irq(rtc);
    }
    return value;
}

static void write_register_a(struct mc146818 *rtc, uint8_t value)
{
    const bool was_running = is_running(rtc);

    rtc->ram[REGISTER_A] = value & (uint8_t)~A_UIP;
    if (!was_running && is_running(rtc)) {
        /* "Divider Control": the first update comes half a second after the divider is released. */
        rtc->phase = rtc->last - HALF_SECOND;
    }
}

static void write_register_b(struct mc146818 *rtc, uint8_t value)
{
    /* "SET": writing it clears UIE. */
    rtc->ram[REGISTER_B] = value & B_SET ? value & (uint8_t)~B_UIE : value;
    drive_irq(rtc);
}

static void write_data(struct mc146818 *rtc, uint8_t value)
{
    switch (rtc->index) {
    case REGISTER_A:
        write_register_a(rtc, value);
        break;
    case REGISTER_B:
        write_register_b(rtc, value);
        break;
    case REGISTER_C:
    case REGISTER_D:
        break; /* read only */
    default:
        rtc->ram[rtc->index] = value;
        break;
    }
}

uint32_t mc146818_read(struct mc146818 *rtc, unsigned offset, unsigned size, uint64_t now)
{
    uint32_t value = 0;

    mc146818_advance(rtc, now);
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = offset + i == DATA_PORT ? read_data(rtc) : UNCLAIMED;
        value |= (uint32_t)byte << (BITS_PER_BYTE * i);
    }
    return value;
}

void mc146818_write(struct mc146818 *rtc, unsigned offset, unsigned size, uint32_t value,
                    uint64_t now)
{
    mc146818_advance(rtc, now);
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (BITS_PER_BYTE * i));

        if (offset + i == INDEX_PORT) {
            rtc->index = byte & INDEX_MASK;
        } else if (offset + i == DATA_PORT) {
            write_data(rtc, byte);
        }
    }
}
