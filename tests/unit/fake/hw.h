/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that the kernel finds in host tests: CPUs without a clock of their own, a pool of
 * real memory, a timer and inter-processor interrupts that are written down, and the entries to
 * user level, at which a test gets control back. The test moves time and delivers interrupts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HW_CPUS       4u
#define HW_POOL_PAGES 4096u

struct cpu;
struct ec;

struct hw_cpu {
    uint64_t cr3;
    unsigned cr3_writes;
    unsigned ept_flushes;
    uint64_t timer;      /* as last programmed, or UINT64_MAX */
    unsigned timer_sets; /* times it was programmed */
    unsigned ipis;       /* sent to it */
    uint64_t interrupts; /* vectors from 0xC0 on that wait, a bit each */
};

struct hw {
    uint64_t tsc;
    uint64_t tsc_step; /* that RDTSC takes */
    unsigned self;     /* the CPU that runs */
    unsigned cpus;
    struct hw_cpu cpu[HW_CPUS];
    unsigned pauses;
    unsigned log_lines;
    unsigned irq_rearmed; /* times */
    bool panicked;
    bool returned;        /* hw_dispatch: the function has returned */
    bool one_gib_pages;   /* CPUID */
    uint32_t crystal[3];  /* CPUID leaf 15H, EAX to ECX */
    uint64_t pit_ticks;   /* TSC ticks that the 8254's channel 2 takes for its count */
    uint64_t pit_expires; /* TSC */
};

extern struct hw hw;

/* A machine with its CPUs idle, the kernel's page tables and an unused pool. */
void hw_reset(unsigned cpus);

/*
 * Call `decide` on this CPU. Returns the EC that goes to user level, or NULL: the CPU halts,
 * `decide` has returned (hw.returned) or the kernel has given up (hw.panicked).
 */
struct ec *hw_dispatch(void (*decide)(struct cpu *));

/* The timer interrupt, if it is due on this CPU. */
void hw_timer_interrupt(void);

/* Deliver the interrupts that wait on all CPUs, until none is left. */
void hw_deliver(void);

/* Take dying domains apart and end all grace periods. */
void hw_settle(void);

/* For asm.h. */
uint64_t hw_stack(void);
void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *abcd);
void hw_out(uint16_t port, uint8_t value);
uint8_t hw_in(uint16_t port);
void hw_pause(void);
_Noreturn void hw_halt(void);
