/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls: how they are encoded, their numbers, and the permissions they ask for.
 *
 * A call is made with SYSENTER. In: RDI = descriptor (below), arguments or message words in RSI,
 * RAX, R8, R9, R10, RCX = the stack pointer and RDX = the instruction pointer to return to (Intel
 * SDM, "SYSEXIT"). Out: RDI = enum bh_status, results or message words in RSI, RAX, R8, R9, R10;
 * R11 = number of UTCB words received. RBX, RBP and R12 to R15 are preserved; RCX, RDX and RFLAGS
 * are not, and the direction flag is clear.
 *
 * The descriptor: bits 7:0 call number, 15:8 flags, 31:16 number of UTCB data words, 63:32
 * selector.
 */
#pragma once

#include <stdint.h>

enum bh_call {
    BH_CALL_CALL = 0,  /* call a portal and wait for the reply */
    BH_CALL_REPLY,     /* reply to the caller, if any, and wait for the next message */
    BH_CALL_NULL,      /* does nothing: the cost of the way in and out */
    BH_CALL_CREATE_PD, /* protection domain */
    BH_CALL_CREATE_EC, /* execution context: thread or vCPU */
    BH_CALL_CREATE_SC, /* scheduling context */
    BH_CALL_CREATE_PT, /* portal */
    BH_CALL_CREATE_SM, /* semaphore */
    BH_CALL_DELEGATE,  /* give a range of capabilities to a protection domain */
    BH_CALL_REVOKE,    /* take a range back, and all that was derived from it */
    BH_CALL_LOOKUP,    /* what does a selector, page or port name? */
    BH_CALL_PD_CTRL,   /* quota in use and limit */
    BH_CALL_EC_CTRL,   /* recall, event portal, MTD table */
    BH_CALL_SC_CTRL,   /* priority, budget, period; time consumed */
    BH_CALL_PT_CTRL,   /* portal id */
    BH_CALL_SM_CTRL,   /* up, down */
    BH_CALL_IRQ_CTRL,  /* route an interrupt to a CPU; unmask it */
    BH_CALL_IO,        /* port input and output, within the caller's port space */
    BH_CALL_COUNT
};

#define BH_DESC_FLAGS_SHIFT    8
#define BH_DESC_WORDS_SHIFT    16
#define BH_DESC_SELECTOR_SHIFT 32

/* Flags of BH_CALL_CALL. */
#define BH_FLAG_NO_WAIT  (1u << 0) /* BH_ERR_BUSY instead of helping a busy callee */
/* Flags of BH_CALL_CALL and BH_CALL_REPLY. */
#define BH_FLAG_TRANSFER (1u << 1) /* the UTCB's transfer item goes with the message */

/* Selectors and their space. */
#define BH_SELECTORS     65536u  /* selectors in one capability space */
#define BH_SELECTOR_NONE 0xFFFFu /* stands for "no capability" where an argument is optional */

/* Object types, as BH_CALL_LOOKUP reports them. */
enum bh_object { BH_OBJ_NONE = 0, BH_OBJ_PD, BH_OBJ_EC, BH_OBJ_SC, BH_OBJ_PT, BH_OBJ_SM };

/* Permissions in a capability. Delegation can clear them, nothing can set them. */
#define BH_PD_CREATE   (1u << 0) /* create ECs in it, pay objects from its quota */
#define BH_PD_DELEGATE (1u << 1) /* delegate into it */
#define BH_PD_CTRL     (1u << 2) /* read its quota */
#define BH_EC_CTRL     (1u << 0) /* recall, event portal, MTD table */
#define BH_EC_BIND_SC  (1u << 1) /* attach a scheduling context */
#define BH_EC_BIND_PT  (1u << 2) /* attach portals; use it as event handler */
#define BH_SC_CTRL     (1u << 0)
#define BH_PT_CTRL     (1u << 0)
#define BH_PT_CALL     (1u << 1)
#define BH_PT_EVENT    (1u << 2) /* may serve as an event portal */
#define BH_SM_UP       (1u << 0)
#define BH_SM_DOWN     (1u << 1)
#define BH_SM_IRQ      (1u << 2) /* route the interrupt behind it */
#define BH_RIGHTS_ALL  0x1Fu

/* Spaces that ranges are delegated from, to and revoked in. */
enum bh_space {
    BH_SPACE_OBJ = 0, /* capabilities; unit: selector */
    BH_SPACE_MEM,     /* host virtual memory; unit: 4 KiB page number */
    BH_SPACE_GUEST,   /* guest-physical memory (EPT); unit: 4 KiB page number */
    BH_SPACE_PIO,     /* I/O ports; unit: port */
    BH_SPACE_COUNT
};

/* Rights of memory; a right that is not given is taken away. */
#define BH_MEM_R (1u << 0)
#define BH_MEM_W (1u << 1)
#define BH_MEM_X (1u << 2)

/* BH_CALL_DELEGATE, RSI: source space 7:0, destination space 15:8, rights 23:16. */
#define BH_DELEGATE_ARG(src, dst, rights) \
    ((uint64_t)(src) | ((uint64_t)(dst) << 8) | ((uint64_t)(rights) << 16))

/* BH_CALL_CREATE_EC, flags. */
#define BH_EC_VCPU (1u << 0) /* a vCPU instead of a thread */

/* BH_CALL_EC_CTRL, flags: the operation. */
enum bh_ec_op { BH_EC_RECALL = 0, BH_EC_SET_EVENT, BH_EC_SET_MTD, BH_EC_READ };

/* BH_CALL_SC_CTRL, flags: the operation. */
enum bh_sc_op { BH_SC_READ = 0, BH_SC_SET };

/* BH_CALL_SM_CTRL, flags: the operation. */
enum bh_sm_op { BH_SM_OP_UP = 0, BH_SM_OP_DOWN, BH_SM_OP_DOWN_ZERO };

/* BH_CALL_IO, flags: operand size in bytes (1, 2, 4), with BH_IO_OUT for output. */
#define BH_IO_OUT (1u << 7)

/* Scheduling parameters. Time is in TSC ticks everywhere. */
#define BH_PRIO_MIN     1u
#define BH_PRIO_MAX     255u
#define BH_BUDGET_MIN   1000u      /* ticks; shorter than a switch makes no sense */
#define BH_NEVER        UINT64_MAX /* a deadline that does not come */
#define BH_SM_COUNT_MAX UINT32_MAX
