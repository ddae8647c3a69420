// SPDX-License-Identifier: Apache-2.0
/*
 * Runs gfx906 code on the interpreter without a driver: a small device address space over host
 * allocations, code objects loaded from ELF files, dispatches run to completion on the calling
 * thread. Device addresses differ from host addresses, so that mixing them up shows. For tests;
 * errors go to stderr. Not thread-safe: one thread per harness.
 */
#pragma once

#include "gcn.h"

#include <stddef.h>

struct harness;

struct harness *harness_create(void);
void harness_destroy(struct harness *h);

/** Allocates @bytes of zeroed device memory; *@va is its device address. Host address, or NULL.
 *  Owned by the harness. There is unmapped address space after every allocation. */
void *harness_alloc(struct harness *h, size_t bytes, uint64_t *va);
/** Host address of device address @va, or NULL. */
void *harness_host(struct harness *h, uint64_t va);

/** Loads the gfx906 code object (ELF64, shared object) in @path; 0 or -1. Its symbols are then
 *  found by harness_symbol. A harness holds at most one code object. */
int harness_load(struct harness *h, const char *path);
/** Device address of a symbol of the code object, e.g. "vadd.kd"; 0: there is none. */
uint64_t harness_symbol(struct harness *h, const char *name);
/** Device address and size in bytes of the code object's .text; false: none loaded. */
bool harness_text(struct harness *h, uint64_t *va, size_t *bytes);

struct harness_launch {
    const char *kernel;    /* name without ".kd" */
    uint32_t grid[3];      /* in work-items; 0 counts as 1 */
    uint16_t workgroup[3]; /* 0 counts as 1 */
    uint32_t dynamic_lds;  /* bytes */
    const void *kernarg;   /* explicit arguments, laid out as the kernel wants them */
    size_t kernarg_bytes;
    uint64_t descriptor_va;  /* of the kernel; 0: found by name */
    uint64_t slice_cycles;   /* 0: a default */
    uint32_t issue_scale_q8; /* 256, or 0: alone on its SIMDs (gcn.h) */
    uint64_t cycles;         /* out: the longest work-group's time */
    uint64_t instructions;   /* out: wave-instructions */
    struct gcn_fault fault;  /* out */
};
/** Runs every work-group of a kernel to its end. GCN_DONE or what stopped it (GCN_STOPPED also
 *  stands for a kernel that cannot be found). Prints faults. */
enum gcn_status harness_run(struct harness *h, struct harness_launch *launch);

/** The same, but work-groups are made at once and run in pieces: */
struct harness_steps;
/** NULL: no memory, or no such kernel. */
struct harness_steps *harness_steps_begin(struct harness *h, const struct harness_launch *launch);
unsigned harness_steps_count(const struct harness_steps *steps);
/** A work-group, NULL when it has ended. */
struct gcn_workgroup *harness_steps_group(struct harness_steps *steps, unsigned number);
/** Runs work-group @number for about @cycles. GCN_DONE if it has ended (before, too). */
enum gcn_status harness_steps_run(struct harness_steps *steps, unsigned number, uint64_t cycles);
/** What has not ended is gone; frees all. */
void harness_steps_end(struct harness_steps *steps);

/* Single instructions */

/** Assembles @text (lines of gfx906 assembly, no labels) with llvm-mc-15; returns the number of
 *  dwords, at most @max; 0: it does not assemble; -1: there is no llvm-mc-15. */
int harness_assemble(const char *text, uint32_t *words, int max);

/** A work-group of one wave of 64 work-items that will run @words followed by s_endpgm. Registers
 *  can be set beforehand and read afterwards in wg->wave[0] (see wave.h). 256 VGPRs, 64 KiB LDS,
 *  scratch of 1 KiB a lane, FP mode as hipcc's kernels have it. Owned by the harness, replaced by
 *  the next call. */
struct gcn_workgroup *harness_wave(struct harness *h, const uint32_t *words, unsigned count);
/** Runs the wave of harness_wave to its end; *@fault may be NULL. */
enum gcn_status harness_wave_run(struct harness *h, struct gcn_fault *fault);
