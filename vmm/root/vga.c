/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VGA text output. IBM VGA Technical Reference, "CRT Controller Registers" (cursor location).
 */
#include "vmm/root/vga.h"

#include <string.h>

#include "vmm/lib/syscall.h"

#define CRTC_INDEX       0x3D4u
#define CRTC_DATA        0x3D5u
#define CRTC_CURSOR_HIGH 0x0Eu
#define CRTC_CURSOR_LOW  0x0Fu

#define CELLS     (VGA_ROWS * VGA_COLUMNS)
#define BLANK     0x0720u /* light grey on black */
#define ATTRIBUTE 0x0700u
#define TAB       8u

#define ESCAPE_NONE  0u
#define ESCAPE_BEGUN 1u /* after ESC */
#define ESCAPE_CSI   2u /* after ESC [ */
#define ASCII_ESC    0x1B

static uint32_t read_crtc(uint32_t index)
{
    uint32_t value = 0;
    (void)bh_io_out(CRTC_INDEX, 1, index);
    (void)bh_io_in(CRTC_DATA, 1, &value);
    return value;
}

static void write_crtc(uint32_t index, uint32_t value)
{
    (void)bh_io_out(CRTC_INDEX, 1, index);
    (void)bh_io_out(CRTC_DATA, 1, value & 0xFF);
}

void vga_init(struct vga *vga, volatile uint16_t *screen)
{
    *vga = (struct vga){.screen = screen};
    for (uint32_t i = 0; i < CELLS; i++) {
        vga->shadow[i] = screen[i];
    }
    uint32_t cursor = (read_crtc(CRTC_CURSOR_HIGH) << 8 | read_crtc(CRTC_CURSOR_LOW)) % CELLS;
    vga->row = cursor / VGA_COLUMNS;
    vga->column = cursor % VGA_COLUMNS;
}

static void show(struct vga *vga, uint32_t cell, uint16_t value)
{
    if (vga->shadow[cell] != value) {
        vga->shadow[cell] = value;
        vga->screen[cell] = value;
    }
}

static void new_line(struct vga *vga)
{
    if (vga->row + 1 < VGA_ROWS) {
        vga->row++;
        return;
    }
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        show(vga, cell, cell < CELLS - VGA_COLUMNS ? vga->shadow[cell + VGA_COLUMNS] : BLANK);
    }
}

/* Whether the character belongs to an escape sequence. */
static int in_escape(struct vga *vga, char c)
{
    switch (vga->escape) {
    case ESCAPE_BEGUN:
        vga->escape = c == '[' ? ESCAPE_CSI : ESCAPE_NONE;
        return 1;
    case ESCAPE_CSI:
        if (c >= '@' && c <= '~') {
            vga->escape = ESCAPE_NONE;
        }
        return 1;
    default:
        vga->escape = c == ASCII_ESC ? ESCAPE_BEGUN : ESCAPE_NONE;
        return c == ASCII_ESC;
    }
}

static void put_visible(struct vga *vga, char c)
{
    show(vga, vga->row * VGA_COLUMNS + vga->column, (uint16_t)(ATTRIBUTE | (uint8_t)c));
    if (++vga->column == VGA_COLUMNS) {
        vga->column = 0;
        new_line(vga);
    }
}

void vga_put(struct vga *vga, char c)
{
    if (in_escape(vga, c)) {
        return;
    }
    switch (c) {
    case '\n':
        new_line(vga);
        break;
    case '\r':
        vga->column = 0;
        break;
    case '\b':
        vga->column -= vga->column > 0;
        break;
    case '\t':
        do {
            put_visible(vga, ' ');
        } while (vga->column % TAB != 0);
        break;
    default:
        if ((uint8_t)c >= ' ') {
            put_visible(vga, c);
        }
        break;
    }
    uint32_t cursor = vga->row * VGA_COLUMNS + vga->column;
    write_crtc(CRTC_CURSOR_HIGH, cursor >> 8);
    write_crtc(CRTC_CURSOR_LOW, cursor);
}
