/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/lib/format.c against the host's own vsnprintf: every case must give the same text and length.
 * Then what the host's does not show: room that is too small, and conversions it does not have.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "vmm/lib/format.h"

static void same_as_host(const char *format, ...)
{
    char ours[256];
    char theirs[256];
    va_list args;
    va_start(args, format);
    int our_length = format_print(ours, sizeof(ours), format, args);
    va_end(args);
    va_start(args, format);
    int their_length = vsnprintf(theirs, sizeof(theirs), format, args);
    va_end(args);
    assert_string_equal(ours, theirs);
    assert_int_equal(our_length, their_length);
}

static int print(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = format_print(buffer, size, format, args);
    va_end(args);
    return length;
}

static void integers_print_as_the_host_prints_them(void **state)
{
    (void)state;
    same_as_host("%d %i %u", 0, -1, 4000000000u);
    same_as_host("%d %d", INT_MIN, INT_MAX);
    same_as_host("%ld %lld", LONG_MIN, LLONG_MAX);
    same_as_host("%lu %llu %zu", ULONG_MAX, ULLONG_MAX, (size_t)77);
    same_as_host("%x %X %lx %o", 0xabcdu, 0xabcdu, 0x123456789abcdeful, 511u);
    same_as_host("%hhu %hu %hhd %hd", 0x1ffu, 0x1ffffu, 0xff, 0xffff);
    same_as_host("%#x %#X %#x", 255u, 255u, 0u);
}

static void width_and_precision_pad_as_the_host_pads(void **state)
{
    (void)state;
    same_as_host("[%5d][%-5d][%05d][%+d][% d]", 42, 42, -42, 42, 42);
    same_as_host("[%016lx][%8.3x][%.0d][%.5d]", 0xfeedul, 10u, 0, 42);
    same_as_host("[%*d][%-*d][%*d]", 6, 1, 6, 2, -6, 3);
    same_as_host("[%.*s][%10s][%-10s][%.3s]", 2, "abcdef", "right", "left", "cut off");
    same_as_host("[%c][%3c][%-3c][%%]", 'x', 'y', 'z');
    same_as_host("[%#010x]", 0xbeefu);
}

static void pointers_print_in_hexadecimal(void **state)
{
    (void)state;
    char buffer[32];
    print(buffer, sizeof(buffer), "%p", (void *)(uintptr_t)0x1234);
    assert_string_equal(buffer, "0x1234");
}

static void a_short_buffer_is_terminated_and_the_whole_length_returned(void **state)
{
    (void)state;
    char buffer[6] = "?????";
    assert_int_equal(print(buffer, 4, "%s", "abcdefg"), 7);
    assert_memory_equal(buffer, "abc\0?", 5);
    assert_int_equal(print(buffer, 1, "%d", 12345), 5);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(print(NULL, 0, "%d", 123), 3);
}

static void a_string_with_precision_needs_no_terminator(void **state)
{
    (void)state;
    char three[3] = {'a', 'b', 'c'};
    char buffer[8];
    assert_int_equal(print(buffer, sizeof(buffer), "%.3s", three), 3);
    assert_string_equal(buffer, "abc");
}

static void unknown_conversions_are_copied(void **state)
{
    (void)state;
    char buffer[16];
    print(buffer, sizeof(buffer), "%y %d %", 5);
    assert_string_equal(buffer, "%y 5 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_print_as_the_host_prints_them),
        cmocka_unit_test(width_and_precision_pad_as_the_host_pads),
        cmocka_unit_test(pointers_print_in_hexadecimal),
        cmocka_unit_test(a_short_buffer_is_terminated_and_the_whole_length_returned),
        cmocka_unit_test(a_string_with_precision_needs_no_terminator),
        cmocka_unit_test(unknown_conversions_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
