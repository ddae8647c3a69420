// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt: the measured programs. They live as long as all that is set by their
 * environment stays the same, and are told through a socket, their standard input and output, what
 * to do next: starting one takes longer than measuring a few arrivals.
 */
#include "tools/bench_preempt.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an MI50 has to save of the best-effort program: on each of 60 units a work-group with 64 KiB
 * of local memory, and one wavefront's registers of some KiB; to host memory, where amdkfd has the
 * save area, at the 12 GB/s that PCI Express 3.0 x16 carries. Every change of a queue unmaps all.
 */
#define SAVE_US "350"

/* Guards are given the usual two milliseconds of the device's time and more, although its clock is
 * slow, and stands still while an interpreter is behind. */
#define PATIENCE_US "400000"

/* On hardware a doorbell is noticed at once, also after a pause. */
#define POLL_US "30"

enum { LINE = 256, ANSWER_S = 120 };

/* --- the folder, and the environment --- */

static char work[64];

const char *reef_bench_work(void)
{
    return work;
}

const char *reef_bench_work_path(const char *name, int number)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s%d", work, name, number);
    return path;
}

bool reef_bench_set(const char *name, const char *value)
{
    return value ? setenv(name, value, 1) == 0 : unsetenv(name) == 0;
}

bool reef_bench_work_make(void)
{
    snprintf(work, sizeof(work), "/dev/shm/reef-bench-XXXXXX");
    if (!mkdtemp(work)) {
        reef_say("bench: %s: %s", work, strerror(errno));
        return false;
    }
    return reef_bench_set("REEF_BOARD_DIR", work) && reef_bench_set("REEF_EMU_DIR", work);
}

void reef_bench_work_remove(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", work);
    if (system(command) != 0)
        reef_say("bench: %s could not be removed", work);
}

static bool set_environment(const char *reset, int depth, bool emulated)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", depth);
    if (emulated && !(reef_bench_set("REEF_EMU_SAVE_US", SAVE_US) &&
                      reef_bench_set("REEF_EMU_RESTORE_US", SAVE_US) &&
                      reef_bench_set("REEF_EMU_UNMAP_ALL", "1")))
        return false;
    return reef_bench_set("REEF_RESET", reset) && reef_bench_set("REEF_DEPTH", text) &&
           reef_bench_set("REEF_DEPTH_US", "1000000") &&
           reef_bench_set("REEF_EVICT_PATIENCE_US", emulated ? PATIENCE_US : "2000");
}

/* --- one program --- */

static bool start(struct reef_preempt_program *program, const char *name,
                  const struct reef_bench_libraries *libraries, const char *priority)
{
    static char path[PATH_MAX];
    const struct timeval patience = {.tv_sec = ANSWER_S};
    int ends[2];
    *program = (struct reef_preempt_program){0};
    if (!reef_bench_find_app(name, path) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char *argv[] = {path, NULL};
    program->pid = reef_bench_spawn(libraries, priority, argv, ends[1], ends[1]);
    close(ends[1]);
    program->talk = ends[0];
    program->lines = fdopen(ends[0], "r");
    return program->pid > 0 && program->lines;
}

__attribute__((format(printf, 2, 3))) static bool tell(struct reef_preempt_program *program,
                                                       const char *format, ...)
{
    char line[LINE];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    return send(program->talk, line, (size_t)length, MSG_NOSIGNAL) == length;
}

/* The program's next line is "@what NUMBER", the number for *@number (may be NULL). */
static bool hear(struct reef_preempt_program *program, const char *what, double *number)
{
    char line[LINE];
    size_t length = strlen(what);
    if (!fgets(line, sizeof(line), program->lines) || strncmp(line, what, length) != 0) {
        reef_say("bench: a measured program failed: it did not say \"%s\"", what);
        return false;
    }
    if (number)
        *number = atof(line + length);
    return true;
}

/* Its standard input ends, and it with it. */
static bool finish(struct reef_preempt_program *program)
{
    int status = 0;
    char line[LINE];
    if (program->pid <= 0)
        return true;
    shutdown(program->talk, SHUT_WR);
    while (program->lines && fgets(line, sizeof(line), program->lines))
        ;
    if (!program->lines || !feof(program->lines)) /* it hangs */
        kill(program->pid, SIGKILL);
    if (program->lines)
        fclose(program->lines);
    if (program->log)
        fclose(program->log);
    bool ok = waitpid(program->pid, &status, 0) == program->pid && status == 0;
    *program = (struct reef_preempt_program){0};
    return ok;
}

/* --- the session --- */

bool reef_preempt_open(struct reef_preempt_session *session,
                       const struct reef_bench_libraries *libraries, const char *reset, int depth)
{
    *session = (struct reef_preempt_session){.libraries = libraries};
    return reef_bench_work_make() && set_environment(reset, depth, libraries->profile != NULL) &&
           reef_bench_set("REEF_LOG_FILE", NULL) && reef_bench_set("REEF_LOG", "error") &&
           reef_bench_set("REEF_EMU_POLL_US", POLL_US) &&
           start(&session->rt, "arrivals", libraries, "rt");
}

bool reef_preempt_populate(struct reef_preempt_session *session, int processes)
{
    if (!reef_bench_set("REEF_LOG", "debug") || !reef_bench_set("REEF_EMU_POLL_US", NULL))
        return false;
    for (; session->processes < processes; session->processes++)
        if (!reef_bench_set("REEF_LOG_FILE", reef_bench_work_path("log", session->processes)) ||
            !start(&session->be[session->processes], "occupant", session->libraries, "be"))
            return false;
    return true;
}

bool reef_preempt_await(struct reef_preempt_session *session)
{
    bool ok = session->ticks_per_us > 0 || hear(&session->rt, "up", &session->ticks_per_us);
    for (int i = 0; ok && i < session->processes; i++) {
        struct reef_preempt_program *program = &session->be[i];
        if (program->log)
            continue;
        ok = hear(program, "up", NULL);
        program->log = fopen(reef_bench_work_path("log", i), "r");
        ok = ok && program->log;
    }
    return ok;
}

bool reef_preempt_close(struct reef_preempt_session *session)
{
    bool ok = finish(&session->rt);
    if (!ok)
        reef_say("bench: the real-time program failed");
    for (int i = 0; i < REEF_PREEMPT_PROCESSES; i++) {
        if (finish(&session->be[i]))
            continue;
        reef_say("bench: a best-effort program failed, or its result is wrong");
        ok = false;
    }
    reef_bench_work_remove();
    return ok;
}

/* All are told before one is listened to. */
static bool tell_all(struct reef_preempt_session *session, const char *line, const char *answer)
{
    double kernels;
    bool ok = true;
    for (int i = 0; i < session->processes; i++)
        ok = ok && tell(&session->be[i], "%s", line);
    for (int i = 0; i < session->processes; i++) {
        ok = ok && hear(&session->be[i], answer, &kernels);
        session->be[i].kernels = ok ? (long)kernels : 0;
    }
    return ok;
}

bool reef_preempt_occupy(struct reef_preempt_session *session,
                         const struct reef_preempt_setting *setting)
{
    char line[LINE];
    snprintf(line, sizeof(line), "run %.1f %d\n", setting->kernel_us, setting->queued);
    return tell_all(session, line, "running");
}

bool reef_preempt_pause(struct reef_preempt_session *session)
{
    return tell_all(session, "pause\n", "paused");
}

/* Best-effort kernels, which take as much longer as there are programs, are to end now and then, or
 * they are not preempted any more (REEF_KILL_LIMIT). */
static double gap_us(const struct reef_preempt_session *session,
                     const struct reef_preempt_setting *setting)
{
    enum { REST_US = 200 };
    return 2 * setting->kernel_us * session->processes + REST_US;
}

bool reef_preempt_arrive(struct reef_preempt_session *session,
                         const struct reef_preempt_setting *setting, int count,
                         struct reef_arrival *arrivals, int *known)
{
    char line[LINE];
    bool ok = tell(&session->rt, "%d %.0f\n", count, gap_us(session, setting));
    while (ok && (ok = fgets(line, sizeof(line), session->rt.lines) != NULL) &&
           strncmp(line, "done", 4) != 0) {
        struct reef_arrival *a = &arrivals[*known];
        memset(a, 0, sizeof(*a));
        ok = *known < REEF_PREEMPT_ARRIVALS &&
             sscanf(line, "%" SCNu64 " %" SCNu64 " %lf %lf %lf", &a->wall_ns, &a->ticks,
                    &a->first_us, &a->all_us, &a->end_us) == 5;
        *known += ok;
    }
    if (!ok)
        reef_say("bench: the real-time program failed");
    return ok;
}
