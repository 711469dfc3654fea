/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See time.h. Datasheet: Intel 8254, "Control Word Format", "Counter Latch Command", "Read-Back
 * Command".
 */
#include "tests/guest/lib/time.h"

#include <stddef.h>

#include "tests/guest/lib/asm.h"

enum {
    CHANNEL0_MODE0_WORD = 0x30,
    CHANNEL0_MODE2_WORD = 0x34,
    CHANNEL2_MODE0_WORD = 0xB0,
    LATCH_CHANNEL2 = 0x80,
    READ_BACK_STATUS2 = 0xE8,
    STATUS_NULL_COUNT = 0x40,
    FULL_COUNT = 0x10000,
    CALIBRATION = 6000, /* PIT clocks, 5 ms */
    CALIBRATION_POLLS = 1000000,
    ATTEMPTS = 12,
    MICROSECONDS = 1000000,
    MILLISECOND = 1000
};

static uint64_t tsc_hz;

void time_pit2_start(void)
{
    outb(PORT61, (uint8_t)((inb(PORT61) & ~PORT61_SPEAKER) | PORT61_GATE2));
    outb(PIT_CONTROL, CHANNEL2_MODE0_WORD);
    outb(PIT_CHANNEL2, 0);
    outb(PIT_CHANNEL2, 0);
    /* The count becomes valid with the next clock: until then a read shows the previous one. */
    for (unsigned polls = 0; polls < CALIBRATION_POLLS; polls++) {
        outb(PIT_CONTROL, READ_BACK_STATUS2);
        if (!(inb(PIT_CHANNEL2) & STATUS_NULL_COUNT))
            return;
    }
}

void time_pit2_latch(void)
{
    outb(PIT_CONTROL, LATCH_CHANNEL2);
}

uint64_t time_pit2_fetch(void)
{
    unsigned low = inb(PIT_CHANNEL2);
    unsigned high = inb(PIT_CHANNEL2);

    return FULL_COUNT - (high << 8 | low);
}

static void program_channel0(uint8_t control, unsigned clocks)
{
    outb(PIT_CONTROL, control);
    outb(PIT_CHANNEL0, (uint8_t)clocks);
    outb(PIT_CHANNEL0, (uint8_t)(clocks >> 8));
}

void time_pit0_periodic(unsigned clocks)
{
    program_channel0(CHANNEL0_MODE2_WORD, clocks);
}

void time_pit0_once(unsigned clocks)
{
    program_channel0(CHANNEL0_MODE0_WORD, clocks);
}

void time_pit0_stop(void)
{
    outb(PIT_CONTROL, CHANNEL0_MODE0_WORD); /* "OUT is initially low", counting waits for a count */
}

struct time_sample time_sample(void (*latch)(void), uint64_t (*fetch)(void))
{
    struct time_sample best = {.error = UINT64_MAX};

    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t before, after, count = 0;

        before = rdtsc();
        if (latch != NULL)
            latch();
        else
            count = fetch();
        after = rdtsc();
        if (latch != NULL)
            count = fetch();
        if (after - before < best.error)
            best = (struct time_sample){
                .tsc = before + (after - before) / 2, .count = count, .error = after - before};
    }
    return best;
}

uint64_t time_rate(const struct time_sample *first, const struct time_sample *second, unsigned bits)
{
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    uint64_t counted = (second->count - first->count) & mask;
    uint64_t ticks = second->tsc - first->tsc;

    /* counted < 2^32 and the frequency < 2^33 in all that a test measures: shift what could
     * overflow. */
    unsigned shift = 0;

    while (counted >> shift > UINT64_MAX / (tsc_hz + 1))
        shift++;
    return ticks == 0 ? 0 : (counted >> shift) * tsc_hz / ((ticks >> shift) + 1);
}

bool time_init(void)
{
    struct time_sample first, second;
    uint64_t counted;
    unsigned polls = 0;

    time_pit2_start();
    first = time_sample(time_pit2_latch, time_pit2_fetch);
    do {
        second = time_sample(time_pit2_latch, time_pit2_fetch);
        counted = (second.count - first.count) % FULL_COUNT;
    } while (counted < CALIBRATION && polls++ < CALIBRATION_POLLS);
    if (counted < CALIBRATION)
        return false;
    tsc_hz = (second.tsc - first.tsc) * PIT_HZ / counted;
    return tsc_hz != 0;
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t time_ticks(uint64_t microseconds)
{
    return tsc_hz * microseconds / MICROSECONDS;
}

void time_delay(uint64_t microseconds)
{
    uint64_t start = rdtsc();
    uint64_t ticks = time_ticks(microseconds);

    while (rdtsc() - start < ticks)
        pause();
}

bool time_wait_for(const volatile unsigned *counter, unsigned target, unsigned milliseconds)
{
    uint64_t start = rdtsc();
    uint64_t ticks = time_ticks((uint64_t)milliseconds * MILLISECOND);
    bool reached;

    sti();
    while (!(reached = *counter >= target) && rdtsc() - start < ticks)
        pause();
    cli();
    return reached || *counter >= target;
}
