/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See low.h.
 */
#include "tests/guest/lib/low.h"

#include <stdint.h>
#include <string.h>

extern const uint8_t low_code_start[], low_code_end[]; /* guest.ld */

void low_copy(void)
{
    memcpy((void *)(uint64_t)LOW_CODE, low_code_start,
           (uintptr_t)low_code_end - (uintptr_t)low_code_start);
}
