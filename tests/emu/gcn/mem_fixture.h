// SPDX-License-Identifier: Apache-2.0
/*
 * A hand-made wave, with no decoder and no runner behind it, and what the tests of the memory
 * instructions share: cases of loads, stores and atomics, and their checks. Expected values are
 * written out or computed by other means than the handlers use.
 */
#pragma once

#include "wave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    LDS_BYTES = 1024,
    RANGES = 4,
    RANGE_BYTES = 64 * 1024,
    VMEM_LATENCY = 500,
    LDS_LATENCY = 64,
    /* registers that the tests use */
    ADDR = 10,
    DATA = 20,
    DATA1 = 30,
    DST = 40,
    SBASE = 8,
    RSRC = 16,
};

#define DATA_VA    0x7000000000ull          /* writable */
#define CONST_VA   0x7000100000ull          /* read-only */
#define SCRATCH_VA 0x7000200000ull          /* writable */
#define HIGH_VA    (DATA_VA + (1ull << 32)) /* writable: the same memory as SCRATCH_VA */

struct fixture {
    struct gcn_memory memory; /* first: downcast in find() */
    struct gcn_range range[RANGES];
    struct gcn_dispatch dispatch;
    struct gcn_thread thread;
    struct gcn_workgroup wg;
    struct gcn_wave wave;
    uint32_t vgpr[272][64];
    char lds[LDS_BYTES];
    char data[RANGE_BYTES], constant[RANGE_BYTES], scratch[RANGE_BYTES];
};

/* Caller frees. */
struct fixture *make_fixture(void);
/** An instruction with the registers above. */
struct gcn_inst instruction(const char *name);
void run(struct fixture *f, const struct gcn_inst *inst);
void run_name(struct fixture *f, const char *name);
void no_fault(const struct fixture *f);

/** Lane addresses base + lane * stride, as 64 or (upper half 0) 32 bits. */
void set_addresses(struct fixture *f, uint64_t base, int64_t stride);
void set_all(struct fixture *f, unsigned reg, uint32_t value);
void set_exec(struct fixture *f, uint64_t exec);
uint32_t peek(const void *p);
uint64_t peek64(const void *p);
void poke(void *p, uint32_t v);
void poke64(void *p, uint64_t v);
uint8_t pattern(unsigned i);
void fill_pattern(void *memory, unsigned bytes);

struct load_case {
    const char *suffix_ds, *suffix_flat;
    unsigned bytes;
    bool is_signed;
    char half; /* 0: whole register, 'l', 'h': D16 */
};
enum { LOADS = 14, LOAD_DWORD = 10, STORES = 8, STORE_DWORD = 4, EXECS = 4 };
extern const struct load_case loads[LOADS];
extern const struct store_case {
    const char *suffix_ds, *suffix_flat;
    unsigned bytes, shift;
} stores[STORES];
extern const uint64_t execs[EXECS];

/** What register @n of a load from @bytes must hold, having held @old. */
uint32_t expected_load(const struct load_case *c, const uint8_t *bytes, unsigned n, uint32_t old);
/** Runs a load in @f whose lane i reads @memory + offset[i]; eight registers are looked at.
 * @in_range tells whether a lane's access is; the others read 0. */
void check_load(struct fixture *f, const struct gcn_inst *inst, const struct load_case *c,
                const uint8_t *memory, const unsigned offset[64], uint64_t in_range);
/** Every kind of load through @prefix ("flat_", ...); lane i reads byte offset[i] of @memory. */
void check_vmem_loads(struct fixture *f, const char *prefix, int32_t imm, unsigned saddr,
                      const uint8_t *memory, const unsigned offset[64]);
/** Runs a store of the registers from @data; memory (of @bytes) must change only where an active
 * lane in range stores. */
void check_store(struct fixture *f, const struct gcn_inst *inst, unsigned data, unsigned k,
                 uint8_t *memory, unsigned bytes, const unsigned offset[64]);

struct atomic_case {
    const char *ds, *flat; /* ds: "%" stands for "_rtn" or nothing; NULL: that family has none */
    unsigned bits;
    uint64_t old, a, b, new;
    bool b_first; /* FLAT holds its operands the other way round: b in the first register */
};
enum { ATOMICS = 48 };
extern const struct atomic_case atomics[ATOMICS];
void set_operand(struct fixture *f, unsigned reg, unsigned bits, uint64_t value);
/** Runs the atomic on lanes at 8-byte steps of @memory (offset 64) and checks memory and result. */
void check_atomic(struct fixture *f, const struct gcn_inst *inst, const struct atomic_case *c,
                  char *memory, bool returns);

int ds_tests(void);
int flat_tests(void);
int buffer_tests(void);
int cost_tests(void);
int texel_tests(void);
