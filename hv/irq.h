/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device interrupts: the pins of the IOAPICs, and message-signalled ones. Each is a semaphore of
 * the root task.
 */
#pragma once

#include "hv/types.h"

struct pd;

/* Make the semaphores and give them to the root task, from BH_SEL_IRQ on. All are masked. */
void irq_init(struct pd *root);

/* So many there are, pins first. */
unsigned irq_count(void);
unsigned irq_pins(void);

/* Deliver interrupt n to `cpu` and unmask it. For a message-signalled one *address and *data are
 * what the device must write. */
void irq_route(unsigned n, unsigned cpu, uint64_t *address, uint64_t *data);

/* Interrupt n has arrived at this CPU. */
void irq_arrived(unsigned n);

/* Someone waits for interrupt n: unmask it if it was masked at its arrival (level-triggered). */
void irq_rearm(unsigned n);
