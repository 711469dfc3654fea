/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Batches the guest's output and feeds its input: see console.h. A semaphore's up costs as much as
 * a short call, so a character costs a ring access and a line costs one up.
 */
#include "vmm/console.h"

#include <string.h>

#include "vmm/lib/syscall.h"

/* Characters that are announced without waiting for the end of the line. */
#define BATCH (VM_RING_SIZE / 4)

/* How long a text of the VMM waits for room: turns of one millisecond. */
#define PRINT_TURNS   200u
#define PRINT_TURN_US UINT64_C(1000)

#define US_PER_SECOND UINT64_C(1000000)

void console_init(struct console *c, struct vm_rings *rings, uint32_t sel_wait, uint64_t tsc_hz,
                  uint64_t tsc_start)
{
    *c = (struct console){.sel_wait = sel_wait,
                          .us = tsc_hz / US_PER_SECOND,
                          .tsc_start = tsc_start,
                          .deadline = BH_NEVER};
    ring_init(&c->output, &rings->output);
    ring_init(&c->input, &rings->input);
}

void console_flush(struct console *c)
{
    if (c->waiting != 0)
        bh_sm_up(VM_SEL_OUTPUT);
    c->waiting = 0;
    c->deadline = BH_NEVER;
}

static uint64_t now_ticks(const struct console *c)
{
    return bh_rdtsc() - c->tsc_start;
}

/* `n` more characters are in the ring. */
static void announce(struct console *c, uint32_t n, bool line)
{
    if (c->waiting == 0)
        c->deadline = now_ticks(c) + CONSOLE_DELAY_US * c->us;
    c->waiting += n;
    if (line || c->waiting >= BATCH)
        console_flush(c);
}

bool console_tx(void *ctx, uint8_t byte)
{
    struct console *c = ctx;

    if (ring_put(&c->output, &byte, 1) == 0) {
        __atomic_store_n(&c->blocked, true, __ATOMIC_SEQ_CST);
        console_flush(c);
        return false;
    }
    announce(c, 1, byte == '\n');
    return true;
}

void console_print(struct console *c, const char *text)
{
    size_t left = strlen(text);

    for (unsigned turn = 0; left != 0 && turn < PRINT_TURNS; turn++) {
        size_t n = ring_put(&c->output, text, left);
        uint64_t count;

        text += n;
        left -= n;
        announce(c, (uint32_t)n, true);
        if (left != 0)
            bh_sm_down_zero(c->sel_wait, bh_rdtsc() + PRINT_TURN_US * c->us, &count);
    }
}

bool console_has_event(const struct console *c)
{
    return ring_used(&c->input) != 0 ||
           (__atomic_load_n(&c->blocked, __ATOMIC_SEQ_CST) && ring_room(&c->output) != 0);
}

void console_advance(struct console *c, struct uart16550 *uart, uint64_t now)
{
    uint8_t byte;

    if (c->blocked && ring_room(&c->output) != 0) {
        __atomic_store_n(&c->blocked, false, __ATOMIC_SEQ_CST);
        uart16550_tx_ready(uart);
    }
    while (uart16550_rx_room(uart) && ring_get(&c->input, &byte, 1) != 0)
        (void)uart16550_rx(uart, byte, now);
    if (now >= c->deadline)
        console_flush(c);
}
