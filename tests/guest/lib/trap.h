/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts of a guest test. An exception that nobody expects ends the claim under
 * test as failed; one that a test provokes is caught by trap_try; an interrupt, or an exception
 * that the test wants to handle itself, goes to a handler. Manual: SDM volume 3, "Interrupt and
 * Exception Handling".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum trap_vector {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_TS = 10,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_XM = 19,
    TRAP_FIRST_FREE = 32, /* vectors from here on are no exceptions */
    TRAP_VECTORS = 256,
    TRAP_NONE = 256 /* trap_try: nothing happened */
};

/* What lib/trap.asm leaves on the stack. Handlers may change it: the interrupted code goes on with
 * it. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector;
    uint64_t error; /* 0 for vectors that push none */
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct trap_frame) == 22 * 8,
               "lib/trap.asm pushes 15 registers, vector and error code");

typedef void (*trap_handler)(struct trap_frame *frame);

/* Loads IDT and TSS. Interrupts stay off. */
void trap_init(void);

/* NULL: unexpected from now on. Handlers run with interrupts off and acknowledge their controller
 * themselves. */
void trap_handle(unsigned vector, trap_handler handler);

/* All vectors become unexpected. */
void trap_handle_none(void);

/* Whether the vector's gate is present; delivering through one that is not raises #NP. All are, to
 * begin with. */
void trap_set_present(unsigned vector, bool present);

/*
 * Calls function(argument). Returns TRAP_NONE, or the vector of the exception or interrupt without
 * a handler that ended it; interrupts are off then. Calls nest.
 */
unsigned trap_try(void (*function)(void *argument), void *argument);

/* The last vector that a trap_try caught; the frame is a copy. CR2 is read at that moment. */
const struct trap_frame *trap_caught(void);
uint64_t trap_caught_cr2(void);

/* RDMSR and WRMSR that may fault: TRAP_NONE or the vector. *value is left alone by a fault. */
unsigned trap_rdmsr(uint32_t msr, uint64_t *value);
unsigned trap_wrmsr(uint32_t msr, uint64_t value);

/*
 * Runs code at privilege level 3 with argument in RDI, on a stack of its own, until it executes INT
 * TRAP_USER_RETURN or raises anything without a handler. Returns TRAP_NONE or the vector. Pages the
 * code needs are open to the user: the first 2 MiB, where all tests are linked, and what else the
 * caller opens.
 */
enum { TRAP_USER_RETURN = 0x81 };

unsigned trap_try_user(void (*code)(void *argument), void *argument);
