/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the boot information, in place, through boot's identity mapping. The boot loader is
 * trusted.
 */
#include "hv/multiboot2.h"

#include "hv/lib.h"

enum tag_type {
    TAG_END = 0,
    TAG_CMDLINE = 1,
    TAG_MODULE = 3,
    TAG_MMAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15
};

#define FRAMEBUFFER_TYPE_OFFSET 29u
#define FRAMEBUFFER_TEXT        2u

struct tag {
    uint32_t type, size;
};

struct module_tag {
    struct tag tag;
    uint32_t start, end;
    char cmdline[];
};

struct mmap_tag {
    struct tag tag;
    uint32_t entry_size, version;
};

static const struct tag *first(const void *info)
{
    return (const struct tag *)((const uint8_t *)info + 8);
}

static const struct tag *next(const struct tag *t)
{
    return (const struct tag *)(const void *)((const uint8_t *)t + ((t->size + 7) & ~7u));
}

static const struct tag *find(const void *info, uint32_t type, unsigned n)
{
    for (const struct tag *t = first(info); t->type != TAG_END; t = next(t)) {
        if (t->type == type && n-- == 0) {
            return t;
        }
    }
    return NULL;
}

void multiboot2_read(uint64_t address, struct multiboot2 *out)
{
    out->info = (const void *)address; // NOLINT(performance-no-int-to-ptr)
    const struct tag *cmdline = find(out->info, TAG_CMDLINE, 0);
    const struct tag *rsdp = find(out->info, TAG_RSDP_NEW, 0);
    const struct tag *framebuffer = find(out->info, TAG_FRAMEBUFFER, 0);
    if (rsdp == NULL) {
        rsdp = find(out->info, TAG_RSDP_OLD, 0);
    }
    out->cmdline = cmdline == NULL ? "" : (const char *)(cmdline + 1);
    out->rsdp = rsdp == NULL ? 0 : (uint64_t)(rsdp + 1);
    out->text_screen = framebuffer == NULL ||
                       ((const uint8_t *)framebuffer)[FRAMEBUFFER_TYPE_OFFSET] == FRAMEBUFFER_TEXT;
}

bool multiboot2_region(const struct multiboot2 *mb, unsigned n, struct multiboot2_region *out)
{
    const struct mmap_tag *t = (const struct mmap_tag *)find(mb->info, TAG_MMAP, 0);
    if (t == NULL || sizeof(*t) + (uint64_t)(n + 1) * t->entry_size > t->tag.size) {
        return false;
    }
    const uint8_t *entry = (const uint8_t *)(t + 1) + (uint64_t)n * t->entry_size;
    memcpy(&out->base, entry, 8);
    memcpy(&out->size, entry + 8, 8);
    memcpy(&out->type, entry + 16, 4);
    return true;
}

bool multiboot2_module(const struct multiboot2 *mb, unsigned n, struct multiboot2_module *out)
{
    const struct module_tag *t = (const struct module_tag *)find(mb->info, TAG_MODULE, n);
    if (t == NULL) {
        return false;
    }
    out->base = t->start;
    out->end = t->end;
    out->cmdline = t->cmdline;
    return true;
}

uint64_t multiboot2_size(const struct multiboot2 *mb)
{
    uint32_t size;
    memcpy(&size, mb->info, sizeof(size));
    return size;
}
