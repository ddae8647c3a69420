// SPDX-License-Identifier: Apache-2.0
/*
 * ptx_restart_test PTX --write OUT: writes the module with guards.
 * ptx_restart_test PTX [TRIALS]: every verdict of the PTX analysis on the kernels of cases.def
 * (inference.hip compiled by clang), checked by doing what it allows on the interpreter. A kernel
 * that may be run again is run to random points (each block elsewhere, some not begun), killed, and
 * run again: all memory must be as after one undisturbed run. A kernel that may not must show why.
 * And the guards: guarded kernels run, flags go up one by one at random moments, and what the
 * record says must be true of memory; then what follows must not begin, and what was ended is run
 * again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/nvidia/ptx/ptx.h"
#include "shim/nvidia/ptx/rewrite.h"

/* cases.def is shared with the test of machine code. */
enum {
    REEF_RESTART_NEVER = REEF_PTX_NEVER,
    REEF_RESTART_IF_DISJOINT = REEF_PTX_IF_DISJOINT,
    REEF_RESTART_ALWAYS = REEF_PTX_ALWAYS,
};

enum { BUFFERS = 8, WORDS = 4096, PARAMS = 256, LINE_BYTES = REEF_PTX_FLAG_STRIDE };

struct test_case {
    const char *kernel;
    unsigned blocks[2], threads[2];
    const char *arguments;
    unsigned want;
};

static const struct test_case cases[] = {
#define CASE(kernel, gx, gy, ix, iy, arguments, want)                                              \
    {#kernel, {gx, gy}, {ix, iy}, arguments, want},
#include "cases.def"
#undef CASE
};

/* All that the device can reach. */
static struct memory {
    uint32_t buffer[BUFFERS][WORDS];
    uint64_t table[64];
    uint32_t flags[REEF_PTX_FLAGS * REEF_PTX_FLAG_STRIDE / 4];
    uint32_t chain, record;
} memory;

struct bench {
    const struct test_case *c;
    const struct reef_ptx_guarded *guarded;
    struct ptx_image *image;
    const struct ptx_function *plain, *with_guards;
    uint8_t params[PARAMS];
    unsigned param_bytes, buffers;
    uint32_t before[BUFFERS][WORDS], after[BUFFERS][WORDS];
    uint64_t instructions; /* of the last run */
};

static uint64_t seed = 20220711;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return n ? (unsigned)(seed >> 33) % n : 0;
}

static void die(const char *what)
{
    fprintf(stderr, "ptx_restart_test: %s\n", what);
    exit(1);
}

/* --- arguments --- */

static void add_param(struct bench *b, const void *value, unsigned bytes)
{
    b->param_bytes = (b->param_bytes + bytes - 1) & ~(bytes - 1);
    memcpy(b->params + b->param_bytes, value, bytes);
    b->param_bytes += bytes;
}

static void add_int(struct bench *b, int value)
{
    add_param(b, &value, sizeof(value));
}

static void add_argument(struct bench *b, char kind)
{
    float quarter = 0.25f;
    uint64_t null = 0, va;
    uint32_t *words = memory.buffer[b->buffers];
    if (strchr("nsk", kind)) {
        add_int(b, kind == 'n' ? 2000 : kind == 's' ? 16 : 64);
        return;
    }
    if (kind == 'f' || kind == '0') {
        add_param(b, kind == 'f' ? (void *)&quarter : (void *)&null, kind == 'f' ? 4 : 8);
        return;
    }
    b->buffers++;
    for (unsigned i = 0; i < WORDS; i++) {
        float f = (float)below(2000) / 500.0f - 2;
        memcpy(&words[i], &f, sizeof(f));
        if (kind == 'x')
            words[i] = below(100);
    }
    for (unsigned i = 0; i < 64; i++)
        memory.table[i] = (uintptr_t)(words + i * 16);
    va = kind == 'p' ? (uintptr_t)memory.table : (uintptr_t)words;
    add_param(b, &va, sizeof(va));
}

/* --- runs --- */

static bool find(void *context, uint64_t va, struct ptx_range *range)
{
    (void)context;
    if (va - (uintptr_t)&memory >= sizeof(memory))
        return false;
    *range = (struct ptx_range){(uintptr_t)&memory, sizeof(memory), 0, true};
    return true;
}

static struct ptx_launch launch_of(const struct bench *b, const struct ptx_function *entry)
{
    return (struct ptx_launch){
        .image = b->image,
        .entry = entry,
        .grid = {b->c->blocks[0], b->c->blocks[1], 1},
        .block = {b->c->threads[0], b->c->threads[1], 1},
        .local_limit_bytes = 4096,
        .params = b->params,
        .global_latency = 400,
        .shared_latency = 24,
        .const_latency = 28,
        .clock_mhz = 1530,
        .units = 80,
        .find_range = find,
    };
}

static enum ptx_status step(struct bench *b, struct ptx_block *block, uint64_t *at, uint64_t cycles)
{
    struct ptx_slice slice = {.budget_cycles = cycles, .issue_scale_q8 = 256, .start_cycle = *at};
    enum ptx_status status = ptx_block_run(block, &slice);
    *at += slice.used_cycles;
    b->instructions += slice.instructions;
    if (status == PTX_FAULT)
        fprintf(stderr, "line %u: %s\n", slice.fault.line, slice.fault.text);
    return status;
}

static void set_flags(uint32_t value)
{
    for (unsigned i = 0; i < REEF_PTX_FLAGS; i++)
        memory.flags[i * REEF_PTX_FLAG_STRIDE / 4] = value;
}

static void lower(void)
{
    set_flags(0);
    memory.chain = 0;
    memory.record = 1;
}

/* Blocks in random order and pieces. @kill: after a random number of them all is left as it is.
 * @raise: flags go up, one after another, from some moment on. */
static void run(struct bench *b, const struct ptx_function *entry, bool kill, bool raise)
{
    enum { BLOCKS = 64 };
    struct ptx_block *block[BLOCKS] = {0};
    struct ptx_launch launch = launch_of(b, entry);
    unsigned count = ptx_launch_blocks(&launch), left = count, cycles = 1u << (4 + below(12));
    uint64_t at[BLOCKS] = {0}, now = 0;
    bool done[BLOCKS] = {0};
    unsigned moment = below(3 * count), flags = 0;
    b->instructions = 0;
    if (count > BLOCKS)
        die("too many blocks");
    for (unsigned steps = kill ? below(4 * count + 4) : UINT32_MAX; steps > 0 && left > 0;
         steps--) {
        unsigned n = below(count);
        if (raise && (moment == 0 || --moment == 0) && flags < REEF_PTX_FLAGS)
            memory.flags[(flags++ * 7 % REEF_PTX_FLAGS) * REEF_PTX_FLAG_STRIDE / 4] = 1;
        if (done[n])
            continue;
        if (!block[n] && !(block[n] = ptx_block_create(&launch, n, 0)))
            die("no memory");
        at[n] = at[n] > now ? at[n] : now; /* one clock */
        enum ptx_status status = step(b, block[n], &at[n], 1 + below(cycles));
        now = at[n];
        if (status == PTX_FAULT)
            die(b->c->kernel);
        done[n] = status == PTX_DONE;
        left -= done[n];
    }
    for (unsigned n = 0; n < count; n++)
        if (block[n])
            ptx_block_destroy(block[n]);
}

static void put_back(struct bench *b)
{
    memcpy(memory.buffer, b->before, sizeof(b->before));
}

static bool as_after(const struct bench *b)
{
    return memcmp(memory.buffer, b->after, sizeof(b->after)) == 0;
}

static unsigned kill_and_run_again(struct bench *b, unsigned trials)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < trials; i++) {
        put_back(b);
        run(b, b->plain, true, false);
        run(b, b->plain, false, false);
        wrong += !as_after(b);
    }
    return wrong;
}

/* --- guards --- */

static unsigned check_guards(struct bench *b, unsigned trials, unsigned *evictions)
{
    static uint32_t now[BUFFERS][WORDS];
    bool evictable = b->guarded->analysis.restart != REEF_PTX_NEVER;
    unsigned wrong = 0;
    for (unsigned i = 0; i < trials; i++) {
        put_back(b);
        lower();
        run(b, b->with_guards, false, true);
        bool evicted = memory.record == 0;
        if (evicted != (memory.chain != 0) || (evicted && !evictable) ||
            (!evicted && !as_after(b)) ||
            (evicted && memory.chain != (uint32_t)(uintptr_t)&memory.record)) {
            wrong++;
            continue;
        }
        if (!evicted) { /* behind it, something that was ended elsewhere in the stream */
            lower();
            memory.chain = 1;
        } else {
            ++*evictions;
        }
        /* What follows does not begin, whether or not the flags are up, and says so. */
        memcpy(now, memory.buffer, sizeof(now));
        memory.record = 1;
        memory.chain = 1; /* as another launch left it */
        set_flags(below(2));
        run(b, b->with_guards, false, false);
        wrong += memcmp(now, memory.buffer, sizeof(now)) != 0 || memory.record != 0;
        /* And again, when nothing is on the device. */
        lower();
        if (evicted)
            run(b, b->with_guards, false, false);
        wrong += memory.record != 1 || memory.chain != 0 || !as_after(b);
    }
    return wrong;
}

/* Cycles of one block alone; with @raise_at: from that moment until it has ended. */
static uint64_t one_block(struct bench *b, const struct ptx_function *entry, uint64_t raise_at)
{
    struct ptx_launch launch = launch_of(b, entry);
    struct ptx_block *block = ptx_block_create(&launch, 0, 0);
    uint64_t at = 0, raised = 0;
    enum ptx_status status = PTX_RUNNING;
    lower();
    put_back(b);
    b->instructions = 0;
    while (block && status == PTX_RUNNING) {
        if (raise_at && !raised && at >= raise_at) {
            set_flags(1);
            raised = at;
        }
        status = step(b, block, &at, 100);
    }
    ptx_block_destroy(block);
    lower();
    return raise_at ? (raised ? at - raised : 0) : at;
}

static void report_cost(struct bench *b)
{
    uint64_t plain = one_block(b, b->plain, 0), plain_instructions = b->instructions, longest = 0;
    uint64_t guarded = one_block(b, b->with_guards, 0), instructions = b->instructions;
    for (unsigned i = 0; i < 30; i++) {
        uint64_t cycles = one_block(b, b->with_guards, 1 + below((unsigned)plain));
        longest = cycles > longest ? cycles : longest;
    }
    printf(
        "   one block: %llu thread-instructions, with guards %+.1f%%; %llu cycles, %+.1f%%; ends "
        "%llu cycles after the flag at the latest\n",
        (unsigned long long)plain_instructions,
        100.0 * ((double)instructions / (double)plain_instructions - 1), (unsigned long long)plain,
        100.0 * ((double)guarded / (double)plain - 1), (unsigned long long)longest);
}

/* --- the module --- */

static const struct reef_ptx_guarded *guarded_of(const struct reef_ptx_rewritten *r,
                                                 const char *name)
{
    for (uint32_t i = 0; i < r->kernels; i++)
        if (strcmp(r->kernel[i].name, name) == 0)
            return &r->kernel[i];
    die(name);
    return NULL;
}

static void make(struct bench *b, const struct ptx_module *module, struct ptx_image *image,
                 const struct reef_ptx_rewritten *r, const struct test_case *c)
{
    char name[128];
    uint64_t extra[] = {(uintptr_t)&memory.chain, (uintptr_t)memory.flags,
                        (uintptr_t)&memory.record};
    memset(b, 0, sizeof(*b));
    memset(&memory, 0, sizeof(memory));
    b->c = c;
    b->image = image;
    b->guarded = guarded_of(r, c->kernel);
    snprintf(name, sizeof(name), REEF_PTX_PREFIX "%s", c->kernel);
    b->plain = ptx_find_function(module, c->kernel);
    b->with_guards = ptx_find_function(module, name);
    for (const char *kind = c->arguments; *kind; kind++)
        add_argument(b, *kind);
    for (unsigned i = 0; i < 3; i++)
        add_param(b, &extra[i], 8);
    if (!b->with_guards || b->param_bytes != b->with_guards->param_bytes)
        die("parameters are not as expected");
    memcpy(b->before, memory.buffer, sizeof(b->before));
    run(b, b->plain, false, false);
    memcpy(b->after, memory.buffer, sizeof(b->after));
}

static bool check(const struct ptx_module *module, struct ptx_image *image,
                  const struct reef_ptx_rewritten *r, const struct test_case *c, unsigned trials)
{
    static struct bench b;
    make(&b, module, image, r, c);
    const struct reef_ptx_analysis *analysis = &b.guarded->analysis;
    bool may = analysis->restart != REEF_PTX_NEVER, clock = strcmp(c->kernel, "stamped") == 0;
    bool outside = strcmp(c->kernel, "watch") == 0 || strcmp(c->kernel, "publish") == 0;
    unsigned wrong = kill_and_run_again(&b, trials), evictions = 0;
    unsigned guard_wrong = clock ? 0 : check_guards(&b, trials, &evictions);
    /* What may not be run again must fail for it, or the trials show nothing. */
    bool ok = (unsigned)analysis->restart == c->want &&
              (may ? wrong == 0 : wrong > 0 || clock || outside) && guard_wrong == 0 &&
              (!may || evictions > 0);
    printf("%s %-18s %s; %u points; of %u kills %u wrong; %u evictions, %u wrong\n",
           ok ? "ok" : "FAILED", c->kernel, analysis->reason, b.guarded->points, trials, wrong,
           evictions, guard_wrong);
    if (may)
        report_cost(&b);
    return ok;
}

static char *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *bytes = malloc(16 << 20);
    if (!f || !bytes)
        die(path);
    *size = fread(bytes, 1, 16 << 20, f);
    fclose(f);
    return bytes;
}

static int write_text(const char *path, const struct reef_ptx_rewritten *r)
{
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(r->text, 1, r->size, f) == r->size;
    return f && fclose(f) == 0 && ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct reef_ptx_rewritten r;
    struct ptx_error error;
    size_t size;
    bool ok = true;
    if (argc < 2)
        return 2;
    unsigned trials = argc > 2 ? (unsigned)atoi(argv[2]) : 60;
    char *text = read_whole(argv[1], &size);
    if (!reef_ptx_rewrite(&r, text, size, NULL, NULL) || !r.text)
        die("the module cannot be given guards");
    if (argc > 3 && strcmp(argv[2], "--write") == 0)
        return write_text(argv[3], &r);
    struct ptx_module *module = ptx_parse(r.text, r.size, &error);
    if (!module) {
        fprintf(stderr, "line %u: %s\n", error.line, error.text);
        die("the module with guards does not load");
    }
    uint64_t *nowhere = calloc(module->variable_count + 1, sizeof(*nowhere));
    struct ptx_image *image = nowhere ? ptx_image_create(module, nowhere) : NULL;
    if (!image)
        die("no memory");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ok = check(module, image, &r, &cases[i], trials) && ok;
    ptx_image_free(image);
    ptx_module_free(module);
    free(nowhere);
    reef_ptx_rewritten_free(&r);
    free(text);
    return ok ? 0 : 1;
}
