/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See uart.h.
 */
#include "tests/guest/lib/uart.h"

#include "tests/guest/lib/asm.h"

enum { POLLS = 1000000 };

void uart_raise(void)
{
    for (unsigned i = 0; i < POLLS && !(inb(UART_LSR) & LSR_TEMT); i++)
        pause();
    outb(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    outb(UART_IER, IER_THRE);
}

void uart_lower(void)
{
    outb(UART_IER, 0);
    outb(UART_MCR, MCR_DTR | MCR_RTS);
}
