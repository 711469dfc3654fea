/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frequency of the time-stamp counter. The 8254's channel 2 is used as a stop watch, by its
 * gate and output in port 61h; it raises no interrupt.
 */
#include "hv/x86/tsc.h"

#include "hv/x86/asm.h"

#define CPUID_TSC       0x15u
#define PIT_HZ          1193182u
#define PIT_CHANNEL_2   0x42u
#define PIT_COMMAND     0x43u
#define PIT_MODE_0      0xB0u /* channel 2, both bytes, mode 0 */
#define PORT_61         0x61u
#define PORT_61_GATE    1u
#define PORT_61_SPEAKER 2u
#define PORT_61_OUT     0x20u
#define MEASURE_COUNT   (PIT_HZ / 100u) /* 10 ms */
#define MEASURE_SPIN    100000000u

uint64_t tsc_scale(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t lo, hi, q, rest;
    __asm__("mulq %3" : "=a"(lo), "=d"(hi) : "a"(a), "r"(b) : "cc");
    __asm__("divq %4" : "=a"(q), "=d"(rest) : "a"(lo), "d"(hi), "r"(c) : "cc");
    return q;
}

static uint64_t measure_once(void)
{
    uint8_t old = inb(PORT_61);
    outb(PORT_61, (uint8_t)((old & ~PORT_61_SPEAKER) | PORT_61_GATE));
    outb(PIT_COMMAND, PIT_MODE_0);
    outb(PIT_CHANNEL_2, (uint8_t)MEASURE_COUNT);
    outb(PIT_CHANNEL_2, (uint8_t)(MEASURE_COUNT >> 8));
    uint64_t start = rdtsc();
    uint32_t spin = MEASURE_SPIN;
    while ((inb(PORT_61) & PORT_61_OUT) == 0 && --spin != 0) {
        cpu_pause();
    }
    uint64_t ticks = rdtsc() - start;
    outb(PORT_61, old);
    return ticks;
}

uint64_t tsc_measure(void)
{
    if (cpuid(0, 0).a >= CPUID_TSC) {
        struct cpuid_regs r = cpuid(CPUID_TSC, 0);
        if (r.a != 0 && r.b != 0 && r.c != 0) {
            return tsc_scale(r.c, r.b, r.a);
        }
    }
    /* The shorter of two measures: an SMI only makes one longer. */
    uint64_t a = measure_once();
    uint64_t b = measure_once();
    return tsc_scale(a < b ? a : b, PIT_HZ, MEASURE_COUNT);
}
