/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer, through the APIC's registers: divide codes, one-shot, periodic and
 * TSC-deadline mode, read-back, changes while it runs, masks, and exactness over days at
 * frequencies that do not divide each other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/devemu/lapic.h"

#define MASKED   0x10000U
#define PERIODIC 0x20000U
#define DEADLINE 0x40000U
#define RESERVED 0x60000U
#define VECTOR   0xd0U

#define DIVIDE_BY_1  0xbU
#define DIVIDE_BY_16 0x3U

static uint32_t page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];
static struct lapic lapic;

static uint32_t get(unsigned offset, uint64_t now)
{
    return (uint32_t)lapic_mmio_read(&lapic, offset, 4, now);
}

static void put(unsigned offset, uint32_t value, uint64_t now)
{
    lapic_mmio_write(&lapic, offset, 4, value, now);
}

static void power_up(uint64_t tsc_hz, uint64_t bus_hz)
{
    const struct lapic_config config = {.page = page, .tsc_hz = tsc_hz, .bus_hz = bus_hz};

    lapic_init(&lapic, &config);
    put(LAPIC_SVR, 0x1ff, 0);
    put(LAPIC_DIVIDE, DIVIDE_BY_1, 0);
}

/* Ten TSC ticks a bus tick. */
static int setup(void **state)
{
    (void)state;
    power_up(1000000000, 100000000);
    return 0;
}

static bool fired(void)
{
    if (lapic_pending(&lapic) != (int)VECTOR)
        return false;
    lapic_ack(&lapic, VECTOR);
    put(LAPIC_EOI, 0, 0);
    return true;
}

static bool fired_by(uint64_t now)
{
    lapic_advance(&lapic, now);
    return fired();
}

static void one_shot_fires_once_at_its_tick(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 1000);
    assert_true(lapic_deadline(&lapic) == 1500);
    assert_false(fired_by(1499));
    assert_true(fired_by(1500));
    assert_true(lapic_eoi_exits(&lapic, 3) == 0);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    assert_false(fired_by(1000000));
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000000), 0);
    assert_int_equal(get(LAPIC_INITIAL_COUNT, 1000000), 50);
}

static void count_reads_back_down_to_zero(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 1000);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000), 50);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1009), 50);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1010), 49);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1499), 1);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1500), 0);
    assert_true(fired());
}

static void every_divide_code_divides(void **state)
{
    static const struct {
        uint32_t code;
        uint64_t divisor;
    } cases[] = {{0x0, 2},  {0x1, 4},  {0x2, 8},   {0x3, 16},
                 {0x8, 32}, {0x9, 64}, {0xa, 128}, {0xb, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        power_up(1000000000, 100000000);
        put(LAPIC_LVT_TIMER, VECTOR, 0);
        put(LAPIC_DIVIDE, cases[i].code, 0);
        put(LAPIC_INITIAL_COUNT, 7, 0);
        assert_int_equal(get(LAPIC_DIVIDE, 0), cases[i].code);
        assert_true(lapic_deadline(&lapic) == 70 * cases[i].divisor);
    }
}

static void periodic_reloads(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 10, 0);
    for (uint64_t period = 1; period <= 20; period++) {
        assert_true(lapic_deadline(&lapic) == period * 100);
        assert_false(fired_by(period * 100 - 1));
        assert_true(fired_by(period * 100));
        assert_int_equal(get(LAPIC_CURRENT_COUNT, period * 100), 10);
        assert_int_equal(get(LAPIC_CURRENT_COUNT, period * 100 + 99), 1);
    }
}

static void missed_periods_are_one_interrupt_and_the_phase_stays(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 10, 0);
    assert_true(fired_by(1234));
    assert_false(fired_by(1299));
    assert_true(lapic_deadline(&lapic) == 1300);
}

static void periodic_does_not_drift_over_days(void **state)
{
    const uint64_t tsc_hz = 2899887654;
    const uint64_t bus_hz = 99999937;
    const uint64_t count = 99991;
    const uint64_t days = UINT64_C(7) * 86400;
    const uint64_t periods = days * bus_hz / count;
    unsigned __int128 exact;

    (void)state;
    power_up(tsc_hz, bus_hz);
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, (uint32_t)count, 77);
    for (unsigned i = 1; i <= 1000; i++) {
        exact = ((unsigned __int128)count * i * tsc_hz + bus_hz - 1) / bus_hz;
        assert_true(lapic_deadline(&lapic) == 77 + (uint64_t)exact);
        assert_false(fired_by(lapic_deadline(&lapic) - 1));
        assert_true(fired_by(lapic_deadline(&lapic)));
    }
    exact = ((unsigned __int128)count * periods * tsc_hz + bus_hz - 1) / bus_hz;
    assert_true(fired_by(77 + (uint64_t)exact - 1));
    assert_true(lapic_deadline(&lapic) == 77 + (uint64_t)exact);
    assert_true(fired_by(77 + (uint64_t)exact));
}

static void bus_may_be_faster_than_the_tsc(void **state)
{
    (void)state;
    power_up(50000000, 1000000000);
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 30, 100);
    assert_true(lapic_deadline(&lapic) == 102);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 101), 10);
    assert_true(fired_by(102));
}

static void longest_count_is_exact(void **state)
{
    (void)state;
    power_up(5000000000, 24000000);
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_DIVIDE, 0xa, 0);
    put(LAPIC_INITIAL_COUNT, UINT32_MAX, 0);
    assert_true(lapic_deadline(&lapic) == UINT64_C(114532461200000));
    assert_int_equal(get(LAPIC_CURRENT_COUNT, lapic_deadline(&lapic) - 1), 1);
}

static void writing_the_initial_count_restarts_and_zero_stops(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_INITIAL_COUNT, 50, 400);
    assert_false(fired_by(899));
    assert_true(lapic_deadline(&lapic) == 900);
    put(LAPIC_INITIAL_COUNT, 0, 899);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    assert_false(fired_by(5000));
}

static void divide_change_goes_on_from_the_count(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_DIVIDE, DIVIDE_BY_16, 300);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 300), 20);
    assert_true(lapic_deadline(&lapic) == 300 + 20 * 160);
    put(LAPIC_DIVIDE, DIVIDE_BY_16, 301);
    assert_true(lapic_deadline(&lapic) == 300 + 20 * 160);
}

static void one_shot_turned_periodic_reloads_at_its_end(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 200);
    assert_true(fired_by(500));
    assert_true(lapic_deadline(&lapic) == 1000);
    put(LAPIC_LVT_TIMER, VECTOR, 600);
    assert_true(fired_by(1000));
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
}

static void masked_timer_runs_without_deadline_or_interrupt(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, MASKED | PERIODIC | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1620), 38);
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 1650);
    assert_false(fired());
    assert_true(lapic_deadline(&lapic) == 2000);
    assert_true(fired_by(2000));
}

static void expiry_before_the_mask_is_written_still_counts(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_LVT_TIMER, MASKED | VECTOR, 600);
    assert_true(fired());
}

static void deadline_fires_once_and_then_reads_zero(void **state)
{
    uint64_t value;

    (void)state;
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 0);
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 12345, 100));
    assert_true(lapic_msr_read(&lapic, LAPIC_MSR_TSC_DEADLINE, &value, 12344));
    assert_true(value == 12345);
    assert_true(lapic_deadline(&lapic) == 12345);
    assert_false(fired_by(12344));
    assert_true(fired_by(12345));
    assert_true(lapic_msr_read(&lapic, LAPIC_MSR_TSC_DEADLINE, &value, 12346));
    assert_true(value == 0);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
}

static void deadline_in_the_past_fires_at_once_and_zero_disarms(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 0);
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 50, 100));
    assert_true(fired());
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 500, 100));
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 0, 100));
    assert_false(fired_by(1000));
}

static void deadline_is_ignored_in_other_modes(void **state)
{
    uint64_t value;

    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 500, 100));
    assert_true(lapic_msr_read(&lapic, LAPIC_MSR_TSC_DEADLINE, &value, 100));
    assert_true(value == 0);
    assert_false(fired_by(1000));
}

static void counts_are_ignored_in_deadline_mode(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    assert_int_equal(get(LAPIC_INITIAL_COUNT, 0), 0);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 0), 0);
    assert_false(fired_by(10000));
}

static void change_to_or_from_deadline_mode_disarms(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 100);
    assert_int_equal(get(LAPIC_INITIAL_COUNT, 100), 0);
    assert_false(fired_by(1000));
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 5000, 1000));
    put(LAPIC_LVT_TIMER, VECTOR, 2000);
    assert_false(fired_by(6000));
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 7000);
    assert_false(fired_by(8000));
}

static void reserved_mode_never_fires(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, RESERVED | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 50, 100));
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    assert_false(fired_by(100000));
}

static void every_access_advances_first(void **state)
{
    uint64_t value;

    (void)state;
    put(LAPIC_LVT_TIMER, DEADLINE | VECTOR, 0);
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 500, 0));
    assert_int_equal(get(LAPIC_IRR + 0x60, 499), 0);
    assert_int_equal(get(LAPIC_IRR + 0x60, 500), 0x10000);
    assert_true(fired());
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 700, 600));
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 0, 700));
    assert_true(fired());
    assert_true(lapic_msr_write(&lapic, LAPIC_MSR_TSC_DEADLINE, 900, 800));
    assert_true(lapic_msr_read(&lapic, LAPIC_MSR_TSC_DEADLINE, &value, 900));
    assert_true(value == 0);
    assert_true(fired());
}

static void illegal_timer_vector_is_an_error(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, 3, 0);
    put(LAPIC_INITIAL_COUNT, 1, 0);
    put(LAPIC_ESR, 0, 100);
    assert_int_equal(get(LAPIC_ESR, 100), 0x40);
}

static void init_and_software_disable_silence_the_timer(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 50, 0);
    put(LAPIC_SVR, 0xff, 100);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    put(LAPIC_SVR, 0x1ff, 200);
    put(LAPIC_LVT_TIMER, PERIODIC | VECTOR, 200);
    assert_true(lapic_deadline(&lapic) == 500);
    lapic_receive_init(&lapic);
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 300), 0);
    put(LAPIC_SVR, 0x1ff, 300);
    put(LAPIC_LVT_TIMER, VECTOR, 300);
    assert_int_equal(get(LAPIC_INITIAL_COUNT, 300), 0);
    put(LAPIC_INITIAL_COUNT, 50, 300);
    assert_true(lapic_deadline(&lapic) == 300 + 50 * 2 * 10);
    assert_true(fired_by(1300));
    assert_true(lapic_deadline(&lapic) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_shot_fires_once_at_its_tick, setup),
        cmocka_unit_test_setup(count_reads_back_down_to_zero, setup),
        cmocka_unit_test_setup(every_divide_code_divides, setup),
        cmocka_unit_test_setup(periodic_reloads, setup),
        cmocka_unit_test_setup(missed_periods_are_one_interrupt_and_the_phase_stays, setup),
        cmocka_unit_test_setup(periodic_does_not_drift_over_days, setup),
        cmocka_unit_test_setup(bus_may_be_faster_than_the_tsc, setup),
        cmocka_unit_test_setup(longest_count_is_exact, setup),
        cmocka_unit_test_setup(writing_the_initial_count_restarts_and_zero_stops, setup),
        cmocka_unit_test_setup(divide_change_goes_on_from_the_count, setup),
        cmocka_unit_test_setup(one_shot_turned_periodic_reloads_at_its_end, setup),
        cmocka_unit_test_setup(masked_timer_runs_without_deadline_or_interrupt, setup),
        cmocka_unit_test_setup(expiry_before_the_mask_is_written_still_counts, setup),
        cmocka_unit_test_setup(deadline_fires_once_and_then_reads_zero, setup),
        cmocka_unit_test_setup(deadline_in_the_past_fires_at_once_and_zero_disarms, setup),
        cmocka_unit_test_setup(deadline_is_ignored_in_other_modes, setup),
        cmocka_unit_test_setup(counts_are_ignored_in_deadline_mode, setup),
        cmocka_unit_test_setup(change_to_or_from_deadline_mode_disarms, setup),
        cmocka_unit_test_setup(reserved_mode_never_fires, setup),
        cmocka_unit_test_setup(illegal_timer_vector_is_an_error, setup),
        cmocka_unit_test_setup(init_and_software_disable_silence_the_timer, setup),
        cmocka_unit_test_setup(every_access_advances_first, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
