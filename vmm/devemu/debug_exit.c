/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug exit port: see debug_exit.h. It has no state of its own; all that it does is to cut the
 * value to what the guest has written.
 */
#include "vmm/devemu/debug_exit.h"

enum {
    BITS_PER_BYTE = 8,
    BITS_PER_WORD = 32,
};

static uint32_t ones(unsigned size)
{
    return UINT32_MAX >> (BITS_PER_WORD - BITS_PER_BYTE * size);
}

void debug_exit_init(struct debug_exit *port, void (*exit)(void *ctx, uint32_t value), void *ctx)
{
    port->exit = exit;
    port->ctx = ctx;
}

uint32_t debug_exit_read(struct debug_exit *port, unsigned offset, unsigned size, uint64_t now)
{
    (void)port;
    (void)offset;
    (void)now;
    return ones(size);
}

void debug_exit_write(struct debug_exit *port, unsigned offset, unsigned size, uint32_t value,
                      uint64_t now)
{
    (void)now;
    if (offset == 0) {
        port->exit(port->ctx, value & ones(size));
    }
}
