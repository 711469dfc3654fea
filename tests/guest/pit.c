/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 interval timer and port 61h as a guest sees them: modes, access, latches, read-back,
 * gate and output of channel 2, interrupts of channel 0 at their rate. Rates are compared with the
 * PM timer by TSC. Datasheet: Intel 8254 (231164).
 */
#include <stddef.h>

#include "tests/guest/lib/acpi.h"
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum { /* control words: channel, access, mode, BCD */
       CHANNEL1_LSB_MODE2 = 0x54,
       CHANNEL2_LSB_MODE0 = 0x90,
       CHANNEL2_MSB_MODE0 = 0xA0,
       CHANNEL2_MODE0 = 0xB0,
       CHANNEL2_MODE0_BCD = 0xB1,
       CHANNEL2_MODE1 = 0xB2,
       CHANNEL2_MODE2 = 0xB4,
       CHANNEL2_MODE3 = 0xB6,
       CHANNEL2_MODE4 = 0xB8,
       LATCH_CHANNEL2 = 0x80,
       READ_BACK_BOTH2 = 0xC8,
       READ_BACK_STATUS2 = 0xE8,
       STATUS_OUT = 0x80,
       STATUS_NULL_COUNT = 0x40,
       STATUS_CONTROL = 0x3F,
       PIT_CHANNEL1 = 0x41,
       PORT61_REFRESH = 0x10,
       PM_TIMER_BITS = 24,
       LONG_MS = 500,
       ATTEMPTS = 5 /* a loaded machine may spoil a measurement; a wrong rate spoils all */
};

static void set_gate(bool on)
{
    uint8_t value = inb(PORT61) & (PORT61_GATE2 | PORT61_SPEAKER);

    value &= (uint8_t)~PORT61_SPEAKER;
    outb(PORT61, (uint8_t)(on ? value | PORT61_GATE2 : value & ~PORT61_GATE2));
}

static bool out2(void)
{
    return inb(PORT61) & PORT61_OUT2;
}

/* The count is in the counting element one clock after it was written. */
static void wait_loaded(void)
{
    enum { POLLS = 100000 };

    for (unsigned i = 0; i < POLLS; i++) {
        outb(PIT_CONTROL, READ_BACK_STATUS2);
        if (!(inb(PIT_CHANNEL2) & STATUS_NULL_COUNT))
            return;
    }
}

static void start2(uint8_t control, unsigned clocks)
{
    outb(PIT_CONTROL, control);
    outb(PIT_CHANNEL2, (uint8_t)clocks);
    outb(PIT_CHANNEL2, (uint8_t)(clocks >> 8));
}

static unsigned read2(void)
{
    unsigned low;

    outb(PIT_CONTROL, LATCH_CHANNEL2);
    low = inb(PIT_CHANNEL2);
    return low | (unsigned)inb(PIT_CHANNEL2) << 8;
}

static uint8_t status2(void)
{
    outb(PIT_CONTROL, READ_BACK_STATUS2);
    return inb(PIT_CHANNEL2);
}

static uint64_t clocks_to_us(uint64_t clocks)
{
    return clocks * 1000000 / PIT_HZ;
}

static uint64_t read_pm_timer(void)
{
    return inl(acpi_pm_timer());
}

static void counts_at_its_rate(void)
{
    time_pit2_start();
    struct time_sample pit_first = time_sample(time_pit2_latch, time_pit2_fetch);
    struct time_sample pm_first = time_sample(NULL, read_pm_timer);
    time_delay(20000);
    struct time_sample pit_second = time_sample(time_pit2_latch, time_pit2_fetch);
    struct time_sample pm_second = time_sample(NULL, read_pm_timer);
    uint64_t pit = time_rate(&pit_first, &pit_second, 16);
    uint64_t pm = time_rate(&pm_first, &pm_second, PM_TIMER_BITS);

    expect_between(HERE, "PIT clocks for 3579545 of the PM timer",
                   pit * ACPI_PM_TIMER_HZ / (pm + 1), PIT_HZ * 99 / 100, PIT_HZ * 101 / 100);
}

static void latch_holds_the_count(void)
{
    set_gate(true);
    start2(CHANNEL2_MODE0, 0xFFFF);
    wait_loaded();
    outb(PIT_CONTROL, LATCH_CHANNEL2);
    time_delay(2000);
    unsigned low = inb(PIT_CHANNEL2);
    unsigned held = low | (unsigned)inb(PIT_CHANNEL2) << 8;
    unsigned now = read2();

    expect_between(HERE, "clocks from the latch to the count", held - now, 2000, 0xF000);
}

static void second_latch_is_ignored_until_the_first_is_read(void)
{
    set_gate(true);
    start2(CHANNEL2_MODE0, 0xFFFF);
    wait_loaded();
    outb(PIT_CONTROL, LATCH_CHANNEL2);
    time_delay(2000);
    outb(PIT_CONTROL, LATCH_CHANNEL2);
    unsigned low = inb(PIT_CHANNEL2);
    unsigned held = low | (unsigned)inb(PIT_CHANNEL2) << 8;

    expect_between(HERE, "clocks to the count", held - read2(), 2000, 0xF000);
}

static void gate_low_stops_the_count(void)
{
    set_gate(true);
    start2(CHANNEL2_MODE0, 0xFFFF);
    wait_loaded();
    set_gate(false);
    unsigned first = read2();
    time_delay(1000);
    expect_equal(HERE, "count with the gate low", read2(), first);
    set_gate(true);
    time_delay(1000);
    expect_between(HERE, "clocks after the gate has risen", (first - read2()) & 0xFFFF, 1000,
                   0xE000);
}

/* Ticks from start (a function that sets channel 2 going) until OUT 2 is `level`; 0: never. */
static uint64_t ticks_until(bool level)
{
    uint64_t start = rdtsc(), limit = time_ticks(LONG_MS * 1000);

    while (out2() != level)
        if (rdtsc() - start > limit)
            return 0;
    return rdtsc() - start;
}

static void mode_0_raises_out_at_the_terminal_count(void)
{
    enum { CLOCKS = 12000 };
    uint64_t wanted = time_ticks(clocks_to_us(CLOCKS)), ticks = 0;

    set_gate(true);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        start2(CHANNEL2_MODE0, CLOCKS);
        expect(HERE, !out2(), "OUT is high at the start");
        ticks = ticks_until(true);
        if (ticks >= wanted * 98 / 100 && ticks <= wanted * 102 / 100)
            break;
    }
    expect_between(HERE, "ticks until OUT", ticks, wanted * 98 / 100, wanted * 102 / 100);
    time_delay(1000);
    expect(HERE, out2(), "OUT has fallen again");
}

static void mode_1_starts_with_the_gate_and_starts_again(void)
{
    enum { CLOCKS = 6000 };

    set_gate(false);
    start2(CHANNEL2_MODE1, CLOCKS);
    time_delay(clocks_to_us(CLOCKS) * 2);
    expect(HERE, out2(), "OUT is low before the gate has risen");
    set_gate(true);
    time_delay(100);
    expect(HERE, !out2(), "OUT is high after the gate has risen");
    expect(HERE, ticks_until(true) != 0, "OUT stays low");
    set_gate(false);
    set_gate(true);
    time_delay(100);
    expect(HERE, !out2(), "OUT is high after the gate has risen again");
    expect(HERE, ticks_until(true) != 0, "OUT stays low the second time");
}

static void mode_2_stays_within_its_count(void)
{
    enum { CLOCKS = 100, READS = 200 };

    set_gate(true);
    start2(CHANNEL2_MODE2, CLOCKS);
    wait_loaded();
    for (unsigned i = 0; i < READS; i++)
        if (!expect_between(HERE, "count", read2(), 1, CLOCKS))
            return;
}

static void mode_3_is_a_square_wave(void)
{
    enum { CLOCKS = 8000 };
    uint64_t wanted = time_ticks(clocks_to_us(CLOCKS / 2)), high = 0, low = 0;
    bool good = false;

    set_gate(true);
    start2(CHANNEL2_MODE3, CLOCKS);
    for (unsigned i = 0; i < ATTEMPTS && !good; i++) {
        ticks_until(false);
        ticks_until(true);
        high = ticks_until(false);
        low = ticks_until(true);
        good = high >= wanted * 95 / 100 && high <= wanted * 105 / 100 &&
               low >= wanted * 95 / 100 && low <= wanted * 105 / 100;
    }
    expect_between(HERE, "ticks high", high, wanted * 95 / 100, wanted * 105 / 100);
    expect_between(HERE, "ticks low", low, wanted * 95 / 100, wanted * 105 / 100);
}

static void mode_4_keeps_out_high_but_for_one_clock(void)
{
    set_gate(true);
    start2(CHANNEL2_MODE4, 3000);
    expect(HERE, out2(), "OUT is low while counting");
    time_delay(4000);
    expect(HERE, out2(), "OUT is low after the strobe");
}

static void status_shows_control_word_output_and_null_count(void)
{
    set_gate(false);
    outb(PIT_CONTROL, CHANNEL2_MODE3);
    uint8_t status = status2();
    expect_equal(HERE, "control bits", status & STATUS_CONTROL, CHANNEL2_MODE3 & STATUS_CONTROL);
    expect(HERE, status & STATUS_NULL_COUNT, "null count is clear before a count is written");
    expect(HERE, status & STATUS_OUT, "OUT of mode 3 is low at the start");
    outb(PIT_CONTROL, CHANNEL2_MODE0);
    status = status2();
    expect_equal(HERE, "control bits", status & STATUS_CONTROL, CHANNEL2_MODE0 & STATUS_CONTROL);
    expect(HERE, !(status & STATUS_OUT), "OUT of mode 0 is high at the start");
    set_gate(true);
    start2(CHANNEL2_MODE0, 100);
    time_delay(1000);
    status = status2();
    expect(HERE, !(status & STATUS_NULL_COUNT), "null count is still set");
    expect(HERE, status & STATUS_OUT, "OUT is low after the terminal count");
}

static void read_back_latches_status_before_count(void)
{
    set_gate(true);
    start2(CHANNEL2_MODE0, 0xFFFF);
    wait_loaded();
    outb(PIT_CONTROL, READ_BACK_BOTH2);
    time_delay(2000);
    uint8_t status = inb(PIT_CHANNEL2);
    unsigned low = inb(PIT_CHANNEL2);
    unsigned held = low | (unsigned)inb(PIT_CHANNEL2) << 8;

    expect_equal(HERE, "control bits", status & STATUS_CONTROL, CHANNEL2_MODE0 & STATUS_CONTROL);
    expect_between(HERE, "clocks from the latch", held - read2(), 2000, 0xF000);
}

static void access_modes_move_one_byte(void)
{
    set_gate(false);
    outb(PIT_CONTROL, CHANNEL2_MSB_MODE0);
    outb(PIT_CHANNEL2, 0x12);
    set_gate(true);
    time_delay(100);
    uint8_t high = inb(PIT_CHANNEL2);
    expect_between(HERE, "high byte alone", high, 0x10, 0x12);
    outb(PIT_CONTROL, CHANNEL2_LSB_MODE0);
    outb(PIT_CHANNEL2, 0xF0);
    wait_loaded();
    set_gate(false);
    uint8_t first = inb(PIT_CHANNEL2), second = inb(PIT_CHANNEL2);
    expect_equal(HERE, "low byte read twice", first, second);
}

static void bcd_counts_in_decimal(void)
{
    enum { READS = 200 };

    set_gate(true);
    start2(CHANNEL2_MODE0_BCD, 0x9999);
    wait_loaded();
    for (unsigned i = 0; i < READS; i++) {
        unsigned count = read2();

        for (unsigned digit = 0; digit < 4; digit++)
            if (!expect(HERE, (count >> (4 * digit) & 0xF) <= 9, "count is 0x%x", count))
                return;
    }
}

static void refresh_toggles(void)
{
    enum { REFRESH_CLOCKS = 18, POLLS = 100000 };
    uint8_t first;
    unsigned i;

    outb(PIT_CONTROL, CHANNEL1_LSB_MODE2);
    outb(PIT_CHANNEL1, REFRESH_CLOCKS);
    first = inb(PORT61) & PORT61_REFRESH;
    for (i = 0; i < POLLS && (inb(PORT61) & PORT61_REFRESH) == first; i++)
        pause();
    expect(HERE, i < POLLS, "bit 4 of port 0x61 stands still");
}

static void port_61_keeps_gate_and_speaker(void)
{
    uint8_t before = inb(PORT61);

    for (unsigned value = 0; value <= (PORT61_GATE2 | PORT61_SPEAKER); value++) {
        outb(PORT61, (uint8_t)value);
        expect_equal(HERE, "bits 1 and 0", inb(PORT61) & (PORT61_GATE2 | PORT61_SPEAKER), value);
    }
    outb(PORT61, before & (PORT61_GATE2 | PORT61_SPEAKER));
}

static volatile unsigned interrupts;
static volatile uint64_t first_tick, last_tick;

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    last_tick = rdtsc();
    if (interrupts++ == 0)
        first_tick = last_tick;
    pic_eoi(IRQ_TIMER);
}

static void prepare(void)
{
    interrupts = 0;
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer);
    pic_open_only(IRQ_TIMER);
}

static void interrupts_come_at_their_rate(void)
{
    enum { CLOCKS = 5000, PERIODS = 10 };
    uint64_t wanted = time_ticks(clocks_to_us(CLOCKS * PERIODS)), ticks = 0;

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        prepare();
        time_pit0_periodic(CLOCKS);
        if (!expect(HERE, time_wait_for(&interrupts, PERIODS + 1, LONG_MS), "%u interrupts",
                    interrupts))
            return;
        ticks = last_tick - first_tick;
        if (ticks >= wanted * 99 / 100 && ticks <= wanted * 101 / 100)
            break;
    }
    expect_between(HERE, "ticks in 10 periods", ticks, wanted * 99 / 100, wanted * 101 / 100);
}

static void mode_0_interrupts_once(void)
{
    prepare();
    time_pit0_once(1000);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect(HERE, !time_wait_for(&interrupts, 2, 5), "more than one");
}

static void new_control_word_stops_the_interrupts(void)
{
    prepare();
    time_pit0_periodic(1000);
    expect(HERE, time_wait_for(&interrupts, 2, LONG_MS), "no interrupts");
    time_pit0_stop();
    time_wait_for(&interrupts, UINT32_MAX, 1); /* one may have been on its way */
    interrupts = 0;
    expect(HERE, !time_wait_for(&interrupts, 1, 5), "they go on");
}

static const struct claim claims[] = {
    CLAIM(counts_at_its_rate),
    CLAIM(latch_holds_the_count),
    CLAIM(second_latch_is_ignored_until_the_first_is_read),
    CLAIM(gate_low_stops_the_count),
    CLAIM(mode_0_raises_out_at_the_terminal_count),
    CLAIM(mode_1_starts_with_the_gate_and_starts_again),
    CLAIM(mode_2_stays_within_its_count),
    CLAIM(mode_3_is_a_square_wave),
    CLAIM(mode_4_keeps_out_high_but_for_one_clock),
    CLAIM(status_shows_control_word_output_and_null_count),
    CLAIM(read_back_latches_status_before_count),
    CLAIM(access_modes_move_one_byte),
    CLAIM(bcd_counts_in_decimal),
    CLAIM(refresh_toggles),
    CLAIM(port_61_keeps_gate_and_speaker),
    CLAIM(interrupts_come_at_their_rate),
    CLAIM(mode_0_interrupts_once),
    CLAIM(new_control_word_stops_the_interrupts),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
