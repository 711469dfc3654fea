/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt descriptor table, task state segment, and where exceptions go: to a handler, to the
 * trap_try that waits for one, or into a last message. See trap.h.
 */
#include "tests/guest/lib/trap.h"

#include <stddef.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/power.h"

enum {
    ENTRY_SIZE = 16,       /* lib/trap.asm */
    GATE_INTERRUPT = 0x8E, /* present, DPL 0, 64-bit interrupt gate */
    GATE_PRESENT = 0x80,
    GATE_INTERRUPT_USER = 0xEE,   /* the same with DPL 3 */
    TSS_DESCRIPTOR_ACCESS = 0x89, /* present, available 64-bit TSS */
    TSS_SIZE = 104,
    TSS_RSP0 = 4, /* byte offsets: SDM volume 3, "64-Bit TSS Format" */
    TSS_IST1 = 36,
    TSS_IO_MAP = 102,
    ALARM_STACK = 1, /* IST entry of NMI and double fault */
    STACK_SIZE = 4096
};

/* SDM volume 3, "64-Bit Mode IDT". */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

_Static_assert(sizeof(struct gate) == 16, "a gate has 16 bytes in 64-bit mode");

extern const uint8_t trap_entries[];
extern const uint8_t trap_recover[];
extern uint64_t trap_recovery_stack;
extern uint64_t trap_recovery_vector;
extern uint8_t tss[TSS_SIZE];

void trap_dispatch(struct trap_frame *frame); /* called by lib/trap.asm */
void trap_enter_user(void *call);             /* in lib/trap.asm */

static struct gate idt[TRAP_VECTORS];
static trap_handler handlers[TRAP_VECTORS];
static struct trap_frame caught;
static uint64_t caught_cr2;
static uint8_t alarm_stack[STACK_SIZE] __attribute__((aligned(16)));
static uint8_t ring0_stack[STACK_SIZE] __attribute__((aligned(16)));

static void put64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < sizeof value; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void set_gate(unsigned vector)
{
    uint64_t entry = (uint64_t)(trap_entries + vector * ENTRY_SIZE);

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)entry,
        .selector = SEL_CODE64,
        .ist = vector == TRAP_NMI || vector == TRAP_DF ? ALARM_STACK : 0,
        .type =
            vector == TRAP_BP || vector == TRAP_USER_RETURN ? GATE_INTERRUPT_USER : GATE_INTERRUPT,
        .offset_middle = (uint16_t)(entry >> 16),
        .offset_high = (uint32_t)(entry >> 32),
    };
}

static void load_tss(void)
{
    uint64_t base = (uint64_t)tss;
    uint64_t *descriptor = &gdt[SEL_TSS / SEL_ENTRY_SIZE];

    put64(tss + TSS_RSP0, (uint64_t)(ring0_stack + STACK_SIZE));
    put64(tss + TSS_IST1, (uint64_t)(alarm_stack + STACK_SIZE));
    tss[TSS_IO_MAP] = TSS_SIZE; /* beyond the limit: no port is allowed to the user */
    descriptor[0] = (TSS_SIZE - 1) | (base & 0xFFFFFF) << 16 |
                    (uint64_t)TSS_DESCRIPTOR_ACCESS << 40 | (base >> 24 & 0xFF) << 56;
    descriptor[1] = base >> 32;
    ltr(SEL_TSS);
}

void trap_init(void)
{
    struct asm_table table = {.limit = sizeof idt - 1, .base = (uint64_t)idt};

    for (unsigned vector = 0; vector < TRAP_VECTORS; vector++)
        set_gate(vector);
    lidt(&table);
    load_tss();
}

void trap_set_present(unsigned vector, bool present)
{
    if (present)
        idt[vector].type |= GATE_PRESENT;
    else
        idt[vector].type &= (uint8_t)~GATE_PRESENT;
}

void trap_handle(unsigned vector, trap_handler handler)
{
    handlers[vector] = handler;
}

void trap_handle_none(void)
{
    for (unsigned vector = 0; vector < TRAP_VECTORS; vector++)
        handlers[vector] = NULL;
}

/* Lets the frame return into trap_recover, on the stack that the innermost trap_try has saved. */
static void recover(struct trap_frame *frame)
{
    caught = *frame;
    caught_cr2 = read_cr2();
    trap_recovery_vector = frame->vector;
    frame->rip = (uint64_t)trap_recover;
    frame->cs = SEL_CODE64;
    frame->rflags = RFLAGS_FIXED;
    frame->rsp = trap_recovery_stack;
    frame->ss = SEL_DATA;
}

void trap_dispatch(struct trap_frame *frame)
{
    if (handlers[frame->vector] != NULL) {
        handlers[frame->vector](frame);
        return;
    }
    if (trap_recovery_stack != 0) {
        recover(frame);
        return;
    }
    console_print(
        "FAIL no_exception_outside_a_claim: vector %lu, error code 0x%lx, RIP 0x%lx, CR2 0x%lx\n",
        frame->vector, frame->error, frame->rip, read_cr2());
    power_end(false);
}

const struct trap_frame *trap_caught(void)
{
    return &caught;
}

uint64_t trap_caught_cr2(void)
{
    return caught_cr2;
}

struct msr_access {
    uint32_t msr;
    uint64_t value;
};

static void do_rdmsr(void *argument)
{
    struct msr_access *access = argument;

    access->value = rdmsr(access->msr);
}

static void do_wrmsr(void *argument)
{
    const struct msr_access *access = argument;

    wrmsr(access->msr, access->value);
}

unsigned trap_rdmsr(uint32_t msr, uint64_t *value)
{
    struct msr_access access = {.msr = msr, .value = *value};
    unsigned vector = trap_try(do_rdmsr, &access);

    *value = access.value;
    return vector;
}

unsigned trap_wrmsr(uint32_t msr, uint64_t value)
{
    struct msr_access access = {.msr = msr, .value = value};

    return trap_try(do_wrmsr, &access);
}

struct user_call {
    void (*code)(void *argument);
    void *argument;
};

unsigned trap_try_user(void (*code)(void *argument), void *argument)
{
    struct user_call call = {.code = code, .argument = argument};
    unsigned vector;

    page_tables[0][0] |= PAGE_USER;
    page_tables[1][0] |= PAGE_USER;
    *page_entry(0) |= PAGE_USER;
    write_cr3(read_cr3());
    vector = trap_try(trap_enter_user, &call);
    *page_entry(0) &= ~(uint64_t)PAGE_USER;
    write_cr3(read_cr3());
    return vector == TRAP_USER_RETURN ? TRAP_NONE : vector;
}
