// SPDX-License-Identifier: Apache-2.0
/* DS: loads, stores, pairs, atomics, lane exchange, counters, what is refused. */
#include "mem_fixture.h"

static void ds_loads(void **state)
{
    struct fixture *f = make_fixture();
    unsigned offset[64];
    char name[64];

    fill_pattern(f->lds, LDS_BYTES);
    for (unsigned k = 0; k < LOADS; k++)
        for (unsigned e = 0; e < EXECS; e++) {
            const struct load_case *c = &loads[k];
            uint64_t in_range = 0;

            /* Offset 200 and a stride that runs past the end of LDS for the last lanes. */
            for (unsigned i = 0; i < 64; i++) {
                f->vgpr[ADDR][i] = i * 16 + i % 3;
                offset[i] = f->vgpr[ADDR][i] + 200;
                in_range |= (uint64_t)(offset[i] + c->bytes <= LDS_BYTES) << i;
            }
            snprintf(name, sizeof(name), "ds_%s", c->suffix_ds);
            struct gcn_inst inst = instruction(name);

            inst.imm = 200;
            set_exec(f, execs[e]);
            check_load(f, &inst, c, (uint8_t *)f->lds, offset, in_range);
            /* The address register may be a destination. */
            inst.dst = ADDR;
            if (!c->half && execs[e]) {
                unsigned lane = (unsigned)__builtin_ctzll(execs[e]);

                run(f, &inst);
                assert_int_equal(f->vgpr[ADDR][lane],
                                 expected_load(c, (uint8_t *)f->lds + offset[lane], 0, 0));
            }
        }
    assert_true(f->wave.lgkm_issued > 0);
    free(f);
}

/* ---- DS with two addresses ---- */

static void ds_pairs(void **state)
{
    struct fixture *f = make_fixture();
    static const struct {
        const char *read, *write;
        unsigned unit, dwords;
    } forms[] = {
        {"ds_read2_b32", "ds_write2_b32", 4, 1},
        {"ds_read2_b64", "ds_write2_b64", 8, 2},
        {"ds_read2st64_b32", "ds_write2st64_b32", 256, 1},
        {"ds_read2st64_b64", "ds_write2st64_b64", 512, 2},
    };

    for (unsigned k = 0; k < 4; k++) {
        struct gcn_inst inst = instruction(forms[k].write);
        unsigned dwords = forms[k].dwords, second = forms[k].unit;

        memset(f->lds, 0, sizeof(f->lds));
        set_addresses(f, 16, forms[k].unit < 64 ? 2 * forms[k].unit : 4 * dwords);
        set_exec(f, k ? ~0ull : 0x0f0f0f0f0f0f0f0full);
        inst.imm = 1 << 8;
        inst.offset1 = 1;
        run(f, &inst);
        for (unsigned i = 0; i < 64; i++) {
            uint32_t at = f->vgpr[ADDR][i];
            bool active = gcn_exec(&f->wave) >> i & 1;

            for (unsigned n = 0; n < dwords; n++) {
                if (at + 4 * n + 4 <= LDS_BYTES)
                    assert_int_equal(peek(f->lds + at + 4 * n), active ? f->vgpr[DATA + n][i] : 0);
                if (at + second + 4 * dwords <= LDS_BYTES)
                    assert_int_equal(peek(f->lds + at + second + 4 * n),
                                     active ? f->vgpr[DATA1 + n][i] : 0);
            }
        }
        /* Back, over the address register too. */
        inst = instruction(forms[k].read);
        inst.dst = ADDR;
        inst.imm = 1 << 8;
        inst.offset1 = 1;
        uint32_t addr[64];

        memcpy(addr, f->vgpr[ADDR], sizeof(addr));
        run(f, &inst);
        for (unsigned i = 0; i < 64; i++) {
            if (!(gcn_exec(&f->wave) >> i & 1)) {
                assert_int_equal(f->vgpr[ADDR][i], addr[i]);
                continue;
            }
            for (unsigned n = 0; n < dwords; n++) {
                bool in = addr[i] + second + 4 * dwords <= LDS_BYTES;

                if (addr[i] + 4 * dwords <= LDS_BYTES)
                    assert_int_equal(f->vgpr[ADDR + n][i], f->vgpr[DATA + n][i]);
                assert_int_equal(f->vgpr[ADDR + dwords + n][i], in ? f->vgpr[DATA1 + n][i] : 0);
            }
        }
    }
    free(f);
}

static void ds_exchange_pairs(void **state)
{
    struct fixture *f = make_fixture();

    for (unsigned wide = 0; wide < 2; wide++)
        for (unsigned st64 = 0; st64 < 2; st64++) {
            static const char *const names[2][2] = {
                {"ds_wrxchg2_rtn_b32", "ds_wrxchg2st64_rtn_b32"},
                {"ds_wrxchg2_rtn_b64", "ds_wrxchg2st64_rtn_b64"}};
            struct gcn_inst inst = instruction(names[wide][st64]);
            unsigned dwords = wide + 1, first = 2 * 4 * dwords,
                     second = 4 * dwords * (st64 ? 64 : 1);

            inst.imm = st64 ? 0 : 2;
            inst.offset1 = 1;
            if (st64)
                first = 0;
            set_exec(f, 1ull << 5);
            f->vgpr[ADDR][5] = 32;
            for (unsigned i = 0; i < LDS_BYTES; i += 4)
                poke(f->lds + i, 0x1000 + i);
            run(f, &inst);
            for (unsigned n = 0; n < dwords; n++) {
                assert_int_equal(f->vgpr[DST + n][5], 0x1000 + 32 + first + 4 * n);
                assert_int_equal(f->vgpr[DST + dwords + n][5], 0x1000 + 32 + second + 4 * n);
                assert_int_equal(peek(f->lds + 32 + first + 4 * n), f->vgpr[DATA + n][5]);
                assert_int_equal(peek(f->lds + 32 + second + 4 * n), f->vgpr[DATA1 + n][5]);
            }
        }
    free(f);
}

/** @pattern with its "%" replaced by "_rtn" or nothing. */
static void ds_name(char *name, size_t size, const char *pattern, bool returns)
{
    const char *at = strchr(pattern, '%');

    if (at)
        snprintf(name, size, "%.*s%s%s", (int)(at - pattern), pattern, returns ? "_rtn" : "",
                 at + 1);
    else
        snprintf(name, size, "%s", pattern);
}

static void ds_atomics(void **state)
{
    struct fixture *f = make_fixture();
    char name[64];

    for (unsigned k = 0; k < ATOMICS; k++) {
        const struct atomic_case *c = &atomics[k];

        set_addresses(f, 0, 8);
        set_operand(f, DATA, c->bits, c->a);
        set_operand(f, DATA1, c->bits, c->b);
        for (unsigned returns = strchr(c->ds, '%') ? 0 : 1; returns < 2; returns++) {
            ds_name(name, sizeof(name), c->ds, returns);
            struct gcn_inst inst = instruction(name);

            inst.imm = 64;
            check_atomic(f, &inst, c, f->lds, returns);
        }
    }
    /* Out of range: nothing happens and 0 comes back. */
    struct gcn_inst inst = instruction("ds_add_rtn_u32");

    set_exec(f, ~0ull);
    set_all(f, ADDR, LDS_BYTES - 3);
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][63], 0);
    set_all(f, ADDR, 0xfffffffc); /* wraps: offset 8 is address 4 */
    poke(f->lds + 4, 100);
    set_all(f, DATA, 1);
    inst.imm = 8;
    run(f, &inst);
    assert_int_equal(peek(f->lds + 4), 164);
    assert_int_equal(f->vgpr[DST][63], 163);
    free(f);
}

static void ds_float_denormals(void **state)
{
    static const struct {
        uint32_t mode, old, a, new;
    } cases[] = {
        {3, 0x00000001, 0x00000002, 0x00000003}, /* kept */
        {0, 0x00000001, 0x00000002, 0x00000000}, {0, 0x3f800000, 0x80000002, 0x3f800000},
        {1, 0x00800001, 0x80800000, 0x00000000}, /* result flushed */
        {2, 0x00800001, 0x80800000, 0x00000001}, /* result kept */
        {2, 0x00000001, 0x00000002, 0x00000000}, /* sources flushed */
    };
    struct fixture *f = make_fixture();

    set_addresses(f, 0, 4);
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        f->wave.mode = cases[k].mode << 4;
        set_all(f, DATA, cases[k].a);
        for (unsigned i = 0; i < 64; i++)
            poke(f->lds + 4 * i, cases[k].old);
        run_name(f, "ds_add_f32");
        assert_int_equal(peek(f->lds + 4 * 17), cases[k].new);
    }
    free(f);
}

/* ---- DS: lanes, counters, refusals ---- */

static void check_swizzle(struct fixture *f, uint32_t mode, unsigned (*source)(unsigned lane))
{
    struct gcn_inst inst = instruction("ds_swizzle_b32");
    const uint64_t some[] = {~0ull, 0x7fffffffffff7ffe};

    inst.imm = (int32_t)mode;
    for (unsigned e = 0; e < 2; e++) {
        set_exec(f, some[e]);
        set_all(f, DST, 0x99);
        for (unsigned i = 0; i < 64; i++)
            f->vgpr[ADDR][i] = 100 + i;
        run(f, &inst);
        for (unsigned i = 0; i < 64; i++) {
            unsigned from = source(i);
            uint32_t want = some[e] >> from & 1 ? 100 + from : 0;

            assert_int_equal(f->vgpr[DST][i], some[e] >> i & 1 ? want : 0x99);
        }
    }
}

static unsigned swap_pairs(unsigned i)
{
    return i ^ 1;
}
static unsigned reverse32(unsigned i)
{
    return (i & 32) | (31 - i % 32);
}
static unsigned first_of_8(unsigned i)
{
    return i & ~7u;
}
static unsigned lane_5_of_8(unsigned i)
{
    return (i & ~7u) | 5;
}
static unsigned quad_3201(unsigned i)
{
    return (i & ~3u) | (unsigned)"\1\0\2\3"[i & 3];
}
static unsigned rotate3(unsigned i)
{
    return (i & 32) | ((i + 3) & 31);
}
static unsigned rotate_back1(unsigned i)
{
    return (i & 32) | ((i - 1) & 31);
}
static unsigned rotate2_of_8(unsigned i)
{
    return (i & ~7u) | ((i + 2) & 7);
}
static unsigned same(unsigned i)
{
    return i;
}
static unsigned bit_reverse(unsigned i)
{
    unsigned r = 0;

    for (unsigned b = 0; b < 5; b++)
        r |= (i >> b & 1) << (4 - b);
    return (i & 32) | r;
}

static void ds_swizzle(void **state)
{
    struct fixture *f = make_fixture();

    check_swizzle(f, 0x1f | 1 << 10, swap_pairs);
    check_swizzle(f, 0x1f | 0x1f << 10, reverse32);
    check_swizzle(f, 0x18, first_of_8);
    check_swizzle(f, 0x18 | 5 << 5, lane_5_of_8);
    check_swizzle(f, 0x8000 | 1 | 0 << 2 | 2 << 4 | 3 << 6, quad_3201);
    check_swizzle(f, 0xc000 | 3 << 5, rotate3);
    check_swizzle(f, 0xc400 | 1 << 5, rotate_back1);
    check_swizzle(f, 0xc000 | 2 << 5 | 0x18, rotate2_of_8);
    check_swizzle(f, 0xe000 | 0x1f, same);
    check_swizzle(f, 0xe000, bit_reverse);
    free(f);
}

static void ds_permutes(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("ds_bpermute_b32");

    for (unsigned i = 0; i < 64; i++) {
        f->vgpr[ADDR][i] = 4 * (63 - i) + i % 4 + 256 * (i % 3); /* low bits and multiples of 256 */
        f->vgpr[DATA][i] = 500 + i;
    }
    set_exec(f, ~(1ull << 7));
    set_all(f, DST, 0x99);
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i == 7 ? 0x99 : i == 56 ? 0 : 500 + 63 - i);
    inst.imm = 8; /* two lanes further */
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][10], 500 + (63 - 10 + 2) % 64 + 0);

    inst = instruction("ds_permute_b32");
    set_all(f, DST, 0x99);
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i == 7 ? 0x99 : i == 56 ? 0 : 500 + 63 - i);
    set_all(f, ADDR, 4 * 20); /* all to lane 20: the highest wins */
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i == 7 ? 0x99 : i == 20 ? 563 : 0);
    free(f);
}

static void ds_counters(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("ds_append");

    poke(f->lds + 136, 10);
    f->wave.sgpr[GCN_M0] = 128;
    inst.imm = 8;
    set_exec(f, 0xf0f);
    set_all(f, DST, 0x99);
    run(f, &inst);
    assert_int_equal(peek(f->lds + 136), 18);
    assert_int_equal(f->vgpr[DST][0], 10);
    assert_int_equal(f->vgpr[DST][4], 0x99);
    assert_int_equal(f->vgpr[DST][11], 10);
    inst = instruction("ds_consume");
    inst.imm = 8;
    run(f, &inst);
    assert_int_equal(peek(f->lds + 136), 10);
    assert_int_equal(f->vgpr[DST][0], 18);

    inst = instruction("ds_write_addtid_b32");
    inst.imm = 4;
    run(f, &inst);
    assert_int_equal(peek(f->lds + 128 + 4 + 4 * 9), f->vgpr[DATA][9]);
    inst = instruction("ds_read_addtid_b32");
    inst.imm = 4;
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][9], f->vgpr[DATA][9]);
    no_fault(f);
    free(f);
}

/** Runs it for lanes 0, 3 and 5 in each way of saying where the second operand is. */
static void two_addresses(struct fixture *f, const char *name, unsigned bytes, uint64_t old,
                          uint64_t second, uint64_t new)
{
    /* Dwords from the first operand to the second, as the offset field or in the address. */
    static const int32_t apart[] = {16, 100, -16};
    struct gcn_inst inst = instruction(name);

    for (unsigned k = 0; k < 6; k++) {
        int32_t dwords = apart[k / 2];
        bool in_address = k & 1;

        memset(f->lds, 0xee, LDS_BYTES);
        for (unsigned lane = 0; lane < 64; lane++) {
            uint32_t at = 128 + 8 * (lane % 8), far = ((uint32_t)dwords & 0x7fff) << 17;

            f->vgpr[ADDR][lane] = at | (in_address ? far : 0);
            memcpy(f->lds + at, &old, bytes);
            memcpy(f->lds + at + dwords * 4, &second, bytes);
        }
        inst.imm = in_address ? 0x8123 : dwords & 0x7fff;
        set_exec(f, 0x29);
        run(f, &inst);
        no_fault(f);
        for (unsigned lane = 0; lane < 8; lane++) {
            const char *at = f->lds + 128 + 8 * lane;
            uint64_t want = 0x29 >> lane & 1 ? new : old;

            assert_memory_equal(at, &want, bytes);
            assert_memory_equal(at + dwords * 4, &second, bytes);
        }
    }
    set_exec(f, 1); /* beyond LDS: the second reads 0, the first is dropped */
    f->vgpr[ADDR][0] = LDS_BYTES - 8;
    inst.imm = 64;
    run(f, &inst);
    f->vgpr[ADDR][0] = LDS_BYTES;
    run(f, &inst);
    no_fault(f);
    set_exec(f, ~0ull);
}

/** Both operands in LDS. */
static void ds_two_addresses(void **state)
{
    static const struct {
        const char *what;
        uint64_t old, second, new32, new64;
    } cases[] = {
        {"add_src2_u", 0xfffffffffffffff0, 0x20, 0x10, 0x10},
        {"sub_src2_u", 5, 7, 0xfffffffe, 0xfffffffffffffffe},
        {"rsub_src2_u", 5, 7, 2, 2},
        {"inc_src2_u", 7, 7, 0, 0},
        {"inc_src2_u", 6, 7, 7, 7},
        {"dec_src2_u", 0, 7, 7, 7},
        {"dec_src2_u", 8, 7, 7, 7},
        {"dec_src2_u", 5, 7, 4, 4},
        {"min_src2_i", 3, (uint64_t)-4, 0xfffffffc, (uint64_t)-4},
        {"max_src2_i", 3, (uint64_t)-4, 3, 3},
        {"min_src2_u", 3, (uint64_t)-4, 3, 3},
        {"max_src2_u", 3, (uint64_t)-4, 0xfffffffc, (uint64_t)-4},
        {"and_src2_b", 0xff00ff00ff, 0xf0f0f0f0f0, 0x00f000f0, 0xf000f000f0},
        {"or_src2_b", 0x0f0000000f, 0xf0000000f0, 0x000000ff, 0xff000000ff},
        {"xor_src2_b", 0x0ff0000fff, 0x00ff0000ff, 0x0f000f00, 0x0f0f000f00},
        {"write_src2_b", 1, 0x123456789abcdef0, 0x9abcdef0, 0x123456789abcdef0},
    };
    static const struct {
        const char *name;
        uint64_t old, second, new;
    } floats[] = {
        {"ds_min_src2_f32", 0x3f800000, 0xc0000000, 0xc0000000},
        {"ds_max_src2_f32", 0x3f800000, 0xc0000000, 0x3f800000},
        {"ds_add_src2_f32", 0x3f800000, 0xc0000000, 0xbf800000},
        {"ds_min_src2_f64", 0x3ff0000000000000, 0xc000000000000000, 0xc000000000000000},
        {"ds_max_src2_f64", 0x3ff0000000000000, 0xc000000000000000, 0x3ff0000000000000},
    };
    struct fixture *f = make_fixture();

    for (unsigned k = 0; k < 2 * sizeof(cases) / sizeof(cases[0]); k++) {
        bool wide = k & 1;
        uint64_t new = wide ? cases[k / 2].new64 : cases[k / 2].new32;
        char name[40];

        snprintf(name, sizeof(name), "ds_%s%s", cases[k / 2].what, wide ? "64" : "32");
        two_addresses(f, name, wide ? 8 : 4, cases[k / 2].old, cases[k / 2].second, new);
    }
    for (unsigned k = 0; k < sizeof(floats) / sizeof(floats[0]); k++)
        two_addresses(f, floats[k].name, k < 3 ? 4 : 8, floats[k].old, floats[k].second,
                      floats[k].new);
    free(f);
}

static void refusals(void **state)
{
    static const char *const names[] = {
        "ds_gws_init",
        "ds_gws_barrier",
        "ds_ordered_count",
        "ds_gws_sema_v",
        "ds_gws_sema_p",
        "ds_condxchg32_rtn_b64",
    };
    static const struct {
        const char *name;
        unsigned mods;
    } with_mods[] = {
        {"ds_read_b32", GCN_MOD_GDS},
        {"ds_append", GCN_MOD_GDS},
        {"ds_add_u32", GCN_MOD_GDS},
        {"flat_load_dword", GCN_MOD_LDS},
        {"ds_nop", GCN_MOD_GDS},
        {"global_load_dwordx2", GCN_MOD_LDS},
        {"global_store_dword", GCN_MOD_LDS},
    };
    struct fixture *f = make_fixture();

    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        memset(&f->wave.fault, 0, sizeof(f->wave.fault));
        run_name(f, names[k]);
        assert_int_equal(f->wave.fault.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    }
    for (unsigned k = 0; k < sizeof(with_mods) / sizeof(with_mods[0]); k++) {
        struct gcn_inst inst = instruction(with_mods[k].name);

        memset(&f->wave.fault, 0, sizeof(f->wave.fault));
        inst.mods = (uint16_t)with_mods[k].mods;
        run(f, &inst);
        assert_int_equal(f->wave.fault.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    }
    memset(&f->wave.fault, 0, sizeof(f->wave.fault));
    run_name(f, "ds_nop");
    run_name(f, "buffer_wbinvl1");
    run_name(f, "buffer_wbinvl1_vol");
    no_fault(f);
    free(f);
}

int ds_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ds_loads),           cmocka_unit_test(ds_pairs),
        cmocka_unit_test(ds_exchange_pairs),  cmocka_unit_test(ds_atomics),
        cmocka_unit_test(ds_float_denormals), cmocka_unit_test(ds_swizzle),
        cmocka_unit_test(ds_permutes),        cmocka_unit_test(ds_counters),
        cmocka_unit_test(ds_two_addresses),   cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests_name("ds_tests", tests, NULL, NULL);
}
