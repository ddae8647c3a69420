// SPDX-License-Identifier: Apache-2.0
/*
 * The device's queues. Each stream runs its kernels one after the other; a kernel starts when the
 * host has launched it and the gap after the one before has passed. An RT kernel may bring pads
 * along: they are one merged kernel, which ends when all its parts have ended.
 */
#include "replay/internal.h"

#include <errno.h>

void stream_push(struct stream *s, uint32_t kernel, bool again)
{
    s->items[s->tail++ % ITEMS] = (struct item){.kernel = kernel, .again = again};
}

void stream_feed_rt(struct engine *e, uint32_t index)
{
    struct stream *s = &e->streams[index];
    struct client *c = &e->clients[s->client];

    while (c->busy && c->pushed < c->length && s->tail - s->head < ITEMS)
        stream_push(s, c->pushed++, false);
}

uint32_t stream_clear(struct stream *s)
{
    uint32_t kept = s->parts > 0, count = 0;

    for (uint32_t i = s->head + kept; i != s->tail; i++)
        count += !s->items[i % ITEMS].again;
    s->tail = s->head + (s->head == s->tail ? 0 : kept);
    s->starting = false;
    return count;
}

/* When the host has launched the kernel at the head. */
static uint64_t launched_ns(const struct engine *e, const struct stream *s)
{
    const struct item *item = &s->items[s->head % ITEMS];

    return e->clients[s->client].launched_ns +
           (uint64_t)e->options->costs->launch_ns * (item->kernel + 1);
}

void stream_wake(struct engine *e, uint32_t index, uint64_t at_ns)
{
    struct stream *s = &e->streams[index];

    if (s->starting || s->parts > 0 || s->head == s->tail)
        return;
    if (at_ns < s->free_ns)
        at_ns = s->free_ns;
    if (at_ns < launched_ns(e, s))
        at_ns = launched_ns(e, s);
    s->starting = true;
    events_add(&e->events, at_ns, EVENT_START, index, ++s->generation);
}

/* Puts a kernel, or a part of one, on the device. */
static int put(struct engine *e, uint32_t index, const struct replay_kernel *kernel,
               uint32_t groups, uint64_t cus, uint32_t each, bool merged)
{
    struct emu_bulk_launch launch = {
        .kernel = &kernel->bulk,
        .groups = groups,
        .stretch_milli = merged ? e->options->costs->proxy_milli : 1000,
        .stream = e->streams[index].tag,
        .cus = cus,
        .each = each,
    };
    int slot = emu_bulk_start(e->bulk, &launch, e->now_ns);

    if (slot >= 0)
        e->slot_stream[slot] = (int32_t)index;
    return slot;
}

static uint64_t cu_mask(uint32_t first, uint32_t count)
{
    return (count >= 64 ? UINT64_MAX : (1ull << count) - 1) << first;
}

/* Asks the core for pads beside the RT kernel and starts them. Returns the units left to RT. */
static uint64_t start_pads(struct engine *e, uint32_t index, const struct replay_kernel *rt)
{
    struct stream *s = &e->streams[index];
    struct reef_core_pad pads[REEF_PADS_MAX];
    unsigned count = reef_core_pad(e->core, &rt->pad, pads);
    uint32_t rt_cus = e->options->profile->compute_units;

    s->pad_count = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t owner = 0;

        while (e->clients[owner].config->rt || e->clients[owner].core_queue != (int)pads[i].queue)
            owner++;
        uint32_t k = (uint32_t)(pads[i].seq - e->clients[owner].core_base);
        int slot = put(e, index, engine_kernel(e, owner, k), pads[i].groups,
                       cu_mask(pads[i].first_cu, pads[i].cus), pads[i].each, true);
        if (slot < 0) /* as if it had run: the next look offers the rest */
            e->error = slot;
        if (rt_cus > pads[i].first_cu)
            rt_cus = pads[i].first_cu;
        engine_log(e, "pad %s %u groups on %u+%u", e->clients[owner].config->name, pads[i].groups,
                   pads[i].first_cu, pads[i].cus);
        s->pads[s->pad_count++] = (struct pad){.core = pads[i], .slot = slot};
        s->parts++;
        e->be_slots |= 1u << slot;
        e->result->pads++;
        e->result->padded_groups += pads[i].groups;
    }
    return count ? cu_mask(0, rt_cus) : EMU_BULK_ALL_CUS;
}

void stream_start(struct engine *e, uint32_t index)
{
    struct stream *s = &e->streams[index];
    struct client *c = &e->clients[s->client];
    uint64_t cus = EMU_BULK_ALL_CUS;

    s->starting = false;
    if (s->head == s->tail || s->parts > 0)
        return;
    const struct item *item = &s->items[s->head % ITEMS];
    const struct replay_kernel *kernel = engine_kernel(e, s->client, item->kernel);
    uint32_t groups = kernel->groups;

    /* A merged kernel takes several of the device's numbers; one that needs them all waits. */
    if (__builtin_popcount(e->rt_slots | e->be_slots) + REEF_PADS_MAX + 1 > EMU_BULK_KERNELS) {
        s->wants_slot = true;
        return;
    }
    if (c->config->rt)
        cus = start_pads(e, index, kernel);
    else if (!item->again && !e->options->policy->whole_rest)
        groups -=
            reef_core_groups_done(e->core, (uint32_t)c->core_queue, c->core_base + item->kernel);
    s->slot = put(e, index, kernel, groups, cus, 0, s->pad_count > 0);
    if (s->slot < 0) {
        e->error = s->slot;
        return;
    }
    if (c->config->rt)
        e->rt_slots |= 1u << s->slot;
    else
        e->be_slots |= 1u << s->slot;
    engine_log(e, "run %s %u%s", c->config->name, item->kernel, item->again ? " again" : "");
    s->parts++;
    s->asked = groups;
    s->began_ns = e->now_ns;
}

/* The number @slot is free again. */
static void give_back(struct engine *e, int slot)
{
    emu_bulk_free(e->bulk, slot);
    e->slot_stream[slot] = -1;
    e->rt_slots &= ~(1u << slot);
    e->be_slots &= ~(1u << slot);
}

static void wake_waiting(struct engine *e)
{
    for (uint32_t i = 0; i < e->workload->client_count; i++)
        if (e->streams[i].wants_slot) {
            e->streams[i].wants_slot = false;
            stream_wake(e, i, e->now_ns);
        }
}

static void tell_pads(struct engine *e, struct stream *s)
{
    for (unsigned i = 0; i < s->pad_count; i++) {
        const struct reef_core_pad *pad = &s->pads[i].core;
        uint32_t owner = 0;

        while (e->clients[owner].config->rt || e->clients[owner].core_queue != (int)pad->queue)
            owner++;
        struct client *c = &e->clients[owner];
        uint32_t k = (uint32_t)(pad->seq - c->core_base);
        uint32_t left = engine_kernel(e, owner, k)->groups -
                        reef_core_groups_done(e->core, pad->queue, pad->seq);

        reef_core_padded(e->core, pad->queue, pad->seq, e->now_ns);
        engine_actions(e);
        if (left == pad->groups) {
            engine_log(e, "done %s %u, padded", c->config->name, k);
            e->result->kernels++;
            if (++c->completed == c->length)
                client_finished(e, owner);
        }
    }
    s->pad_count = 0;
}

/* The kernel at the head of the stream is over. @whole: all of it was run. */
static void finished(struct engine *e, uint32_t index, bool whole)
{
    struct stream *s = &e->streams[index];
    struct client *c = &e->clients[s->client];
    struct item item = s->items[s->head++ % ITEMS];
    uint64_t ran_ns = e->now_ns - s->began_ns;
    uint32_t owner = s->client;

    s->slot = -1;
    s->free_ns = e->now_ns + e->options->costs->gap_ns;
    engine_log(e, "%s %s %u",
               item.again ? "again"
               : whole    ? "done"
                          : "evicted",
               c->config->name, item.kernel);
    tell_pads(e, s);
    if (item.again || !whole) {
        e->result->waste_ns += ran_ns;
        e->result->restore_ns += ran_ns + e->options->costs->gap_ns;
    } else {
        e->result->kernels++;
        c->completed++;
        if (!c->config->rt) {
            reef_core_completed(e->core, (uint32_t)c->core_queue, c->core_base + item.kernel,
                                ran_ns, e->now_ns);
            engine_actions(e);
        }
        if (c->completed == c->length)
            client_finished(e, owner);
    }
    if (e->clients[s->client].config->rt)
        stream_feed_rt(e, index);
    engine_stream_idle(e, index);
    stream_wake(e, index, e->now_ns);
}

void streams_ended(struct engine *e, uint32_t slots)
{
    for (; slots; slots &= slots - 1) {
        int slot = __builtin_ctz(slots);
        int32_t index = e->slot_stream[slot];

        if (index < 0)
            continue;
        struct stream *s = &e->streams[index];

        if (slot == s->slot)
            s->whole = emu_bulk_done(e->bulk, slot) == s->asked;
        give_back(e, slot);
        if (--s->parts == 0)
            finished(e, (uint32_t)index, s->whole);
    }
    wake_waiting(e);
}

void stream_kill(struct engine *e, uint32_t index)
{
    struct stream *s = &e->streams[index];

    if (s->parts == 0)
        return;
    engine_log(e, "killed %s %u", e->clients[s->client].config->name,
               s->items[s->head % ITEMS].kernel);
    emu_bulk_kill(e->bulk, s->slot, e->now_ns);
    give_back(e, s->slot);
    s->slot = -1;
    s->parts = 0;
    s->head = s->tail;
    s->free_ns = e->now_ns;
    e->result->waste_ns += e->now_ns - s->began_ns;
    e->result->restore_ns += e->now_ns - s->began_ns + e->options->costs->gap_ns;
    e->result->killed++;
    wake_waiting(e);
}

bool stream_withdraw(struct engine *e, uint32_t index)
{
    struct stream *s = &e->streams[index];

    if (s->parts == 0)
        return true;
    if (!emu_bulk_withdraw(e->bulk, s->slot, e->now_ns))
        return false;
    streams_ended(e, 1u << s->slot);
    return true;
}
