/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1's registers, and its transmitter as a source of interrupts: the "transmitter holding
 * register empty" interrupt comes when it is enabled and goes when it is disabled, which makes IRQ
 * 4 a line that a test can raise and lower. Datasheet: National Semiconductor PC16550D.
 */
#pragma once

enum uart_register { /* ports */
                     UART_DATA = 0x3F8,
                     UART_DLL = 0x3F8, /* with LCR_DLAB */
                     UART_DLM = 0x3F9, /* with LCR_DLAB */
                     UART_IER = 0x3F9,
                     UART_IIR = 0x3FA, /* read */
                     UART_FCR = 0x3FA, /* write */
                     UART_LCR = 0x3FB,
                     UART_MCR = 0x3FC,
                     UART_LSR = 0x3FD,
                     UART_MSR = 0x3FE,
                     UART_SCRATCH = 0x3FF
};

enum {
    IER_RECEIVED = 0x01,
    IER_THRE = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,
    IIR_NONE = 0x01,
    IIR_ID = 0x0F,
    IIR_MODEM = 0x00,
    IIR_THRE = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0C,
    IIR_FIFOS = 0xC0,
    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVER = 0x02,
    FCR_CLEAR_TRANSMITTER = 0x04,
    FCR_TRIGGER_14 = 0xC0,
    LCR_8N1 = 0x03,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,
    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    LSR_DATA_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_BREAK = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80
};

/* All output has left; then the interrupt line of COM1 rises, or falls. */
void uart_raise(void);
void uart_lower(void);
