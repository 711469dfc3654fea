/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pic.h. Datasheet: Intel 8259A, "Programming the 8259A".
 */
#include "tests/guest/lib/pic.h"

#include "tests/guest/lib/asm.h"

enum {
    ICW1_EDGE_CASCADE_ICW4 = 0x11,
    ICW3_MASTER = 1 << PIC_CASCADE,
    ICW3_SLAVE = PIC_CASCADE,
    ICW4_8086 = 0x01,
    ALL = 0xFF,
    SLAVE_INPUTS = 8
};

static void init_chip(uint16_t port, uint8_t vector, uint8_t icw3)
{
    outb(port, ICW1_EDGE_CASCADE_ICW4);
    outb(port + PIC_DATA, vector);
    outb(port + PIC_DATA, icw3);
    outb(port + PIC_DATA, ICW4_8086);
    outb(port + PIC_DATA, ALL);
}

void pic_init(void)
{
    init_chip(PIC_MASTER, PIC_VECTOR, ICW3_MASTER);
    init_chip(PIC_SLAVE, PIC_VECTOR + SLAVE_INPUTS, ICW3_SLAVE);
}

void pic_set_mask(uint16_t mask)
{
    outb(PIC_MASTER + PIC_DATA, (uint8_t)mask);
    outb(PIC_SLAVE + PIC_DATA, (uint8_t)(mask >> SLAVE_INPUTS));
}

void pic_open_only(unsigned irq)
{
    uint16_t mask = (uint16_t) ~(1U << irq);

    if (irq >= SLAVE_INPUTS)
        mask &= (uint16_t) ~(1U << PIC_CASCADE);
    pic_set_mask(mask);
}

void pic_eoi(unsigned irq)
{
    if (irq >= SLAVE_INPUTS)
        outb(PIC_SLAVE, PIC_OCW2_EOI);
    outb(PIC_MASTER, PIC_OCW2_EOI);
}

static uint16_t read_both(uint8_t ocw3)
{
    outb(PIC_MASTER, ocw3);
    outb(PIC_SLAVE, ocw3);
    return (uint16_t)(inb(PIC_MASTER) | inb(PIC_SLAVE) << SLAVE_INPUTS);
}

uint16_t pic_irr(void)
{
    return read_both(PIC_OCW3_READ_IRR);
}

uint16_t pic_isr(void)
{
    return read_both(PIC_OCW3_READ_ISR);
}
