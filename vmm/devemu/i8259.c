/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two 8259A and ELCR: see i8259.h for what is modelled. Each chip is a set of registers and a
 * priority resolver; after whatever changes one of them, propagate() carries the slave's INT into
 * the master's IR2 and the master's INT to the CPU, whose level is kept so that asking for it on
 * every VM entry costs a load.
 */
#include "vmm/devemu/i8259.h"

#include <string.h>

enum {
    LEVELS = 8,
    LEVEL_MASK = 7,
    CASCADE_IR = 2,
    DEFAULT_IR = 7, /* the datasheet's answer to an acknowledge without a request */
    NO_REQUEST = -1,

    COMMAND_PORT = 0,
    DATA_PORT = 1,
    ICW1_SELECT = 0x10,
    ICW1_IC4 = 0x01,
    ICW1_SNGL = 0x02,
    ICW2_VECTOR = 0xf8,
    ICW4_AEOI = 0x02,
    ICW4_SFNM = 0x10,
    OCW2_COMMAND_SHIFT = 5,
    OCW3_SELECT = 0x08,
    OCW3_RIS = 0x01,
    OCW3_RR = 0x02,
    OCW3_POLL = 0x04,
    OCW3_SMM = 0x20,
    OCW3_ESMM = 0x40,
    POLL_REQUEST = 0x80,

    /* IRQ 0, 1, 2, 8 and 13 are edge-triggered in every PC; their bits are reserved. */
    ELCR_MASTER = 0xf8,
    ELCR_SLAVE = 0xde,
    UNCLAIMED = 0xff,
    BITS_PER_BYTE = 8,
    POWER_ON_SLAVE_VECTOR = 8,
    ALL_MASKED = 0xff,
};

static uint8_t bit(unsigned ir)
{
    return (uint8_t)(1U << ir);
}

/* The IR at a place in the present order of priorities; place 0 is the highest. */
static unsigned ir_at(const struct i8259_chip *chip, unsigned place)
{
    return (chip->lowest + 1U + place) & LEVEL_MASK;
}

/* The IR that the chip asks the CPU to serve, or NO_REQUEST ("Priority Resolver"). */
static int requested(const struct i8259_chip *chip)
{
    if (chip->init != I8259_READY) {
        return NO_REQUEST;
    }
    const uint8_t requests = chip->irr & (uint8_t)~chip->imr;
    /* "Special Mask Mode": a masked level in service inhibits nobody. */
    const uint8_t inhibits = chip->special_mask ? chip->isr & (uint8_t)~chip->imr : chip->isr;
    /* "Special Fully Nested Mode": a slave in service is not locked out from asking again. */
    const uint8_t nests = chip->special_fully_nested ? chip->slaves : 0;

    for (unsigned place = 0; place < LEVELS; place++) {
        const unsigned ir = ir_at(chip, place);
        const bool in_service = inhibits & bit(ir);

        if ((requests & bit(ir)) && (!in_service || (nests & bit(ir)))) {
            return (int)ir;
        }
        if (in_service) {
            return NO_REQUEST;
        }
    }
    return NO_REQUEST;
}

static void set_input(struct i8259_chip *chip, unsigned ir, bool level)
{
    const bool rises = level && !(chip->inputs & bit(ir));

    if (!level) {
        /* A request must stay until it is acknowledged, in edge mode too ("Edge and Level Triggered
         * Modes"). */
        chip->inputs &= (uint8_t)~bit(ir);
        chip->irr &= (uint8_t)~bit(ir);
        return;
    }
    chip->inputs |= bit(ir);
    if (rises || (chip->elcr & bit(ir))) {
        chip->irr |= bit(ir);
    }
}

static void propagate(struct i8259 *pic)
{
    set_input(&pic->master, CASCADE_IR, requested(&pic->slave) != NO_REQUEST);

    const bool level = requested(&pic->master) != NO_REQUEST;
    if (level != pic->intr_level) {
        pic->intr_level = level;
        irq_set(&pic->intr, level);
    }
}

/* Ends the service of the highest level in service; returns it, or NO_REQUEST when there is none.
 */
static int end_highest(struct i8259_chip *chip)
{
    /* "Special Mask Mode": a non-specific EOI does not clear a level that is masked. */
    const uint8_t candidates = chip->special_mask ? chip->isr & (uint8_t)~chip->imr : chip->isr;

    for (unsigned place = 0; place < LEVELS; place++) {
        const unsigned ir = ir_at(chip, place);

        if (candidates & bit(ir)) {
            chip->isr &= (uint8_t)~bit(ir);
            return (int)ir;
        }
    }
    return NO_REQUEST;
}

/* One chip's part of an acknowledge: returns the IR and says in *real whether it was asked for. */
static unsigned acknowledge(struct i8259_chip *chip, bool *real)
{
    const int ir = requested(chip);

    *real = ir != NO_REQUEST;
    if (!*real) {
        return DEFAULT_IR;
    }
    if (!(chip->elcr & bit((unsigned)ir))) {
        chip->irr &= (uint8_t)~bit((unsigned)ir);
    }
    if (!chip->auto_eoi) {
        chip->isr |= bit((unsigned)ir);
    } else if (chip->rotate_on_auto_eoi) {
        chip->lowest = (uint8_t)ir;
    }
    return (unsigned)ir;
}

/* The slave's INT falls during its acknowledge, so that what it asks next is a new edge for the
 * master. */
static void drop_cascade(struct i8259 *pic)
{
    set_input(&pic->master, CASCADE_IR, false);
}

void i8259_init(struct i8259 *pic, struct irq_line intr)
{
    memset(pic, 0, sizeof(*pic));
    pic->intr = intr;
    pic->master.imr = ALL_MASKED;
    pic->master.lowest = DEFAULT_IR;
    pic->master.slaves = bit(CASCADE_IR);
    pic->slave.imr = ALL_MASKED;
    pic->slave.lowest = DEFAULT_IR;
    pic->slave.vector = POWER_ON_SLAVE_VECTOR;
}

void i8259_set(struct i8259 *pic, unsigned irq, bool level)
{
    if (irq == CASCADE_IR || irq >= I8259_INPUTS) {
        return;
    }
    set_input(irq < LEVELS ? &pic->master : &pic->slave, irq & LEVEL_MASK, level);
    propagate(pic);
}

bool i8259_pending(const struct i8259 *pic)
{
    return pic->intr_level;
}

uint8_t i8259_ack(struct i8259 *pic)
{
    bool real = false;
    unsigned ir = acknowledge(&pic->master, &real);
    uint8_t vector = pic->master.vector;

    if (real && ir == CASCADE_IR && !pic->master.single) {
        ir = acknowledge(&pic->slave, &real);
        vector = pic->slave.vector;
        drop_cascade(pic);
    }
    propagate(pic);
    return (uint8_t)(vector | ir);
}

/* OCW2, one function for each command in R, SL, EOI ("Operation Command Word 2"). */
static void rotate_on_auto_eoi_clear(struct i8259_chip *chip, unsigned ir)
{
    (void)ir;
    chip->rotate_on_auto_eoi = false;
}

static void non_specific_eoi(struct i8259_chip *chip, unsigned ir)
{
    (void)ir;
    (void)end_highest(chip);
}

static void no_operation(struct i8259_chip *chip, unsigned ir)
{
    (void)chip;
    (void)ir;
}

static void specific_eoi(struct i8259_chip *chip, unsigned ir)
{
    chip->isr &= (uint8_t)~bit(ir);
}

static void rotate_on_auto_eoi_set(struct i8259_chip *chip, unsigned ir)
{
    (void)ir;
    chip->rotate_on_auto_eoi = true;
}

static void rotate_on_non_specific_eoi(struct i8259_chip *chip, unsigned ir)
{
    (void)ir;
    const int ended = end_highest(chip);

    if (ended != NO_REQUEST) {
        chip->lowest = (uint8_t)ended;
    }
}

static void set_priority(struct i8259_chip *chip, unsigned ir)
{
    chip->lowest = (uint8_t)ir;
}

static void rotate_on_specific_eoi(struct i8259_chip *chip, unsigned ir)
{
    specific_eoi(chip, ir);
    set_priority(chip, ir);
}

static void (*const ocw2_command[])(struct i8259_chip *chip, unsigned ir) = {
    rotate_on_auto_eoi_clear, non_specific_eoi,           no_operation, specific_eoi,
    rotate_on_auto_eoi_set,   rotate_on_non_specific_eoi, set_priority, rotate_on_specific_eoi,
};

static void write_ocw2(struct i8259_chip *chip, uint8_t value)
{
    ocw2_command[value >> OCW2_COMMAND_SHIFT](chip, value & LEVEL_MASK);
}

static void write_ocw3(struct i8259_chip *chip, uint8_t value)
{
    if (value & OCW3_ESMM) {
        chip->special_mask = value & OCW3_SMM;
    }
    if (value & OCW3_POLL) {
        chip->poll = true; /* overrides a read command in the same word */
    } else if (value & OCW3_RR) {
        chip->read_isr = value & OCW3_RIS;
    }
}

/* "Initialization Command Words 1 and 2", items a to f. */
static void write_icw1(struct i8259_chip *chip, uint8_t value)
{
    /* The edge sense circuit is reset: an edge-triggered input must rise again. */
    chip->irr = chip->inputs & chip->elcr;
    chip->isr = 0;
    chip->imr = 0;
    chip->lowest = DEFAULT_IR;
    chip->special_mask = false;
    chip->read_isr = false;
    chip->poll = false;
    chip->auto_eoi = false;
    chip->rotate_on_auto_eoi = false;
    chip->special_fully_nested = false;
    chip->single = value & ICW1_SNGL;
    chip->expect_icw4 = value & ICW1_IC4;
    chip->init = I8259_EXPECT_ICW2;
}

static void write_command(struct i8259_chip *chip, uint8_t value)
{
    if (value & ICW1_SELECT) {
        write_icw1(chip, value);
    } else if (value & OCW3_SELECT) {
        write_ocw3(chip, value);
    } else {
        write_ocw2(chip, value);
    }
}

static void write_data(struct i8259_chip *chip, uint8_t value)
{
    const enum i8259_init after_icw3 = chip->expect_icw4 ? I8259_EXPECT_ICW4 : I8259_READY;

    switch (chip->init) {
    case I8259_READY:
        chip->imr = value;
        break;
    case I8259_EXPECT_ICW2:
        chip->vector = value & ICW2_VECTOR;
        chip->init = chip->single ? after_icw3 : I8259_EXPECT_ICW3;
        break;
    case I8259_EXPECT_ICW3:
        chip->init = after_icw3;
        break;
    case I8259_EXPECT_ICW4:
        chip->auto_eoi = value & ICW4_AEOI;
        chip->special_fully_nested = value & ICW4_SFNM;
        chip->init = I8259_READY;
        break;
    }
}

/* "Poll Command": the read takes the place of the CPU's acknowledge. */
static uint8_t read_poll(struct i8259 *pic, struct i8259_chip *chip)
{
    bool real = false;
    const unsigned ir = acknowledge(chip, &real);

    chip->poll = false;
    if (chip == &pic->slave) {
        drop_cascade(pic);
    }
    propagate(pic);
    return (uint8_t)(ir | (real ? POLL_REQUEST : 0));
}

static uint8_t read_byte(struct i8259 *pic, struct i8259_chip *chip, unsigned offset)
{
    if (offset >= I8259_PORTS) {
        return UNCLAIMED;
    }
    if (chip->poll) {
        return read_poll(pic, chip);
    }
    if (offset == DATA_PORT) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

static uint32_t chip_read(struct i8259 *pic, struct i8259_chip *chip, unsigned offset,
                          unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)read_byte(pic, chip, offset + i) << (BITS_PER_BYTE * i);
    }
    return value;
}

static void chip_write(struct i8259 *pic, struct i8259_chip *chip, unsigned offset, unsigned size,
                       uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (BITS_PER_BYTE * i));

        if (offset + i == COMMAND_PORT) {
            write_command(chip, byte);
        } else if (offset + i == DATA_PORT) {
            write_data(chip, byte);
        }
    }
    propagate(pic);
}

uint32_t i8259_master_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    return chip_read(pic, &pic->master, offset, size);
}

void i8259_master_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now)
{
    (void)now;
    chip_write(pic, &pic->master, offset, size, value);
}

uint32_t i8259_slave_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    return chip_read(pic, &pic->slave, offset, size);
}

void i8259_slave_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                       uint64_t now)
{
    (void)now;
    chip_write(pic, &pic->slave, offset, size, value);
}

uint32_t i8259_elcr_read(struct i8259 *pic, unsigned offset, unsigned size, uint64_t now)
{
    const uint8_t elcr[I8259_PORTS] = {pic->master.elcr, pic->slave.elcr};
    uint32_t value = 0;

    (void)now;
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = offset + i < I8259_PORTS ? elcr[offset + i] : UNCLAIMED;
        value |= (uint32_t)byte << (BITS_PER_BYTE * i);
    }
    return value;
}

static void write_elcr(struct i8259_chip *chip, uint8_t value)
{
    chip->elcr = value;
    chip->irr = (chip->irr & (uint8_t)~value) | (chip->inputs & value);
}

void i8259_elcr_write(struct i8259 *pic, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now)
{
    (void)now;
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (BITS_PER_BYTE * i));

        if (offset + i == 0) {
            write_elcr(&pic->master, byte & ELCR_MASTER);
        } else if (offset + i == 1) {
            write_elcr(&pic->slave, byte & ELCR_SLAVE);
        }
    }
    propagate(pic);
}
