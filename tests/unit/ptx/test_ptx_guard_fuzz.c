// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzing the reader, analysis and rewriting of PTX: texts that are almost PTX are given guards.
 * Nothing may crash, hang, or read what is not the text; what gets guards and loads without them
 * must load with them.
 */
#include "mutate.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/ptx/rewrite.h"

static bool loads(const char *text, size_t size)
{
    struct ptx_error error;
    struct ptx_module *module = ptx_parse(text, size, &error);
    if (module)
        ptx_module_free(module);
    return module != NULL;
}

static unsigned guarded, loaded;

static void try_text(const char *text, size_t size)
{
    struct reef_ptx_rewritten r;
    char *exact = malloc(size + 1); /* for the address sanitizer */
    memcpy(exact, text, size);
    assert_true(reef_ptx_rewrite(&r, exact, size, NULL, NULL));
    guarded += r.text != NULL;
    if (r.text && loads(exact, size)) {
        loaded++;
        if (!loads(r.text, r.size))
            fail_msg("does not load with guards: %s", r.text);
        rig_try(r.text, r.size);
    }
    reef_ptx_rewritten_free(&r);
    free(exact);
}

static void test_fuzz(void **unused)
{
    enum { ROOM = 8192, ROUNDS = 4000 };
    char text[ROOM + 1];
    try_text(mutate_seed, strlen(mutate_seed));
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = strlen(mutate_seed);
        memcpy(text, mutate_seed, size);
        for (unsigned changes = 1 + mutate_roll(4); changes > 0; changes--)
            size = mutate_text(text, size, ROOM);
        text[size] = '\0';
        try_text(text, size);
    }
    assert_true(guarded > ROUNDS / 20 && loaded > 10); /* or it shows nothing */
}

/* Bytes without any sense, and pieces of sense. */
static void test_noise(void **unused)
{
    static const char *const pieces[] = {".entry",
                                         "k",
                                         "(",
                                         ")",
                                         "{",
                                         "}",
                                         ".param",
                                         ".u64",
                                         "@",
                                         "%p",
                                         ";",
                                         ",",
                                         "[",
                                         "]",
                                         "L:",
                                         "bra L",
                                         ".reg",
                                         "<",
                                         "9",
                                         "/*",
                                         "\"",
                                         ".version 7.0",
                                         ".target sm_70",
                                         "\n",
                                         "|",
                                         "-",
                                         "::"};
    char text[512];
    for (unsigned i = 0; i < 4000; i++) {
        size_t size = 0, words = mutate_roll(60);
        for (; words > 0 && size + 16 < sizeof(text); words--) {
            const char *piece = pieces[mutate_roll(sizeof(pieces) / sizeof(pieces[0]))];
            if (mutate_roll(8) == 0) {
                text[size++] = (char)mutate_roll(256);
                continue;
            }
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
            text[size++] = ' ';
        }
        try_text(text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz), cmocka_unit_test(test_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
