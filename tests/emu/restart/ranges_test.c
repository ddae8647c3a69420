// SPDX-License-Identifier: Apache-2.0
/*
 * ranges_test INFERENCE SUBALLOCATED [TRIALS [SEED]]: programs that divide one allocation among all
 * their buffers. For every kernel of cases.def that may be run again if what it reads and writes is
 * apart, with buffers at random places of one piece of memory and random sizes:
 *
 * - each byte that it changes lies in the range that was said to be written;
 * - what it computes does not depend on any byte outside the ranges that were said to be read;
 * - if the ranges are apart, it is killed at a random point and run again: memory must be as after
 *   one undisturbed run.
 *
 * All that by the interpreter: the machine code is what is right. The last line says how many
 * launches were allowed; a kernel of which none ever is shows that nothing was tested.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "harness.h"

#include "shim/amd/code/analysis/analysis.h"

enum { ARENA = 128 << 10, SLOTS = 32 };

struct test_case {
    const char *kernel;
    unsigned groups[2], items[2];
    const char *arguments;
    enum reef_restart want;
};

#define CASE(kernel, gx, gy, ix, iy, arguments, want)                                              \
    {#kernel, {gx, gy}, {ix, iy}, arguments, want},
static const struct test_case inference[] = {
#include "cases.def"
};
static const struct test_case suballocated[] = {
#include "ranges.def"
};
#undef CASE

struct bench {
    struct harness *h;
    const struct test_case *c;
    struct reef_analysis analysis;
    struct reef_ranges *ranges;
    uint32_t *memory; /* ARENA bytes */
    uint64_t va;
    struct harness_launch launch;
    struct arguments arguments;
    struct reef_span reads[SLOTS], writes[SLOTS];
    unsigned allowed, known_writes;
    double evaluate_us;
};

static uint64_t seed = 20220711;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void die(const char *what)
{
    fprintf(stderr, "ranges_test: %s\n", what);
    exit(1);
}

static uint32_t any_word(bool index)
{
    float f = (float)below(2000) / 500.0f - 2;
    uint32_t word;
    memcpy(&word, &f, sizeof(word));
    return index ? below(100) : word;
}

/* --- a launch --- */

/* Numbers: sizes that tiles want whole are always the same. */
static bool add_number(struct bench *b, char kind)
{
    static const struct {
        char kind;
        int least, most;
    } numbers[] = {{'n', 1, 2000}, {'s', 16, 16},  {'k', 64, 64}, {'i', -100, 2000},
                   {'I', -5, 16},  {'z', -20, 20}, {'m', -3, 40}, {'t', 1, 16}};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (kind != numbers[i].kind)
            continue;
        int span = numbers[i].most - numbers[i].least;
        int64_t value = numbers[i].least + (int)below((unsigned)span + 1);
        if (kind == 'I')
            arguments_add(&b->arguments, &value, sizeof(value));
        else
            arguments_int(&b->arguments, (int32_t)value);
        return true;
    }
    return false;
}

static void add_argument(struct bench *b, char kind)
{
    float quarter = 0.25f;
    if (add_number(b, kind))
        return;
    if (kind == 'f') {
        arguments_add(&b->arguments, &quarter, sizeof(quarter));
    } else if (kind == '0') {
        arguments_pointer(&b->arguments, 0);
    } else {
        unsigned place = below((ARENA - (16 << 10)) / 256) * 256;
        arguments_pointer(&b->arguments, b->va + place);
        for (unsigned i = 0; kind == 'x' && i < 4096; i++)
            b->memory[place / 4 + i] = any_word(true);
    }
}

static void lay_out(struct bench *b)
{
    const struct test_case *c = b->c;
    memset(&b->arguments, 0, sizeof(b->arguments));
    for (unsigned i = 0; i < ARENA / 4; i++)
        b->memory[i] = any_word(false);
    for (const char *kind = c->arguments; *kind; kind++)
        add_argument(b, *kind);
    b->launch = (struct harness_launch){
        .kernel = c->kernel,
        .grid = {c->groups[0] * c->items[0], c->groups[1] * c->items[1]},
        .workgroup = {(uint16_t)c->items[0], (uint16_t)c->items[1]},
        .kernarg = b->arguments.bytes,
        .kernarg_bytes = b->arguments.used,
    };
}

/* What the analysis says of it: spans within the arena, as restart.c makes them. */
static void evaluate(struct bench *b)
{
    struct reef_launch launch = {
        .arguments = b->arguments.bytes,
        .grid = {b->launch.grid[0], b->launch.grid[1], 1},
        .group = {b->launch.workgroup[0], b->launch.workgroup[1], 1},
    };
    struct timespec before, after;
    if (reef_ranges_argument_bytes(b->ranges) > sizeof(b->arguments.bytes))
        die("arguments beyond the kernarg segment");
    clock_gettime(CLOCK_MONOTONIC, &before);
    reef_ranges_evaluate(b->ranges, &launch, b->reads, b->writes);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double us = (double)(after.tv_sec - before.tv_sec) * 1e6 +
                (double)(after.tv_nsec - before.tv_nsec) / 1e3;
    if (b->evaluate_us == 0 || us < b->evaluate_us)
        b->evaluate_us = us;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct reef_span *both[2] = {&b->reads[i], &b->writes[i]};
        for (unsigned n = 0; n < 2; n++) {
            struct reef_span *s = both[n];
            uint64_t begin = s->begin > b->va ? s->begin : b->va;
            uint64_t end = s->end < b->va + ARENA ? s->end : b->va + ARENA;
            *s = begin < end ? (struct reef_span){begin - b->va, end - b->va}
                             : (struct reef_span){0, ARENA};
        }
    }
}

/* The slots of null pointers are not touched (restart.c). */
static uint32_t without_null(const struct bench *b, uint32_t slots)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t value;
        memcpy(&value, b->arguments.bytes + 8 * i, sizeof(value));
        if (value == 0 && !(b->analysis.mixed >> i & 1))
            slots &= ~(1u << i);
    }
    return slots;
}

static bool allowed(const struct bench *b)
{
    uint32_t reads = without_null(b, b->analysis.reads);
    for (unsigned w = 0; w < SLOTS; w++)
        for (unsigned r = 0; r < SLOTS; r++)
            if (b->analysis.writes >> w & 1 && reads >> r & 1 &&
                b->writes[w].begin < b->reads[r].end && b->reads[r].begin < b->writes[w].end)
                return false;
    return true;
}

static bool in_spans(const struct reef_span *spans, uint32_t slots, uint64_t byte)
{
    for (; slots; slots &= slots - 1) {
        const struct reef_span *s = &spans[__builtin_ctz(slots)];
        if (byte >= s->begin && byte < s->end)
            return true;
    }
    return false;
}

static void run_whole(struct bench *b)
{
    if (harness_run(b->h, &b->launch) != GCN_DONE)
        die(b->c->kernel);
}

static void run_to_random_points(struct bench *b)
{
    struct harness_steps *steps = harness_steps_begin(b->h, &b->launch);
    if (!steps)
        die("no work-groups");
    unsigned count = harness_steps_count(steps), cycles = 1u << (4 + below(14));
    for (unsigned step = below(4 * count + 4); step > 0; step--)
        if (harness_steps_run(steps, below(count), 1 + below(cycles)) == GCN_FAULT)
            die("a fault in a kernel that is partly killed");
    harness_steps_end(steps);
}

/* --- the checks --- */

static uint32_t before[ARENA / 4], after[ARENA / 4];

static bool writes_as_said(const struct bench *b)
{
    const uint8_t *x = (const uint8_t *)before, *y = (const uint8_t *)after;
    for (unsigned i = 0; i < ARENA; i++)
        if (x[i] != y[i] && !in_spans(b->writes, b->analysis.writes, i))
            return false;
    return true;
}

/* The launch again, with other bytes wherever it is not said to read. */
static bool reads_as_said(struct bench *b)
{
    for (unsigned i = 0; i < ARENA / 4; i++) {
        b->memory[i] = before[i];
        bool read = false;
        for (unsigned byte = 4 * i; byte < 4 * i + 4; byte++)
            read = read || in_spans(b->reads, b->analysis.reads, byte);
        if (!read)
            b->memory[i] = any_word(below(2));
    }
    run_whole(b);
    const uint8_t *x = (const uint8_t *)before, *y = (const uint8_t *)after;
    const uint8_t *now = (const uint8_t *)b->memory;
    for (unsigned i = 0; i < ARENA; i++)
        if (x[i] != y[i] && now[i] != y[i])
            return false;
    return true;
}

static unsigned trial(struct bench *b)
{
    unsigned wrong = 0;
    lay_out(b);
    evaluate(b);
    memcpy(before, b->memory, ARENA);
    /* Indices that are overwritten lead anywhere. */
    if (strchr(b->c->arguments, 'x') && !allowed(b))
        return 0;
    run_whole(b);
    memcpy(after, b->memory, ARENA);
    wrong += !writes_as_said(b);
    for (uint32_t slots = b->analysis.writes; slots; slots &= slots - 1)
        b->known_writes += b->writes[__builtin_ctz(slots)].end < ARENA;
    if (!allowed(b))
        return wrong;
    b->allowed++;
    wrong += !reads_as_said(b);
    memcpy(b->memory, before, ARENA);
    run_to_random_points(b);
    run_whole(b);
    return wrong + (memcmp(b->memory, after, ARENA) != 0);
}

/* --- the object --- */

static bool check(const char *path, const struct reef_object *object, const struct test_case *c,
                  unsigned trials, unsigned *all_allowed)
{
    static struct bench b;
    struct reef_object_kernel kernel;
    unsigned broken = 0, wrong = 0;
    uint64_t at = 0;
    memset(&b, 0, sizeof(b));
    b.c = c;
    while (reef_object_next_kernel(object, &at, &kernel, &broken) &&
           (kernel.name_length != strlen(c->kernel) ||
            memcmp(kernel.name, c->kernel, kernel.name_length) != 0))
        ;
    reef_analyse(&b.analysis, object, &kernel);
    if (b.analysis.restart != c->want)
        printf("FAILED %s: %s (at %llx)\n", c->kernel, b.analysis.reason,
               (unsigned long long)b.analysis.where);
    if (b.analysis.restart != REEF_RESTART_IF_DISJOINT)
        return b.analysis.restart == c->want;
    b.ranges = reef_analyse_ranges(object, &kernel);
    if (!b.ranges)
        die("no ranges");
    b.h = harness_create();
    b.memory = harness_alloc(b.h, ARENA, &b.va);
    if (!b.memory || harness_load(b.h, path) != 0)
        die("the object does not load");
    for (unsigned i = 0; i < trials; i++)
        wrong += trial(&b);
    printf("%s %-18s %4u of %u launches allowed, %u wrong; %.2f us\n", wrong ? "FAILED" : "ok",
           c->kernel, b.allowed, trials, wrong, b.evaluate_us);
    *all_allowed += b.allowed;
    reef_ranges_free(b.ranges);
    harness_destroy(b.h);
    return wrong == 0;
}

static bool check_all(const char *path, const struct test_case *cases, size_t count,
                      unsigned trials, unsigned *all)
{
    static uint8_t bytes[16 << 20];
    struct reef_object object;
    bool ok = true;
    FILE *f = fopen(path, "rb");
    if (!f)
        die(path);
    size_t size = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    if (reef_object_open(&object, bytes, size) != 0)
        die("no code object");
    for (size_t i = 0; i < count; i++)
        ok = check(path, &object, &cases[i], trials, all) && ok;
    return ok;
}

int main(int argc, char **argv)
{
    unsigned all = 0, trials = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    if (argc > 4)
        seed = strtoull(argv[4], NULL, 0);
    if (argc < 3)
        die("which code objects?");
    bool ok = check_all(argv[1], inference, sizeof(inference) / sizeof(*inference), trials, &all);
    ok = check_all(argv[2], suballocated, sizeof(suballocated) / sizeof(*suballocated), trials,
                   &all) &&
         ok;
    printf("%u launches of suballocated buffers allowed\n", all);
    return ok && all > 0 ? 0 : 1;
}
