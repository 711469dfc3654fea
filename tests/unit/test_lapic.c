/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's state: reset and INIT, register accesses by MMIO, acceptance and priorities,
 * PPR, EOI and TMR, and the entry points for hardware APIC virtualization, which changes the
 * register page behind the model's back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/devemu/lapic.h"

#define SVR_ON     0x1ffU
#define MASKED     0x10000U
#define LEVEL      0x8000U
#define REMOTE_IRR 0x4000U

static uint32_t page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];

struct fixture {
    struct lapic lapic;
    struct lapic_ipi ipi;
    unsigned ipis;
    unsigned eois;
    unsigned eoi_vector;
};

static struct fixture f;

static void on_icr(void *ctx, const struct lapic_ipi *ipi)
{
    struct fixture *fixture = ctx;

    fixture->ipi = *ipi;
    fixture->ipis++;
}

static void on_eoi(void *ctx, unsigned vector)
{
    struct fixture *fixture = ctx;

    fixture->eoi_vector = vector;
    fixture->eois++;
}

static void power_up(uint32_t id)
{
    const struct lapic_config config = {
        .page = page,
        .id = id,
        .bsp = id == 0,
        .tsc_hz = 1000000000,
        .bus_hz = 100000000,
        .output = {.ctx = &f, .icr = on_icr, .eoi = on_eoi},
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

static void power_up_state_is_the_manuals(void **state)
{
    uint64_t base;

    (void)state;
    power_up(0);
    assert_int_equal(get(LAPIC_ID), 0);
    assert_int_equal(get(LAPIC_VERSION), 0x50014);
    assert_int_equal(get(LAPIC_TPR), 0);
    assert_int_equal(get(LAPIC_PPR), 0);
    assert_int_equal(get(LAPIC_LDR), 0);
    assert_int_equal(get(LAPIC_DFR), 0xffffffff);
    assert_int_equal(get(LAPIC_SVR), 0xff);
    for (unsigned offset = LAPIC_ISR; offset <= LAPIC_ESR; offset += 16)
        assert_int_equal(get(offset), 0);
    for (unsigned lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 16)
        assert_int_equal(get(lvt), MASKED);
    assert_int_equal(get(LAPIC_ICR_LOW), 0);
    assert_int_equal(get(LAPIC_ICR_HIGH), 0);
    assert_int_equal(get(LAPIC_INITIAL_COUNT), 0);
    assert_int_equal(get(LAPIC_CURRENT_COUNT), 0);
    assert_int_equal(get(LAPIC_DIVIDE), 0);
    assert_true(lapic_msr_read(&f.lapic, LAPIC_MSR_APIC_BASE, &base, 0));
    assert_int_equal(base, 0xfee00900);
    assert_int_equal(lapic_deadline(&f.lapic), UINT64_MAX);
}

static void init_keeps_id_and_mode_and_clears_the_rest(void **state)
{
    (void)state;
    put(LAPIC_LDR, 0x02000000);
    put(LAPIC_TPR, 0x40);
    lapic_accept(&f.lapic, 0x50, true);
    lapic_receive_init(&f.lapic);
    assert_int_equal(lapic_mode(&f.lapic), LAPIC_MODE_XAPIC);
    assert_int_equal(get(LAPIC_ID), 3U << 24);
    assert_int_equal(get(LAPIC_LDR), 0);
    assert_int_equal(get(LAPIC_TPR), 0);
    assert_int_equal(get(LAPIC_SVR), 0xff);
    assert_int_equal(lapic_highest_irr(&f.lapic), -1);
    assert_int_equal(get(LAPIC_TMR + 0x20), 0);
}

static void registers_live_in_the_page_in_the_hardwares_layout(void **state)
{
    (void)state;
    put(LAPIC_TPR, 0x35);
    assert_int_equal(page[0x80 / 4], 0x35);
    lapic_accept(&f.lapic, 0xa7, true);
    assert_int_equal(page[(0x200 + 5 * 16) / 4], 1U << 7);
    assert_int_equal(page[(0x180 + 5 * 16) / 4], 1U << 7);
    lapic_ack(&f.lapic, 0xa7);
    assert_int_equal(page[(0x200 + 5 * 16) / 4], 0);
    assert_int_equal(page[(0x100 + 5 * 16) / 4], 1U << 7);
    assert_int_equal(page[0xa0 / 4], 0xa0);
}

static void id_and_read_only_registers_ignore_writes(void **state)
{
    (void)state;
    put(LAPIC_ID, 0x0f000000);
    put(LAPIC_VERSION, 0);
    put(LAPIC_PPR, 0xff);
    put(LAPIC_IRR + 0x20, 0xffffffff);
    put(LAPIC_CURRENT_COUNT, 5);
    assert_int_equal(get(LAPIC_ID), 3U << 24);
    assert_int_equal(get(LAPIC_VERSION), 0x50014);
    assert_int_equal(get(LAPIC_PPR), 0);
    assert_int_equal(lapic_highest_irr(&f.lapic), -1);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0);
}

static void reserved_bits_are_dropped(void **state)
{
    (void)state;
    put(LAPIC_TPR, 0xffffffff);
    put(LAPIC_LDR, 0xffffffff);
    put(LAPIC_DFR, 0);
    put(LAPIC_LVT_LINT1, 0xffffffff);
    put(LAPIC_LVT_ERROR, 0xffffffff);
    put(LAPIC_DIVIDE, 0xffffffff);
    assert_int_equal(get(LAPIC_TPR), 0xff);
    assert_int_equal(get(LAPIC_LDR), 0xff000000);
    assert_int_equal(get(LAPIC_DFR), 0x0fffffff);
    assert_int_equal(get(LAPIC_LVT_LINT1), 0x1a7ff);
    assert_int_equal(get(LAPIC_LVT_ERROR), 0x100ff);
    assert_int_equal(get(LAPIC_DIVIDE), 0xb);
}

static void higher_vector_is_delivered_first(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x31, false);
    lapic_accept(&f.lapic, 0xfe, false);
    lapic_accept(&f.lapic, 0x80, false);
    assert_int_equal(take(), 0xfe);
    assert_int_equal(take(), -1);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), 0x80);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), 0x31);
}

static void vectors_from_16_to_255_are_legal(void **state)
{
    (void)state;
    for (unsigned vector = 16; vector < 256; vector++) {
        assert_true(lapic_accept(&f.lapic, vector, false));
        assert_int_equal(take(), (int)vector);
        assert_int_equal(lapic_highest_isr(&f.lapic), (int)vector);
        put(LAPIC_EOI, 0);
        assert_int_equal(lapic_highest_isr(&f.lapic), -1);
    }
    lapic_ack(&f.lapic, 256);
    lapic_eoi_done(&f.lapic, 256);
    assert_int_equal(lapic_highest_isr(&f.lapic), -1);
}

static void same_class_does_not_nest_and_higher_class_does(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x51, false);
    assert_int_equal(take(), 0x51);
    lapic_accept(&f.lapic, 0x5f, false);
    assert_int_equal(lapic_pending(&f.lapic), -1);
    lapic_accept(&f.lapic, 0x60, false);
    assert_int_equal(take(), 0x60);
    assert_int_equal(lapic_highest_isr(&f.lapic), 0x60);
}

static void eoi_reopens_lower_priority(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x60, false);
    assert_int_equal(take(), 0x60);
    lapic_accept(&f.lapic, 0x40, false);
    assert_int_equal(lapic_pending(&f.lapic), -1);
    put(LAPIC_EOI, 0);
    assert_int_equal(lapic_pending(&f.lapic), 0x40);
}

static void eoi_ends_the_highest_in_service(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x40, false);
    take();
    lapic_accept(&f.lapic, 0x90, false);
    take();
    put(LAPIC_EOI, 0);
    assert_int_equal(lapic_highest_isr(&f.lapic), 0x40);
    put(LAPIC_EOI, 0);
    assert_int_equal(lapic_highest_isr(&f.lapic), -1);
    put(LAPIC_EOI, 0);
    assert_int_equal(f.eois, 0);
}

static void vector_can_be_pending_while_in_service(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x40, false);
    take();
    lapic_accept(&f.lapic, 0x40, false);
    assert_int_equal(lapic_pending(&f.lapic), -1);
    put(LAPIC_EOI, 0);
    assert_int_equal(take(), 0x40);
}

static void ppr_is_the_higher_of_tpr_and_isr(void **state)
{
    static const struct {
        uint8_t tpr, isr, ppr;
    } cases[] = {{0x00, 0x35, 0x30}, {0x2f, 0x35, 0x30}, {0x37, 0x35, 0x37},
                 {0x41, 0x35, 0x41}, {0x10, 0xff, 0xf0}, {0xff, 0xf1, 0xff}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        power_up(0);
        put(LAPIC_TPR, cases[i].tpr);
        lapic_ack(&f.lapic, cases[i].isr);
        assert_int_equal(get(LAPIC_PPR), cases[i].ppr);
        assert_int_equal(lapic_ppr(&f.lapic), cases[i].ppr);
        put(LAPIC_EOI, 0);
        assert_int_equal(get(LAPIC_PPR), cases[i].tpr);
    }
}

static void tpr_holds_back_its_class_and_below(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x4f, false);
    put(LAPIC_TPR, 0x40);
    assert_int_equal(page[LAPIC_PPR / 4], 0x40);
    assert_int_equal(lapic_pending(&f.lapic), -1);
    put(LAPIC_TPR, 0x3f);
    assert_int_equal(lapic_pending(&f.lapic), 0x4f);
    lapic_set_tpr(&f.lapic, 0xf0);
    assert_int_equal(lapic_tpr(&f.lapic), 0xf0);
    assert_int_equal(page[LAPIC_PPR / 4], 0xf0);
    assert_int_equal(lapic_pending(&f.lapic), -1);
}

static void apr_follows_the_p6_formula(void **state)
{
    (void)state;
    put(LAPIC_TPR, 0x63);
    assert_int_equal(get(LAPIC_APR), 0x63);
    lapic_accept(&f.lapic, 0x65, false);
    assert_int_equal(get(LAPIC_APR), 0x63);
    lapic_accept(&f.lapic, 0x75, false);
    assert_int_equal(get(LAPIC_APR), 0x70);
    lapic_ack(&f.lapic, 0x75);
    assert_int_equal(get(LAPIC_APR), 0x60);
    put(LAPIC_TPR, 0x53);
    put(LAPIC_EOI, 0);
    assert_int_equal(get(LAPIC_APR), 0x60);
    assert_int_equal(get(LAPIC_RRD), 0);
}

static void level_eoi_is_reported_and_edge_eoi_is_not(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x70, true);
    take();
    put(LAPIC_EOI, 0);
    assert_int_equal(f.eois, 1);
    assert_int_equal(f.eoi_vector, 0x70);
    lapic_accept(&f.lapic, 0x70, false);
    assert_int_equal(get(LAPIC_TMR + 0x30), 0);
    take();
    put(LAPIC_EOI, 0);
    assert_int_equal(f.eois, 1);
}

static void eoi_exit_bitmap_is_the_tmr(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x41, true);
    lapic_accept(&f.lapic, 0x7f, true);
    lapic_accept(&f.lapic, 0x55, false);
    lapic_accept(&f.lapic, 0xff, true);
    assert_true(lapic_eoi_exits(&f.lapic, 0) == 0);
    assert_true(lapic_eoi_exits(&f.lapic, 1) == ((UINT64_C(1) << 63) | 2));
    assert_true(lapic_eoi_exits(&f.lapic, 3) == UINT64_C(1) << 63);
}

static void narrow_reads_see_their_part_of_the_register(void **state)
{
    (void)state;
    assert_int_equal(lapic_mmio_read(&f.lapic, LAPIC_VERSION + 2, 1, 0), 0x05);
    assert_int_equal(lapic_mmio_read(&f.lapic, LAPIC_VERSION, 2, 0), 0x14);
    assert_int_equal(lapic_mmio_read(&f.lapic, LAPIC_VERSION + 3, 2, 0), 0xffff);
    assert_int_equal(lapic_mmio_read(&f.lapic, LAPIC_VERSION + 4, 4, 0), 0xffffffff);
    assert_true(lapic_mmio_read(&f.lapic, LAPIC_VERSION, 8, 0) == UINT64_MAX);
    assert_int_equal(lapic_mmio_read(&f.lapic, LAPIC_PAGE_SIZE, 4, 0), 0xffffffff);
    assert_int_equal(lapic_mmio_read(&f.lapic, 0x800, 4, 0), 0);
}

static void narrow_and_unaligned_writes_are_ignored(void **state)
{
    (void)state;
    lapic_mmio_write(&f.lapic, LAPIC_TPR, 1, 0x40, 0);
    lapic_mmio_write(&f.lapic, LAPIC_TPR, 8, 0x40, 0);
    lapic_mmio_write(&f.lapic, LAPIC_TPR + 4, 4, 0x40, 0);
    lapic_mmio_write(&f.lapic, LAPIC_PAGE_SIZE + LAPIC_TPR, 4, 0x40, 0);
    assert_int_equal(get(LAPIC_TPR), 0);
}

static void every_offset_and_value_is_survived(void **state)
{
    (void)state;
    for (unsigned offset = 0; offset < LAPIC_PAGE_SIZE + 64; offset += 4) {
        put(offset, UINT32_MAX);
        (void)get(offset);
        put(offset, 0);
        lapic_write_done(&f.lapic, offset, 0);
    }
    put(LAPIC_SVR, SVR_ON);
    assert_int_equal(get(LAPIC_SVR), SVR_ON);
}

/* With hardware APIC virtualization. */

static void tpr_and_isr_changed_by_hardware_are_honoured(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x50, false);
    page[LAPIC_TPR / 4] = 0x60;
    assert_int_equal(lapic_tpr(&f.lapic), 0x60);
    assert_int_equal(lapic_pending(&f.lapic), -1);
    page[LAPIC_TPR / 4] = 0;
    assert_int_equal(lapic_pending(&f.lapic), 0x50);
    page[(LAPIC_ISR + 3 * 16) / 4] = 1;
    assert_int_equal(lapic_pending(&f.lapic), -1);
    assert_int_equal(get(LAPIC_PPR), 0x60);
}

static void eoi_exit_reports_the_level_and_leaves_the_isr(void **state)
{
    (void)state;
    lapic_accept(&f.lapic, 0x50, true);
    lapic_ack(&f.lapic, 0x50);
    lapic_ack(&f.lapic, 0x30);
    page[(LAPIC_ISR + 2 * 16) / 4] = 0;
    lapic_eoi_done(&f.lapic, 0x50);
    assert_int_equal(f.eois, 1);
    assert_int_equal(lapic_highest_isr(&f.lapic), 0x30);
    assert_int_equal(page[LAPIC_PPR / 4], 0x30);
    lapic_eoi_done(&f.lapic, 0x30);
    assert_int_equal(f.eois, 1);
}

static void write_exit_performs_the_side_effects(void **state)
{
    (void)state;
    page[LAPIC_ICR_HIGH / 4] = 0x02345678;
    lapic_write_done(&f.lapic, LAPIC_ICR_HIGH + 3, 0);
    page[LAPIC_ICR_LOW / 4] = 0xfff05051;
    lapic_write_done(&f.lapic, LAPIC_ICR_LOW, 0);
    assert_int_equal(f.ipis, 1);
    assert_int_equal(f.ipi.vector, 0x51);
    assert_int_equal(f.ipi.destination, 2);
    assert_int_equal(page[LAPIC_ICR_LOW / 4], 0x4051);
    page[LAPIC_ID / 4] = 0xffffffff;
    lapic_write_done(&f.lapic, LAPIC_ID, 0);
    assert_int_equal(page[LAPIC_ID / 4], 3U << 24);
    lapic_accept(&f.lapic, 1, false);
    page[LAPIC_ESR / 4] = 0x55;
    lapic_write_done(&f.lapic, LAPIC_ESR, 0);
    assert_int_equal(page[LAPIC_ESR / 4], 0x40);
    page[LAPIC_SVR / 4] = 0xff;
    page[LAPIC_LVT_LINT0 / 4] = 0x40;
    lapic_write_done(&f.lapic, LAPIC_SVR, 0);
    assert_int_equal(page[LAPIC_LVT_LINT0 / 4], MASKED | 0x40);
}

static void write_exit_restores_the_remote_irr(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, LEVEL | 0x40);
    lapic_lint(&f.lapic, 0, true);
    page[LAPIC_LVT_LINT0 / 4] = LEVEL | 0x40;
    lapic_write_done(&f.lapic, LAPIC_LVT_LINT0, 0);
    assert_int_equal(page[LAPIC_LVT_LINT0 / 4], LEVEL | REMOTE_IRR | 0x40);
}

static void write_exit_starts_and_stops_the_timer(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, 0x40);
    page[LAPIC_INITIAL_COUNT / 4] = 100;
    lapic_write_done(&f.lapic, LAPIC_INITIAL_COUNT, 1000);
    assert_true(lapic_deadline(&f.lapic) == 1000 + 100 * 2 * 10);
    page[LAPIC_LVT_TIMER / 4] = 0x40 | MASKED;
    lapic_write_done(&f.lapic, LAPIC_LVT_TIMER, 3000);
    assert_int_equal(lapic_pending(&f.lapic), 0x40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(power_up_state_is_the_manuals, setup),
        cmocka_unit_test_setup(init_keeps_id_and_mode_and_clears_the_rest, setup),
        cmocka_unit_test_setup(registers_live_in_the_page_in_the_hardwares_layout, setup),
        cmocka_unit_test_setup(id_and_read_only_registers_ignore_writes, setup),
        cmocka_unit_test_setup(reserved_bits_are_dropped, setup),
        cmocka_unit_test_setup(higher_vector_is_delivered_first, setup),
        cmocka_unit_test_setup(same_class_does_not_nest_and_higher_class_does, setup),
        cmocka_unit_test_setup(eoi_reopens_lower_priority, setup),
        cmocka_unit_test_setup(eoi_ends_the_highest_in_service, setup),
        cmocka_unit_test_setup(vector_can_be_pending_while_in_service, setup),
        cmocka_unit_test_setup(ppr_is_the_higher_of_tpr_and_isr, setup),
        cmocka_unit_test_setup(tpr_holds_back_its_class_and_below, setup),
        cmocka_unit_test_setup(apr_follows_the_p6_formula, setup),
        cmocka_unit_test_setup(level_eoi_is_reported_and_edge_eoi_is_not, setup),
        cmocka_unit_test_setup(eoi_exit_bitmap_is_the_tmr, setup),
        cmocka_unit_test_setup(narrow_reads_see_their_part_of_the_register, setup),
        cmocka_unit_test_setup(narrow_and_unaligned_writes_are_ignored, setup),
        cmocka_unit_test_setup(every_offset_and_value_is_survived, setup),
        cmocka_unit_test_setup(tpr_and_isr_changed_by_hardware_are_honoured, setup),
        cmocka_unit_test_setup(eoi_exit_reports_the_level_and_leaves_the_isr, setup),
        cmocka_unit_test_setup(write_exit_performs_the_side_effects, setup),
        cmocka_unit_test_setup(write_exit_restores_the_remote_irr, setup),
        cmocka_unit_test_setup(write_exit_starts_and_stops_the_timer, setup),
        cmocka_unit_test_setup(vectors_from_16_to_255_are_legal, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
