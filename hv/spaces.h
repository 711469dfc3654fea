/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of all capability and mapping spaces: who derived what from whom crosses protection
 * domains. It is held for a bounded step of a delegation or revocation, never on a path that only
 * uses capabilities. Taking translations away from other CPUs happens under it; a CPU that waits
 * for it therefore answers such requests while it waits.
 */
#pragma once

#include "hv/types.h"

struct pd;

void spaces_lock(void);
void spaces_unlock(void);

/* Under the lock: make all CPUs forget what they cached of pd's host and guest translations;
 * returns when they have. */
void spaces_shootdown(struct pd *pd);

/* Answer a request of another CPU. */
void spaces_serve(void);
