/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A processor's local APIC: xAPIC by MMIO, x2APIC by MSR.
 *
 * Models: IA32_APIC_BASE with the legal mode transitions, software enable, ID/LDR/DFR and
 * destination matching, TPR, APR, PPR, ISR/IRR/TMR, EOI, ICR with shorthands, LVT timer, LINT0,
 * LINT1, error, thermal and performance (the last two have no source here), error status, timer
 * with IA32_TSC_DEADLINE. Version 0x14, six LVT entries. Does not model: relocation of the register
 * page (#GP), a writable APIC ID (model specific: a write is ignored), CMCI, suppression of EOI
 * broadcasts, SMI and INIT requests by LINT pins, sub-dword writes. Manual: Intel SDM volume 3,
 * chapter "Advanced Programmable Interrupt Controller (APIC)", and "APIC Virtualization and Virtual
 * Interrupts" for the register page.
 *
 * All architectural registers live in a 4 KiB page in the hardware's layout, owned by the caller.
 * With hardware APIC virtualization that page is the CPU's virtual-APIC page, and TPR, PPR, IRR,
 * ISR and what the guest writes change behind the model's back; the model derives everything from
 * the page each time. Two registers are only current after a read through the model: current count
 * (0x390) and APR. In x2APIC mode the MSR bitmap must therefore intercept reads of 0x839.
 *
 * Callers serialise the calls for one APIC, lapic_accept excepted: its updates are atomic and it
 * may come from another thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/devemu/lapic_timer.h"

#define LAPIC_BASE      UINT64_C(0xfee00000) /* where the page is, in guest-physical memory */
#define LAPIC_PAGE_SIZE 4096U
#define LAPIC_BROADCAST UINT32_MAX

#define LAPIC_MSR_APIC_BASE    0x01bU
#define LAPIC_MSR_TSC_DEADLINE 0x6e0U
#define LAPIC_MSR_X2APIC_FIRST 0x800U
#define LAPIC_MSR_X2APIC_LAST  0x8ffU

/* Byte offsets in the page; an x2APIC MSR is 0x800 + offset / 16. */
enum lapic_offset {
    LAPIC_ID = 0x020,
    LAPIC_VERSION = 0x030,
    LAPIC_TPR = 0x080,
    LAPIC_APR = 0x090,
    LAPIC_PPR = 0x0a0,
    LAPIC_EOI = 0x0b0,
    LAPIC_RRD = 0x0c0,
    LAPIC_LDR = 0x0d0,
    LAPIC_DFR = 0x0e0,
    LAPIC_SVR = 0x0f0,
    LAPIC_ISR = 0x100, /* eight registers of 32 vectors each, 16 bytes apart; TMR and IRR too */
    LAPIC_TMR = 0x180,
    LAPIC_IRR = 0x200,
    LAPIC_ESR = 0x280,
    LAPIC_ICR_LOW = 0x300,
    LAPIC_ICR_X2APIC_HIGH = 0x304, /* high half of the 64-bit ICR, x2APIC mode */
    LAPIC_ICR_HIGH = 0x310,        /* xAPIC mode */
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_THERMAL = 0x330,
    LAPIC_LVT_PERFORMANCE = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_INITIAL_COUNT = 0x380,
    LAPIC_CURRENT_COUNT = 0x390,
    LAPIC_DIVIDE = 0x3e0,
    LAPIC_SELF_IPI = 0x3f0, /* x2APIC mode only */
};

/* Delivery modes of LVT, ICR, IOAPIC and MSI; values as in their bits 10:8. */
enum lapic_delivery {
    LAPIC_DELIVERY_FIXED = 0,
    LAPIC_DELIVERY_LOWEST = 1,
    LAPIC_DELIVERY_SMI = 2,
    LAPIC_DELIVERY_NMI = 4,
    LAPIC_DELIVERY_INIT = 5,
    LAPIC_DELIVERY_SIPI = 6, /* ICR only */
    LAPIC_DELIVERY_EXTINT = 7,
};

enum lapic_shorthand {
    LAPIC_SHORTHAND_NONE = 0,
    LAPIC_SHORTHAND_SELF = 1,
    LAPIC_SHORTHAND_ALL = 2,
    LAPIC_SHORTHAND_OTHERS = 3,
};

enum lapic_mode { LAPIC_MODE_DISABLED, LAPIC_MODE_XAPIC, LAPIC_MODE_X2APIC };

/*
 * An interprocessor interrupt to deliver. The mode is one of FIXED, LOWEST, SMI, NMI, INIT, SIPI;
 * all are edge triggered. The shorthand is NONE (to every APIC that lapic_matches, the sender's own
 * included; LOWEST: to one of these) or OTHERS.
 */
struct lapic_ipi {
    enum lapic_delivery mode;
    enum lapic_shorthand shorthand;
    uint32_t destination; /* for lapic_matches; broadcasts of either mode are LAPIC_BROADCAST */
    bool logical;
    uint8_t vector; /* SIPI: the start page */
};

/* Each may be NULL: then nobody listens. They are called with the APIC's registers already up to
 * date. */
struct lapic_output {
    void *ctx;
    void (*icr)(void *ctx, const struct lapic_ipi *ipi);
    void (*eoi)(void *ctx, unsigned vector); /* of a level-triggered interrupt: for the IOAPICs */
    void (*nmi)(void *ctx);                  /* a LINT pin requests an NMI of this CPU */
};

struct lapic_config {
    uint32_t *page;  /* LAPIC_PAGE_SIZE bytes, aligned to 4 at least; stays the caller's, outlives
                        the APIC */
    uint32_t id;     /* initial APIC ID, 0 to 254 */
    bool bsp;        /* the BSP flag of IA32_APIC_BASE */
    uint64_t tsc_hz; /* of `now`; below 2^57 */
    uint64_t bus_hz; /* of the APIC timer with divide 1 */
    struct lapic_output output;
};

struct lapic {
    /* For whoever keeps the processor's copies in step; the model sets them, the caller clears. */
    bool requests_changed; /* IRR or ISR: lapic_highest_irr and lapic_highest_isr */
    bool routing_changed;  /* TMR or mode: lapic_eoi_exits and lapic_mode */

    /* Private to lapic.c. */
    struct lapic_config config;
    uint64_t base;   /* IA32_APIC_BASE */
    uint32_t errors; /* found since the last write of the ESR */
    uint32_t
        timer_lvt; /* the LVT timer register in force: the page may already hold its successor */
    uint8_t lint_levels;  /* bit n: level of LINTn */
    bool lint_remote_irr; /* of LINT0: the page's copy can be overwritten by the guest */
    struct lapic_timer timer;
};

/* Copies the configuration and performs a power-up reset. */
void lapic_init(struct lapic *l, const struct lapic_config *config);

/* Power-up or RESET: xAPIC mode, software-disabled, everything masked. "Local APIC State After
 * Power-Up or Reset". */
void lapic_reset(struct lapic *l);

/* INIT: as after power-up, but IA32_APIC_BASE (so the mode) and the APIC ID stay. "Local APIC State
 * After It Receives an INIT" */
void lapic_receive_init(struct lapic *l);

/* What a PC's firmware leaves on the BSP: software-enabled, LINT0 ExtINT, LINT1 NMI (virtual wire
 * mode of the MP specification). */
void lapic_virtual_wire(struct lapic *l);

#define LAPIC_BASE_EXTD   (UINT64_C(1) << 10)
#define LAPIC_BASE_ENABLE (UINT64_C(1) << 11)

static inline enum lapic_mode lapic_mode(const struct lapic *l)
{
    if ((l->base & LAPIC_BASE_ENABLE) == 0)
        return LAPIC_MODE_DISABLED;
    return (l->base & LAPIC_BASE_EXTD) != 0 ? LAPIC_MODE_X2APIC : LAPIC_MODE_XAPIC;
}

/*
 * Memory-mapped registers, xAPIC mode only: otherwise reads are all ones and writes are ignored.
 * Offset in bytes from LAPIC_BASE. A register is its first 4 of 16 bytes: reads inside them, of 1,
 * 2 or 4 bytes, and aligned 4-byte writes are decoded. Reserved registers read 0 and set the
 * illegal-register bit of the ESR.
 */
uint64_t lapic_mmio_read(struct lapic *l, unsigned offset, unsigned size, uint64_t now);
void lapic_mmio_write(struct lapic *l, unsigned offset, unsigned size, uint64_t value,
                      uint64_t now);

/*
 * IA32_APIC_BASE, IA32_TSC_DEADLINE (in ticks of `now`), and 0x800 to 0x8ff. False: the guest gets
 * #GP(0): not an MSR of these, not in x2APIC mode, no such register or direction, a reserved bit,
 * an illegal mode transition, or another base than LAPIC_BASE.
 */
bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value, uint64_t now);
bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value, uint64_t now);

/* IA32_TSC_DEADLINE := tsc, without a way back: what lapic_msr_write does with it. */
void lapic_set_tsc_deadline(struct lapic *l, uint64_t tsc, uint64_t now);

/* Does a message go to this APIC? "Determining IPI Destination". An 8-bit destination 0xff is a
 * broadcast to an xAPIC. */
bool lapic_matches(const struct lapic *l, uint32_t destination, bool logical);

/*
 * An interrupt message (fixed or lowest priority) or MSI arrives: sets IRR and TMR. False: not
 * accepted (APIC disabled in hardware or software, or a vector below 16, which the ESR records).
 * May be called from any thread, but not while hardware virtual-interrupt delivery runs the guest
 * on this page: recall the vCPU first.
 */
bool lapic_accept(struct lapic *l, unsigned vector, bool level);

/* LINT0 (pin 0) or LINT1 (pin 1) changes. ExtINT is not delivered from here: see
 * lapic_accepts_extint. */
void lapic_lint(struct lapic *l, unsigned pin, bool level);

/* True when the 8259A's INTR reaches the CPU: LINT0 unmasked with ExtINT, or APIC globally
 * disabled. */
bool lapic_accepts_extint(const struct lapic *l);

/* The CPU without hardware interrupt delivery: highest vector of a class above PPR (-1: none), and
 * its acknowledgement. */
int lapic_pending(const struct lapic *l);
void lapic_ack(struct lapic *l, unsigned vector);

/* TPR for CR8 (which holds its bits 7:4) and the TPR threshold. PPR also for lowest-priority
 * arbitration. */
uint8_t lapic_tpr(const struct lapic *l);
void lapic_set_tpr(struct lapic *l, uint8_t tpr);
uint8_t lapic_ppr(const struct lapic *l);

/* With hardware interrupt delivery: what RVI and SVI start from (-1: none). */
int lapic_highest_irr(const struct lapic *l);
int lapic_highest_isr(const struct lapic *l);

/* VMCS field EOI-exit bitmap `word` (0 to 3): the level-triggered vectors, whose EOI the IOAPIC
 * must see. */
uint64_t lapic_eoi_exits(const struct lapic *l, unsigned word);

/* EOI-induced VM exit: the CPU has already cleared the ISR bit. */
void lapic_eoi_done(struct lapic *l, unsigned vector);

/* APIC-write VM exit: the page already holds the value; drops reserved bits and performs the side
 * effects. Offset in bytes. */
void lapic_write_done(struct lapic *l, unsigned offset, uint64_t now);

/* TSC at which lapic_advance must be called next, UINT64_MAX: none. Ask again after every call that
 * took `now` and after resets. */
uint64_t lapic_deadline(const struct lapic *l);
void lapic_advance(struct lapic *l, uint64_t now);
