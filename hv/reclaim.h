/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred reclamation: memory of dead objects is freed after every CPU has passed a point outside
 * the kernel. That costs nothing on any hot path: CPUs are asked by an interrupt, which by its
 * arrival proves that they were outside.
 */
#pragma once

#include "hv/object.h"

struct ec;

/* Free o (object_free) when no CPU can hold a pointer to it any more. */
void reclaim_defer(struct object *o);

/* This CPU has come from outside the kernel: called by the handler of the interrupt. */
void reclaim_quiescent(void);

/* Count of things under way: a kill that waits for its CPU, memory that waits for its grace period.
 */
void reclaim_begin(void);
void reclaim_end(void);

/*
 * Let `ec`, the current thread, wait until nothing is under way. Returns true when there was
 * nothing to wait for. When false, the thread is queued; the caller must block it.
 */
bool reclaim_wait(struct ec *ec);
