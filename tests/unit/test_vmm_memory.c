/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exit handlers that reach memory and devices: I/O instructions, string I/O with its faults, EPT
 * violations in several modes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vmm_fixture.h"
#include "vmm/mmio.h"

#define BUFFER       0x20000u
#define ABSENT       UINT64_C(0xD0000000) /* an address in the PCI hole where no device is */
#define QUAL_READ    UINT64_C(0x181)      /* data read, linear address valid and translated */
#define QUAL_WRITE   UINT64_C(0x182)
#define QUAL_FETCH   UINT64_C(0x184)
#define QUAL_OUTSB   UINT64_C(0x10)
#define QUAL_INSB    UINT64_C(0x18)
#define QUAL_REP     UINT64_C(0x20)
#define COM1_SHIFTED ((uint64_t)UART16550_COM1 << 16)
#define ADDRESS_32   (1u << 7)
#define SEGMENT_DS   (3u << 15)

static void violation(uint64_t address, uint64_t qualification)
{
    guest.qualification = qualification;
    guest.guest_linear = address;
    guest.guest_physical = address;
    fixture_exit(BH_EXIT_EPT_VIOLATION);
}

static void out_reaches_the_uart(void **state)
{
    (void)state;
    guest.gpr[BH_RAX] = 'h';
    guest.qualification = COM1_SHIFTED;
    guest.insn_len = 1;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(rings.output.data[0], 'h');
    assert_int_equal(rings.output.head, 1);
    assert_int_equal(guest.rip, FIXTURE_CODE + 1);
}

static void in_changes_only_its_part_of_rax(void **state)
{
    const uint64_t in = 8;

    (void)state;
    guest.gpr[BH_RAX] = UINT64_C(0x1122334455667788);
    guest.qualification = 0x300u << 16 | in;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.gpr[BH_RAX], UINT64_C(0x11223344556677FF));
    guest.qualification = 0x300u << 16 | in | 1;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.gpr[BH_RAX], UINT64_C(0x112233445566FFFF));
    guest.qualification = 0x300u << 16 | in | 3;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.gpr[BH_RAX], UINT32_MAX);
}

static void debug_exit_ends_the_vm_with_its_value(void **state)
{
    (void)state;
    guest.gpr[BH_RAX] = 7;
    guest.qualification = (uint64_t)DEBUG_EXIT_PORT << 16;
    assert_int_equal(fixture_ends(BH_EXIT_IO), VM_END_DEBUG_EXIT);
    assert_int_equal(end_message.w[2], 7);
}

static void rep_outsb_sends_a_string(void **state)
{
    (void)state;
    memcpy(ram + BUFFER, (const uint8_t[]){'h', 'e', 'l', 'l', 'o'}, 5);
    guest.gpr[BH_RAX] = 0x55;
    guest.gpr[BH_RSI] = BUFFER;
    guest.gpr[BH_RCX] = 5;
    guest.insn_len = 2;
    guest.insn_info = ADDRESS_32 | SEGMENT_DS;
    guest.qualification = COM1_SHIFTED | QUAL_OUTSB | QUAL_REP;
    fixture_exit(BH_EXIT_IO);
    assert_memory_equal(rings.output.data, "hello", 5);
    assert_int_equal(guest.gpr[BH_RCX], 0);
    assert_int_equal(guest.gpr[BH_RSI], BUFFER + 5);
    assert_int_equal(guest.gpr[BH_RAX], 0x55);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
}

static void rep_outs_with_count_zero_sends_nothing(void **state)
{
    (void)state;
    guest.gpr[BH_RSI] = BUFFER;
    guest.insn_len = 2;
    guest.insn_info = ADDRESS_32 | SEGMENT_DS;
    guest.qualification = COM1_SHIFTED | QUAL_OUTSB | QUAL_REP;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(rings.output.head, 0);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
}

static void insb_goes_down_with_df(void **state)
{
    (void)state;
    assert_true(uart16550_rx(&vm.board.uart, 'z', 0));
    guest.gpr[BH_RDI] = BUFFER;
    guest.rflags |= X86_RFLAGS_DF;
    guest.insn_len = 1;
    guest.insn_info = ADDRESS_32;
    guest.qualification = COM1_SHIFTED | QUAL_INSB;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(ram[BUFFER], 'z');
    assert_int_equal(guest.gpr[BH_RDI], BUFFER - 1);
}

static void ins_to_an_absent_page_faults_before_it_reads_the_port(void **state)
{
    uint64_t *pdpt = (uint64_t *)(void *)(ram + 0x2000);

    (void)state;
    fixture_long_mode();
    pdpt[3] = 0;
    assert_true(uart16550_rx(&vm.board.uart, 'z', 0));
    guest.gpr[BH_RDI] = ABSENT;
    guest.insn_len = 1;
    guest.insn_info = 2u << 7;
    guest.qualification = COM1_SHIFTED | QUAL_INSB;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.inject_info,
                     X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_EVENT_ERROR | X86_VECTOR_PF);
    assert_int_equal(guest.inject_error, WALK_FAULT_WRITE);
    assert_int_equal(guest.cr2, ABSENT);
    assert_int_equal(guest.gpr[BH_RDI], ABSENT);
    assert_int_equal(board_port_read(&vm.board, UART16550_COM1, 1, 0) & 0xFF, 'z');
}

/* REP OUTSB over the end of mapped memory: what is before it is sent, then comes the fault. */
static void rep_outs_stops_at_the_page_that_faults(void **state)
{
    uint64_t *pml4 = (uint64_t *)(void *)(ram + 0x1000);
    uint64_t *pdpt = (uint64_t *)(void *)(ram + 0x2000);
    uint64_t *pd = (uint64_t *)(void *)(ram + 0x3000);

    (void)state;
    fixture_long_mode();
    pdpt[0] = 0x3003;
    pd[0] = 0x83;
    assert_int_equal(pml4[0] & 1, 1);
    memcpy(ram + 0x200000 - 3, (const uint8_t[]){'e', 'n', 'd'}, 3);
    guest.gpr[BH_RSI] = 0x200000 - 3;
    guest.gpr[BH_RCX] = 10;
    guest.insn_len = 2;
    guest.insn_info = 2u << 7 | SEGMENT_DS;
    guest.qualification = COM1_SHIFTED | QUAL_OUTSB | QUAL_REP;
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(rings.output.head, 3);
    assert_int_equal(guest.gpr[BH_RCX], 7);
    assert_int_equal(guest.rip, FIXTURE_CODE);
    assert_int_equal(guest.inject_info, 0);
    fixture_exit(BH_EXIT_IO);
    assert_int_equal(guest.inject_info & X86_EVENT_VECTOR, X86_VECTOR_PF);
    assert_int_equal(guest.cr2, 0x200000);
    assert_int_equal(rings.output.head, 3);
}

static void lapic_is_read_in_protected_mode(void **state)
{
    (void)state;
    fixture_code((const uint8_t[]){0xA1, 0x30, 0x00, 0xE0, 0xFE}, 5); /* mov eax, [0xFEE00030] */
    violation(LAPIC_BASE + LAPIC_VERSION, QUAL_READ);
    assert_int_equal(guest.gpr[BH_RAX] & 0xFF, 0x14);
    assert_int_equal(guest.rip, FIXTURE_CODE + 5);
}

static void lapic_is_written_in_long_mode(void **state)
{
    (void)state;
    fixture_long_mode();
    fixture_code((const uint8_t[]){0x89, 0x03}, 2); /* mov [rbx], eax */
    guest.gpr[BH_RBX] = LAPIC_BASE + LAPIC_TPR;
    guest.gpr[BH_RAX] = 0x50;
    violation(guest.gpr[BH_RBX], QUAL_WRITE);
    assert_int_equal(lapic_tpr(&vm.board.lapic), 0x50);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
    assert_int_equal(fixture_reads, 0); /* the exit brings all that it takes */
}

/* The MOVs of quick.c: with the device at ABSENT all bits read are ones. */
static void long_mode_mov(const uint8_t *code, unsigned size, uint64_t linear,
                          uint64_t qualification)
{
    fixture_long_mode();
    guest.rip = FIXTURE_CODE;
    fixture_code(code, size);
    violation(linear, qualification);
}

#define LONG_MODE_MOV(linear, qualification, ...)                                           \
    long_mode_mov((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), linear, \
                  qualification)

static void long_mode_loads_merge_as_their_size_says(void **state)
{
    const uint64_t old = UINT64_C(0x1122334455667788);

    (void)state;
    guest.gpr[BH_RSI] = ABSENT;
    guest.gpr[BH_RAX] = old;
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x8A, 0x06); /* MOV AL, [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], old | 0xFF);
    guest.gpr[BH_RAX] = old;
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x8A, 0x26); /* MOV AH, [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], old | 0xFF00);
    guest.gpr[BH_RAX] = old;
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x66, 0x8B, 0x06); /* MOV AX, [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], old | 0xFFFF);
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x8B, 0x06); /* MOV EAX, [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], UINT32_MAX);
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x48, 0x8B, 0x06); /* MOV RAX, [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], UINT64_MAX);
    LONG_MODE_MOV(ABSENT, QUAL_READ, 0x48, 0x0F, 0xB6, 0x06); /* MOVZX RAX, BYTE [RSI] */
    assert_int_equal(guest.gpr[BH_RAX], 0xFF);
    assert_int_equal(guest.rip, FIXTURE_CODE + 4);
}

static void a_long_mode_load_can_go_to_rsp(void **state)
{
    (void)state;
    guest.gpr[BH_RSI] = LAPIC_BASE;
    LONG_MODE_MOV(LAPIC_BASE + LAPIC_SVR, QUAL_READ, 0x8B, 0xA6, 0xF0, 0, 0, 0); /* [RSI + F0h] */
    assert_int_equal(guest.rsp, 0x1FF);
}

static void a_long_mode_store_takes_an_immediate(void **state)
{
    (void)state;
    guest.gpr[BH_RCX] = LAPIC_BASE - 0x100;
    guest.gpr[BH_RDX] = 0x18;
    /* MOV DWORD [RCX + RDX*8 + 100h - 40h], 5Ah */
    LONG_MODE_MOV(LAPIC_BASE + LAPIC_TPR, QUAL_WRITE, 0xC7, 0x84, 0xD1, 0xC0, 0, 0, 0, 0x5A, 0, 0,
                  0);
    assert_int_equal(lapic_tpr(&vm.board.lapic), 0x5A);
    assert_int_equal(guest.rip, FIXTURE_CODE + 11);
}

static void changed_code_is_seen(void **state)
{
    (void)state;
    guest.gpr[BH_RSI] = LAPIC_BASE + LAPIC_SVR;
    LONG_MODE_MOV(LAPIC_BASE + LAPIC_SVR, QUAL_READ, 0x8B, 0x06); /* MOV EAX, [RSI] */
    guest.gpr[BH_RAX] = 0;
    LONG_MODE_MOV(LAPIC_BASE + LAPIC_SVR, QUAL_READ, 0x8B, 0x1E); /* MOV EBX, [RSI] */
    assert_int_equal(guest.gpr[BH_RBX], 0x1FF);
    assert_int_equal(guest.gpr[BH_RAX], 0);
}

static void a_quick_store_traps_when_stepped(void **state)
{
    (void)state;
    guest.rflags |= X86_RFLAGS_TF;
    guest.gpr[BH_RSI] = LAPIC_BASE + LAPIC_TPR;
    LONG_MODE_MOV(LAPIC_BASE + LAPIC_TPR, QUAL_WRITE, 0x89, 0x06);
    assert_int_equal(fake_kernel.recalls, 1);
}

static void lapic_is_read_in_real_mode_with_a_big_segment(void **state)
{
    (void)state;
    guest.cr0 = X86_CR0_ET;
    guest.seg[BH_CS].ar = 0x009B;
    guest.seg[BH_CS].base = FIXTURE_CODE;
    guest.seg[BH_CS].selector = FIXTURE_CODE >> 4;
    guest.seg[BH_CS].limit = 0xFFFF;
    guest.rip = 0;
    /* mov eax, [dword 0xFEE00030] with operand and address size prefixes */
    fixture_code((const uint8_t[]){0x66, 0x67, 0xA1, 0x30, 0x00, 0xE0, 0xFE}, 7);
    violation(LAPIC_BASE + LAPIC_VERSION, QUAL_READ);
    assert_int_equal(guest.gpr[BH_RAX] & 0xFF, 0x14);
    assert_int_equal(guest.rip, 7);
}

static void an_instruction_across_pages_is_fetched(void **state)
{
    (void)state;
    guest.rip = FIXTURE_CODE + 0xFFE;
    memcpy(ram + guest.rip, (const uint8_t[]){0xA1, 0x30, 0x00, 0xE0, 0xFE}, 5);
    violation(LAPIC_BASE + LAPIC_VERSION, QUAL_READ);
    assert_int_equal(guest.gpr[BH_RAX] & 0xFF, 0x14);
    assert_int_equal(guest.rip, FIXTURE_CODE + 0x1003);
}

static void absent_memory_is_all_ones(void **state)
{
    (void)state;
    fixture_code((const uint8_t[]){0x8B, 0x03}, 2); /* mov eax, [ebx] */
    guest.gpr[BH_RBX] = ABSENT;
    violation(ABSENT, QUAL_READ);
    assert_int_equal(guest.gpr[BH_RAX], UINT32_MAX);
    fixture_code((const uint8_t[]){0xC7, 0x03, 1, 2, 3, 4}, 6); /* mov dword [ebx], imm32 */
    violation(ABSENT, QUAL_WRITE);
    assert_int_equal(guest.inject_info, 0);
}

static void rep_movs_copies_from_a_device_to_ram(void **state)
{
    (void)state;
    fixture_code((const uint8_t[]){0xF3, 0xA5}, 2); /* rep movsd */
    guest.gpr[BH_RSI] = ABSENT;
    guest.gpr[BH_RDI] = BUFFER;
    guest.gpr[BH_RCX] = 3;
    violation(ABSENT, QUAL_READ);
    assert_int_equal(guest.gpr[BH_RCX], 0);
    assert_memory_equal(ram + BUFFER, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0", 13);
    assert_int_equal(guest.rip, FIXTURE_CODE + 2);
}

static void an_eoi_by_mmio_lets_the_next_interrupt_in(void **state)
{
    (void)state;
    board_mmio_write(&vm.board, LAPIC_BASE + LAPIC_SVR, 4, 0x1FF, 0);
    assert_true(lapic_accept(&vm.board.lapic, 0x60, false));
    lapic_ack(&vm.board.lapic, 0x60);
    assert_true(lapic_accept(&vm.board.lapic, 0x61, false));
    fixture_code((const uint8_t[]){0xC7, 0x05, 0xB0, 0x00, 0xE0, 0xFE, 0, 0, 0, 0}, 10);
    violation(LAPIC_BASE + LAPIC_EOI, QUAL_WRITE);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | 0x61);
    assert_int_equal(guest.rip, FIXTURE_CODE + 10);
}

static void what_is_not_an_instruction_is_undefined(void **state)
{
    (void)state;
    fixture_code((const uint8_t[]){0x0F, 0x0B}, 2); /* ud2: changed by the guest in the meantime */
    violation(LAPIC_BASE, QUAL_READ);
    assert_int_equal(guest.inject_info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_UD);
}

static void a_jump_into_nothing_stops_the_vm(void **state)
{
    (void)state;
    guest.qualification = QUAL_FETCH;
    guest.rip = ABSENT;
    assert_int_equal(fixture_ends(BH_EXIT_EPT_VIOLATION), VM_END_CRASH);
}

static void page_tables_in_nothing_stop_the_vm(void **state)
{
    (void)state;
    guest.qualification = 0x81;
    assert_int_equal(fixture_ends(BH_EXIT_EPT_VIOLATION), VM_END_CRASH);
}

static void a_stack_in_nothing_stops_the_vm(void **state)
{
    (void)state;
    guest.qualification = QUAL_WRITE;
    guest.idt_info = X86_EVENT_VALID | 0x20;
    assert_int_equal(fixture_ends(BH_EXIT_EPT_VIOLATION), VM_END_CRASH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(out_reaches_the_uart, fixture_setup),
        cmocka_unit_test_setup(in_changes_only_its_part_of_rax, fixture_setup),
        cmocka_unit_test_setup(debug_exit_ends_the_vm_with_its_value, fixture_setup),
        cmocka_unit_test_setup(rep_outsb_sends_a_string, fixture_setup),
        cmocka_unit_test_setup(rep_outs_with_count_zero_sends_nothing, fixture_setup),
        cmocka_unit_test_setup(insb_goes_down_with_df, fixture_setup),
        cmocka_unit_test_setup(ins_to_an_absent_page_faults_before_it_reads_the_port,
                               fixture_setup),
        cmocka_unit_test_setup(rep_outs_stops_at_the_page_that_faults, fixture_setup),
        cmocka_unit_test_setup(lapic_is_read_in_protected_mode, fixture_setup),
        cmocka_unit_test_setup(lapic_is_written_in_long_mode, fixture_setup),
        cmocka_unit_test_setup(long_mode_loads_merge_as_their_size_says, fixture_setup),
        cmocka_unit_test_setup(a_long_mode_load_can_go_to_rsp, fixture_setup),
        cmocka_unit_test_setup(a_long_mode_store_takes_an_immediate, fixture_setup),
        cmocka_unit_test_setup(changed_code_is_seen, fixture_setup),
        cmocka_unit_test_setup(a_quick_store_traps_when_stepped, fixture_setup),
        cmocka_unit_test_setup(lapic_is_read_in_real_mode_with_a_big_segment, fixture_setup),
        cmocka_unit_test_setup(an_instruction_across_pages_is_fetched, fixture_setup),
        cmocka_unit_test_setup(absent_memory_is_all_ones, fixture_setup),
        cmocka_unit_test_setup(rep_movs_copies_from_a_device_to_ram, fixture_setup),
        cmocka_unit_test_setup(an_eoi_by_mmio_lets_the_next_interrupt_in, fixture_setup),
        cmocka_unit_test_setup(what_is_not_an_instruction_is_undefined, fixture_setup),
        cmocka_unit_test_setup(a_jump_into_nothing_stops_the_vm, fixture_setup),
        cmocka_unit_test_setup(page_tables_in_nothing_stop_the_vm, fixture_setup),
        cmocka_unit_test_setup(a_stack_in_nothing_stops_the_vm, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
