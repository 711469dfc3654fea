/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration must satisfy as a whole. Internal to vmm/root/config*.c: config_parse calls
 * both.
 */
#pragma once

#include "vmm/root/config.h"

/* Keys that are missing or exclude each other. Returns the number of errors, each reported. */
unsigned config_check_text(const struct config *config, const struct config_report *report);

/* The configuration against the machine and its files. Returns the number of errors, each reported.
 */
unsigned config_check_machine(const struct config *config, const struct config_machine *machine,
                              const struct config_report *report);
