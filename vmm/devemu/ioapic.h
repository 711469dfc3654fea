/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O APIC with 24 pins.
 *
 * Models: index and window registers, ID, version 0x20 with the EOI register, arbitration ID, the
 * redirection table with masks, polarity, edge and level triggering, remote IRR, all delivery
 * modes, both destination modes. Does not model: delivery over a serial APIC bus (arbitration,
 * retries), the boot configuration register (reads 0). Datasheet: Intel 82093AA I/O Advanced
 * Programmable Interrupt Controller; the EOI register as in Intel's ICH datasheets, "I/O APIC:
 * EOIR".
 *
 * Decisions where parts differ: an edge on a masked pin is lost (82093AA and ICH: "not delivered
 * nor held pending"); a level is looked at again when its pin is unmasked; a change to edge
 * triggering clears the remote IRR, as parts do and systems rely on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/lapic.h"

#define IOAPIC_BASE      UINT64_C(0xfec00000) /* the usual address of the first one */
#define IOAPIC_PAGE_SIZE 4096U                /* what to claim */
#define IOAPIC_PINS      24U

/* Byte offsets of the memory-mapped registers. */
enum ioapic_offset {
    IOAPIC_INDEX = 0x00,
    IOAPIC_WINDOW = 0x10,
    IOAPIC_EOI = 0x40,
};

struct ioapic_msg {
    enum lapic_delivery mode; /* SIPI: never */
    uint32_t destination;     /* 8 bits; for lapic_matches, with `logical` */
    bool logical;
    bool level; /* FIXED and LOWEST only: to lapic_accept */
    uint8_t vector;
};

struct ioapic_output {
    void *ctx;
    /*
     * Delivers a message; true when at least one APIC accepted it. A level-triggered message that
     * nobody accepted is sent again at the next access or call that concerns its pin. May be called
     * from within ioapic_set, ioapic_eoi, ioapic_write.
     */
    bool (*deliver)(void *ctx, const struct ioapic_msg *msg);
};

/* All fields are private to ioapic.c. */
struct ioapic {
    struct ioapic_output output;
    uint64_t redirection[IOAPIC_PINS];
    uint32_t active_low; /* bit n: the wire to pin n is active low */
    uint32_t levels;     /* bit n: the device on pin n asserts its interrupt */
    uint32_t id;
    uint32_t arbitration_id;
    uint8_t index;
};

/*
 * active_low: bit n says that the wire to pin n is active low on this board, which is what its ACPI
 * tables declare (PCI interrupts are, ISA interrupts are not). The guest must program that
 * polarity; with the other one the pin is asserted when the device is quiet, as on a real board.
 * output: deliver must not be NULL.
 */
void ioapic_init(struct ioapic *io, const struct ioapic_output *output, uint32_t active_low);

/* RESET: all pins masked; what the devices assert stays. */
void ioapic_reset(struct ioapic *io);

/*
 * Offset in bytes from the base. IOREGSEL takes accesses of 1 and 4 bytes, the others of 4; the
 * rest, and reads of write-only or absent registers, are all ones and ignored. `now` is there for
 * the form's sake.
 */
uint64_t ioapic_read(struct ioapic *io, unsigned offset, unsigned size, uint64_t now);
void ioapic_write(struct ioapic *io, unsigned offset, unsigned size, uint64_t value, uint64_t now);

/* The device on the pin asserts (true) or releases its interrupt, whatever the wire's polarity.
 * Pins from 24 on: ignored. */
void ioapic_set(struct ioapic *io, unsigned pin, bool asserted);

/* An EOI of a level-triggered vector, from a local APIC: clears remote IRRs, and delivers again
 * what is still asserted. */
void ioapic_eoi(struct ioapic *io, unsigned vector);

/* True when an unmasked pin is programmed for ExtINT: the 8259A's INTR may reach a CPU by this I/O
 * APIC. */
bool ioapic_routes_extint(const struct ioapic *io, unsigned pin);
