/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event portal of probing threads: it records the exception and lets the thread go on at the
 * address that probe.asm has left in R12. An exception elsewhere in the main thread ends the
 * machine, by name.
 */
#include "tests/system/calls/test.h"

#include "tests/system/calls/console.h"

#define FAULT_UTCB 0x2FFFFFE00000ull
#define FAULT_SEL  68u

extern const uint8_t probe_code[], probe_code_end[];

static struct fault last;
static struct service service;
static uint8_t stack[8192] __attribute__((aligned(16)));

static uint64_t serve(struct service *s, struct bh_msg *m)
{
    struct bh_thread_state *t = (void *)service_utcb(s)->data;
    uint64_t recover = t->gpr[BH_R12];
    bool expected = recover >= (uintptr_t)probe_code && recover < (uintptr_t)probe_code_end;
    last = (struct fault){t->vector, t->error, t->cr2, t->rip, t->rsp, last.count + 1};
    if (!expected) {
        console_print("FAIL unexpected_exception: %lu at %lx, error %lx, CR2 %lx\n", t->vector,
                      t->rip, t->error, t->cr2);
        console_power_off();
    }
    t->rip = recover;
    m->w[0] = 1;
    m->words = sizeof(*t) / sizeof(uint64_t);
    return 0;
}

void fault_init(void)
{
    service = (struct service){.serve = serve, .utcb = FAULT_UTCB};
    service.ec = FAULT_SEL;
    service.pt = FAULT_SEL + 1;
    if (bh_create_thread(service.ec, BH_SEL_PD, 0, FAULT_UTCB, 0,
                         portal_stack(stack, sizeof(stack)), BH_SELECTOR_NONE) != BH_OK ||
        bh_create_pt(service.pt, service.ec, code_address(portal_entry),
                     (uint64_t)(uintptr_t)&service) != BH_OK ||
        bh_ec_set_event(BH_SEL_EC, service.pt) != BH_OK) {
        console_print("FAIL fault_portal: cannot be made\n");
    }
}

uint32_t fault_portal(void)
{
    return service.pt;
}

const struct fault *fault_last(void)
{
    return &last;
}

void fault_clear(void)
{
    last = (struct fault){0};
}
