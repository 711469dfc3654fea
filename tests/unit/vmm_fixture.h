/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM without a kernel, for tests of the exit handlers. `guest` is what the processor would hold.
 * fixture_exit plays the kernel: it moves the groups of the MTD table into the state page, spoils
 * all others, calls the handler and moves the groups that it returns back; so a handler that uses a
 * group it has not asked for fails.
 */
#pragma once

#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include "vmm/lib/portal.h"
#include "vmm/vm.h"

#define FIXTURE_HZ   UINT64_C(50000000)
#define FIXTURE_RAM  0x400000u /* bytes of guest RAM */
#define FIXTURE_CODE 0x10000u  /* where fixture_code puts an instruction */
#define FIXTURE_XCR0 0x7u
#define SPOILED      0xA5

struct fake_kernel fake_kernel;

static struct vm vm;
static struct vm_info info;
static struct vm_rings rings;
static struct bh_utcb utcb;
static struct bh_vcpu_state state_page;
static struct bh_vcpu_state guest;
static uint8_t ram[FIXTURE_RAM] __attribute__((aligned(4096)));
static jmp_buf ended;
static struct bh_msg end_message;

struct fixture_group {
    uint32_t mtd;
    size_t from, to; /* offsets in struct bh_vcpu_state */
};

#define FIELDS(mtd, first, behind)                                                         \
    {                                                                                      \
        mtd, offsetof(struct bh_vcpu_state, first), offsetof(struct bh_vcpu_state, behind) \
    }

static const struct fixture_group fixture_groups[] = {
    FIELDS(BH_MTD_RIP, rip, rsp),
    FIELDS(BH_MTD_RIP, insn_len, qualification),
    FIELDS(BH_MTD_RSP, rsp, rflags),
    FIELDS(BH_MTD_RFLAGS, rflags, exit_reason),
    FIELDS(BH_MTD_QUAL, qualification, exit_intr_info),
    FIELDS(BH_MTD_EVENT, exit_intr_info, insn_info),
    FIELDS(BH_MTD_INSN_INFO, insn_info, interruptibility),
    FIELDS(BH_MTD_INT_STATE, interruptibility, inject_info),
    FIELDS(BH_MTD_INJECT, inject_info, window),
    FIELDS(BH_MTD_WINDOW, window, reserved0),
    FIELDS(BH_MTD_TSC, tsc_offset, deadline),
    FIELDS(BH_MTD_DEADLINE, deadline, cr0),
    FIELDS(BH_MTD_CR, cr0, cr0_own),
    FIELDS(BH_MTD_CR_OWN, cr0_own, dr7),
    FIELDS(BH_MTD_DR, dr7, efer),
    FIELDS(BH_MTD_EFER, efer, sysenter_cs),
    FIELDS(BH_MTD_SYSENTER, sysenter_cs, star),
    FIELDS(BH_MTD_SYSCALL, star, xcr0),
    FIELDS(BH_MTD_XCR0, xcr0, seg),
    FIELDS(BH_MTD_SEGS, seg[BH_ES], seg[BH_CS]),
    FIELDS(BH_MTD_CSSS, seg[BH_CS], seg[BH_DS]),
    FIELDS(BH_MTD_SEGS, seg[BH_DS], seg[BH_LDTR]),
    FIELDS(BH_MTD_LDTR_TR, seg[BH_LDTR], gdtr_base),
    FIELDS(BH_MTD_TABLES, gdtr_base, guest_intr_status),
    FIELDS(BH_MTD_APIC, guest_intr_status, apic_mmio),
    {BH_MTD_APIC_CTRL, offsetof(struct bh_vcpu_state, apic_mmio), sizeof(struct bh_vcpu_state)},
};

static void fixture_move(struct bh_vcpu_state *to, const struct bh_vcpu_state *from, uint32_t mtd)
{
    for (size_t i = 0; i < sizeof fixture_groups / sizeof fixture_groups[0]; i++) {
        const struct fixture_group *g = &fixture_groups[i];

        if (mtd & g->mtd)
            memcpy((char *)to + g->from, (const char *)from + g->from, g->to - g->from);
    }
}

/* The kernel reads more of the state into the page. */
static unsigned fixture_reads;

static void fixture_read(uint32_t groups)
{
    fixture_reads++;
    fixture_move(&state_page, &guest, groups);
}

static uint32_t fixture_any_exit(uint32_t reason, struct inject_event not_begun)
{
    uint32_t mtd;

    guest.inject_info = 0;
    memset(&state_page, SPOILED, sizeof state_page);
    memcpy(state_page.gpr, guest.gpr, sizeof state_page.gpr);
    state_page.cr2 = guest.cr2;
    state_page.exit_reason = reason;
    fixture_move(&state_page, &guest, vcpu_mtd[reason]);
    if (reason == BH_EXIT_RECALL || reason == BH_EXIT_DEADLINE) {
        state_page.idt_info = not_begun.info;
        state_page.idt_error = not_begun.error;
        state_page.insn_len = not_begun.length;
    }
    mtd = exit_handler[reason](&vm.vcpu);
    memcpy(guest.gpr, state_page.gpr, sizeof guest.gpr);
    guest.cr2 = state_page.cr2;
    fixture_move(&guest, &state_page, mtd);
    return mtd;
}

/* One exit and the reply. Returns the groups that the handler changed. */
static uint32_t fixture_exit(uint32_t reason)
{
    return fixture_any_exit(reason, (struct inject_event){0, 0, 0});
}

/* An exit that the kernel makes up before the guest has run: what was to be injected comes back. */
static inline uint32_t fixture_early_exit(uint32_t reason)
{
    return fixture_any_exit(
        reason, (struct inject_event){guest.inject_info, guest.inject_error, guest.inject_len});
}

/* The VM is expected to end in the exit: returns enum vm_end, 0 if it goes on. */
static inline enum vm_end fixture_ends(uint32_t reason)
{
    if (setjmp(ended) != 0)
        return (enum vm_end)end_message.w[1];
    fixture_exit(reason);
    return 0;
}

static enum bh_status fixture_call(uint64_t portal, uint64_t words, struct bh_msg *m)
{
    (void)words;
    if (portal == VM_SEL_SERVICE && m->w[0] == VM_REQUEST_END) {
        end_message = *m;
        longjmp(ended, 1);
    }
    return BH_OK;
}

static enum bh_status fixture_up(uint64_t sm)
{
    (void)sm;
    return BH_OK;
}

/* Time passes until the deadline. */
static enum bh_status fixture_down(uint64_t sm, uint64_t deadline)
{
    (void)sm;
    if (deadline != BH_NEVER && deadline > fake_kernel.tsc)
        fake_kernel.tsc = deadline;
    return BH_ERR_TIMEOUT;
}

/* A processor on which everything is there that the policy can show. */
static void fixture_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t *out)
{
    (void)ctx;
    memset(out, 0xFF, CPUID_REGS * sizeof *out);
    if (leaf == 0)
        out[CPUID_EAX] = CPUID_MAX_BASIC;
    else if (leaf == 0x80000000)
        out[CPUID_EAX] = 0x80000008;
    else if (leaf == 0x80000008)
        out[CPUID_EAX] = 39;
    else if (leaf == 4 || leaf == 0xD)
        memset(out, 0, CPUID_REGS * sizeof *out);
    if (leaf == 0xD && subleaf == 0)
        out[CPUID_EAX] = FIXTURE_XCR0;
}

/* Flat 32-bit protected mode, interrupts on, at FIXTURE_CODE. */
static void fixture_guest(void)
{
    const struct bh_segment data = {.limit = UINT32_MAX, .ar = 0xC093, .selector = 0x18};
    const struct bh_segment code = {.limit = UINT32_MAX, .ar = 0xC09B, .selector = 0x10};

    memset(&guest, 0, sizeof guest);
    for (unsigned i = 0; i < BH_SEGS; i++)
        guest.seg[i] = i == BH_CS ? code : data;
    guest.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    guest.rflags = X86_RFLAGS_FIXED | X86_RFLAGS_IF;
    guest.rip = FIXTURE_CODE;
    guest.rsp = 0x8000;
    guest.dr6 = X86_DR6_FIXED | X86_DR6_RTM;
    guest.dr7 = X86_DR7_FIXED;
    guest.deadline = BH_NEVER;
}

/* Long mode with the first 512 GiB mapped one to one by 1 GiB pages: tables at 1000h and 2000h. */
static inline void fixture_long_mode(void)
{
    const uint64_t present = 0x3, large = 0x83, gib = UINT64_C(1) << 30;
    uint64_t *pml4 = (uint64_t *)(void *)(ram + 0x1000);
    uint64_t *pdpt = (uint64_t *)(void *)(ram + 0x2000);

    pml4[0] = 0x2000 | present;
    for (unsigned i = 0; i < 512; i++)
        pdpt[i] = i * gib | large;
    guest.cr0 |= X86_CR0_PG | X86_CR0_WP;
    guest.cr3 = 0x1000;
    guest.cr4 = X86_CR4_PAE;
    guest.efer = X86_EFER_LME | X86_EFER_LMA;
    guest.seg[BH_CS].ar = 0xA09B;
}

static inline void fixture_code(const uint8_t *bytes, unsigned size)
{
    memcpy(ram + FIXTURE_CODE, bytes, size);
    guest.insn_len = size;
}

static inline int fixture_setup(void **unused)
{
    const struct cpuid_facts facts = {fixture_cpuid, NULL};
    const struct cpuid_vm cpu = {
        .cpus = 1, .tsc_hz = FIXTURE_HZ, .apic_hz = FIXTURE_HZ, .xcr0 = FIXTURE_XCR0, .pcid = true};
    const struct board_config board = {.tsc_hz = FIXTURE_HZ,
                                       .lapic_hz = FIXTURE_HZ,
                                       .sink = {console_tx, &vm.console},
                                       .debug_exit = true,
                                       .lapic_page = vm.lapic_page};

    (void)unused;
    memset(&vm, 0, sizeof vm);
    fixture_reads = 0;
    memset(&rings, 0, sizeof rings);
    memset(ram, 0, sizeof ram);
    fake_kernel = (struct fake_kernel){.tsc = 1000,
                                       .read = fixture_read,
                                       .call = fixture_call,
                                       .up = fixture_up,
                                       .down = fixture_down};
    strcpy(info.name, "test");
    vm.info = &info;
    vm.ram.low = ram;
    vm.ram.low_size = sizeof ram;
    cpuid_init(&vm.cpuid, &facts, &cpu);
    crexit_policy_init(&vm.limits, &vm.cpuid);
    msr_init(&vm.msr, FIXTURE_HZ, vm.limits.physical_bits, true);
    console_init(&vm.console, &rings, 0, FIXTURE_HZ, 0);
    vcpu_init(&vm.vcpu, &vm, &state_page, &utcb, 0, 0);
    fixture_guest();
    return board_init(&vm.board, &board) ? 0 : -1;
}
