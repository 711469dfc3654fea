/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the micro benchmark's files share: an operation that is measured or, for bench/trace,
 * repeated for ever; where its results go; and which selectors and addresses each part of the
 * program uses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/lib/syscall.h"

/* Selectors, behind the interrupts'. */
enum { SEL_IPC = 0x4000, SEL_WAKE = 0x4010, SEL_GUEST = 0x4020 };

/* UTCBs of the threads that the parts create, and the vCPU's state page. */
#define UTCB_SAME_PD  (BH_ROOT_UTCB + 1 * BH_UTCB_SIZE)
#define UTCB_OTHER_PD (BH_ROOT_UTCB + 2 * BH_UTCB_SIZE) /* in the other protection domain */
#define UTCB_WAKE     (BH_ROOT_UTCB + 3 * BH_UTCB_SIZE)
#define UTCB_EXITS    (BH_ROOT_UTCB + 4 * BH_UTCB_SIZE)
#define VCPU_STATE    (BH_ROOT_UTCB + 5 * BH_UTCB_SIZE)

#define ROUNDS         1000u
#define ROUNDS_FOREVER UINT32_MAX

#define PAGE_SHIFT 12u

/* An operation. Its name is that of its figure and of bench/trace. */
struct operation {
    const char *name;
    void (*run)(void);
};

/* The least number of ticks that one of ROUNDS runs took, the measurement itself subtracted. */
uint64_t micro_least(void (*run)(void));

/* Prints `FIGURE name ticks`. */
void micro_figure(const char *name, uint64_t ticks);

/* Ends the program with a line if a status is not BH_OK. */
void micro_need(enum bh_status status, const char *what);

/* Each prepares the operations of a part; the parts' tables end with a NULL name. */
const struct operation *ipc_prepare(void);
const struct operation *wake_prepare(void);

/* From before the call that wakes a higher-priority thread to that thread's first instruction, the
 * least of ROUNDS. */
uint64_t wake_latency(void);

/* Runs the small guests of guest.asm, or the one of that name for ever; false: there is none of
 * that name. */
void guest_measure(void);
bool guest_repeat(const char *name);
