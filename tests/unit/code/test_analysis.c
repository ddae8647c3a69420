// SPDX-License-Identifier: Apache-2.0
/*
 * The analysis on code made for it, and on code that makes no sense. Words are as llvm-mc encodes
 * them for gfx906; the text stands beside. What whole kernels of a compiler give is tested where
 * there is a compiler (tests/emu/restart).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "object_builder.h"

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/inside.h"

enum {
    LOAD_ARGUMENTS = 0xc0060002, /* s_load_dwordx2 s[0:1], s[4:5], 0x... (second word) */
    END = 0xbf810000,
};

/* Puts @words into the first kernel, which gets s[4:5] as the address of its arguments. */
static void set_code(struct built *b, const uint32_t *words, unsigned count)
{
    uint16_t properties = 1 | 8; /* private segment buffer, kernel arguments */
    uint32_t rsrc1 = 5, rsrc2 = 6 << 1;
    built_make(b, 0x2f, 2);
    built_symbol(b, 2, 8, STT_FUNC, BUILT_CODE, 4 * count);
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_PROPERTIES, &properties, sizeof(properties));
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC1, &rsrc1, sizeof(rsrc1));
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC2, &rsrc2, sizeof(rsrc2));
    memcpy(b->bytes + BUILT_CODE, words, 4 * count);
}

static struct reef_analysis analyse(const uint32_t *words, unsigned count)
{
    static struct built b;
    struct reef_object object;
    struct reef_object_kernel kernel;
    struct reef_analysis out;
    uint64_t at = 0;
    unsigned broken = 0;
    set_code(&b, words, count);
    assert_int_equal(reef_object_open(&object, b.bytes, sizeof(b.bytes)), 0);
    assert_true(reef_object_next_kernel(&object, &at, &kernel, &broken));
    reef_analyse(&out, &object, &kernel);
    assert_non_null(out.reason);
    return out;
}
#define ANALYSE(...)                                                                               \
    analyse((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void reads_one_writes_another(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc00a0002, 0,          /* s_load_dwordx4 s[0:3], s[4:5], 0 */
                                     0xdc508000, 0x01000000, /* global_load_dword v1, v0, s[0:1] */
                                     0xdc708000, 0x00020100, /* global_store_dword v0, v1, s[2:3] */
                                     END);
    assert_int_equal(a.restart, REEF_RESTART_IF_DISJOINT);
    assert_int_equal(a.reads, 1);
    assert_int_equal(a.writes, 2);
    assert_true(a.independent);
}

static void what_works_in_place_is_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 0,          /* s_load_dwordx2 s[0:1], s[4:5], 0 */
                                     0xdc508000, 0x01000000, /* global_load_dword v1, v0, s[0:1] */
                                     0xdc708000, 0x00000100, /* global_store_dword v0, v1, s[0:1] */
                                     END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

static void only_written_is_always(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 8,          /* s_load_dwordx2 s[0:1], s[4:5], 8 */
                                     0xdc708000, 0x00000100, /* global_store_dword v0, v1, s[0:1] */
                                     END);
    assert_int_equal(a.restart, REEF_RESTART_ALWAYS);
    assert_int_equal(a.writes, 2);
}

static void an_atomic_operation_is_never(void **state)
{
    (void)state;
    struct reef_analysis a =
        ANALYSE(0xc0060002, 0, 0xdd088000, 0x00000100, /* global_atomic_add v0, v1, s[0:1] */
                END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

static void a_pointer_out_of_memory_is_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 0,          /* s_load_dwordx2 s[0:1], s[4:5], 0 */
                                     0xc0060080, 0,          /* s_load_dwordx2 s[2:3], s[0:1], 0 */
                                     0xdc708000, 0x00020100, /* global_store_dword v0, v1, s[2:3] */
                                     END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

/* Volatile, or an atomic load: somebody else may write there. */
static void an_access_past_the_cache_is_never(void **state)
{
    (void)state;
    struct reef_analysis a =
        ANALYSE(0xc00a0002, 0,          /* s_load_dwordx4 s[0:3], s[4:5], 0 */
                0xdc518000, 0x01000000, /* global_load_dword v1, v0, s[0:1] glc */
                0xdc708000, 0x00020100, /* global_store_dword v0, v1, s[2:3] */
                END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

static void a_fence_is_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 8,          /* s_load_dwordx2 s[0:1], s[4:5], 8 */
                                     0xdc708000, 0x00000100, /* global_store_dword v0, v1, s[0:1] */
                                     0xe0fc0000, 0,          /* buffer_wbinvl1_vol */
                                     END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

/* Halves of two pointers are none. */
static void a_pointer_of_two_halves_is_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc00a0002, 0, /* s_load_dwordx4 s[0:3], s[4:5], 0 */
                                     0xbe810003,    /* s_mov_b32 s1, s3 */
                                     0xdc708000, 0x00000100, END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

/* In the lanes that do not take the branch v[2:3] is another pointer than in those that do. */
static void both_sides_of_a_branch_count(void **state)
{
    (void)state;
    struct reef_analysis a =
        ANALYSE(0xc00a0002, 0,          /* s_load_dwordx4 s[0:3], s[4:5], 0 */
                0x7e040200,             /* v_mov_b32 v2, s0 */
                0x7e060201,             /* v_mov_b32 v3, s1 */
                0x7d940080,             /* v_cmp_eq_u32 vcc, 0, v0 */
                0xbe88206a,             /* s_and_saveexec_b64 s[8:9], vcc */
                0x7e040202,             /* v_mov_b32 v2, s2 */
                0x7e060203,             /* v_mov_b32 v3, s3 */
                0x87fe087e,             /* s_or_b64 exec, exec, s[8:9] */
                0xdc708000, 0x007f0102, /* global_store_dword v[2:3], v1, off */
                END);
    assert_int_equal(a.restart, REEF_RESTART_ALWAYS);
    assert_int_equal(a.writes, 3);
}

static void unknown_uses_of_exec_are_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 0, 0xbefe01c1, /* s_mov_b64 exec, -1 */
                                     0xdc708000, 0x00000100, END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

static void what_waits_for_other_work_groups_is_never(void **state)
{
    (void)state;
    struct reef_analysis a =
        ANALYSE(0xc0060002, 8, 0xd93b0000, 0x00000000, /* ds_gws_barrier v0 gds */
                0xdc708000, 0x00000100, END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

static void a_clock_is_never(void **state)
{
    (void)state;
    struct reef_analysis a = ANALYSE(0xc0060002, 8, 0xc0900080, 0, /* s_memtime s[2:3] */
                                     0xdc708000, 0x00000100, END);
    assert_int_equal(a.restart, REEF_RESTART_NEVER);
}

/* Arbitrary words, and words of real instructions in no order: no crash, no hang; the copy with
 * looks as well. */
static void nonsense_is_survived(void **state)
{
    static const uint32_t real[] = {
        0xc00a0002, 0xdc508000, 0x01000000, 0xdc708000, 0x00020100, 0xbe88206a, 0x87fe087e,
        0xbf88fff0, 0xbf890004, 0xbf82fffa, 0xbf850003, 0x8988087e, 0xbe882308, 0xbe882108,
        0x88fe087e, 0x8886067e, 0xbf8cc07f, 0xbf8a0000, 0x7e040200, 0xd81a0000, 0xd8700100,
        0x89fe0c7e, 0xbe80206a, 0x8780006a, 0xbf06ff00, 0x80040410, 0xbf810000};
    static struct built b;
    uint64_t seed = 20220711;
    uint32_t words[128];
    (void)state;
    for (unsigned run = 0; run < 30000; run++) {
        struct reef_object object;
        struct reef_object_kernel kernel;
        struct reef_analysis out;
        struct reef_inside inside;
        uint64_t at = 0;
        unsigned broken = 0;
        for (unsigned i = 0; i < 128; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t any = (uint32_t)(seed >> 32);
            words[i] =
                run % 4 && any % 8 ? real[(any >> 8) % (sizeof(real) / sizeof(real[0]))] : any;
        }
        set_code(&b, words, 1 + run % 128);
        uint8_t *exact = malloc(sizeof(b.bytes));
        memcpy(exact, b.bytes, sizeof(b.bytes));
        assert_int_equal(reef_object_open(&object, exact, sizeof(b.bytes)), 0);
        assert_true(reef_object_next_kernel(&object, &at, &kernel, &broken));
        reef_analyse(&out, &object, &kernel);
        assert_non_null(out.reason);
        reef_ranges_free(reef_analyse_ranges(&object, &kernel));
        assert_true(reef_inside_make(&inside, &object, &kernel));
        free(inside.code);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one_writes_another),
        cmocka_unit_test(what_works_in_place_is_never),
        cmocka_unit_test(only_written_is_always),
        cmocka_unit_test(an_atomic_operation_is_never),
        cmocka_unit_test(a_pointer_out_of_memory_is_never),
        cmocka_unit_test(an_access_past_the_cache_is_never),
        cmocka_unit_test(a_fence_is_never),
        cmocka_unit_test(a_pointer_of_two_halves_is_never),
        cmocka_unit_test(both_sides_of_a_branch_count),
        cmocka_unit_test(unknown_uses_of_exec_are_never),
        cmocka_unit_test(what_waits_for_other_work_groups_is_never),
        cmocka_unit_test(a_clock_is_never),
        cmocka_unit_test(nonsense_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
