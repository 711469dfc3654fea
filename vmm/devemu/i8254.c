/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8254: see i8254.h for what is modelled. Nothing counts here: a channel remembers the clock tick
 * of its last load, and count, output and next edge are functions of the clocks elapsed since. What
 * software or a gate changes takes effect by a load, due at a known tick (load_at); settle()
 * carries out the loads that have become due.
 */
#include "vmm/devemu/i8254.h"

#include <string.h>

#include "vmm/devemu/timescale.h"

enum {
    MODE_TERMINAL_COUNT = 0,
    MODE_ONE_SHOT = 1,
    MODE_RATE = 2,
    MODE_SQUARE = 3,
    MODE_SOFTWARE_STROBE = 4,
    MODE_HARDWARE_STROBE = 5,

    CONTROL_PORT = 3,
    CONTROL_BCD = 0x01,
    CONTROL_MODE_SHIFT = 1,
    CONTROL_MODE_MASK = 7,
    CONTROL_MODE_ALIAS = 3, /* modes 6 and 7 are 2 and 3: bit M2 is "don't care" there */
    CONTROL_ACCESS_SHIFT = 4,
    CONTROL_ACCESS_MASK = 3,
    CONTROL_KEPT = 0x3f,
    CONTROL_SELECT_SHIFT = 6,
    SELECT_READ_BACK = 3,
    ACCESS_LATCH = 0,
    ACCESS_LSB = 1,
    ACCESS_MSB = 2,
    ACCESS_BOTH = 3,
    READ_BACK_NO_COUNT = 0x20,
    READ_BACK_NO_STATUS = 0x10,
    READ_BACK_SELECT_SHIFT = 1,
    STATUS_OUT = 0x80,
    STATUS_NULL_COUNT = 0x40,

    PORT61_GATE2 = 0x01,
    PORT61_WRITABLE = 0x0f,
    PORT61_REFRESH = 0x10,
    PORT61_OUT2 = 0x20,

    TIMER = 0,
    REFRESH = 1,
    SPEAKER = 2,
    REFRESH_COUNT = 18, /* 15 us, what a PC's BIOS programs */
    BINARY_RANGE = 0x10000,
    BCD_RANGE = 10000,
    BITS_PER_BYTE = 8,
    UNCLAIMED = 0xff,
};

static unsigned mode_of(const struct i8254_channel *c)
{
    const unsigned mode = (c->control >> CONTROL_MODE_SHIFT) & CONTROL_MODE_MASK;

    return mode > MODE_HARDWARE_STROBE ? mode & CONTROL_MODE_ALIAS : mode;
}

static unsigned access_of(const struct i8254_channel *c)
{
    return (c->control >> CONTROL_ACCESS_SHIFT) & CONTROL_ACCESS_MASK;
}

static bool is_periodic(const struct i8254_channel *c)
{
    return mode_of(c) == MODE_RATE || mode_of(c) == MODE_SQUARE;
}

/* Modes in which the gate's rising edge starts the count and its level means nothing. */
static bool is_triggered(const struct i8254_channel *c)
{
    return mode_of(c) == MODE_ONE_SHOT || mode_of(c) == MODE_HARDWARE_STROBE;
}

static uint32_t range_of(const struct i8254_channel *c)
{
    return (c->control & CONTROL_BCD) ? BCD_RANGE : BINARY_RANGE;
}

static uint32_t from_bcd(uint32_t bcd)
{
    uint32_t value = 0;

    for (int shift = 12; shift >= 0; shift -= 4) {
        value = value * 10 + ((bcd >> shift) & 0xf);
    }
    return value;
}

static uint32_t to_bcd(uint32_t value)
{
    uint32_t bcd = 0;

    for (unsigned shift = 0; shift < 16; shift += 4) {
        bcd |= value % 10 << shift;
        value /= 10;
    }
    return bcd;
}

/* The number that the count register stands for: 0 is the full range, and 1 is illegal in periodic
 * modes. */
static uint32_t programmed_count(const struct i8254_channel *c)
{
    const uint32_t n = (c->control & CONTROL_BCD) ? from_bcd(c->cr) : c->cr;

    if (n == 0) {
        return range_of(c);
    }
    return n == 1 && is_periodic(c) ? 2 : n;
}

static uint64_t elapsed_at(const struct i8254_channel *c, uint64_t tick)
{
    return c->state == I8254_RUN ? tick - c->start : c->elapsed;
}

/* Clocks for which mode 3 keeps OUT high: the longer half of an odd count. */
static uint32_t high_half(uint32_t n)
{
    return (n + 1) / 2;
}

/* The counting element at a tick, as a number below the range. */
static uint32_t count_at(const struct i8254_channel *c, uint64_t tick)
{
    if (c->state == I8254_IDLE) {
        return c->held;
    }
    const uint64_t e = elapsed_at(c, tick);
    const uint32_t range = range_of(c);
    const uint32_t phase = (uint32_t)(e % c->n);
    const uint32_t high = high_half(c->n);

    switch (mode_of(c)) {
    case MODE_RATE:
        return (c->n - phase) % range;
    case MODE_SQUARE: /* counts by two, from the even number below an odd count */
        return ((c->n & ~1U) - 2 * (phase < high ? phase : phase - high)) % range;
    default: /* the others run on below zero */
        return (uint32_t)((c->n % range + range - e % range) % range);
    }
}

static bool out_at(const struct i8254_channel *c, uint64_t tick)
{
    const unsigned mode = mode_of(c);

    if (c->state == I8254_IDLE) {
        return mode != MODE_TERMINAL_COUNT;
    }
    if (c->state == I8254_FROZEN && is_periodic(c)) {
        return true;
    }
    const uint64_t e = elapsed_at(c, tick);

    switch (mode) {
    case MODE_RATE:
        return e % c->n != c->n - 1;
    case MODE_SQUARE:
        return e % c->n < high_half(c->n);
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
        return e >= c->n;
    default:
        return e != c->n;
    }
}

/* How often OUT has risen since the load. */
static uint64_t rises_at(const struct i8254_channel *c, uint64_t tick)
{
    if (c->state == I8254_IDLE) {
        return 0;
    }
    const uint64_t e = elapsed_at(c, tick);

    if (is_periodic(c)) {
        return e / c->n;
    }
    return mode_of(c) <= MODE_ONE_SHOT ? e >= c->n : e > c->n;
}

/*
 * Tick after the given one at which OUT rises, or in mode 3 falls: its halves are long enough for
 * an interrupt controller to see the fall. The one low clock of the other modes is shown together
 * with the rise that ends it.
 */
static uint64_t next_edge(const struct i8254_channel *c, uint64_t tick)
{
    if (c->state != I8254_RUN) {
        return timescale_never;
    }
    const uint64_t e = elapsed_at(c, tick);
    const uint64_t cycle = tick - e % c->n;

    switch (mode_of(c)) {
    case MODE_RATE:
        return cycle + c->n;
    case MODE_SQUARE:
        return e % c->n < high_half(c->n) ? cycle + high_half(c->n) : cycle + c->n;
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
        return e < c->n ? c->start + c->n : timescale_never;
    default:
        return e <= c->n ? c->start + c->n + 1 : timescale_never;
    }
}

/* Moves the count register into the counting element, at tick load_at. */
static void load(struct i8254_channel *c)
{
    const uint32_t n = programmed_count(c);
    const bool starts_low =
        mode_of(c) == MODE_SQUARE && c->state == I8254_RUN && !out_at(c, c->load_at);

    /* In mode 3 a new count may begin with the low half: then its cycle began before, as it were.
     */
    c->start = starts_low ? c->load_at - high_half(n) : c->load_at;
    c->n = n;
    c->elapsed = 0;
    c->state = c->gate || is_triggered(c) ? I8254_RUN : I8254_FROZEN;
    c->null_count = false;
    c->load_at = timescale_never;
}

/* Carries out a load due at or before tick `to`; returns whether OUT rose after tick `from`. */
static bool settle(struct i8254_channel *c, uint64_t from, uint64_t to)
{
    bool rose = false;

    if (c->load_at <= to) {
        const uint64_t at = c->load_at;
        const bool before = out_at(c, at);

        rose = rises_at(c, at) != rises_at(c, from);
        load(c);
        rose = rose || (!before && out_at(c, at));
        from = at;
    }
    return rose || rises_at(c, to) != rises_at(c, from);
}

/* "Write Operations": a count becomes the present one at the next clock, or where the wave allows
 * it. */
static void commit_count(struct i8254_channel *c, uint64_t tick)
{
    c->written = true;
    c->null_count = true;
    if (is_triggered(c) || (is_periodic(c) && c->state == I8254_FROZEN)) {
        return; /* waits for the gate */
    }
    const bool at_boundary = is_periodic(c) && c->state == I8254_RUN;
    const uint64_t at = at_boundary ? next_edge(c, tick) : tick + 1;

    if (!at_boundary || at < c->load_at) {
        c->load_at = at;
    }
}

static void write_count(struct i8254_channel *c, uint8_t value, uint64_t tick)
{
    switch (access_of(c)) {
    case ACCESS_LSB:
        c->cr = value;
        break;
    case ACCESS_MSB:
        c->cr = (uint16_t)(value << BITS_PER_BYTE);
        break;
    default:
        c->write_msb = !c->write_msb;
        if (c->write_msb) {
            c->first_byte = value;
            if (mode_of(c) == MODE_TERMINAL_COUNT) {
                /* "Writing the first byte disables counting. OUT is set low immediately." */
                c->held = count_at(c, tick);
                c->state = I8254_IDLE;
                c->load_at = timescale_never;
            }
            return;
        }
        c->cr = (uint16_t)(value << BITS_PER_BYTE | c->first_byte);
        break;
    }
    commit_count(c, tick);
}

static void set_gate(struct i8254_channel *c, bool level, uint64_t tick)
{
    if (level == c->gate) {
        return;
    }
    c->gate = level;
    if (is_triggered(c)) {
        if (level && c->written) {
            c->load_at = tick + 1;
        }
    } else if (!level && c->state == I8254_RUN) {
        c->elapsed = elapsed_at(c, tick);
        c->state = I8254_FROZEN;
        if (is_periodic(c)) {
            c->load_at = timescale_never;
        }
    } else if (level && c->state == I8254_FROZEN) {
        if (is_periodic(c)) {
            c->load_at = tick + 1;
        } else {
            c->start = tick - c->elapsed;
            c->state = I8254_RUN;
        }
    }
}

static void write_mode(struct i8254_channel *c, uint8_t control, uint64_t tick)
{
    c->held = count_at(c, tick);
    c->state = I8254_IDLE;
    c->control = control & CONTROL_KEPT;
    c->load_at = timescale_never;
    c->written = false;
    c->null_count = true;
    c->write_msb = false;
    c->read_msb = false;
    c->count_latched = false;
    c->status_latched = false;
}

static uint16_t readable_count(const struct i8254_channel *c, uint64_t tick)
{
    const uint32_t count = count_at(c, tick);

    return (uint16_t)((c->control & CONTROL_BCD) ? to_bcd(count) : count);
}

/* A second latch command before the first one has been read is ignored ("Counter Latch Command").
 */
static void latch_count(struct i8254_channel *c, uint64_t tick)
{
    if (!c->count_latched) {
        c->output_latch = readable_count(c, tick);
        c->count_latched = true;
    }
}

static void latch_status(struct i8254_channel *c, uint64_t tick)
{
    if (!c->status_latched) {
        c->status_latch = (uint8_t)(c->control | (out_at(c, tick) ? STATUS_OUT : 0) |
                                    (c->null_count ? STATUS_NULL_COUNT : 0));
        c->status_latched = true;
    }
}

static void read_back(struct i8254 *pit, uint8_t command, uint64_t tick)
{
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        if (!((command >> READ_BACK_SELECT_SHIFT) & (1U << i))) {
            continue;
        }
        if (!(command & READ_BACK_NO_COUNT)) {
            latch_count(&pit->channel[i], tick);
        }
        if (!(command & READ_BACK_NO_STATUS)) {
            latch_status(&pit->channel[i], tick);
        }
    }
}

static void write_control(struct i8254 *pit, uint8_t value, uint64_t tick)
{
    const unsigned select = value >> CONTROL_SELECT_SHIFT;

    if (select == SELECT_READ_BACK) {
        read_back(pit, value, tick);
    } else if (((value >> CONTROL_ACCESS_SHIFT) & CONTROL_ACCESS_MASK) == ACCESS_LATCH) {
        latch_count(&pit->channel[select], tick);
    } else {
        write_mode(&pit->channel[select], value, tick);
    }
}

static uint8_t read_count(struct i8254_channel *c, uint64_t tick)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status_latch;
    }
    const uint16_t count = c->count_latched ? c->output_latch : readable_count(c, tick);
    const unsigned access = access_of(c);
    const bool msb = access == ACCESS_MSB || (access == ACCESS_BOTH && c->read_msb);

    if (access == ACCESS_BOTH) {
        c->read_msb = !c->read_msb;
    }
    if (access != ACCESS_BOTH || msb) {
        c->count_latched = false;
    }
    return (uint8_t)(msb ? count >> BITS_PER_BYTE : count);
}

/* Shows OUT 0 to the interrupt controller, after a rise if there was one since the last time. */
static void drive_irq(struct i8254 *pit, bool rose)
{
    const bool level = rose || out_at(&pit->channel[TIMER], pit->last);

    if (rose && pit->irq_level) {
        irq_set(&pit->irq0, false);
        pit->irq_level = false;
    }
    if (level != pit->irq_level) {
        pit->irq_level = level;
        irq_set(&pit->irq0, level);
    }
}

void i8254_advance(struct i8254 *pit, uint64_t now)
{
    const uint64_t tick = timescale_ticks(now, pit->tsc_hz, I8254_HZ);
    bool rose = false;

    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        const bool channel_rose = settle(&pit->channel[i], pit->last, tick);
        rose = rose || (i == TIMER && channel_rose);
    }
    pit->last = tick;
    /* A rise seen late leaves the line high even if OUT has fallen since, so that it is not lost.
     */
    drive_irq(pit, rose);
}

void i8254_init(struct i8254 *pit, uint64_t tsc_hz, struct irq_line irq0)
{
    memset(pit, 0, sizeof(*pit));
    pit->tsc_hz = tsc_hz;
    pit->irq0 = irq0;
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        write_mode(&pit->channel[i], ACCESS_BOTH << CONTROL_ACCESS_SHIFT, 0);
        pit->channel[i].gate = i != SPEAKER;
    }

    struct i8254_channel *refresh = &pit->channel[REFRESH];
    refresh->control = ACCESS_LSB << CONTROL_ACCESS_SHIFT | MODE_RATE << CONTROL_MODE_SHIFT;
    refresh->cr = REFRESH_COUNT;
    refresh->written = true;
    refresh->load_at = 0;
    load(refresh);
}

static uint8_t read_byte(struct i8254 *pit, unsigned offset)
{
    /* The control word cannot be read: the data bus stays floating. */
    return offset < I8254_CHANNELS ? read_count(&pit->channel[offset], pit->last) : UNCLAIMED;
}

uint32_t i8254_read(struct i8254 *pit, unsigned offset, unsigned size, uint64_t now)
{
    uint32_t value = 0;

    i8254_advance(pit, now);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)read_byte(pit, offset + i) << (BITS_PER_BYTE * i);
    }
    return value;
}

void i8254_write(struct i8254 *pit, unsigned offset, unsigned size, uint32_t value, uint64_t now)
{
    i8254_advance(pit, now);
    for (unsigned i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (BITS_PER_BYTE * i));

        if (offset + i < I8254_CHANNELS) {
            write_count(&pit->channel[offset + i], byte, pit->last);
        } else if (offset + i == CONTROL_PORT) {
            write_control(pit, byte, pit->last);
        }
    }
    drive_irq(pit, false);
}

uint32_t i8254_port61_read(struct i8254 *pit, unsigned offset, unsigned size, uint64_t now)
{
    const uint32_t unclaimed = UINT32_MAX >> (32 - BITS_PER_BYTE * size);

    i8254_advance(pit, now);
    if (offset != 0) {
        return unclaimed;
    }
    const bool refresh = rises_at(&pit->channel[REFRESH], pit->last) & 1;
    const bool out2 = out_at(&pit->channel[SPEAKER], pit->last);
    const uint32_t value =
        pit->port61 | (refresh ? PORT61_REFRESH : 0U) | (out2 ? PORT61_OUT2 : 0U);

    return (unclaimed & ~(uint32_t)UNCLAIMED) | value;
}

void i8254_port61_write(struct i8254 *pit, unsigned offset, unsigned size, uint32_t value,
                        uint64_t now)
{
    (void)size;
    i8254_advance(pit, now);
    if (offset == 0) {
        pit->port61 = value & PORT61_WRITABLE;
        set_gate(&pit->channel[SPEAKER], value & PORT61_GATE2, pit->last);
    }
}

uint64_t i8254_deadline(const struct i8254 *pit)
{
    struct i8254_channel next = pit->channel[TIMER];
    uint64_t from = pit->last;

    if (next.load_at != timescale_never && !(is_periodic(&next) && next.state == I8254_RUN)) {
        from = next.load_at;
        load(&next);
    }
    const uint64_t edge = next_edge(&next, from);

    return edge == timescale_never ? timescale_never : timescale_tsc(edge, pit->tsc_hz, I8254_HZ);
}
