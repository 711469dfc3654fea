/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR: the table of msr.c decides, the local APIC's model answers for its registers,
 * and the time-stamp counter is the VM's. EFER is in the state page (the guest
 * reads it without an exit). The guest's TSC is the devices' time plus what the guest
 * has added, so deadlines are converted.
 */
#include <stdbool.h>

#include "vmm/exits.h"
#include "vmm/vm.h"

static uint64_t guest_tsc(const struct vm *vm)
{
    return vm_now(vm) + vm->tsc_adjust;
}

static bool read_deadline(struct vm *vm, uint64_t *value)
{
    if (!board_msr_read(&vm->board, LAPIC_MSR_TSC_DEADLINE, value, vm_now(vm)))
        return false;
    if (*value != 0)
        *value += vm->tsc_adjust;
    return true;
}

/* A deadline before the devices' time began is one that has passed: 1, since 0 disarms. */
static uint64_t device_deadline(const struct vm *vm, uint64_t tsc)
{
    if (tsc == 0)
        return 0;
    return (int64_t)(tsc - vm->tsc_adjust) > 0 ? tsc - vm->tsc_adjust : 1;
}

static void write_deadline(struct vm *vm, uint64_t tsc)
{
    board_tsc_deadline(&vm->board, device_deadline(vm, tsc), vm_now(vm));
}

/* "Extended Feature Enable Register": LMA follows from LME and CR0.PG, which the latter must not
 * change under. */
static uint32_t write_efer(struct vcpu *v, uint64_t value)
{
    const uint64_t writable = X86_EFER_SCE | X86_EFER_LME | X86_EFER_NXE;
    struct bh_vcpu_state *s = v->state;

    vcpu_need(v, BH_MTD_EFER | BH_MTD_CR);
    if ((value & ~(writable | X86_EFER_LMA)) ||
        ((s->cr0 & X86_CR0_PG) && ((value ^ s->efer) & X86_EFER_LME)))
        return vcpu_fault(v, X86_VECTOR_GP, true, 0);
    s->efer = (value & writable) | (s->efer & X86_EFER_LMA);
    return vcpu_resume(v, BH_MTD_EFER | vcpu_skip(v));
}

uint32_t msrexit_read(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    struct vm *vm = v->vm;
    const uint32_t index = (uint32_t)s->gpr[BH_RCX];
    uint64_t value = 0;
    bool known = true;

    switch (msr_read(&vm->msr, index, &value)) {
    case MSR_DONE:
        break;
    case MSR_LAPIC:
        known = board_msr_read(&vm->board, index, &value, vm_now(vm));
        break;
    case MSR_TSC_DEADLINE:
        known = read_deadline(vm, &value);
        break;
    case MSR_TSC:
        value = guest_tsc(vm);
        break;
    default:
        known = false;
        break;
    }
    if (!known)
        return vcpu_fault(v, X86_VECTOR_GP, true, 0);
    s->gpr[BH_RAX] = (uint32_t)value;
    s->gpr[BH_RDX] = value >> 32;
    return vcpu_resume(v, vcpu_skip(v));
}

/* The guest moves its TSC; a deadline stays where it is in the guest's time. Returns the groups
 * changed. */
static uint32_t move_tsc(struct vcpu *v, uint64_t difference)
{
    struct vm *vm = v->vm;
    uint64_t deadline;
    const bool armed = read_deadline(vm, &deadline) && deadline != 0;

    vm->tsc_adjust += difference;
    if (armed)
        write_deadline(vm, deadline);
    v->state->tsc_offset = vm->tsc_adjust - vm->tsc_start;
    return BH_MTD_TSC;
}

uint32_t msrexit_write(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    struct vm *vm = v->vm;
    const uint32_t index = (uint32_t)s->gpr[BH_RCX];
    uint64_t value = (s->gpr[BH_RDX] << 32) | (uint32_t)s->gpr[BH_RAX];
    uint32_t mtd = 0;
    bool done = true;

    if (index == X86_MSR_EFER)
        return write_efer(v, value);
    if (index == LAPIC_MSR_TSC_DEADLINE) { /* at each interrupt of the guest's clock */
        write_deadline(vm, value);
        return vcpu_resume(v, vcpu_skip(v));
    }
    switch (msr_write(&vm->msr, index, &value, guest_tsc(vm))) {
    case MSR_DONE:
        break;
    case MSR_LAPIC:
        done = board_msr_write(&vm->board, index, value, vm_now(vm));
        if (index == LAPIC_MSR_APIC_BASE)
            cpuid_show_apic(&vm->cpuid, lapic_mode(&vm->board.lapic) != LAPIC_MODE_DISABLED);
        break;
    case MSR_MOVE_TSC:
        mtd = move_tsc(v, value);
        break;
    default:
        done = false;
        break;
    }
    if (!done)
        return vcpu_fault(v, X86_VECTOR_GP, true, 0);
    return vcpu_resume(v, mtd | vcpu_skip(v));
}
