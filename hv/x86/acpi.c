/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the MADT. Tables are read in place, through the identity mapping of the low 4 GiB that
 * boot has made; what lies above, or is longer than it may be, is ignored with a warning.
 */
#include "hv/x86/acpi.h"

#include "hv/lib.h"
#include "hv/log.h"
#include "hv/x86/asm.h"
#include "hv/x86/ioapic.h"
#include "hv/x86/lapic.h"

#define IDENTITY_END 0x100000000ull
#define TABLE_MAX    0x100000u
#define RSDP_LENGTH  20u
#define BIOS_START   0xE0000u
#define BIOS_END     0x100000u
#define EBDA_POINTER 0x40Eu
#define EBDA_SEARCH  1024u

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
} __attribute__((packed));

struct header {
    char signature[4];
    uint32_t length;
    uint8_t rest[28];
} __attribute__((packed));

struct madt {
    struct header header;
    uint32_t lapic;
    uint32_t flags;
} __attribute__((packed));

#define CPUID_ECX_HYPERVISOR (1u << 31)

#define MADT_LAPIC     0u
#define MADT_IOAPIC    1u
#define MADT_OVERRIDE  2u
#define MADT_X2APIC    9u
#define LAPIC_ENABLED  1u
#define OVERRIDE_LOW   3u
#define OVERRIDE_LEVEL 0xCu

static const void *at(uint64_t physical)
{
    return (const void *)physical; // NOLINT(performance-no-int-to-ptr)
}

static bool sums_to_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum = (uint8_t)(sum + b[i]);
    }
    return sum == 0;
}

static uint64_t search(uint64_t from, uint64_t to)
{
    for (uint64_t a = from; a + sizeof(struct rsdp) <= to; a += 16) {
        if (memcmp(at(a), "RSD PTR ", 8) == 0 && sums_to_zero(at(a), RSDP_LENGTH)) {
            return a;
        }
    }
    return 0;
}

static uint64_t find_rsdp(void)
{
    uint16_t segment;
    memcpy(&segment, at(EBDA_POINTER), sizeof(segment));
    uint64_t ebda = (uint64_t)segment << 4;
    uint64_t found = ebda >= 0x400 && ebda < 0xA0000 ? search(ebda, ebda + EBDA_SEARCH) : 0;
    return found != 0 ? found : search(BIOS_START, BIOS_END);
}

/* The table at a physical address, if it is whole and readable. */
static const struct header *table(uint64_t a)
{
    if (a == 0 || a >= IDENTITY_END - TABLE_MAX) {
        return NULL;
    }
    const struct header *h = at(a);
    if (h->length < sizeof(*h) || h->length > TABLE_MAX || !sums_to_zero(h, h->length)) {
        log_line("[cpu 0] warn: ACPI table at %lx ignored: bad length or checksum", a);
        return NULL;
    }
    return h;
}

/* The table with a signature, from the XSDT (8-byte entries) or the RSDT (4-byte entries). */
static const struct header *find(const struct rsdp *rsdp, const char *signature)
{
    bool extended = rsdp->revision >= 2 && rsdp->xsdt != 0 && rsdp->xsdt < IDENTITY_END;
    size_t size = extended ? 8 : 4;
    const struct header *root = table(extended ? rsdp->xsdt : rsdp->rsdt);
    if (root == NULL) {
        return NULL;
    }
    for (size_t o = sizeof(*root); o + size <= root->length; o += size) {
        uint64_t a = 0;
        memcpy(&a, (const uint8_t *)root + o, size);
        if (a < IDENTITY_END - TABLE_MAX && a != 0 && memcmp(at(a), signature, 4) == 0) {
            return table(a);
        }
    }
    return NULL;
}

static uint32_t word(const uint8_t *p, unsigned offset)
{
    uint32_t v;
    memcpy(&v, p + offset, sizeof(v));
    return v;
}

static void add_cpu(struct acpi_cpus *cpus, uint32_t apic_id, uint32_t flags)
{
    if ((flags & LAPIC_ENABLED) == 0 || apic_id == lapic_id()) {
        return;
    }
    if (cpus->count == ARRAY_SIZE(cpus->apic_id)) {
        log_line("[cpu 0] warn: CPU with APIC id %u not used: only %u are supported", apic_id,
                 cpus->count);
        return;
    }
    cpus->apic_id[cpus->count++] = apic_id;
}

static void add_override(struct acpi_cpus *cpus, uint8_t isa, uint32_t gsi, unsigned flags)
{
    if (isa < ARRAY_SIZE(cpus->isa_gsi)) {
        cpus->isa_gsi[isa] = gsi;
        ioapic_set_mode(gsi, (flags & OVERRIDE_LEVEL) == OVERRIDE_LEVEL,
                        (flags & OVERRIDE_LOW) == OVERRIDE_LOW);
    }
}

static void read_entries(const struct madt *madt, struct acpi_cpus *cpus, bool overrides)
{
    const uint8_t *p = (const uint8_t *)(madt + 1);
    const uint8_t *end = (const uint8_t *)madt + madt->header.length;
    for (; end - p >= 2 && p[1] >= 2 && p[1] <= end - p; p += p[1]) {
        if (overrides) { /* after the IOAPICs, whose defaults they change */
            if (p[0] == MADT_OVERRIDE && p[1] >= 10) {
                add_override(cpus, p[3], word(p, 4), p[8]);
            }
            continue;
        }
        if (p[0] == MADT_LAPIC && p[1] >= 8) {
            add_cpu(cpus, p[3], word(p, 4));
        } else if (p[0] == MADT_X2APIC && p[1] >= 16 && lapic_x2apic()) {
            add_cpu(cpus, word(p, 4), word(p, 8));
        } else if (p[0] == MADT_IOAPIC && p[1] >= 12) {
            ioapic_add(hpa(word(p, 4)), word(p, 8));
        }
    }
}

bool acpi_is_bochs(uint64_t rsdp)
{
    const struct rsdp *r = at(rsdp);
    return rsdp != 0 && memcmp(r->oem, "BOCHS ", sizeof(r->oem)) == 0 &&
           (cpuid(1, 0).c & CPUID_ECX_HYPERVISOR) == 0;
}

uint64_t acpi_read(uint64_t rsdp, struct acpi_cpus *cpus)
{
    cpus->count = 1;
    cpus->apic_id[0] = lapic_id();
    for (unsigned i = 0; i < ARRAY_SIZE(cpus->isa_gsi); i++) {
        cpus->isa_gsi[i] = i;
    }
    if (rsdp == 0) {
        rsdp = find_rsdp();
    }
    const struct madt *madt = rsdp == 0 ? NULL : (const struct madt *)find(at(rsdp), "APIC");
    if (madt == NULL || madt->header.length < sizeof(*madt)) {
        log_line("[cpu 0] warn: no ACPI MADT: one CPU, no device interrupts");
        return rsdp;
    }
    read_entries(madt, cpus, false);
    read_entries(madt, cpus, true);
    return rsdp;
}
