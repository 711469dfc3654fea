/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What belongs to one CPU. Its area holds this structure, the kernel stack and the stacks for NMI,
 * #DB, #DF and #MC, with unmapped pages between, so that the structure is found from the stack
 * pointer and an overflow faults:
 *
 *   0000  struct cpu, two pages
 *   2000  not mapped
 *   3000  kernel stack, two pages (grows down from 5000)
 *   5000  not mapped
 *   6000  interrupt stacks of 2 KiB: NMI, #DB, #DF, #MC
 */
#pragma once

#include "hv/avl.h"
#include "hv/list.h"
#include "hv/memlayout.h"
#include "hv/spinlock.h"
#include "hv/types.h"
#include "hv/x86/asm.h"

#define CPU_STACK_TOP  0x5000u
#define CPU_STACK_LOW  0x3000u
#define CPU_IST_LOW    0x6000u
#define CPU_IST_SIZE   0x800u
#define CPU_PRIORITIES 256u

/* cpu.hazard and ec.hazard: reasons not to go straight back to the user or guest. */
#define HAZARD_SCHED    1u /* cpu: another scheduling context should run */
#define HAZARD_RECALL   2u /* ec: exit to the VMM */
#define HAZARD_DEADLINE 4u /* ec: the vCPU's deadline has passed */

struct ec;
struct sc;
struct pd;
struct vcpu;
struct object;

/* The 64-bit task state segment (Intel SDM volume 3, "64-Bit Mode Task Management"). */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed));

struct cpu {
    struct tss tss;   /* rsp[0]: end of the registers of the current EC */
    struct cpu *self; /* for vmx/entry.asm, through GS */
    uint64_t stack;   /* top of the kernel stack */
    struct ec *current;
    struct sc *sc; /* whose time is running; NULL: idle */
    struct pd *pd; /* whose address space is loaded; NULL: the kernel's own */
    struct ec *fpu_owner;
    bool fpu_enabled;  /* CR0.TS is clear */
    struct vcpu *vcpu; /* whose VMCS is loaded */
    uint64_t mask;     /* 1 << id */
    uint32_t id, apic_id;
    uint32_t hazard;
    uint32_t helping; /* the current EC runs on the time of an EC that only waits for it; entry.asm
                         tests it with hazard */
    uint32_t hops;    /* helping steps since the last scheduling decision */
    bool online;
    bool timer_changed; /* since the preemption timer was set */
    uint64_t sc_start;  /* TSC since when sc is charged */
    uint64_t sc_end;    /* TSC at which its budget ends */
    uint64_t timer;     /* TSC for which the timer is programmed */
    struct avl_node *first;
    struct avl_tree timeouts;
    uint64_t ready_map[CPU_PRIORITIES / 64];
    struct spinlock remote_lock;
    struct ec *remote_wake;     /* ECs woken by other CPUs */
    struct object *remote_kill; /* objects to be killed here */
    struct object *kill_later;  /* found dead under the spaces lock, to be killed when it is free */
    void *vmxon;                /* the VMXON region */
    uint64_t vpids[4];          /* VPIDs in use */
    uint64_t idle_ticks;
    struct list ready[CPU_PRIORITIES];
};
_Static_assert(offsetof(struct cpu, helping) == offsetof(struct cpu, hazard) + 4 &&
                   offsetof(struct cpu, hazard) % 8 == 0,
               "tested as one word");
_Static_assert(sizeof(struct cpu) <= 0x2000, "the structure fills at most two pages");

static inline struct cpu *cpu_self(void)
{
    return (struct cpu *)(read_rsp() & ~(CPU_AREA - 1)); // NOLINT(performance-no-int-to-ptr)
}

static inline struct cpu *cpu_by_id(unsigned id)
{
    return (struct cpu *)(CPU_VMA + id * CPU_AREA); // NOLINT(performance-no-int-to-ptr)
}

/* CPUs that are up: 0 .. cpu_count() - 1. */
unsigned cpu_count(void);
uint64_t cpu_online_mask(void);

/* Make the area of CPU `id` and what can be set up from another CPU. Boot only. */
struct cpu *cpu_create(unsigned id, uint32_t apic_id);

/* Set up this CPU, whose area is `cpu`: descriptor tables, control registers, system-call entry,
 * APIC, VMX. */
void cpu_init(struct cpu *cpu);

/* Wake whoever other CPUs have asked for, and kill what they have found dead. */
void cpu_remote_work(struct cpu *cpu);

/* Kill the objects on cpu->kill_later. Call without locks. */
void cpu_kill_later(struct cpu *cpu);
