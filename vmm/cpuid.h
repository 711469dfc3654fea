/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID tells a guest (SDM vol. 2, "CPUID - CPU Identification"): what is shown works, what
 * does not work is hidden. cpuid_init computes every leaf once per virtual CPU; cpuid_query is a
 * lookup. A feature of the host is shown only if its line stands in the policy table of cpuid.c;
 * what the VMM emulates itself (x2APIC, TSC deadline) is shown on every host. Not modelled: APIC in
 * leaf 1 stays set when the guest switches its local APIC off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX, CPUID_REGS };

/* The host's CPUID, injected: fills out[CPUID_REGS] as the instruction would. */
struct cpuid_facts {
    void (*query)(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t *out);
    void *ctx;
};

/* The virtual CPU to describe. */
struct cpuid_vm {
    unsigned cpu;    /* its number, which is its APIC ID */
    unsigned cpus;   /* virtual CPUs of the VM, at most MEMMAP_MAX_CPUS: cores of one package, one
                        thread each */
    uint64_t tsc_hz; /* rate of the guest's TSC */
    /*
     * Rate of the local APIC's timer before its divider. Leaf 0x15 gives TSC and APIC rate as a
     * ratio and is shown only if this divides tsc_hz and fits 32 bits: Linux computes with 32-bit
     * kHz, and a rounded ratio would be a wrong clock.
     */
    uint64_t apic_hz;
    uint64_t xcr0; /* state components that the kernel switches for guests; 0 hides XSAVE and AVX */
    bool pcid;     /* PCID and INVPCID work in the guest ("enable INVPCID" is set) */
    bool rdtscp;   /* RDTSCP, RDPID and IA32_TSC_AUX work in the guest ("enable RDTSCP" is set) */
};

enum {
    CPUID_MAX_BASIC = 0x16,
    CPUID_BASIC_LEAVES = CPUID_MAX_BASIC + 1,
    CPUID_HYPERVISOR_LEAVES = 0x11,
    CPUID_EXTENDED_LEAVES = 9,
    CPUID_SUBLEAF_ROWS = 20 /* leaves 4, 7, 0xB and 0xD, all subleaves */
};

struct cpuid_row {
    uint32_t reg[CPUID_REGS];
};

#define CPUID_EXTENDED_BASE 0x80000000u
#define CPUID_PLAIN         0 /* kind of a basic leaf that says the same whenever it is asked */

/* Where a basic leaf's rows are: kind says how subleaf selects one. Private to cpuid.c. */
struct cpuid_leaf {
    uint8_t kind;
    uint8_t first; /* index into subleaf[] */
    uint8_t count;
};

/* Private to cpuid.c; visible so that it can be embedded in a vCPU. */
struct cpuid_table {
    struct cpuid_row basic[CPUID_BASIC_LEAVES];
    struct cpuid_leaf leaf[CPUID_BASIC_LEAVES];
    struct cpuid_row subleaf[CPUID_SUBLEAF_ROWS];
    struct cpuid_row hypervisor[CPUID_HYPERVISOR_LEAVES];
    struct cpuid_row extended[CPUID_EXTENDED_LEAVES];
    uint64_t xcr0; /* components the guest may enable: the mask for its XSETBV */
    uint32_t apic_id;
};

/* Fills *table. Asks the host for each leaf once. */
void cpuid_init(struct cpuid_table *table, const struct cpuid_facts *host,
                const struct cpuid_vm *vm);

/* The answer to a leaf that depends on nothing else, or NULL: ask cpuid_query. */
static inline const struct cpuid_row *cpuid_plain(const struct cpuid_table *table, uint32_t leaf)
{
    if (leaf < CPUID_BASIC_LEAVES)
        return table->leaf[leaf].kind == CPUID_PLAIN ? &table->basic[leaf] : NULL;
    leaf -= CPUID_EXTENDED_BASE;
    return leaf < CPUID_EXTENDED_LEAVES ? &table->extended[leaf] : NULL;
}

/*
 * The guest executes CPUID with leaf in EAX and subleaf in ECX; xcr0 is its register's value now.
 * Result in out[CPUID_REGS]. A leaf beyond the last one of its range gives the highest basic leaf,
 * as the SDM says.
 */
void cpuid_query(const struct cpuid_table *table, uint32_t leaf, uint32_t subleaf, uint64_t xcr0,
                 uint32_t *out);

/* Leaf 1 mirrors CR4.OSXSAVE and the enable bit of IA32_APIC_BASE (at first: clear, set). */
void cpuid_show_osxsave(struct cpuid_table *table, bool set);
void cpuid_show_apic(struct cpuid_table *table, bool set);
