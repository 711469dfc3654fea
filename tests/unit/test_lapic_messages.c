/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's messages and pins: ICR with shorthands, destination matching, errors, software
 * disabling, LINT0 and LINT1 as edge, level, NMI and ExtINT.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/devemu/lapic.h"

#define SVR_ON      0x1ffU
#define MASKED      0x10000U
#define LEVEL       0x8000U
#define REMOTE_IRR  0x4000U
#define LOW_ACTIVE  0x2000U
#define MODE_NMI    0x400U
#define MODE_EXTINT 0x700U

#define ICR_SELF   0x40000U
#define ICR_ALL    0x80000U
#define ICR_OTHERS 0xc0000U

static uint32_t page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];

struct fixture {
    struct lapic lapic;
    struct lapic_ipi ipi;
    unsigned ipis;
    unsigned nmis;
};

static struct fixture f;

static void on_icr(void *ctx, const struct lapic_ipi *ipi)
{
    struct fixture *fixture = ctx;

    fixture->ipi = *ipi;
    fixture->ipis++;
}

static void on_nmi(void *ctx)
{
    struct fixture *fixture = ctx;

    fixture->nmis++;
}

static void power_up(uint32_t id)
{
    const struct lapic_config config = {
        .page = page,
        .id = id,
        .bsp = id == 0,
        .tsc_hz = 1000000000,
        .bus_hz = 100000000,
        .output = {.ctx = &f, .icr = on_icr, .nmi = on_nmi},
    };

    memset(&f, 0, sizeof(f));
    memset(&f.lapic, 0xa5, sizeof(f.lapic));
    memset(page, 0xa5, sizeof(page));
    lapic_init(&f.lapic, &config);
}

static uint32_t get(unsigned offset)
{
    return (uint32_t)lapic_mmio_read(&f.lapic, offset, 4, 0);
}

static void put(unsigned offset, uint32_t value)
{
    lapic_mmio_write(&f.lapic, offset, 4, value, 0);
}

static int setup(void **state)
{
    (void)state;
    power_up(3);
    put(LAPIC_SVR, SVR_ON);
    return 0;
}

/* What the CPU does when it takes an interrupt. */
static int take(void)
{
    int vector = lapic_pending(&f.lapic);

    if (vector >= 0)
        lapic_ack(&f.lapic, (unsigned)vector);
    return vector;
}

static void ipi_carries_vector_mode_and_destination(void **state)
{
    (void)state;
    put(LAPIC_ICR_HIGH, 0x05ffffff);
    assert_int_equal(get(LAPIC_ICR_HIGH), 0x05000000);
    assert_int_equal(f.ipis, 0);
    put(LAPIC_ICR_LOW, 0x4941);
    assert_int_equal(f.ipis, 1);
    assert_int_equal(f.ipi.vector, 0x41);
    assert_int_equal(f.ipi.mode, LAPIC_DELIVERY_LOWEST);
    assert_true(f.ipi.logical);
    assert_int_equal(f.ipi.destination, 5);
    assert_int_equal(f.ipi.shorthand, LAPIC_SHORTHAND_NONE);
    assert_int_equal(get(LAPIC_ICR_LOW), 0x4941);
}

static void destination_ff_is_the_broadcast(void **state)
{
    (void)state;
    put(LAPIC_ICR_HIGH, 0xff000000);
    put(LAPIC_ICR_LOW, 0x4040);
    assert_int_equal(f.ipi.destination, LAPIC_BROADCAST);
}

static void delivery_status_always_reads_idle(void **state)
{
    (void)state;
    put(LAPIC_ICR_LOW, 0x1000 | 0x40 | ICR_OTHERS);
    assert_int_equal(get(LAPIC_ICR_LOW), 0x40 | ICR_OTHERS);
}

static void self_ipi_stays_inside(void **state)
{
    (void)state;
    put(LAPIC_ICR_LOW, ICR_SELF | 0x44);
    assert_int_equal(f.ipis, 0);
    assert_int_equal(lapic_pending(&f.lapic), 0x44);
}

static void all_including_self_is_self_and_others(void **state)
{
    (void)state;
    put(LAPIC_ICR_LOW, ICR_ALL | 0x44);
    assert_int_equal(f.ipis, 1);
    assert_int_equal(f.ipi.shorthand, LAPIC_SHORTHAND_OTHERS);
    assert_int_equal(lapic_pending(&f.lapic), 0x44);
}

static void all_excluding_self_leaves_self_alone(void **state)
{
    (void)state;
    put(LAPIC_ICR_LOW, ICR_OTHERS | MODE_NMI);
    assert_int_equal(f.ipis, 1);
    assert_int_equal(f.ipi.mode, LAPIC_DELIVERY_NMI);
    assert_int_equal(f.nmis, 0);
    assert_int_equal(lapic_pending(&f.lapic), -1);
}

static void invalid_combinations_are_not_sent(void **state)
{
    static const uint32_t invalid[] = {
        ICR_SELF | MODE_NMI,
        ICR_ALL | MODE_NMI,
        ICR_SELF | 0x4500,
        ICR_ALL | 0x4600,
        ICR_SELF | 0x140,
        ICR_ALL | 0x140,
        0x340,
        0x740,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        put(LAPIC_ICR_LOW, invalid[i]);
    assert_int_equal(f.ipis, 0);
    assert_int_equal(lapic_pending(&f.lapic), -1);
}

static void init_and_sipi_are_sent_but_not_the_deassert(void **state)
{
    (void)state;
    put(LAPIC_ICR_HIGH, 1U << 24);
    put(LAPIC_ICR_LOW, 0xc500);
    assert_int_equal(f.ipis, 1);
    assert_int_equal(f.ipi.mode, LAPIC_DELIVERY_INIT);
    put(LAPIC_ICR_LOW, 0x8500);
    assert_int_equal(f.ipis, 1);
    put(LAPIC_ICR_LOW, 0x4608);
    assert_int_equal(f.ipis, 2);
    assert_int_equal(f.ipi.mode, LAPIC_DELIVERY_SIPI);
    assert_int_equal(f.ipi.vector, 8);
}

static void software_disabled_apic_still_sends(void **state)
{
    (void)state;
    put(LAPIC_SVR, 0xff);
    put(LAPIC_ICR_LOW, 0x4608);
    assert_int_equal(f.ipis, 1);
}

static void physical_destination_is_the_id(void **state)
{
    (void)state;
    assert_true(lapic_matches(&f.lapic, 3, false));
    assert_false(lapic_matches(&f.lapic, 2, false));
    assert_false(lapic_matches(&f.lapic, 0x103, false));
    assert_true(lapic_matches(&f.lapic, 0xff, false));
    assert_true(lapic_matches(&f.lapic, LAPIC_BROADCAST, false));
}

static void flat_model_matches_any_common_bit(void **state)
{
    (void)state;
    put(LAPIC_LDR, 0x24000000);
    assert_true(lapic_matches(&f.lapic, 0x04, true));
    assert_true(lapic_matches(&f.lapic, 0x30, true));
    assert_false(lapic_matches(&f.lapic, 0xdb, true));
    assert_true(lapic_matches(&f.lapic, 0xff, true));
    assert_false(lapic_matches(&f.lapic, 0x104, true));
}

static void cluster_model_matches_cluster_and_member(void **state)
{
    (void)state;
    put(LAPIC_DFR, 0);
    put(LAPIC_LDR, 0x24000000);
    assert_true(lapic_matches(&f.lapic, 0x24, true));
    assert_true(lapic_matches(&f.lapic, 0x2f, true));
    assert_false(lapic_matches(&f.lapic, 0x2b, true));
    assert_false(lapic_matches(&f.lapic, 0x34, true));
    assert_true(lapic_matches(&f.lapic, 0xff, true));
    put(LAPIC_DFR, 0x50000000);
    assert_false(lapic_matches(&f.lapic, 0x24, true));
}

static void ipis_and_local_interrupts_are_edges(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, 0x40);
    put(LAPIC_LVT_LINT1, LEVEL | 0x41);
    put(LAPIC_LVT_ERROR, 0x42);
    lapic_lint(&f.lapic, 0, true);
    lapic_lint(&f.lapic, 1, true);
    (void)get(0x3f0);
    put(LAPIC_ICR_LOW, ICR_SELF | 0x43);
    put(LAPIC_ICR_LOW, ICR_SELF | 0xc000 | 0x10);
    assert_int_equal(get(LAPIC_IRR + 0x20), 0xf);
    assert_int_equal(get(LAPIC_IRR), 0x10000);
    for (unsigned word = 0; word < 4; word++)
        assert_true(lapic_eoi_exits(&f.lapic, word) == 0);
}

static void eoi_of_another_level_vector_keeps_the_remote_irr(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    lapic_lint(&f.lapic, 0, true);
    lapic_accept(&f.lapic, 0x70, true);
    assert_int_equal(take(), 0x70);
    put(LAPIC_EOI, 0);
    assert_int_equal(get(LAPIC_LVT_LINT0), LEVEL | REMOTE_IRR | 0x40);
}

static void init_forgets_errors_and_remote_irr(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    lapic_lint(&f.lapic, 0, true);
    (void)get(0x3f0);
    lapic_receive_init(&f.lapic);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0);
    put(LAPIC_SVR, SVR_ON);
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    assert_int_equal(take(), 0x40);
}

static void illegal_vectors_are_recorded_and_not_accepted(void **state)
{
    (void)state;
    assert_false(lapic_accept(&f.lapic, 15, false));
    assert_false(lapic_accept(&f.lapic, 256, false));
    assert_int_equal(lapic_highest_irr(&f.lapic), -1);
    assert_int_equal(get(LAPIC_ESR), 0);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x40);
    put(LAPIC_ICR_LOW, 0x400f);
    put(LAPIC_ICR_LOW, ICR_SELF | 0x08);
    assert_int_equal(f.ipis, 0);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x20);
}

static void esr_shows_errors_only_after_a_write(void **state)
{
    (void)state;
    assert_int_equal(get(0x40), 0);
    put(0x2f0, 0x20);
    assert_int_equal(get(LAPIC_ESR), 0);
    put(LAPIC_ESR, 0xffffffff);
    assert_int_equal(get(LAPIC_ESR), 0x80);
    assert_int_equal(get(LAPIC_ESR), 0x80);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0);
}

static void error_interrupt_comes_once_until_rearmed(void **state)
{
    (void)state;
    put(LAPIC_LVT_ERROR, 0xe0);
    (void)get(0x3f0);
    assert_int_equal(take(), 0xe0);
    put(LAPIC_EOI, 0);
    (void)get(0x3f0);
    assert_int_equal(take(), -1);
    put(LAPIC_ESR, 0);
    (void)get(0x3f0);
    assert_int_equal(take(), 0xe0);
}

static void illegal_error_vector_only_adds_its_own_error(void **state)
{
    (void)state;
    put(LAPIC_LVT_ERROR, 0x05);
    (void)get(0x3f0);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x80 | 0x40);
    assert_int_equal(lapic_highest_irr(&f.lapic), -1);
}

static void software_disable_masks_lvts_and_refuses_interrupts(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, 0x40);
    put(LAPIC_LVT_TIMER, 0x41);
    put(LAPIC_SVR, 0xff);
    assert_int_equal(get(LAPIC_LVT_LINT0), MASKED | 0x40);
    assert_int_equal(get(LAPIC_LVT_TIMER), MASKED | 0x41);
    put(LAPIC_LVT_LINT0, 0x42);
    assert_int_equal(get(LAPIC_LVT_LINT0), MASKED | 0x42);
    put(LAPIC_LVT_TIMER, 0x43);
    assert_int_equal(get(LAPIC_LVT_TIMER), MASKED | 0x43);
    assert_false(lapic_accept(&f.lapic, 0x50, false));
    put(LAPIC_SVR, SVR_ON);
    assert_int_equal(get(LAPIC_LVT_LINT0), MASKED | 0x42);
    put(LAPIC_LVT_LINT0, 0x42);
    assert_int_equal(get(LAPIC_LVT_LINT0), 0x42);
}

static void software_disable_keeps_what_is_pending(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x50, false);
    put(LAPIC_SVR, 0xff);
    assert_int_equal(lapic_pending(&f.lapic), 0x50);
}

static void lint_edge_delivers_once_per_rise(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, 0x40);
    lapic_lint(&f.lapic, 0, true);
    lapic_lint(&f.lapic, 0, true);
    assert_int_equal(take(), 0x40);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), -1);
    lapic_lint(&f.lapic, 0, false);
    assert_int_equal(take(), -1);
    lapic_lint(&f.lapic, 0, true);
    assert_int_equal(take(), 0x40);
    lapic_lint(&f.lapic, 2, true);
    assert_int_equal(f.nmis, 0);
}

static void lint_level_repeats_until_released(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    lapic_lint(&f.lapic, 0, true);
    assert_int_equal(get(LAPIC_LVT_LINT0), LEVEL | REMOTE_IRR | 0x40);
    assert_int_equal(take(), 0x40);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), 0x40);
    lapic_lint(&f.lapic, 0, false);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), -1);
    assert_int_equal(get(LAPIC_LVT_LINT0), LEVEL | 0x40);
}

static void lint_remote_irr_is_read_only_and_cleared_by_edge_mode(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, LEVEL | REMOTE_IRR | 0x40);
    assert_int_equal(get(LAPIC_LVT_LINT0), LEVEL | 0x40);
    lapic_lint(&f.lapic, 0, true);
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    assert_int_equal(get(LAPIC_LVT_LINT0), LEVEL | REMOTE_IRR | 0x40);
    put(LAPIC_LVT_LINT0, 0x40);
    assert_int_equal(get(LAPIC_LVT_LINT0), 0x40);
}

static void unmasking_an_asserted_level_delivers_it_and_an_edge_is_lost(void **state)
{
    (void)state;
    lapic_lint(&f.lapic, 0, true);
    lapic_lint(&f.lapic, 1, true);
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    assert_int_equal(take(), 0x40);
    put(LAPIC_LVT_LINT1, MODE_NMI);
    put(LAPIC_LVT_LINT0, MODE_NMI);
    put(LAPIC_LVT_LINT0, 0x41);
    assert_int_equal(f.nmis, 0);
    assert_int_equal(lapic_highest_irr(&f.lapic), -1);
}

static void low_active_lint_fires_on_the_fall(void **state)
{
    (void)state;
    lapic_lint(&f.lapic, 1, true);
    put(LAPIC_LVT_LINT1, LOW_ACTIVE | 0x60);
    assert_int_equal(take(), -1);
    lapic_lint(&f.lapic, 1, false);
    assert_int_equal(take(), 0x60);
}

static void lint1_nmi_is_edge_triggered_and_maskable(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT1, LEVEL | MODE_NMI);
    lapic_lint(&f.lapic, 1, true);
    lapic_lint(&f.lapic, 1, true);
    assert_int_equal(f.nmis, 1);
    put(LAPIC_LVT_LINT1, MASKED | MODE_NMI);
    lapic_lint(&f.lapic, 1, false);
    lapic_lint(&f.lapic, 1, true);
    assert_int_equal(f.nmis, 1);
}

static void extint_passes_in_virtual_wire_mode_and_with_the_apic_off(void **state)
{
    (void)state;
    assert_false(lapic_accepts_extint(&f.lapic));
    put(LAPIC_LVT_LINT0, MODE_EXTINT);
    assert_true(lapic_accepts_extint(&f.lapic));
    put(LAPIC_LVT_LINT0, MASKED | MODE_EXTINT);
    assert_false(lapic_accepts_extint(&f.lapic));
    assert_true(lapic_msr_write(&f.lapic, LAPIC_MSR_APIC_BASE, LAPIC_BASE, 0));
    assert_true(lapic_accepts_extint(&f.lapic));
    lapic_lint(&f.lapic, 0, true);
    lapic_lint(&f.lapic, 1, true);
    lapic_lint(&f.lapic, 1, false);
    assert_int_equal(f.nmis, 1);
    power_up(0);
    lapic_virtual_wire(&f.lapic);
    assert_true(lapic_accepts_extint(&f.lapic));
    lapic_lint(&f.lapic, 1, true);
    assert_int_equal(f.nmis, 1);
    assert_int_equal(get(LAPIC_SVR), SVR_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ipi_carries_vector_mode_and_destination, setup),
        cmocka_unit_test_setup(destination_ff_is_the_broadcast, setup),
        cmocka_unit_test_setup(delivery_status_always_reads_idle, setup),
        cmocka_unit_test_setup(self_ipi_stays_inside, setup),
        cmocka_unit_test_setup(all_including_self_is_self_and_others, setup),
        cmocka_unit_test_setup(all_excluding_self_leaves_self_alone, setup),
        cmocka_unit_test_setup(invalid_combinations_are_not_sent, setup),
        cmocka_unit_test_setup(init_and_sipi_are_sent_but_not_the_deassert, setup),
        cmocka_unit_test_setup(software_disabled_apic_still_sends, setup),
        cmocka_unit_test_setup(physical_destination_is_the_id, setup),
        cmocka_unit_test_setup(flat_model_matches_any_common_bit, setup),
        cmocka_unit_test_setup(cluster_model_matches_cluster_and_member, setup),
        cmocka_unit_test_setup(illegal_vectors_are_recorded_and_not_accepted, setup),
        cmocka_unit_test_setup(esr_shows_errors_only_after_a_write, setup),
        cmocka_unit_test_setup(error_interrupt_comes_once_until_rearmed, setup),
        cmocka_unit_test_setup(illegal_error_vector_only_adds_its_own_error, setup),
        cmocka_unit_test_setup(software_disable_masks_lvts_and_refuses_interrupts, setup),
        cmocka_unit_test_setup(software_disable_keeps_what_is_pending, setup),
        cmocka_unit_test_setup(lint_edge_delivers_once_per_rise, setup),
        cmocka_unit_test_setup(lint_level_repeats_until_released, setup),
        cmocka_unit_test_setup(lint_remote_irr_is_read_only_and_cleared_by_edge_mode, setup),
        cmocka_unit_test_setup(unmasking_an_asserted_level_delivers_it_and_an_edge_is_lost, setup),
        cmocka_unit_test_setup(low_active_lint_fires_on_the_fall, setup),
        cmocka_unit_test_setup(lint1_nmi_is_edge_triggered_and_maskable, setup),
        cmocka_unit_test_setup(extint_passes_in_virtual_wire_mode_and_with_the_apic_off, setup),
        cmocka_unit_test_setup(ipis_and_local_interrupts_are_edges, setup),
        cmocka_unit_test_setup(eoi_of_another_level_vector_keeps_the_remote_irr, setup),
        cmocka_unit_test_setup(init_forgets_errors_and_remote_irr, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
