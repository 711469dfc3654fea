/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state dump. Guest memory is read through the guest's page tables without leaving a trace in
 * them. See dump.h.
 */
#include "vmm/dump.h"

#include <inttypes.h>
#include <stdio.h>

#include "vmm/mmio.h"
#include "vmm/vm.h"

#define LINE_MAX 160
#define CODE_MAX 32u
#define PER_LINE 4u

static const struct {
    const char *name;
    uint8_t index;
} registers[] = {
    {"RAX", BH_RAX}, {"RBX", BH_RBX}, {"RCX", BH_RCX}, {"RDX", BH_RDX}, {"RSI", BH_RSI},
    {"RDI", BH_RDI}, {"RBP", BH_RBP}, {"R8 ", BH_R8},  {"R9 ", BH_R9},  {"R10", BH_R10},
    {"R11", BH_R11}, {"R12", BH_R12}, {"R13", BH_R13}, {"R14", BH_R14}, {"R15", BH_R15},
};

static const char *const segment_names[BH_SEGS] = {
    [BH_ES] = "ES", [BH_CS] = "CS", [BH_SS] = "SS",     [BH_DS] = "DS",
    [BH_FS] = "FS", [BH_GS] = "GS", [BH_LDTR] = "LDTR", [BH_TR] = "TR"};

static const char *mode_name(const struct insn_state *state)
{
    switch (insn_mode(state)) {
    case INSN_MODE_REAL:
        return "real mode";
    case INSN_MODE_VIRTUAL_8086:
        return "virtual-8086 mode";
    case INSN_MODE_16:
        return "16-bit protected mode";
    case INSN_MODE_32:
        return "32-bit protected mode";
    default:
        return "64-bit mode";
    }
}

static const char *paging_name(const struct insn_state *state)
{
    if ((state->cr0 & X86_CR0_PG) == 0)
        return "no paging";
    if ((state->cr4 & X86_CR4_PAE) == 0)
        return "32-bit paging";
    return (state->efer & X86_EFER_LMA) ? "4-level paging" : "PAE paging";
}

static void print_reason(struct vcpu *v, const char *why, const struct insn_state *state)
{
    const struct bh_vcpu_state *s = v->state;
    char line[LINE_MAX];

    snprintf(line, sizeof line, "\r\n*** VM %s stopped: %s\r\n", v->vm->info->name, why);
    console_print(&v->vm->console, line);
    snprintf(line, sizeof line,
             "    %s, CPL %u, %s; exit reason %" PRIu32 ", qualification %" PRIx64 "\r\n",
             mode_name(state), insn_cpl(state), paging_name(state), s->exit_reason,
             s->qualification);
    console_print(&v->vm->console, line);
    if (s->exit_reason < BH_EXIT_APIC_ACCESS || s->exit_reason >= BH_EXIT_STARTUP)
        return; /* no access to memory: no address */
    snprintf(line, sizeof line,
             "    linear address %016" PRIx64 ", guest-physical %016" PRIx64 "\r\n",
             s->guest_linear, s->guest_physical);
    console_print(&v->vm->console, line);
}

static void print_general(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    char line[LINE_MAX];

    snprintf(line, sizeof line, "RIP %016" PRIx64 "  RSP %016" PRIx64 "  RFLAGS %08" PRIx64 "\r\n",
             s->rip, s->rsp, s->rflags);
    console_print(&v->vm->console, line);
    for (unsigned i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        const bool last =
            i % PER_LINE == PER_LINE - 1 || i == sizeof registers / sizeof registers[0] - 1;

        snprintf(line, sizeof line, "%s %016" PRIx64 "%s", registers[i].name,
                 s->gpr[registers[i].index], last ? "\r\n" : "  ");
        console_print(&v->vm->console, line);
    }
}

static void print_system(struct vcpu *v)
{
    const struct bh_vcpu_state *s = v->state;
    char line[LINE_MAX];

    snprintf(line, sizeof line,
             "CR0 %08" PRIx64 "  CR2 %016" PRIx64 "  CR3 %016" PRIx64 "  CR4 %08" PRIx64
             "  EFER %04" PRIx64 "\r\n",
             s->cr0, s->cr2, s->cr3, s->cr4, s->efer);
    console_print(&v->vm->console, line);
    for (unsigned i = 0; i < BH_SEGS; i++) {
        const struct bh_segment *seg = &s->seg[i];

        snprintf(line, sizeof line,
                 "%-4s %04x  base %016" PRIx64 "  limit %08" PRIx32 "  rights %05" PRIx32 "\r\n",
                 segment_names[i], (unsigned)seg->selector, seg->base, seg->limit, seg->ar);
        console_print(&v->vm->console, line);
    }
    snprintf(line, sizeof line,
             "GDTR base %016" PRIx64 "  limit %04" PRIx32 "   IDTR base %016" PRIx64
             "  limit %04" PRIx32 "\r\n",
             s->gdtr_base, s->gdtr_limit, s->idtr_base, s->idtr_limit);
    console_print(&v->vm->console, line);
}

/* The byte at a linear address, or -1 if there is none. */
static int code_byte(struct mmio_guest *g, uint64_t linear)
{
    const uint8_t *p;
    uint64_t gpa;

    if (mmio_translate(g, linear, WALK_FETCH, &gpa) != MMIO_OK)
        return -1;
    p = vm_ram(g->v->vm, gpa, 1);
    return p == NULL ? -1 : *p;
}

static void print_code(struct mmio_guest *g)
{
    const uint64_t linear = insn_fetch_address(&g->state);
    char line[LINE_MAX];
    int used = snprintf(line, sizeof line, "Code at %016" PRIx64 ":", linear);

    for (unsigned i = 0; i < CODE_MAX; i++) {
        const int byte = code_byte(g, linear + i);

        if (byte < 0)
            used += snprintf(line + used, sizeof line - (size_t)used, " ??");
        else
            used += snprintf(line + used, sizeof line - (size_t)used, " %02x", (unsigned)byte);
    }
    console_print(&g->v->vm->console, line);
    console_print(&g->v->vm->console, "\r\n");
}

void dump_state(struct vcpu *v, const char *why)
{
    struct mmio_guest g;

    mmio_open(&g, v);
    g.memory.cmpxchg = NULL;
    print_reason(v, why, &g.state);
    print_general(v);
    print_system(v);
    print_code(&g);
    console_flush(&v->vm->console);
}
