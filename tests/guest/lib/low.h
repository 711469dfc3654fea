/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code for 16-bit segments: assembled into the low sections of a test (guest.ld), it runs where
 * LOW() of its NASM file says, at LOW_CODE, below 64 KiB. The loader may have left its information
 * structure behind that: a test that needs both reads it first.
 */
#pragma once

enum { LOW_CODE = 0x8000 /* physical, as in the NASM files */ };

/* Copies the low sections to LOW_CODE. */
void low_copy(void);
