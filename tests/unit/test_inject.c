/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decision what a vCPU takes at its next entry: order, blocking, windows; and what is made of
 * an interrupted delivery.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/abi/vcpu.h"
#include "vmm/inject.h"
#include "vmm/x86.h"

#define VECTOR 0x31u

static void expect(struct inject_now now, enum inject_choice choice, uint32_t window)
{
    const struct inject_plan plan = inject_decide(&now);

    assert_int_equal(plan.choice, choice);
    assert_int_equal(plan.window, window);
}

static void nothing_waiting_needs_nothing(void **state)
{
    (void)state;
    expect((struct inject_now){.rflags = X86_RFLAGS_IF}, INJECT_NOTHING, 0);
}

static void interrupt_is_taken_with_if_set(void **state)
{
    (void)state;
    expect((struct inject_now){.interrupt = true, .rflags = X86_RFLAGS_IF}, INJECT_INTERRUPT, 0);
}

static void interrupt_waits_for_if(void **state)
{
    (void)state;
    expect((struct inject_now){.interrupt = true}, INJECT_NOTHING, BH_WINDOW_INTR);
}

static void interrupt_waits_for_the_end_of_a_shadow(void **state)
{
    static const uint32_t blocking[] = {X86_BLOCKING_STI, X86_BLOCKING_MOV_SS, X86_BLOCKING_SMI};

    (void)state;
    for (size_t i = 0; i < sizeof blocking / sizeof blocking[0]; i++)
        expect((struct inject_now){.interrupt = true,
                                   .rflags = X86_RFLAGS_IF,
                                   .interruptibility = blocking[i]},
               INJECT_NOTHING, BH_WINDOW_INTR);
}

static void nmi_blocking_does_not_block_interrupts(void **state)
{
    (void)state;
    expect((struct inject_now){.interrupt = true,
                               .rflags = X86_RFLAGS_IF,
                               .interruptibility = X86_BLOCKING_NMI},
           INJECT_INTERRUPT, 0);
}

static void nmi_goes_before_an_interrupt(void **state)
{
    (void)state;
    expect((struct inject_now){.nmi = true, .interrupt = true, .rflags = X86_RFLAGS_IF}, INJECT_NMI,
           BH_WINDOW_INTR);
}

static void nmi_ignores_if(void **state)
{
    (void)state;
    expect((struct inject_now){.nmi = true}, INJECT_NMI, 0);
}

static void nmi_waits_for_iret_and_shadows(void **state)
{
    static const uint32_t blocking[] = {X86_BLOCKING_NMI, X86_BLOCKING_STI, X86_BLOCKING_MOV_SS};

    (void)state;
    for (size_t i = 0; i < sizeof blocking / sizeof blocking[0]; i++)
        expect((struct inject_now){.nmi = true, .interruptibility = blocking[i]}, INJECT_NOTHING,
               BH_WINDOW_NMI);
}

static void interrupt_passes_a_blocked_nmi(void **state)
{
    (void)state;
    expect((struct inject_now){.nmi = true,
                               .interrupt = true,
                               .rflags = X86_RFLAGS_IF,
                               .interruptibility = X86_BLOCKING_NMI},
           INJECT_INTERRUPT, BH_WINDOW_NMI);
}

static void event_goes_first_and_the_rest_gets_windows(void **state)
{
    (void)state;
    expect(
        (struct inject_now){.event = true, .nmi = true, .interrupt = true, .rflags = X86_RFLAGS_IF},
        INJECT_EVENT, BH_WINDOW_NMI | BH_WINDOW_INTR);
}

static void exception_carries_its_error_code(void **state)
{
    const struct inject_event fault = inject_exception(X86_VECTOR_GP, true, 0x18);
    const struct inject_event plain = inject_exception(X86_VECTOR_UD, false, 0x18);

    (void)state;
    assert_int_equal(fault.info,
                     X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_EVENT_ERROR | X86_VECTOR_GP);
    assert_int_equal(fault.error, 0x18);
    assert_int_equal(plain.info, X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_UD);
    assert_int_equal(plain.error, 0);
}

static void interrupt_and_nmi_have_their_types(void **state)
{
    (void)state;
    assert_int_equal(inject_interrupt(VECTOR).info, X86_EVENT_VALID | VECTOR);
    assert_int_equal(inject_nmi().info, X86_EVENT_VALID | X86_EVENT_NMI | X86_VECTOR_NMI);
}

static void no_delivery_gives_no_event(void **state)
{
    (void)state;
    assert_int_equal(inject_interrupted(X86_EVENT_ERROR | VECTOR, 1, 2).info, 0);
}

static void interrupted_delivery_is_repeated_without_the_undefined_bit(void **state)
{
    const uint32_t info = X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_EVENT_ERROR | X86_VECTOR_PF;
    const struct inject_event event = inject_interrupted(info | X86_EVENT_NMI_UNBLOCK, 2, 9);

    (void)state;
    assert_int_equal(event.info, info);
    assert_int_equal(event.error, 2);
    assert_int_equal(event.length, 0);
}

static void interrupted_int_n_keeps_its_length(void **state)
{
    const uint32_t info = X86_EVENT_VALID | X86_EVENT_SOFT_INT | 0x80;

    (void)state;
    assert_int_equal(inject_interrupted(info, 7, 2).length, 2);
    assert_int_equal(inject_interrupted(info, 7, 2).error, 0);
}

static void only_interrupts_and_nmis_are_kept(void **state)
{
    (void)state;
    assert_true(inject_keeps(X86_EVENT_VALID | X86_EVENT_INTERRUPT | VECTOR));
    assert_true(inject_keeps(X86_EVENT_VALID | X86_EVENT_NMI | X86_VECTOR_NMI));
    assert_false(inject_keeps(X86_EVENT_VALID | X86_EVENT_EXCEPTION | X86_VECTOR_PF));
    assert_false(inject_keeps(X86_EVENT_VALID | X86_EVENT_SOFT_INT | VECTOR));
    assert_false(inject_keeps(X86_EVENT_INTERRUPT | VECTOR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_waiting_needs_nothing),
        cmocka_unit_test(interrupt_is_taken_with_if_set),
        cmocka_unit_test(interrupt_waits_for_if),
        cmocka_unit_test(interrupt_waits_for_the_end_of_a_shadow),
        cmocka_unit_test(nmi_blocking_does_not_block_interrupts),
        cmocka_unit_test(nmi_goes_before_an_interrupt),
        cmocka_unit_test(nmi_ignores_if),
        cmocka_unit_test(nmi_waits_for_iret_and_shadows),
        cmocka_unit_test(interrupt_passes_a_blocked_nmi),
        cmocka_unit_test(event_goes_first_and_the_rest_gets_windows),
        cmocka_unit_test(exception_carries_its_error_code),
        cmocka_unit_test(interrupt_and_nmi_have_their_types),
        cmocka_unit_test(no_delivery_gives_no_event),
        cmocka_unit_test(interrupted_delivery_is_repeated_without_the_undefined_bit),
        cmocka_unit_test(interrupted_int_n_keeps_its_length),
        cmocka_unit_test(only_interrupts_and_nmis_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
