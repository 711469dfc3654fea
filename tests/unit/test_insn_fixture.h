/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the instruction emulator share: a virtual CPU in each mode, a flat memory
 * behind the bus that can refuse, and instructions written as hexadecimal text.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/insn/insn.h"

#define FIXTURE_MEMORY      0x20000u
#define FIXTURE_BUS_REFUSES 77
#define FIXTURE_RIP         0x1000u

/* Access rights: present, accessed; DPL 0 unless said. */
#define FIXTURE_AR_DATA_16 0x0093u
#define FIXTURE_AR_DATA_32 0xC093u
#define FIXTURE_AR_CODE_16 0x009Bu
#define FIXTURE_AR_CODE_32 0xC09Bu
#define FIXTURE_AR_CODE_64 0xA09Bu
#define FIXTURE_AR_DPL_3   0x0060u

struct fixture {
    struct insn_state state;
    struct insn insn;
    struct insn_fault fault;
    struct insn_bus bus;
    uint8_t memory[FIXTURE_MEMORY];
    unsigned reads;
    unsigned writes;
    unsigned checks;
    uint64_t last_address;
    unsigned last_size;
    bool refuse_read;
    bool refuse_write;
    bool refuse_check;
};

static inline int fixture_read(void *ctx, uint64_t linear, unsigned size, uint64_t *value)
{
    struct fixture *f = ctx;

    if (f->refuse_read)
        return FIXTURE_BUS_REFUSES;
    f->reads++;
    f->last_address = linear;
    f->last_size = size;
    *value = 0;
    for (unsigned i = 0; i < size; i++)
        *value |= (uint64_t)f->memory[(linear + i) % FIXTURE_MEMORY] << (8 * i);
    return 0;
}

static inline int fixture_write(void *ctx, uint64_t linear, unsigned size, uint64_t value)
{
    struct fixture *f = ctx;

    if (f->refuse_write)
        return FIXTURE_BUS_REFUSES;
    f->writes++;
    f->last_address = linear;
    f->last_size = size;
    for (unsigned i = 0; i < size; i++)
        f->memory[(linear + i) % FIXTURE_MEMORY] = (uint8_t)(value >> (8 * i));
    return 0;
}

static inline int fixture_check_write(void *ctx, uint64_t linear, unsigned size)
{
    struct fixture *f = ctx;

    (void)linear;
    (void)size;
    f->checks++;
    return f->refuse_check ? FIXTURE_BUS_REFUSES : 0;
}

static inline void fixture_segments(struct fixture *f, uint32_t code, uint32_t data, uint32_t limit)
{
    for (unsigned i = 0; i < INSN_SEGMENT_COUNT; i++)
        f->state.seg[i] = (struct insn_seg){0, limit, i == INSN_CS ? code : data, 0};
}

static inline void fixture_init(struct fixture *f, enum insn_mode mode)
{
    memset(f, 0, sizeof(*f));
    f->bus = (struct insn_bus){f, fixture_read, fixture_write, fixture_check_write};
    f->state.rip = FIXTURE_RIP;
    f->state.rflags = 0x2;
    switch (mode) {
    case INSN_MODE_REAL:
        fixture_segments(f, FIXTURE_AR_DATA_16, FIXTURE_AR_DATA_16, UINT16_MAX);
        break;
    case INSN_MODE_VIRTUAL_8086:
        f->state.cr0 = 0x1;
        f->state.rflags |= 0x20000;
        fixture_segments(f, 0xF3, 0xF3, UINT16_MAX);
        break;
    case INSN_MODE_16:
        f->state.cr0 = 0x1;
        fixture_segments(f, FIXTURE_AR_CODE_16, FIXTURE_AR_DATA_16, UINT16_MAX);
        break;
    case INSN_MODE_32:
        f->state.cr0 = 0x1;
        fixture_segments(f, FIXTURE_AR_CODE_32, FIXTURE_AR_DATA_32, UINT32_MAX);
        break;
    case INSN_MODE_64:
        f->state.cr0 = 0x80000001;
        f->state.cr4 = 0x20;
        f->state.efer = 0x500;
        fixture_segments(f, FIXTURE_AR_CODE_64, FIXTURE_AR_DATA_32, UINT32_MAX);
        break;
    }
}

/* Turns "48 8B 05" into bytes; returns how many. */
static inline size_t fixture_bytes(const char *hex, uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    char *end;

    for (;;) {
        unsigned long value = strtoul(hex, &end, 16);

        if (end == hex)
            return count;
        assert_true(count < capacity && value <= UINT8_MAX);
        bytes[count++] = (uint8_t)value;
        hex = end;
    }
}

/* Decodes hex in the fixture's mode, out of a heap buffer of just that size. */
static inline int fixture_decode(struct fixture *f, const char *hex)
{
    uint8_t bytes[32];
    size_t count = fixture_bytes(hex, bytes, sizeof(bytes));
    uint8_t *exact = malloc(count > 0 ? count : 1);
    int status;

    assert_non_null(exact);
    memcpy(exact, bytes, count);
    status = insn_decode(&f->insn, exact, count, &f->state);
    free(exact);
    if (status == INSN_OK)
        assert_int_equal(f->insn.length, count);
    return status;
}

/* Decodes and executes once. */
static inline int fixture_run(struct fixture *f, const char *hex)
{
    assert_int_equal(fixture_decode(f, hex), INSN_OK);
    return insn_execute(&f->insn, &f->state, &f->bus, &f->fault);
}

/* The same, and it must complete. */
static inline void fixture_complete(struct fixture *f, const char *hex)
{
    uint64_t rip = f->state.rip;

    assert_int_equal(fixture_run(f, hex), INSN_OK);
    assert_int_equal(f->state.rip, rip + f->insn.length);
}

/* The same, and it must end with status and leave the state alone. */
static inline void fixture_unchanged(struct fixture *f, const char *hex, int status)
{
    struct insn_state before = f->state;

    assert_int_equal(fixture_run(f, hex), status);
    assert_memory_equal(&before, &f->state, sizeof(before));
}

static inline void fixture_poke(struct fixture *f, uint64_t address, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        f->memory[address + i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t fixture_peek(const struct fixture *f, uint64_t address, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)f->memory[address + i] << (8 * i);
    return value;
}
