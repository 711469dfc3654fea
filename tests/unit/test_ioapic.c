/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC: registers and access sizes, edges, levels with remote IRR, masks, polarity, the
 * fields of a message, delivery modes, EOI by vector and by register, messages that nobody accepts;
 * and together with two local APICs, a level interrupt from pin to EOI.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/devemu/ioapic.h"
#include "vmm/devemu/lapic.h"

#define MASKED     0x10000U
#define LEVEL      0x8000U
#define REMOTE_IRR 0x4000U
#define LOW_ACTIVE 0x2000U
#define LOGICAL    0x800U

#define PCI_PIN  16U
#define WIRE_LOW (1U << PCI_PIN)

static struct ioapic io;
static struct ioapic_msg last;
static unsigned messages;
static bool accepted;

static bool on_deliver(void *ctx, const struct ioapic_msg *msg)
{
    (void)ctx;
    last = *msg;
    messages++;
    return accepted;
}

static uint32_t get(unsigned number)
{
    ioapic_write(&io, IOAPIC_INDEX, 4, number, 0);
    return (uint32_t)ioapic_read(&io, IOAPIC_WINDOW, 4, 0);
}

static void put(unsigned number, uint32_t value)
{
    ioapic_write(&io, IOAPIC_INDEX, 4, number, 0);
    ioapic_write(&io, IOAPIC_WINDOW, 4, value, 0);
}

static uint32_t entry(unsigned pin)
{
    return get(0x10 + 2 * pin);
}

static void program(unsigned pin, uint32_t low)
{
    put(0x10 + 2 * pin, low);
}

static int setup(void **state)
{
    const struct ioapic_output output = {.deliver = on_deliver};

    (void)state;
    memset(&io, 0xa5, sizeof(io));
    memset(&last, 0, sizeof(last));
    messages = 0;
    accepted = true;
    ioapic_init(&io, &output, WIRE_LOW);
    return 0;
}

static void reset_masks_all_pins(void **state)
{
    (void)state;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(entry(pin), MASKED);
        assert_int_equal(get(0x11 + 2 * pin), 0);
        ioapic_set(&io, pin, true);
    }
    assert_int_equal(messages, 0);
    assert_int_equal(get(1), 0x00170020);
}

static void id_is_four_bits_and_loads_the_arbitration_id(void **state)
{
    (void)state;
    put(0, 0xffffffff);
    assert_int_equal(get(0), 0x0f000000);
    assert_int_equal(get(2), 0x0f000000);
    put(2, 0);
    put(1, 0);
    assert_int_equal(get(2), 0x0f000000);
    assert_int_equal(get(1), 0x00170020);
}

static void absent_registers_read_zero_and_ignore_writes(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 256; number++) {
        if (number < 3 || (number >= 0x10 && number < 0x40))
            continue;
        put(number, 0xffffffff);
        assert_int_equal(get(number), 0);
    }
}

static void access_sizes_are_the_parts(void **state)
{
    (void)state;
    ioapic_write(&io, IOAPIC_INDEX, 1, 0x01, 0);
    assert_int_equal(ioapic_read(&io, IOAPIC_INDEX, 1, 0), 1);
    assert_int_equal(ioapic_read(&io, IOAPIC_WINDOW, 4, 0), 0x00170020);
    assert_int_equal(ioapic_read(&io, IOAPIC_WINDOW, 1, 0), 0xff);
    assert_int_equal(ioapic_read(&io, IOAPIC_WINDOW, 2, 0), 0xffff);
    assert_true(ioapic_read(&io, IOAPIC_WINDOW, 8, 0) == UINT64_MAX);
    assert_int_equal(ioapic_read(&io, 0x20, 4, 0), 0xffffffff);
    assert_int_equal(ioapic_read(&io, IOAPIC_EOI, 4, 0), 0xffffffff);
    ioapic_write(&io, IOAPIC_INDEX, 4, 0x10, 0);
    ioapic_write(&io, IOAPIC_WINDOW, 1, 0x40, 0);
    ioapic_write(&io, 0x14, 4, 0x40, 0);
    assert_int_equal(entry(0), MASKED);
}

static void entry_keeps_writable_bits_only(void **state)
{
    (void)state;
    program(5, 0xffffffff);
    put(0x1b, 0xffffffff);
    assert_int_equal(entry(5), 0x1afff);
    assert_int_equal(get(0x1b), 0xff000000);
}

static void edge_is_delivered_once_per_rise(void **state)
{
    (void)state;
    program(4, 0x34);
    ioapic_set(&io, 4, true);
    ioapic_set(&io, 4, true);
    assert_int_equal(messages, 1);
    assert_int_equal(last.vector, 0x34);
    assert_false(last.level);
    assert_int_equal(entry(4), 0x34);
    ioapic_set(&io, 4, false);
    assert_int_equal(messages, 1);
    ioapic_set(&io, 4, true);
    assert_int_equal(messages, 2);
}

static void edge_while_masked_is_lost(void **state)
{
    (void)state;
    program(4, MASKED | 0x34);
    ioapic_set(&io, 4, true);
    program(4, 0x34);
    assert_int_equal(messages, 0);
    ioapic_set(&io, 4, false);
    ioapic_set(&io, 4, true);
    assert_int_equal(messages, 1);
}

static void level_waits_for_eoi_and_repeats_while_asserted(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    assert_int_equal(messages, 1);
    assert_true(last.level);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
    ioapic_set(&io, 9, false);
    ioapic_set(&io, 9, true);
    assert_int_equal(messages, 1);
    ioapic_eoi(&io, 0x59);
    assert_int_equal(messages, 2);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
    ioapic_set(&io, 9, false);
    ioapic_eoi(&io, 0x59);
    assert_int_equal(messages, 2);
    assert_int_equal(entry(9), LEVEL | 0x59);
}

static void eoi_of_another_vector_changes_nothing(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    ioapic_eoi(&io, 0x58);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
    assert_int_equal(messages, 1);
}

static void eoi_reaches_every_pin_with_the_vector(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    program(10, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    ioapic_set(&io, 10, true);
    ioapic_set(&io, 9, false);
    ioapic_eoi(&io, 0x59);
    assert_int_equal(entry(9), LEVEL | 0x59);
    assert_int_equal(entry(10), LEVEL | REMOTE_IRR | 0x59);
    assert_int_equal(messages, 3);
}

static void eoi_register_does_the_same(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    ioapic_set(&io, 9, false);
    ioapic_write(&io, IOAPIC_EOI, 1, 0x59, 0);
    ioapic_write(&io, 0x44, 4, 0x59, 0);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
    ioapic_write(&io, IOAPIC_EOI, 4, 0x59, 0);
    assert_int_equal(entry(9), LEVEL | 0x59);
}

static void unmasking_a_pending_level_delivers_it(void **state)
{
    (void)state;
    program(9, MASKED | LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    assert_int_equal(messages, 0);
    program(9, LEVEL | 0x59);
    assert_int_equal(messages, 1);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
}

static void level_released_while_masked_is_not_delivered(void **state)
{
    (void)state;
    program(9, MASKED | LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    ioapic_set(&io, 9, false);
    program(9, LEVEL | 0x59);
    assert_int_equal(messages, 0);
}

static void masking_during_service_holds_the_next_back(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    program(9, MASKED | LEVEL | 0x59);
    assert_int_equal(entry(9), MASKED | LEVEL | REMOTE_IRR | 0x59);
    ioapic_eoi(&io, 0x59);
    assert_int_equal(messages, 1);
    program(9, LEVEL | 0x59);
    assert_int_equal(messages, 2);
}

static void remote_irr_is_read_only_and_cleared_by_edge_mode(void **state)
{
    (void)state;
    program(9, LEVEL | REMOTE_IRR | 0x59);
    assert_int_equal(entry(9), LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    program(9, MASKED | 0x59);
    assert_int_equal(entry(9), MASKED | 0x59);
    program(9, LEVEL | 0x59);
    assert_int_equal(messages, 2);
}

static void unaccepted_level_is_sent_again_and_unaccepted_edge_is_lost(void **state)
{
    (void)state;
    accepted = false;
    program(9, LEVEL | 0x59);
    program(4, 0x34);
    ioapic_set(&io, 9, true);
    ioapic_set(&io, 4, true);
    assert_int_equal(entry(9), LEVEL | 0x59);
    accepted = true;
    ioapic_set(&io, 9, true);
    ioapic_set(&io, 4, true);
    assert_int_equal(messages, 3);
    assert_int_equal(last.vector, 0x59);
    assert_int_equal(entry(9), LEVEL | REMOTE_IRR | 0x59);
}

static void polarity_must_agree_with_the_wire(void **state)
{
    (void)state;
    program(PCI_PIN, LEVEL | LOW_ACTIVE | 0x60);
    assert_int_equal(messages, 0);
    ioapic_set(&io, PCI_PIN, true);
    assert_int_equal(messages, 1);
    ioapic_set(&io, PCI_PIN, false);
    ioapic_eoi(&io, 0x60);
    assert_int_equal(messages, 1);
    program(PCI_PIN, LEVEL | 0x60);
    assert_int_equal(messages, 2);
}

static void low_active_edge_on_a_high_active_wire_is_the_release(void **state)
{
    (void)state;
    ioapic_set(&io, 4, true);
    program(4, LOW_ACTIVE | 0x34);
    assert_int_equal(messages, 0);
    ioapic_set(&io, 4, false);
    assert_int_equal(messages, 1);
}

static void message_carries_destination_and_mode(void **state)
{
    (void)state;
    put(0x11, 0xa5ffffff);
    program(0, LOGICAL | 0x100 | 0x41);
    ioapic_set(&io, 0, true);
    assert_int_equal(last.destination, 0xa5);
    assert_true(last.logical);
    assert_int_equal(last.mode, LAPIC_DELIVERY_LOWEST);
    put(0x13, 0x02000000);
    program(1, 0x42);
    ioapic_set(&io, 1, true);
    assert_int_equal(last.destination, 2);
    assert_false(last.logical);
    assert_int_equal(last.mode, LAPIC_DELIVERY_FIXED);
}

static void nmi_init_smi_and_extint_are_edges_without_remote_irr(void **state)
{
    static const enum lapic_delivery modes[] = {LAPIC_DELIVERY_SMI, LAPIC_DELIVERY_NMI,
                                                LAPIC_DELIVERY_INIT, LAPIC_DELIVERY_EXTINT};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        program(i, LEVEL | (uint32_t)modes[i] << 8);
        ioapic_set(&io, i, true);
        assert_int_equal(messages, i + 1);
        assert_int_equal(last.mode, modes[i]);
        assert_false(last.level);
        assert_int_equal(entry(i) & REMOTE_IRR, 0);
    }
}

static void reserved_modes_send_nothing(void **state)
{
    (void)state;
    program(0, 0x340);
    program(1, 0x640);
    ioapic_set(&io, 0, true);
    ioapic_set(&io, 1, true);
    assert_int_equal(messages, 0);
}

static void extint_route_is_visible(void **state)
{
    (void)state;
    assert_false(ioapic_routes_extint(&io, 0));
    program(0, 0x700);
    assert_true(ioapic_routes_extint(&io, 0));
    program(0, MASKED | 0x700);
    assert_false(ioapic_routes_extint(&io, 0));
    assert_false(ioapic_routes_extint(&io, IOAPIC_PINS));
}

static void pins_beyond_the_last_are_ignored(void **state)
{
    (void)state;
    ioapic_set(&io, IOAPIC_PINS, true);
    ioapic_set(&io, UINT32_MAX, true);
    assert_int_equal(messages, 0);
}

static void reset_keeps_what_devices_assert(void **state)
{
    (void)state;
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    put(0, 0x05000000);
    ioapic_reset(&io);
    assert_int_equal(ioapic_read(&io, IOAPIC_INDEX, 4, 0), 0);
    assert_int_equal(get(0), 0);
    assert_int_equal(get(2), 0);
    assert_int_equal(entry(9), MASKED);
    program(9, LEVEL | 0x5a);
    assert_int_equal(messages, 2);
}

/* A board with two CPUs. */

static uint32_t pages[2][LAPIC_PAGE_SIZE / sizeof(uint32_t)];
static struct lapic cpus[2];

static bool board_deliver(void *ctx, const struct ioapic_msg *msg)
{
    bool any = false;

    (void)ctx;
    for (unsigned cpu = 0; cpu < 2; cpu++)
        if (lapic_matches(&cpus[cpu], msg->destination, msg->logical))
            any |= lapic_accept(&cpus[cpu], msg->vector, msg->level);
    return any;
}

static void board_eoi(void *ctx, unsigned vector)
{
    ioapic_eoi(ctx, vector);
}

static void level_interrupt_travels_from_pin_to_eoi(void **state)
{
    const struct ioapic_output output = {.deliver = board_deliver};

    (void)state;
    ioapic_init(&io, &output, 0);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        const struct lapic_config config = {.page = pages[cpu],
                                            .id = cpu,
                                            .tsc_hz = 1,
                                            .bus_hz = 1,
                                            .output = {.ctx = &io, .eoi = board_eoi}};

        lapic_init(&cpus[cpu], &config);
        lapic_mmio_write(&cpus[cpu], LAPIC_SVR, 4, 0x1ff, 0);
    }
    put(0x23, 0x01000000);
    program(9, LEVEL | 0x59);
    ioapic_set(&io, 9, true);
    assert_int_equal(lapic_pending(&cpus[0]), -1);
    assert_int_equal(lapic_pending(&cpus[1]), 0x59);
    lapic_ack(&cpus[1], 0x59);
    lapic_mmio_write(&cpus[1], LAPIC_EOI, 4, 0, 0);
    assert_int_equal(lapic_pending(&cpus[1]), 0x59);
    lapic_ack(&cpus[1], 0x59);
    ioapic_set(&io, 9, false);
    lapic_mmio_write(&cpus[1], LAPIC_EOI, 4, 0, 0);
    assert_int_equal(lapic_pending(&cpus[1]), -1);
    assert_int_equal(entry(9), LEVEL | 0x59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reset_masks_all_pins, setup),
        cmocka_unit_test_setup(id_is_four_bits_and_loads_the_arbitration_id, setup),
        cmocka_unit_test_setup(absent_registers_read_zero_and_ignore_writes, setup),
        cmocka_unit_test_setup(access_sizes_are_the_parts, setup),
        cmocka_unit_test_setup(entry_keeps_writable_bits_only, setup),
        cmocka_unit_test_setup(edge_is_delivered_once_per_rise, setup),
        cmocka_unit_test_setup(edge_while_masked_is_lost, setup),
        cmocka_unit_test_setup(level_waits_for_eoi_and_repeats_while_asserted, setup),
        cmocka_unit_test_setup(eoi_of_another_vector_changes_nothing, setup),
        cmocka_unit_test_setup(eoi_reaches_every_pin_with_the_vector, setup),
        cmocka_unit_test_setup(eoi_register_does_the_same, setup),
        cmocka_unit_test_setup(unmasking_a_pending_level_delivers_it, setup),
        cmocka_unit_test_setup(level_released_while_masked_is_not_delivered, setup),
        cmocka_unit_test_setup(masking_during_service_holds_the_next_back, setup),
        cmocka_unit_test_setup(remote_irr_is_read_only_and_cleared_by_edge_mode, setup),
        cmocka_unit_test_setup(unaccepted_level_is_sent_again_and_unaccepted_edge_is_lost, setup),
        cmocka_unit_test_setup(polarity_must_agree_with_the_wire, setup),
        cmocka_unit_test_setup(low_active_edge_on_a_high_active_wire_is_the_release, setup),
        cmocka_unit_test_setup(message_carries_destination_and_mode, setup),
        cmocka_unit_test_setup(nmi_init_smi_and_extint_are_edges_without_remote_irr, setup),
        cmocka_unit_test_setup(reserved_modes_send_nothing, setup),
        cmocka_unit_test_setup(extint_route_is_visible, setup),
        cmocka_unit_test_setup(pins_beyond_the_last_are_ignored, setup),
        cmocka_unit_test_setup(reset_keeps_what_devices_assert, setup),
        cmocka_unit_test_setup(level_interrupt_travels_from_pin_to_eoi, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
