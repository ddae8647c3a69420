// SPDX-License-Identifier: Apache-2.0
/*
 * A program without a runtime: opens the emulated device in this process and drives it by hand,
 * with memory, queues, packets and a few kernels of its own. For tests of the engine; one per
 * process.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#include "emu/amd/driver.h"

enum rig_kernel {
    RIG_SPIN,    /* loops as often as the word at kernarg says */
    RIG_STORE,   /* out[work-group] = work-group + 1; kernarg: out */
    RIG_POLL,    /* until the word that kernarg points to is not 0 */
    RIG_TRAP,    /* s_trap 2 */
    RIG_ILLEGAL, /* no instruction */
    RIG_KERNELS,
};

struct rig_queue {
    uint32_t id;
    amd_queue_t *aql; /* host address, equal to the device's as in ROCr */
    hsa_kernel_dispatch_packet_t *ring;
    uint32_t packets;
    uint64_t next;
    amd_signal_t *inactive;
};

/** Settings and a directory for the device; once, before anything else. */
void rig_init(const char *profile);
/** Opens the device in this process (also in a forked child). */
void rig_open(void);
void *rig_alloc(size_t bytes);
amd_signal_t *rig_signal(int64_t value);
/** Waits until the signal's value is @value. False after @seconds of wall time. */
bool rig_wait(amd_signal_t *signal, int64_t value, double seconds);
struct rig_queue rig_queue_create(uint32_t priority);
void rig_queue_destroy(struct rig_queue *queue);
int rig_queue_percent(struct rig_queue *queue, uint32_t percent);

/** A dispatch packet of @groups work-groups of 64; fields may be changed before rig_submit. */
hsa_kernel_dispatch_packet_t rig_dispatch(enum rig_kernel kernel, uint32_t groups, void *kernarg,
                                          amd_signal_t *completion);
hsa_kernel_dispatch_packet_t rig_barrier(unsigned type, amd_signal_t *dep,
                                         amd_signal_t *completion);
/** @packet with @header's type replaced where it stands; returns its index. */
uint64_t rig_submit(struct rig_queue *queue, hsa_kernel_dispatch_packet_t packet, bool barrier_bit);
uint64_t rig_duration(const amd_signal_t *signal);
/** Work-groups on the device, of all processes. */
unsigned rig_residents(void);
