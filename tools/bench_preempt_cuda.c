// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt, the CUDA part: how soon real-time work runs that arrives while a best-effort
 * program has an emulated NVIDIA GPU, by each means, against how long the best-effort kernels are
 * and how many may be in the device queue. The measured programs are tests/apps/cuda/occupant.c and
 * arrivals.c. docs/preemption-cuda.md says what is measured and what of it is a model's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/board.h"
#include "tools/bench.h"

enum { ARRIVALS_MAX = 4000, KERNELS_MAX = 1 << 17, LINE = 256, AHEAD = 16 };

/* What real-time and best-effort program are run with. */
static const struct means {
    const char *key, *label;
    bool be, reef, mps, guard;
    const char *timeslice; /* REEF_TIMESLICE */
} means[] = {
    {"alone", "alone", false, false, false, false, NULL},
    {"stock", "without libreef", true, false, false, false, NULL},
    {"hold", "hold", true, true, false, false, "off"},
    {"timeslice", "hold + timeslice", true, true, false, false, "1"},
    {"guard", "hold + guards", true, true, false, true, "off"},
    {"side_by_side", "hold, no turns (MPS)", true, true, true, false, "off"},
    {"guard_side_by_side", "hold + guards, no turns", true, true, true, true, "off"},
};
enum { ALONE, STOCK, HOLD, TIMESLICE, GUARD, SIDE_BY_SIDE, GUARD_SIDE_BY_SIDE, MEANS };

struct setting {
    const struct means *means;
    int kernel_us, depth, depth_us, arrivals; /* depth 0: libreef's own */
};

static const int kernel_times_us[] = {100, 500, 1000, 5000};
static const int depths[] = {1, 4, 16, 64};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arrival {
    uint64_t wall_ns, device_ns, held_ns; /* held_ns: wall; 0: not seen */
    double first_us, all_us;
    bool evicted; /* flags were raised for it */
} arrivals[ARRIVALS_MAX];
static int arrival_count;

/* Of the device's time. */
struct span {
    uint64_t begin_ns, end_ns;
};
static struct span kernels[KERNELS_MAX], busy[KERNELS_MAX];
static int kernel_count, busy_count;

struct figures {
    double hold[ARRIVALS_MAX], evict[ARRIVALS_MAX], drained[ARRIVALS_MAX];
    double first[ARRIVALS_MAX], all[ARRIVALS_MAX];
    int holds, evicts, drains, count;
    uint64_t preemptions, ended;
};

/* --- running --- */

static char work[64];

static const char *in_work(const char *name)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", work, name);
    return path;
}

static bool set(const char *name, const char *value)
{
    return value ? setenv(name, value, 1) == 0 : unsetenv(name) == 0;
}

static bool set_number(const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", value);
    return set(name, value ? text : NULL);
}

static bool prepare(const struct setting *s)
{
    snprintf(work, sizeof(work), "/dev/shm/reef-bench-XXXXXX");
    if (!mkdtemp(work)) {
        reef_say("bench: %s: %s", work, strerror(errno));
        return false;
    }
    return set("REEF_BOARD_DIR", work) && set("REEF_EMU_DIR", work) &&
           set("REEF_TIMESLICE", s->means->timeslice) &&
           set("REEF_EMU_MPS", s->means->mps ? "1" : NULL) &&
           set("REEF_GUARD", s->means->guard ? "ptx" : "off") &&
           set("REEF_RESTARTABLE", "assume") && /* the occupant's kernel notes the time */
           set_number("REEF_CUDA_DEPTH", s->depth) && set_number("REEF_CUDA_DEPTH_US", s->depth_us);
}

static void clean_up(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", work);
    if (system(command) != 0)
        reef_say("bench: %s could not be removed", work);
}

static bool await_file(const char *path, pid_t process)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < 6000; i++) {
        if (access(path, F_OK) == 0)
            return true;
        if (waitpid(process, NULL, WNOHANG) == process)
            return false;
        nanosleep(&pause, NULL);
    }
    return false;
}

static pid_t start_occupant(const struct reef_bench_libraries *libraries, const struct setting *s)
{
    static char program[PATH_MAX], duration[16], ahead[16];
    if (!reef_bench_find_app("cuda/occupant", program))
        return -1;
    snprintf(duration, sizeof(duration), "%d", s->kernel_us);
    snprintf(ahead, sizeof(ahead), "%d", AHEAD);
    set("REEF_LOG", "debug");
    set("REEF_LOG_FILE", in_work("log"));
    char *argv[] = {program,
                    duration,
                    ahead,
                    (char *)in_work("stop"),
                    (char *)in_work("ready"),
                    (char *)in_work("stamps"),
                    (char *)in_work("busy"),
                    NULL};
    pid_t process = reef_bench_spawn(libraries, s->means->reef ? "be" : NULL, argv, -1);
    if (process > 0 && await_file(in_work("ready"), process))
        return process;
    reef_say("bench: the best-effort program did not start");
    return -1;
}

static bool read_arrival(const char *line)
{
    struct arrival *a = &arrivals[arrival_count];
    *a = (struct arrival){0};
    bool whole = sscanf(line, "%" SCNu64 " %" SCNu64 " %lf %lf", &a->wall_ns, &a->device_ns,
                        &a->first_us, &a->all_us) == 4;
    arrival_count += whole;
    return whole;
}

static bool run_arrivals(const struct reef_bench_libraries *libraries, const struct setting *s)
{
    static char program[PATH_MAX];
    char count[16], gap[32], lead[32], line[LINE];
    int ends[2], status;
    if (!reef_bench_find_app("cuda/arrivals", program) || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    snprintf(count, sizeof(count), "%d", s->arrivals);
    /* In wall time: in between there is to be room for some best-effort kernels. */
    snprintf(gap, sizeof(gap), "%d", (s->means->be ? s->kernel_us * 2 + 1500 : 1000) * 20);
    /* What was called before a real-time program was there is not bounded, and has no guards. */
    snprintf(lead, sizeof(lead), "%d", s->means->be ? s->kernel_us * AHEAD * 3 : 0);
    set("REEF_LOG", "error");
    set("REEF_LOG_FILE", NULL);
    char *argv[] = {program, count, gap, (char *)"1", lead, NULL};
    pid_t process = reef_bench_spawn(libraries, s->means->reef ? "rt" : NULL, argv, ends[1]);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    for (arrival_count = 0; out && arrival_count < ARRIVALS_MAX && fgets(line, sizeof(line), out);)
        if (!read_arrival(line))
            break;
    if (out)
        fclose(out);
    if (process > 0 && waitpid(process, &status, 0) == process && status == 0 && arrival_count > 0)
        return true;
    reef_say("bench: the real-time program failed");
    return false;
}

/* --- reading --- */

static struct arrival *arrival_at(uint64_t wall_ns)
{
    struct arrival *a = NULL;
    for (int i = 0; i < arrival_count && arrivals[i].wall_ns <= wall_ns; i++)
        a = &arrivals[i];
    return a;
}

static void read_log(void)
{
    char line[LINE];
    unsigned long long seconds, micros;
    FILE *log = fopen(in_work("log"), "r");
    while (log && fgets(line, sizeof(line), log)) {
        bool held = strstr(line, "best-effort work is held"), raised = strstr(line, "raised flags");
        if ((!held && !raised) || sscanf(line, "reef[%*d] %llu.%llu", &seconds, &micros) != 2)
            continue;
        uint64_t at_ns = seconds * 1000000000ull + micros * 1000 + 999;
        struct arrival *a = arrival_at(at_ns);
        if (a && held && !a->held_ns)
            a->held_ns = at_ns;
        if (a && raised)
            a->evicted = true;
    }
    if (log)
        fclose(log);
}

static int read_spans(const char *path, struct span *spans)
{
    char line[LINE];
    int count = 0;
    FILE *file = fopen(path, "r");
    while (file && count < KERNELS_MAX && fgets(line, sizeof(line), file))
        count +=
            sscanf(line, "%" SCNu64 " %" SCNu64, &spans[count].begin_ns, &spans[count].end_ns) == 2;
    if (file)
        fclose(file);
    return count;
}

/* How long after the arrival the last best-effort kernel ended that had begun before the real-time
 * work ran; -1: none had, or one was suspended and went on afterwards. */
static double drained_us(const struct arrival *a)
{
    uint64_t first_ns = a->device_ns + (uint64_t)(a->first_us * 1e3);
    uint64_t all_ns = a->device_ns + (uint64_t)(a->all_us * 1e3), last_ns = 0;
    for (int i = 0; i < kernel_count; i++)
        if (kernels[i].begin_ns < first_ns && kernels[i].end_ns > last_ns)
            last_ns = kernels[i].end_ns;
    return last_ns > a->device_ns && last_ns <= all_ns + 1000
               ? (double)(last_ns - a->device_ns) / 1e3
               : -1;
}

/* How long after an arrival for which flags were raised the last best-effort block was there, of
 * those that did not begin after the real-time work; -1: none was, or none were raised. */
static double evicted_us(const struct arrival *a)
{
    uint64_t all_ns = a->device_ns + (uint64_t)(a->all_us * 1e3), last_ns = 0;
    for (int i = 0; i < busy_count && a->evicted; i++)
        if (busy[i].begin_ns < all_ns && busy[i].end_ns > last_ns)
            last_ns = busy[i].end_ns < all_ns ? busy[i].end_ns : all_ns;
    return last_ns > a->device_ns ? (double)(last_ns - a->device_ns) / 1e3 : -1;
}

static void read_board(struct figures *f)
{
    static struct reef_board_peer peers[REEF_BOARD_SLOTS];
    static char gpus[4][REEF_BOARD_NAME];
    int count = reef_board_list(work, gpus, 4);
    for (int g = 0; g < count; g++) {
        int n = reef_board_read(work, gpus[g], peers, REEF_BOARD_SLOTS);
        for (int p = 0; p < n; p++) {
            f->preemptions += peers[p].stats.preemptions;
            f->ended += peers[p].stats.evicted;
        }
    }
}

static void collect(struct figures *f, bool be)
{
    for (int i = 0; i < arrival_count; i++) {
        const struct arrival *a = &arrivals[i];
        double drained = be ? drained_us(a) : -1, evicted = evicted_us(a);
        if (a->held_ns)
            f->hold[f->holds++] = (double)(a->held_ns - a->wall_ns) / 1000;
        if (evicted >= 0)
            f->evict[f->evicts++] = evicted;
        if (drained >= 0)
            f->drained[f->drains++] = drained;
        f->first[f->count] = a->first_us;
        f->all[f->count++] = a->all_us;
    }
}

static bool measure(const struct reef_bench_libraries *libraries, const struct setting *s,
                    struct figures *f)
{
    int status;
    memset(f, 0, sizeof(*f));
    if (!prepare(s))
        return false;
    pid_t occupant = s->means->be ? start_occupant(libraries, s) : 0;
    bool ok = occupant >= 0 && run_arrivals(libraries, s);
    if (occupant > 0) {
        read_board(f);
        int fd = open(in_work("stop"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
        if (waitpid(occupant, &status, 0) != occupant || status != 0) {
            reef_say("bench: the best-effort program failed, or its result is wrong");
            ok = false;
        }
        read_log();
        kernel_count = read_spans(in_work("stamps"), kernels);
        busy_count = read_spans(in_work("busy"), busy);
    }
    if (ok)
        collect(f, s->means->be);
    clean_up();
    return ok;
}

/* --- saying --- */

/* The value below which @percent of @values lie, or -1. */
static double percentile(double *values, int count, double percent)
{
    if (count == 0)
        return -1;
    reef_bench_median(values, count); /* sorts */
    int at = (int)(percent / 100 * count);
    return values[at < count ? at : count - 1];
}

static void put(FILE *json, const char *key, double value)
{
    if (value < 0)
        fprintf(json, "\"%s\": null, ", key);
    else
        fprintf(json, "\"%s\": %.2f, ", key, value);
}

static void put_figures(FILE *json, struct figures *f)
{
    put(json, "hold_p50_us", percentile(f->hold, f->holds, 50));
    put(json, "hold_p99_us", percentile(f->hold, f->holds, 99));
    put(json, "evict_p50_us", percentile(f->evict, f->evicts, 50));
    put(json, "evict_p99_us", percentile(f->evict, f->evicts, 99));
    fprintf(json, "\"evicted\": %d, \"ended\": %" PRIu64 ", ", f->evicts, f->ended);
    put(json, "drained_p50_us", percentile(f->drained, f->drains, 50));
    put(json, "drained_p99_us", percentile(f->drained, f->drains, 99));
    fprintf(json, "\"drained\": %d, ", f->drains);
    put(json, "device_p50_us", percentile(f->first, f->count, 50));
    put(json, "device_p99_us", percentile(f->first, f->count, 99));
    put(json, "device_max_us", percentile(f->first, f->count, 100));
    put(json, "all_p50_us", percentile(f->all, f->count, 50));
    put(json, "all_p99_us", percentile(f->all, f->count, 99));
    fprintf(json, "\"arrivals\": %d, \"preemptions\": %" PRIu64, f->count, f->preemptions);
}

static void say_value(double value)
{
    if (value < 0)
        printf(" %8s", "-");
    else
        printf(" %8.1f", value);
}

static void say(const char *what, struct figures *f)
{
    printf("  %-34s", what);
    say_value(percentile(f->first, f->count, 50));
    say_value(percentile(f->first, f->count, 99));
    say_value(percentile(f->first, f->count, 100));
    say_value(percentile(f->evict, f->evicts, 50));
    say_value(percentile(f->drained, f->drains, 50));
    say_value(percentile(f->hold, f->holds, 50));
    printf(" %6" PRIu64 "\n", f->preemptions);
    fflush(stdout);
}

/* --- what is measured --- */

/* One more row. @first: of its list in the JSON. */
static bool row(const struct reef_bench_libraries *libraries, const struct setting *s, FILE *json,
                bool first)
{
    static struct figures f;
    char what[64];
    if (!measure(libraries, s, &f))
        return false;
    int length = snprintf(what, sizeof(what), "%s", s->means->label);
    if (s->means->be)
        snprintf(what + length, sizeof(what) - (size_t)length, s->depth ? ", depth %d" : ", %d us",
                 s->depth ? s->depth : s->kernel_us);
    say(what, &f);
    if (!json)
        return true;
    fprintf(json, "%s\n  {\"means\": \"%s\", \"kernel_us\": %d, ", first ? "" : ",", s->means->key,
            s->kernel_us);
    if (s->depth)
        fprintf(json, "\"depth\": %d, ", s->depth);
    put_figures(json, &f);
    fprintf(json, "}");
    return true;
}

static bool by_kernel_time(const struct reef_bench_libraries *libraries, int count, FILE *json)
{
    bool ok = true;
    for (int m = STOCK; m < MEANS && ok; m++)
        for (unsigned k = 0; k < COUNT(kernel_times_us) && ok; k++) {
            const struct setting s = {.means = &means[m],
                                      .kernel_us = kernel_times_us[k],
                                      .arrivals = kernel_times_us[k] > 1000 ? count / 2 : count};
            ok = row(libraries, &s, json, m == STOCK && k == 0);
        }
    return ok;
}

/* The depth is what matters where work in flight is waited for. */
static bool by_depth(const struct reef_bench_libraries *libraries, int count, FILE *json)
{
    static const int which[] = {HOLD, SIDE_BY_SIDE, GUARD_SIDE_BY_SIDE};
    bool ok = true;
    for (unsigned m = 0; m < COUNT(which) && ok; m++)
        for (unsigned d = 0; d < COUNT(depths) && ok; d++) {
            const struct setting s = {.means = &means[which[m]],
                                      .kernel_us = 100,
                                      .depth = depths[d],
                                      .depth_us = 1000000,
                                      .arrivals = count};
            ok = row(libraries, &s, json, m == 0 && d == 0);
        }
    return ok;
}

bool reef_bench_preempt_cuda(const struct reef_bench_libraries *libraries, int rounds, FILE *json)
{
    const struct setting alone = {.means = &means[ALONE], .arrivals = rounds};
    bool ok;
    printf("preemption on the emulated %s, CUDA: kernels on every multiprocessor, %d called ahead\n"
           "  %-34s %26s %8s %8s %8s\n  %-34s %8s %8s %8s %8s %8s %8s %6s\n",
           libraries->profile, AHEAD, "", "first block, device us", "evict", "drained", "hold", "",
           "p50", "p99", "max", "device", "device", "wall", "count");
    if (json)
        fprintf(json, "\"cuda\": {\"profile\": \"%s\", \"ahead\": %d,\n \"alone\": [",
                libraries->profile, AHEAD);
    ok = row(libraries, &alone, json, true);
    if (json)
        fprintf(json, "],\n \"by_kernel_us\": [");
    ok = ok && by_kernel_time(libraries, rounds, json);
    if (json)
        fprintf(json, "],\n \"by_depth\": [");
    ok = ok && by_depth(libraries, rounds, json);
    if (json)
        fprintf(json, "]");
    reef_bench_say_published(json);
    if (json)
        fprintf(json, "}");
    return ok;
}
