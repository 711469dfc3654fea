/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: see acpi_pm.h for what is modelled. The block is handled as three 32-bit
 * words with byte enables, so that any size and alignment of access is the same few lines.
 */
#include "vmm/devemu/acpi_pm.h"

#include <string.h>

#include "vmm/devemu/timescale.h"

enum {
    /* "PM1 Status Registers" and "PM1 Enable Registers" */
    TMR_STS = 0x0001,
    PWRBTN_STS = 0x0100,
    ENABLE_BITS = 0x0721, /* RTC, SLPBTN, PWRBTN, GBL, TMR */
    /* "PM1 Control Registers" */
    SCI_EN = 0x0001,
    BM_RLD = 0x0002,
    SLP_TYP_SHIFT = 10,
    SLP_TYP_MASK = 7,
    SLP_EN = 0x2000,
    CONTROL_KEPT = BM_RLD | SLP_TYP_MASK << SLP_TYP_SHIFT,

    RESET_HARD = 0x02,
    RESET_CPU = 0x04,
    RESET_FULL = 0x08,

    WORD_EVENT = ACPI_PM_EVENT / 4,
    WORD_CONTROL = ACPI_PM_CONTROL / 4,
    WORD_TIMER = ACPI_PM_TIMER / 4,
    BYTES_PER_WORD = 4,
    BITS_PER_BYTE = 8,
    BITS_PER_WORD = 32,
    ENABLE_SHIFT = 16,
    SHORT_TIMER_BITS = 24,
};

static void drive_sci(struct acpi_pm *pm)
{
    const bool level = pm->status & pm->enable;

    if (level != pm->sci_level) {
        pm->sci_level = level;
        irq_set(&pm->sci, level);
    }
}

/* The timer's top bit changes, and TMR_STS with it, at every multiple of this ("Power Management
 * Timer"). */
static uint64_t carry_period(const struct acpi_pm *pm)
{
    return UINT64_C(1) << (pm->timer_bits - 1);
}

static uint32_t read_word(const struct acpi_pm *pm, unsigned word)
{
    switch (word) {
    case WORD_EVENT:
        return pm->status | (uint32_t)pm->enable << ENABLE_SHIFT;
    case WORD_CONTROL:
        return pm->control;
    case WORD_TIMER:
        return (uint32_t)(pm->last & (2 * carry_period(pm) - 1));
    default:
        return UINT32_MAX;
    }
}

static void write_control(struct acpi_pm *pm, uint32_t value, uint32_t mask)
{
    const uint32_t kept = (pm->control & ~mask) | (value & mask);

    pm->control = (uint16_t)((kept & CONTROL_KEPT) | SCI_EN);
    if (value & mask & SLP_EN) {
        pm->power.sleep(pm->power.ctx, (pm->control >> SLP_TYP_SHIFT) & SLP_TYP_MASK);
    }
}

/* mask has the bits of the bytes that are written. */
static void write_word(struct acpi_pm *pm, unsigned word, uint32_t value, uint32_t mask)
{
    if (word == WORD_EVENT) {
        const uint32_t enable = ((uint32_t)pm->enable << ENABLE_SHIFT & ~mask) | (value & mask);

        pm->status &= (uint16_t) ~(value & mask);
        pm->enable = (uint16_t)(enable >> ENABLE_SHIFT) & ENABLE_BITS;
    } else if (word == WORD_CONTROL) {
        write_control(pm, value, mask);
    }
}

void acpi_pm_init(struct acpi_pm *pm, uint64_t tsc_hz, bool timer_is_32_bit,
                  struct acpi_pm_power power, struct irq_line sci)
{
    memset(pm, 0, sizeof(*pm));
    pm->tsc_hz = tsc_hz;
    pm->timer_bits = timer_is_32_bit ? BITS_PER_WORD : SHORT_TIMER_BITS;
    pm->power = power;
    pm->sci = sci;
    pm->control = SCI_EN;
}

uint32_t acpi_pm_read(struct acpi_pm *pm, unsigned offset, unsigned size, uint64_t now)
{
    const unsigned word = offset / BYTES_PER_WORD;
    const unsigned shift = offset % BYTES_PER_WORD * BITS_PER_BYTE;

    acpi_pm_advance(pm, now);
    uint64_t value = read_word(pm, word);

    if (shift + size * BITS_PER_BYTE > BITS_PER_WORD) {
        value |= (uint64_t)read_word(pm, word + 1) << BITS_PER_WORD;
    }
    return (uint32_t)(value >> shift) & (UINT32_MAX >> (BITS_PER_WORD - size * BITS_PER_BYTE));
}

void acpi_pm_write(struct acpi_pm *pm, unsigned offset, unsigned size, uint32_t value, uint64_t now)
{
    const unsigned word = offset / BYTES_PER_WORD;
    const unsigned shift = offset % BYTES_PER_WORD * BITS_PER_BYTE;
    const uint64_t ones = UINT32_MAX >> (BITS_PER_WORD - size * BITS_PER_BYTE);
    const uint64_t mask = ones << shift;
    const uint64_t shifted = (uint64_t)value << shift;

    acpi_pm_advance(pm, now);
    write_word(pm, word, (uint32_t)shifted, (uint32_t)mask);
    if (mask >> BITS_PER_WORD) {
        write_word(pm, word + 1, (uint32_t)(shifted >> BITS_PER_WORD),
                   (uint32_t)(mask >> BITS_PER_WORD));
    }
    drive_sci(pm);
}

uint32_t acpi_pm_reset_read(struct acpi_pm *pm, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    if (offset != 0 || size != 1) {
        return UINT32_MAX >> (BITS_PER_WORD - size * BITS_PER_BYTE);
    }
    return pm->reset_control;
}

void acpi_pm_reset_write(struct acpi_pm *pm, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now)
{
    (void)now;
    if (offset != 0 || size != 1) {
        return;
    }
    /* The rise of RST_CPU starts the reset, of the kind that the same write names. */
    const bool resets = (value & RESET_CPU) && !(pm->reset_control & RESET_CPU);

    pm->reset_control = value & (RESET_HARD | RESET_CPU | RESET_FULL);
    if (resets) {
        pm->power.reset(pm->power.ctx, value & (RESET_HARD | RESET_FULL));
    }
}

void acpi_pm_power_button(struct acpi_pm *pm, uint64_t now)
{
    acpi_pm_advance(pm, now);
    pm->status |= PWRBTN_STS;
    drive_sci(pm);
}

uint64_t acpi_pm_deadline(const struct acpi_pm *pm)
{
    const uint64_t period = carry_period(pm);

    if (!(pm->enable & TMR_STS) || pm->sci_level) {
        return timescale_never;
    }
    return timescale_tsc((pm->last / period + 1) * period, pm->tsc_hz, ACPI_PM_HZ);
}

void acpi_pm_advance(struct acpi_pm *pm, uint64_t now)
{
    const uint64_t tick = timescale_ticks(now, pm->tsc_hz, ACPI_PM_HZ);
    const unsigned carry_shift = pm->timer_bits - 1U;

    if (tick >> carry_shift != pm->last >> carry_shift) {
        pm->status |= TMR_STS;
    }
    pm->last = tick;
    drive_sci(pm);
}
