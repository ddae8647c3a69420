// SPDX-License-Identifier: Apache-2.0
/*
 * reef trace: what a recorded trace holds (include/reef/trace.h), and the same for the trace
 * viewers of Perfetto and Chrome ("Trace Event Format": a list of events with times in us).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/replay.h"
#include "replay/trace.h"

enum { QUEUES = 1024 };

struct replay_trace *replay_trace_load(const char *path)
{
    char err[256];
    size_t size;
    char *data = replay_file_read(path, &size);
    struct replay_trace *trace = data ? replay_trace_read(data, size, err, sizeof(err)) : NULL;

    if (data && !trace)
        reef_say("%s: %s", path, err);
    free(data);
    if (!trace)
        return NULL;
    if (trace->cut)
        reef_say("%s: cut off in the middle of a record; read up to there (%zu records)", path,
                 trace->count);
    if (trace->lost)
        reef_say("%s: %" PRIu64 " records were lost while it was recorded", path, trace->lost);
    if (trace->unknown)
        reef_say("%s: %zu records of kinds that this version does not know", path, trace->unknown);
    return trace;
}

/* --- the summary --- */

static void summarise(const struct replay_trace *trace)
{
    static const char *const names[] = {
        [REEF_TRACE_QUEUE] = "queues",
        [REEF_TRACE_QUEUE_GONE] = NULL,
        [REEF_TRACE_LAUNCH] = "launches",
        [REEF_TRACE_BARRIER] = "other commands",
        [REEF_TRACE_COMPLETE] = "completed",
        [REEF_TRACE_RT_BEGIN] = "times RT work began",
        [REEF_TRACE_RT_END] = NULL,
        [REEF_TRACE_HOLD] = "times BE work was held",
        [REEF_TRACE_RELEASE] = NULL,
        [REEF_TRACE_RESET] = "queues reset",
        [REEF_TRACE_EVICT] = "queues evicted",
        [REEF_TRACE_RESUBMIT] = NULL,
        [REEF_TRACE_NAME] = NULL,
        [REEF_TRACE_LOST] = NULL,
        [REEF_TRACE_SUSPEND] = "times a queue was suspended, or went on",
    };
    uint64_t counts[REEF_TRACE_LAST + 1] = {0}, resubmitted = 0;

    for (size_t i = 0; i < trace->count; i++) {
        counts[trace->records[i].type]++;
        if (trace->records[i].type == REEF_TRACE_RESUBMIT)
            resubmitted += trace->records[i].b;
    }
    uint64_t span_ns =
        trace->count ? trace->records[trace->count - 1].at_ns - trace->records[0].at_ns : 0;

    printf("process %u, %s, %s s\n", trace->pid, trace->be ? "best-effort" : "real-time",
           replay_milli(span_ns / 1000000, 3));
    for (int type = REEF_TRACE_QUEUE; type <= REEF_TRACE_LAST; type++)
        if (names[type] && counts[type])
            printf("%10" PRIu64 " %s\n", counts[type], names[type]);
    if (resubmitted)
        printf("%10" PRIu64 " commands run again\n", resubmitted);
}

/* --- for the viewers --- */

struct chrome {
    FILE *out;
    const struct replay_trace *trace;
    uint64_t first_ns;
    bool any;
};

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f)
            fputc(*text, out);
        else
            fprintf(out, "\\u%04x", (unsigned char)*text);
    }
    fputc('"', out);
}

/* Begins an event up to its phase's own fields. */
static void begin_event(struct chrome *c, const char *name, const char *phase, uint32_t row,
                        uint64_t at_ns)
{
    fputs(c->any ? ",\n" : "\n", c->out);
    c->any = true;
    fputs("{\"name\":", c->out);
    put_string(c->out, name);
    fprintf(c->out, ",\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%s", phase, c->trace->pid, row,
            replay_milli(at_ns > c->first_ns ? at_ns - c->first_ns : 0, 3));
}

static void put_span(struct chrome *c, const char *name, uint32_t row, uint64_t from_ns,
                     uint64_t ns)
{
    begin_event(c, name, "X", row, from_ns);
    fprintf(c->out, ",\"dur\":%s}", replay_milli(ns, 3));
}

static void put_instant(struct chrome *c, const char *name, uint32_t row, uint64_t at_ns)
{
    begin_event(c, name, "i", row, at_ns);
    fputs(",\"s\":\"t\"}", c->out);
}

static void name_row(struct chrome *c, uint32_t row, const char *name)
{
    fputs(c->any ? ",\n" : "\n", c->out);
    c->any = true;
    fprintf(
        c->out,
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":\"%s\"}}",
        c->trace->pid, row, name);
}

/* Launches not complete yet, by (queue, number). */
struct pending {
    uint64_t number, kernel, at_ns;
    uint32_t queue;
    bool used;
};
enum { PENDING = 1 << 16 };

static struct pending *pending_of(struct pending *table, uint32_t queue, uint64_t number)
{
    return &table[(number * 0x9e3779b97f4a7c15ull + queue) >> 7 & (PENDING - 1)];
}

/* Rows: 0 the process, then one for each queue. */
static void put_record(struct chrome *c, const struct reef_trace_record *r, struct pending *table,
                       uint64_t *rt_ns, uint64_t *hold_ns)
{
    struct pending *p = pending_of(table, r->queue, r->a);
    char name[REPLAY_NAME * 4];

    switch (r->type) {
    case REEF_TRACE_QUEUE:
        snprintf(name, sizeof(name), "queue %u (%s)", r->queue,
                 r->a == REEF_TRACE_RT ? "rt" : "be");
        name_row(c, r->queue + 1, name);
        break;
    case REEF_TRACE_LAUNCH:
        replay_trace_name(c->trace, r->b, name, sizeof(name));
        put_instant(c, name, r->queue + 1, r->at_ns);
        *p = (struct pending){r->a, r->b, r->at_ns, r->queue, true};
        break;
    case REEF_TRACE_COMPLETE:
        if (!p->used || p->number != r->a || p->queue != r->queue)
            break;
        replay_trace_name(c->trace, p->kernel, name, sizeof(name));
        put_span(c, name, r->queue + 1, r->b && r->b < r->at_ns ? r->at_ns - r->b : p->at_ns,
                 r->b ? r->b : r->at_ns - p->at_ns);
        p->used = false;
        break;
    case REEF_TRACE_RT_BEGIN:
        *rt_ns = r->at_ns;
        break;
    case REEF_TRACE_RT_END:
        if (*rt_ns)
            put_span(c, "RT work", 0, *rt_ns, r->at_ns - *rt_ns);
        *rt_ns = 0;
        break;
    case REEF_TRACE_HOLD:
        *hold_ns = r->at_ns;
        break;
    case REEF_TRACE_RELEASE:
        if (*hold_ns)
            put_span(c, "BE held", 0, *hold_ns, r->at_ns - *hold_ns);
        *hold_ns = 0;
        break;
    case REEF_TRACE_RESET:
        put_instant(c, "reset", r->queue + 1, r->at_ns);
        break;
    case REEF_TRACE_EVICT:
        put_instant(c, "evict", r->queue + 1, r->at_ns);
        break;
    case REEF_TRACE_SUSPEND:
        put_instant(c, r->a ? "suspended" : "continued", r->queue + 1, r->at_ns);
        break;
    case REEF_TRACE_RESUBMIT:
        put_instant(c, "resubmit", r->queue + 1, r->at_ns);
        break;
    default:
        break;
    }
}

static bool write_chrome(const struct replay_trace *trace, const char *path)
{
    struct pending *table = calloc(PENDING, sizeof(*table));
    struct chrome c = {.out = fopen(path, "we"), .trace = trace};
    uint64_t rt_ns = 0, hold_ns = 0;

    if (!c.out || !table) {
        reef_say("trace: %s: %s", path, strerror(errno));
        free(table);
        if (c.out)
            fclose(c.out);
        return false;
    }
    c.first_ns = trace->count ? trace->records[0].at_ns : 0;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", c.out);
    name_row(&c, 0, trace->be ? "best-effort process" : "real-time process");
    for (size_t i = 0; i < trace->count; i++)
        put_record(&c, &trace->records[i], table, &rt_ns, &hold_ns);
    fputs("\n]}\n", c.out);
    free(table);
    bool bad = ferror(c.out);
    if (fclose(c.out) == 0 && !bad)
        return true;
    reef_say("trace: %s cannot be written", path);
    return false;
}

int reef_trace(int argc, char **argv)
{
    const char *path = NULL, *chrome = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--chrome") == 0 && i + 1 < argc)
            chrome = argv[++i];
        else if (argv[i][0] != '-' && !path)
            path = argv[i];
        else {
            path = NULL;
            break;
        }
    }
    if (!path) {
        reef_say("usage: reef trace FILE [--chrome OUT.json]");
        return REEF_EXIT_USAGE;
    }
    struct replay_trace *trace = replay_trace_load(path);
    if (!trace)
        return 1;
    bool good = true;
    if (chrome)
        good = write_chrome(trace, chrome);
    else
        summarise(trace);
    replay_trace_free(trace);
    return good ? 0 : 1;
}
