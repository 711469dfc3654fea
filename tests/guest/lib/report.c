/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs claims and reports them. See report.h.
 */
#include "tests/guest/lib/report.h"

#include <stdarg.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/console.h"
#include "tests/guest/lib/pic.h"
#include "tests/guest/lib/power.h"
#include "tests/guest/lib/time.h"
#include "tests/guest/lib/trap.h"

enum { REASON = 160 };

enum verdict { PASSED, FAILED, SKIPPED, VERDICTS };

/* The claim under test, and the sums. */
static enum verdict verdict;
static struct place failed_at;
static char reason_text[REASON];
static unsigned counts[VERDICTS];

bool expect(struct place place, bool ok, const char *reason, ...)
{
    va_list arguments;

    if (ok || verdict == FAILED)
        return ok;
    verdict = FAILED;
    failed_at = place;
    va_start(arguments, reason);
    console_format(reason_text, sizeof reason_text, reason, arguments);
    va_end(arguments);
    return false;
}

bool expect_equal(struct place place, const char *what, uint64_t value, uint64_t expected)
{
    return expect(place, value == expected, "%s is 0x%lx, not 0x%lx", what, value, expected);
}

bool expect_between(struct place place, const char *what, uint64_t value, uint64_t low,
                    uint64_t high)
{
    return expect(place, value >= low && value <= high, "%s is %lu, not from %lu to %lu", what,
                  value, low, high);
}

bool expect_vector(struct place place, const char *what, unsigned vector, unsigned expected)
{
    if (vector == TRAP_NONE)
        return expect(place, expected == TRAP_NONE, "%s raised nothing, not vector %u", what,
                      expected);
    return expect(place, vector == expected, "%s raised vector %u at RIP 0x%lx, error code 0x%lx",
                  what, vector, trap_caught()->rip, trap_caught()->error);
}

void skip(const char *reason, ...)
{
    va_list arguments;

    if (verdict == FAILED)
        return;
    verdict = SKIPPED;
    va_start(arguments, reason);
    console_format(reason_text, sizeof reason_text, reason, arguments);
    va_end(arguments);
}

static void make_quiet(void)
{
    cli();
    time_pit0_stop();
    pic_init();
    trap_handle_none();
}

static void check_claim(void *argument)
{
    const struct claim *claim = argument;

    claim->check();
}

static void report_claim(const struct claim *claim)
{
    counts[verdict]++;
    switch (verdict) {
    case FAILED:
        console_print("FAIL %s: %s (%s:%u)\n", claim->name, reason_text, failed_at.file,
                      failed_at.line);
        break;
    case SKIPPED:
        console_print("SKIP %s: %s\n", claim->name, reason_text);
        break;
    default:
        console_print("PASS %s\n", claim->name);
        break;
    }
}

void report_run(const struct claim *claims, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct claim claim = claims[i];
        unsigned vector;

        verdict = PASSED;
        make_quiet();
        vector = trap_try(check_claim, &claim);
        make_quiet();
        expect(HERE, vector == TRAP_NONE,
               "unexpected vector %u, error code 0x%lx, at RIP 0x%lx, CR2 0x%lx", vector,
               trap_caught()->error, trap_caught()->rip, trap_caught_cr2());
        report_claim(&claim);
    }
}

_Noreturn void report_end(void)
{
    unsigned judged = counts[PASSED] + counts[FAILED] + counts[SKIPPED];

    console_print("DONE %u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED],
                  counts[SKIPPED]);
    power_end(judged > 0 && counts[FAILED] == 0);
}
