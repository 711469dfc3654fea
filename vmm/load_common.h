/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all guest loaders share: the files they take, the CPU state they leave behind, their errors
 * in words. A loader checks everything before it writes the first byte into guest RAM. It expects
 * RAM to be cleared, as after power-on, and clears itself only what an image says must be zero
 * (bss).
 */
#pragma once

#include <stdint.h>
#include <stddef.h>
#include <string.h>

struct load_file {
    const uint8_t *data; /* NULL with size 0: no such file */
    size_t size;         /* bytes */
};

enum load_error {
    LOAD_OK,
    LOAD_ERR_NOT_BZIMAGE,
    LOAD_ERR_COMPRESSED,
    LOAD_ERR_OLD_PROTOCOL,
    LOAD_ERR_LOW_KERNEL,
    LOAD_ERR_REAL_MODE_ONLY,
    LOAD_ERR_BAD_HEADER,
    LOAD_ERR_TRUNCATED,
    LOAD_ERR_KERNEL_TOO_LARGE,
    LOAD_ERR_INITRD_TOO_LARGE,
    LOAD_ERR_CMDLINE_TOO_LONG,
    LOAD_ERR_RAM_TOO_SMALL,
    LOAD_ERR_NO_MULTIBOOT,
    LOAD_ERR_MULTIBOOT_FLAGS,
    LOAD_ERR_BAD_KLUDGE,
    LOAD_ERR_NOT_ELF,
    LOAD_ERR_BAD_ELF,
    LOAD_ERR_SEGMENT_ADDRESS,
    LOAD_ERR_ENTRY,
    LOAD_ERR_MODULES_TOO_LARGE,
    LOAD_ERR_MODULE_COUNT,
    LOAD_ERR_COUNT
};

/* Registers in the order of their encoding (SDM vol. 2, "ModR/M and SIB Bytes"). */
enum load_gpr {
    LOAD_RAX,
    LOAD_RCX,
    LOAD_RDX,
    LOAD_RBX,
    LOAD_RSP,
    LOAD_RBP,
    LOAD_RSI,
    LOAD_RDI,
    LOAD_GPRS
};

/* A segment register with its hidden part; access in the layout of SDM vol. 3, "Format of Access
 * Rights". */
struct load_segment {
    uint64_t base;
    uint32_t limit; /* bytes, already scaled by the granularity bit */
    uint32_t access;
    uint16_t selector;
};

/* R8 to R15 start as zero, RFLAGS as 2 (interrupts off), IDTR with limit 0, TR and LDTR as given.
 */
struct load_state {
    uint64_t gpr[LOAD_GPRS];
    uint64_t rip;
    uint64_t rflags;
    uint64_t cr0, cr3, cr4, efer;
    uint64_t gdt_base;
    uint32_t gdt_limit;
    struct load_segment cs;
    struct load_segment data; /* DS, ES, SS, FS and GS alike */
    struct load_segment tr;
    struct load_segment ldtr;
    enum load_error error;
    /* The two figures of an error that has any, in its own unit: see load_describe. */
    uint64_t need, have;
};

/* Selectors of the Linux boot protocol, which GRUB uses for Multiboot too, and the GDT's bytes. */
enum { LOAD_BOOT_CS = 0x10, LOAD_BOOT_DS = 0x18, LOAD_GDT_SIZE = 0x20 };

enum { LOAD_PAGE = 4096 };

/* Fills *state for flat 32-bit protected mode without paging, entry rip, with the GDT of
 * load_write_gdt at gdt_base. */
void load_state_protected(struct load_state *state, uint64_t rip, uint64_t gdt_base);

/* The same for 64-bit mode with page tables at cr3. */
void load_state_long(struct load_state *state, uint64_t rip, uint64_t gdt_base, uint64_t cr3);

/* Writes LOAD_GDT_SIZE bytes: two empty descriptors, flat code (64 bit if long_mode), flat data. */
void load_write_gdt(uint8_t *gdt, int long_mode);

/* Marks *state as failed and returns error. need and have are in the unit that load_describe prints
 * for that error. */
enum load_error load_fail(struct load_state *state, enum load_error error, uint64_t need,
                          uint64_t have);

/* One sentence without figures, for any value of error. Static text. */
const char *load_strerror(enum load_error error);

/* The sentence with its figures ("the initrd of 30.0 MiB does not fit into the 16.0 MiB ..."), cut
 * to size. Uses snprintf. */
void load_describe(const struct load_state *state, char *buffer, size_t size);

/* Unaligned little-endian access. */
static inline uint16_t load_get16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline uint32_t load_get32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline uint64_t load_get64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline void load_put16(uint8_t *p, uint16_t value)
{
    memcpy(p, &value, sizeof value);
}

static inline void load_put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof value);
}

static inline void load_put64(uint8_t *p, uint64_t value)
{
    memcpy(p, &value, sizeof value);
}

/* Next page boundary; a value in the last page of the address space stays an error of the caller's
 * range check. */
static inline uint64_t load_page_up(uint64_t value)
{
    return (value + LOAD_PAGE - 1) & ~(uint64_t)(LOAD_PAGE - 1);
}

static inline uint64_t load_page_down(uint64_t value)
{
    return value & ~(uint64_t)(LOAD_PAGE - 1);
}

/* A file that gzip made: a common mistake that deserves its own message. */
static inline int load_is_gzip(const struct load_file *file)
{
    return file->size >= 2 && file->data[0] == 0x1F && file->data[1] == 0x8B;
}
