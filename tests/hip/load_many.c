// SPDX-License-Identifier: Apache-2.0
/*
 * load_many OBJECT MIB [LAUNCHES]: makes a code object of about MIB MiB of code out of the kernels
 * of OBJECT, and loads it. Prints what the load took, in milliseconds, then what the first and the
 * second launch of LAUNCHES of its kernels took. They are launched with arguments that are all 0,
 * so with nothing to do. Nothing but ROCr's loader is in these times, and libreef.
 */
#include <sys/resource.h>
#include <time.h>

#include "many_kernels.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

/* Those of tests/emu/restart/inference.hip that do nothing if all their arguments are 0. */
static bool is_idle(const struct reef_object_kernel *kernel)
{
    static const char *const names[] = {"dense", "depthwise",    "divergent",
                                        "relu",  "gather",       "residual",
                                        "fill",  "softmax_rows", "accumulate"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (kernel->name_length == strlen(names[i]) &&
            memcmp(kernel->name, names[i], kernel->name_length) == 0)
            return true;
    return false;
}

/* Launches @launches kernels one after the other. */
static void launch_all(hsa_executable_t executable, const struct made *made,
                       const struct reef_object_kernel *kernel, unsigned count, unsigned launches)
{
    hsa_queue_t *queue = open_queue();
    void *arguments = allocate_shared(PAGE);
    hsa_signal_t signal;
    check(hsa_signal_create(1, 0, NULL, &signal), "signal");
    for (unsigned time = 0; time < 2; time++) {
        double sum = 0, most = 0;
        unsigned done = 0;
        for (unsigned i = 0; done < launches && i < made->kernels; i++) {
            char name[NAME];
            if (!is_idle(&kernel[i % count]))
                continue;
            name_of(&kernel[i % count], i, ".kd", name);
            uint64_t object = kernel_object(executable, name);
            double began = now_ms();
            launch_one(queue, object, arguments, signal);
            wait_for(signal);
            double ms = now_ms() - began;
            sum += ms;
            most = ms > most ? ms : most;
            done++;
        }
        printf("%s launches: %u, %.2f ms each, %.2f at most\n", time ? "second" : "first", done,
               sum / done, most);
    }
    hsa_queue_destroy(queue);
    hsa_signal_destroy(signal);
    hsa_amd_memory_pool_free(arguments);
}

int main(int argc, char **argv)
{
    static struct reef_object_kernel kernel[KERNELS_MAX];
    struct reef_object object;
    struct made made;
    unsigned launches = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    if (argc < 3) {
        fprintf(stderr, "usage: load_many OBJECT MIB [LAUNCHES]\n");
        return 2;
    }
    unsigned count = open_kernels(argv[1], &object, kernel);
    make_kernels(&made, &object, kernel, count, (uint64_t)(atof(argv[2]) * (1 << 20)));
    open_gpu();
    double began = now_ms(), cpu = cpu_ms();
    hsa_executable_t executable = load_kernels(&made);
    printf("%u kernels, %.1f MiB: loaded in %.1f ms, %.1f ms of processor time\n", made.kernels,
           (double)made.size / (1 << 20), now_ms() - began, cpu_ms() - cpu);
    if (launches)
        launch_all(executable, &made, kernel, count, launches);
    check(hsa_executable_destroy(executable), "destroy");
    check(hsa_shut_down(), "hsa_shut_down");
    free(made.bytes);
    return 0;
}
