/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux/x86 boot protocol, 64-bit and 32-bit entry. First plan_* decides where everything goes
 * and refuses what does not fit; then place_* writes, which cannot fail. Field names and offsets
 * are those of "The Real-Mode Kernel Header" and of the zero page in the kernel documentation.
 */
#include "vmm/load_linux.h"

#include <stdbool.h>

/* offsets into the file's first sector and, the same, into boot_params */
enum {
    HDR_SETUP_SECTS = 0x1F1,
    HDR_SYSSIZE = 0x1F4,
    HDR_VID_MODE = 0x1FA,
    HDR_BOOT_FLAG = 0x1FE,
    HDR_JUMP_OFFSET = 0x201,
    HDR_SIGNATURE = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21C,
    HDR_EXT_LOADER_VER = 0x226,
    HDR_EXT_LOADER_TYPE = 0x227,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22C,
    HDR_KERNEL_ALIGNMENT = 0x230,
    HDR_RELOCATABLE = 0x234,
    HDR_XLOADFLAGS = 0x236,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_SETUP_DATA = 0x250,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    HDR_MINIMUM = 0x23C, /* end of the 2.06 header */
    HDR_210_END = 0x264, /* end of the fields that 2.10 added */
    HDR_MAXIMUM = 0x290  /* boot_params: the header's space ends here */
};

/* offsets into boot_params alone */
enum {
    PARAM_ACPI_RSDP_ADDR = 0x070,
    PARAM_EXT_RAMDISK_IMAGE = 0x0C0,
    PARAM_EXT_RAMDISK_SIZE = 0x0C4,
    PARAM_EXT_CMD_LINE_PTR = 0x0C8,
    PARAM_ALT_MEM_K = 0x1E0,
    PARAM_E820_ENTRIES = 0x1E8,
    PARAM_E820_TABLE = 0x2D0,
    PARAM_E820_ENTRY_SIZE = 20,
    PARAM_SIZE = 0x1000
};

enum {
    SECTOR = 512,
    DEFAULT_SETUP_SECTS = 4, /* meant by 0, for backwards compatibility */
    PARAGRAPH = 16,
    BOOT_FLAG = 0xAA55,
    SIGNATURE = 0x53726448, /* "HdrS" */
    VERSION_206 = 0x206,
    VERSION_210 = 0x20A,
    VERSION_212 = 0x20C,
    LOADED_HIGH = 1 << 0,
    XLF_KERNEL_64 = 1 << 0,
    LOADER_UNDEFINED = 0xFF,
    VID_MODE_NORMAL = 0xFFFF,
    ENTRY64_OFFSET = 0x200
};

/* boot page tables: identity map of 4 GiB by 2 MiB pages */
enum {
    PAGE_TABLE_ENTRIES = 512,
    PAGE_DIRECTORIES = 4,
    BOOT_TABLES_ABOVE = 2, /* PML4 and PDPT */
    PTE_TABLE = 0x3,       /* present, writable */
    PTE_LARGE = 0x83,      /* and page size */
    LARGE_PAGE_SHIFT = 21
};

struct plan {
    size_t setup_size;   /* bytes of the real-mode part, first sector included */
    size_t payload_size; /* bytes of the protected-mode part */
    size_t header_end;   /* offset behind the setup header */
    uint64_t load;       /* guest physical address of the protected-mode part */
    uint64_t kernel_end; /* end of what the kernel uses before it knows the memory map */
    uint64_t initrd;     /* guest physical */
    size_t cmdline_size; /* bytes without NUL */
    bool long_mode;
};

static enum load_error plan_header(const struct load_file *kernel, struct plan *plan,
                                   struct load_state *state)
{
    const uint8_t *hdr = kernel->data;

    if (load_is_gzip(kernel)) {
        return load_fail(state, LOAD_ERR_COMPRESSED, 0, 0);
    }
    if (kernel->size < HDR_VERSION + sizeof(uint16_t) ||
        load_get32(hdr + HDR_SIGNATURE) != SIGNATURE ||
        load_get16(hdr + HDR_BOOT_FLAG) != BOOT_FLAG) {
        return load_fail(state, LOAD_ERR_NOT_BZIMAGE, 0, 0);
    }
    uint16_t version = load_get16(hdr + HDR_VERSION);
    if (version < VERSION_206) {
        return load_fail(state, LOAD_ERR_OLD_PROTOCOL, VERSION_206, version);
    }
    if (kernel->size < HDR_MAXIMUM) {
        return load_fail(state, LOAD_ERR_TRUNCATED, HDR_MAXIMUM, kernel->size);
    }
    plan->header_end = HDR_SIGNATURE + (size_t)hdr[HDR_JUMP_OFFSET];
    size_t least = version >= VERSION_210 ? HDR_210_END : HDR_MINIMUM;
    if (plan->header_end < least) {
        return load_fail(state, LOAD_ERR_BAD_HEADER, 0, 0);
    }
    if (plan->header_end > HDR_MAXIMUM) {
        plan->header_end = HDR_MAXIMUM;
    }
    if (!(hdr[HDR_LOADFLAGS] & LOADED_HIGH)) {
        return load_fail(state, LOAD_ERR_LOW_KERNEL, 0, 0);
    }
    plan->long_mode = version >= VERSION_212 && (load_get16(hdr + HDR_XLOADFLAGS) & XLF_KERNEL_64);
    /* An image made for the real-mode entry alone (ipxe.lkrn) has no 32-bit code to name. */
    if (!plan->long_mode && load_get32(hdr + HDR_CODE32_START) == 0) {
        return load_fail(state, LOAD_ERR_REAL_MODE_ONLY, 0, 0);
    }
    return LOAD_OK;
}

/* The two parts of the file. syssize counts paragraphs, so the file may end up to 15 bytes early; a
 * signature may follow. */
static enum load_error plan_parts(const struct load_file *kernel, struct plan *plan,
                                  struct load_state *state)
{
    const uint8_t *hdr = kernel->data;
    size_t sects = hdr[HDR_SETUP_SECTS] ? hdr[HDR_SETUP_SECTS] : DEFAULT_SETUP_SECTS;
    plan->setup_size = (sects + 1) * SECTOR;
    size_t payload = (size_t)load_get32(hdr + HDR_SYSSIZE) * PARAGRAPH;
    size_t needed = plan->setup_size + (payload > 0 ? payload - (PARAGRAPH - 1) : 1);

    if (kernel->size < needed) {
        return load_fail(state, LOAD_ERR_TRUNCATED, needed, kernel->size);
    }
    size_t rest = kernel->size - plan->setup_size;
    plan->payload_size = payload == 0 || payload > rest ? rest : payload;
    if (plan->long_mode && plan->payload_size <= ENTRY64_OFFSET) {
        return load_fail(state, LOAD_ERR_BAD_HEADER, 0, 0);
    }
    return LOAD_OK;
}

/*
 * A relocatable kernel that is loaded below its preferred address moves itself there, so that
 * address is the best as well as the lowest one, and runtime_start + init_size is what must be RAM.
 */
static enum load_error plan_kernel(const struct guest_ram *ram, const uint8_t *hdr,
                                   struct plan *plan, struct load_state *state)
{
    uint64_t size = plan->payload_size;

    plan->load = MEMMAP_HIGH_MEMORY;
    if (load_get16(hdr + HDR_VERSION) >= VERSION_210) {
        uint32_t init_size = load_get32(hdr + HDR_INIT_SIZE);
        plan->load = load_get64(hdr + HDR_PREF_ADDRESS);
        size = init_size > size ? init_size : size;
        if (hdr[HDR_RELOCATABLE]) {
            uint64_t alignment = load_get32(hdr + HDR_KERNEL_ALIGNMENT);
            if (alignment == 0 || (alignment & (alignment - 1)) != 0 ||
                plan->load > MEMMAP_LOW_RAM_END) {
                return load_fail(state, LOAD_ERR_BAD_HEADER, 0, 0);
            }
            plan->load = (plan->load + alignment - 1) & ~(alignment - 1);
        }
    }
    if (plan->load < MEMMAP_HIGH_MEMORY || plan->load > MEMMAP_LOW_RAM_END) {
        return load_fail(state, LOAD_ERR_BAD_HEADER, 0, 0);
    }
    plan->kernel_end = plan->load + size;
    if (!memmap_low_ram(ram, plan->load, size)) {
        return load_fail(state, LOAD_ERR_KERNEL_TOO_LARGE, plan->kernel_end, ram->low_size);
    }
    return LOAD_OK;
}

static enum load_error plan_initrd(const struct guest_ram *ram, const uint8_t *hdr, size_t size,
                                   struct plan *plan, struct load_state *state)
{
    uint64_t limit = (uint64_t)load_get32(hdr + HDR_INITRD_ADDR_MAX) + 1;
    uint64_t bottom = load_page_up(plan->kernel_end);

    if (limit > ram->low_size) {
        limit = ram->low_size;
    }
    if (limit < bottom || size > limit - bottom || load_page_down(limit - size) < bottom) {
        return load_fail(state, LOAD_ERR_INITRD_TOO_LARGE, size,
                         limit < bottom ? 0 : limit - bottom);
    }
    plan->initrd = load_page_down(limit - size);
    return LOAD_OK;
}

static enum load_error plan_cmdline(const uint8_t *hdr, const char *cmdline, struct plan *plan,
                                    struct load_state *state)
{
    size_t limit = load_get32(hdr + HDR_CMDLINE_SIZE);

    if (limit > MEMMAP_CMDLINE_SIZE - 1) {
        limit = MEMMAP_CMDLINE_SIZE - 1;
    }
    plan->cmdline_size = cmdline ? strlen(cmdline) : 0;
    if (plan->cmdline_size > limit) {
        return load_fail(state, LOAD_ERR_CMDLINE_TOO_LONG, plan->cmdline_size, limit);
    }
    return LOAD_OK;
}

static void place_page_tables(uint8_t *ram)
{
    uint8_t *pml4 = ram + MEMMAP_PAGE_TABLES;
    uint8_t *pdpt = pml4 + LOAD_PAGE;
    uint8_t *pd = pdpt + LOAD_PAGE;

    memset(pml4, 0, BOOT_TABLES_ABOVE * (size_t)LOAD_PAGE);
    load_put64(pml4, (MEMMAP_PAGE_TABLES + LOAD_PAGE) | PTE_TABLE);
    for (unsigned i = 0; i < PAGE_DIRECTORIES; i++) {
        load_put64(pdpt + i * sizeof(uint64_t),
                   (uint64_t)(MEMMAP_PAGE_TABLES + (BOOT_TABLES_ABOVE + i) * LOAD_PAGE) |
                       PTE_TABLE);
    }
    for (unsigned i = 0; i < PAGE_DIRECTORIES * PAGE_TABLE_ENTRIES; i++) {
        load_put64(pd + i * sizeof(uint64_t), ((uint64_t)i << LARGE_PAGE_SHIFT) | PTE_LARGE);
    }
}

static void place_e820(const struct guest_ram *ram, uint8_t *params)
{
    struct memmap_entry map[MEMMAP_E820_MAX];
    unsigned count = memmap_e820(ram, map);
    uint8_t *entry = params + PARAM_E820_TABLE;

    params[PARAM_E820_ENTRIES] = (uint8_t)count;
    for (unsigned i = 0; i < count; i++, entry += PARAM_E820_ENTRY_SIZE) {
        load_put64(entry, map[i].base);
        load_put64(entry + 8, map[i].size);
        load_put32(entry + 16, map[i].type);
    }
}

/* boot_params: all zero, then the setup header as the file has it, then what a loader must fill in.
 * No video adapter. */
static void place_params(const struct guest_ram *ram, const struct load_linux_files *files,
                         const struct plan *plan)
{
    uint8_t *params = ram->low + MEMMAP_BOOT_INFO;

    memset(params, 0, PARAM_SIZE);
    memcpy(params + HDR_SETUP_SECTS, files->kernel.data + HDR_SETUP_SECTS,
           plan->header_end - HDR_SETUP_SECTS);
    load_put16(params + HDR_VID_MODE, VID_MODE_NORMAL);
    params[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
    params[HDR_EXT_LOADER_VER] = 0;
    params[HDR_EXT_LOADER_TYPE] = 0;
    params[HDR_LOADFLAGS] = LOADED_HIGH;
    load_put32(params + HDR_CODE32_START, (uint32_t)plan->load);
    load_put32(params + HDR_RAMDISK_IMAGE, (uint32_t)plan->initrd);
    load_put32(params + HDR_RAMDISK_SIZE, (uint32_t)files->initrd.size);
    load_put32(params + PARAM_EXT_RAMDISK_IMAGE, (uint32_t)(plan->initrd >> 32));
    load_put32(params + PARAM_EXT_RAMDISK_SIZE, (uint32_t)((uint64_t)files->initrd.size >> 32));
    load_put32(params + HDR_CMD_LINE_PTR, MEMMAP_CMDLINE);
    load_put32(params + PARAM_EXT_CMD_LINE_PTR, 0);
    if (plan->header_end >= HDR_SETUP_DATA + sizeof(uint64_t)) {
        load_put64(params + HDR_SETUP_DATA, 0);
    }
    load_put64(params + PARAM_ACPI_RSDP_ADDR, MEMMAP_ACPI_BASE);
    load_put32(params + PARAM_ALT_MEM_K, (uint32_t)((ram->low_size - MEMMAP_HIGH_MEMORY) >> 10));
    place_e820(ram, params);
}

static void place_all(const struct guest_ram *ram, const struct load_linux_files *files,
                      const struct plan *plan, struct load_state *state)
{
    load_write_gdt(ram->low + MEMMAP_LOW_STRUCT_BASE, plan->long_mode);
    place_params(ram, files, plan);
    if (plan->cmdline_size > 0) {
        memcpy(ram->low + MEMMAP_CMDLINE, files->cmdline, plan->cmdline_size);
    }
    ram->low[MEMMAP_CMDLINE + plan->cmdline_size] = 0;
    memcpy(ram->low + plan->load, files->kernel.data + plan->setup_size, plan->payload_size);
    if (files->initrd.size > 0) {
        memcpy(ram->low + plan->initrd, files->initrd.data, files->initrd.size);
    }
    if (plan->long_mode) {
        place_page_tables(ram->low);
        load_state_long(state, plan->load + ENTRY64_OFFSET, MEMMAP_LOW_STRUCT_BASE,
                        MEMMAP_PAGE_TABLES);
    } else {
        load_state_protected(state, plan->load, MEMMAP_LOW_STRUCT_BASE);
    }
    state->gpr[LOAD_RSI] = MEMMAP_BOOT_INFO;
}

enum load_error load_linux(const struct guest_ram *ram, const struct load_linux_files *files,
                           struct load_state *state)
{
    struct plan plan = {0};
    const uint8_t *hdr = files->kernel.data;
    enum load_error error = plan_header(&files->kernel, &plan, state);

    if (error == LOAD_OK) {
        error = plan_parts(&files->kernel, &plan, state);
    }
    if (error == LOAD_OK) {
        error = plan_kernel(ram, hdr, &plan, state);
    }
    if (error == LOAD_OK && files->initrd.size > 0) {
        error = plan_initrd(ram, hdr, files->initrd.size, &plan, state);
    }
    if (error == LOAD_OK) {
        error = plan_cmdline(hdr, files->cmdline, &plan, state);
    }
    if (error == LOAD_OK) {
        place_all(ram, files, &plan, state);
    }
    return error;
}
