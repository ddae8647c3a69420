// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar loads past the cache (glc): how programs look at words that others change while they run,
 * libreef's guards at their flags among them. Two things about them matter and are modelled here:
 *
 * What they cost beside others. All that read one word, or words of one line, meet in one channel
 * of the second-level cache, which serves one request a cycle; and reads of the host's memory meet
 * at PCI Express, which serves one of 64 bytes in the time that it carries so many. As long as
 * fewer come than that serves, each takes its latency; when more come, each waits until no more
 * come than are served. How long that is follows from how many came in the epoch before last, and
 * of how many waves: so it does not depend on the order in which waves are interpreted.
 *
 * When they see what the host stored to the device's memory: at once, or as late as a test wants
 * (REEF_EMU_FLAG_DELAY_US). Then a load returns the word's former value for so long after the first
 * load that could have seen the new one.
 *
 * One for the process: the engine's, which configures it once, before any wave runs.
 */
#pragma once

#include "wave.h"

struct gcn_uncached {
    uint64_t epoch_ns;     /* length of the engine's epochs; 0: nothing is modelled */
    uint32_t clock_mhz;    /* of shader cycles */
    uint32_t word_cycles;  /* what one read keeps a line's channel busy */
    uint32_t host_cycles;  /* the same of PCI Express, by a read of host memory */
    uint32_t host_latency; /* of a read of host memory, in cycles */
    uint64_t late_cycles;  /* how late stores of the host are seen */
};

void gcn_uncached_configure(const struct gcn_uncached *config);
/** The engine's epoch @epoch begins: all waves have passed the one before. Slices may be run in it
 *  and in the next. Not while another thread is in here. */
void gcn_uncached_epoch(uint64_t epoch);
/** Cycles from issue to data of a load from @va; @host: that is host memory. */
uint64_t gcn_uncached_latency(struct gcn_wave *w, uint64_t va, bool host);
/** Whether stores of the host are seen late; then those of the device, which go to the cache that
 * such loads read, are told: they are seen at once. */
extern bool gcn_uncached_late;
void gcn_uncached_stored(const uint32_t *at);
/** Copies @dwords from @from, as seen at the wave's present time. */
void gcn_uncached_read(struct gcn_wave *w, uint32_t *to, const uint32_t *from, unsigned dwords);
