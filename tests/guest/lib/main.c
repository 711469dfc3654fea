/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the entry code goes: the machine is put into a known state, then the test has it.
 */
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/multiboot.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

_Noreturn void main_start(uint32_t magic, const struct multiboot_info *info);

_Noreturn void main_start(uint32_t magic, const struct multiboot_info *info)
{
    multiboot_keep(magic, info);
    console_init();
    trap_init();
    pic_init();
    if (time_init())
        test_main();
    else
        console_print("FAIL the_pit_counts: channel 2 stands still, nothing can be timed\n");
    report_end();
}
