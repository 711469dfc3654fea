/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual-APIC page: the processor delivers the local APIC's interrupts by itself, and the exit
 * handlers keep its guest interrupt status and EOI-exit bitmap in step with the page.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vmm_fixture.h"

#define VECTOR      0x51u
#define LEVEL_PIN   10u
#define LEVEL_ENTRY (0x8000u | VECTOR) /* fixed, to APIC 0, level-triggered, active high */
#define PIC_VECTOR  0x20u

static uint32_t *reg(unsigned offset)
{
    return &vm.lapic_page[offset / sizeof(uint32_t)];
}

static uint32_t *bit_word(unsigned bitmap, unsigned vector)
{
    return reg(bitmap + vector / 32 * 16);
}

static void ioapic_reg(unsigned index, uint32_t value)
{
    board_mmio_write(&vm.board, IOAPIC_BASE, 4, index, fake_kernel.tsc);
    board_mmio_write(&vm.board, IOAPIC_BASE + 0x10, 4, value, fake_kernel.tsc);
}

/* The guest has switched its APIC on; the processor has a page. */
static int setup(void **state)
{
    int result = fixture_setup(state);

    vm.board.processor_delivers = true;
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_SVR, 4, 0x1FF, 0);
    fixture_exit(BH_EXIT_RECALL);
    return result;
}

static void request(unsigned vector)
{
    assert_true(lapic_accept(&vm.board.lapic, vector, false));
    vm.board.changed = true;
}

static void startup_sets_what_the_processor_keeps(void **state)
{
    (void)state;
    fixture_setup(state);
    vm.board.processor_delivers = true;
    memset(&guest.guest_intr_status, SPOILED,
           sizeof guest - offsetof(struct bh_vcpu_state, guest_intr_status));
    load_state_protected(&vm.load, 0x100000, 0x1000);
    fixture_exit(BH_EXIT_STARTUP);
    assert_int_equal(guest.guest_intr_status, 0);
    assert_int_equal(guest.apic_mmio, 1);
    assert_int_equal(guest.eoi_exit[0] | guest.eoi_exit[3], 0);
}

static void an_interrupt_is_a_request_and_no_injection(void **state)
{
    (void)state;
    request(VECTOR);
    guest.rflags &= ~X86_RFLAGS_IF;
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.guest_intr_status, VECTOR);
    assert_int_equal(guest.inject_info, 0);
    assert_int_equal(guest.window, 0);
}

static void what_is_in_service_is_kept(void **state)
{
    (void)state;
    *bit_word(LAPIC_ISR, 0x61) |= 1u << 1;
    request(VECTOR);
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.guest_intr_status, VECTOR | 0x61 << 8);
}

static void an_exit_without_a_request_moves_nothing(void **state)
{
    (void)state;
    guest.qualification = 0x80u << 16;
    assert_int_equal(fixture_exit(BH_EXIT_IO), BH_MTD_RIP);
}

static void the_8259_is_injected(void **state)
{
    static const uint8_t icw[] = {PIC_VECTOR, 0x04, 0x01, 0};

    (void)state;
    lapic_virtual_wire(&vm.board.lapic);
    board_port_write(&vm.board, I8259_MASTER_PORT, 1, 0x11, 0);
    for (unsigned i = 0; i < sizeof icw; i++)
        board_port_write(&vm.board, I8259_MASTER_PORT + 1, 1, icw[i], 0);
    i8259_set(&vm.board.pic, 5, true);
    guest.rflags &= ~X86_RFLAGS_IF;
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.window, BH_WINDOW_INTR);
    guest.rflags |= X86_RFLAGS_IF;
    fixture_exit(BH_EXIT_INTR_WINDOW);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | (PIC_VECTOR + 5));
    assert_int_equal(guest.window, 0);
}

static void the_eoi_of_a_level_brings_it_again(void **state)
{
    (void)state;
    ioapic_reg(0x10 + 2 * LEVEL_PIN, LEVEL_ENTRY);
    ioapic_set(&vm.board.ioapic, LEVEL_PIN, true);
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.guest_intr_status, VECTOR);
    assert_int_equal(guest.eoi_exit[1], UINT64_C(1) << (VECTOR - 64));
    *bit_word(LAPIC_IRR, VECTOR) = 0; /* the processor has delivered it, and seen its end */
    guest.guest_intr_status = 0;
    guest.qualification = VECTOR;
    fixture_exit(BH_EXIT_EOI_INDUCED);
    assert_int_equal(guest.guest_intr_status, VECTOR);
    ioapic_set(&vm.board.ioapic, LEVEL_PIN, false);
    *bit_word(LAPIC_IRR, VECTOR) = 0;
    guest.guest_intr_status = 0;
    fixture_exit(BH_EXIT_EOI_INDUCED);
    assert_int_equal(guest.guest_intr_status, 0);
}

static void a_write_to_the_page_has_its_effect(void **state)
{
    (void)state;
    *reg(LAPIC_LVT_TIMER) = VECTOR;
    guest.qualification = LAPIC_LVT_TIMER;
    fixture_exit(BH_EXIT_APIC_WRITE);
    *reg(LAPIC_INITIAL_COUNT) = 1000;
    guest.qualification = LAPIC_INITIAL_COUNT;
    fixture_exit(BH_EXIT_APIC_WRITE);
    assert_in_range(guest.deadline, 2000, 4000);
    assert_int_equal(guest.rip, FIXTURE_CODE);
    fake_kernel.tsc = guest.deadline;
    fixture_exit(BH_EXIT_DEADLINE);
    assert_int_equal(guest.guest_intr_status, VECTOR);
}

static void hlt_wakes_for_a_request(void **state)
{
    (void)state;
    *reg(LAPIC_LVT_TIMER) = VECTOR;
    lapic_write_done(&vm.board.lapic, LAPIC_LVT_TIMER, fake_kernel.tsc);
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_INITIAL_COUNT, 4, 1000000, fake_kernel.tsc);
    guest.insn_len = 1;
    fixture_exit(BH_EXIT_HLT);
    assert_in_range(fake_kernel.tsc, 2000000, 2001100);
    assert_int_equal(guest.guest_intr_status, VECTOR);
    assert_int_equal(guest.inject_info, 0);
    assert_int_equal(guest.rip, FIXTURE_CODE + 1);
}

static void x2apic_mode_takes_the_page_out_of_memory(void **state)
{
    (void)state;
    guest.gpr[BH_RCX] = LAPIC_MSR_APIC_BASE;
    guest.gpr[BH_RAX] = LAPIC_BASE | LAPIC_BASE_ENABLE | LAPIC_BASE_EXTD;
    guest.apic_mmio = 1;
    fixture_exit(BH_EXIT_WRMSR);
    assert_int_equal(guest.apic_mmio, 0);
}

static void an_eoi_by_msr_takes_the_vector_out_of_service(void **state)
{
    x2apic_mode_takes_the_page_out_of_memory(state);
    *bit_word(LAPIC_ISR, VECTOR) |= 1u << VECTOR % 32;
    guest.guest_intr_status = VECTOR << 8;
    guest.gpr[BH_RCX] = LAPIC_MSR_X2APIC_FIRST + LAPIC_EOI / 16;
    guest.gpr[BH_RAX] = 0;
    guest.gpr[BH_RDX] = 0;
    fixture_exit(BH_EXIT_WRMSR);
    assert_int_equal(guest.guest_intr_status, 0);
}

static void a_disabled_apic_requests_nothing(void **state)
{
    (void)state;
    request(VECTOR);
    fixture_exit(BH_EXIT_RECALL);
    guest.gpr[BH_RCX] = LAPIC_MSR_APIC_BASE;
    guest.gpr[BH_RAX] = LAPIC_BASE;
    fixture_exit(BH_EXIT_WRMSR);
    assert_int_equal(guest.guest_intr_status, 0);
    assert_int_equal(guest.apic_mmio, 0);
}

static void an_access_that_is_not_virtualized_is_emulated(void **state)
{
    static const uint8_t load[] = {0x8B, 0x03}; /* MOV EAX, [RBX] */

    (void)state;
    fixture_long_mode();
    fixture_code(load, sizeof load);
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_TPR, 4, 0x30, 0);
    guest.gpr[BH_RAX] = UINT64_MAX;
    guest.gpr[BH_RBX] = LAPIC_BASE + LAPIC_PPR;
    guest.qualification = LAPIC_PPR;
    fixture_exit(BH_EXIT_APIC_ACCESS);
    assert_int_equal(guest.gpr[BH_RAX], 0x30);
    assert_int_equal(guest.rip, FIXTURE_CODE + sizeof load);
}

static void an_access_in_protected_mode_is_emulated(void **state)
{
    static const uint8_t load[] = {0x8B, 0x03};

    (void)state;
    fixture_code(load, sizeof load);
    guest.gpr[BH_RBX] = LAPIC_BASE + LAPIC_VERSION;
    guest.qualification = LAPIC_VERSION;
    fixture_exit(BH_EXIT_APIC_ACCESS);
    assert_int_equal(guest.gpr[BH_RAX], *reg(LAPIC_VERSION));
}

static void a_stack_in_the_apic_stops_the_vm(void **state)
{
    (void)state;
    guest.qualification = 0x3000;
    guest.idt_info = X86_EVENT_VALID | VECTOR;
    assert_int_equal(fixture_ends(BH_EXIT_APIC_ACCESS), VM_END_CRASH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(startup_sets_what_the_processor_keeps),
        cmocka_unit_test_setup(an_interrupt_is_a_request_and_no_injection, setup),
        cmocka_unit_test_setup(what_is_in_service_is_kept, setup),
        cmocka_unit_test_setup(an_exit_without_a_request_moves_nothing, setup),
        cmocka_unit_test_setup(the_8259_is_injected, setup),
        cmocka_unit_test_setup(the_eoi_of_a_level_brings_it_again, setup),
        cmocka_unit_test_setup(a_write_to_the_page_has_its_effect, setup),
        cmocka_unit_test_setup(hlt_wakes_for_a_request, setup),
        cmocka_unit_test_setup(x2apic_mode_takes_the_page_out_of_memory, setup),
        cmocka_unit_test_setup(an_eoi_by_msr_takes_the_vector_out_of_service, setup),
        cmocka_unit_test_setup(a_disabled_apic_requests_nothing, setup),
        cmocka_unit_test_setup(an_access_that_is_not_virtualized_is_emulated, setup),
        cmocka_unit_test_setup(an_access_in_protected_mode_is_emulated, setup),
        cmocka_unit_test_setup(a_stack_in_the_apic_stops_the_vm, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
