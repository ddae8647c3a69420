// SPDX-License-Identifier: Apache-2.0
/*
 * What reef replay and reef trace read from files: recorded traces, workloads (DISB's JSON, CSV),
 * models (our text, REEF's JSON) and costs. The first byte says which reader gets the rest.
 * Whatever is accepted is also run, for a moment.
 *
 * With libFuzzer, from the source root:
 *   clang -g -O1 -D_GNU_SOURCE -DREEF_LIBFUZZER -fsanitize=fuzzer,address,undefined -I. \
 *       tests/fuzz/fuzz_replay.c replay/[a-z]*.c replay/read/[a-z]*.c sched/[a-z]*.c
 * sched/policy/[a-z]*.c \ emu/model/[a-z]*.c -lcjson -lm -o fuzz_replay Without: a program that
 * changes good inputs a given number of times, from a fixed seed (a test).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine.h"
#include "replay/read/read.h"
#include "replay/trace.h"
#include "tests/replay/random_workload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char model_text[] = "model M\noverhead 1.5\n"
                                 "kernel a groups 48 threads 256 lds 8196 vgprs 25 us 1:16 4:20.5\n"
                                 "kernel b groups 1 threads 64 us 1:3\n"
                                 "sequence a 3( b 2( a ) ) b\n";
static const char disb_text[] =
    "{\"time\": 0.01, \"tasks\": [{\"id\": \"x\", \"load\": {\"type\": \"periodic\", \"priority\": "
    "0,"
    " \"frequency\": 500}, \"client\": {\"model\": \"M\"}}, {\"id\": \"y\", \"load\": {\"type\":"
    " \"trace\", \"priority\": 1, \"trace\": [0, 1.5, 2]}, \"client\": {\"model\": \"M\"}}, "
    "{\"id\":"
    " \"z\", \"load\": {\"type\": \"dependent\", \"prev_task_ids\": [\"x\"]}, \"client\": "
    "{\"name\":"
    " \"M\"}}]}";
static const char csv_text[] =
    "t_us,client,class,model,work\n0,a,rt,M,1\n10.5,b,be,M,3\n5,a,rt,M,2\n";
static const char reef_text[] =
    "{\"kernels\": [{\"name\": \"k\", \"launch_params\": [8, 2, 1, 16, 16, 1]}, {\"name\": \"l\","
    " \"launch_params\": [1, 1, 1, 64, 1, 1]}], \"shared_memory\": {\"k\": 4096}}"
    "{\"model_latency\": 90, \"kernel_latency\": {\"k\": {\"total_latency\": 50, \"latency\": [48,"
    " 60]}, \"l\": {\"total_latency\": 20, \"latency\": [18]}}}";
static const char costs_text[] =
    "launch_ns = 1\ngap_ns = 2\nrequest_ns = 3\nturnaround_ns = 4\nreset_ns = 5\nresume_ns = 6\n"
    "evict_ns = 7\nproxy_milli = 1008\nrestart_back = 3 # so many\ninterference_milli = 0\n";

static struct replay_model *find_model(void *arg, const char *name, char *err, size_t err_size)
{
    struct replay_model *model =
        replay_model_parse(model_text, sizeof(model_text) - 1, err, err_size);

    (void)arg;
    if (!model)
        abort();
    snprintf(model->name, sizeof(model->name), "%s", name);
    if (replay_model_prepare(model, &mi50, 2000, err, err_size) != 0)
        abort();
    return model;
}

static void try_workload(struct replay_workload *workload)
{
    struct replay_result result;

    if (!workload)
        return;
    uint64_t work = 0;
    for (uint32_t i = 0; i < workload->model_count; i++)
        work += workload->models[i]->length;
    for (size_t p = 0; replay_policy_at(p) && work < 10000 && workload->client_count < 20; p += 3) {
        struct replay_options options = {.profile = &mi50,
                                         .costs = &costs,
                                         .policy = replay_policy_at(p),
                                         .duration_ns = 2000000};

        if (replay_run(workload, &options, &result) == 0)
            replay_result_free(&result);
    }
    replay_workload_destroy(workload);
}

static void try_model(struct replay_model *model, char *err, size_t err_size)
{
    if (model)
        replay_model_prepare(model, &mi50, 2000, err, err_size);
    replay_model_destroy(model);
}

static void try_trace(const uint8_t *data, size_t size, char *err, size_t err_size)
{
    struct replay_trace *trace = replay_trace_read(data, size, err, err_size);
    char name[32];

    if (!trace)
        return;
    replay_trace_name(trace, 7, name, sizeof(name));
    try_workload(replay_trace_workload("t", &trace, 1, &mi50, 2000, err, err_size));
    replay_trace_free(trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[128] = "";
    if (size == 0)
        return 0;
    uint8_t which = data[0];
    char *text = malloc(size); /* exact, so that reading on is seen */
    struct replay_costs read;

    if (!text)
        abort();
    memcpy(text, data + 1, --size);
    const char *second = memmem(text, size, "}{", 2);
    size_t first = second ? (size_t)(second - text) + 1 : size;
    switch (which % 6) {
    case 0:
        try_trace((const uint8_t *)text, size, err, sizeof(err));
        break;
    case 1:
        try_workload(replay_read_disb("d", text, size, find_model, NULL, err, sizeof(err)));
        break;
    case 2:
        try_workload(replay_read_csv("c", text, size, find_model, NULL, err, sizeof(err)));
        break;
    case 3:
        try_model(replay_model_parse(text, size, err, sizeof(err)), err, sizeof(err));
        break;
    case 4:
        try_model(
            replay_read_reef("r", text, first, text + first, size - first, 0, err, sizeof(err)),
            err, sizeof(err));
        break;
    default:
        replay_costs_parse(&read, text, size, err, sizeof(err));
        break;
    }
    free(text);
    return 0;
}

#ifndef REEF_LIBFUZZER
/* A small trace: two queues, an RT burst, names. */
static size_t make_trace(uint8_t *to)
{
    static const uint16_t types[] = {1, 3, 13, 4, 5, 6, 3, 7, 8, 10, 12, 9, 14, 2};
    struct reef_trace_header header = {REEF_TRACE_MAGIC, REEF_TRACE_VERSION, 64, 48, 42, 1, {0}};
    size_t count = sizeof(types) / sizeof(types[0]);

    memcpy(to, &header, sizeof(header));
    for (size_t i = 0; i < 3 * count; i++) {
        struct reef_trace_record r = {.at_ns = 1000000 + i * 20000,
                                      .type = types[i % count],
                                      .queue = (uint32_t)(i / count % 2),
                                      .a = i % count == 0 ? i / count % 2 : i / count,
                                      .b = 7,
                                      .c = 64ull << 32 | 30};

        memcpy(to + 64 + i * 48, &r, sizeof(r));
    }
    return 64 + 3 * count * 48;
}

static size_t make_input(unsigned which, uint8_t *to)
{
    static const struct {
        const char *text;
        size_t size;
    } texts[] = {
        {NULL, 0},
        {disb_text, sizeof(disb_text) - 1},
        {csv_text, sizeof(csv_text) - 1},
        {model_text, sizeof(model_text) - 1},
        {reef_text, sizeof(reef_text) - 1},
        {costs_text, sizeof(costs_text) - 1},
    };

    to[0] = (uint8_t)which;
    if (which == 0)
        return 1 + make_trace(to + 1);
    memcpy(to + 1, texts[which].text, texts[which].size);
    return 1 + texts[which].size;
}

/* Changes a byte, a number, a piece; or cuts. */
static size_t change(uint64_t *random, uint8_t *data, size_t size)
{
    static const char *const pieces[] = {
        "-1", "0", "99999999999999999999", "1e999", "{", "]",  "\"",
        "(",  ")", "4294967296",           ":",     ",", "\n", "#"};
    size_t at = 1 + below(random, size - 1);

    switch (below(random, 6)) {
    case 0:
        data[at] = (uint8_t)below(random, 256);
        break;
    case 1:
        data[at] ^= (uint8_t)(1u << below(random, 8));
        break;
    case 2:
        return at + 1;
    case 3: {
        const char *piece = pieces[below(random, sizeof(pieces) / sizeof(pieces[0]))];
        size_t length = strlen(piece);

        if (at + length < size)
            memcpy(data + at, piece, length);
        break;
    }
    case 4: {
        uint64_t word = below(random, 4) ? replay_random(random) : below(random, 100);

        if (at + 8 < size)
            memcpy(data + at / 8 * 8 + 1, &word, 8);
        break;
    }
    default: {
        size_t from = 1 + below(random, size - 1), length = below(random, 32);

        if (at + length < size && from + length < size)
            memmove(data + at, data + from, length);
        break;
    }
    }
    return size;
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 0) : 60000;
    uint64_t random = 20220711;
    static uint8_t data[1 << 14];

    for (unsigned long i = 0; i < runs; i++) {
        size_t size = make_input((unsigned)(i % 6), data);

        for (uint64_t changes = i < 6 ? 0 : below(&random, 5); changes > 0 && size > 1; changes--)
            size = change(&random, data, size);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%lu inputs\n", runs);
    return 0;
}
#endif
