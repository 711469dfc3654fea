/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM's console: what the guest's 16550A sends goes into the output ring, what comes in the
 * input ring goes to the 16550A as fast as its FIFO takes it. The root partition manager is told of
 * output in batches, not of every character: at the end of a line, when a quarter of the ring
 * waits, when the guest halts, or after CONSOLE_DELAY_US. When the ring is full, the 16550A does
 * not get rid of its characters, as if its line were held up: the guest waits or does not, as it
 * would on a PC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/uart16550.h"
#include "vmm/lib/ring.h"

/* A character that nothing follows is shown after this time, microseconds. */
#define CONSOLE_DELAY_US UINT64_C(5000)

struct console {
    struct ring_end output; /* producer */
    struct ring_end input;  /* consumer */
    uint32_t sel_wait;      /* a semaphore, to wait on for a while */
    uint64_t us;            /* ticks in a microsecond */
    uint64_t tsc_start;     /* host TSC at time zero */
    uint64_t deadline; /* ticks at which the waiting output is announced; BH_NEVER: none waits */
    uint32_t waiting;  /* characters put since the last announcement */
    bool blocked;      /* the UART holds characters for which there was no room: atomic */
};

/* sel_wait: a semaphore of this thread; tsc_hz: ticks a second; tsc_start: host TSC at which ticks
 * count from. */
void console_init(struct console *c, struct vm_rings *rings, uint32_t sel_wait, uint64_t tsc_hz,
                  uint64_t tsc_start);

/* One character of the guest: a uart16550_sink, ctx is the struct console. False: no room,
 * c->blocked. */
bool console_tx(void *ctx, uint8_t byte);

/* A text of the VMM. Waits for room, but not for ever: what finds none is lost. */
void console_print(struct console *c, const char *text);

/* Announces what waits. */
void console_flush(struct console *c);

/* Is there input that the UART has not got, or room for output that it could not send? May be
 * called by any thread. */
bool console_has_event(const struct console *c);

/*
 * Moves input and output between rings and UART as far as they have room, and announces output that
 * has waited long enough at `now` (ticks). The next call is due at c->deadline at the latest.
 */
void console_advance(struct console *c, struct uart16550 *uart, uint64_t now);
