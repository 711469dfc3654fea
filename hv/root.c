/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root task. Its segments are mapped where the boot loader has put them, so they must be
 * page-aligned in the file and complete there (no memory beyond the file's contents); the root
 * task's link map sees to that.
 */
#include "hv/root.h"

#include "hv/abi/info.h"
#include "hv/cap.h"
#include "hv/ec.h"
#include "hv/lib.h"
#include "hv/log.h"
#include "hv/mapping.h"
#include "hv/memlayout.h"
#include "hv/sc.h"
#include "hv/x86/asm.h"

#define ELF_CLASS_64        2u
#define ELF_EXEC            2u
#define ELF_X86_64          62u
#define PT_LOAD             1u
#define PF_X                1u
#define PF_W                2u
#define ROOT_PRIORITY       250u
#define ROOT_BUDGET_DIVISOR 100u /* of a second */

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static void map_segment(struct pd *root, const struct bh_module *m, const struct elf_segment *s)
{
    bool fits = s->offset <= m->size && s->filesz <= m->size - s->offset;
    if (!fits || s->filesz != s->memsz || ((s->vaddr | s->offset) & PAGE_MASK) != 0 ||
        s->vaddr == 0 || s->vaddr >= BH_ROOT_LOG || s->memsz >= BH_ROOT_LOG - s->vaddr) {
        panic("the root task's program has a segment that cannot be mapped in place");
    }
    unsigned rights =
        PTAB_R | ((s->flags & PF_W) != 0 ? PTAB_W : 0) | ((s->flags & PF_X) != 0 ? PTAB_X : 0);
    mapping_init_root(&root->space[BH_SPACE_MEM], s->vaddr >> PAGE_SHIFT,
                      (m->base + s->offset) >> PAGE_SHIFT, (s->memsz + PAGE_MASK) >> PAGE_SHIFT,
                      rights);
}

static uint64_t map_program(struct pd *root, const struct bh_module *m)
{
    const struct elf_header *h =
        (const struct elf_header *)m->base; // NOLINT(performance-no-int-to-ptr)
    if (m->size < sizeof(*h) || memcmp(h->ident, "\177ELF", 4) != 0 ||
        h->ident[4] != ELF_CLASS_64 || h->type != ELF_EXEC || h->machine != ELF_X86_64 ||
        h->phentsize != sizeof(struct elf_segment) || h->phoff > m->size ||
        h->phnum * sizeof(struct elf_segment) > m->size - h->phoff) {
        panic("the first boot module is not a 64-bit x86 ELF program: it must be the root task");
    }
    const struct elf_segment *s =
        (const struct elf_segment *)(m->base + h->phoff); // NOLINT(performance-no-int-to-ptr)
    for (unsigned i = 0; i < h->phnum; i++) {
        if (s[i].type == PT_LOAD && s[i].memsz != 0) {
            map_segment(root, m, &s[i]);
        }
    }
    return h->entry;
}

static void map_kernel_pages(struct pd *root, uint64_t va, const void *from, uint64_t size)
{
    mapping_init_root(&root->space[BH_SPACE_MEM], va >> PAGE_SHIFT,
                      ((uint64_t)from - KERNEL_VMA) >> PAGE_SHIFT, size >> PAGE_SHIFT, PTAB_R);
}

void root_start(struct pd *root, const struct bh_info *info)
{
    if (info->modules == 0) {
        panic("no boot module: the first must be the root task (module2 in grub.cfg)");
    }
    struct ec_params p = {
        .pd = root, .user_page = BH_ROOT_UTCB, .rip = map_program(root, &info->module[0])};
    map_kernel_pages(root, BH_ROOT_INFO, info, BH_INFO_SIZE);
    map_kernel_pages(root, BH_ROOT_LOG, log_ring(), sizeof(struct bh_log));
    struct ec *ec = ec_create_thread(&p);
    struct sc_params params = {.priority = ROOT_PRIORITY,
                               .budget = info->tsc_hz / ROOT_BUDGET_DIVISOR};
    struct sc *sc = ec == NULL ? NULL : sc_create(root, ec, &params);
    if (sc == NULL || mapping_add_ec(ec) != BH_OK ||
        cap_insert(root, BH_SEL_PD, &root->obj) != BH_OK ||
        cap_insert(root, BH_SEL_EC, &ec->obj) != BH_OK ||
        cap_insert(root, BH_SEL_SC, &sc->obj) != BH_OK) {
        panic("the pool is too small for the root task");
    }
    ec->regs.rdi = BH_ROOT_INFO;
    ec->sc = sc;
    ec_start(ec);
}
