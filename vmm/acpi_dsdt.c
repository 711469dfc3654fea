/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small AML builder and the one definition block made with it. Blocks whose length precedes them
 * (scopes, devices, packages, buffers) are opened with room for a two-byte PkgLength, filled, and
 * closed by writing that length. Opcodes and encodings are named as in "AML Grammar Definition" and
 * "Resource Data Types for ACPI".
 */
#include "vmm/acpi_dsdt.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/memmap.h"

/* AML opcodes */
enum {
    AML_ZERO = 0x00,
    AML_NAME = 0x08,
    AML_BYTE = 0x0A,
    AML_DWORD = 0x0C,
    AML_SCOPE = 0x10,
    AML_BUFFER = 0x11,
    AML_PACKAGE = 0x12,
    AML_EXT = 0x5B,
    AML_DEVICE = 0x82
};

/* resource descriptors */
enum {
    RES_IRQ_NO_FLAGS = 0x22,
    RES_IO = 0x47,
    RES_IO_DECODE_16 = 1,
    RES_END = 0x79,
    RES_DWORD_SPACE = 0x87,
    RES_WORD_SPACE = 0x88,
    RES_WORD_SPACE_LENGTH = 13,
    RES_DWORD_SPACE_LENGTH = 23,
    RES_TYPE_MEMORY = 0,
    RES_TYPE_IO = 1,
    RES_TYPE_BUS = 2,
    RES_MIN_MAX_FIXED = 0x0C, /* and decoded positively, by a bridge: a producer */
    RES_MEMORY_READ_WRITE = 1,
    RES_IO_ENTIRE_RANGE = 3
};

enum {
    PCI_WINDOW_START = MEMMAP_LOW_RAM_END >> 12, /* page numbers: they fit an int */
    PCI_WINDOW_END = MEMMAP_IOAPIC >> 12,
    ISA_IO_END = MEMMAP_PCI_CONFIG,
    PCI_IO_START = 0xD00,
    PCI_CONFIG_PORTS = 8,
    UART_PORTS = 8,
    RTC_PORTS = 2
};

struct aml {
    uint8_t *out;
    size_t at, size;
    bool full; /* something did not fit; the result is void */
};

static void put(struct aml *a, uint64_t value, size_t bytes)
{
    if (a->size - a->at < bytes) {
        a->full = true;
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        a->out[a->at++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_name(struct aml *a, const char *name)
{
    for (; *name; name++) {
        put(a, (uint8_t)*name, 1);
    }
}

/* Starts a block of variable length; the result goes to close_block. */
static size_t open_block(struct aml *a, uint8_t opcode)
{
    put(a, opcode, 1);
    size_t start = a->at;
    put(a, 0, 2);
    return start;
}

/* "Package Length Encoding": two bytes, the first with the low four bits; the length counts itself.
 */
static void close_block(struct aml *a, size_t start)
{
    size_t length = a->at - start;

    if (!a->full) {
        a->out[start] = (uint8_t)(0x40 | (length & 0xF));
        a->out[start + 1] = (uint8_t)(length >> 4);
    }
}

static size_t open_scope(struct aml *a, const char *name)
{
    size_t block = open_block(a, AML_SCOPE);
    put_name(a, name);
    return block;
}

static size_t open_device(struct aml *a, const char *name)
{
    put(a, AML_EXT, 1);
    size_t block = open_block(a, AML_DEVICE);
    put_name(a, name);
    return block;
}

static void name_byte(struct aml *a, const char *name, uint8_t value)
{
    put(a, AML_NAME, 1);
    put_name(a, name);
    put(a, AML_BYTE, 1);
    put(a, value, 1);
}

/* _HID with a compressed EISA ID: three letters of five bits, four hexadecimal digits, big-endian.
 */
static void name_hid(struct aml *a, const char *vendor, uint16_t product)
{
    unsigned letters = (unsigned)(vendor[0] - '@') << 10 | (unsigned)(vendor[1] - '@') << 5 |
                       (unsigned)(vendor[2] - '@');

    put(a, AML_NAME, 1);
    put_name(a, "_HID");
    put(a, AML_DWORD, 1);
    put(a, letters >> 8, 1);
    put(a, letters & 0xFF, 1);
    put(a, product >> 8, 1);
    put(a, product & 0xFF, 1);
}

struct resources {
    size_t block, size_at;
};

/* _CRS: a buffer, whose size is written when it is known. */
static struct resources open_resources(struct aml *a)
{
    struct resources r;

    put(a, AML_NAME, 1);
    put_name(a, "_CRS");
    r.block = open_block(a, AML_BUFFER);
    put(a, AML_BYTE, 1);
    r.size_at = a->at;
    put(a, 0, 1);
    return r;
}

static void close_resources(struct aml *a, struct resources r)
{
    put(a, RES_END, 1);
    put(a, 0, 1); /* checksum 0: not to be checked */
    if (!a->full) {
        a->out[r.size_at] = (uint8_t)(a->at - r.size_at - 1);
    }
    close_block(a, r.block);
}

static void resource_io(struct aml *a, uint16_t port, uint8_t count)
{
    put(a, RES_IO, 1);
    put(a, RES_IO_DECODE_16, 1);
    put(a, port, 2);
    put(a, port, 2);
    put(a, 1, 1);
    put(a, count, 1);
}

static void resource_irq(struct aml *a, unsigned irq)
{
    put(a, RES_IRQ_NO_FLAGS, 1);
    put(a, 1u << irq, 2);
}

/* "Address Space Resource Descriptors", word and doubleword form: granularity, first, last,
 * translation, length. */
static void resource_space(struct aml *a, uint8_t type, uint8_t type_flags, uint64_t first,
                           uint64_t last)
{
    bool wide = type == RES_TYPE_MEMORY;
    size_t field = wide ? 4 : 2;

    put(a, wide ? RES_DWORD_SPACE : RES_WORD_SPACE, 1);
    put(a, wide ? RES_DWORD_SPACE_LENGTH : RES_WORD_SPACE_LENGTH, 2);
    put(a, type, 1);
    put(a, RES_MIN_MAX_FIXED, 1);
    put(a, type_flags, 1);
    put(a, 0, field);
    put(a, first, field);
    put(a, last, field);
    put(a, 0, field);
    put(a, last - first + 1, field);
}

/* Name (\_S5, Package () {type a, type b, 0, 0}) */
static void build_s5(struct aml *a)
{
    put(a, AML_NAME, 1);
    put_name(a, "\\_S5_");
    size_t block = open_block(a, AML_PACKAGE);
    put(a, 4, 1);
    put(a, AML_BYTE, 1);
    put(a, MEMMAP_SLP_TYP_S5, 1);
    put(a, AML_BYTE, 1);
    put(a, MEMMAP_SLP_TYP_S5, 1);
    put(a, AML_ZERO, 1);
    put(a, AML_ZERO, 1);
    close_block(a, block);
}

/* One bus without interrupts of its own: an empty routing table. */
static void build_pci(struct aml *a)
{
    size_t device = open_device(a, "PCI0");

    name_hid(a, "PNP", 0x0A03);
    name_byte(a, "_UID", 0);
    name_byte(a, "_BBN", 0);
    put(a, AML_NAME, 1);
    put_name(a, "_PRT");
    size_t prt = open_block(a, AML_PACKAGE);
    put(a, 0, 1);
    close_block(a, prt);
    struct resources r = open_resources(a);
    resource_space(a, RES_TYPE_BUS, 0, 0, 0);
    resource_io(a, MEMMAP_PCI_CONFIG, PCI_CONFIG_PORTS);
    resource_space(a, RES_TYPE_IO, RES_IO_ENTIRE_RANGE, 0, ISA_IO_END - 1);
    resource_space(a, RES_TYPE_IO, RES_IO_ENTIRE_RANGE, PCI_IO_START, UINT16_MAX);
    resource_space(a, RES_TYPE_MEMORY, RES_MEMORY_READ_WRITE, (uint64_t)PCI_WINDOW_START << 12,
                   ((uint64_t)PCI_WINDOW_END << 12) - 1);
    close_resources(a, r);
    close_block(a, device);
}

static void build_com1(struct aml *a)
{
    size_t device = open_device(a, "COM1");
    name_hid(a, "PNP", 0x0501);
    name_byte(a, "_UID", 1);
    struct resources r = open_resources(a);
    resource_io(a, MEMMAP_COM1, UART_PORTS);
    resource_irq(a, MEMMAP_COM1_IRQ);
    close_resources(a, r);
    close_block(a, device);
}

static void build_rtc(struct aml *a)
{
    size_t device = open_device(a, "RTC_");
    name_hid(a, "PNP", 0x0B00);
    struct resources r = open_resources(a);
    resource_io(a, MEMMAP_RTC, RTC_PORTS);
    resource_irq(a, MEMMAP_RTC_IRQ);
    close_resources(a, r);
    close_block(a, device);
}

static void build_keyboard(struct aml *a)
{
    size_t device = open_device(a, "KBD_");
    name_hid(a, "PNP", 0x0303);
    struct resources r = open_resources(a);
    resource_io(a, MEMMAP_8042_DATA, 1);
    resource_io(a, MEMMAP_8042_COMMAND, 1);
    resource_irq(a, MEMMAP_8042_IRQ);
    close_resources(a, r);
    close_block(a, device);
}

size_t acpi_dsdt_build(uint8_t *out, size_t size)
{
    struct aml a = {.out = out, .size = size};

    build_s5(&a);
    size_t scope = open_scope(&a, "\\_SB_");
    build_pci(&a);
    build_com1(&a);
    build_rtc(&a);
    build_keyboard(&a);
    close_block(&a, scope);
    return a.full ? 0 : a.at;
}
