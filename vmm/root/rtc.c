/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the MC146818 consistently: outside an update cycle, and twice until both agree.
 */
#include "vmm/root/rtc.h"

#include <string.h>

#include "vmm/lib/syscall.h"
#include "vmm/root/calendar.h"
#include "vmm/root/thread.h"

#define CMOS_INDEX 0x70u
#define CMOS_DATA  0x71u

#define REG_SECONDS 0x00u
#define REG_MINUTES 0x02u
#define REG_HOURS   0x04u
#define REG_DAY     0x07u
#define REG_MONTH   0x08u
#define REG_YEAR    0x09u
#define REG_A       0x0Au
#define REG_B       0x0Bu
#define REG_CENTURY 0x32u /* where PC firmware keeps it */

#define A_UPDATE_IN_PROGRESS 0x80u
#define UPDATE_MAX_US        3000u /* "Update Cycle": 1,984 us, and 244 us of warning */
#define TRIES                4u

static uint8_t read_register(uint32_t index)
{
    uint32_t value = 0xFF;
    (void)bh_io_out(CMOS_INDEX, 1, index);
    (void)bh_io_in(CMOS_DATA, 1, &value);
    return (uint8_t)value;
}

static void wait_for_update(const struct bh_info *info)
{
    uint64_t end = bh_rdtsc() + thread_ticks(info, UPDATE_MAX_US);
    while ((read_register(REG_A) & A_UPDATE_IN_PROGRESS) && bh_rdtsc() < end) {
    }
}

static struct calendar_registers read_all(const struct bh_info *info)
{
    wait_for_update(info);
    return (struct calendar_registers){.seconds = read_register(REG_SECONDS),
                                       .minutes = read_register(REG_MINUTES),
                                       .hours = read_register(REG_HOURS),
                                       .day = read_register(REG_DAY),
                                       .month = read_register(REG_MONTH),
                                       .year = read_register(REG_YEAR),
                                       .century = read_register(REG_CENTURY),
                                       .status_b = read_register(REG_B)};
}

uint64_t rtc_read(const struct bh_info *info, uint64_t *tsc)
{
    struct calendar_registers first = read_all(info);
    for (unsigned i = 0; i < TRIES; i++) {
        *tsc = bh_rdtsc();
        struct calendar_registers second = read_all(info);
        if (memcmp(&first, &second, sizeof(first)) == 0) {
            return calendar_seconds(&first);
        }
        first = second;
    }
    return 0;
}
