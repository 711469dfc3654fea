/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug exit port of test machines: a guest that writes a number to it is done, and the number
 * is its result.
 *
 * Models: one port that takes writes of every size. Does not model: any reply; it reads all ones.
 * No datasheet: emulators agree on the port (F4h) only; what the number means is between test and
 * harness.
 */
#pragma once

#include <stdint.h>

enum {
    DEBUG_EXIT_PORT = 0xf4,
    DEBUG_EXIT_PORTS = 4,
};

/* exit is called on each write, with the value cut to the access's size; it may return. */
struct debug_exit {
    void (*exit)(void *ctx, uint32_t value);
    void *ctx;
};

void debug_exit_init(struct debug_exit *port, void (*exit)(void *ctx, uint32_t value), void *ctx);

/* Register access: writes at offset 0 count, others are ignored; now (TSC) is not used. */
uint32_t debug_exit_read(struct debug_exit *port, unsigned offset, unsigned size, uint64_t now);
void debug_exit_write(struct debug_exit *port, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now);
