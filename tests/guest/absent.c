/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where nothing is: ports and addresses that no device claims read all ones, at every size, and
 * take writes without any effect. Manual: 82371FB (PIIX) and PC practice; a PCI bus cycle that
 * nobody answers ends in a master abort, reads all ones.
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"

enum { PCI_ADDRESS = 0xCF8, PCI_DATA = 0xCFC, PATTERN = 0x5A };

#define PCI_ENABLE     0x80000000U
#define PCI_NO_DEVICE  (PCI_ENABLE | 30U << 11) /* bus 0, device 30 */
#define PCI_HOST       PCI_ENABLE
#define PCI_EMPTY_SLOT UINT32_MAX

/* Ports of devices that this PC does not have: the prototype card's, and ranges that only PCI
 * devices would get. */
static const uint16_t ports[] = {0x300, 0x310, 0x31C, 0x5000, 0xE000, 0xF000, 0xFFF8};

/* Addresses between RAM and the interrupt controllers. */
static const uint64_t addresses[] = {0xD0000000, 0xDFFFFFF8, 0xE8001000, 0xFEB00000, 0xFEC80000};

static void ports_read_all_ones(void)
{
    for (unsigned i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        uint16_t port = ports[i];

        expect(HERE, inb(port) == UINT8_MAX, "byte at 0x%x is 0x%x", port, inb(port));
        expect(HERE, inw(port) == UINT16_MAX, "word at 0x%x is 0x%x", port, inw(port));
        expect(HERE, inl(port) == UINT32_MAX, "dword at 0x%x is 0x%x", port, inl(port));
    }
}

static void ports_ignore_writes(void)
{
    for (unsigned i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        outb(ports[i], PATTERN);
        outw(ports[i], PATTERN);
        outl(ports[i], PATTERN);
        expect(HERE, inl(ports[i]) == UINT32_MAX, "port 0x%x has kept it", ports[i]);
    }
}

static void addresses_read_all_ones(void)
{
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        uint64_t at = addresses[i];

        expect(HERE, *(volatile uint8_t *)at == UINT8_MAX, "byte at 0x%lx", at);
        expect(HERE, *(volatile uint16_t *)at == UINT16_MAX, "word at 0x%lx", at);
        expect(HERE, *(volatile uint32_t *)at == UINT32_MAX, "dword at 0x%lx", at);
        expect(HERE, *(volatile uint64_t *)at == UINT64_MAX, "qword at 0x%lx", at);
    }
}

static void addresses_ignore_writes(void)
{
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        *(volatile uint8_t *)addresses[i] = PATTERN;
        *(volatile uint64_t *)addresses[i] = PATTERN;
        expect(HERE, *(volatile uint64_t *)addresses[i] == UINT64_MAX, "0x%lx has kept it",
               addresses[i]);
    }
}

static void pci_slot_without_a_device_reads_all_ones(void)
{
    outl(PCI_ADDRESS, PCI_NO_DEVICE);
    expect_equal(HERE, "the address register", inl(PCI_ADDRESS), PCI_NO_DEVICE);
    expect_equal(HERE, "vendor and device", inl(PCI_DATA), PCI_EMPTY_SLOT);
    outl(PCI_ADDRESS, 0);
}

static void pci_has_a_host_bridge(void)
{
    enum { CLASS = 0x08, HOST_BRIDGE = 0x0600 };

    outl(PCI_ADDRESS, PCI_HOST);
    expect(HERE, inl(PCI_DATA) != PCI_EMPTY_SLOT, "nothing at 00:00.0");
    outl(PCI_ADDRESS, PCI_HOST | CLASS);
    expect_equal(HERE, "its class", inl(PCI_DATA) >> 16, HOST_BRIDGE);
    outl(PCI_ADDRESS, 0);
}

static void pci_data_without_enable_reads_all_ones(void)
{
    outl(PCI_ADDRESS, 0);
    expect_equal(HERE, "the data register", inl(PCI_DATA), UINT32_MAX);
}

static const struct claim claims[] = {
    CLAIM(ports_read_all_ones),
    CLAIM(ports_ignore_writes),
    CLAIM(addresses_read_all_ones),
    CLAIM(addresses_ignore_writes),
    CLAIM(pci_slot_without_a_device_reads_all_ones),
    CLAIM(pci_has_a_host_bridge),
    CLAIM(pci_data_without_enable_reads_all_ones),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
