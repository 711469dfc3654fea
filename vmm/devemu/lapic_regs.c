/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local APIC's registers: MMIO and MSR access, modes, reset, and what a write brings about.
 *
 * A table says for each register who may access it, which bits are writable, and what a write does.
 * A write stores the value in the page and then calls the register's effect, and an APIC-write
 * exit, where the CPU has stored it, does exactly the same. An effect may thus not ask the page for
 * the register's former value: what it needs of that is in struct lapic.
 */
#include "vmm/devemu/lapic_regs.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* Version 0x14, highest LVT entry 5, no suppression of EOI broadcasts. */
#define VERSION 0x00050014U

#define SVR_RESET    UINT32_C(0xff)
/* Bit 9, focus-processor checking, has no meaning in newer parts, but some systems set it. */
#define SVR_WRITABLE UINT32_C(0x3ff)

#define DFR_FIXED_ONES UINT32_C(0x0fffffff)

#define X2APIC_CLUSTER_SIZE 16U

#define REGISTER_COUNT 64U
#define NUMBER_SHIFT   4 /* from a register's offset to its number */

#define LVT_MODE_SHIFT  17
#define LVT_MODE_MASK   3U
#define ICR_LOGICAL     UINT32_C(0x800)
#define ICR_ASSERT      UINT32_C(0x4000)
#define ICR_LEVEL       UINT32_C(0x8000)
#define ICR_SHORT_SHIFT 18
#define ICR_SHORT_MASK  3U

/* Writable bits of the LVT entries, and those that read as status. */
#define LVT_TIMER      UINT32_C(0x700ff)
#define LVT_SENSOR     UINT32_C(0x107ff)
#define LVT_LINT       UINT32_C(0x1a7ff)
#define LVT_ERROR      UINT32_C(0x100ff)
#define LVT_READ_ONLY  LAPIC_DELIVERY_STATUS
#define LINT_READ_ONLY (LAPIC_DELIVERY_STATUS | LAPIC_LVT_REMOTE_IRR)

#define ICR_WRITABLE    UINT32_C(0xccfff)
#define HIGH_BYTE       UINT32_C(0xff000000)
#define DIVIDE_WRITABLE UINT32_C(0xb)

#define MMIO_READ  1U
#define MMIO_WRITE 2U
#define MSR_READ   4U
#define MSR_WRITE  8U
#define MMIO       (MMIO_READ | MMIO_WRITE)
#define RO         (MMIO_READ | MSR_READ)
#define RW         (MMIO | MSR_READ | MSR_WRITE)

struct reg {
    uint8_t access;
    uint32_t writable;
    uint32_t read_only; /* writing them in x2APIC mode is no #GP, and has no effect */
    void (*effect)(struct lapic *l, unsigned offset, uint64_t now);
};

/* Effects of register writes. */

static void id_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)now;
    *lapic_regs_at(l, offset) =
        lapic_mode(l) == LAPIC_MODE_X2APIC ? l->config.id : l->config.id << LAPIC_XAPIC_ID_SHIFT;
}

static void tpr_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)offset;
    (void)now;
    lapic_update_ppr(l);
}

static void eoi_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)offset;
    (void)now;
    lapic_end_of_interrupt(l);
}

static void dfr_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)now;
    *lapic_regs_at(l, offset) |= DFR_FIXED_ONES;
}

/* "Local APIC State After It Has Been Software Disabled": all LVT masks are set. */
static void svr_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)offset;
    (void)now;
    if (lapic_regs_software_enabled(l))
        return;
    for (unsigned lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += LAPIC_REGISTER_STRIDE)
        *lapic_regs_at(l, lvt) |= LAPIC_LVT_MASKED;
    l->timer_lvt |= LAPIC_LVT_MASKED;
}

static void esr_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)now;
    *lapic_regs_at(l, offset) = __atomic_exchange_n(&l->errors, 0, __ATOMIC_ACQ_REL);
}

static void self_ipi_written(struct lapic *l, unsigned offset, uint64_t now)
{
    unsigned vector = *lapic_regs_at(l, offset);

    (void)now;
    if (vector < LAPIC_FIRST_LEGAL_VECTOR)
        lapic_report_error(l, LAPIC_ERROR_SEND_ILLEGAL_VECTOR);
    else
        lapic_accept(l, vector, false);
}

static struct lapic_ipi decode_icr(const struct lapic *l)
{
    uint32_t low = *lapic_regs_at(l, LAPIC_ICR_LOW);
    struct lapic_ipi ipi = {
        .mode = lapic_regs_delivery(low),
        .shorthand = (enum lapic_shorthand)((low >> ICR_SHORT_SHIFT) & ICR_SHORT_MASK),
        .destination = *lapic_regs_at(l, LAPIC_ICR_X2APIC_HIGH),
        .logical = (low & ICR_LOGICAL) != 0,
        .vector = (uint8_t)low,
    };

    if (lapic_mode(l) != LAPIC_MODE_X2APIC) {
        ipi.destination = *lapic_regs_at(l, LAPIC_ICR_HIGH) >> LAPIC_XAPIC_ID_SHIFT;
        if (ipi.destination == LAPIC_XAPIC_BROADCAST)
            ipi.destination = LAPIC_BROADCAST;
    }
    return ipi;
}

/* "Valid Combinations for the ... Local xAPIC Interrupt Command Register": the rest is not sent. */
static bool icr_is_valid(const struct lapic_ipi *ipi, uint32_t low)
{
    bool to_self = ipi->shorthand == LAPIC_SHORTHAND_SELF || ipi->shorthand == LAPIC_SHORTHAND_ALL;

    switch (ipi->mode) {
    case LAPIC_DELIVERY_FIXED:
        return true;
    case LAPIC_DELIVERY_LOWEST:
    case LAPIC_DELIVERY_SMI:
    case LAPIC_DELIVERY_NMI:
    case LAPIC_DELIVERY_SIPI:
        return !to_self;
    case LAPIC_DELIVERY_INIT:
        /* The INIT level de-assert message has no effect on these processors. */
        return !to_self && (low & (ICR_LEVEL | ICR_ASSERT)) != ICR_LEVEL;
    default:
        return false;
    }
}

static void icr_written(struct lapic *l, unsigned offset, uint64_t now)
{
    struct lapic_ipi ipi = decode_icr(l);
    bool has_vector = ipi.mode == LAPIC_DELIVERY_FIXED || ipi.mode == LAPIC_DELIVERY_LOWEST;

    (void)now;
    if (!icr_is_valid(&ipi, *lapic_regs_at(l, offset)))
        return;
    if (has_vector && ipi.vector < LAPIC_FIRST_LEGAL_VECTOR) {
        lapic_report_error(l, LAPIC_ERROR_SEND_ILLEGAL_VECTOR);
        return;
    }
    if (ipi.shorthand == LAPIC_SHORTHAND_SELF || ipi.shorthand == LAPIC_SHORTHAND_ALL)
        lapic_accept(l, ipi.vector, false);
    if (ipi.shorthand == LAPIC_SHORTHAND_SELF)
        return;
    if (ipi.shorthand == LAPIC_SHORTHAND_ALL)
        ipi.shorthand = LAPIC_SHORTHAND_OTHERS;
    if (l->config.output.icr != NULL)
        l->config.output.icr(l->config.output.ctx, &ipi);
}

static void lvt_written(struct lapic *l, unsigned offset, uint64_t now)
{
    (void)now;
    if (!lapic_regs_software_enabled(l))
        *lapic_regs_at(l, offset) |= LAPIC_LVT_MASKED;
}

static void lint0_written(struct lapic *l, unsigned offset, uint64_t now)
{
    lvt_written(l, offset, now);
    lapic_lint0_written(l);
}

static void lvt_timer_written(struct lapic *l, unsigned offset, uint64_t now)
{
    lvt_written(l, offset, now);
    l->timer_lvt = *lapic_regs_at(l, offset);
    lapic_timer_set_mode(&l->timer,
                         (enum lapic_timer_mode)((l->timer_lvt >> LVT_MODE_SHIFT) & LVT_MODE_MASK));
    *lapic_regs_at(l, LAPIC_INITIAL_COUNT) = l->timer.initial;
}

static void initial_count_written(struct lapic *l, unsigned offset, uint64_t now)
{
    lapic_timer_set_initial(&l->timer, *lapic_regs_at(l, offset), now);
    *lapic_regs_at(l, offset) = l->timer.initial;
}

static void divide_written(struct lapic *l, unsigned offset, uint64_t now)
{
    lapic_timer_set_divide(&l->timer, *lapic_regs_at(l, offset), now);
}

static const struct reg registers[REGISTER_COUNT] = {
    [LAPIC_ID >> NUMBER_SHIFT] = {MMIO | MSR_READ, 0, 0, id_written},
    [LAPIC_VERSION >> NUMBER_SHIFT] = {RO, 0, 0, NULL},
    [LAPIC_TPR >> NUMBER_SHIFT] = {RW, LAPIC_VECTOR_MASK, 0, tpr_written},
    [LAPIC_APR >> NUMBER_SHIFT] = {MMIO_READ, 0, 0, NULL},
    [LAPIC_PPR >> NUMBER_SHIFT] = {RO, 0, 0, NULL},
    [LAPIC_EOI >> NUMBER_SHIFT] = {MMIO | MSR_WRITE, 0, 0, eoi_written},
    [LAPIC_RRD >> NUMBER_SHIFT] = {MMIO_READ, 0, 0, NULL},
    [LAPIC_LDR >> NUMBER_SHIFT] = {MMIO | MSR_READ, HIGH_BYTE, 0, NULL},
    [LAPIC_DFR >> NUMBER_SHIFT] = {MMIO, ~DFR_FIXED_ONES, 0, dfr_written},
    [LAPIC_SVR >> NUMBER_SHIFT] = {RW, SVR_WRITABLE, 0, svr_written},
    [LAPIC_ESR >> NUMBER_SHIFT] = {RW, 0, 0, esr_written},
    [LAPIC_ICR_LOW >> NUMBER_SHIFT] = {RW, ICR_WRITABLE, LVT_READ_ONLY, icr_written},
    [LAPIC_ICR_HIGH >> NUMBER_SHIFT] = {MMIO, HIGH_BYTE, 0, NULL},
    [LAPIC_LVT_TIMER >> NUMBER_SHIFT] = {RW, LVT_TIMER, LVT_READ_ONLY, lvt_timer_written},
    [LAPIC_LVT_THERMAL >> NUMBER_SHIFT] = {RW, LVT_SENSOR, LVT_READ_ONLY, lvt_written},
    [LAPIC_LVT_PERFORMANCE >> NUMBER_SHIFT] = {RW, LVT_SENSOR, LVT_READ_ONLY, lvt_written},
    [LAPIC_LVT_LINT0 >> NUMBER_SHIFT] = {RW, LVT_LINT, LINT_READ_ONLY, lint0_written},
    [LAPIC_LVT_LINT1 >> NUMBER_SHIFT] = {RW, LVT_LINT, LINT_READ_ONLY, lvt_written},
    [LAPIC_LVT_ERROR >> NUMBER_SHIFT] = {RW, LVT_ERROR, LVT_READ_ONLY, lvt_written},
    [LAPIC_INITIAL_COUNT >> NUMBER_SHIFT] = {RW, UINT32_MAX, 0, initial_count_written},
    [LAPIC_CURRENT_COUNT >> NUMBER_SHIFT] = {RO, 0, 0, NULL},
    [LAPIC_DIVIDE >> NUMBER_SHIFT] = {RW, DIVIDE_WRITABLE, 0, divide_written},
    [LAPIC_SELF_IPI >> NUMBER_SHIFT] = {MSR_WRITE, LAPIC_VECTOR_MASK, 0, self_ipi_written},
};

/* The eight registers each of ISR, TMR and IRR, which follow one another. */
static const struct reg bitmap_register = {RO, 0, 0, NULL};

/* NULL: no register there for this kind of access (one of MMIO_READ to MSR_WRITE). */
static const struct reg *find(unsigned offset, unsigned access)
{
    const struct reg *r = NULL;

    if (offset >= LAPIC_ISR && offset < LAPIC_ESR)
        r = &bitmap_register;
    else if (offset / LAPIC_REGISTER_STRIDE < REGISTER_COUNT)
        r = &registers[offset / LAPIC_REGISTER_STRIDE];
    return r != NULL && (r->access & access) != 0 ? r : NULL;
}

static void store(struct lapic *l, const struct reg *r, unsigned offset, uint32_t value,
                  uint64_t now)
{
    *lapic_regs_at(l, offset) = value & r->writable;
    if (r->effect != NULL)
        r->effect(l, offset, now);
}

/* Registers that are functions of others or of the time. */
static uint32_t load(struct lapic *l, unsigned offset, uint64_t now)
{
    if (offset == LAPIC_PPR)
        lapic_update_ppr(l);
    else if (offset == LAPIC_APR)
        *lapic_regs_at(l, offset) = lapic_apr(l);
    else if (offset == LAPIC_CURRENT_COUNT)
        *lapic_regs_at(l, offset) = lapic_timer_count(&l->timer, now);
    return *lapic_regs_at(l, offset);
}

/* A whole register, or less of it, or nothing. */
static uint64_t read_part(struct lapic *l, unsigned offset, unsigned size, uint64_t now)
{
    unsigned lane = offset % LAPIC_REGISTER_STRIDE;
    bool whole = size == sizeof(uint8_t) || size == sizeof(uint16_t) || size == sizeof(uint32_t);
    uint64_t ones = size < sizeof(uint64_t) ? (UINT64_C(1) << CHAR_BIT * size) - 1 : UINT64_MAX;

    if (lapic_mode(l) != LAPIC_MODE_XAPIC || offset >= LAPIC_PAGE_SIZE || !whole ||
        lane + size > sizeof(uint32_t))
        return ones;
    lapic_advance(l, now);
    offset -= lane;
    if (find(offset, MMIO_READ | MMIO_WRITE) == NULL) {
        lapic_report_error(l, LAPIC_ERROR_ILLEGAL_REGISTER);
        return 0;
    }
    return load(l, offset, now) >> CHAR_BIT * lane & ones;
}

uint64_t lapic_mmio_read(struct lapic *l, unsigned offset, unsigned size, uint64_t now)
{
    const bool usual = size == sizeof(uint32_t) && offset % LAPIC_REGISTER_STRIDE == 0 &&
                       now < l->timer.deadline && lapic_mode(l) == LAPIC_MODE_XAPIC;

    if (usual && find(offset, MMIO_READ) != NULL)
        return load(l, offset, now);
    return read_part(l, offset, size, now);
}

void lapic_mmio_write(struct lapic *l, unsigned offset, unsigned size, uint64_t value, uint64_t now)
{
    const struct reg *r;

    if (lapic_mode(l) != LAPIC_MODE_XAPIC || offset >= LAPIC_PAGE_SIZE ||
        size != sizeof(uint32_t) || offset % LAPIC_REGISTER_STRIDE != 0)
        return;
    lapic_advance(l, now);
    r = find(offset, MMIO_WRITE);
    if (r != NULL)
        store(l, r, offset, (uint32_t)value, now);
    else if (find(offset, MMIO_READ) == NULL)
        lapic_report_error(l, LAPIC_ERROR_ILLEGAL_REGISTER);
}

void lapic_write_done(struct lapic *l, unsigned offset, uint64_t now)
{
    bool x2apic = lapic_mode(l) == LAPIC_MODE_X2APIC;
    const struct reg *r;

    offset -= offset % LAPIC_REGISTER_STRIDE;
    r = find(offset, x2apic ? MSR_WRITE : MMIO_WRITE);
    if (r == NULL)
        return;
    lapic_advance(l, now);
    store(l, r, offset, *lapic_regs_at(l, offset), now);
}

/* "Logical Destination Mode in x2APIC Mode": the LDR is derived from the ID. */
static void set_identity(struct lapic *l)
{
    uint32_t cluster = l->config.id / X2APIC_CLUSTER_SIZE;
    uint32_t member = UINT32_C(1) << l->config.id % X2APIC_CLUSTER_SIZE;

    id_written(l, LAPIC_ID, 0);
    *lapic_regs_at(l, LAPIC_LDR) =
        lapic_mode(l) == LAPIC_MODE_X2APIC ? cluster << LAPIC_X2APIC_CLUSTER_SHIFT | member : 0;
}

static void reset_registers(struct lapic *l)
{
    memset(l->config.page, 0, LAPIC_PAGE_SIZE);
    *lapic_regs_at(l, LAPIC_VERSION) = VERSION;
    *lapic_regs_at(l, LAPIC_DFR) = UINT32_MAX;
    *lapic_regs_at(l, LAPIC_SVR) = SVR_RESET;
    l->timer_lvt = 0;
    svr_written(l, LAPIC_SVR, 0);
    set_identity(l);
    l->errors = 0;
    l->lint_remote_irr = false;
    l->requests_changed = true;
    l->routing_changed = true;
    lapic_timer_reset(&l->timer);
}

void lapic_init(struct lapic *l, const struct lapic_config *config)
{
    memset(l, 0, sizeof(*l));
    l->config = *config;
    lapic_timer_init(&l->timer, config->tsc_hz, config->bus_hz);
    lapic_reset(l);
}

void lapic_reset(struct lapic *l)
{
    l->base = LAPIC_BASE | LAPIC_BASE_ENABLE | (l->config.bsp ? LAPIC_BASE_BSP : 0);
    reset_registers(l);
}

void lapic_receive_init(struct lapic *l)
{
    reset_registers(l);
}

void lapic_virtual_wire(struct lapic *l)
{
    *lapic_regs_at(l, LAPIC_SVR) = SVR_RESET | LAPIC_SVR_ENABLE;
    *lapic_regs_at(l, LAPIC_LVT_LINT0) = LAPIC_DELIVERY_EXTINT << LAPIC_DELIVERY_SHIFT;
    *lapic_regs_at(l, LAPIC_LVT_LINT1) = LAPIC_DELIVERY_NMI << LAPIC_DELIVERY_SHIFT;
}

/* "x2APIC States": the diagram's arrows are the legal transitions. */
static bool write_base(struct lapic *l, uint64_t value)
{
    const uint64_t flags = LAPIC_BASE_BSP | LAPIC_BASE_EXTD | LAPIC_BASE_ENABLE;
    const uint64_t x2apic = LAPIC_BASE_EXTD | LAPIC_BASE_ENABLE;
    uint64_t from = l->base & x2apic;
    uint64_t to = value & x2apic;

    if ((value & ~flags) != LAPIC_BASE || to == LAPIC_BASE_EXTD ||
        (from == x2apic && to == LAPIC_BASE_ENABLE) || (from == 0 && to == x2apic))
        return false;
    l->base = value;
    if (from == to)
        return true;
    l->routing_changed = true;
    if (to != x2apic) {
        reset_registers(l);
        return true;
    }
    set_identity(l);
    return true;
}

static unsigned x2apic_offset(uint32_t msr)
{
    return (msr - LAPIC_MSR_X2APIC_FIRST) * LAPIC_REGISTER_STRIDE;
}

static bool is_x2apic_msr(const struct lapic *l, uint32_t msr)
{
    return msr >= LAPIC_MSR_X2APIC_FIRST && msr <= LAPIC_MSR_X2APIC_LAST &&
           lapic_mode(l) == LAPIC_MODE_X2APIC;
}

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value, uint64_t now)
{
    unsigned offset;

    lapic_advance(l, now);
    if (msr == LAPIC_MSR_APIC_BASE) {
        *value = l->base;
        return true;
    }
    if (msr == LAPIC_MSR_TSC_DEADLINE) {
        *value = lapic_timer_tsc_deadline(&l->timer);
        return true;
    }
    if (!is_x2apic_msr(l, msr))
        return false;
    offset = x2apic_offset(msr);
    if (find(offset, MSR_READ) == NULL)
        return false;
    *value = load(l, offset, now);
    if (offset == LAPIC_ICR_LOW)
        *value |= (uint64_t)*lapic_regs_at(l, LAPIC_ICR_X2APIC_HIGH) << 32;
    return true;
}

void lapic_set_tsc_deadline(struct lapic *l, uint64_t tsc, uint64_t now)
{
    lapic_advance(l, now);
    lapic_timer_set_tsc_deadline(&l->timer, tsc);
    lapic_advance(l, now);
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value, uint64_t now)
{
    const struct reg *r;
    unsigned offset;

    lapic_advance(l, now);
    if (msr == LAPIC_MSR_APIC_BASE)
        return write_base(l, value);
    if (msr == LAPIC_MSR_TSC_DEADLINE) {
        lapic_set_tsc_deadline(l, value, now);
        return true;
    }
    if (!is_x2apic_msr(l, msr))
        return false;
    offset = x2apic_offset(msr);
    r = find(offset, MSR_WRITE);
    if (r == NULL || ((uint32_t)value & ~(r->writable | r->read_only)) != 0)
        return false;
    if (offset == LAPIC_ICR_LOW)
        *lapic_regs_at(l, LAPIC_ICR_X2APIC_HIGH) = (uint32_t)(value >> 32);
    else if (value >> 32 != 0)
        return false;
    store(l, r, offset, (uint32_t)value, now);
    return true;
}

uint64_t lapic_deadline(const struct lapic *l)
{
    return (l->timer_lvt & LAPIC_LVT_MASKED) != 0 ? LAPIC_TIMER_NEVER : l->timer.deadline;
}

void lapic_advance(struct lapic *l, uint64_t now)
{
    if (lapic_timer_advance(&l->timer, now) && (l->timer_lvt & LAPIC_LVT_MASKED) == 0)
        lapic_accept(l, l->timer_lvt & LAPIC_VECTOR_MASK, false);
}
