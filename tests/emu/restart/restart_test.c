// SPDX-License-Identifier: Apache-2.0
/*
 * restart_test CODE_OBJECT [TRIALS [shapes]]: every verdict of the analysis on the kernels of
 * cases.def (or shapes.def), checked by doing what it allows. A kernel that may be run again is run
 * to random points (each work-group elsewhere, some of them not begun, with single wavefronts ended
 * too where the analysis says that they are independent), killed, and run again: all memory must be
 * as after one undisturbed run. A kernel that may not must show why: some kill must change the
 * result (clocks excepted). And the guards: kernels run with them, the flag goes up at a random
 * moment, and what the record says of the packet must be true of memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "harness.h"
#include "wave.h"

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/guarded.h"

enum { BUFFERS = 8, WORDS = 4096, TICKETS = 4 };

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
static const struct test_case shapes[] = {
#include "shapes.def"
};
#undef CASE

struct bench {
    struct harness *h;
    const struct test_case *c;
    struct harness_launch launch;
    struct arguments arguments;
    unsigned buffers;
    uint32_t *memory[BUFFERS];
    uint32_t before[BUFFERS][WORDS], after[BUFFERS][WORDS];
};

static uint64_t seed = 20220711;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void die(const char *what)
{
    fprintf(stderr, "restart_test: %s\n", what);
    exit(1);
}

/* --- a launch --- */

static uint64_t add_buffer(struct bench *b)
{
    uint64_t va;
    b->memory[b->buffers] = harness_alloc(b->h, sizeof(uint32_t) * WORDS, &va);
    if (!b->memory[b->buffers++])
        die("no memory");
    return va;
}

static void add_argument(struct bench *b, char kind)
{
    float quarter = 0.25f;
    uint64_t va, rows;
    switch (kind) {
    case 'n':
        arguments_int(&b->arguments, 2000);
        return;
    case 's':
        arguments_int(&b->arguments, 16);
        return;
    case 'k':
        arguments_int(&b->arguments, 64);
        return;
    case 'f':
        arguments_add(&b->arguments, &quarter, sizeof(quarter));
        return;
    case '0':
        arguments_pointer(&b->arguments, 0);
        return;
    default:
        break;
    }
    va = add_buffer(b);
    uint32_t *words = b->memory[b->buffers - 1];
    for (unsigned i = 0; i < WORDS; i++) {
        float f = (float)below(2000) / 500.0f - 2;
        memcpy(&words[i], &f, sizeof(f));
        if (kind == 'x')
            words[i] = below(100);
    }
    if (kind == 'p') {
        rows = va;
        uint64_t table;
        uint64_t *pointers = harness_alloc(b->h, 4096, &table);
        for (unsigned i = 0; i < 64; i++)
            pointers[i] = rows + i * 64;
        va = table;
    }
    arguments_pointer(&b->arguments, va);
}

static void make(struct bench *b, struct harness *h, const struct test_case *c)
{
    memset(b, 0, sizeof(*b));
    b->h = h;
    b->c = c;
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

static void put_back(struct bench *b)
{
    for (unsigned i = 0; i < b->buffers; i++)
        memcpy(b->memory[i], b->before[i], sizeof(b->before[i]));
}

static bool as_after(const struct bench *b)
{
    for (unsigned i = 0; i < b->buffers; i++)
        if (memcmp(b->memory[i], b->after[i], sizeof(b->after[i])) != 0)
            return false;
    return true;
}

static void run_whole(struct bench *b)
{
    if (harness_run(b->h, &b->launch) != GCN_DONE)
        die(b->c->kernel);
}

/* What memory is before and after. */
static void take_reference(struct bench *b)
{
    for (unsigned i = 0; i < b->buffers; i++)
        memcpy(b->before[i], b->memory[i], sizeof(b->before[i]));
    run_whole(b);
    for (unsigned i = 0; i < b->buffers; i++)
        memcpy(b->after[i], b->memory[i], sizeof(b->after[i]));
}

/* --- killing --- */

/* One wavefront that has not ended does. */
static void end_wavefront(struct gcn_workgroup *wg)
{
    struct gcn_wave *wave = &wg->wave[below(wg->waves)];
    wave->state = GCN_WAVE_ENDED;
}

static void run_to_random_points(struct bench *b, bool single_wavefronts)
{
    struct harness_steps *steps = harness_steps_begin(b->h, &b->launch);
    if (!steps)
        die("no work-groups");
    unsigned count = harness_steps_count(steps), cycles = 1u << (4 + below(14));
    for (unsigned step = below(4 * count + 4); step > 0; step--) {
        unsigned n = below(count);
        struct gcn_workgroup *wg = harness_steps_group(steps, n);
        if (single_wavefronts && wg && below(3) == 0)
            end_wavefront(wg);
        if (harness_steps_run(steps, n, 1 + below(cycles)) == GCN_FAULT)
            die("a fault in a kernel that is partly killed");
    }
    /* What was not ended by itself in a work-group that was touched may go on to its end. */
    for (unsigned n = 0; single_wavefronts && n < count; n++)
        if (below(2))
            while (harness_steps_run(steps, n, 10000) == GCN_RUNNING)
                ;
    harness_steps_end(steps);
}

/* Returns in how many trials memory was not as after one run. */
static unsigned kill_and_run_again(struct bench *b, bool single_wavefronts, unsigned trials)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < trials; i++) {
        put_back(b);
        run_to_random_points(b, single_wavefronts);
        run_whole(b);
        wrong += !as_after(b);
    }
    return wrong;
}

/* --- guards --- */

struct guarded {
    volatile uint32_t *line, *record, *board; /* board: its word for the GPU */
    struct reef_guard_layout layout;
    uint64_t address; /* of the guards */
    unsigned loops;
};

static uint64_t descriptor_of(const struct guarded *g, enum reef_guard guard)
{
    return g->address + reef_guarded_descriptor(guard, 1, TICKETS);
}

static void set_flag(const struct guarded *g, uint32_t value)
{
    g->line[REEF_GUARD_FLAG / 4] = value;
    for (unsigned i = 1; i <= REEF_INSIDE_REPLICAS; i++)
        g->line[i * REEF_GUARD_REPLICA / 4] = value;
}

/* All work-groups in random order and pieces; the flag goes up at some moment if @raise, or only
 * the board's word, which the first work-group passes on. */
static void run_guarded(struct bench *b, const struct guarded *g, enum reef_guard guard, bool raise)
{
    b->launch.descriptor_va = descriptor_of(g, guard);
    struct harness_steps *steps = harness_steps_begin(b->h, &b->launch);
    b->launch.descriptor_va = 0;
    if (!steps)
        die("no work-groups");
    unsigned count = harness_steps_count(steps), left = count, cycles = 1u << (3 + below(14));
    int moment = raise ? (int)below(3 * count) : -1;
    for (unsigned step = 0; left > 0; step++) {
        unsigned n = below(count);
        if ((int)step == moment && below(3) == 0)
            *g->board = 1;
        else if ((int)step == moment)
            set_flag(g, 1);
        if (!harness_steps_group(steps, n))
            continue;
        enum gcn_status status = harness_steps_run(steps, n, 1 + below(cycles));
        if (status == GCN_FAULT)
            die("a fault in a guarded kernel");
        left -= status == GCN_DONE;
    }
    harness_steps_end(steps);
}

/* With the board's word up before it begins the first work-group raises the flag, if it looks at
 * all: then no work-group that begins later runs, and what was evicted is said. Returns whether it
 * did. */
static bool check_relay(struct bench *b, const struct guarded *g, unsigned *wrong)
{
    put_back(b);
    set_flag(g, 0);
    g->line[REEF_GUARD_CHAIN / 4] = *g->record = 0;
    *g->board = 1;
    run_guarded(b, g, REEF_GUARD_EVICT, false);
    bool relayed = g->line[REEF_GUARD_FLAG / 4] != 0;
    for (unsigned i = 1; i <= REEF_INSIDE_REPLICAS; i++)
        *wrong += (g->line[i * REEF_GUARD_REPLICA / 4] != 0) != relayed;
    *wrong += (*g->record != 0) != relayed || (g->line[REEF_GUARD_CHAIN / 4] != 0) != relayed;
    *g->board = 0;
    set_flag(g, 0);
    g->line[REEF_GUARD_CHAIN / 4] = *g->record = 0;
    run_guarded(b, g, REEF_GUARD_EVICT, false);
    *wrong += *g->record != 0 || !as_after(b);
    return relayed;
}

static unsigned check_guards(struct bench *b, const struct guarded *g, unsigned trials,
                             unsigned *evictions)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < trials; i++) {
        bool evictable = b->c->want != REEF_RESTART_NEVER;
        put_back(b);
        set_flag(g, 0);
        g->line[REEF_GUARD_CHAIN / 4] = *g->record = *g->board = 0;
        run_guarded(b, g, evictable ? REEF_GUARD_EVICT : REEF_GUARD_FOLLOW, true);
        bool evicted = *g->record != 0;
        if (evicted != (g->line[REEF_GUARD_CHAIN / 4] != 0) || (evicted && !evictable) ||
            (!evicted && !as_after(b))) {
            wrong++;
            continue;
        }
        if (!evicted)
            continue;
        ++*evictions;
        *g->board = 0;
        /* What follows does not begin, whichever guard it has, and says so. */
        uint32_t now[BUFFERS][WORDS];
        for (unsigned n = 0; n < b->buffers; n++)
            memcpy(now[n], b->memory[n], sizeof(now[n]));
        *g->record = 0;
        set_flag(g, below(2));
        run_guarded(b, g, below(2) ? REEF_GUARD_EVICT : REEF_GUARD_FOLLOW, false);
        for (unsigned n = 0; n < b->buffers; n++)
            wrong += memcmp(now[n], b->memory[n], sizeof(now[n])) != 0;
        wrong += *g->record != 1;
        /* And again, as it is done when nothing is on the device. */
        set_flag(g, 0);
        g->line[REEF_GUARD_CHAIN / 4] = *g->record = 0;
        run_guarded(b, g, REEF_GUARD_EVICT, false);
        wrong += *g->record != 0 || !as_after(b);
    }
    return wrong;
}

/* --- what they cost --- */

enum { FIVE_US = 5 * 1725 }; /* cycles of an MI50 */

/* Cycles of the longest work-group. */
static uint64_t cycles_with(struct bench *b, uint64_t descriptor)
{
    put_back(b);
    b->launch.descriptor_va = descriptor;
    run_whole(b);
    b->launch.descriptor_va = 0;
    return b->launch.cycles;
}

/* From the moment the flag goes up, somewhere on the way, until the work-group has ended. */
static uint64_t cycles_to_end(struct bench *b, const struct guarded *g, uint64_t whole)
{
    uint64_t used = 0;
    enum gcn_status status = GCN_RUNNING;
    put_back(b);
    set_flag(g, 0);
    b->launch.descriptor_va = descriptor_of(g, REEF_GUARD_EVICT);
    struct harness_steps *steps = harness_steps_begin(b->h, &b->launch);
    b->launch.descriptor_va = 0;
    if (!steps)
        die("no work-groups");
    harness_steps_run(steps, 0, whole > 1 ? below((unsigned)whole) + 1 : 1);
    set_flag(g, 1);
    while (status == GCN_RUNNING && harness_steps_group(steps, 0)) {
        uint64_t before = harness_steps_group(steps, 0)->cycle;
        status = harness_steps_run(steps, 0, 200);
        used += harness_steps_group(steps, 0) ? harness_steps_group(steps, 0)->cycle - before : 200;
    }
    harness_steps_end(steps);
    set_flag(g, 0);
    g->line[REEF_GUARD_CHAIN / 4] = *g->record = 0;
    return used;
}

/* With @waves on each SIMD, of which each gets every other turn at most (docs/emulator.md). Returns
 * whether all end in time. */
static bool report_cost_among(struct bench *b, const struct guarded *g, unsigned waves)
{
    b->launch.issue_scale_q8 = waves > 2 ? 256 * waves / 2 : 256;
    uint64_t longest = 0, plain = cycles_with(b, 0);
    uint64_t guarded = cycles_with(b, descriptor_of(g, REEF_GUARD_EVICT));
    for (unsigned i = 0; i < 50; i++) {
        uint64_t cycles = cycles_to_end(b, g, plain);
        longest = cycles > longest ? cycles : longest;
    }
    b->launch.issue_scale_q8 = 0;
    printf(
        "   %2u waves a SIMD: %llu cycles, with guards %+.1f%%; ends %llu cycles after the flag at "
        "the latest\n",
        waves, (unsigned long long)plain, 100.0 * ((double)guarded / (double)plain - 1),
        (unsigned long long)longest);
    return longest <= FIVE_US;
}

/* As many as a SIMD's registers allow: COMPUTE_PGM_RSRC1 (guard.c). */
static unsigned waves_at_once(const struct reef_object_kernel *kernel)
{
    uint32_t rsrc1;
    memcpy(&rsrc1, kernel->descriptor + REEF_KD_RSRC1, sizeof(rsrc1));
    unsigned by_vgprs = 256 / (((rsrc1 & 63) + 1) * 4),
             by_sgprs = 800 / (((rsrc1 >> 6 & 15) / 2 + 1) * 16);
    unsigned waves = by_vgprs < by_sgprs ? by_vgprs : by_sgprs;
    return waves < 10 ? waves : 10;
}

static bool report_cost(struct bench *b, const struct guarded *g,
                        const struct reef_object_kernel *kernel)
{
    set_flag(g, 0);
    g->line[REEF_GUARD_LOOK / 4] = 0; /* as it is without a real-time process */
    g->line[REEF_GUARD_CHAIN / 4] = 0;
    bool alone = report_cost_among(b, g, 1);
    bool among_others = report_cost_among(b, g, waves_at_once(kernel));
    g->line[REEF_GUARD_LOOK / 4] = 1;
    return alone && among_others;
}

static unsigned relayed_kernels;

/* --- the object --- */

static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(16 << 20);
    if (!f || !bytes)
        die(path);
    *size = fread(bytes, 1, 16 << 20, f);
    fclose(f);
    return bytes;
}

static void find_kernel(const struct reef_object *object, const char *name,
                        struct reef_object_kernel *kernel)
{
    unsigned broken = 0;
    for (uint64_t at = 0; reef_object_next_kernel(object, &at, kernel, &broken);)
        if (kernel->name_length == strlen(name) && memcmp(kernel->name, name, strlen(name)) == 0)
            return;
    die(name);
}

/* Puts the guards into memory of their own. */
static void make_guards(struct harness *h, const struct reef_object *object, struct guarded *g,
                        const struct reef_object_kernel *kernel, struct reef_analysis *analysis)
{
    struct reef_guarded guarded;
    char symbol[64]; /* all symbols are as far from the object's addresses */
    snprintf(symbol, sizeof(symbol), "%.*s.kd", (int)kernel->name_length, kernel->name);
    uint64_t delta = harness_symbol(h, symbol) - kernel->descriptor_va;
    if (reef_guarded_make(&guarded, object, kernel, &g->layout) != 0 || guarded.bytes == 0)
        die("a kernel cannot be given guards");
    uint8_t *to = harness_alloc(h, guarded.bytes, &g->address);
    reef_guarded_write(&guarded, to, delta + kernel->entry_va, &g->layout);
    g->loops = guarded.inside.loops;
    *analysis = guarded.analysis;
    reef_guarded_free(&guarded);
}

static bool check(struct harness *h, const struct reef_object *object, struct guarded *g,
                  const struct test_case *c, unsigned trials)
{
    static struct bench b;
    struct reef_object_kernel kernel;
    struct reef_analysis analysis;
    find_kernel(object, c->kernel, &kernel);
    make_guards(h, object, g, &kernel, &analysis);
    make(&b, h, c);
    take_reference(&b);
    bool may = analysis.restart != REEF_RESTART_NEVER, ok = analysis.restart == c->want;
    unsigned wrong = kill_and_run_again(&b, may && analysis.independent, trials), evictions = 0;
    unsigned guard_wrong = check_guards(&b, g, trials, &evictions);
    unsigned relays = 0, relay_wrong = 0;
    bool clock = strcmp(c->kernel, "stamped") == 0;
    /* What these would do wrong takes another program that answers them. */
    bool talks = strcmp(c->kernel, "watch") == 0 || strcmp(c->kernel, "publish") == 0;
    /* What may not be run again must fail for it, or the trials show nothing. */
    ok = ok && (may ? wrong == 0 : wrong > 0 || clock || talks) && (guard_wrong == 0 || clock);
    printf("%s %-18s %s; %u loops; %sof %u kills %u wrong; %u evictions, %u wrong\n",
           ok ? "ok" : "FAILED", c->kernel, analysis.reason, g->loops,
           may && analysis.independent ? "also single wavefronts; " : "", trials, wrong, evictions,
           guard_wrong);
    for (unsigned i = 0; may && i < 20; i++)
        relays += check_relay(&b, g, &relay_wrong);
    bool in_time = !may || report_cost(&b, g, &kernel);
    if (relay_wrong)
        printf("   the board's word: %u wrong\n", relay_wrong);
    relayed_kernels += relays > 0;
    if (!in_time)
        printf("FAILED: it takes more than 5 us until it ends\n");
    return ok && relay_wrong == 0 && in_time;
}

int main(int argc, char **argv)
{
    struct reef_object object;
    struct guarded g = {.layout = {.tickets = TICKETS, .per_queue_shift = 2}};
    bool ok = true;
    size_t size;
    if (argc < 2)
        return 2;
    unsigned trials = argc > 2 ? (unsigned)atoi(argv[2]) : 60;
    uint8_t *bytes = read_whole(argv[1], &size);
    if (reef_object_open(&object, bytes, size) != 0)
        die("no code object");
    const struct test_case *cases = argc > 3 ? shapes : inference;
    size_t count =
        argc > 3 ? sizeof(shapes) / sizeof(shapes[0]) : sizeof(inference) / sizeof(inference[0]);
    for (size_t i = 0; i < count; i++) {
        struct harness *h = harness_create();
        g.line = harness_alloc(h, REEF_LINE_BYTES, &g.layout.lines);
        uint64_t board;
        g.board = harness_alloc(h, 64, &board);
        *(volatile uint64_t *)&g.line[REEF_GUARD_BOARD / 4] = board;
        g.line[REEF_GUARD_LOOK / 4] = 1;
        volatile uint32_t *records =
            harness_alloc(h, TICKETS * REEF_RECORD_BYTES, &g.layout.records);
        g.record = records + REEF_RECORD_BYTES / 4; /* of ticket 1 */
        if (harness_load(h, argv[1]) != 0)
            die("the object does not load");
        ok = check(h, &object, &g, &cases[i], trials) && ok;
        harness_destroy(h);
    }
    free(bytes);
    printf("%u kernels' first work-groups look at the board's word\n", relayed_kernels);
    return ok && relayed_kernels > 0 ? 0 : 1;
}
