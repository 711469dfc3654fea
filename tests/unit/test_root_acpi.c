/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding S5 and the reset register: tables of revision 1 and 2+ are built in a fake physical
 * memory, found, and then damaged one by one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vmm/root/acpi_s5.h"

#define BASE 0xE0000u
#define RSDP (BASE + 0x000u)
#define RSDT (BASE + 0x100u)
#define XSDT (BASE + 0x200u)
#define FADT (BASE + 0x300u)
#define DSDT (BASE + 0x500u)
#define SIZE 0x600u

static uint8_t physical[SIZE];

static const uint8_t *map(void *ctx, uint64_t address, uint64_t size)
{
    (void)ctx;
    if (address < BASE || address >= BASE + SIZE || size > BASE + SIZE - address) {
        return NULL;
    }
    return physical + (address - BASE);
}

static const struct acpi_reader reader = {map, NULL};

static uint8_t *at(uint32_t address)
{
    return physical + (address - BASE);
}

static void put32(uint32_t address, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at(address)[i] = (uint8_t)(value >> (8 * i));
    }
}

static void close_sum(uint32_t address, uint32_t size, uint32_t checksum)
{
    uint8_t sum = 0;
    at(address)[checksum] = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + at(address)[i]);
    }
    at(address)[checksum] = (uint8_t)(0 - sum);
}

static void header(uint32_t address, const char *signature, uint32_t size)
{
    memcpy(at(address), signature, 4);
    put32(address + 4, size);
    close_sum(address, size, 9);
}

static const uint8_t s5_bytes[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x06,
                                   0x04, 0x0A, 0x05, 0x0A, 0x06, 0x00, 0x00};

static void put_dsdt(const uint8_t *aml, uint32_t size)
{
    memset(at(DSDT), 0, SIZE - (DSDT - BASE));
    memcpy(at(DSDT) + 60, aml, size);
    header(DSDT, "DSDT", 60 + size);
}

/* Revision 1: RSDT and a FADT of 116 bytes. */
static int build_revision_1(void **state)
{
    (void)state;
    memset(physical, 0, sizeof(physical));
    memcpy(at(RSDP), "RSD PTR ", 8);
    put32(RSDP + 16, RSDT);
    close_sum(RSDP, 20, 8);
    put32(RSDT + 36, DSDT); /* some other table first */
    put32(RSDT + 40, FADT);
    header(RSDT, "RSDT", 44);
    put32(FADT + 40, DSDT);
    put32(FADT + 48, 0xB2);
    at(FADT)[52] = 0xF1;
    put32(FADT + 64, 0xB004);
    header(FADT, "FACP", 116);
    put_dsdt(s5_bytes, sizeof(s5_bytes));
    return 0;
}

/* Revision 2: XSDT, X_ fields that differ from the old ones, and a reset register. */
static int build_revision_2(void **state)
{
    build_revision_1(state);
    at(RSDP)[15] = 2;
    put32(RSDP + 24, XSDT);
    close_sum(RSDP, 20, 8);
    put32(RSDP + 16, 0);
    close_sum(RSDP, 20, 8);
    put32(XSDT + 36, FADT);
    header(XSDT, "XSDT", 44);
    put32(FADT + 112, 1u << 10);
    at(FADT)[116] = 1; /* I/O */
    put32(FADT + 120, 0xCF9);
    at(FADT)[128] = 6;
    put32(FADT + 140, DSDT);
    put32(FADT + 40, 0);
    at(FADT)[172] = 1;
    put32(FADT + 176, 0x604);
    at(FADT)[184] = 1;
    put32(FADT + 188, 0x704);
    header(FADT, "FACP", 244);
    return 0;
}

static void revision_1_tables_are_found(void **state)
{
    (void)state;
    struct acpi_power power;
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_OK);
    assert_int_equal(power.pm1a_control, 0xB004);
    assert_int_equal(power.pm1b_control, 0);
    assert_int_equal(power.sleep_type_a, 5);
    assert_int_equal(power.sleep_type_b, 6);
    assert_int_equal(power.smi_command, 0xB2);
    assert_int_equal(power.acpi_enable, 0xF1);
    assert_false(power.has_reset);
}

static void revision_2_tables_are_found(void **state)
{
    (void)state;
    struct acpi_power power;
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_OK);
    assert_int_equal(power.pm1a_control, 0x604);
    assert_int_equal(power.pm1b_control, 0x704);
    assert_true(power.has_reset);
    assert_false(power.reset_in_memory);
    assert_int_equal(power.reset_address, 0xCF9);
    assert_int_equal(power.reset_value, 6);
}

static void every_encoding_of_the_constants_is_read(void **state)
{
    (void)state;
    static const uint8_t ops[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 0x05, 0x04, 0x01, 0x00};
    static const uint8_t wide[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x4A, 0x00, 0x02,
                                   0x0B, 0x07, 0x00, 0x0C, 0x03, 0x00, 0x00, 0x00};
    struct acpi_power power;
    put_dsdt(ops, sizeof(ops));
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_OK);
    assert_int_equal(power.sleep_type_a, 1);
    assert_int_equal(power.sleep_type_b, 0);
    put_dsdt(wide, sizeof(wide));
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_OK);
    assert_int_equal(power.sleep_type_a, 7);
    assert_int_equal(power.sleep_type_b, 3);
}

static void a_mention_of_the_name_is_not_a_package(void **state)
{
    (void)state;
    uint8_t aml[32] = {'_', 'S', '5', '_', 0x0A, '_', 'S', '5', '_'};
    memcpy(aml + 12, s5_bytes, sizeof(s5_bytes));
    struct acpi_power power;
    put_dsdt(aml, 12 + sizeof(s5_bytes));
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_OK);
    assert_int_equal(power.sleep_type_a, 5);
}

static void a_package_cut_off_at_any_byte_is_refused(void **state)
{
    (void)state;
    struct acpi_power power;
    for (uint32_t size = 0; size < 12; size++) {
        put_dsdt(s5_bytes, size);
        assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_S5);
    }
}

static void damage_is_named(void **state)
{
    (void)state;
    struct acpi_power power;
    assert_int_equal(acpi_s5_find(&reader, 0, &power), ACPI_NO_RSDP);
    assert_int_equal(acpi_s5_find(&reader, 0x1000, &power), ACPI_NO_RSDP);
    at(DSDT)[0] = 'X';
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_DSDT);
    put32(FADT + 64, 0);
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_PM1);
    put32(FADT + 4, 80);
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_FADT);
    put32(FADT + 4, 0xFFFFFFFFu);
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_FADT);
    at(RSDT)[43] ^= 1;
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_RSDT);
    at(RSDP)[10] ^= 1;
    assert_int_equal(acpi_s5_find(&reader, RSDP, &power), ACPI_NO_RSDP);
}

static void every_result_has_a_text(void **state)
{
    (void)state;
    for (int r = 0; r <= ACPI_RESULT_COUNT; r++) {
        assert_non_null(acpi_s5_result_text((enum acpi_result)r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(revision_1_tables_are_found, build_revision_1),
        cmocka_unit_test_setup(revision_2_tables_are_found, build_revision_2),
        cmocka_unit_test_setup(every_encoding_of_the_constants_is_read, build_revision_1),
        cmocka_unit_test_setup(a_mention_of_the_name_is_not_a_package, build_revision_1),
        cmocka_unit_test_setup(a_package_cut_off_at_any_byte_is_refused, build_revision_1),
        cmocka_unit_test_setup(damage_is_named, build_revision_1),
        cmocka_unit_test(every_result_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
