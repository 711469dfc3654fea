/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's few lines of C library: its own memset and the like, which hv.mk gives other names
 * here, strings, command-line options, numbers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hv/lib.h"

void *kernel_memset(void *dst, int value, size_t n);
void *kernel_memcpy(void *restrict dst, const void *restrict src, size_t n);
int kernel_memcmp(const void *a, const void *b, size_t n);
size_t kernel_strlen(const char *s);

/* Memory and strings. */

static void memory_functions_touch_what_they_are_told_to(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        uint8_t a[80];
        uint8_t b[80];
        memset(a, 1, sizeof(a));
        assert_ptr_equal(kernel_memset(a + 5, 0x1C3, n), a + 5);
        for (size_t i = 0; i < sizeof(a); i++) {
            assert_int_equal(a[i], i >= 5 && i < 5 + n ? 0xC3 : 1);
        }
        memset(b, 2, sizeof(b));
        assert_ptr_equal(kernel_memcpy(b + 3, a + 5, n), b + 3);
        for (size_t i = 0; i < sizeof(b); i++) {
            assert_int_equal(b[i], i >= 3 && i < 3 + n ? 0xC3 : 2);
        }
    }
}

static void memcmp_orders_by_the_first_difference(void **state)
{
    (void)state;
    assert_int_equal(kernel_memcmp("abc", "abd", 2), 0);
    assert_true(kernel_memcmp("abc", "abd", 3) < 0);
    assert_true(kernel_memcmp("\xFF", "\x01", 1) > 0);
    assert_int_equal(kernel_memcmp("a", "b", 0), 0);
}

static void strlen_counts_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(kernel_strlen(""), 0);
    assert_int_equal(kernel_strlen("abc"), 3);
}

static void strcpy_never_exceeds_its_room(void **state)
{
    (void)state;
    for (size_t size = 0; size < 10; size++) {
        char dst[12];
        memset(dst, 'x', sizeof(dst));
        size_t n = lib_strcpy(dst, "hello", size);
        assert_int_equal(n, size == 0 ? 0 : size > 5 ? 5 : size - 1);
        assert_int_equal(dst[size], 'x');
        if (size > 0) {
            assert_int_equal(dst[n], '\0');
            assert_memory_equal(dst, "hello", n);
        }
    }
}

static void an_option_is_a_whole_word(void **state)
{
    (void)state;
    const char *v = NULL;
    assert_true(lib_option("quiet", "quiet", &v));
    assert_true(lib_option("a quiet b", "quiet", &v));
    assert_true(lib_option("a   quiet", "quiet", &v));
    assert_true(lib_option("  quiet ", "quiet", &v));
    assert_false(lib_option("", "quiet", &v));
    assert_false(lib_option("quieter", "quiet", &v));
    assert_false(lib_option("quie", "quiet", &v));
    assert_false(lib_option("unquiet", "quiet", &v));
    assert_false(lib_option("quiet=1", "quiet", &v));
}

static void an_option_with_a_value_gives_what_follows(void **state)
{
    (void)state;
    const char *v = NULL;
    assert_true(lib_option("bulkhead pool=64 pool=65", "pool=", &v));
    assert_string_equal(v, "64 pool=65");
    assert_true(lib_option("pool=", "pool=", &v));
    assert_string_equal(v, "");
    assert_false(lib_option("pool 64", "pool=", &v));
    assert_false(lib_option("spool=64", "pool=", &v));
}

static void a_number_ends_at_the_first_other_character(void **state)
{
    (void)state;
    assert_int_equal(lib_number(""), 0);
    assert_int_equal(lib_number("0"), 0);
    assert_int_equal(lib_number("64 x"), 64);
    assert_int_equal(lib_number("12M3"), 12);
    assert_int_equal(lib_number("x9"), 0);
    assert_int_equal(lib_number("-9"), 0);
    assert_int_equal(lib_number("18446744073709551615"), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_functions_touch_what_they_are_told_to),
        cmocka_unit_test(memcmp_orders_by_the_first_difference),
        cmocka_unit_test(strlen_counts_to_the_end),
        cmocka_unit_test(strcpy_never_exceeds_its_room),
        cmocka_unit_test(an_option_is_a_whole_word),
        cmocka_unit_test(an_option_with_a_value_gives_what_follows),
        cmocka_unit_test(a_number_ends_at_the_first_other_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
