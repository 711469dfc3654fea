/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console on a VGA in text mode, 80 by 25: characters, line ends, backspace, tabulator and
 * scrolling; escape sequences of terminals are left out.
 */
#pragma once

#include <stdint.h>

#define VGA_COLUMNS 80u
#define VGA_ROWS    25u
#define VGA_ADDRESS 0xB8000u /* physical, of the text buffer */

struct vga {
    volatile uint16_t *screen;
    uint16_t shadow[VGA_ROWS * VGA_COLUMNS]; /* reading the adapter's memory is slow */
    uint32_t row, column;
    uint32_t escape; /* where in an escape sequence the output is */
};

/* screen: the text buffer as the program sees it. Output goes on where the cursor is; what the
 * screen shows now is kept. */
void vga_init(struct vga *vga, volatile uint16_t *screen);

void vga_put(struct vga *vga, char c);
