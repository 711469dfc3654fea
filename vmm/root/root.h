/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything the root partition manager has, in one structure that main.c owns and hands to its
 * parts. The main thread alone writes it; console and portal handlers see only their own parts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/info.h"
#include "vmm/lib/selector.h"
#include "vmm/root/config.h"
#include "vmm/root/console.h"
#include "vmm/root/machine.h"
#include "vmm/root/memory.h"
#include "vmm/root/vm.h"

/* Selectors between the kernel's gifts and the interrupts. */
#define ROOT_SEL_FIRST 3u
#define ROOT_SEL_COUNT (BH_SEL_IRQ - ROOT_SEL_FIRST)

struct root {
    const struct bh_info *info;
    struct memory memory;
    struct selector_pool selectors;
    uint64_t selector_bitmap[SELECTOR_BITMAP_WORDS(ROOT_SEL_COUNT)];
    uint32_t work;         /* semaphore: an event for the main thread */
    uint32_t service_slot; /* where the next portal handler's UTCB is tried */
    uint64_t epoch;        /* seconds since 1970 at epoch_tsc; 0: unknown */
    uint64_t epoch_tsc;
    struct console console;
    struct machine machine;
    struct config config;
    struct vm vms[CONFIG_VMS_MAX]; /* as many as the configuration has */
};

/* Where the manager sees a physical address. */
static inline void *root_window(uint64_t physical)
{
    return (void *)(uintptr_t)(BH_ROOT_PHYS + physical);
}
