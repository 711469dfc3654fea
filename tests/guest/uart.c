/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550A UART at COM1: registers, FIFOs, loopback, interrupt identification and priorities.
 * Whatever is sent here is sent in loopback, so that nothing of it shows on the console. Datasheet:
 * National Semiconductor PC16550D.
 */
#include "tests/guest/lib/uart.h"

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    FIFO_BYTES = 16,
    POLLS = 100000,
    LONG_MS = 500,
    SHORT_MS = 5,
    MODEM_BITS = MSR_CTS | MSR_DSR | MSR_RI | MSR_DCD
};

static volatile unsigned interrupts;
static volatile uint8_t iir_seen;

static void on_com1(struct trap_frame *frame)
{
    (void)frame;
    interrupts++;
    iir_seen = inb(UART_IIR);
    outb(UART_IER, 0);
    pic_eoi(IRQ_COM1);
}

static bool wait_line(uint8_t bits)
{
    for (unsigned i = 0; i < POLLS; i++)
        if ((inb(UART_LSR) & bits) == bits)
            return true;
    return false;
}

/* Loopback with nothing received and nothing pending. */
static void prepare(uint8_t fifo_control)
{
    wait_line(LSR_TEMT);
    outb(UART_IER, 0);
    outb(UART_LCR, LCR_8N1);
    outb(UART_MCR, MCR_LOOP | MCR_OUT2);
    outb(UART_FCR, FCR_ENABLE | FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER);
    outb(UART_FCR, fifo_control);
    for (unsigned i = 0; i < 2 * FIFO_BYTES && inb(UART_LSR) & LSR_DATA_READY; i++)
        inb(UART_DATA);
    inb(UART_MSR);
    inb(UART_IIR);
    interrupts = 0;
    trap_handle(PIC_VECTOR + IRQ_COM1, on_com1);
    pic_open_only(IRQ_COM1);
}

static void finish(void)
{
    outb(UART_FCR, FCR_ENABLE | FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER);
    console_init();
}

static void send(uint8_t byte)
{
    wait_line(LSR_THRE);
    outb(UART_DATA, byte);
}

/* Sends, and waits without a look at the LSR: reading it would clear its errors. */
static void send_unseen(uint8_t byte)
{
    enum { CHARACTER_US = 1000 };

    send(byte);
    time_delay(CHARACTER_US);
}

static void scratch_register_keeps_its_byte(void)
{
    outb(UART_SCRATCH, 0xA5);
    expect_equal(HERE, "scratch", inb(UART_SCRATCH), 0xA5);
    outb(UART_SCRATCH, 0x5A);
    expect_equal(HERE, "scratch", inb(UART_SCRATCH), 0x5A);
}

static void divisor_is_behind_dlab(void)
{
    outb(UART_IER, 0);
    outb(UART_LCR, LCR_DLAB | LCR_8N1);
    outb(UART_DLL, 0x34);
    outb(UART_DLM, 0x12);
    expect_equal(HERE, "DLL", inb(UART_DLL), 0x34);
    expect_equal(HERE, "DLM", inb(UART_DLM), 0x12);
    outb(UART_LCR, LCR_8N1);
    expect_equal(HERE, "IER", inb(UART_IER), 0);
    finish();
}

static void reserved_bits_read_zero(void)
{
    outb(UART_IER, 0xF0);
    expect_equal(HERE, "IER[7:4]", inb(UART_IER) & 0xF0, 0);
    outb(UART_IER, 0);
    outb(UART_MCR, 0xE0 | MCR_DTR);
    expect_equal(HERE, "MCR[7:5]", inb(UART_MCR) & 0xE0, 0);
    finish();
}

static void fifo_bits_show_the_fifos(void)
{
    outb(UART_FCR, FCR_ENABLE);
    expect_equal(HERE, "IIR[7:6] with FIFOs", inb(UART_IIR) & IIR_FIFOS, IIR_FIFOS);
    outb(UART_FCR, 0);
    expect_equal(HERE, "IIR[7:6] without", inb(UART_IIR) & IIR_FIFOS, 0);
}

static void loopback_brings_back_what_was_sent(void)
{
    static const uint8_t bytes[] = {0x00, 0x55, 0xAA, 0xFF};

    prepare(0);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        send(bytes[i]);
        if (!expect(HERE, wait_line(LSR_DATA_READY), "nothing comes back"))
            break;
        expect_equal(HERE, "byte", inb(UART_DATA), bytes[i]);
        expect(HERE, !(inb(UART_LSR) & LSR_DATA_READY), "data ready after the read");
    }
    finish();
}

static void fifo_holds_sixteen_bytes_in_order(void)
{
    prepare(FCR_ENABLE);
    for (unsigned i = 0; i < FIFO_BYTES; i++)
        send((uint8_t)(0x40 + i));
    wait_line(LSR_TEMT);
    for (unsigned i = 0; i < FIFO_BYTES; i++) {
        if (!expect(HERE, inb(UART_LSR) & LSR_DATA_READY, "only %u bytes", i))
            break;
        expect_equal(HERE, "byte", inb(UART_DATA), 0x40 + i);
    }
    expect(HERE, !(inb(UART_LSR) & LSR_DATA_READY), "a 17th byte");
    finish();
}

static void overrun_is_reported_once(void)
{
    prepare(0);
    send(1);
    wait_line(LSR_TEMT | LSR_DATA_READY);
    send_unseen(2);
    expect(HERE, inb(UART_LSR) & LSR_OVERRUN, "no overrun");
    expect(HERE, !(inb(UART_LSR) & LSR_OVERRUN), "reported again");
    finish();
}

static void modem_outputs_come_back_as_inputs(void)
{
    static const struct {
        uint8_t output, input;
    } wires[] = {{MCR_DTR, MSR_DSR}, {MCR_RTS, MSR_CTS}, {MCR_OUT1, MSR_RI}, {MCR_OUT2, MSR_DCD}};

    for (unsigned i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        outb(UART_MCR, MCR_LOOP | wires[i].output);
        expect_equal(HERE, "MSR[7:4]", inb(UART_MSR) & MODEM_BITS, wires[i].input);
    }
    finish();
}

static void modem_changes_are_shown_once(void)
{
    outb(UART_MCR, MCR_LOOP);
    inb(UART_MSR);
    outb(UART_MCR, MCR_LOOP | MCR_RTS | MCR_DTR);
    expect_equal(HERE, "MSR[3:0] after a change", inb(UART_MSR) & 0x0F, 0x03);
    expect_equal(HERE, "MSR[3:0] after the read", inb(UART_MSR) & 0x0F, 0);
    finish();
}

static void transmitter_empty_interrupts(void)
{
    prepare(0);
    outb(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    outb(UART_IER, IER_THRE);
    bool came = time_wait_for(&interrupts, 1, LONG_MS);
    finish();
    expect(HERE, came, "no interrupt");
    expect_equal(HERE, "IIR", iir_seen & IIR_ID, IIR_THRE);
}

static void reading_iir_ends_the_transmitter_interrupt(void)
{
    prepare(0);
    pic_set_mask(0xFFFF);
    outb(UART_IER, IER_THRE);
    uint8_t first = inb(UART_IIR), second = inb(UART_IIR);
    finish();
    expect_equal(HERE, "IIR", first & IIR_ID, IIR_THRE);
    expect_equal(HERE, "IIR, read again", second & IIR_ID, IIR_NONE);
}

static void out_2_gates_the_interrupt(void)
{
    prepare(0);
    outb(UART_MCR, MCR_DTR | MCR_RTS);
    outb(UART_IER, IER_THRE);
    bool early = time_wait_for(&interrupts, 1, SHORT_MS);
    outb(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    bool came = time_wait_for(&interrupts, 1, LONG_MS);
    finish();
    expect(HERE, !early, "an interrupt came with OUT 2 off");
    expect(HERE, came, "none came with OUT 2 on");
}

static void trigger_level_is_obeyed(void)
{
    prepare(FCR_ENABLE | FCR_TRIGGER_14);
    pic_set_mask(0xFFFF);
    outb(UART_IER, IER_RECEIVED);
    for (unsigned i = 0; i < 13; i++)
        send((uint8_t)i);
    wait_line(LSR_TEMT);
    uint8_t below = inb(UART_IIR) & IIR_ID; /* nothing, or the time-out already */
    send(13);
    wait_line(LSR_TEMT);
    uint8_t at = inb(UART_IIR) & IIR_ID;
    for (unsigned i = 0; i < FIFO_BYTES && inb(UART_LSR) & LSR_DATA_READY; i++)
        inb(UART_DATA);
    uint8_t after = inb(UART_IIR) & IIR_ID;
    finish();
    expect(HERE, below == IIR_NONE || below == IIR_TIMEOUT, "IIR with 13 bytes is 0x%x", below);
    expect_equal(HERE, "IIR with 14 bytes", at, IIR_RECEIVED);
    expect_equal(HERE, "IIR with none", after, IIR_NONE);
}

static void timeout_interrupts_for_few_bytes(void)
{
    prepare(FCR_ENABLE | FCR_TRIGGER_14);
    outb(UART_IER, IER_RECEIVED);
    outb(UART_MCR, MCR_LOOP);
    send('x');
    wait_line(LSR_TEMT);
    uint8_t iir = IIR_NONE;
    uint64_t start = rdtsc();

    while ((iir = inb(UART_IIR) & IIR_ID) == IIR_NONE &&
           rdtsc() - start < time_ticks(LONG_MS * 1000))
        pause();
    inb(UART_DATA);
    uint8_t after = inb(UART_IIR) & IIR_ID;
    finish();
    expect_equal(HERE, "IIR", iir, IIR_TIMEOUT);
    expect_equal(HERE, "IIR after the byte was read", after, IIR_NONE);
}

static void interrupts_have_their_priorities(void)
{
    prepare(0);
    pic_set_mask(0xFFFF);
    send(1);
    wait_line(LSR_TEMT | LSR_DATA_READY);
    send_unseen(2);
    outb(UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
    outb(UART_IER, IER_RECEIVED | IER_THRE | IER_LINE | IER_MODEM);
    uint8_t line = inb(UART_IIR) & IIR_ID;
    inb(UART_LSR);
    uint8_t received = inb(UART_IIR) & IIR_ID;
    inb(UART_DATA);
    uint8_t thre = inb(UART_IIR) & IIR_ID;
    uint8_t modem = inb(UART_IIR) & IIR_ID;
    inb(UART_MSR);
    uint8_t none = inb(UART_IIR) & IIR_ID;
    finish();
    expect_equal(HERE, "first", line, IIR_LINE);
    expect_equal(HERE, "second", received, IIR_RECEIVED);
    expect_equal(HERE, "third", thre, IIR_THRE);
    expect_equal(HERE, "fourth", modem, IIR_MODEM);
    expect_equal(HERE, "last", none, IIR_NONE);
}

static void clearing_the_receiver_fifo_empties_it(void)
{
    prepare(FCR_ENABLE);
    send('x');
    wait_line(LSR_TEMT | LSR_DATA_READY);
    outb(UART_FCR, FCR_ENABLE | FCR_CLEAR_RECEIVER);
    uint8_t line = inb(UART_LSR);
    finish();
    expect(HERE, !(line & LSR_DATA_READY), "data ready");
}

static const struct claim claims[] = {
    CLAIM(scratch_register_keeps_its_byte),
    CLAIM(divisor_is_behind_dlab),
    CLAIM(reserved_bits_read_zero),
    CLAIM(fifo_bits_show_the_fifos),
    CLAIM(loopback_brings_back_what_was_sent),
    CLAIM(fifo_holds_sixteen_bytes_in_order),
    CLAIM(overrun_is_reported_once),
    CLAIM(modem_outputs_come_back_as_inputs),
    CLAIM(modem_changes_are_shown_once),
    CLAIM(transmitter_empty_interrupts),
    CLAIM(reading_iir_ends_the_transmitter_interrupt),
    CLAIM(out_2_gates_the_interrupt),
    CLAIM(trigger_level_is_obeyed),
    CLAIM(timeout_interrupts_for_few_bytes),
    CLAIM(interrupts_have_their_priorities),
    CLAIM(clearing_the_receiver_fifo_empties_it),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
