/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: ports and addresses reach their devices, accesses are split as on a bus, what is
 * nowhere is quiet, and an interrupt finds its way to the CPU through either controller.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/board.h"
#include "vmm/memmap.h"

#define HZ          UINT64_C(50000000)
#define VECTOR_PIC  0x20u
#define VECTOR_APIC 0x55u
#define SPURIOUS    0xFFu
#define SW_ENABLE   0x100u

static struct board board;
static _Alignas(LAPIC_PAGE_SIZE) uint32_t page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];
static uint8_t sent;

static bool take(void *ctx, uint8_t byte)
{
    (void)ctx;
    sent = byte;
    return true;
}

static int power_on(void **state)
{
    const struct board_config config = {.tsc_hz = HZ,
                                        .lapic_hz = HZ,
                                        .ram_low = 0x4000000,
                                        .debug_exit = true,
                                        .sink = {take, NULL},
                                        .lapic_page = page};

    (void)state;
    sent = 0;
    return board_init(&board, &config) ? 0 : -1;
}

static void out(uint16_t port, uint8_t value)
{
    board_port_write(&board, port, 1, value, 0);
}

static void set_up_pic(void)
{
    static const uint8_t icw[] = {0x11, VECTOR_PIC, 0x04, 0x01};

    out(I8259_MASTER_PORT, icw[0]);
    for (unsigned i = 1; i < sizeof icw; i++)
        out(I8259_MASTER_PORT + 1, icw[i]);
    out(I8259_MASTER_PORT + 1, 0);
}

/* Channel 0 in mode 2 with a count of 100 clocks. */
static void start_pit(void)
{
    out(I8254_PORT + 3, 0x34);
    out(I8254_PORT, 100);
    out(I8254_PORT, 0);
}

static void unclaimed_ports_read_all_ones(void **state)
{
    (void)state;
    assert_int_equal(board_port_read(&board, 0x300, 1, 0) & UINT8_MAX, 0xFF);
    assert_int_equal(board_port_read(&board, 0x300, 4, 0), UINT32_MAX);
    board_port_write(&board, 0xFFFF, 4, 0, 0);
}

static void a_wide_access_is_split_between_devices(void **state)
{
    (void)state;
    /* The keyboard controller's data port and port 61h behind it, then nothing. */
    const uint32_t both = board_port_read(&board, I8042_DATA_PORT, 4, 0);

    assert_int_equal(both >> 16, 0xFFFF);
    assert_int_equal((both >> 8) & 0x0F, board_port_read(&board, I8254_PORT61, 1, 0) & 0x0F);
}

static void the_reset_register_lies_inside_the_pci_address(void **state)
{
    const uint32_t bridge = 0x80000000;

    (void)state;
    board_port_write(&board, PCI_HOST_ADDRESS_PORT, 4, bridge, 0);
    assert_int_equal(board_port_read(&board, PCI_HOST_ADDRESS_PORT, 4, 0), bridge);
    assert_int_equal(board_port_read(&board, PCI_HOST_DATA_PORT, 2, 0) & UINT16_MAX,
                     PCI_HOST_VENDOR);
    assert_int_equal(board.end.how, 0);
    out(ACPI_PM_RESET_PORT, ACPI_PM_RESET_VALUE);
    assert_int_equal(board.end.how, VM_END_REBOOT);
}

static void soft_off_ends_the_vm(void **state)
{
    const uint32_t sleep_enable = 1u << 13;

    (void)state;
    board_port_write(&board, MEMMAP_PM1A_CNT, 2, sleep_enable | 1u << 10, 0);
    assert_int_equal(board.end.how, 0);
    board_port_write(&board, MEMMAP_PM1A_CNT, 2, sleep_enable | MEMMAP_SLP_TYP_S5 << 10, 0);
    assert_int_equal(board.end.how, VM_END_POWEROFF);
}

static void debug_exit_tells_the_value(void **state)
{
    (void)state;
    board_port_write(&board, DEBUG_EXIT_PORT, 4, 42, 0);
    assert_int_equal(board.end.how, VM_END_DEBUG_EXIT);
    assert_int_equal(board.end.detail, 42);
}

static void without_debug_exit_its_port_is_nothing(void **state)
{
    const struct board_config config = {
        .tsc_hz = HZ, .lapic_hz = HZ, .sink = {take, NULL}, .lapic_page = page};

    (void)state;
    assert_true(board_init(&board, &config));
    out(DEBUG_EXIT_PORT, 1);
    assert_int_equal(board.end.how, 0);
}

static void the_uart_sends(void **state)
{
    (void)state;
    out(UART16550_COM1, 'x');
    assert_int_equal(sent, 'x');
}

static void a_timer_tick_comes_by_the_pic(void **state)
{
    (void)state;
    set_up_pic();
    assert_false(board_interrupt(&board));
    start_pit();
    assert_int_not_equal(board.deadline, UINT64_MAX);
    for (unsigned i = 0; i < 4 && !board_interrupt(&board); i++)
        board_advance(&board, board.deadline);
    assert_true(board_interrupt(&board));
    assert_true(board.changed);
    assert_int_equal(board_acknowledge(&board), VECTOR_PIC);
    assert_false(board_interrupt(&board));
    assert_int_equal(board_acknowledge(&board), -1);
}

static void a_timer_tick_comes_by_the_ioapic(void **state)
{
    (void)state;
    board_mmio_write(&board, LAPIC_BASE + LAPIC_SVR, 4, SW_ENABLE | SPURIOUS, 0);
    board_mmio_write(&board, IOAPIC_BASE + IOAPIC_INDEX, 4, 0x10 + 2 * MEMMAP_PIT_GSI, 0);
    board_mmio_write(&board, IOAPIC_BASE + IOAPIC_WINDOW, 4, VECTOR_APIC, 0);
    start_pit();
    for (unsigned i = 0; i < 4 && !board_interrupt(&board); i++)
        board_advance(&board, board.deadline);
    assert_int_equal(board_acknowledge(&board), VECTOR_APIC);
}

static void the_lapic_timer_sets_the_deadline(void **state)
{
    const uint32_t divide_by_1 = 0xB;

    (void)state;
    board_mmio_write(&board, LAPIC_BASE + LAPIC_SVR, 4, SW_ENABLE | SPURIOUS, 0);
    board_mmio_write(&board, LAPIC_BASE + LAPIC_LVT_TIMER, 4, VECTOR_APIC, 0);
    board_mmio_write(&board, LAPIC_BASE + LAPIC_DIVIDE, 4, divide_by_1, 0);
    board_mmio_write(&board, LAPIC_BASE + LAPIC_INITIAL_COUNT, 4, 1000, 500);
    assert_int_equal(board.deadline, 1500);
    board_advance(&board, 1499);
    assert_false(board_interrupt(&board));
    board_advance(&board, 1500);
    assert_int_equal(board_acknowledge(&board), VECTOR_APIC);
    assert_int_equal(board.deadline, UINT64_MAX);
}

static void an_nmi_to_itself_arrives(void **state)
{
    (void)state;
    board_mmio_write(&board, LAPIC_BASE + LAPIC_SVR, 4, SW_ENABLE | SPURIOUS, 0);
    board_mmio_write(&board, LAPIC_BASE + LAPIC_ICR_HIGH, 4, 0, 0);
    board_mmio_write(&board, LAPIC_BASE + LAPIC_ICR_LOW, 4, LAPIC_DELIVERY_NMI << 8, 0);
    assert_true(board.nmi);
}

static void absent_memory_reads_all_ones(void **state)
{
    (void)state;
    assert_int_equal(board_mmio_read(&board, 0xD0000000, 8, 0), UINT64_MAX);
    board_mmio_write(&board, 0xD0000000, 8, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unclaimed_ports_read_all_ones, power_on),
        cmocka_unit_test_setup(a_wide_access_is_split_between_devices, power_on),
        cmocka_unit_test_setup(the_reset_register_lies_inside_the_pci_address, power_on),
        cmocka_unit_test_setup(soft_off_ends_the_vm, power_on),
        cmocka_unit_test_setup(debug_exit_tells_the_value, power_on),
        cmocka_unit_test_setup(without_debug_exit_its_port_is_nothing, power_on),
        cmocka_unit_test_setup(the_uart_sends, power_on),
        cmocka_unit_test_setup(a_timer_tick_comes_by_the_pic, power_on),
        cmocka_unit_test_setup(a_timer_tick_comes_by_the_ioapic, power_on),
        cmocka_unit_test_setup(the_lapic_timer_sets_the_deadline, power_on),
        cmocka_unit_test_setup(an_nmi_to_itself_arrives, power_on),
        cmocka_unit_test_setup(absent_memory_reads_all_ones, power_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
