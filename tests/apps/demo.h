// SPDX-License-Identifier: Apache-2.0
/*
 * What the two demo programs (detector, trainer) share beside check.h: command-line options, the
 * wall clock and order statistics.
 */
#pragma once

#include <algorithm>
#include <string>
#include <time.h>
#include <vector>

#include "check.h"

/** One option: "--name VALUE", or "--name" alone if @flag is set. Exactly one pointer is not null.
 */
struct demo_option {
    const char *name;
    const char *help;
    double *number;
    std::string *text;
    bool *flag;
};

/** Parses the arguments; --help, an unknown option or a bad number ends the program (status 0 or
 * 2). */
static inline void demo_parse(int argc, char **argv, const char *about,
                              const std::vector<demo_option> &options)
{
    for (int i = 1; i < argc; i++) {
        const demo_option *found = nullptr;
        char *end = nullptr;

        for (const demo_option &o : options)
            if (strcmp(argv[i], o.name) == 0)
                found = &o;
        if (found && found->flag) {
            *found->flag = true;
            continue;
        }
        if (found && i + 1 < argc) {
            i++;
            if (found->text)
                *found->text = argv[i];
            else
                *found->number = strtod(argv[i], &end);
            if (found->text || (end != argv[i] && *end == 0 && *found->number >= 0))
                continue;
        }
        bool help = strcmp(argv[i], "--help") == 0;
        FILE *out = help ? stdout : stderr;
        if (!help)
            fprintf(out, "%s: bad argument '%s'\n", argv[0], argv[i]);
        fprintf(out, "%s\n", about);
        for (const demo_option &o : options)
            fprintf(out, "  %-18s %s\n", o.name, o.help);
        exit(help ? 0 : 2);
    }
}

/** Wall clock, microseconds. */
static inline double demo_wall_us()
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static inline void demo_sleep_until(double wall_us)
{
    double left = wall_us - demo_wall_us();

    if (left <= 0)
        return;
    struct timespec t = {(time_t)(left / 1e6), (long)(std::fmod(left, 1e6) * 1e3)};
    nanosleep(&t, nullptr);
}

/** The value below which a @share of the samples lie (nearest rank); 0 if there are none. */
static inline double demo_percentile(std::vector<double> samples, double share)
{
    if (samples.empty())
        return 0;
    std::sort(samples.begin(), samples.end());
    size_t rank = (size_t)std::ceil(share * samples.size());
    return samples[rank ? rank - 1 : 0];
}

/** Opens @path for writing; "-" is stdout. */
static inline FILE *demo_open(const std::string &path)
{
    FILE *file = path == "-" ? stdout : fopen(path.c_str(), "w");

    if (!file)
        check_fail("cannot write %s", path.c_str());
    return file;
}

static inline void demo_close(FILE *file)
{
    if (file != stdout)
        fclose(file);
    else
        fflush(file);
}
