/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulates the moves to control and debug registers that exit, with the checks of the instruction:
 * an exit for one bit that is not the guest's own still carries out all the others. SDM volume 2,
 * "MOV - Move to/from Control Registers", "XSETBV"; volume 3, "Exit Qualification for
 * Control-Register Accesses", "Exit Qualification for MOV DR", "PDPTE Registers".
 */
#include "vmm/crexit.h"

#include <stddef.h>
#include <string.h>

#include "vmm/vm.h"

#define HIGH_HALF UINT64_C(0xFFFFFFFF00000000)

/* "Exit Qualification for Control-Register Accesses". */
#define QUAL_CR          UINT64_C(0xF)
#define QUAL_TYPE_SHIFT  4
#define QUAL_TYPE_MASK   UINT64_C(0x3)
#define QUAL_GPR_SHIFT   8
#define QUAL_GPR_MASK    UINT64_C(0xF)
#define QUAL_LMSW_SHIFT  16
#define QUAL_LMSW_MASK   UINT64_C(0xFFFF)
#define QUAL_DR          UINT64_C(0x7)
#define QUAL_DR_FROM     UINT64_C(0x10)
#define DR4              4u
#define DR6              6u
#define DR_ALIAS         2u /* DR4 and DR5 stand for DR6 and DR7 */
#define TPR_CLASS_SHIFT  4  /* CR8 is the upper half of the TPR */
#define CR8_MAX          UINT64_C(0xF)
#define PDPTES           4u
#define PDPTE_PRESENT    UINT64_C(0x001)
#define PDPTE_RESERVED   UINT64_C(0x1E6) /* bits 2:1 and 8:5 */
#define LOW_MACHINE_WORD (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)

enum cr_access { CR_TO, CR_FROM, CR_CLTS, CR_LMSW };

static const struct {
    uint64_t cr4;
    uint32_t leaf;
    uint8_t reg, bit;
} cr4_features[] = {
    {X86_CR4_VME | X86_CR4_PVI, 1, CPUID_EDX, 1},
    {X86_CR4_DE, 1, CPUID_EDX, 2},
    {X86_CR4_PSE, 1, CPUID_EDX, 3},
    {X86_CR4_TSD, 1, CPUID_EDX, 4},
    {X86_CR4_PAE, 1, CPUID_EDX, 6},
    {X86_CR4_MCE, 1, CPUID_EDX, 7},
    {X86_CR4_PGE, 1, CPUID_EDX, 13},
    {X86_CR4_OSFXSR, 1, CPUID_EDX, 24},
    {X86_CR4_OSXMMEXCPT, 1, CPUID_EDX, 25},
    {X86_CR4_PCIDE, 1, CPUID_ECX, 17},
    {X86_CR4_OSXSAVE, 1, CPUID_ECX, 26},
    {X86_CR4_FSGSBASE, 7, CPUID_EBX, 0},
    {X86_CR4_SMEP, 7, CPUID_EBX, 7},
    {X86_CR4_SMAP, 7, CPUID_EBX, 20},
    {X86_CR4_UMIP, 7, CPUID_ECX, 2},
};

#define LEAF_EXTENDED_FEATURES UINT32_C(0x80000001)
#define LEAF_ADDRESS_SIZES     UINT32_C(0x80000008)
#define FEATURE_PAGE_1G        (UINT32_C(1) << 26)
#define PHYSICAL_BITS          UINT32_C(0xFF)

void crexit_policy_init(struct crexit_policy *policy, const struct cpuid_table *cpuid)
{
    uint32_t r[CPUID_REGS];

    policy->cr4 = X86_CR4_PCE; /* exists on every processor with RDPMC, counters or not */
    for (size_t i = 0; i < sizeof cr4_features / sizeof cr4_features[0]; i++) {
        cpuid_query(cpuid, cr4_features[i].leaf, 0, 0, r);
        if ((r[cr4_features[i].reg] >> cr4_features[i].bit) & 1)
            policy->cr4 |= cr4_features[i].cr4;
    }
    cpuid_query(cpuid, LEAF_EXTENDED_FEATURES, 0, 0, r);
    policy->page_1g = (r[CPUID_EDX] & FEATURE_PAGE_1G) != 0;
    cpuid_query(cpuid, LEAF_ADDRESS_SIZES, 0, 0, r);
    policy->physical_bits = r[CPUID_EAX] & PHYSICAL_BITS;
}

static bool long_mode(const struct bh_vcpu_state *s)
{
    return (s->efer & X86_EFER_LMA) != 0;
}

static bool code_64(const struct bh_vcpu_state *s)
{
    return long_mode(s) && (s->seg[BH_CS].ar & X86_AR_LONG) != 0;
}

static uint64_t beyond_physical(const struct vcpu *v)
{
    return ~((UINT64_C(1) << v->vm->limits.physical_bits) - 1);
}

static uint32_t general_protection(struct vcpu *v)
{
    return vcpu_fault(v, X86_VECTOR_GP, true, 0);
}

/* Does this combination use PAE paging? Then PDPTE registers are loaded. */
static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & X86_CR0_PG) != 0 && (cr4 & X86_CR4_PAE) != 0 && (efer & X86_EFER_LMA) == 0;
}

/* False: a reserved bit, #GP. Entries outside of RAM read as all ones would: they have reserved
 * bits. */
static bool load_pdptes(struct vcpu *v, uint64_t cr3)
{
    const uint8_t *p = vm_ram(v->vm, cr3 & X86_CR3_PAE_TABLE, PDPTES * sizeof(uint64_t));
    uint64_t pdpte[PDPTES];

    if (p == NULL)
        return false;
    memcpy(pdpte, p, sizeof pdpte);
    for (unsigned i = 0; i < PDPTES; i++) {
        if ((pdpte[i] & PDPTE_PRESENT) && (pdpte[i] & (PDPTE_RESERVED | beyond_physical(v))))
            return false;
    }
    memcpy(v->state->pdpte, pdpte, sizeof pdpte);
    return true;
}

/* Paging is switched on or off: what it does to EFER.LMA. False: not allowed now. */
static bool switch_paging(const struct bh_vcpu_state *s, bool on, uint64_t *efer)
{
    if (on && (s->efer & X86_EFER_LME)) {
        if ((s->cr4 & X86_CR4_PAE) == 0 || (s->seg[BH_CS].ar & X86_AR_LONG) != 0)
            return false;
        *efer |= X86_EFER_LMA;
    } else if (!on && (code_64(s) || (s->cr4 & X86_CR4_PCIDE))) {
        return false;
    } else if (!on) {
        *efer &= ~X86_EFER_LMA;
    }
    return true;
}

static uint32_t write_cr0(struct vcpu *v, uint64_t value)
{
    const uint64_t reloads = X86_CR0_PG | X86_CR0_CD | X86_CR0_NW;
    struct bh_vcpu_state *s = v->state;
    uint64_t efer = s->efer;
    uint64_t changed;
    uint32_t mtd = BH_MTD_CR;

    if ((value & HIGH_HALF) || ((value & X86_CR0_PG) && !(value & X86_CR0_PE)) ||
        ((value & X86_CR0_NW) && !(value & X86_CR0_CD)))
        return general_protection(v);
    value = (value & X86_CR0_DEFINED) | X86_CR0_ET;
    changed = value ^ s->cr0;
    if ((changed & X86_CR0_PG) && !switch_paging(s, (value & X86_CR0_PG) != 0, &efer))
        return general_protection(v);
    if ((changed & reloads) && pae_paging(value, s->cr4, efer) && !load_pdptes(v, s->cr3))
        return general_protection(v);
    if (efer != s->efer) {
        s->efer = efer;
        mtd |= BH_MTD_EFER;
    }
    s->cr0 = value;
    return vcpu_resume(v, mtd | vcpu_skip(v));
}

static uint32_t write_cr3(struct vcpu *v, uint64_t value)
{
    struct bh_vcpu_state *s = v->state;

    if (s->cr4 & X86_CR4_PCIDE)
        value &= ~X86_CR3_NO_FLUSH;
    if (long_mode(s) && (value & beyond_physical(v)))
        return general_protection(v);
    if (pae_paging(s->cr0, s->cr4, s->efer) && !load_pdptes(v, value))
        return general_protection(v);
    s->cr3 = value;
    return vcpu_resume(v, BH_MTD_CR | vcpu_skip(v));
}

static uint32_t write_cr4(struct vcpu *v, uint64_t value)
{
    const uint64_t reloads = X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP;
    struct bh_vcpu_state *s = v->state;
    const uint64_t changed = value ^ s->cr4;

    if (value & ~v->vm->limits.cr4)
        return general_protection(v);
    if (long_mode(s) && !(value & X86_CR4_PAE))
        return general_protection(v);
    if ((changed & value & X86_CR4_PCIDE) && (!long_mode(s) || (s->cr3 & X86_CR3_PCID)))
        return general_protection(v);
    if ((changed & reloads) && pae_paging(s->cr0, value, s->efer) && !load_pdptes(v, s->cr3))
        return general_protection(v);
    s->cr4 = value;
    cpuid_show_osxsave(&v->vm->cpuid, (value & X86_CR4_OSXSAVE) != 0);
    return vcpu_resume(v, BH_MTD_CR | vcpu_skip(v));
}

static uint32_t write_cr8(struct vcpu *v, uint64_t value)
{
    if (value > CR8_MAX)
        return general_protection(v);
    board_set_tpr(&v->vm->board, (uint8_t)(value << TPR_CLASS_SHIFT));
    return vcpu_resume(v, vcpu_skip(v));
}

static uint32_t move_to(struct vcpu *v, unsigned cr, uint64_t value)
{
    switch (cr) {
    case 0:
        return write_cr0(v, value);
    case 3:
        return write_cr3(v, value);
    case 4:
        return write_cr4(v, value);
    case 8:
        return write_cr8(v, value);
    default:
        return vcpu_fault(v, X86_VECTOR_UD, false, 0);
    }
}

static uint32_t move_from(struct vcpu *v, unsigned cr, unsigned gpr)
{
    const struct bh_vcpu_state *s = v->state;
    uint64_t value;

    switch (cr) {
    case 0:
        value = s->cr0;
        break;
    case 3:
        value = s->cr3;
        break;
    case 4:
        value = s->cr4;
        break;
    case 8:
        value = lapic_tpr(&v->vm->board.lapic) >> TPR_CLASS_SHIFT;
        break;
    default:
        return vcpu_fault(v, X86_VECTOR_UD, false, 0);
    }
    return vcpu_put_gpr(v, gpr, value) | vcpu_resume(v, vcpu_skip(v));
}

uint32_t crexit_cr(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    const uint64_t qual = s->qualification;
    const unsigned cr = (unsigned)(qual & QUAL_CR);
    const unsigned gpr = (unsigned)((qual >> QUAL_GPR_SHIFT) & QUAL_GPR_MASK);
    uint64_t value;

    switch ((enum cr_access)((qual >> QUAL_TYPE_SHIFT) & QUAL_TYPE_MASK)) {
    case CR_TO:
        value = vcpu_gpr(v, gpr);
        return move_to(v, cr, code_64(s) ? value : (uint32_t)value);
    case CR_FROM:
        return move_from(v, cr, gpr);
    case CR_CLTS:
        return write_cr0(v, s->cr0 & ~X86_CR0_TS);
    default:
        /* LMSW can set PE, not clear it. */
        value = (qual >> QUAL_LMSW_SHIFT) & QUAL_LMSW_MASK & LOW_MACHINE_WORD;
        return write_cr0(v, (s->cr0 & ~(LOW_MACHINE_WORD & ~X86_CR0_PE)) | value);
    }
}

static uint32_t write_dr(struct vcpu *v, unsigned dr, uint64_t value)
{
    struct bh_vcpu_state *s = v->state;

    if (dr < DR4)
        s->dr[dr] = value;
    else if (value & HIGH_HALF)
        return general_protection(v);
    else if (dr == DR6)
        s->dr6 = X86_DR6_FIXED | (value & X86_DR6_TRAPS) | X86_DR6_RTM;
    else
        s->dr7 = X86_DR7_FIXED | (value & ~X86_DR7_ZERO);
    return vcpu_resume(v, BH_MTD_DR | vcpu_skip(v));
}

uint32_t crexit_dr(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    const uint64_t qual = s->qualification;
    const unsigned gpr = (unsigned)((qual >> QUAL_GPR_SHIFT) & QUAL_GPR_MASK);
    unsigned dr = (unsigned)(qual & QUAL_DR);
    uint64_t value = vcpu_gpr(v, gpr);

    if (dr == DR4 || dr == DR4 + 1) {
        if (s->cr4 & X86_CR4_DE)
            return vcpu_fault(v, X86_VECTOR_UD, false, 0);
        dr += DR_ALIAS;
    }
    if ((qual & QUAL_DR_FROM) == 0)
        return write_dr(v, dr, code_64(s) ? value : (uint32_t)value);
    value = dr < DR4 ? s->dr[dr] : dr == DR6 ? s->dr6 : s->dr7;
    return vcpu_put_gpr(v, gpr, value) | vcpu_resume(v, vcpu_skip(v));
}

/* "XFEATURE_ENABLED_MASK": x87 always, AVX not without SSE, the parts of AVX-512 together and not
 * without AVX. */
static bool valid_xcr0(uint64_t value, uint64_t allowed)
{
    if ((value & ~allowed) || !(value & X86_XCR0_X87))
        return false;
    if ((value & X86_XCR0_AVX) && !(value & X86_XCR0_SSE))
        return false;
    if ((value & X86_XCR0_AVX512) == 0)
        return true;
    return (value & X86_XCR0_AVX512) == X86_XCR0_AVX512 && (value & X86_XCR0_AVX) != 0;
}

uint32_t crexit_xsetbv(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    const uint64_t value = (s->gpr[BH_RDX] << 32) | (uint32_t)s->gpr[BH_RAX];

    /* Processors refuse this before they exit; not all emulators do. */
    if (((s->seg[BH_SS].ar >> X86_AR_DPL_SHIFT) & X86_AR_DPL_MASK) != 0 ||
        (uint32_t)s->gpr[BH_RCX] != 0 || !valid_xcr0(value, v->vm->cpuid.xcr0))
        return general_protection(v);
    s->xcr0 = value;
    v->xcr0 = value;
    return vcpu_resume(v, BH_MTD_XCR0 | vcpu_skip(v));
}

uint32_t crexit_cache(struct vcpu *v)
{
    return vcpu_resume(v, vcpu_skip(v));
}
