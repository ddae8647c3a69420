// SPDX-License-Identifier: Apache-2.0
/* The heap of events: by time, then by the order in which they were announced. */
#include <stdlib.h>

#include "replay/internal.h"

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void events_add(struct events *events, uint64_t at_ns, enum event_type type, uint32_t index,
                uint32_t generation)
{
    struct event event = {.at_ns = at_ns,
                          .order = events->order++,
                          .type = type,
                          .index = index,
                          .generation = generation};
    size_t at = events->count;

    if (at == events->room) {
        size_t room = at ? 2 * at : 64;
        struct event *grown = realloc(events->heap, room * sizeof(*grown));

        if (!grown) {
            events->failed = true;
            return;
        }
        events->heap = grown;
        events->room = room;
    }
    events->count++;
    while (at > 0 && earlier(&event, &events->heap[(at - 1) / 2])) {
        events->heap[at] = events->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events->heap[at] = event;
}

uint64_t events_next(const struct events *events)
{
    return events->count ? events->heap[0].at_ns : EMU_NEVER;
}

bool events_take(struct events *events, uint64_t now_ns, struct event *event)
{
    size_t at = 0;

    if (events->count == 0 || events->heap[0].at_ns > now_ns)
        return false;
    *event = events->heap[0];
    struct event last = events->heap[--events->count];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= events->count)
            break;
        if (child + 1 < events->count && earlier(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!earlier(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    events->heap[at] = last;
    return true;
}
