/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOAPIC driver: every pin is masked until it is routed.
 */
#include "hv/x86/ioapic.h"

#include "hv/log.h"
#include "hv/memlayout.h"
#include "hv/ptab.h"
#include "hv/x86/asm.h"
#include "hv/x86/paging.h"
#include "hv/x86/vectors.h"

#define IOAPICS           8u
#define PINS              176u
#define WINDOW            4u /* 32-bit registers from the index register */
#define REG_VERSION       1u
#define REG_PIN           0x10u
#define PIN_MASKED        (1u << 16)
#define PIN_LEVEL         (1u << 15)
#define PIN_LOW           (1u << 13)
#define DESTINATION_SHIFT 24u

#define PIC_MASTER      0x20u
#define PIC_SLAVE       0xA0u
#define PIC_ICW1        0x11u /* initialize, ICW4 follows */
#define PIC_ICW3_MASTER 4u
#define PIC_ICW3_SLAVE  2u
#define PIC_ICW4        1u
#define PIC_ALL         0xFFu

struct ioapic {
    volatile uint32_t *mmio;
    hpa_t base;
    uint32_t gsi, pins;
};

static struct ioapic ioapic[IOAPICS];
static unsigned ioapics, all_pins;
static uint32_t mode[PINS]; /* PIN_LEVEL, PIN_LOW */
static uint32_t low[PINS];  /* low word of each entry */

static uint32_t read(const struct ioapic *io, uint32_t reg)
{
    io->mmio[0] = reg;
    return io->mmio[WINDOW];
}

static void write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
    io->mmio[0] = reg;
    io->mmio[WINDOW] = value;
}

static const struct ioapic *find(uint32_t gsi)
{
    for (unsigned i = 0; i < ioapics; i++) {
        if (gsi - ioapic[i].gsi < ioapic[i].pins) {
            return &ioapic[i];
        }
    }
    return NULL;
}

static void write_low(const struct ioapic *io, uint32_t gsi)
{
    write(io, REG_PIN + 2 * (gsi - io->gsi), low[gsi]);
}

void ioapic_add(hpa_t base, uint32_t gsi_base)
{
    if (ioapics == IOAPICS || gsi_base >= PINS) {
        log_line("[cpu 0] warn: IOAPIC at %lx ignored", base.v);
        return;
    }
    struct ioapic *io = &ioapic[ioapics];
    uint64_t va = MMIO_VMA + PAGE_SIZE * (1 + ioapics);
    paging_map_kernel(va, base, PTAB_R | PTAB_W | PTAB_UNCACHED);
    io->mmio = (volatile uint32_t *)va; // NOLINT(performance-no-int-to-ptr)
    io->base = base;
    io->gsi = gsi_base;
    io->pins = (read(io, REG_VERSION) >> 16 & 0xFF) + 1;
    if (io->pins > PINS - gsi_base) {
        io->pins = PINS - gsi_base;
    }
    ioapics++;
    if (gsi_base + io->pins > all_pins) {
        all_pins = gsi_base + io->pins;
    }
    for (uint32_t gsi = gsi_base; gsi < gsi_base + io->pins; gsi++) {
        mode[gsi] = gsi < 16 ? 0 : PIN_LEVEL | PIN_LOW; /* ISA, PCI; the MADT may overrule */
        low[gsi] = PIN_MASKED;
        write_low(io, gsi);
    }
}

void ioapic_set_mode(uint32_t gsi, bool level, bool active_low)
{
    if (gsi < PINS) {
        mode[gsi] = (level ? PIN_LEVEL : 0) | (active_low ? PIN_LOW : 0);
    }
}

void ioapic_disable_8259(void)
{
    outb(PIC_MASTER, PIC_ICW1);
    outb(PIC_SLAVE, PIC_ICW1);
    outb(PIC_MASTER + 1, VECTOR_8259); /* ICW2: where a spurious interrupt would go */
    outb(PIC_SLAVE + 1, VECTOR_8259);
    outb(PIC_MASTER + 1, PIC_ICW3_MASTER);
    outb(PIC_SLAVE + 1, PIC_ICW3_SLAVE);
    outb(PIC_MASTER + 1, PIC_ICW4);
    outb(PIC_SLAVE + 1, PIC_ICW4);
    outb(PIC_MASTER + 1, PIC_ALL);
    outb(PIC_SLAVE + 1, PIC_ALL);
}

unsigned ioapic_pins(void)
{
    return all_pins;
}

bool ioapic_is_level(uint32_t gsi)
{
    return (mode[gsi] & PIN_LEVEL) != 0;
}

void ioapic_route(uint32_t gsi, uint32_t apic_id, unsigned vector)
{
    const struct ioapic *io = find(gsi);
    if (io != NULL) {
        write(io, REG_PIN + 2 * (gsi - io->gsi) + 1, apic_id << DESTINATION_SHIFT);
        low[gsi] = mode[gsi] | vector;
        write_low(io, gsi);
    }
}

void ioapic_mask(uint32_t gsi, bool mask)
{
    const struct ioapic *io = find(gsi);
    if (io != NULL) {
        low[gsi] = mask ? low[gsi] | PIN_MASKED : low[gsi] & ~PIN_MASKED;
        write_low(io, gsi);
    }
}

bool ioapic_base(unsigned n, hpa_t *base)
{
    if (n < ioapics) {
        *base = ioapic[n].base;
    }
    return n < ioapics;
}
