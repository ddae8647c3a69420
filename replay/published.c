// SPDX-License-Identifier: Apache-2.0
/*
 * What REEF's evaluation says of its MI50, as far as it is told in words. The paper's figures are
 * plots; these numbers are from reviews that follow its section 7.2 ("review") and from the paper's
 * own abstract and text as others quote it ("text"). "inferred": from two other numbers.
 */
#include <string.h>

#include "replay/metrics.h"

const struct replay_published replay_published[] = {
    {"A", "sequential", 1950, 1950, 1460, 1460, "review"},
    {"A", "streams", 1840, 1840, 1660, 1660, "review"},
    {"A", "reef-published", 1005, 1005, 1600, 1600, "review"},
    {"B", "sequential", 1120, 1120, 960, 960, "review"},
    {"B", "streams", 1700, 1700, 760, 760, "review"},
    {"B", "reef-published", 1010, 1010, 1140, 1140, "review"},
    {"C", "sequential", 1510, 1860, 1340, 2100, "review, range of C to E"},
    {"C", "streams", 2650, 3310, 3940, 8190, "review, range of C to E"},
    {"C", "reef-published", 1000, 1015, 0, 0, "review"},
    {"D", "sequential", 1510, 1860, 1340, 2100, "review, range of C to E"},
    {"D", "streams", 2650, 3310, 4000, 4000, "review; throughput inferred"},
    {"D", "reef-published", 1000, 1015, 3000, 3000, "review"},
    {"E", "sequential", 1510, 1860, 1340, 2100, "review, range of C to E"},
    {"E", "streams", 2650, 3310, 3950, 3950, "review; throughput inferred"},
    {"E", "reef-published", 1000, 1015, 2960, 2960, "review"},
    {"REAL", "sequential", 1350, 1350, 3600, 3600, "review"},
    {"REAL", "streams", 3350, 3350, 8300, 8300, "review"},
    {"REAL", "reef-published", 1000, 1020, 7700, 7700, "text"},
};
const unsigned replay_published_count = sizeof(replay_published) / sizeof(replay_published[0]);

const struct replay_published *replay_published_find(const char *workload, const char *policy)
{
    for (unsigned i = 0; i < replay_published_count; i++)
        if (strcmp(replay_published[i].workload, workload) == 0 &&
            strcmp(replay_published[i].policy, policy) == 0)
            return &replay_published[i];
    return NULL;
}
