/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalars and addresses. The three kinds of addresses are structures, so that the compiler refuses
 * to mix them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t v;
} hpa_t; /* host physical */

typedef struct {
    uint64_t v;
} gpa_t; /* guest physical */

typedef struct {
    uint64_t v;
} gva_t; /* host virtual address in a user address space */

#define PAGE_SHIFT 12u
#define PAGE_SIZE  4096u
#define PAGE_MASK  4095ull

static inline hpa_t hpa(uint64_t v)
{
    return (hpa_t){v};
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The structure of which `ptr` points to member `member`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
