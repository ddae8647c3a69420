// SPDX-License-Identifier: Apache-2.0
/* Series of numbers: mean and percentiles. */
#include <errno.h>
#include <stdlib.h>

#include "replay/engine.h"

int replay_series_add(struct replay_series *series, uint64_t value)
{
    if (series->count == series->room) {
        size_t room = series->room ? 2 * series->room : 64;
        uint64_t *grown = realloc(series->values, room * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        series->values = grown;
        series->room = room;
    }
    series->values[series->count++] = value;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void replay_series_sort(struct replay_series *series)
{
    if (series->count)
        qsort(series->values, series->count, sizeof(*series->values), compare);
}

uint64_t replay_series_mean(const struct replay_series *series)
{
    unsigned __int128 sum = 0;

    for (size_t i = 0; i < series->count; i++)
        sum += series->values[i];
    return series->count ? (uint64_t)(sum / series->count) : 0;
}

uint64_t replay_series_at(const struct replay_series *series, unsigned milli)
{
    size_t rank = (series->count * milli + 999) / 1000;

    if (series->count == 0)
        return 0;
    return series->values[rank ? rank - 1 : 0];
}
