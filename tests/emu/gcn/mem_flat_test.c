// SPDX-License-Identifier: Apache-2.0
/* FLAT, GLOBAL, SCRATCH: every size, address forms, atomics, apertures, private memory, faults,
 * cost. */
#include "mem_fixture.h"

#include <pthread.h>

static void global_loads(void **state)
{
    struct fixture *f = make_fixture();
    unsigned offset[64];
    const uint8_t *data = (uint8_t *)f->data;

    fill_pattern(f->data, RANGE_BYTES);
    for (unsigned stride = 1; stride <= 320; stride += stride < 20 ? 1 : 50) {
        for (unsigned i = 0; i < 64; i++)
            offset[i] = 4096 + i * stride;
        set_addresses(f, DATA_VA + 4096, stride);
        check_vmem_loads(f, "global_", 0, GCN_SADDR_OFF, data, offset);
        check_vmem_loads(f, "flat_", 0, GCN_SADDR_OFF, data, offset);
        set_addresses(f, DATA_VA + 4096 + 4000, stride);
        check_vmem_loads(f, "global_", -4000, GCN_SADDR_OFF, data, offset);
        set_addresses(f, DATA_VA + 1, stride);
        check_vmem_loads(f, "flat_", 4095, GCN_SADDR_OFF, data, offset);
        /* SGPR base: the register is 32 bits and not sign-extended. */
        gcn_set_sgpr64(&f->wave, SBASE, DATA_VA + 4096 - 0x90000000ull + 8);
        set_addresses(f, 0x90000000ull, stride);
        set_all(f, ADDR + 1, 0xdeadbeef);
        check_vmem_loads(f, "global_", -8, SBASE, data, offset);
    }
    /* Anything goes: duplicates, descending. */
    for (unsigned i = 0; i < 64; i++) {
        offset[i] = (i * 7919) % 3000;
        f->vgpr[ADDR][i] = (uint32_t)(DATA_VA + offset[i]);
        f->vgpr[ADDR + 1][i] = DATA_VA >> 32;
    }
    check_vmem_loads(f, "global_", 0, GCN_SADDR_OFF, data, offset);
    free(f);
}

/** Two ranges by turns, the last bytes of a range included. */
static void loads_of_two_ranges(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("global_load_dwordx2");

    for (unsigned i = 0; i < 64; i++) {
        bool constant = i & 1;
        unsigned at = RANGE_BYTES - 8 - 8 * i;
        uint64_t va = (constant ? CONST_VA : DATA_VA) + at;

        poke64((constant ? f->constant : f->data) + at, 0x1111111100000000ull * (i + 1) + i);
        f->vgpr[ADDR][i] = (uint32_t)va;
        f->vgpr[ADDR + 1][i] = (uint32_t)(va >> 32);
    }
    run(f, &inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t want = 0x1111111100000000ull * (i + 1) + i;

        assert_int_equal(f->vgpr[DST][i], (uint32_t)want);
        assert_int_equal(f->vgpr[DST + 1][i], want >> 32);
    }
    free(f);
}

/** Consecutive in the low half of the address only; consecutive, but across a 4 GiB boundary;
 * consecutive from one range into the next. */
static void nearly_consecutive(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("global_load_dword");

    fill_pattern(f->data, RANGE_BYTES);
    memset(f->scratch, 0x11, RANGE_BYTES);
    set_addresses(f, DATA_VA, 4);
    f->vgpr[ADDR + 1][40]++;
    run(f, &inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i == 40 ? 0x11111111 : peek(f->data + 4 * i));
    set_addresses(f, DATA_VA, 4);
    f->vgpr[ADDR][20] += 8; /* one lane out of step */
    run(f, &inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], peek(f->data + 4 * (i == 20 ? 22 : i)));
    f->range[0] = (struct gcn_range){HIGH_VA - RANGE_BYTES, HIGH_VA, f->data, true};
    memset(f->thread.range, 0, sizeof(f->thread.range));
    set_addresses(f, HIGH_VA - 128, 4);
    for (unsigned repeat = 0; repeat < 2; repeat++) {
        run(f, &inst);
        no_fault(f);
        for (unsigned i = 0; i < 64; i++)
            assert_int_equal(f->vgpr[DST][i],
                             i < 32 ? peek(f->data + RANGE_BYTES - 128 + 4 * i) : 0x11111111);
    }
    run_name(f, "global_store_dword");
    no_fault(f);
    assert_memory_equal(f->data + RANGE_BYTES - 128, f->vgpr[DATA], 128);
    assert_memory_equal(f->scratch, f->vgpr[DATA] + 32, 128);
    free(f);
}

static void all_stores(void **state)
{
    struct fixture *f = make_fixture();
    unsigned offset[64];
    char name[64];

    for (unsigned k = 0; k < STORES; k++)
        for (unsigned e = 0; e < EXECS; e++) {
            struct gcn_inst inst;

            set_exec(f, execs[e]);
            for (unsigned i = 0; i < 64; i++)
                offset[i] = 40 + i * 16;
            set_addresses(f, 0, 16);
            snprintf(name, sizeof(name), "ds_%s", stores[k].suffix_ds);
            inst = instruction(name);
            inst.imm = 40;
            check_store(f, &inst, DATA, k, (uint8_t *)f->lds, LDS_BYTES, offset);

            set_addresses(f, DATA_VA, 16);
            snprintf(name, sizeof(name), "global_%s", stores[k].suffix_flat);
            inst = instruction(name);
            inst.imm = 40;
            check_store(f, &inst, DATA, k, (uint8_t *)f->data, RANGE_BYTES, offset);
            snprintf(name, sizeof(name), "flat_%s", stores[k].suffix_flat);
            inst = instruction(name);
            inst.imm = 40;
            check_store(f, &inst, DATA, k, (uint8_t *)f->data, RANGE_BYTES, offset);
            set_addresses(f, 48, 16);
            gcn_set_sgpr64(&f->wave, SBASE, DATA_VA);
            snprintf(name, sizeof(name), "global_%s", stores[k].suffix_flat);
            inst = instruction(name);
            inst.imm = -8;
            inst.src[2] = SBASE;
            check_store(f, &inst, DATA, k, (uint8_t *)f->data, RANGE_BYTES, offset);
            if (stores[k].bytes == 4) { /* and consecutive dwords */
                set_addresses(f, DATA_VA, 4);
                for (unsigned i = 0; i < 64; i++)
                    offset[i] = 40 + i * 4;
                inst = instruction(name);
                inst.imm = 40;
                check_store(f, &inst, DATA, k, (uint8_t *)f->data, RANGE_BYTES, offset);
            }
        }
    free(f);
}

static void memory_atomics(void **state)
{
    static const char *const prefixes[] = {"flat_", "global_", "buffer_"};
    struct fixture *f = make_fixture();
    char name[64];

    for (unsigned k = 0; k < ATOMICS; k++) {
        const struct atomic_case *c = &atomics[k];
        unsigned dwords = c->bits / 32;

        for (unsigned form = 0; c->flat && form < 6; form++) {
            const char *prefix = prefixes[form / 2];
            bool returns = form & 1, buffer = form / 2 == 2;

            set_operand(f, DATA, c->bits, c->b_first ? c->b : c->a);
            set_operand(f, DATA + dwords, c->bits, c->b_first ? c->a : c->b);
            snprintf(name, sizeof(name), "%s%s", prefix, c->flat);
            struct gcn_inst inst = instruction(name);

            inst.imm = 64;
            inst.mods = returns ? GCN_MOD_GLC : 0;
            set_addresses(f, DATA_VA, 8);
            if (buffer) { /* the result goes to the data register: look at it there */
                f->wave.sgpr[RSRC] = (uint32_t)DATA_VA;
                f->wave.sgpr[RSRC + 1] = DATA_VA >> 32;
                f->wave.sgpr[RSRC + 2] = RANGE_BYTES;
                f->wave.sgpr[RSRC + 3] = 0;
                inst.mods |= GCN_MOD_OFFEN;
                set_addresses(f, 0, 8);
                if (returns) {
                    poke64(f->data + 64, c->old);
                    set_exec(f, 1);
                    run(f, &inst);
                    no_fault(f);
                    assert_int_equal(f->vgpr[DATA][0], (uint32_t)c->old);
                    if (c->bits == 64)
                        assert_int_equal(f->vgpr[DATA + 1][0], c->old >> 32);
                    continue;
                }
            }
            check_atomic(f, &inst, c, f->data, returns);
        }
    }
    free(f);
}

/** 64 lanes on one word: every lane is counted, and each gets another old value. */
static void atomics_on_one_word(void **state)
{
    static const char *const names[] = {"global_atomic_add", "flat_atomic_add", "ds_add_rtn_u32"};
    struct fixture *f = make_fixture();

    for (unsigned k = 0; k < 3; k++) {
        struct gcn_inst inst = instruction(names[k]);
        char *memory = k == 2 ? f->lds : f->data;

        inst.mods = k == 2 ? 0 : GCN_MOD_GLC;
        set_addresses(f, k == 2 ? 12 : DATA_VA + 12, 0);
        set_all(f, DATA, 3);
        poke(memory + 12, 1000);
        run(f, &inst);
        assert_int_equal(peek(memory + 12), 1000 + 3 * 64);
        for (unsigned i = 0; i < 64; i++)
            assert_int_equal(f->vgpr[DST][i], 1000 + 3 * i);
    }
    free(f);
}

enum { THREADS = 3, ROUNDS = 3000 };

static void *count_up(void *argument)
{
    static const char *const names[] = {"global_atomic_add", "flat_atomic_inc",
                                        "global_atomic_add_x2", "global_atomic_umax",
                                        "global_atomic_sub"};
    struct fixture *f = argument;

    set_exec(f, 0xffff);
    for (unsigned n = 0; n < 5; n++) {
        struct gcn_inst inst = instruction(names[n]);

        set_addresses(f, DATA_VA + 8 * n, 0);
        set_operand(f, DATA, 64, n == 1 ? 0xffffffff : 1);
        for (unsigned i = 0; i < ROUNDS; i++) {
            if (n == 3)
                set_all(f, DATA, i * 5);
            run(f, &inst);
        }
    }
    return NULL;
}

/** Several threads, a wave each, on the same words: nothing is lost. */
static void atomics_of_several_threads(void **state)
{
    const uint32_t all = THREADS * ROUNDS * 16;
    struct fixture *f[THREADS];
    pthread_t thread[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        f[i] = make_fixture();
        f[i]->range[0].host = f[0]->data;
    }
    poke64(f[0]->data + 16, 0xfffffff0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_up, f[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(peek(f[0]->data), all);
    assert_int_equal(peek(f[0]->data + 8), all);
    assert_int_equal(peek64(f[0]->data + 16), 0xfffffff0ull + all);
    assert_int_equal(peek(f[0]->data + 24), (ROUNDS - 1) * 5);
    assert_int_equal(peek(f[0]->data + 32), (uint32_t)-all);
    for (unsigned i = 0; i < THREADS; i++)
        free(f[i]);
}

/* ---- apertures and scratch ---- */

/** Where LLVM's usage guide puts byte @offset of lane @lane's private memory. */
static unsigned scratch_at(unsigned offset, unsigned lane)
{
    return offset / 4 * 64 * 4 + lane * 4 + offset % 4;
}

/** Lanes by turns in LDS, private memory and global memory. */
static uint64_t aperture_address(unsigned lane)
{
    switch (lane % 3) {
    case 0:
        return GCN_SHARED_APERTURE + 8 * lane;
    case 1:
        return GCN_PRIVATE_APERTURE + 16;
    default:
        return DATA_VA + 8 * lane;
    }
}

static char *aperture_byte(struct fixture *f, unsigned lane, unsigned n)
{
    switch (lane % 3) {
    case 0:
        return f->lds + 8 * lane + n;
    case 1:
        return f->scratch + scratch_at(16 + n, lane);
    default:
        return f->data + 8 * lane + n;
    }
}

static void flat_apertures(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst;

    for (unsigned i = 0; i < 64; i++) {
        f->vgpr[ADDR][i] = (uint32_t)aperture_address(i);
        f->vgpr[ADDR + 1][i] = (uint32_t)(aperture_address(i) >> 32);
        for (unsigned n = 0; n < 8; n++)
            *aperture_byte(f, i, n) = (char)pattern(8 * i + n);
    }
    f->vgpr[ADDR + 1][63] = 0xffffffff; /* inactive below: may hold anything */
    set_exec(f, ~(1ull << 63));
    for (unsigned k = 0; k < LOADS; k++) {
        char name[64];

        if (loads[k].bytes > 8)
            continue;
        snprintf(name, sizeof(name), "flat_%s", loads[k].suffix_flat);
        inst = instruction(name);
        set_all(f, DST, 0x12345678);
        run(f, &inst);
        no_fault(f);
        for (unsigned i = 0; i < 63; i++)
            for (unsigned n = 0; n < (loads[k].bytes + 3) / 4; n++) {
                uint8_t bytes[16] = {0};

                for (unsigned b = 0; b < 8; b++)
                    bytes[b] = pattern(8 * i + b);
                assert_int_equal(f->vgpr[DST + n][i],
                                 expected_load(&loads[k], bytes, n, 0x12345678));
            }
    }
    run_name(f, "flat_store_dwordx2");
    no_fault(f);
    for (unsigned i = 0; i < 63; i++)
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(*(uint8_t *)aperture_byte(f, i, n),
                             (uint8_t)(f->vgpr[DATA + n / 4][i] >> 8 * (n % 4)));
    inst = instruction("flat_atomic_add_x2");
    inst.mods = GCN_MOD_GLC;
    run(f, &inst);
    no_fault(f);
    for (unsigned i = 0; i < 63; i++) {
        uint64_t was = f->vgpr[DATA][i] | (uint64_t)f->vgpr[DATA + 1][i] << 32;

        assert_int_equal(f->vgpr[DST][i] | (uint64_t)f->vgpr[DST + 1][i] << 32, was);
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(*(uint8_t *)aperture_byte(f, i, n), (uint8_t)(2 * was >> 8 * n));
    }
    /* Beyond LDS: 0 comes back. */
    set_exec(f, 1);
    f->vgpr[ADDR][0] = LDS_BYTES;
    run_name(f, "flat_load_dword");
    no_fault(f);
    assert_int_equal(f->vgpr[DST][0], 0);
    free(f);
}

/** The descriptor with which compilers address scratch. */
static void scratch_descriptor(struct fixture *f)
{
    f->wave.sgpr[RSRC] = (uint32_t)SCRATCH_VA;
    f->wave.sgpr[RSRC + 1] = SCRATCH_VA >> 32 | 1u << 31;
    f->wave.sgpr[RSRC + 2] = RANGE_BYTES;
    f->wave.sgpr[RSRC + 3] = 4 << 12 | 4 << 15 | 1 << 19 | 3 << 21 | 1 << 23; /* as ROCr has it */
}

/** Every kind of access to private memory at @base + @imm (lane-dependent base if @vector), through
 *  SCRATCH, MUBUF and FLAT. */
static void check_scratch(struct fixture *f, unsigned base, int imm, bool vector)
{
    static const char *const prefixes[] = {"scratch_", "buffer_", "flat_"};
    uint64_t exec = gcn_exec(&f->wave);
    uint32_t offset[64];
    char name[64];

    for (unsigned i = 0; i < 64; i++)
        offset[i] = base + (vector ? i % 7 * 4 : 0) + (unsigned)imm;
    for (unsigned form = 0; form < 3; form++)
        for (unsigned k = 0; k < STORES; k++) {
            for (unsigned i = 0; i < 64; i++) {
                f->vgpr[ADDR][i] = offset[i] - (unsigned)imm;
                f->vgpr[ADDR + 1][i] = GCN_PRIVATE_APERTURE >> 32;
            }
            snprintf(name, sizeof(name), "%s%s", prefixes[form], stores[k].suffix_flat);
            struct gcn_inst inst = instruction(name);

            inst.imm = imm;
            if (form == 0 && !vector) {
                inst.src[2] = SBASE;
                f->wave.sgpr[SBASE] = base;
                set_all(f, ADDR, 0xdeadbeef);
            }
            if (form == 1)
                inst.mods = GCN_MOD_OFFEN;
            memset(f->scratch, 0xcc, RANGE_BYTES);
            run(f, &inst);
            no_fault(f);
            for (unsigned i = 0; i < 64; i++)
                for (unsigned n = 0; n < stores[k].bytes + 4; n++) {
                    uint8_t got = (uint8_t)f->scratch[scratch_at(offset[i] + n, i)];
                    unsigned from = n + stores[k].shift;

                    assert_int_equal(got,
                                     n < stores[k].bytes && exec >> i & 1
                                         ? (uint8_t)(f->vgpr[DATA + from / 4][i] >> from % 4 * 8)
                                         : 0xcc);
                }
            /* And back, by another door: what was stored is what is loaded. */
            if (stores[k].bytes < 4)
                continue;
            snprintf(name, sizeof(name), "%s%s", prefixes[(form + 1) % 3],
                     loads[LOAD_DWORD + k - STORE_DWORD].suffix_flat);
            inst = instruction(name);
            inst.imm = imm;
            inst.mods = (form + 1) % 3 == 1 ? GCN_MOD_OFFEN : 0;
            for (unsigned i = 0; i < 64; i++)
                f->vgpr[ADDR][i] = offset[i] - (unsigned)imm;
            for (unsigned n = 0; n < 4; n++)
                set_all(f, DST + n, 0x99);
            run(f, &inst);
            no_fault(f);
            for (unsigned i = 0; i < 64; i++)
                for (unsigned n = 0; n < stores[k].bytes / 4; n++)
                    assert_int_equal(f->vgpr[DST + n][i],
                                     exec >> i & 1 ? f->vgpr[DATA + n][i] : 0x99);
        }
}

/* Loads of every kind through SCRATCH: bytes that lie in one dword of the lane. */
static void scratch_loads(void **state)
{
    struct fixture *f = make_fixture();

    for (unsigned i = 0; i < 64; i++)
        for (unsigned n = 0; n < 64; n++)
            f->scratch[scratch_at(n, i)] = (char)pattern(64 * i + n);
    for (unsigned k = 0; k < LOADS; k++)
        for (unsigned e = 0; e < EXECS; e++) {
            const unsigned at = loads[k].bytes == 1 ? 13 : loads[k].bytes == 2 ? 14 : 12;
            struct gcn_inst inst;
            char name[64];

            snprintf(name, sizeof(name), "scratch_%s", loads[k].suffix_flat);
            inst = instruction(name);
            inst.imm = 4;
            set_all(f, ADDR, at - 4);
            set_exec(f, execs[e]);
            for (unsigned n = 0; n < 5; n++)
                set_all(f, DST + n, 0x12345678);
            run(f, &inst);
            no_fault(f);
            for (unsigned i = 0; i < 64; i++)
                for (unsigned n = 0; n < 5; n++) {
                    uint32_t want = 0x12345678;
                    uint8_t bytes[20];

                    for (unsigned b = 0; b < sizeof(bytes); b++)
                        bytes[b] = pattern(64 * i + at + b);
                    if (execs[e] >> i & 1 && n < (loads[k].bytes + 3) / 4)
                        want = expected_load(&loads[k], bytes, n, want);
                    assert_int_equal(f->vgpr[DST + n][i], want);
                }
        }
    free(f);
}

static void scratch(void **state)
{
    struct fixture *f = make_fixture();

    scratch_descriptor(f);
    for (unsigned e = 0; e < EXECS; e++) {
        set_exec(f, execs[e]);
        check_scratch(f, 32, 0, false);
        check_scratch(f, 32, 16, true);
        check_scratch(f, 32, 4, true);
        check_scratch(f, 33, 0, true); /* across dwords */
        check_scratch(f, 34, 0, false);
        check_scratch(f, 35, 8, true);
    }
    set_exec(f, ~0ull);
    /* Negative offsets of SCRATCH. */
    struct gcn_inst inst = instruction("scratch_load_dword");

    poke(f->scratch + scratch_at(20, 11), 4711);
    set_all(f, ADDR, 100);
    inst.imm = -80;
    run(f, &inst);
    no_fault(f);
    assert_int_equal(f->vgpr[DST][11], 4711);
    free(f);
}

/* ---- faults and cost ---- */

static void expect_fault(struct fixture *f, enum gcn_fault_kind kind, uint64_t va)
{
    assert_int_equal(f->wave.fault.kind, kind);
    assert_int_equal(f->wave.fault.va, va);
    assert_int_equal(f->wave.limit, 0); /* the runner looks */
    memset(&f->wave.fault, 0, sizeof(f->wave.fault));
    f->wave.limit = ~0ull;
}

static void faults(void **state)
{
    static const char *const names[] = {"global_load_dwordx2", "flat_load_ubyte",
                                        "global_store_dword",  "flat_store_dwordx4",
                                        "global_atomic_add",   "flat_atomic_umax_x2"};
    struct fixture *f = make_fixture();

    f->wave.limit = ~0ull;
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        struct gcn_inst inst = instruction(names[k]);

        inst.mods = strstr(names[k], "atomic") ? GCN_MOD_GLC : 0;
        set_addresses(f, DATA_VA, 16);
        f->vgpr[ADDR][33] = 0x00bad000;
        f->vgpr[ADDR + 1][33] = 0;
        set_all(f, DST, 0x99);
        memset(f->data, 0xcc, RANGE_BYTES);
        run(f, &inst);
        expect_fault(f, GCN_FAULT_UNMAPPED, 0x00bad000);
        for (unsigned i = 34; i < 64; i++) {
            assert_int_equal(f->vgpr[DST][i], 0x99);
            assert_int_equal(peek(f->data + 16 * i), 0xcccccccc);
        }
        set_exec(f, ~(1ull << 33)); /* an inactive lane's address does not matter */
        run(f, &inst);
        no_fault(f);
        set_exec(f, ~0ull);
        if (strstr(names[k], "load"))
            continue;
        set_addresses(f, CONST_VA + 8, 16);
        run(f, &inst);
        expect_fault(f, GCN_FAULT_READ_ONLY, CONST_VA + 8);
    }
    /* 64 consecutive dwords that run off the end of a range. */
    set_addresses(f, DATA_VA + RANGE_BYTES - 128, 4);
    run_name(f, "global_load_dword");
    expect_fault(f, GCN_FAULT_UNMAPPED, DATA_VA + RANGE_BYTES);
    /* Consecutive dwords stored to a read-only range. */
    set_addresses(f, CONST_VA, 4);
    run_name(f, "global_load_dword");
    no_fault(f);
    run_name(f, "global_store_dword");
    expect_fault(f, GCN_FAULT_READ_ONLY, CONST_VA);
    /* Misaligned atomics. */
    set_addresses(f, DATA_VA + 2, 16);
    run_name(f, "global_atomic_add");
    expect_fault(f, GCN_FAULT_UNMAPPED, DATA_VA + 2);
    set_addresses(f, DATA_VA + 4, 16);
    run_name(f, "global_atomic_add_x2");
    expect_fault(f, GCN_FAULT_UNMAPPED, DATA_VA + 4);
    /* Scratch that is not there. */
    gcn_set_sgpr64(&f->wave, GCN_FLAT_SCRATCH, 0x1000);
    set_addresses(f, 0, 4);
    run_name(f, "scratch_store_dword");
    expect_fault(f, GCN_FAULT_UNMAPPED, 0x1000);
    free(f);
}

/** Global and private loads with the lds bit: a dword for each active lane to M0 + offset + 4 *
 * lane. */
static void loads_to_lds(void **state)
{
    static const char *const names[] = {"global_load_ubyte", "global_load_sbyte",
                                        "global_load_ushort", "global_load_sshort",
                                        "global_load_dword"};
    const uint64_t exec = 0x8000ffff00ff00ff;
    struct fixture *f = make_fixture();

    fill_pattern(f->data, RANGE_BYTES);
    for (unsigned k = 0; k < 5; k++) {
        struct gcn_inst inst = instruction(names[k]);

        memset(f->lds, 0xcc, LDS_BYTES);
        set_addresses(f, DATA_VA, 12);
        set_exec(f, exec);
        f->wave.sgpr[GCN_M0] = 0xabc00040;
        inst.mods = GCN_MOD_LDS;
        inst.imm = 16;
        run(f, &inst);
        no_fault(f);
        for (unsigned i = 0; i < 64; i++) {
            const uint8_t *from = (const uint8_t *)f->data + 16 + 12 * i;
            const uint32_t u16 = from[0] | from[1] << 8u;
            const uint32_t values[] = {from[0], (uint32_t)(int32_t)(int8_t)from[0], u16,
                                       (uint32_t)(int32_t)(int16_t)u16, peek(from)};

            assert_int_equal(peek(f->lds + 64 + 16 + 4 * i),
                             exec >> i & 1 ? values[k] : 0xcccccccc);
            assert_int_equal(f->vgpr[DST][i], 0xabab0000u + DST * 64 + i);
        }
    }
    free(f);
}

int flat_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(global_loads),
        cmocka_unit_test(loads_of_two_ranges),
        cmocka_unit_test(nearly_consecutive),
        cmocka_unit_test(all_stores),
        cmocka_unit_test(memory_atomics),
        cmocka_unit_test(atomics_on_one_word),
        cmocka_unit_test(atomics_of_several_threads),
        cmocka_unit_test(flat_apertures),
        cmocka_unit_test(scratch_loads),
        cmocka_unit_test(scratch),
        cmocka_unit_test(faults),
        cmocka_unit_test(loads_to_lds),
    };

    return cmocka_run_group_tests_name("flat_tests", tests, NULL, NULL);
}
