/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR policy: a table sorted by index, searched by halves; each entry has a kind, and each kind one
 * reader and one writer. Writers check as the SDM says for the register ("reserved bits cause #GP")
 * and store.
 */
#include "vmm/msr.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "vmm/memmap.h"

/* IA32_* of SDM vol. 4, "Architectural MSRs" */
enum {
    IA32_TSC = 0x10,
    IA32_PLATFORM_ID = 0x17,
    IA32_APIC_BASE = 0x1B,
    IA32_FEATURE_CONTROL = 0x3A,
    IA32_TSC_ADJUST = 0x3B,
    IA32_BIOS_UPDT_TRIG = 0x79,
    IA32_BIOS_SIGN_ID = 0x8B,
    MSR_PLATFORM_INFO = 0xCE,
    IA32_MTRRCAP = 0xFE,
    IA32_MCG_CAP = 0x179,
    IA32_MCG_STATUS = 0x17A,
    IA32_MISC_ENABLE = 0x1A0,
    IA32_DEBUGCTL = 0x1D9,
    IA32_MTRR_PHYSBASE0 = 0x200,
    IA32_MTRR_PHYS_LAST = IA32_MTRR_PHYSBASE0 + 2 * MSR_VARIABLE_MTRRS - 1,
    IA32_MTRR_FIX64K_00000 = 0x250,
    IA32_MTRR_FIX16K_80000 = 0x258,
    IA32_MTRR_FIX16K_A0000 = 0x259,
    IA32_MTRR_FIX4K_C0000 = 0x268,
    IA32_MTRR_FIX4K_F8000 = 0x26F,
    IA32_MTRR_DEF_TYPE = 0x2FF,
    IA32_TSC_DEADLINE = 0x6E0,
    X2APIC_FIRST = 0x800,
    X2APIC_LAST = 0x8FF
};

/* slots of mtrr_fixed */
enum { FIXED_64K = 0, FIXED_16K = 1, FIXED_4K = 3 };

/* values and bits */
enum {
    FEATURE_CONTROL_LOCKED = 1 << 0, /* with VMX and SMX off */
    MTRRCAP_VCNT = MSR_VARIABLE_MTRRS,
    MTRRCAP_FIX = 1 << 8,
    MTRRCAP_WC = 1 << 10,
    DEF_TYPE_FIXED_ENABLE = 1 << 10,
    DEF_TYPE_ENABLE = 1 << 11,
    DEF_TYPE_VALID = 0xCFF,
    MTRR_TYPE_MASK = 0xFF,
    MTRR_UC = 0,
    MTRR_WC = 1,
    MTRR_WT = 4,
    MTRR_WP = 5,
    MTRR_WB = 6,
    MTRR_MASK_VALID = 1 << 11,
    MISC_FAST_STRINGS = 1 << 0,
    MISC_BTS_UNAVAILABLE = 1 << 11,
    MISC_PEBS_UNAVAILABLE = 1 << 12,
    MCG_STATUS_VALID = 0x7, /* RIPV, EIPV, MCIP */
    PLATFORM_RATIO_SHIFT = 8,
    PLATFORM_RATIO_MASK = 0xFF
};

/* A revision for those who ask; microcode of the host is not the guest's business. In the upper
 * half, as "Update Signature". */
#define MICROCODE_REVISION (1ULL << 32)

static const uint64_t repeat_byte = 0x0101010101010101; /* one MTRR type for each of eight ranges */
static const uint64_t bus_clock_hz = 100000000;         /* unit of the ratio in MSR_PLATFORM_INFO */

enum kind {
    KIND_CONSTANT,   /* write: #GP */
    KIND_TOLERANT,   /* read as constant, write ignored */
    KIND_WRITE_ONLY, /* read: #GP, write ignored */
    KIND_ZERO,       /* reads 0, write of anything else: #GP */
    KIND_TSC,
    KIND_TSC_ADJUST,
    KIND_TSC_DEADLINE,
    KIND_LAPIC,
    KIND_PLATFORM_INFO,
    KIND_MCG_STATUS,
    KIND_MISC_ENABLE,
    KIND_MTRR_DEF_TYPE,
    KIND_MTRR_FIXED,
    KIND_MTRR_VARIABLE
};

struct entry {
    uint32_t first, last; /* MSR indices */
    enum kind kind;
    uint64_t value; /* the constant; for KIND_MTRR_FIXED the slot of `first` */
};

static const struct entry table[] = {
    {IA32_TSC, IA32_TSC, KIND_TSC, 0},
    {IA32_PLATFORM_ID, IA32_PLATFORM_ID, KIND_CONSTANT,
     0}, /* Linux reads it without a fault handler */
    {IA32_APIC_BASE, IA32_APIC_BASE, KIND_LAPIC, 0},
    {IA32_FEATURE_CONTROL, IA32_FEATURE_CONTROL, KIND_CONSTANT, FEATURE_CONTROL_LOCKED},
    {IA32_TSC_ADJUST, IA32_TSC_ADJUST, KIND_TSC_ADJUST, 0},
    {IA32_BIOS_UPDT_TRIG, IA32_BIOS_UPDT_TRIG, KIND_WRITE_ONLY, 0},
    {IA32_BIOS_SIGN_ID, IA32_BIOS_SIGN_ID, KIND_TOLERANT, MICROCODE_REVISION},
    {MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, KIND_PLATFORM_INFO, 0},
    {IA32_MTRRCAP, IA32_MTRRCAP, KIND_CONSTANT, MTRRCAP_VCNT | MTRRCAP_FIX | MTRRCAP_WC},
    {IA32_MCG_CAP, IA32_MCG_CAP, KIND_CONSTANT, 0}, /* no banks, no MCG_CTL */
    {IA32_MCG_STATUS, IA32_MCG_STATUS, KIND_MCG_STATUS, 0},
    {IA32_MISC_ENABLE, IA32_MISC_ENABLE, KIND_MISC_ENABLE, 0},
    {IA32_DEBUGCTL, IA32_DEBUGCTL, KIND_ZERO, 0},
    {IA32_MTRR_PHYSBASE0, IA32_MTRR_PHYS_LAST, KIND_MTRR_VARIABLE, 0},
    {IA32_MTRR_FIX64K_00000, IA32_MTRR_FIX64K_00000, KIND_MTRR_FIXED, FIXED_64K},
    {IA32_MTRR_FIX16K_80000, IA32_MTRR_FIX16K_A0000, KIND_MTRR_FIXED, FIXED_16K},
    {IA32_MTRR_FIX4K_C0000, IA32_MTRR_FIX4K_F8000, KIND_MTRR_FIXED, FIXED_4K},
    {IA32_MTRR_DEF_TYPE, IA32_MTRR_DEF_TYPE, KIND_MTRR_DEF_TYPE, 0},
    {IA32_TSC_DEADLINE, IA32_TSC_DEADLINE, KIND_TSC_DEADLINE, 0},
    {X2APIC_FIRST, X2APIC_LAST, KIND_LAPIC, 0},
};

static const struct entry *find(uint32_t index)
{
    size_t low = 0, high = sizeof table / sizeof table[0];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index > table[middle].last) {
            low = middle + 1;
        } else if (index < table[middle].first) {
            high = middle;
        } else {
            return &table[middle];
        }
    }
    return NULL;
}

static bool valid_type(uint64_t type)
{
    return type == MTRR_UC || type == MTRR_WC || type == MTRR_WT || type == MTRR_WP ||
           type == MTRR_WB;
}

static enum msr_result store(uint64_t *slot, uint64_t value, bool valid)
{
    if (!valid) {
        return MSR_FAULT;
    }
    *slot = value;
    return MSR_DONE;
}

static bool valid_fixed(uint64_t value)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!valid_type(value >> shift & MTRR_TYPE_MASK)) {
            return false;
        }
    }
    return true;
}

/* SDM vol. 3, "Variable Range MTRRs": even registers are bases with a type, odd ones masks with a
 * valid bit. */
static bool valid_variable(const struct msr_vm *msr, uint32_t slot, uint64_t value)
{
    const uint64_t page_offset = 0xFFF;
    uint64_t address = msr->physical_mask & ~page_offset;

    if (slot & 1) {
        return (value & ~(address | MTRR_MASK_VALID)) == 0;
    }
    return (value & ~(address | MTRR_TYPE_MASK)) == 0 && valid_type(value & MTRR_TYPE_MASK);
}

static bool valid_def_type(uint64_t value)
{
    return (value & ~(uint64_t)DEF_TYPE_VALID) == 0 && valid_type(value & MTRR_TYPE_MASK);
}

/* The read-only bits may be written back as they are or as zero; fast strings is the only switch,
 * and stays off where the host has it off. */
static enum msr_result write_misc_enable(struct msr_vm *msr, uint64_t value)
{
    const uint64_t read_only = MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE;

    if (value & ~(read_only | MISC_FAST_STRINGS)) {
        return MSR_FAULT;
    }
    msr->misc_enable = read_only | (value & msr->misc_writable);
    return MSR_DONE;
}

/* SDM vol. 3, "Time-Stamp Counter Adjustment": a write to either register moves the other by the
 * same amount. */
static enum msr_result move_tsc(struct msr_vm *msr, uint64_t *value, uint64_t old)
{
    *value -= old;
    msr->tsc_adjust += *value;
    return MSR_MOVE_TSC;
}

void msr_init(struct msr_vm *msr, uint64_t tsc_hz, unsigned physical_bits, bool fast_strings)
{
    uint64_t ratio = tsc_hz / bus_clock_hz;
    const uint64_t hole = MEMMAP_HIGH_RAM - MEMMAP_LOW_RAM_END;

    memset(msr, 0, sizeof *msr);
    msr->physical_mask = (1ULL << physical_bits) - 1;
    msr->platform_info = (ratio > PLATFORM_RATIO_MASK ? PLATFORM_RATIO_MASK : ratio)
                         << PLATFORM_RATIO_SHIFT;
    msr->misc_writable = fast_strings ? MISC_FAST_STRINGS : 0;
    msr->misc_enable = msr->misc_writable | MISC_BTS_UNAVAILABLE | MISC_PEBS_UNAVAILABLE;
    msr->mtrr_def_type = DEF_TYPE_ENABLE | DEF_TYPE_FIXED_ENABLE | MTRR_WB;
    msr->mtrr_fixed[FIXED_64K] = MTRR_WB * repeat_byte;
    msr->mtrr_fixed[FIXED_16K] = MTRR_WB * repeat_byte;
    msr->mtrr_fixed[FIXED_16K + 1] = MTRR_UC * repeat_byte;
    for (unsigned i = FIXED_4K; i < MSR_FIXED_MTRRS; i++) {
        msr->mtrr_fixed[i] = MTRR_WP * repeat_byte;
    }
    msr->mtrr_variable[0] = MEMMAP_LOW_RAM_END; /* type 0: uncached */
    msr->mtrr_variable[1] = (msr->physical_mask & ~(hole - 1)) | MTRR_MASK_VALID;
}

enum msr_result msr_read(const struct msr_vm *msr, uint32_t index, uint64_t *value)
{
    const struct entry *e = find(index);

    if (!e) {
        return MSR_FAULT;
    }
    switch (e->kind) {
    case KIND_CONSTANT:
    case KIND_TOLERANT:
    case KIND_ZERO:
        *value = e->value;
        return MSR_DONE;
    case KIND_WRITE_ONLY:
        return MSR_FAULT;
    case KIND_TSC:
        return MSR_TSC;
    case KIND_TSC_ADJUST:
        *value = msr->tsc_adjust;
        return MSR_DONE;
    case KIND_TSC_DEADLINE:
        return MSR_TSC_DEADLINE;
    case KIND_LAPIC:
        return MSR_LAPIC;
    case KIND_PLATFORM_INFO:
        *value = msr->platform_info;
        return MSR_DONE;
    case KIND_MCG_STATUS:
        *value = msr->mcg_status;
        return MSR_DONE;
    case KIND_MISC_ENABLE:
        *value = msr->misc_enable;
        return MSR_DONE;
    case KIND_MTRR_DEF_TYPE:
        *value = msr->mtrr_def_type;
        return MSR_DONE;
    case KIND_MTRR_FIXED:
        *value = msr->mtrr_fixed[e->value + (index - e->first)];
        return MSR_DONE;
    case KIND_MTRR_VARIABLE:
        *value = msr->mtrr_variable[index - e->first];
        return MSR_DONE;
    }
    return MSR_FAULT;
}

enum msr_result msr_write(struct msr_vm *msr, uint32_t index, uint64_t *value, uint64_t tsc_now)
{
    const struct entry *e = find(index);

    if (!e) {
        return MSR_FAULT;
    }
    switch (e->kind) {
    case KIND_CONSTANT:
    case KIND_PLATFORM_INFO:
        return MSR_FAULT;
    case KIND_TOLERANT:
    case KIND_WRITE_ONLY:
        return MSR_DONE;
    case KIND_ZERO:
        return *value == 0 ? MSR_DONE : MSR_FAULT;
    case KIND_TSC:
        return move_tsc(msr, value, tsc_now);
    case KIND_TSC_ADJUST:
        return move_tsc(msr, value, msr->tsc_adjust);
    case KIND_TSC_DEADLINE:
        return MSR_TSC_DEADLINE;
    case KIND_LAPIC:
        return MSR_LAPIC;
    case KIND_MCG_STATUS:
        return store(&msr->mcg_status, *value, (*value & ~(uint64_t)MCG_STATUS_VALID) == 0);
    case KIND_MISC_ENABLE:
        return write_misc_enable(msr, *value);
    case KIND_MTRR_DEF_TYPE:
        return store(&msr->mtrr_def_type, *value, valid_def_type(*value));
    case KIND_MTRR_FIXED:
        return store(&msr->mtrr_fixed[e->value + (index - e->first)], *value, valid_fixed(*value));
    case KIND_MTRR_VARIABLE:
        return store(&msr->mtrr_variable[index - e->first], *value,
                     valid_variable(msr, index - e->first, *value));
    }
    return MSR_FAULT;
}
