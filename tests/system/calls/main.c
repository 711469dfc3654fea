/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program in place of the root task that makes every system call and provokes each of its
 * refusals (docs/kernel-interface.md). tests/system/kernel.py boots it and reads its report.
 */
#include "tests/system/calls/test.h"

_Noreturn void program_main(void *info)
{
    static const struct test *const list[] = {
        caps_tests, refusal_tests, memory_tests, create_tests, control_tests,
        ipc_tests,  help_tests,    event_tests,  sem_tests,    sched_tests,
        fpu_tests,  irq_tests,     vcpu_tests,   exit_tests,   domain_tests,
    };
    test_init(info);
    (void)fpu_zero(); /* the kernel gives a thread memory for this state with the first use, and
                         keeps it */
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        test_run(list[i]);
    }
    test_end();
}
