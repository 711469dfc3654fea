/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: a ring in memory that the root task can read, and until the root task starts
 * (or when the kernel cannot go on) also the first serial line and the VGA text screen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bh_log;

/* Set up the serial line (115200 8N1) and clear the screen. `screen`: there is a VGA text screen.
 */
void log_init(bool screen);

/* One line. Conversions: %s %c %u (unsigned) %lu (uint64_t) %x (unsigned) %lx (uint64_t), widths
 * for %x as in %08x. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on the ring only: the devices belong to the root task. */
void log_hand_over(void);

/* The ring: whole pages, in the kernel image. */
struct bh_log *log_ring(void);

/* Say why on every console and stop this machine for ever. Powers off where an emulator offers it.
 */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
