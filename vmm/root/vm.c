/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM: start, end, restart. At the end everything is revoked before anything is
 * reused, and what the VM had must all have come back.
 */
#include "vmm/root/vm.h"

#include <stdio.h>
#include <string.h>

#include "vmm/lib/status.h"
#include "vmm/lib/syscall.h"
#include "vmm/root/root.h"
#include "vmm/root/thread.h"

#define US_PER_MS 1000u
#define MIB       (1024u * 1024u)

/* Takes pages from whoever has them, then frees them. Pages that cannot be taken back stay lost. */
static void reclaim_pages(struct root *root, const struct vm *vm,
                          const struct memory_extent *extent)
{
    enum bh_status status = bh_revoke(BH_SPACE_MEM, (BH_ROOT_PHYS + extent->base) / MEMORY_PAGE,
                                      extent->size / MEMORY_PAGE, 0);
    if (status != BH_OK) {
        console_log(&root->console, "vm %s: memory not taken back: %s", vm->config->name,
                    status_text(status));
        return;
    }
    (void)memory_free(&root->memory, extent->base, extent->size);
}

/* The VM stops, wherever its threads are, and all that it held returns. */
static void destroy(struct root *root, struct vm *vm)
{
    struct vm_instance *instance = &vm->instance;
    if (instance->selector != 0) {
        enum bh_status status = bh_revoke(BH_SPACE_OBJ, instance->selector, VM_SELECTORS, 1);
        if (status != BH_OK) {
            console_log(&root->console, "vm %s: objects not taken back: %s", vm->config->name,
                        status_text(status));
        }
        selector_free(&root->selectors, instance->selector, VM_SELECTORS);
    }
    if (instance->attached) {
        console_detach(&root->console, vm->index);
    }
    for (uint32_t i = 0; i < instance->ram_count; i++) {
        reclaim_pages(root, vm, &instance->ram[i]);
    }
    for (uint32_t i = 0; i < instance->image_count; i++) {
        reclaim_pages(root, vm, &instance->image[i]);
    }
    if (instance->block.size != 0) {
        reclaim_pages(root, vm, &instance->block);
    }
}

static void check_balance(struct root *root, const struct vm *vm, uint64_t memory,
                          uint32_t selectors)
{
    if (root->memory.free_bytes != memory || root->selectors.in_use != selectors) {
        console_log(&root->console, "vm %s: lost %lld bytes, %d selectors", vm->config->name,
                    (long long)(memory - root->memory.free_bytes),
                    (int)(root->selectors.in_use - selectors));
    }
}

/* The console shows the VM from now on, tagged if it is not the only one. */
static void attach(struct root *root, struct vm *vm)
{
    uint64_t block = vm->instance.block.base;
    vm->tag[0] = '\0';
    if (root->config.vms_count > 1) {
        snprintf(vm->tag, sizeof(vm->tag), "[%s] ", vm->config->name);
    }
    struct console_vm console_vm = {.rings = root_window(block + VM_BLOCK_RINGS),
                                    .report = root_window(block + VM_BLOCK_REPORT),
                                    .input = vm->instance.selector + VM_OWN_INPUT,
                                    .tag = vm->tag};
    console_attach(&root->console, vm->index, &console_vm);
    vm->instance.attached = true;
}

void vm_start(struct root *root, struct vm *vm)
{
    const struct config_vm *config = vm->config;
    struct vm_instance *instance = &vm->instance;
    uint64_t memory_before = root->memory.free_bytes;
    uint32_t selectors_before = root->selectors.in_use;
    *instance = (struct vm_instance){0};
    vm->state = VM_STOPPED;
    if (!vm_build(root, vm)) {
        destroy(root, vm);
        check_balance(root, vm, memory_before, selectors_before);
        return;
    }
    instance->memory_taken = memory_before - root->memory.free_bytes;
    instance->selectors_taken = root->selectors.in_use - selectors_before;
    attach(root, vm);
    console_log(&root->console, "vm %s: started, %llu MiB, cpu %u, priority %u", config->name,
                (unsigned long long)(config->memory / MIB), config->cpu, config->priority);
    vm->state = VM_RUNNING;
    vm->started = bh_rdtsc();
    enum bh_status status = bh_create_sc(
        instance->selector + VM_OWN_SC, instance->selector + VM_OWN_EC, config->priority,
        thread_ticks(root->info, config->budget_us), thread_ticks(root->info, config->period_us));
    if (status != BH_OK) {
        console_log(&root->console, "vm %s: cannot start: scheduling context: %s", config->name,
                    status_text(status));
        destroy(root, vm);
        vm->state = VM_STOPPED;
    }
}

static const char *end_text(enum vm_end how)
{
    switch (how) {
    case VM_END_POWEROFF:
        return "power off";
    case VM_END_REBOOT:
        return "reset";
    case VM_END_DEBUG_EXIT:
        return "debug exit";
    case VM_END_NO_START:
        return "cannot start";
    default:
        return "crash";
    }
}

/* One line: how it ended, why, and what follows. */
static void log_end(struct root *root, const struct vm *vm, const struct policy_decision *decision)
{
    const struct service *service = &vm->instance.service;
    char detail[32] = "";
    char next[64] = "stopped";
    if (service->how == VM_END_DEBUG_EXIT) {
        snprintf(detail, sizeof(detail), " 0x%llx", (unsigned long long)service->detail);
    }
    if (decision->restart) {
        snprintf(next, sizeof(next), "restarts in %llu ms",
                 (unsigned long long)(decision->delay_us / US_PER_MS));
    } else if (decision->exhausted) {
        snprintf(next, sizeof(next), "stopped after %u restarts in a row", vm->policy.restarts);
    }
    console_log(&root->console, "vm %s: %s%s%s%s; %s", vm->config->name, end_text(service->how),
                detail, service->text[0] == '\0' ? "" : ": ", service->text, next);
}

static void end(struct root *root, struct vm *vm)
{
    struct vm_instance *instance = &vm->instance;
    uint64_t now = bh_rdtsc();
    struct policy_decision decision =
        policy_decide(&vm->policy, vm->config, instance->service.how,
                      thread_microseconds(root->info, now - vm->started));
    uint64_t memory_after = root->memory.free_bytes + instance->memory_taken;
    uint32_t selectors_after = root->selectors.in_use - instance->selectors_taken;
    destroy(root, vm);
    log_end(root, vm, &decision);
    check_balance(root, vm, memory_after, selectors_after);
    vm->state = decision.restart ? VM_WAITING : VM_STOPPED;
    vm->restart_at = now + thread_ticks(root->info, decision.delay_us);
}

void vm_attend(struct root *root, struct vm *vm)
{
    if (vm->state == VM_RUNNING && service_has_ended(&vm->instance.service)) {
        end(root, vm);
    }
    if (vm->state == VM_WAITING && bh_rdtsc() >= vm->restart_at) {
        vm_start(root, vm);
    }
}
