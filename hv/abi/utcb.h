/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user thread control block: one page per thread, written by the thread and, when a message or
 * an event arrives, by the kernel. It is memory of the kernel's pool that is mapped into the
 * thread's protection domain.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/syscall.h"

#define BH_UTCB_SIZE  4096u
#define BH_UTCB_WORDS 504u /* data words: 4,032 bytes */

/* One range of capabilities that travels with a message (BH_FLAG_TRANSFER). */
struct bh_transfer {
    uint32_t space;  /* enum bh_space: MEM goes to MEM, OBJ to OBJ, PIO to PIO */
    uint32_t rights; /* the most that the receiver gets */
    uint32_t count;  /* units: pages, selectors or ports */
    uint32_t
        status;    /* window: enum bh_status of the transfer, written by the kernel, as is count */
    uint64_t base; /* sender: first unit in the sender's space; receiver: where the window begins */
};

struct bh_utcb {
    struct bh_transfer send; /* what this thread passes on with its next message */
    struct bh_transfer
        window;           /* where, and how much at most, this thread accepts; count 0: nothing */
    uint64_t reserved[2]; /* zero */
    uint64_t data[BH_UTCB_WORDS];
};

_Static_assert(sizeof(struct bh_utcb) == BH_UTCB_SIZE, "kernel and user agree on one page");

/*
 * What the event portal of a thread receives in its UTCB's data when the thread raises an
 * exception. RSI of the message is the exception vector. A reply with bit 0 of RSI set writes rip,
 * rsp, rflags and gpr back and resumes the thread; a handler that does not want that simply never
 * replies, or destroys the thread.
 */
struct bh_thread_state {
    uint64_t gpr[15]; /* r15 .. r8, rdi, rsi, rbp, rdx, rcx, rbx, rax */
    uint64_t rip, rsp, rflags;
    uint64_t vector, error, cr2;
};
