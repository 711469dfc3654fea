/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plan for PCI configuration: the address register, the bridge's identity, absent functions,
 * registration with its refusals, and every size and alignment at the data port, so that functions
 * see aligned accesses only.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/devemu/pci_host.h"

enum { DEVFN = 3 << 3 };

static const uint32_t enable = 0x80000000;

static struct {
    struct pci_host host;
    uint8_t config[256];
    unsigned accesses;
} f;

static uint32_t function_read(void *ctx, unsigned reg, unsigned size)
{
    uint32_t value = 0;

    assert_int_equal(reg % size, 0);
    f.accesses++;
    memcpy(&value, (uint8_t *)ctx + reg, size);
    return value | (size < 4 ? 0xabcd0000 : 0); /* what is above size does not count */
}

static void function_write(void *ctx, unsigned reg, unsigned size, uint32_t value)
{
    assert_int_equal(reg % size, 0);
    assert_true(size == 4 || value >> (8 * size) == 0);
    f.accesses++;
    memcpy((uint8_t *)ctx + reg, &value, size);
}

static int start(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    pci_host_init(&f.host);
    assert_true(pci_host_add(&f.host, DEVFN, function_read, function_write, f.config));
    return 0;
}

static void select_register(unsigned bus, unsigned devfn, unsigned reg)
{
    pci_host_address_write(&f.host, 0, 4, enable | bus << 16 | devfn << 8 | reg, 0);
}

static uint32_t in(unsigned offset, unsigned size)
{
    return pci_host_data_read(&f.host, offset, size, 0);
}

static void out(unsigned offset, unsigned size, uint32_t value)
{
    pci_host_data_write(&f.host, offset, size, value, 0);
}

static void address_register_keeps_its_bits(void **state)
{
    (void)state;
    assert_int_equal(pci_host_address_read(&f.host, 0, 4, 0), 0);
    pci_host_address_write(&f.host, 0, 4, UINT32_MAX, 0);
    assert_true(pci_host_address_read(&f.host, 0, 4, 0) == 0x80fffffc);
}

static void address_register_is_32_bits_only(void **state)
{
    (void)state;
    pci_host_address_write(&f.host, 0, 4, enable, 0);
    pci_host_address_write(&f.host, 0, 1, 0x44, 0);
    pci_host_address_write(&f.host, 0, 2, 0x4444, 0);
    assert_true(pci_host_address_read(&f.host, 0, 4, 0) == enable);
    assert_int_equal(pci_host_address_read(&f.host, 0, 1, 0), 0xff);
    assert_int_equal(pci_host_address_read(&f.host, 0, 2, 0), 0xffff);
}

static void host_bridge_is_at_0_0_0(void **state)
{
    (void)state;
    select_register(0, 0, 0x00);
    assert_true(in(0, 4) == (PCI_HOST_DEVICE << 16 | PCI_HOST_VENDOR));
    assert_int_equal(in(0, 2), PCI_HOST_VENDOR);
    assert_int_equal(in(2, 2), PCI_HOST_DEVICE);
    select_register(0, 0, 0x08);
    assert_true(in(0, 4) == 0x06000002);
    assert_int_equal(in(3, 1), 0x06);
    select_register(0, 0, 0x0c);
    assert_int_equal(in(2, 1), 0x00); /* plain header, one function */
    select_register(0, 0, 0xfc);
    assert_int_equal(in(0, 4), 0);
}

static void host_bridge_cannot_be_changed(void **state)
{
    (void)state;
    select_register(0, 0, 0x10);
    out(0, 4, UINT32_MAX);
    assert_int_equal(in(0, 4), 0);
}

static void absent_functions_read_all_ones(void **state)
{
    (void)state;
    select_register(0, 1, 0);
    assert_true(in(0, 4) == UINT32_MAX);
    assert_int_equal(in(0, 2), 0xffff);
    assert_int_equal(in(3, 1), 0xff);
    select_register(1, 0, 0);
    assert_true(in(0, 4) == UINT32_MAX);
    select_register(1, DEVFN, 0);
    out(0, 4, 0x12345678);
    assert_int_equal(f.accesses, 0);
}

static void nothing_answers_without_the_enable_bit(void **state)
{
    (void)state;
    pci_host_address_write(&f.host, 0, 4, DEVFN << 8, 0);
    assert_true(in(0, 4) == UINT32_MAX);
    out(0, 4, 0);
    assert_int_equal(f.accesses, 0);
}

static void aligned_accesses_go_through_whole(void **state)
{
    (void)state;
    select_register(0, DEVFN, 0x40);
    out(0, 4, 0x44332211);
    out(2, 2, 0x6655);
    out(3, 1, 0x77);
    assert_int_equal(f.accesses, 3);
    assert_int_equal(in(0, 4), 0x77552211);
    assert_int_equal(in(2, 2), 0x7755);
    assert_int_equal(in(1, 1), 0x22);
    assert_int_equal(f.accesses, 6);
    assert_int_equal(f.config[0x43], 0x77);
}

static void unaligned_accesses_are_bytes(void **state)
{
    (void)state;
    select_register(0, DEVFN, 0x40);
    out(0, 4, 0x44332211);
    assert_int_equal(in(1, 2), 0x3322);
    out(1, 2, 0xbbaa);
    assert_int_equal(in(0, 4), 0x44bbaa11);
}

static void bytes_beyond_the_data_port_are_unclaimed(void **state)
{
    (void)state;
    select_register(0, DEVFN, 0x40);
    out(0, 4, 0x44332211);
    assert_true(in(2, 4) == 0xffff4433);
    assert_int_equal(in(3, 2), 0xff44);
    out(3, 4, 0x01020355);
    assert_int_equal(in(0, 4), 0x55332211);
    assert_int_equal(f.config[0x44], 0);
}

static void taken_address_is_refused(void **state)
{
    (void)state;
    assert_false(pci_host_add(&f.host, DEVFN, function_read, function_write, NULL));
    assert_false(pci_host_add(&f.host, 0, function_read, function_write, NULL));
    select_register(0, DEVFN, 0);
    assert_int_equal(in(0, 4), 0);
}

static void full_bus_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 2; i < PCI_HOST_FUNCTIONS; i++) {
        assert_true(
            pci_host_add(&f.host, (uint8_t)(0x80 + i), function_read, function_write, f.config));
    }
    assert_false(pci_host_add(&f.host, 0xff, function_read, function_write, f.config));
    select_register(0, 0xff, 0);
    assert_true(in(0, 4) == UINT32_MAX);
    select_register(0, 0x80 + PCI_HOST_FUNCTIONS - 1, 0);
    assert_int_equal(in(0, 4), 0);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(address_register_keeps_its_bits),
        cmocka_unit_test(address_register_is_32_bits_only),
        cmocka_unit_test(host_bridge_is_at_0_0_0),
        cmocka_unit_test(host_bridge_cannot_be_changed),
        cmocka_unit_test(absent_functions_read_all_ones),
        cmocka_unit_test(nothing_answers_without_the_enable_bit),
        cmocka_unit_test(aligned_accesses_go_through_whole),
        cmocka_unit_test(unaligned_accesses_are_bytes),
        cmocka_unit_test(bytes_beyond_the_data_port_are_unclaimed),
        cmocka_unit_test(taken_address_is_refused),
        cmocka_unit_test(full_bus_is_refused),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].setup_func = start;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
