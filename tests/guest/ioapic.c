/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOAPIC: registers, edge and level interrupts through it, masks, destinations, delivery modes.
 * Sources: PIT channel 0 and the UART's transmitter, at the pins that the MADT names. Datasheet:
 * Intel 82093AA.
 */
#include "tests/guest/lib/ioapic.h"

#include "tests/guest/lib/acpi.h"
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"
#include "tests/guest/lib/uart.h"

enum {
    VECTOR = 0x61,
    LONG_MS = 500,
    SHORT_MS = 5,
    CLOCKS = 1200, /* of the PIT, 1 ms */
    PIN_UNUSED = 21,
    LEAST_PINS = 16,
    LOGICAL_SELF = 1, /* lapic_enable */
    LOGICAL_OTHER = 2
};

static volatile unsigned interrupts, nmi_count;
static volatile bool tmr_seen, remote_irr_seen;
static bool keep_raised;

static unsigned timer_pin(void)
{
    unsigned flags;

    return acpi_gsi_of_irq(IRQ_TIMER, &flags);
}

static unsigned com1_pin(void)
{
    unsigned flags;

    return acpi_gsi_of_irq(IRQ_COM1, &flags);
}

static void on_timer(struct trap_frame *frame)
{
    (void)frame;
    interrupts++;
    tmr_seen = lapic_bit(LAPIC_TMR, VECTOR);
    lapic_eoi();
}

static void on_com1(struct trap_frame *frame)
{
    (void)frame;
    interrupts++;
    tmr_seen = lapic_bit(LAPIC_TMR, VECTOR);
    remote_irr_seen = ioapic_entry(com1_pin()) & IOAPIC_REMOTE_IRR;
    if (!keep_raised || interrupts == 3)
        uart_lower();
    lapic_eoi();
}

static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmi_count++;
}

static void prepare(trap_handler handler)
{
    uart_lower();
    lapic_enable();
    ioapic_mask_all();
    interrupts = nmi_count = 0;
    tmr_seen = remote_irr_seen = keep_raised = false;
    trap_handle(VECTOR, handler);
    trap_handle(TRAP_NMI, on_nmi);
}

static void finish(void)
{
    ioapic_mask_all();
    uart_lower();
    time_pit0_stop();
    time_wait_for(&interrupts, UINT32_MAX, 0);
}

static void version_names_its_pins(void)
{
    expect_between(HERE, "version", ioapic_read(IOAPIC_VERSION) & 0xFF, 0x11, 0x20);
    expect_between(HERE, "pins", ioapic_pins(), LEAST_PINS, 240);
}

static void index_and_id_keep_their_bits(void)
{
    uint32_t id = ioapic_read(IOAPIC_ID);

    ioapic_write(IOAPIC_ID, 0x0A000000);
    expect_equal(HERE, "ID", ioapic_read(IOAPIC_ID) & 0x0F000000, 0x0A000000);
    ioapic_write(IOAPIC_ID, id);
    ioapic_read(IOAPIC_VERSION);
    expect_equal(HERE, "index", ioapic_index() & 0xFF, IOAPIC_VERSION);
}

static void version_is_read_only(void)
{
    uint32_t version = ioapic_read(IOAPIC_VERSION);

    ioapic_write(IOAPIC_VERSION, ~version);
    expect_equal(HERE, "version", ioapic_read(IOAPIC_VERSION), version);
}

static void redirection_entries_keep_their_bits(void)
{
    for (unsigned pin = 0; pin < ioapic_pins(); pin++) {
        uint32_t low = IOAPIC_MASKED | IOAPIC_LEVEL | IOAPIC_LOGICAL | IOAPIC_LOWEST | (0x40 + pin);

        ioapic_route(pin, low, (uint8_t)(0xA0 + pin));
        expect_equal(HERE, "low half", ioapic_entry(pin) & ~(uint32_t)IOAPIC_STATUS, low);
        expect_equal(HERE, "destination", ioapic_read(IOAPIC_REDIRECTION + 2 * pin + 1) >> 24,
                     0xA0 + pin);
    }
    ioapic_mask_all();
}

static void status_bits_are_read_only(void)
{
    ioapic_route(PIN_UNUSED, IOAPIC_MASKED | IOAPIC_LEVEL | IOAPIC_REMOTE_IRR | IOAPIC_STATUS, 0);
    expect_equal(HERE, "remote IRR and delivery status",
                 ioapic_entry(PIN_UNUSED) & (IOAPIC_REMOTE_IRR | IOAPIC_STATUS), 0);
    ioapic_mask_all();
}

static void timer_arrives_at_the_pin_of_the_madt(void)
{
    prepare(on_timer);
    ioapic_route(timer_pin(), VECTOR, (uint8_t)lapic_id());
    time_pit0_periodic(CLOCKS);
    expect(HERE, time_wait_for(&interrupts, 3, LONG_MS), "%u interrupts at pin %u", interrupts,
           timer_pin());
    expect(HERE, !tmr_seen, "TMR is set for an edge");
    finish();
}

static void edge_interrupts_once(void)
{
    prepare(on_com1);
    keep_raised = true;
    ioapic_route(com1_pin(), VECTOR, (uint8_t)lapic_id());
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect(HERE, !time_wait_for(&interrupts, 2, SHORT_MS), "again without a new edge");
    uart_lower();
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 2, LONG_MS), "none by the second edge");
    finish();
}

static void level_interrupts_until_it_is_lowered(void)
{
    prepare(on_com1);
    keep_raised = true;
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LEVEL, (uint8_t)lapic_id());
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 3, LONG_MS), "%u of 3 interrupts", interrupts);
    expect(HERE, !time_wait_for(&interrupts, 4, SHORT_MS), "another one though the line is low");
    expect(HERE, tmr_seen, "TMR is clear for a level");
    expect(HERE, remote_irr_seen, "remote IRR was clear in the handler");
    expect(HERE, !(ioapic_entry(com1_pin()) & IOAPIC_REMOTE_IRR), "remote IRR is set after EOI");
    finish();
}

static void on_com1_without_eoi(struct trap_frame *frame)
{
    (void)frame;
    interrupts++;
}

static void level_waits_for_the_eoi(void)
{
    prepare(on_com1_without_eoi);
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LEVEL, (uint8_t)lapic_id());
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    expect(HERE, !time_wait_for(&interrupts, 2, SHORT_MS), "again before the EOI");
    expect(HERE, ioapic_entry(com1_pin()) & IOAPIC_REMOTE_IRR, "remote IRR is clear");
    trap_handle(VECTOR, on_com1);
    lapic_eoi();
    expect(HERE, time_wait_for(&interrupts, 2, LONG_MS), "none after the EOI");
    finish();
}

static void masked_pin_does_not_interrupt(void)
{
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LEVEL | IOAPIC_MASKED, (uint8_t)lapic_id());
    uart_raise();
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "an interrupt came");
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LEVEL, (uint8_t)lapic_id());
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "the level was not seen when unmasked");
    finish();
}

static void destination_is_obeyed(void)
{
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR, (uint8_t)(lapic_id() + 1));
    uart_raise();
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "one for another CPU came");
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LOGICAL, LOGICAL_OTHER);
    uart_raise();
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "one for another logical ID came");
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LOGICAL, LOGICAL_SELF);
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "none for the own logical ID");
    finish();
}

static void lowest_priority_arrives(void)
{
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR | IOAPIC_LOWEST | IOAPIC_LOGICAL, LOGICAL_SELF);
    uart_raise();
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "no interrupt");
    finish();
}

static void nmi_arrives_with_interrupts_off(void)
{
    prepare(on_com1);
    ioapic_route(com1_pin(), IOAPIC_NMI, (uint8_t)lapic_id());
    uart_raise();
    time_delay(SHORT_MS * 1000);
    finish();
    expect_equal(HERE, "NMIs", nmi_count, 1);
}

static void task_priority_holds_back(void)
{
    prepare(on_com1);
    ioapic_route(com1_pin(), VECTOR, (uint8_t)lapic_id());
    lapic_write(LAPIC_TPR, 0xF0);
    uart_raise();
    expect(HERE, !time_wait_for(&interrupts, 1, SHORT_MS), "not held back");
    expect(HERE, lapic_bit(LAPIC_IRR, VECTOR), "IRR is clear");
    lapic_write(LAPIC_TPR, 0);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "lost");
    finish();
}

static void halt_ends_with_the_interrupt(void)
{
    prepare(on_timer);
    ioapic_route(timer_pin(), VECTOR, (uint8_t)lapic_id());
    time_pit0_once(CLOCKS);
    sti_hlt();
    cli();
    expect_equal(HERE, "interrupts", interrupts, 1);
    finish();
}

static const struct claim claims[] = {
    CLAIM(version_names_its_pins),
    CLAIM(index_and_id_keep_their_bits),
    CLAIM(version_is_read_only),
    CLAIM(redirection_entries_keep_their_bits),
    CLAIM(status_bits_are_read_only),
    CLAIM(timer_arrives_at_the_pin_of_the_madt),
    CLAIM(edge_interrupts_once),
    CLAIM(level_interrupts_until_it_is_lowered),
    CLAIM(level_waits_for_the_eoi),
    CLAIM(masked_pin_does_not_interrupt),
    CLAIM(destination_is_obeyed),
    CLAIM(lowest_priority_arrives),
    CLAIM(nmi_arrives_with_interrupts_off),
    CLAIM(task_priority_holds_back),
    CLAIM(halt_ends_with_the_interrupt),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
