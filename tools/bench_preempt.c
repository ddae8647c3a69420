// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt: how soon best-effort work leaves the GPU when real-time work arrives, by each
 * means, and against what that might depend on. The measured programs are tests/apps/occupant.cpp
 * (it occupies every compute unit) and tests/apps/arrivals.cpp (it arrives and needs them all).
 *
 * What is measured on the host, in wall time, comes from the log of the best-effort processes,
 * whose clock all processes share: from the launch call until the last packet that any of them
 * gives to the device (held), until the agents of all know (seen), and until each has raised its
 * flags or asked the driver to destroy or suspend the queue (kill). What is measured on the device,
 * in its time, comes from its own clock: until the last best-effort packet ended, until the first
 * real-time work-group ran, and until all did. On an emulated GPU device time is a model's
 * (docs/emulator.md): the host's part of a launch is in it at wall time divided by the time scale;
 * and saving and restoring waves (of queues that are destroyed or suspended) take what their state
 * would take over PCI Express.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/board.h"
#include "tools/bench.h"

enum { ARRIVALS_MAX = 4000, PROCESSES_MAX = 8, LINE = 256 };

/* What an MI50 has to save of the best-effort program: on each of 60 units a work-group with 64 KiB
 * of local memory, and one wavefront's registers of some KiB; to host memory, where amdkfd has the
 * save area, at the 12 GB/s that PCI Express 3.0 x16 carries. Every change of a queue unmaps all.
 */
#define SAVE_US "350"

struct setting {
    const char *reset; /* REEF_RESET; NULL: no best-effort program at all */
    double kernel_us;
    int queued, depth, processes, arrivals;
};

struct arrival {
    uint64_t wall_ns, ticks;
    double first_us, all_us;
    /* Wall; 0: did not happen. */
    uint64_t held_ns[PROCESSES_MAX], seen_ns[PROCESSES_MAX], killed_ns[PROCESSES_MAX];
    uint64_t evicted_tick;
};

struct figures {
    double hold[ARRIVALS_MAX], seen[ARRIVALS_MAX], kill[ARRIVALS_MAX], evict[ARRIVALS_MAX];
    double first[ARRIVALS_MAX], all[ARRIVALS_MAX];
    int holds, seens, kills, evicts, arrivals;
    double waste_pct, reexecuted, resubmitted;
    uint64_t preemptions;
};

static struct arrival arrivals[ARRIVALS_MAX];
static int arrival_count;
static double ticks_per_us = 1000; /* of the driver's device clock; worked out from the arrivals */

/* --- running --- */

static char work[PATH_MAX];

static char *in_work(char path[PATH_MAX], const char *name, int number)
{
    if (snprintf(path, PATH_MAX, "%s/%s%d", work, name, number) >= PATH_MAX)
        path[0] = '\0';
    return path;
}

static bool set(const char *name, const char *value)
{
    return value ? setenv(name, value, 1) == 0 : unsetenv(name) == 0;
}

static bool prepare(const struct setting *s, bool emulated)
{
    char depth[16];
    snprintf(work, sizeof(work), "/dev/shm/reef-bench-XXXXXX");
    if (!mkdtemp(work)) {
        reef_say("bench: %s: %s", work, strerror(errno));
        return false;
    }
    snprintf(depth, sizeof(depth), "%d", s->depth);
    /* Guards are given two milliseconds of the device's time, whatever its clock. */
    if (emulated && !(set("REEF_EMU_SAVE_US", SAVE_US) && set("REEF_EMU_RESTORE_US", SAVE_US) &&
                      set("REEF_EMU_UNMAP_ALL", "1")))
        return false;
    return set("REEF_BOARD_DIR", work) && set("REEF_EMU_DIR", work) &&
           set("REEF_RESET", s->reset) && set("REEF_DEPTH", depth) &&
           set("REEF_DEPTH_US", "1000000") &&
           set("REEF_EVICT_PATIENCE_US", emulated ? "40000" : "2000") && set("REEF_LOG", "debug");
}

static void clean_up(void)
{
    char command[PATH_MAX + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", work);
    if (system(command) != 0)
        reef_say("bench: %s could not be removed", work);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool await_file(const char *path, pid_t process)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 6000; i++) {
        if (exists(path))
            return true;
        if (waitpid(process, NULL, WNOHANG) == process)
            return false;
        nanosleep(&pause, NULL);
    }
    return false;
}

static pid_t start_occupant(const struct reef_bench_libraries *libraries, const struct setting *s,
                            int number)
{
    static char program[PATH_MAX], stop[PATH_MAX], ready[PATH_MAX], log[PATH_MAX];
    char duration[32], queued[16];
    if (!reef_bench_find_app("occupant", program))
        return -1;
    snprintf(duration, sizeof(duration), "%.1f", s->kernel_us);
    snprintf(queued, sizeof(queued), "%d", s->queued);
    in_work(stop, "stop", 0);
    in_work(ready, "ready", number);
    if (!set("REEF_LOG_FILE", in_work(log, "log", number)))
        return -1;
    char *argv[] = {program, duration, queued, stop, ready, NULL};
    pid_t process = reef_bench_spawn(libraries, "be", argv, -1);
    if (process > 0 && await_file(ready, process))
        return process;
    reef_say("bench: the best-effort program did not start");
    return -1;
}

static bool run_arrivals(const struct reef_bench_libraries *libraries, const struct setting *s)
{
    static char program[PATH_MAX];
    char count[16], gap[32], line[LINE];
    int ends[2];
    double kernel_us = s->reset ? s->kernel_us : 0;
    if (!reef_bench_find_app("arrivals", program) || pipe(ends) != 0)
        return false;
    snprintf(count, sizeof(count), "%d", s->arrivals);
    /* Best-effort kernels are to end now and then, or they are not preempted any more. */
    double scale = libraries->profile ? 20 : 1;
    snprintf(gap, sizeof(gap), "%.0f", (kernel_us * 3 + 600) * scale);
    set("REEF_LOG_FILE", NULL);
    set("REEF_LOG", "error");
    char *argv[] = {program, count, gap, (char *)"1", NULL};
    pid_t process = reef_bench_spawn(libraries, "rt", argv, ends[1]);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    for (arrival_count = 0;
         out && fgets(line, sizeof(line), out) && arrival_count < ARRIVALS_MAX;) {
        struct arrival *a = &arrivals[arrival_count];
        memset(a, 0, sizeof(*a));
        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %lf %lf", &a->wall_ns, &a->ticks, &a->first_us,
                   &a->all_us) == 4)
            arrival_count++;
    }
    if (out)
        fclose(out);
    int status;
    if (process > 0 && waitpid(process, &status, 0) == process && status == 0 && arrival_count > 0)
        return true;
    reef_say("bench: the real-time program failed");
    return false;
}

/* --- reading --- */

static struct arrival *arrival_at(uint64_t wall_ns)
{
    struct arrival *found = NULL;
    for (int i = 0; i < arrival_count && arrivals[i].wall_ns <= wall_ns; i++)
        found = &arrivals[i];
    return found;
}

/* All queues of the process are held: from when the bit was set, or from when a thread rang that
 * had looked just before that. */
static void read_held(const char *at, int process)
{
    unsigned long long raised_ns, fed_ns, seen_ns;
    if (sscanf(at, "held: rt work exists since %llu, last fed at %llu, seen at %llu", &raised_ns,
               &fed_ns, &seen_ns) != 3)
        return;
    struct arrival *a = arrival_at(raised_ns);
    if (!a || a->held_ns[process])
        return;
    a->held_ns[process] = fed_ns > raised_ns ? fed_ns : raised_ns;
    a->seen_ns[process] = seen_ns;
}

static void read_line(const char *line, int process)
{
    unsigned long long seconds, micros, tick, flag_ns;
    if (sscanf(line, "reef[%*d] %llu.%llu", &seconds, &micros) != 2)
        return;
    uint64_t wall_ns = seconds * 1000000000ull + micros * 1000 + 999;
    const char *held = strstr(line, "held: "), *flag = strstr(line, "evict flag raised at ");
    if (held)
        read_held(held, process);
    if (flag && sscanf(flag, "evict flag raised at %llu", &flag_ns) == 1)
        wall_ns = flag_ns;
    struct arrival *a = arrival_at(wall_ns);
    if (!a)
        return;
    if ((flag || strstr(line, "kill issued")) && !a->killed_ns[process])
        a->killed_ns[process] = wall_ns;
    const char *at = strstr(line, "ended at tick ");
    if (at && sscanf(at, "ended at tick %llu", &tick) == 1 && tick > a->evicted_tick)
        a->evicted_tick = tick;
}

static void read_logs(int processes)
{
    char path[PATH_MAX], line[LINE];
    for (int i = 0; i < processes; i++) {
        FILE *log = fopen(in_work(path, "log", i), "r");
        while (log && fgets(line, sizeof(line), log))
            read_line(line, i);
        if (log)
            fclose(log);
    }
}

static void read_board(struct figures *f)
{
    static struct reef_board_peer peers[REEF_BOARD_SLOTS];
    static char gpus[4][REEF_BOARD_NAME];
    uint64_t done = 0, wasted = 0, again = 0, resubmitted = 0;
    int count = reef_board_list(work, gpus, 4);
    for (int g = 0; g < count; g++) {
        int n = reef_board_read(work, gpus[g], peers, REEF_BOARD_SLOTS);
        for (int p = 0; p < n; p++) {
            const struct reef_board_stats *s = &peers[p].stats;
            f->preemptions += s->preemptions;
            again += s->evictions + s->resets; /* of each, one kernel at most had begun */
            resubmitted += s->reexecuted;
            done += s->done_ns;
            wasted += s->wasted_ns;
        }
    }
    f->waste_pct = done ? 100.0 * (double)wasted / (double)done : 0;
    f->reexecuted = f->preemptions ? (double)again / (double)f->preemptions : 0;
    f->resubmitted = f->preemptions ? (double)resubmitted / (double)f->preemptions : 0;
}

/* Until it had happened in the last of the processes in which it did. */
static void collect_last(double *values, int *count, const uint64_t at_ns[PROCESSES_MAX],
                         uint64_t from_ns)
{
    uint64_t last_ns = 0;
    for (int p = 0; p < PROCESSES_MAX; p++)
        last_ns = at_ns[p] > last_ns ? at_ns[p] : last_ns;
    if (last_ns)
        values[(*count)++] = (double)(last_ns - from_ns) / 1000;
}

static void collect(struct figures *f)
{
    for (int i = 0; i < arrival_count; i++) {
        const struct arrival *a = &arrivals[i];
        collect_last(f->hold, &f->holds, a->held_ns, a->wall_ns);
        collect_last(f->seen, &f->seens, a->seen_ns, a->wall_ns);
        collect_last(f->kill, &f->kills, a->killed_ns, a->wall_ns);
        if (a->evicted_tick > a->ticks)
            f->evict[f->evicts++] = (double)(a->evicted_tick - a->ticks) / ticks_per_us;
        f->first[f->arrivals] = a->first_us;
        f->all[f->arrivals++] = a->all_us;
    }
}

static bool measure(const struct reef_bench_libraries *libraries, const struct setting *s,
                    struct figures *f)
{
    pid_t occupant[PROCESSES_MAX];
    char stop[PATH_MAX];
    int processes = s->reset ? s->processes : 0, running = 0, status;
    memset(f, 0, sizeof(*f));
    if (!prepare(s, libraries->profile != NULL))
        return false;
    while (running < processes && (occupant[running] = start_occupant(libraries, s, running)) > 0)
        running++;
    bool ok = running == processes && run_arrivals(libraries, s);
    int fd = open(in_work(stop, "stop", 0), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < running; i++) {
        if (waitpid(occupant[i], &status, 0) == occupant[i] && status == 0)
            continue;
        reef_say("bench: a best-effort program failed, or its result is wrong");
        ok = false;
    }
    if (ok) {
        read_logs(processes);
        read_board(f);
        collect(f);
    }
    clean_up();
    return ok;
}

/* --- saying --- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which @percent of @values lie; they are sorted. -1: there are none. */
static double percentile(double *values, int count, double percent)
{
    if (count == 0)
        return -1;
    qsort(values, (size_t)count, sizeof(*values), compare);
    int at = (int)(percent / 100 * count);
    return values[at < count ? at : count - 1];
}

static void put(FILE *json, const char *key, double value, const char *after)
{
    if (value < 0)
        fprintf(json, "\"%s\": null%s", key, after);
    else
        fprintf(json, "\"%s\": %.2f%s", key, value, after);
}

static void put_figures(FILE *json, struct figures *f)
{
    put(json, "hold_p50_us", percentile(f->hold, f->holds, 50), ", ");
    put(json, "hold_p99_us", percentile(f->hold, f->holds, 99), ", ");
    put(json, "seen_p50_us", percentile(f->seen, f->seens, 50), ", ");
    put(json, "seen_p99_us", percentile(f->seen, f->seens, 99), ", ");
    put(json, "kill_p50_us", percentile(f->kill, f->kills, 50), ", ");
    put(json, "kill_p99_us", percentile(f->kill, f->kills, 99), ", ");
    put(json, "evict_p50_us", percentile(f->evict, f->evicts, 50), ", ");
    put(json, "device_p50_us", percentile(f->first, f->arrivals, 50), ", ");
    put(json, "device_p99_us", percentile(f->first, f->arrivals, 99), ", ");
    put(json, "device_max_us", percentile(f->first, f->arrivals, 100), ", ");
    put(json, "all_p50_us", percentile(f->all, f->arrivals, 50), ", ");
    put(json, "all_p99_us", percentile(f->all, f->arrivals, 99), ", ");
    put(json, "restore_overhead_pct", f->waste_pct, ", ");
    put(json, "reexecuted_per_preemption", f->reexecuted, ", ");
    put(json, "resubmitted_per_preemption", f->resubmitted, ", ");
    fprintf(json, "\"arrivals\": %d, \"preemptions\": %" PRIu64, f->arrivals, f->preemptions);
}

static void say(const char *what, struct figures *f)
{
    printf("  %-26s %6.1f %6.1f %8.1f   %6.1f %6.1f %6.1f   %5.2f %% %6.2f %7" PRIu64 "\n", what,
           percentile(f->first, f->arrivals, 50), percentile(f->first, f->arrivals, 99),
           percentile(f->first, f->arrivals, 100), percentile(f->hold, f->holds, 50),
           percentile(f->seen, f->seens, 50), percentile(f->kill, f->kills, 50), f->waste_pct,
           f->reexecuted, f->preemptions);
    fflush(stdout);
}

/* --- what is measured --- */

static const struct setting usual = {
    .reset = "auto", .kernel_us = 100, .queued = 100, .depth = 4, .processes = 1};

static const struct method {
    const char *key, *reset;
} methods[] = {{"alone", NULL},
               {"reset", "auto"},
               {"queue", "queue"},
               {"suspend", "suspend"},
               {"drain", "drain"}};

enum { VALUES = 6 };

enum vary { QUEUED, KERNEL_US, DEPTH, PROCESSES };

static const struct sweep {
    const char *key;
    enum vary what;
    int values[VALUES]; /* ended by 0, or full */
} sweeps[] = {
    {"queued", QUEUED, {50, 100, 200, 500}},
    {"kernel_us", KERNEL_US, {50, 100, 200, 300, 5000}},
    {"depth", DEPTH, {1, 4, 16, 64}},
    {"processes", PROCESSES, {1, 2, 4, 8}},
};
enum {
    RESET = 1, /* the usual one of the methods */
    METHODS = sizeof(methods) / sizeof(methods[0]),
    SWEEPS = sizeof(sweeps) / sizeof(sweeps[0])
};

static struct setting vary(enum vary what, int value)
{
    struct setting s = usual;
    if (what == QUEUED)
        s.queued = value;
    else if (what == KERNEL_US)
        s.kernel_us = value;
    else if (what == DEPTH)
        s.depth = value;
    else
        s.processes = value;
    return s;
}

/* One point: its figures are said and put into @json, whose object is left open for more. */
static bool run_point(const struct reef_bench_libraries *libraries, const struct setting *s,
                      const char *what, FILE *json)
{
    static struct figures f;
    if (!measure(libraries, s, &f))
        return false;
    say(what, &f);
    if (json)
        put_figures(json, &f);
    return true;
}

/* How a means depends on one quantity. @few: every second value, and the last one. */
static bool run_sweep(const struct reef_bench_libraries *libraries, const struct method *method,
                      const struct sweep *sweep, bool few, int count, FILE *json)
{
    bool any = false;
    for (int i = 0; i < VALUES && sweep->values[i]; i++) {
        bool last = i + 1 == VALUES || sweep->values[i + 1] == 0;
        if (few && i % 2 == 1 && !last)
            continue;
        struct setting s = vary(sweep->what, sweep->values[i]);
        char what[64];
        s.reset = method->reset;
        s.arrivals = count;
        snprintf(what, sizeof(what), "%s, %s %d", method->key, sweep->key, sweep->values[i]);
        if (json)
            fprintf(json, "%s\n  {\"%s\": %d, ", any ? "," : "", sweep->key, sweep->values[i]);
        if (!run_point(libraries, &s, what, json))
            return false;
        if (json)
            fprintf(json, "}");
        any = true;
    }
    return true;
}

static bool run_sweeps(const struct reef_bench_libraries *libraries, const struct method *method,
                       bool few, int count, FILE *json)
{
    bool ok = true;
    for (int i = 0; i < SWEEPS && ok; i++) {
        if (json)
            fprintf(json, ",\n \"by_%s\": [", sweeps[i].key);
        ok = run_sweep(libraries, method, &sweeps[i], few, count, json);
        if (json)
            fprintf(json, "]");
    }
    return ok;
}

/* The means compared, and then what each but the usual one depends on; that one's come behind, for
 * all values. */
static bool run_methods(const struct reef_bench_libraries *libraries, int rounds, FILE *json)
{
    enum { FEW = 20 };
    for (int i = 0; i < METHODS; i++) {
        const struct method *method = &methods[i];
        struct setting s = usual;
        s.reset = method->reset;
        s.arrivals = 20 * rounds;
        if (json)
            fprintf(json, "%s\"%s\": {", i ? ",\n " : "", method->key);
        if (!run_point(libraries, &s, method->key, json))
            return false;
        bool swept = method->reset && strcmp(method->reset, usual.reset) != 0;
        if (swept && !run_sweeps(libraries, method, true, rounds < FEW ? rounds : FEW, json))
            return false;
        if (json)
            fprintf(json, "}");
    }
    return true;
}

static bool preempt_hip(const struct reef_bench_libraries *libraries, int rounds, FILE *json)
{
    printf("preemption%s: kernels of %.0f us on every unit, %d queued, depth %d\n"
           "  %-26s %-22s   %-20s   %s\n  %-26s %6s %6s %8s   %6s %6s %6s   %7s %6s %7s\n",
           libraries->profile ? " on the emulated GPU" : "", usual.kernel_us, usual.queued,
           usual.depth, "", "first work-group, us", "host, us", "", "", "p50", "p99", "max", "hold",
           "seen", "kill", "wasted", "again", "count");
    return run_methods(libraries, rounds, json) &&
           run_sweeps(libraries, &methods[RESET], false, rounds < 20 ? 20 : rounds, json);
}

/* On an emulated GPU of NVIDIA: the CUDA part alone. Else both, the CUDA part on the emulated V100
 * if it was built. */
int reef_bench_preempt(const struct reef_bench_options *options)
{
    static struct reef_bench_libraries libraries, v100;
    const struct reef_bench_options emulated = {.profile = "v100"};
    char app[PATH_MAX];
    int rounds = options->rounds ? options->rounds : 50;
    bool ok = true, cuda = reef_find_app("cuda/occupant", app);
    if (!reef_bench_find(options, &libraries))
        return 1;
    if (libraries.nvidia)
        v100 = libraries;
    else
        cuda = cuda && reef_bench_find(&emulated, &v100);
    FILE *json = reef_bench_json(options);
    if (options->json && !json)
        return 1;
    if (json)
        fprintf(json, "{\"emulated\": %s,\n ", libraries.profile ? "true" : "false");
    if (!libraries.nvidia)
        ok = preempt_hip(&libraries, rounds, json);
    if (json && !libraries.nvidia)
        fprintf(json, ",\n ");
    if (cuda || libraries.nvidia)
        ok = ok && reef_bench_preempt_cuda(&v100, rounds, json);
    else if (json)
        fprintf(json, "\"cuda\": null");
    if (json) {
        fprintf(json, "}\n");
        ok = fclose(json) == 0 && ok;
    }
    return ok ? 0 : 1;
}
