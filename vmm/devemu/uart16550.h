/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A UART of a PC's serial port. What sends and what receives is injected.
 *
 * Models: all registers, FIFOs with trigger levels and receive time-out, interrupt priorities,
 * overrun, break in loopback, modem status and its changes in loopback, DLAB, scratch, OUT 2 as the
 * gate of the interrupt line (as wired in a PC). Does not model: the time that a character takes on
 * the wire (it leaves when the sink takes it), parity and framing errors, DMA signals. Outside
 * loopback CTS, DSR and DCD are always on: the other end is there. Datasheet: National
 * Semiconductor PC16550D.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/irq.h"

enum {
    UART16550_COM1 = 0x3f8,
    UART16550_PORTS = 8,
    UART16550_COM1_IRQ = 4,
    UART16550_FIFO = 16,
};

/* Where transmitted bytes go. tx returns false if it cannot take the byte now; it must not call
 * back into the UART. */
struct uart16550_sink {
    bool (*tx)(void *ctx, uint8_t byte);
    void *ctx;
};

struct uart16550_fifo {
    uint8_t byte[UART16550_FIFO];
    uint8_t error[UART16550_FIFO]; /* LSR bits that belong to the character */
    unsigned first;
    unsigned count;
};

struct uart16550 {
    struct uart16550_fifo rx;
    struct uart16550_fifo tx;
    struct uart16550_sink sink;
    struct irq_line irq;
    bool irq_level;
    bool thre_interrupt; /* transmitter became empty and nobody has taken notice */
    bool rx_timeout;
    uint8_t ier;
    uint8_t fcr;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t lsr_errors; /* OE, PE, FE, BI as the LSR shows them */
    uint8_t msr_changes;
    uint8_t scratch;
    uint16_t divisor;
    uint64_t tsc_hz;
    uint64_t timeout_at; /* TSC of the receive time-out, UINT64_MAX while none is counted */
};

/* State after master reset. sink.tx must be set; irq is driven on every change. tsc_hz: see
 * timescale.h. */
void uart16550_init(struct uart16550 *uart, uint64_t tsc_hz, struct uart16550_sink sink,
                    struct irq_line irq);

/* Register access: offset 0-7, size in bytes, split into bytes; now is the guest TSC. */
uint32_t uart16550_read(struct uart16550 *uart, unsigned offset, unsigned size, uint64_t now);
void uart16550_write(struct uart16550 *uart, unsigned offset, unsigned size, uint32_t value,
                     uint64_t now);

/* A byte arrives. False if it must be offered again later: receiver full, or cut off by loopback.
 */
bool uart16550_rx(struct uart16550 *uart, uint8_t byte, uint64_t now);

/* Whether uart16550_rx() would take a byte: ask after each access by the guest while input waits.
 */
bool uart16550_rx_room(const struct uart16550 *uart);

/* The sink takes bytes again after it has refused one: sends what waits. */
void uart16550_tx_ready(struct uart16550 *uart);

/* TSC of a receive time-out that would interrupt, UINT64_MAX for none. */
uint64_t uart16550_deadline(const struct uart16550 *uart);

/* Notices a receive time-out that has passed by TSC value now. */
void uart16550_advance(struct uart16550 *uart, uint64_t now);
