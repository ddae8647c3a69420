// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program that occupies every multiprocessor: kernels of a given duration, a given
 * number of them called ahead, until a file appears. Each block takes all shared memory of a
 * multiprocessor, so nothing that needs some runs beside it. Its kernels read one buffer and write
 * another, each what the last one wrote.
 *
 *   occupant DURATION_US AHEAD STOP_FILE READY_FILE STAMP_FILE [BUSY_FILE]
 *
 * Prints "KERNELS WRONG", and writes for each kernel when it began and ended on the device's clock;
 * where it was run twice, the second time. BUSY_FILE: from when to when blocks of it were on the
 * device, those that were ended and run again included; of the last seconds.
 */
#include "tests/apps/cuda/common.h"

#include <unistd.h>

#include "occupant_ptx.h"

enum { THREADS = 32, BLOCKS_MAX = 256, KERNELS_MAX = 1 << 17, AHEAD_MAX = 1024 };
enum { ALIVE = 1 << 22, ALIVE_NS = 1024 }; /* notes, of so much time each: 4.3 s */

static CUfunction occupy;
static CUdeviceptr buffer[2], stamps, alive;
static CUevent done[AHEAD_MAX];
static unsigned blocks, shared_bytes;

static int device_attribute(CUdevice_attribute which)
{
    int value;

    TRY(cuDeviceGetAttribute(&value, which, 0));
    return value;
}

/* A pair for each block of each kernel. */
static size_t stamp_bytes(long kernels)
{
    return (size_t)kernels * blocks * 2 * sizeof(uint64_t);
}

static void set_up(uint32_t *data)
{
    occupy = app_function(app_start(occupant_ptx), "occupy");
    blocks = (unsigned)device_attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    if (blocks > BLOCKS_MAX)
        app_fail("occupant: too many multiprocessors");
    shared_bytes =
        (unsigned)device_attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    TRY(cuFuncSetAttribute(occupy, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                           (int)shared_bytes));
    buffer[0] = app_upload(data, blocks * THREADS);
    buffer[1] = app_alloc(blocks * THREADS);
    TRY(cuMemAlloc(&stamps, stamp_bytes(KERNELS_MAX)));
    TRY(cuMemAlloc(&alive, ALIVE * sizeof(uint64_t)));
    TRY(cuMemsetD8(alive, 0, ALIVE * sizeof(uint64_t)));
}

static void launch(long kernel, uint32_t rounds)
{
    CUdeviceptr mine = stamps + stamp_bytes(kernel % KERNELS_MAX);
    uint32_t mask = ALIVE - 1;
    void *arguments[] = {
        &buffer[kernel % 2], &buffer[1 - kernel % 2], &rounds, &mine, &alive, &mask};

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

static void *download(CUdeviceptr from, size_t bytes)
{
    void *to = malloc(bytes + 1);

    if (!to)
        app_fail("out of memory");
    TRY(cuMemcpyDtoH(to, from, bytes));
    return to;
}

static void write_stamps(const char *path, long kernels)
{
    long count = kernels < KERNELS_MAX ? kernels : KERNELS_MAX;
    uint64_t *pair = download(stamps, stamp_bytes(count)), *all = pair;
    FILE *out = app_open(path);

    for (long k = 0; k < count; k++) {
        uint64_t begin = UINT64_MAX, end = 0;

        for (unsigned b = 0; b < blocks; b++, pair += 2) {
            begin = pair[0] < begin ? pair[0] : begin;
            end = pair[1] > end ? pair[1] : end;
        }
        fprintf(out, "%llu %llu\n", (unsigned long long)begin, (unsigned long long)end);
    }
    fclose(out);
    free(all);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Notes that are at most two of their times apart belong together. */
static void write_busy(const char *path)
{
    uint64_t *note = download(alive, ALIVE * sizeof(uint64_t)), from = 0;
    FILE *out = app_open(path);

    qsort(note, ALIVE, sizeof(*note), compare_times);
    for (long i = 0; i < ALIVE; i++) {
        bool last = i + 1 == ALIVE || note[i + 1] - note[i] > 3 * ALIVE_NS;

        if (note[i] == 0)
            continue;
        from = from ? from : note[i];
        if (!last)
            continue;
        fprintf(out, "%llu %llu\n", (unsigned long long)from, (unsigned long long)note[i]);
        from = 0;
    }
    fclose(out);
    free(note);
}

int main(int argc, char **argv)
{
    long kernels = 0, wrong = 0;
    uint32_t data[BLOCKS_MAX * THREADS], a, c;

    if (argc != 6 && argc != 7)
        app_fail("occupant DURATION_US AHEAD STOP_FILE READY_FILE STAMP_FILE [BUSY_FILE]");
    uint32_t rounds = (uint32_t)atof(argv[1]);
    int ahead = atoi(argv[2]);
    if (rounds < 1 || ahead < 1 || ahead > AHEAD_MAX)
        app_fail("occupant: bad arguments");
    for (uint32_t i = 0; i < BLOCKS_MAX * THREADS; i++)
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
    if (argc == 7)
        write_busy(argv[6]);
    printf("%ld %ld\n", kernels, wrong);
    return wrong != 0;
}
