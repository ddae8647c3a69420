// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt: one measurement of a session, and its figures.
 *
 * What is measured on the host, in wall time, comes from the log of the best-effort processes,
 * whose clock all processes share: from the launch call until the last packet that any of them
 * gives to the device (held), until the agents of all know (seen), and until each has raised its
 * flags or asked the driver to destroy or suspend the queue (kill). What is measured on the device,
 * in its time, comes from its own clock: until the last best-effort packet ended, until the first
 * real-time work-group ran, until all did; and from the last one's end until the first best-effort
 * kernel. On an emulated GPU device time is a model's (docs/emulator.md): the host's part is in it
 * at wall time divided by the time scale; and saving and restoring waves (of queues that are
 * destroyed or suspended) take what their state would take over PCI Express.
 */
#include "tools/bench_preempt.h"

#include <inttypes.h>
#include <string.h>

#include "shim/board/board.h"

enum { LINE = 512 };

static struct reef_arrival arrivals[REEF_PREEMPT_ARRIVALS];
static int arrival_count;

/* --- the logs --- */

static struct reef_arrival *arrival_at(uint64_t wall_ns)
{
    struct reef_arrival *found = NULL;
    for (int i = 0; i < arrival_count && arrivals[i].wall_ns <= wall_ns; i++)
        found = &arrivals[i];
    return found;
}

/* The last one whose work ended before that. */
static struct reef_arrival *arrival_ended_at(uint64_t tick, double ticks_per_us)
{
    struct reef_arrival *found = NULL;
    for (int i = 0; i < arrival_count; i++)
        if (arrivals[i].ticks + (uint64_t)(arrivals[i].end_us * ticks_per_us) <= tick)
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
    struct reef_arrival *a = arrival_at(raised_ns);
    if (!a || a->held_ns[process])
        return;
    a->held_ns[process] = fed_ns > raised_ns ? fed_ns : raised_ns;
    a->seen_ns[process] = seen_ns;
}

/* Best-effort work goes on: the first kernel that began, of all programs. */
static void read_restored(const char *at, double ticks_per_us)
{
    unsigned long long tick;
    struct reef_arrival *a = sscanf(at, "went on at tick %llu", &tick) == 1
                                 ? arrival_ended_at(tick, ticks_per_us)
                                 : NULL;
    if (a && (a->restored_tick == 0 || tick < a->restored_tick))
        a->restored_tick = tick;
}

static void read_line(const char *line, int process, double ticks_per_us)
{
    unsigned long long seconds, micros, tick, flag_ns;
    if (sscanf(line, "reef[%*d] %llu.%llu", &seconds, &micros) != 2)
        return;
    uint64_t wall_ns = seconds * 1000000000ull + micros * 1000 + 999;
    const char *held = strstr(line, "held: "), *flag = strstr(line, "evict flag raised at ");
    const char *ended = strstr(line, "ended at tick "),
               *restored = strstr(line, "went on at tick ");
    if (held)
        read_held(held, process);
    if (restored)
        read_restored(restored, ticks_per_us);
    if (flag && sscanf(flag, "evict flag raised at %llu", &flag_ns) == 1)
        wall_ns = flag_ns;
    struct reef_arrival *a = arrival_at(wall_ns);
    if (!a)
        return;
    if ((flag || strstr(line, "kill issued")) && !a->killed_ns[process])
        a->killed_ns[process] = wall_ns;
    if (ended && sscanf(ended, "ended at tick %llu", &tick) == 1 && tick > a->evicted_tick)
        a->evicted_tick = tick;
}

/* What was logged since it was read last. */
static void read_logs(struct reef_preempt_session *session)
{
    char line[LINE];
    for (int i = 0; i < session->processes; i++) {
        clearerr(session->be[i].log);
        while (fgets(line, sizeof(line), session->be[i].log))
            read_line(line, i, session->ticks_per_us);
    }
}

/* --- the board --- */

/* Sums over all programs. */
struct counts {
    uint64_t preemptions, begun, resubmitted, done_ns, wasted_ns;
};

static struct counts read_board(void)
{
    static struct reef_board_peer peers[REEF_BOARD_SLOTS];
    static char gpus[4][REEF_BOARD_NAME];
    struct counts sum = {0};
    int count = reef_board_list(reef_bench_work(), gpus, 4);
    for (int g = 0; g < count; g++) {
        int n = reef_board_read(reef_bench_work(), gpus[g], peers, REEF_BOARD_SLOTS);
        for (int p = 0; p < n; p++) {
            const struct reef_board_stats *s = &peers[p].stats;
            sum.preemptions += s->preemptions;
            sum.begun += s->evictions + s->resets; /* of each, one kernel at most had begun */
            sum.resubmitted += s->reexecuted;
            sum.done_ns += s->done_ns;
            sum.wasted_ns += s->wasted_ns;
        }
    }
    return sum;
}

/* --- figures --- */

/* Until it had happened in the last of the processes in which it did. */
static void collect_last(struct reef_series *series, const uint64_t at_ns[REEF_PREEMPT_PROCESSES],
                         uint64_t from_ns)
{
    uint64_t last_ns = 0;
    for (int p = 0; p < REEF_PREEMPT_PROCESSES; p++)
        last_ns = at_ns[p] > last_ns ? at_ns[p] : last_ns;
    if (last_ns)
        reef_series_add(series, (double)(last_ns - from_ns) / 1000);
}

static void collect(struct reef_series *series, double ticks_per_us)
{
    for (int i = 0; i < arrival_count; i++) {
        const struct reef_arrival *a = &arrivals[i];
        collect_last(&series[REEF_PREEMPT_HOLD], a->held_ns, a->wall_ns);
        collect_last(&series[REEF_PREEMPT_SEEN], a->seen_ns, a->wall_ns);
        collect_last(&series[REEF_PREEMPT_KILL], a->killed_ns, a->wall_ns);
        if (a->evicted_tick > a->ticks)
            reef_series_add(&series[REEF_PREEMPT_EVICT],
                            (double)(a->evicted_tick - a->ticks) / ticks_per_us);
        if (a->restored_tick > a->ticks)
            reef_series_add(&series[REEF_PREEMPT_RESTORE],
                            (double)(a->restored_tick - a->ticks) / ticks_per_us - a->end_us);
        reef_series_add(&series[REEF_PREEMPT_FIRST], a->first_us);
        reef_series_add(&series[REEF_PREEMPT_ALL], a->all_us);
    }
}

static void collect_counts(struct reef_preempt_figures *f, const struct counts *before, int queued,
                           long kernels)
{
    struct counts now = read_board();
    double preemptions = (double)(now.preemptions - before->preemptions);
    double done_us = (double)(now.done_ns - before->done_ns) / 1000;
    double wasted_us = (double)(now.wasted_ns - before->wasted_ns) / 1000;
    f->preemptions = now.preemptions - before->preemptions;
    if (kernels > 0)
        f->task_us = done_us / (double)kernels * queued;
    if (done_us > 0)
        f->lost_pct = 100 * wasted_us / done_us;
    if (preemptions == 0)
        return;
    f->repeated_us = wasted_us / preemptions;
    f->reexecuted = (double)(now.begun - before->begun) / preemptions;
    f->resubmitted = (double)(now.resubmitted - before->resubmitted) / preemptions;
}

static long count_kernels(const struct reef_preempt_session *session)
{
    long sum = 0;
    for (int i = 0; i < session->processes; i++)
        sum += session->be[i].kernels;
    return sum;
}

/* More arrivals than asked for, if some did not meet best-effort work. */
static bool arrive_enough(struct reef_preempt_session *session,
                          const struct reef_preempt_setting *setting, const struct counts *before)
{
    int left = setting->arrivals;
    while (left > 0 && arrival_count + left <= REEF_PREEMPT_ARRIVALS) {
        if (!reef_preempt_arrive(session, setting, left, arrivals, &arrival_count))
            return false;
        left = setting->preemptions - (int)(read_board().preemptions - before->preemptions);
    }
    return true;
}

bool reef_preempt_measure(struct reef_preempt_session *session,
                          const struct reef_preempt_setting *setting,
                          struct reef_preempt_figures *figures)
{
    memset(figures, 0, sizeof(*figures));
    arrival_count = 0;
    bool be = session->processes > 0;
    if (!reef_preempt_await(session) || (be && !reef_preempt_occupy(session, setting)))
        return false;
    struct counts before = read_board();
    long kernels = count_kernels(session);
    if (!arrive_enough(session, setting, &before) || (be && !reef_preempt_pause(session)))
        return false;
    read_logs(session);
    figures->arrivals = arrival_count;
    collect(figures->series, session->ticks_per_us);
    collect_counts(figures, &before, setting->queued, count_kernels(session) - kernels);
    return true;
}
