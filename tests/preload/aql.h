// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers of the queue tests: an application that writes AQL packets itself, as HIP's runtime does,
 * to a queue of the fake libhsa-runtime64 (fakes/fake_hsa.c) that libreef.so may have made virtual.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#pragma GCC diagnostic pop

#include "fakes/fake_kernel.h"

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline uint64_t aql_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void aql_nap_us(unsigned us)
{
    struct timespec t = {us / 1000000, (us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

static inline void aql_bad_queue(hsa_status_t status, hsa_queue_t *source, void *data)
{
    fprintf(stderr, "queue error 0x%x\n", (unsigned)status);
    abort();
}

static inline hsa_queue_t *aql_open_type(uint32_t size, hsa_queue_type32_t type)
{
    hsa_queue_t *queue;
    hsa_agent_t agent = {FAKE_GPU_AGENT};
    hsa_status_t status = hsa_queue_create(agent, size, type, aql_bad_queue, NULL, UINT32_MAX,
                                           UINT32_MAX, &queue);
    CHECK(status == HSA_STATUS_SUCCESS, "hsa_queue_create: 0x%x", (unsigned)status);
    return queue;
}

static inline hsa_queue_t *aql_open(uint32_t size)
{
    return aql_open_type(size, HSA_QUEUE_TYPE_MULTI);
}

static inline hsa_signal_t aql_signal(hsa_signal_value_t value)
{
    hsa_signal_t signal;
    CHECK(hsa_signal_create(value, 0, NULL, &signal) == HSA_STATUS_SUCCESS, "hsa_signal_create");
    return signal;
}

/* Reserves a packet; waits for room, at most a minute. */
static inline uint64_t aql_reserve(hsa_queue_t *queue)
{
    uint64_t index = hsa_queue_add_write_index_screlease(queue, 1);
    uint64_t begin = aql_now_ns();
    while (index - hsa_queue_load_read_index_scacquire(queue) >= queue->size) {
        CHECK(aql_now_ns() - begin < 60000000000ull, "the queue does not move");
        aql_nap_us(20);
    }
    return index;
}

static inline void aql_publish(hsa_queue_t *queue, uint64_t index, const void *packet,
                               unsigned type)
{
    uint32_t *slot = (uint32_t *)queue->base_address + (index & (queue->size - 1)) * 16;
    uint32_t head = type << HSA_PACKET_HEADER_TYPE | 1u << HSA_PACKET_HEADER_BARRIER;
    CHECK((__atomic_load_n(slot, __ATOMIC_ACQUIRE) & 0xff) == HSA_PACKET_TYPE_INVALID,
          "packet %llu is written over", (unsigned long long)index);
    memcpy(slot + 1, (const char *)packet + 4, 60);
    __atomic_store_n(slot, head, __ATOMIC_RELEASE);
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)index);
}

static inline uint64_t aql_kernel(hsa_queue_t *queue, fake_kernel_fn *kernel, void *arguments,
                                  hsa_signal_t done)
{
    hsa_kernel_dispatch_packet_t packet = {.grid_size_x = 64,
                                           .grid_size_y = 1,
                                           .grid_size_z = 1,
                                           .workgroup_size_x = 64,
                                           .workgroup_size_y = 1,
                                           .workgroup_size_z = 1,
                                           .kernel_object = (uint64_t)(uintptr_t)kernel,
                                           .kernarg_address = arguments,
                                           .completion_signal = done};
    uint64_t index = aql_reserve(queue);
    aql_publish(queue, index, &packet, HSA_PACKET_TYPE_KERNEL_DISPATCH);
    return index;
}

static inline uint64_t aql_barrier(hsa_queue_t *queue, hsa_signal_t depends, hsa_signal_t done)
{
    hsa_barrier_and_packet_t packet = {.dep_signal = {depends}, .completion_signal = done};
    uint64_t index = aql_reserve(queue);
    aql_publish(queue, index, &packet, HSA_PACKET_TYPE_BARRIER_AND);
    return index;
}

/* Waits until the signal is zero; false after @seconds. */
static inline bool aql_wait(hsa_signal_t signal, unsigned seconds)
{
    return hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1, seconds * 1000000000ull,
                                     HSA_WAIT_STATE_BLOCKED) < 1;
}
