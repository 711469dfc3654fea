/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's real-time clock, read once at boot. Datasheet: Motorola MC146818.
 */
#pragma once

#include <stdint.h>

#include "hv/abi/info.h"

/* Seconds since 1970, and the TSC at which that was so; 0 if there is no clock. */
uint64_t rtc_read(const struct bh_info *info, uint64_t *tsc);
