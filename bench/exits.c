/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits cost a guest that runs under the whole system: a Multiboot kernel that measures its
 * own instructions with the TSC. A figure is the least of many runs, without the reading of the TSC
 * and the call of the function. With a command line trace=NAME it repeats that one instruction for
 * ever, for bench/trace to look at.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/power.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/uart.h"

enum { ROUNDS = 1000, PORT_NOBODY = 0xE0 };

#define OPTION "trace="

static void __attribute__((noinline)) op_empty(void)
{
}

static void __attribute__((noinline)) op_cpuid(void)
{
    (void)cpuid(1, 0);
}

static void __attribute__((noinline)) op_rdmsr(void)
{
    (void)rdmsr(MSR_APIC_BASE);
}

static void __attribute__((noinline)) op_out(void)
{
    outb(UART_SCRATCH, 0);
}

static void __attribute__((noinline)) op_out_nobody(void)
{
    outb(PORT_NOBODY, 0);
}

static void __attribute__((noinline)) op_in(void)
{
    (void)inb(UART_LSR);
}

static void __attribute__((noinline)) op_lapic(void)
{
    (void)*(const volatile uint32_t *)(LAPIC_BASE + LAPIC_VERSION);
}

static const struct operation {
    const char *name;
    void (*run)(void);
} operations[] = {
    {"cpuid", op_cpuid}, {"rdmsr", op_rdmsr},           {"out", op_out},
    {"in", op_in},       {"out_nobody", op_out_nobody}, {"lapic", op_lapic},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

/* Read at run time, so that the call of the empty function is made like any other. */
static void (*volatile const empty)(void) = op_empty;

static uint64_t __attribute__((noinline)) least(void (*run)(void))
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = rdtsc();
        uint64_t ticks;

        run();
        ticks = rdtsc() - start;
        if (ticks < best)
            best = ticks;
    }
    return best;
}

/* Whether `text` begins with `word`; *rest is what follows. */
static bool begins(const char *text, const char *word, const char **rest)
{
    while (*word != '\0' && *text == *word) {
        text++;
        word++;
    }
    *rest = text;
    return *word == '\0';
}

/* The name behind OPTION on the command line, or NULL. */
static const char *to_trace(void)
{
    const struct multiboot_info *info = multiboot_info();
    const char *rest;

    if (!(info->flags & MULTIBOOT_HAS_CMDLINE))
        return NULL;
    for (const char *c = (const char *)(uintptr_t)info->cmdline; *c != '\0'; c++) {
        if (begins(c, OPTION, &rest))
            return rest;
    }
    return NULL;
}

static void repeat(const char *name)
{
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const char *rest;

        if (begins(name, operations[i].name, &rest) && (*rest == '\0' || *rest == ' ')) {
            console_print("TRACE %s\n", operations[i].name);
            for (;;)
                operations[i].run();
        }
    }
    console_print("FAILED trace: nothing is called %s\n", name);
}

void test_main(void)
{
    const char *name = to_trace();

    if (name != NULL) {
        repeat(name);
    } else {
        const uint64_t nothing = least(empty);

        for (unsigned i = 0; i < OPERATIONS; i++)
            console_print("FIGURE %s %lu\n", operations[i].name,
                          least(operations[i].run) - nothing);
        console_print("DONE\n");
    }
    power_end(true);
}
