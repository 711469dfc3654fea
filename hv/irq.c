/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device interrupts. Interrupt n has vector VECTOR_IRQ + n on every CPU. A level-triggered one is
 * masked when it arrives, because its device is quiet only after its driver has run; the driver's
 * next wait unmasks it.
 */
#include "hv/irq.h"

#include "hv/abi/info.h"
#include "hv/cap.h"
#include "hv/cpu.h"
#include "hv/log.h"
#include "hv/sm.h"
#include "hv/x86/acpi.h"
#include "hv/x86/ioapic.h"
#include "hv/x86/vectors.h"

#define MSI_ADDRESS           0xFEE00000u
#define MSI_DESTINATION_SHIFT 12u

static struct sm *semaphore[VECTOR_IRQS];
static bool masked[VECTOR_IRQS]; /* at arrival, waiting for rearm */
static struct spinlock lock;

unsigned irq_pins(void)
{
    unsigned pins = ioapic_pins();
    return pins < VECTOR_IRQS ? pins : VECTOR_IRQS;
}

unsigned irq_count(void)
{
    return VECTOR_IRQS;
}

void irq_init(struct pd *root)
{
    for (unsigned n = 0; n < irq_count(); n++) {
        struct sm *sm = sm_create(root, 0);
        if (sm == NULL || cap_insert(root, BH_SEL_IRQ + n, &sm->obj) != BH_OK) {
            panic("the pool is too small for the interrupt semaphores");
        }
        sm->irq = n;
        object_get(&sm->obj); /* the table's */
        semaphore[n] = sm;
    }
}

void irq_route(unsigned n, unsigned cpu, uint64_t *address, uint64_t *data)
{
    uint32_t apic_id = cpu_by_id(cpu)->apic_id;
    *address = 0;
    *data = 0;
    if (n >= irq_pins()) {
        *address = MSI_ADDRESS | (apic_id & 0xFF) << MSI_DESTINATION_SHIFT;
        *data = VECTOR_IRQ + n;
        return;
    }
    spin_lock(&lock);
    masked[n] = false;
    ioapic_route(n, apic_id, VECTOR_IRQ + n);
    spin_unlock(&lock);
}

void irq_arrived(unsigned n)
{
    if (n < irq_pins() && ioapic_is_level(n)) {
        spin_lock(&lock);
        masked[n] = true;
        ioapic_mask(n, true);
        spin_unlock(&lock);
    }
    if (semaphore[n] != NULL) {
        sm_up(semaphore[n]);
    }
}

void irq_rearm(unsigned n)
{
    if (!masked[n]) {
        return;
    }
    spin_lock(&lock);
    if (masked[n]) {
        masked[n] = false;
        ioapic_mask(n, false);
    }
    spin_unlock(&lock);
}
