/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building a VM: kernel objects, its VMM's image, RAM, files and information. Text and constants of
 * the VMM are delegated straight from the boot module, one copy for all VMs; its data is copied.
 * Every page that a VM may write to is cleared first.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/lib/elf.h"
#include "vmm/lib/status.h"
#include "vmm/lib/syscall.h"
#include "vmm/root/modules.h"
#include "vmm/root/root.h"
#include "vmm/root/thread.h"
#include "vmm/root/vm.h"

/* Where the image of a VMM may lie. */
#define IMAGE_BOTTOM 0x10000ull
#define IMAGE_TOP    VM_INFO

/* Kernel memory of a VM, in pages: objects, UTCBs, vCPU, and the edges and upper levels of its page
 * tables. The lowest levels come on top. */
#define QUOTA_BASE    128u
#define TABLE_ENTRIES 512u
#define RAM_TABLES    2u /* host and nested */

static bool fail(struct root *root, const struct vm *vm, const char *what, const char *why)
{
    console_log(&root->console, "vm %s: cannot start: %s: %s", vm->config->name, what, why);
    return false;
}

static bool check(struct root *root, const struct vm *vm, const char *what, enum bh_status status)
{
    return status == BH_OK || fail(root, vm, what, status_text(status));
}

static uint32_t sel(const struct vm *vm, uint32_t which)
{
    return vm->instance.selector + which;
}

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1);
}

/* Gives physical pages to the VMM, at an address in its memory space. */
static enum bh_status give_pages(const struct vm *vm, uint64_t physical, uint64_t address,
                                 uint64_t bytes, uint32_t rights)
{
    return bh_delegate(sel(vm, VM_OWN_PD), BH_SPACE_MEM, BH_SPACE_MEM, rights,
                       (BH_ROOT_PHYS + physical) / MEMORY_PAGE, address / MEMORY_PAGE,
                       whole_pages(bytes) / MEMORY_PAGE);
}

static enum bh_status give_capability(const struct vm *vm, uint32_t from, uint32_t to,
                                      uint32_t rights)
{
    return bh_delegate(sel(vm, VM_OWN_PD), BH_SPACE_OBJ, BH_SPACE_OBJ, rights, from, to, 1);
}

static bool acquire(struct root *root, struct vm *vm)
{
    struct vm_instance *instance = &vm->instance;
    uint32_t first = selector_alloc(&root->selectors, VM_SELECTORS);
    if (first == BH_SELECTOR_NONE) {
        return fail(root, vm, "selectors", "all are in use");
    }
    instance->selector = first;
    if (memory_alloc(&root->memory, VM_BLOCK_SIZE, MEMORY_PAGE, &instance->block.base)) {
        instance->block.size = VM_BLOCK_SIZE;
    }
    instance->ram_count =
        memory_alloc_extents(&root->memory, vm->config->memory, instance->ram, VM_EXTENTS_MAX);
    if (instance->ram_count == 0 || instance->block.size == 0) {
        char why[96];
        snprintf(why, sizeof(why), "%llu KiB wanted, %llu KiB free",
                 (unsigned long long)(vm->config->memory / 1024),
                 (unsigned long long)(root->memory.free_bytes / 1024));
        return fail(root, vm, "memory", why);
    }
    memset(root_window(instance->block.base), 0, instance->block.size);
    for (uint32_t i = 0; i < instance->ram_count; i++) {
        memset(root_window(instance->ram[i].base), 0, instance->ram[i].size);
    }
    return true;
}

/* Pages of tables that map so many bytes. */
static uint64_t tables_for(uint64_t bytes, bool by_big_pages)
{
    uint64_t big_pages = bytes / MEMORY_BIG_PAGE + 1;
    return by_big_pages ? big_pages / TABLE_ENTRIES + 1 : big_pages;
}

static uint64_t file_tables(const struct root *root, const char *path)
{
    const struct bh_module *module = modules_file(root->info, path);
    return module == NULL ? 0 : tables_for(module->size, false);
}

static uint64_t quota_of(const struct root *root, const struct vm *vm)
{
    const struct config_vm *config = vm->config;
    uint64_t quota =
        QUOTA_BASE + file_tables(root, config->kernel) + file_tables(root, config->initrd);
    for (unsigned i = 0; i < config->modules_count; i++) {
        quota += file_tables(root, config->modules[i].file);
    }
    uint64_t address = VM_RAM;
    for (uint32_t i = 0; i < vm->instance.ram_count; i++) {
        const struct memory_extent *extent = &vm->instance.ram[i];
        quota +=
            RAM_TABLES * tables_for(extent->size, (extent->base ^ address) % MEMORY_BIG_PAGE == 0);
        address += extent->size;
    }
    return quota;
}

static bool create_objects(struct root *root, struct vm *vm)
{
    struct vm_instance *instance = &vm->instance;
    struct service_plan plan = {.name = vm->config->name,
                                .cpu = vm->config->cpu,
                                .selector = sel(vm, VM_OWN_SERVICE),
                                .stack = root_window(instance->block.base + VM_BLOCK_STACK),
                                .stack_size = VM_STACK_SIZE,
                                .report = root_window(instance->block.base + VM_BLOCK_REPORT),
                                .work = root->work,
                                .console = root->console.wake};
    return check(root, vm, "protection domain",
                 bh_create_pd(sel(vm, VM_OWN_PD), quota_of(root, vm))) &&
           check(root, vm, "input semaphore", bh_create_sm(sel(vm, VM_OWN_INPUT), 0)) &&
           check(root, vm, "service portals",
                 service_create(&instance->service, &plan, &root->service_slot));
}

static bool give_ram(struct root *root, const struct vm *vm)
{
    uint64_t address = VM_RAM;
    for (uint32_t i = 0; i < vm->instance.ram_count; i++) {
        const struct memory_extent *extent = &vm->instance.ram[i];
        if (!check(root, vm, "RAM",
                   give_pages(vm, extent->base, address, extent->size,
                              BH_MEM_R | BH_MEM_W | BH_MEM_X))) {
            return false;
        }
        address += extent->size;
    }
    return true;
}

static uint32_t rights_of(const struct elf_segment *segment)
{
    return (segment->permissions & ELF_READ ? BH_MEM_R : 0) |
           (segment->permissions & ELF_WRITE ? BH_MEM_W : 0) |
           (segment->permissions & ELF_EXECUTE ? BH_MEM_X : 0);
}

/* Whether the pages of the module are, byte for byte, the pages of the segment, for good. */
static bool is_shareable(const struct elf_segment *segment)
{
    return !(segment->permissions & ELF_WRITE) && segment->file_size == segment->mem_size &&
           (segment->address | segment->file_size | (uint64_t)(uintptr_t)segment->data) %
                   MEMORY_PAGE ==
               0;
}

static bool give_segment(struct root *root, struct vm *vm, const struct elf_segment *segment)
{
    struct vm_instance *instance = &vm->instance;
    if (is_shareable(segment)) {
        uint64_t physical = (uint64_t)(uintptr_t)segment->data - BH_ROOT_PHYS;
        return check(
            root, vm, "VMM image",
            give_pages(vm, physical, segment->address, segment->mem_size, rights_of(segment)));
    }
    uint64_t offset = segment->address % MEMORY_PAGE;
    uint64_t size = whole_pages(offset + segment->mem_size);
    uint64_t physical;
    if (instance->image_count == VM_SEGMENTS_MAX) {
        return fail(root, vm, "VMM image", "too many segments");
    }
    if (!memory_alloc(&root->memory, size, MEMORY_PAGE, &physical)) {
        return fail(root, vm, "VMM image", "not enough memory");
    }
    instance->image[instance->image_count++] = (struct memory_extent){physical, size};
    uint8_t *to = root_window(physical);
    memset(to, 0, size);
    memcpy(to + offset, segment->data, segment->file_size);
    return check(root, vm, "VMM image",
                 give_pages(vm, physical, segment->address - offset, size, rights_of(segment)));
}

static bool give_image(struct root *root, struct vm *vm)
{
    const struct bh_module *module = modules_system(root->info, MODULES_VMM);
    if (module == NULL) {
        return fail(root, vm, MODULES_VMM, "no such boot module");
    }
    struct elf_image image;
    enum elf_error error =
        elf_open(root_window(module->base), module->size, IMAGE_BOTTOM, IMAGE_TOP, &image);
    if (error != ELF_OK) {
        return fail(root, vm, MODULES_VMM, elf_strerror(error));
    }
    vm->instance.entry = image.entry;
    struct elf_segment segment;
    unsigned cursor = 0;
    while (elf_next(&image, &cursor, &segment)) {
        if (!give_segment(root, vm, &segment)) {
            return false;
        }
    }
    return true;
}

/* Gives one file to the VMM and enters it. args: "" for none. */
static bool give_file(struct root *root, const struct vm *vm, struct vm_info *info,
                      const char *path, const char *args)
{
    const struct bh_module *module = modules_file(root->info, path);
    struct vm_file *file = &info->file[info->files];
    if (module == NULL) {
        return fail(root, vm, path, "no such boot module");
    }
    if (module->size == 0) {
        return fail(root, vm, path, "the file is empty");
    }
    int length =
        snprintf(file->name, sizeof(file->name), "%s%s%s", path, args[0] == '\0' ? "" : " ", args);
    if (length >= (int)sizeof(file->name)) {
        return fail(root, vm, path, "path and arguments are longer than 127 characters");
    }
    file->address = VM_FILES;
    if (info->files > 0) {
        file->address = file[-1].address + whole_pages(file[-1].size);
    }
    file->size = module->size;
    info->files++;
    return check(root, vm, path,
                 give_pages(vm, module->base, file->address, module->size, BH_MEM_R));
}

static bool give_files(struct root *root, const struct vm *vm, struct vm_info *info)
{
    const struct config_vm *config = vm->config;
    if (!give_file(root, vm, info, config->kernel, "") ||
        (config->initrd[0] != '\0' && !give_file(root, vm, info, config->initrd, ""))) {
        return false;
    }
    for (unsigned i = 0; i < config->modules_count; i++) {
        if (!give_file(root, vm, info, config->modules[i].file, config->modules[i].args)) {
            return false;
        }
    }
    return true;
}

_Static_assert(VM_MAX_FILES >= 1 + CONFIG_MODULES_MAX, "kernel and modules have their places");

static bool give_info(struct root *root, struct vm *vm)
{
    const struct config_vm *config = vm->config;
    const struct bh_info *machine = root->info;
    struct vm_info *info = root_window(vm->instance.block.base + VM_BLOCK_INFO);
    *info = (struct vm_info){.magic = VM_INFO_MAGIC,
                             .boot = config->boot == CONFIG_BOOT_LINUX ? VM_BOOT_LINUX
                                                                       : VM_BOOT_MULTIBOOT,
                             .ram_size = config->memory,
                             .tsc_hz = machine->tsc_hz,
                             .cpu = config->cpu,
                             .priority = config->priority,
                             .budget = thread_ticks(machine, config->budget_us),
                             .period = thread_ticks(machine, config->period_us),
                             .vmx = machine->vmx,
                             .xcr0 = machine->xcr0,
                             .debug_exit = config->debug_exit,
                             .epoch = root->epoch,
                             .epoch_tsc = root->epoch_tsc};
    snprintf(info->name, sizeof(info->name), "%s", config->name);
    snprintf(info->cmdline, sizeof(info->cmdline), "%s", config->cmdline);
    uint64_t block = vm->instance.block.base;
    return give_files(root, vm, info) &&
           check(root, vm, "information pages",
                 give_pages(vm, block + VM_BLOCK_INFO, VM_INFO, VM_INFO_SIZE, BH_MEM_R)) &&
           check(root, vm, "console rings",
                 give_pages(vm, block + VM_BLOCK_RINGS, VM_RINGS, sizeof(struct vm_rings),
                            BH_MEM_R | BH_MEM_W));
}

/* The VMM's first thread, without the right to run yet. */
static bool create_thread(struct root *root, const struct vm *vm)
{
    uint32_t fault = sel(vm, VM_OWN_SERVICE) + SERVICE_SEL_FAULT;
    uint32_t request = sel(vm, VM_OWN_SERVICE) + SERVICE_SEL_REQUEST;
    return check(root, vm, "first thread",
                 bh_create_thread(sel(vm, VM_OWN_EC), sel(vm, VM_OWN_PD), vm->config->cpu, VM_UTCB,
                                  vm->instance.entry, 0, fault)) &&
           check(root, vm, "capabilities",
                 give_capability(vm, sel(vm, VM_OWN_PD), VM_SEL_PD, BH_RIGHTS_ALL)) &&
           check(root, vm, "capabilities",
                 give_capability(vm, sel(vm, VM_OWN_EC), VM_SEL_EC, BH_EC_CTRL | BH_EC_BIND_PT)) &&
           check(root, vm, "capabilities",
                 give_capability(vm, request, VM_SEL_SERVICE, BH_PT_CALL)) &&
           check(root, vm, "capabilities", give_capability(vm, fault, VM_SEL_FAULT, BH_PT_EVENT)) &&
           check(root, vm, "capabilities",
                 give_capability(vm, root->console.wake, VM_SEL_OUTPUT, BH_SM_UP)) &&
           check(root, vm, "capabilities",
                 give_capability(vm, sel(vm, VM_OWN_INPUT), VM_SEL_INPUT, BH_SM_UP | BH_SM_DOWN));
}

bool vm_build(struct root *root, struct vm *vm)
{
    return acquire(root, vm) && create_objects(root, vm) && give_image(root, vm) &&
           give_ram(root, vm) && give_info(root, vm) && create_thread(root, vm);
}
