/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX state: it survives every way of leaving the guest bit by bit; XCR0 takes what is
 * legal and nothing else; numeric exceptions arrive. The code is in fpu.asm. Manual: SDM volume 1,
 * "Managing State Using the XSAVE Feature Set"; volume 3, "System Programming for Instruction Set
 * Extensions and Processor Extended States".
 */
#include <stddef.h>
#include <string.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum { /* FXSAVE area: SDM volume 1, "Layout of the 64-bit-mode FXSAVE64 Map" */
       FX_FCW = 0,
       FX_FTW = 4,
       FX_MXCSR = 24,
       FX_ST = 32,
       FX_ST_SIZE = 16,
       FX_ST_USED = 10,
       FX_ST_COUNT = 8,
       FX_XMM = 160,
       FX_XMM_END = 416,
       FX_SIZE = 512,
       XSTATE_BV = 512,
       XSAVE_AREA = 8192,
       COMPONENT_AVX = 2,
       COMPONENT_OPMASK = 5,
       COMPONENT_ZMM_LOW = 6,
       COMPONENT_ZMM_HIGH = 7,
       LEAF_XSAVE = 0xD
};

enum {
    CONTROL_WORD = 0x027F, /* double precision: not the value after FNINIT */
    ALL_VALID = 0xFF,
    MXCSR_VALUE = 0x7F80, /* round to zero: not the value after reset */
    FCW_AFTER_FNINIT = 0x037F,
    MXCSR_RESET = 0x1F80,
    EXPONENT = 0x3FFF
};

#define XCR0_OPMASK   (UINT64_C(1) << COMPONENT_OPMASK)
#define XCR0_AVX512   (UINT64_C(7) << COMPONENT_OPMASK)
#define XCR0_RESERVED (UINT64_C(1) << 62)

void fpu_round(const void *in, void *out, void (*between)(void));
void fpu_xload(const void *in, uint64_t mask), fpu_xsave(void *out, uint64_t mask);
void leave_cpuid(void), leave_out(void), leave_mmio(void), leave_halt(void), fpu_init(void);
void fpu_store_control(uint16_t *control, uint16_t *status);
void load_mxcsr(void *value), x87_error(void *), sse_error(void *), avx_instruction(void *);
void do_xsetbv(void *pair);

static uint8_t before[XSAVE_AREA] __attribute__((aligned(64)));
static uint8_t after[XSAVE_AREA] __attribute__((aligned(64)));

static const struct {
    const char *what;
    void (*leave)(void);
} ways[] = {{"CPUID", leave_cpuid}, {"OUT", leave_out}, {"MMIO", leave_mmio}, {"HLT", leave_halt}};

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    pic_eoi(IRQ_TIMER);
}

/* HLT needs an interrupt that ends it. */
static void prepare_way(unsigned way)
{
    if (ways[way].leave != leave_halt)
        return;
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer);
    pic_open_only(IRQ_TIMER);
    time_pit0_once(1000);
}

/* A byte that depends on its place and on the round. */
static uint8_t pattern(unsigned offset, unsigned round)
{
    return (uint8_t)(offset * 37 + round * 101 + (offset >> 4) + 1);
}

static void fill_legacy(unsigned round)
{
    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    before[FX_FCW] = (uint8_t)CONTROL_WORD;
    before[FX_FCW + 1] = CONTROL_WORD >> 8;
    before[FX_FTW] = ALL_VALID;
    before[FX_MXCSR] = (uint8_t)MXCSR_VALUE;
    before[FX_MXCSR + 1] = MXCSR_VALUE >> 8;
    for (unsigned i = 0; i < FX_ST_COUNT; i++) {
        uint8_t *st = before + FX_ST + i * FX_ST_SIZE;

        for (unsigned j = 0; j < FX_ST_USED - 2; j++)
            st[j] = pattern(i * FX_ST_SIZE + j, round);
        st[FX_ST_USED - 3] |= 0x80; /* a normal number: integer bit set */
        st[FX_ST_USED - 2] = (uint8_t)(EXPONENT + i);
        st[FX_ST_USED - 1] = (uint8_t)((EXPONENT + i) >> 8);
    }
    for (unsigned at = FX_XMM; at < FX_XMM_END; at++)
        before[at] = pattern(at, round);
}

static void expect_same(struct place place, const char *what, unsigned from, unsigned size)
{
    for (unsigned i = from; i < from + size; i++)
        if (!expect(place, before[i] == after[i], "%s: byte %u is 0x%x, not 0x%x", what, i,
                    after[i], before[i]))
            return;
}

static void expect_legacy_same(struct place place, const char *what)
{
    expect_same(place, what, FX_FCW, FX_FTW + 1);
    expect_same(place, what, FX_MXCSR, 4);
    for (unsigned i = 0; i < FX_ST_COUNT; i++)
        expect_same(place, what, FX_ST + i * FX_ST_SIZE, FX_ST_USED);
    expect_same(place, what, FX_XMM, FX_XMM_END - FX_XMM);
}

static void x87_and_sse_survive_leaving_the_guest(void)
{
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        fill_legacy(i);
        prepare_way(i);
        fpu_round(before, after, ways[i].leave);
        expect_legacy_same(HERE, ways[i].what);
    }
}

static bool has_xsave(void)
{
    if (cpuid(1, 0).ecx & CPUID1_ECX_XSAVE)
        return true;
    skip("no XSAVE");
    return false;
}

static uint64_t supported(void)
{
    struct cpuid_result r = cpuid(LEAF_XSAVE, 0);

    return r.eax | (uint64_t)r.edx << 32;
}

static void fill_component(unsigned component, unsigned round)
{
    struct cpuid_result r = cpuid(LEAF_XSAVE, component);

    for (unsigned i = 0; i < r.eax; i++)
        before[r.ebx + i] = pattern(r.ebx + i, round);
}

static void expect_component_same(struct place place, const char *what, unsigned component)
{
    struct cpuid_result r = cpuid(LEAF_XSAVE, component);

    expect_same(place, what, r.ebx, r.eax);
}

/* All components of `wanted` (a subset of x87, SSE, AVX, AVX-512) through all ways. */
static void expect_extended_survives(uint64_t wanted)
{
    uint64_t xcr0;

    write_cr4(read_cr4() | CR4_OSXSAVE);
    xcr0 = xgetbv(0);
    xsetbv(0, wanted);
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        fill_legacy(i);
        before[XSTATE_BV] = (uint8_t)wanted;
        for (unsigned c = COMPONENT_AVX; c <= COMPONENT_ZMM_HIGH; c++)
            if (wanted >> c & 1)
                fill_component(c, i);
        prepare_way(i);
        fpu_xload(before, wanted);
        ways[i].leave();
        fpu_xsave(after, wanted);
        expect_legacy_same(HERE, ways[i].what);
        expect_equal(HERE, "XSTATE_BV", after[XSTATE_BV], wanted);
        for (unsigned c = COMPONENT_AVX; c <= COMPONENT_ZMM_HIGH; c++)
            if (wanted >> c & 1)
                expect_component_same(HERE, ways[i].what, c);
        expect_equal(HERE, "XCR0", xgetbv(0), wanted);
    }
    xsetbv(0, xcr0);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void avx_survives_leaving_the_guest(void)
{
    if (!has_xsave())
        return;
    if (!(supported() & XCR0_AVX)) {
        skip("no AVX");
        return;
    }
    expect_extended_survives(XCR0_X87 | XCR0_SSE | XCR0_AVX);
}

static void avx_512_survives_leaving_the_guest(void)
{
    if (!has_xsave())
        return;
    if ((supported() & XCR0_AVX512) != XCR0_AVX512) {
        skip("no AVX-512");
        return;
    }
    expect_extended_survives(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
}

/* A component that XCR0 switches off for a while keeps its contents. */
static void avx_survives_being_switched_off(void)
{
    uint64_t avx = XCR0_X87 | XCR0_SSE | XCR0_AVX;

    if (!has_xsave())
        return;
    if (!(supported() & XCR0_AVX)) {
        skip("no AVX");
        return;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    uint64_t xcr0 = xgetbv(0);

    xsetbv(0, avx);
    fill_legacy(0);
    before[XSTATE_BV] = (uint8_t)avx;
    fill_component(COMPONENT_AVX, 0);
    fpu_xload(before, avx);
    xsetbv(0, XCR0_X87 | XCR0_SSE);
    leave_cpuid();
    leave_out();
    xsetbv(0, avx);
    fpu_xsave(after, avx);
    expect_component_same(HERE, "AVX", COMPONENT_AVX);
    expect_legacy_same(HERE, "x87 and SSE");
    xsetbv(0, xcr0);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static unsigned try_xsetbv(uint64_t index, uint64_t value)
{
    uint64_t pair[2] = {index, value};

    return trap_try(do_xsetbv, pair);
}

static void xcr0_refuses_what_is_illegal(void)
{
    if (!has_xsave())
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    uint64_t xcr0 = xgetbv(0);

    expect_vector(HERE, "XCR0 without x87", try_xsetbv(0, XCR0_SSE), TRAP_GP);
    expect_vector(HERE, "XCR0 = 0", try_xsetbv(0, 0), TRAP_GP);
    expect_vector(HERE, "AVX without SSE", try_xsetbv(0, XCR0_X87 | XCR0_AVX), TRAP_GP);
    expect_vector(HERE, "opmask without the rest", try_xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_OPMASK),
                  TRAP_GP);
    expect_vector(HERE, "a reserved bit", try_xsetbv(0, xcr0 | XCR0_RESERVED), TRAP_GP);
    expect_vector(HERE, "what CPUID does not show",
                  try_xsetbv(0, (supported() | UINT64_C(1) << 40) & ~(UINT64_C(1) << 63)), TRAP_GP);
    expect_vector(HERE, "XCR5", try_xsetbv(5, XCR0_X87), TRAP_GP);
    expect_equal(HERE, "XCR0", xgetbv(0), xcr0);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
    expect_vector(HERE, "XSETBV without OSXSAVE", try_xsetbv(0, xcr0), TRAP_UD);
}

static void user_code_is_kept_from_xsetbv(void)
{
    static uint64_t pair[2] = {0, XCR0_X87};

    if (!has_xsave())
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    unsigned vector = trap_try_user(do_xsetbv, pair);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
    expect_vector(HERE, "XSETBV", vector, TRAP_GP);
}

static void avx_needs_its_bit_in_xcr0(void)
{
    if (!has_xsave())
        return;
    if (!(supported() & XCR0_AVX)) {
        skip("no AVX");
        return;
    }
    write_cr4(read_cr4() | CR4_OSXSAVE);
    uint64_t xcr0 = xgetbv(0);

    xsetbv(0, XCR0_X87 | XCR0_SSE);
    unsigned without = trap_try(avx_instruction, NULL);
    xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    unsigned with = trap_try(avx_instruction, NULL);
    xsetbv(0, xcr0);
    write_cr4(read_cr4() & ~CR4_OSXSAVE);
    expect_vector(HERE, "without", without, TRAP_UD);
    expect_vector(HERE, "with", with, TRAP_NONE);
}

static void fninit_gives_the_documented_state(void)
{
    uint16_t control = 0, status = 0;

    fpu_init();
    fpu_store_control(&control, &status);
    expect_equal(HERE, "control word", control, FCW_AFTER_FNINIT);
    expect_equal(HERE, "status word", status, 0);
}

static void mxcsr_refuses_reserved_bits(void)
{
    uint32_t reserved = 1U << 31 | MXCSR_RESET, reset = MXCSR_RESET;

    expect_vector(HERE, "LDMXCSR", trap_try(load_mxcsr, &reserved), TRAP_GP);
    expect_vector(HERE, "LDMXCSR of the reset value", trap_try(load_mxcsr, &reset), TRAP_NONE);
}

static void numeric_errors_arrive_as_exceptions(void)
{
    uint32_t reset = MXCSR_RESET;

    expect_vector(HERE, "x87 division by zero", trap_try(x87_error, NULL), TRAP_MF);
    fpu_init();
    expect_vector(HERE, "SSE 0 / 0", trap_try(sse_error, NULL), TRAP_XM);
    load_mxcsr(&reset);
}

static const struct claim claims[] = {
    CLAIM(fninit_gives_the_documented_state), CLAIM(x87_and_sse_survive_leaving_the_guest),
    CLAIM(avx_survives_leaving_the_guest),    CLAIM(avx_512_survives_leaving_the_guest),
    CLAIM(avx_survives_being_switched_off),   CLAIM(xcr0_refuses_what_is_illegal),
    CLAIM(user_code_is_kept_from_xsetbv),     CLAIM(avx_needs_its_bit_in_xcr0),
    CLAIM(mxcsr_refuses_reserved_bits),       CLAIM(numeric_errors_arrive_as_exceptions),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
