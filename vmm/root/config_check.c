/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration must satisfy as a whole: first what the text alone shows (keys that are
 * missing or exclude each other), then what needs the machine (its processors, its memory, the
 * files and their sizes).
 */
#include "vmm/root/config_check.h"

#include <stdio.h>
#include <string.h>

#include "vmm/root/config_value.h"

enum { SIZE_TEXT = 32 };

struct check {
    const struct config *config;
    const struct config_machine *machine;
    const struct config_report *report;
    unsigned errors;
};

static void vm_error(struct check *c, const struct config_vm *vm, unsigned line, const char *key,
                     const char *message)
{
    char title[CONFIG_NAME_MAX + 4];

    (void)snprintf(title, sizeof(title), "vm %s", vm->name);
    c->errors++;
    c->report->error(c->report->ctx, line, title, key, message);
}

static void check_mandatory(struct check *c, const struct config_vm *vm)
{
    static const struct {
        enum config_key key;
        const char *name;
        const char *message;
    } mandatory[] = {
        {CONFIG_KEY_BOOT, "boot", "missing: boot = linux or boot = multiboot is needed"},
        {CONFIG_KEY_KERNEL, "kernel", "missing: kernel = FILE is needed"},
        {CONFIG_KEY_MEMORY, "memory", "missing: memory = SIZE, as in 256M, is needed"},
    };

    for (unsigned i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
        if (vm->lines[mandatory[i].key] == 0) {
            vm_error(c, vm, vm->line, mandatory[i].name, mandatory[i].message);
        }
    }
}

static void check_boot(struct check *c, const struct config_vm *vm)
{
    if (vm->lines[CONFIG_KEY_BOOT] == 0) {
        return;
    }
    if (vm->boot == CONFIG_BOOT_MULTIBOOT && vm->lines[CONFIG_KEY_INITRD] != 0) {
        vm_error(c, vm, vm->lines[CONFIG_KEY_INITRD], "initrd",
                 "boot = multiboot takes no initrd: module = FILE ARGS is right");
    }
    for (unsigned i = 0; vm->boot == CONFIG_BOOT_LINUX && i < vm->modules_count; i++) {
        vm_error(c, vm, vm->modules[i].line, "module",
                 "boot = linux takes no modules: initrd = FILE is right");
    }
}

static void check_restart(struct check *c, const struct config_vm *vm)
{
    static const char message[] =
        "without effect: restart = on-failure or restart = always is needed with it";

    if (vm->restart != CONFIG_RESTART_NEVER) {
        return;
    }
    if (vm->lines[CONFIG_KEY_RESTART_LIMIT] != 0) {
        vm_error(c, vm, vm->lines[CONFIG_KEY_RESTART_LIMIT], "restart-limit", message);
    }
    if (vm->lines[CONFIG_KEY_RESTART_DELAY] != 0) {
        vm_error(c, vm, vm->lines[CONFIG_KEY_RESTART_DELAY], "restart-delay", message);
    }
}

static void check_period(struct check *c, const struct config_vm *vm)
{
    if (vm->period_us == 0) {
        return;
    }
    if (vm->lines[CONFIG_KEY_BUDGET] == 0) {
        vm_error(c, vm, vm->lines[CONFIG_KEY_PERIOD], "period",
                 "needs a budget: how much of each period is the VM's");
    } else if (vm->budget_us > vm->period_us) {
        vm_error(c, vm, vm->lines[CONFIG_KEY_BUDGET], "budget",
                 "more than the period: it is a part of it");
    }
}

unsigned config_check_text(const struct config *config, const struct config_report *report)
{
    struct check c = {.config = config, .report = report};

    for (unsigned i = 0; i < config->vms_count; i++) {
        const struct config_vm *vm = &config->vms[i];
        check_mandatory(&c, vm);
        check_boot(&c, vm);
        check_restart(&c, vm);
        check_period(&c, vm);
    }
    if (config->vms_count == 0) {
        c.errors++;
        report->error(report->ctx, 0, "", "", "no VM: at least one section [vm NAME] is needed");
    }
    return c.errors;
}

/* One file of a VM: it must exist and not be empty. Returns its size, 0 when that is not known. */
static uint64_t check_file(struct check *c, const struct config_vm *vm, unsigned line,
                           const char *key, const char *path)
{
    struct config_message m;
    uint64_t size = 0;

    if (*path == '\0') {
        return 0;
    }
    if (!c->machine->file(c->machine->ctx, path, &size)) {
        (void)snprintf(m.text, sizeof(m.text), "%.200s: no such file", path);
        vm_error(c, vm, line, key, m.text);
        return 0;
    }
    if (size == 0) {
        (void)snprintf(m.text, sizeof(m.text), "%.200s: the file is empty", path);
        vm_error(c, vm, line, key, m.text);
    }
    return size;
}

static void check_files(struct check *c, const struct config_vm *vm)
{
    struct config_message m;
    char memory[SIZE_TEXT];
    const uint64_t kernel = check_file(c, vm, vm->lines[CONFIG_KEY_KERNEL], "kernel", vm->kernel);
    uint64_t rest = check_file(c, vm, vm->lines[CONFIG_KEY_INITRD], "initrd", vm->initrd);

    for (unsigned i = 0; i < vm->modules_count; i++) {
        rest += check_file(c, vm, vm->modules[i].line, "module", vm->modules[i].file);
    }
    const uint64_t all = kernel + rest;
    (void)config_size_text(memory, sizeof(memory), vm->memory);
    if (kernel > vm->memory) {
        (void)snprintf(m.text, sizeof(m.text),
                       "%.200s has %llu bytes, more than the VM's memory of %s", vm->kernel,
                       (unsigned long long)kernel, memory);
        vm_error(c, vm, vm->lines[CONFIG_KEY_KERNEL], "kernel", m.text);
    } else if (all > vm->memory) {
        (void)snprintf(m.text, sizeof(m.text),
                       "%s is less than the kernel and what is loaded with it, %llu bytes", memory,
                       (unsigned long long)all);
        vm_error(c, vm, vm->lines[CONFIG_KEY_MEMORY], "memory", m.text);
    }
}

static void check_cpu(struct check *c, const struct config_vm *vm)
{
    struct config_message m;

    if (vm->cpu >= c->machine->cpus) {
        (void)snprintf(m.text, sizeof(m.text), "%u: the machine has %u CPU%s, counted from 0",
                       vm->cpu, c->machine->cpus, c->machine->cpus == 1 ? "" : "s");
        vm_error(c, vm, vm->lines[CONFIG_KEY_CPU], "cpu", m.text);
    }
}

/* The VMs get their memory in the order of the file: the one with which it runs out is the one to
 * name. */
static void check_memory(struct check *c)
{
    const uint64_t all = c->machine->memory;
    uint64_t used = 0;

    for (unsigned i = 0; i < c->config->vms_count; i++) {
        const struct config_vm *vm = &c->config->vms[i];
        if (vm->memory > all - used) {
            struct config_message m;
            char wanted[SIZE_TEXT];
            (void)snprintf(
                m.text, sizeof(m.text), "%s is more than the %lluM that are left of %lluM for VMs",
                config_size_text(wanted, sizeof(wanted), vm->memory),
                (unsigned long long)((all - used) >> 20), (unsigned long long)(all >> 20));
            vm_error(c, vm, vm->lines[CONFIG_KEY_MEMORY], "memory", m.text);
        } else {
            used += vm->memory;
        }
    }
}

unsigned config_check_machine(const struct config *config, const struct config_machine *machine,
                              const struct config_report *report)
{
    struct check c = {.config = config, .machine = machine, .report = report};

    if (machine->file != NULL) {
        for (unsigned i = 0; i < config->vms_count; i++) {
            check_files(&c, &config->vms[i]);
        }
    }
    if (machine->cpus != 0) {
        for (unsigned i = 0; i < config->vms_count; i++) {
            check_cpu(&c, &config->vms[i]);
        }
    }
    if (machine->memory != 0) {
        check_memory(&c);
    }
    return c.errors;
}

/* The `n`-th file of a VM in the order kernel, initrd, modules, or NULL after the last one. */
static const char *nth_file(const struct config_vm *vm, unsigned n)
{
    if (n == 0) {
        return vm->kernel;
    }
    if (n == 1) {
        return vm->initrd;
    }
    return n - 2 < vm->modules_count ? vm->modules[n - 2].file : NULL;
}

/* Whether `path`, the `n`-th file of VM number `vm`, is named earlier. */
static bool named_before(const struct config *config, unsigned vm, unsigned n, const char *path)
{
    for (unsigned i = 0; i <= vm; i++) {
        const char *other = NULL;
        for (unsigned j = 0; (i < vm || j < n) && (other = nth_file(&config->vms[i], j)) != NULL;
             j++) {
            if (strcmp(other, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

void config_files(const struct config *config, void (*visit)(void *ctx, const char *path),
                  void *ctx)
{
    for (unsigned i = 0; i < config->vms_count; i++) {
        const char *path = NULL;
        for (unsigned n = 0; (path = nth_file(&config->vms[i], n)) != NULL; n++) {
            if (*path != '\0' && !named_before(config, i, n, path)) {
                visit(ctx, path);
            }
        }
    }
}
