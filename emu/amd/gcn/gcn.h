// SPDX-License-Identifier: Apache-2.0
/*
 * gfx906 interpreter: runs one work-group of a dispatch at a time, a slice at a time.
 *
 * Threading: a struct gcn_workgroup is run by one thread at a time; several work-groups may run on
 * several threads at once, each with its own struct gcn_thread. Device memory is shared between
 * them as on the hardware: aligned dword accesses do not tear and atomics are atomic (host
 * atomics). The interpreter knows no queue, no driver and no wall clock.
 *
 * Sources: "AMD Vega 7nm Instruction Set Architecture" and the LLVM AMDGPU usage guide (initial
 * state, kernel descriptor, address spaces). What an encoding is, llvm-mc-15 --mcpu=gfx906 decides.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Apertures that the driver reports and flat instructions test (64-bit VA, upper half). */
#define GCN_SHARED_APERTURE  (1ull << 48)
#define GCN_PRIVATE_APERTURE (2ull << 48)

/** A stretch of device address space backed by host memory at @host. */
struct gcn_range {
    uint64_t start, end; /* [start, end) */
    char *host;
    bool writable;
    bool system; /* the host's memory, behind PCI Express */
};

/** Device address space. @find fills @range with the stretch that contains @va; false if there is
 *  none. Any thread may call it. @generation is bumped after every unmap. */
struct gcn_memory {
    bool (*find)(struct gcn_memory *memory, uint64_t va, struct gcn_range *range);
    atomic_uint_fast64_t generation;
};

/** Barriers and semaphores among work-groups (global wave sync) of one queue. All zero at first;
 * any thread. */
struct gcn_gws {
    atomic_flag lock;
    struct gcn_gws_resource {
        uint32_t counter; /* how many more have to come; of a semaphore: may pass */
        uint32_t phase;   /* changes when they have come */
        uint32_t waiting; /* at a semaphore */
    } resource[64];
};

/** What the packet, the descriptor and the hardware queue say of a dispatch. All addresses are
 * device addresses. Filled by the command processor; constant while any of its work-groups runs. */
struct gcn_dispatch {
    struct gcn_memory *memory;
    struct gcn_code *code; /* decoded-instruction cache of the process */
    uint64_t packet_va;    /* the AQL packet in the ring */
    uint64_t queue_va;     /* amd_queue_t */
    uint64_t kernarg_va;
    uint64_t entry_va; /* first instruction */
    uint64_t dispatch_id;
    uint32_t rsrc1, rsrc2, rsrc3; /* from the kernel descriptor */
    uint16_t properties;          /* descriptor offset 56 */
    uint16_t dimensions;          /* 1..3 */
    uint16_t workgroup_size[3];
    uint32_t grid_size[3];
    uint32_t group_segment_bytes;                     /* from the packet: static + dynamic LDS */
    uint32_t private_segment_bytes;                   /* per work-item */
    uint32_t scratch_resource[4];                     /* amd_queue_t.scratch_resource_descriptor */
    uint64_t scratch_base_va;                         /* backing memory of the queue's scratch */
    uint32_t scratch_wave_bytes;                      /* stride between waves */
    uint32_t vmem_latency, lds_latency, smem_latency; /* shader cycles, from the profile */
    uint32_t clock_mhz;
    struct gcn_gws *gws; /* of the queue; NULL: it has none */
    /* s_sendmsg MSG_INTERRUPT with M0 (an event id, see the ROCm device libraries); called from the
     * interpreting thread; NULL: nobody listens. */
    void (*interrupt)(const struct gcn_dispatch *dispatch, uint32_t m0);
};

enum gcn_status {
    GCN_RUNNING, /* the slice is used up */
    GCN_DONE,    /* every wave has ended */
    GCN_STOPPED, /* *stop was seen */
    GCN_FAULT,   /* see struct gcn_fault */
};

enum gcn_fault_kind {
    GCN_FAULT_NONE,
    GCN_FAULT_ILLEGAL_INSTRUCTION, /* not in the ISA, or not implemented here */
    GCN_FAULT_UNMAPPED,            /* no such device address */
    GCN_FAULT_READ_ONLY,
    GCN_FAULT_TRAP, /* s_trap: code in .va */
};

struct gcn_fault {
    enum gcn_fault_kind kind;
    uint64_t pc;
    uint64_t va;
    uint32_t words[2]; /* the instruction */
    char text[96];     /* "v_foo_b32 (VOP3 0x123)" : what to print */
};

/** Per interpreter thread: address cache and counters. Zero-initialised by gcn_thread_init. */
struct gcn_thread;
struct gcn_thread *gcn_thread_create(void);
void gcn_thread_destroy(struct gcn_thread *thread);
/** Wave-instructions executed on this thread since creation. */
uint64_t gcn_thread_instructions(const struct gcn_thread *thread);

/** Decoded-instruction cache of one address space. Thread-safe. */
struct gcn_code *gcn_code_create(struct gcn_memory *memory);
void gcn_code_destroy(struct gcn_code *code);
/** Forget decoded instructions (an instruction-cache invalidate, or code memory was freed). Must
 * not be called while a work-group of this address space is being run by any thread. */
void gcn_code_invalidate(struct gcn_code *code);

/** Creates work-group number @index (linear, x fastest) in its initial state; scratch_slot numbers
 * the wave slots the work-group may use for scratch: waves take scratch_slot, scratch_slot + 1, ...
 *  NULL if there is no memory. */
struct gcn_workgroup *gcn_workgroup_create(const struct gcn_dispatch *dispatch, uint32_t index,
                                           uint32_t scratch_slot);
void gcn_workgroup_destroy(struct gcn_workgroup *wg);
uint32_t gcn_dispatch_waves(const struct gcn_dispatch *dispatch); /* waves of a full work-group */
uint32_t gcn_dispatch_workgroups(const struct gcn_dispatch *dispatch);

/** What 64 bytes cost a wave beside others, in shader cycles times 256 (emu/model/memory.h; docs in
 * docs/emulator.md, "Memory"). 0: nothing. */
struct gcn_pace {
    uint32_t line_q8; /* a line through the unit's vector cache */
    uint32_t fill_q8; /* one that the wave has not touched lately: from behind that cache */
    uint32_t lds_q8;  /* local memory */
};

struct gcn_slice {
    uint64_t budget_cycles; /* in: run until the work-group's local time has advanced this far */
    uint64_t start_cycle;   /* in: device time at the slice's start, in shader cycles (s_memtime) */
    uint32_t issue_scale_q8; /* in: 256 = alone on its SIMDs; cost of each issue is multiplied */
    struct gcn_pace pace;    /* in */
    const atomic_uint *stop; /* in: leave soon once non-zero; may be NULL */
    uint64_t used_cycles;    /* out: how far local time advanced (may pass the budget a little) */
    struct gcn_fault fault;  /* out */
};
/** Runs a slice. Local time of a work-group is that of its most advanced wave; waves are kept
 * within the budget of one another. A work-group whose waves all wait (s_barrier, s_sleep) still
 * advances. */
enum gcn_status gcn_workgroup_run(struct gcn_workgroup *wg, struct gcn_thread *thread,
                                  struct gcn_slice *slice);

/** True if this CPU runs the fast (AVX2) vector handlers. Informational. */
bool gcn_vector_fast(void);
