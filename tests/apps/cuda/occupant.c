// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program that occupies every multiprocessor: kernels of a given duration, a given
 * number of them called ahead, until a file appears. Each block takes all shared memory of a
 * multiprocessor, so nothing that needs some runs beside it. Its kernels read one buffer and write
 * another, each what the last one wrote.
 *
 *   occupant DURATION_US AHEAD STOP_FILE READY_FILE STAMP_FILE
 *
 * Prints "KERNELS WRONG", and writes for each kernel when it began and ended on the device's clock.
 */
#include "tests/apps/cuda/common.h"

#include <unistd.h>

#include "occupant_ptx.h"

enum { THREADS = 32, KERNELS_MAX = 1 << 17, AHEAD_MAX = 1024 };

static CUfunction occupy;
static CUdeviceptr buffer[2], stamps;
static CUevent done[AHEAD_MAX];
static unsigned blocks, shared_bytes;

static int device_attribute(CUdevice_attribute which)
{
    int value;

    TRY(cuDeviceGetAttribute(&value, which, 0));
    return value;
}

static void set_up(uint32_t *data)
{
    occupy = app_function(app_start(occupant_ptx), "occupy");
    blocks = (unsigned)device_attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    shared_bytes =
        (unsigned)device_attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    TRY(cuFuncSetAttribute(occupy, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                           (int)shared_bytes));
    buffer[0] = app_upload(data, blocks * THREADS);
    buffer[1] = app_alloc(blocks * THREADS);
    /* Pairs: the least so far and the greatest so far. */
    uint64_t *first = malloc(KERNELS_MAX * 16);
    if (!first)
        app_fail("out of memory");
    for (size_t i = 0; i < KERNELS_MAX; i++) {
        first[2 * i] = UINT64_MAX;
        first[2 * i + 1] = 0;
    }
    stamps = app_upload(first, KERNELS_MAX * 4);
    free(first);
}

static void launch(long kernel, uint32_t rounds)
{
    CUdeviceptr mine = stamps + (CUdeviceptr)(kernel % KERNELS_MAX) * 16;
    void *arguments[] = {&buffer[kernel % 2], &buffer[1 - kernel % 2], &rounds, &mine};

    TRY(cuLaunchKernel(occupy, blocks, 1, 1, THREADS, 1, 1, shared_bytes, NULL, arguments, NULL));
}

/* The same number of rounds of the same recurrence: value * a + c. */
static void recurrence(uint64_t rounds, uint32_t *a, uint32_t *c)
{
    uint32_t step_a = 1664525u, step_c = 1013904223u;

    *a = 1;
    *c = 0;
    for (; rounds; rounds >>= 1) {
        if (rounds & 1) {
            *c = *c * step_a + step_c;
            *a *= step_a;
        }
        step_c *= step_a + 1;
        step_a *= step_a;
    }
}

static void write_stamps(const char *path, long kernels)
{
    uint64_t *pairs = malloc(KERNELS_MAX * 16);
    FILE *out = app_open(path);

    if (!pairs)
        app_fail("out of memory");
    TRY(cuMemcpyDtoH(pairs, stamps, KERNELS_MAX * 16));
    for (long i = 0; i < kernels && i < KERNELS_MAX; i++)
        fprintf(out, "%llu %llu\n", (unsigned long long)pairs[2 * i],
                (unsigned long long)pairs[2 * i + 1]);
    fclose(out);
    free(pairs);
}

int main(int argc, char **argv)
{
    long kernels = 0, wrong = 0;
    uint32_t data[256 * THREADS], a, c;

    if (argc != 6)
        app_fail("occupant DURATION_US AHEAD STOP_FILE READY_FILE STAMP_FILE");
    uint32_t rounds = (uint32_t)atof(argv[1]);
    int ahead = atoi(argv[2]);
    if (rounds < 1 || ahead < 1 || ahead > AHEAD_MAX)
        app_fail("occupant: bad arguments");
    for (uint32_t i = 0; i < 256 * THREADS; i++)
        data[i] = i;
    set_up(data);
    for (int i = 0; i < ahead; i++)
        TRY(cuEventCreate(&done[i], CU_EVENT_DISABLE_TIMING));
    for (; access(argv[3], F_OK) != 0; kernels++) {
        int slot = (int)(kernels % ahead);

        if (kernels >= ahead)
            app_wait(done[slot]);
        if (kernels == ahead)
            fclose(app_open(argv[4]));
        launch(kernels, rounds);
        TRY(cuEventRecord(done[slot], NULL));
    }
    TRY(cuMemcpyDtoH(data, buffer[kernels % 2], blocks * THREADS * 4));
    recurrence((uint64_t)kernels * rounds, &a, &c);
    for (uint32_t i = 0; i < blocks * THREADS; i++)
        wrong += data[i] != i * a + c;
    write_stamps(argv[5], kernels);
    printf("%ld %ld\n", kernels, wrong);
    return wrong != 0;
}
