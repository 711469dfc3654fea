/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MOV to and from a device in 64-bit mode: see quick.h. What is not plain here is left to mmio.c.
 */
#include "vmm/quick.h"

#include <stddef.h>
#include <string.h>

#include "vmm/vm.h"

#define PAGE_SHIFT  12u
#define PAGE_SIZE   (UINT64_C(1) << PAGE_SHIFT)
#define LEVELS      4u
#define LEVEL_BITS  9u
#define LEVEL_MASK  UINT64_C(0x1FF)
#define ADDRESS     UINT64_C(0x000FFFFFFFFFF000)
#define PTE_PRESENT UINT64_C(0x01)
#define PTE_LARGE   UINT64_C(0x80)
#define CR4_LA57    (UINT64_C(1) << 12)
#define ADDRESS_64  8u

/*
 * The guest-physical address of code. Only where it lies is asked for: the processor has just
 * fetched from there, so that rights and reserved bits are settled. UINT64_MAX: a structure is not
 * in RAM. SDM volume 3, "4-Level Paging".
 */
static uint64_t code_address(const struct vm *vm, uint64_t cr3, uint64_t linear)
{
    uint64_t table = cr3 & ADDRESS;

    for (unsigned level = LEVELS; level != 0; level--) {
        const unsigned shift = PAGE_SHIFT + (level - 1) * LEVEL_BITS;
        const uint64_t offset_mask = (UINT64_C(1) << shift) - 1;
        const uint8_t *at = vm_ram(vm, table + ((linear >> shift) & LEVEL_MASK) * sizeof(uint64_t),
                                   sizeof(uint64_t));
        uint64_t entry;

        if (at == NULL)
            break;
        memcpy(&entry, at, sizeof entry);
        if ((entry & PTE_PRESENT) == 0)
            break;
        if (level == 1 || (entry & PTE_LARGE) != 0)
            return (entry & ADDRESS & ~offset_mask) | (linear & offset_mask);
        table = entry & ADDRESS;
    }
    return UINT64_MAX;
}

static const struct insn *decode(struct vcpu *v, const uint8_t *code)
{
    const struct bh_vcpu_state *s = v->state;
    const struct insn_state mode = {.rip = s->rip,
                                    .rflags = s->rflags,
                                    .cr0 = s->cr0,
                                    .efer = s->efer,
                                    .seg[INSN_CS] = {.ar = s->seg[BH_CS].ar}};
    const struct insn *insn;

    if (insn_decode_cached(&v->cache, code, INSN_CACHE_BYTES, &mode, &insn) != INSN_OK)
        return NULL;
    return insn;
}

/* The decoded instruction at RIP, or NULL. The cache is looked at here first: insn_decode_cached
 * wants more of the state. */
static const struct insn *fetch(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    const struct insn_cache_entry *entry = &v->cache.entry[s->rip % INSN_CACHE_ENTRIES];
    uint64_t code[INSN_CACHE_BYTES / sizeof(uint64_t)];
    const uint8_t *at;

    if ((s->rip & (PAGE_SIZE - 1)) > PAGE_SIZE - INSN_CACHE_BYTES)
        return NULL;
    at = vm_ram(v->vm, code_address(v->vm, s->cr3, s->rip), sizeof code);
    if (at == NULL)
        return NULL;
    memcpy(code, at, sizeof code);
    if (entry->insn.length != 0 && entry->insn.mode == INSN_MODE_64 &&
        (code[0] & entry->mask[0]) == entry->bytes[0] &&
        (code[1] & entry->mask[1]) == entry->bytes[1])
        return &entry->insn;
    return decode(v, (const uint8_t *)code);
}

static bool is_plain(const struct insn *insn)
{
    return insn->op == INSN_OP_MOV && insn->address == ADDRESS_64 &&
           insn->memory.segment != INSN_FS && insn->memory.segment != INSN_GS &&
           insn->memory.base != INSN_RSP && insn->source.reg != INSN_RSP &&
           insn->destination.reg != INSN_RSP && !insn->source.high && !insn->destination.high;
}

/* The operand's offset in its page. If it is `gpa`'s, and aligned, the exit is not that of the
 * second half of an access across a page. */
static uint64_t operand_offset(const struct vcpu *v, const struct insn *insn)
{
    const struct insn_memory *m = &insn->memory;
    uint64_t linear = m->displacement;

    if (m->base < INSN_GPR_COUNT)
        linear += vcpu_gpr(v, m->base);
    else if (m->base == INSN_RIP)
        linear += v->state->rip + insn->length;
    if (m->index < INSN_GPR_COUNT)
        linear += vcpu_gpr(v, m->index) << m->shift;
    return linear & (PAGE_SIZE - 1);
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return value & (UINT64_MAX >> (8 * (sizeof value - size)));
}

/* "General-Purpose Registers in 64-Bit Mode": a result of 32 bits clears the upper half, a shorter
 * one leaves the rest alone. */
static uint32_t put_result(struct vcpu *v, const struct insn_operand *to, uint64_t value)
{
    if (to->size < sizeof(uint32_t))
        value |= vcpu_gpr(v, to->reg) & ~low_bytes(UINT64_MAX, to->size);
    return vcpu_put_gpr(v, to->reg, value);
}

static uint32_t load(struct vcpu *v, const struct insn *insn, uint64_t gpa)
{
    const unsigned size = insn->source.size;
    const uint64_t value = board_mmio_read(v->board, gpa, size, vm_now(v->vm));

    return put_result(v, &insn->destination, low_bytes(value, size));
}

static void store(struct vcpu *v, const struct insn *insn, uint64_t gpa)
{
    const unsigned size = insn->destination.size;
    const uint64_t value = insn->source.kind == INSN_OPERAND_IMMEDIATE
                               ? insn->immediate
                               : vcpu_gpr(v, insn->source.reg);

    board_mmio_write(v->board, gpa, size, low_bytes(value, size), vm_now(v->vm));
}

bool quick_mov(struct vcpu *v, uint64_t gpa, uint32_t *mtd)
{
    const struct bh_vcpu_state *s = v->state;
    const uint64_t offset = gpa & (PAGE_SIZE - 1);
    const struct insn *insn;
    uint32_t changed = 0;

    if ((s->efer & X86_EFER_LMA) == 0 || (s->seg[BH_CS].ar & X86_AR_LONG) == 0 ||
        (s->cr4 & CR4_LA57) != 0)
        return false;
    insn = fetch(v);
    if (insn == NULL || !is_plain(insn) || operand_offset(v, insn) != offset ||
        (offset & (insn->size - 1)) != 0 || vm_ram(v->vm, gpa, 1) != NULL)
        return false;
    if (insn->source.kind == INSN_OPERAND_MEMORY)
        changed = load(v, insn, gpa);
    else
        store(v, insn, gpa);
    *mtd = vcpu_resume(v, changed | vcpu_skip_length(v, insn->length));
    return true;
}
