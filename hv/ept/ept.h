/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested page tables: the EPT format of ptab.h, and the EPT pointer.
 * Source: Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)".
 */
#pragma once

#include "hv/ptab.h"

/* The format for this machine. one_gib: mappings of 1 GiB are supported (IA32_VMX_EPT_VPID_CAP bit
 * 17). */
void ept_init(bool one_gib, bool accessed_dirty);
const struct ptab_format *ept_format(void);

/* The EPT pointer for a root table: write-back, four levels, accessed and dirty flags where
 * supported. */
uint64_t ept_pointer(hpa_t root);
