// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt, the CUDA part: one measurement. The measured programs are
 * tests/apps/cuda/occupant.c and arrivals.c; they are started anew each time, which takes a tenth
 * of a second. Their figures come from what they print and write, and from the log of the
 * best-effort program.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/board.h"
#include "tools/bench_preempt.h"

enum { KERNELS_MAX = 1 << 17, LINE = 256 };

static struct arrival {
    uint64_t wall_ns, device_ns, held_ns; /* held_ns: wall; 0: not seen */
    double first_us, all_us;
    bool evicted; /* flags were raised for it */
} arrivals[REEF_PREEMPT_ARRIVALS];
static int arrival_count;

/* Of the device's time. */
struct span {
    uint64_t begin_ns, end_ns;
};
static struct span kernels[KERNELS_MAX], busy[KERNELS_MAX];
static int kernel_count, busy_count;

/* --- running --- */

static bool set_number(const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", value);
    return reef_bench_set(name, value ? text : NULL);
}

static bool prepare(const struct reef_cuda_setting *s)
{
    return reef_bench_work_make() && reef_bench_set("REEF_TIMESLICE", s->means->timeslice) &&
           reef_bench_set("REEF_EMU_MPS", s->means->mps ? "1" : NULL) &&
           reef_bench_set("REEF_GUARD", s->means->guard ? "ptx" : "off") &&
           /* the occupant's kernel notes the time */
           reef_bench_set("REEF_RESTARTABLE", "assume") &&
           set_number("REEF_CUDA_DEPTH", s->depth) && set_number("REEF_CUDA_DEPTH_US", s->depth_us);
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

static pid_t start_occupant(const struct reef_bench_libraries *libraries,
                            const struct reef_cuda_setting *s)
{
    static char program[PATH_MAX], duration[16], ahead[16];
    if (!reef_bench_find_app("cuda/occupant", program))
        return -1;
    snprintf(duration, sizeof(duration), "%d", s->kernel_us);
    snprintf(ahead, sizeof(ahead), "%d", s->ahead);
    reef_bench_set("REEF_LOG", "debug");
    reef_bench_set("REEF_LOG_FILE", reef_bench_work_path("log", 0));
    char *argv[] = {program,
                    duration,
                    ahead,
                    (char *)reef_bench_work_path("stop", 0),
                    (char *)reef_bench_work_path("ready", 0),
                    (char *)reef_bench_work_path("stamps", 0),
                    (char *)reef_bench_work_path("busy", 0),
                    NULL};
    pid_t process = reef_bench_spawn(libraries, s->means->reef ? "be" : NULL, argv, -1, -1);
    if (process > 0 && await_file(reef_bench_work_path("ready", 0), process))
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

static bool run_arrivals(const struct reef_bench_libraries *libraries,
                         const struct reef_cuda_setting *s)
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
    snprintf(lead, sizeof(lead), "%d", s->means->reef ? s->kernel_us * s->ahead * 3 : 0);
    reef_bench_set("REEF_LOG", "error");
    reef_bench_set("REEF_LOG_FILE", NULL);
    char *argv[] = {program, count, gap, (char *)"1", lead, NULL};
    pid_t process = reef_bench_spawn(libraries, s->means->reef ? "rt" : NULL, argv, -1, ends[1]);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    for (arrival_count = 0;
         out && arrival_count < REEF_PREEMPT_ARRIVALS && fgets(line, sizeof(line), out);)
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
    FILE *log = fopen(reef_bench_work_path("log", 0), "r");
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

static void read_board(struct reef_cuda_figures *f)
{
    static struct reef_board_peer peers[REEF_BOARD_SLOTS];
    static char gpus[4][REEF_BOARD_NAME];
    int count = reef_board_list(reef_bench_work(), gpus, 4);
    for (int g = 0; g < count; g++) {
        int n = reef_board_read(reef_bench_work(), gpus[g], peers, REEF_BOARD_SLOTS);
        for (int p = 0; p < n; p++) {
            f->preemptions += peers[p].stats.preemptions;
            f->ended += peers[p].stats.evicted;
        }
    }
}

static void collect(struct reef_cuda_figures *f, bool be)
{
    for (int i = 0; i < arrival_count; i++) {
        const struct arrival *a = &arrivals[i];
        double drained = be ? drained_us(a) : -1, evicted = evicted_us(a);
        if (a->held_ns)
            reef_series_add(&f->hold, (double)(a->held_ns - a->wall_ns) / 1000);
        if (evicted >= 0)
            reef_series_add(&f->evict, evicted);
        if (drained >= 0)
            reef_series_add(&f->drained, drained);
        reef_series_add(&f->first, a->first_us);
        reef_series_add(&f->all, a->all_us);
    }
}

bool reef_cuda_measure(const struct reef_bench_libraries *libraries,
                       const struct reef_cuda_setting *s, struct reef_cuda_figures *f)
{
    int status;
    memset(f, 0, sizeof(*f));
    if (!prepare(s))
        return false;
    pid_t occupant = s->means->be ? start_occupant(libraries, s) : 0;
    bool ok = occupant >= 0 && run_arrivals(libraries, s);
    if (occupant > 0) {
        read_board(f);
        int fd = open(reef_bench_work_path("stop", 0), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
        if (waitpid(occupant, &status, 0) != occupant || status != 0) {
            reef_say("bench: the best-effort program failed, or its result is wrong");
            ok = false;
        }
        read_log();
        kernel_count = read_spans(reef_bench_work_path("stamps", 0), kernels);
        busy_count = read_spans(reef_bench_work_path("busy", 0), busy);
    }
    if (ok)
        collect(f, s->means->be);
    reef_bench_work_remove();
    return ok;
}
