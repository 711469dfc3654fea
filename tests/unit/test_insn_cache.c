/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache in front of the decoder: it answers as the decoder would, whatever bytes, mode and
 * length come, and it does keep what it decoded.
 */
#include "tests/unit/test_insn_fixture.h"

#define ROUNDS 200000u
#define SEED   UINT64_C(0x5EED5EED5EED5EED)

static int decode(struct fixture *f, struct insn_cache *cache, const char *hex,
                  const struct insn **out)
{
    uint8_t bytes[INSN_CACHE_BYTES] = {0};

    (void)fixture_bytes(hex, bytes, sizeof(bytes));
    return insn_decode_cached(cache, bytes, sizeof(bytes), &f->state, out);
}

static void bytes_behind_the_instruction_do_not_matter(void **cmocka_state)
{
    static struct fixture f;
    struct insn_cache cache = {0};
    const struct insn *out;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(decode(&f, &cache, "89 03 90 90", &out), INSN_OK);
    cache.entry[f.state.rip % INSN_CACHE_ENTRIES].insn.immediate = 0xCAFE; /* a mark: kept if hit */
    assert_int_equal(decode(&f, &cache, "89 03 CC CC", &out), INSN_OK);
    assert_int_equal(out->immediate, 0xCAFE);
    assert_int_equal(decode(&f, &cache, "89 04 CC CC", &out), INSN_OK);
    assert_int_equal(out->length, 3);
    assert_int_equal(out->immediate, 0);
}

static void changed_code_and_changed_mode_are_decoded_anew(void **cmocka_state)
{
    static struct fixture f;
    struct insn_cache cache = {0};
    const struct insn *out;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(decode(&f, &cache, "C7 83 00 01 00 00 12 34 56 78", &out), INSN_OK);
    assert_int_equal(decode(&f, &cache, "C7 83 00 01 00 00 12 34 56 79", &out), INSN_OK);
    assert_int_equal(out->immediate, 0x79563412);
    assert_int_equal(decode(&f, &cache, "8B 05 00 01 00 00", &out), INSN_OK);
    assert_int_equal(out->memory.base, INSN_RIP);
    fixture_init(&f, INSN_MODE_32);
    assert_int_equal(decode(&f, &cache, "8B 05 00 01 00 00", &out), INSN_OK);
    assert_int_equal(out->memory.base, INSN_NO_REGISTER);
}

static void a_refusal_is_not_remembered_as_an_instruction(void **cmocka_state)
{
    static struct fixture f;
    struct insn_cache cache = {0};
    const struct insn *out;

    (void)cmocka_state;
    fixture_init(&f, INSN_MODE_64);
    assert_int_equal(decode(&f, &cache, "0F 0B", &out), INSN_INVALID);
    assert_int_equal(decode(&f, &cache, "0F 0B", &out), INSN_INVALID);
    assert_int_equal(decode(&f, &cache, "89 03", &out), INSN_OK);
    assert_int_equal(decode(&f, &cache, "0F 0B", &out), INSN_INVALID);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void expect_same(const struct insn *a, const struct insn *b)
{
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->length, b->length);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->address, b->address);
    assert_int_equal(a->repeat, b->repeat);
    assert_int_equal(a->destination.kind, b->destination.kind);
    assert_int_equal(a->destination.reg, b->destination.reg);
    assert_int_equal(a->source.kind, b->source.kind);
    assert_int_equal(a->memory.base, b->memory.base);
    assert_int_equal(a->memory.displacement, b->memory.displacement);
    assert_int_equal(a->immediate, b->immediate);
}

/* Few different bytes, few addresses, all modes and lengths: many hits, many near misses. */
static void the_cache_always_answers_as_the_decoder(void **cmocka_state)
{
    static const uint8_t few[] = {0x89, 0x8B, 0x03, 0x66, 0x48, 0xC7, 0x05, 0xF3, 0xA5};
    static struct fixture f;
    struct insn_cache cache = {0};
    uint64_t seed = SEED;

    (void)cmocka_state;
    for (unsigned n = 0; n < ROUNDS; n++) {
        uint8_t bytes[INSN_CACHE_BYTES];
        size_t len = 1 + next_random(&seed) % sizeof(bytes);
        const struct insn *out;
        int status;

        len = len < sizeof(bytes) / 2 ? len : sizeof(bytes);
        if (n % 32 == 0)
            fixture_init(&f, (enum insn_mode)(next_random(&seed) % (INSN_MODE_64 + 1)));
        f.state.rip = next_random(&seed) % 4;
        for (size_t i = 0; i < len; i++)
            bytes[i] = few[next_random(&seed) % (i < 3 ? sizeof(few) : 2)];
        status = insn_decode(&f.insn, bytes, len, &f.state);
        assert_int_equal(insn_decode_cached(&cache, bytes, len, &f.state, &out), status);
        if (status == INSN_OK)
            expect_same(out, &f.insn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_behind_the_instruction_do_not_matter),
        cmocka_unit_test(changed_code_and_changed_mode_are_decoded_anew),
        cmocka_unit_test(a_refusal_is_not_remembered_as_an_instruction),
        cmocka_unit_test(the_cache_always_answers_as_the_decoder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
