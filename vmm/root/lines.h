/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several sources of characters on one console, kept apart line by line. Pure: characters leave
 * through a function that is passed in.
 *
 * The source in front (the VM with the keyboard) appears character by character, so that prompts
 * and echo are seen at once; the others appear in whole lines. When another source has to speak
 * while a line is open, that line is broken off and goes on later. A source with a tag has it put
 * before each of its lines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_SOURCES  33u /* VMs, what is reported about them, the manager */
#define LINES_HELD_MAX 160u
#define LINES_TAG_MAX  40u

/* The most characters that leave for n that come in: each may be a line of its own, with a tag and
 * two line ends. */
#define LINES_GROWTH(n) (((n) + LINES_HELD_MAX) * (LINES_TAG_MAX + 4u))

struct lines_source {
    char tag[LINES_TAG_MAX]; /* "" for none */
    char held[LINES_HELD_MAX];
    size_t held_count;
};

struct lines {
    void (*put)(void *ctx, char c);
    void *ctx;
    struct lines_source source[LINES_SOURCES];
    unsigned front; /* the source that is not held back */
    unsigned owner; /* whose line is open */
    bool open;      /* the cursor is not at the beginning of a line */
    bool returned;  /* the last character was a carriage return */
};

/* Nothing held, no tags, source 0 in front. */
void lines_init(struct lines *lines, void (*put)(void *ctx, char c), void *ctx);

/* A source's tag, cut to LINES_TAG_MAX - 1 characters; copied. */
void lines_tag(struct lines *lines, unsigned source, const char *tag);

/* Text from a source. "\n" ends a line; the carriage return before it is added where a source with
 * a tag leaves it out. */
void lines_put(struct lines *lines, unsigned source, const char *text, size_t n);

/* What is held of a source appears, and its open line ends. */
void lines_finish(struct lines *lines, unsigned source);
