/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Status of a system call, returned in RDI. Every refusal has a value of its own, and a call that
 * is refused has changed nothing. See docs/kernel-interface.md for which call returns which.
 */
#pragma once

enum bh_status {
    BH_OK = 0,
    BH_ERR_CALL,      /* no such system call */
    BH_ERR_SELECTOR,  /* the selector names no capability, or lies outside the capability space */
    BH_ERR_TYPE,      /* the capability names an object of another type */
    BH_ERR_RIGHTS,    /* the capability lacks a permission that the call needs */
    BH_ERR_OCCUPIED,  /* the destination (selector, address or port range) is in use already */
    BH_ERR_RANGE,     /* a range is empty, wraps, is misaligned or exceeds its space */
    BH_ERR_NOT_HELD,  /* the caller does not hold the whole range that it wants to pass on */
    BH_ERR_PARAMETER, /* another argument is out of its range */
    BH_ERR_QUOTA,     /* the protection domain's kernel-memory quota is exhausted */
    BH_ERR_CPU,       /* no such CPU, or the object belongs to another CPU */
    BH_ERR_TIMEOUT,   /* the deadline passed before the semaphore came up */
    BH_ERR_BUSY,      /* the callee is busy and the caller asked not to wait */
    BH_ERR_DEADLOCK,  /* the callee waits, directly or not, for the caller */
    BH_ERR_DEAD,      /* the object, or the callee in the middle of the call, has been destroyed */
    BH_ERR_STATE,     /* the object is not in a state that allows the call */
    BH_ERR_OVERFLOW,  /* a semaphore would exceed its greatest count */
    BH_ERR_UNSUPPORTED, /* this machine or this version does not offer it */
    BH_STATUS_COUNT
};
