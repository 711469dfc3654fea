/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statuses of hv/abi/status.h in words.
 */
#include "vmm/lib/status.h"

static const char *const text[BH_STATUS_COUNT] = {
    [BH_OK] = "done",
    [BH_ERR_CALL] = "no such system call",
    [BH_ERR_SELECTOR] = "no capability at this selector",
    [BH_ERR_TYPE] = "the object is of another type",
    [BH_ERR_RIGHTS] = "a permission is missing",
    [BH_ERR_OCCUPIED] = "the destination is in use",
    [BH_ERR_RANGE] = "the range is not valid",
    [BH_ERR_NOT_HELD] = "the range is not held",
    [BH_ERR_PARAMETER] = "an argument is out of range",
    [BH_ERR_QUOTA] = "the kernel-memory quota is exhausted",
    [BH_ERR_CPU] = "no such CPU, or the wrong one",
    [BH_ERR_TIMEOUT] = "the deadline passed",
    [BH_ERR_BUSY] = "the callee is busy",
    [BH_ERR_DEADLOCK] = "the callee waits for the caller",
    [BH_ERR_DEAD] = "the object has been destroyed",
    [BH_ERR_STATE] = "the object is in another state",
    [BH_ERR_OVERFLOW] = "the semaphore's count is full",
    [BH_ERR_UNSUPPORTED] = "not supported on this machine",
};

const char *status_text(enum bh_status status)
{
    return (unsigned)status < BH_STATUS_COUNT ? text[status] : "unknown status";
}
