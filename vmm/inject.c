/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides what the vCPU takes at its next entry. Order: what has begun already, NMI, interrupt. One
 * event per entry; for the rest an exit is asked for at the first moment at which VM entry would
 * accept it. See inject.h.
 */
#include "vmm/inject.h"

#include "hv/abi/vcpu.h"
#include "vmm/x86.h"

static bool nmi_open(const struct inject_now *now)
{
    const uint32_t blocking = X86_BLOCKING_SHADOW | X86_BLOCKING_SMI | X86_BLOCKING_NMI;

    return (now->interruptibility & blocking) == 0;
}

static bool interrupt_open(const struct inject_now *now)
{
    const uint32_t blocking = X86_BLOCKING_SHADOW | X86_BLOCKING_SMI;

    return (now->rflags & X86_RFLAGS_IF) != 0 && (now->interruptibility & blocking) == 0;
}

struct inject_plan inject_decide(const struct inject_now *now)
{
    struct inject_plan plan = {INJECT_NOTHING, 0};
    bool nmi = now->nmi;
    bool interrupt = now->interrupt;

    if (now->event) {
        plan.choice = INJECT_EVENT;
    } else if (nmi && nmi_open(now)) {
        plan.choice = INJECT_NMI;
        nmi = false;
    } else if (interrupt && interrupt_open(now)) {
        plan.choice = INJECT_INTERRUPT;
        interrupt = false;
    }
    plan.window = (nmi ? BH_WINDOW_NMI : 0) | (interrupt ? BH_WINDOW_INTR : 0);
    return plan;
}

struct inject_event inject_exception(unsigned vector, bool has_error, uint32_t error)
{
    struct inject_event event = {X86_EVENT_VALID | X86_EVENT_EXCEPTION | vector, 0, 0};

    if (has_error) {
        event.info |= X86_EVENT_ERROR;
        event.error = error;
    }
    return event;
}

struct inject_event inject_interrupt(unsigned vector)
{
    return (struct inject_event){X86_EVENT_VALID | X86_EVENT_INTERRUPT | vector, 0, 0};
}

struct inject_event inject_nmi(void)
{
    return (struct inject_event){X86_EVENT_VALID | X86_EVENT_NMI | X86_VECTOR_NMI, 0, 0};
}

static bool has_length(uint32_t info)
{
    const uint32_t type = info & X86_EVENT_TYPE;

    return type == X86_EVENT_SOFT_INT || type == X86_EVENT_PRIV_SOFT || type == X86_EVENT_SOFT_EXC;
}

struct inject_event inject_interrupted(uint32_t idt_info, uint32_t idt_error, uint32_t insn_len)
{
    /* Bit 12 of the IDT-vectoring information is undefined, and must be zero in the entry field. */
    const uint32_t copied = X86_EVENT_VALID | X86_EVENT_VECTOR | X86_EVENT_TYPE | X86_EVENT_ERROR;
    struct inject_event event = {0, 0, 0};

    if ((idt_info & X86_EVENT_VALID) == 0)
        return event;
    event.info = idt_info & copied;
    if (idt_info & X86_EVENT_ERROR)
        event.error = idt_error;
    if (has_length(idt_info))
        event.length = insn_len;
    return event;
}

bool inject_keeps(uint32_t idt_info)
{
    const uint32_t type = idt_info & X86_EVENT_TYPE;

    return (idt_info & X86_EVENT_VALID) != 0 &&
           (type == X86_EVENT_INTERRUPT || type == X86_EVENT_NMI);
}
