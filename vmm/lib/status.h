/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statuses of system calls in words, for log lines.
 */
#pragma once

#include "hv/abi/status.h"

/* Never NULL; a short phrase without a full stop. */
const char *status_text(enum bh_status status);
