/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What concerns the VM as a whole: its time moves on, and it ends. See vm.h.
 */
#include "vmm/vm.h"

#include <string.h>

void vm_advance(struct vm *vm)
{
    uint64_t now = vm_now(vm);

    if (now >= vm->board.deadline)
        board_advance(&vm->board, now);
    if (now >= vm->console.deadline || console_has_event(&vm->console)) {
        console_advance(&vm->console, &vm->board.uart, now);
        board_uart_changed(&vm->board);
    }
}

/* Text goes into the data words of a UTCB, cut where they end; returns how many. */
static uint64_t put_text(struct bh_utcb *utcb, const char *text)
{
    size_t length = strlen(text);

    if (length == 0)
        return 0;
    if (length > sizeof utcb->data - 1)
        length = sizeof utcb->data - 1;
    memset(utcb->data, 0, (length | (sizeof(uint64_t) - 1)) + 1);
    memcpy(utcb->data, text, length);
    return length / sizeof(uint64_t) + 1;
}

_Noreturn void vm_end(struct vm *vm, struct bh_utcb *utcb, enum vm_end how, uint64_t detail,
                      const char *text)
{
    struct bh_msg m = {.w = {VM_REQUEST_END, how, detail, 0, 0}};

    console_flush(&vm->console);
    bh_call(VM_SEL_SERVICE, 0, put_text(utcb, text), &m);
    /* The root partition manager destroys this domain; until it gets to that, nothing is left to
     * do. */
    for (;;)
        bh_sm_down(vm->vcpu.sel_halt, BH_NEVER);
}
