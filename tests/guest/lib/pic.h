/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8259A as most tests use them: remapped, everything masked, one input opened at a time.
 * Datasheet: Intel 8259A (231468).
 */
#pragma once

#include <stdint.h>

enum {
    PIC_MASTER = 0x20, /* command port; data port: + 1 */
    PIC_SLAVE = 0xA0,
    PIC_DATA = 1,
    PIC_VECTOR = 0x30, /* of IRQ 0 */
    PIC_CASCADE = 2,
    PIC_OCW2_EOI = 0x20,
    PIC_OCW3_READ_IRR = 0x0A,
    PIC_OCW3_READ_ISR = 0x0B
};

enum pic_irq { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_COM1 = 4, IRQ_RTC = 8 };

/* ICW1 to ICW4: vectors from PIC_VECTOR on, edge triggered, normal EOI; all masked. */
void pic_init(void);

/* Masks all but this input (and the cascade, if it is needed). */
void pic_open_only(unsigned irq);

/* Both masks, bit n for IRQ n; 1: masked. */
void pic_set_mask(uint16_t mask);

/* Non-specific EOI to the chips that have `irq` in service. */
void pic_eoi(unsigned irq);

/* Both request or in-service registers, bit n for IRQ n. */
uint16_t pic_irr(void);
uint16_t pic_isr(void);
