/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding boot modules by name. System modules and files are looked up apart, so that a guest's
 * file may have any name.
 */
#include "vmm/root/modules.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_named(const struct bh_info *info, uint32_t i, const char *name)
{
    return info->module[i].name < sizeof(info->strings) &&
           strcmp(info->strings + info->module[i].name, name) == 0;
}

/* The first of that name from module `first` on; info->modules: none. */
static uint32_t find(const struct bh_info *info, uint32_t first, const char *name)
{
    uint32_t i = first;
    while (i < info->modules && !is_named(info, i, name)) {
        i++;
    }
    return i;
}

const struct bh_module *modules_system(const struct bh_info *info, const char *name)
{
    uint32_t i = find(info, 0, name);
    return i < info->modules && i <= find(info, 0, MODULES_CONFIG) ? &info->module[i] : NULL;
}

const struct bh_module *modules_file(const struct bh_info *info, const char *path)
{
    uint32_t i = find(info, find(info, 0, MODULES_CONFIG) + 1, path);
    return i < info->modules ? &info->module[i] : NULL;
}
