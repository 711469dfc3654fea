/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest test says. A test is a table of claims; each is a function that looks, by expect*,
 * whether its name is true. One line for each on COM1, in the order of the table: PASS claim FAIL
 * claim: reason (file:line)      of the first expectation that was wrong SKIP claim: reason the
 * machine does not promise what the claim is about and at the end `DONE n passed, n failed, n
 * skipped`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct place {
    const char *file;
    unsigned line;
};

#define HERE ((struct place){__FILE__, __LINE__})

struct claim {
    const char *name;
    void (*check)(void);
};

/* An entry of a claim table: only the preprocessor knows a function's name. */
#define CLAIM(function)     \
    {                       \
#function, function \
    }

/* Provided by each test; ends with report_run. */
void test_main(void);

/*
 * Checks `count` claims. Before each, the machine is made quiet: interrupts off, PIT channel 0
 * still, all PIC inputs masked, no handlers. An exception or interrupt that nobody handles makes
 * its claim a failed one.
 */
void report_run(const struct claim *claims, unsigned count);

/* Prints the last line and ends the machine. */
_Noreturn void report_end(void);

/* All return `ok`, or whether the expectation was true: the claim has failed if not. */
bool expect(struct place place, bool ok, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));
bool expect_equal(struct place place, const char *what, uint64_t value, uint64_t expected);

/* low <= value <= high */
bool expect_between(struct place place, const char *what, uint64_t value, uint64_t low,
                    uint64_t high);

/* vector: as trap_try returns it. */
bool expect_vector(struct place place, const char *what, unsigned vector, unsigned expected);

/* The claim cannot be judged here; to be returned from at once. A failed expectation outweighs it.
 */
void skip(const char *reason, ...) __attribute__((format(printf, 1, 2)));
