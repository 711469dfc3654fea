/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI host bridge: see pci_host.h for what is modelled. An access that is not naturally aligned
 * goes to the function byte by byte, as byte enables would select it, so that a function only ever
 * sees aligned ones.
 */
#include "vmm/devemu/pci_host.h"

#include <string.h>

/* "Configuration Mechanism #1", CONFIG_ADDRESS */
static const uint32_t address_enable = 0x80000000;
static const uint32_t address_bits = 0x80fffffc;

enum {
    ADDRESS_BUS_SHIFT = 16,
    ADDRESS_DEVFN_SHIFT = 8,
    ADDRESS_REGISTER = 0xfc,
    BYTE_MASK = 0xff,

    BRIDGE_DEVFN = 0,
    BRIDGE_COMMAND = 0x0006, /* bus master and memory: fixed on the 440FX */
    BRIDGE_STATUS = 0x0280,  /* medium DEVSEL, fast back-to-back */
    BRIDGE_REVISION = 0x02,
    CLASS_HOST_BRIDGE = 0x060000,

    BITS_PER_BYTE = 8,
    BITS_PER_WORD = 32,
    BYTES_PER_WORD = 4,
};

/* The type 0 header of the bridge; all that follows is zero. */
static const uint32_t bridge_header[] = {
    PCI_HOST_DEVICE << 16 | PCI_HOST_VENDOR,
    BRIDGE_STATUS << 16 | BRIDGE_COMMAND,
    CLASS_HOST_BRIDGE << 8 | BRIDGE_REVISION,
};

static uint32_t ones(unsigned size)
{
    return UINT32_MAX >> (BITS_PER_WORD - BITS_PER_BYTE * size);
}

static uint32_t bridge_read(void *ctx, unsigned reg, unsigned size)
{
    const unsigned word = reg / BYTES_PER_WORD;
    const uint32_t value =
        word < sizeof(bridge_header) / sizeof(bridge_header[0]) ? bridge_header[word] : 0;

    (void)ctx;
    return value >> (reg % BYTES_PER_WORD * BITS_PER_BYTE) & ones(size);
}

static void bridge_write(void *ctx, unsigned reg, unsigned size, uint32_t value)
{
    (void)ctx;
    (void)reg;
    (void)size;
    (void)value;
}

static const struct pci_function *find(const struct pci_host *host, unsigned devfn)
{
    for (unsigned i = 0; i < host->count; i++) {
        if (host->function[i].devfn == devfn) {
            return &host->function[i];
        }
    }
    return NULL;
}

/* The function that the address register selects, or NULL. */
static const struct pci_function *selected(const struct pci_host *host)
{
    const unsigned bus = host->address >> ADDRESS_BUS_SHIFT & BYTE_MASK;

    if (!(host->address & address_enable) || bus != 0) {
        return NULL;
    }
    return find(host, host->address >> ADDRESS_DEVFN_SHIFT & BYTE_MASK);
}

void pci_host_init(struct pci_host *host)
{
    memset(host, 0, sizeof(*host));
    (void)pci_host_add(host, BRIDGE_DEVFN, bridge_read, bridge_write, NULL);
}

bool pci_host_add(struct pci_host *host, uint8_t devfn, pci_host_read_fn *read,
                  pci_host_write_fn *write, void *ctx)
{
    if (host->count == PCI_HOST_FUNCTIONS || find(host, devfn)) {
        return false;
    }
    host->function[host->count++] =
        (struct pci_function){.devfn = devfn, .read = read, .write = write, .ctx = ctx};
    return true;
}

uint32_t pci_host_address_read(struct pci_host *host, unsigned offset, unsigned size, uint64_t now)
{
    (void)now;
    return offset == 0 && size == BYTES_PER_WORD ? host->address : ones(size);
}

void pci_host_address_write(struct pci_host *host, unsigned offset, unsigned size, uint32_t value,
                            uint64_t now)
{
    (void)now;
    if (offset == 0 && size == BYTES_PER_WORD) {
        host->address = value & address_bits;
    }
}

/* Whether an access is one that a function takes whole. */
static bool is_aligned(unsigned offset, unsigned size)
{
    return offset % size == 0 && offset + size <= PCI_HOST_DATA_PORTS;
}

uint32_t pci_host_data_read(struct pci_host *host, unsigned offset, unsigned size, uint64_t now)
{
    const struct pci_function *f = selected(host);
    const unsigned reg = host->address & ADDRESS_REGISTER;

    (void)now;
    if (!f) {
        return ones(size);
    }
    if (is_aligned(offset, size)) {
        return f->read(f->ctx, reg + offset, size) & ones(size);
    }
    uint32_t value = ones(size);

    for (unsigned i = 0; i < size && offset + i < PCI_HOST_DATA_PORTS; i++) {
        const uint32_t byte = f->read(f->ctx, reg + offset + i, 1) & BYTE_MASK;

        value &= ~((uint32_t)BYTE_MASK << (BITS_PER_BYTE * i));
        value |= byte << (BITS_PER_BYTE * i);
    }
    return value;
}

void pci_host_data_write(struct pci_host *host, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now)
{
    const struct pci_function *f = selected(host);
    const unsigned reg = host->address & ADDRESS_REGISTER;

    (void)now;
    if (!f) {
        return;
    }
    if (is_aligned(offset, size)) {
        f->write(f->ctx, reg + offset, size, value & ones(size));
        return;
    }
    for (unsigned i = 0; i < size && offset + i < PCI_HOST_DATA_PORTS; i++) {
        f->write(f->ctx, reg + offset + i, 1, value >> (BITS_PER_BYTE * i) & BYTE_MASK);
    }
}
