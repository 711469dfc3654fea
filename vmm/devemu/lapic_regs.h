/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lapic.c (interrupts: acceptance, priorities, pins, destinations) and lapic_regs.c (register
 * access, modes, timer) share. Private to these two: everyone else includes lapic.h. Manual: Intel
 * SDM volume 3, "Local Vector Table", "Interrupt Command Register (ICR)", "Error Handling".
 */
#pragma once

#include "vmm/devemu/lapic.h"

#define LAPIC_REGISTER_STRIDE    16U
#define LAPIC_VECTOR_MASK        0xffU
#define LAPIC_FIRST_LEGAL_VECTOR 16U
#define LAPIC_PRIORITY_CLASS     0xf0U

#define LAPIC_XAPIC_ID_SHIFT       24
#define LAPIC_XAPIC_BROADCAST      0xffU
#define LAPIC_X2APIC_CLUSTER_SHIFT 16

#define LAPIC_BASE_BSP (UINT64_C(1) << 8)

#define LAPIC_SVR_ENABLE UINT32_C(0x100)

/* LVT entries, and the fields that the low half of the ICR shares with them. */
#define LAPIC_DELIVERY_SHIFT  8
#define LAPIC_DELIVERY_MASK   7U
#define LAPIC_DELIVERY_STATUS UINT32_C(0x1000) /* read-only, always idle here */
#define LAPIC_LVT_POLARITY    UINT32_C(0x2000)
#define LAPIC_LVT_REMOTE_IRR  UINT32_C(0x4000) /* read-only */
#define LAPIC_LVT_LEVEL       UINT32_C(0x8000)
#define LAPIC_LVT_MASKED      UINT32_C(0x10000)

enum lapic_error {
    LAPIC_ERROR_SEND_ILLEGAL_VECTOR = 0x20,
    LAPIC_ERROR_RECEIVE_ILLEGAL_VECTOR = 0x40,
    LAPIC_ERROR_ILLEGAL_REGISTER = 0x80,
};

/* The register at a byte offset of the page. */
static inline uint32_t *lapic_regs_at(const struct lapic *l, unsigned offset)
{
    return &l->config.page[offset / sizeof(uint32_t)];
}

static inline bool lapic_regs_software_enabled(const struct lapic *l)
{
    return (*lapic_regs_at(l, LAPIC_SVR) & LAPIC_SVR_ENABLE) != 0;
}

static inline enum lapic_delivery lapic_regs_delivery(uint32_t lvt)
{
    return (enum lapic_delivery)((lvt >> LAPIC_DELIVERY_SHIFT) & LAPIC_DELIVERY_MASK);
}

/* Collects an error for the ESR and raises the error interrupt where it is armed. */
void lapic_report_error(struct lapic *l, enum lapic_error error);

/* The guest ends the highest interrupt in service. */
void lapic_end_of_interrupt(struct lapic *l);

/* The arbitration priority register. */
uint8_t lapic_apr(const struct lapic *l);

/* Brings the PPR in the page up to date after TPR or ISR have changed. */
void lapic_update_ppr(struct lapic *l);

/* The LVT entry of LINT0 has been written: keeps its remote IRR and takes a level that is already
 * asserted. */
void lapic_lint0_written(struct lapic *l);
