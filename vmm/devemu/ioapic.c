/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O APIC with 24 pins.
 *
 * A pin's state is what its device asserts, its redirection entry and the remote IRR in it. After
 * any change of one of these the pin is evaluated anew; only a change of the pin itself can be an
 * edge.
 */
#include "vmm/devemu/ioapic.h"

/* Register numbers for IOREGSEL. */
#define REG_ID          0x00U
#define REG_VERSION     0x01U
#define REG_ARBITRATION 0x02U
#define REG_REDIRECTION 0x10U /* two a pin: low, high */

#define ID_MASK       UINT32_C(0x0f000000)
#define VERSION       UINT32_C(0x20)
#define MAX_PIN_SHIFT 16

#define ENTRY_VECTOR            UINT64_C(0xff)
#define ENTRY_MODE_SHIFT        8
#define ENTRY_MODE_MASK         7U
#define ENTRY_LOGICAL           (UINT64_C(1) << 11)
#define ENTRY_POLARITY_LOW      (UINT64_C(1) << 13)
#define ENTRY_REMOTE_IRR        (UINT64_C(1) << 14)
#define ENTRY_LEVEL             (UINT64_C(1) << 15)
#define ENTRY_MASKED            (UINT64_C(1) << 16)
#define ENTRY_DESTINATION_SHIFT 56

/* All but delivery status (bit 12, always idle here) and remote IRR. */
#define ENTRY_LOW_WRITABLE  UINT64_C(0x1afff)
#define ENTRY_HIGH_WRITABLE UINT64_C(0xff00000000000000)
#define ENTRY_HIGH_SHIFT    32

static enum lapic_delivery mode_of(uint64_t entry)
{
    return (enum lapic_delivery)((entry >> ENTRY_MODE_SHIFT) & ENTRY_MODE_MASK);
}

/* SMI, NMI, INIT and ExtINT are edge triggered, whatever the trigger mode says. */
static bool is_level(uint64_t entry)
{
    enum lapic_delivery mode = mode_of(entry);

    return (entry & ENTRY_LEVEL) != 0 &&
           (mode == LAPIC_DELIVERY_FIXED || mode == LAPIC_DELIVERY_LOWEST);
}

/* Modes 3 and 6 are reserved: nothing is sent. */
static bool is_deliverable(uint64_t entry)
{
    switch (mode_of(entry)) {
    case LAPIC_DELIVERY_FIXED:
    case LAPIC_DELIVERY_LOWEST:
    case LAPIC_DELIVERY_SMI:
    case LAPIC_DELIVERY_NMI:
    case LAPIC_DELIVERY_INIT:
    case LAPIC_DELIVERY_EXTINT:
        return true;
    default:
        return false;
    }
}

/* The pin is asserted for the I/O APIC: the polarity programmed and the wire's agree, or both
 * signal and polarity are wrong. */
static bool is_asserted(const struct ioapic *io, unsigned pin)
{
    bool wire_low = (io->active_low >> pin & 1U) != 0;
    bool programmed_low = (io->redirection[pin] & ENTRY_POLARITY_LOW) != 0;
    bool device = (io->levels >> pin & 1U) != 0;

    return device != (wire_low != programmed_low);
}

static bool send(const struct ioapic *io, uint64_t entry)
{
    struct ioapic_msg msg = {
        .mode = mode_of(entry),
        .destination = (uint32_t)(entry >> ENTRY_DESTINATION_SHIFT),
        .logical = (entry & ENTRY_LOGICAL) != 0,
        .level = is_level(entry),
        .vector = (uint8_t)(entry & ENTRY_VECTOR),
    };

    return io->output.deliver(io->output.ctx, &msg);
}

static void evaluate(struct ioapic *io, unsigned pin, bool edge)
{
    uint64_t entry = io->redirection[pin];

    if ((entry & ENTRY_MASKED) != 0 || !is_deliverable(entry) || !is_asserted(io, pin))
        return;
    if (!is_level(entry)) {
        if (edge)
            (void)send(io, entry);
        return;
    }
    if ((entry & ENTRY_REMOTE_IRR) == 0 && send(io, entry))
        io->redirection[pin] |= ENTRY_REMOTE_IRR;
}

static void write_entry(struct ioapic *io, unsigned number, uint32_t value)
{
    unsigned pin = (number - REG_REDIRECTION) / 2;
    uint64_t entry = io->redirection[pin];

    if ((number - REG_REDIRECTION) % 2 != 0)
        entry = (entry & ~ENTRY_HIGH_WRITABLE) |
                ((uint64_t)value << ENTRY_HIGH_SHIFT & ENTRY_HIGH_WRITABLE);
    else
        entry = (entry & ~ENTRY_LOW_WRITABLE) | (value & ENTRY_LOW_WRITABLE);
    if ((entry & ENTRY_LEVEL) == 0)
        entry &= ~ENTRY_REMOTE_IRR;
    io->redirection[pin] = entry;
    evaluate(io, pin, false);
}

static bool is_entry(unsigned number)
{
    return number >= REG_REDIRECTION && number < REG_REDIRECTION + 2 * IOAPIC_PINS;
}

static uint32_t read_register(const struct ioapic *io, unsigned number)
{
    if (is_entry(number)) {
        uint64_t entry = io->redirection[(number - REG_REDIRECTION) / 2];

        return (uint32_t)((number - REG_REDIRECTION) % 2 != 0 ? entry >> ENTRY_HIGH_SHIFT : entry);
    }
    if (number == REG_ID)
        return io->id;
    if (number == REG_VERSION)
        return (IOAPIC_PINS - 1) << MAX_PIN_SHIFT | VERSION;
    return number == REG_ARBITRATION ? io->arbitration_id : 0;
}

static void write_register(struct ioapic *io, unsigned number, uint32_t value)
{
    if (is_entry(number)) {
        write_entry(io, number, value);
    } else if (number == REG_ID) {
        io->id = value & ID_MASK;
        io->arbitration_id = io->id;
    }
}

void ioapic_init(struct ioapic *io, const struct ioapic_output *output, uint32_t active_low)
{
    io->output = *output;
    io->active_low = active_low;
    io->levels = 0;
    ioapic_reset(io);
}

void ioapic_reset(struct ioapic *io)
{
    io->index = 0;
    io->id = 0;
    io->arbitration_id = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        io->redirection[pin] = ENTRY_MASKED;
}

uint64_t ioapic_read(struct ioapic *io, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    if (offset == IOAPIC_INDEX && (size == sizeof(uint8_t) || size == sizeof(uint32_t)))
        return io->index;
    if (offset == IOAPIC_WINDOW && size == sizeof(uint32_t))
        return read_register(io, io->index);
    return size == sizeof(uint8_t)    ? UINT8_MAX
           : size == sizeof(uint16_t) ? UINT16_MAX
           : size == sizeof(uint32_t) ? UINT32_MAX
                                      : UINT64_MAX;
}

void ioapic_write(struct ioapic *io, unsigned offset, unsigned size, uint64_t value, uint64_t now)
{
    (void)now;
    if (offset == IOAPIC_INDEX && (size == sizeof(uint8_t) || size == sizeof(uint32_t)))
        io->index = (uint8_t)value;
    else if (offset == IOAPIC_WINDOW && size == sizeof(uint32_t))
        write_register(io, io->index, (uint32_t)value);
    else if (offset == IOAPIC_EOI && size == sizeof(uint32_t))
        ioapic_eoi(io, value & ENTRY_VECTOR);
}

void ioapic_set(struct ioapic *io, unsigned pin, bool asserted)
{
    uint32_t levels;
    bool changed;

    if (pin >= IOAPIC_PINS)
        return;
    levels = (io->levels & ~(UINT32_C(1) << pin)) | (uint32_t)asserted << pin;
    changed = levels != io->levels;
    io->levels = levels;
    evaluate(io, pin, changed);
}

void ioapic_eoi(struct ioapic *io, unsigned vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = io->redirection[pin];

        if ((entry & ENTRY_REMOTE_IRR) == 0 || (entry & ENTRY_VECTOR) != vector)
            continue;
        io->redirection[pin] = entry & ~ENTRY_REMOTE_IRR;
        evaluate(io, pin, false);
    }
}

bool ioapic_routes_extint(const struct ioapic *io, unsigned pin)
{
    return pin < IOAPIC_PINS && (io->redirection[pin] & ENTRY_MASKED) == 0 &&
           mode_of(io->redirection[pin]) == LAPIC_DELIVERY_EXTINT;
}
