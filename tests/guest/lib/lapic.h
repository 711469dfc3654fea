/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC by its registers, in xAPIC mode (MMIO) or x2APIC mode (MSRs): whichever
 * IA32_APIC_BASE says. Manual: SDM volume 3, "Advanced Programmable Interrupt Controller (APIC)".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum lapic_register { /* byte offsets; the MSR is 0x800 + offset / 16 */
                      LAPIC_ID = 0x20,
                      LAPIC_VERSION = 0x30,
                      LAPIC_TPR = 0x80,
                      LAPIC_PPR = 0xA0,
                      LAPIC_EOI = 0xB0,
                      LAPIC_LDR = 0xD0,
                      LAPIC_DFR = 0xE0,
                      LAPIC_SVR = 0xF0,
                      LAPIC_ISR = 0x100,
                      LAPIC_TMR = 0x180,
                      LAPIC_IRR = 0x200,
                      LAPIC_ESR = 0x280,
                      LAPIC_ICR = 0x300,
                      LAPIC_ICR_HIGH = 0x310,
                      LAPIC_LVT_TIMER = 0x320,
                      LAPIC_LVT_LINT0 = 0x350,
                      LAPIC_LVT_LINT1 = 0x360,
                      LAPIC_LVT_ERROR = 0x370,
                      LAPIC_TIMER_INITIAL = 0x380,
                      LAPIC_TIMER_CURRENT = 0x390,
                      LAPIC_TIMER_DIVIDE = 0x3E0,
                      LAPIC_SELF_IPI = 0x3F0
};

enum {
    LAPIC_X2APIC_MSR = 0x800,
    LAPIC_SVR_ENABLE = 1 << 8,
    LAPIC_SPURIOUS_VECTOR = 0xFF,
    LAPIC_DELIVERY_NMI = 4 << 8,
    LAPIC_DELIVERY_EXTINT = 7 << 8,
    LAPIC_LOGICAL = 1 << 11,
    LAPIC_ICR_PENDING = 1 << 12,
    LAPIC_ICR_ASSERT = 1 << 14,
    LAPIC_MASKED = 1 << 16,
    LAPIC_TIMER_PERIODIC = 1 << 17,
    LAPIC_TIMER_TSC_DEADLINE = 2 << 17,
    LAPIC_TO_SELF = 1 << 18,
    LAPIC_TO_ALL = 2 << 18,
    LAPIC_TO_OTHERS = 3 << 18,
    LAPIC_DIVIDE_BY_1 = 0xB,
    LAPIC_DIVIDE_BY_2 = 0x0,
    LAPIC_DIVIDE_BY_16 = 0x3,
    LAPIC_ESR_SEND_VECTOR = 1 << 5,
    LAPIC_ESR_RECEIVE_VECTOR = 1 << 6
};

#define LAPIC_BASE UINT64_C(0xFEE00000)

bool lapic_is_x2apic(void);
uint32_t lapic_read(enum lapic_register reg);
void lapic_write(enum lapic_register reg, uint32_t value);

/* Software-enabled, nothing in service, all LVT entries masked, timer stopped, TPR 0, flat logical
 * ID 1. */
void lapic_enable(void);

void lapic_eoi(void);

/* Bit of a vector in ISR, TMR or IRR. */
bool lapic_bit(enum lapic_register first, unsigned vector);

/* Sends an IPI; command: vector, delivery mode, shorthand. */
void lapic_send(uint32_t destination, uint32_t command);

/* The APIC ID, 8 or 32 bits. */
uint32_t lapic_id(void);
