/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C side of entry.asm: the handler of the IPC figures and the guests of the exit figures.
 */
#pragma once

#include <stdint.h>

/* A portal's entry that replies at once with the words that came. It lies in one page. */
void entry_echo(void);

/* One page of 16-bit code that a vCPU runs in real mode, at guest-physical address
 * ENTRY_GUEST_BASE, and the guests in it: EDI = rounds, ends with HLT and EBP = the least number of
 * ticks of a round. */
extern const uint8_t entry_guest_page[];
extern const uint8_t entry_guest_empty[];
extern const uint8_t entry_guest_cpuid[];
extern const uint8_t entry_guest_out[];

#define ENTRY_GUEST_BASE 0x1000u
