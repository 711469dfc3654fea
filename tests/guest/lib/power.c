/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See power.h. ACPI specification, "PM1 Control Registers" and "\_Sx (System States)".
 */
#include "tests/guest/lib/power.h"

#include "tests/guest/lib/acpi.h"
#include "tests/guest/lib/asm.h"

enum {
    DEBUG_EXIT_PORT = 0xF4,
    DEBUG_EXIT_PASSED = 0,
    DEBUG_EXIT_FAILED = 1,
    SLP_TYP_SHIFT = 10,
    SLP_EN = 1 << 13
};

_Noreturn void power_end(bool passed)
{
    unsigned type;
    uint16_t control = acpi_pm1a_control();

    outb(DEBUG_EXIT_PORT, passed ? DEBUG_EXIT_PASSED : DEBUG_EXIT_FAILED);
    if (control != 0 && acpi_s5_type(&type))
        outw(control, (uint16_t)(type << SLP_TYP_SHIFT | SLP_EN));
    for (;;) {
        cli();
        hlt();
    }
}
