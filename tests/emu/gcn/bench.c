// SPDX-License-Identifier: Apache-2.0
/*
 * Speed of the interpreter on one core: wave-instructions per second for kernels of kernels.hip.
 * Usage: gcn_bench CODE_OBJECT
 */
#include "arguments.h"
#include "harness.h"

#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Argument kinds: p an array of 1 MiB (4 bytes a value), i the size. */
static const struct {
    const char *kernel, *arguments;
    int size;
    uint32_t grid[3];
    uint16_t workgroup[3];
} cases[] = {
    {"vadd", "pppi", 262144, {262144, 1, 1}, {256, 1, 1}},
    {"matmul", "pppi", 256, {256, 256, 1}, {16, 16, 1}},
    {"conv3x3_relu", "pppii", 256, {256, 256, 1}, {16, 16, 1}},
    {"softmax", "ppi", 4096, {64 * 256, 1, 1}, {256, 1, 1}},
    {"layernorm", "ppi", 4096, {64 * 64, 1, 1}, {64, 1, 1}},
    {"gelu", "ppi", 262144, {262144, 1, 1}, {256, 1, 1}},
    {"reduce", "ppi", 262144, {16384, 1, 1}, {256, 1, 1}},
    {"f32math", "ppi", 16384, {16384, 1, 1}, {256, 1, 1}},
    {"f64math", "ppi", 8192, {8192, 1, 1}, {256, 1, 1}},
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: gcn_bench CODE_OBJECT\n");
        return 1;
    }
    printf("vector handlers: %s\n", gcn_vector_fast() ? "AVX2" : "plain");
    for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct harness *h = harness_create();
        struct arguments arguments = {0};
        struct harness_launch l = {.kernel = cases[c].kernel};
        uint64_t instructions = 0, va;
        double start, seconds;
        int rounds = 0;

        if (!h || harness_load(h, argv[1]))
            return 1;
        for (const char *kind = cases[c].arguments; *kind; kind++)
            if (*kind == 'p') {
                float *values = harness_alloc(h, 1 << 20, &va);

                if (!values)
                    return 1;
                for (int i = 0; i < 1 << 18; i++)
                    values[i] = (float)(i % 1000) / 1000;
                arguments_pointer(&arguments, va);
            } else {
                arguments_int(&arguments, cases[c].size);
            }
        memcpy(l.grid, cases[c].grid, sizeof(l.grid));
        memcpy(l.workgroup, cases[c].workgroup, sizeof(l.workgroup));
        l.kernarg = arguments.bytes;
        l.kernarg_bytes = arguments.used;
        start = now();
        do {
            if (harness_run(h, &l) != GCN_DONE)
                return 1;
            instructions += l.instructions;
            rounds++;
            seconds = now() - start;
        } while (seconds < 0.3);
        printf("%-14s %8.1f M wave-instructions/s  %9llu a launch  %8.2f ms a launch\n", l.kernel,
               instructions / seconds / 1e6, (unsigned long long)l.instructions,
               seconds / rounds * 1e3);
        harness_destroy(h);
    }
    return 0;
}
