/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page-table walk in software: from a linear address of the guest to its guest-physical
 * address, with the rights checked, the accessed and dirty bits set and the page fault described as
 * the processor would. Pure: guest memory is handed in.
 * Models no paging, 32-bit paging with PSE and PSE-36, PAE, 4-level and 5-level paging, NX, WP,
 * SMEP, SMAP. Does not model protection keys and shadow stacks. SDM volume 3, "Paging".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum walk_status {
    WALK_OK = 0,
    WALK_FAULT = -1,  /* inject #PF: struct walk_fault is filled */
    WALK_MEMORY = -2, /* a paging structure is where walk_mem has no memory */
    WALK_RACE = -3,   /* the guest keeps changing the entries: resume it, it will come again */
};

enum walk_access { WALK_READ, WALK_WRITE, WALK_FETCH };

/* What of the virtual CPU the walk depends on. */
struct walk_regs {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t rflags;   /* AC, which lifts SMAP */
    uint64_t pdpte[4]; /* the four PDPTE registers, with PAE paging only */
    unsigned cpl;
    unsigned physical_bits; /* MAXPHYADDR shown to the guest: 32 to 52 */
    bool page_1g;           /* 1 GiB pages shown to the guest */
};

/*
 * Guest-physical memory; size is 4 or 8 bytes, gpa aligned to it. Each returns false if there is no
 * RAM. cmpxchg atomically replaces expected by desired and says in *exchanged whether it found
 * expected; it may be NULL: then accessed and dirty bits stay as they are (a look without a trace).
 */
struct walk_mem {
    void *ctx;
    bool (*read)(void *ctx, uint64_t gpa, unsigned size, uint64_t *value);
    bool (*cmpxchg)(void *ctx, uint64_t gpa, unsigned size, uint64_t expected, uint64_t desired,
                    bool *exchanged);
};

/* SDM volume 3, "Page-Fault Error Code", and the value for CR2. */
struct walk_fault {
    uint32_t error_code;
    uint64_t address;
};

#define WALK_FAULT_PRESENT  0x01u
#define WALK_FAULT_WRITE    0x02u
#define WALK_FAULT_USER     0x04u
#define WALK_FAULT_RESERVED 0x08u
#define WALK_FAULT_FETCH    0x10u

/*
 * Translates gva, one byte; what is in the same 4 KiB page lies side by side. Outside long mode the
 * upper half of gva is ignored; in it, the caller has checked that gva is canonical.
 * Returns WALK_OK with *gpa, or as above. fault is filled with WALK_FAULT alone.
 */
int walk_translate(const struct walk_regs *regs, uint64_t gva, enum walk_access access,
                   const struct walk_mem *mem, uint64_t *gpa, struct walk_fault *fault);
