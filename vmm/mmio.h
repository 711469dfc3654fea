/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory as its instructions see it: linear addresses through the guest's page tables,
 * to RAM or to a device. EPT violations are emulated with it, and the memory side of INS and OUTS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/insn/insn.h"
#include "vmm/insn/walk.h"
#include "vmm/x86.h"

struct vcpu;

/* What a memory access of struct mmio_guest returns, and insn_execute hands back. */
enum mmio_result {
    MMIO_OK = 0,
    MMIO_PAGE_FAULT = 1, /* mmio_guest.fault describes it */
    MMIO_AGAIN = 2,      /* the page tables change while they are read: let the guest try again */
    MMIO_NO_TABLES = 3   /* a paging structure is not in RAM */
};

/* Elements of a REP instruction done in one exit: then the guest gets its interrupts. */
#define MMIO_REPEAT_MAX 256u

/* One emulation: made by mmio_open, valid during one exit. */
struct mmio_guest {
    struct vcpu *v;
    uint64_t now;            /* ticks */
    struct insn_state state; /* a copy: mmio_commit writes it back */
    struct walk_regs regs;
    struct walk_mem memory;
    struct walk_fault fault;
    uint64_t known_linear; /* a page of which the processor itself has told the address, and */
    uint64_t known_gpa;    /* this is it; 1 in known_linear: there is none */
    bool known_write;      /* it may be written */
};

/* The groups that mmio_open reads. RSP is used by few instructions, and segments besides CS and SS
 * only where the mode or a prefix asks for them: exits bring neither. */
#define MMIO_MTD                                                                              \
    (BH_MTD_RIP | BH_MTD_RFLAGS | BH_MTD_QUAL | BH_MTD_EVENT | BH_MTD_INT_STATE | BH_MTD_CR | \
     BH_MTD_EFER | BH_MTD_CSSS)

/* Takes the state of the exit. */
void mmio_open(struct mmio_guest *g, struct vcpu *v);

/* The bus for insn_execute; ctx is the struct mmio_guest. */
void mmio_bus(struct mmio_guest *g, struct insn_bus *bus);

/* Linear to guest-physical address; what follows in the same page lies side by side. */
enum mmio_result mmio_translate(struct mmio_guest *g, uint64_t linear, enum walk_access access,
                                uint64_t *gpa);

/* size: 1, 2, 4 or 8 bytes. Nothing is written unless all of it can be. */
int mmio_read(void *ctx, uint64_t linear, unsigned size, uint64_t *value);
int mmio_write(void *ctx, uint64_t linear, unsigned size, uint64_t value);

/* Would mmio_write succeed? */
int mmio_check_write(void *ctx, uint64_t linear, unsigned size);

/* May the next element of a REP instruction be done in this exit, after `done` ones of which the
 * last returned `result`? A single-step trap comes between any two. */
static inline bool mmio_goes_on(const struct mmio_guest *g, int result, unsigned done)
{
    return result == INSN_REPEAT && done < MMIO_REPEAT_MAX && !(g->state.rflags & X86_RFLAGS_TF);
}

/* Writes registers, RIP and RFLAGS back. Returns the groups changed. */
uint32_t mmio_commit(struct mmio_guest *g);

/* The end of an emulation that returned `result`, INSN_OK or INSN_REPEAT, or something else after
 * elements that have been done. Returns what the exit handler is to return. */
uint32_t mmio_end(struct mmio_guest *g, int result);

/*
 * Ends an emulation that returned `result` (enum insn_status or enum mmio_result) other than
 * INSN_OK and INSN_REPEAT: raises the fault or stops the VM. Returns what the exit handler is to
 * return.
 */
uint32_t mmio_refuse(struct mmio_guest *g, int result, const struct insn_fault *fault);

/* Exit reason 48, EPT violation. */
uint32_t mmio_exit(struct vcpu *v);

/* Exit reason 44, APIC access. */
uint32_t mmio_apic_exit(struct vcpu *v);
