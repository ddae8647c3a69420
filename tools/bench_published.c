// SPDX-License-Identifier: Apache-2.0
/*
 * Published figures of others' preemption, to stand beside ours:
 *  - REEF on an MI50, of five models (OSDI'22, 7.3): resetting 35 to 38 us, waiting for blocks to
 *    end 268 to 790 us; restoring 70 to 225 us, about 2 % of a best-effort task. Its timer begins
 *    when the scheduler acts: queueing and the real-time launch are not in it (its artifact);
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

void reef_bench_say_published_hip(FILE *json)
{
    static const double reset_us[2] = {35, 38}, wait_us[2] = {268, 790}, restore_us[2] = {70, 225};

    printf(
        "published, us: REEF on an MI50 %.0f to %.0f by reset, %.0f to %.0f by waiting; restoring "
        "%.0f to %.0f\n",
        reset_us[0], reset_us[1], wait_us[0], wait_us[1], restore_us[0], restore_us[1]);
    if (json)
        fprintf(json,
                ",\n \"published\": {\"reef_mi50_reset_us\": [%.0f, %.0f], "
                "\"reef_mi50_wait_us\": [%.0f, %.0f], \"reef_mi50_restore_us\": [%.0f, %.0f]}",
                reset_us[0], reset_us[1], wait_us[0], wait_us[1], restore_us[0], restore_us[1]);
}

void reef_bench_say_published_cuda(FILE *json)
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
