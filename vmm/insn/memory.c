/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where the emulator calls the bus that its user handed in. Values are cut to the
 * access size on the way in and out, so that a careless bus cannot put stray bits into a register.
 */
#include "vmm/insn/memory.h"

#include <stddef.h>

#include "vmm/insn/alu.h"

int memory_locate(const struct memory_view *view, unsigned segment, uint64_t offset, unsigned size,
                  enum address_access access, uint64_t *linear)
{
    return address_linear(view->state, view->insn->mode, segment, offset, size, access, linear,
                          view->fault);
}

int memory_read(const struct memory_view *view, uint64_t linear, unsigned size, uint64_t *value)
{
    int status = view->bus->read(view->bus->ctx, linear, size, value);

    if (status == INSN_OK)
        *value = alu_truncate(*value, size);
    return status;
}

int memory_write(const struct memory_view *view, uint64_t linear, unsigned size, uint64_t value)
{
    return view->bus->write(view->bus->ctx, linear, size, alu_truncate(value, size));
}

int memory_check_write(const struct memory_view *view, uint64_t linear, unsigned size)
{
    if (view->bus->check_write == NULL)
        return INSN_OK;
    return view->bus->check_write(view->bus->ctx, linear, size);
}
