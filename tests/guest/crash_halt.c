/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that halts with interrupts off, for ever: nothing but a reset could wake it. For the
 * system tests.
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/report.h"

void test_main(void)
{
    console_print("CRASH halt with interrupts off follows\n");
    cli();
    hlt();
    console_print("FAIL crash_halt: execution went on\n");
}
