/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls as functions, and the two instructions besides SYSENTER that user programs need.
 *
 * This is the one header of user level that holds inline assembly. Arguments, results and errors of
 * every call: docs/kernel-interface.md. All functions return the call's status; results that are
 * passed by pointer are written only on BH_OK, unless the comment says otherwise.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/status.h"
#include "hv/abi/syscall.h"
#include "hv/abi/utcb.h"
#include "hv/abi/vcpu.h"

#define BH_MSG_REGISTERS 5

/* A message: the register words, and how many words of the UTCB belong to it (0 to BH_UTCB_WORDS).
 * portal.asm relies on this layout. */
struct bh_msg {
    uint64_t w[BH_MSG_REGISTERS]; /* RSI, RAX, R8, R9, R10 */
    uint64_t words;
};

/* What a system call gives back. */
struct bh_result {
    enum bh_status status;
    uint64_t w[BH_MSG_REGISTERS]; /* RSI, RAX, R8, R9, R10 */
    uint64_t words;               /* UTCB words received */
};

/* The descriptor of a call. flags: 8 bits, words: 0 to BH_UTCB_WORDS, selector: 32 bits. */
static inline uint64_t bh_descriptor(enum bh_call call, uint32_t flags, uint64_t words,
                                     uint64_t selector)
{
    return (uint64_t)call | ((uint64_t)flags << BH_DESC_FLAGS_SHIFT) |
           (words << BH_DESC_WORDS_SHIFT) | (selector << BH_DESC_SELECTOR_SHIFT);
}

/* Any call: a to e are RSI, RAX, R8, R9, R10. The result is always written. */
static inline enum bh_status bh_syscall(uint64_t descriptor, uint64_t a, uint64_t b, uint64_t c,
                                        uint64_t d, uint64_t e, struct bh_result *result)
{
    register uint64_t r8 __asm__("r8") = c;
    register uint64_t r9 __asm__("r9") = d;
    register uint64_t r10 __asm__("r10") = e;
    register uint64_t r11 __asm__("r11");
    __asm__ volatile("mov %%rsp, %%rcx\n\t"
                     "lea 1f(%%rip), %%rdx\n\t"
                     "sysenter\n"
                     "1:"
                     : "+D"(descriptor), "+S"(a), "+a"(b), "+r"(r8), "+r"(r9), "+r"(r10), "=r"(r11)
                     :
                     : "rcx", "rdx", "cc", "memory");
    result->status = (enum bh_status)descriptor;
    result->w[0] = a;
    result->w[1] = b;
    result->w[2] = r8;
    result->w[3] = r9;
    result->w[4] = r10;
    result->words = r11;
    return result->status;
}

static inline enum bh_status bh_null(void)
{
    uint64_t descriptor = BH_CALL_NULL;
    __asm__ volatile("mov %%rsp, %%rcx\n\t"
                     "lea 1f(%%rip), %%rdx\n\t"
                     "sysenter\n"
                     "1:"
                     : "+D"(descriptor)
                     :
                     : "rcx", "rdx", "r11", "cc", "memory");
    return (enum bh_status)descriptor;
}

/* Calls a portal. m: the message, replaced by the reply on BH_OK. words: UTCB words to send;
 * m->words is ignored on the way in. */
static inline enum bh_status bh_call(uint64_t portal, uint32_t flags, uint64_t words,
                                     struct bh_msg *m)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_CALL, flags, words, portal), m->w[0], m->w[1], m->w[2],
               m->w[3], m->w[4], &r);
    if (r.status == BH_OK) {
        for (int i = 0; i < BH_MSG_REGISTERS; i++) {
            m->w[i] = r.w[i];
        }
        m->words = r.words;
    }
    return r.status;
}

/* quota: 4 KiB pages of kernel memory, taken from the caller's. */
static inline enum bh_status bh_create_pd(uint64_t sel, uint64_t quota)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_PD, 0, 0, sel), quota, 0, 0, 0, 0, &r);
}

/* rip 0 makes a portal handler; event: selector of the event portal or BH_SELECTOR_NONE. */
static inline enum bh_status bh_create_thread(uint64_t sel, uint64_t pd, uint32_t cpu,
                                              uint64_t utcb, uint64_t rip, uint64_t rsp,
                                              uint64_t event)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_EC, 0, 0, sel), pd | ((uint64_t)cpu << 32), utcb,
                      rip, rsp, event, &r);
}

/* state: where the struct bh_vcpu_state appears; vapic: where the virtual-APIC page appears, 0:
 * none. */
static inline enum bh_status bh_create_vcpu(uint64_t sel, uint64_t pd, uint32_t cpu, uint64_t state,
                                            uint64_t vapic, uint64_t event)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_EC, BH_EC_VCPU, 0, sel),
                      pd | ((uint64_t)cpu << 32), state, vapic, 0, event, &r);
}

/* budget, period: TSC ticks; period 0: none. Time partition 0. */
static inline enum bh_status bh_create_sc(uint64_t sel, uint64_t ec, uint32_t priority,
                                          uint64_t budget, uint64_t period)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_SC, 0, 0, sel), ec | ((uint64_t)priority << 32),
                      budget, period, 0, 0, &r);
}

static inline enum bh_status bh_create_pt(uint64_t sel, uint64_t ec, uint64_t rip, uint64_t id)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_PT, 0, 0, sel), ec, rip, id, 0, 0, &r);
}

static inline enum bh_status bh_create_sm(uint64_t sel, uint64_t count)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_CREATE_SM, 0, 0, sel), count, 0, 0, 0, 0, &r);
}

/* src, dst: first unit in the caller's space and at the destination; count: units. */
static inline enum bh_status bh_delegate(uint64_t pd, enum bh_space src_space,
                                         enum bh_space dst_space, uint32_t rights, uint64_t src,
                                         uint64_t dst, uint64_t count)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_DELEGATE, 0, 0, pd),
                      BH_DELEGATE_ARG(src_space, dst_space, rights), src, dst, count, 0, &r);
}

/* Bit 8 of RSI of BH_CALL_REVOKE. */
#define BH_REVOKE_SELF (1u << 8)

/* self: not 0 to take the range from the caller as well. */
static inline enum bh_status bh_revoke(enum bh_space space, uint64_t base, uint64_t count, int self)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_REVOKE, 0, 0, 0),
                      (uint64_t)space | (self ? BH_REVOKE_SELF : 0), base, 0, count, 0, &r);
}

/* object: enum bh_object in the object space, else 1 if held; rights: its permissions. */
static inline enum bh_status bh_lookup(enum bh_space space, uint64_t unit, uint64_t *object,
                                       uint64_t *rights)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_LOOKUP, 0, 0, 0), (uint64_t)space, unit, 0, 0, 0, &r);
    if (r.status == BH_OK) {
        *object = r.w[0];
        *rights = r.w[1];
    }
    return r.status;
}

/* quota, used: 4 KiB pages. */
static inline enum bh_status bh_pd_ctrl(uint64_t pd, uint64_t *quota, uint64_t *used)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_PD_CTRL, 0, 0, pd), 0, 0, 0, 0, 0, &r);
    if (r.status == BH_OK) {
        *quota = r.w[0];
        *used = r.w[1];
    }
    return r.status;
}

static inline enum bh_status bh_ec_recall(uint64_t ec)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_EC_CTRL, BH_EC_RECALL, 0, ec), 0, 0, 0, 0, 0, &r);
}

static inline enum bh_status bh_ec_set_event(uint64_t ec, uint64_t portal)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_EC_CTRL, BH_EC_SET_EVENT, 0, ec), portal, 0, 0, 0, 0,
                      &r);
}

#define BH_MTD_TABLE_WORDS ((BH_EXIT_REASONS * 4u + 7u) / 8u)

/* The MTD table, BH_EXIT_REASONS 32-bit entries, is in the data of the caller's UTCB. */
static inline enum bh_status bh_ec_set_mtd(uint64_t ec)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_EC_CTRL, BH_EC_SET_MTD, BH_MTD_TABLE_WORDS, ec), 0, 0,
                      0, 0, 0, &r);
}

/* Reads groups of state (BH_MTD_*) of a vCPU into its state page; it must wait for the reply to its
 * exit, on this CPU. */
static inline enum bh_status bh_ec_read(uint64_t ec, uint32_t groups)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_EC_CTRL, BH_EC_READ, 0, ec), groups, 0, 0, 0, 0, &r);
}

struct bh_sc_state {
    uint64_t consumed; /* TSC ticks */
    uint64_t priority, budget, period;
};

static inline enum bh_status bh_sc_read(uint64_t sc, struct bh_sc_state *state)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_SC_CTRL, BH_SC_READ, 0, sc), 0, 0, 0, 0, 0, &r);
    if (r.status == BH_OK) {
        *state = (struct bh_sc_state){r.w[0], r.w[1], r.w[2], r.w[3]};
    }
    return r.status;
}

static inline enum bh_status bh_sc_set(uint64_t sc, uint32_t priority, uint64_t budget,
                                       uint64_t period)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_SC_CTRL, BH_SC_SET, 0, sc), priority, budget, period, 0,
                      0, &r);
}

static inline enum bh_status bh_pt_set_id(uint64_t pt, uint64_t id)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_PT_CTRL, 0, 0, pt), id, 0, 0, 0, 0, &r);
}

static inline enum bh_status bh_sm_up(uint64_t sm)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_SM_CTRL, BH_SM_OP_UP, 0, sm), 0, 0, 0, 0, 0, &r);
}

/* deadline: a value of the TSC, or BH_NEVER. */
static inline enum bh_status bh_sm_down(uint64_t sm, uint64_t deadline)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_SM_CTRL, BH_SM_OP_DOWN, 0, sm), deadline, 0, 0, 0, 0,
                      &r);
}

/* Takes the whole count at once; count is written on BH_OK. */
static inline enum bh_status bh_sm_down_zero(uint64_t sm, uint64_t deadline, uint64_t *count)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_SM_CTRL, BH_SM_OP_DOWN_ZERO, 0, sm), deadline, 0, 0, 0, 0, &r);
    if (r.status == BH_OK) {
        *count = r.w[0];
    }
    return r.status;
}

static inline enum bh_status bh_irq_route(uint64_t sm, uint32_t cpu)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_IRQ_CTRL, 0, 0, sm), cpu, 0, 0, 0, 0, &r);
}

/* size: 1, 2 or 4 bytes. */
static inline enum bh_status bh_io_in(uint16_t port, uint32_t size, uint32_t *value)
{
    struct bh_result r;
    bh_syscall(bh_descriptor(BH_CALL_IO, size, 0, 0), port, 0, 0, 0, 0, &r);
    if (r.status == BH_OK) {
        *value = (uint32_t)r.w[0];
    }
    return r.status;
}

static inline enum bh_status bh_io_out(uint16_t port, uint32_t size, uint32_t value)
{
    struct bh_result r;
    return bh_syscall(bh_descriptor(BH_CALL_IO, size | BH_IO_OUT, 0, 0), port, value, 0, 0, 0, &r);
}

/* The time-stamp counter: the system's one clock. */
static inline uint64_t bh_rdtsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

struct bh_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

/* CPUID of the machine, not of a guest. */
static inline struct bh_cpuid bh_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct bh_cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}
