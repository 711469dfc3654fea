/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions with their error codes and addresses; the single step and the shadow of STI and MOV SS
 * across instructions that a hypervisor emulates; privilege level 3; debug registers; double fault.
 * The code is in exceptions.asm. Manual: SDM volume 3, "Interrupt and Exception Handling", "Debug
 * Exceptions".
 */
#include <stddef.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum { /* bits of a page fault's error code */
       PF_PRESENT = 1 << 0,
       PF_WRITE = 1 << 1,
       PF_USER = 1 << 2,
       PF_FETCH = 1 << 4
};

enum {
    STEPS_MOST = 16,
    LONG_MS = 500,
    SOFTWARE_VECTOR = 0x90, /* fault_int */
    TEST_PAGE = 0x00A00000, /* 10 MiB: RAM that nothing uses */
    RFLAGS_RF_BIT = 16,
    DR7_LOCAL_0 = 1 << 0,
    DR7_WRITE_0 = 1 << 16,
    DR7_FOUR_BYTES_0 = 3 << 18
};

#define UNMAPPED      UINT64_C(0x180000123)
#define NOT_CANONICAL UINT64_C(0x0000800000000000)
#define DR6_B0        (UINT64_C(1) << 0)
#define DR6_BS        (UINT64_C(1) << 14)
#define DR7_RESET     UINT64_C(0x400)
#define NOT_PRESENT   UINT64_C(0x00CF13000000FFFF) /* a data descriptor */
#define PAGE_NO_EXEC  (UINT64_C(1) << 63)
#define CR4_VMXE      (UINT64_C(1) << 13)
#define CR0_NW        (UINT64_C(1) << 29)

void fault_ud(void *), fault_de(void *), fault_vmcall(void *), fault_vmxon(void *);
void fault_int3(void *), fault_int(void *), load_fs(void *), touch_x87(void *), touch_sse(void *);
void user_cli(void *), user_hlt(void *), user_out(void *), user_rdmsr(void *), user_cr3(void *);
void user_cpuid(void *), user_read(void *), breakpoint(void *), watched_store(void *),
    sti_cli(void);
extern const uint8_t fault_int3_end[], fault_int_end[], breakpoint_cpuid[], watched_store_end[];
extern const uint64_t steps_nop[], steps_cpuid[], steps_out[], steps_in[], steps_rdmsr[],
    steps_mmio[];
extern const uint64_t steps_rep_out[], steps_rep_mmio[], steps_mov_ss[], steps_cr[], shadows[];

static void read_byte(void *address)
{
    (void)*(volatile uint8_t *)address;
}

static void write_byte(void *address)
{
    *(volatile uint8_t *)address = 0;
}

static void call(void *address)
{
    ((void (*)(void))address)();
}

static void expect_rip(struct place place, const void *address)
{
    expect(place, trap_caught()->rip == (uint64_t)address, "RIP is 0x%lx, not 0x%lx",
           trap_caught()->rip, (uint64_t)address);
}

static void undefined_opcode_raises_ud(void)
{
    expect_vector(HERE, "UD2", trap_try(fault_ud, NULL), TRAP_UD);
    expect_rip(HERE, (const void *)fault_ud);
}

static void vmx_instructions_raise_ud(void)
{
    expect_vector(HERE, "VMXON", trap_try(fault_vmxon, NULL), TRAP_UD);
    expect_vector(HERE, "VMCALL", trap_try(fault_vmcall, NULL), TRAP_UD);
    expect_rip(HERE, (const void *)fault_vmcall);
}

static void division_by_zero_raises_de(void)
{
    expect_vector(HERE, "DIV", trap_try(fault_de, NULL), TRAP_DE);
}

static void int3_and_int_n_trap_behind_themselves(void)
{
    expect_vector(HERE, "INT3", trap_try(fault_int3, NULL), TRAP_BP);
    expect_rip(HERE, fault_int3_end);
    expect_vector(HERE, "INT n", trap_try(fault_int, NULL), SOFTWARE_VECTOR);
    expect_rip(HERE, fault_int_end);
}

static void non_canonical_address_raises_gp(void)
{
    expect_vector(HERE, "a read", trap_try(read_byte, (void *)NOT_CANONICAL), TRAP_GP);
    expect_equal(HERE, "error code", trap_caught()->error, 0);
}

static void absent_segment_raises_np_with_its_selector(void)
{
    gdt[SEL_SPARE / SEL_ENTRY_SIZE] = NOT_PRESENT;
    expect_vector(HERE, "MOV FS", trap_try(load_fs, (void *)SEL_SPARE), TRAP_NP);
    expect_equal(HERE, "error code", trap_caught()->error, SEL_SPARE);
    gdt[SEL_SPARE / SEL_ENTRY_SIZE] = 0;
    expect_vector(HERE, "MOV FS beyond the table", trap_try(load_fs, (void *)0x1000), TRAP_GP);
    expect_equal(HERE, "error code", trap_caught()->error, 0x1000);
}

static void page_fault_names_address_and_access(void)
{
    expect_vector(HERE, "a read", trap_try(read_byte, (void *)UNMAPPED), TRAP_PF);
    expect_equal(HERE, "error code of a read", trap_caught()->error, 0);
    expect_equal(HERE, "CR2", trap_caught_cr2(), UNMAPPED);
    expect_vector(HERE, "a write", trap_try(write_byte, (void *)UNMAPPED), TRAP_PF);
    expect_equal(HERE, "error code of a write", trap_caught()->error, PF_WRITE);
    expect_equal(HERE, "CR2", trap_caught_cr2(), UNMAPPED);
}

static void read_only_page_faults_on_writes(void)
{
    *page_entry(TEST_PAGE) &= ~(uint64_t)PAGE_WRITE;
    invlpg((void *)TEST_PAGE);
    expect_vector(HERE, "a write", trap_try(write_byte, (void *)TEST_PAGE), TRAP_PF);
    expect_equal(HERE, "error code", trap_caught()->error, PF_PRESENT | PF_WRITE);
    expect_vector(HERE, "a read", trap_try(read_byte, (void *)TEST_PAGE), TRAP_NONE);
    *page_entry(TEST_PAGE) |= PAGE_WRITE;
    invlpg((void *)TEST_PAGE);
    expect_vector(HERE, "a write to the restored page", trap_try(write_byte, (void *)TEST_PAGE),
                  TRAP_NONE);
}

/* The page tables of a device page are the guest's too: a fault comes before the device is asked.
 */
static void device_page_faults_like_any_other(void)
{
    uint64_t *entry = page_entry(LAPIC_BASE);

    *entry &= ~(uint64_t)PAGE_WRITE;
    write_cr3(read_cr3());
    expect_vector(HERE, "a write", trap_try(write_byte, (void *)(LAPIC_BASE + LAPIC_TPR)), TRAP_PF);
    expect_equal(HERE, "error code", trap_caught()->error, PF_PRESENT | PF_WRITE);
    *entry &= ~(uint64_t)PAGE_PRESENT;
    write_cr3(read_cr3());
    expect_vector(HERE, "a read", trap_try(read_byte, (void *)(LAPIC_BASE + LAPIC_TPR)), TRAP_PF);
    expect_equal(HERE, "error code", trap_caught()->error, 0);
    expect_equal(HERE, "CR2", trap_caught_cr2(), LAPIC_BASE + LAPIC_TPR);
    *entry |= PAGE_PRESENT | PAGE_WRITE;
    write_cr3(read_cr3());
}

static void no_execute_page_faults_on_fetches(void)
{
    if (!(cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & 1 << 20)) {
        skip("no execute-disable");
        return;
    }
    *(volatile uint8_t *)TEST_PAGE = 0xC3; /* RET */
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    expect_vector(HERE, "a call", trap_try(call, (void *)TEST_PAGE), TRAP_NONE);
    *page_entry(TEST_PAGE) |= PAGE_NO_EXEC;
    write_cr3(read_cr3());
    expect_vector(HERE, "a call", trap_try(call, (void *)TEST_PAGE), TRAP_PF);
    expect_equal(HERE, "error code", trap_caught()->error, PF_PRESENT | PF_FETCH);
    *page_entry(TEST_PAGE) &= ~PAGE_NO_EXEC;
    write_cr3(read_cr3());
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_NXE);
}

static void task_switched_raises_nm(void)
{
    uint64_t cr0 = read_cr0();

    write_cr0(cr0 | CR0_TS);
    unsigned x87 = trap_try(touch_x87, NULL), sse = trap_try(touch_sse, NULL);
    write_cr0(cr0);
    expect_vector(HERE, "x87", x87, TRAP_NM);
    expect_vector(HERE, "SSE", sse, TRAP_NM);
    write_cr0(cr0 | CR0_EM);
    sse = trap_try(touch_sse, NULL);
    write_cr0(cr0);
    expect_vector(HERE, "SSE with EM", sse, TRAP_UD);
}

static void set_cr0(void *value)
{
    write_cr0((uint64_t)value);
}

static void set_cr4(void *value)
{
    write_cr4((uint64_t)value);
}

static void set_cr8(void *value)
{
    write_cr8((uint64_t)value);
}

static void control_registers_refuse_what_is_reserved(void)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    expect_vector(HERE, "clearing PE under paging", trap_try(set_cr0, (void *)(cr0 & ~CR0_PE)),
                  TRAP_GP);
    expect_vector(HERE, "NW without CD",
                  trap_try(set_cr0, (void *)((cr0 & ~(UINT64_C(1) << 30)) | CR0_NW)), TRAP_GP);
    expect_vector(HERE, "bit 32 of CR0", trap_try(set_cr0, (void *)(cr0 | UINT64_C(1) << 32)),
                  TRAP_GP);
    expect_vector(HERE, "clearing PAE in long mode", trap_try(set_cr4, (void *)(cr4 & ~CR4_PAE)),
                  TRAP_GP);
    expect_vector(HERE, "VMXE without VMX", trap_try(set_cr4, (void *)(cr4 | CR4_VMXE)), TRAP_GP);
    expect_vector(HERE, "bit 31 of CR4", trap_try(set_cr4, (void *)(cr4 | UINT64_C(1) << 31)),
                  TRAP_GP);
    expect_vector(HERE, "CR8 = 16", trap_try(set_cr8, (void *)16), TRAP_GP);
    expect_equal(HERE, "CR0", read_cr0(), cr0);
    expect_equal(HERE, "CR4", read_cr4(), cr4);
}

static void user_code_is_kept_from_privileged_instructions(void)
{
    static const struct {
        const char *what;
        void (*code)(void *);
    } refused[] = {{"CLI", user_cli},
                   {"HLT", user_hlt},
                   {"OUT", user_out},
                   {"RDMSR", user_rdmsr},
                   {"MOV CR3", user_cr3}};

    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        expect_vector(HERE, refused[i].what, trap_try_user(refused[i].code, NULL), TRAP_GP);
        expect_equal(HERE, "error code", trap_caught()->error, 0);
        expect_equal(HERE, "privilege level", trap_caught()->cs & 3, 3);
    }
}

static void user_code_may_ask_cpuid(void)
{
    static uint32_t edx;

    expect_vector(HERE, "CPUID", trap_try_user(user_cpuid, &edx), TRAP_NONE);
    expect(HERE, edx & CPUID1_EDX_MSR, "EDX is 0x%x", edx);
}

static void user_code_is_kept_from_supervisor_pages(void)
{
    expect_vector(HERE, "a read", trap_try_user(user_read, (void *)TEST_PAGE), TRAP_PF);
    expect_equal(HERE, "error code", trap_caught()->error, PF_PRESENT | PF_USER);
    expect_equal(HERE, "CR2", trap_caught_cr2(), TEST_PAGE);
    expect_vector(HERE, "a read of a device",
                  trap_try_user(user_read, (void *)(LAPIC_BASE + LAPIC_ID)), TRAP_PF);
}

/* Addresses of the debug exceptions of a run; TF is cleared at the last expected one. */
static uint64_t step_rip[STEPS_MOST], step_dr6[STEPS_MOST], step_last;
static unsigned step_count;

static void on_debug(struct trap_frame *frame)
{
    if (step_count < STEPS_MOST) {
        step_rip[step_count] = frame->rip;
        step_dr6[step_count] = read_dr6();
    }
    step_count++;
    write_dr6(0);
    if (frame->rip == step_last || step_count >= STEPS_MOST)
        frame->rflags &= ~RFLAGS_TF;
}

static void run(void *code)
{
    ((void (*)(void))code)();
}

/* A table of exceptions.asm: entry, expected addresses, 0. */
static void expect_steps(struct place place, const uint64_t *table)
{
    unsigned expected = 0;

    while (table[expected + 1] != 0)
        expected++;
    step_last = table[expected];
    step_count = 0;
    trap_handle(TRAP_DB, on_debug);
    if (!expect_vector(place, "the run", trap_try(run, (void *)table[0]), TRAP_NONE))
        return;
    for (unsigned i = 0; i < expected && i < step_count; i++) {
        expect(place, step_rip[i] == table[i + 1], "trap %u at entry + %lu, not + %lu", i,
               step_rip[i] - table[0], table[i + 1] - table[0]);
        expect(place, step_dr6[i] & DR6_BS, "DR6 of trap %u is 0x%lx", i, step_dr6[i]);
    }
    expect_equal(place, "number of traps", step_count, expected);
}

static void single_step_traps_behind_each_instruction(void)
{
    expect_steps(HERE, steps_nop);
}

static void single_step_passes_cpuid(void)
{
    expect_steps(HERE, steps_cpuid);
}

static void single_step_passes_port_access(void)
{
    expect_steps(HERE, steps_out);
    expect_steps(HERE, steps_in);
}

static void single_step_passes_rdmsr_and_wrmsr(void)
{
    expect_steps(HERE, steps_rdmsr);
}

static void single_step_passes_control_registers(void)
{
    expect_steps(HERE, steps_cr);
}

static void single_step_passes_mmio(void)
{
    expect_steps(HERE, steps_mmio);
}

static void single_step_traps_at_each_repetition_to_a_port(void)
{
    expect_steps(HERE, steps_rep_out);
}

static void single_step_traps_at_each_repetition_to_mmio(void)
{
    expect_steps(HERE, steps_rep_mmio);
}

static void mov_ss_holds_the_single_step_back(void)
{
    expect_steps(HERE, steps_mov_ss);
}

static volatile uint64_t interrupt_rip;
static volatile unsigned interrupts;

static void on_timer(struct trap_frame *frame)
{
    interrupts++;
    interrupt_rip = frame->rip;
    frame->rflags &= ~RFLAGS_IF;
    pic_eoi(IRQ_TIMER);
}

/* A timer interrupt waits. */
static void request_interrupt(void)
{
    interrupts = 0;
    trap_handle(PIC_VECTOR + IRQ_TIMER, on_timer);
    pic_open_only(IRQ_TIMER);
    time_pit0_once(100);
    time_delay(1000);
}

static void sti_lets_one_instruction_pass(void)
{
    for (const uint64_t *pair = shadows; pair[0] != 0; pair += 2) {
        request_interrupt();
        run((void *)pair[0]);
        expect_equal(HERE, "interrupts", interrupts, 1);
        expect(HERE, interrupt_rip == pair[1],
               "run %lu: the interrupt came at entry + %lu, not %lu",
               (uint64_t)(pair - shadows) / 2, interrupt_rip - pair[0], pair[1] - pair[0]);
    }
}

static void sti_followed_by_cli_lets_none_in(void)
{
    request_interrupt();
    sti_cli();
    expect_equal(HERE, "interrupts", interrupts, 0);
    expect(HERE, time_wait_for(&interrupts, 1, LONG_MS), "it was lost");
}

static void on_breakpoint(struct trap_frame *frame)
{
    on_debug(frame);
    frame->rflags |= UINT64_C(1) << RFLAGS_RF_BIT;
}

static void breakpoint_on_an_emulated_instruction_hits(void)
{
    step_count = 0;
    step_last = 0;
    trap_handle(TRAP_DB, on_breakpoint);
    write_dr0((uint64_t)breakpoint_cpuid);
    write_dr7(DR7_RESET | DR7_LOCAL_0);
    unsigned vector = trap_try(breakpoint, NULL);
    write_dr7(DR7_RESET);
    expect_vector(HERE, "the run", vector, TRAP_NONE);
    expect_equal(HERE, "debug exceptions", step_count, 1);
    expect_equal(HERE, "RIP", step_rip[0], (uint64_t)breakpoint_cpuid);
    expect(HERE, step_dr6[0] & DR6_B0, "DR6 is 0x%lx", step_dr6[0]);
}

static void watchpoint_hits_behind_the_store(void)
{
    static uint32_t watched;

    step_count = 0;
    step_last = 0;
    trap_handle(TRAP_DB, on_debug);
    write_dr0((uint64_t)&watched);
    write_dr7(DR7_RESET | DR7_LOCAL_0 | DR7_WRITE_0 | DR7_FOUR_BYTES_0);
    expect_equal(HERE, "DR7", read_dr7(), DR7_RESET | DR7_LOCAL_0 | DR7_WRITE_0 | DR7_FOUR_BYTES_0);
    unsigned vector = trap_try(watched_store, &watched);
    write_dr7(DR7_RESET);
    expect_vector(HERE, "the store", vector, TRAP_NONE);
    expect_equal(HERE, "debug exceptions", step_count, 1);
    expect_equal(HERE, "RIP", step_rip[0], (uint64_t)watched_store_end);
}

static void fault_in_delivery_becomes_a_double_fault(void)
{
    trap_set_present(TRAP_GP, false);
    unsigned vector = trap_try(read_byte, (void *)NOT_CANONICAL);
    trap_set_present(TRAP_GP, true);
    expect_vector(HERE, "#GP without a gate", vector, TRAP_DF);
    expect_equal(HERE, "error code", trap_caught()->error, 0);
}

static void fault_in_delivery_of_a_benign_one_stays_itself(void)
{
    enum {
        EXTERNAL = 1,
        IDT = 2
    }; /* "Error Code": caused by an earlier exception, index into the IDT */

    trap_set_present(TRAP_UD, false);
    unsigned vector = trap_try(fault_ud, NULL);
    trap_set_present(TRAP_UD, true);
    expect_vector(HERE, "#UD without a gate", vector, TRAP_NP);
    expect_equal(HERE, "error code", trap_caught()->error,
                 TRAP_UD * SEL_ENTRY_SIZE | IDT | EXTERNAL);
}

static const struct claim claims[] = {
    CLAIM(undefined_opcode_raises_ud),
    CLAIM(vmx_instructions_raise_ud),
    CLAIM(division_by_zero_raises_de),
    CLAIM(int3_and_int_n_trap_behind_themselves),
    CLAIM(non_canonical_address_raises_gp),
    CLAIM(absent_segment_raises_np_with_its_selector),
    CLAIM(page_fault_names_address_and_access),
    CLAIM(read_only_page_faults_on_writes),
    CLAIM(device_page_faults_like_any_other),
    CLAIM(no_execute_page_faults_on_fetches),
    CLAIM(task_switched_raises_nm),
    CLAIM(user_code_is_kept_from_privileged_instructions),
    CLAIM(user_code_may_ask_cpuid),
    CLAIM(user_code_is_kept_from_supervisor_pages),
    CLAIM(single_step_traps_behind_each_instruction),
    CLAIM(single_step_passes_cpuid),
    CLAIM(single_step_passes_port_access),
    CLAIM(single_step_passes_rdmsr_and_wrmsr),
    CLAIM(single_step_passes_control_registers),
    CLAIM(single_step_passes_mmio),
    CLAIM(single_step_traps_at_each_repetition_to_a_port),
    CLAIM(single_step_traps_at_each_repetition_to_mmio),
    CLAIM(mov_ss_holds_the_single_step_back),
    CLAIM(sti_lets_one_instruction_pass),
    CLAIM(sti_followed_by_cli_lets_none_in),
    CLAIM(breakpoint_on_an_emulated_instruction_hits),
    CLAIM(watchpoint_hits_behind_the_store),
    CLAIM(fault_in_delivery_becomes_a_double_fault),
    CLAIM(fault_in_delivery_of_a_benign_one_stays_itself),
    CLAIM(control_registers_refuse_what_is_reserved),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
