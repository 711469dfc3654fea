/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From 64-bit mode through every other mode and back: compatibility mode, 32-bit protected mode
 * without paging, with 32-bit and with PAE paging, 16-bit protected mode, real mode with its
 * interrupts, real mode with large segments. In each of them the guest is left and entered a few
 * times. The code is in modes.asm. Manual: SDM volume 3, "Mode Switching".
 */
#include <string.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/low.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"

enum { /* physical addresses, as in modes.asm */
       RESULTS = 0x6000,
       ALIAS = 0x00800000,
       TARGET = 0x00C00000
};

enum result { /* dwords at RESULTS */
              R_REACHED,
              R_CR0,
              R_EFER,
              R_CPUID,
              R_PORT,
              R_LAPIC,
              R_STACK,
              R_ALIAS,
              R_INT,
              R_UD,
              R_IRQ,
              R_HIGH,
              R_COUNT
};

enum {
    MARK = 0x600DF00D,
    SCRATCH_BYTE = 0x5C,
    MULTIBOOT_MAGIC = 0x1BADB002,
    LEGACY_ENTRIES = 1024,
    LEGACY_PAGE_SHIFT = 22,
    PAE_POINTERS = 4,
    ROUNDS = 20
};

void modes_visit(void (*body)(void)), modes_compatibility(void);
void body_protected(void), body_pae(void), body_legacy(void), body_protected_16(void),
    body_real(void);
void body_real_irq(void), body_unreal(void), body_toggle(void);

uint64_t modes_pae_table[PAE_POINTERS] __attribute__((aligned(32)));
uint32_t modes_legacy_table[LEGACY_ENTRIES] __attribute__((aligned(4096)));
static uint64_t first_gib[PAGE_ENTRIES] __attribute__((aligned(4096)));

static uint32_t result(enum result which)
{
    return ((volatile uint32_t *)(uint64_t)RESULTS)[which];
}

static void prepare(void)
{
    memset((void *)(uint64_t)RESULTS, 0, R_COUNT * sizeof(uint32_t));
    low_copy();
}

static void visit(void (*body)(void))
{
    prepare();
    modes_visit(body);
}

/* What every mode can do. */
static void expect_probes(struct place place, uint64_t cr0_bits)
{
    expect(place, result(R_REACHED) == MARK, "the code did not come to its end");
    expect(place, (result(R_CR0) & (CR0_PE | CR0_PG)) == cr0_bits, "CR0 was 0x%x", result(R_CR0));
    expect(place, result(R_CPUID) == cpuid(0, 0).ebx, "CPUID returned 0x%x", result(R_CPUID));
    expect(place, result(R_PORT) == SCRATCH_BYTE, "IN returned 0x%x", result(R_PORT));
    expect(place, result(R_STACK) == MARK, "the stack held 0x%x", result(R_STACK));
}

static void expect_lapic(struct place place)
{
    expect(place, result(R_LAPIC) == lapic_read(LAPIC_VERSION), "the APIC's version read 0x%x",
           result(R_LAPIC));
}

static void expect_no_long_mode(struct place place)
{
    expect(place, !(result(R_EFER) & (EFER_LME | EFER_LMA)), "EFER was 0x%x", result(R_EFER));
}

/* 64-bit mode is whole again: it has its registers, its tables and its traps. */
static void expect_long_mode(struct place place)
{
    expect(place, rdmsr(MSR_EFER) & EFER_LMA, "LMA is clear");
    expect(place, (read_cr0() & (CR0_PE | CR0_PG)) == (CR0_PE | CR0_PG), "CR0 is 0x%lx",
           read_cr0());
    expect(place, read_cr4() & CR4_PAE, "CR4 is 0x%lx", read_cr4());
}

static void compatibility_mode_runs_32_bit_code(void)
{
    prepare();
    modes_compatibility();
    expect_probes(HERE, CR0_PE | CR0_PG);
    expect_lapic(HERE);
    expect(HERE, result(R_EFER) & EFER_LMA, "EFER was 0x%x", result(R_EFER));
    expect_long_mode(HERE);
}

static void protected_mode_runs_without_paging(void)
{
    visit(body_protected);
    expect_probes(HERE, CR0_PE);
    expect_lapic(HERE);
    expect_no_long_mode(HERE);
    expect_long_mode(HERE);
}

/* Maps ALIAS to TARGET, everything else to itself. */
static void build_pae(void)
{
    memcpy(first_gib, page_tables[2], sizeof first_gib);
    first_gib[ALIAS / PAGE_LARGE_SIZE] = TARGET | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
    modes_pae_table[0] = (uint64_t)first_gib | PAGE_PRESENT;
    for (unsigned i = 1; i < PAE_POINTERS; i++)
        modes_pae_table[i] = (uint64_t)page_tables[2 + i] | PAGE_PRESENT;
}

static void build_legacy(void)
{
    for (uint32_t i = 0; i < LEGACY_ENTRIES; i++)
        modes_legacy_table[i] =
            i << LEGACY_PAGE_SHIFT | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE |
            (i << LEGACY_PAGE_SHIFT >= 0xC0000000 ? PAGE_UNCACHED | PAGE_WRITE_THROUGH : 0);
    modes_legacy_table[ALIAS >> LEGACY_PAGE_SHIFT] =
        TARGET | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
}

static void pae_paging_translates(void)
{
    build_pae();
    visit(body_pae);
    expect_probes(HERE, CR0_PE | CR0_PG);
    expect_lapic(HERE);
    expect_no_long_mode(HERE);
    expect_equal(HERE, "what the alias shows", result(R_ALIAS), MARK);
    expect_long_mode(HERE);
}

static void legacy_paging_translates(void)
{
    build_legacy();
    visit(body_legacy);
    expect_probes(HERE, CR0_PE | CR0_PG);
    expect_lapic(HERE);
    expect_equal(HERE, "what the alias shows", result(R_ALIAS), MARK);
    expect_long_mode(HERE);
}

static void protected_mode_runs_16_bit_code(void)
{
    visit(body_protected_16);
    expect_probes(HERE, CR0_PE);
    expect_lapic(HERE);
    expect_long_mode(HERE);
}

static void real_mode_runs_with_its_own_interrupts(void)
{
    visit(body_real);
    expect_probes(HERE, 0);
    expect_equal(HERE, "INT 40h", result(R_INT), MARK);
    expect_equal(HERE, "#UD", result(R_UD), MARK);
    expect_equal(HERE, "FFFF:0010", result(R_HIGH), MULTIBOOT_MAGIC);
    expect_long_mode(HERE);
}

static void real_mode_takes_the_timer_interrupt_in_halt(void)
{
    prepare();
    pic_open_only(IRQ_TIMER);
    time_pit0_once(1200);
    modes_visit(body_real_irq);
    expect_equal(HERE, "the end of the code", result(R_REACHED), MARK);
    expect_equal(HERE, "the interrupt", result(R_IRQ), MARK);
    expect_long_mode(HERE);
}

static void real_mode_keeps_large_segments(void)
{
    visit(body_unreal);
    expect_probes(HERE, 0);
    expect_lapic(HERE);
    expect_equal(HERE, "RAM at 14 MiB", result(R_HIGH), MARK);
    expect_long_mode(HERE);
}

static void protected_mode_may_last_a_moment(void)
{
    visit(body_toggle);
    expect_equal(HERE, "the end of the code", result(R_REACHED), MARK);
    expect_long_mode(HERE);
}

static void all_modes_again_and_again(void)
{
    static void (*const bodies[])(void) = {body_real,     body_pae,    body_unreal,
                                           body_legacy,   body_toggle, body_protected_16,
                                           body_protected};

    build_pae();
    build_legacy();
    for (unsigned round = 0; round < ROUNDS; round++) {
        void (*body)(void) = bodies[round % (sizeof bodies / sizeof bodies[0])];

        visit(body);
        if (!expect(HERE, result(R_REACHED) == MARK, "round %u did not come to its end", round))
            return;
        expect_long_mode(HERE);
    }
}

static const struct claim claims[] = {
    CLAIM(compatibility_mode_runs_32_bit_code),
    CLAIM(protected_mode_runs_without_paging),
    CLAIM(pae_paging_translates),
    CLAIM(legacy_paging_translates),
    CLAIM(protected_mode_runs_16_bit_code),
    CLAIM(real_mode_runs_with_its_own_interrupts),
    CLAIM(real_mode_takes_the_timer_interrupt_in_halt),
    CLAIM(real_mode_keeps_large_segments),
    CLAIM(protected_mode_may_last_a_moment),
    CLAIM(all_modes_again_and_again),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
