/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/system/calls/console.h"
#include "tests/system/calls/test.h"

_Noreturn void program_main(void *info)
{
    static const struct test *const list[] = {
        caps_tests,    refusal_tests, memory_tests, create_tests,
        control_tests, ipc_tests,     help_tests,   event_tests,
    };
    test_init(info);
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        test_run(list[i]);
    }
    test_end();
}
