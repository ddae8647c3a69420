// SPDX-License-Identifier: Apache-2.0
/*
 * Properties under thousands of random steps with fixed seeds: the device stays valid (which
 * includes that no resource is ever negative, lost or given twice), the clock never goes back,
 * dates are never behind it, every work-group is placed once, and damaged memory is refused or
 * repaired.
 */
#include "model_test.h"

#include <stdio.h>

enum { PROCESSES = 5, QUEUES = 12, STEPS = 6000 };

struct world {
    struct emu_device *dev;
    uint64_t wall, last_now;
    uint32_t seed;
    int process[PROCESSES]; /* slot or -1 */
    int queue[QUEUES];      /* device queue or -1 */
    int owner[QUEUES];      /* index in process[] */
    int held[EMU_MAX_RESIDENTS];
    unsigned held_count;
    uint32_t next_dispatch;
    uint64_t offered, withdrawn, taken, released;
};

static uint32_t roll(struct world *w, uint32_t below)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(w->seed >> 4) * below) >> 28);
}

static uint64_t look_at_clock(struct world *w)
{
    uint64_t now;

    w->wall += roll(w, 2000);
    now = emu_device_now(w->dev, w->wall);
    assert_true(now >= w->last_now);
    w->last_now = now;
    return now;
}

static void forget_process(struct world *w, int index)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < w->held_count; i++) {
        if (w->dev->residents[w->held[i]].process != w->process[index])
            w->held[kept++] = w->held[i];
    }
    w->held_count = kept;
    for (int q = 0; q < QUEUES; q++) {
        if (w->owner[q] == index)
            w->queue[q] = -1;
    }
}

static void step_process(struct world *w)
{
    int i = (int)roll(w, PROCESSES);

    if (w->process[i] < 0) {
        w->process[i] = emu_device_attach(w->dev, 100 + i, 1);
        assert_true(w->process[i] >= 0);
    } else if (roll(w, 20) == 0) {
        look_at_clock(w);
        forget_process(w, i);
        emu_device_detach(w->dev, w->process[i], w->wall);
        w->process[i] = -1;
    } else {
        emu_device_set_absent(w->dev, w->process[i], roll(w, 4) == 0, w->wall);
    }
}

/* Its waves are saved: they are taken again when they are placed again. */
static void save_queue(struct world *w, int queue)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < w->held_count; i++) {
        if (w->dev->residents[w->held[i]].queue != queue ||
            w->dev->residents[w->held[i]].process != w->dev->queues[queue].process)
            w->held[kept++] = w->held[i];
    }
    w->held_count = kept;
    emu_device_queue_save(w->dev, queue, look_at_clock(w));
}

static void close_queue(struct world *w, int queue)
{
    uint64_t now = look_at_clock(w);

    for (int r = 0; r < EMU_MAX_RESIDENTS; r++) {
        if (w->dev->residents[r].used == EMU_RESIDENT_AWAY && w->dev->residents[r].queue == queue)
            emu_device_release(w->dev, r, now);
    }
    emu_device_queue_close(w->dev, queue);
}

static void step_queue(struct world *w)
{
    int i = (int)roll(w, QUEUES), p = (int)roll(w, PROCESSES);

    if (w->queue[i] < 0) {
        if (w->process[p] < 0)
            return;
        w->queue[i] = emu_device_queue_open(w->dev, w->process[p], roll(w, 3));
        w->owner[i] = p;
        assert_true(w->queue[i] >= 0);
    } else if (roll(w, 6) == 0) {
        close_queue(w, w->queue[i]);
        w->queue[i] = -1;
    } else if (roll(w, 3) == 0) {
        emu_device_withdraw(w->dev, w->queue[i]);
    } else {
        bool suspended = roll(w, 2);

        emu_device_queue_suspend(w->dev, w->queue[i], suspended, look_at_clock(w));
        if (suspended && roll(w, 2))
            save_queue(w, w->queue[i]);
    }
}

static void step_dispatch(struct world *w)
{
    int i = (int)roll(w, QUEUES);
    struct emu_shape shape = {
        .waves = 1 + roll(w, 16),
        .vgprs = roll(w, 64),
        .sgprs = roll(w, 112),
        .lds_bytes = roll(w, 3) ? roll(w, 30000) : 0,
    };

    if (w->queue[i] >= 0)
        emu_device_dispatch(w->dev, w->queue[i], w->next_dispatch++, &shape, 1 + roll(w, 400),
                            look_at_clock(w));
}

static void step_take(struct world *w)
{
    int p = w->process[roll(w, PROCESSES)];
    unsigned count = roll(w, 300);
    int r;

    if (p < 0)
        return;
    while (count-- > 0 && (r = emu_device_take_placed(w->dev, p)) >= 0) {
        assert_int_equal(w->dev->residents[r].process, p);
        assert_true(w->dev->residents[r].placed_ns <= w->last_now);
        assert_true(emu_device_waves_beside(w->dev, r) <= 10);
        w->held[w->held_count++] = r;
    }
}

static void step_release(struct world *w)
{
    uint64_t now = look_at_clock(w);
    unsigned count = roll(w, 40);
    int list[40];
    unsigned n = 0;

    while (count-- > 0 && w->held_count > 0) {
        unsigned pick = roll(w, w->held_count);

        list[n++] = w->held[pick];
        w->held[pick] = w->held[--w->held_count];
    }
    emu_device_release_many(w->dev, list, n, now);
}

static void step_horizon(struct world *w)
{
    int p = w->process[roll(w, PROCESSES)];
    uint64_t now = look_at_clock(w);

    if (p >= 0)
        emu_device_set_horizon(w->dev, p, roll(w, 3) ? now + roll(w, 5000) : EMU_NEVER, w->wall);
}

static void run_world(uint32_t seed)
{
    static void (*const steps[])(struct world *) = {
        step_process, step_queue,   step_dispatch, step_dispatch, step_take,
        step_take,    step_release, step_release,  step_horizon,
    };
    struct world w = {.seed = seed, .dev = new_device(1 + seed % 40000, 1000), .wall = 1000};

    for (int i = 0; i < PROCESSES; i++)
        w.process[i] = -1;
    for (int i = 0; i < QUEUES; i++)
        w.queue[i] = -1;
    for (int i = 0; i < STEPS; i++) {
        steps[roll(&w, sizeof(steps) / sizeof(steps[0]))](&w);
        look_at_clock(&w);
        if (i % 32 == 0 && !emu_device_valid(w.dev))
            fail_msg("seed %u: device not valid after step %d", seed, i);
    }
    assert_true(w.dev->placements > 1000);
    for (int i = 0; i < PROCESSES; i++) {
        if (w.process[i] >= 0)
            emu_device_detach(w.dev, w.process[i], w.wall);
    }
    assert_true(emu_device_valid(w.dev));
    for (unsigned c = 0; c < mi50.compute_units; c++) {
        assert_int_equal(w.dev->cus[0][c].lds_free, 65536);
        assert_int_equal(w.dev->cus[0][c].waves_free[0], 10);
        assert_int_equal(w.dev->cus[0][c].vgprs_free[3], 256);
    }
    free(w.dev);
}

static void test_random_worlds(void **state)
{
    for (uint32_t seed = 1; seed <= 6; seed++)
        run_world(seed * 7919);
}

/* Every work-group of every dispatch is placed once and in order, whatever happens around it. */
static void test_each_once(void **state)
{
    struct world w = {.seed = 4711, .dev = new_device(1000, 0)};
    int p = emu_device_attach(w.dev, 10, 1);
    uint32_t next[4] = {0}, total[4] = {1000, 3000, 500, 2500};
    int queue[4], r;

    for (int q = 0; q < 4; q++) {
        struct emu_shape shape = {.waves = 1 + roll(&w, 8), .lds_bytes = roll(&w, 20000)};

        queue[q] = emu_device_queue_open(w.dev, p, (uint32_t)q % 2);
        assert_int_equal(emu_device_dispatch(w.dev, queue[q], (uint32_t)q, &shape, total[q], 0), 0);
    }
    for (;;) {
        while ((r = emu_device_take_placed(w.dev, p)) >= 0) {
            uint32_t d = w.dev->residents[r].dispatch;

            assert_int_equal(w.dev->residents[r].workgroup, next[d]);
            next[d]++;
            w.held[w.held_count++] = r;
        }
        if (w.held_count == 0)
            break;
        r = (int)roll(&w, w.held_count);
        emu_device_release(w.dev, w.held[r], 0);
        w.held[r] = w.held[--w.held_count];
    }
    for (int q = 0; q < 4; q++)
        assert_int_equal(next[q], total[q]);
    free(w.dev);
}

static struct emu_device *busy_device(void)
{
    struct emu_device *dev = new_device(1000, 0);
    struct emu_shape shape = {.waves = 2, .vgprs = 30, .lds_bytes = 1000};

    for (int i = 0; i < 2; i++) {
        int p = emu_device_attach(dev, 10 + i, 1);
        int q = emu_device_queue_open(dev, p, 7);

        assert_int_equal(emu_device_dispatch(dev, q, 1, &shape, 200, 0), 0);
        emu_device_set_horizon(dev, p, 50, 0);
    }
    for (int i = 0; i < 77; i++)
        emu_device_take_placed(dev, 0);
    for (int i = 0; i < 3; i++) { /* and a queue that is away */
        int q = emu_device_queue_open(dev, 0, 7);

        assert_int_equal(emu_device_dispatch(dev, q, 2, &shape, 5, 0), 0);
        emu_device_queue_suspend(dev, q, true, 0);
        emu_device_queue_save(dev, q, 0);
    }
    assert_true(emu_device_valid(dev));
    return dev;
}

/* Random bytes anywhere: never a crash, and what is called valid holds together. */
static void test_corrupted(void **state)
{
    struct emu_device *good = busy_device(), *dev = new_device(1000, 0);
    struct world w = {.seed = 99};
    unsigned refused = 0;

    for (int i = 0; i < 800; i++) {
        uint32_t at = roll(&w, i % 2 ? sizeof(*dev) : offsetof(struct emu_device, residents[300]));
        uint8_t before;

        memcpy(dev, good, sizeof(*dev));
        before = ((uint8_t *)dev)[at];
        ((uint8_t *)dev)[at] = (uint8_t)roll(&w, 256);
        refused += !emu_device_valid(dev);
        if (emu_device_repair(dev))
            assert_true(emu_device_valid(dev));
        else
            assert_true(((uint8_t *)dev)[at] != before);
    }
    assert_true(refused > 80);
    free(good);
    free(dev);
}

/* What a death in the middle of a change leaves: derived data that is old. All of it comes back. */
static void test_repair(void **state)
{
    struct emu_device *dev = busy_device(), *before = malloc(sizeof(*before));

    assert_non_null(before);
    memcpy(before, dev, sizeof(*dev));
    memset(dev->cus, 0xff, sizeof(dev->cus));
    dev->free_resident = 3;
    dev->processes[0].placed = -7;
    dev->processes[1].placed_last = 12;
    dev->queues[0].next_workgroup--;
    dev->horizon_ns = 1;
    for (int i = 0; i < EMU_MAX_RESIDENTS; i++)
        dev->residents[i].next = 5;
    assert_false(emu_device_valid(dev));
    assert_true(emu_device_repair(dev));
    assert_memory_equal(dev->cus[0], before->cus[0], mi50.compute_units * sizeof(dev->cus[0][0]));
    assert_int_equal(dev->queues[0].next_workgroup, before->queues[0].next_workgroup);
    assert_int_equal(dev->horizon_ns, before->horizon_ns);
    assert_true(emu_device_valid(dev));
    dev->residents[0].simd_waves[0]++; /* what a resident holds cannot be guessed */
    assert_false(emu_device_repair(dev));
    free(dev);
    free(before);
}

static void test_foreign(void **state)
{
    struct emu_device *dev = new_device(1000, 0);

    dev->version++;
    assert_false(emu_device_valid(dev));
    assert_false(emu_device_repair(dev));
    memset(dev, 0, sizeof(*dev));
    assert_false(emu_device_valid(dev));
    memset(dev, 0xff, sizeof(*dev));
    assert_false(emu_device_valid(dev));
    free(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_worlds), cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_corrupted),     cmocka_unit_test(test_repair),
        cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
