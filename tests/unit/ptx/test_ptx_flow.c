// SPDX-License-Identifier: Apache-2.0
/* Control flow, warps, blocks, spaces, faults; against values worked out on the host. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"
/* %d1: this thread's word; %r1: its global number; %r9: its lane */
#define BEGIN                                                                                      \
    ".visible .entry k(.param .u64 p) {\n.reg .b64 %d<10>; .reg .b32 %r<20>; .reg .pred %p<5>; "   \
    ".reg .f32 %f<4>;\n"                                                                           \
    "ld.param.u64 %d1, [p]; mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;\n"   \
    "mov.u32 %r9, %laneid; mad.lo.u32 %r1, %r2, %r3, %r1; mul.wide.u32 %d2, %r1, 4;\n"             \
    "mov.u64 %d9, %d1; add.u64 %d1, %d1, %d2;\n"
#define END "st.global.u32 [%d1], %r4; ret; }"

static uint32_t data[1024];

static struct run run(const char *text, unsigned blocks, unsigned threads)
{
    uint64_t params[] = {(uintptr_t)data};
    struct run r;

    memset(data, 0, sizeof(data));
    r = rig_run(text, "k", blocks, threads, params, data, sizeof(data));
    return r;
}

static void runs(const char *text, unsigned blocks, unsigned threads)
{
    struct run r = run(text, blocks, threads);

    if (r.status != PTX_DONE)
        fail_msg("line %u: %s", r.fault.line, r.fault.text);
}

/* Each lane loops as often as its number says. */
static void test_divergent_loop(void **state)
{
    runs(HEAD BEGIN "mov.u32 %r4, 0; mov.u32 %r5, %r1;\n"
                    "L: setp.eq.u32 %p1, %r5, 0; @%p1 bra E; add.u32 %r4, %r4, %r5; sub.u32 %r5, "
                    "%r5, 1; bra L;\n"
                    "E: " END,
         2, 70);
    for (uint32_t i = 0; i < 140; i++)
        assert_int_equal(data[i], i * (i + 1) / 2);
}

static void test_nested_branches(void **state)
{
    runs(HEAD BEGIN "and.b32 %r5, %r1, 1; and.b32 %r6, %r1, 2; setp.eq.u32 %p1, %r5, 0; "
                    "setp.eq.u32 %p2, %r6, 0;\n"
                    "@%p1 bra A; @%p2 bra B; mov.u32 %r4, 3; bra E; B: mov.u32 %r4, 1; bra E;\n"
                    "A: @!%p2 bra C; mov.u32 %r4, 0; bra E; C: mov.u32 %r4, 2;\nE: " END,
         1, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(data[i], i & 3);
}

/* After a divergent branch all lanes meet again: a shuffle right behind it sees them all. */
static void test_reconvergence(void **state)
{
    runs(HEAD BEGIN "setp.lt.u32 %p1, %r9, 7; @%p1 bra A; mul.lo.u32 %r5, %r1, 3; bra E; A: "
                    "add.u32 %r5, %r1, 100;\n"
                    "E: shfl.sync.bfly.b32 %r4, %r5, 1, 31, -1;\n" END,
         1, 32);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t o = i ^ 1;

        assert_int_equal(data[i], o < 7 ? o + 100 : o * 3);
    }
}

static void test_shuffles(void **state)
{
    runs(HEAD BEGIN "shfl.sync.up.b32 %r4|%p1, %r1, 3, 0, -1; selp.u32 %r5, 1000, 0, %p1; add.u32 "
                    "%r4, %r4, %r5;\n" END,
         1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], i >= 3 ? i - 3 + 1000 : i);
    runs(HEAD BEGIN "shfl.sync.down.b32 %r4, %r1, 5, 31, -1;\n" END, 1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], i + 5 < 32 ? i + 5 : i);
    runs(HEAD BEGIN "shfl.sync.idx.b32 %r4, %r1, 2, 0x181f, -1;\n" END, 1, 32); /* segments of 8 */
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], (i & 24) + 2);
}

static void test_votes(void **state)
{
    runs(HEAD BEGIN
         "and.b32 %r5, %r1, 3; setp.eq.u32 %p1, %r5, 1; vote.sync.ballot.b32 %r4, %p1, -1;\n"
         "vote.sync.any.pred %p2, %p1, -1; vote.sync.all.pred %p3, %p1, -1;\n"
         "selp.u32 %r6, 1, 0, %p2; xor.b32 %r4, %r4, %r6; selp.u32 %r6, 4, 0, %p3; xor.b32 %r4, "
         "%r4, %r6;\n" END,
         1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], 0x22222222 ^ 1);
    runs(HEAD BEGIN "shr.u32 %r5, %r1, 2; match.any.sync.b32 %r4, %r5, -1;\n" END, 1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], 15u << (i & ~3u));
    runs(HEAD BEGIN "activemask.b32 %r4;\n" END, 1, 20);
    assert_int_equal(data[3], (1u << 20) - 1);
}

/* A reduction through shared memory with barriers, and a count by bar.red. */
static void test_barriers(void **state)
{
    runs(HEAD BEGIN ".shared .align 4 .b8 sums[512];\nmov.u32 %r5, %tid.x; mul.lo.u32 %r6, %r5, 4; "
                    "cvt.u64.u32 %d3, %r6;\n"
                    "mov.u64 %d4, sums; add.u64 %d3, %d3, %d4; st.shared.u32 [%d3], %r5; bar.sync "
                    "0; mov.u32 %r7, 64;\n"
                    "L: setp.ge.u32 %p1, %r5, %r7; @%p1 bra N; mul.wide.u32 %d5, %r7, 4; add.u64 "
                    "%d5, %d5, %d3;\n"
                    "ld.shared.u32 %r8, [%d5]; ld.shared.u32 %r10, [%d3]; add.u32 %r10, %r10, %r8; "
                    "st.shared.u32 [%d3], %r10;\n"
                    "N: bar.sync 0; shr.u32 %r7, %r7, 1; setp.ne.u32 %p1, %r7, 0; @%p1 bra L;\n"
                    "ld.shared.u32 %r4, [sums]; setp.lt.u32 %p2, %r5, 50; bar.red.popc.u32 %r11, "
                    "1, %p2; mul.lo.u32 %r11, %r11, 100000;\n"
                    "add.u32 %r4, %r4, %r11;\n" END,
         3, 128);
    for (uint32_t i = 0; i < 3 * 128; i++)
        assert_int_equal(data[i], 127 * 128 / 2 + 50 * 100000);
}

/* Threads that have exited do not keep a barrier from completing. */
static void test_barrier_after_exit(void **state)
{
    runs(HEAD BEGIN "mov.u32 %r4, 7; setp.gt.u32 %p1, %r1, 40; @%p1 exit; bar.sync 0;\n" END, 1,
         96);
    assert_int_equal(data[40], 7);
    assert_int_equal(data[41], 0);
}

static const char calls[] =
    HEAD ".func (.param .b32 r) fib(.param .b32 n) {\n.reg .b32 %r<6>; .reg .pred %p;\n"
         "ld.param.b32 %r1, [n]; setp.lt.u32 %p, %r1, 2; @%p bra E;\n"
         "{ .param .b32 a; .param .b32 v; sub.u32 %r2, %r1, 1; st.param.b32 [a+0], %r2; call.uni "
         "(v), fib, (a); ld.param.b32 %r3, [v+0]; }\n"
         "{ .param .b32 a; .param .b32 v; sub.u32 %r2, %r1, 2; st.param.b32 [a+0], %r2; call.uni "
         "(v), fib, (a); ld.param.b32 %r4, [v+0]; }\n"
         "add.u32 %r1, %r3, %r4;\nE: st.param.b32 [r+0], %r1; ret; }\n"
         ".func (.reg .b32 o) twice(.reg .b32 i) { add.u32 o, i, i; ret; }\n"
         ".func (.reg .b32 o) thrice(.reg .b32 i) { mul.lo.u32 o, i, 3; ret; }\n";

/* Recursion with a different depth in each lane. */
static void test_recursion(void **state)
{
    char text[4096] = "";
    uint32_t fib[20] = {0, 1};

    strcat(strcat(text, calls), BEGIN ".param .b32 a; .param .b32 v; rem.u32 %r5, %r1, 11; "
                                      "st.param.b32 [a], %r5; call (v), fib, (a);\n"
                                      "ld.param.b32 %r4, [v];\n" END);
    for (unsigned i = 2; i < 20; i++)
        fib[i] = fib[i - 1] + fib[i - 2];
    runs(text, 1, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(data[i], fib[i % 11]);
}

/* Function pointers that differ from lane to lane. */
static void test_indirect_calls(void **state)
{
    char text[4096] = "";

    strcat(strcat(text, calls), BEGIN
           "and.b32 %r5, %r1, 1; setp.eq.u32 %p1, %r5, 0; mov.u64 %d3, twice; mov.u64 %d4, thrice; "
           "selp.b64 %d3, %d3, %d4, %p1;\n"
           "P: .callprototype (.reg .b32 _) _ (.reg .b32 _);\ncall (%r4), %d3, (%r1), P;\n" END);
    runs(text, 1, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(data[i], i & 1 ? 3 * i : 2 * i);
}

static void test_indexed_branch(void **state)
{
    runs(HEAD BEGIN "and.b32 %r5, %r1, 3;\nT: .branchtargets A, B, C, D;\nbrx.idx %r5, T;\n"
                    "A: mov.u32 %r4, 10; bra E; B: mov.u32 %r4, 11; bra E; C: mov.u32 %r4, 12; bra "
                    "E; D: mov.u32 %r4, 13;\nE: " END,
         1, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(data[i], 10 + (i & 3));
}

static void test_local_memory(void **state)
{
    runs(HEAD BEGIN ".local .align 4 .b8 mine[64];\nmov.u64 %d3, mine; cvta.local.u64 %d4, %d3; "
                    "mov.u32 %r5, 0;\n"
                    "L: mul.wide.u32 %d5, %r5, 4; add.u64 %d5, %d5, %d3; mul.lo.u32 %r6, %r5, %r1; "
                    "st.local.u32 [%d5], %r6;\n"
                    "add.u32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 16; @%p1 bra L;\n"
                    "and.b32 %r7, %r1, 15; mul.wide.u32 %d6, %r7, 4; add.u64 %d6, %d6, %d4; ld.u32 "
                    "%r4, [%d6];\n" END,
         1, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(data[i], (i & 15) * i);
}

static void test_atomics(void **state)
{
    runs(HEAD BEGIN "atom.global.add.u32 %r4, [%d9+2048], 1; red.global.max.u32 [%d9+2052], %r1; "
                    "atom.global.cas.b32 %r5, [%d9+2056], 0, 9;\n"
                    "red.global.add.f32 [%d9+2060], 0f3F000000; ret; }",
         2, 96);
    assert_int_equal(data[512], 192);
    assert_int_equal(data[513], 191);
    assert_int_equal(data[514], 9);
    assert_int_equal(data[515], 0x42c00000); /* 96.0 */
}

/* Lanes of one warp take a lock one after another: independent thread scheduling lets them. */
static void test_lock_in_warp(void **state)
{
    runs(HEAD BEGIN
         "L: atom.global.cas.b32 %r5, [%d9+2048], 0, 1; setp.ne.u32 %p1, %r5, 0; @%p1 bra L;\n"
         "ld.volatile.global.u32 %r6, [%d9+2052]; add.u32 %r6, %r6, 1; st.volatile.global.u32 "
         "[%d9+2052], %r6;\n"
         "membar.gl; st.volatile.global.u32 [%d9+2048], 0; ret; }",
         1, 64);
    assert_int_equal(data[513], 64);
}

static void test_vectors(void **state)
{
    runs(HEAD BEGIN "mul.wide.u32 %d3, %r1, 16; add.u64 %d3, %d3, %d9; add.u32 %r5, %r1, 1; "
                    "add.u32 %r6, %r1, 2; add.u32 %r7, %r1, 3;\n"
                    "st.global.v4.u32 [%d3], {%r1, %r5, %r6, %r7}; ld.global.v2.u32 {%r10, %r11}, "
                    "[%d3+8]; mov.b64 %d4, {%r10, %r11};\n"
                    "mov.b64 {%r12, %r13}, %d4; st.global.v2.u32 [%d3], {%r13, %r12}; ret; }",
         1, 32);
    for (uint32_t i = 0; i < 32; i++) {
        assert_int_equal(data[4 * i], i + 3);
        assert_int_equal(data[4 * i + 1], i + 2);
        assert_int_equal(data[4 * i + 2], i + 2);
        assert_int_equal(data[4 * i + 3], i + 3);
    }
}

static void test_carry(void **state)
{
    runs(HEAD BEGIN "mov.u32 %r5, 0xffffffff; add.cc.u32 %r6, %r5, %r1; addc.u32 %r4, 0, 5;\n" END,
         1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(data[i], i ? 6 : 5);
}

static void faults(const char *body, enum ptx_fault_kind kind)
{
    char text[2048] = HEAD BEGIN;
    struct run r;

    strcat(text, body);
    r = run(text, 1, 32);
    assert_int_equal(r.status, PTX_FAULT);
    assert_int_equal(r.fault.kind, kind);
}

static void test_faults(void **state)
{
    faults("ld.global.u32 %r4, [%d9+4096]; " END, PTX_FAULT_ADDRESS);
    faults("ld.global.u32 %r4, [%d9+2]; " END, PTX_FAULT_MISALIGNED);
    faults("trap; " END, PTX_FAULT_TRAP);
    faults(".shared .b8 s[16]; ld.shared.u32 %r4, [s+65536]; " END, PTX_FAULT_ADDRESS);
    faults("setp.eq.u32 %p1, %r1, 3; @%p1 bra N; bar.sync 0, 64; N: " END, PTX_FAULT_HANG);
    faults("mov.u64 %d3, 77; P: .callprototype _ (); call %d3, (), P; " END, PTX_FAULT_PC);
}

/* The clock of a block goes with its instructions, however it is cut into slices. */
static void test_time(void **state)
{
    static const char text[] =
        HEAD BEGIN "mov.u64 %d3, %clock64; nanosleep.u32 100000; mov.u64 %d4, %clock64; sub.u64 "
                   "%d4, %d4, %d3; cvt.u32.u64 %r4, %d4;\n" END;

    runs(text, 1, 32);
    assert_in_range(data[0], 153000, 153100); /* 100 us at 1530 MHz */
}

static void test_errors(void **state)
{
    static const char *const bad[] = {
        "",
        ".version 7.0\n.target sm_70\n.entry",
        HEAD ".visible .entry k() { foo.u32 %r1; }",
        HEAD ".visible .entry k() { .reg .b32 %r<2>; add.u32 %r1, %r7, 1; }",
        HEAD ".visible .entry k() { bra X; }",
        HEAD ".visible .entry k() { ret; ",
        HEAD ".visible .entry k() { .reg .b32 %r<2>; .reg .b64 %d; add.u32 %r1, %d, 1; }",
        HEAD ".visible .entry k() { .reg .pred %p; add.u32 %p, 1, 1; }",
        HEAD ".visible .entry k() { .reg .b32 %r; ld.param.u32 %r, [nope]; }",
        HEAD ".global .u32 x[2] = {1, 2, 3};",
        HEAD ".global .u32 x; .global .u32 x;",
    };
    struct ptx_error error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(ptx_parse(bad[i], strlen(bad[i]), &error));
        assert_true(error.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divergent_loop),
        cmocka_unit_test(test_nested_branches),
        cmocka_unit_test(test_reconvergence),
        cmocka_unit_test(test_shuffles),
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_barriers),
        cmocka_unit_test(test_barrier_after_exit),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_indirect_calls),
        cmocka_unit_test(test_indexed_branch),
        cmocka_unit_test(test_local_memory),
        cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_lock_in_warp),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_carry),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
