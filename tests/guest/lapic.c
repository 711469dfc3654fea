/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC in xAPIC mode: software enable, IPIs to the CPU itself, priorities, EOI, errors,
 * LINT0. The timer is lapic_timer.c, x2APIC mode x2apic.c. Manual: SDM volume 3, "Advanced
 * Programmable Interrupt Controller (APIC)".
 */
#include "tests/guest/lib/lapic.h"

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum {
    LOW = 0x51, /* two vectors of different priority classes */
    HIGH = 0x81,
    HIGH_TWIN = 0x8E, /* of the same class as HIGH */
    ILLEGAL = 0x05,
    LONG_MS = 500,
    SHORT_MS = 3,
    LOWEST_VERSION = 0x10,
    HIGHEST_VERSION = 0x15,
    CLASS_SHIFT = 4
};

static volatile unsigned low_count, high_count, nmi_count, timer_count;
static volatile bool isr_seen, nested;
static unsigned send_in_handler; /* vector, 0: none */

static void on_low(struct trap_frame *frame)
{
    (void)frame;
    low_count++;
    isr_seen = lapic_bit(LAPIC_ISR, LOW);
    if (send_in_handler == HIGH) {
        lapic_send(0, HIGH | LAPIC_TO_SELF);
        nested = time_wait_for(&high_count, 1, SHORT_MS);
    }
    lapic_eoi();
}

static void on_high(struct trap_frame *frame)
{
    (void)frame;
    high_count++;
    if (send_in_handler == LOW) {
        lapic_send(0, LOW | LAPIC_TO_SELF);
        nested = time_wait_for(&low_count, 1, SHORT_MS);
    }
    lapic_eoi();
}

static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmi_count++;
}

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    timer_count++;
    pic_eoi(IRQ_TIMER);
}

static void prepare(void)
{
    lapic_enable();
    low_count = high_count = nmi_count = timer_count = 0;
    isr_seen = nested = false;
    send_in_handler = 0;
    trap_handle(LOW, on_low);
    trap_handle(HIGH, on_high);
    trap_handle(HIGH_TWIN, on_high);
    trap_handle(TRAP_NMI, on_nmi);
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer);
}

static void id_is_that_of_cpuid(void)
{
    expect_equal(HERE, "APIC ID", lapic_id(), cpuid(1, 0).ebx >> 24);
}

static void version_and_lvt_entries_are_those_of_an_integrated_apic(void)
{
    uint32_t version = lapic_read(LAPIC_VERSION);

    expect_between(HERE, "version", version & 0xFF, LOWEST_VERSION, HIGHEST_VERSION);
    expect_between(HERE, "highest LVT entry", version >> 16 & 0xFF, 3, 6);
}

static void lvt_entries_are_masked_while_disabled(void)
{
    prepare();
    lapic_write(LAPIC_LVT_LINT1, LOW);
    lapic_write(LAPIC_SVR, LAPIC_SPURIOUS_VECTOR);
    expect(HERE, lapic_read(LAPIC_LVT_LINT1) & LAPIC_MASKED, "LINT1 is not masked");
    lapic_write(LAPIC_LVT_LINT1, LOW);
    expect(HERE, lapic_read(LAPIC_LVT_LINT1) & LAPIC_MASKED, "its mask could be cleared");
    lapic_enable();
    lapic_write(LAPIC_LVT_LINT1, LOW);
    expect(HERE, !(lapic_read(LAPIC_LVT_LINT1) & LAPIC_MASKED), "its mask cannot be cleared");
    lapic_enable();
}

static void ipi_by_shorthand_arrives(void)
{
    prepare();
    lapic_send(0, LOW | LAPIC_TO_SELF);
    expect(HERE, lapic_bit(LAPIC_IRR, LOW), "IRR does not show it");
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "to self: no interrupt");
    lapic_send(0, LOW | LAPIC_TO_ALL);
    expect(HERE, time_wait_for(&low_count, 2, LONG_MS), "to all including self: no interrupt");
}

static void ipi_to_others_does_not_come_back(void)
{
    prepare();
    lapic_send(0, LOW | LAPIC_TO_OTHERS);
    expect(HERE, !time_wait_for(&low_count, 1, SHORT_MS), "it came");
}

static void ipi_by_physical_destination_arrives(void)
{
    prepare();
    lapic_send(lapic_id(), LOW);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "no interrupt");
    lapic_send(lapic_id() + 1, LOW);
    expect(HERE, !time_wait_for(&low_count, 2, SHORT_MS), "one for another CPU came");
}

static void ipi_by_logical_destination_arrives(void)
{
    prepare();
    lapic_send(1, LOW | LAPIC_LOGICAL);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "no interrupt");
    lapic_send(2, LOW | LAPIC_LOGICAL);
    expect(HERE, !time_wait_for(&low_count, 2, SHORT_MS), "one for another logical ID came");
}

static void nmi_ipi_arrives_with_interrupts_off(void)
{
    prepare();
    lapic_send(lapic_id(), LAPIC_DELIVERY_NMI);
    time_delay(SHORT_MS * 1000);
    expect_equal(HERE, "NMIs", nmi_count, 1);
}

static void eoi_takes_the_vector_out_of_service(void)
{
    prepare();
    lapic_send(0, LOW | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "no interrupt");
    expect(HERE, isr_seen, "ISR was clear in the handler");
    expect(HERE, !lapic_bit(LAPIC_ISR, LOW), "ISR is set after the EOI");
    expect(HERE, !lapic_bit(LAPIC_IRR, LOW), "IRR is set after delivery");
}

static void same_vector_twice_is_kept_once(void)
{
    prepare();
    lapic_send(0, LOW | LAPIC_TO_SELF);
    lapic_send(0, LOW | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "no interrupt");
    expect(HERE, !time_wait_for(&low_count, 2, SHORT_MS), "twice");
}

static void task_priority_holds_its_class_back(void)
{
    prepare();
    lapic_write(LAPIC_TPR, HIGH & 0xF0);
    lapic_send(0, HIGH | LAPIC_TO_SELF);
    lapic_send(0, LOW | LAPIC_TO_SELF);
    expect(HERE, !time_wait_for(&high_count, 1, SHORT_MS), "the same class came through");
    expect_equal(HERE, "interrupts of a lower class", low_count, 0);
    lapic_write(LAPIC_TPR, (HIGH & 0xF0) - 0x10);
    expect(HERE, time_wait_for(&high_count, 1, LONG_MS), "held back by a lower TPR");
    expect_equal(HERE, "interrupts of a lower class", low_count, 0);
    lapic_write(LAPIC_TPR, 0);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "held back by TPR 0");
}

static void cr8_is_the_task_priority(void)
{
    prepare();
    write_cr8(HIGH >> CLASS_SHIFT);
    expect_equal(HERE, "TPR after MOV CR8", lapic_read(LAPIC_TPR), HIGH & 0xF0);
    lapic_send(0, HIGH | LAPIC_TO_SELF);
    expect(HERE, !time_wait_for(&high_count, 1, SHORT_MS), "not held back");
    lapic_write(LAPIC_TPR, 0x30);
    expect_equal(HERE, "CR8 after a write to TPR", read_cr8(), 3);
    expect(HERE, time_wait_for(&high_count, 1, LONG_MS), "held back");
    lapic_send(0, HIGH | LAPIC_TO_SELF);
    write_cr8(0xF);
    write_cr8(0);
    expect(HERE, time_wait_for(&high_count, 2, LONG_MS), "held back by CR8 0");
}

static void processor_priority_is_the_higher_of_both(void)
{
    prepare();
    lapic_write(LAPIC_TPR, 0x45);
    expect_equal(HERE, "PPR with nothing in service", lapic_read(LAPIC_PPR), 0x45);
    lapic_write(LAPIC_TPR, 0);
}

static void higher_class_interrupts_the_handler(void)
{
    prepare();
    send_in_handler = HIGH;
    lapic_send(0, LOW | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "no interrupt");
    expect(HERE, nested, "it had to wait");
}

static void lower_class_waits_for_the_eoi(void)
{
    prepare();
    send_in_handler = LOW;
    lapic_send(0, HIGH | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&high_count, 1, LONG_MS), "no interrupt");
    expect(HERE, !nested, "it interrupted the handler");
    send_in_handler = 0;
    expect(HERE, time_wait_for(&low_count, 1, LONG_MS), "it was lost");
}

static volatile unsigned order[2], order_count;

static void note_order(struct trap_frame *frame)
{
    if (order_count < 2)
        order[order_count] = (unsigned)frame->vector;
    order_count++;
    lapic_eoi();
}

static void higher_vector_comes_first(void)
{
    prepare();
    order_count = 0;
    trap_handle(HIGH, note_order);
    trap_handle(HIGH_TWIN, note_order);
    lapic_send(0, HIGH | LAPIC_TO_SELF);
    lapic_send(0, HIGH_TWIN | LAPIC_TO_SELF);
    expect(HERE, time_wait_for(&order_count, 2, LONG_MS), "%u interrupts", order_count);
    expect_equal(HERE, "first", order[0], HIGH_TWIN);
}

static void illegal_vector_is_an_error(void)
{
    prepare();
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_ESR, 0);
    lapic_send(0, ILLEGAL | LAPIC_TO_SELF);
    lapic_write(LAPIC_ESR, 0);
    /* A self-IPI is sent and received: "Error Status Register (ESR)" lets either bit name it. */
    expect(HERE, lapic_read(LAPIC_ESR) & (LAPIC_ESR_SEND_VECTOR | LAPIC_ESR_RECEIVE_VECTOR),
           "ESR is 0x%x", lapic_read(LAPIC_ESR));
    lapic_write(LAPIC_ESR, 0);
    expect_equal(HERE, "ESR after the next write", lapic_read(LAPIC_ESR), 0);
}

static void error_interrupt_is_delivered(void)
{
    prepare();
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_ESR, 0);
    lapic_write(LAPIC_LVT_ERROR, LOW);
    lapic_send(0, ILLEGAL | LAPIC_TO_SELF);
    bool came = time_wait_for(&low_count, 1, LONG_MS);
    lapic_enable();
    lapic_write(LAPIC_ESR, 0);
    expect(HERE, came, "no interrupt");
}

static void lint0_passes_the_pic_unless_masked(void)
{
    prepare();
    pic_open_only(IRQ_TIMER);
    time_pit0_periodic(1200);
    expect(HERE, !time_wait_for(&timer_count, 1, SHORT_MS), "delivered with LINT0 masked");
    lapic_write(LAPIC_LVT_LINT0, LAPIC_DELIVERY_EXTINT);
    expect(HERE, time_wait_for(&timer_count, 2, LONG_MS), "not delivered with LINT0 as ExtINT");
    expect_equal(HERE, "ISR of the vector in the APIC", lapic_bit(LAPIC_ISR, PIC_VECTOR), 0);
    time_pit0_stop();
    time_wait_for(&timer_count, UINT32_MAX, 1);
    lapic_enable();
}

static void halt_ends_with_an_ipi(void)
{
    prepare();
    lapic_send(0, LOW | LAPIC_TO_SELF);
    sti_hlt();
    cli();
    expect_equal(HERE, "interrupts", low_count, 1);
}

static const struct claim claims[] = {
    CLAIM(id_is_that_of_cpuid),
    CLAIM(version_and_lvt_entries_are_those_of_an_integrated_apic),
    CLAIM(lvt_entries_are_masked_while_disabled),
    CLAIM(ipi_by_shorthand_arrives),
    CLAIM(ipi_to_others_does_not_come_back),
    CLAIM(ipi_by_physical_destination_arrives),
    CLAIM(ipi_by_logical_destination_arrives),
    CLAIM(nmi_ipi_arrives_with_interrupts_off),
    CLAIM(eoi_takes_the_vector_out_of_service),
    CLAIM(same_vector_twice_is_kept_once),
    CLAIM(task_priority_holds_its_class_back),
    CLAIM(cr8_is_the_task_priority),
    CLAIM(processor_priority_is_the_higher_of_both),
    CLAIM(higher_class_interrupts_the_handler),
    CLAIM(lower_class_waits_for_the_eoi),
    CLAIM(higher_vector_comes_first),
    CLAIM(illegal_vector_is_an_error),
    CLAIM(error_interrupt_is_delivered),
    CLAIM(lint0_passes_the_pic_unless_masked),
    CLAIM(halt_ends_with_an_ipi),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
