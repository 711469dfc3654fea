/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the root partition manager and a VMM agree on: the capabilities and pages a VMM starts with,
 * the console rings, and the requests of the service portal. Both sides are user programs; the
 * kernel knows nothing of this.
 */
#pragma once

#include <stdint.h>

/* Capabilities of a new VMM. */
#define VM_SEL_PD 0u /* its protection domain */
#define VM_SEL_EC 1u /* its first thread */
#define VM_SEL_SERVICE \
    2u /* service portal of the root partition manager on this CPU (BH_PT_CALL) */
#define VM_SEL_FAULT \
    3u /* fault portal, the event portal for every thread of the VMM (BH_PT_EVENT) */
#define VM_SEL_OUTPUT 4u /* semaphore: up after putting characters into the output ring */
#define VM_SEL_INPUT                                                                             \
    5u /* semaphore: comes up when the input ring has got characters, or room came in the output \
          ring */
#define VM_SEL_FREE 32u /* the first selector that the VMM may use */

/* Addresses in a VMM's memory space; below VM_INFO lies its image. */
#define VM_INFO  0x100000000000ull /* struct vm_info, read only */
#define VM_UTCB  0x100000100000ull /* UTCB of the first thread */
#define VM_RINGS 0x100000200000ull /* struct vm_rings, read and write */
#define VM_FILES 0x110000000000ull /* files, one after the other, read only */
#define VM_RAM                                                                                    \
    0x200000000000ull /* guest RAM, contiguous, read, write, execute (execute only for the guest) \
                       */

#define VM_INFO_MAGIC 0x4D56u
#define VM_MAX_FILES  9u /* kernel, initrd or modules */

enum vm_boot { VM_BOOT_LINUX = 1, VM_BOOT_MULTIBOOT = 2 };

struct vm_file {
    uint64_t address; /* in the VMM's memory space */
    uint64_t size;    /* bytes */
    char name[128];   /* as in the configuration; for a module: with its arguments */
};

struct vm_info {
    uint32_t magic;
    uint32_t boot; /* enum vm_boot */
    uint64_t ram_size;
    uint64_t tsc_hz;
    uint32_t cpu; /* physical CPU that the vCPU is bound to */
    uint32_t priority;
    uint64_t budget, period; /* ticks */
    uint32_t vmx;            /* BH_VMX_* */
    uint32_t xcr0;
    uint32_t debug_exit; /* port 0xF4 ends the VM */
    uint32_t files;      /* file[0] is the kernel; then initrd or modules */
    uint64_t epoch;      /* seconds since 1970 at TSC = epoch_tsc */
    uint64_t epoch_tsc;
    char name[32];
    char cmdline[2048];
    struct vm_file file[VM_MAX_FILES];
};

#define VM_INFO_SIZE 8192u
_Static_assert(sizeof(struct vm_info) <= VM_INFO_SIZE, "two pages");

/* One direction of the console: single producer, single consumer; indices only grow. */
#define VM_RING_SIZE 4032u
struct vm_ring {
    uint64_t head; /* written by the producer */
    uint64_t pad0[3];
    uint64_t tail; /* written by the consumer */
    uint64_t pad1[3];
    uint8_t data[VM_RING_SIZE];
};

struct vm_rings {
    struct vm_ring output; /* guest to console */
    struct vm_ring input;  /* console to guest */
};
_Static_assert(sizeof(struct vm_rings) == 8192, "two pages");

/*
 * Requests: call VM_SEL_SERVICE with RSI = request. The caller should not expect to run on after
 * VM_REQUEST_END: the root partition manager destroys it.
 */
enum vm_request {
    VM_REQUEST_END =
        1, /* RAX = enum vm_end, R8 = detail; text in UTCB words for the log (may be empty) */
    VM_REQUEST_LOG = 2 /* UTCB words: text, one line */
};

/* How a VM ended. */
enum vm_end {
    VM_END_POWEROFF = 1, /* the guest switched itself off */
    VM_END_REBOOT,       /* the guest asked for a reset */
    VM_END_CRASH,        /* triple fault, no way on */
    VM_END_DEBUG_EXIT,   /* port 0xF4; detail = the value written */
    VM_END_NO_START      /* nothing to run: a file is bad */
};
