/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM as the manager sees it: its section of the configuration, whether it runs, and all that the
 * running instance holds. Building is in vm_build.c, life and end in vm.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/lib/protocol.h"
#include "vmm/root/config.h"
#include "vmm/root/lines.h"
#include "vmm/root/memory.h"
#include "vmm/root/policy.h"
#include "vmm/root/service.h"

struct root;

#define VM_EXTENTS_MAX  16u /* pieces that a VM's RAM may be made of */
#define VM_SEGMENTS_MAX 8u  /* of the VMM's image, that are copied */

/* Selectors of an instance, adjoining: in this order from vm_instance.selector. */
enum vm_selector {
    VM_OWN_PD = 0,
    VM_OWN_EC,
    VM_OWN_SC,
    VM_OWN_INPUT, /* semaphore */
    VM_OWN_SERVICE,
    VM_SELECTORS = VM_OWN_SERVICE + SERVICE_SELECTORS
};

/* One block of pages that an instance needs besides RAM and image. */
#define VM_BLOCK_INFO   0u
#define VM_BLOCK_RINGS  (VM_BLOCK_INFO + VM_INFO_SIZE)
#define VM_BLOCK_REPORT (VM_BLOCK_RINGS + sizeof(struct vm_rings))
#define VM_BLOCK_STACK  (VM_BLOCK_REPORT + sizeof(struct vm_ring))
#define VM_STACK_SIZE   8192u
#define VM_BLOCK_SIZE   (VM_BLOCK_STACK + VM_STACK_SIZE)
_Static_assert(VM_BLOCK_SIZE % MEMORY_PAGE == 0 && VM_BLOCK_RINGS % MEMORY_PAGE == 0 &&
                   VM_BLOCK_REPORT % MEMORY_PAGE == 0,
               "pages that are delegated hold nothing else");

enum vm_state {
    VM_STOPPED = 0,
    VM_RUNNING,
    VM_WAITING /* for restart_at */
};

/* What one run of the VM holds; zero-filled before each. */
struct vm_instance {
    uint32_t selector; /* the first of VM_SELECTORS, 0: none */
    struct memory_extent ram[VM_EXTENTS_MAX];
    uint32_t ram_count;
    struct memory_extent image[VM_SEGMENTS_MAX]; /* the copied segments */
    uint32_t image_count;
    struct memory_extent block; /* size 0: none */
    bool attached;              /* to the console */
    uint64_t entry;             /* of the VMM */
    struct service service;
    uint64_t memory_taken; /* bytes and selectors that must come back */
    uint32_t selectors_taken;
};

struct vm {
    const struct config_vm *config;
    uint32_t index; /* in the configuration; its port of the console */
    enum vm_state state;
    struct policy policy;
    uint64_t started;    /* TSC */
    uint64_t restart_at; /* TSC; VM_WAITING */
    char tag[LINES_TAG_MAX];
    struct vm_instance instance;
};

/* Builds an instance and starts it. On an error the reason is logged, nothing is held, and the VM
 * is stopped. */
void vm_start(struct root *root, struct vm *vm);

/* Deals with what has happened to the VM: its end, or the time to restart it. */
void vm_attend(struct root *root, struct vm *vm);

/* Internal to vm.c and vm_build.c: fills vm->instance; false when it could not, which is logged.
 * What has been acquired so far is in the instance. */
bool vm_build(struct root *root, struct vm *vm);
