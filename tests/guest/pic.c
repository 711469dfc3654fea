/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 8259A as a guest sees them: initialisation, masks, requests, service, priorities, the
 * ways of ending an interrupt, polling. Sources: PIT channel 0 on IRQ 0, the UART's transmitter on
 * IRQ 4, the RTC on IRQ 8. Datasheet: Intel 8259A (231468).
 */
#include "tests/guest/lib/pic.h"

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/uart.h"

enum {
    OCW2_SPECIFIC_EOI = 0x60,
    OCW2_ROTATE_ON_EOI = 0xA0,
    OCW2_SET_PRIORITY = 0xC0,
    OCW3_POLL = 0x0C,
    OCW3_SET_SPECIAL_MASK = 0x68,
    OCW3_RESET_SPECIAL_MASK = 0x48,
    ICW1 = 0x11,
    ICW3_MASTER = 0x04,
    ICW4_8086 = 0x01,
    ICW4_AUTO_EOI = 0x02,
    ELCR_MASTER = 0x4D0,
    ELCR_SLAVE = 0x4D1,
    OTHER_VECTOR = 0x70,
    BIT_TIMER = 1 << IRQ_TIMER,
    BIT_COM1 = 1 << IRQ_COM1,
    BIT_RTC = 1 << IRQ_RTC,
    SHORT_CLOCKS = 1200, /* of the PIT, 1 ms */
    SHORT_MS = 5,        /* enough for one interrupt that does come */
    LONG_MS = 500,       /* for what must come, on a loaded machine */
    RTC_INDEX = 0x70,
    RTC_DATA = 0x71,
    RTC_B = 0x0B,
    RTC_C = 0x0C,
    RTC_UPDATE_ENDED = 0x10,
    RTC_PERIODIC = 0x40
};

/* What the handlers have seen. */
static volatile unsigned timer_count, com1_count, rtc_count;
static volatile uint16_t isr_in_handler;
static volatile unsigned nested_count;
static unsigned nested_source; /* what raise_in_handler raises */

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    timer_count++;
    isr_in_handler = pic_isr();
    pic_eoi(IRQ_TIMER);
}

static void on_timer_without_eoi(struct trap_frame *frame)
{
    (void)frame;
    timer_count++;
}

static void on_com1(struct trap_frame *frame)
{
    (void)frame;
    com1_count++;
    uart_lower();
    pic_eoi(IRQ_COM1);
}

static uint8_t rtc_read(uint8_t index)
{
    outb(RTC_INDEX, index);
    return inb(RTC_DATA);
}

static void rtc_write(uint8_t index, uint8_t value)
{
    outb(RTC_INDEX, index);
    outb(RTC_DATA, value);
}

static void on_rtc(struct trap_frame *frame)
{
    (void)frame;
    rtc_count++;
    isr_in_handler = pic_isr();
    rtc_read(RTC_C);
    pic_eoi(IRQ_RTC);
}

/* Handlers for a claim, and counts from zero. */
static void prepare(void)
{
    timer_count = com1_count = rtc_count = nested_count = 0;
    isr_in_handler = 0;
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer);
    trap_handle(PIC_VECTOR + IRQ_COM1, on_com1);
    trap_handle(PIC_VECTOR + IRQ_RTC, on_rtc);
}

/* One PIT interrupt is requested; interrupts may be off. */
static void request_timer(void)
{
    time_pit0_once(SHORT_CLOCKS);
    time_delay(SHORT_MS * 1000);
}

static bool wait_short(const volatile unsigned *counter, unsigned target)
{
    return time_wait_for(counter, target, SHORT_MS);
}

static void timer_arrives_without_any_apic_set_up(void)
{
    prepare();
    time_pit0_periodic(SHORT_CLOCKS);
    pic_open_only(IRQ_TIMER);
    expect(HERE, time_wait_for(&timer_count, 3, LONG_MS), "%u interrupts", timer_count);
}

static void mask_reads_back(void)
{
    static const uint16_t masks[] = {0x5AA5, 0xA55A, 0xFFFF};

    for (unsigned i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        pic_set_mask(masks[i]);
        expect_equal(HERE, "master mask", inb(PIC_MASTER + PIC_DATA), masks[i] & 0xFF);
        expect_equal(HERE, "slave mask", inb(PIC_SLAVE + PIC_DATA), masks[i] >> 8);
    }
}

static void masked_request_waits_in_irr(void)
{
    prepare();
    request_timer();
    expect(HERE, pic_irr() & BIT_TIMER, "IRR is 0x%x", pic_irr());
    expect(HERE, !wait_short(&timer_count, 1), "delivered in spite of its mask");
    pic_open_only(IRQ_TIMER);
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "lost");
    expect(HERE, !(pic_irr() & BIT_TIMER), "IRR is 0x%x after delivery", pic_irr());
}

static void initialisation_clears_masks_and_in_service(void)
{
    prepare();
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer_without_eoi);
    pic_open_only(IRQ_TIMER);
    request_timer();
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no interrupt");
    time_pit0_stop();
    outb(PIC_MASTER, ICW1);
    outb(PIC_MASTER + PIC_DATA, PIC_VECTOR);
    outb(PIC_MASTER + PIC_DATA, ICW3_MASTER);
    outb(PIC_MASTER + PIC_DATA, ICW4_8086);
    uint8_t mask = inb(PIC_MASTER + PIC_DATA);
    uint8_t shown = inb(PIC_MASTER); /* "Status read is set to IRR" */
    expect_equal(HERE, "mask after ICW4", mask, 0);
    outb(PIC_MASTER + PIC_DATA, 0xFF);
    expect_equal(HERE, "ISR of the master", pic_isr() & 0xFF, 0);
    expect_equal(HERE, "IRR of the master", shown & BIT_TIMER, 0);
}

static void vector_follows_icw2(void)
{
    prepare();
    trap_handle(OTHER_VECTOR + IRQ_TIMER, on_timer);
    outb(PIC_MASTER, ICW1);
    outb(PIC_MASTER + PIC_DATA, OTHER_VECTOR);
    outb(PIC_MASTER + PIC_DATA, ICW3_MASTER);
    outb(PIC_MASTER + PIC_DATA, ICW4_8086);
    trap_handle(PIC_VECTOR + IRQ_TIMER, 0);
    pic_open_only(IRQ_TIMER);
    time_pit0_periodic(SHORT_CLOCKS);
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "nothing at the new vector");
}

static void in_service_until_eoi(void)
{
    prepare();
    pic_open_only(IRQ_TIMER);
    request_timer();
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no interrupt");
    expect_equal(HERE, "ISR in the handler", isr_in_handler, BIT_TIMER);
    expect_equal(HERE, "ISR after the EOI", pic_isr(), 0);
}

static void no_further_interrupt_before_eoi(void)
{
    prepare();
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer_without_eoi);
    pic_open_only(IRQ_TIMER);
    time_pit0_periodic(SHORT_CLOCKS);
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no interrupt");
    expect(HERE, !wait_short(&timer_count, 2), "a second one before the EOI");
    pic_eoi(IRQ_TIMER);
    expect(HERE, time_wait_for(&timer_count, 2, LONG_MS), "none after the EOI");
    pic_eoi(IRQ_TIMER);
}

static void specific_eoi_ends_what_it_names(void)
{
    prepare();
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer_without_eoi);
    pic_open_only(IRQ_TIMER);
    request_timer();
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no interrupt");
    outb(PIC_MASTER, OCW2_SPECIFIC_EOI | IRQ_COM1);
    expect_equal(HERE, "ISR after the EOI for another input", pic_isr(), BIT_TIMER);
    outb(PIC_MASTER, OCW2_SPECIFIC_EOI | IRQ_TIMER);
    expect_equal(HERE, "ISR after its own", pic_isr(), 0);
}

static void automatic_eoi_needs_none(void)
{
    prepare();
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer_without_eoi);
    outb(PIC_MASTER, ICW1);
    outb(PIC_MASTER + PIC_DATA, PIC_VECTOR);
    outb(PIC_MASTER + PIC_DATA, ICW3_MASTER);
    outb(PIC_MASTER + PIC_DATA, ICW4_8086 | ICW4_AUTO_EOI);
    pic_open_only(IRQ_TIMER);
    time_pit0_periodic(SHORT_CLOCKS);
    expect(HERE, time_wait_for(&timer_count, 3, LONG_MS), "%u interrupts", timer_count);
    expect_equal(HERE, "ISR", pic_isr() & BIT_TIMER, 0);
}

/* While an interrupt is in service, another one is requested and interrupts are let in. */
static void raise_in_handler(struct trap_frame *frame)
{
    if (frame->vector == PIC_VECTOR + IRQ_COM1) {
        com1_count++;
        uart_lower();
    } else {
        timer_count++;
    }
    if (nested_source == IRQ_TIMER)
        time_pit0_once(SHORT_CLOCKS);
    else
        uart_raise();
    nested_count = time_wait_for(nested_source == IRQ_TIMER ? &timer_count : &com1_count, 1,
                                 nested_source == IRQ_TIMER ? LONG_MS : SHORT_MS);
    pic_eoi((unsigned)frame->vector - PIC_VECTOR);
}

static void higher_priority_interrupts_the_handler(void)
{
    prepare();
    nested_source = IRQ_TIMER;
    trap_handle(PIC_VECTOR + IRQ_COM1, raise_in_handler);
    pic_set_mask((uint16_t) ~(BIT_TIMER | BIT_COM1));
    uart_raise();
    expect(HERE, time_wait_for(&com1_count, 1, LONG_MS), "no interrupt of COM1");
    expect(HERE, nested_count == 1, "the timer did not get through");
}

static void lower_priority_waits_for_the_eoi(void)
{
    prepare();
    nested_source = IRQ_COM1;
    trap_handle(PIC_VECTOR + IRQ_TIMER, raise_in_handler);
    pic_set_mask((uint16_t) ~(BIT_TIMER | BIT_COM1));
    request_timer();
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no timer interrupt");
    expect(HERE, nested_count == 0, "COM1 interrupted the timer's handler");
    expect(HERE, time_wait_for(&com1_count, 1, LONG_MS), "COM1 was lost");
    uart_lower();
}

static void special_mask_mode_lets_lower_priorities_in(void)
{
    prepare();
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer_without_eoi);
    pic_open_only(IRQ_TIMER);
    request_timer();
    expect(HERE, time_wait_for(&timer_count, 1, LONG_MS), "no timer interrupt");
    time_pit0_stop();
    pic_open_only(IRQ_COM1); /* masks the timer, which is in service */
    uart_raise();
    expect(HERE, !wait_short(&com1_count, 1), "COM1 came without special mask mode");
    outb(PIC_MASTER, OCW3_SET_SPECIAL_MASK);
    expect(HERE, time_wait_for(&com1_count, 1, LONG_MS), "COM1 did not come");
    outb(PIC_MASTER, OCW3_RESET_SPECIAL_MASK);
    outb(PIC_MASTER, OCW2_SPECIFIC_EOI | IRQ_TIMER);
    uart_lower();
}

static volatile unsigned order[2], order_count;

static void note_order(struct trap_frame *frame)
{
    if (order_count < 2)
        order[order_count] = (unsigned)frame->vector - PIC_VECTOR;
    order_count++;
    if (frame->vector == PIC_VECTOR + IRQ_COM1)
        uart_lower();
    pic_eoi((unsigned)frame->vector - PIC_VECTOR);
}

/* Both inputs are requested, then interrupts are let in; which comes first? */
static unsigned first_of_both(void)
{
    order_count = 0;
    trap_handle(PIC_VECTOR + IRQ_TIMER, note_order);
    trap_handle(PIC_VECTOR + IRQ_COM1, note_order);
    pic_set_mask((uint16_t) ~(BIT_TIMER | BIT_COM1));
    request_timer();
    uart_raise();
    expect(HERE, time_wait_for(&order_count, 2, LONG_MS), "%u of two interrupts", order_count);
    uart_lower();
    return order[0];
}

static void lowest_number_has_the_highest_priority(void)
{
    expect_equal(HERE, "first", first_of_both(), IRQ_TIMER);
}

static void priority_can_be_set(void)
{
    outb(PIC_MASTER, OCW2_SET_PRIORITY | IRQ_TIMER); /* IRQ 0 becomes the lowest */
    expect_equal(HERE, "first", first_of_both(), IRQ_COM1);
}

static void poll_acknowledges(void)
{
    prepare();
    request_timer();
    outb(PIC_MASTER, OCW3_POLL);
    expect_equal(HERE, "poll with all inputs masked", inb(PIC_MASTER) & 0x80, 0);
    pic_open_only(IRQ_TIMER);
    outb(PIC_MASTER, OCW3_POLL);
    expect_equal(HERE, "poll", inb(PIC_MASTER) & 0x87, 0x80 | IRQ_TIMER);
    expect_equal(HERE, "ISR", pic_isr(), BIT_TIMER);
    pic_eoi(IRQ_TIMER);
    expect(HERE, !wait_short(&timer_count, 1), "delivered after it was polled");
}

static void lowered_line_withdraws_its_request(void)
{
    prepare();
    uart_raise();
    expect(HERE, pic_irr() & BIT_COM1, "IRR is 0x%x", pic_irr());
    uart_lower();
    pic_open_only(IRQ_COM1);
    expect(HERE, !wait_short(&com1_count, 1), "delivered all the same");
}

static void slave_interrupt_passes_both_chips(void)
{
    uint8_t b = rtc_read(RTC_B);

    prepare();
    rtc_read(RTC_C);
    rtc_write(RTC_B, (uint8_t)(b | RTC_PERIODIC));
    pic_open_only(IRQ_RTC);
    bool arrived = time_wait_for(&rtc_count, 2, LONG_MS);
    rtc_write(RTC_B, b);
    rtc_read(RTC_C);
    expect(HERE, arrived, "%u interrupts of the RTC", rtc_count);
    expect_equal(HERE, "both ISRs in the handler", isr_in_handler, BIT_RTC | 1 << PIC_CASCADE);
    expect_equal(HERE, "both ISRs after the EOIs", pic_isr(), 0);
}

static void level_control_registers_keep_their_bits(void)
{
    uint8_t master = inb(ELCR_MASTER), slave = inb(ELCR_SLAVE);

    outb(ELCR_MASTER, 0x20);
    outb(ELCR_SLAVE, 0x0C);
    expect_equal(HERE, "ELCR of the master", inb(ELCR_MASTER), 0x20);
    expect_equal(HERE, "ELCR of the slave", inb(ELCR_SLAVE), 0x0C);
    outb(ELCR_MASTER, 0xFF); /* IRQ 0, 1 and 2, 8 and 13 are edge-triggered always */
    outb(ELCR_SLAVE, 0xFF);
    expect_equal(HERE, "ELCR of the master with all set", inb(ELCR_MASTER), 0xF8);
    expect_equal(HERE, "ELCR of the slave with all set", inb(ELCR_SLAVE), 0xDE);
    outb(ELCR_MASTER, master);
    outb(ELCR_SLAVE, slave);
}

static void level_triggered_input_comes_again_while_raised(void)
{
    uint8_t elcr = inb(ELCR_MASTER);

    prepare();
    trap_handle(PIC_VECTOR + IRQ_COM1, note_order);
    order_count = 0;
    outb(ELCR_MASTER, (uint8_t)(elcr | BIT_COM1));
    pic_open_only(IRQ_COM1);
    uart_raise();
    expect(HERE, time_wait_for(&order_count, 1, LONG_MS), "no interrupt");
    expect(HERE, !wait_short(&order_count, 2), "another one though the line is low");
    outb(ELCR_MASTER, elcr);
}

static void halt_ends_with_the_interrupt(void)
{
    prepare();
    pic_open_only(IRQ_TIMER);
    time_pit0_once(SHORT_CLOCKS);
    sti_hlt();
    cli();
    expect_equal(HERE, "interrupts", timer_count, 1);
}

static const struct claim claims[] = {
    CLAIM(timer_arrives_without_any_apic_set_up),
    CLAIM(mask_reads_back),
    CLAIM(masked_request_waits_in_irr),
    CLAIM(initialisation_clears_masks_and_in_service),
    CLAIM(vector_follows_icw2),
    CLAIM(in_service_until_eoi),
    CLAIM(no_further_interrupt_before_eoi),
    CLAIM(specific_eoi_ends_what_it_names),
    CLAIM(automatic_eoi_needs_none),
    CLAIM(higher_priority_interrupts_the_handler),
    CLAIM(lower_priority_waits_for_the_eoi),
    CLAIM(special_mask_mode_lets_lower_priorities_in),
    CLAIM(lowest_number_has_the_highest_priority),
    CLAIM(priority_can_be_set),
    CLAIM(poll_acknowledges),
    CLAIM(lowered_line_withdraws_its_request),
    CLAIM(slave_interrupt_passes_both_chips),
    CLAIM(level_control_registers_keep_their_bits),
    CLAIM(level_triggered_input_comes_again_while_raised),
    CLAIM(halt_ends_with_the_interrupt),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
