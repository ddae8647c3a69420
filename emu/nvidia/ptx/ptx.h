// SPDX-License-Identifier: Apache-2.0
/*
 * PTX: parser and interpreter, as the emulated driver sees them.
 *
 * Pure: no clock, environment, lock or file. A module is immutable once parsed and may be used by
 * any number of threads; a block is run by one thread at a time.
 *
 * Source of the language: NVIDIA, "Parallel Thread Execution ISA". Threads are run a warp at a
 * time, as vectors of 32 lanes with a mask. Lanes that diverge become groups with a pc of their
 * own; the one that is deepest in calls and then least in pc goes first, and groups that meet
 * become one. A group that spins does not starve the others of its warp (independent thread
 * scheduling of sm_70).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PTX_LANES = 32 };

enum ptx_space {
    PTX_SPACE_NONE, /* generic addresses */
    PTX_SPACE_REG,
    PTX_SPACE_PARAM,
    PTX_SPACE_GLOBAL,
    PTX_SPACE_SHARED,
    PTX_SPACE_LOCAL,
    PTX_SPACE_CONST,
};

/* Where the spaces that are no memory of the device's lie among generic addresses. */
#define PTX_WINDOW_SHARED 0x0100000000000000ull
#define PTX_WINDOW_LOCAL  0x0200000000000000ull
#define PTX_WINDOW_PARAM  0x0300000000000000ull
#define PTX_WINDOW_CODE   0x0400000000000000ull /* + 16 * (1 + index of the function) */

struct ptx_error {
    unsigned line;
    bool missing; /* good PTX, but not implemented here */
    char text[200];
};

struct ptx_param {
    uint32_t offset, size, align;
};

/** A variable of module scope. */
struct ptx_variable {
    const char *name;
    enum ptx_space space; /* global, const or shared */
    uint64_t size;        /* 0: extern [] of shared space: the dynamic part */
    uint32_t align;
    bool external; /* declared, not defined here */
    uint32_t shared_offset;
    uint32_t reference;  /* a texture reference: its number in the module, from 1 on */
    const uint8_t *init; /* @size bytes; NULL: zeros */
    uint32_t relocations;
    const struct ptx_relocation *relocation;
};

/** An address in an initializer: 8 bytes (or 4) at @offset. */
struct ptx_relocation {
    uint32_t offset, bytes;
    uint32_t symbol; /* see ptx_module */
    int64_t addend;
    bool generic;
};

struct ptx_function {
    const char *name;
    bool entry, defined;
    const char *missing; /* it uses something that is not implemented; NULL: all is there */
    uint32_t param_count, param_bytes;
    const struct ptx_param *params;
    uint32_t registers;    /* 32-bit registers a thread, estimated, for occupancy */
    uint32_t shared_bytes; /* static */
    uint32_t local_bytes;  /* a thread */
    uint32_t const_bytes;
    uint32_t max_threads[3], required_threads[3]; /* .maxntid, .reqntid; 0: not given */
    uint32_t min_blocks;                          /* .minnctapersm */
    bool aggregate_return;
    const struct ptx_body *body;
};

struct ptx_module {
    unsigned version, target; /* 70: version 7.0, 75: sm_75 */
    bool debug;
    /* Symbols are numbered: variables first, then functions. */
    uint32_t variable_count, function_count;
    uint32_t reference_count; /* texture references among the variables */
    struct ptx_variable *variables;
    struct ptx_function *functions;
    struct ptx_pool *pool;
    struct ptx_arena *arena;
};

/** Parses @size bytes of text (a NUL may end it early). NULL: @error says why. Several modules one
 * after another are linked: what one declares another may define. */
struct ptx_module *ptx_parse(const char *text, size_t size, struct ptx_error *error);
void ptx_module_free(struct ptx_module *module);
const struct ptx_function *ptx_find_function(const struct ptx_module *module, const char *name);
const struct ptx_variable *ptx_find_variable(const struct ptx_module *module, const char *name);

/** A module whose variables have addresses. */
struct ptx_image;
/** @address[i] is that of variable i (ignored for shared ones). NULL: no memory. */
struct ptx_image *ptx_image_create(const struct ptx_module *module, const uint64_t *address);
void ptx_image_free(struct ptx_image *image);
/** The name of something that the module uses and neither defines nor the device has; NULL: none.
 */
const char *ptx_undefined(const struct ptx_module *module);
uint64_t ptx_symbol_value(const struct ptx_image *image, uint32_t symbol);

/** A stretch of memory that the device can reach: host address = device address + delta. */
struct ptx_range {
    uint64_t base, size;
    int64_t delta;
    bool writable;
};
/** Finds the range that holds @va. False: there is none. */
typedef bool ptx_find_range(void *context, uint64_t va, struct ptx_range *range);
/** The program's vprintf: @format and @args are host addresses of device data. */
typedef void ptx_print(void *context, const char *text);
/** The kernel sets the value of a conditional node of a graph. */
typedef void ptx_condition(void *context, uint64_t handle, uint32_t value);
/** One access of a lane through a texture or surface object. */
struct ptx_texel {
    uint64_t object;
    bool surface, store;
    bool real;              /* coordinates are floats */
    uint8_t dimensions;     /* 1 to 3 */
    uint8_t outside;        /* of surfaces: 0 trap, 1 clamp, 2 zero */
    uint8_t bytes;          /* of surfaces: of the access, up to 16 */
    char as;                /* of textures: what is read: 'f', 'u', 's' */
    uint32_t coordinate[3]; /* bits; of surfaces the first is in bytes */
    union {
        uint32_t word[4];
        uint8_t data[16];
    };
};
/** Carries it out. NULL, or why it cannot. */
typedef const char *ptx_texture(void *context, struct ptx_texel *texel);

struct ptx_launch {
    const struct ptx_image *image;
    const struct ptx_function *entry;
    uint32_t grid[3], block[3];
    uint32_t dynamic_shared_bytes;
    uint32_t local_limit_bytes;                             /* stack of a thread */
    const uint8_t *params;                                  /* entry->param_bytes of them */
    uint32_t global_latency, shared_latency, const_latency; /* cycles */
    uint32_t clock_mhz, units;
    uint64_t grid_id;
    ptx_find_range *find_range;
    ptx_print *print;
    ptx_condition *condition;
    ptx_texture *texture;
    const uint64_t *references; /* the object that each texture reference stands for; may be NULL */
    void *context;              /* of the four */
};

uint32_t ptx_launch_blocks(const struct ptx_launch *launch);
uint32_t ptx_launch_warps(const struct ptx_launch *launch); /* of a block */

enum ptx_status { PTX_RUNNING, PTX_STOPPED, PTX_DONE, PTX_FAULT };
enum ptx_fault_kind {
    PTX_FAULT_NONE,
    PTX_FAULT_ADDRESS,
    PTX_FAULT_MISALIGNED,
    PTX_FAULT_SPACE,
    PTX_FAULT_TRAP,
    PTX_FAULT_ASSERT,
    PTX_FAULT_PC,
    PTX_FAULT_STACK,
    PTX_FAULT_HANG,
    PTX_FAULT_MISSING,
};
struct ptx_fault {
    enum ptx_fault_kind kind;
    uint64_t va;
    unsigned line; /* of the PTX text */
    char text[96];
};

struct ptx_slice {
    uint64_t budget_cycles;
    uint64_t start_cycle; /* %clock at its beginning */
    uint64_t start_ns;    /* %globaltimer */
    uint32_t issue_scale_q8;
    const _Atomic unsigned *stop; /* may be NULL */
    uint64_t used_cycles;         /* out */
    uint64_t instructions;        /* out: of threads */
    struct ptx_fault fault;       /* out */
};

struct ptx_block;
struct ptx_block *ptx_block_create(const struct ptx_launch *launch, uint32_t index, uint32_t unit);
void ptx_block_destroy(struct ptx_block *block);
enum ptx_status ptx_block_run(struct ptx_block *block, struct ptx_slice *slice);
