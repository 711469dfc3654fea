/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of several sources on one console; the header says how they are kept apart.
 */
#include "vmm/root/lines.h"

#include <string.h>

void lines_init(struct lines *lines, void (*put)(void *ctx, char c), void *ctx)
{
    *lines = (struct lines){.put = put, .ctx = ctx};
}

void lines_tag(struct lines *lines, unsigned source, const char *tag)
{
    char *to = lines->source[source].tag;
    size_t n = 0;
    while (n < LINES_TAG_MAX - 1 && tag[n] != '\0') {
        to[n] = tag[n];
        n++;
    }
    to[n] = '\0';
}

static void put_text(struct lines *lines, const char *text)
{
    for (; *text != '\0'; text++) {
        lines->put(lines->ctx, *text);
    }
}

static void break_off(struct lines *lines)
{
    put_text(lines, "\r\n");
    lines->open = false;
}

static void emit(struct lines *lines, unsigned source, char c)
{
    bool tagged = lines->source[source].tag[0] != '\0';
    if (lines->open && lines->owner != source) {
        break_off(lines);
    }
    if (!lines->open && tagged) {
        if (c == '\r') {
            return; /* the line end of a tagged source is made here */
        }
        put_text(lines, lines->source[source].tag);
    }
    if (c == '\n' && tagged && !(lines->open && lines->returned)) {
        lines->put(lines->ctx, '\r');
    }
    lines->put(lines->ctx, c);
    lines->owner = source;
    lines->returned = c == '\r';
    lines->open = c != '\n' && (lines->open || c != '\r');
}

static void release(struct lines *lines, unsigned source)
{
    struct lines_source *s = &lines->source[source];
    for (size_t i = 0; i < s->held_count; i++) {
        emit(lines, source, s->held[i]);
    }
    s->held_count = 0;
}

void lines_put(struct lines *lines, unsigned source, const char *text, size_t n)
{
    struct lines_source *s = &lines->source[source];
    for (size_t i = 0; i < n; i++) {
        if (source == lines->front && s->held_count == 0) {
            emit(lines, source, text[i]);
            continue;
        }
        s->held[s->held_count++] = text[i];
        if (text[i] == '\n' || s->held_count == LINES_HELD_MAX || source == lines->front) {
            release(lines, source);
        }
    }
}

void lines_finish(struct lines *lines, unsigned source)
{
    release(lines, source);
    if (lines->open && lines->owner == source) {
        break_off(lines);
    }
}
