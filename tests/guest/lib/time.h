/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time by the TSC, whose frequency no test may assume: it is measured against channel 2 of the PIT
 * when a test begins. Devices are compared with each other by samples, pairs of a device's count
 * and the TSC at that moment, so that a test holds on a slow emulator too. Datasheet: Intel 8254
 * (231164).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PIT_HZ = 1193182,
    PIT_CHANNEL0 = 0x40,
    PIT_CHANNEL2 = 0x42,
    PIT_CONTROL = 0x43,
    PORT61 = 0x61,
    PORT61_GATE2 = 0x01,
    PORT61_SPEAKER = 0x02,
    PORT61_OUT2 = 0x20
};

/* Measures the TSC's frequency. False: the PIT does not count; nothing else here works then. */
bool time_init(void);

/* TSC ticks a second, as measured. */
uint64_t time_tsc_hz(void);

uint64_t time_ticks(uint64_t microseconds);
void time_delay(uint64_t microseconds);

struct time_sample {
    uint64_t tsc;
    uint64_t count;
    uint64_t error; /* TSC ticks by which tsc may be wrong */
};

/*
 * Reads a counter so that nothing comes between it and the TSC: of several attempts, the one that
 * took the least time counts. latch, if not NULL, freezes what fetch then reads in its own time.
 */
struct time_sample time_sample(void (*latch)(void), uint64_t (*fetch)(void));

/* Counter ticks a second between two samples, of a counter that has gone through less than 2^bits.
 */
uint64_t time_rate(const struct time_sample *first, const struct time_sample *second,
                   unsigned bits);

/* PIT channel 2, mode 0, counting down from 65536 now; as functions for time_sample (counting up,
 * 16 bits). */
void time_pit2_start(void);
void time_pit2_latch(void);
uint64_t time_pit2_fetch(void);

/* PIT channel 0, the source of IRQ 0: periodic (mode 2) or once (mode 0) after `clocks` of PIT_HZ,
 * 2 to 65536. */
void time_pit0_periodic(unsigned clocks);
void time_pit0_once(unsigned clocks);

/* Channel 0 keeps still until it is programmed again; its output is low, so that no edge comes. */
void time_pit0_stop(void);

/* Enables interrupts until *counter has reached target or the time is over; which of both is
 * returned. */
bool time_wait_for(const volatile unsigned *counter, unsigned target, unsigned milliseconds);
