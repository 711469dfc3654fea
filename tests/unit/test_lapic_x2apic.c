/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC by MSR: the legal and illegal transitions of IA32_APIC_BASE, what each keeps and
 * clears, and x2APIC mode: 32-bit ID and derived LDR, 64-bit ICR, self IPI, cluster destinations,
 * #GP for absent registers, wrong directions and reserved bits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/devemu/lapic.h"

#define XAPIC   UINT64_C(0xfee00800)
#define X2APIC  UINT64_C(0xfee00c00)
#define OFF     UINT64_C(0xfee00000)
#define INVALID UINT64_C(0xfee00400)

#define ID 0x25U

static uint32_t page[LAPIC_PAGE_SIZE / sizeof(uint32_t)];
static struct lapic lapic;
static struct lapic_ipi last_ipi;
static unsigned ipis;

static void on_icr(void *ctx, const struct lapic_ipi *ipi)
{
    (void)ctx;
    last_ipi = *ipi;
    ipis++;
}

static bool wrmsr(uint32_t msr, uint64_t value)
{
    return lapic_msr_write(&lapic, msr, value, 0);
}

static bool set_base(uint64_t value)
{
    return wrmsr(LAPIC_MSR_APIC_BASE, value);
}

static uint64_t rdmsr(uint32_t msr)
{
    uint64_t value = 0;

    assert_true(lapic_msr_read(&lapic, msr, &value, 0));
    return value;
}

static bool faults_on_read(uint32_t msr)
{
    uint64_t value;

    return !lapic_msr_read(&lapic, msr, &value, 0);
}

static int xapic_setup(void **state)
{
    const struct lapic_config config = {
        .page = page,
        .id = ID,
        .tsc_hz = 1000000000,
        .bus_hz = 100000000,
        .output = {.icr = on_icr},
    };

    (void)state;
    ipis = 0;
    lapic_init(&lapic, &config);
    lapic_mmio_write(&lapic, LAPIC_SVR, 4, 0x1ff, 0);
    return 0;
}

static int x2apic_setup(void **state)
{
    xapic_setup(state);
    return set_base(X2APIC) ? 0 : -1;
}

static void legal_transitions_are_taken(void **state)
{
    (void)state;
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_XAPIC);
    assert_true(set_base(XAPIC));
    assert_true(set_base(X2APIC));
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_X2APIC);
    assert_true(set_base(X2APIC));
    assert_true(set_base(OFF));
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_DISABLED);
    assert_true(set_base(OFF));
    assert_true(set_base(XAPIC));
    assert_true(set_base(OFF));
}

static void illegal_transitions_fault_and_change_nothing(void **state)
{
    (void)state;
    assert_false(set_base(INVALID));
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_XAPIC);
    assert_true(set_base(X2APIC));
    assert_false(set_base(XAPIC));
    assert_false(set_base(INVALID));
    assert_int_equal(rdmsr(LAPIC_MSR_APIC_BASE), X2APIC);
    assert_true(set_base(OFF));
    assert_false(set_base(X2APIC));
    assert_false(set_base(INVALID));
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_DISABLED);
}

static void relocation_and_reserved_bits_of_the_base_fault(void **state)
{
    (void)state;
    assert_false(set_base(XAPIC + 0x1000));
    assert_false(set_base(UINT64_C(0x800)));
    assert_false(set_base(XAPIC | UINT64_C(1) << 40));
    assert_false(set_base(XAPIC | UINT64_C(1) << 63));
    assert_false(set_base(XAPIC | 1));
    assert_false(set_base(XAPIC | 0x200));
    assert_true(set_base(XAPIC | 0x100));
    assert_int_equal(rdmsr(LAPIC_MSR_APIC_BASE), XAPIC | 0x100);
}

static void disabling_resets_and_reenabling_starts_fresh(void **state)
{
    (void)state;
    lapic_accept(&lapic, 0x50, false);
    assert_true(set_base(OFF));
    assert_int_equal(lapic_pending(&lapic), -1);
    assert_false(lapic_accept(&lapic, 0x50, false));
    assert_false(lapic_matches(&lapic, ID, false));
    assert_false(lapic_matches(&lapic, LAPIC_BROADCAST, false));
    assert_true(set_base(XAPIC));
    assert_int_equal(lapic_mmio_read(&lapic, LAPIC_SVR, 4, 0), 0xff);
    assert_int_equal(lapic_mmio_read(&lapic, LAPIC_ID, 4, 0), ID << 24);
}

static void entering_x2apic_keeps_interrupts_and_tpr(void **state)
{
    (void)state;
    lapic_accept(&lapic, 0x80, true);
    lapic_ack(&lapic, 0x80);
    lapic_accept(&lapic, 0x90, false);
    lapic_set_tpr(&lapic, 0x20);
    lapic_mmio_write(&lapic, LAPIC_ICR_HIGH, 4, 0x05000000, 0);
    lapic_mmio_write(&lapic, LAPIC_LDR, 4, 0x05000000, 0);
    assert_true(set_base(X2APIC));
    assert_int_equal(rdmsr(0x80d), 0x00020020);
    assert_int_equal(rdmsr(0x808), 0x20);
    assert_int_equal(rdmsr(0x814), 1);
    assert_int_equal(rdmsr(0x81c), 1);
    assert_int_equal(lapic_pending(&lapic), 0x90);
    assert_int_equal(rdmsr(0x80f), 0x1ff);
    assert_int_equal(rdmsr(0x830) >> 32, 0);
}

static void init_stays_in_x2apic_mode(void **state)
{
    (void)state;
    lapic_accept(&lapic, 0x80, false);
    lapic_receive_init(&lapic);
    assert_int_equal(lapic_mode(&lapic), LAPIC_MODE_X2APIC);
    assert_int_equal(rdmsr(0x802), ID);
    assert_int_equal(rdmsr(0x80d), 0x00020020);
    assert_int_equal(lapic_highest_irr(&lapic), -1);
}

static void id_is_32_bits_and_ldr_is_derived(void **state)
{
    (void)state;
    assert_int_equal(rdmsr(0x802), ID);
    assert_int_equal(rdmsr(0x80d), 0x00020020);
    assert_int_equal(rdmsr(0x803), 0x50014);
    assert_false(wrmsr(0x802, ID));
    assert_false(wrmsr(0x80d, 0x00020020));
}

static void mmio_is_gone_in_x2apic_mode(void **state)
{
    (void)state;
    assert_int_equal(lapic_mmio_read(&lapic, LAPIC_VERSION, 4, 0), 0xffffffff);
    assert_int_equal(lapic_mmio_read(&lapic, LAPIC_VERSION, 1, 0), 0xff);
    lapic_mmio_write(&lapic, LAPIC_TPR, 4, 0x40, 0);
    assert_int_equal(lapic_tpr(&lapic), 0);
}

static void msrs_fault_outside_x2apic_mode(void **state)
{
    (void)state;
    for (uint32_t msr = LAPIC_MSR_X2APIC_FIRST; msr <= LAPIC_MSR_X2APIC_LAST; msr++) {
        assert_true(faults_on_read(msr));
        assert_false(wrmsr(msr, 0));
    }
    assert_true(faults_on_read(0x1a));
    assert_false(wrmsr(0x900, 0));
}

/* Against the manual's table "Local APIC Register Address Map Supported by x2APIC". */
static void exactly_the_manuals_msrs_exist(void **state)
{
    static const uint8_t also_readable[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x38,
                                            0x39, 0x3e, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37};
    static const uint8_t writable[] = {0x08, 0x0b, 0x0f, 0x28, 0x32, 0x33, 0x34,
                                       0x35, 0x36, 0x37, 0x38, 0x3e, 0x3f, 0x30};
    bool read[256] = {false};
    bool written[256] = {false};

    (void)state;
    for (unsigned i = 0x10; i < 0x28; i++)
        read[i] = true;
    for (size_t i = 0; i < sizeof(also_readable); i++)
        read[also_readable[i]] = true;
    for (size_t i = 0; i < sizeof(writable); i++)
        written[writable[i]] = true;
    for (uint32_t i = 0; i < 256; i++) {
        assert_int_equal(!faults_on_read(LAPIC_MSR_X2APIC_FIRST + i), read[i]);
        assert_int_equal(wrmsr(LAPIC_MSR_X2APIC_FIRST + i, 0), written[i]);
    }
}

static void reserved_bits_fault_and_change_nothing(void **state)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } bad[] = {
        {0x808, 0x100},    {0x808, UINT64_C(1) << 32},
        {0x80b, 1},        {0x80f, 0x400},
        {0x80f, 0x11ff},   {0x828, 1},
        {0x830, 0x2041},   {0x830, 0x10041},
        {0x830, 0x100041}, {0x832, 0x80041},
        {0x832, 0x8041},   {0x833, 0x2041},
        {0x835, 0x20041},  {0x835, 0x841},
        {0x837, 0x141},    {0x838, UINT64_C(1) << 32},
        {0x83e, 4},        {0x83e, 0x10},
        {0x83f, 0x141},    {0x832, UINT64_C(1) << 63},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t before = bad[i].msr == 0x80b || bad[i].msr == 0x83f ? 0 : rdmsr(bad[i].msr);

        assert_false(wrmsr(bad[i].msr, bad[i].value));
        if (bad[i].msr != 0x80b && bad[i].msr != 0x83f)
            assert_true(rdmsr(bad[i].msr) == before);
    }
    assert_int_equal(ipis, 0);
}

static void icr_is_one_64_bit_register(void **state)
{
    (void)state;
    assert_true(wrmsr(0x830, UINT64_C(0x0002002000004841)));
    assert_int_equal(ipis, 1);
    assert_int_equal(last_ipi.destination, 0x00020020);
    assert_true(last_ipi.logical);
    assert_int_equal(last_ipi.vector, 0x41);
    assert_true(rdmsr(0x830) == UINT64_C(0x0002002000004841));
    assert_int_equal(page[LAPIC_ICR_LOW / 4], 0x4841);
    assert_int_equal(page[LAPIC_ICR_X2APIC_HIGH / 4], 0x00020020);
    assert_true(wrmsr(0x830, UINT64_C(0xff00004041)));
    assert_int_equal(last_ipi.destination, 0xff);
    assert_true(wrmsr(0x830, UINT64_C(0xffffffff00004041)));
    assert_int_equal(last_ipi.destination, LAPIC_BROADCAST);
}

static void self_ipi_register_delivers_to_self(void **state)
{
    (void)state;
    assert_true(wrmsr(0x83f, 0x10));
    assert_int_equal(lapic_pending(&lapic), 0x10);
    assert_true(wrmsr(0x83f, 0x66));
    assert_true(lapic_eoi_exits(&lapic, 0) == 0 && lapic_eoi_exits(&lapic, 1) == 0);
    assert_int_equal(lapic_pending(&lapic), 0x66);
    assert_int_equal(ipis, 0);
    assert_true(wrmsr(0x83f, 0x06));
    assert_true(wrmsr(0x828, 0));
    assert_int_equal(rdmsr(0x828), 0x20);
    page[LAPIC_SELF_IPI / 4] = 0x77;
    lapic_write_done(&lapic, LAPIC_SELF_IPI, 0);
    assert_int_equal(lapic_pending(&lapic), 0x77);
}

static void eoi_by_msr_ends_the_interrupt(void **state)
{
    (void)state;
    lapic_ack(&lapic, 0x40);
    assert_true(wrmsr(0x80b, 0));
    assert_int_equal(lapic_highest_isr(&lapic), -1);
}

static void clusters_of_sixteen_and_broadcast_match(void **state)
{
    (void)state;
    assert_true(lapic_matches(&lapic, ID, false));
    assert_false(lapic_matches(&lapic, ID + 0x100, false));
    assert_false(lapic_matches(&lapic, 0xff, false));
    assert_true(lapic_matches(&lapic, LAPIC_BROADCAST, false));
    assert_true(lapic_matches(&lapic, LAPIC_BROADCAST, true));
    assert_true(lapic_matches(&lapic, 0x0002ffff, true));
    assert_true(lapic_matches(&lapic, 0x00020020, true));
    assert_false(lapic_matches(&lapic, 0x0002ffdf, true));
    assert_false(lapic_matches(&lapic, 0x00010020, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(legal_transitions_are_taken, xapic_setup),
        cmocka_unit_test_setup(illegal_transitions_fault_and_change_nothing, xapic_setup),
        cmocka_unit_test_setup(relocation_and_reserved_bits_of_the_base_fault, xapic_setup),
        cmocka_unit_test_setup(disabling_resets_and_reenabling_starts_fresh, xapic_setup),
        cmocka_unit_test_setup(entering_x2apic_keeps_interrupts_and_tpr, xapic_setup),
        cmocka_unit_test_setup(init_stays_in_x2apic_mode, x2apic_setup),
        cmocka_unit_test_setup(id_is_32_bits_and_ldr_is_derived, x2apic_setup),
        cmocka_unit_test_setup(mmio_is_gone_in_x2apic_mode, x2apic_setup),
        cmocka_unit_test_setup(msrs_fault_outside_x2apic_mode, xapic_setup),
        cmocka_unit_test_setup(exactly_the_manuals_msrs_exist, x2apic_setup),
        cmocka_unit_test_setup(reserved_bits_fault_and_change_nothing, x2apic_setup),
        cmocka_unit_test_setup(icr_is_one_64_bit_register, x2apic_setup),
        cmocka_unit_test_setup(self_ipi_register_delivers_to_self, x2apic_setup),
        cmocka_unit_test_setup(eoi_by_msr_ends_the_interrupt, x2apic_setup),
        cmocka_unit_test_setup(clusters_of_sixteen_and_broadcast_match, x2apic_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
