/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's serial port: a 16550 (or an 8250 without FIFO) of the machine, driven by port
 * calls. Datasheet: National Semiconductor PC16550D.
 *
 * Two threads use an instance: one only transmits, the other only receives; they touch different
 * registers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_COM1     0x3F8u
#define UART_COM1_IRQ 4u
#define UART_COM2     0x2F8u
#define UART_COM2_IRQ 3u

struct uart {
    uint16_t base;  /* first port */
    uint32_t depth; /* characters that the transmitter takes when it is empty */
};

/* 115200 baud, 8N1, FIFOs and interrupts on. */
void uart_init(struct uart *uart, uint16_t base);

/* Hands characters to an empty transmitter; returns how many it took, 0 while it is busy. */
size_t uart_transmit(const struct uart *uart, const uint8_t *bytes, size_t n);

/* Nothing is left in the transmitter. */
bool uart_is_idle(const struct uart *uart);

/* Answers the interrupt: takes characters, at most n, and lets go of the interrupt line. Call it
 * again while it returns n. */
size_t uart_receive(const struct uart *uart, uint8_t *bytes, size_t n);
