/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all exit handlers share: the end of an instruction, faults, what the guest takes next,
 * waiting, and the stop of a vCPU that cannot go on. See vcpu.h.
 */
#include "vmm/vcpu.h"

#include <string.h>

#include "vmm/dump.h"
#include "vmm/vm.h"

/* Guest interrupt status: RVI in bits 7:0, SVI above. */
#define SVI_SHIFT 8

const uint8_t vcpu_gpr_index[VCPU_GPRS] = {BH_RAX, BH_RCX, BH_RDX, BH_RBX, BH_GPRS, BH_RBP,
                                           BH_RSI, BH_RDI, BH_R8,  BH_R9,  BH_R10,  BH_R11,
                                           BH_R12, BH_R13, BH_R14, BH_R15};

void vcpu_init(struct vcpu *v, struct vm *vm, struct bh_vcpu_state *state, struct bh_utcb *utcb,
               uint32_t sel, uint32_t sel_halt)
{
    *v = (struct vcpu){.state = state,
                       .vm = vm,
                       .board = &vm->board,
                       .console = &vm->console,
                       .utcb = utcb,
                       .sel = sel,
                       .sel_halt = sel_halt,
                       .deadline = BH_NEVER};
}

enum bh_status vcpu_set_table(const struct vcpu *v, struct bh_utcb *utcb)
{
    _Static_assert(sizeof vcpu_mtd <= sizeof utcb->data, "the table fits the message");

    memcpy(utcb->data, vcpu_mtd, sizeof vcpu_mtd);
    return bh_ec_set_mtd(v->sel);
}

void vcpu_need(struct vcpu *v, uint32_t groups)
{
    const uint32_t missing = groups & ~vcpu_mtd[v->state->exit_reason];

    if (missing != 0)
        bh_ec_read(v->sel, missing);
}

uint32_t vcpu_end_insn(struct vcpu *v)
{
    struct bh_vcpu_state *s = v->state;
    uint32_t mtd = BH_MTD_RIP;

    if (s->interruptibility & X86_BLOCKING_SHADOW) {
        s->interruptibility &= ~X86_BLOCKING_SHADOW;
        mtd |= BH_MTD_INT_STATE;
    }
    if (s->rflags & X86_RFLAGS_RF) {
        s->rflags &= ~X86_RFLAGS_RF;
        mtd |= BH_MTD_RFLAGS;
    }
    if (s->rflags & X86_RFLAGS_TF) {
        /* DR6 is not at hand, so the trap is raised at an exit that brings it: before the next
         * instruction. */
        v->step = true;
        bh_ec_recall(v->sel);
    }
    return mtd;
}

void vcpu_put_event(struct vcpu *v, struct inject_event event)
{
    v->event = event;
    v->busy = true;
}

uint32_t vcpu_fault(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
    struct bh_vcpu_state *s = v->state;

    if (has_error)
        vcpu_need(v, BH_MTD_CR);
    /* VM entry refuses an error code in real mode, which has none: "VM-Entry
     * Interruption-Information Field". */
    vcpu_put_event(v, inject_exception(vector, has_error && (s->cr0 & X86_CR0_PE) != 0, error));
    s->interruptibility &= ~X86_BLOCKING_SHADOW; /* ends with the delivery */
    /* A fault's RFLAGS image has RF set, lest an instruction breakpoint fire twice:
     * "Instruction-Breakpoint Exception". */
    s->rflags |= X86_RFLAGS_RF;
    return vcpu_resume(v, BH_MTD_RFLAGS | BH_MTD_INT_STATE);
}

uint32_t vcpu_page_fault(struct vcpu *v, uint32_t error, uint64_t address)
{
    v->state->cr2 = address;
    return vcpu_fault(v, X86_VECTOR_PF, true, error);
}

static void put_event(struct bh_vcpu_state *s, const struct inject_event *event)
{
    s->inject_info = event->info;
    s->inject_error = event->error;
    s->inject_len = event->length;
}

/* The interrupt that is delivered now: one that had to stand back, or the board's. */
static struct inject_event take_interrupt(struct vcpu *v)
{
    struct inject_event event = v->held;
    int vector;

    if (event.info != 0) {
        v->held.info = 0;
        return event;
    }
    vector = board_acknowledge(&v->vm->board);
    return vector < 0 ? (struct inject_event){0, 0, 0} : inject_interrupt((unsigned)vector);
}

/* Carries a plan out. Returns the groups changed. */
static uint32_t carry_out(struct vcpu *v, const struct inject_plan *plan)
{
    struct inject_event event = {0, 0, 0};
    uint32_t window = plan->window;

    switch (plan->choice) {
    case INJECT_EVENT:
        event = v->event;
        v->event.info = 0;
        break;
    case INJECT_NMI:
        event = inject_nmi();
        v->vm->board.nmi = false;
        break;
    case INJECT_INTERRUPT:
        event = take_interrupt(v);
        v->interrupt = board_interrupt(&v->vm->board);
        if (v->interrupt)
            window |= BH_WINDOW_INTR;
        break;
    default:
        break;
    }
    put_event(v->state, &event);
    if (window == v->window)
        return event.info != 0 ? BH_MTD_INJECT : 0;
    v->state->window = window;
    v->window = window;
    return BH_MTD_WINDOW | (event.info != 0 ? BH_MTD_INJECT : 0);
}

static uint32_t deliver(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    const struct inject_now now = {
        .event = v->step || v->event.info != 0,
        .nmi = v->vm->board.nmi,
        .interrupt = v->interrupt || v->held.info != 0,
        .rflags = s->rflags,
        .interruptibility = s->interruptibility,
    };
    const struct inject_plan plan = inject_decide(&now);

    return carry_out(v, &plan);
}

static uint32_t or_zero(int vector)
{
    return vector < 0 ? 0 : (uint32_t)vector;
}

/* What the processor keeps beside the virtual-APIC page follows the model's changes to it; its own
 * need nothing. "Guest Interrupt Status", "EOI-Exit Bitmap". Returns the groups changed. */
static uint32_t follow_apic(struct vcpu *v, struct lapic *lapic)
{
    struct bh_vcpu_state *s = v->state;
    uint32_t mtd = 0;

    if (lapic->requests_changed) {
        s->guest_intr_status = or_zero(lapic_highest_irr(lapic)) | or_zero(lapic_highest_isr(lapic))
                                                                       << SVI_SHIFT;
        mtd = BH_MTD_APIC;
    }
    if (lapic->routing_changed) {
        s->apic_mmio = lapic_mode(lapic) == LAPIC_MODE_XAPIC;
        for (unsigned i = 0; i < sizeof s->eoi_exit / sizeof s->eoi_exit[0]; i++)
            s->eoi_exit[i] = lapic_eoi_exits(lapic, i);
        mtd |= BH_MTD_APIC_CTRL;
    }
    return mtd;
}

static void end_if_asked(struct vcpu *v)
{
    const struct board_end *end = &v->board->end;

    if (end->how != 0)
        vm_end(v->vm, v->utcb, end->how, end->detail, "");
}

/* Interrupts that wait, as far as they can have changed. Returns the groups changed. */
static uint32_t look_at_board(struct vcpu *v)
{
    struct board *board = v->board;
    uint32_t mtd = 0;

    if (!board->changed)
        return 0;
    end_if_asked(v);
    board->changed = false;
    v->interrupt = board_interrupt(board);
    if (board->processor_delivers)
        mtd = follow_apic(v, &board->lapic);
    board->lapic.requests_changed = false;
    board->lapic.routing_changed = false;
    return mtd;
}

static uint32_t set_deadline(struct vcpu *v, uint64_t deadline)
{
    v->deadline = deadline;
    v->state->deadline = vm_host_tsc(v->vm, deadline);
    return BH_MTD_DEADLINE;
}

uint32_t vcpu_renew_deadline(struct vcpu *v)
{
    const uint64_t deadline = vm_deadline(v->vm);

    return deadline == v->deadline ? 0 : set_deadline(v, deadline);
}

static bool is_busy(const struct vcpu *v)
{
    return v->interrupt || v->window != 0 || v->event.info != 0 || v->held.info != 0 ||
           v->board->nmi;
}

uint32_t vcpu_settle(struct vcpu *v, uint32_t mtd)
{
    const uint64_t deadline = vm_deadline(v->vm);

    mtd |= look_at_board(v);
    /* One that moves away stays with the kernel: it seldom comes to pass, and setting it costs more
     * than it does. */
    if (deadline < v->deadline)
        mtd |= set_deadline(v, deadline);
    v->busy = is_busy(v);
    if (v->busy) {
        mtd |= deliver(v);
        v->busy = is_busy(v);
    }
    return mtd;
}

void vcpu_take_back(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;

    if (s->idt_info & X86_EVENT_VALID)
        vcpu_put_event(v, inject_interrupted(s->idt_info, s->idt_error, s->insn_len));
}

bool vcpu_wakes(struct vcpu *v)
{
    struct inject_now now = {.rflags = v->state->rflags,
                             .interruptibility = v->state->interruptibility};

    end_if_asked(v);
    now.nmi = v->vm->board.nmi;
    now.interrupt = v->held.info != 0 || board_wakes(&v->vm->board);
    return v->step || inject_decide(&now).choice != INJECT_NOTHING;
}

void vcpu_wait(struct vcpu *v, uint64_t deadline, bool (*ready)(struct vcpu *v))
{
    uint64_t count;

    __atomic_store_n(&v->waiting, true, __ATOMIC_SEQ_CST);
    if (!ready(v))
        bh_sm_down_zero(v->sel_halt, vm_host_tsc(v->vm, deadline), &count);
    __atomic_store_n(&v->waiting, false, __ATOMIC_SEQ_CST);
}

uint32_t vcpu_stop(struct vcpu *v, const char *why)
{
    vcpu_need(v, VCPU_MTD_STATE);
    dump_state(v, why);
    vm_end(v->vm, v->utcb, VM_END_CRASH, v->state->exit_reason, why);
}
