/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's physical memory map: every address that the board, the loaders and the ACPI tables
 * must agree on, and the e820 map that follows from it. One place, so that what the tables say is
 * where the devices are.
 *
 *   0000_0000    RAM       1000: boot GDT, 2000: boot page tables,
 *                          1_0000: boot information, 2_0000: command line
 *   0009_FC00    reserved  extended BIOS data area of a PC, unused
 *   000A_0000    hole      video memory of a PC
 *   000E_0000    reserved  ACPI tables, RSDP first; backed by RAM, writable (the FACS)
 *   0010_0000    RAM       up to 3 GiB
 *   C000_0000    hole      PCI, IOAPIC at FEC0_0000, local APIC at FEE0_0000
 *   1_0000_0000  RAM       the rest
 */
#pragma once

#include <stdint.h>

enum {
    MEMMAP_LOW_STRUCT_BASE = 0x1000, /* GDT page of the Linux loader */
    MEMMAP_PAGE_TABLES = 0x2000,     /* six pages: PML4, PDPT, four page directories */
    MEMMAP_BOOT_INFO = 0x10000,      /* Linux boot_params or Multiboot information */
    MEMMAP_CMDLINE = 0x20000, /* Linux command line, at most MEMMAP_CMDLINE_SIZE with its NUL */
    MEMMAP_CMDLINE_SIZE = 0x10000,    /* bytes */
    MEMMAP_BASE_MEMORY_END = 0x9FC00, /* end of usable RAM below 1 MiB */
    MEMMAP_VIDEO_BASE = 0xA0000,      /* start of the hole below the ACPI tables */
    MEMMAP_ACPI_BASE = 0xE0000,       /* the RSDP, where an OS searches first */
    MEMMAP_ACPI_SIZE = 0x10000,       /* bytes kept for ACPI tables */
    MEMMAP_HIGH_MEMORY = 0x100000,    /* RAM goes on here, 1 MiB */
    MEMMAP_PM1A_EVT = 0x600,          /* ACPI PM1a event block: status and enable, 4 ports */
    MEMMAP_PM1A_CNT = 0x604,          /* ACPI PM1a control block, 2 ports */
    MEMMAP_PM_TMR = 0x608,            /* ACPI PM timer, 4 ports */
    MEMMAP_SCI_IRQ = 9,               /* level, active high */
    MEMMAP_SLP_TYP_S5 = 5,            /* SLP_TYP in PM1a control that means "off" */
    MEMMAP_RESET_PORT = 0xCF9,        /* reset control register */
    MEMMAP_RESET_VALUE = 6,           /* full reset */
    MEMMAP_PCI_CONFIG = 0xCF8,        /* PCI configuration mechanism #1, 8 ports */
    MEMMAP_COM1 = 0x3F8,              /* 16550A, 8 ports */
    MEMMAP_COM1_IRQ = 4,
    MEMMAP_RTC = 0x70, /* MC146818, 2 ports */
    MEMMAP_RTC_IRQ = 8,
    MEMMAP_RTC_CENTURY = 0x32, /* register of the RTC */
    MEMMAP_8042_DATA = 0x60,
    MEMMAP_8042_COMMAND = 0x64,
    MEMMAP_8042_IRQ = 1,
    MEMMAP_PIT_GSI = 2, /* ISA IRQ 0 arrives here at the IOAPIC */
    MEMMAP_DEBUG_EXIT = 0xF4,
    MEMMAP_IOAPIC_ID = 0,
    MEMMAP_MAX_CPUS = 64, /* local APIC IDs are 0 .. number - 1 */
    MEMMAP_E820_MAX = 8   /* entries that memmap_e820 can need */
};

#define MEMMAP_LOW_RAM_END 0xC0000000ULL  /* low RAM never reaches beyond; the PCI hole starts */
#define MEMMAP_HIGH_RAM    0x100000000ULL /* RAM that the hole displaced continues at 4 GiB */
#define MEMMAP_IOAPIC      0xFEC00000ULL  /* one page */
#define MEMMAP_LAPIC       0xFEE00000ULL  /* one page */

/* The RAM of one VM as its VMM sees it. Host pointers, owned by the caller. high is NULL and
 * high_size 0 for 3 GiB or less. */
struct guest_ram {
    uint8_t *low;       /* guest physical 0 */
    uint64_t low_size;  /* bytes, at most MEMMAP_LOW_RAM_END */
    uint8_t *high;      /* guest physical MEMMAP_HIGH_RAM */
    uint64_t high_size; /* bytes */
};

/* Address range types of "Query System Address Map" (ACPI specification, INT 15h E820h). */
enum memmap_type { MEMMAP_TYPE_RAM = 1, MEMMAP_TYPE_RESERVED = 2 };

struct memmap_entry {
    uint64_t base; /* guest physical */
    uint64_t size; /* bytes */
    enum memmap_type type;
};

/* How much of `total` bytes of RAM lies below the PCI hole; the rest goes to MEMMAP_HIGH_RAM. */
uint64_t memmap_low_size(uint64_t total);

/* Writes the address map, ascending and without overlap, into out[MEMMAP_E820_MAX]; returns the
 * number of entries. */
unsigned memmap_e820(const struct guest_ram *ram, struct memmap_entry *out);

/*
 * Host pointer to guest physical gpa if all of size bytes there are RAM that a guest may use (no
 * hole, no ACPI tables, wholly in low RAM); NULL otherwise. size 0 at a valid address is accepted.
 */
uint8_t *memmap_low_ram(const struct guest_ram *ram, uint64_t gpa, uint64_t size);
