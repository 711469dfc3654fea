/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel learns first: the boot loader's information, with everything in it and with
 * nothing, and the frequency of the TSC, from CPUID or measured against the 8254.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/multiboot2.h"
#include "hv/x86/tsc.h"
#include "tests/unit/fake/hw.h"
#include "tests/unit/hv_multiboot.h"

/* Boot information. */

static struct multiboot_info info;

static void what_the_loader_says_is_found(void **state)
{
    (void)state;
    struct multiboot2 mb;
    multiboot_begin(&info);
    multiboot_tag(&info, 4, "\1\2\3\4\5\6\7\10", 8); /* a tag that nobody reads */
    multiboot_tag(&info, 1, "pool=32", 8);
    multiboot_tag(&info, 14, "RSD PTR old", 12);
    multiboot_tag(&info, 15, "RSD PTR new", 12);
    multiboot_module(&info, 0x200000, 0x201234, "root.elf x");
    multiboot_region(&info, 0, 0x9FC00, 1);
    multiboot_region(&info, 0x100000000, 0x40000000, 3);
    multiboot_module(&info, 0x300000, 0x300001, "system.conf");
    multiboot_end(&info);
    multiboot2_read((uint64_t)info.bytes, &mb);
    assert_string_equal(mb.cmdline, "pool=32");
    assert_string_equal((const char *)mb.rsdp, "RSD PTR new");
    assert_true(mb.text_screen);
    assert_int_equal(multiboot2_size(&mb), info.used);

    struct multiboot2_module m;
    assert_true(multiboot2_module(&mb, 0, &m));
    assert_int_equal(m.base, 0x200000);
    assert_int_equal(m.end, 0x201234);
    assert_string_equal(m.cmdline, "root.elf x");
    assert_true(multiboot2_module(&mb, 1, &m));
    assert_string_equal(m.cmdline, "system.conf");
    assert_false(multiboot2_module(&mb, 2, &m));

    struct multiboot2_region r;
    assert_true(multiboot2_region(&mb, 0, &r));
    assert_int_equal(r.size, 0x9FC00);
    assert_int_equal(r.type, 1);
    assert_true(multiboot2_region(&mb, 1, &r));
    assert_int_equal(r.base, 0x100000000);
    assert_int_equal(r.size, 0x40000000);
    assert_int_equal(r.type, 3);
    assert_false(multiboot2_region(&mb, 2, &r));
    assert_false(multiboot2_region(&mb, 1000, &r));
}

static void what_the_loader_does_not_say_is_empty(void **state)
{
    (void)state;
    struct multiboot2 mb;
    struct multiboot2_module m;
    struct multiboot2_region r;
    multiboot_begin(&info);
    multiboot_end(&info);
    multiboot2_read((uint64_t)info.bytes, &mb);
    assert_string_equal(mb.cmdline, "");
    assert_int_equal(mb.rsdp, 0);
    assert_true(mb.text_screen);
    assert_false(multiboot2_module(&mb, 0, &m));
    assert_false(multiboot2_region(&mb, 0, &r));
}

static void the_old_rsdp_serves_without_a_new_one(void **state)
{
    (void)state;
    struct multiboot2 mb;
    multiboot_begin(&info);
    multiboot_tag(&info, 14, "RSD PTR old", 12);
    multiboot_end(&info);
    multiboot2_read((uint64_t)info.bytes, &mb);
    assert_string_equal((const char *)mb.rsdp, "RSD PTR old");
}

static void only_a_text_framebuffer_is_a_text_screen(void **state)
{
    (void)state;
    for (uint8_t type = 0; type < 4; type++) {
        struct multiboot2 mb;
        uint8_t framebuffer[24] = {0};
        framebuffer[21] = type; /* behind address, pitch, width, height and depth */
        multiboot_begin(&info);
        multiboot_tag(&info, 8, framebuffer, sizeof(framebuffer));
        multiboot_end(&info);
        multiboot2_read((uint64_t)info.bytes, &mb);
        assert_true(mb.text_screen == (type == 2));
    }
}

/* The TSC. */

static void scaling_has_128_bits_in_between(void **state)
{
    (void)state;
    assert_int_equal(tsc_scale(7, 3, 2), 10);
    assert_int_equal(tsc_scale(0, UINT64_MAX, 1), 0);
    assert_int_equal(tsc_scale(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(tsc_scale(1ull << 63, 1000000000, 2000000000), 1ull << 62);
    assert_int_equal(tsc_scale(3500000000u, 3600ull * 24 * 365 * 100, 1000), 11037600000000000ull);
}

static void the_crystal_clock_gives_the_frequency(void **state)
{
    (void)state;
    hw = (struct hw){.cpus = 1, .crystal = {2, 176, 24000000}};
    assert_int_equal(tsc_measure(), 2112000000);
}

static void an_incomplete_leaf_is_not_believed(void **state)
{
    (void)state;
    /* The 8254 counts 10 ms: 11,931 of its 1,193,182 ticks a second. */
    for (unsigned missing = 0; missing < 3; missing++) {
        hw = (struct hw){
            .cpus = 1, .tsc_step = 1, .pit_ticks = 20000, .crystal = {2, 176, 24000000}};
        hw.crystal[missing] = 0;
        uint64_t hz = tsc_measure();
        assert_in_range(hz, 2000000, 2002000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_loader_says_is_found),
        cmocka_unit_test(what_the_loader_does_not_say_is_empty),
        cmocka_unit_test(the_old_rsdp_serves_without_a_new_one),
        cmocka_unit_test(only_a_text_framebuffer_is_a_text_screen),
        cmocka_unit_test(scaling_has_128_bits_in_between),
        cmocka_unit_test(the_crystal_clock_gives_the_frequency),
        cmocka_unit_test(an_incomplete_leaf_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
