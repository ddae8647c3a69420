// SPDX-License-Identifier: Apache-2.0
/*
 * What a real-time process with REEF_PADDING=cu tells of its need of compute units: need_cases NAME
 * under libreef.so. Looks at the board as a best-effort process would.
 */
#include <pthread.h>

#include "aql.h"
#include "shim/board/board.h"

static const hsa_signal_t none;
static struct reef_board *board;

enum { GROUP = 64 };

static void nothing(struct fake_kernel *arguments)
{
    (void)arguments;
}

static hsa_kernel_dispatch_packet_t kernel(uint32_t groups, hsa_signal_t done)
{
    static struct fake_kernel arguments = {.duration_us = 5};
    return (hsa_kernel_dispatch_packet_t){
        .setup = 1 << HSA_KERNEL_DISPATCH_PACKET_SETUP_DIMENSIONS,
        .grid_size_x = groups * GROUP,
        .grid_size_y = 1,
        .grid_size_z = 1,
        .workgroup_size_x = GROUP,
        .workgroup_size_y = 1,
        .workgroup_size_z = 1,
        .kernel_object = (uint64_t)(uintptr_t)nothing,
        .kernarg_address = &arguments,
        .completion_signal = done,
    };
}

static void write_packet(hsa_queue_t *queue, uint64_t index,
                         const hsa_kernel_dispatch_packet_t *packet, bool barrier)
{
    uint32_t *slot = (uint32_t *)queue->base_address + (index & (queue->size - 1)) * 16;
    uint32_t head = HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE |
                    (barrier ? 1u : 0u) << HSA_PACKET_HEADER_BARRIER |
                    (uint32_t)packet->setup << 16;
    memcpy(slot + 1, (const char *)packet + 4, 60);
    __atomic_store_n(slot, head, __ATOMIC_RELEASE);
}

static void launch(hsa_queue_t *queue, hsa_kernel_dispatch_packet_t packet, bool barrier)
{
    uint64_t index = aql_reserve(queue);
    write_packet(queue, index, &packet, barrier);
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)index);
}

static uint32_t room(void)
{
    return reef_board_room(board, FAKE_CUS, aql_now_ns());
}

static void await_room(uint32_t want, unsigned line)
{
    uint64_t begin_ns = aql_now_ns();
    while (room() != want) {
        CHECK(aql_now_ns() - begin_ns < 20000000000ull, "line %u: room for %u units, not %u", line,
              room(), want);
        aql_nap_us(100);
    }
}
#define AWAIT_ROOM(want) await_room(want, __LINE__)

/* One burst of RT work, to its end as the agent sees it. */
static void burst(hsa_queue_t *queue, uint32_t groups)
{
    hsa_signal_t done = aql_signal(1);
    launch(queue, kernel(groups, done), true);
    CHECK(aql_wait(done, 20), "no completion");
    hsa_signal_destroy(done);
    uint64_t begin_ns = aql_now_ns();
    while (reef_board_rt_active(board, aql_now_ns()))
        CHECK(aql_now_ns() - begin_ns < 20000000000ull, "RT work does not end");
}

static void case_windows(void)
{
    hsa_queue_t *queue = aql_open(64);
    CHECK(room() == FAKE_CUS, "nothing was said yet");
    burst(queue, 20);
    AWAIT_ROOM(40);
    burst(queue, 10); /* the largest lately counts */
    AWAIT_ROOM(40);
    launch(queue, kernel(31, none), true);
    CHECK(room() == 29, "more is told at once: %u", room());
    for (unsigned i = 0; i < 9; i++)
        burst(queue, 5);
    AWAIT_ROOM(55);
    launch(queue, kernel(1000, none), true);
    CHECK(room() == 0, "a kernel that fills the GPU: %u", room());
    hsa_queue_destroy(queue);
}

static void case_shapes(void)
{
    static const struct {
        uint32_t grid[3];
        uint16_t group[3];
        uint32_t groups;
    } shapes[] = {
        {{1, 1, 1}, {64, 1, 1}, 1},
        {{65, 1, 1}, {64, 1, 1}, 2},
        {{64, 5, 1}, {64, 2, 1}, 3},
        {{128, 2, 2}, {64, 1, 1}, 8},
        {{100, 10, 3}, {50, 3, 2}, 16},
        {{640, 1, 1}, {64, 1, 1}, 10},
        {{4294967295u, 1, 1}, {1, 1, 1}, 60},
        {{65536, 65536, 65536}, {1, 1, 1}, 60},
        {{1, 1, 4294967295u}, {1, 1, 1024}, 60},
    };
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        hsa_queue_t *queue = aql_open(64);
        burst(queue, 1);
        AWAIT_ROOM(FAKE_CUS - 1);
        hsa_kernel_dispatch_packet_t packet = kernel(1, none);
        packet.setup = 3;
        packet.grid_size_x = shapes[i].grid[0];
        packet.grid_size_y = shapes[i].grid[1];
        packet.grid_size_z = shapes[i].grid[2];
        packet.workgroup_size_x = shapes[i].group[0];
        packet.workgroup_size_y = shapes[i].group[1];
        packet.workgroup_size_z = shapes[i].group[2];
        launch(queue, packet, true);
        CHECK(room() == FAKE_CUS - shapes[i].groups, "shape %u: %u", i, room());
        hsa_queue_destroy(queue);
        CHECK(room() == FAKE_CUS - 1, "a queue that is gone needs nothing: %u", room());
    }
}

/* One doorbell for several, the largest of which is none of the ends; a packet written late; one
 * without the barrier bit, which may run beside those before it. */
static void case_batches(void)
{
    hsa_queue_t *queue = aql_open(64), *other = aql_open(64);
    burst(queue, 1);
    AWAIT_ROOM(59);
    uint64_t first = hsa_queue_add_write_index_screlease(queue, 3);
    const uint32_t groups[] = {2, 17, 3};
    for (unsigned i = 0; i < 3; i++) {
        hsa_kernel_dispatch_packet_t packet = kernel(groups[i], none);
        write_packet(queue, first + i, &packet, true);
    }
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)(first + 2));
    CHECK(room() == 43, "a batch: %u", room());

    uint64_t late = aql_reserve(queue);
    launch(queue, kernel(18, none), true);
    CHECK(room() == 42, "behind one that is not written: %u", room());
    hsa_kernel_dispatch_packet_t packet = kernel(19, none);
    write_packet(queue, late, &packet, true);
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)late);
    CHECK(room() == 41, "the late one: %u", room());

    launch(other, kernel(11, none), true);
    CHECK(room() == 30, "queues add up: %u", room());
    launch(other, kernel(1, none), false);
    CHECK(room() == 0, "kernels that run beside each other: %u", room());
    hsa_queue_destroy(other);
    CHECK(room() == 41, "without the other: %u", room());
    hsa_queue_destroy(queue);
}

/* Several threads launch into one queue; now and then a larger kernel, which is told before its
 * doorbell is rung. Small ones never count as large, whoever rings for whom. */
static _Atomic bool large;
static _Atomic unsigned wrong;

static void *launcher(void *arg)
{
    hsa_queue_t *queue = arg;
    for (unsigned i = 0; i < 3000; i++) {
        launch(queue, kernel(20, none), true);
        if (!atomic_load(&large) && room() != 40)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void case_threads(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    hsa_queue_t *queue = aql_open(256);
    burst(queue, 20);
    AWAIT_ROOM(40);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, launcher, queue);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&wrong) == 0, "%u times", wrong);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, launcher, queue);
    atomic_store(&large, true);
    for (unsigned i = 0; i < 200; i++) {
        launch(queue, kernel(40, none), true);
        CHECK(room() == 20, "a large one among small ones: %u", room());
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    hsa_queue_destroy(queue);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"windows", case_windows},
    {"shapes", case_shapes},
    {"batches", case_batches},
    {"threads", case_threads},
};

int main(int argc, char **argv)
{
    char why[160];
    CHECK(argc == 2, "usage: need_cases NAME");
    CHECK(hsa_init() == HSA_STATUS_SUCCESS, "hsa_init");
    CHECK(reef_board_open(&board, getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", why, sizeof(why)) ==
              0,
          "%s", why);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return 0;
        }
    }
    CHECK(false, "no such case");
}
