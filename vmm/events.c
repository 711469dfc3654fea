/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recall when the guest runs, wake-up when the handler waits for the guest (HLT, full console). The
 * order matters: the handler sets `waiting` and then looks at the rings, this thread has seen the
 * rings' change and then reads `waiting`; so one of the two notices. See events.h.
 */
#include "vmm/events.h"

#include <stdbool.h>

#include "vmm/vm.h"

_Noreturn void events_run(struct vm *vm)
{
    struct vcpu *v = &vm->vcpu;

    for (;;) {
        uint64_t count;

        bh_sm_down_zero(VM_SEL_INPUT, BH_NEVER, &count);
        if (__atomic_load_n(&v->waiting, __ATOMIC_SEQ_CST))
            bh_sm_up(v->sel_halt);
        else if (console_has_event(&vm->console))
            bh_ec_recall(v->sel);
    }
}
