// SPDX-License-Identifier: Apache-2.0
/*
 * The recorder by itself: many threads, more than there are rings, put numbered records while
 * another one writes them out now and then. Every record is in the file or counted as lost, and
 * those of a thread are in order.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/trace.h"
#include "shim/trace/trace.h"

enum { THREADS = 80, WAVES = 3, PUTS = 6000 };

static _Atomic bool stop;
static _Atomic uint64_t put_count;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "test_recorder: %s\n", what);
    exit(1);
}

static void name(uint64_t kernel, char *text, unsigned size)
{
    snprintf(text, size, "a kernel with a name that needs more than one piece, %" PRIu64, kernel);
}

static void *writer(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop))
        reef_trace_flush(name);
    return NULL;
}

static void *producer(void *arg)
{
    uint32_t number = (uint32_t)(uintptr_t)arg;

    for (uint64_t i = 0; i < PUTS; i++) {
        REEF_TRACE_EVENT(REEF_TRACE_LAUNCH, number, i, number % 7 + 1, 64ull << 32 | 3, 0);
        atomic_fetch_add(&put_count, 1);
    }
    return NULL;
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    char *data = malloc(256u << 20);

    check(file && data, "no file");
    *size = fread(data, 1, 256u << 20, file);
    fclose(file);
    return data;
}

static void check_file(const char *path)
{
    char err[256], text[128];
    size_t size;
    char *data = read_file(path, &size);
    struct replay_trace *trace = replay_trace_read(data, size, err, sizeof(err));
    uint64_t launches = 0, next[THREADS * WAVES] = {0};

    check(trace != NULL, err);
    check(trace->cut == 0 && trace->unknown == 0 && trace->be, "the file is damaged");
    for (size_t i = 0; i < trace->count; i++) {
        const struct reef_trace_record *r = &trace->records[i];

        if (r->type != REEF_TRACE_LAUNCH)
            continue;
        launches++;
        check(r->queue < THREADS * WAVES && r->a + 1 > next[r->queue], "out of order");
        next[r->queue] = r->a + 1;
    }
    printf("%" PRIu64 " put, %" PRIu64 " in the file, %" PRIu64 " lost\n", atomic_load(&put_count),
           launches, trace->lost);
    check(launches + trace->lost == atomic_load(&put_count), "records vanished");
    check(launches > 0, "nothing was recorded");
    replay_trace_name(trace, 3, text, sizeof(text));
    check(strcmp(text, "a kernel with a name that needs more than one piece, 3") == 0, text);
    replay_trace_free(trace);
    free(data);
}

int main(void)
{
    char path[] = "/tmp/reef-recorder-XXXXXX";
    pthread_t threads[THREADS], flusher;
    int fd = mkstemp(path);

    check(fd >= 0, "no temporary file");
    close(fd);
    REEF_TRACE_EVENT(REEF_TRACE_LAUNCH, 0, 0, 0, 0, 0); /* before it is on: nothing */
    reef_trace_open(path, true);
    check(atomic_load(&reef_trace_active), "it does not record");
    check(pthread_create(&flusher, NULL, writer, NULL) == 0, "no thread");
    for (uint32_t wave = 0; wave < WAVES; wave++) {
        for (uint32_t i = 0; i < THREADS; i++)
            check(pthread_create(&threads[i], NULL, producer,
                                 (void *)(uintptr_t)(wave * THREADS + i)) == 0,
                  "no thread");
        for (uint32_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    atomic_store(&stop, true);
    pthread_join(flusher, NULL);
    reef_trace_flush(name);
    check_file(path);
    unlink(path);
    return 0;
}
