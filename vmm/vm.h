/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine: everything that one VMM process holds, in one object that main.c owns and
 * the others are handed. The guest's time starts at zero when the VM is switched on; all device
 * models count in these ticks, and the guest's TSC is the same but for what the guest itself has
 * written to it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/board.h"
#include "vmm/console.h"
#include "vmm/cpuid.h"
#include "vmm/crexit.h"
#include "vmm/lib/protocol.h"
#include "vmm/lib/syscall.h"
#include "vmm/load_common.h"
#include "vmm/memmap.h"
#include "vmm/msr.h"
#include "vmm/vcpu.h"

struct vm {
    const struct vm_info *info;
    struct guest_ram ram;
    struct board board;
    struct console console;
    struct vcpu vcpu;
    struct load_state load;
    struct cpuid_table cpuid;
    struct crexit_policy limits;
    struct msr_vm msr;
    /* The local APIC's registers, where the processor does not provide a page. */
    _Alignas(LAPIC_PAGE_SIZE) uint32_t lapic_page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];
    uint64_t tsc_start;  /* host TSC at guest time zero */
    uint64_t tsc_adjust; /* guest TSC = vm_now + tsc_adjust: IA32_TSC_ADJUST */
};

/* Ticks since power-on, monotonic. */
static inline uint64_t vm_now(const struct vm *vm)
{
    return bh_rdtsc() - vm->tsc_start;
}

/* The host's TSC at guest time `ticks`; BH_NEVER stays what it is. */
static inline uint64_t vm_host_tsc(const struct vm *vm, uint64_t ticks)
{
    return ticks == BH_NEVER ? BH_NEVER : ticks + vm->tsc_start;
}

/* Host address of `size` bytes of guest-physical memory, or NULL if they are not all RAM. Constant
 * time. */
static inline uint8_t *vm_ram(const struct vm *vm, uint64_t gpa, uint64_t size)
{
    const struct guest_ram *ram = &vm->ram;

    if (gpa < ram->low_size && size <= ram->low_size - gpa)
        return ram->low + gpa;
    gpa -= MEMMAP_HIGH_RAM;
    if (gpa < ram->high_size && size <= ram->high_size - gpa)
        return ram->high + gpa;
    return NULL;
}

/* Brings all devices and the console up to the present. */
void vm_advance(struct vm *vm);

/* When vm_advance must be called next, in ticks; BH_NEVER: not before something happens. */
static inline uint64_t vm_deadline(const struct vm *vm)
{
    const uint64_t board = vm->board.deadline;

    return board < vm->console.deadline ? board : vm->console.deadline;
}

/*
 * Ends the VM: flushes its console and asks the root partition manager to. `text`: one line for the
 * log, or "". `detail`: see VM_REQUEST_END. `utcb`: of the calling thread.
 */
_Noreturn void vm_end(struct vm *vm, struct bh_utcb *utcb, enum vm_end how, uint64_t detail,
                      const char *text);
