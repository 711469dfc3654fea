/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that jumps to an address where nothing is, neither memory nor a device. For the system
 * tests.
 */
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/report.h"

#define NOWHERE 0xD0000000UL /* mapped by the page tables, but no RAM: the PCI hole */

void test_main(void)
{
    void (*nowhere)(void) = (void (*)(void))NOWHERE;

    console_print("CRASH jump into nothing follows\n");
    nowhere();
    console_print("FAIL crash_nowhere: execution went on\n");
}
