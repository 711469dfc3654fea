/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot modules: first the programs `root` and `vmm`, then the configuration `system.conf`, then
 * the files that it names, by the paths that it uses.
 */
#pragma once

#include "hv/abi/info.h"

#define MODULES_VMM    "vmm"
#define MODULES_CONFIG "system.conf"

/* One of the system's own modules: up to and including the configuration. NULL: there is none. */
const struct bh_module *modules_system(const struct bh_info *info, const char *name);

/* A file that the configuration names: behind the configuration. NULL: there is none. */
const struct bh_module *modules_file(const struct bh_info *info, const char *path);
