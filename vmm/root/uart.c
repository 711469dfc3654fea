/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550 driver. The transmitter's interrupt is always on: it comes once per emptied FIFO and
 * wakes the console, which then hands over the next characters. A port that does not exist reads
 * all ones: it is always ready, and never interrupts.
 */
#include "vmm/root/uart.h"

#include "vmm/lib/syscall.h"

/* Registers, and the divisor behind the first two when LCR_DLAB is set. */
#define RBR 0u
#define THR 0u
#define DLL 0u
#define IER 1u
#define DLM 1u
#define IIR 2u
#define FCR 2u
#define LCR 3u
#define MCR 4u
#define LSR 5u
#define MSR 6u

#define IER_RECEIVED    0x01u
#define IER_TRANSMITTED 0x02u
#define IIR_NONE        0x01u
#define IIR_FIFOS       0xC0u
#define FCR_ENABLE      0x01u
#define FCR_CLEAR       0x06u
#define FCR_TRIGGER_1   0x00u
#define LCR_8N1         0x03u
#define LCR_DLAB        0x80u
#define MCR_DTR         0x01u
#define MCR_RTS         0x02u
#define MCR_OUT2        0x08u /* connects the interrupt on a PC */
#define LSR_DATA        0x01u
#define LSR_THRE        0x20u
#define LSR_TEMT        0x40u

#define DIVISOR_115200 1u
#define FIFO_DEPTH     16u

/* More causes than that without a pause is a line that is stuck. */
#define CAUSES_MAX 64u

static uint8_t in(const struct uart *uart, uint16_t offset)
{
    uint32_t value = 0xFF;
    (void)bh_io_in((uint16_t)(uart->base + offset), 1, &value);
    return (uint8_t)value;
}

static void out(const struct uart *uart, uint16_t offset, uint8_t value)
{
    (void)bh_io_out((uint16_t)(uart->base + offset), 1, value);
}

void uart_init(struct uart *uart, uint16_t base)
{
    *uart = (struct uart){.base = base, .depth = 1};
    out(uart, IER, 0);
    out(uart, LCR, LCR_DLAB | LCR_8N1);
    out(uart, DLL, DIVISOR_115200);
    out(uart, DLM, 0);
    out(uart, LCR, LCR_8N1);
    out(uart, FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_1);
    out(uart, MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    if ((in(uart, IIR) & IIR_FIFOS) == IIR_FIFOS) {
        uart->depth = FIFO_DEPTH;
    }
    out(uart, IER, IER_RECEIVED | IER_TRANSMITTED);
}

size_t uart_transmit(const struct uart *uart, const uint8_t *bytes, size_t n)
{
    if (!(in(uart, LSR) & LSR_THRE)) {
        return 0;
    }
    size_t done = 0;
    while (done < n && done < uart->depth) {
        out(uart, THR, bytes[done++]);
    }
    return done;
}

bool uart_is_idle(const struct uart *uart)
{
    return in(uart, LSR) & LSR_TEMT;
}

size_t uart_receive(const struct uart *uart, uint8_t *bytes, size_t n)
{
    size_t done = 0;
    for (unsigned causes = 0; causes < CAUSES_MAX && !(in(uart, IIR) & IIR_NONE); causes++) {
        (void)in(uart, MSR);
        while (in(uart, LSR) & LSR_DATA) {
            if (done == n) {
                return done;
            }
            bytes[done++] = in(uart, RBR);
        }
    }
    return done;
}
