/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of the configuration file. What a value means is decided here and nowhere else: a suffix
 * is required where its absence could be taken for another unit (times), overflow is an error and
 * never a wrap, and a refusal says what would have been accepted.
 */
#include "vmm/root/config_value.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/root/config.h"

enum { PAGE_BYTES = 4096, WORD_MAX = 24, SIZE_TEXT = 32 };

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}, {"", 1}};
static const struct unit time_units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};

enum { SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]) };
enum { TIME_UNITS = sizeof(time_units) / sizeof(time_units[0]) };

enum scan { SCAN_OK, SCAN_NOT_A_NUMBER, SCAN_TOO_LARGE };

/* Reads the digits at the start of `text`; *rest is what follows them. */
static enum scan scan_digits(const char *text, uint64_t *out, const char **rest)
{
    uint64_t number = 0;
    const char *p = text;
    enum scan result = SCAN_OK;

    for (; *p >= '0' && *p <= '9'; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            result = SCAN_TOO_LARGE;
        } else {
            number = number * 10 + digit;
        }
    }
    *out = number;
    *rest = p;
    return p == text ? SCAN_NOT_A_NUMBER : result;
}

/* A number followed by one of `units`, multiplied out. */
static enum scan scan_units(const char *text, const struct unit *units, unsigned count,
                            uint64_t *out)
{
    const char *rest = text;
    uint64_t number = 0;
    const enum scan digits = scan_digits(text, &number, &rest);

    if (digits == SCAN_NOT_A_NUMBER) {
        return SCAN_NOT_A_NUMBER;
    }
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(rest, units[i].suffix) == 0) {
            if (digits == SCAN_TOO_LARGE || number > UINT64_MAX / units[i].factor) {
                return SCAN_TOO_LARGE;
            }
            *out = number * units[i].factor;
            return SCAN_OK;
        }
    }
    return SCAN_NOT_A_NUMBER;
}

const char *config_size_text(char *buffer, size_t size, uint64_t bytes)
{
    for (unsigned i = 0; i < SIZE_UNITS; i++) {
        if (bytes >= size_units[i].factor && bytes % size_units[i].factor == 0) {
            (void)snprintf(buffer, size, "%llu%s",
                           (unsigned long long)(bytes / size_units[i].factor),
                           size_units[i].suffix);
            return buffer;
        }
    }
    (void)snprintf(buffer, size, "0");
    return buffer;
}

static const char *time_text(char *buffer, size_t size, uint64_t us)
{
    unsigned unit = 0;

    while (unit + 1 < TIME_UNITS && us != 0 && us % time_units[unit + 1].factor == 0) {
        unit++;
    }
    (void)snprintf(buffer, size, "%llu%s", (unsigned long long)(us / time_units[unit].factor),
                   time_units[unit].suffix);
    return buffer;
}

const char *config_number(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                          struct config_message *m)
{
    const char *rest = value;
    uint64_t number = 0;
    const enum scan scan = scan_digits(value, &number, &rest);

    if (scan != SCAN_OK || *rest != '\0' || number < min || number > max) {
        (void)snprintf(m->text, sizeof(m->text), "\"%.80s\" is not a number from %llu to %llu",
                       value, (unsigned long long)min, (unsigned long long)max);
        return m->text;
    }
    *out = number;
    return NULL;
}

const char *config_size(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                        struct config_message *m)
{
    uint64_t bytes = 0;
    char limit[SIZE_TEXT];

    switch (scan_units(value, size_units, SIZE_UNITS, &bytes)) {
    case SCAN_NOT_A_NUMBER:
        (void)snprintf(m->text, sizeof(m->text),
                       "\"%.80s\" is not a size: a number with K, M, G or T, as in 256M, is",
                       value);
        return m->text;
    case SCAN_TOO_LARGE:
        bytes = UINT64_MAX;
        break;
    case SCAN_OK:
        break;
    }
    if (bytes > max) {
        (void)snprintf(m->text, sizeof(m->text),
                       "%.80s is more than %s, the most that a VM can have", value,
                       config_size_text(limit, sizeof(limit), max));
        return m->text;
    }
    if (bytes < min) {
        (void)snprintf(m->text, sizeof(m->text),
                       "%.80s is less than %s, the least that a VM can have%s", value,
                       config_size_text(limit, sizeof(limit), min),
                       value[strspn(value, "0123456789")] == '\0'
                           ? "; a number without K, M, G or T counts bytes"
                           : "");
        return m->text;
    }
    if (bytes % PAGE_BYTES != 0) {
        (void)snprintf(m->text, sizeof(m->text), "%.80s is not a multiple of 4K", value);
        return m->text;
    }
    *out = bytes;
    return NULL;
}

const char *config_time(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                        struct config_message *m)
{
    uint64_t us = 0;
    char low[SIZE_TEXT];
    char high[SIZE_TEXT];
    const enum scan scan = scan_units(value, time_units, TIME_UNITS, &us);

    if (scan == SCAN_NOT_A_NUMBER) {
        (void)snprintf(m->text, sizeof(m->text),
                       "\"%.80s\" is not a time: a number with us, ms or s, as in 10ms, is", value);
        return m->text;
    }
    if (scan == SCAN_TOO_LARGE || us < min || us > max) {
        (void)snprintf(m->text, sizeof(m->text), "%.80s is out of range: %s to %s is possible",
                       value, time_text(low, sizeof(low), min), time_text(high, sizeof(high), max));
        return m->text;
    }
    *out = us;
    return NULL;
}

static size_t word_length(const char *word)
{
    const size_t length = strlen(word);

    return length < WORD_MAX ? length : WORD_MAX;
}

/* Levenshtein's distance between two words, each cut to WORD_MAX characters. */
static unsigned distance(const char *a, const char *b)
{
    const size_t columns = word_length(b);
    const size_t rows = word_length(a);
    unsigned row[WORD_MAX + 1];

    for (unsigned j = 0; j <= columns; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= rows; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            const unsigned above = row[j];
            unsigned best = diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[columns];
}

const char *config_nearest(const char *value, const char *const *words, unsigned count)
{
    /* A third of the letters wrong, two for a short word, is still a slip; more is another word. */
    const size_t length = word_length(value);
    unsigned best = length < 3 ? 1 : (unsigned)(length / 3 < 2 ? 2 : length / 3);
    const char *nearest = NULL;

    for (unsigned i = 0; i < count; i++) {
        const unsigned d = distance(value, words[i]);
        if (d < best || (d == best && nearest == NULL)) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *config_word(const char *value, const char *const *words, unsigned count, unsigned *out,
                        struct config_message *m)
{
    int used = 0;

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i;
            return NULL;
        }
    }
    used = snprintf(m->text, sizeof(m->text), "\"%.80s\" is not one of:", value);
    for (unsigned i = 0; i < count && used > 0 && (size_t)used < sizeof(m->text); i++) {
        used += snprintf(m->text + used, sizeof(m->text) - (size_t)used, "%s %s", i == 0 ? "" : ",",
                         words[i]);
    }
    return m->text;
}

const char *config_path(const char *value, struct config_message *m)
{
    /* These three name the parts of Bulkhead itself among the boot modules. */
    static const char *const reserved[] = {"root", "vmm", "system.conf"};

    for (const char *p = value; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || strchr("'\"\\$", *p) != NULL) {
            (void)snprintf(
                m->text, sizeof(m->text),
                "\"%.120s\" has a blank, a quote, '\\' or '$' in it, which a path here cannot have",
                value);
            return m->text;
        }
    }
    for (unsigned i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcmp(value, reserved[i]) == 0) {
            (void)snprintf(m->text, sizeof(m->text),
                           "\"%s\" is the name of a part of the system; \"./%s\" names the file",
                           value, value);
            return m->text;
        }
    }
    return NULL;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

const char *config_name(const char *value, struct config_message *m)
{
    const size_t length = strlen(value);
    size_t good = 0;

    while (is_name_character(value[good])) {
        good++;
    }
    if (length == 0 || length > CONFIG_NAME_MAX || good != length) {
        (void)snprintf(m->text, sizeof(m->text),
                       "\"%.80s\" is not a name: 1 to %d letters, digits, '-', '_' and '.' are",
                       value, CONFIG_NAME_MAX);
        return m->text;
    }
    return NULL;
}
