// SPDX-License-Identifier: Apache-2.0
/*
 * Guards in PTX: what the analysis says of kernels, one property each, and that the text with
 * guards loads and computes the same on the interpreter. Kernels as compilers write them, killed at
 * random points: tests/emu/restart.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/ptx/rewrite.h"

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"
#define REGS                                                                                       \
    ".reg .b64 %d<9>; .reg .b32 %r<9>; .reg .f32 %f<4>; .reg .pred %p<4>; .reg .b16 %h<4>;\n"
#define KERNEL(body)                                                                               \
    HEAD ".global .align 4 .u32 counter;\n.const .u32 table[4] = {1, 2, 3, 4};\n"                  \
         ".extern .shared .align 4 .b8 dynamic[];\n.extern .func other;\n"                         \
         ".visible .entry k(.param .u64 a, .param .u64 b, .param .u32 n, .param .u64 "             \
         "c)\n{" REGS                                                                              \
         "ld.param.u64 %d1, [a]; ld.param.u64 %d2, [b]; ld.param.u32 %r1, [n]; mov.u32 %r2, "      \
         "%tid.x;\nmul.wide.u32 %d3, %r2, 4; add.u64 %d4, %d1, %d3; add.u64 %d5, %d2, %d3;\n" body \
         " ret; }\n"

static const struct verdict {
    const char *text;
    enum reef_ptx_restart restart;
    enum reef_ptx_style style;
    const char *reason; /* begins so; NULL: any */
} verdicts[] = {
#define NEVER(body, reason)   {KERNEL(body), REEF_PTX_NEVER, REEF_PTX_ENTRY, reason},
#define DISJOINT(body, style) {KERNEL(body), REEF_PTX_IF_DISJOINT, REEF_PTX_##style, NULL},
#define ALWAYS(body, style)   {KERNEL(body), REEF_PTX_ALWAYS, REEF_PTX_##style, NULL},
#define IN_PLACE(body)        {KERNEL(body), REEF_PTX_NEVER, REEF_PTX_THREADS, "reads what"},
    /* what it reads and writes */
    ALWAYS("", THREADS) ALWAYS("st.global.u32 [%d4], %r2;", THREADS)
        ALWAYS("st.u32 [%d4], %r2;", THREADS) ALWAYS("ld.global.u32 %r3, [%d4];", THREADS)
            ALWAYS("cvta.to.global.u64 %d4, %d4; st.global.v2.u32 [%d4+8], {%r2, %r2};", THREADS)
                DISJOINT("ld.global.u32 %r3, [%d4]; st.global.u32 [%d5], %r3;", THREADS) DISJOINT(
                    "ld.global.nc.v4.u32 {%r3, %r4, %r5, %r6}, [%d4]; st.global.u32 [%d5], %r6;",
                    THREADS) IN_PLACE("ld.global.u32 %r3, [%d4]; st.global.u32 [%d4], %r3;")
                    IN_PLACE("ld.global.u32 %r3, [%d4]; setp.eq.u32 %p1, %r2, 0; selp.b64 %d6, "
                             "%d4, %d5, %p1; "
                             "st.global.u32 [%d6], %r3;")
                        IN_PLACE("ld.global.u32 %r3, [%d4]; mov.u64 %d6, %d5; @%p1 mov.u64 %d6, "
                                 "%d4; st.u32 [%d6], %r3;")
    /* addresses that come from elsewhere */
    NEVER("ld.global.u64 %d6, [%d4]; st.global.u32 [%d6], %r2;", "stores to memory")
        NEVER("xor.b64 %d6, %d4, 1; st.global.u32 [%d6], %r2;", "stores to memory") NEVER(
            "st.global.u32 [4096], %r2;", "stores to memory") NEVER("st.global.u32 [%d8], %r2;",
                                                                    "stores to memory")
            NEVER("mov.u64 %d6, 0; st.global.u32 [%d6+65536], %r2;", "stores to memory") NEVER(
                "mov.b64 {%r3, %r4}, %d4; mov.b64 %d6, {%r3, %r4}; st.global.u32 [%d6], %r2;",
                "stores to")
                NEVER("sub.u64 %d6, %d4, %d5; st.global.u32 [%d6], %r2;", "stores to memory") NEVER(
                    "ld.global.u64 %d6, [%d4]; ld.global.u32 %r3, [%d6]; st.global.u32 [%d5], %r3;",
                    "loads from memory")
                    NEVER("mov.b64 %d6, a; ld.param.u64 %d7, [%d6]; st.global.u32 [%d7], %r2;",
                          "stores to memory")
                        ALWAYS("ld.global.u64 %d6, [%d4]; ld.global.u32 %r3, [%d6];", THREADS)
    /* variables of the module */
    NEVER("st.global.u32 [counter], %r2;", "stores to a variable") NEVER(
        "mov.u64 %d6, counter; add.u64 %d6, %d6, %d3; st.global.u32 [%d6], %r2;", "stores to a")
        DISJOINT("ld.global.u32 %r3, [counter]; st.global.u32 [%d4], %r3;", THREADS)
            DISJOINT("ld.const.u32 %r3, [table+4]; st.global.u32 [%d4], %r3;", THREADS)
                DISJOINT("mov.u64 %d6, table; cvta.const.u64 %d6, %d6; add.u64 %d6, %d6, %d3; "
                         "ld.u32 %r3, [%d6]; "
                         "st.global.u32 [%d4], %r3;",
                         THREADS)
    /* others are told, or waited for */
    NEVER("atom.global.add.u32 %r3, [%d4], 1;", "atomic") NEVER(
        "red.global.add.u32 [%d4], 1;",
        "atomic") NEVER("atom.add.u32 %r3, [%d4], 1;",
                        "atomic") NEVER("ld.volatile.global.u32 %r3, [%d4];",
                                        "waits for") NEVER("ld.acquire.gpu.global.u32 %r3, [%d4];",
                                                           "waits for")
        NEVER("st.release.gpu.global.u32 [%d4], %r2;", "waits for") NEVER(
            "mov.u32 %r3, %clock; st.global.u32 [%d4], %r3;",
            "reads a clock") NEVER("mov.u64 %d6, %globaltimer; st.global.u64 [%d4], %d6;",
                                   "reads a clock")
            NEVER("mov.u32 %r3, %smid; st.global.u32 [%d4], %r3;", "reads a clock") NEVER(
                "call other;",
                "calls") NEVER("call (%r3), other, (%r2);",
                               "calls") NEVER("call.uni other, (%r2);",
                                              "calls") NEVER("frobnicate.b32 %r3, %r2;",
                                                             "an instruction that is not known")
                NEVER("activemask.b32 %r3;", "an instruction that is not known") NEVER(
                    "tex.1d.v4.f32.s32 {%f0, %f1, %f2, %f3}, [%d4, {%r2}];",
                    "an instruction that is not")
                    NEVER("cp.async.bulk.shared::cluster.global.mbarrier [%r1], [%d4], %r2, [%r3];",
                          "an instruction")
                        NEVER("barrier.cluster.arrive;", "an instruction that is not")
    /* spaces of the thread and of the block */
    ALWAYS(
        ".local .b32 depot[4]; mov.u64 %d6, depot; cvta.local.u64 %d6, %d6; st.u32 [%d6+4], %r2; "
        "ld.u32 %r3, [%d6]; st.global.u32 [%d4], %r3;",
        THREADS)
        ALWAYS(".shared .b32 tile[64]; mov.u32 %r3, tile; st.shared.u32 [%r3], %r2; bar.sync 0; "
               "ld.shared.u32 %r4, [%r3]; st.global.u32 [%d4], %r4;",
               BARRIERS) ALWAYS("mov.u64 %d6, dynamic; cvta.shared.u64 %d6, %d6; add.u64 %d6, %d6, "
                                "%d3; st.u32 [%d6], %r2;"
                                " bar.sync 0; ld.u32 %r3, [%d6]; st.global.u32 [%d4], %r3;",
                                BARRIERS) ALWAYS("mov.u32 %r3, dynamic; atom.shared.add.u32 %r4, "
                                                 "[%r3], 1; st.global.u32 [%d4], %r4;",
                                                 THREADS)
            NEVER("mov.u32 %r3, dynamic; atom.shared.add.u32 %r4, [%r3], 1; mul.wide.u32 %d6, %r4, "
                  "4; "
                  "add.u64 %d7, %d1, %d6; st.global.u32 [%d7], %r2;",
                  "the order of atomic")
    /* what threads have from each other, and whether it matters */
    ALWAYS("shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1; st.global.u32 [%d4], %r3;", THREADS) ALWAYS(
        "shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1; mul.wide.u32 %d6, %r3, 4; "
        "add.u64 %d7, %d1, %d6; st.global.u32 [%d7], %r2;",
        ENTRY) ALWAYS("vote.sync.any.pred %p1, %p2, -1; @%p1 st.global.u32 [%d4], %r2;", ENTRY)
        ALWAYS("vote.sync.any.pred %p1, %p2, -1; @%p1 bra E; st.global.u32 [%d4], %r2; E:",
               ENTRY) ALWAYS("vote.sync.any.pred %p1, %p2, -1; selp.b32 %r3, 1, 2, %p1; "
                             "st.global.u32 [%d4], %r3;",
                             THREADS)
            ALWAYS("mov.u32 %r3, 1; @%p2 bra L; shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1; L: "
                   "setp.eq.u32 %p1, %r3, 1; @%p1 exit; st.global.u32 [%d4], %r3;",
                   ENTRY) ALWAYS("bar.sync 1, 64; st.global.u32 [%d4], %r2;",
                                 ENTRY) ALWAYS("bar.arrive 1, 64; st.global.u32 [%d4], %r2;", ENTRY)
                ALWAYS("@%p1 bar.sync 0; st.global.u32 [%d4], %r2;",
                       ENTRY) ALWAYS("barrier.sync.aligned 0; st.global.u32 [%d4], %r2;", BARRIERS)
                    ALWAYS("bar.red.popc.u32 %r3, 0, %p1; bar.sync 0; st.global.u32 [%d4], %r3;",
                           BARRIERS)
    /* control flow that cannot be followed does not matter */
    ALWAYS("ts: .branchtargets A, B; brx.idx %r1, ts; A: st.global.u32 [%d4], %r2; B:", THREADS)
        ALWAYS("trap; nanosleep.u32 20; membar.cta; fence.acq_rel.cta;", THREADS)};

static struct reef_ptx_rewritten rewrite(const char *text)
{
    struct reef_ptx_rewritten r;
    assert_true(reef_ptx_rewrite(&r, text, strlen(text), NULL, NULL));
    return r;
}

static void test_verdicts(void **unused)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        const struct verdict *v = &verdicts[i];
        struct reef_ptx_rewritten r = rewrite(v->text);
        if (r.kernels != 1)
            fail_msg("%s: %s", r.reason, strstr(v->text, "add.u64 %d5"));
        const struct reef_ptx_analysis *a = &r.kernel[0].analysis;
        if (a->restart != v->restart || (a->restart != REEF_PTX_NEVER && a->style != v->style) ||
            (v->reason && strncmp(a->reason, v->reason, strlen(v->reason)) != 0))
            fail_msg("restart %d, style %d, %s, line %u: %s", a->restart, a->style, a->reason,
                     a->line, strstr(v->text, "add.u64 %d5") + 24);
        reef_ptx_rewritten_free(&r);
    }
}

/* Slots are places among the parameters, whatever lies between. */
static void test_slots(void **unused)
{
    struct reef_ptx_rewritten r = rewrite(
        HEAD
        ".entry k(.param .u8 x, .param .u64 .ptr .global .align 1 a, .param .align 8 .b8 s[24], "
        ".param .u32 n, .param .u64 b) {" REGS
        "ld.param.u64 %d1, [a]; ld.param.v2.u64 {%d2, %d3}, [s+8]; ld.param.u64 %d4, [b]; "
        "ld.global.u32 %r1, [%d1]; ld.global.u32 %r2, [%d2]; st.global.u32 [%d3], %r1; "
        "st.global.u32 [%d4], %r1; mul.wide.u32 %d5, %r2, 4; add.u64 %d5, %d5, %d1; "
        "ld.global.u32 %r3, [%d5]; ret; }");
    assert_int_equal(r.kernels, 1);
    const struct reef_ptx_guarded *k = &r.kernel[0];
    assert_int_equal(k->params, 5);
    assert_int_equal(k->param_bytes, 56);
    assert_int_equal(k->param[2].offset, 16);
    assert_int_equal(k->param[2].bytes, 24);
    assert_int_equal(k->analysis.reads, 1 << 1 | 1 << 3);
    assert_int_equal(k->analysis.writes, 1 << 4 | 1 << 6);
    assert_int_equal(k->analysis.mixed, 1 << 1);
    reef_ptx_rewritten_free(&r);
}

/* --- what is left alone --- */

static void test_left_alone(void **unused)
{
    static const char *const texts[] = {
        "",
        "hello",
        "\x7f"
        "ELF",
        HEAD,
        ".version 7.0\n.entry k { ret; }",
        HEAD ".entry k(.param .u64 a { ret; }",
        HEAD ".entry k() { ret;",
        HEAD ".entry k() { } }",
        HEAD ".entry k() { ret }",
        HEAD ".entry k() { ld.u32 %r1, [[%r2]]; }",
        HEAD ".entry k() { { ret; }",
        HEAD ".section .debug_str { }\n.entry k() { ret; }",
        ".version 7.0\n.target sm_70, debug\n.address_size 64\n.entry k() { ret; }",
        ".version 7.0\n.target sm_70\n.address_size 32\n.entry k() { ret; }",
        HEAD ".global .u32 __reef_x;\n.entry k() { ret; }",
        HEAD ".entry k(.param .texref t) { ret; }",
        HEAD ".entry k(.param .b128 t) { ret; }",
        HEAD ".entry k() .reqnctapercluster 2, 1, 1 { ret; }",
        HEAD ".entry k(.param .align 8 .b8 s[4080]) { ret; }",
        HEAD ".entry k() { .reg .b32 a<4>; ret; }",
        HEAD ".entry k() { L: { L: ret; } }",
        HEAD ".entry k() { .reg .v4 .f32 %v; mov.f32 %f1, %v.x; ret; }",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reef_ptx_rewritten r = rewrite(texts[i]);
        if (r.text)
            fail_msg("guarded: %s", texts[i]);
        assert_int_equal(r.kernels, 0);
        reef_ptx_rewritten_free(&r);
    }
}

/* --- the same results --- */

struct data {
    uint32_t words[1024];
    uint32_t flags[REEF_PTX_FLAGS * REEF_PTX_FLAG_STRIDE / 4];
    uint32_t chain, record, repeated;
};

/* The same launch twice, the second one with the first one's record for a chain and a record of its
 * own: in the end it has run once, whether the first ran or was ended, and whole. */
static void compare_repeated(const struct reef_ptx_rewritten *r, const char *name, unsigned blocks,
                             unsigned threads)
{
    static struct data once, twice;
    for (unsigned ended = 0; ended < 2; ended++) {
        memset(&twice, 0, sizeof(twice));
        for (unsigned i = 0; i < 1024; i++)
            twice.words[i] = i * 2654435761u;
        twice.record = twice.repeated = 1;
        once = twice;
        twice.chain = ended ? 77 : 0;
        uint64_t first[] = {(uintptr_t)twice.words, (uintptr_t)&twice.chain, (uintptr_t)twice.flags,
                            (uintptr_t)&twice.record};
        uint64_t second[] = {(uintptr_t)twice.words, (uintptr_t)&twice.record,
                             (uintptr_t)twice.flags, (uintptr_t)&twice.repeated};
        uint64_t plain[] = {(uintptr_t)once.words, (uintptr_t)&once.chain, (uintptr_t)once.flags,
                            (uintptr_t)&once.record};
        unsigned from = 1 - r->kernel[0].params;
        rig_run(r->text, name, blocks, threads, first + from, &twice, sizeof(twice));
        assert_int_equal(twice.record != 0, !ended);
        rig_run(r->text, name, blocks, threads, second + from, &twice, sizeof(twice));
        assert_int_equal(twice.repeated, ended);
        rig_run(r->text, name, blocks, threads, plain + from, &once, sizeof(once));
        assert_memory_equal(once.words, twice.words, sizeof(once.words));
    }
}

/* Kernels of one parameter, @words, or none. */
static void compare(const char *text, const char *name, unsigned blocks, unsigned threads)
{
    static struct data plain, guarded;
    struct reef_ptx_rewritten r = rewrite(text);
    char guarded_name[64] = REEF_PTX_PREFIX;
    strcat(guarded_name, name);
    memset(&plain, 0, sizeof(plain));
    for (unsigned i = 0; i < 1024; i++)
        plain.words[i] = i * 2654435761u;
    plain.record = 1;
    guarded = plain;
    uint64_t params[] = {(uintptr_t)plain.words};
    uint64_t more[] = {(uintptr_t)guarded.words, (uintptr_t)&guarded.chain,
                       (uintptr_t)guarded.flags, (uintptr_t)&guarded.record};
    if (!r.text)
        fail_msg("not guarded: %s", r.reason);
    struct run a = rig_run(text, name, blocks, threads, params, &plain, sizeof(plain));
    const uint64_t *with = more + 1 - r.kernel[0].params;
    struct run b = rig_run(r.text, guarded_name, blocks, threads, with, &guarded, sizeof(guarded));
    /* The program's own kernel is there as it was. */
    assert_memory_equal(r.text, text, strlen(text));
    assert_int_equal(a.status, PTX_DONE);
    if (b.status != PTX_DONE)
        fail_msg("line %u: %s\n%s", b.fault.line, b.fault.text, r.text);
    assert_memory_equal(&plain, &guarded, sizeof(plain));
    /* Up: a kernel that may be run again does nothing, and says so. */
    memset(guarded.flags, 1, sizeof(guarded.flags));
    b = rig_run(r.text, guarded_name, blocks, threads, with, &guarded, sizeof(guarded));
    assert_int_equal(b.status, PTX_DONE);
    if (r.kernel[0].analysis.restart != REEF_PTX_NEVER) {
        assert_int_equal(guarded.record, 0);
        assert_int_equal(guarded.chain, (uint32_t)(uintptr_t)&guarded.record);
        assert_memory_equal(guarded.words, plain.words, sizeof(plain.words));
    } else {
        assert_int_equal(guarded.record, 1);
    }
    /* The chain: no kernel does anything. */
    plain = guarded;
    guarded.chain = 77;
    guarded.record = 1;
    b = rig_run(r.text, guarded_name, blocks, threads, with, &guarded, sizeof(guarded));
    assert_int_equal(b.status, PTX_DONE);
    assert_int_equal(guarded.record, 0);
    assert_memory_equal(guarded.words, plain.words, sizeof(plain.words));
    compare_repeated(&r, guarded_name, blocks, threads);
    reef_ptx_rewritten_free(&r);
}

#define INDEX                                                                                      \
    "ld.param.u64 %d1, [at]; mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;\n"  \
    "mad.lo.u32 %r1, %r2, %r3, %r1; mul.wide.u32 %d2, %r1, 4; add.u64 %d1, %d1, %d2;\n"

static void test_same(void **unused)
{
    /* loops: backwards with a predicate, with its opposite, without; nested scopes */
    compare(HEAD ".visible .entry k(.param .u64 at)\n.maxntid 128, 1, 1\n{" REGS INDEX
                 "mov.u32 %r4, 0;\nL: add.u32 %r4, %r4, %r1; add.u32 %r4, %r4, 1; setp.lt.u32 %p1, "
                 "%r4, 3000;\n"
                 "@%p1 bra L; setp.eq.u32 %p2, %r1, 7; mov.u32 %r5, 0;\nM: add.u32 %r5, %r5, 3; "
                 "setp.gt.u32 %p1, %r5, 900;\n@!%p1 bra.uni M;\nN: add.u32 %r5, %r5, 1; "
                 "setp.gt.u32 %p1, %r5, 950; @%p1 bra E; bra N;\nE: add.u32 %r4, %r4, %r5; "
                 "st.global.u32 [%d1], %r4; ret; }",
            "k", 4, 128);
    compare(HEAD ".visible .entry k(.param .u64 at) {" REGS INDEX
                 "mov.u32 %r4, 0; {.reg .pred q; .reg .b32 %r7;\nIN: add.u32 %r4, %r4, 2; "
                 "{setp.lt.u32 q, %r4, 2000;\n@q bra IN;} }\nst.global.u32 [%d1], %r4; ret; }",
            "k", 3, 64);
    /* barriers, in a loop and not, of each spelling, and a number of its own */
    compare(HEAD
            ".visible .entry k(.param .u64 at) { .shared .align 4 .b8 tile[256];" REGS INDEX
            "mov.u32 %r4, 0; mov.u64 %d3, tile; mov.u32 %r5, %tid.x; mul.wide.u32 %d4, %r5, 4; "
            "add.u64 %d4, %d3, %d4; xor.b32 %r5, %r5, 63; mul.wide.u32 %d5, %r5, 4; "
            "add.u64 %d5, %d3, %d5;\nL: st.shared.u32 [%d4], %r4; bar.sync 0; "
            "ld.shared.u32 %r6, [%d5]; add.u32 %r6, %r6, %r1; barrier.sync.aligned 3; "
            "mov.u32 %r4, %r6; setp.lt.u32 %p1, %r2, 100; add.u32 %r2, %r2, 7; @%p1 bra L;\n"
            "barrier.sync 0; st.global.u32 [%d1], %r4; ret; }",
            "k", 4, 64);
    /* no parentheses; none of the flags; comments and lines of their own */
    compare(HEAD "/* .entry no */ .visible .entry k // {\n{ ret; }", "k", 2, 32);
    compare(HEAD ".entry k\t(\n.param .u64 at\n) // )\n{" REGS INDEX
                 "ld.global.u32 %r4, [%d1]; not.b32 %r4, %r4; st.global.u32 [%d1], %r4; ret; }",
            "k", 4, 128);
    /* others' functions and kernels, variables, relocations */
    compare(HEAD
            ".extern .func (.param .b32 r) printer (.param .b64 p);\n.global .align 8 .u64 p[2] = "
            "{generic(p), 3};\n.func (.reg .b32 r) half(.reg .b32 x) { shr.b32 r, x, 1; ret; }\n"
            ".visible .entry k(.param .u64 at) {" REGS INDEX
            "ld.global.u32 %r4, [%d1]; call (%r5), half, (%r4); st.global.u32 [%d1], %r5; ret; }\n",
            "k", 2, 32);
    /* threads whose values decide what others do: a whole block or none of it */
    compare(HEAD ".visible .entry k(.param .u64 at) {" REGS INDEX
                 "and.b32 %r4, %r1, 5; setp.eq.u32 %p1, %r4, 4; vote.sync.ballot.b32 %r5, %p1, -1; "
                 "setp.ne.u32 %p2, %r5, 0; @%p2 st.global.u32 [%d1], %r5; ret; }",
            "k", 4, 64);
}

/* Two kernels and their verdicts; the user's word counts. */
static int word(void *arg, const char *name, size_t length)
{
    return length == 1 && *name == 'k' ? *(int *)arg : 0;
}

static void test_word(void **unused)
{
    static const char text[] =
        HEAD ".entry k(.param .u64 at) {" REGS "ld.param.u64 %d1, [at]; ld.global.u32 %r1, [%d1]; "
             "st.global.u32 [%d1], %r1; ret; }\n.entry m(.param .u64 at) {" REGS
             "ld.param.u64 %d1, [at]; st.global.u32 [%d1], 5; ret; }\n";
    static const enum reef_ptx_restart want[] = {REEF_PTX_NEVER, REEF_PTX_NEVER, REEF_PTX_ALWAYS};
    for (int say = -1; say <= 1; say++) {
        struct reef_ptx_rewritten r;
        assert_true(reef_ptx_rewrite(&r, text, sizeof(text), word, &say));
        assert_int_equal(r.kernels, 2);
        assert_int_equal(r.kernel[0].analysis.restart, want[say + 1]);
        assert_int_equal(r.kernel[1].analysis.restart, REEF_PTX_ALWAYS);
        reef_ptx_rewritten_free(&r);
    }
}

/* A kernel that reads a clock only its user can say to be restartable; how its threads may be ended
 * is known all the same. A loop that sleeps looks at its flag in every round. */
static void test_clock(void **unused)
{
    static const char text[] =
        HEAD ".entry k(.param .u64 at) {" REGS "ld.param.u64 %d1, [at];\nL: nanosleep.u32 1000; "
             "mov.u64 %d2, %globaltimer; st.global.u64 [%d1], %d2; add.u32 %r1, %r1, 1; "
             "setp.lt.u32 %p1, %r1, 9; @%p1 bra L; ret; }\n";
    unsigned add = 0;
    int say = 1;
    struct reef_ptx_rewritten r;
    assert_true(reef_ptx_rewrite(&r, text, sizeof(text), word, &say));
    assert_int_equal(r.kernels, 1);
    assert_int_equal(r.kernel[0].analysis.restart, REEF_PTX_ALWAYS);
    assert_int_equal(r.kernel[0].analysis.style, REEF_PTX_THREADS);
    assert_int_equal(r.kernel[0].points, 1);
    const char *way_back = strstr(r.text, "add.u32 %__reef_w1, %__reef_w1, ");
    assert_non_null(way_back);
    assert_int_equal(sscanf(way_back, "add.u32 %%__reef_w1, %%__reef_w1, %u", &add), 1);
    assert_true(add >= REEF_PTX_ROUND);
    reef_ptx_rewritten_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),   cmocka_unit_test(test_slots),
        cmocka_unit_test(test_left_alone), cmocka_unit_test(test_same),
        cmocka_unit_test(test_word),       cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
