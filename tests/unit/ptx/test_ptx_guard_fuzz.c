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

#include "shim/nvidia/ptx/image.h"
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

/* Fat binaries: one whole, and such with a few bytes changed, each exactly as long as it is. */
static void test_images(void **unused)
{
    enum { HEADER = 16, ENTRY = 64, TEXT = 40, BYTES = HEADER + ENTRY + TEXT };
    static const char text[TEXT] = ".version 7.0 .target sm_70 ";
    unsigned char whole[BYTES] = {0x50, 0xed, 0x55, 0xba, 1, 0, HEADER, 0, ENTRY + TEXT};
    const unsigned char entry[] = {1, 0, 1, 1, ENTRY, 0, 0, 0, TEXT};
    unsigned found = 0;
    size_t size;
    memcpy(whole + HEADER, entry, sizeof(entry));
    memcpy(whole + HEADER + ENTRY, text, TEXT);
    const char *got = reef_ptx_image_text(whole, BYTES, &size);
    assert_ptr_equal(got, whole + HEADER + ENTRY);
    assert_int_equal(size, strlen(text));
    whole[HEADER] = 2; /* machine code */
    assert_null(reef_ptx_image_text(whole, BYTES, &size));
    whole[HEADER] = 1;
    whole[HEADER + 41] = 0x20; /* compressed */
    assert_null(reef_ptx_image_text(whole, BYTES, &size));
    whole[HEADER + 41] = 0;
    assert_ptr_equal(reef_ptx_image_text(text, TEXT, &size), text);
    assert_null(reef_ptx_image_text("\x7f"
                                    "ELF",
                                    4, &size));
    for (unsigned i = 0; i < 20000; i++) {
        size_t bytes = mutate_roll(4) ? BYTES : mutate_roll(BYTES);
        unsigned char *image = malloc(bytes + 1);
        memcpy(image, whole, bytes);
        for (unsigned n = mutate_roll(4); n > 0 && bytes > 0; n--)
            image[mutate_roll((uint32_t)bytes)] = (unsigned char)mutate_roll(256);
        const char *at = reef_ptx_image_text(image, bytes, &size);
        found += at != NULL;
        if (at)
            assert_true((const unsigned char *)at + size <= image + bytes);
        free(image);
    }
    assert_true(found > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz), cmocka_unit_test(test_noise),
                                       cmocka_unit_test(test_images)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
