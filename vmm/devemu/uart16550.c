/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A: see uart16550.h for what is modelled. In 16450 mode (FIFOs off) both FIFOs are used with
 * one place, which is what the holding registers are. After each event the interrupt is derived
 * anew from the state, by the priorities of the IIR.
 */
#include "vmm/devemu/uart16550.h"

#include <string.h>

#include "vmm/devemu/timescale.h"

enum {
    RBR_THR = 0,
    IER = 1,
    IIR_FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6,
    SCR = 7,

    IER_RECEIVE = 0x01,
    IER_TRANSMIT = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,
    IER_BITS = 0x0f,

    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_TRANSMIT = 0x02,
    IIR_RECEIVE = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RX = 0x02,
    FCR_CLEAR_TX = 0x04,
    FCR_TRIGGER_SHIFT = 6,

    LCR_LENGTH = 0x03,
    LCR_SHORTEST = 5,
    LCR_TWO_STOP = 0x04,
    LCR_PARITY = 0x08,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_BITS = 0x1f,

    LSR_DATA_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_BREAK = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERROR = 0x80,

    MSR_DCTS = 0x01,
    MSR_DDSR = 0x02,
    MSR_TERI = 0x04,
    MSR_DDCD = 0x08,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
    MSR_LINES_SHIFT = 4,

    BITS_PER_BYTE = 8,
    UNCLAIMED = 0xff,
    BAUD_BASE = 115200, /* 1.8432 MHz / 16 */
    RESET_DIVISOR = 12, /* undefined by the datasheet; 9600 baud */
    FULL_DIVISOR = 0x10000,
    TIMEOUT_CHARACTERS = 4,
};

static bool fifos_enabled(const struct uart16550 *uart)
{
    return uart->fcr & FCR_ENABLE;
}

static bool in_loopback(const struct uart16550 *uart)
{
    return uart->mcr & MCR_LOOP;
}

static unsigned capacity(const struct uart16550 *uart)
{
    return fifos_enabled(uart) ? UART16550_FIFO : 1;
}

static unsigned trigger_level(const struct uart16550 *uart)
{
    static const uint8_t level[] = {1, 4, 8, 14};

    return fifos_enabled(uart) ? level[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

static void fifo_clear(struct uart16550_fifo *fifo)
{
    memset(fifo, 0, sizeof(*fifo));
}

static void fifo_push(struct uart16550_fifo *fifo, uint8_t byte, uint8_t error)
{
    const unsigned place = (fifo->first + fifo->count) % UART16550_FIFO;

    fifo->byte[place] = byte;
    fifo->error[place] = error;
    fifo->count++;
}

static void fifo_pop(struct uart16550_fifo *fifo)
{
    fifo->error[fifo->first] = 0;
    fifo->first = (fifo->first + 1) % UART16550_FIFO;
    fifo->count--;
}

static bool fifo_has_error(const struct uart16550_fifo *fifo)
{
    uint8_t errors = 0;

    for (unsigned i = 0; i < UART16550_FIFO; i++) {
        errors |= fifo->error[i];
    }
    return errors != 0;
}

/* The interrupt that the IIR shows: the highest one that is enabled and due ("Interrupt Control
 * Functions"). */
static uint8_t interrupt_id(const struct uart16550 *uart)
{
    if ((uart->ier & IER_LINE) && uart->lsr_errors) {
        return IIR_LINE;
    }
    if ((uart->ier & IER_RECEIVE) && uart->rx.count >= trigger_level(uart)) {
        return IIR_RECEIVE;
    }
    if ((uart->ier & IER_RECEIVE) && uart->rx_timeout) {
        return IIR_TIMEOUT;
    }
    if ((uart->ier & IER_TRANSMIT) && uart->thre_interrupt) {
        return IIR_TRANSMIT;
    }
    if ((uart->ier & IER_MODEM) && uart->msr_changes) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void drive_irq(struct uart16550 *uart)
{
    const bool level = interrupt_id(uart) != IIR_NONE && (uart->mcr & MCR_OUT2);

    if (level != uart->irq_level) {
        uart->irq_level = level;
        irq_set(&uart->irq, level);
    }
}

/* Start bit, data, parity, stop bits, at the programmed speed, in TSC ticks. */
static uint64_t timeout_length(const struct uart16550 *uart)
{
    const unsigned bits = 1U + LCR_SHORTEST + (uart->lcr & LCR_LENGTH) +
                          (uart->lcr & LCR_PARITY ? 1U : 0U) + (uart->lcr & LCR_TWO_STOP ? 2U : 1U);
    const uint64_t divisor = uart->divisor ? uart->divisor : FULL_DIVISOR;

    return timescale_tsc(TIMEOUT_CHARACTERS * bits * divisor, uart->tsc_hz, BAUD_BASE);
}

/* "FIFO Interrupt Mode Operation": each character received or read begins the time-out anew. */
static void restart_timeout(struct uart16550 *uart, uint64_t now)
{
    const bool counts = fifos_enabled(uart) && uart->rx.count != 0;

    uart->timeout_at = counts ? now + timeout_length(uart) : timescale_never;
}

/* The errors of a character show in the LSR when it comes to the top of the FIFO. */
static void reveal_errors(struct uart16550 *uart)
{
    if (uart->rx.count != 0) {
        uart->lsr_errors |= uart->rx.error[uart->rx.first];
    }
}

static void receive(struct uart16550 *uart, uint8_t byte, uint8_t error, uint64_t now)
{
    if (uart->rx.count == capacity(uart)) {
        uart->lsr_errors |= LSR_OVERRUN;
        if (!fifos_enabled(uart)) {
            uart->rx.byte[uart->rx.first] = byte; /* RBR is overwritten, a FIFO is not */
        }
        return;
    }
    fifo_push(&uart->rx, byte, error);
    reveal_errors(uart);
    restart_timeout(uart, now);
}

/* Hands over what the sink takes; the transmitter that becomes empty by it says so. */
static void transmit(struct uart16550 *uart, uint64_t now)
{
    const bool had_bytes = uart->tx.count != 0;

    while (uart->tx.count != 0) {
        const uint8_t byte = uart->tx.byte[uart->tx.first];

        if (in_loopback(uart)) {
            receive(uart, byte, 0, now);
        } else if (!uart->sink.tx(uart->sink.ctx, byte)) {
            return;
        }
        fifo_pop(&uart->tx);
    }
    if (had_bytes) {
        uart->thre_interrupt = true;
    }
}

static uint8_t modem_lines(const struct uart16550 *uart)
{
    if (!in_loopback(uart)) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (uint8_t)((uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0) |
                     (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct uart16550 *uart, uint8_t value)
{
    const uint8_t before = modem_lines(uart);

    uart->mcr = value & MCR_BITS;

    const uint8_t after = modem_lines(uart);
    const uint8_t changed = (before ^ after) >> MSR_LINES_SHIFT;

    uart->msr_changes |= changed & (MSR_DCTS | MSR_DDSR | MSR_DDCD);
    if ((before & MSR_RI) && !(after & MSR_RI)) {
        uart->msr_changes |= MSR_TERI; /* only the end of ringing counts */
    }
}

static void write_fcr(struct uart16550 *uart, uint8_t value)
{
    /* Switching between the modes clears both FIFOs; other bits count only together with the enable
     * bit. */
    const bool switched = (value ^ uart->fcr) & FCR_ENABLE;
    const uint8_t effective = value & FCR_ENABLE ? value : 0;

    if (switched || (effective & FCR_CLEAR_RX)) {
        fifo_clear(&uart->rx);
        uart->rx_timeout = false;
        uart->timeout_at = timescale_never;
    }
    if ((switched || (effective & FCR_CLEAR_TX)) && uart->tx.count != 0) {
        fifo_clear(&uart->tx);
        uart->thre_interrupt = true;
    }
    uart->fcr = effective & (uint8_t) ~(FCR_CLEAR_RX | FCR_CLEAR_TX);
}

static void write_lcr(struct uart16550 *uart, uint8_t value, uint64_t now)
{
    const bool breaks = (value & LCR_BREAK) && !(uart->lcr & LCR_BREAK);

    uart->lcr = value;
    if (breaks && in_loopback(uart)) {
        receive(uart, 0, LSR_BREAK, now);
    }
}

static void write_ier(struct uart16550 *uart, uint8_t value)
{
    const bool enables_transmit = (value & IER_TRANSMIT) && !(uart->ier & IER_TRANSMIT);

    uart->ier = value & IER_BITS;
    if (enables_transmit && uart->tx.count == 0) {
        uart->thre_interrupt = true;
    }
}

static void write_thr(struct uart16550 *uart, uint8_t value, uint64_t now)
{
    if (uart->tx.count == capacity(uart)) {
        return; /* software that ignores THRE loses the character */
    }
    uart->thre_interrupt = false;
    fifo_push(&uart->tx, value, 0);
    /* The interrupt goes away before it comes back, so that an edge-triggered input sees it again.
     */
    drive_irq(uart);
    transmit(uart, now);
}

static uint8_t read_rbr(struct uart16550 *uart, uint64_t now)
{
    const uint8_t byte = uart->rx.byte[uart->rx.first];

    if (uart->rx.count == 0) {
        return 0;
    }
    fifo_pop(&uart->rx);
    uart->rx_timeout = false;
    reveal_errors(uart);
    restart_timeout(uart, now);
    return byte;
}

static uint8_t read_lsr(struct uart16550 *uart)
{
    const bool empty = uart->tx.count == 0;
    uint8_t value = uart->lsr_errors;

    value |= uart->rx.count ? LSR_DATA_READY : 0;
    value |= empty ? LSR_THRE | LSR_TEMT : 0;
    value |= fifos_enabled(uart) && fifo_has_error(&uart->rx) ? LSR_FIFO_ERROR : 0;
    uart->lsr_errors = 0;
    uart->rx.error[uart->rx.first] = 0;
    return value;
}

/* Reading the IIR takes notice of an empty transmitter, if that is what it shows. */
static uint8_t read_iir(struct uart16550 *uart)
{
    const uint8_t id = interrupt_id(uart);

    if (id == IIR_TRANSMIT) {
        uart->thre_interrupt = false;
    }
    return id | (fifos_enabled(uart) ? IIR_FIFOS : 0);
}

static uint8_t read_msr(struct uart16550 *uart)
{
    const uint8_t value = modem_lines(uart) | uart->msr_changes;

    uart->msr_changes = 0;
    return value;
}

static uint8_t read_byte(struct uart16550 *uart, unsigned offset, uint64_t now)
{
    const bool dlab = uart->lcr & LCR_DLAB;

    switch (offset) {
    case RBR_THR:
        return dlab ? (uint8_t)uart->divisor : read_rbr(uart, now);
    case IER:
        return dlab ? (uint8_t)(uart->divisor >> BITS_PER_BYTE) : uart->ier;
    case IIR_FCR:
        return read_iir(uart);
    case LCR:
        return uart->lcr;
    case MCR:
        return uart->mcr;
    case LSR:
        return read_lsr(uart);
    case MSR:
        return read_msr(uart);
    case SCR:
        return uart->scratch;
    default:
        return UNCLAIMED;
    }
}

static void write_divisor(struct uart16550 *uart, unsigned byte, uint8_t value)
{
    const unsigned shift = BITS_PER_BYTE * byte;

    uart->divisor = (uint16_t)((uart->divisor & ~(UNCLAIMED << shift)) | value << shift);
}

static void write_byte(struct uart16550 *uart, unsigned offset, uint8_t value, uint64_t now)
{
    if ((uart->lcr & LCR_DLAB) && offset <= IER) {
        write_divisor(uart, offset, value);
        return;
    }
    switch (offset) {
    case RBR_THR:
        write_thr(uart, value, now);
        break;
    case IER:
        write_ier(uart, value);
        break;
    case IIR_FCR:
        write_fcr(uart, value);
        break;
    case LCR:
        write_lcr(uart, value, now);
        break;
    case MCR:
        write_mcr(uart, value);
        transmit(uart, now); /* what waited for the sink goes the new way */
        break;
    case SCR:
        uart->scratch = value;
        break;
    default:
        break; /* LSR is for factory tests, MSR is read only */
    }
}

void uart16550_init(struct uart16550 *uart, uint64_t tsc_hz, struct uart16550_sink sink,
                    struct irq_line irq)
{
    memset(uart, 0, sizeof(*uart));
    uart->tsc_hz = tsc_hz;
    uart->sink = sink;
    uart->irq = irq;
    uart->divisor = RESET_DIVISOR;
    uart->timeout_at = timescale_never;
}

uint32_t uart16550_read(struct uart16550 *uart, unsigned offset, unsigned size, uint64_t now)
{
    uint32_t value = 0;

    uart16550_advance(uart, now);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)read_byte(uart, offset + i, now) << (BITS_PER_BYTE * i);
    }
    drive_irq(uart);
    return value;
}

void uart16550_write(struct uart16550 *uart, unsigned offset, unsigned size, uint32_t value,
                     uint64_t now)
{
    uart16550_advance(uart, now);
    for (unsigned i = 0; i < size; i++) {
        write_byte(uart, offset + i, (uint8_t)(value >> (BITS_PER_BYTE * i)), now);
    }
    drive_irq(uart);
}

bool uart16550_rx_room(const struct uart16550 *uart)
{
    return !in_loopback(uart) && uart->rx.count < capacity(uart);
}

bool uart16550_rx(struct uart16550 *uart, uint8_t byte, uint64_t now)
{
    uart16550_advance(uart, now);
    if (!uart16550_rx_room(uart)) {
        return false;
    }
    receive(uart, byte, 0, now);
    drive_irq(uart);
    return true;
}

void uart16550_tx_ready(struct uart16550 *uart)
{
    if (!in_loopback(uart)) {
        transmit(uart, 0);
        drive_irq(uart);
    }
}

uint64_t uart16550_deadline(const struct uart16550 *uart)
{
    const bool interrupts =
        (uart->ier & IER_RECEIVE) && uart->rx.count < trigger_level(uart) && !uart->rx_timeout;

    return interrupts ? uart->timeout_at : timescale_never;
}

void uart16550_advance(struct uart16550 *uart, uint64_t now)
{
    if (now >= uart->timeout_at) {
        uart->rx_timeout = true;
        uart->timeout_at = timescale_never;
        drive_irq(uart);
    }
}
