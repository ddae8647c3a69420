// SPDX-License-Identifier: Apache-2.0
/*
 * first_launch OBJECT CASE: what can go on while a kernel is prepared at its first launch. Copies
 * of the kernel "fill" of OBJECT (tests/emu/restart/inference.hip) are launched, none of which was
 * launched before. Exits 0 if all is as it should be.
 *
 *   order     one queue, each launch overwrites what the last one wrote: known and new kernels
 * mixed together  several threads with a queue each launch the same new kernel at the same moment
 *   unload    code objects that come and go
 *   discard   queue and code object are destroyed with a launch under way
 *   shutdown  hsa_shut_down; then everything once more
 *   exit      the program ends with launches under way
 */
#include <pthread.h>

#include "many_kernels.h"

enum { WORDS = 64, THREADS = 6, COPIES = 48 };

struct fill { /* its arguments */
    float *to;
    float value;
    int count;
};

static struct reef_object object;
static struct reef_object_kernel fill_kernel;
static struct made made;

/* A code object of COPIES of the kernel, of COPIES names. */
static void make_fills(const char *path)
{
    static struct reef_object_kernel kernel[KERNELS_MAX];
    unsigned count = open_kernels(path, &object, kernel), n = 0;
    while (n < count && (kernel[n].name_length != 4 || memcmp(kernel[n].name, "fill", 4) != 0))
        n++;
    if (n == count)
        exit(2);
    fill_kernel = kernel[n];
    make_kernels(&made, &object, &fill_kernel, 1,
                 COPIES * align(fill_kernel.code_bytes + 256, 256));
}

static uint64_t fill_object(hsa_executable_t executable, unsigned n)
{
    char name[NAME];
    name_of(&fill_kernel, n, ".kd", name);
    return kernel_object(executable, name);
}

/* A place to launch from. */
struct place {
    hsa_queue_t *queue;
    hsa_signal_t signal[2 * COPIES];
    struct fill *fill; /* 2 * COPIES of them */
    float *memory;     /* WORDS of the GPU's, which it fills */
};

static hsa_amd_memory_pool_t gpu_pool;

static hsa_status_t find_gpu_pool(hsa_amd_memory_pool_t pool, void *arg)
{
    (void)arg;
    gpu_pool = pool;
    return HSA_STATUS_INFO_BREAK;
}

static void open_place(struct place *p)
{
    void *memory;
    hsa_amd_agent_iterate_memory_pools(gpu, find_gpu_pool, NULL);
    check(hsa_amd_memory_pool_allocate(gpu_pool, PAGE, 0, &memory), "memory");
    p->queue = open_queue();
    p->fill = allocate_shared(2 * COPIES * sizeof(*p->fill));
    p->memory = memory;
    for (unsigned i = 0; i < 2 * COPIES; i++)
        check(hsa_signal_create(1, 0, NULL, &p->signal[i]), "signal");
}

static void close_place(struct place *p)
{
    hsa_queue_destroy(p->queue);
    for (unsigned i = 0; i < 2 * COPIES; i++)
        hsa_signal_destroy(p->signal[i]);
    hsa_amd_memory_pool_free(p->fill);
    hsa_amd_memory_pool_free(p->memory);
}

static void launch_fill(struct place *p, uint64_t kernel, unsigned slot, float value)
{
    p->fill[slot] = (struct fill){p->memory, value, WORDS};
    launch_one(p->queue, kernel, &p->fill[slot], p->signal[slot]);
}

static void expect(const struct place *p, float value)
{
    float got[WORDS];
    check(hsa_memory_copy(got, p->memory, sizeof(got)), "copy");
    for (unsigned i = 0; i < WORDS; i++) {
        if (got[i] != value) {
            printf("FAILED: word %u is %g, not %g\n", i, (double)got[i], (double)value);
            exit(1);
        }
    }
}

/* Each prefix of the launches leaves what its last one wrote. */
static void order(void)
{
    hsa_executable_t executable = load_kernels(&made);
    struct place p;
    open_place(&p);
    uint64_t known = fill_object(executable, 0);
    launch_fill(&p, known, 0, 1);
    wait_for(p.signal[0]);
    for (unsigned n = 1; n < COPIES; n++) {
        uint64_t fresh = fill_object(executable, n);
        for (unsigned i = 0; i < 5; i++)
            launch_fill(&p, known, i, (float)i);
        launch_fill(&p, fresh, 5, 5);
        if (n % 2)
            launch_fill(&p, known, 6, 6);
        wait_for(p.signal[n % 2 ? 6 : 5]);
        for (unsigned i = 0; i <= 5; i++)
            if (hsa_signal_load_relaxed(p.signal[i]) != 0)
                exit(1);
        expect(&p, n % 2 ? 6 : 5);
    }
    close_place(&p);
    hsa_executable_destroy(executable);
}

struct crowd {
    pthread_t thread;
    pthread_barrier_t *barrier;
    hsa_executable_t executable;
    struct place place;
};

static void *launch_with_others(void *arg)
{
    struct crowd *c = arg;
    for (unsigned n = 0; n < COPIES; n++) {
        uint64_t kernel = fill_object(c->executable, n);
        pthread_barrier_wait(c->barrier);
        launch_fill(&c->place, kernel, 0, (float)n);
        wait_for(c->place.signal[0]);
        expect(&c->place, (float)n);
    }
    return NULL;
}

static void together(void)
{
    static struct crowd crowd[THREADS];
    pthread_barrier_t barrier;
    hsa_executable_t executable = load_kernels(&made);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        crowd[i].barrier = &barrier;
        crowd[i].executable = executable;
        open_place(&crowd[i].place);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&crowd[i].thread, NULL, launch_with_others, &crowd[i]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(crowd[i].thread, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        close_place(&crowd[i].place);
    hsa_executable_destroy(executable);
}

/* Two at a time, so that one is unloaded while the other's kernels are being prepared. */
static void unload(void)
{
    struct place p;
    open_place(&p);
    hsa_executable_t last = load_kernels(&made);
    for (unsigned round = 0; round < COPIES; round++) {
        hsa_executable_t next = load_kernels(&made);
        launch_fill(&p, fill_object(last, round), 0, 1);
        wait_for(p.signal[0]);
        launch_fill(&p, fill_object(next, round), 1, 2);
        hsa_executable_destroy(last);
        wait_for(p.signal[1]);
        expect(&p, 2);
        last = next;
    }
    hsa_executable_destroy(last);
    close_place(&p);
}

static void discard(void)
{
    struct place p;
    for (unsigned round = 0; round < COPIES / 2; round++) {
        hsa_executable_t executable = load_kernels(&made);
        open_place(&p);
        launch_fill(&p, fill_object(executable, round), 0, 1);
        hsa_queue_destroy(p.queue);
        hsa_executable_destroy(executable);
        p.queue = open_queue();
        close_place(&p);
    }
}

static void launch_all_new(struct place *p, hsa_executable_t executable)
{
    for (unsigned n = 0; n < COPIES; n++)
        launch_fill(p, fill_object(executable, n), n, (float)n);
}

static void shutdown(void)
{
    struct place p;
    for (unsigned round = 0; round < 2; round++) {
        hsa_executable_t executable = load_kernels(&made);
        open_place(&p);
        launch_all_new(&p, executable);
        for (unsigned n = 0; n < COPIES; n++)
            wait_for(p.signal[n]);
        expect(&p, COPIES - 1);
        check(hsa_shut_down(), "hsa_shut_down");
        open_gpu();
    }
}

static void leave(void)
{
    static struct place p;
    open_place(&p);
    launch_all_new(&p, load_kernels(&made));
    exit(0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"order", order},     {"together", together}, {"unload", unload},
                 {"discard", discard}, {"shutdown", shutdown}, {"exit", leave}};
    if (argc != 3)
        return 2;
    make_fills(argv[1]);
    open_gpu();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, argv[2]) != 0)
            continue;
        cases[i].run();
        puts("ok");
        return 0;
    }
    return 2;
}
