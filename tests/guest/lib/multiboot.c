/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps what the loader has handed over until a test asks for it. See multiboot.h.
 */
#include "tests/guest/lib/multiboot.h"

static uint32_t loader_magic;
static const struct multiboot_info *loader_info;

void multiboot_keep(uint32_t magic, const struct multiboot_info *info)
{
    loader_magic = magic;
    loader_info = info;
}

uint32_t multiboot_magic(void)
{
    return loader_magic;
}

const struct multiboot_info *multiboot_info(void)
{
    return loader_info;
}
