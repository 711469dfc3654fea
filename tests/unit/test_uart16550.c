/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for the 16550A: every register, transmission with a sink that may refuse, reception in
 * 16450 and FIFO mode, trigger levels and time-out, each interrupt source with its priority and
 * what clears it, overrun, break, modem lines and loopback.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/wire.h"
#include "vmm/devemu/uart16550.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, FCR = IIR, DLL = RBR, DLM = IER };
enum { ERBFI = 1, ETBEI = 2, ELSI = 4, EDSSI = 8 };
enum { NONE = 0x01, MODEM = 0x00, EMPTY = 0x02, DATA = 0x04, LINE = 0x06, TIMEOUT = 0x0c };
enum { DTR = 0x01, RTS = 0x02, OUT1 = 0x04, OUT2 = 0x08, LOOP = 0x10 };
enum { DR = 0x01, OE = 0x02, BI = 0x10, THRE = 0x20, TEMT = 0x40, FIFO_ERROR = 0x80 };
enum { ID = 0x0f, FIFOS = 0xc0, TSC_HZ = 115200 * 10 };

static struct {
    struct uart16550 uart;
    struct wire irq;
    uint8_t sent[64];
    unsigned count;
    unsigned room; /* bytes that the sink still takes */
} f;

static bool sink(void *ctx, uint8_t byte)
{
    (void)ctx;
    if (f.room == 0) {
        return false;
    }
    f.room--;
    f.sent[f.count++] = byte;
    return true;
}

static uint8_t in(unsigned reg)
{
    return (uint8_t)uart16550_read(&f.uart, reg, 1, 0);
}

static void out(unsigned reg, uint8_t value)
{
    uart16550_write(&f.uart, reg, 1, value, 0);
}

static int start(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.room = sizeof(f.sent);
    uart16550_init(&f.uart, TSC_HZ, (struct uart16550_sink){.tx = sink}, wire_line(&f.irq));
    out(MCR, OUT2);
    return 0;
}

static void receive(unsigned count, uint64_t now)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(uart16550_rx(&f.uart, (uint8_t)('a' + i), now));
    }
}

static void reset_state_is_the_datasheets(void **state)
{
    (void)state;
    uart16550_init(&f.uart, TSC_HZ, (struct uart16550_sink){.tx = sink}, wire_line(&f.irq));
    assert_int_equal(in(IER), 0);
    assert_int_equal(in(IIR), NONE);
    assert_int_equal(in(LCR), 0);
    assert_int_equal(in(MCR), 0);
    assert_int_equal(in(LSR), THRE | TEMT);
    assert_int_equal(in(MSR), 0xb0);
    assert_false(f.irq.level);
}

static void scratch_and_control_registers_keep_their_bits(void **state)
{
    (void)state;
    out(SCR, 0xa5);
    assert_int_equal(in(SCR), 0xa5);
    out(LCR, 0x7f);
    assert_int_equal(in(LCR), 0x7f);
    out(MCR, 0xef);
    assert_int_equal(in(MCR), 0x0f);
    out(IER, 0xff);
    assert_int_equal(in(IER), 0x0f);
    out(LSR, 0xff);
    out(MSR, 0xff);
    assert_int_equal(in(LSR), THRE | TEMT);
}

static void dlab_shows_the_divisor(void **state)
{
    (void)state;
    out(IER, ERBFI);
    out(LCR, 0x83);
    out(DLL, 0x34);
    out(DLM, 0x12);
    assert_int_equal(in(DLL), 0x34);
    assert_int_equal(in(DLM), 0x12);
    assert_int_equal(f.count, 0);
    out(LCR, 0x03);
    assert_int_equal(in(IER), ERBFI);
}

static void word_access_reaches_two_registers(void **state)
{
    (void)state;
    out(LCR, 0x80);
    uart16550_write(&f.uart, DLL, 2, 0x0102, 0);
    assert_int_equal(uart16550_read(&f.uart, DLL, 2, 0), 0x0102);
    assert_int_equal(uart16550_read(&f.uart, SCR, 2, 0), 0xff00);
}

static void fifo_bits_in_iir_follow_fcr(void **state)
{
    (void)state;
    out(FCR, 0x01);
    assert_int_equal(in(IIR), FIFOS | NONE);
    out(FCR, 0x00);
    assert_int_equal(in(IIR), NONE);
}

static void transmitted_bytes_reach_the_sink(void **state)
{
    (void)state;
    out(THR, 'x');
    out(THR, 'y');
    assert_int_equal(f.count, 2);
    assert_memory_equal(f.sent, "xy", 2);
    assert_int_equal(in(LSR), THRE | TEMT);
}

static void refused_byte_keeps_thre_clear_until_ready(void **state)
{
    (void)state;
    f.room = 0;
    out(THR, 'x');
    assert_int_equal(in(LSR), 0);
    uart16550_tx_ready(&f.uart);
    assert_int_equal(in(LSR), 0);
    f.room = 1;
    uart16550_tx_ready(&f.uart);
    assert_int_equal(in(LSR), THRE | TEMT);
    assert_int_equal(f.sent[0], 'x');
}

static void transmit_fifo_holds_sixteen(void **state)
{
    (void)state;
    out(FCR, 0x01);
    f.room = 0;
    for (uint8_t i = 0; i < 20; i++) {
        out(THR, i);
    }
    f.room = 64;
    uart16550_tx_ready(&f.uart);
    assert_int_equal(f.count, 16);
    assert_int_equal(f.sent[15], 15);
}

static void partly_drained_fifo_is_not_empty(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(IER, ETBEI);
    (void)in(IIR);
    f.room = 1;
    out(THR, 'a');
    (void)in(IIR);
    out(THR, 'b');
    assert_int_equal(in(LSR)&THRE, 0);
    assert_false(f.irq.level);
    f.room = 1;
    uart16550_tx_ready(&f.uart);
    assert_true(f.irq.level);
    assert_memory_equal(f.sent, "ab", 2);
}

static void clearing_the_transmit_fifo_drops_its_bytes(void **state)
{
    (void)state;
    out(FCR, 0x01);
    f.room = 0;
    out(THR, 'a');
    out(FCR, 0x05);
    assert_int_equal(in(LSR), THRE | TEMT);
    f.room = 1;
    uart16550_tx_ready(&f.uart);
    assert_int_equal(f.count, 0);
}

static void enabling_thre_interrupts_at_once_and_iir_clears_it(void **state)
{
    (void)state;
    out(IER, ETBEI);
    assert_true(f.irq.level);
    assert_int_equal(in(IIR), EMPTY);
    assert_false(f.irq.level);
    assert_int_equal(in(IIR), NONE);
    out(IER, 0);
    out(IER, ETBEI);
    assert_int_equal(in(IIR), EMPTY);
}

static void each_byte_sent_is_a_new_thre_edge(void **state)
{
    (void)state;
    out(IER, ETBEI);
    const unsigned before = f.irq.rises;

    out(THR, 'x');
    assert_int_equal(f.irq.rises, before + 1);
    (void)in(IIR);
    out(THR, 'y');
    assert_int_equal(f.irq.rises, before + 2);
}

static void iir_read_for_another_source_leaves_thre(void **state)
{
    (void)state;
    out(IER, ERBFI | ETBEI);
    receive(1, 0);
    assert_int_equal(in(IIR), DATA);
    (void)in(RBR);
    assert_int_equal(in(IIR), EMPTY);
}

static void received_byte_interrupts_until_read(void **state)
{
    (void)state;
    out(IER, ERBFI);
    receive(1, 0);
    assert_true(f.irq.level);
    assert_int_equal(in(LSR), THRE | TEMT | DR);
    assert_int_equal(in(IIR), DATA);
    assert_int_equal(in(RBR), 'a');
    assert_false(f.irq.level);
    assert_int_equal(in(LSR), THRE | TEMT);
    assert_int_equal(in(RBR), 0);
}

static void receiver_without_fifo_takes_one(void **state)
{
    (void)state;
    assert_true(uart16550_rx_room(&f.uart));
    receive(1, 0);
    assert_false(uart16550_rx_room(&f.uart));
    assert_false(uart16550_rx(&f.uart, 'z', 0));
    assert_int_equal(in(RBR), 'a');
}

static void receive_fifo_takes_sixteen_in_order(void **state)
{
    (void)state;
    out(FCR, 0x01);
    receive(16, 0);
    assert_false(uart16550_rx(&f.uart, 'z', 0));
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(in(RBR), 'a' + i);
    }
    assert_int_equal(in(LSR)&DR, 0);
}

static void trigger_levels_are_1_4_8_14(void **state)
{
    static const unsigned level[] = {1, 4, 8, 14};

    (void)state;
    out(IER, ERBFI);
    for (uint8_t i = 0; i < 4; i++) {
        out(FCR, (uint8_t)(i << 6 | 0x03));
        receive(level[i] - 1, 0);
        assert_false(f.irq.level);
        receive(1, 0);
        assert_int_equal(in(IIR), FIFOS | DATA);
        (void)in(RBR);
        assert_false(f.irq.level);
    }
}

static void timeout_comes_four_characters_after_the_last(void **state)
{
    /* 8n1 at divisor 1: ten bits each, ten TSC ticks a bit. */
    const uint64_t length = 4 * 10 * 10;

    (void)state;
    out(LCR, 0x83);
    out(DLL, 1);
    out(DLM, 0);
    out(LCR, 0x03);
    out(FCR, 0xc1);
    out(IER, ERBFI);
    receive(1, 1000);
    receive(1, 1100);
    assert_int_equal(uart16550_deadline(&f.uart), 1100 + length);
    uart16550_advance(&f.uart, 1100 + length - 1);
    assert_false(f.irq.level);
    uart16550_advance(&f.uart, 1100 + length);
    assert_true(f.irq.level);
    assert_int_equal(uart16550_read(&f.uart, IIR, 1, 1600), FIFOS | TIMEOUT);
    assert_int_equal(uart16550_read(&f.uart, RBR, 1, 1600), 'a');
    assert_false(f.irq.level);
    assert_int_equal(uart16550_deadline(&f.uart), 1600 + length); /* one is left */
    assert_int_equal(uart16550_read(&f.uart, RBR, 1, 1700), 'a');
    assert_true(uart16550_deadline(&f.uart) == UINT64_MAX);
}

static void timeout_length_follows_the_line_control(void **state)
{
    (void)state;
    out(LCR, 0x80);
    out(DLL, 2);
    out(DLM, 0);
    out(LCR, 0x0f); /* 8 bits, 2 stop bits, parity */
    out(FCR, 0x41);
    out(IER, ERBFI);
    receive(1, 0);
    assert_int_equal(uart16550_deadline(&f.uart), 4 * 12 * 2 * 10);
}

static void no_timeout_without_fifo_or_interest(void **state)
{
    (void)state;
    out(IER, ERBFI);
    receive(1, 0);
    assert_true(uart16550_deadline(&f.uart) == UINT64_MAX);
    out(FCR, 0x41);
    out(IER, 0);
    receive(1, 0);
    assert_true(uart16550_deadline(&f.uart) == UINT64_MAX);
}

static void trigger_level_outranks_timeout(void **state)
{
    (void)state;
    out(FCR, 0x41);
    out(IER, ERBFI);
    receive(4, 0);
    uart16550_advance(&f.uart, UINT64_C(1) << 40);
    assert_int_equal(in(IIR), FIFOS | DATA);
    (void)in(RBR);
    assert_int_equal(in(IIR), FIFOS | NONE);
}

static void switching_fifos_clears_them(void **state)
{
    (void)state;
    out(FCR, 0x01);
    receive(3, 0);
    out(FCR, 0x00);
    assert_int_equal(in(LSR)&DR, 0);
    receive(1, 0);
    out(FCR, 0x01);
    assert_int_equal(in(LSR)&DR, 0);
    receive(1, 0);
    out(FCR, 0x01);
    assert_int_equal(in(LSR)&DR, DR);
    out(FCR, 0x03);
    assert_int_equal(in(LSR)&DR, 0);
}

static void loopback_returns_bytes_and_spares_the_sink(void **state)
{
    (void)state;
    out(MCR, OUT2 | LOOP);
    out(THR, 'q');
    assert_int_equal(f.count, 0);
    assert_int_equal(in(RBR), 'q');
    assert_false(uart16550_rx(&f.uart, 'z', 0));
    assert_false(uart16550_rx_room(&f.uart));
}

static void loopback_ties_modem_outputs_to_inputs(void **state)
{
    static const struct {
        uint8_t mcr, msr;
    } pair[] = {{RTS, 0x10}, {DTR, 0x20}, {OUT1, 0x40}, {OUT2, 0x80}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        out(MCR, LOOP | pair[i].mcr);
        assert_int_equal(in(MSR)&0xf0, pair[i].msr);
    }
}

static void modem_changes_interrupt_until_msr_is_read(void **state)
{
    (void)state;
    out(MCR, OUT2 | LOOP);
    (void)in(MSR);
    out(IER, EDSSI);
    assert_false(f.irq.level);
    out(MCR, OUT2 | LOOP | RTS | DTR);
    assert_int_equal(in(IIR), MODEM);
    assert_true(f.irq.level);
    assert_int_equal(in(MSR), 0xb3);
    assert_false(f.irq.level);
    assert_int_equal(in(MSR), 0xb0);
}

static void ring_counts_when_it_ends(void **state)
{
    (void)state;
    out(MCR, LOOP | OUT1);
    (void)in(MSR);
    out(MCR, LOOP | OUT1);
    assert_int_equal(in(MSR), 0x40);
    out(MCR, LOOP);
    assert_int_equal(in(MSR), 0x04);
    out(MCR, LOOP | OUT1);
    assert_int_equal(in(MSR), 0x40);
}

static void overrun_replaces_rbr_without_fifo(void **state)
{
    (void)state;
    out(MCR, OUT2 | LOOP);
    out(IER, ELSI);
    out(THR, '1');
    assert_false(f.irq.level);
    out(THR, '2');
    assert_int_equal(in(IIR), LINE);
    assert_int_equal(in(LSR), THRE | TEMT | DR | OE);
    assert_false(f.irq.level);
    assert_int_equal(in(LSR)&OE, 0);
    assert_int_equal(in(RBR), '2');
}

static void overrun_keeps_a_full_fifo(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(MCR, OUT2 | LOOP);
    for (uint8_t i = 0; i < 17; i++) {
        out(THR, i);
    }
    assert_int_equal(in(LSR) & (OE | FIFO_ERROR), OE);
    for (uint8_t i = 0; i < 16; i++) {
        assert_int_equal(in(RBR), i);
    }
    assert_int_equal(in(LSR)&DR, 0);
}

static void break_shows_when_it_reaches_the_top(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(MCR, OUT2 | LOOP);
    out(IER, ELSI);
    out(THR, 'a');
    out(LCR, 0x43);
    assert_int_equal(in(LSR) & (BI | FIFO_ERROR), FIFO_ERROR);
    assert_false(f.irq.level);
    (void)in(RBR);
    assert_true(f.irq.level);
    assert_int_equal(in(IIR), FIFOS | LINE);
    assert_int_equal(in(LSR) & (BI | FIFO_ERROR | DR), BI | FIFO_ERROR | DR);
    assert_int_equal(in(LSR) & (BI | FIFO_ERROR | DR), DR);
    assert_int_equal(in(RBR), 0);
}

static void break_is_one_character_however_long(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(MCR, OUT2 | LOOP);
    out(LCR, 0x43);
    out(LCR, 0x42);
    (void)in(RBR);
    assert_int_equal(in(LSR)&DR, 0);
    out(LCR, 0x03);
    out(LCR, 0x43);
    assert_int_equal(in(LSR)&DR, DR);
}

static void sources_are_shown_by_priority(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(IER, ERBFI | ETBEI | ELSI | EDSSI);
    out(MCR, OUT2 | LOOP);
    out(LCR, 0x43);
    assert_int_equal(in(IIR), FIFOS | LINE);
    (void)in(LSR);
    assert_int_equal(in(IIR), FIFOS | DATA);
    (void)in(RBR);
    assert_int_equal(in(IIR), FIFOS | EMPTY);
    assert_int_equal(in(IIR), FIFOS | MODEM);
    (void)in(MSR);
    assert_int_equal(in(IIR), FIFOS | NONE);
    assert_false(f.irq.level);
}

static void out2_gates_the_interrupt_line(void **state)
{
    (void)state;
    out(MCR, 0);
    out(IER, ERBFI);
    receive(1, 0);
    assert_false(f.irq.level);
    assert_int_equal(in(IIR), DATA);
    out(MCR, OUT2);
    assert_true(f.irq.level);
}

static void byte_held_by_the_sink_goes_round_in_loopback(void **state)
{
    (void)state;
    f.room = 0;
    out(THR, 'h');
    out(MCR, OUT2 | LOOP);
    assert_int_equal(in(LSR) & (THRE | DR), THRE | DR);
    assert_int_equal(in(RBR), 'h');
}

static void clearing_the_transmit_fifo_makes_it_empty(void **state)
{
    (void)state;
    out(FCR, 0x01);
    out(IER, ETBEI);
    f.room = 0;
    out(THR, 'a');
    assert_false(f.irq.level);
    out(FCR, 0x05);
    assert_true(f.irq.level);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_state_is_the_datasheets),
        cmocka_unit_test(scratch_and_control_registers_keep_their_bits),
        cmocka_unit_test(dlab_shows_the_divisor),
        cmocka_unit_test(word_access_reaches_two_registers),
        cmocka_unit_test(fifo_bits_in_iir_follow_fcr),
        cmocka_unit_test(transmitted_bytes_reach_the_sink),
        cmocka_unit_test(refused_byte_keeps_thre_clear_until_ready),
        cmocka_unit_test(transmit_fifo_holds_sixteen),
        cmocka_unit_test(partly_drained_fifo_is_not_empty),
        cmocka_unit_test(clearing_the_transmit_fifo_drops_its_bytes),
        cmocka_unit_test(enabling_thre_interrupts_at_once_and_iir_clears_it),
        cmocka_unit_test(each_byte_sent_is_a_new_thre_edge),
        cmocka_unit_test(iir_read_for_another_source_leaves_thre),
        cmocka_unit_test(received_byte_interrupts_until_read),
        cmocka_unit_test(receiver_without_fifo_takes_one),
        cmocka_unit_test(receive_fifo_takes_sixteen_in_order),
        cmocka_unit_test(trigger_levels_are_1_4_8_14),
        cmocka_unit_test(timeout_comes_four_characters_after_the_last),
        cmocka_unit_test(timeout_length_follows_the_line_control),
        cmocka_unit_test(no_timeout_without_fifo_or_interest),
        cmocka_unit_test(trigger_level_outranks_timeout),
        cmocka_unit_test(switching_fifos_clears_them),
        cmocka_unit_test(loopback_returns_bytes_and_spares_the_sink),
        cmocka_unit_test(loopback_ties_modem_outputs_to_inputs),
        cmocka_unit_test(modem_changes_interrupt_until_msr_is_read),
        cmocka_unit_test(ring_counts_when_it_ends),
        cmocka_unit_test(overrun_replaces_rbr_without_fifo),
        cmocka_unit_test(overrun_keeps_a_full_fifo),
        cmocka_unit_test(break_shows_when_it_reaches_the_top),
        cmocka_unit_test(break_is_one_character_however_long),
        cmocka_unit_test(sources_are_shown_by_priority),
        cmocka_unit_test(out2_gates_the_interrupt_line),
        cmocka_unit_test(byte_held_by_the_sink_goes_round_in_loopback),
        cmocka_unit_test(clearing_the_transmit_fifo_makes_it_empty),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
