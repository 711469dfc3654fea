/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU in a domain of its own, with 64 KiB of memory and the code of guest.asm, driven by a
 * script: a function that sees each exit and says which groups it has changed.
 */
#pragma once

#include "tests/system/calls/test.h"

#define GUEST_CODE      0x1000u /* guest-physical */
#define GUEST_PAGES     16u
#define GUEST_RESULT    0x500u /* as in guest.asm */
#define GUEST_COUNT     0x510u
#define GUEST_COUNTER   0x6000u
#define GUEST_VECTOR    0x20u
#define GUEST_NO_MEMORY 0x20010u
#define GUEST_TURNS     3000u
#define GUEST_LOG       40u
#define GUEST_VALUES    24u

/* Kept in the memory that all domains share. */
struct vcpu {
    struct bh_vcpu_state *state; /* in its own domain only */
    uint32_t (*script)(struct vcpu *);
    uint64_t entry; /* guest-physical */
    uint32_t pd, ec, sc, pt, handler;
    uint32_t exits, stopped, stop;
    uint32_t reason[GUEST_LOG];
    uint64_t value[GUEST_VALUES]; /* for scripts and their tests */
    uint64_t ebx, rflags;         /* at the start; interrupts are on unless the test says so */
    uint8_t *memory;              /* the guest's, in this domain */
    uint64_t memory_page;
};

extern const uint8_t guest_code[], guest_code_end[], guest_tour[], guest_after_ept[], guest_spin[],
    guest_calls[], guest_count[], guest_interrupts[], guest_interrupt[], guest_msr[], guest_fpu[];

/* Where a piece of guest.asm lies in the guest. */
static inline uint64_t guest_at(const uint8_t *piece)
{
    return GUEST_CODE + ((uintptr_t)piece - (uintptr_t)guest_code);
}

/* A vCPU that will begin at `piece`, all groups moving at every exit. vapic: with a virtual-APIC
 * page. */
struct vcpu *guest_create(uint32_t cpu, const uint8_t *piece, uint32_t (*script)(struct vcpu *));
/* Sets its MTD table: mtd for all exits. */
void guest_mtd(struct vcpu *v, uint32_t mtd);
/* Gives it time: PRIO_LOW. */
void guest_start(struct vcpu *v);
/* Both, and waits until the script has stopped it. */
struct vcpu *guest_run(uint32_t cpu, const uint8_t *piece, uint32_t (*script)(struct vcpu *));
bool guest_wait(struct vcpu *v);
void guests_reset(void);

/* For scripts. Ends the guest: the exit is never answered. */
uint32_t guest_stop(struct vcpu *v);
/* Goes on behind the instruction that has exited. */
uint32_t guest_next(struct vcpu *v);
/* A 32-bit word of guest memory. */
uint32_t guest_word(const struct vcpu *v, uint32_t address);
