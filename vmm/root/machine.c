/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power-off and reset. ACPI specification 6.5: "PM1 Control Registers", "Legacy/ACPI Select and the
 * SCI Interrupt", "Reset Register". The other ways are those of emulators (the port on which Bochs
 * and old QEMU take the word "Shutdown") and of PCs (CF9 of the chip set, reset line of the 8042).
 */
#include "vmm/root/machine.h"

#include <stddef.h>
#include <string.h>

#include "vmm/lib/syscall.h"
#include "vmm/root/root.h"
#include "vmm/root/thread.h"

#define PM1_SCI_EN        (1u << 0)
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK  (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN        (1u << 13)

#define SHUTDOWN_PORT 0x8900u

#define CF9_PORT      0xCF9u
#define CF9_SYSTEM    0x02u
#define CF9_RESET     0x06u
#define I8042_COMMAND 0x64u
#define I8042_RESET   0xFEu

#define ENABLE_US 300000u /* firmware takes its time to switch to ACPI mode */
#define PAUSE_US  1000u
#define EFFECT_US 500000u /* then a way that was tried has had no effect */

static const uint8_t *map_physical(void *ctx, uint64_t address, uint64_t size)
{
    const struct bh_info *info = ctx;
    for (uint32_t i = 0; i < info->regions && i < BH_MAX_REGIONS; i++) {
        const struct bh_region *r = &info->region[i];
        if (r->type != BH_REGION_MODULE && address >= r->base && address - r->base < r->size &&
            size <= r->size - (address - r->base)) {
            return root_window(address);
        }
    }
    return NULL;
}

static void pause_for(const struct machine *machine, uint64_t microseconds)
{
    (void)bh_sm_down(machine->pause, bh_rdtsc() + thread_ticks(machine->info, microseconds));
}

void machine_init(struct machine *machine, const struct bh_info *info, uint32_t pause)
{
    struct acpi_reader reader = {.map = map_physical, .ctx = (void *)(uintptr_t)info};
    *machine = (struct machine){.info = info, .pause = pause};
    machine->found = acpi_s5_find(&reader, info->rsdp, &machine->power);
}

static uint32_t read_pm1(uint16_t port)
{
    uint32_t value = 0;
    (void)bh_io_in(port, 2, &value);
    return value;
}

static void enable_acpi(const struct machine *machine)
{
    const struct acpi_power *power = &machine->power;
    if (power->smi_command == 0 || power->acpi_enable == 0) {
        return;
    }
    if (!(read_pm1(power->pm1a_control) & PM1_SCI_EN)) {
        (void)bh_io_out(power->smi_command, 1, power->acpi_enable);
    }
    for (unsigned us = 0; us < ENABLE_US && !(read_pm1(power->pm1a_control) & PM1_SCI_EN);
         us += PAUSE_US) {
        pause_for(machine, PAUSE_US);
    }
}

static void sleep(uint16_t port, uint8_t type)
{
    if (port != 0) {
        uint32_t value = read_pm1(port) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
        (void)bh_io_out(port, 2, value | ((uint32_t)type << PM1_SLP_TYP_SHIFT) | PM1_SLP_EN);
    }
}

void machine_power_off(const struct machine *machine)
{
    if (machine->found == ACPI_OK) {
        enable_acpi(machine);
        sleep(machine->power.pm1a_control, machine->power.sleep_type_a);
        sleep(machine->power.pm1b_control, machine->power.sleep_type_b);
        pause_for(machine, EFFECT_US);
    }
    static const char word[] = "Shutdown";
    for (size_t i = 0; i < sizeof(word) - 1; i++) {
        (void)bh_io_out(SHUTDOWN_PORT, 1, (uint8_t)word[i]);
    }
    pause_for(machine, EFFECT_US);
}

static void reset_by_acpi(const struct machine *machine)
{
    const struct acpi_power *power = &machine->power;
    if (!power->has_reset) {
        return;
    }
    if (!power->reset_in_memory) {
        (void)bh_io_out((uint16_t)power->reset_address, 1, power->reset_value);
    } else if (map_physical((void *)(uintptr_t)machine->info, power->reset_address, 1) != NULL) {
        *(volatile uint8_t *)root_window(power->reset_address) = power->reset_value;
    }
    pause_for(machine, EFFECT_US);
}

void machine_reset(const struct machine *machine)
{
    reset_by_acpi(machine);
    (void)bh_io_out(CF9_PORT, 1, CF9_SYSTEM);
    (void)bh_io_out(CF9_PORT, 1, CF9_RESET);
    pause_for(machine, EFFECT_US);
    (void)bh_io_out(I8042_COMMAND, 1, I8042_RESET);
    pause_for(machine, EFFECT_US);
}
