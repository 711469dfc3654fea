/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root partition manager: owns all resources at boot, builds the VMs of `system.conf`, watches
 * them, and switches the machine off when the last has stopped. This page is its table of contents.
 *
 * The main thread below waits on one semaphore for everything that can happen. It runs above
 * ordinary VMs, so that none can keep it from its work; a VM with a still higher priority is not
 * disturbed by the start or end of another one.
 */
#include <string.h>

#include "vmm/lib/portal.h"
#include "vmm/lib/syscall.h"
#include "vmm/root/modules.h"
#include "vmm/root/root.h"
#include "vmm/root/rtc.h"
#include "vmm/root/thread.h"

#define MAIN_PRIORITY  190u
#define MAIN_BUDGET_US 10000u
#define MIB            (1024u * 1024u)

static struct root root;

/* Nothing is left to do for this thread. */
static _Noreturn void stay(void)
{
    (void)bh_sm_down(root.machine.pause, BH_NEVER);
    __builtin_trap(); /* the semaphore never comes up */
}

static void collect_memory(const struct bh_info *info)
{
    memory_init(&root.memory);
    for (uint32_t i = 0; i < info->regions; i++) {
        if (info->region[i].type == BH_REGION_RAM) {
            (void)memory_add(&root.memory, info->region[i].base, info->region[i].size);
        }
    }
}

/* Without these few objects nothing works, and there is no one to tell but the kernel. */
static bool create_basics(const struct bh_info *info)
{
    root.info = info;
    selector_init(&root.selectors, root.selector_bitmap, ROOT_SEL_FIRST, ROOT_SEL_COUNT);
    root.work = selector_alloc(&root.selectors, 1);
    uint32_t pause = selector_alloc(&root.selectors, 1);
    bool is_created =
        bh_create_sm(root.work, 0) == BH_OK && bh_create_sm(pause, 0) == BH_OK &&
        bh_sc_set(BH_SEL_SC, MAIN_PRIORITY, thread_ticks(info, MAIN_BUDGET_US), 0) == BH_OK;
    machine_init(&root.machine, info, pause);
    return is_created && console_start(&root.console, info, &root.selectors);
}

static void log_config_error(void *ctx, unsigned line, const char *section, const char *key,
                             const char *message)
{
    (void)ctx;
    char text[CONSOLE_TEXT_MAX];
    console_log(&root.console, "%s",
                config_format(text, sizeof(text), MODULES_CONFIG, line, section, key, message));
}

/* A file that is missing concerns one VM only, which says so when it starts; the rest of the file
 * is checked as a whole. */
static bool read_config(void)
{
    const struct bh_module *module = modules_system(root.info, MODULES_CONFIG);
    if (module == NULL) {
        console_log(&root.console, "%s: no such boot module", MODULES_CONFIG);
        return false;
    }
    struct config_machine machine = {.memory = root.memory.free_bytes, .cpus = root.info->cpus};
    struct config_report report = {.error = log_config_error};
    unsigned errors =
        config_parse(&root.config, root_window(module->base), module->size, &machine, &report);
    if (errors != 0) {
        console_log(&root.console, "%s: %u %s, nothing is started", MODULES_CONFIG, errors,
                    errors == 1 ? "error" : "errors");
    }
    return errors == 0;
}

static void start_vms(void)
{
    for (unsigned i = 0; i < root.config.vms_count; i++) {
        root.vms[i].config = &root.config.vms[i];
        root.vms[i].index = i;
        vm_start(&root, &root.vms[i]);
    }
}

/* The next restart that is due; BH_NEVER: none. */
static uint64_t next_deadline(void)
{
    uint64_t deadline = BH_NEVER;
    for (unsigned i = 0; i < root.config.vms_count; i++) {
        if (root.vms[i].state == VM_WAITING && root.vms[i].restart_at < deadline) {
            deadline = root.vms[i].restart_at;
        }
    }
    return deadline;
}

static bool all_have_stopped(void)
{
    for (unsigned i = 0; i < root.config.vms_count; i++) {
        if (root.vms[i].state != VM_STOPPED) {
            return false;
        }
    }
    return true;
}

static void watch_vms(void)
{
    while (!all_have_stopped()) {
        uint64_t count;
        (void)bh_sm_down_zero(root.work, next_deadline(), &count);
        for (unsigned i = 0; i < root.config.vms_count; i++) {
            vm_attend(&root, &root.vms[i]);
        }
    }
}

static void finish(void)
{
    bool off = root.config.when_all_stopped == CONFIG_STOPPED_POWEROFF;
    console_log(&root.console, "all VMs have stopped%s", off ? ": power off" : "");
    if (off) {
        console_flush(&root.console);
        machine_power_off(&root.machine);
        console_log(&root.console, "cannot power off: %s",
                    root.machine.found == ACPI_OK ? "the machine does not react"
                                                  : acpi_s5_result_text(root.machine.found));
    }
}

_Noreturn void program_main(void *info)
{
    const struct bh_info *machine = info;
    if (machine->magic != BH_INFO_MAGIC || machine->version != BH_INFO_VERSION ||
        !create_basics(machine)) {
        __builtin_trap(); /* the kernel reports it */
    }
    collect_memory(machine);
    root.epoch = rtc_read(machine, &root.epoch_tsc);
    console_log(&root.console, "%u CPUs, %llu MiB free, %u boot modules", machine->cpus,
                (unsigned long long)(root.memory.free_bytes / MIB), machine->modules);
    if (read_config()) {
        console_select(&root.console, &root.selectors, root.config.console);
        start_vms();
        watch_vms();
        finish();
    }
    stay();
}
