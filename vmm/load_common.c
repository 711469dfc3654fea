/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two CPU states in which loaders hand over (flat protected mode, long mode), and every reason
 * for which a guest image is refused, in words for the person who wrote system.conf.
 */
#include "vmm/load_common.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    CR0_PE = 1 << 0,
    CR0_ET = 1 << 4,
    CR0_NE = 1 << 5,
    CR4_PAE = 1 << 5,
    EFER_LME = 1 << 8,
    EFER_LMA = 1 << 10,
    RFLAGS_RESERVED = 1 << 1
};
#define CR0_PG (1ULL << 31)

/* SDM vol. 3, "Format of Access Rights": type, S, P, L, D/B, G */
enum {
    ACCESS_CODE64 = 0xA09B,
    ACCESS_CODE32 = 0xC09B,
    ACCESS_DATA = 0xC093,
    ACCESS_TSS_BUSY = 0x008B,
    ACCESS_UNUSABLE = 0x10000,
    TSS_LIMIT = 0x67
};

/* SDM vol. 3, "Segment Descriptors": base 0, limit 4 GiB, accessed. */
#define DESCRIPTOR_CODE64 0x00AF9B000000FFFFULL
#define DESCRIPTOR_CODE32 0x00CF9B000000FFFFULL
#define DESCRIPTOR_DATA   0x00CF93000000FFFFULL

static void state_common(struct load_state *state, uint64_t rip, uint64_t gdt_base,
                         uint32_t code_access)
{
    *state = (struct load_state){
        .rip = rip,
        .rflags = RFLAGS_RESERVED,
        .cr0 = CR0_PE | CR0_ET | CR0_NE,
        .gdt_base = gdt_base,
        .gdt_limit = LOAD_GDT_SIZE - 1,
        .cs = {.selector = LOAD_BOOT_CS, .limit = UINT32_MAX, .access = code_access},
        .data = {.selector = LOAD_BOOT_DS, .limit = UINT32_MAX, .access = ACCESS_DATA},
        .tr = {.limit = TSS_LIMIT, .access = ACCESS_TSS_BUSY},
        .ldtr = {.access = ACCESS_UNUSABLE},
    };
}

void load_state_protected(struct load_state *state, uint64_t rip, uint64_t gdt_base)
{
    state_common(state, rip, gdt_base, ACCESS_CODE32);
}

void load_state_long(struct load_state *state, uint64_t rip, uint64_t gdt_base, uint64_t cr3)
{
    state_common(state, rip, gdt_base, ACCESS_CODE64);
    state->cr0 |= CR0_PG;
    state->cr3 = cr3;
    state->cr4 = CR4_PAE;
    state->efer = EFER_LME | EFER_LMA;
}

void load_write_gdt(uint8_t *gdt, int long_mode)
{
    memset(gdt, 0, LOAD_GDT_SIZE);
    load_put64(gdt + LOAD_BOOT_CS, long_mode ? DESCRIPTOR_CODE64 : DESCRIPTOR_CODE32);
    load_put64(gdt + LOAD_BOOT_DS, DESCRIPTOR_DATA);
}

enum load_error load_fail(struct load_state *state, enum load_error error, uint64_t need,
                          uint64_t have)
{
    *state = (struct load_state){.error = error, .need = need, .have = have};
    return error;
}

/* How the two figures of an error are printed. */
enum unit { UNIT_NONE, UNIT_BYTES, UNIT_MIB, UNIT_CHARS, UNIT_COUNT, UNIT_VERSION };

static const struct {
    const char *text;
    enum unit unit;
} errors[LOAD_ERR_COUNT] = {
    [LOAD_OK] = {"loaded", UNIT_NONE},
    [LOAD_ERR_NOT_BZIMAGE] = {"not a bzImage: no HdrS signature at offset 0x202", UNIT_NONE},
    [LOAD_ERR_COMPRESSED] = {"compressed by gzip: unpack it first", UNIT_NONE},
    [LOAD_ERR_OLD_PROTOCOL] = {"Linux boot protocol is too old", UNIT_VERSION},
    [LOAD_ERR_LOW_KERNEL] = {"a zImage, which loads below 1 MiB: only a bzImage is supported",
                             UNIT_NONE},
    [LOAD_ERR_REAL_MODE_ONLY] =
        {"has only the real-mode entry, which needs a BIOS: neither a 64-bit "
         "nor a 32-bit entry",
         UNIT_NONE},
    [LOAD_ERR_BAD_HEADER] = {"the Linux setup header contradicts itself", UNIT_NONE},
    [LOAD_ERR_TRUNCATED] = {"the file is truncated", UNIT_BYTES},
    [LOAD_ERR_KERNEL_TOO_LARGE] = {"the kernel does not fit into the memory of the VM", UNIT_MIB},
    [LOAD_ERR_INITRD_TOO_LARGE] = {"the initrd does not fit into the memory of the VM above the "
                                   "kernel and below the limit the kernel sets",
                                   UNIT_MIB},
    [LOAD_ERR_CMDLINE_TOO_LONG] = {"the command line is longer than the kernel takes", UNIT_CHARS},
    [LOAD_ERR_RAM_TOO_SMALL] = {"the VM has too little memory for any guest of this kind",
                                UNIT_MIB},
    [LOAD_ERR_NO_MULTIBOOT] = {"no Multiboot header in the first 8192 bytes", UNIT_NONE},
    [LOAD_ERR_MULTIBOOT_FLAGS] = {"the Multiboot header demands a feature that is not offered",
                                  UNIT_NONE},
    [LOAD_ERR_BAD_KLUDGE] = {"the addresses in the Multiboot header contradict each other",
                             UNIT_NONE},
    [LOAD_ERR_NOT_ELF] = {"has a Multiboot header without addresses, but is not an ELF executable "
                          "for x86",
                          UNIT_NONE},
    [LOAD_ERR_BAD_ELF] = {"the ELF program headers contradict each other", UNIT_NONE},
    [LOAD_ERR_SEGMENT_ADDRESS] = {"a segment does not lie in the VM's RAM: it overlaps the hole "
                                  "below 1 MiB or ends beyond the memory",
                                  UNIT_MIB},
    [LOAD_ERR_ENTRY] = {"the entry point lies outside of what is loaded", UNIT_NONE},
    [LOAD_ERR_MODULES_TOO_LARGE] = {"the modules do not fit into the memory of the VM", UNIT_MIB},
    [LOAD_ERR_MODULE_COUNT] = {"too many modules", UNIT_COUNT},
};

const char *load_strerror(enum load_error error)
{
    return (unsigned)error < LOAD_ERR_COUNT ? errors[error].text : "unknown loader error";
}

static uint64_t tenths_of_mib(uint64_t bytes)
{
    const uint64_t mib = 1 << 20;
    return bytes / mib * 10 + bytes % mib * 10 / mib;
}

void load_describe(const struct load_state *state, char *buffer, size_t size)
{
    const char *text = load_strerror(state->error);
    enum unit unit =
        (unsigned)state->error < LOAD_ERR_COUNT ? errors[state->error].unit : UNIT_NONE;
    uint64_t need = state->need, have = state->have;

    switch (unit) {
    case UNIT_MIB:
        need = tenths_of_mib(need);
        have = tenths_of_mib(have);
        snprintf(buffer, size,
                 "%s (needs %" PRIu64 ".%" PRIu64 " MiB, there are %" PRIu64 ".%" PRIu64 " MiB)",
                 text, need / 10, need % 10, have / 10, have % 10);
        break;
    case UNIT_BYTES:
        snprintf(buffer, size, "%s (%" PRIu64 " bytes needed, %" PRIu64 " bytes there)", text, need,
                 have);
        break;
    case UNIT_CHARS:
        snprintf(buffer, size, "%s (%" PRIu64 " characters, limit %" PRIu64 ")", text, need, have);
        break;
    case UNIT_COUNT:
        snprintf(buffer, size, "%s (%" PRIu64 ", limit %" PRIu64 ")", text, need, have);
        break;
    case UNIT_VERSION:
        snprintf(buffer, size, "%s (%u.%02u, at least %u.%02u is needed)", text,
                 (unsigned)(have >> 8), (unsigned)(have & 0xFF), (unsigned)(need >> 8),
                 (unsigned)(need & 0xFF));
        break;
    case UNIT_NONE:
        snprintf(buffer, size, "%s", text);
        break;
    }
}
