/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818 real-time clock: a sane date, the update cycle, SET, formats, CMOS memory, periodic
 * and update-ended interrupts and their rate by TSC. Datasheet: Motorola MC146818A.
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    INDEX = 0x70,
    DATA = 0x71,
    SECONDS = 0x00,
    SECONDS_ALARM = 0x01,
    MINUTES = 0x02,
    MINUTES_ALARM = 0x03,
    HOURS = 0x04,
    HOURS_ALARM = 0x05,
    DAY_OF_WEEK = 0x06,
    DAY = 0x07,
    MONTH = 0x08,
    YEAR = 0x09,
    A = 0x0A,
    B = 0x0B,
    C = 0x0C,
    D = 0x0D,
    CMOS_FREE = 0x60, /* a byte that no firmware gives a meaning */
    A_UIP = 0x80,
    A_DIVIDER_32KHZ = 0x20,
    A_DIVIDER_RESET = 0x70,
    A_RATE_1024HZ = 0x06,
    A_RATE_8192HZ = 0x03,
    B_24_HOURS = 0x02,
    B_BINARY = 0x04,
    B_UPDATE_ENDED = 0x10,
    B_ALARM = 0x20,
    B_PERIODIC = 0x40,
    B_SET = 0x80,
    C_UPDATE_ENDED = 0x10,
    C_ALARM = 0x20,
    C_PERIODIC = 0x40,
    C_IRQ = 0x80,
    D_VALID = 0x80,
    DONT_CARE = 0xC0,
    SHORT_MS = 5,
    LONG_MS = 500,
    SECOND_MS = 1500, /* more than a second */
    ATTEMPTS = 8
};

static volatile unsigned interrupts;
static volatile uint8_t causes;
static volatile uint64_t first_tick, last_tick;

static uint8_t cmos_read(uint8_t index)
{
    outb(INDEX, index);
    return inb(DATA);
}

static void cmos_write(uint8_t index, uint8_t value)
{
    outb(INDEX, index);
    outb(DATA, value);
}

static void on_rtc(struct trap_frame *frame)
{
    (void)frame;
    last_tick = rdtsc();
    if (interrupts++ == 0)
        first_tick = last_tick;
    causes |= cmos_read(C);
    pic_eoi(IRQ_RTC);
}

static uint8_t binary(uint8_t value)
{
    return cmos_read(B) & B_BINARY ? value : (uint8_t)((value >> 4) * 10 + (value & 0xF));
}

static void prepare(uint8_t rate)
{
    cmos_write(B, B_24_HOURS);
    cmos_write(A, A_DIVIDER_32KHZ | rate);
    cmos_read(C);
    interrupts = 0;
    causes = 0;
    trap_handle(PIC_VECTOR + IRQ_RTC, on_rtc);
    pic_open_only(IRQ_RTC);
}

static void finish(void)
{
    cmos_write(B, B_24_HOURS);
    cmos_write(A, A_DIVIDER_32KHZ | A_RATE_1024HZ);
    cmos_read(C);
}

/* The seconds, outside of an update cycle. */
static uint8_t stable_seconds(void)
{
    enum { POLLS = 100000 };

    for (unsigned i = 0; i < POLLS && cmos_read(A) & A_UIP; i++)
        pause();
    return cmos_read(SECONDS);
}

/* "The first update cycle begins one-half second later": saves the tests time. */
static void restart_second(void)
{
    cmos_write(A, A_DIVIDER_RESET | A_RATE_1024HZ);
    cmos_write(A, A_DIVIDER_32KHZ | A_RATE_1024HZ);
}

/* Waits until an update has just ended. */
static bool wait_update(void)
{
    prepare(A_RATE_1024HZ);

    uint64_t start = rdtsc();
    uint8_t seconds = stable_seconds();

    while (rdtsc() - start < time_ticks(SECOND_MS * 1000))
        if (stable_seconds() != seconds)
            return true;
    return false;
}

static void clock_is_valid_and_running(void)
{
    expect(HERE, cmos_read(D) & D_VALID, "VRT is clear");
    expect_equal(HERE, "divider", cmos_read(A) & 0x70, A_DIVIDER_32KHZ);
    expect(HERE, !(cmos_read(B) & B_SET), "SET is on");
}

static void date_is_sane(void)
{
    prepare(A_RATE_1024HZ);
    expect_between(HERE, "seconds", binary(stable_seconds()), 0, 59);
    expect_between(HERE, "minutes", binary(cmos_read(MINUTES)), 0, 59);
    expect_between(HERE, "hours", binary(cmos_read(HOURS)), 0, 23);
    expect_between(HERE, "day of the week", binary(cmos_read(DAY_OF_WEEK)), 1, 7);
    expect_between(HERE, "day", binary(cmos_read(DAY)), 1, 31);
    expect_between(HERE, "month", binary(cmos_read(MONTH)), 1, 12);
    expect_between(HERE, "year", binary(cmos_read(YEAR)), 0, 99);
}

static void seconds_advance_each_second(void)
{
    prepare(A_RATE_1024HZ);
    restart_second();
    uint64_t restart = rdtsc();
    if (!expect(HERE, wait_update(), "no update within 1.5 s"))
        return;
    uint64_t first = rdtsc();
    uint8_t before = binary(cmos_read(SECONDS));
    if (!expect(HERE, wait_update(), "no second update"))
        return;
    uint64_t second = rdtsc();

    expect_equal(HERE, "seconds", binary(cmos_read(SECONDS)), (before + 1U) % 60);
    expect_between(HERE, "ticks of a second", second - first, time_tsc_hz() * 97 / 100,
                   time_tsc_hz() * 103 / 100);
    expect_between(HERE, "ticks from the divider's reset to the first update", first - restart,
                   time_tsc_hz() * 48 / 100, time_tsc_hz() * 52 / 100);
}

static void date_rolls_over_and_sets_the_update_flag(void)
{
    prepare(A_RATE_1024HZ);
    cmos_write(B, B_24_HOURS | B_SET);
    cmos_write(SECONDS, 0x59);
    cmos_write(MINUTES, 0x59);
    cmos_write(HOURS, 0x23);
    cmos_write(DAY, 0x28);
    cmos_write(MONTH, 0x02);
    cmos_write(YEAR, 0x24); /* a leap year */
    cmos_write(B, B_24_HOURS);
    restart_second();
    if (!expect(HERE, wait_update(), "no update"))
        return;
    expect_equal(HERE, "seconds", cmos_read(SECONDS), 0x00);
    expect_equal(HERE, "minutes", cmos_read(MINUTES), 0x00);
    expect_equal(HERE, "hours", cmos_read(HOURS), 0x00);
    expect_equal(HERE, "day", cmos_read(DAY), 0x29);
    expect_equal(HERE, "month", cmos_read(MONTH), 0x02);
    expect(HERE, cmos_read(C) & C_UPDATE_ENDED, "UF is clear, with its interrupt disabled");
    expect(HERE, !(cmos_read(C) & C_UPDATE_ENDED), "UF is set after the read");
}

static void set_stops_the_updates(void)
{
    prepare(A_RATE_1024HZ);
    cmos_write(B, B_24_HOURS | B_SET);
    uint8_t seconds = cmos_read(SECONDS);

    cmos_write(SECONDS, 0x30);
    restart_second();
    expect(HERE, !(cmos_read(A) & A_UIP), "UIP is set");
    time_delay(600000);
    expect_equal(HERE, "seconds after 0.6 s", cmos_read(SECONDS), 0x30);
    cmos_write(SECONDS, seconds);
    finish();
}

static void cmos_memory_keeps_its_byte(void)
{
    uint8_t before = cmos_read(CMOS_FREE);

    cmos_write(CMOS_FREE, 0xA5);
    expect_equal(HERE, "byte", cmos_read(CMOS_FREE), 0xA5);
    cmos_write(CMOS_FREE, 0x5A);
    expect_equal(HERE, "byte", cmos_read(CMOS_FREE), 0x5A);
    cmos_write(CMOS_FREE, before);
}

static void periodic_interrupts_keep_their_rate(void)
{
    enum { PERIODS = 40, HZ = 1024 };
    uint64_t wanted = time_tsc_hz() * PERIODS / HZ, ticks = 0;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        prepare(A_RATE_1024HZ);
        cmos_write(B, B_24_HOURS | B_PERIODIC);
        bool came = time_wait_for(&interrupts, PERIODS + 1, LONG_MS);
        finish();
        if (!expect(HERE, came, "%u interrupts", interrupts))
            return;
        ticks = last_tick - first_tick;
        if (ticks >= wanted * 98 / 100 && ticks <= wanted * 102 / 100)
            break;
    }
    expect_between(HERE, "ticks in 40 periods", ticks, wanted * 98 / 100, wanted * 102 / 100);
    expect(HERE, causes & C_PERIODIC, "C did not name the cause");
    expect(HERE, causes & C_IRQ, "IRQF was clear");
}

static void no_further_interrupt_before_c_is_read(void)
{
    prepare(A_RATE_8192HZ);
    pic_set_mask(0xFFFF);
    cmos_write(B, B_24_HOURS | B_PERIODIC);
    time_delay(2000);
    uint8_t first = cmos_read(C);
    cmos_write(B, B_24_HOURS);
    uint8_t second = cmos_read(C);
    finish();
    expect_equal(HERE, "C", first & (C_IRQ | C_PERIODIC), C_IRQ | C_PERIODIC);
    expect_equal(HERE, "IRQF after the read", second & C_IRQ, 0);
}

static void rate_zero_is_silent(void)
{
    prepare(0);
    cmos_read(C);
    cmos_write(B, B_24_HOURS | B_PERIODIC);
    bool came = time_wait_for(&interrupts, 1, SHORT_MS);
    finish();
    expect(HERE, !came, "an interrupt came");
}

static void update_ended_interrupts(void)
{
    prepare(A_RATE_1024HZ);
    restart_second();
    cmos_write(B, B_24_HOURS | B_UPDATE_ENDED);
    bool came = time_wait_for(&interrupts, 1, SECOND_MS);
    finish();
    expect(HERE, came, "no interrupt within 1.5 s");
    expect(HERE, causes & C_UPDATE_ENDED, "C did not name the cause");
}

static void alarm_interrupts_at_its_second(void)
{
    prepare(A_RATE_1024HZ);
    cmos_write(B, B_24_HOURS | B_SET);
    cmos_write(SECONDS, 0x10);
    cmos_write(SECONDS_ALARM, 0x11);
    cmos_write(MINUTES_ALARM, DONT_CARE);
    cmos_write(HOURS_ALARM, DONT_CARE);
    cmos_read(C);
    restart_second();
    cmos_write(B, B_24_HOURS | B_ALARM);
    bool came = time_wait_for(&interrupts, 1, SECOND_MS);
    finish();
    expect(HERE, came, "no interrupt within 1.5 s");
    expect(HERE, causes & C_ALARM, "C did not name the cause");
    expect_equal(HERE, "seconds", cmos_read(SECONDS), 0x11);
}

static const struct claim claims[] = {
    CLAIM(clock_is_valid_and_running),
    CLAIM(cmos_memory_keeps_its_byte),
    CLAIM(date_is_sane),
    CLAIM(seconds_advance_each_second),
    CLAIM(date_rolls_over_and_sets_the_update_flag),
    CLAIM(set_stops_the_updates),
    CLAIM(periodic_interrupts_keep_their_rate),
    CLAIM(no_further_interrupt_before_c_is_read),
    CLAIM(rate_zero_is_silent),
    CLAIM(update_ended_interrupts),
    CLAIM(alarm_interrupts_at_its_second),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
