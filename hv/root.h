/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root task: the first program, made from the first boot module.
 */
#pragma once

struct pd;
struct bh_info;

/* Make its thread from the ELF program in module 0, and give it its first capabilities. Panics with
 * the reason if it cannot. */
void root_start(struct pd *root, const struct bh_info *info);
