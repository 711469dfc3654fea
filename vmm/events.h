/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event thread: waits for the console's semaphore and gets the exit handler's attention,
 * wherever the vCPU is. It touches no device: these belong to the exit handler alone.
 */
#pragma once

struct vm;

/* The thread's life. */
_Noreturn void events_run(struct vm *vm);
