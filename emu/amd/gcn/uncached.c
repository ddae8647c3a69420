// SPDX-License-Identifier: Apache-2.0
/* Scalar loads past the cache. See uncached.h. */
#include "uncached.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LINES = 256, HOST = LINES, SPOTS, EPOCHS = 4, WORDS = 1024 };

/* A place where loads meet, in the epochs that may be under way or have just passed. */
struct spot {
    atomic_uint reads[EPOCHS], readers[EPOCHS];
    atomic_uint_fast64_t extra[EPOCHS]; /* cycles that each load waits there */
};

/* A word whose stores are seen late. */
struct late_word {
    const uint32_t *at;
    uint32_t seen, next; /* what loads return; and what they will from @since on */
    uint64_t since;
};

bool gcn_uncached_late;

static struct gcn_uncached config;
static struct spot spots[SPOTS];
static uint64_t last_epoch;
static pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER;
static struct late_word late_words[WORDS];

void gcn_uncached_configure(const struct gcn_uncached *wanted)
{
    config = *wanted;
    gcn_uncached_late = config.late_cycles > 0;
    memset(spots, 0, sizeof(spots));
    memset(late_words, 0, sizeof(late_words));
    last_epoch = 0;
}

/* What each of @readers waves has to wait more, or less, so that their loads come no faster than
 * one in @busy cycles. In an epoch of @length each came back after readers * length / reads. */
static uint64_t next_extra(uint64_t extra, uint64_t reads, uint64_t readers, uint64_t busy,
                           uint64_t length)
{
    if (reads == 0)
        return 0;
    uint64_t wanted = readers * busy, period = readers * length / reads;

    if (extra + wanted <= period)
        return 0;
    return extra + wanted - period;
}

void gcn_uncached_epoch(uint64_t epoch)
{
    const uint64_t length = config.epoch_ns * config.clock_mhz / 1000;
    const bool follows = epoch == last_epoch + 1;

    if (config.epoch_ns == 0 || epoch == last_epoch)
        return;
    last_epoch = epoch;
    for (unsigned i = 0; i < SPOTS; i++) {
        struct spot *spot = &spots[i];
        const unsigned past = (epoch - 1) % EPOCHS, next = (epoch + 1) % EPOCHS;

        for (unsigned e = 0; !follows && e < EPOCHS; e++) {
            spot->reads[e] = spot->readers[e] = 0;
            spot->extra[e] = 0;
        }
        spot->extra[next] = next_extra(spot->extra[past], spot->reads[past], spot->readers[past],
                                       i == HOST ? config.host_cycles : config.word_cycles, length);
        spot->reads[(epoch + 2) % EPOCHS] = spot->readers[(epoch + 2) % EPOCHS] = 0;
    }
}

uint64_t gcn_uncached_latency(struct gcn_wave *w, uint64_t va, bool host)
{
    const uint64_t line = va / 64;
    struct spot *spot = &spots[host ? HOST : (line + (line >> 8) * 37) % LINES];
    uint64_t epoch;

    if (config.epoch_ns == 0)
        return w->dispatch->smem_latency;
    epoch = (w->wg->base_cycle + w->cycle) * 1000 / config.clock_mhz / config.epoch_ns;
    atomic_fetch_add_explicit(&spot->reads[epoch % EPOCHS], 1, memory_order_relaxed);
    if (w->spot_epoch != epoch) { /* a wave counts where it loads first */
        w->spot_epoch = epoch;
        atomic_fetch_add_explicit(&spot->readers[epoch % EPOCHS], 1, memory_order_relaxed);
    }
    return spot->extra[epoch % EPOCHS] + (host ? config.host_latency : w->dispatch->smem_latency);
}

/* ---- late ---- */

static uint32_t late_value(const uint32_t *at, uint64_t now)
{
    struct late_word *word = &late_words[(uintptr_t)at / 4 % WORDS];
    uint32_t value = __atomic_load_n(at, __ATOMIC_RELAXED);

    if (word->at != at) {
        *word = (struct late_word){.at = at, .seen = value, .next = value};
        return value;
    }
    if (value != word->next) {
        word->next = value;
        word->since = now + config.late_cycles;
    }
    if (now >= word->since)
        word->seen = word->next;
    return word->seen;
}

void gcn_uncached_stored(const uint32_t *at)
{
    pthread_mutex_lock(&late_lock);
    uint32_t value = __atomic_load_n(at, __ATOMIC_RELAXED);
    late_words[(uintptr_t)at / 4 % WORDS] =
        (struct late_word){.at = at, .seen = value, .next = value};
    pthread_mutex_unlock(&late_lock);
}

void gcn_uncached_read(struct gcn_wave *w, uint32_t *to, const uint32_t *from, unsigned dwords)
{
    const uint64_t now = w->wg->base_cycle + w->cycle;

    if (config.late_cycles == 0) {
        memcpy(to, from, dwords * 4);
        return;
    }
    pthread_mutex_lock(&late_lock);
    for (unsigned i = 0; i < dwords; i++)
        to[i] = late_value(&from[i], now);
    pthread_mutex_unlock(&late_lock);
}
