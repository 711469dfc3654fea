/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions, a function each. Source: Intel SDM volume 3, "VMX Instruction Reference".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t vmread(uint64_t field)
{
    uint64_t v;
    __asm__ volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc");
    return v;
}

/* False: the processor refused (no such field). */
static inline bool vmwrite(uint64_t field, uint64_t value)
{
    bool failed;
    __asm__ volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"(field), "r"(value));
    return !failed;
}

static inline bool vmxon(uint64_t region)
{
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
    return !failed;
}

static inline bool vmclear(uint64_t vmcs)
{
    bool failed;
    __asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    return !failed;
}

static inline bool vmptrld(uint64_t vmcs)
{
    bool failed;
    __asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
    return !failed;
}

struct invalidation {
    uint64_t what, address;
};

static inline void invept(uint64_t type, uint64_t eptp)
{
    struct invalidation d = {eptp, 0};
    __asm__ volatile("invept %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}

static inline void invvpid(uint64_t type, uint64_t vpid)
{
    struct invalidation d = {vpid, 0};
    __asm__ volatile("invvpid %0, %1" : : "m"(d), "r"(type) : "cc", "memory");
}
