// SPDX-License-Identifier: Apache-2.0
/*
 * Stands in for the rest of the emulator when the packet processor is tested alone: one range of
 * the program's memory with a ring, an amd_queue_t, signals and descriptors in it, one event at a
 * time, and a device that is empty again as soon as something was placed. Definitions: include it
 * in one file only.
 */
#pragma once

#include "emu/amd/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AQL_PACKETS = 16, AQL_BYTES = 16384, AQL_RING_AT = 0, AQL_QUEUE_AT = 4096 };
#define AQL_VA 0x500000000000ull

struct emu_engine emu_engine;
static struct emu_settings aql_settings;
static struct emu_device *aql_device;
static char *aql_memory; /* exact, so that a sanitizer sees what leaves it */
static volatile uint64_t aql_doorbells[EMU_DOORBELLS];
static unsigned aql_rig_reports;
static unsigned long aql_rig_dispatches, aql_rig_stopped;
static bool aql_find(struct gcn_memory *memory, uint64_t va, struct gcn_range *range)
{
    (void)memory, (void)va, (void)range;
    return false;
}

static struct gcn_memory aql_gcn_memory = {.find = aql_find};
static struct gcn_code *aql_code;
static struct {
    bool due;
    uint64_t at_ns;
    struct emu_queue *queue;
} aql_event;
static struct emu_dispatch *aql_completing[AQL_PACKETS];
static unsigned aql_completions;
static uint64_t aql_now;

/* ---- what the packet processor calls ---- */

void *emu_vm_host(uint64_t va, size_t size)
{
    uint64_t at = va - AQL_VA;

    return at < AQL_BYTES && size <= AQL_BYTES - at ? aql_memory + at : NULL;
}

struct gcn_memory *emu_vm_memory(void)
{
    return &aql_gcn_memory;
}

volatile uint64_t *emu_vm_doorbells(void)
{
    return aql_doorbells;
}

const struct emu_settings *emu_settings(void)
{
    return &aql_settings;
}

void emu_report(const char *format, ...)
{
    (void)format;
    aql_rig_reports++;
}

void emu_missing(const char *format, ...)
{
    (void)format;
    aql_rig_reports++;
}

void emu_event_signal(uint64_t mailbox_va, uint32_t event_id)
{
    uint64_t *mailbox = emu_vm_host(mailbox_va, sizeof(*mailbox));

    if (mailbox)
        memcpy(mailbox, &(uint64_t){event_id}, sizeof(*mailbox));
}

void emu_event_memory_fault(uint64_t va, bool not_present, bool read_only)
{
    (void)va, (void)not_present, (void)read_only;
}

void emu_engine_pause(void) {}

void emu_engine_unpause(void) {}

void emu_engine_stop_queue(struct emu_queue *queue)
{
    queue->stopping++;
}

void emu_engine_schedule(uint64_t at_ns, enum emu_due_kind kind, void *what)
{
    if (kind != EMU_DUE_QUEUE || aql_event.due)
        abort();
    aql_event.due = true;
    aql_event.at_ns = at_ns;
    aql_event.queue = what;
}

uint64_t emu_calendar_drop(struct emu_calendar *calendar, enum emu_due_kind kind, const void *what)
{
    (void)calendar, (void)kind, (void)what;
    if (!aql_event.due)
        abort();
    aql_event.due = false;
    return aql_event.at_ns;
}

struct emu_device *emu_segment_lock(void)
{
    return aql_device;
}

void emu_segment_unlock(void) {}

bool emu_kernel_name(uint64_t descriptor_va, char *name, size_t size)
{
    (void)descriptor_va, (void)name, (void)size;
    return false;
}

/* All work-groups are placed, and end. */
void emu_work_adopt(struct emu_device *dev, uint64_t now)
{
    struct emu_queue *queue = emu_engine.queues[0];
    int resident;

    if (queue->state != EMU_CP_PLACE)
        return;
    emu_device_withdraw(dev, queue->device_queue);
    while ((resident = emu_device_take_placed(dev, 0)) >= 0) {
        uint32_t id = dev->residents[resident].dispatch;

        if (aql_completions == 0 || aql_completing[aql_completions - 1]->id != id)
            aql_completing[aql_completions++] = emu_engine.dispatches[id];
        emu_device_release(dev, resident, now);
    }
    queue->state = EMU_CP_FETCH;
    aql_rig_dispatches++;
}

void emu_work_kill(struct emu_queue *queue, uint64_t now)
{
    (void)now;
    for (unsigned i = 0; i < aql_completions; i++)
        emu_dispatch_free(aql_completing[i]);
    aql_completions = 0;
    if (queue->launching)
        emu_dispatch_free(queue->launching);
    queue->launching = NULL;
    queue->in_flight = 0;
    aql_rig_stopped += queue->state == EMU_CP_STOPPED;
}

/* ---- what the test calls ---- */

static uint64_t aql_rig_now(void)
{
    return aql_now;
}

static uint8_t *aql_rig_ring(void)
{
    return (uint8_t *)aql_memory + AQL_RING_AT;
}

static uint64_t aql_rig_read_index(void)
{
    return ((amd_queue_t *)(aql_memory + AQL_QUEUE_AT))->read_dispatch_id;
}

/* Carries out what is due; false if nothing is. */
static bool aql_rig_event(void)
{
    if (aql_event.due) {
        struct emu_queue *queue = aql_event.queue;

        aql_event.due = false;
        aql_now = aql_event.at_ns;
        queue->event = false;
        emu_aql_event(queue, aql_now);
        return true;
    }
    if (aql_completions == 0)
        return false;
    struct emu_dispatch *first = aql_completing[0];

    memmove(aql_completing, aql_completing + 1, --aql_completions * sizeof(*aql_completing));
    first->start_ns = aql_now;
    emu_dispatch_complete(first, aql_now);
    return true;
}

/* @knobs: which of the command processor's knobs are on. */
static void aql_rig_reset(uint8_t knobs)
{
    static const struct emu_profile profile = {
        .compute_units = 4,
        .simds_per_cu = 4,
        .waves_per_simd = 10,
        .workgroups_per_cu = 16,
        .vgprs_per_simd = 256,
        .vgpr_granule = 4,
        .sgprs_per_simd = 800,
        .sgpr_granule = 16,
        .lds_bytes_per_cu = 65536,
        .lds_granule = 512,
        .clock_mhz = 1000,
        .packet_ns = 1,
        .dispatch_ns = 1,
        .completion_ns = 1,
    };

    if (!aql_device)
        aql_device = malloc(sizeof(*aql_device));
    free(aql_memory);
    aql_memory = calloc(1, AQL_BYTES);
    if (!aql_code)
        aql_code = gcn_code_create(&aql_gcn_memory);
    if (!aql_device || !aql_memory || !aql_code)
        abort();
    emu_device_init(aql_device, &profile, 1000, 0);
    emu_device_attach(aql_device, 1, 1);
    memset(&emu_engine, 0, sizeof(emu_engine));
    emu_engine.profile = profile;
    emu_engine.code = aql_code;
    aql_settings = (struct emu_settings){
        .prefetch_packets = knobs & 7,
        .read_index_at_launch = knobs >> 3 & 1,
        .completion_delay_ns = knobs >> 4 & 1,
    };
    aql_event.due = false;
    aql_completions = 0;
    aql_rig_reports = 0;
    aql_now = 1;
}

static struct emu_queue *aql_rig_queue(void)
{
    static struct emu_queue queue;
    amd_queue_t *aql = (amd_queue_t *)(aql_memory + AQL_QUEUE_AT);

    memset(&queue, 0, sizeof(queue));
    queue.args = (struct emu_queue_args){
        .type = EMU_QUEUE_AQL,
        .ring_va = AQL_VA + AQL_RING_AT,
        .ring_bytes = AQL_PACKETS * 64,
        .read_pointer_va = AQL_VA + AQL_QUEUE_AT + offsetof(amd_queue_t, read_dispatch_id),
        .write_pointer_va = AQL_VA + AQL_QUEUE_AT + offsetof(amd_queue_t, write_dispatch_id),
        .percent = 100,
    };
    /* Scratch for four waves of 64 work-items with 1 KiB each; the rest has to be asked for. */
    aql->scratch_wave64_lane_byte_size = 1024;
    aql->compute_tmpring_size = 64 << 12 | 4;
    queue.device_queue = emu_device_queue_open(aql_device, 0, 7);
    if (emu_aql_open(&queue) != 0)
        abort();
    emu_doorbell_reset(&queue);
    emu_engine.queues[0] = &queue;
    emu_engine.queue_count = 1;
    return &queue;
}

static void aql_rig_close(struct emu_queue *queue)
{
    if (queue->state != EMU_CP_STOPPED)
        emu_work_kill(queue, aql_now);
    free(queue->done);
}
