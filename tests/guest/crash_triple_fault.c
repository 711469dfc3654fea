/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that ends in a triple fault: an exception without an interrupt descriptor table. For the
 * system tests.
 */
#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/report.h"

void test_main(void)
{
    static const struct asm_table none = {.limit = 0, .base = 0};

    console_print("CRASH triple fault follows\n");
    lidt(&none);
    ud2();
    console_print("FAIL crash_triple_fault: execution went on\n");
}
