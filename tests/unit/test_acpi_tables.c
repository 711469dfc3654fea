/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables as an operating system finds them: from the RSDP through RSDT or XSDT to every
 * table, checksums, the addresses of the board, and a walk over the DSDT's AML that must come out
 * even.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/acpi_dsdt.h"
#include "vmm/acpi_tables.h"
#include "vmm/memmap.h"

static uint8_t area[MEMMAP_ACPI_SIZE];

static uint64_t get(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return value;
}

static uint8_t sum(const uint8_t *p, size_t size)
{
    uint8_t total = 0;
    for (size_t i = 0; i < size; i++) {
        total = (uint8_t)(total + p[i]);
    }
    return total;
}

static const uint8_t *at(uint64_t gpa)
{
    assert_in_range(gpa, MEMMAP_ACPI_BASE, MEMMAP_ACPI_BASE + MEMMAP_ACPI_SIZE - 64);
    return area + (gpa - MEMMAP_ACPI_BASE);
}

static const uint8_t *sdt(uint64_t gpa, const char *signature)
{
    const uint8_t *t = at(gpa);
    assert_memory_equal(t, signature, 4);
    assert_true(get(t + 4, 4) >= 36);
    assert_int_equal(sum(t, get(t + 4, 4)), 0);
    return t;
}

static const uint8_t *find(const char *signature)
{
    const uint8_t *xsdt = sdt(get(area + 24, 8), "XSDT");
    for (size_t offset = 36; offset < get(xsdt + 4, 4); offset += 8) {
        uint64_t gpa = get(xsdt + offset, 8);
        if (memcmp(at(gpa), signature, 4) == 0) {
            return sdt(gpa, signature);
        }
    }
    fail_msg("no table %s", signature);
    return NULL;
}

static int build(void **context)
{
    (void)context;
    memset(area, 0xEE, sizeof area);
    acpi_tables_build(area, 2);
    return 0;
}

static void rsdp_leads_to_the_same_tables_by_both_roots(void **context)
{
    (void)context;
    assert_memory_equal(area, "RSD PTR ", 8);
    assert_int_equal(area[15], 2);
    assert_int_equal(sum(area, 20), 0);
    assert_int_equal(sum(area, 36), 0);
    assert_int_equal(get(area + 20, 4), 36);
    const uint8_t *rsdt = sdt(get(area + 16, 4), "RSDT");
    const uint8_t *xsdt = sdt(get(area + 24, 8), "XSDT");
    assert_int_equal(get(rsdt + 4, 4), 36 + 2 * 4);
    assert_int_equal(get(xsdt + 4, 4), 36 + 2 * 8);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(get(rsdt + 36 + 4 * i, 4), get(xsdt + 36 + 8 * i, 8));
    }
}

static void fadt_names_the_registers_of_the_board(void **context)
{
    (void)context;
    const uint8_t *t = find("FACP");
    assert_int_equal(t[8], 3);
    assert_int_equal(get(t + 4, 4), 244);
    assert_int_equal(get(t + 46, 2), 9);
    assert_int_equal(get(t + 48, 4), 0); /* SMI_CMD: none, ACPI mode is on */
    assert_int_equal(get(t + 56, 4), 0x600);
    assert_int_equal(get(t + 64, 4), 0x604);
    assert_int_equal(get(t + 76, 4), 0x608);
    assert_int_equal(t[108], 0x32);
    assert_int_equal(get(t + 112, 4) & (1 << 4 | 1 << 8),
                     1 << 8);                 /* fixed power button, 32-bit timer */
    assert_int_equal(get(t + 109, 2) & 3, 3); /* legacy devices and 8042 are there */
    assert_true(get(t + 112, 4) & 1 << 10);   /* the reset register is supported */
    assert_int_equal(get(t + 116, 4), 0x0801);
    assert_int_equal(get(t + 120, 8), 0xCF9);
    assert_int_equal(t[128], 6);
    assert_int_equal(get(t + 152, 8), 0x600);
    assert_int_equal(get(t + 176, 8), 0x604);
    assert_int_equal(get(t + 212, 8), 0x608);
    assert_int_equal(get(t + 40, 4), get(t + 140, 8));
    sdt(get(t + 40, 4), "DSDT");
}

static void facs_is_aligned_to_64_bytes(void **context)
{
    (void)context;
    uint64_t gpa = get(find("FACP") + 36, 4);
    assert_int_equal(gpa % 64, 0);
    assert_memory_equal(at(gpa), "FACS", 4);
    assert_int_equal(get(at(gpa) + 4, 4), 64);
}

struct madt_counts {
    unsigned lapics, ioapics, overrides, nmis;
};

static struct madt_counts walk_madt(const uint8_t *t)
{
    struct madt_counts n = {0};
    size_t offset = 44, length = get(t + 4, 4);

    while (offset < length) {
        const uint8_t *e = t + offset;
        if (e[0] == 0) {
            assert_int_equal(e[3], n.lapics);
            assert_int_equal(get(e + 4, 4), 1);
            n.lapics++;
        } else if (e[0] == 1) {
            assert_int_equal(get(e + 4, 4), 0xFEC00000);
            assert_int_equal(get(e + 8, 4), 0);
            n.ioapics++;
        } else if (e[0] == 2) {
            assert_int_equal(get(e + 4, 4), e[3] == 0 ? 2 : 9);
            assert_int_equal(get(e + 8, 2), e[3] == 0 ? 0 : 0xD);
            n.overrides++;
        } else {
            assert_int_equal(e[0], 4);
            assert_int_equal(e[5], 1);
            n.nmis++;
        }
        assert_true(e[1] >= 6);
        offset += e[1];
    }
    assert_int_equal(offset, length);
    return n;
}

static void madt_lists_every_cpu_and_the_ioapic(void **context)
{
    (void)context;
    const uint8_t *t = find("APIC");
    assert_int_equal(get(t + 36, 4), 0xFEE00000);
    assert_int_equal(get(t + 40, 4), 1);
    struct madt_counts n = walk_madt(t);
    assert_int_equal(n.lapics, 2);
    assert_int_equal(n.ioapics, 1);
    assert_int_equal(n.overrides, 2);
    assert_int_equal(n.nmis, 1);
}

static void number_of_cpus_is_clamped(void **context)
{
    (void)context;
    acpi_tables_build(area, 0);
    assert_int_equal(walk_madt(find("APIC")).lapics, 1);
    acpi_tables_build(area, 1000);
    assert_int_equal(walk_madt(find("APIC")).lapics, MEMMAP_MAX_CPUS);
    rsdp_leads_to_the_same_tables_by_both_roots(context);
}

static size_t package_length(const uint8_t *p)
{
    return (p[0] & 0xF) | (size_t)p[1] << 4;
}

static void dsdt_consists_of_s5_and_one_scope(void **context)
{
    (void)context;
    const uint8_t *t = sdt(get(find("FACP") + 40, 4), "DSDT");
    const uint8_t s5[] = {0x08, '\\', '_',  'S', '5',  '_', 0x12, 0x49,
                          0x00, 0x04, 0x0A, 5,   0x0A, 5,   0x00, 0x00};
    size_t length = get(t + 4, 4);

    assert_int_equal(t[8], 2);
    assert_memory_equal(t + 36, s5, sizeof s5);
    size_t scope = 36 + sizeof s5;
    assert_int_equal(t[scope], 0x10);
    assert_int_equal(scope + 1 + package_length(t + scope + 1), length);
    assert_memory_equal(t + scope + 3, "\\_SB_", 5);
    unsigned devices = 0;
    size_t offset = scope + 8;
    while (offset < length) {
        assert_int_equal(t[offset], 0x5B);
        assert_int_equal(t[offset + 1], 0x82);
        offset += 2 + package_length(t + offset + 2);
        devices++;
    }
    assert_int_equal(offset, length);
    assert_int_equal(devices, 4);
}

static const uint8_t *find_bytes(const uint8_t *p, size_t size, const void *bytes, size_t count)
{
    for (size_t i = 0; i + count <= size; i++) {
        if (memcmp(p + i, bytes, count) == 0) {
            return p + i;
        }
    }
    return NULL;
}

static void com1_is_pnp0501_at_3f8_irq_4(void **context)
{
    (void)context;
    const uint8_t *t = sdt(get(find("FACP") + 40, 4), "DSDT");
    const uint8_t *p = find_bytes(t, get(t + 4, 4), "COM1\x08_HID", 9);
    const uint8_t hid[] = {0x0C, 0x41, 0xD0, 0x05, 0x01};
    const uint8_t crs[] = {0x47, 1, 0xF8, 3, 0xF8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0};

    assert_non_null(p);
    assert_memory_equal(p + 9, hid, sizeof hid);
    assert_non_null(find_bytes(p, 64, crs, sizeof crs));
}

static void dsdt_that_does_not_fit_is_reported(void **context)
{
    uint8_t buffer[1024];
    (void)context;

    size_t size = acpi_dsdt_build(buffer, sizeof buffer);
    assert_in_range(size, 100, sizeof buffer);
    for (size_t room = 0; room < size; room++) {
        memset(buffer, 0x5A, sizeof buffer);
        assert_int_equal(acpi_dsdt_build(buffer, room), 0);
        assert_int_equal(buffer[room], 0x5A);
    }
    assert_int_equal(acpi_dsdt_build(buffer, size), size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rsdp_leads_to_the_same_tables_by_both_roots, build),
        cmocka_unit_test_setup(fadt_names_the_registers_of_the_board, build),
        cmocka_unit_test_setup(facs_is_aligned_to_64_bytes, build),
        cmocka_unit_test_setup(madt_lists_every_cpu_and_the_ioapic, build),
        cmocka_unit_test_setup(number_of_cpus_is_clamped, build),
        cmocka_unit_test_setup(dsdt_consists_of_s5_and_one_scope, build),
        cmocka_unit_test_setup(com1_is_pnp0501_at_3f8_irq_4, build),
        cmocka_unit_test(dsdt_that_does_not_fit_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
