/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of the configuration file: numbers, sizes, times, names and paths, and the nearest known
 * word for a misspelt one. Internal to vmm/root/config*.c. Every function that can fail returns
 * NULL for success or the reason, a sentence that ends with what would be right.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CONFIG_MESSAGE_MAX = 320 };

/* A sentence under construction; long values are cut, never overrun. */
struct config_message {
    char text[CONFIG_MESSAGE_MAX];
};

/* Decimal number from `min` to `max`. */
const char *config_number(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                          struct config_message *m);

/* Bytes with an optional suffix K, M, G or T (powers of 1024): `min` to `max`, a multiple of 4096.
 */
const char *config_size(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                        struct config_message *m);

/* Time with its unit us, ms or s, `min` to `max`, in microseconds. */
const char *config_time(const char *value, uint64_t min, uint64_t max, uint64_t *out,
                        struct config_message *m);

/* One of the `count` words; *out is its index. */
const char *config_word(const char *value, const char *const *words, unsigned count, unsigned *out,
                        struct config_message *m);

/* A path that survives GRUB's command line: printable ASCII without blanks, quotes, backslash and
 * dollar. */
const char *config_path(const char *value, struct config_message *m);

/* A name of letters, digits, '-', '_' and '.', at most CONFIG_NAME_MAX characters. */
const char *config_name(const char *value, struct config_message *m);

/* The word nearest to `value`, when it is near enough to be a slip of the keyboard, or NULL. */
const char *config_nearest(const char *value, const char *const *words, unsigned count);

/* Writes `bytes` as the shortest exact number with a suffix ("256M") and returns `buffer`. */
const char *config_size_text(char *buffer, size_t size, uint64_t bytes);
