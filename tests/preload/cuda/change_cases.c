// SPDX-License-Identifier: Apache-2.0
/*
 * change_cases CASE: calls that change what a launch finds come to the driver behind the launches
 * that were called before them, with the arguments that the program gave, and with the driver's own
 * result; and they wait for nothing else. Every function that api.def says so of: the fake driver
 * notes how it was called (fakes/stubbed.h). See rig.h.
 */
#include <dlfcn.h>
#include <semaphore.h>
#include <string.h>

#include "tests/preload/cuda/rig.h"
#include "tests/preload/fakes/stubbed.h"

enum kind {
#define KIND(name, work, text) name,
#include "shim/nvidia/kinds.def"
};

static const struct row {
    const char *symbol;
    enum kind kind;
    unsigned arguments;
    bool floats;
} rows[] = {
#define HOOK(symbol, name, version, arguments, kind, stream)       {#symbol, kind, arguments, false},
#define HOOK_FLOAT(symbol, name, version, arguments, kind, stream) {#symbol, kind, arguments, true},
#include "shim/nvidia/api.def"
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), READ = 1, READ_WRITE = 3 };

/* CUmemAccessDesc */
struct access {
    uint32_t location_type, location, flags;
};

static bool changes(const struct row *row)
{
    return row->kind == CHANGE_STATE || row->kind == CHANGE_ACCESS || row->kind == CHANGE_REFERENCE;
}

static struct fake_stub_call *last(void)
{
    struct fake_stub_call *call = dlsym(RTLD_DEFAULT, "fake_stub_call");
    CHECK(call);
    return call;
}

static const float floats[] = {-0.75f, 1e-42f}; /* the second is denormal */

/* Calls it as the program would, and sees that the driver was called just so. */
static void call(const struct row *row, const struct access *access)
{
    typedef CUresult with_words(uint64_t, uint64_t, uint64_t, uint64_t);
    typedef CUresult with_floats(uint64_t, uint64_t, float, float);
    void *function = dlsym(RTLD_DEFAULT, row->symbol);
    uint64_t words[FAKE_STUB_WORDS];
    unsigned count = row->floats ? row->arguments - 1 : row->arguments;
    for (unsigned i = 0; i < FAKE_STUB_WORDS; i++)
        words[i] = 0xfedcba9876543210u + i;
    if (row->kind == CHANGE_ACCESS) {
        words[row->arguments - 2] = (uint64_t)(uintptr_t)access;
        words[row->arguments - 1] = 2;
    }
    *last() = (struct fake_stub_call){0};
    CHECK(function, "%s", row->symbol);
    CUresult result = row->floats
                          ? ((with_floats *)function)(words[0], words[1], floats[0], floats[1])
                          : ((with_words *)function)(words[0], words[1], words[2], words[3]);
    CHECK(result == NOT_SUPPORTED, "%s: %d", row->symbol, result);
    CHECK(last()->symbol && strcmp(last()->symbol, row->symbol) == 0, "%s", row->symbol);
    for (unsigned i = 0; i < count && i < (row->floats ? 2 : FAKE_STUB_WORDS); i++)
        CHECK(last()->words[i] == words[i], "%s: word %u", row->symbol, i);
    CHECK(!row->floats || memcmp(last()->floats, floats, sizeof(floats)) == 0, "%s", row->symbol);
}

/* Access that takes something away, if only in the second place. */
static const struct access less[] = {{1, 0, READ_WRITE}, {1, 1, READ}};
static const struct access more[] = {{1, 0, READ_WRITE}, {1, 1, READ_WRITE}};

static void test_behind(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    unsigned seen = 0, wanted = 0;
    for (unsigned i = 0; i < ROWS; i++) {
        if (!changes(&rows[i]))
            continue;
        uint64_t before = rig_launches();
        rig_hold();
        for (int k = 0; k < 3; k++)
            rig_do(rig_add, s, at, 1);
        CHECK(!rig_is_be() || rig_launches() == before, "work was given to the driver while held");
        rig_release_soon();
        call(&rows[i], less);
        CHECK(last()->launches == before + 3, "%s: overtook launches", rows[i].symbol);
        rig_release();
        TRY(cuStreamSynchronize(s));
        seen++;
    }
    for (unsigned i = 0; i < ROWS; i++)
        wanted += strncmp(rows[i].symbol, "cuTexRef", 8) == 0 ||
                  strncmp(rows[i].symbol, "cuSurfRef", 9) == 0 ||
                  strncmp(rows[i].symbol, "cuParamSet", 10) == 0;
    CHECK(seen >= wanted + 7 && *at == 3 * (int64_t)seen, "%u", seen);
}

/* Nothing of this program is held, though others have real-time work: nobody would let it go. */
static void test_alone(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    rig_do(rig_add, s, at, 1);
    TRY(cuStreamSynchronize(s));
    rig_hold();
    for (unsigned i = 0; i < ROWS; i++)
        if (changes(&rows[i]))
            call(&rows[i], less);
    rig_release();
}

/* A program that only makes memory usable, as allocators do when they grow, does not wait. */
static void test_grants(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    uint64_t before = rig_launches();
    rig_hold();
    rig_do(rig_add, s, at, 1);
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].kind == CHANGE_ACCESS)
            call(&rows[i], more);
    CHECK(!rig_is_be() || rig_launches() == before);
    rig_release();
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 1);
}

/* While the thread captures: what is captured is not held, and what is held is issued. */
static void test_capture(void)
{
    CUstream s = rig_stream(1), captured = rig_stream(1);
    int64_t *at = rig_int64(), *also = rig_int64();
    CUgraph graph;
    CUgraphExec exec;
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuStreamBeginCapture_v2(captured, 2));
    rig_do(rig_add, captured, also, 1);
    for (unsigned i = 0; i < ROWS; i++)
        if (changes(&rows[i]))
            call(&rows[i], less);
    TRY(cuStreamEndCapture(captured, &graph));
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuGraphLaunch(exec, captured));
    TRY(cuStreamSynchronize(captured));
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 1 && *also == 1);
}

static sem_t held, called;

static void call_all(void *arg)
{
    while (sem_wait(&held) != 0) {
    }
    for (unsigned i = 0; i < ROWS; i++)
        if (changes(&rows[i]))
            call(&rows[i], less);
    sem_post(&called);
}

/* In a host function: what is held may be behind it. */
static void test_host(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    sem_init(&held, 0, 0);
    sem_init(&called, 0, 0);
    TRY(cuLaunchHostFunc(s, call_all, NULL));
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    sem_post(&held);
    while (sem_wait(&called) != 0) {
    }
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 1);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"behind", test_behind},   {"alone", test_alone}, {"grants", test_grants},
    {"capture", test_capture}, {"host", test_host},
};

int main(int argc, char **argv)
{
    rig_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return 2;
}
