// SPDX-License-Identifier: Apache-2.0
/* MUBUF and MTBUF: addressing, swizzle, range checks, formats. */
#include "mem_fixture.h"

static void descriptor(struct fixture *f, uint64_t base, uint32_t stride, bool swizzle,
                       uint32_t records, uint32_t word3)
{
    f->wave.sgpr[RSRC] = (uint32_t)base;
    f->wave.sgpr[RSRC + 1] = (uint32_t)(base >> 32) | stride << 16 | (uint32_t)swizzle << 31;
    f->wave.sgpr[RSRC + 2] = records;
    f->wave.sgpr[RSRC + 3] = word3;
}

static void buffer_loads(void **state)
{
    struct fixture *f = make_fixture();
    unsigned offset[64];

    fill_pattern(f->data, RANGE_BYTES);
    /* Every lane the same address: no OFFEN, no IDXEN. */
    descriptor(f, DATA_VA, 0, false, RANGE_BYTES, 0);
    for (unsigned i = 0; i < 64; i++)
        offset[i] = 100;
    check_vmem_loads(f, "buffer_", 100, 0, (uint8_t *)f->data, offset);
    /* ADD_TID: consecutive elements of the stride. */
    descriptor(f, DATA_VA, 12, false, RANGE_BYTES, 1 << 23);
    for (unsigned i = 0; i < 64; i++)
        offset[i] = 100 + 12 * i;
    check_vmem_loads(f, "buffer_", 100, 0, (uint8_t *)f->data, offset);
    free(f);
}

/** One dword load with the given modifiers; lane 9's result. */
static uint32_t buffer_load_lane9(struct fixture *f, unsigned mods, int imm, unsigned soffset)
{
    struct gcn_inst inst = instruction("buffer_load_dword");

    inst.mods = (uint16_t)mods;
    inst.imm = imm;
    inst.src[2] = (uint16_t)soffset;
    run(f, &inst);
    no_fault(f);
    return f->vgpr[DST][9];
}

static void buffer_addressing(void **state)
{
    struct fixture *f = make_fixture();

    for (unsigned i = 0; i < RANGE_BYTES; i += 4)
        poke(f->data + i, i);
    f->wave.sgpr[SBASE] = 4000;
    for (unsigned i = 0; i < 64; i++) {
        f->vgpr[ADDR][i] = i;
        f->vgpr[ADDR + 1][i] = 8 * i;
    }
    descriptor(f, DATA_VA, 20, false, 1 << 20, 0);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_IDXEN, 8, GCN_CONSTANTS + 4), 9 * 20 + 8 + 4);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_IDXEN | GCN_MOD_OFFEN, 8, SBASE),
                     9 * 20 + 8 + 72 + 4000);
    f->vgpr[ADDR][9] = 400;
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_OFFEN, 4, SBASE), 400 + 4 + 4000);
    /* Swizzled, index stride 16: index 37, stride 20, offset 8 + 4 */
    descriptor(f, DATA_VA, 20, true, 1 << 20, 1 << 21);
    f->vgpr[ADDR][9] = 37;
    f->vgpr[ADDR + 1][9] = 8;
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_IDXEN | GCN_MOD_OFFEN, 4, GCN_CONSTANTS),
                     (37 / 16 * 20 + 12) * 16 + 37 % 16 * 4);
    free(f);
}

static void buffer_ranges(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst;

    for (unsigned i = 0; i < RANGE_BYTES; i += 4)
        poke(f->data + i, 0x10000 + i);
    f->wave.sgpr[SBASE] = 16;
    set_addresses(f, 0, 4);
    /* Raw: 36 bytes after soffset 16 are 5 dwords. */
    descriptor(f, DATA_VA, 0, false, 36, 0);
    inst = instruction("buffer_load_dword");
    inst.mods = GCN_MOD_OFFEN;
    inst.src[2] = SBASE;
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i < 5 ? 0x10000 + 16 + 4 * i : 0);
    /* Four dwords each, checked one by one. */
    inst = instruction("buffer_load_dwordx4");
    inst.mods = GCN_MOD_OFFEN;
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        for (unsigned n = 0; n < 4; n++)
            assert_int_equal(f->vgpr[DST + n][i], i + n < 9 ? 0x10000 + 4 * (i + n) : 0);
    /* Stores beyond are dropped; soffset larger than the buffer leaves nothing. */
    inst = instruction("buffer_store_dwordx2");
    inst.mods = GCN_MOD_OFFEN;
    set_addresses(f, 0, 8);
    run(f, &inst);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(peek(f->data + 8 * i), i < 5 ? f->vgpr[DATA][i] : 0x10000 + 8 * i);
        assert_int_equal(peek(f->data + 8 * i + 4),
                         i < 4 ? f->vgpr[DATA + 1][i] : 0x10000 + 8 * i + 4);
    }
    f->wave.sgpr[SBASE] = 0xfffffff0;
    inst.src[2] = SBASE;
    run(f, &inst);
    no_fault(f);
    /* D16 out of range: 0 in the half that is loaded. */
    inst = instruction("buffer_load_short_d16_hi");
    inst.imm = 36;
    set_all(f, DST, 0x12345678);
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][0], 0x5678);
    inst.imm = 34;
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][0], (f->vgpr[DATA][4] & 0xffff0000) | 0x5678);
    /* Structured: records counts elements, whatever the offset. */
    descriptor(f, DATA_VA, 4, false, 10, 0);
    inst = instruction("buffer_load_dword");
    inst.mods = GCN_MOD_IDXEN;
    inst.imm = 800;
    for (unsigned i = 0; i < 64; i++)
        f->vgpr[ADDR][i] = i;
    run(f, &inst);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(f->vgpr[DST][i], i < 10 ? 0x10000 + 800 + 4 * i : 0);
    /* A stride without IDXEN: bytes. */
    inst.mods = 0;
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][0], 0);
    /* Atomics: dropped as a whole, 0 comes back. */
    descriptor(f, DATA_VA, 0, false, 1012, 0);
    poke64(f->data + 1008, 5);
    inst = instruction("buffer_atomic_add_x2");
    inst.mods = GCN_MOD_GLC;
    inst.imm = 1008;
    run(f, &inst);
    no_fault(f);
    assert_int_equal(peek64(f->data + 1008), 5);
    assert_int_equal(f->vgpr[DATA][3] | f->vgpr[DATA + 1][3], 0);
    free(f);
}

/** A negative VGPR and a constant that makes up for it, in a buffer and in private memory: lanes
 * alike, and each its own. */
static void negative_offsets(void **state)
{
    struct fixture *f = make_fixture();

    for (unsigned i = 0; i < RANGE_BYTES; i += 4)
        poke(f->data + i, i);
    for (unsigned i = 0; i < 64; i++)
        f->vgpr[ADDR][i] = 0u - 64 + 4 * (i % 16);
    descriptor(f, DATA_VA, 0, false, 1000, 0);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_OFFEN, 100, GCN_CONSTANTS), 100 - 64 + 4 * 9);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_OFFEN, 20, GCN_CONSTANTS), 0); /* below 0 */
    /* ADD_TID, swizzled by 64 lanes. */
    descriptor(f, DATA_VA, 0, true, 1000, 1 << 23 | 3 << 21);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_OFFEN, 100, GCN_CONSTANTS),
                     (100 - 64 + 4 * 9) * 64 + 4 * 9);
    set_all(f, ADDR, 0u - 64);
    assert_int_equal(buffer_load_lane9(f, GCN_MOD_OFFEN, 100, GCN_CONSTANTS),
                     (100 - 64) * 64 + 4 * 9);
    free(f);
}

static void buffer_formats(void **state)
{
    enum { X = 4, Y, Z, W };
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("buffer_load_format_xyzw");
    uint32_t identity = X | Y << 3 | Z << 6 | W << 9;

    for (unsigned i = 0; i < RANGE_BYTES; i += 4)
        poke(f->data + i, i);
    for (unsigned i = 0; i < 64; i++)
        f->vgpr[ADDR][i] = i;
    inst.mods = GCN_MOD_IDXEN;
    /* 32_32_32_32 uint */
    descriptor(f, DATA_VA, 16, false, 32, identity | 4 << 12 | 14 << 15);
    run(f, &inst);
    no_fault(f);
    for (unsigned n = 0; n < 4; n++) {
        assert_int_equal(f->vgpr[DST + n][5], 5 * 16 + 4 * n);
        assert_int_equal(f->vgpr[DST + n][40], 0); /* out of range */
    }
    /* 32_32 float: z reads 0, w reads 1.0; swapped components */
    descriptor(f, DATA_VA, 16, false, 64, Y | X << 3 | Z << 6 | W << 9 | 7 << 12 | 11 << 15);
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][5], 5 * 16 + 4);
    assert_int_equal(f->vgpr[DST + 1][5], 5 * 16);
    assert_int_equal(f->vgpr[DST + 2][5], 0);
    assert_int_equal(f->vgpr[DST + 3][5], 0x3f800000);
    /* MTBUF takes the format from the instruction. */
    inst = instruction("tbuffer_store_format_xy");
    inst.mods = GCN_MOD_IDXEN;
    inst.offset1 = 11 | 4 << 4;
    run(f, &inst);
    no_fault(f);
    assert_int_equal(peek(f->data + 16 * 5), f->vgpr[DATA][5]);
    assert_int_equal(peek(f->data + 16 * 5 + 4), f->vgpr[DATA + 1][5]);
    assert_int_equal(peek(f->data + 16 * 5 + 8), 16 * 5 + 8);
    inst = instruction("tbuffer_load_format_x");
    inst.mods = GCN_MOD_IDXEN;
    inst.offset1 = 4 | 4 << 4;
    run(f, &inst);
    assert_int_equal(f->vgpr[DST][5], f->vgpr[DATA][5]);
    /* There are no floating-point numbers of 8 bits. */
    inst.offset1 = 1 | 7 << 4;
    run(f, &inst);
    assert_int_equal(f->wave.fault.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    free(f);
}

/* Every number of components, typed and by descriptor, loads and stores. */
static void buffer_components(void **state)
{
    static const char *const components[] = {"x", "xy", "xyz", "xyzw"};
    static const unsigned data_formats[] = {4, 11, 13, 14}; /* 32, 32_32, 32_32_32, 32_32_32_32 */
    const uint32_t identity = 4 | 5 << 3 | 6 << 6 | 7 << 9;
    struct fixture *f = make_fixture();

    for (unsigned form = 0; form < 4; form++)
        for (unsigned n = 1; n <= 4; n++) {
            const bool typed = form & 1, store = form & 2;
            struct gcn_inst inst;
            char name[64];

            snprintf(name, sizeof(name), "%s%s_format_%s", typed ? "tbuffer_" : "buffer_",
                     store ? "store" : "load", components[n - 1]);
            inst = instruction(name);
            inst.mods = GCN_MOD_IDXEN;
            inst.offset1 = typed ? data_formats[n - 1] | 4 << 4 : 0;
            descriptor(f, DATA_VA, 16, false, 64,
                       identity | 4 << 12 | (typed ? 0 : data_formats[n - 1] << 15));
            for (unsigned i = 0; i < 64; i++)
                f->vgpr[ADDR][i] = 63 - i;
            for (unsigned i = 0; i < 256; i++)
                poke(f->data + 4 * i, 1000 + i);
            for (unsigned k = 0; k < 5; k++)
                set_all(f, DST + k, 0x77);
            run(f, &inst);
            no_fault(f);
            for (unsigned i = 0; i < 64; i++)
                for (unsigned k = 0; k < 4; k++) {
                    const unsigned at = 4 * (63 - i) + k;

                    assert_int_equal(peek(f->data + 4 * at),
                                     store && k < n ? f->vgpr[DATA + k][i] : 1000 + at);
                    if (!store)
                        assert_int_equal(f->vgpr[DST + k][i], k < n ? 1000 + at : 0x77);
                }
        }
    free(f);
}

/* Loads to LDS: a dword for each active lane, at M0 + offset + 4 * lane, whatever the size in
 * memory. */
static void buffer_to_lds(void **state)
{
    static const char *const names[] = {"buffer_load_ubyte", "buffer_load_sbyte",
                                        "buffer_load_ushort", "buffer_load_sshort",
                                        "buffer_load_dword"};
    const uint64_t exec = 0xf0f0ffff00ff00ff;
    struct fixture *f = make_fixture();

    for (unsigned k = 0; k < 5; k++) {
        struct gcn_inst inst = instruction(names[k]);

        fill_pattern(f->data, RANGE_BYTES);
        descriptor(f, DATA_VA, 0, false, 8 + 4 * 60, 0);
        memset(f->lds, 0xcc, LDS_BYTES);
        set_addresses(f, 0, 4);
        set_exec(f, exec);
        f->wave.sgpr[GCN_M0] = 64;
        inst.mods = GCN_MOD_OFFEN | GCN_MOD_LDS;
        inst.imm = 8;
        run(f, &inst);
        no_fault(f);
        for (unsigned i = 0; i < 64; i++) {
            const uint8_t *from = (const uint8_t *)f->data + 8 + 4 * i;
            const uint32_t u16 = from[0] | from[1] << 8u;
            const uint32_t values[] = {from[0], (uint32_t)(int32_t)(int8_t)from[0], u16,
                                       (uint32_t)(int32_t)(int16_t)u16, peek(from)};
            const uint32_t want = i < 60 ? values[k] : 0; /* beyond the buffer */

            assert_int_equal(peek(f->lds + 64 + 8 + 4 * i), exec >> i & 1 ? want : 0xcccccccc);
            assert_int_equal(f->vgpr[DST][i], 0xabab0000u + DST * 64 + i);
        }
    }
    free(f);
}

/** And the other way: the dword of each active lane from LDS to the buffer. */
static void buffer_from_lds(void **state)
{
    struct fixture *f = make_fixture();
    struct gcn_inst inst = instruction("buffer_store_lds_dword");
    const uint64_t exec = 0xf0f0ffff00ff00ff;

    fill_pattern(f->lds, LDS_BYTES);
    memset(f->data, 0, RANGE_BYTES);
    descriptor(f, DATA_VA, 0, false, 8 + 4 * 60, 0);
    set_addresses(f, 0, 4);
    set_exec(f, exec);
    f->wave.sgpr[GCN_M0] = 64;
    inst.mods = GCN_MOD_OFFEN | GCN_MOD_LDS;
    inst.imm = 8;
    run(f, &inst);
    no_fault(f);
    for (unsigned i = 0; i < 64; i++) {
        const uint32_t want = exec >> i & 1 && i < 60 ? peek(f->lds + 64 + 8 + 4 * i) : 0;

        assert_int_equal(peek(f->data + 8 + 4 * i), want);
    }
    free(f);
}

int buffer_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_loads),      cmocka_unit_test(buffer_addressing),
        cmocka_unit_test(buffer_ranges),     cmocka_unit_test(buffer_formats),
        cmocka_unit_test(buffer_components), cmocka_unit_test(buffer_to_lds),
        cmocka_unit_test(negative_offsets),  cmocka_unit_test(buffer_from_lds),
    };

    return cmocka_run_group_tests_name("buffer_tests", tests, NULL, NULL);
}
