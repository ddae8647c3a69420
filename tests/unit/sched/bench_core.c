// SPDX-License-Identifier: Apache-2.0
/*
 * What the core costs a launch: ns per command enqueued, submitted and completed, over several
 * queues and kernels. Prints one line per pattern; fails nothing (a timed test would be noise).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sched/core.h"

enum { QUEUES = 8, PAIRS = 4000000 };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void take(struct reef_core *core)
{
    struct reef_action action;
    while (reef_core_next(core, &action))
        ;
}

/* Keeps @ahead commands enqueued per queue, of @keys different kernels. */
static void run(const char *name, unsigned ahead, unsigned keys)
{
    struct reef_core_config config = {
        .policy = "reef",
        .depth_ns = 2000000,
        .depth_count = 4,
        .unknown_ns = 500000,
        .linger_ns = 200000,
        .kill_limit = 3,
        .reset = true,
    };
    struct reef_core *core = reef_core_create(&config);
    if (!core)
        exit(1);
    for (unsigned i = 0; i < QUEUES; i++)
        if (reef_core_queue_open(core, 1024) < 0)
            exit(1);
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < PAIRS; i++) {
        uint32_t queue = i % QUEUES;
        uint64_t seq = i / QUEUES;
        struct reef_command command = {
            .key = (i * 0x9e3779b97f4a7c15ull >> 32) % keys * 256 + 4096,
            .flags = REEF_COMMAND_RESTARTABLE,
        };
        reef_core_enqueued(core, queue, &command, i);
        take(core);
        if (seq >= ahead) {
            reef_core_completed(core, queue, seq - ahead, 20000, i);
            take(core);
        }
    }
    printf("%-44s %6.1f ns\n", name, (double)(now_ns() - start) / PAIRS);
    reef_core_destroy(core);
}

int main(void)
{
    run("1 in flight, 10 kernels", 1, 10);
    run("4 in flight, 10 kernels", 4, 10);
    run("100 enqueued (4 in flight), 10 kernels", 100, 10);
    run("4 in flight, 500 kernels", 4, 500);
    run("4 in flight, 20000 kernels (table overrun)", 4, 20000);
    return 0;
}
