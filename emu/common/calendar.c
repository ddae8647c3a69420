// SPDX-License-Identifier: Apache-2.0
/* The engine's calendar: a binary heap, see calendar.h. */
#include "calendar.h"

#include <stdlib.h>

enum { KIND_SHIFT = 56 };

static bool before(const struct emu_due *a, const struct emu_due *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct emu_due *a, struct emu_due *b)
{
    struct emu_due t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct emu_calendar *c, size_t i)
{
    while (i > 0 && before(&c->heap[i], &c->heap[(i - 1) / 2])) {
        swap(&c->heap[i], &c->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct emu_calendar *c, size_t i)
{
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < c->used; child++) {
            if (before(&c->heap[child], &c->heap[least]))
                least = child;
        }
        if (least == i)
            return;
        swap(&c->heap[i], &c->heap[least]);
        i = least;
    }
}

static void order(struct emu_calendar *c)
{
    for (size_t i = c->used; i-- > 0;)
        sift_down(c, i);
}

void emu_calendar_clear(struct emu_calendar *c)
{
    free(c->heap);
    *c = (struct emu_calendar){0};
}

bool emu_calendar_reserve(struct emu_calendar *c, size_t count)
{
    size_t size = c->size ? c->size : 256;
    struct emu_due *heap;

    if (c->used + count <= c->size)
        return true;
    while (size < c->used + count)
        size *= 2;
    heap = realloc(c->heap, size * sizeof(*heap));
    if (!heap)
        return false;
    c->heap = heap;
    c->size = size;
    return true;
}

bool emu_calendar_add(struct emu_calendar *c, uint64_t at_ns, enum emu_due_kind kind, void *what)
{
    if (!emu_calendar_reserve(c, 1))
        return false;
    c->heap[c->used] = (struct emu_due){
        .at_ns = at_ns, .order = (uint64_t)kind << KIND_SHIFT | c->entered++, .what = what};
    sift_up(c, c->used++);
    return true;
}

uint64_t emu_calendar_next(const struct emu_calendar *c)
{
    return c->used ? c->heap[0].at_ns : UINT64_MAX;
}

struct emu_due emu_calendar_take(struct emu_calendar *c)
{
    struct emu_due due = c->heap[0];

    c->heap[0] = c->heap[--c->used];
    sift_down(c, 0);
    return due;
}

enum emu_due_kind emu_due_kind(const struct emu_due *due)
{
    return (enum emu_due_kind)(due->order >> KIND_SHIFT);
}

uint64_t emu_calendar_drop(struct emu_calendar *c, enum emu_due_kind kind, const void *what)
{
    for (size_t i = 0; i < c->used; i++) {
        uint64_t at_ns = c->heap[i].at_ns;

        if (c->heap[i].what != what || emu_due_kind(&c->heap[i]) != kind)
            continue;
        c->heap[i] = c->heap[--c->used];
        if (i < c->used) {
            sift_up(c, i);
            sift_down(c, i);
        }
        return at_ns;
    }
    return UINT64_MAX;
}

void emu_calendar_advance(struct emu_calendar *c, uint64_t at_ns)
{
    for (size_t i = 0; i < c->used; i++) {
        if (c->heap[i].at_ns < at_ns)
            c->heap[i].at_ns = at_ns;
    }
    /* Equal dates now order by kind. */
    order(c);
}

void emu_calendar_delay(struct emu_calendar *c, uint64_t delay_ns)
{
    for (size_t i = 0; i < c->used; i++) {
        enum emu_due_kind kind = emu_due_kind(&c->heap[i]);

        if (kind == EMU_DUE_WORK_END || kind == EMU_DUE_COMPLETION || kind == EMU_DUE_QUEUE)
            c->heap[i].at_ns += delay_ns;
    }
    order(c);
}

void emu_calendar_redate(struct emu_calendar *c, enum emu_due_kind kind,
                         uint64_t (*date)(const void *what, uint64_t at_ns))
{
    for (size_t i = 0; i < c->used; i++) {
        if (emu_due_kind(&c->heap[i]) == kind)
            c->heap[i].at_ns = date(c->heap[i].what, c->heap[i].at_ns);
    }
    for (size_t i = c->used; i-- > 0;)
        sift_down(c, i);
}
