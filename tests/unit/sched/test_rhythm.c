// SPDX-License-Identifier: Apache-2.0
/* The rhythm of real-time requests (sched/rhythm.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sched/rhythm.h"

#define US     1000ull
#define PERIOD (10000 * US)
#define LEAD   (400 * US)
#define MOST   (1000 * US)

/* Requests every @period_ns, each up to @late_ns late; returns when the last began. */
static uint64_t requests(struct reef_rhythm *r, unsigned count, uint64_t period_ns,
                         uint64_t late_ns, unsigned *seed)
{
    uint64_t at = 0;
    for (uint64_t i = 1; i <= count; i++) {
        at = i * period_ns + (late_ns ? (uint64_t)rand_r(seed) % late_ns : 0);
        reef_rhythm_begins(r, at);
    }
    return at;
}

static void test_periodic(void **state)
{
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    unsigned seed = 1;
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
    requests(&r, REEF_RHYTHM, PERIOD, 0, &seed);
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat)); /* one interval less */
    r = (struct reef_rhythm){0};
    uint64_t last = requests(&r, REEF_RHYTHM + 1, PERIOD, 0, &seed);
    assert_true(reef_rhythm_next(&r, LEAD, MOST, &beat));
    assert_int_equal(beat.from_ns, last + PERIOD - LEAD);
    assert_int_equal(beat.until_ns, last + PERIOD + LEAD);
}

/* Each request but the odd one comes when it is expected, and nobody is ready for too long. */
static void test_jitter(void **state)
{
    unsigned seed = 2, beats = 0, met = 0;
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    uint64_t at = 0;
    for (uint64_t i = 1; i <= 10000; i++) {
        bool expected = reef_rhythm_next(&r, LEAD, MOST, &beat);
        at = i * PERIOD + (uint64_t)rand_r(&seed) % (100 * US);
        if (expected) {
            beats++;
            met += beat.from_ns + LEAD <= at && at <= beat.until_ns;
            assert_true(beat.until_ns - beat.from_ns <= 2 * PERIOD / REEF_RHYTHM_SHARE);
        }
        reef_rhythm_begins(&r, at);
    }
    assert_true(beats > 9900);
    assert_true(met > beats * 8 / 10);
}

static void test_irregular(void **state)
{
    unsigned seed = 3, beats = 0;
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    uint64_t at = 0;
    for (int i = 0; i < 10000; i++) {
        at += PERIOD / 2 + (uint64_t)rand_r(&seed) % PERIOD;
        reef_rhythm_begins(&r, at);
        beats += reef_rhythm_next(&r, LEAD, MOST, &beat);
    }
    assert_true(beats < 20);
}

/* What is short is not worth it. */
static void test_short(void **state)
{
    unsigned seed = 4;
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    requests(&r, 20, LEAD * (REEF_RHYTHM_SHARE - 1), 0, &seed);
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
    r = (struct reef_rhythm){0};
    requests(&r, 20, 1000 * PERIOD, 5 * MOST, &seed);
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat)); /* MOST */
}

static void test_missed(void **state)
{
    unsigned seed = 5;
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    uint64_t last = requests(&r, 20, PERIOD, 0, &seed);
    reef_rhythm_missed(&r);
    assert_true(reef_rhythm_next(&r, LEAD, MOST, &beat));
    assert_int_equal(beat.from_ns, last + 2 * PERIOD - LEAD);
    reef_rhythm_begins(&r, last + 2 * PERIOD); /* one beat was left out */
    assert_true(reef_rhythm_next(&r, LEAD, MOST, &beat));
    assert_int_equal(beat.from_ns, last + 3 * PERIOD - LEAD);
    reef_rhythm_missed(&r);
    reef_rhythm_missed(&r);
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
    for (int i = 0; i <= REEF_RHYTHM; i++) {
        assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
        reef_rhythm_begins(&r, (1000 + (uint64_t)i) * PERIOD);
    }
    assert_true(reef_rhythm_next(&r, LEAD, MOST, &beat));
}

static void test_clock(void **state)
{
    struct reef_rhythm r = {0};
    struct reef_beat beat;
    for (int i = 0; i < 20; i++)
        reef_rhythm_begins(&r, 5 * PERIOD); /* no interval at all */
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
    reef_rhythm_begins(&r, PERIOD); /* backwards */
    assert_int_equal(r.seen, 0);
    reef_rhythm_begins(&r, UINT64_MAX);
    assert_false(reef_rhythm_next(&r, LEAD, MOST, &beat));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periodic),  cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_irregular), cmocka_unit_test(test_short),
        cmocka_unit_test(test_missed),    cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
