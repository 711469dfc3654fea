/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The portal handlers. Whatever a VMM sends is a claim: numbers are checked, text is cut and made
 * printable. The id of a portal is set by the kernel and cannot be forged, so it may be a pointer.
 */
#include "vmm/root/service.h"

#include <stdio.h>
#include <string.h>

#include "vmm/lib/portal.h"
#include "vmm/root/thread.h"

#define LINE_MAX 256u

/* The reply to a request, in RSI. */
#define ANSWER_DONE    0u
#define ANSWER_REFUSED 1u

/* One line about the VM; when the ring is full it is lost rather than waited for. */
static void report(struct service *service, const char *text)
{
    char line[LINE_MAX];
    int wanted = snprintf(line, sizeof(line), "root: vm %s: %s\r\n", service->plan.name, text);
    size_t length = wanted < (int)sizeof(line) ? (size_t)wanted : sizeof(line) - 1;
    if (ring_room(&service->report) >= length) {
        (void)ring_put(&service->report, line, length);
        (void)bh_sm_up(service->plan.console);
    }
}

/* Text that came in the UTCB: up to the first NUL, printable. */
static void take_text(const struct service *service, uint64_t words, char *text, size_t size)
{
    uint64_t most = (words < BH_UTCB_WORDS ? words : BH_UTCB_WORDS) * sizeof(uint64_t);
    const char *from = (const char *)service->utcb->data;
    size_t n = 0;
    while (n < size - 1 && n < most && from[n] != '\0' && from[n] != '\n') {
        text[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '.';
        n++;
    }
    text[n] = '\0';
}

/* Tells the main thread and stays here: this thread ends when the VM is destroyed. */
static void end(struct service *service, enum vm_end how, uint64_t detail)
{
    service->how = how;
    service->detail = detail;
    __atomic_store_n(&service->ended, 1, __ATOMIC_RELEASE);
    (void)bh_sm_up(service->plan.work);
    for (;;) {
        (void)bh_sm_down(service->plan.selector + SERVICE_SEL_PARKED, BH_NEVER);
    }
}

static void handle_request(struct service *service, struct bh_msg *m)
{
    char text[SERVICE_TEXT_MAX];
    switch (m->w[0]) {
    case VM_REQUEST_END:
        take_text(service, m->words, service->text, sizeof(service->text));
        end(service,
            m->w[1] >= VM_END_POWEROFF && m->w[1] <= VM_END_NO_START ? (enum vm_end)m->w[1]
                                                                     : VM_END_CRASH,
            m->w[2]);
        break;
    case VM_REQUEST_LOG:
        take_text(service, m->words, text, sizeof(text));
        report(service, text);
        m->w[0] = ANSWER_DONE;
        break;
    default:
        m->w[0] = ANSWER_REFUSED;
        break;
    }
    m->words = 0;
}

/* Intel SDM volume 3, "Protected-Mode Exceptions and Interrupts". */
static const char *vector_name(uint64_t vector)
{
    static const char *const names[] = {"divide error",
                                        "debug exception",
                                        "NMI",
                                        "breakpoint",
                                        "overflow",
                                        "bound range exceeded",
                                        "invalid opcode",
                                        "device not available",
                                        "double fault",
                                        "coprocessor overrun",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack fault",
                                        "general protection",
                                        "page fault",
                                        "reserved",
                                        "x87 error",
                                        "alignment check",
                                        "machine check",
                                        "SIMD error"};
    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "exception";
}

static void report_registers(struct service *service, const struct bh_thread_state *s)
{
    static const char *const names[BH_GPRS] = {"r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8",
                                               "rdi", "rsi", "rbp", "rdx", "rcx", "rbx", "rax"};
    char line[LINE_MAX];
    for (unsigned first = 0; first < BH_GPRS; first += 4) {
        size_t n = 0;
        for (unsigned i = first; i < first + 4 && i < BH_GPRS; i++) {
            n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%3s %016llx",
                                  i == first ? "" : "  ", names[i], (unsigned long long)s->gpr[i]);
        }
        report(service, line);
    }
}

static void handle_fault(struct service *service, struct bh_msg *m)
{
    const struct bh_thread_state *s = (const struct bh_thread_state *)service->utcb->data;
    snprintf(service->text, sizeof(service->text),
             "VMM: %s (vector %llu, error 0x%llx) at rip 0x%llx, rsp 0x%llx, cr2 0x%llx",
             vector_name(m->w[0]), (unsigned long long)m->w[0], (unsigned long long)s->error,
             (unsigned long long)s->rip, (unsigned long long)s->rsp, (unsigned long long)s->cr2);
    report_registers(service, s);
    end(service, VM_END_CRASH, 0);
}

uint64_t portal_dispatch(uint64_t id, struct bh_msg *m)
{
    const struct service_port *port = (const struct service_port *)(uintptr_t)id;
    if (port->kind == SERVICE_FAULT) {
        handle_fault(port->service, m);
    } else {
        handle_request(port->service, m);
    }
    return 0;
}

static enum bh_status create_handler(struct service *service, uint32_t *slot)
{
    const struct service_plan *plan = &service->plan;
    uint64_t rsp = portal_stack(plan->stack, plan->stack_size);
    enum bh_status status = BH_ERR_OCCUPIED;
    for (uint32_t i = 0; i < THREAD_SERVICE_SLOTS && status == BH_ERR_OCCUPIED; i++) {
        uint64_t utcb = THREAD_UTCB_SERVICES + (uint64_t)(*slot) * BH_UTCB_SIZE;
        *slot = (*slot + 1) % THREAD_SERVICE_SLOTS;
        status = bh_create_thread(plan->selector + SERVICE_SEL_EC, BH_SEL_PD, plan->cpu, utcb, 0,
                                  rsp, BH_SELECTOR_NONE);
        service->utcb = (struct bh_utcb *)(uintptr_t)utcb;
    }
    return status;
}

static enum bh_status create_portal(struct service *service, enum service_kind kind)
{
    const struct service_plan *plan = &service->plan;
    service->port[kind] = (struct service_port){.service = service, .kind = kind};
    return bh_create_pt(plan->selector + SERVICE_SEL_REQUEST + (uint32_t)kind,
                        plan->selector + SERVICE_SEL_EC, code_address(portal_entry),
                        (uint64_t)(uintptr_t)&service->port[kind]);
}

enum bh_status service_create(struct service *service, const struct service_plan *plan,
                              uint32_t *slot)
{
    *service = (struct service){.plan = *plan};
    ring_init(&service->report, plan->report);
    enum bh_status status = bh_create_sm(plan->selector + SERVICE_SEL_PARKED, 0);
    if (status == BH_OK) {
        status = create_handler(service, slot);
    }
    if (status == BH_OK) {
        status = create_portal(service, SERVICE_REQUEST);
    }
    if (status == BH_OK) {
        status = create_portal(service, SERVICE_FAULT);
    }
    return status;
}

bool service_has_ended(const struct service *service)
{
    return __atomic_load_n(&service->ended, __ATOMIC_ACQUIRE) != 0;
}
