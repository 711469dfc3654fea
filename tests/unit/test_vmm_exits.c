/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exit handlers that answer from tables or change the processor: CPUID, MSRs, control registers,
 * exceptions, HLT, windows, single steps, and what stops a VM.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vmm_fixture.h"

#define VECTOR       0x40u
#define MSR_TSC      0x10u
#define MSR_UNKNOWN  0xC0011234u
#define GP_WITH_CODE (X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_EVENT_ERROR | X86_VECTOR_GP)

static void enable_lapic(void)
{
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_SVR, 4, 0x1FF, 0);
}

static void raise_interrupt(unsigned vector)
{
    enable_lapic();
    assert_true(lapic_accept(&vm.board.lapic, vector, false));
    vm.board.changed = true;
}

static void rdmsr(uint32_t index)
{
    guest.gpr[BH_RCX] = index;
    guest.insn_len = 2;
    fixture_exit(BH_EXIT_RDMSR);
}

static void wrmsr(uint32_t index, uint64_t value)
{
    guest.gpr[BH_RCX] = index;
    guest.gpr[BH_RAX] = (uint32_t)value;
    guest.gpr[BH_RDX] = value >> 32;
    guest.insn_len = 2;
    fixture_exit(BH_EXIT_WRMSR);
}

static void startup_hands_over_the_loaders_state(void **state)
{
    (void)state;
    load_state_protected(&vm.load, 0x100000, 0x1000);
    vm.load.gpr[LOAD_RBX] = 0x1234;
    fixture_exit(BH_EXIT_STARTUP);
    assert_int_equal(guest.rip, 0x100000);
    assert_int_equal(guest.gpr[BH_RBX], 0x1234);
    assert_int_equal(guest.cr0 & X86_CR0_PE, X86_CR0_PE);
    assert_int_equal(guest.gdtr_base, 0x1000);
    assert_int_equal(guest.cr0_own & (X86_CR0_NE | X86_CR0_CD | X86_CR0_NW), 0);
    assert_int_equal(guest.cr4_own & X86_CR4_OSXSAVE, 0);
    assert_int_equal(guest.cr4_own & X86_CR4_SMAP, X86_CR4_SMAP);
    assert_int_equal(guest.xcr0, 1);
}

static void cpuid_answers_from_the_policy(void **state)
{
    uint32_t r[CPUID_REGS];

    (void)state;
    guest.gpr[BH_RAX] = 1;
    guest.insn_len = 2;
    cpuid_query(&vm.cpuid, 1, 0, 1, r);
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(guest.gpr[BH_RAX], r[CPUID_EAX]);
    assert_int_equal(guest.gpr[BH_RDX], r[CPUID_EDX]);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
}

static void cpuid_shows_osxsave_once_cr4_has_it(void **state)
{
    const uint64_t osxsave = 1u << 27;

    (void)state;
    guest.gpr[BH_RAX] = X86_CR4_OSXSAVE;
    guest.qualification = 4; /* MOV CR4, RAX */
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.cr4, X86_CR4_OSXSAVE);
    guest.gpr[BH_RAX] = 1;
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(guest.gpr[BH_RCX] & osxsave, osxsave);
}

static void cpuid_hides_an_apic_that_is_off(void **state)
{
    const uint64_t apic = 1u << 9;

    (void)state;
    wrmsr(LAPIC_MSR_APIC_BASE, LAPIC_BASE);
    guest.gpr[BH_RAX] = 1;
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(guest.gpr[BH_RDX] & apic, 0);
}

static void cpuid_shows_an_apic_that_is_on_again(void **state)
{
    const uint64_t apic = 1u << 9;

    cpuid_hides_an_apic_that_is_off(state);
    wrmsr(LAPIC_MSR_APIC_BASE, LAPIC_BASE | LAPIC_BASE_ENABLE);
    guest.gpr[BH_RAX] = 1;
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(guest.gpr[BH_RDX] & apic, apic);
}

static void an_emulated_instruction_ends_the_sti_shadow(void **state)
{
    (void)state;
    guest.interruptibility = X86_BLOCKING_STI;
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(guest.interruptibility, 0);
}

static void an_unknown_msr_faults(void **state)
{
    (void)state;
    rdmsr(MSR_UNKNOWN);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
    assert_int_equal(guest.inject_error, 0);
    assert_int_equal(guest.rip, FIXTURE_CODE);
    assert_int_equal(guest.rflags & X86_RFLAGS_RF, X86_RFLAGS_RF);
}

static void a_fault_in_real_mode_has_no_error_code(void **state)
{
    (void)state;
    guest.cr0 &= ~X86_CR0_PE;
    rdmsr(MSR_UNKNOWN);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_GP);
}

static void writing_the_tsc_moves_it(void **state)
{
    const uint64_t value = UINT64_C(1) << 40;

    (void)state;
    wrmsr(MSR_TSC, value);
    assert_in_range(fake_kernel.tsc + guest.tsc_offset, value, value + 100);
    rdmsr(MSR_TSC);
    assert_in_range(guest.gpr[BH_RDX] << 32 | guest.gpr[BH_RAX], value, value + 200);
}

static void a_tsc_deadline_is_in_the_guests_time(void **state)
{
    const uint64_t tsc_deadline_mode = 2u << 17, moved = UINT64_C(1) << 40;

    (void)state;
    enable_lapic();
    wrmsr(MSR_TSC, moved);
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_LVT_TIMER, 4, tsc_deadline_mode | VECTOR, 0);
    wrmsr(LAPIC_MSR_TSC_DEADLINE, moved + 1000000);
    assert_in_range(guest.deadline, 1000000, 1000000 + 2000);
    rdmsr(LAPIC_MSR_TSC_DEADLINE);
    assert_int_equal(guest.gpr[BH_RDX] << 32 | guest.gpr[BH_RAX], moved + 1000000);
    fake_kernel.tsc = guest.deadline;
    fixture_exit(BH_EXIT_DEADLINE);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
}

static void a_deadline_that_moves_away_stays_with_the_kernel(void **state)
{
    const uint64_t tsc_deadline_mode = 2u << 17;

    (void)state;
    enable_lapic();
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_LVT_TIMER, 4, tsc_deadline_mode | VECTOR, 0);
    wrmsr(LAPIC_MSR_TSC_DEADLINE, 1000000);
    wrmsr(LAPIC_MSR_TSC_DEADLINE, 3000000);
    assert_int_equal(guest.deadline, 1000000);
    fake_kernel.tsc = guest.deadline;
    fixture_exit(BH_EXIT_DEADLINE);
    assert_int_equal(guest.inject_info, 0);
    assert_int_equal(guest.deadline, 3000000);
    wrmsr(LAPIC_MSR_TSC_DEADLINE, 2000000);
    assert_int_equal(guest.deadline, 2000000);
}

static void hlt_leaves_no_deadline_that_has_passed(void **state)
{
    (void)state;
    enable_lapic();
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_LVT_TIMER, 4, VECTOR, 0);
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_INITIAL_COUNT, 4, 1000000, fake_kernel.tsc);
    guest.qualification = 0x80u << 16;
    fixture_exit(BH_EXIT_IO);
    assert_in_range(guest.deadline, 2000000, 2001100);
    fixture_exit(BH_EXIT_HLT);
    assert_int_equal(guest.deadline, BH_NEVER);
}

static void paging_with_lme_enters_long_mode(void **state)
{
    (void)state;
    guest.efer = X86_EFER_LME;
    guest.cr4 = X86_CR4_PAE;
    guest.gpr[BH_RBX] = guest.cr0 | X86_CR0_PG | X86_CR0_CD;
    guest.qualification = 3u << 8; /* MOV CR0, RBX */
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.efer, X86_EFER_LME | X86_EFER_LMA);
    assert_int_equal(guest.cr0 & (X86_CR0_PG | X86_CR0_CD), X86_CR0_PG | X86_CR0_CD);
}

static void paging_with_lme_needs_pae(void **state)
{
    (void)state;
    guest.efer = X86_EFER_LME;
    guest.gpr[BH_RBX] = guest.cr0 | X86_CR0_PG;
    guest.qualification = 3u << 8;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
    assert_int_equal(guest.cr0 & X86_CR0_PG, 0);
}

static void pae_paging_loads_the_pdptes(void **state)
{
    const uint64_t entry = 0x5001;

    (void)state;
    guest.cr4 = X86_CR4_PAE;
    guest.cr3 = 0x3020;
    memcpy(ram + 0x3020 + 8, &entry, sizeof entry);
    guest.gpr[BH_RAX] = guest.cr0 | X86_CR0_PG;
    guest.qualification = 0;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.pdpte[1], entry);
    assert_int_equal(guest.pdpte[0], 0);
}

static void lmsw_cannot_clear_pe(void **state)
{
    (void)state;
    guest.qualification = UINT64_C(3) << 4 | (uint64_t)X86_CR0_TS << 16;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.cr0 & (X86_CR0_PE | X86_CR0_TS), X86_CR0_PE | X86_CR0_TS);
}

static void hidden_cr4_bits_fault(void **state)
{
    const uint64_t vmxe = 1u << 13;

    (void)state;
    guest.gpr[BH_RAX] = vmxe;
    guest.qualification = 4;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
    assert_int_equal(guest.cr4, 0);
}

static void cr8_is_the_tpr(void **state)
{
    (void)state;
    raise_interrupt(VECTOR);
    fixture_long_mode();
    guest.gpr[BH_RAX] = 5;
    guest.qualification = 8;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.inject_info, 0);
    guest.qualification = 8 | 1u << 4 | 1u << 8; /* MOV RCX, CR8 */
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.gpr[BH_RCX], 5);
    guest.gpr[BH_RAX] = 0;
    guest.qualification = 8;
    fixture_exit(BH_EXIT_CR);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
}

static void xsetbv_takes_only_what_fits_together(void **state)
{
    static const uint64_t bad[] = {0, 2, 5, 0x27, 1u << 9};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        guest.gpr[BH_RCX] = 0;
        guest.gpr[BH_RDX] = 0;
        guest.gpr[BH_RAX] = bad[i];
        fixture_exit(BH_EXIT_XSETBV);
        assert_int_equal(guest.inject_info, GP_WITH_CODE);
    }
}

static void the_reset_value_of_xcr0_can_be_written(void **state)
{
    (void)state;
    guest.gpr[BH_RAX] = 1;
    guest.insn_len = 3;
    fixture_exit(BH_EXIT_XSETBV);
    assert_int_equal(guest.inject_info, 0);
    assert_int_equal(guest.xcr0, 1);
    assert_int_equal(guest.rip, FIXTURE_CODE + 3);
}

static void an_interrupt_waits_for_its_window(void **state)
{
    (void)state;
    raise_interrupt(VECTOR);
    guest.rflags &= ~X86_RFLAGS_IF;
    guest.qualification = 0x80u << 16;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.inject_info, 0);
    assert_int_equal(guest.window, BH_WINDOW_INTR);
    guest.rflags |= X86_RFLAGS_IF;
    fixture_exit(BH_EXIT_INTR_WINDOW);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
    assert_int_equal(guest.window, 0);
}

static void hlt_sleeps_until_the_timer(void **state)
{
    (void)state;
    enable_lapic();
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_LVT_TIMER, 4, VECTOR, 0);
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_INITIAL_COUNT, 4, 1000000, fake_kernel.tsc);
    guest.interruptibility = X86_BLOCKING_STI;
    guest.insn_len = 1;
    fixture_exit(BH_EXIT_HLT);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
    assert_int_equal(guest.rip, FIXTURE_CODE + 1);
    assert_in_range(fake_kernel.tsc, 2000000, 2001100);
    assert_false(vm.vcpu.waiting);
}

static void hlt_with_interrupts_off_stops_the_vm(void **state)
{
    (void)state;
    guest.rflags &= ~X86_RFLAGS_IF;
    assert_int_equal(fixture_ends(BH_EXIT_HLT), VM_END_CRASH);
}

static void a_triple_fault_is_shown_on_the_console(void **state)
{
    (void)state;
    fixture_code((const uint8_t[]){0x0F, 0x0B}, 2);
    assert_int_equal(fixture_ends(BH_EXIT_TRIPLE_FAULT), VM_END_CRASH);
    rings.output.data[VM_RING_SIZE - 1] = 0;
    assert_non_null(strstr((char *)rings.output.data, "*** VM test stopped: triple fault\r\n"));
    assert_non_null(strstr((char *)rings.output.data, "32-bit protected mode, CPL 0, no paging"));
    assert_non_null(strstr((char *)rings.output.data, "Code at 0000000000010000: 0f 0b 00"));
}

static void vmx_instructions_are_undefined(void **state)
{
    (void)state;
    fixture_exit(BH_EXIT_VMXON);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_UD);
}

static void a_debug_exception_sets_dr6(void **state)
{
    const uint64_t b1 = 2;

    (void)state;
    guest.exit_intr_info = X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_DB;
    guest.qualification = b1;
    guest.dr7 |= X86_DR7_GD;
    fixture_exit(BH_EXIT_EXCEPTION);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_DB);
    assert_int_equal(guest.dr6, X86_DR6_FIXED | X86_DR6_RTM | b1);
    assert_int_equal(guest.dr7, X86_DR7_FIXED);
}

static void an_interrupt_pushed_aside_comes_after_the_exception(void **state)
{
    (void)state;
    guest.exit_intr_info = X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_EVENT_ERROR | X86_VECTOR_AC;
    guest.idt_info = X86_EVENT_VALID | VECTOR;
    fixture_exit(BH_EXIT_EXCEPTION);
    assert_int_equal(guest.inject_info, guest.exit_intr_info);
    assert_int_equal(guest.window, BH_WINDOW_INTR);
    fixture_exit(BH_EXIT_INTR_WINDOW);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
}

static void a_single_step_traps_after_an_emulated_instruction(void **state)
{
    (void)state;
    guest.rflags |= X86_RFLAGS_TF;
    guest.insn_len = 2;
    fixture_exit(BH_EXIT_CPUID);
    assert_int_equal(fake_kernel.recalls, 1);
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_DB);
    assert_int_equal(guest.dr6 & X86_DR6_BS, X86_DR6_BS);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
}

static void an_event_that_has_not_begun_goes_first_again(void **state)
{
    (void)state;
    raise_interrupt(VECTOR);
    fixture_exit(BH_EXIT_DEADLINE);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
    raise_interrupt(VECTOR + 0x10);
    for (unsigned i = 0; i < 2; i++) {
        fixture_early_exit(BH_EXIT_RECALL);
        assert_int_equal(guest.inject_info, X86_EVENT_VALID | VECTOR);
        assert_int_equal(guest.window, BH_WINDOW_INTR);
    }
    fixture_exit(BH_EXIT_INTR_WINDOW);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | (VECTOR + 0x10));
}

static void a_fault_that_has_not_begun_keeps_its_error_code(void **state)
{
    (void)state;
    rdmsr(MSR_UNKNOWN);
    guest.inject_error = 0x18;
    fixture_early_exit(BH_EXIT_DEADLINE);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
    assert_int_equal(guest.inject_error, 0x18);
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(guest.inject_info, 0);
}

static void efer_takes_what_is_not_reserved(void **state)
{
    (void)state;
    wrmsr(X86_MSR_EFER, X86_EFER_LME | X86_EFER_NXE | X86_EFER_LMA);
    assert_int_equal(guest.efer, X86_EFER_LME | X86_EFER_NXE);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
    wrmsr(X86_MSR_EFER, 1u << 1);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
}

static void lme_cannot_change_under_paging(void **state)
{
    (void)state;
    fixture_long_mode();
    wrmsr(X86_MSR_EFER, X86_EFER_SCE);
    assert_int_equal(guest.inject_info, GP_WITH_CODE);
    wrmsr(X86_MSR_EFER, X86_EFER_SCE | X86_EFER_LME);
    assert_int_equal(guest.efer, X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA);
}

static void input_reaches_the_uart_by_a_recall(void **state)
{
    (void)state;
    rings.input.data[0] = 'a';
    rings.input.head = 1;
    assert_true(console_has_event(&vm.console));
    fixture_exit(BH_EXIT_RECALL);
    assert_int_equal(board_port_read(&vm.board, UART16550_COM1, 1, fake_kernel.tsc) & 0xFF, 'a');
    assert_false(console_has_event(&vm.console));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(startup_hands_over_the_loaders_state, fixture_setup),
        cmocka_unit_test_setup(cpuid_answers_from_the_policy, fixture_setup),
        cmocka_unit_test_setup(cpuid_shows_osxsave_once_cr4_has_it, fixture_setup),
        cmocka_unit_test_setup(cpuid_hides_an_apic_that_is_off, fixture_setup),
        cmocka_unit_test_setup(cpuid_shows_an_apic_that_is_on_again, fixture_setup),
        cmocka_unit_test_setup(an_emulated_instruction_ends_the_sti_shadow, fixture_setup),
        cmocka_unit_test_setup(an_unknown_msr_faults, fixture_setup),
        cmocka_unit_test_setup(a_fault_in_real_mode_has_no_error_code, fixture_setup),
        cmocka_unit_test_setup(writing_the_tsc_moves_it, fixture_setup),
        cmocka_unit_test_setup(a_tsc_deadline_is_in_the_guests_time, fixture_setup),
        cmocka_unit_test_setup(a_deadline_that_moves_away_stays_with_the_kernel, fixture_setup),
        cmocka_unit_test_setup(hlt_leaves_no_deadline_that_has_passed, fixture_setup),
        cmocka_unit_test_setup(paging_with_lme_enters_long_mode, fixture_setup),
        cmocka_unit_test_setup(paging_with_lme_needs_pae, fixture_setup),
        cmocka_unit_test_setup(pae_paging_loads_the_pdptes, fixture_setup),
        cmocka_unit_test_setup(lmsw_cannot_clear_pe, fixture_setup),
        cmocka_unit_test_setup(hidden_cr4_bits_fault, fixture_setup),
        cmocka_unit_test_setup(cr8_is_the_tpr, fixture_setup),
        cmocka_unit_test_setup(xsetbv_takes_only_what_fits_together, fixture_setup),
        cmocka_unit_test_setup(the_reset_value_of_xcr0_can_be_written, fixture_setup),
        cmocka_unit_test_setup(an_interrupt_waits_for_its_window, fixture_setup),
        cmocka_unit_test_setup(hlt_sleeps_until_the_timer, fixture_setup),
        cmocka_unit_test_setup(hlt_with_interrupts_off_stops_the_vm, fixture_setup),
        cmocka_unit_test_setup(a_triple_fault_is_shown_on_the_console, fixture_setup),
        cmocka_unit_test_setup(vmx_instructions_are_undefined, fixture_setup),
        cmocka_unit_test_setup(a_debug_exception_sets_dr6, fixture_setup),
        cmocka_unit_test_setup(an_interrupt_pushed_aside_comes_after_the_exception, fixture_setup),
        cmocka_unit_test_setup(a_single_step_traps_after_an_emulated_instruction, fixture_setup),
        cmocka_unit_test_setup(an_event_that_has_not_begun_goes_first_again, fixture_setup),
        cmocka_unit_test_setup(a_fault_that_has_not_begun_keeps_its_error_code, fixture_setup),
        cmocka_unit_test_setup(efer_takes_what_is_not_reserved, fixture_setup),
        cmocka_unit_test_setup(lme_cannot_change_under_paging, fixture_setup),
        cmocka_unit_test_setup(input_reaches_the_uart_by_a_recall, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
