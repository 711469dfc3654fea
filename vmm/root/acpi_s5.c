/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from the RSDP to the sleep type of S5. The DSDT's AML is not interpreted: _S5 is by
 * specification a package of constants, whose encoding is recognised where its name stands. Table
 * lengths come from firmware and are checked against what can be read.
 */
#include "vmm/root/acpi_s5.h"

#include <stddef.h>
#include <string.h>

/* "Root System Description Pointer (RSDP) Structure" */
#define RSDP_SIZE          20u
#define RSDP_REVISION      15u
#define RSDP_RSDT          16u
#define RSDP_XSDT          24u
#define RSDP_EXTENDED_SIZE 36u

/* "System Description Table Header" */
#define HEADER_LENGTH 4u
#define HEADER_SIZE   36u
#define TABLE_MAX     (4u << 20)

/* "Fixed ACPI Description Table (FADT)" */
#define FADT_DSDT           40u
#define FADT_SMI_COMMAND    48u
#define FADT_ACPI_ENABLE    52u
#define FADT_PM1A_CONTROL   64u
#define FADT_PM1B_CONTROL   68u
#define FADT_FLAGS          112u
#define FADT_RESET_REGISTER 116u
#define FADT_RESET_VALUE    128u
#define FADT_X_DSDT         140u
#define FADT_X_PM1A_CONTROL 172u
#define FADT_X_PM1B_CONTROL 184u
#define FADT_SIZE_1_0       116u
#define FADT_RESET_SUPPORT  (1u << 10)

/* "Generic Address Structure" */
#define GAS_SIZE         12u
#define GAS_ADDRESS      4u
#define GAS_SPACE_MEMORY 0u
#define GAS_SPACE_IO     1u

/* "AML Byte Stream Byte Values" */
#define AML_ZERO_OP          0x00u
#define AML_ONE_OP           0x01u
#define AML_NAME_OP          0x08u
#define AML_BYTE_PREFIX      0x0Au
#define AML_WORD_PREFIX      0x0Bu
#define AML_DWORD_PREFIX     0x0Cu
#define AML_PACKAGE_OP       0x12u
#define AML_ROOT_CHAR        0x5Cu
#define AML_ONES_OP          0xFFu
#define AML_PKG_LENGTH_SHIFT 6 /* bits 7:6 of the lead byte: number of bytes that follow */

#define SLEEP_TYPE_MASK 7u
#define PORT_MAX        0xFFFFu

struct table {
    const uint8_t *data; /* NULL: none */
    uint32_t size;       /* bytes */
};

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static uint64_t read64(const uint8_t *p)
{
    return read32(p) | ((uint64_t)read32(p + 4) << 32);
}

static bool sums_to_zero(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return sum == 0;
}

/* The table at the address, if its signature is that and it can be read as far as its length says.
 */
static struct table map_table(const struct acpi_reader *reader, uint64_t address,
                              const char *signature)
{
    const uint8_t *header = address == 0 ? NULL : reader->map(reader->ctx, address, HEADER_SIZE);
    if (header == NULL || memcmp(header, signature, 4) != 0) {
        return (struct table){0};
    }
    uint32_t size = read32(header + HEADER_LENGTH);
    if (size < HEADER_SIZE || size > TABLE_MAX) {
        return (struct table){0};
    }
    return (struct table){reader->map(reader->ctx, address, size), size};
}

static struct table find_fadt(const struct acpi_reader *reader, struct table list,
                              uint32_t entry_size)
{
    for (uint32_t at = HEADER_SIZE; at + entry_size <= list.size; at += entry_size) {
        uint64_t address =
            entry_size == sizeof(uint64_t) ? read64(list.data + at) : read32(list.data + at);
        struct table fadt = map_table(reader, address, "FACP");
        if (fadt.data != NULL) {
            return fadt;
        }
    }
    return (struct table){0};
}

/* A port from its 64-bit form where the table has one, else from the 32-bit form; 0: none. */
static uint16_t control_port(struct table fadt, uint32_t extended, uint32_t legacy)
{
    if (fadt.size >= extended + GAS_SIZE && fadt.data[extended] == GAS_SPACE_IO) {
        uint64_t port = read64(fadt.data + extended + GAS_ADDRESS);
        if (port != 0 && port <= PORT_MAX) {
            return (uint16_t)port;
        }
    }
    uint32_t port = read32(fadt.data + legacy);
    return port <= PORT_MAX ? (uint16_t)port : 0;
}

static void find_reset(struct table fadt, struct acpi_power *power)
{
    if (fadt.size <= FADT_RESET_VALUE || !(read32(fadt.data + FADT_FLAGS) & FADT_RESET_SUPPORT)) {
        return;
    }
    const uint8_t *gas = fadt.data + FADT_RESET_REGISTER;
    power->reset_address = read64(gas + GAS_ADDRESS);
    power->reset_in_memory = gas[0] == GAS_SPACE_MEMORY;
    power->reset_value = fadt.data[FADT_RESET_VALUE];
    power->has_reset =
        power->reset_address != 0 &&
        (power->reset_in_memory || (gas[0] == GAS_SPACE_IO && power->reset_address <= PORT_MAX));
}

/* One constant of AML at *at. False: it is something else, or the table ends. */
static bool read_constant(struct table dsdt, uint32_t *at, uint8_t *value)
{
    if (*at >= dsdt.size) {
        return false;
    }
    uint32_t bytes;
    uint8_t op = dsdt.data[*at];
    switch (op) {
    case AML_ZERO_OP:
    case AML_ONE_OP:
    case AML_ONES_OP:
        *value = op & SLEEP_TYPE_MASK;
        *at += 1;
        return true;
    case AML_BYTE_PREFIX:
        bytes = 1;
        break;
    case AML_WORD_PREFIX:
        bytes = 2;
        break;
    case AML_DWORD_PREFIX:
        bytes = 4;
        break;
    default:
        return false;
    }
    if (dsdt.size - *at <= bytes) {
        return false;
    }
    *value = dsdt.data[*at + 1] & SLEEP_TYPE_MASK;
    *at += 1 + bytes;
    return true;
}

/* The package after the name "_S5_", whose first byte is at `name`. */
static bool read_s5(struct table dsdt, uint32_t name, struct acpi_power *power)
{
    bool is_named = dsdt.data[name - 1] == AML_NAME_OP ||
                    (dsdt.data[name - 1] == AML_ROOT_CHAR && dsdt.data[name - 2] == AML_NAME_OP);
    uint32_t at = name + 4;
    if (!is_named || dsdt.size - at < 3 || dsdt.data[at] != AML_PACKAGE_OP) {
        return false;
    }
    at += 1;
    at += 1 + (dsdt.data[at] >> AML_PKG_LENGTH_SHIFT); /* PkgLength */
    at += 1;                                           /* NumElements */
    return read_constant(dsdt, &at, &power->sleep_type_a) &&
           read_constant(dsdt, &at, &power->sleep_type_b);
}

static bool find_s5(struct table dsdt, struct acpi_power *power)
{
    for (uint32_t at = HEADER_SIZE; at + 4 <= dsdt.size; at++) {
        if (memcmp(dsdt.data + at, "_S5_", 4) == 0 && read_s5(dsdt, at, power)) {
            return true;
        }
    }
    return false;
}

static struct table find_dsdt(const struct acpi_reader *reader, struct table fadt)
{
    if (fadt.size >= FADT_X_DSDT + sizeof(uint64_t)) {
        struct table dsdt = map_table(reader, read64(fadt.data + FADT_X_DSDT), "DSDT");
        if (dsdt.data != NULL) {
            return dsdt;
        }
    }
    return map_table(reader, read32(fadt.data + FADT_DSDT), "DSDT");
}

static enum acpi_result read_fadt(const struct acpi_reader *reader, struct table fadt,
                                  struct acpi_power *power)
{
    if (fadt.data == NULL || fadt.size < FADT_SIZE_1_0) {
        return ACPI_NO_FADT;
    }
    find_reset(fadt, power);
    power->pm1a_control = control_port(fadt, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL);
    power->pm1b_control = control_port(fadt, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL);
    uint32_t smi_command = read32(fadt.data + FADT_SMI_COMMAND);
    power->smi_command = smi_command <= PORT_MAX ? (uint16_t)smi_command : 0;
    power->acpi_enable = fadt.data[FADT_ACPI_ENABLE];
    if (power->pm1a_control == 0) {
        return ACPI_NO_PM1;
    }
    struct table dsdt = find_dsdt(reader, fadt);
    if (dsdt.data == NULL) {
        return ACPI_NO_DSDT;
    }
    return find_s5(dsdt, power) ? ACPI_OK : ACPI_NO_S5;
}

enum acpi_result acpi_s5_find(const struct acpi_reader *reader, uint64_t rsdp,
                              struct acpi_power *power)
{
    *power = (struct acpi_power){0};
    const uint8_t *pointer = rsdp == 0 ? NULL : reader->map(reader->ctx, rsdp, RSDP_SIZE);
    if (pointer == NULL || memcmp(pointer, "RSD PTR ", 8) != 0 ||
        !sums_to_zero(pointer, RSDP_SIZE)) {
        return ACPI_NO_RSDP;
    }
    struct table list = {0};
    uint32_t entry_size = sizeof(uint64_t);
    if (pointer[RSDP_REVISION] >= 2) {
        pointer = reader->map(reader->ctx, rsdp, RSDP_EXTENDED_SIZE);
        if (pointer == NULL) {
            return ACPI_NO_RSDP;
        }
        list = map_table(reader, read64(pointer + RSDP_XSDT), "XSDT");
    }
    if (list.data == NULL) {
        entry_size = sizeof(uint32_t);
        list = map_table(reader, read32(pointer + RSDP_RSDT), "RSDT");
    }
    if (list.data == NULL || !sums_to_zero(list.data, list.size)) {
        return ACPI_NO_RSDT;
    }
    return read_fadt(reader, find_fadt(reader, list, entry_size), power);
}

const char *acpi_s5_result_text(enum acpi_result result)
{
    static const char *const text[ACPI_RESULT_COUNT] = {
        [ACPI_OK] = "found",
        [ACPI_NO_RSDP] = "no ACPI root pointer",
        [ACPI_NO_RSDT] = "the ACPI table of tables is damaged",
        [ACPI_NO_FADT] = "no usable ACPI FADT",
        [ACPI_NO_PM1] = "no ACPI PM1a control port",
        [ACPI_NO_DSDT] = "no readable ACPI DSDT",
        [ACPI_NO_S5] = "no \\_S5 package in the ACPI DSDT",
    };
    return (unsigned)result < ACPI_RESULT_COUNT ? text[result] : "unknown";
}
