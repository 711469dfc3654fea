/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A local APIC's interrupts: acceptance, priorities, end of interrupt, LINT pins, destination
 * matching.
 *
 * Everything is computed from the register page each time, because hardware APIC virtualization
 * changes it without telling anyone. The IRR, TMR and ISR are changed by atomic operations:
 * lapic_accept may run in another thread.
 */
#include "vmm/devemu/lapic.h"

#include <stddef.h>

#include "vmm/devemu/lapic_regs.h"

#define DFR_MODEL_SHIFT   28
#define DFR_MODEL_FLAT    0xfU
#define DFR_MODEL_CLUSTER 0x0U

#define XAPIC_CLUSTER_SHIFT  4
#define XAPIC_CLUSTER_MEMBER 0xfU
#define X2APIC_MEMBER_MASK   0xffffU

#define VECTOR_COUNT     256U
#define VECTORS_PER_WORD 32U
#define WORDS_PER_BITMAP 8U

#define LINT_PINS 2U

/* The word of the ISR, TMR or IRR that starts at offset `bitmap` which holds the vector. */
static uint32_t *bitmap_word(const struct lapic *l, unsigned bitmap, unsigned vector)
{
    return lapic_regs_at(l, bitmap + vector / VECTORS_PER_WORD * LAPIC_REGISTER_STRIDE);
}

static uint32_t bitmap_bit(unsigned vector)
{
    return UINT32_C(1) << vector % VECTORS_PER_WORD;
}

static bool bitmap_test(const struct lapic *l, unsigned bitmap, unsigned vector)
{
    return (*bitmap_word(l, bitmap, vector) & bitmap_bit(vector)) != 0;
}

/* Atomic, because another thread may be in lapic_accept. */
static void bitmap_assign(struct lapic *l, unsigned bitmap, unsigned vector, bool value)
{
    if (value)
        __atomic_fetch_or(bitmap_word(l, bitmap, vector), bitmap_bit(vector), __ATOMIC_ACQ_REL);
    else
        __atomic_fetch_and(bitmap_word(l, bitmap, vector), ~bitmap_bit(vector), __ATOMIC_ACQ_REL);
    __atomic_store_n(&l->requests_changed, true, __ATOMIC_RELEASE);
}

/* The trigger mode of an interrupt that arrives: seldom another one than the last time. */
static void set_trigger(struct lapic *l, unsigned vector, bool level)
{
    if (bitmap_test(l, LAPIC_TMR, vector) == level)
        return;
    bitmap_assign(l, LAPIC_TMR, vector, level);
    __atomic_store_n(&l->routing_changed, true, __ATOMIC_RELEASE);
}

/* Asked for twice at each interrupt: of the eight words that are looked at, most are empty. */
static int bitmap_highest(const struct lapic *l, unsigned bitmap)
{
    const uint32_t *first = lapic_regs_at(l, bitmap);

#pragma GCC unroll 8
    for (int word = WORDS_PER_BITMAP - 1; word >= 0; word--) {
        const uint32_t bits = __atomic_load_n(
            first + (unsigned)word * (LAPIC_REGISTER_STRIDE / sizeof(uint32_t)), __ATOMIC_ACQUIRE);

        if (bits != 0)
            return word * (int)VECTORS_PER_WORD + (int)VECTORS_PER_WORD - 1 - __builtin_clz(bits);
    }
    return -1;
}

/* "Error Handling": the error interrupt comes once, until a write of the ESR re-arms it. */
void lapic_report_error(struct lapic *l, enum lapic_error error)
{
    uint32_t before = __atomic_fetch_or(&l->errors, (uint32_t)error, __ATOMIC_ACQ_REL);
    uint32_t lvt = *lapic_regs_at(l, LAPIC_LVT_ERROR);

    if (before == 0 && (lvt & LAPIC_LVT_MASKED) == 0)
        lapic_accept(l, lvt & LAPIC_VECTOR_MASK, false);
}

bool lapic_accept(struct lapic *l, unsigned vector, bool level)
{
    if (lapic_mode(l) == LAPIC_MODE_DISABLED || !lapic_regs_software_enabled(l) ||
        vector >= VECTOR_COUNT)
        return false;
    if (vector < LAPIC_FIRST_LEGAL_VECTOR) {
        lapic_report_error(l, LAPIC_ERROR_RECEIVE_ILLEGAL_VECTOR);
        return false;
    }
    set_trigger(l, vector, level);
    bitmap_assign(l, LAPIC_IRR, vector, true);
    return true;
}

int lapic_highest_irr(const struct lapic *l)
{
    return bitmap_highest(l, LAPIC_IRR);
}

int lapic_highest_isr(const struct lapic *l)
{
    return bitmap_highest(l, LAPIC_ISR);
}

static unsigned highest_or_zero(const struct lapic *l, unsigned bitmap)
{
    int vector = bitmap_highest(l, bitmap);

    return vector < 0 ? 0 : (unsigned)vector;
}

uint8_t lapic_tpr(const struct lapic *l)
{
    return (uint8_t)*lapic_regs_at(l, LAPIC_TPR);
}

/* Equal classes take the TPR's sub-class, as in "PPR Virtualization"; an APIC may choose. */
uint8_t lapic_ppr(const struct lapic *l)
{
    unsigned tpr = lapic_tpr(l);
    unsigned in_service = highest_or_zero(l, LAPIC_ISR) & LAPIC_PRIORITY_CLASS;

    return (uint8_t)((tpr & LAPIC_PRIORITY_CLASS) >= in_service ? tpr : in_service);
}

/* "Lowest Priority Delivery Mode", the formula of the P6 family; newer parts reserve the register.
 */
uint8_t lapic_apr(const struct lapic *l)
{
    unsigned tpr = lapic_tpr(l);
    unsigned tpr_class = tpr & LAPIC_PRIORITY_CLASS;
    unsigned requested = highest_or_zero(l, LAPIC_IRR) & LAPIC_PRIORITY_CLASS;
    unsigned in_service = highest_or_zero(l, LAPIC_ISR) & LAPIC_PRIORITY_CLASS;

    if (tpr_class >= requested && tpr_class > in_service)
        return (uint8_t)tpr;
    return (uint8_t)((tpr_class & in_service) > requested ? tpr_class & in_service : requested);
}

void lapic_update_ppr(struct lapic *l)
{
    *lapic_regs_at(l, LAPIC_PPR) = lapic_ppr(l);
}

void lapic_set_tpr(struct lapic *l, uint8_t tpr)
{
    *lapic_regs_at(l, LAPIC_TPR) = tpr;
    lapic_update_ppr(l);
}

int lapic_pending(const struct lapic *l)
{
    int vector = lapic_mode(l) == LAPIC_MODE_DISABLED ? -1 : lapic_highest_irr(l);

    if (vector < 0 ||
        ((unsigned)vector & LAPIC_PRIORITY_CLASS) <= (lapic_ppr(l) & LAPIC_PRIORITY_CLASS))
        return -1;
    return vector;
}

void lapic_ack(struct lapic *l, unsigned vector)
{
    if (vector >= VECTOR_COUNT)
        return;
    bitmap_assign(l, LAPIC_IRR, vector, false);
    bitmap_assign(l, LAPIC_ISR, vector, true);
    lapic_update_ppr(l);
}

uint64_t lapic_eoi_exits(const struct lapic *l, unsigned word)
{
    unsigned first = word % (WORDS_PER_BITMAP / 2) * 2;
    uint32_t low = *lapic_regs_at(l, LAPIC_TMR + first * LAPIC_REGISTER_STRIDE);
    uint32_t high = *lapic_regs_at(l, LAPIC_TMR + (first + 1) * LAPIC_REGISTER_STRIDE);

    return (uint64_t)high << VECTORS_PER_WORD | low;
}

/* "Local Vector Table": LINT1 and NMI are edge triggered whatever the trigger-mode bit says. */
static void lint_evaluate(struct lapic *l, unsigned pin, bool changed)
{
    uint32_t *lvt = lapic_regs_at(l, LAPIC_LVT_LINT0 + pin * LAPIC_REGISTER_STRIDE);
    bool asserted = ((l->lint_levels >> pin & 1U) != 0) != ((*lvt & LAPIC_LVT_POLARITY) != 0);

    if (!asserted || (*lvt & LAPIC_LVT_MASKED) != 0)
        return;
    if (lapic_regs_delivery(*lvt) == LAPIC_DELIVERY_NMI && changed && l->config.output.nmi != NULL)
        l->config.output.nmi(l->config.output.ctx);
    if (lapic_regs_delivery(*lvt) != LAPIC_DELIVERY_FIXED)
        return;
    if (pin == 0 && (*lvt & LAPIC_LVT_LEVEL) != 0) {
        if (!l->lint_remote_irr && lapic_accept(l, *lvt & LAPIC_VECTOR_MASK, true)) {
            l->lint_remote_irr = true;
            *lvt |= LAPIC_LVT_REMOTE_IRR;
        }
    } else if (changed) {
        lapic_accept(l, *lvt & LAPIC_VECTOR_MASK, false);
    }
}

void lapic_lint(struct lapic *l, unsigned pin, bool level)
{
    uint8_t levels;

    if (pin >= LINT_PINS)
        return;
    levels = (uint8_t)((l->lint_levels & ~(1U << pin)) | (unsigned)level << pin);
    if (levels == l->lint_levels)
        return;
    l->lint_levels = levels;
    if (lapic_mode(l) != LAPIC_MODE_DISABLED) {
        lint_evaluate(l, pin, true);
        return;
    }
    /* "Enabling or Disabling the Local APIC": the pins are INTR and NMI again. */
    if (pin == 1 && level && l->config.output.nmi != NULL)
        l->config.output.nmi(l->config.output.ctx);
}

bool lapic_accepts_extint(const struct lapic *l)
{
    uint32_t lvt = *lapic_regs_at(l, LAPIC_LVT_LINT0);

    return lapic_mode(l) == LAPIC_MODE_DISABLED ||
           ((lvt & LAPIC_LVT_MASKED) == 0 && lapic_regs_delivery(lvt) == LAPIC_DELIVERY_EXTINT);
}

void lapic_eoi_done(struct lapic *l, unsigned vector)
{
    uint32_t *lint0 = lapic_regs_at(l, LAPIC_LVT_LINT0);

    if (vector >= VECTOR_COUNT)
        return;
    lapic_update_ppr(l);
    if (!bitmap_test(l, LAPIC_TMR, vector))
        return;
    if (l->lint_remote_irr && (*lint0 & LAPIC_VECTOR_MASK) == vector) {
        l->lint_remote_irr = false;
        *lint0 &= ~LAPIC_LVT_REMOTE_IRR;
        lint_evaluate(l, 0, false);
    }
    if (l->config.output.eoi != NULL)
        l->config.output.eoi(l->config.output.ctx, vector);
}

bool lapic_matches(const struct lapic *l, uint32_t destination, bool logical)
{
    uint32_t ldr = *lapic_regs_at(l, LAPIC_LDR);
    uint32_t model = *lapic_regs_at(l, LAPIC_DFR) >> DFR_MODEL_SHIFT;
    uint32_t common;

    if (lapic_mode(l) == LAPIC_MODE_DISABLED)
        return false;
    if (destination == LAPIC_BROADCAST)
        return true;
    if (lapic_mode(l) == LAPIC_MODE_X2APIC) {
        if (!logical)
            return destination == l->config.id;
        return destination >> LAPIC_X2APIC_CLUSTER_SHIFT == ldr >> LAPIC_X2APIC_CLUSTER_SHIFT &&
               (destination & ldr & X2APIC_MEMBER_MASK) != 0;
    }
    if (destination >= LAPIC_XAPIC_BROADCAST || !logical)
        return destination == LAPIC_XAPIC_BROADCAST || destination == l->config.id;
    ldr >>= LAPIC_XAPIC_ID_SHIFT;
    common = destination & ldr;
    if (model == DFR_MODEL_FLAT)
        return common != 0;
    return model == DFR_MODEL_CLUSTER &&
           destination >> XAPIC_CLUSTER_SHIFT == ldr >> XAPIC_CLUSTER_SHIFT &&
           (common & XAPIC_CLUSTER_MEMBER) != 0;
}

void lapic_end_of_interrupt(struct lapic *l)
{
    int vector = lapic_highest_isr(l);

    if (vector < 0)
        return;
    bitmap_assign(l, LAPIC_ISR, (unsigned)vector, false);
    lapic_eoi_done(l, (unsigned)vector);
}

void lapic_lint0_written(struct lapic *l)
{
    uint32_t *lvt = lapic_regs_at(l, LAPIC_LVT_LINT0);

    l->lint_remote_irr = l->lint_remote_irr && (*lvt & LAPIC_LVT_LEVEL) != 0;
    if (l->lint_remote_irr)
        *lvt |= LAPIC_LVT_REMOTE_IRR;
    lint_evaluate(l, 0, false);
}
