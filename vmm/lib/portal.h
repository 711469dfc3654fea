/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a program begins and how its portal handlers are entered: the C side of start.asm and
 * portal.asm.
 *
 * A portal handler is a thread that was created with RIP 0. Its RSP must be portal_stack() of its
 * stack: every message starts there again, so a handler keeps nothing on its stack from one message
 * to the next.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/lib/syscall.h"

/* The program's entry in C, called by _start on a 32 KiB stack. info: what RDI held, struct bh_info
 * for the root task. Must not return. */
_Noreturn void program_main(void *info);

/* Entry for bh_create_pt: messages. Receives the message, calls portal_dispatch, replies. */
void portal_entry(void);

/* Entry for bh_create_pt: VM exits. The portal's id is the first argument of the handlers. */
void exit_entry(void);

/* Provided by programs that use portal_entry. id: of the portal; m: the message, to be replaced by
 * the reply (m->words at most BH_UTCB_WORDS). Returns the flags of the reply: 0 or
 * BH_FLAG_TRANSFER. */
uint64_t portal_dispatch(uint64_t id, struct bh_msg *m);

struct vcpu;

/* Provided by programs that use exit_entry: no entry may be NULL. A handler returns the groups of
 * state (BH_MTD_*) that it has changed. */
extern uint32_t (*const exit_handler[BH_EXIT_REASONS])(struct vcpu *);

#define STACK_ALIGN 16u /* System V ABI, "The Stack Frame" */

/* RSP of a portal handler whose stack is the size bytes at stack (16-byte aligned). */
static inline uint64_t portal_stack(void *stack, size_t size)
{
    return ((uint64_t)(uintptr_t)stack + size) & ~(uint64_t)(STACK_ALIGN - 1u);
}

/* RSP of a thread that begins in a C function: as if the function had been called. The function
 * must not return. */
static inline uint64_t thread_stack(void *stack, size_t size)
{
    return portal_stack(stack, size) - sizeof(uint64_t);
}

/* Entry for bh_create_thread, with the RSP that thread_prepare gave. */
void thread_entry(void);

/* RSP of a thread that begins at thread_entry and calls function(argument), which must not return.
 * The stack (size bytes, 16-byte aligned) is written to. */
static inline uint64_t thread_prepare(void *stack, size_t size, void (*function)(void *),
                                      void *argument)
{
    uint64_t *top = (uint64_t *)(uintptr_t)portal_stack(stack, size);
    top[-1] = (uint64_t)(uintptr_t)argument;
    top[-2] = (uint64_t)(uintptr_t)function;
    return (uint64_t)(uintptr_t)(top - 2);
}

/* An address of code, for the calls that take an instruction pointer. */
static inline uint64_t code_address(void (*function)(void))
{
    return (uint64_t)(uintptr_t)function;
}

_Static_assert(BH_CALL_REPLY == 1, "portal.asm says so too");
_Static_assert(sizeof(struct bh_msg) == 48 && offsetof(struct bh_msg, words) == 40,
               "portal.asm builds one on the stack");
