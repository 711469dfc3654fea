/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of the machine: they are found, intact, and describe what is there; the PM timer
 * runs at its rate. ACPI specification, "ACPI Software Programming Model" and "Power Management
 * Timer".
 */
#include "tests/guest/lib/acpi.h"

#include "tests/guest/lib/asm.h"
#include "tests/guest/lib/machine.h"
#include "tests/guest/lib/report.h"
#include "tests/guest/lib/time.h"

enum {
    PERCENT_LOW = 99,
    PERCENT_HIGH = 101,
    PM_TIMER_BITS = 24,
    MEASURE_US = 20000,
    PM1_STATUS_ENABLE_BYTES = 4,
    PM1_CONTROL_BYTES = 2,
    PM_TIMER_BYTES = 4,
    SCI_EN = 1 << 0,
    LAPIC_ENTRY_FLAGS = 4,
    LAPIC_ENABLED = 1 << 0,
    ISA_IRQS = 16
};

static const char *const described[] = {"FACP", "APIC", "DSDT"};

static void root_pointer_is_found(void)
{
    const uint8_t *rsdp = acpi_rsdp();

    if (rsdp == NULL) {
        expect(HERE, false, "no RSDP");
        return;
    }
    if (rsdp[RSDP_REVISION] >= 2) {
        expect_equal(HERE, "length", acpi_get32(rsdp, RSDP_LENGTH), RSDP_SIZE_2);
        expect_equal(HERE, "sum of the extended part", acpi_sum(rsdp, RSDP_SIZE_2), 0);
    }
}

static void every_table_is_intact(void)
{
    for (unsigned i = 0; i < sizeof described / sizeof described[0]; i++) {
        const uint8_t *table = acpi_table(described[i]);

        if (table == NULL) {
            expect(HERE, false, "no %s", described[i]);
            continue;
        }
        expect_between(HERE, "length", acpi_get32(table, SDT_LENGTH), SDT_HEADER, 1 << 20);
        expect(HERE, acpi_sum(table, acpi_get32(table, SDT_LENGTH)) == 0, "checksum of %s",
               described[i]);
    }
}

static void rsdt_and_xsdt_are_intact_and_agree(void)
{
    const uint8_t *rsdp = acpi_rsdp();

    if (rsdp == NULL) {
        expect(HERE, false, "no RSDP");
        return;
    }
    const uint8_t *rsdt = (const uint8_t *)(uint64_t)acpi_get32(rsdp, RSDP_RSDT);
    uint32_t length = acpi_get32(rsdt, SDT_LENGTH);

    expect_equal(HERE, "sum of the RSDT", acpi_sum(rsdt, length), 0);
    if (rsdp[RSDP_REVISION] < 2)
        return;
    const uint8_t *xsdt = (const uint8_t *)acpi_get64(rsdp, RSDP_XSDT);

    expect_equal(HERE, "sum of the XSDT", acpi_sum(xsdt, acpi_get32(xsdt, SDT_LENGTH)), 0);
    expect_equal(HERE, "bytes of entries in the XSDT", acpi_get32(xsdt, SDT_LENGTH) - SDT_HEADER,
                 2 * (length - SDT_HEADER));
    for (uint32_t at = 0; SDT_HEADER + at < length; at += 4)
        expect_equal(HERE, "entry of the XSDT", acpi_get64(xsdt, SDT_HEADER + 2 * at),
                     acpi_get32(rsdt, SDT_HEADER + at));
}

static void fadt_describes_the_power_management_ports(void)
{
    const uint8_t *fadt = acpi_table("FACP");

    if (fadt == NULL) {
        expect(HERE, false, "no FADT");
        return;
    }
    expect(HERE, acpi_get32(fadt, SDT_LENGTH) >= FADT_SIZE_1, "%u bytes are too short",
           acpi_get32(fadt, SDT_LENGTH));
    expect(HERE, acpi_get32(fadt, FADT_PM1A_EVT_BLK) != 0, "no PM1a event block");
    expect(HERE, acpi_pm1a_control() != 0, "no PM1a control block");
    expect(HERE, acpi_pm_timer() != 0, "no PM timer");
    expect_equal(HERE, "PM1_EVT_LEN", fadt[FADT_PM1_EVT_LEN], PM1_STATUS_ENABLE_BYTES);
    expect_equal(HERE, "PM1_CNT_LEN", fadt[FADT_PM1_CNT_LEN], PM1_CONTROL_BYTES);
    expect_equal(HERE, "PM_TMR_LEN", fadt[FADT_PM_TMR_LEN], PM_TIMER_BYTES);
    expect_between(HERE, "SCI_INT", fadt[FADT_SCI_INT], 1, ISA_IRQS - 1);
}

static void soft_off_is_described(void)
{
    unsigned type = 0;

    if (expect(HERE, acpi_s5_type(&type), "no \\_S5 package in the DSDT"))
        expect_between(HERE, "SLP_TYP of S5", type, 0, 7);
}

static void facs_lies_on_its_boundary(void)
{
    const uint8_t *facs = acpi_table("FACS");

    if (facs == NULL) {
        expect(HERE, false, "no FACS");
        return;
    }
    expect_equal(HERE, "signature", acpi_get32(facs, 0), 0x53434146); /* "FACS" */
    expect_equal(HERE, "address modulo 64", (uint64_t)facs % 64, 0);
    expect_between(HERE, "length", acpi_get32(facs, SDT_LENGTH), 64, PAGE_SIZE);
}

static void acpi_mode_can_be_entered(void)
{
    const uint8_t *fadt = acpi_table("FACP");
    enum { SMI_CMD = 48, ACPI_ENABLE = 52, POLLS = 100000 };

    if (fadt == NULL) {
        expect(HERE, false, "no FADT");
        return;
    }
    if (acpi_get32(fadt, SMI_CMD) != 0 && !(inw(acpi_pm1a_control()) & SCI_EN))
        outb((uint16_t)acpi_get32(fadt, SMI_CMD), fadt[ACPI_ENABLE]);
    for (unsigned i = 0; i < POLLS && !(inw(acpi_pm1a_control()) & SCI_EN); i++)
        pause();
    expect(HERE, inw(acpi_pm1a_control()) & SCI_EN, "SCI_EN is clear");
}

/* Walks the MADT as an operating system does. Returns the number of entries of a type, or the sum
 * of broken ones in *broken. */
static unsigned count_madt(unsigned type, unsigned *broken)
{
    const uint8_t *madt = acpi_table("APIC");
    unsigned count = 0;

    *broken = madt == NULL;
    for (uint32_t at = MADT_ENTRIES; madt != NULL && at < acpi_get32(madt, SDT_LENGTH);) {
        if (madt[at + 1] < 2 || at + madt[at + 1] > acpi_get32(madt, SDT_LENGTH)) {
            *broken += 1;
            break;
        }
        if (madt[at] == type &&
            (type != MADT_LAPIC || madt[at + LAPIC_ENTRY_FLAGS] & LAPIC_ENABLED))
            count++;
        at += madt[at + 1];
    }
    return count;
}

static void madt_lists_one_cpu_and_one_ioapic(void)
{
    const uint8_t *madt = acpi_table("APIC");
    unsigned broken;

    expect_equal(HERE, "enabled CPUs", count_madt(MADT_LAPIC, &broken), 1);
    expect_equal(HERE, "IOAPICs", count_madt(MADT_IOAPIC, &broken), 1);
    if (!expect_equal(HERE, "broken entries", broken, 0))
        return;
    expect_equal(HERE, "local APIC address", acpi_get32(madt, MADT_LOCAL_APIC_ADDRESS),
                 rdmsr(MSR_APIC_BASE) & ~UINT64_C(0xFFF));
    expect(HERE, acpi_get32(madt, MADT_FLAGS) & MADT_PCAT_COMPAT, "PCAT_COMPAT is clear");
    expect(HERE, acpi_ioapic_address() != 0, "the IOAPIC has no address");
}

static uint64_t read_pm_timer(void)
{
    return inl(acpi_pm_timer());
}

static void pm_timer_runs_at_its_rate(void)
{
    time_pit2_start();
    struct time_sample pm_first = time_sample(NULL, read_pm_timer);
    struct time_sample pit_first = time_sample(time_pit2_latch, time_pit2_fetch);
    time_delay(MEASURE_US);
    struct time_sample pm_second = time_sample(NULL, read_pm_timer);
    struct time_sample pit_second = time_sample(time_pit2_latch, time_pit2_fetch);

    uint64_t pm = time_rate(&pm_first, &pm_second, PM_TIMER_BITS);
    uint64_t pit = time_rate(&pit_first, &pit_second, 16);

    expect_between(HERE, "PM timer ticks for 1193182 of the PIT", pm * PIT_HZ / (pit + 1),
                   (uint64_t)ACPI_PM_TIMER_HZ * PERCENT_LOW / 100,
                   (uint64_t)ACPI_PM_TIMER_HZ * PERCENT_HIGH / 100);
}

static void pm_timer_never_goes_back(void)
{
    enum { READS = 200 };
    const uint8_t *fadt = acpi_table("FACP");

    if (fadt == NULL) {
        expect(HERE, false, "no FADT");
        return;
    }
    bool wide = acpi_get32(fadt, FADT_FLAGS) & FADT_FLAG_TMR_VAL_EXT;
    uint32_t mask = wide ? UINT32_MAX : (1U << PM_TIMER_BITS) - 1;
    uint32_t previous = inl(acpi_pm_timer());

    if (!wide)
        expect_equal(HERE, "bits above the 24 of the PM timer", previous >> PM_TIMER_BITS, 0);
    for (unsigned i = 0; i < READS; i++) {
        uint32_t now = inl(acpi_pm_timer());

        if (!expect(HERE, ((now - previous) & mask) < mask / 2, "0x%x after 0x%x", now, previous))
            return;
        previous = now;
    }
}

static const struct claim claims[] = {
    CLAIM(root_pointer_is_found),
    CLAIM(every_table_is_intact),
    CLAIM(rsdt_and_xsdt_are_intact_and_agree),
    CLAIM(fadt_describes_the_power_management_ports),
    CLAIM(soft_off_is_described),
    CLAIM(facs_lies_on_its_boundary),
    CLAIM(acpi_mode_can_be_entered),
    CLAIM(madt_lists_one_cpu_and_one_ioapic),
    CLAIM(pm_timer_runs_at_its_rate),
    CLAIM(pm_timer_never_goes_back),
};

void test_main(void)
{
    report_run(claims, sizeof claims / sizeof claims[0]);
}
