/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs tests and reports on COM1, by polling, through the kernel's port calls. A watchdog of the
 * highest priority names a test that hangs and ends the machine; so does an exception of the main
 * thread that no test has asked for (fault.c).
 */
#include "tests/system/calls/test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "tests/system/calls/console.h"
#include "tests/system/calls/guest.h"
#include "vmm/lib/status.h"

#define LINE         160
#define WATCH_TICKS  600000000ull
#define WATCH_UTCB   0x2FFFFFF00000ull
#define WATCH_SEL    64u
#define WATCH_BUDGET 10000000ull

static struct {
    const struct bh_info *info;
    const char *claim;
    const char *skipped;
    char failure[LINE];
    uint32_t passed, failed, skips;
    uint32_t runs; /* tests begun: the watchdog looks at it */
    jmp_buf leave;
} state;

static uint8_t watch_stack[8192] __attribute__((aligned(16)));

const struct bh_info *test_info(void)
{
    return state.info;
}

uint32_t test_cpus(void)
{
    return state.info->cpus;
}

static void watch(void *unused)
{
    (void)unused;
    for (;;) {
        uint32_t before = get_flag(&state.runs);
        bh_sm_down(WATCH_SEL, bh_rdtsc() + WATCH_TICKS);
        if (get_flag(&state.runs) == before) {
            console_print("FAIL %s: hangs%s%s\n", state.claim, state.failure[0] != '\0' ? "; " : "",
                          state.failure);
            console_power_off();
        }
    }
}

static void start_watchdog(void)
{
    uint64_t rsp = thread_prepare(watch_stack, sizeof(watch_stack), watch, NULL);
    if (bh_create_sm(WATCH_SEL, 0) != BH_OK ||
        bh_create_thread(WATCH_SEL + 1, BH_SEL_PD, 0, WATCH_UTCB, code_address(thread_entry), rsp,
                         BH_SELECTOR_NONE) != BH_OK ||
        bh_create_sc(WATCH_SEL + 2, WATCH_SEL + 1, BH_PRIO_MAX, WATCH_BUDGET, 0) != BH_OK) {
        console_print("FAIL watchdog: cannot be made\n");
    }
}

void test_init(const struct bh_info *info)
{
    state.info = info;
    state.claim = "start";
    start_watchdog();
    fault_init();
    objects_init();
}

bool expect(bool good, const char *format, ...)
{
    if (!good && state.failure[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(state.failure, sizeof(state.failure), format, args);
        va_end(args);
    }
    return good;
}

bool expect_equal(uint64_t got, uint64_t want, const char *what)
{
    return expect(got == want, "%s is %#lx, not %#lx", what, got, want);
}

bool expect_status(enum bh_status got, enum bh_status want, const char *what)
{
    return expect(got == want, "%s: \"%s\", not \"%s\"", what, status_text(got), status_text(want));
}

void must(enum bh_status status, const char *what)
{
    if (!expect_status(status, BH_OK, what)) {
        longjmp(state.leave, 1);
    }
}

_Noreturn void give_up(const char *what)
{
    expect(false, "too few: %s", what);
    longjmp(state.leave, 1);
}

_Noreturn void skip(const char *reason)
{
    state.skipped = reason;
    longjmp(state.leave, 1);
}

static void report(void)
{
    if (state.failure[0] != '\0') {
        state.failed++;
        console_print("FAIL %s: %s\n", state.claim, state.failure);
    } else if (state.skipped != NULL) {
        state.skips++;
        console_print("SKIP %s: %s\n", state.claim, state.skipped);
    } else {
        state.passed++;
        console_print("PASS %s\n", state.claim);
    }
}

static void run_one(const struct test *test)
{
    add_flag(&state.runs);
    state.claim = test->claim;
    state.failure[0] = '\0';
    state.skipped = NULL;
    uint64_t before = objects_used();
    objects_begin();
    guests_reset();
    fault_clear();
    if (setjmp(state.leave) == 0) {
        test->run();
    }
    objects_end();
    uint64_t after = objects_used();
    expect(after == before, "kernel memory in use was %lu pages, is %lu", before, after);
    report();
}

void test_run(const struct test *list)
{
    for (; list->claim != NULL; list++) {
        run_one(list);
    }
}

_Noreturn void test_end(void)
{
    console_print("DONE %u passed, %u failed, %u skipped\n", state.passed, state.failed,
                  state.skips);
    console_power_off();
}
