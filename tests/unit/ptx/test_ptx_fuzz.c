// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzing with a generator of its own: texts that are almost PTX are parsed, and run if they parse.
 * Nothing may crash, hang or touch memory that is not its own. As a libFuzzer target: build with
 * -DFUZZER -fsanitize=fuzzer,address.
 */
#include "mutate.h"
#include "rig.h"

#include <string.h>

static void test_fuzz(void **unused)
{
    enum { ROOM = 8192, ROUNDS = 4000 };
    char text[ROOM + 1];

    rig_try(mutate_seed, strlen(mutate_seed));
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = strlen(mutate_seed);
        unsigned changes = 1 + mutate_roll(6);

        memcpy(text, mutate_seed, size);
        while (changes-- > 0)
            size = mutate_text(text, size, ROOM);
        text[size] = '\0';
        rig_try(text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
