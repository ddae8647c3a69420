// SPDX-License-Identifier: Apache-2.0
/*
 * What libreef adds to a launch, without HIP: CPU time of a thread that writes packets as ROCclr
 * does (one atomic addition, two looks at the read index, the packet, the doorbell) in bursts that
 * it waits for, above the fake libhsa-runtime64 whose kernels do nothing. Prints percentiles of the
 * bursts in ns a packet; the fastest ones are those that no interrupt fell into. Not a test:
 *
 *   with_reef.sh LIBREEF off|rt|be queue_cost [BURSTS [PACKETS]]
 */
#include "aql.h"

enum { BURSTS_MAX = 100000 };

static void nothing(struct fake_kernel *arguments) {}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void put(hsa_queue_t *queue, struct fake_kernel *kernel)
{
    const hsa_kernel_dispatch_packet_t packet = {.grid_size_x = 64,
                                                 .grid_size_y = 1,
                                                 .grid_size_z = 1,
                                                 .workgroup_size_x = 64,
                                                 .workgroup_size_y = 1,
                                                 .workgroup_size_z = 1,
                                                 .kernel_object = (uint64_t)(uintptr_t)nothing,
                                                 .kernarg_address = kernel};
    uint64_t index = hsa_queue_add_write_index_screlease(queue, 1);
    hsa_queue_load_read_index_relaxed(queue);
    while (index - hsa_queue_load_read_index_scacquire(queue) >= queue->size - 1)
        aql_nap_us(20);
    uint32_t *slot = (uint32_t *)queue->base_address + (index & (queue->size - 1)) * 16;
    memcpy(slot + 1, (const char *)&packet + 4, 60);
    __atomic_store_n(slot,
                     HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE |
                         1u << HSA_PACKET_HEADER_BARRIER,
                     __ATOMIC_RELEASE);
    hsa_signal_store_screlease(queue->doorbell_signal, (hsa_signal_value_t)index);
}

int main(int argc, char **argv)
{
    static struct fake_kernel kernel;
    static double burst_ns[BURSTS_MAX];
    const hsa_signal_t none = {0};
    int bursts = argc > 1 ? atoi(argv[1]) : 2000, packets = argc > 2 ? atoi(argv[2]) : 32;
    CHECK(bursts > 0 && bursts <= BURSTS_MAX && packets > 0, "queue_cost [BURSTS [PACKETS]]");
    CHECK(hsa_init() == HSA_STATUS_SUCCESS, "hsa_init");
    hsa_queue_t *queue = aql_open(16384);
    for (int b = -50; b < bursts; b++) { /* the first warm up */
        double begin_ns = cpu_ns();
        for (int i = 0; i < packets; i++)
            put(queue, &kernel);
        double end_ns = cpu_ns();
        hsa_signal_t done = aql_signal(1);
        aql_barrier(queue, none, done);
        while (hsa_signal_load_relaxed(done) > 0)
            ;
        hsa_signal_destroy(done);
        if (b >= 0)
            burst_ns[b] = (end_ns - begin_ns) / packets;
    }
    qsort(burst_ns, (size_t)bursts, sizeof(*burst_ns), compare);
    printf("fastest %.1f, 5 %% %.1f, 25 %% %.1f, median %.1f ns\n", burst_ns[0],
           burst_ns[bursts / 20], burst_ns[bursts / 4], burst_ns[bursts / 2]);
    return 0;
}
