/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Multiboot loader hands over, and the memory it describes: the map is sane, RAM is there
 * up to its last byte and nowhere twice, command line and modules are whole. Words of the command
 * line, all optional, say what a test bench has configured: memory=MIB, modules=N, module-sum=SUM
 * (of the bytes of the first module, decimal). Multiboot Specification 0.6.96, "Boot information
 * format".
 */
#include "tests/guest/lib/multiboot.h"

#include <stdbool.h>
#include <stddef.h>

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    LOW_END = 640 * KIB,
    VIDEO = 0xA0000,
    CMDLINE_MOST = 4096,
    SAMPLES = 512,
    RANGES_MOST = 64,
    IMAGE_BASE = MIB,
    IMAGE_END = 2 * MIB /* guest.ld */
};

extern const uint8_t image_end[]; /* guest.ld */

#define PATTERN UINT64_C(0x5AA5C33C0FF01EE1)

static const struct multiboot_info *info(void)
{
    return multiboot_info();
}

static const void *physical(uint32_t address)
{
    return (const void *)(uint64_t)address;
}

/* Calls visit for each range of the map; returns the number of them. */
static unsigned each_range(void (*visit)(const struct multiboot_range *range))
{
    uint32_t at = info()->mmap_addr, end = at + info()->mmap_length;
    unsigned count = 0;

    while (at < end && count < RANGES_MOST) {
        const struct multiboot_range *range = physical(at);

        if (visit != NULL)
            visit(range);
        at += range->size + (uint32_t)sizeof range->size;
        count++;
    }
    return count;
}

static bool is_ram(const struct multiboot_range *range)
{
    return range->type == MULTIBOOT_RANGE_RAM;
}

/* Is base .. base + size RAM by the map? */
static uint64_t wanted_base, wanted_end;
static bool found;

static void look_for_wanted(const struct multiboot_range *range)
{
    if (is_ram(range) && wanted_base >= range->base && wanted_end <= range->base + range->length)
        found = true;
}

static bool in_ram(uint64_t base, uint64_t size)
{
    wanted_base = base;
    wanted_end = base + size;
    found = false;
    each_range(look_for_wanted);
    return found;
}

static void loader_gives_its_magic_and_a_map(void)
{
    expect_equal(HERE, "magic", multiboot_magic(), MULTIBOOT_LOADER_MAGIC);
    expect(HERE, info()->flags & MULTIBOOT_HAS_MEMORY, "flags 0x%x: no memory sizes",
           info()->flags);
    expect(HERE, info()->flags & MULTIBOOT_HAS_MMAP, "flags 0x%x: no memory map", info()->flags);
    expect_between(HERE, "ranges", each_range(NULL), 2, RANGES_MOST - 1);
}

static uint64_t previous_end;

static void check_order(const struct multiboot_range *range)
{
    expect(HERE, range->length != 0, "an empty range at 0x%lx", range->base);
    expect(HERE, range->base >= previous_end, "the range at 0x%lx overlaps the one before",
           range->base);
    expect(HERE, range->size == sizeof *range - sizeof range->size, "an entry of %u bytes",
           range->size);
    previous_end = range->base + range->length;
}

static void ranges_ascend_without_overlap(void)
{
    previous_end = 0;
    each_range(check_order);
}

static void kernel_and_low_memory_are_ram(void)
{
    expect(HERE, in_ram(IMAGE_BASE, IMAGE_END - IMAGE_BASE), "the kernel's place is no RAM");
    expect(HERE, in_ram(0, 0x90000), "low memory is no RAM");
    expect(HERE, !in_ram(VIDEO, PAGE_SIZE), "video memory is RAM");
}

static void memory_sizes_agree_with_the_map(void)
{
    expect_between(HERE, "mem_lower", info()->mem_lower, 512, LOW_END / KIB);
    expect(HERE, in_ram(0, (uint64_t)info()->mem_lower * KIB), "mem_lower of %u KiB is not all RAM",
           info()->mem_lower);
    expect(HERE, in_ram(MIB, (uint64_t)info()->mem_upper * KIB),
           "mem_upper of %u KiB is not all RAM", info()->mem_upper);
    expect(HERE, !in_ram(MIB, (uint64_t)info()->mem_upper * KIB + PAGE_SIZE),
           "there is more RAM than mem_upper");
}

/* Eight bytes keep what is written, and get their own back. */
static void check_bytes(uint64_t address)
{
    volatile uint64_t *p = (volatile uint64_t *)address;
    uint64_t before = *p, first, second;

    *p = PATTERN ^ address;
    first = *p;
    *p = ~(PATTERN ^ address);
    second = *p;
    *p = before;
    expect(HERE, first == (PATTERN ^ address) && second == ~(PATTERN ^ address),
           "0x%lx does not keep what is written", address);
}

static void check_ends(const struct multiboot_range *range)
{
    uint64_t end = range->base + range->length;

    if (!is_ram(range) || end > PAGE_MAPPED_END)
        return;
    check_bytes(range->base < PAGE_SIZE ? PAGE_SIZE : range->base);
    check_bytes(end - sizeof(uint64_t));
}

static void ram_is_there_at_its_ends(void)
{
    each_range(check_ends);
}

static void ram_is_nowhere_twice(void)
{
    static uint64_t saved[SAMPLES];
    uint64_t size = (uint64_t)info()->mem_upper * KIB + MIB - IMAGE_END;
    uint64_t step = size / SAMPLES & ~(uint64_t)(PAGE_SIZE - 1);
    unsigned wrong = 0;

    if (!expect(HERE, step != 0 && IMAGE_END + size <= PAGE_MAPPED_END, "%lu bytes of RAM", size))
        return;
    for (unsigned i = 0; i < SAMPLES; i++) {
        volatile uint64_t *p = (volatile uint64_t *)(IMAGE_END + i * step);

        saved[i] = *p;
        *p = PATTERN ^ (uint64_t)p;
    }
    for (unsigned i = SAMPLES; i-- > 0;) {
        volatile uint64_t *p = (volatile uint64_t *)(IMAGE_END + i * step);

        wrong += *p != (PATTERN ^ (uint64_t)p);
        *p = saved[i];
    }
    expect_equal(HERE, "samples that another one has changed", wrong, 0);
}

static const char *cmdline(void)
{
    return info()->flags & MULTIBOOT_HAS_CMDLINE ? physical(info()->cmdline) : "";
}

/* The number behind `word` in the command line. */
static bool word_value(const char *word, uint64_t *value)
{
    for (const char *at = cmdline(); *at != '\0'; at++) {
        unsigned length = 0;

        while (word[length] != '\0' && at[length] == word[length])
            length++;
        if (word[length] != '\0' || (at != cmdline() && at[-1] != ' '))
            continue;
        *value = 0;
        for (const char *digit = at + length; *digit >= '0' && *digit <= '9'; digit++)
            *value = *value * 10 + (uint64_t)(*digit - '0');
        return true;
    }
    return false;
}

static void command_line_is_text(void)
{
    const char *text = cmdline();
    unsigned length = 0;

    if (*text == '\0') {
        skip("there is none");
        return;
    }
    expect(HERE, in_ram(info()->cmdline, 1), "it lies at 0x%x, which is no RAM", info()->cmdline);
    while (length < CMDLINE_MOST && text[length] >= ' ' && text[length] <= '~')
        length++;
    expect(HERE, length < CMDLINE_MOST && text[length] == '\0', "character 0x%x at %u",
           (unsigned char)text[length], length);
}

static void memory_is_as_much_as_configured(void)
{
    uint64_t mib;

    if (!word_value("memory=", &mib)) {
        skip("the command line does not say how much");
        return;
    }
    /* A firmware may keep some of it for its tables. */
    expect_between(HERE, "KiB from 1 MiB on", info()->mem_upper, (mib - 2) * KIB, (mib - 1) * KIB);
}

static const struct multiboot_module *module(unsigned index)
{
    const struct multiboot_module *modules = physical(info()->mods_addr);

    return &modules[index];
}

static unsigned module_count(void)
{
    return info()->flags & MULTIBOOT_HAS_MODULES ? info()->mods_count : 0;
}

static void modules_are_as_many_as_configured(void)
{
    uint64_t count;

    if (!word_value("modules=", &count)) {
        skip("the command line does not say how many");
        return;
    }
    expect_equal(HERE, "modules", module_count(), count);
}

static void modules_lie_in_ram_apart_from_all_else(void)
{
    if (module_count() == 0) {
        skip("there are none");
        return;
    }
    for (unsigned i = 0; i < module_count(); i++) {
        uint32_t start = module(i)->start, end = module(i)->end;

        expect_equal(HERE, "start modulo 4096", start % PAGE_SIZE, 0);
        expect(HERE, start < end && in_ram(start, end - start), "module %u: 0x%x to 0x%x", i, start,
               end);
        expect(HERE, end <= IMAGE_BASE || start >= (uint64_t)image_end,
               "module %u lies over the kernel", i);
        for (unsigned j = 0; j < i; j++)
            expect(HERE, end <= module(j)->start || start >= module(j)->end,
                   "modules %u and %u overlap", i, j);
    }
}

static void first_module_is_whole(void)
{
    uint64_t wanted, sum = 0;

    if (module_count() == 0 || !word_value("module-sum=", &wanted)) {
        skip("the command line does not say what it is");
        return;
    }
    for (uint32_t at = module(0)->start; at < module(0)->end; at++)
        sum += *(const uint8_t *)physical(at);
    expect_equal(HERE, "sum of its bytes", sum, wanted);
}

static const struct claim claims[] = {
    CLAIM(loader_gives_its_magic_and_a_map),
    CLAIM(ranges_ascend_without_overlap),
    CLAIM(kernel_and_low_memory_are_ram),
    CLAIM(memory_sizes_agree_with_the_map),
    CLAIM(ram_is_there_at_its_ends),
    CLAIM(command_line_is_text),
    CLAIM(memory_is_as_much_as_configured),
    CLAIM(modules_are_as_many_as_configured),
    CLAIM(modules_lie_in_ram_apart_from_all_else),
    CLAIM(first_module_is_whole),
    CLAIM(ram_is_nowhere_twice),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
