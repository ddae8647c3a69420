// SPDX-License-Identifier: Apache-2.0
/*
 * The emulated amdkfd driver, as its parts see each other. Private to emu/amd/.
 *
 *   interpose.c   the preloaded libc calls: /dev/kfd, /dev/dri/renderD128, topology files, ioctl
 *   topology.c    the files under /sys/class/kfd, made from the device profile
 *   kfd.c         ioctl table and the small ioctls
 *   vm.c          buffer objects and the GPU's address space
 *   event.c       KFD events: create, set, reset, wait, memory and hardware exceptions
 *   engine.c      the process's device thread and interpreter threads; slices, clock, placement
 *   queue.c       hardware queues and the AQL command processor
 *   sdma.c        the copy engine's packets
 *
 * Lock order: vm < engine < segment. event.c may be called under any of them.
 * Nothing here runs before the program first opens /dev/kfd.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/common.h"
#include "../model/device.h"
#include "gcn/gcn.h"

/* ---- inject.c ---- */
void emu_inject_start(void);
/** 0, or the negative errno with which this request fails on order. */
int emu_inject_ioctl(unsigned number);
enum emu_fail_packet emu_inject_packet(void);

/* ---- libc below the interposition (interpose.c) ---- */
/** Called by interpose.c once, on the first open of /dev/kfd in this process (again in a forked child
 *  that opens it itself). Returns 0 or a negative errno: the open fails with it. */
int emu_start(void);
bool emu_started(void);
/** ioctl on /dev/kfd: 0 or a negative errno. */
int emu_kfd_ioctl(unsigned long request, void *arg);

/* ---- vm.c ---- */
/** The sparse file that stands for device memory, doorbells and the event page; 64 GiB. */
int emu_vm_fd(void);
struct gcn_memory *emu_vm_memory(void);
/** Host address of device address @va, valid for @size bytes; NULL if not mapped to the GPU. */
void *emu_vm_host(uint64_t va, size_t size);
/** The doorbell page as the engine reads it: one 64-bit word per queue id. Stable from emu_start() on. */
enum { EMU_DOORBELLS = 1024 };
volatile uint64_t *emu_vm_doorbells(void);
/** Engine hook: drop cached translations and decoded code after an unmap (bumps memory->generation). */

/* ---- event.c ---- */
void emu_event_set(uint32_t event_id);
/** What the hardware does for a signal with an event: write @event_id to @mailbox_va, raise the event. */
void emu_event_signal(uint64_t mailbox_va, uint32_t event_id);
/** GPU page fault: raises the memory-exception events; ROCr prints its report and aborts. */
void emu_event_memory_fault(uint64_t va, bool not_present, bool read_only);
/** GPU hang or illegal instruction: raises the hardware-exception events. */
void emu_event_hw_exception(void);

/* ---- queue.c / engine.c ---- */
enum emu_queue_type { EMU_QUEUE_AQL, EMU_QUEUE_SDMA };
struct emu_queue_args {
    enum emu_queue_type type;
    uint64_t ring_va;
    uint64_t ring_bytes;
    uint64_t write_pointer_va, read_pointer_va; /* AQL: amd_queue_t's dispatch ids; SDMA: byte offsets */
    uint32_t percent, priority;
};
int emu_engine_start(void);                   /* threads of this process; 0 or a negative errno */
/** Returns a queue id (its doorbell is the 8 bytes at id * 8 of the doorbell page), or negative errno. */
int emu_queue_create(const struct emu_queue_args *args);
int emu_queue_update(uint32_t id, uint64_t ring_va, uint64_t ring_bytes, uint32_t percent,
                     uint32_t priority);      /* percent 0: suspended, waves parked */
/** Ends the waves of all this process's queues; their dispatches go on with what has no place yet. */
int emu_queue_kill_waves(void);
/** Gives the queue global wave sync, or takes it away. */
int emu_queue_set_gws(uint32_t id, bool wanted);
/** The compute units on which its work-groups are placed from now on. */
int emu_queue_set_units(uint32_t id, const struct emu_units *units);
int emu_queue_destroy(uint32_t id);           /* kills the queue's waves; on return nothing of it runs */
/** All queues and waves of this process off the device (exit, fork's child never calls it). */
void emu_engine_stop(void);
/** Pauses all interpretation in this process while @run runs (code invalidation, unmap). */
void emu_engine_quiesce(void (*run)(void *arg), void *arg);
/** A fault of a work-group: prints one line (emu_missing for an unimplemented instruction), raises the
 *  event, and stops the queue as the hardware does. */

/* ---- sdma.c ---- */
enum { EMU_SDMA_ATOMIC = 10 }; /* opcode in the lowest byte of a packet's first word */
struct emu_sdma_step {
    uint32_t consumed_bytes; /* of the ring; 0 with @again set: poll not satisfied, retry later */
    uint64_t copied_bytes;   /* for the cost */
    bool again;
    bool fault;              /* bad packet or address; reported already */
    uint64_t fault_va;       /* the address that is not mapped; 0: the packet itself is bad */
    bool trap;               /* trap packet: raise event @trap_event */
    uint32_t trap_event;
};
/** Carries out the packet at @words. @device_ns is the time stamp for timestamp packets. */
struct emu_sdma_step emu_sdma_run(const uint32_t *words, size_t available_bytes, uint64_t device_ns);
