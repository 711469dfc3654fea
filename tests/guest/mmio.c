/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory-mapped devices through many instruction forms. Each form of mmio.asm runs twice with the
 * same registers: on ordinary memory, which the processor handles alone, and on a device page,
 * where a hypervisor may have to decode it. Registers, flags and memory must come out alike. The
 * device is the initial-count register of a local APIC timer that is masked, which keeps 32 bits
 * like memory; and, for other sizes, an address where nothing is. Manual: SDM volume 2; volume 3,
 * "The Local APIC Block Diagram" (register address map).
 */
#include "tests/guest/lib/acpi.h"
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/ioapic.h"
#include "tests/guest/lib/lapic.h"
#include "tests/guest/lib/low.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"

enum {
    ABSENT_OFFSET = 0x380,
    AROUND = 64,            /* bytes that a form may touch, half of them below its operand */
    ALIAS_PAGE = 0x00E00000 /* linear; mapped to the APIC's page for RIP-relative access */
};

#define ABSENT          UINT64_C(0xD0000000)
#define INITIAL         0x80F0A5C3U
#define ARITHMETIC      UINT64_C(0x8D5) /* CF, PF, AF, ZF, SF, OF */
#define DATA16_TEMPLATE UINT64_C(0x000093000000FFFF)

/* As in mmio.asm. */
struct registers {
    uint64_t rax, rcx, rdx, rbx, rsi, rdi, r8, r9, r10, rbp, rflags;
};

struct form {
    const uint8_t *code;
    const char *name;
    uint64_t bytes;
    uint64_t undefined; /* flags */
};

typedef void (*runner)(struct registers *registers, const void *code);

void mmio_run_64(struct registers *registers, const void *code);
void mmio_run_32(struct registers *registers, const void *code);
void mmio_run_16(struct registers *registers, const void *code);
uint32_t mmio_rip_read(void);
void mmio_rip_write(uint32_t value), mmio_rip_or(uint32_t value), mmio_rip_imm(void);
extern const struct form mmio_forms_64[], mmio_forms_32[], mmio_forms_16[];

static uint8_t ram[PAGE_SIZE] __attribute__((aligned(4096)));

/* What a form is tried on. */
struct target {
    uint64_t page;   /* of the device */
    unsigned offset; /* in it */
    bool keeps;      /* what is written */
};

static const struct registers start_values[] = {
    {.rax = UINT64_C(0x1122334455667788),
     .rcx = 3,
     .rdx = UINT64_C(0x99AABBCC0F1E2D3C),
     .rbx = UINT64_C(0x0102030405060708),
     .r8 = 8,
     .r9 = UINT64_C(0x9999999999999999),
     .r10 = UINT64_C(0x1010101001234567),
     .rflags = RFLAGS_FIXED},
    {.rax = UINT64_C(0xFFFFFFFF80F0A5C3),
     .rcx = 3,
     .rdx = UINT64_C(0x0000000080000001),
     .rbx = UINT64_C(0xFFFFFFFFFFFFFFFF),
     .r8 = 8,
     .r9 = 0,
     .r10 = UINT64_C(0xFFFFFFFFFFFFFFFF),
     .rflags = RFLAGS_FIXED | ARITHMETIC},
};

static volatile uint32_t *dword(uint64_t address)
{
    return (volatile uint32_t *)address;
}

/* DS and ES of 16-bit code: a segment with this base. */
static void set_segment(uint64_t base)
{
    gdt[SEL_SPARE / SEL_ENTRY_SIZE] =
        DATA16_TEMPLATE | (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56;
}

/* Runs the form with its operand at page + offset. */
static struct registers run(runner go, const struct form *form, const struct registers *start,
                            uint64_t page, unsigned offset)
{
    struct registers registers = *start;

    registers.rdi = go == mmio_run_16 ? offset : page + offset;
    set_segment(page);
    go(&registers, form->code);
    return registers;
}

static void compare(const struct form *form, const struct registers *device,
                    const struct registers *memory)
{
    uint64_t flags = ARITHMETIC & ~form->undefined;
    const struct {
        const char *name;
        uint64_t device, memory;
    } pairs[] = {{"RAX", device->rax, memory->rax},
                 {"RCX", device->rcx, memory->rcx},
                 {"RDX", device->rdx, memory->rdx},
                 {"RBX", device->rbx, memory->rbx},
                 {"RSI", device->rsi, memory->rsi},
                 {"R9", device->r9, memory->r9},
                 {"R10", device->r10, memory->r10},
                 {"flags", device->rflags & flags, memory->rflags & flags}};

    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        expect(HERE, pairs[i].device == pairs[i].memory, "%s: %s is 0x%lx, not 0x%lx", form->name,
               pairs[i].name, pairs[i].device, pairs[i].memory);
}

/* Memory gets what the device shows; the device keeps what is written, or never anything. */
static void prepare(const struct target *target)
{
    uint32_t shown;

    if (target->keeps)
        *dword(target->page + target->offset) = INITIAL;
    shown = *dword(target->page + target->offset);
    for (unsigned i = 0; i < AROUND; i += sizeof shown)
        *(uint32_t *)(ram + target->offset - AROUND / 2 + i) = shown;
}

static void try_form(runner go, const struct form *form, const struct target *target)
{
    for (unsigned i = 0; i < sizeof start_values / sizeof start_values[0]; i++) {
        prepare(target);
        struct registers memory = run(go, form, &start_values[i], (uint64_t)ram, target->offset);
        struct registers device = run(go, form, &start_values[i], target->page, target->offset);

        compare(form, &device, &memory);
        if (target->keeps)
            expect(HERE,
                   *dword(target->page + target->offset) == *(uint32_t *)(ram + target->offset),
                   "%s: the device holds 0x%x, not 0x%x", form->name,
                   *dword(target->page + target->offset), *(uint32_t *)(ram + target->offset));
    }
}

static const struct target apic = {
    .page = LAPIC_BASE, .offset = LAPIC_TIMER_INITIAL, .keeps = true};
static const struct target absent = {.page = ABSENT, .offset = ABSENT_OFFSET, .keeps = false};

/* All forms of a table that fit the target: the APIC takes 32 bits and nothing else. */
static void try_forms(runner go, const struct form *forms, const struct target *target)
{
    lapic_enable();
    low_copy();
    for (const struct form *form = forms; form->code != NULL; form++)
        if (target == &absent || form->bytes == sizeof(uint32_t))
            try_form(go, form, target);
    lapic_enable();
}

static void register_forms_in_64_bit_code(void)
{
    try_forms(mmio_run_64, mmio_forms_64, &apic);
}

static void forms_of_all_sizes_in_64_bit_code(void)
{
    try_forms(mmio_run_64, mmio_forms_64, &absent);
}

static void register_forms_in_32_bit_code(void)
{
    try_forms(mmio_run_32, mmio_forms_32, &apic);
}

static void forms_of_all_sizes_in_32_bit_code(void)
{
    try_forms(mmio_run_32, mmio_forms_32, &absent);
}

static void register_forms_in_16_bit_code(void)
{
    try_forms(mmio_run_16, mmio_forms_16, &apic);
}

static void forms_of_all_sizes_in_16_bit_code(void)
{
    try_forms(mmio_run_16, mmio_forms_16, &absent);
}

static void rip_relative_forms(void)
{
    uint64_t *entry = page_entry(ALIAS_PAGE), before = *entry;

    lapic_enable();
    *entry =
        LAPIC_BASE | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE | PAGE_UNCACHED | PAGE_WRITE_THROUGH;
    write_cr3(read_cr3());
    mmio_rip_write(INITIAL);
    expect_equal(HERE, "after MOV m, r32", lapic_read(LAPIC_TIMER_INITIAL), INITIAL);
    expect_equal(HERE, "MOV r32, m", mmio_rip_read(), INITIAL);
    mmio_rip_or(0x00050000);
    expect_equal(HERE, "after OR m, r32", lapic_read(LAPIC_TIMER_INITIAL), INITIAL | 0x00050000);
    mmio_rip_imm();
    expect_equal(HERE, "after MOV m, imm32", lapic_read(LAPIC_TIMER_INITIAL), 0x0BADCAFE);
    *entry = before;
    write_cr3(read_cr3());
    lapic_enable();
}

/* A read-modify-write through the window does both halves on the register that the index names. */
static void ioapic_window_takes_read_modify_write(void)
{
    enum { PIN = 20, WINDOW = 0x10 };
    volatile uint32_t *window = dword((uint64_t)acpi_ioapic_address() + WINDOW);

    ioapic_mask_all();
    ioapic_read(IOAPIC_REDIRECTION + 2 * PIN);
    *window |= IOAPIC_LEVEL | 0x41;
    *window += 1;
    *window &= ~0x40U;
    expect_equal(HERE, "the entry", ioapic_entry(PIN), IOAPIC_MASKED | IOAPIC_LEVEL | 0x02);
    ioapic_mask_all();
}

static const struct claim claims[] = {
    CLAIM(register_forms_in_64_bit_code),
    CLAIM(forms_of_all_sizes_in_64_bit_code),
    CLAIM(register_forms_in_32_bit_code),
    CLAIM(forms_of_all_sizes_in_32_bit_code),
    CLAIM(register_forms_in_16_bit_code),
    CLAIM(forms_of_all_sizes_in_16_bit_code),
    CLAIM(rip_relative_forms),
    CLAIM(ioapic_window_takes_read_modify_write),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
