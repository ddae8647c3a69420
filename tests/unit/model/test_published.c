// SPDX-License-Identifier: Apache-2.0
/*
 * The model against the figures that REEF's authors published for the MI50: 1267 kernel launches of
 * nine networks, with their sizes and their times at 1, 2, 3, ... work-groups per compute unit. The
 * figures are not part of this project; without the file (argument 2, or REEF_MI50_KERNELS) the
 * test is skipped.
 */
#include "model_test.h"

#include <stdio.h>

#include "emu/model/curve.h"

enum { MOST_LAUNCHES = 4096, MOST_POINTS = 64, SKIPPED = 77 };

struct launch {
    uint32_t threads, lds_bytes, vgprs, sgprs;
    unsigned points;
    uint32_t us[MOST_POINTS];
};

static struct launch launches[MOST_LAUNCHES];
static unsigned launch_count;

static char *next_field(char **rest)
{
    char *field = strsep(rest, ",");

    assert_non_null(field);
    return field;
}

static void parse(char *line, struct launch *launch)
{
    enum { THREADS = 10, LDS, VGPRS, SGPRS, TIMES = 16 };
    char *field = NULL, *save = NULL;

    for (int i = 0; i <= TIMES; i++) {
        field = next_field(&line);
        if (i == THREADS)
            launch->threads = (uint32_t)atoi(field);
        else if (i == LDS)
            launch->lds_bytes = (uint32_t)atoi(field);
        else if (i == VGPRS)
            launch->vgprs = (uint32_t)atoi(field);
        else if (i == SGPRS)
            launch->sgprs = (uint32_t)atoi(field);
    }
    for (char *word; (word = strtok_r(field, " \n", &save)); field = NULL)
        launch->us[launch->points++] = (uint32_t)atoi(word);
}

static int read_launches(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4096];

    if (!file)
        return -1;
    assert_non_null(fgets(line, sizeof(line), file)); /* the names of the columns */
    while (fgets(line, sizeof(line), file)) {
        assert_true(launch_count < MOST_LAUNCHES);
        parse(line, &launches[launch_count++]);
    }
    fclose(file);
    return 0;
}

static uint32_t waves_of(const struct launch *launch)
{
    return (launch->threads + 63) / 64;
}

static uint32_t occupancy(const struct launch *launch, bool with_lds)
{
    const struct emu_shape shape = {
        .waves = waves_of(launch),
        .vgprs = launch->vgprs,
        .sgprs = launch->sgprs,
        .lds_bytes = with_lds ? launch->lds_bytes : 0,
    };
    /* The published runs put no more than 2048 threads on a unit, whole waves counted; the unit has
     * room for 2560. */
    uint32_t most = emu_occupancy(&mi50, &shape), published = 2048 / (waves_of(launch) * 64);

    return most < published ? most : published;
}

/* The published runs tried as many work-groups per unit as a formula gave that forgets local memory
 * (it divides by the number of threads instead). With that left out here as well, four of five
 * launches must agree; and where local memory makes the difference, it must be that it allows less.
 */
static void test_occupancy(void **state)
{
    unsigned same = 0, by_lds = 0;

    for (unsigned i = 0; i < launch_count; i++) {
        const struct launch *l = &launches[i];

        same += occupancy(l, false) == l->points;
        by_lds += occupancy(l, true) < occupancy(l, false);
        assert_true(occupancy(l, true) <= occupancy(l, false));
    }
    print_message("occupancy: %u of %u launches as published (%.1f %%), %u have less for their "
                  "local memory\n",
                  same, launch_count, 100.0 * same / launch_count, by_lds);
    assert_true(same * 10 >= launch_count * 8);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The shortest of the published times is 12 us: what a kernel of a few instructions took, with its
 * launch and the timer. So 11 us of every time are not the kernel's work. */
static void test_curves(void **state)
{
    enum { OVERHEAD_US = 11 };
    static double errors[MOST_LAUNCHES * MOST_POINTS];
    unsigned count = 0;

    for (unsigned i = 0; i < launch_count; i++) {
        const struct launch *l = &launches[i];
        uint32_t curve_ns[MOST_POINTS], one_ns = (l->us[0] - OVERHEAD_US) * 1000;

        emu_curve_from_one(one_ns, waves_of(l), mi50.simds_per_cu, l->points, curve_ns);
        for (unsigned n = 1; n < l->points; n++) {
            double got = curve_ns[n] / 1000.0 + OVERHEAD_US, want = l->us[n];

            errors[count++] = got > want ? got / want - 1 : 1 - got / want;
        }
    }
    assert_true(count > 0);
    qsort(errors, count, sizeof(errors[0]), compare);
    print_message(
        "times of 2, 3, ... work-groups per unit from that of one: %u points, off by %.1f "
        "%% at the median, %.1f %% at the 90th percentile\n",
        count, 100 * errors[count / 2], 100 * errors[count * 9 / 10]);
    assert_true(errors[count / 2] <= 0.15);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_occupancy),
        cmocka_unit_test(test_curves),
    };
    const char *path = getenv("REEF_MI50_KERNELS");

    if (!path && argc > 2)
        path = argv[2];
    if (!path || read_launches(path) < 0) {
        printf("the published figures are not here\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
