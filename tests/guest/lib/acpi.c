/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See acpi.h. "Finding the RSDP on IA-PC Systems", "Multiple APIC Description Table", "Package
 * Length Encoding".
 */
#include "tests/guest/lib/acpi.h"

enum {
    BDA_EBDA_SEGMENT = 0x0E, /* byte offset in the BIOS data area: where the extended one is */
    EBDA_LOWEST = 0x500,     /* behind the BIOS data area */
    EBDA_SEARCH = 1024,
    BIOS_BASE = 0xE0000,
    BIOS_END = 0x100000,
    LOW_MEMORY_END = 0xA0000,
    RSDP_ALIGNMENT = 16,
    SIGNATURE = 4,
    ENTRY_LENGTH = 1, /* of a MADT entry */
    IOAPIC_ADDRESS = 4,
    OVERRIDE_SOURCE = 3,
    OVERRIDE_GSI = 4,
    OVERRIDE_FLAGS = 8,
    AML_PACKAGE_OP = 0x12,
    AML_BYTE_PREFIX = 0x0A,
    AML_ONE_OP = 0x01,
    S5_LEAST = 9, /* bytes of name, opcode, length, count and the first element, if it is short */
    PKG_LENGTH_BYTES_SHIFT = 6
};

extern const uint8_t
    bios_data_area[]; /* guest.ld: a symbol, since compilers distrust addresses so low */

static bool same(const uint8_t *bytes, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)text[i])
            return false;
    return true;
}

/* Physical memory as bytes: the first 4 GiB are identity-mapped. */
static const uint8_t *physical(uint64_t address)
{
    return (const uint8_t *)address;
}

uint8_t acpi_sum(const uint8_t *table, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[i]);
    return sum;
}

uint32_t acpi_get32(const uint8_t *table, unsigned offset)
{
    const uint8_t *p = table + offset;

    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t acpi_get64(const uint8_t *table, unsigned offset)
{
    return acpi_get32(table, offset) | (uint64_t)acpi_get32(table, offset + 4) << 32;
}

static const uint8_t *search(uint32_t base, uint32_t end)
{
    for (uint32_t at = base; at + RSDP_SIZE_1 <= end; at += RSDP_ALIGNMENT)
        if (same(physical(at), "RSD PTR ", 8) && acpi_sum(physical(at), RSDP_SIZE_1) == 0)
            return physical(at);
    return NULL;
}

const uint8_t *acpi_rsdp(void)
{
    uint32_t ebda = (acpi_get32(bios_data_area, BDA_EBDA_SEGMENT) & 0xFFFF) * 16;
    const uint8_t *found = NULL;

    if (ebda >= EBDA_LOWEST && ebda + EBDA_SEARCH <= LOW_MEMORY_END)
        found = search(ebda, ebda + EBDA_SEARCH);
    return found != NULL ? found : search(BIOS_BASE, BIOS_END);
}

/* Entry `index` of RSDT or XSDT, NULL behind the last. */
static const uint8_t *root_entry(const uint8_t *rsdp, unsigned index)
{
    bool wide = rsdp[RSDP_REVISION] >= 2 && acpi_get64(rsdp, RSDP_XSDT) != 0;
    const uint8_t *root =
        physical(wide ? acpi_get64(rsdp, RSDP_XSDT) : acpi_get32(rsdp, RSDP_RSDT));
    unsigned size = wide ? 8 : 4;
    unsigned offset = SDT_HEADER + index * size;

    if (offset + size > acpi_get32(root, SDT_LENGTH))
        return NULL;
    return physical(wide ? acpi_get64(root, offset) : acpi_get32(root, offset));
}

const uint8_t *acpi_table(const char *signature)
{
    const uint8_t *rsdp = acpi_rsdp();
    const uint8_t *table;

    if (rsdp == NULL)
        return NULL;
    if (same((const uint8_t *)signature, "DSDT", SIGNATURE) ||
        same((const uint8_t *)signature, "FACS", SIGNATURE)) {
        const uint8_t *fadt = acpi_table("FACP");

        if (fadt == NULL)
            return NULL;
        return physical(acpi_get32(fadt, signature[0] == 'D' ? FADT_DSDT : FADT_FACS));
    }
    for (unsigned i = 0; (table = root_entry(rsdp, i)) != NULL; i++)
        if (same(table, signature, SIGNATURE))
            return table;
    return NULL;
}

static uint16_t fadt_port(unsigned offset)
{
    const uint8_t *fadt = acpi_table("FACP");

    return fadt == NULL ? 0 : (uint16_t)acpi_get32(fadt, offset);
}

uint16_t acpi_pm_timer(void)
{
    return fadt_port(FADT_PM_TMR_BLK);
}

uint16_t acpi_pm1a_control(void)
{
    return fadt_port(FADT_PM1A_CNT_BLK);
}

bool acpi_s5_type(unsigned *type)
{
    const uint8_t *dsdt = acpi_table("DSDT");
    uint32_t size = dsdt == NULL ? 0 : acpi_get32(dsdt, SDT_LENGTH);

    for (uint32_t at = SDT_HEADER; at + S5_LEAST <= size; at++) {
        const uint8_t *p = dsdt + at;

        if (!same(p, "_S5_", SIGNATURE) || p[SIGNATURE] != AML_PACKAGE_OP)
            continue;
        p += SIGNATURE + 1;
        p += (*p >> PKG_LENGTH_BYTES_SHIFT) + 1; /* package length */
        p++;                                     /* number of elements */
        *type = *p == AML_BYTE_PREFIX ? p[1] : *p;
        return *p <= AML_ONE_OP || *p == AML_BYTE_PREFIX;
    }
    return false;
}

/* The MADT entry of this type for which offset `key` holds `value`; key 0: any. */
static const uint8_t *madt_entry(unsigned type, unsigned key, unsigned value)
{
    const uint8_t *madt = acpi_table("APIC");
    uint32_t end = madt == NULL ? 0 : acpi_get32(madt, SDT_LENGTH);

    for (uint32_t at = MADT_ENTRIES; at + ENTRY_LENGTH < end; at += madt[at + ENTRY_LENGTH]) {
        if (madt[at + ENTRY_LENGTH] == 0)
            return NULL;
        if (madt[at] == type && (key == 0 || madt[at + key] == value))
            return madt + at;
    }
    return NULL;
}

unsigned acpi_gsi_of_irq(unsigned irq, unsigned *flags)
{
    const uint8_t *entry = madt_entry(MADT_OVERRIDE, OVERRIDE_SOURCE, irq);

    *flags = entry == NULL ? 0 : entry[OVERRIDE_FLAGS];
    return entry == NULL ? irq : acpi_get32(entry, OVERRIDE_GSI);
}

uint32_t acpi_ioapic_address(void)
{
    const uint8_t *entry = madt_entry(MADT_IOAPIC, 0, 0);

    return entry == NULL ? 0 : acpi_get32(entry, IOAPIC_ADDRESS);
}
