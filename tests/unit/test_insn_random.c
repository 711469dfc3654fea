/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million random byte strings in random modes: the decoder neither crashes nor reads behind the
 * end (each string ends with its heap block, watched by the sanitizer), and what it accepts
 * executes without touching anything but its own state. Half of the strings start with a likely
 * instruction.
 */
#include "tests/unit/test_insn_fixture.h"

#define STRINGS    1000000u
#define MAX_STRING 16u
#define SEED       UINT64_C(0xB01DFACEDB01DFAC)

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const uint8_t likely[] = {
    0x66, 0x67, 0x48, 0x4F, 0xF0, 0xF3, 0xF2, 0x64, 0x26, 0x0F, 0x0F, 0x38, 0x89, 0x8B, 0xC7, 0x81,
    0x83, 0xFF, 0x8F, 0xF7, 0xA1, 0xA5, 0xA7, 0xAF, 0xBA, 0xB1, 0xC1, 0xD3, 0x87, 0xC7, 0xB6, 0x69,
};

static void fill(uint8_t *bytes, size_t count, uint64_t *seed)
{
    bool start_likely = (next_random(seed) & 1) != 0;

    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(next_random(seed) >> 24);
        if (start_likely && i < 4)
            bytes[i] = likely[bytes[i] % sizeof(likely)];
    }
}

static void randomize(struct fixture *f, uint64_t *seed)
{
    fixture_init(f, (enum insn_mode)(next_random(seed) % (INSN_MODE_64 + 1)));
    for (unsigned i = 0; i < INSN_GPR_COUNT; i++)
        f->state.gpr[i] = next_random(seed) >> (next_random(seed) % 64);
}

static void random_bytes_neither_crash_nor_overread(void **cmocka_state)
{
    static struct fixture f;
    uint8_t *blocks[MAX_STRING + 1];
    uint64_t seed = SEED;
    unsigned executed = 0;

    (void)cmocka_state;
    for (size_t i = 1; i <= MAX_STRING; i++) {
        blocks[i] = malloc(i);
        assert_non_null(blocks[i]);
    }
    randomize(&f, &seed);
    for (unsigned n = 0; n < STRINGS; n++) {
        size_t count = 1 + next_random(&seed) % MAX_STRING;
        int status;

        if (n % 64 == 0)
            randomize(&f, &seed);
        fill(blocks[count], count, &seed);
        status = insn_decode(&f.insn, blocks[count], count, &f.state);
        assert_true(status == INSN_OK || (status <= INSN_TRUNCATED && status >= INSN_NOT_EMULATED));
        if (status != INSN_OK)
            continue;
        assert_true(f.insn.length >= 1 && f.insn.length <= count);
        status = insn_execute(&f.insn, &f.state, &f.bus, &f.fault);
        assert_true(status == INSN_OK || status == INSN_REPEAT || status == INSN_FAULT);
        executed++;
    }
    assert_true(executed > STRINGS / 10);
    for (size_t i = 1; i <= MAX_STRING; i++)
        free(blocks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_neither_crash_nor_overread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
