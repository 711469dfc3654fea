/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space by mechanism 1 (ports CF8h and CFCh) with one host bridge at 00:00.0.
 *
 * Models: the address register, accesses of every size and alignment to the data register, bus 0
 * with up to PCI_HOST_FUNCTIONS functions that are registered by address, an Intel 440FX as the
 * bridge's identity. Does not model: other buses, mechanism 2, ECAM, the 440FX's memory and shadow
 * registers (they read as zero). Specification: PCI Local Bus 3.0, "Configuration Mechanism #1";
 * Intel 82441FX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PCI_HOST_ADDRESS_PORT =
        0xcf8, /* decodes 4-byte accesses at CF8h only; CF9h is the reset register's */
    PCI_HOST_DATA_PORT = 0xcfc,
    PCI_HOST_DATA_PORTS = 4,
    PCI_HOST_FUNCTIONS = 16,
    PCI_HOST_VENDOR = 0x8086,
    PCI_HOST_DEVICE = 0x1237,
};

/*
 * Configuration registers of a function: reg is 0-255, size 1, 2 or 4 and reg a multiple of it.
 * Values are as wide as size says; what read returns above that is ignored.
 */
typedef uint32_t pci_host_read_fn(void *ctx, unsigned reg, unsigned size);
typedef void pci_host_write_fn(void *ctx, unsigned reg, unsigned size, uint32_t value);

struct pci_function {
    uint8_t devfn; /* device << 3 | function */
    pci_host_read_fn *read;
    pci_host_write_fn *write;
    void *ctx;
};

struct pci_host {
    uint32_t address;
    unsigned count;
    struct pci_function function[PCI_HOST_FUNCTIONS];
};

/* A bus with the host bridge on it. The structure refers to nothing but what is added to it. */
void pci_host_init(struct pci_host *host);

/*
 * Puts a function onto bus 0. The pointers are kept and must stay valid as long as host. False if
 * the address is taken or PCI_HOST_FUNCTIONS are there already.
 */
bool pci_host_add(struct pci_host *host, uint8_t devfn, pci_host_read_fn *read,
                  pci_host_write_fn *write, void *ctx);

/* Port CF8h: offset 0, size 4. Other sizes are not decoded: all ones, ignored. now (TSC) is not
 * used in this device. */
uint32_t pci_host_address_read(struct pci_host *host, unsigned offset, unsigned size, uint64_t now);
void pci_host_address_write(struct pci_host *host, unsigned offset, unsigned size, uint32_t value,
                            uint64_t now);

/* Ports CFCh-CFFh: offset 0-3, any size; absent functions and bytes beyond CFFh read all ones and
 * are ignored. */
uint32_t pci_host_data_read(struct pci_host *host, unsigned offset, unsigned size, uint64_t now);
void pci_host_data_write(struct pci_host *host, unsigned offset, unsigned size, uint32_t value,
                         uint64_t now);
