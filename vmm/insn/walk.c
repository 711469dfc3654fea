/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One loop for all paging modes: a table says for each mode how many levels there are, how wide
 * index and entry are, and at which levels a page can end the walk. Rights are gathered on the way
 * down and judged at the end; accessed and dirty bits are set only after that, by compare and
 * exchange, and the walk starts anew if the guest changed an entry meanwhile. SDM volume 3,
 * "Paging", "Access Rights", "Accessed and Dirty Flags", "Page-Fault Exceptions".
 */
#include "vmm/insn/walk.h"

#include <stddef.h>

#include "vmm/insn/x86.h"

#define ENTRY_PRESENT  UINT64_C(0x001)
#define ENTRY_WRITABLE UINT64_C(0x002)
#define ENTRY_USER     UINT64_C(0x004)
#define ENTRY_ACCESSED UINT64_C(0x020)
#define ENTRY_DIRTY    UINT64_C(0x040)
#define ENTRY_LARGE    UINT64_C(0x080)
#define ENTRY_NX       (UINT64_C(1) << 63)

#define PAGE_SHIFT         12u
#define ENTRY_ADDRESS      UINT64_C(0x000FFFFFFFFFF000) /* bits 51:12 */
#define ENTRY_ADDRESS_BITS 52u
#define PAE_RESERVED       UINT64_C(0x7FF0000000000000) /* bits 62:52, ignored in 4-level paging */
#define LARGE_PAT          UINT64_C(0x1000) /* bit 12 of a large page is no address bit */

/* PSE-36: bits 20:13 of a 4 MiB entry are address bits 39:32, bit 21 is reserved. */
#define PSE36_FIELD    UINT64_C(0x001FE000)
#define PSE36_SHIFT    19u
#define PSE36_MAX_BITS 40u
#define PSE36_RESERVED UINT64_C(0x00200000)

#define PAE_PDPTE_SHIFT 30u
#define PAE_PDPTE_INDEX 3u

#define MAX_LEVELS 5u

/* A guest that loses this many races against itself is resumed and tries again. */
#define MAX_ATTEMPTS 4

struct paging {
    unsigned levels; /* in memory: the PDPTE registers of PAE are none */
    unsigned index_bits;
    unsigned entry_size; /* bytes */
    bool pae;
};

static const struct paging paging_32 = {2, 10, 4, false};
static const struct paging paging_pae = {2, 9, 8, true};
static const struct paging paging_4_level = {4, 9, 8, false};
static const struct paging paging_5_level = {5, 9, 8, false};

struct visited {
    uint64_t gpa;
    uint64_t entry;
};

struct walk {
    const struct walk_regs *regs;
    const struct walk_mem *mem;
    const struct paging *paging;
    uint64_t gva;
    enum walk_access access;
    uint64_t reserved; /* at every level */
    uint64_t rights;   /* USER, WRITABLE, ACCESSED if every entry has them, NX if any */
    struct visited visited[MAX_LEVELS];
    unsigned depth; /* entries visited */
};

static const struct paging *paging_of(const struct walk_regs *regs)
{
    if ((regs->cr4 & X86_CR4_PAE) == 0)
        return &paging_32;
    if ((regs->efer & X86_EFER_LMA) == 0)
        return &paging_pae;
    return (regs->cr4 & X86_CR4_LA57) != 0 ? &paging_5_level : &paging_4_level;
}

static bool nx_enabled(const struct walk_regs *regs)
{
    return (regs->cr4 & X86_CR4_PAE) != 0 && (regs->efer & X86_EFER_NXE) != 0;
}

static int fail(const struct walk *walk, uint32_t cause, struct walk_fault *fault)
{
    uint32_t code = cause;

    if (walk->access == WALK_WRITE)
        code |= WALK_FAULT_WRITE;
    if (walk->regs->cpl == X86_USER_CPL)
        code |= WALK_FAULT_USER;
    if (walk->access == WALK_FETCH &&
        ((walk->regs->cr4 & X86_CR4_SMEP) != 0 || nx_enabled(walk->regs)))
        code |= WALK_FAULT_FETCH;
    *fault = (struct walk_fault){code, walk->gva};
    return WALK_FAULT;
}

/* Address bits from low to 51 that the processor does not have. */
static uint64_t beyond(unsigned physical_bits)
{
    if (physical_bits >= ENTRY_ADDRESS_BITS)
        return 0;
    return ENTRY_ADDRESS & ~((UINT64_C(1) << physical_bits) - 1);
}

/* The bits of an entry below its page's address: shift is log2 of the page size. */
static uint64_t reserved_in_large(unsigned shift)
{
    return ((UINT64_C(1) << shift) - 1) & ENTRY_ADDRESS & ~LARGE_PAT;
}

static uint64_t reserved_pse36(unsigned physical_bits)
{
    unsigned bits = physical_bits < PSE36_MAX_BITS ? physical_bits : PSE36_MAX_BITS;
    uint64_t usable = (UINT64_C(1) << bits) - 1;

    return PSE36_RESERVED | (PSE36_FIELD & ~(usable >> PSE36_SHIFT));
}

/* What is reserved in entries of every level and kind. */
static uint64_t always_reserved(const struct walk_regs *regs, const struct paging *paging)
{
    uint64_t reserved;

    if (paging == &paging_32)
        return 0;
    reserved = beyond(regs->physical_bits);
    if (paging->pae)
        reserved |= PAE_RESERVED;
    if (!nx_enabled(regs))
        reserved |= ENTRY_NX;
    return reserved;
}

/* Whether bit 7 of an entry above the page table makes a large page. Level 2 points to page tables.
 */
static bool large_allowed(const struct walk *walk, unsigned level)
{
    if (walk->paging == &paging_32)
        return (walk->regs->cr4 & X86_CR4_PSE) != 0;
    return level == 2 || (level == 3 && walk->regs->page_1g);
}

/* What bit 7, when it is set above the page table, reserves in addition. */
static uint64_t large_reserved(const struct walk *walk, unsigned level, unsigned page_shift)
{
    if (walk->paging == &paging_32)
        return large_allowed(walk, level) ? reserved_pse36(walk->regs->physical_bits) : 0;
    return large_allowed(walk, level) ? reserved_in_large(page_shift) : ENTRY_LARGE;
}

/* SDM volume 3, "Determination of Access Rights". */
static bool allowed(const struct walk *walk)
{
    const struct walk_regs *regs = walk->regs;
    bool user_page = (walk->rights & ENTRY_USER) != 0;
    bool writable = (walk->rights & ENTRY_WRITABLE) != 0;

    if (walk->access == WALK_FETCH && (walk->rights & ENTRY_NX) != 0)
        return false;
    if (regs->cpl == X86_USER_CPL)
        return user_page && (walk->access != WALK_WRITE || writable);
    if (walk->access == WALK_FETCH)
        return !user_page || (regs->cr4 & X86_CR4_SMEP) == 0;
    if (user_page && (regs->cr4 & X86_CR4_SMAP) != 0 && (regs->rflags & X86_RFLAGS_AC) == 0)
        return false;
    return walk->access != WALK_WRITE || writable || (regs->cr0 & X86_CR0_WP) == 0;
}

/* Sets what the translation uses. WALK_RACE if an entry is not what it was when it was read. */
static int mark(const struct walk *walk)
{
    if (walk->mem->cmpxchg == NULL)
        return WALK_OK;
    for (unsigned i = 0; i < walk->depth; i++) {
        const struct visited *visited = &walk->visited[i];
        uint64_t desired = visited->entry | ENTRY_ACCESSED;
        bool exchanged = false;

        if (i == walk->depth - 1 && walk->access == WALK_WRITE)
            desired |= ENTRY_DIRTY;
        if (desired == visited->entry)
            continue;
        if (!walk->mem->cmpxchg(walk->mem->ctx, visited->gpa, walk->paging->entry_size,
                                visited->entry, desired, &exchanged))
            return WALK_MEMORY;
        if (!exchanged)
            return WALK_RACE;
    }
    return WALK_OK;
}

static uint64_t page_address(const struct walk *walk, uint64_t entry, unsigned page_shift)
{
    uint64_t offset_mask = (UINT64_C(1) << page_shift) - 1;
    uint64_t frame = entry & ENTRY_ADDRESS & ~offset_mask;

    if (walk->paging == &paging_32 && page_shift > PAGE_SHIFT)
        frame |= (entry & PSE36_FIELD) << PSE36_SHIFT;
    return frame | (walk->gva & offset_mask);
}

/* The gpa of the topmost table in memory; false if a PDPTE register is not present. */
static bool root(const struct walk *walk, uint64_t *table)
{
    const struct walk_regs *regs = walk->regs;

    if (walk->paging->pae) {
        uint64_t pdpte = regs->pdpte[(walk->gva >> PAE_PDPTE_SHIFT) & PAE_PDPTE_INDEX];

        *table = pdpte & ENTRY_ADDRESS;
        return (pdpte & ENTRY_PRESENT) != 0;
    }
    *table = regs->cr3 & ENTRY_ADDRESS;
    if (walk->paging == &paging_32)
        *table &= UINT32_MAX;
    return true;
}

static int finish(const struct walk *walk, uint64_t entry, unsigned page_shift, uint64_t *gpa,
                  struct walk_fault *fault)
{
    if (!allowed(walk))
        return fail(walk, WALK_FAULT_PRESENT, fault);
    *gpa = page_address(walk, entry, page_shift);
    if ((walk->rights & ENTRY_ACCESSED) != 0 &&
        (walk->access != WALK_WRITE || (entry & ENTRY_DIRTY) != 0))
        return WALK_OK;
    return mark(walk);
}

static int attempt(struct walk *walk, uint64_t *gpa, struct walk_fault *fault)
{
    const struct paging *paging = walk->paging;
    uint64_t index_mask = (UINT64_C(1) << paging->index_bits) - 1;
    unsigned shift = PAGE_SHIFT + paging->levels * paging->index_bits;
    uint64_t table;

    walk->rights = ENTRY_USER | ENTRY_WRITABLE | ENTRY_ACCESSED;
    walk->depth = 0;
    if (!root(walk, &table))
        return fail(walk, 0, fault);
    for (unsigned level = paging->levels; level > 0; level--) {
        uint64_t reserved = walk->reserved;
        uint64_t entry;
        uint64_t at;
        bool large;

        shift -= paging->index_bits;
        at = table + ((walk->gva >> shift) & index_mask) * paging->entry_size;
        if (!walk->mem->read(walk->mem->ctx, at, paging->entry_size, &entry))
            return WALK_MEMORY;
        if ((entry & ENTRY_PRESENT) == 0)
            return fail(walk, 0, fault);
        large = level > 1 && (entry & ENTRY_LARGE) != 0;
        if (large)
            reserved |= large_reserved(walk, level, shift);
        if ((entry & reserved) != 0)
            return fail(walk, WALK_FAULT_PRESENT | WALK_FAULT_RESERVED, fault);
        walk->visited[walk->depth++] = (struct visited){at, entry};
        walk->rights = (walk->rights & (entry | ENTRY_NX)) | (entry & ENTRY_NX);
        if (level == 1 || (large && large_allowed(walk, level)))
            return finish(walk, entry, shift, gpa, fault);
        table = entry & ENTRY_ADDRESS;
    }
    return WALK_MEMORY;
}

int walk_translate(const struct walk_regs *regs, uint64_t gva, enum walk_access access,
                   const struct walk_mem *mem, uint64_t *gpa, struct walk_fault *fault)
{
    const struct paging *paging = paging_of(regs);
    struct walk walk = {
        .regs = regs,
        .mem = mem,
        .paging = paging,
        .gva = (regs->efer & X86_EFER_LMA) != 0 ? gva : (uint32_t)gva,
        .access = access,
        .reserved = always_reserved(regs, paging),
    };
    int status = WALK_RACE;

    if ((regs->cr0 & X86_CR0_PG) == 0) {
        *gpa = walk.gva;
        return WALK_OK;
    }
    for (unsigned i = 0; i < MAX_ATTEMPTS && status == WALK_RACE; i++)
        status = attempt(&walk, gpa, fault);
    return status;
}
