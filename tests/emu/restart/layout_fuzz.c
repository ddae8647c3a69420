// SPDX-License-Identifier: Apache-2.0
/*
 * layout_fuzz [PROGRAMS [SEED]]: kernels of random blocks that branch anywhere, back and forth,
 * with SCC and VCC alive across branches, and a counter that ends them. Each is given guards; the
 * copy must compute what the kernel itself computes, and if the flag goes up at a random moment it
 * must end, say so, and compute the same when it is run again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "wave.h"

#include "shim/amd/code/guarded.h"
#include "tests/unit/code/object_builder.h"

enum { BLOCKS_MAX = 16, WORDS_MAX = 900, RESULTS = 64 * 8, TICKETS = 1, LINE = 64 };

static uint64_t seed = 20220711;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void die(const char *what)
{
    fprintf(stderr, "layout_fuzz: %s\n", what);
    exit(1);
}

/* --- programs --- */

struct program {
    uint32_t words[WORDS_MAX];
    unsigned count;
    struct {
        unsigned at, block;
    } branches[4 * BLOCKS_MAX];
    unsigned branch_count;
    unsigned blocks[BLOCKS_MAX + 1]; /* where they begin; the last one ends */
};

static void emit(struct program *p, uint32_t word)
{
    p->words[p->count++] = word;
}

/* SOPP's branches: 2 s_branch, 4 scc0, 5 scc1, 6 vccz, 7 vccnz, 8 execz, 9 execnz. */
static void branch(struct program *p, unsigned op, unsigned block)
{
    p->branches[p->branch_count].at = p->count;
    p->branches[p->branch_count++].block = block;
    emit(p, 0xbf800000u | op << 16);
}

static uint32_t sop2(unsigned op, unsigned d, unsigned a, unsigned b)
{
    return 0x80000000u | op << 23 | d << 16 | b << 8 | a;
}

/* s8 to s15 are data, some instructions read what SCC is. */
static void random_instruction(struct program *p)
{
    unsigned d = 8 + below(8), a = 8 + below(8), b = 8 + below(8);
    switch (below(10)) {
    case 0:
        emit(p, sop2(0, d, a, b)); /* s_add_u32 */
        return;
    case 1:
        emit(p, sop2(4, d, a, b)); /* s_addc_u32 */
        return;
    case 2:
        emit(p, sop2(10, d, a, b)); /* s_cselect_b32 */
        return;
    case 3:
        emit(p, sop2(16, d, a, b)); /* s_xor_b32 */
        return;
    case 4:
        emit(p, 0xbf0a0000u | b << 8 | a); /* s_cmp_lt_u32 */
        return;
    case 5:
        emit(p, sop2(36, d, a, 255)); /* s_mul_i32 with a literal */
        emit(p, 0x19660d);
        return;
    case 6:
        emit(p, 0x7d920000u | a); /* v_cmp_lt_u32 vcc, a, v0 */
        return;
    case 7:
        emit(p, 0x68020200u | a); /* v_add_u32 v1, a, v1 */
        return;
    case 8:
        emit(p, 0xdc508000u); /* global_load_dword v2, v3, s[16:17] */
        emit(p, 3 | 16 << 16 | 2u << 24);
        if (below(2))
            emit(p, 0xbf8c0f70u); /* s_waitcnt vmcnt(0) */
        return;
    default:
        emit(p, 0xc0020000u | d << 6 | 16 >> 1); /* s_load_dword d, s[16:17], ... */
        emit(p, below(64) * 4);
        emit(p, 0xbf8cc07fu); /* s_waitcnt lgkmcnt(0) */
    }
}

static void random_program(struct program *p)
{
    unsigned blocks = 2 + below(BLOCKS_MAX - 1);
    memset(p, 0, sizeof(*p));
    emit(p, 0xc0060002u); /* s_load_dwordx2 s[0:1], s[4:5], 0 */
    emit(p, 0);
    emit(p, 0xc0060402u); /* s_load_dwordx2 s[16:17], s[4:5], 8 */
    emit(p, 8);
    emit(p, 0x24060085u); /* v_lshlrev_b32 v3, 5, v0 */
    if (below(4))
        emit(p, 0xbf8cc07fu); /* s_waitcnt lgkmcnt(0): else the first block's branch comes first */
    emit(p, 0xb0030000u | (20 + below(400))); /* s_movk_i32 s3 */
    for (unsigned i = 8; i < 16; i++)
        emit(p, 0xb0000000u | i << 16 | below(0x8000)); /* s_movk_i32 */
    emit(p, 0x7e020280u);                               /* v_mov_b32 v1, 0 */
    emit(p, 0x7d920000u | 8);
    for (unsigned block = 0; block < blocks; block++) {
        p->blocks[block] = p->count;
        emit(p, sop2(3, 3, 3, 129));         /* s_sub_i32 s3, s3, 1 */
        emit(p, 0xbf040000u | 128 << 8 | 3); /* s_cmp_lt_i32 s3, 0 */
        branch(p, 5, BLOCKS_MAX);
        for (unsigned n = below(7); n > 0; n--)
            random_instruction(p);
        if (below(8))
            branch(p, 4 + below(6), below(blocks));
        if (below(3) == 0 || block == blocks - 1)
            branch(p, 2, below(blocks));
    }
    p->blocks[BLOCKS_MAX] = p->count;
    emit(p, 0xbf8c0070u);          /* s_waitcnt vmcnt(0) lgkmcnt(0) */
    emit(p, 0x68020202u | 0x100u); /* v_add_u32 v1, v2, v1 */
    for (unsigned i = 0; i < 8; i++) {
        emit(p, 0x68040200u | (8 + i)); /* v_add_u32 v2, s8 + i, v1 */
        emit(p, 0xdc708000u | i * 4);   /* global_store_dword v3, v2, s[0:1] */
        emit(p, 3 | 2 << 8);
    }
    emit(p, 0xbf810000u); /* s_endpgm */
    for (unsigned i = 0; i < p->branch_count; i++)
        p->words[p->branches[i].at] |=
            (uint16_t)(p->blocks[p->branches[i].block] - p->branches[i].at - 1);
}

static void build(struct built *b, const struct program *p)
{
    uint16_t properties = 1 | 8; /* private segment buffer, kernel arguments */
    uint32_t rsrc1 = 5 | 4 << 6, rsrc2 = 6 << 1 | 1 << 7;
    built_make(b, 0x2f, 2);
    built_segment(b, 1, PT_LOAD, PF_R | PF_X, BUILT_CODE, BUILT_SECTIONS - BUILT_CODE);
    built_symbol(b, 2, 8, STT_FUNC, BUILT_CODE, 4 * p->count);
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_PROPERTIES, &properties, sizeof(properties));
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC1, &rsrc1, sizeof(rsrc1));
    memcpy(b->bytes + BUILT_DESCRIPTORS + REEF_KD_RSRC2, &rsrc2, sizeof(rsrc2));
    memcpy(b->bytes + BUILT_CODE, p->words, 4 * p->count);
}

/* --- runs --- */

struct bench {
    struct harness *h;
    struct harness_launch launch;
    uint64_t arguments[2], own, guarded; /* descriptors */
    volatile uint32_t *line, *record;
    uint32_t *results, want[RESULTS];
};

static void set_flag(struct bench *b, uint32_t value)
{
    b->line[REEF_GUARD_FLAG / 4] = value;
    for (unsigned i = 1; i <= REEF_INSIDE_REPLICAS; i++)
        b->line[i * REEF_GUARD_REPLICA / 4] = value;
}

/* In one go, or in pieces between which the flag goes up. */
static void run(struct bench *b, uint64_t descriptor, bool raise)
{
    memset(b->results, 0, RESULTS * sizeof(*b->results));
    set_flag(b, 0);
    b->line[REEF_GUARD_CHAIN / 4] = *b->record = 0;
    b->launch.descriptor_va = descriptor;
    struct harness_steps *steps = harness_steps_begin(b->h, &b->launch);
    if (!steps)
        die("no work-group");
    enum gcn_status status =
        raise ? harness_steps_run(steps, 0, 1 + below(1u << below(16))) : GCN_RUNNING;
    if (raise)
        set_flag(b, 1);
    for (unsigned pieces = 0; status == GCN_RUNNING && pieces < 10000; pieces++)
        status = harness_steps_run(steps, 0, 1000);
    harness_steps_end(steps);
    if (status != GCN_DONE)
        die("a kernel that does not end");
}

static bool as_wanted(const struct bench *b)
{
    return memcmp(b->results, b->want, sizeof(b->want)) == 0;
}

/* Returns whether all is right. */
static bool check(struct bench *b, unsigned *ended)
{
    run(b, b->own, false);
    memcpy(b->want, b->results, sizeof(b->want));
    run(b, b->guarded, false);
    bool ok = as_wanted(b) && *b->record == 0;
    for (unsigned i = 0; i < 4 && ok; i++) {
        run(b, b->guarded, true);
        bool said = *b->record != 0;
        *ended += said;
        ok = said == (b->line[REEF_GUARD_CHAIN / 4] != 0) && (said || as_wanted(b));
        run(b, b->guarded, false);
        ok = ok && *b->record == 0 && as_wanted(b);
    }
    return ok;
}

static void load(struct bench *b, const struct built *built)
{
    char path[] = "/tmp/reef-layout-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, built->bytes, sizeof(built->bytes)) != (ssize_t)sizeof(built->bytes))
        die("cannot write a temporary file");
    close(fd);
    if (harness_load(b->h, path) != 0)
        die("the object does not load");
    unlink(path);
    b->own = harness_symbol(b->h, "one.kd");
}

/* Puts the guards of the first kernel into memory of their own. */
static void make_guards(struct bench *b, const struct built *built,
                        const struct reef_guard_layout *layout, struct reef_guarded *guarded)
{
    struct reef_object object;
    struct reef_object_kernel kernel;
    uint64_t at = 0;
    unsigned broken = 0;
    if (reef_object_open(&object, built->bytes, sizeof(built->bytes)) != 0 ||
        !reef_object_next_kernel(&object, &at, &kernel, &broken) ||
        reef_guarded_make(guarded, &object, &kernel, layout) != 0 || guarded->bytes == 0)
        die("the kernel cannot be given guards");
    uint64_t address = 0;
    uint8_t *to = harness_alloc(b->h, guarded->bytes, &address);
    reef_guarded_write(guarded, to, b->own - kernel.descriptor_va + kernel.entry_va, layout);
    b->guarded = address + reef_guarded_descriptor(REEF_GUARD_EVICT, 0, TICKETS);
}

int main(int argc, char **argv)
{
    unsigned programs = argc > 1 ? (unsigned)atoi(argv[1]) : 1000, ended = 0, loops = 0, left = 0;
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0);
    for (unsigned i = 0; i < programs; i++) {
        static struct built built;
        static struct program p;
        static struct bench b;
        struct reef_guard_layout layout = {.tickets = TICKETS};
        struct reef_guarded guarded;
        uint64_t began = seed;
        memset(&b, 0, sizeof(b));
        random_program(&p);
        build(&built, &p);
        b.h = harness_create();
        b.line = harness_alloc(b.h, REEF_LINE_BYTES, &layout.lines);
        b.record = harness_alloc(b.h, REEF_RECORD_BYTES, &layout.records);
        b.results = harness_alloc(b.h, RESULTS * sizeof(*b.results), &b.arguments[0]);
        uint32_t *input = harness_alloc(b.h, 4096, &b.arguments[1]);
        for (unsigned n = 0; n < 1024; n++)
            input[n] = below(1u << 31);
        load(&b, &built);
        make_guards(&b, &built, &layout, &guarded);
        b.launch = (struct harness_launch){.kernel = "one",
                                           .grid = {64},
                                           .workgroup = {64},
                                           .kernarg = b.arguments,
                                           .kernarg_bytes = sizeof(b.arguments)};
        loops += guarded.inside.loops;
        left += guarded.analysis.restart == REEF_RESTART_NEVER;
        if (guarded.analysis.restart != REEF_RESTART_NEVER && !check(&b, &ended)) {
            printf("FAILED: program %u, seed %#llx\n", i, (unsigned long long)began);
            return 1;
        }
        reef_guarded_free(&guarded);
        harness_destroy(b.h);
    }
    printf("%u programs, %u loops, ended %u times by the flag; %u not to be run again\n", programs,
           loops, ended, left);
    return loops > programs / 4 && ended > programs / 4 && left < programs / 4 ? 0 : 1;
}
