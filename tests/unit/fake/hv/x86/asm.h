/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions of the kernel for host tests: those that the tested modules use, carried out on
 * the machine of tests/unit/fake/hw.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/fake/hw.h"

struct cpuid_regs {
    uint32_t a, b, c, d;
};

static inline uint64_t rdtsc(void)
{
    return hw.tsc += hw.tsc_step;
}

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;
    hw_cpuid(leaf, subleaf, &r.a);
    return r;
}

static inline void outb(uint16_t port, uint8_t value)
{
    hw_out(port, value);
}

static inline uint8_t inb(uint16_t port)
{
    return hw_in(port);
}

static inline uint64_t read_cr3(void)
{
    return hw.cpu[hw.self].cr3;
}

static inline void write_cr3(uint64_t v)
{
    hw.cpu[hw.self].cr3 = v;
    hw.cpu[hw.self].cr3_writes++;
}

static inline void invlpg(uint64_t address)
{
    (void)address;
}

static inline void cpu_pause(void)
{
    hw_pause();
}

static inline void sti_hlt(void)
{
    hw_halt();
}

static inline uint64_t read_rsp(void)
{
    return hw_stack();
}
