// SPDX-License-Identifier: Apache-2.0
/* Reading recorded traces. See trace.h. */
#include "replay/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool known(uint16_t type)
{
    return type >= REEF_TRACE_QUEUE && type <= REEF_TRACE_LAST;
}

/* Equal times keep the order of the file: sorting is by (time, place). */
struct placed {
    uint64_t at_ns;
    size_t place;
};

static int by_time(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static bool sort(struct replay_trace *trace)
{
    struct placed *order = calloc(trace->count + 1, sizeof(*order));
    struct reef_trace_record *sorted = calloc(trace->count + 1, sizeof(*sorted));

    if (order && sorted) {
        for (size_t i = 0; i < trace->count; i++)
            order[i] = (struct placed){trace->records[i].at_ns, i};
        qsort(order, trace->count, sizeof(*order), by_time);
        for (size_t i = 0; i < trace->count; i++)
            sorted[i] = trace->records[order[i].place];
        free(trace->records);
        trace->records = sorted;
        sorted = NULL;
    }
    bool good = order != NULL && sorted == NULL;
    free(order);
    free(sorted);
    return good;
}

static bool read_header(const void *data, size_t size, struct reef_trace_header *header, char *err,
                        size_t err_size)
{
    if (size < sizeof(*header)) {
        snprintf(err, err_size, "shorter than the header of a trace");
        return false;
    }
    memcpy(header, data, sizeof(*header));
    if (header->magic != REEF_TRACE_MAGIC) {
        snprintf(err, err_size, "not a trace");
        return false;
    }
    if (header->version != REEF_TRACE_VERSION) {
        snprintf(err, err_size, "a trace of version %u; this reads version %d", header->version,
                 REEF_TRACE_VERSION);
        return false;
    }
    if (header->header_bytes < sizeof(*header) || header->header_bytes > size ||
        header->record_bytes < sizeof(struct reef_trace_record)) {
        snprintf(err, err_size, "the header of the trace is damaged");
        return false;
    }
    return true;
}

struct replay_trace *replay_trace_read(const void *data, size_t size, char *err, size_t err_size)
{
    struct reef_trace_header header;
    struct replay_trace *trace;

    if (!read_header(data, size, &header, err, err_size))
        return NULL;
    size_t room = (size - header.header_bytes) / header.record_bytes;

    trace = calloc(1, sizeof(*trace));
    if (trace)
        trace->records = calloc(room + 1, sizeof(*trace->records));
    if (!trace || !trace->records) {
        free(trace);
        snprintf(err, err_size, "no memory");
        return NULL;
    }
    trace->pid = header.pid;
    trace->be = header.process_class == REEF_TRACE_BE;
    trace->cut = (size - header.header_bytes) % header.record_bytes;
    for (size_t i = 0; i < room; i++) {
        struct reef_trace_record *record = &trace->records[trace->count];

        memcpy(record, (const char *)data + header.header_bytes + i * header.record_bytes,
               sizeof(*record));
        if (!known(record->type)) {
            trace->unknown++;
            continue;
        }
        if (record->type == REEF_TRACE_LOST)
            trace->lost += record->a;
        trace->count++;
    }
    if (sort(trace))
        return trace;
    replay_trace_free(trace);
    snprintf(err, err_size, "no memory");
    return NULL;
}

void replay_trace_free(struct replay_trace *trace)
{
    if (!trace)
        return;
    free(trace->records);
    free(trace);
}

void replay_trace_name(const struct replay_trace *trace, uint64_t kernel, char *text, size_t size)
{
    bool found = false;

    memset(text, 0, size);
    for (size_t i = 0; i < trace->count; i++) {
        const struct reef_trace_record *r = &trace->records[i];
        const uint64_t words[3] = {r->b, r->c, r->d};

        if (r->type != REEF_TRACE_NAME || r->a != kernel || r->queue + 1 >= size)
            continue;
        size_t room = size - 1 - r->queue;

        memcpy(text + r->queue, words, room < sizeof(words) ? room : sizeof(words));
        found = true;
    }
    /* Names come from programs: what is not printable is not passed on. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f)
            *c = '?';
    if (!found || !*text)
        snprintf(text, size, "kernel-%llx", (unsigned long long)kernel);
}
