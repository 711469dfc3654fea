/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no single test thinks of: random accesses to all legacy devices, wired together as on a
 * board, with time that runs on in random steps. The sanitizers judge; besides, a deadline must
 * never lie in the past, or the machine would spin on it. The sequence is fixed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/devemu/acpi_pm.h"
#include "vmm/devemu/i8042.h"
#include "vmm/devemu/i8254.h"
#include "vmm/devemu/i8259.h"
#include "vmm/devemu/mc146818.h"
#include "vmm/devemu/pci_host.h"
#include "vmm/devemu/uart16550.h"

enum { STEPS = 300000, TSC_HZ = 1000000000, REGIONS = 14 };

static struct {
    struct i8259 pic;
    struct i8254 pit;
    struct mc146818 rtc;
    struct uart16550 uart;
    struct i8042 kbc;
    struct acpi_pm pm;
    struct pci_host pci;
    uint64_t random;
    unsigned resets;
} f;

static uint64_t draw(uint64_t below)
{
    f.random = f.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (f.random >> 33) % below;
}

static void raise(void *ctx, unsigned line, bool level)
{
    (void)ctx;
    i8259_set(&f.pic, line, level);
}

static struct irq_line irq(unsigned line)
{
    return (struct irq_line){.set = raise, .line = line};
}

static bool sink(void *ctx, uint8_t byte)
{
    (void)ctx;
    (void)byte;
    return draw(2);
}

static void reset(void *ctx)
{
    (void)ctx;
    f.resets++;
}

static void reset_hard(void *ctx, bool hard)
{
    (void)hard;
    reset(ctx);
}

static void sleep_state(void *ctx, unsigned slp_typ)
{
    assert_in_range(slp_typ, 0, 7);
    reset(ctx);
}

/* A function for each pair of a device's accesses; the device is always the first argument. */
#define PORTS(X)             \
    X(i8259_master, pic)     \
    X(i8259_slave, pic)      \
    X(i8259_elcr, pic)       \
    X(i8254, pit)            \
    X(i8254_port61, pit)     \
    X(mc146818, rtc)         \
    X(uart16550, uart)       \
    X(i8042_data, kbc)       \
    X(i8042_command, kbc)    \
    X(i8042_fast92, kbc)     \
    X(acpi_pm, pm)           \
    X(acpi_pm_reset, pm)     \
    X(pci_host_address, pci) \
    X(pci_host_data, pci)

#define ACCESS(name, device)                                                                \
    static void access_##name(unsigned offset, unsigned size, uint32_t value, uint64_t now) \
    {                                                                                       \
        if (draw(2)) {                                                                      \
            name##_write(&f.device, offset, size, value, now);                              \
        } else {                                                                            \
            const uint32_t read = name##_read(&f.device, offset, size, now);                \
            assert_true(size == 4 || read >> (8 * size) == 0);                              \
        }                                                                                   \
    }
PORTS(ACCESS)

#define ENTRY(name, device) access_##name,
static void (*const access_table[])(unsigned offset, unsigned size, uint32_t value,
                                    uint64_t now) = {PORTS(ENTRY)};

static void start(void)
{
    const struct acpi_pm_power power = {.sleep = sleep_state, .reset = reset_hard};

    f.random = 1;
    i8259_init(&f.pic, (struct irq_line){.set = NULL});
    i8254_init(&f.pit, TSC_HZ, irq(0));
    mc146818_init(&f.rtc, 1700000000, TSC_HZ, irq(MC146818_IRQ));
    uart16550_init(&f.uart, TSC_HZ, (struct uart16550_sink){.tx = sink}, irq(UART16550_COM1_IRQ));
    i8042_init(&f.kbc, true, (struct i8042_reset){.reset = reset}, irq(I8042_KEYBOARD_IRQ));
    acpi_pm_init(&f.pm, TSC_HZ, false, power, irq(ACPI_PM_SCI));
    pci_host_init(&f.pci);
}

static void advance_all(uint64_t now)
{
    i8254_advance(&f.pit, now);
    mc146818_advance(&f.rtc, now);
    uart16550_advance(&f.uart, now);
    acpi_pm_advance(&f.pm, now);
    assert_true(i8254_deadline(&f.pit) > now);
    assert_true(mc146818_deadline(&f.rtc) > now);
    assert_true(uart16550_deadline(&f.uart) > now);
    assert_true(acpi_pm_deadline(&f.pm) > now);
}

static void outside_events(uint64_t now)
{
    (void)uart16550_rx(&f.uart, (uint8_t)draw(256), now);
    uart16550_tx_ready(&f.uart);
    (void)i8042_scan(&f.kbc, (uint8_t)draw(256));
    acpi_pm_power_button(&f.pm, now);
    (void)i8259_ack(&f.pic);
}

static void random_accesses_break_nothing(void **state)
{
    uint64_t now = 0;

    (void)state;
    start();
    for (unsigned i = 0; i < STEPS; i++) {
        const unsigned size = 1U << draw(3);
        const uint32_t value = (uint32_t)(draw(1U << 16) << 16 | draw(1U << 16));

        access_table[draw(REGIONS)]((unsigned)draw(12), size, value, now);
        if (draw(8) == 0) {
            outside_events(now);
        }
        now += draw(UINT64_C(1) << draw(31));
        advance_all(now);
    }
    assert_true(f.resets > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_accesses_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
