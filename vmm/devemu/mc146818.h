/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818A real-time clock and the CMOS memory of a PC, with the bytes in which a BIOS leaves
 * the memory size.
 *
 * Models: time and calendar in BCD or binary and in 12 or 24 hours, century byte 32h, SET, divider
 * stop and its half second to the first update, update-in-progress, periodic, alarm (with "don't
 * care") and update-ended interrupts, register C, 114 bytes of RAM and the checksum over the
 * configuration bytes. Does not model: daylight saving, the square wave output, other crystals
 * than 32.768 kHz (such divider settings stop the clock), the second bank at ports 72h/73h, the NMI
 * mask in bit 7 of the index. Datasheet: Motorola MC146818A; CMOS bytes as in the IBM PC/AT and,
 * above 4 GiB, as in common PC emulators.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    MC146818_PORT = 0x70, /* 2 ports: index and data */
    MC146818_PORTS = 2,
    MC146818_IRQ = 8,
    MC146818_BYTES = 128,
    MC146818_CENTURY = 0x32, /* the FADT's CENTURY field */
    MC146818_HZ = 32768,
};

struct mc146818 {
    uint8_t ram[MC146818_BYTES]; /* registers 0-0Dh as software sees them, then CMOS memory */
    uint8_t index;
    bool irq_level;
    struct irq_line irq;
    uint64_t tsc_hz;
    uint64_t phase; /* crystal tick at which the divider chain was at zero, modulo 2^64 */
    uint64_t last;  /* crystal tick up to which the registers are current */
};

/*
 * Starts the clock at power-on (TSC 0) with epoch_seconds since 1970-01-01 00:00 in the time zone
 * that the guest is to see, from 1970 to 2199, in BCD and 24 hours, no interrupt enabled. tsc_hz:
 * guest TSC ticks a second (timescale.h).
 */
void mc146818_init(struct mc146818 *rtc, uint64_t epoch_seconds, uint64_t tsc_hz,
                   struct irq_line irq);

/*
 * Writes the memory size as a BIOS does: below_4g is the end of the RAM below 4 GiB (from address
 * 0), above_4g the amount of RAM from 4 GiB on, both in bytes; also the checksum that covers them.
 */
void mc146818_set_memory(struct mc146818 *rtc, uint64_t below_4g, uint64_t above_4g);

/* Register access: offset 0 (index, reads all ones) and 1 (data), size in bytes, split into bytes;
 * now: guest TSC. */
uint32_t mc146818_read(struct mc146818 *rtc, unsigned offset, unsigned size, uint64_t now);
void mc146818_write(struct mc146818 *rtc, unsigned offset, unsigned size, uint32_t value,
                    uint64_t now);

/* TSC at which an enabled interrupt is next due, UINT64_MAX for none (also while one waits for
 * register C's read). */
uint64_t mc146818_deadline(const struct mc146818 *rtc);

/* Brings registers and interrupt up to TSC value now. */
void mc146818_advance(struct mc146818 *rtc, uint64_t now);
