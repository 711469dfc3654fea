/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC: x2APIC where present, else xAPIC; the timer by TSC deadline where present, else
 * one-shot. Source: Intel SDM volume 3, "Advanced Programmable Interrupt Controller (APIC)".
 */
#pragma once

#include "hv/types.h"

/* Boot CPU, once: find out what there is; map the registers if they are in memory. */
void lapic_init(void);
/* Each CPU. */
void lapic_init_cpu(void);
/* Boot CPU: measure the one-shot timer against the TSC, if it is needed. */
void lapic_calibrate(uint64_t tsc_hz);

uint32_t lapic_id(void);
bool lapic_x2apic(void);
void lapic_eoi(void);

/* Send an interrupt to another CPU, or to this one. */
void lapic_ipi(uint32_t apic_id, unsigned vector);
/* INIT, and STARTUP with the page number of the code. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, unsigned page);

/* Interrupt VECTOR_TIMER at TSC `deadline`, at once if it has passed; a one-shot timer may be
 * early. */
void lapic_timer(uint64_t deadline);

/* Physical address of the registers. */
hpa_t lapic_base(void);
