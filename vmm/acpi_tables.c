/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed ACPI tables. Each builder writes one table at a cursor and returns its guest physical
 * address; offsets are those of the field tables in the ACPI specification. What the board lacks is
 * said to be lacking, and nothing else.
 */
#include "vmm/acpi_tables.h"

#include <stddef.h>
#include <string.h>

#include "vmm/acpi_dsdt.h"
#include "vmm/memmap.h"

/* "System Description Table Header" */
enum {
    SDT_LENGTH = 4,
    SDT_REVISION = 8,
    SDT_CHECKSUM = 9,
    SDT_OEM_ID = 10,
    SDT_OEM_TABLE_ID = 16,
    SDT_OEM_REVISION = 24,
    SDT_CREATOR_ID = 28,
    SDT_CREATOR_REVISION = 32,
    SDT_HEADER = 36,
    SIGNATURE_SIZE = 4,
    OEM_ID_SIZE = 6,
    OEM_TABLE_ID_SIZE = 8
};

/* "Root System Description Pointer" */
enum {
    RSDP_CHECKSUM = 8,
    RSDP_OEM_ID = 9,
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,
    RSDP_EXT_CHECKSUM = 32,
    RSDP_SIZE_V1 = 20,
    RSDP_SIZE = 36
};

/* "Fixed ACPI Description Table" */
enum {
    FADT_FIRMWARE_CTRL = 36,
    FADT_DSDT = 40,
    FADT_SCI_INT = 46,
    FADT_PM1A_EVT_BLK = 56,
    FADT_PM1A_CNT_BLK = 64,
    FADT_PM_TMR_BLK = 76,
    FADT_PM1_EVT_LEN = 88,
    FADT_PM1_CNT_LEN = 89,
    FADT_PM_TMR_LEN = 91,
    FADT_P_LVL2_LAT = 96,
    FADT_P_LVL3_LAT = 98,
    FADT_CENTURY = 108,
    FADT_IAPC_BOOT_ARCH = 109,
    FADT_FLAGS = 112,
    FADT_RESET_REG = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_EVT_BLK = 148,
    FADT_X_PM1A_CNT_BLK = 172,
    FADT_X_PM_TMR_BLK = 208,
    FADT_SIZE = 244,
    FADT_REVISION = 3
};

/* values of FADT fields */
enum {
    PM1_EVT_BYTES = 4,
    PM1_CNT_BYTES = 2,
    PM_TMR_BYTES = 4,
    LVL2_UNSUPPORTED = 101,
    LVL3_UNSUPPORTED = 1001,
    BOOT_ARCH_LEGACY_DEVICES = 1 << 0,
    BOOT_ARCH_8042 = 1 << 1,
    BOOT_ARCH_NO_VGA = 1 << 2,
    BOOT_ARCH_NO_MSI = 1 << 3,
    FLAG_WBINVD = 1 << 0,
    FLAG_PROC_C1 = 1 << 2,
    FLAG_NO_FIXED_SLP_BUTTON = 1 << 5,
    FLAG_NO_FIXED_RTC_WAKE = 1 << 6,
    FLAG_TMR_VAL_EXT = 1 << 8, /* the PM timer has 32 bits */
    FLAG_RESET_REG_SUP = 1 << 10,
    GAS_SYSTEM_IO = 1
};

/* "Firmware ACPI Control Structure" */
enum { FACS_LENGTH = 4, FACS_VERSION = 32, FACS_SIZE = 64, FACS_VERSION_2 = 1 };

/* "Multiple APIC Description Table" */
enum {
    MADT_LOCAL_APIC_ADDRESS = 36,
    MADT_FLAGS = 40,
    MADT_ENTRIES = 44,
    MADT_REVISION = 1,
    MADT_PCAT_COMPAT = 1,
    MADT_LAPIC = 0,
    MADT_LAPIC_SIZE = 8,
    MADT_IOAPIC = 1,
    MADT_IOAPIC_SIZE = 12,
    MADT_OVERRIDE = 2,
    MADT_OVERRIDE_SIZE = 10,
    MADT_LAPIC_NMI = 4,
    MADT_LAPIC_NMI_SIZE = 6,
    MADT_ALL_PROCESSORS = 0xFF,
    MPS_CONFORMS = 0,     /* "MPS INTI Flags": edge, active high for ISA */
    MPS_HIGH_LEVEL = 0xD, /* active high, level */
    LINT1 = 1
};

enum {
    TABLE_ALIGNMENT = 16,
    FACS_ALIGNMENT = 64,
    DSDT_REVISION = 2, /* 64-bit integers */
    SDT_COUNT = 2      /* tables that RSDT and XSDT list: FADT and MADT */
};

static const char oem_id[OEM_ID_SIZE + 1] = "BULKHD";
static const char oem_table_id[] = "BULKHEAD";
static const char creator_id[] = "BLKH";

_Static_assert(SDT_HEADER + 1024 + FADT_SIZE + MADT_ENTRIES + MEMMAP_MAX_CPUS * MADT_LAPIC_SIZE +
                       1024 <
                   MEMMAP_ACPI_SIZE,
               "the DSDT (at most 1 KiB), the MADT of a full VM and the rest fit their area");

struct builder {
    uint8_t *base; /* guest physical MEMMAP_ACPI_BASE */
    uint32_t at;   /* offset of the next free byte */
};

static void put(uint8_t *p, uint64_t value, size_t bytes)
{
    memcpy(p, &value, bytes);
}

/* Names in ACPI tables fill their field and have no NUL. */
static void put_name(uint8_t *p, const char *name, size_t size)
{
    memcpy(p, name, size);
}

static uint8_t checksum(const uint8_t *p, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return (uint8_t)(0 - sum);
}

/* Reserves size bytes, cleared, and returns them. */
static uint8_t *reserve(struct builder *b, uint32_t size, uint32_t alignment)
{
    b->at = (b->at + alignment - 1) & ~(alignment - 1);
    uint8_t *p = b->base + b->at;
    b->at += size;
    return p;
}

static uint32_t gpa_of(const struct builder *b, const uint8_t *p)
{
    return (uint32_t)(MEMMAP_ACPI_BASE + (p - b->base));
}

/* Completes a table whose body is written: header and checksum. Returns its guest physical address.
 */
static uint32_t seal(const struct builder *b, uint8_t *table, const char *signature, uint32_t size,
                     uint8_t revision)
{
    put_name(table, signature, SIGNATURE_SIZE);
    put(table + SDT_LENGTH, size, 4);
    table[SDT_REVISION] = revision;
    put_name(table + SDT_OEM_ID, oem_id, OEM_ID_SIZE);
    put_name(table + SDT_OEM_TABLE_ID, oem_table_id, OEM_TABLE_ID_SIZE);
    put(table + SDT_OEM_REVISION, 1, 4);
    put_name(table + SDT_CREATOR_ID, creator_id, SIGNATURE_SIZE);
    put(table + SDT_CREATOR_REVISION, 1, 4);
    table[SDT_CHECKSUM] = 0;
    table[SDT_CHECKSUM] = checksum(table, size);
    return gpa_of(b, table);
}

/* "Generic Address Structure" for a block of ports. */
static void put_gas(uint8_t *p, uint16_t port, unsigned bytes)
{
    p[0] = GAS_SYSTEM_IO;
    p[1] = (uint8_t)(bytes * 8);
    put(p + 4, port, 8);
}

static uint32_t build_facs(struct builder *b)
{
    uint8_t *t = reserve(b, FACS_SIZE, FACS_ALIGNMENT);

    put_name(t, "FACS", SIGNATURE_SIZE);
    put(t + FACS_LENGTH, FACS_SIZE, 4);
    t[FACS_VERSION] = FACS_VERSION_2;
    return gpa_of(b, t);
}

static uint32_t build_dsdt(struct builder *b)
{
    uint8_t *t = reserve(b, SDT_HEADER, TABLE_ALIGNMENT);
    uint32_t body = (uint32_t)acpi_dsdt_build(t + SDT_HEADER, MEMMAP_ACPI_SIZE - b->at);

    b->at += body;
    return seal(b, t, "DSDT", SDT_HEADER + body, DSDT_REVISION);
}

static uint32_t build_fadt(struct builder *b, uint32_t facs, uint32_t dsdt)
{
    uint8_t *t = reserve(b, FADT_SIZE, TABLE_ALIGNMENT);

    put(t + FADT_FIRMWARE_CTRL, facs, 4);
    put(t + FADT_DSDT, dsdt, 4);
    put(t + FADT_SCI_INT, MEMMAP_SCI_IRQ, 2);
    put(t + FADT_PM1A_EVT_BLK, MEMMAP_PM1A_EVT, 4);
    put(t + FADT_PM1A_CNT_BLK, MEMMAP_PM1A_CNT, 4);
    put(t + FADT_PM_TMR_BLK, MEMMAP_PM_TMR, 4);
    t[FADT_PM1_EVT_LEN] = PM1_EVT_BYTES;
    t[FADT_PM1_CNT_LEN] = PM1_CNT_BYTES;
    t[FADT_PM_TMR_LEN] = PM_TMR_BYTES;
    put(t + FADT_P_LVL2_LAT, LVL2_UNSUPPORTED, 2);
    put(t + FADT_P_LVL3_LAT, LVL3_UNSUPPORTED, 2);
    t[FADT_CENTURY] = MEMMAP_RTC_CENTURY;
    put(t + FADT_IAPC_BOOT_ARCH,
        BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_8042 | BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_MSI, 2);
    put(t + FADT_FLAGS,
        FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_FIXED_SLP_BUTTON | FLAG_NO_FIXED_RTC_WAKE |
            FLAG_TMR_VAL_EXT | FLAG_RESET_REG_SUP,
        4);
    put_gas(t + FADT_RESET_REG, MEMMAP_RESET_PORT, 1);
    t[FADT_RESET_VALUE] = MEMMAP_RESET_VALUE;
    put(t + FADT_X_DSDT, dsdt, 8);
    put_gas(t + FADT_X_PM1A_EVT_BLK, MEMMAP_PM1A_EVT, PM1_EVT_BYTES);
    put_gas(t + FADT_X_PM1A_CNT_BLK, MEMMAP_PM1A_CNT, PM1_CNT_BYTES);
    put_gas(t + FADT_X_PM_TMR_BLK, MEMMAP_PM_TMR, PM_TMR_BYTES);
    return seal(b, t, "FACP", FADT_SIZE, FADT_REVISION);
}

/* Type and length, which every MADT entry begins with. */
static uint8_t *madt_entry(struct builder *b, uint8_t type, uint8_t size)
{
    uint8_t *e = reserve(b, size, 1);

    e[0] = type;
    e[1] = size;
    return e;
}

static void madt_override(struct builder *b, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    uint8_t *e = madt_entry(b, MADT_OVERRIDE, MADT_OVERRIDE_SIZE);

    e[3] = irq; /* of bus 0, ISA */
    put(e + 4, gsi, 4);
    put(e + 8, flags, 2);
}

static uint32_t build_madt(struct builder *b, unsigned cpus)
{
    uint8_t *t = reserve(b, MADT_ENTRIES, TABLE_ALIGNMENT);

    put(t + MADT_LOCAL_APIC_ADDRESS, MEMMAP_LAPIC, 4);
    put(t + MADT_FLAGS, MADT_PCAT_COMPAT, 4);
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        uint8_t *e = madt_entry(b, MADT_LAPIC, MADT_LAPIC_SIZE);
        e[2] = (uint8_t)cpu; /* processor UID */
        e[3] = (uint8_t)cpu; /* APIC ID */
        put(e + 4, 1, 4);    /* enabled */
    }
    uint8_t *ioapic = madt_entry(b, MADT_IOAPIC, MADT_IOAPIC_SIZE);
    ioapic[2] = MEMMAP_IOAPIC_ID;
    put(ioapic + 4, MEMMAP_IOAPIC, 4);
    madt_override(b, 0, MEMMAP_PIT_GSI, MPS_CONFORMS);
    madt_override(b, MEMMAP_SCI_IRQ, MEMMAP_SCI_IRQ, MPS_HIGH_LEVEL);
    uint8_t *nmi = madt_entry(b, MADT_LAPIC_NMI, MADT_LAPIC_NMI_SIZE);
    nmi[2] = MADT_ALL_PROCESSORS;
    nmi[5] = LINT1;
    return seal(b, t, "APIC", (uint32_t)(b->base + b->at - t), MADT_REVISION);
}

/* RSDT and XSDT differ in the width of their entries only. */
static uint32_t build_root(struct builder *b, const char *signature, size_t width,
                           const uint32_t *tables)
{
    uint32_t size = (uint32_t)(SDT_HEADER + SDT_COUNT * width);
    uint8_t *t = reserve(b, size, TABLE_ALIGNMENT);

    for (unsigned i = 0; i < SDT_COUNT; i++) {
        put(t + SDT_HEADER + i * width, tables[i], width);
    }
    return seal(b, t, signature, size, 1);
}

void acpi_tables_build(uint8_t *out, unsigned cpus)
{
    struct builder b = {.base = out};

    if (cpus < 1) {
        cpus = 1;
    }
    if (cpus > MEMMAP_MAX_CPUS) {
        cpus = MEMMAP_MAX_CPUS;
    }
    memset(out, 0, MEMMAP_ACPI_SIZE);
    uint8_t *rsdp = reserve(&b, RSDP_SIZE, TABLE_ALIGNMENT);
    uint32_t facs = build_facs(&b);
    uint32_t dsdt = build_dsdt(&b);
    uint32_t tables[SDT_COUNT];
    tables[0] = build_fadt(&b, facs, dsdt);
    tables[1] = build_madt(&b, cpus);

    put_name(rsdp, "RSD PTR ", RSDP_CHECKSUM);
    put_name(rsdp + RSDP_OEM_ID, oem_id, OEM_ID_SIZE);
    rsdp[RSDP_REVISION] = 2;
    put(rsdp + RSDP_RSDT, build_root(&b, "RSDT", sizeof(uint32_t), tables), 4);
    put(rsdp + RSDP_LENGTH, RSDP_SIZE, 4);
    put(rsdp + RSDP_XSDT, build_root(&b, "XSDT", sizeof(uint64_t), tables), 8);
    rsdp[RSDP_CHECKSUM] = checksum(rsdp, RSDP_SIZE_V1);
    rsdp[RSDP_EXT_CHECKSUM] = checksum(rsdp, RSDP_SIZE);
}
