/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1. The image, whatever its format, becomes a list of segments (file range, physical
 * address, memory size) and an entry; all of it is checked against the guest's RAM, room for
 * modules and the information structure is found, and only then is anything written. Names are
 * those of the Multiboot Specification.
 */
#include "vmm/load_multiboot.h"

#include <stdbool.h>

/* "OS image format" */
enum {
    HEADER_SEARCH = 8192,
    HEADER_MAGIC = 0x1BADB002,
    HEADER_FLAGS = 4,
    HEADER_CHECKSUM = 8,
    HEADER_HEADER_ADDR = 12,
    HEADER_LOAD_ADDR = 16,
    HEADER_LOAD_END_ADDR = 20,
    HEADER_BSS_END_ADDR = 24,
    HEADER_ENTRY_ADDR = 28,
    HEADER_SIZE = 12,
    HEADER_SIZE_KLUDGE = 32,
    FLAG_KLUDGE = 1 << 16,
    FLAGS_MANDATORY = 0xFFFF,
    FLAGS_KNOWN = 0x7 /* modules page aligned, memory information, video mode: all are always
                         given or declined */
};

/* "Boot information format" */
enum {
    BOOTLOADER_MAGIC = 0x2BADB002,
    INFO_FLAGS = 0,
    INFO_MEM_LOWER = 4,
    INFO_MEM_UPPER = 8,
    INFO_CMDLINE = 16,
    INFO_MODS_COUNT = 20,
    INFO_MODS_ADDR = 24,
    INFO_MMAP_LENGTH = 44,
    INFO_MMAP_ADDR = 48,
    INFO_BOOT_LOADER_NAME = 64,
    INFO_SIZE = 120,
    INFO_HAS_MEMORY = 1 << 0,
    INFO_HAS_CMDLINE = 1 << 2,
    INFO_HAS_MODS = 1 << 3,
    INFO_HAS_MMAP = 1 << 6,
    INFO_HAS_LOADER_NAME = 1 << 9,
    MODULE_ENTRY_SIZE = 16,
    MMAP_ENTRY_SIZE = 24
};

/* System V ABI, "ELF Header" and "Program Header" */
enum {
    ELF_MAGIC = 0x464C457F,
    ELF_CLASS = 4,
    ELF_DATA = 5,
    ELF_TYPE = 16,
    ELF_MACHINE = 18,
    ELF_ENTRY = 24,
    ELF_CLASS_32 = 1,
    ELF_CLASS_64 = 2,
    ELF_LITTLE_ENDIAN = 1,
    ELF_EXEC = 2,
    ELF_I386 = 3,
    ELF_X86_64 = 62,
    ELF_HEADER_32 = 52,
    ELF_HEADER_64 = 64,
    PHDR_SIZE_32 = 32,
    PHDR_SIZE_64 = 56,
    PT_LOAD = 1,
    MAX_SEGMENTS = 32
};

static const char loader_name[] = "Bulkhead";

struct segment {
    size_t offset;     /* in the file */
    size_t file_size;  /* bytes */
    uint64_t address;  /* guest physical */
    uint64_t virt;     /* virtual address, for the entry's translation */
    uint64_t mem_size; /* bytes, the rest behind file_size is zero */
};

struct plan {
    struct segment segment[MAX_SEGMENTS];
    unsigned count;
    uint64_t entry;
    uint64_t kernel_end; /* highest end of a segment, at least MEMMAP_HIGH_MEMORY */
    uint64_t module[LOAD_MULTIBOOT_MODULES];
    uint64_t info; /* guest physical address of GDT and information structure */
};

/* "The layout of Multiboot header": 32-bit aligned, completely within the first 8192 bytes. */
static bool find_header(const struct load_file *file, size_t *offset)
{
    if (file->size < HEADER_SIZE) {
        return false;
    }
    size_t end = file->size < HEADER_SEARCH ? file->size : HEADER_SEARCH;
    for (size_t at = 0; at <= end - HEADER_SIZE; at += sizeof(uint32_t)) {
        const uint8_t *p = file->data + at;
        uint32_t sum =
            load_get32(p) + load_get32(p + HEADER_FLAGS) + load_get32(p + HEADER_CHECKSUM);
        if (load_get32(p) == HEADER_MAGIC && sum == 0) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* "The address fields of Multiboot header". */
static enum load_error plan_kludge(const struct load_file *file, size_t header, struct plan *plan,
                                   struct load_state *state)
{
    if (file->size - header < HEADER_SIZE_KLUDGE) {
        return load_fail(state, LOAD_ERR_TRUNCATED, header + HEADER_SIZE_KLUDGE, file->size);
    }
    const uint8_t *p = file->data + header;
    uint32_t header_addr = load_get32(p + HEADER_HEADER_ADDR);
    uint32_t load_addr = load_get32(p + HEADER_LOAD_ADDR);
    uint32_t load_end = load_get32(p + HEADER_LOAD_END_ADDR);
    uint32_t bss_end = load_get32(p + HEADER_BSS_END_ADDR);

    if (header_addr < load_addr || header_addr - load_addr > header) {
        return load_fail(state, LOAD_ERR_BAD_KLUDGE, 0, 0);
    }
    size_t offset = header - (header_addr - load_addr);
    size_t file_size = load_end == 0 ? file->size - offset : (size_t)load_end - load_addr;
    if (load_end != 0 && load_end < load_addr) {
        return load_fail(state, LOAD_ERR_BAD_KLUDGE, 0, 0);
    }
    if (file_size > file->size - offset) {
        return load_fail(state, LOAD_ERR_TRUNCATED, offset + file_size, file->size);
    }
    uint64_t mem_size = bss_end == 0 ? file_size : (uint64_t)bss_end - load_addr;
    if (bss_end != 0 && (bss_end < load_addr || mem_size < file_size)) {
        return load_fail(state, LOAD_ERR_BAD_KLUDGE, 0, 0);
    }
    plan->segment[0] = (struct segment){.offset = offset,
                                        .file_size = file_size,
                                        .address = load_addr,
                                        .virt = load_addr,
                                        .mem_size = mem_size};
    plan->count = 1;
    plan->entry = load_get32(p + HEADER_ENTRY_ADDR);
    return LOAD_OK;
}

/* One program header, both widths. */
static struct segment read_segment(const uint8_t *p, bool wide)
{
    if (wide) {
        return (struct segment){.offset = load_get64(p + 8),
                                .virt = load_get64(p + 16),
                                .address = load_get64(p + 24),
                                .file_size = load_get64(p + 32),
                                .mem_size = load_get64(p + 40)};
    }
    return (struct segment){.offset = load_get32(p + 4),
                            .virt = load_get32(p + 8),
                            .address = load_get32(p + 12),
                            .file_size = load_get32(p + 16),
                            .mem_size = load_get32(p + 20)};
}

static bool is_elf(const struct load_file *file)
{
    const uint8_t *p = file->data;

    if (file->size < ELF_HEADER_32 || load_get32(p) != ELF_MAGIC ||
        p[ELF_DATA] != ELF_LITTLE_ENDIAN || load_get16(p + ELF_TYPE) != ELF_EXEC) {
        return false;
    }
    uint16_t machine = load_get16(p + ELF_MACHINE);
    return (p[ELF_CLASS] == ELF_CLASS_32 && machine == ELF_I386) ||
           (p[ELF_CLASS] == ELF_CLASS_64 && machine == ELF_X86_64 && file->size >= ELF_HEADER_64);
}

static enum load_error add_segment(const struct load_file *file, const struct segment *segment,
                                   struct plan *plan, struct load_state *state)
{
    if (segment->mem_size == 0) {
        return LOAD_OK;
    }
    if (plan->count == MAX_SEGMENTS || segment->file_size > segment->mem_size) {
        return load_fail(state, LOAD_ERR_BAD_ELF, 0, 0);
    }
    if (segment->offset > file->size || segment->file_size > file->size - segment->offset) {
        uint64_t needed = segment->offset > UINT64_MAX - segment->file_size
                              ? UINT64_MAX
                              : segment->offset + segment->file_size;
        return load_fail(state, LOAD_ERR_TRUNCATED, needed, file->size);
    }
    plan->segment[plan->count++] = *segment;
    return LOAD_OK;
}

static enum load_error plan_elf(const struct load_file *file, struct plan *plan,
                                struct load_state *state)
{
    const uint8_t *p = file->data;

    if (!is_elf(file)) {
        return load_fail(state, LOAD_ERR_NOT_ELF, 0, 0);
    }
    bool wide = p[ELF_CLASS] == ELF_CLASS_64;
    uint64_t table = wide ? load_get64(p + 32) : load_get32(p + 28);
    size_t entry_size = load_get16(p + (wide ? 54 : 42));
    size_t entries = load_get16(p + (wide ? 56 : 44));

    plan->entry = wide ? load_get64(p + ELF_ENTRY) : load_get32(p + ELF_ENTRY);
    if (entries == 0 || entry_size < (wide ? PHDR_SIZE_64 : PHDR_SIZE_32)) {
        return load_fail(state, LOAD_ERR_BAD_ELF, 0, 0);
    }
    if (table > file->size || entries * entry_size > file->size - table) {
        return load_fail(state, LOAD_ERR_TRUNCATED, entries * entry_size, file->size);
    }
    for (size_t i = 0; i < entries; i++) {
        const uint8_t *phdr = p + table + i * entry_size;
        if (load_get32(phdr) != PT_LOAD) {
            continue;
        }
        struct segment segment = read_segment(phdr, wide);
        enum load_error error = add_segment(file, &segment, plan, state);
        if (error != LOAD_OK) {
            return error;
        }
    }
    return plan->count > 0 ? LOAD_OK : load_fail(state, LOAD_ERR_BAD_ELF, 0, 0);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* Every segment in RAM, none on top of another. */
static enum load_error check_segments(const struct guest_ram *ram, struct plan *plan,
                                      struct load_state *state)
{
    plan->kernel_end = MEMMAP_HIGH_MEMORY;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct segment *s = &plan->segment[i];
        if (!memmap_low_ram(ram, s->address, s->mem_size)) {
            uint64_t end =
                s->mem_size > UINT64_MAX - s->address ? UINT64_MAX : s->address + s->mem_size;
            return load_fail(state, LOAD_ERR_SEGMENT_ADDRESS, end, ram->low_size);
        }
        for (unsigned j = 0; j < i; j++) {
            const struct segment *t = &plan->segment[j];
            if (overlap(s->address, s->mem_size, t->address, t->mem_size)) {
                return load_fail(state, LOAD_ERR_BAD_ELF, 0, 0);
            }
        }
        if (s->address + s->mem_size > plan->kernel_end) {
            plan->kernel_end = s->address + s->mem_size;
        }
    }
    return LOAD_OK;
}

/* The entry as a physical address: most kernels link it so; those that give a virtual one are
 * translated. */
static enum load_error check_entry(struct plan *plan, struct load_state *state)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct segment *s = &plan->segment[i];
        if (plan->entry >= s->virt && plan->entry - s->virt < s->mem_size) {
            plan->entry = plan->entry - s->virt + s->address;
            return LOAD_OK;
        }
    }
    for (unsigned i = 0; i < plan->count; i++) {
        const struct segment *s = &plan->segment[i];
        if (plan->entry >= s->address && plan->entry - s->address < s->mem_size) {
            return LOAD_OK;
        }
    }
    return load_fail(state, LOAD_ERR_ENTRY, 0, 0);
}

static size_t string_size(const char *string)
{
    return string ? strlen(string) + 1 : 1;
}

/* GDT, information structure, memory map, module list and all strings, in this order. */
static uint64_t info_size(const struct load_multiboot_files *files)
{
    uint64_t size = LOAD_GDT_SIZE + INFO_SIZE + (uint64_t)MEMMAP_E820_MAX * MMAP_ENTRY_SIZE +
                    (uint64_t)files->module_count * MODULE_ENTRY_SIZE + sizeof loader_name +
                    string_size(files->cmdline);

    for (unsigned i = 0; i < files->module_count; i++) {
        size += string_size(files->modules[i].cmdline);
    }
    return size;
}

static bool free_of_kernel(const struct plan *plan, uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < plan->count; i++) {
        if (overlap(base, size, plan->segment[i].address, plan->segment[i].mem_size)) {
            return false;
        }
    }
    return true;
}

static enum load_error plan_modules(const struct guest_ram *ram,
                                    const struct load_multiboot_files *files, struct plan *plan,
                                    struct load_state *state)
{
    uint64_t next = load_page_up(plan->kernel_end);

    if (files->module_count > LOAD_MULTIBOOT_MODULES) {
        return load_fail(state, LOAD_ERR_MODULE_COUNT, files->module_count, LOAD_MULTIBOOT_MODULES);
    }
    uint64_t size = info_size(files);
    for (unsigned i = 0; i < files->module_count; i++) {
        plan->module[i] = next;
        if (!memmap_low_ram(ram, next, files->modules[i].file.size)) {
            return load_fail(state, LOAD_ERR_MODULES_TOO_LARGE, next + files->modules[i].file.size,
                             ram->low_size);
        }
        next = load_page_up(next + files->modules[i].file.size);
    }
    plan->info = MEMMAP_BOOT_INFO;
    if (!memmap_low_ram(ram, plan->info, size) || !free_of_kernel(plan, plan->info, size)) {
        plan->info = next;
    }
    if (!memmap_low_ram(ram, plan->info, size)) {
        return load_fail(state, LOAD_ERR_MODULES_TOO_LARGE, plan->info + size, ram->low_size);
    }
    return LOAD_OK;
}

/* Copies a string to guest physical *at and moves *at behind it; returns where it went. */
static uint32_t place_string(uint8_t *ram, uint64_t *at, const char *string)
{
    uint32_t address = (uint32_t)*at;
    size_t size = string_size(string);

    memcpy(ram + *at, string ? string : "", size);
    *at += size;
    return address;
}

/* "size" does not count itself: an entry of 24 bytes says 20. */
static unsigned place_mmap(const struct guest_ram *ram, uint64_t at)
{
    struct memmap_entry map[MEMMAP_E820_MAX];
    unsigned count = memmap_e820(ram, map);
    uint8_t *entry = ram->low + at;

    for (unsigned i = 0; i < count; i++, entry += MMAP_ENTRY_SIZE) {
        load_put32(entry, MMAP_ENTRY_SIZE - sizeof(uint32_t));
        load_put64(entry + 4, map[i].base);
        load_put64(entry + 12, map[i].size);
        load_put32(entry + 20, map[i].type);
    }
    return count * MMAP_ENTRY_SIZE;
}

static void place_info(const struct guest_ram *ram, const struct load_multiboot_files *files,
                       const struct plan *plan)
{
    uint8_t *info = ram->low + plan->info + LOAD_GDT_SIZE;
    uint64_t mmap = plan->info + LOAD_GDT_SIZE + INFO_SIZE;
    uint64_t mods = mmap + (uint64_t)MEMMAP_E820_MAX * MMAP_ENTRY_SIZE;
    uint64_t strings = mods + (uint64_t)files->module_count * MODULE_ENTRY_SIZE;

    load_write_gdt(ram->low + plan->info, 0);
    memset(info, 0, INFO_SIZE);
    load_put32(info + INFO_FLAGS, INFO_HAS_MEMORY | INFO_HAS_CMDLINE | INFO_HAS_MODS |
                                      INFO_HAS_MMAP | INFO_HAS_LOADER_NAME);
    load_put32(info + INFO_MEM_LOWER, MEMMAP_BASE_MEMORY_END >> 10);
    load_put32(info + INFO_MEM_UPPER, (uint32_t)((ram->low_size - MEMMAP_HIGH_MEMORY) >> 10));
    load_put32(info + INFO_MMAP_LENGTH, place_mmap(ram, mmap));
    load_put32(info + INFO_MMAP_ADDR, (uint32_t)mmap);
    load_put32(info + INFO_CMDLINE, place_string(ram->low, &strings, files->cmdline));
    load_put32(info + INFO_BOOT_LOADER_NAME, place_string(ram->low, &strings, loader_name));
    load_put32(info + INFO_MODS_COUNT, files->module_count);
    load_put32(info + INFO_MODS_ADDR, (uint32_t)mods);
    for (unsigned i = 0; i < files->module_count; i++) {
        uint8_t *entry = ram->low + mods + (size_t)i * MODULE_ENTRY_SIZE;
        load_put32(entry, (uint32_t)plan->module[i]);
        load_put32(entry + 4, (uint32_t)(plan->module[i] + files->modules[i].file.size));
        load_put32(entry + 8, place_string(ram->low, &strings, files->modules[i].cmdline));
        load_put32(entry + 12, 0);
    }
}

static void place_all(const struct guest_ram *ram, const struct load_multiboot_files *files,
                      const struct plan *plan, struct load_state *state)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct segment *s = &plan->segment[i];
        memcpy(ram->low + s->address, files->kernel.data + s->offset, s->file_size);
        memset(ram->low + s->address + s->file_size, 0, s->mem_size - s->file_size);
    }
    for (unsigned i = 0; i < files->module_count; i++) {
        const struct load_file *file = &files->modules[i].file;
        if (file->size > 0) {
            memcpy(ram->low + plan->module[i], file->data, file->size);
        }
    }
    place_info(ram, files, plan);
    load_state_protected(state, plan->entry, plan->info);
    state->gpr[LOAD_RAX] = BOOTLOADER_MAGIC;
    state->gpr[LOAD_RBX] = plan->info + LOAD_GDT_SIZE;
}

static enum load_error plan_image(const struct guest_ram *ram, const struct load_file *kernel,
                                  struct plan *plan, struct load_state *state)
{
    size_t header = 0;

    if (!find_header(kernel, &header)) {
        bool gzip = load_is_gzip(kernel);
        return load_fail(state, gzip ? LOAD_ERR_COMPRESSED : LOAD_ERR_NO_MULTIBOOT, 0, 0);
    }
    uint32_t flags = load_get32(kernel->data + header + HEADER_FLAGS);
    if (flags & FLAGS_MANDATORY & ~(uint32_t)FLAGS_KNOWN) {
        return load_fail(state, LOAD_ERR_MULTIBOOT_FLAGS, 0, 0);
    }
    if (ram->low_size < MEMMAP_HIGH_MEMORY + LOAD_PAGE) {
        return load_fail(state, LOAD_ERR_RAM_TOO_SMALL, MEMMAP_HIGH_MEMORY + LOAD_PAGE,
                         ram->low_size);
    }
    enum load_error error = (flags & FLAG_KLUDGE) ? plan_kludge(kernel, header, plan, state)
                                                  : plan_elf(kernel, plan, state);
    if (error == LOAD_OK) {
        error = check_segments(ram, plan, state);
    }
    return error == LOAD_OK ? check_entry(plan, state) : error;
}

enum load_error load_multiboot(const struct guest_ram *ram,
                               const struct load_multiboot_files *files, struct load_state *state)
{
    struct plan plan = {0};
    enum load_error error = plan_image(ram, &files->kernel, &plan, state);

    if (error == LOAD_OK) {
        error = plan_modules(ram, files, &plan, state);
    }
    if (error == LOAD_OK) {
        place_all(ram, files, &plan, state);
    }
    return error;
}
