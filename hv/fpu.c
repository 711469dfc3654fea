/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state: saved and loaded by XSAVE and XRSTOR, by FXSAVE and FXRSTOR where there is no
 * XSAVE.
 */
#include "hv/fpu.h"

#include "hv/abi/info.h"
#include "hv/pd.h"
#include "hv/types.h"

#define CPUID_ECX_XSAVE (1u << 26)
#define CPUID_XSAVE     0xDu
#define CR0_MP          (1ull << 1)
#define CR0_EM          (1ull << 2)
#define CR0_TS          (1ull << 3)
#define CR0_NE          (1ull << 5)
#define CR4_OSFXSR      (1ull << 9)
#define CR4_OSXMMEXCPT  (1ull << 10)
#define CR4_OSXSAVE     (1ull << 18)

#define XCR0_X87     1ull
#define XCR0_SSE     2ull
#define XCR0_AVX     4ull
#define XCR0_AVX512  0xE0ull
#define FCW_OFFSET   0u
#define FCW_RESET    0x37Fu
#define MXCSR_OFFSET 24u
#define MXCSR_RESET  0x1F80u

static bool use_xsave;
static uint64_t states = XCR0_X87 | XCR0_SSE;
static uint8_t initial[PAGE_SIZE]
    __attribute__((aligned(64))); /* the state of an EC that has none yet */
static uint64_t loaded_xcr0[BH_MAX_CPUS];

void fpu_init(void)
{
    *(uint16_t *)(void *)&initial[FCW_OFFSET] = FCW_RESET;
    *(uint32_t *)(void *)&initial[MXCSR_OFFSET] = MXCSR_RESET;
    use_xsave = (cpuid(1, 0).c & CPUID_ECX_XSAVE) != 0;
    if (use_xsave) {
        struct cpuid_regs r = cpuid(CPUID_XSAVE, 0);
        uint64_t all = ((uint64_t)r.d << 32) | r.a;
        states = fpu_valid_xcr0(all & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512));
    }
}

void fpu_init_cpu(struct cpu *cpu)
{
    write_cr0((read_cr0() & ~CR0_EM) | CR0_MP | CR0_NE | CR0_TS);
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (use_xsave ? CR4_OSXSAVE : 0));
    if (use_xsave) {
        xsetbv(states);
        loaded_xcr0[cpu->id] = states;
    }
    cpu->fpu_owner = NULL;
    cpu->fpu_enabled = false;
}

uint64_t fpu_states(void)
{
    return states;
}

/* Source: Intel SDM volume 1, "Extended Control Registers": what XSETBV accepts. */
uint64_t fpu_valid_xcr0(uint64_t wish)
{
    uint64_t v = (wish & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)) | XCR0_X87;
    if (use_xsave && states != (XCR0_X87 | XCR0_SSE)) {
        v &= states;
    }
    if ((v & XCR0_SSE) == 0) {
        v &= ~XCR0_AVX;
    }
    if ((v & XCR0_AVX) == 0 || (v & XCR0_AVX512) != XCR0_AVX512) {
        v &= ~XCR0_AVX512;
    }
    return v;
}

static void set_xcr0(const struct cpu *cpu, uint64_t v)
{
    if (use_xsave && loaded_xcr0[cpu->id] != v) {
        xsetbv(v);
        loaded_xcr0[cpu->id] = v;
    }
}

static void enable(struct cpu *cpu)
{
    if (!cpu->fpu_enabled) {
        clts();
        cpu->fpu_enabled = true;
    }
}

static void disable(struct cpu *cpu)
{
    if (cpu->fpu_enabled) {
        write_cr0(read_cr0() | CR0_TS);
        cpu->fpu_enabled = false;
    }
}

static void load(const void *area)
{
    if (use_xsave) {
        xrstor64(area, states);
    } else {
        fxrstor64(area);
    }
}

/* Save the owner's state; the registers keep it. XCR0 holds all states afterwards, CR0.TS is clear.
 */
static void save_owner(struct cpu *cpu)
{
    struct ec *owner = cpu->fpu_owner;
    enable(cpu);
    set_xcr0(cpu, states);
    if (owner != NULL) {
        if (use_xsave) {
            xsave64(owner->fpu, states);
        } else {
            fxsave64(owner->fpu);
        }
        owner->fpu_used = true;
        cpu->fpu_owner = NULL;
    }
}

static void load_owner(struct cpu *cpu, struct ec *ec)
{
    load(ec->fpu_used ? ec->fpu : initial);
    cpu->fpu_owner = ec;
}

void fpu_switch_owner(struct cpu *cpu, struct ec *ec)
{
    struct ec *owner = cpu->fpu_owner;
    if (owner == ec) {
        enable(cpu);
        return;
    }
    if (owner != NULL && owner->pd != ec->pd) {
        save_owner(cpu);
        load(initial);
    }
    disable(cpu);
}

bool fpu_prepare(struct ec *ec)
{
    if (ec->fpu == NULL) {
        ec->fpu = quota_page(&ec->pd->quota);
    }
    return ec->fpu != NULL;
}

void fpu_trap(struct cpu *cpu, struct ec *ec)
{
    save_owner(cpu);
    load_owner(cpu, ec);
}

void fpu_load_guest(struct cpu *cpu, struct ec *ec, uint64_t xcr0)
{
    save_owner(cpu);
    load_owner(cpu, ec);
    set_xcr0(cpu, xcr0);
}

void fpu_set_guest(struct cpu *cpu, struct ec *ec, uint64_t xcr0)
{
    if (cpu->fpu_owner == ec) {
        set_xcr0(cpu, xcr0);
    }
}

void fpu_forget(struct cpu *cpu, const struct ec *ec)
{
    if (cpu->fpu_owner == ec) {
        enable(cpu);
        set_xcr0(cpu, states);
        load(initial);
        cpu->fpu_owner = NULL;
        disable(cpu);
    }
}
