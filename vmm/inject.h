/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the vCPU takes next: an event that must come first (an exception of the instruction just
 * emulated, or one whose delivery an exit interrupted), an NMI, an interrupt, or nothing yet and an
 * exit as soon as it can. Pure: a picture of the vCPU in, a decision out. SDM volume 3, "Event
 * Injection", "Information for VM Exits During Event Delivery", "Checks on Guest Non-Register
 * State" (what VM entry refuses to inject).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One event in the form of the VM-entry fields; info 0: none. */
struct inject_event {
    uint32_t info;   /* X86_EVENT_* */
    uint32_t error;  /* error code, if info says that there is one */
    uint32_t length; /* of the instruction, for software interrupts and exceptions, in bytes */
};

/* What waits, and what is in its way. */
struct inject_now {
    bool event; /* a struct inject_event waits: it has been decided on before */
    bool nmi;
    bool interrupt; /* of the local APIC or the 8259A, of sufficient priority */
    uint64_t rflags;
    uint32_t interruptibility; /* X86_BLOCKING_* */
};

enum inject_choice { INJECT_NOTHING, INJECT_EVENT, INJECT_NMI, INJECT_INTERRUPT };

struct inject_plan {
    enum inject_choice choice;
    uint32_t window; /* BH_WINDOW_*: what else waits for its turn */
};

/* The plan for the next VM entry. */
struct inject_plan inject_decide(const struct inject_now *now);

/* An exception (enum x86_vector); with an error code unless `has_error` is false. */
struct inject_event inject_exception(unsigned vector, bool has_error, uint32_t error);

/* An external interrupt; an NMI. */
struct inject_event inject_interrupt(unsigned vector);
struct inject_event inject_nmi(void);

/*
 * The event whose delivery an exit interrupted, from the IDT-vectoring fields and the length of the
 * instruction at the exit; info 0 if no delivery was going on.
 */
struct inject_event inject_interrupted(uint32_t idt_info, uint32_t idt_error, uint32_t insn_len);

/*
 * After the exit of an exception `exit_info` (exit interruption information) that is going to be
 * injected: must an event of `idt_info` be kept for later? True for interrupts and NMIs, which
 * nothing would repeat; an exception or a software interrupt happens again when its instruction
 * does.
 */
bool inject_keeps(uint32_t idt_info);
