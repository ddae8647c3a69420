// SPDX-License-Identifier: Apache-2.0
/*
 * A device profile: what one kind of GPU is, as numbers. Profiles are data files
 * (emu/profiles/NAME.conf, lines "key = value", '#' comments); each key and its source is
 * documented in the file itself. Pure: reads a file when asked to, keeps no state.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct emu_profile {
    char name[32];
    /* Shader resources (per SIMD unless said otherwise). */
    uint32_t compute_units;
    uint32_t simds_per_cu;
    uint32_t waves_per_simd;
    uint32_t vgprs_per_simd; /* registers of 64 lanes */
    uint32_t vgpr_granule;
    uint32_t sgprs_per_simd;
    uint32_t sgpr_granule;
    uint32_t lds_bytes_per_cu;
    uint32_t lds_granule;
    uint32_t workgroups_per_cu; /* limit for work-groups of more than one wave */
    uint32_t clock_mhz;
    uint64_t memory_bytes;
    /* Latencies in shader cycles, as the interpreter charges them (docs/emulator.md). */
    uint32_t vmem_latency;
    uint32_t lds_latency;
    uint32_t smem_latency;
    /* Command processor and copy engine, in device nanoseconds and bytes per microsecond. */
    uint32_t packet_ns;     /* fetch and decode of any packet */
    uint32_t dispatch_ns;   /* from a decoded dispatch to its first work-group */
    uint32_t completion_ns; /* from the last wave's end to the completion signal */
    uint32_t copy_bytes_per_us;
    /* Optional, 0 if the file does not say. */
    uint32_t pcie_latency;           /* of a read of the host's memory, in shader cycles */
    uint32_t workgroup_slots_per_cu; /* limit for work-groups of any size; 0: no such limit */
    uint32_t timeslice_us;           /* processes take turns of this length; 0: side by side */
    uint32_t context_switch_us;      /* from one process's turn to the next */
    uint32_t memory_bytes_per_us;    /* what the memory delivers; 0: fills run as copies do, and no
                                        limit is modelled */
    uint32_t compute_capability;     /* NVIDIA: 10 * major + minor */
    /* Throughput (memory.h), 0: no limit is modelled. Bytes per shader cycle. */
    uint32_t l1_bytes_per_cycle;  /* a unit's vector cache */
    uint32_t l2_bytes_per_cycle;  /* the cache that all units share */
    uint32_t l2_bytes;            /* and its size */
    uint32_t lds_bytes_per_cycle; /* a unit's local memory */
};

/**
 * Reads a profile file. @err receives one line naming file, line and what is wrong. All keys are
 * required unless marked optional; an unknown key is an error. Returns 0, or a negative errno with
 * @profile untouched.
 */
int emu_profile_load(struct emu_profile *profile, const char *path, char *err, size_t err_size);
