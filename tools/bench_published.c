// SPDX-License-Identifier: Apache-2.0
/*
 * Published figures of others' preemption on NVIDIA GPUs, to stand beside ours:
 *  - REEF-N on a V100: "ranges from 71 us to 288 us" (REEF, OSDI'22, 7.3);
 *  - XSched on a GV100, from the call that suspends until the GPU is rid of the queue, in one
 * process (its artifact's results/fig9, threshold 8; OSDI'25, figure 9).
 */
#include "tools/bench.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct xsched {
    int kernel_us;
    double level1_us[2], level2_us[2], level3_us[2]; /* median, 99th percentile */
} xsched[] = {
    {100, {796, 1053}, {89, 148}, {25.4, 40.7}},
    {500, {4706, 5280}, {435, 674}, {25.5, 36.4}},
    {1000, {10044, 10582}, {891, 1277}, {23.0, 34.0}},
    {2000, {20670, 21160}, {2215, 2575}, {25.2, 33.7}},
};
static const double reef_n_us[2] = {71, 288};

void reef_bench_say_published(FILE *json)
{
    printf("published, us: REEF-N on a V100 %.0f to %.0f\n"
           "  XSched on a GV100, p50/p99        level 1          level 2        level 3\n",
           reef_n_us[0], reef_n_us[1]);
    if (json)
        fprintf(json, ",\n \"published\": {\"reef_n_v100_us\": [%.0f, %.0f], \"xsched_gv100\": [",
                reef_n_us[0], reef_n_us[1]);
    for (unsigned i = 0; i < COUNT(xsched); i++) {
        const struct xsched *x = &xsched[i];
        printf("  kernels of %4d us        %8.0f/%-8.0f %6.0f/%-8.0f %5.1f/%-5.1f\n", x->kernel_us,
               x->level1_us[0], x->level1_us[1], x->level2_us[0], x->level2_us[1], x->level3_us[0],
               x->level3_us[1]);
        if (json)
            fprintf(json,
                    "%s\n  {\"kernel_us\": %d, \"level1_p50_us\": %.0f, \"level1_p99_us\": %.0f, "
                    "\"level2_p50_us\": %.0f, \"level2_p99_us\": %.0f, \"level3_p50_us\": %.1f, "
                    "\"level3_p99_us\": %.1f}",
                    i ? "," : "", x->kernel_us, x->level1_us[0], x->level1_us[1], x->level2_us[0],
                    x->level2_us[1], x->level3_us[0], x->level3_us[1]);
    }
    if (json)
        fprintf(json, "]}");
}
