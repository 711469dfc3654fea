/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VT-x capabilities. Each control is asked for with its reason; a processor that does not allow a
 * needed one is refused by the control's name.
 */
#include "hv/vmx/caps.h"

#include "hv/abi/info.h"
#include "hv/vmx/vmcs.h"
#include "hv/x86/asm.h"
#include "hv/x86/msr.h"

#define CPUID_ECX_VMX (1u << 5)

#define FEATURE_CONTROL_LOCKED 1ull
#define FEATURE_CONTROL_VMX    4ull

#define VMX_MISC_TIMER           0x1Fu
#define MISC_ENABLE_FAST_STRINGS 1ull

#define BASIC_REVISION      0x7FFFFFFFu
#define BASIC_TRUE_CONTROLS (1ull << 55)

#define EPT_CAP_LEVELS_4       (1ull << 6)
#define EPT_CAP_WB             (1ull << 14)
#define EPT_CAP_2M             (1ull << 16)
#define EPT_CAP_1G             (1ull << 17)
#define EPT_CAP_INVEPT         (1ull << 20)
#define EPT_CAP_AD             (1ull << 21)
#define EPT_CAP_INVEPT_SINGLE  (1ull << 25)
#define EPT_CAP_INVEPT_ALL     (1ull << 26)
#define EPT_CAP_INVVPID        (1ull << 32)
#define EPT_CAP_INVVPID_SINGLE (1ull << 41)
#define EPT_CAP_INVVPID_ALL    (1ull << 42)

/* A set of controls: what must be, and what would be good to have. */
struct wanted {
    uint32_t needed, optional;
};

/* Combine `w` with what capability MSR `msr` allows. False if a needed control may not be set. */
static bool combine(uint32_t msr, struct wanted w, uint32_t *value)
{
    uint64_t cap = rdmsr(msr);
    uint32_t must = (uint32_t)cap;
    uint32_t may = (uint32_t)(cap >> 32);
    *value = must | ((w.needed | w.optional) & may);
    return (w.needed & ~may) == 0;
}

/* VMX switched on by the firmware, or not locked yet: then switch it on and lock. */
static bool feature_control(void)
{
    uint64_t v = rdmsr(MSR_FEATURE_CONTROL);
    if ((v & FEATURE_CONTROL_LOCKED) == 0) {
        wrmsr(MSR_FEATURE_CONTROL, v | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
        v = rdmsr(MSR_FEATURE_CONTROL);
    }
    return (v & FEATURE_CONTROL_VMX) != 0;
}

/* The preemption timer is of use if it goes on counting from exit to entry. */
static void read_timer(struct vmx_caps *c)
{
    if ((c->pin & PIN_PREEMPTION_TIMER) != 0 && (c->exit & EXIT_SAVE_TIMER) != 0) {
        c->features |= BH_VMX_PREEMPTION_TIMER;
        c->timer_shift = (unsigned)rdmsr(MSR_VMX_MISC) & VMX_MISC_TIMER;
    } else {
        c->pin &= ~PIN_PREEMPTION_TIMER;
        c->exit &= ~EXIT_SAVE_TIMER;
    }
}

/* Interrupts without exits: all of it, or nothing. */
static void read_apic(struct vmx_caps *c, bool true_controls)
{
    const struct wanted cpu = {CPU_TPR_SHADOW, 0};
    const struct wanted cpu2 = {CPU2_APIC_ACCESS | CPU2_APIC_REGISTER | CPU2_VID, 0};
    uint32_t unused;
    if (combine(true_controls ? MSR_VMX_TRUE_CPU : MSR_VMX_CPU, cpu, &unused) &&
        combine(MSR_VMX_CPU2, cpu2, &unused)) {
        c->features |= BH_VMX_TPR_SHADOW | BH_VMX_APIC_REG | BH_VMX_VID;
    }
}

static const char *read_controls(struct vmx_caps *c, bool true_controls)
{
    const struct wanted pin = {PIN_EXTERNAL_INTERRUPT | PIN_NMI,
                               PIN_VIRTUAL_NMI | PIN_PREEMPTION_TIMER};
    /* Everything that a VMM emulates exits; CR8 does unless the TPR is shadowed; CR3 and INVLPG are
     * the guest's, with EPT. */
    const struct wanted cpu = {CPU_TSC_OFFSET | CPU_HLT | CPU_IO | CPU_MSR_BITMAP | CPU_SECONDARY,
                               CPU_MWAIT | CPU_RDPMC | CPU_MONITOR | CPU_CR8_LOAD | CPU_CR8_STORE};
    /* WBINVD would empty everybody's caches. */
    const struct wanted cpu2 = {CPU2_EPT | CPU2_UNRESTRICTED,
                                CPU2_VPID | CPU2_WBINVD | CPU2_INVPCID};
    const struct wanted exit = {EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_ACK_INTERRUPT |
                                    EXIT_SAVE_EFER | EXIT_LOAD_EFER | EXIT_SAVE_PAT | EXIT_LOAD_PAT,
                                EXIT_SAVE_TIMER};
    const struct wanted entry = {ENTRY_LOAD_DEBUG | ENTRY_LOAD_EFER | ENTRY_LOAD_PAT, 0};
    if (!combine(true_controls ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN, pin, &c->pin)) {
        return "VT-x external-interrupt and NMI exiting";
    }
    if (!combine(true_controls ? MSR_VMX_TRUE_CPU : MSR_VMX_CPU, cpu, &c->cpu)) {
        return "VT-x secondary controls (EPT, unrestricted guest)";
    }
    if (!combine(MSR_VMX_CPU2, (struct wanted){CPU2_EPT, 0}, &c->cpu2)) {
        return "EPT (extended page tables)";
    }
    if (!combine(MSR_VMX_CPU2, cpu2, &c->cpu2)) {
        return "unrestricted guest";
    }
    read_apic(c, true_controls);
    if (!combine(true_controls ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT, exit, &c->exit) ||
        !combine(true_controls ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY, entry, &c->entry)) {
        return "VT-x loading and saving of IA32_EFER and IA32_PAT";
    }
    read_timer(c);
    return NULL;
}

static const char *read_ept(struct vmx_caps *c)
{
    const uint64_t needed =
        EPT_CAP_LEVELS_4 | EPT_CAP_WB | EPT_CAP_2M | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL;
    uint64_t cap = rdmsr(MSR_VMX_EPT_VPID);
    if ((cap & needed) != needed) {
        return "EPT with four levels, write-back, 2 MiB pages and INVEPT";
    }
    c->invept_single = (cap & EPT_CAP_INVEPT_SINGLE) != 0;
    c->invvpid_single = (cap & EPT_CAP_INVVPID_SINGLE) != 0;
    c->features |= (cap & EPT_CAP_1G) != 0 ? BH_VMX_EPT_1G : 0;
    c->features |= (cap & EPT_CAP_AD) != 0 ? BH_VMX_EPT_AD : 0;
    c->features |= (c->cpu2 & CPU2_INVPCID) != 0 ? BH_VMX_INVPCID : 0;
    if ((c->cpu2 & CPU2_VPID) != 0) {
        if ((cap & EPT_CAP_INVVPID) != 0 &&
            (cap & (EPT_CAP_INVVPID_SINGLE | EPT_CAP_INVVPID_ALL)) != 0) {
            c->features |= BH_VMX_VPID;
        } else {
            c->cpu2 &= ~CPU2_VPID;
        }
    }
    return NULL;
}

const char *caps_read(struct vmx_caps *c)
{
    if ((cpuid(1, 0).c & CPUID_ECX_VMX) == 0) {
        return "VT-x (CPUID.1:ECX.VMX)";
    }
    if (!feature_control()) {
        return "VMX in IA32_FEATURE_CONTROL: the firmware has locked it off; switch on \"Intel "
               "Virtualization "
               "Technology\" in its setup";
    }
    uint64_t basic = rdmsr(MSR_VMX_BASIC);
    c->revision = (uint32_t)basic & BASIC_REVISION;
    c->features =
        (rdmsr(MSR_MISC_ENABLE) & MISC_ENABLE_FAST_STRINGS) != 0 ? BH_VMX_FAST_STRINGS : 0;
    const char *missing = read_controls(c, (basic & BASIC_TRUE_CONTROLS) != 0);
    if (missing == NULL) {
        missing = read_ept(c);
    }
    c->cr0_set = rdmsr(MSR_VMX_CR0_FIXED0);
    c->cr0_may = rdmsr(MSR_VMX_CR0_FIXED1);
    c->cr4_set = rdmsr(MSR_VMX_CR4_FIXED0);
    c->cr4_may = rdmsr(MSR_VMX_CR4_FIXED1);
    return missing;
}
