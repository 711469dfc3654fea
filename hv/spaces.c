/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of all spaces, and the shootdown of cached translations.
 */
#include "hv/spaces.h"

#include "hv/cpu.h"
#include "hv/pd.h"
#include "hv/vmx/vmx.h"
#include "hv/x86/lapic.h"
#include "hv/x86/vectors.h"

static uint32_t held;
static uint64_t pending;    /* CPUs that have yet to flush */
static uint64_t flush_eptp; /* whose guest translations */

void spaces_lock(void)
{
    while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&held, __ATOMIC_RELAXED) != 0) {
            spaces_serve();
            cpu_pause();
        }
    }
}

void spaces_unlock(void)
{
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
}

static void flush_local(uint64_t eptp)
{
    write_cr3(read_cr3());
    vmx_flush_ept(eptp);
}

void spaces_serve(void)
{
    uint64_t self = 1ull << cpu_self()->id;
    if ((__atomic_load_n(&pending, __ATOMIC_ACQUIRE) & self) != 0) {
        flush_local(__atomic_load_n(&flush_eptp, __ATOMIC_RELAXED));
        __atomic_fetch_and(&pending, ~self, __ATOMIC_RELEASE);
    }
}

void spaces_shootdown(struct pd *pd)
{
    uint64_t self = 1ull << cpu_self()->id;
    uint64_t cpus = __atomic_load_n(&pd->cpus, __ATOMIC_SEQ_CST);
    if ((cpus & self) != 0) {
        flush_local(pd->eptp);
    }
    cpus &= ~self;
    if (cpus == 0) {
        return;
    }
    __atomic_store_n(&flush_eptp, pd->eptp, __ATOMIC_RELAXED);
    __atomic_store_n(&pending, cpus, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < cpu_count(); i++) {
        if ((cpus >> i & 1) != 0) {
            lapic_ipi(cpu_by_id(i)->apic_id, VECTOR_FLUSH);
        }
    }
    while (__atomic_load_n(&pending, __ATOMIC_ACQUIRE) != 0) {
        cpu_pause();
    }
}
