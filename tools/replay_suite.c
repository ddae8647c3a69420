// SPDX-License-Identifier: Apache-2.0
/*
 * reef replay --suite disb: REEF's workloads under every policy. The runs are independent, so as
 * many go on at a time as there are processors; each writes into a place of its own, and what is
 * printed does not depend on which ended first.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/replay.h"

static const struct {
    const char *name;
    uint32_t quick_ms;
} workloads[SUITE_WORKLOADS] = {
    {"A", 3000}, {"B", 3000}, {"C", 2000}, {"D", 2000}, {"E", 2000}, {"REAL", 8000},
};
/* Without padding: a kernel that padding has completed needs no restore. */
static struct replay_policy without_padding[SUITE_POLICIES];
static const char *const restore_models[SUITE_RESTORES] = {"RNET", "DNET", "VGG", "IN3", "BERT"};

struct job {
    const struct replay_workload *workload;
    const struct replay_policy *policy;
    uint64_t duration_ns;
    struct replay_cell *cell;
    double *cpu_s; /* may be NULL */
};
enum { JOBS = (SUITE_WORKLOADS + SUITE_RESTORES) * SUITE_POLICIES, THREADS_MAX = 64 };

struct work {
    const struct replay_setup *setup;
    uint64_t seed;
    struct job jobs[JOBS];
    unsigned count;
    atomic_uint next, done;
    atomic_ullong simulated_ns;
    unsigned long long all_ns;
    atomic_bool failed;
};

static double thread_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct progress {
    struct work *work;
    uint64_t told_ns;
};

static int progress(void *arg, uint64_t now_ns)
{
    struct progress *p = arg;

    atomic_fetch_add(&p->work->simulated_ns, now_ns - p->told_ns);
    p->told_ns = now_ns;
    return atomic_load(&p->work->failed);
}

static void *worker(void *arg)
{
    struct work *work = arg;
    unsigned i;

    while ((i = atomic_fetch_add(&work->next, 1)) < work->count && !atomic_load(&work->failed)) {
        struct job *job = &work->jobs[i];
        struct progress p = {.work = work};
        struct replay_options options = {
            .profile = &work->setup->profile,
            .costs = &work->setup->costs,
            .policy = job->policy,
            .duration_ns = job->duration_ns,
            .seed = work->seed,
            .progress = progress,
            .arg = &p,
        };
        double before_s = thread_s();

        if (!replay_cell_run(work->setup, job->workload, &options, job->cell))
            atomic_store(&work->failed, true);
        if (job->cpu_s)
            *job->cpu_s = thread_s() - before_s;
        progress(&p, job->duration_ns);
        atomic_fetch_add(&work->done, 1);
    }
    return NULL;
}

static void watch(struct work *work)
{
    const struct timespec tick = {.tv_nsec = 200000000};
    bool terminal = isatty(STDERR_FILENO);

    while (atomic_load(&work->done) < work->count && !atomic_load(&work->failed)) {
        nanosleep(&tick, NULL);
        if (terminal)
            fprintf(stderr, "\r%3llu %%  %u of %u runs",
                    (unsigned long long)atomic_load(&work->simulated_ns) * 100 / work->all_ns,
                    atomic_load(&work->done), work->count);
    }
    if (terminal)
        fputs("\r                              \r", stderr);
}

static bool run_all(struct work *work)
{
    pthread_t threads[THREADS_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = processors < 1 ? 1 : (unsigned)processors, started = 0;

    if (count > THREADS_MAX)
        count = THREADS_MAX;
    while (started < count && pthread_create(&threads[started], NULL, worker, work) == 0)
        started++;
    if (started == 0)
        worker(work);
    watch(work);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return !atomic_load(&work->failed);
}

static void add_job(struct work *work, struct job job)
{
    work->jobs[work->count++] = job;
    work->all_ns += job.duration_ns;
}

/* RT VGG at random times beside one continuous BE client: no phase of it is met more often. */
static struct replay_workload *make_restore(struct replay_setup *setup, const char *model)
{
    char text[512];
    int used = snprintf(
        text, sizeof(text),
        "{\"time\": 10, \"tasks\": ["
        "{\"id\": \"rt\", \"load\": {\"type\": \"poisson\", \"priority\": 0, \"frequency\": 80},"
        " \"client\": {\"model\": \"VGG\"}},"
        "{\"id\": \"be\", \"load\": {\"type\": \"continuous\", \"priority\": 1},"
        " \"client\": {\"model\": \"%s\"}}]}",
        model);

    return replay_workload_from_json(setup, model, text, (size_t)used);
}

static bool prepare(struct replay_setup *setup, struct replay_suite *suite, struct work *work)
{
    for (unsigned p = 0; p < SUITE_POLICIES; p++) {
        suite->policies[p] = replay_policy_at(p);
        without_padding[p] = *suite->policies[p];
        without_padding[p].padding.kernels = 0;
    }
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++) {
        suite->workloads[w] = replay_workload_load(setup, workloads[w].name);
        if (!suite->workloads[w])
            return false;
        for (unsigned p = 0; p < SUITE_POLICIES; p++)
            add_job(work, (struct job){
                              .workload = suite->workloads[w],
                              .policy = suite->policies[p],
                              .duration_ns = suite->quick ? workloads[w].quick_ms * 1000000ull
                                                          : suite->workloads[w]->duration_ns,
                              .cell = &suite->cells[w][p],
                              .cpu_s = &suite->cpu_s[w][p],
                          });
    }
    for (unsigned m = 0; m < SUITE_RESTORES; m++) {
        suite->restore_workloads[m] = make_restore(setup, restore_models[m]);
        if (!suite->restore_workloads[m])
            return false;
        for (unsigned p = 3; p < SUITE_POLICIES; p++) /* those that preempt */
            add_job(work, (struct job){
                              .workload = suite->restore_workloads[m],
                              .policy = &without_padding[p],
                              .duration_ns = suite->quick ? 2000000000ull : 10000000000ull,
                              .cell = &suite->restores[m][p],
                          });
    }
    return true;
}

static void release(struct replay_suite *suite)
{
    for (unsigned p = 0; p < SUITE_POLICIES; p++) {
        for (unsigned w = 0; w < SUITE_WORKLOADS; w++)
            free(suite->cells[w][p].clients);
        for (unsigned m = 0; m < SUITE_RESTORES; m++)
            free(suite->restores[m][p].clients);
    }
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++)
        replay_workload_destroy(suite->workloads[w]);
    for (unsigned m = 0; m < SUITE_RESTORES; m++)
        replay_workload_destroy(suite->restore_workloads[m]);
}

/* On standard error, because it is not the same every time. */
static void print_timing(const struct replay_suite *suite)
{
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++) {
        double simulated_s = suite->quick ? workloads[w].quick_ms * 1e-3
                                          : (double)suite->workloads[w]->duration_ns * 1e-9;

        fprintf(stderr, "%-5s simulated s per CPU s:", workloads[w].name);
        for (unsigned p = 0; p < SUITE_POLICIES; p++)
            fprintf(stderr, " %s %.1f", suite->policies[p]->name, simulated_s / suite->cpu_s[w][p]);
        fputc('\n', stderr);
    }
}

int replay_suite_command(struct replay_setup *setup, bool quick, uint64_t seed, const char *json,
                         const char *plot, bool timing)
{
    static struct replay_suite suite;
    static struct work work;
    bool good;

    suite.quick = quick;
    work.setup = setup;
    work.seed = seed;
    good = prepare(setup, &suite, &work) && run_all(&work);
    if (good)
        replay_print_suite(&suite);
    if (good && json)
        good = replay_json_suite(&suite, json);
    if (good && plot)
        good = replay_plot_suite(setup, &suite, seed, plot);
    if (good && timing)
        print_timing(&suite);
    release(&suite);
    return good ? 0 : 1;
}
