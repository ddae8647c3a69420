// SPDX-License-Identifier: Apache-2.0
/* See rewrite.h. */
#include "shim/nvidia/ptx/rewrite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAM_BYTES_MAX = 4096, GUARDED_TEXT_MAX = 1 << 29 };

/* --- text --- */

struct text {
    char *at; /* owned */
    size_t size, room;
    bool failed;
};

static void put(struct text *t, const char *from, size_t length)
{
    if (t->failed || length == 0)
        return;
    if (t->size + length + 1 > t->room) {
        size_t room = 2 * (t->size + length + 1);
        char *grown = room < GUARDED_TEXT_MAX ? realloc(t->at, room) : NULL;
        if (!grown) {
            t->failed = true;
            return;
        }
        t->at = grown;
        t->room = room;
    }
    memcpy(t->at + t->size, from, length);
    t->size += length;
    t->at[t->size] = '\0';
}

static void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(line))
        t->failed = true;
    else
        put(t, line, (size_t)length);
}

/* --- one kernel --- */

struct rewriter {
    const struct reef_ptx *m;
    const struct reef_ptx_body *b;
    const struct reef_ptx_analysis *analysis;
    enum reef_ptx_style style;
    bool flags; /* it may be ended by the flags, and not by the chain only */
    bool looks; /* also later than at its beginning */
    struct text *t;
    uint32_t copied; /* of the module's text, up to here */
    uint32_t labels, points;
};

static void copy_up_to(struct rewriter *r, uint32_t offset)
{
    put(r->t, r->m->text + r->copied, offset - r->copied);
    r->copied = offset;
}

/*
 * Registers: a0 chain, a1 the block's flag, a2 record; p0 is it up, p1 this is the block's first
 * thread; w0 what was read (BARRIERS: when it was sent for), w1 instructions since the clock was
 * read, w2 the clock when the flag was read.
 */
static void put_beginning(struct rewriter *r)
{
    say(r->t, "\n.reg .pred %%__reef_p<3>;\n.reg .b32 %%__reef_w<6>;\n.reg .b64 %%__reef_a<4>;\n"
              "ld.param.u64 %%__reef_a0, [__reef_chain];\n"
              "cvta.to.global.u64 %%__reef_a0, %%__reef_a0;\n");
    if (!r->flags) {
        say(r->t, "ld.volatile.global.u32 %%__reef_w0, [%%__reef_a0];\n"
                  "setp.ne.u32 %%__reef_p0, %%__reef_w0, 0;\n@%%__reef_p0 bra $__reef_end;\n");
        return;
    }
    say(r->t,
        "ld.param.u64 %%__reef_a1, [__reef_flags];\ncvta.to.global.u64 %%__reef_a1, %%__reef_a1;\n"
        "mov.u32 %%__reef_w0, %%ctaid.x;\nmov.u32 %%__reef_w1, %%ctaid.y;\n"
        "add.u32 %%__reef_w0, %%__reef_w0, %%__reef_w1;\n"
        "and.b32 %%__reef_w0, %%__reef_w0, %d;\nmul.wide.u32 %%__reef_a3, %%__reef_w0, %d;\n"
        "add.u64 %%__reef_a1, %%__reef_a1, %%__reef_a3;\n",
        REEF_PTX_FLAGS - 1, REEF_PTX_FLAG_STRIDE);
    if (r->looks)
        say(r->t, "mov.u32 %%__reef_w2, %%clock;\n");
    if (r->style == REEF_PTX_THREADS) {
        say(r->t, "mov.u32 %%__reef_w1, 0;\nld.volatile.global.u32 %%__reef_w0, [%%__reef_a0];\n"
                  "ld.volatile.global.u32 %%__reef_w3, [%%__reef_a1];\n"
                  "or.b32 %%__reef_w0, %%__reef_w0, %%__reef_w3;\n"
                  "setp.ne.u32 %%__reef_p0, %%__reef_w0, 0;\n@%%__reef_p0 bra $__reef_end;\n");
        return;
    }
    say(r->t, "mov.u32 %%__reef_w0, %%tid.x;\nmov.u32 %%__reef_w1, %%tid.y;\n"
              "or.b32 %%__reef_w0, %%__reef_w0, %%__reef_w1;\nmov.u32 %%__reef_w1, %%tid.z;\n"
              "or.b32 %%__reef_w0, %%__reef_w0, %%__reef_w1;\n"
              "setp.eq.u32 %%__reef_p1, %%__reef_w0, 0;\n"
              "mov.u32 %%__reef_w0, 0;\nmov.u32 %%__reef_w3, 0;\n"
              "@%%__reef_p1 ld.volatile.global.u32 %%__reef_w0, [%%__reef_a0];\n"
              "@%%__reef_p1 ld.volatile.global.u32 %%__reef_w3, [%%__reef_a1];\n"
              "or.b32 %%__reef_w0, %%__reef_w0, %%__reef_w3;\n"
              "setp.ne.u32 %%__reef_p0, %%__reef_w0, 0;\n"
              "bar.red.or.pred %%__reef_p0, 0, %%__reef_p0;\n@%%__reef_p0 bra $__reef_end;\n");
    if (r->looks)
        say(r->t, "mov.u32 %%__reef_w0, 0;\n");
}

/* Where threads go that end early. In a block that ends as one, its first thread reports. A launch
 * that has reported already has its mark on the chain: then host memory need not be written again.
 */
static void put_end(struct rewriter *r)
{
    say(r->t, "\n$__reef_end:\n");
    if (r->flags && r->style != REEF_PTX_THREADS)
        say(r->t, "@!%%__reef_p1 exit;\n");
    say(r->t,
        "ld.param.u64 %%__reef_a2, [__reef_record];\n"
        "cvta.to.global.u64 %%__reef_a2, %%__reef_a2;\ncvt.u32.u64 %%__reef_w4, %%__reef_a2;\n"
        "ld.volatile.global.u32 %%__reef_w5, [%%__reef_a0];\n"
        "setp.eq.u32 %%__reef_p2, %%__reef_w5, %%__reef_w4;\n@%%__reef_p2 exit;\n"
        "mov.u32 %%__reef_w5, 0;\nst.volatile.global.u32 [%%__reef_a2], %%__reef_w5;\n"
        "membar.sys;\nst.volatile.global.u32 [%%__reef_a0], %%__reef_w4;\nexit;\n");
}

/* THREADS: a loop's way back. */
static void put_way_back(struct rewriter *r, const struct reef_ptx_inst *inst, uint32_t weight)
{
    uint32_t label = r->labels++;
    copy_up_to(r, inst->begin);
    if (inst->predicate != REEF_PTX_NONE) {
        const struct reef_ptx_span p = r->b->names.name[inst->predicate].span;
        say(r->t, "@%s%.*s bra $__reef_past%u;\n", inst->negated ? "" : "!", (int)p.length, p.text,
            label);
    }
    say(r->t,
        "add.u32 %%__reef_w1, %%__reef_w1, %u;\nsetp.lt.u32 %%__reef_p0, %%__reef_w1, %d;\n"
        "@%%__reef_p0 bra $__reef_on%u;\n",
        weight, REEF_PTX_ROUND, label);
    say(r->t,
        "mov.u32 %%__reef_w1, 0;\nmov.u32 %%__reef_w3, %%clock;\n"
        "sub.u32 %%__reef_w4, %%__reef_w3, %%__reef_w2;\n"
        "setp.lt.u32 %%__reef_p0, %%__reef_w4, %d;\n@%%__reef_p0 bra $__reef_on%u;\n",
        REEF_PTX_CYCLES, label);
    say(r->t,
        "mov.u32 %%__reef_w2, %%__reef_w3;\n"
        "ld.volatile.global.u32 %%__reef_w0, [%%__reef_a1];\n"
        "setp.ne.u32 %%__reef_p0, %%__reef_w0, 0;\n@%%__reef_p0 bra $__reef_end;\n"
        "$__reef_on%u:\n",
        label);
    r->copied = inst->at;
    copy_up_to(r, inst->end);
    if (inst->predicate != REEF_PTX_NONE)
        say(r->t, "\n$__reef_past%u:\n", label);
    r->points++;
}

/* bar.sync, barrier.sync.aligned and so on, as a reduction: what the instruction is called then. */
static void put_reduction(struct rewriter *r, const struct reef_ptx_inst *inst)
{
    bool short_name = reef_ptx_op_is(inst, "bar");
    say(r->t, "%s%s.red.or%s.pred", short_name ? "bar" : "barrier",
        reef_ptx_op_has(inst, "cta") ? ".cta" : "",
        !short_name && reef_ptx_op_has(inst, "aligned") ? ".aligned" : "");
}

/* BARRIERS: what was read before the last barrier counts, so nobody waits for it. All barriers of
 * the kernel are reductions, since different ones may meet; only those in loops send for the flag.
 */
static void put_barrier(struct rewriter *r, const struct reef_ptx_inst *inst, bool in_loop)
{
    copy_up_to(r, inst->begin);
    say(r->t, "setp.ne.u32 %%__reef_p0, %%__reef_w0, 0;\n");
    put_reduction(r, inst);
    say(r->t, " %%__reef_p0, %d, %%__reef_p0;\n@%%__reef_p0 bra $__reef_end;\n",
        (int)r->b->operand[inst->operand].value);
    r->copied = inst->end;
    if (!in_loop)
        return;
    say(r->t,
        "mov.u32 %%__reef_w3, %%clock;\nsub.u32 %%__reef_w4, %%__reef_w3, %%__reef_w2;\n"
        "setp.ge.and.u32 %%__reef_p0, %%__reef_w4, %d, %%__reef_p1;\n"
        "@%%__reef_p0 mov.u32 %%__reef_w2, %%__reef_w3;\n"
        "@%%__reef_p0 ld.volatile.global.u32 %%__reef_w0, [%%__reef_a1];",
        REEF_PTX_CYCLES);
    r->points++;
}

/* The instruction that a branch leads back to; REEF_PTX_NONE: it does not lead back. */
static uint32_t way_back(const struct reef_ptx_body *b, uint32_t number)
{
    const struct reef_ptx_inst *inst = &b->inst[number];
    if (!reef_ptx_op_is(inst, "bra") || inst->operands != 1)
        return REEF_PTX_NONE;
    const struct reef_ptx_operand *o = &b->operand[inst->operand];
    if (o->name == REEF_PTX_NONE || b->names.name[o->name].kind != REEF_PTX_LABEL)
        return REEF_PTX_NONE;
    uint32_t to = b->names.name[o->name].where;
    return to <= number ? to : REEF_PTX_NONE;
}

/* About how long one round of a loop takes, in instructions. */
static uint32_t weight_of(const struct reef_ptx_body *b, uint32_t first, uint32_t last)
{
    enum { LOAD = 24 }; /* as long as so many others, if not hidden by other warps */
    uint32_t weight = 0;
    for (uint32_t i = first; i <= last && weight < REEF_PTX_ROUND; i++) {
        const struct reef_ptx_inst *inst = &b->inst[i];
        bool waits = reef_ptx_op_is(inst, "ld") && !reef_ptx_op_has(inst, "param") &&
                     !reef_ptx_op_has(inst, "shared");
        weight += waits || reef_ptx_op_is(inst, "shfl") ? LOAD
                  : reef_ptx_op_is(inst, "nanosleep")   ? REEF_PTX_ROUND
                                                        : 1;
    }
    return weight;
}

/* Which instructions are in a loop (NULL: no memory), whether there are loops, and barriers of the
 * block in them. */
static bool *mark_loops(const struct reef_ptx_body *b, bool *loops, bool *barriers)
{
    bool *in_loop = calloc(b->insts + 1, sizeof(*in_loop));
    uint32_t done = REEF_PTX_NONE; /* everything from here on is marked up to where we are */
    *loops = *barriers = false;
    for (uint32_t i = b->insts; in_loop && i-- > 0;) {
        uint32_t to = way_back(b, i);
        if (to < done && to != REEF_PTX_NONE)
            done = to;
        in_loop[i] = done != REEF_PTX_NONE && i >= done;
        if (done != REEF_PTX_NONE && i == done)
            done = REEF_PTX_NONE;
        *loops = *loops || in_loop[i];
        *barriers = *barriers || (in_loop[i] && reef_ptx_is_plain_barrier(b, &b->inst[i]));
    }
    return in_loop;
}

static void put_head(struct rewriter *r, const struct reef_ptx_entry *e)
{
    uint32_t name = (uint32_t)(e->name.text - r->m->text);
    static const char extra[] = ".param .u64 __reef_chain, .param .u64 __reef_flags, "
                                ".param .u64 __reef_record";
    say(r->t, "\n");
    r->copied = e->begin;
    copy_up_to(r, name);
    say(r->t, REEF_PTX_PREFIX);
    copy_up_to(r, e->params_end);
    if (e->parentheses)
        say(r->t, "%s%s", e->params ? ", " : "", extra);
    else
        say(r->t, "(%s)", extra);
    copy_up_to(r, e->body);
}

/* False: no memory. */
static bool put_kernel(struct rewriter *r)
{
    const struct reef_ptx_entry *e = r->b->entry;
    bool loops, barriers, *in_loop = mark_loops(r->b, &loops, &barriers);
    if (!in_loop)
        return false;
    if (r->style == REEF_PTX_BARRIERS && !barriers)
        r->style = REEF_PTX_ENTRY;
    r->looks = r->style == REEF_PTX_BARRIERS || (r->style == REEF_PTX_THREADS && loops);
    put_head(r, e);
    put_beginning(r);
    for (uint32_t i = 0; i < r->b->insts && r->flags; i++) {
        const struct reef_ptx_inst *inst = &r->b->inst[i];
        uint32_t to = r->style == REEF_PTX_THREADS ? way_back(r->b, i) : REEF_PTX_NONE;
        if (to != REEF_PTX_NONE)
            put_way_back(r, inst, weight_of(r->b, to, i));
        else if (r->style == REEF_PTX_BARRIERS && reef_ptx_is_plain_barrier(r->b, inst))
            put_barrier(r, inst, in_loop[i]);
    }
    free(in_loop);
    copy_up_to(r, e->end - 1);
    put_end(r);
    copy_up_to(r, e->end);
    say(r->t, "\n");
    return true;
}

/* --- the module --- */

static bool note(struct reef_ptx_rewritten *out, const struct reef_ptx_body *b,
                 const struct reef_ptx_analysis *analysis, uint32_t points)
{
    const struct reef_ptx_entry *e = b->entry;
    struct reef_ptx_guarded *k = &out->kernel[out->kernels];
    *k = (struct reef_ptx_guarded){.analysis = *analysis,
                                   .params = e->params,
                                   .param_bytes = e->param_bytes,
                                   .points = points};
    k->name = strndup(e->name.text, e->name.length);
    k->param = malloc((e->params + 1) * sizeof(*k->param));
    if (!k->name || !k->param) {
        free(k->name);
        free(k->param);
        return false;
    }
    if (e->params > 0)
        memcpy(k->param, b->param, e->params * sizeof(*k->param));
    out->kernels++;
    return true;
}

static void apply_word(struct reef_ptx_analysis *analysis, int word)
{
    if (word > 0) {
        analysis->restart = REEF_PTX_ALWAYS;
        analysis->reason = "assumed to be restartable";
        analysis->reads = analysis->writes = 0; /* nothing to be asked of a launch */
    } else if (word < 0) {
        analysis->restart = REEF_PTX_NEVER;
        analysis->reason = "not to be run again";
    }
}

/* False: no memory. What cannot be guarded is counted. */
static bool guard_kernel(struct reef_ptx_rewritten *out, const struct reef_ptx *m, uint32_t number,
                         struct text *t, reef_ptx_word *word, void *arg)
{
    const struct reef_ptx_entry *e = &m->entry[number];
    struct reef_ptx_body b;
    struct reef_ptx_analysis analysis;
    uint64_t bytes = ((e->param_bytes + 7ull) & ~7ull) + REEF_PTX_EXTRA_BYTES;
    if (!reef_ptx_read(m, number, &b) || e->cluster || bytes > PARAM_BYTES_MAX) {
        out->unguarded++;
        out->reason = b.reason     ? b.reason
                      : e->cluster ? "made for clusters of blocks"
                                   : "too many parameters";
        reef_ptx_body_free(&b);
        return true;
    }
    reef_ptx_analyse(&analysis, &b);
    apply_word(&analysis, word ? word(arg, e->name.text, e->name.length) : 0);
    struct rewriter r = {
        .m = m,
        .b = &b,
        .analysis = &analysis,
        .style = analysis.style,
        .flags = analysis.restart != REEF_PTX_NEVER,
        .t = t,
    };
    bool ok = put_kernel(&r) && !t->failed && note(out, &b, &analysis, r.points);
    reef_ptx_body_free(&b);
    return ok;
}

static bool guard_module(struct reef_ptx_rewritten *out, const struct reef_ptx *m,
                         reef_ptx_word *word, void *arg)
{
    struct text t = {0};
    out->kernel = calloc(m->entries, sizeof(*out->kernel));
    if (!out->kernel)
        return false;
    put(&t, m->text, m->size);
    for (uint32_t i = 0; i < m->entries; i++)
        if (!guard_kernel(out, m, i, &t, word, arg)) {
            free(t.at);
            return false;
        }
    if (out->kernels == 0 || t.failed) {
        free(t.at);
        return !t.failed;
    }
    out->text = t.at;
    out->size = t.size;
    return true;
}

bool reef_ptx_rewrite(struct reef_ptx_rewritten *out, const char *text, size_t size,
                      reef_ptx_word *word, void *arg)
{
    struct reef_ptx m;
    bool ok = true;
    *out = (struct reef_ptx_rewritten){0};
    if (!reef_ptx_open(&m, text, size))
        out->reason = m.reason;
    else if (memmem(text, m.size, "__reef_", 7))
        out->reason = "has names like the guards'";
    else if (m.entries > 0)
        ok = guard_module(out, &m, word, arg);
    reef_ptx_close(&m);
    if (!ok)
        reef_ptx_rewritten_free(out);
    return ok;
}

void reef_ptx_rewritten_free(struct reef_ptx_rewritten *r)
{
    for (uint32_t i = 0; i < r->kernels; i++) {
        free(r->kernel[i].name);
        free(r->kernel[i].param);
    }
    free(r->kernel);
    free(r->text);
    *r = (struct reef_ptx_rewritten){0};
}
