// SPDX-License-Identifier: Apache-2.0
/*
 * Random packets for the packet processor of AQL queues. The input is a ring's contents and what
 * the doorbell says; the packet processor runs until it waits or stops. It must do one of the two
 * within a bound, say why when it stops, and leave alone what is not the program's memory (a
 * sanitizer's work). Kernels are not run: a dispatch that is placed ends at once.
 *
 * With libFuzzer: build with -DREEF_LIBFUZZER -fsanitize=fuzzer,address,undefined and the sources
 * of test emu-aql-fuzz (tests/emu/driver/meson.build). Without: a program that runs a given number
 * of inputs from a fixed seed (a test).
 */
#include "aql_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fuzz_aql: %s\n", what);
    abort();
}

/* Returns the number of things that happened. */
static unsigned run(struct emu_queue *queue)
{
    unsigned steps = 0;

    for (;; steps++) {
        check(steps < 16 * AQL_PACKETS, "no end");
        if (queue->state == EMU_CP_STOPPED)
            return steps;
        emu_prefetch(queue);
        if (aql_rig_event()) /* an event was due */
            continue;
        if (!queue->event && emu_aql_ready(queue))
            emu_aql_run(queue, aql_rig_now());
        else
            return steps;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emu_queue *queue;
    uint64_t doorbell = AQL_PACKETS - 1;

    aql_rig_reset(size ? data[0] : 0);
    queue = aql_rig_queue();
    if (size > 1) {
        doorbell = data[1] % (2 * AQL_PACKETS) - (uint64_t)(data[1] >> 7);
        data += 2;
        size -= 2;
    }
    memcpy(aql_rig_ring(), data, size < AQL_PACKETS * 64 ? size : AQL_PACKETS * 64);
    emu_vm_doorbells()[queue->id] = doorbell;
    run(queue);
    if (queue->state == EMU_CP_STOPPED)
        check(aql_rig_reports > 0, "stopped without a word");
    else
        check(queue->fetch - queue->retired <= AQL_PACKETS, "went round the ring");
    check(queue->retired <= queue->fetch, "retired what was not fetched");
    check(aql_rig_read_index() == queue->retired, "wrong read index");
    /* Unmapped in whatever state it is, and mapped again: as good as before. */
    emu_aql_unmap(queue);
    run(queue);
    aql_rig_close(queue);
    return 0;
}

#ifndef REEF_LIBFUZZER
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t random32(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

/* Often in or near the program's memory, often aligned. */
static uint64_t random_address(void)
{
    uint64_t va = AQL_VA + random32() % (AQL_BYTES + 512) - 256;

    if (random32() % 4)
        va &= ~63ull;
    return random32() % 8 ? va : random32() % 2 ? 0 : (uint64_t)random32() << random32() % 32;
}

/* A packet that often is nearly right. */
static void random_packet(uint8_t packet[64])
{
    static const uint16_t types[] = {0, 0, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 5};
    hsa_kernel_dispatch_packet_t p = {
        .header = (uint16_t)(types[random32() % 13] | random32() % 2 << 8),
        .setup = (uint16_t)(random32() % 8 ? 1 : random32()),
        .workgroup_size_x = (uint16_t)(random32() % 4 ? 64 : random32()),
        .workgroup_size_y = (uint16_t)(random32() % 4 ? 1 : random32() % 40),
        .workgroup_size_z = (uint16_t)(random32() % 4 ? 1 : random32() % 4),
        .grid_size_x = random32() % 4 ? random32() % 4096 : random32(),
        .grid_size_y = random32() % 4 ? 1 : random32(),
        .grid_size_z = random32() % 8 ? 1 : random32(),
        .private_segment_size = random32() % 4 ? 0 : random32() % 4096,
        .group_segment_size = random32() % 4 ? 0 : random32() % 80000,
        .kernel_object = random32() % 8 ? AQL_VA + 8192 : random_address(),
        .kernarg_address = (void *)random_address(),
        .completion_signal = {random_address()},
    };
    uint64_t words[8];

    memcpy(packet, &p, 64);
    if ((p.header & 0xff) == 3 || (p.header & 0xff) == 5 || (p.header & 0xff) == 0) {
        for (unsigned i = 1; i < 8; i++)
            words[i] = random32() % 3 ? random_address() : random32() % 3;
        memcpy(packet + 8, words + 1, 56);
        if ((p.header & 0xff) == 0) /* vendor: barrier value, PM4 or neither */
            packet[2] = (uint8_t)(random32() % 4);
        if ((p.header & 0xff) == 0 && packet[2] == 1) {
            uint32_t ib[4] = {3u << 30 | 2 << 16 | 0x3f << 8, (uint32_t)(AQL_VA),
                              (uint32_t)(AQL_VA >> 32), random32() % 16};

            memcpy(packet + 4, ib, sizeof(ib));
        }
    }
    while (random32() % 8 == 0)
        packet[random32() % 64] ^= (uint8_t)(1 << random32() % 8);
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 0) : 8000;

    for (unsigned long i = 0; i < runs; i++) {
        uint8_t input[2 + AQL_PACKETS * 64];
        size_t packets = 1 + random32() % AQL_PACKETS;

        for (size_t p = 0; p < packets; p++)
            random_packet(input + 2 + p * 64);
        input[0] = (uint8_t)random32();
        input[1] = random32() % 4 ? (uint8_t)(packets - 1) : (uint8_t)random32();
        LLVMFuzzerTestOneInput(input, 2 + packets * 64 - (random32() % 8 ? 0 : random32() % 64));
    }
    printf("%lu inputs: %lu dispatches, %lu queues stopped\n", runs, aql_rig_dispatches,
           aql_rig_stopped);
    return aql_rig_dispatches && aql_rig_stopped ? 0 : 1;
}
#endif
