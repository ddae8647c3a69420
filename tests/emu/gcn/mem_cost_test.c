// SPDX-License-Identifier: Apache-2.0
/* When memory operations arrive: lines, what a wave finds again, shares of bandwidth, full
 * counters. */
#include "mem_fixture.h"

enum { NOW = 1000000, LINE = 3, FILL = 100 }; /* cycles */

/** A fixture whose wave is at NOW, with no share left over from before. */
static struct fixture *paced_fixture(void)
{
    struct fixture *f = make_fixture();

    f->wave.cycle = NOW;
    f->wave.memory_until_q8 = f->wave.lds_until_q8 = (uint64_t)NOW << 8;
    f->wave.pace = (struct gcn_pace){.line_q8 = LINE << 8, .fill_q8 = FILL << 8, .lds_q8 = 256};
    f->dispatch.vmem_latency = 0;
    f->dispatch.lds_latency = 0;
    return f;
}

/** Cycles until the last vector memory operation has arrived. */
static uint64_t vm_cycles(const struct fixture *f)
{
    return f->wave.vm_ready[(f->wave.vm_issued - 1) % 64] - NOW;
}

static uint64_t lgkm_cycles(const struct fixture *f)
{
    return f->wave.lgkm_ready[(f->wave.lgkm_issued - 1) % 16] - NOW;
}

/** Without shares: the latency; which counters an operation counts in. */
static void latency(void **state)
{
    struct fixture *f = make_fixture();

    f->wave.cycle = NOW;
    set_addresses(f, DATA_VA, 64);
    run_name(f, "global_load_dword");
    assert_int_equal(vm_cycles(f), VMEM_LATENCY);
    assert_int_equal(f->wave.lgkm_issued, 0);
    run_name(f, "ds_read_b32");
    assert_int_equal(lgkm_cycles(f), LDS_LATENCY);
    assert_int_equal(f->wave.vm_issued, 1);
    set_exec(f, 0);
    run_name(f, "flat_load_dword"); /* counts as both */
    assert_int_equal(f->wave.lgkm_issued, 2);
    assert_int_equal(f->wave.vm_issued, 2);
    assert_int_equal(lgkm_cycles(f), VMEM_LATENCY);
    assert_int_equal(f->wave.cycle, NOW);
    free(f);
}

static void lines(void **state)
{
    static const struct {
        const char *name;
        int64_t stride;
        unsigned start, lines;
    } cases[] = {
        {"global_load_dword", 4, 0, 4},    {"global_load_dword", 4, 32, 5},
        {"global_load_dword", 8, 0, 8},    {"global_load_dword", 0, 0, 1},
        {"global_load_dword", 64, 0, 64},  {"global_load_dword", -4, 256, 5},
        {"global_store_dword", 4, 0, 4},   {"global_load_dwordx4", 16, 0, 16},
        {"global_store_short", 2, 0, 2},   {"global_load_ubyte", 1, 0, 1},
        {"global_load_dword", 512, 0, 64},
    };

    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct fixture *f = paced_fixture();

        set_addresses(f, DATA_VA + cases[k].start, cases[k].stride);
        run_name(f, cases[k].name);
        assert_int_equal(vm_cycles(f), cases[k].lines * FILL);
        /* All of them are found again. */
        run_name(f, cases[k].name);
        assert_int_equal(vm_cycles(f), cases[k].lines * (FILL + LINE));
        set_exec(f, 0);
        run_name(f, cases[k].name);
        assert_int_equal(vm_cycles(f), cases[k].lines * (FILL + LINE));
        no_fault(f);
        free(f);
    }
}

/** Stored lines are found again by loads; atomics go behind the cache each time. */
static void kinds(void **state)
{
    struct fixture *f = paced_fixture();

    set_addresses(f, DATA_VA, 4);
    run_name(f, "global_store_dword");
    run_name(f, "global_load_dword");
    assert_int_equal(vm_cycles(f), 4 * (FILL + LINE));
    run_name(f, "global_atomic_add");
    assert_int_equal(vm_cycles(f), 4 * (2 * FILL + LINE));
    run_name(f, "global_atomic_add");
    assert_int_equal(vm_cycles(f), 4 * (3 * FILL + LINE));
    run_name(f, "global_load_dword");
    assert_int_equal(vm_cycles(f), 4 * (3 * FILL + 2 * LINE));
    free(f);
}

/** Up to 64 lines at any power of two (up to 16 MiB) from one another are found again; a cache full
 * of others is not. */
static void found_again(void **state)
{
    struct fixture *f = make_fixture();
    const uint64_t first = DATA_VA >> 6;

    for (unsigned shift = 0; shift < 19; shift++) {
        memset(f->wave.line, 0, sizeof(f->wave.line));
        for (uint64_t i = 0; i < 64; i++)
            gcn_touch(&f->wave, first + (i << shift));
        f->wave.fills = 0;
        for (uint64_t i = 0; i < 64; i++)
            gcn_touch(&f->wave, first + (i << shift));
        assert_int_equal(f->wave.fills, 0);
    }
    for (uint64_t i = 0; i < GCN_CACHE_LINES; i++)
        gcn_touch(&f->wave, first + 77777 + i);
    f->wave.fills = 0;
    for (uint64_t i = 0; i < 64; i++)
        gcn_touch(&f->wave, first + i);
    assert_int_equal(f->wave.fills, 64);
    free(f);
}

/** What a wave has not used of its share it may use afterwards, but not for ever. */
static void unused_share(void **state)
{
    struct fixture *f = paced_fixture();

    f->dispatch.vmem_latency = 50;
    f->wave.memory_until_q8 = (uint64_t)(NOW - 300) << 8;
    set_addresses(f, DATA_VA, 4);
    run_name(f, "global_load_dword");
    assert_int_equal(vm_cycles(f), 100); /* 4 * FILL - 300 */
    set_addresses(f, DATA_VA + 1024, 4);
    f->wave.memory_until_q8 = (uint64_t)(NOW - 400) << 8;
    run_name(f, "global_load_dword");
    assert_int_equal(vm_cycles(f), 100); /* not before the one ahead of it */
    f->wave.memory_until_q8 = 0;
    for (unsigned i = 0; i < 40; i++) {
        set_addresses(f, DATA_VA + 2048 + i * 256, 4);
        run_name(f, "global_load_dword");
    }
    assert_int_equal(vm_cycles(f), 40 * 4 * FILL - 8192);
    free(f);
}

static void local_memory(void **state)
{
    static const struct {
        const char *name;
        uint64_t exec;
        unsigned cycles; /* at 64 bytes each */
    } cases[] = {
        {"ds_read_b32", ~0ull, 4},        {"ds_read_u8", ~0ull, 4},
        {"ds_write_b64", ~0ull, 8},       {"ds_read_b128", ~0ull, 16},
        {"ds_read2_b32", ~0ull, 8},       {"ds_read_b32", 0xffff, 1},
        {"ds_add_u32", ~0ull, 4},         {"ds_write2st64_b64", ~0ull, 16},
        {"ds_bpermute_b32", ~0ull, 4},    {"ds_nop", ~0ull, 4},
        {"ds_wrxchg2_rtn_b32", ~0ull, 8},
    };

    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct fixture *f = paced_fixture();

        set_exec(f, cases[k].exec);
        run_name(f, cases[k].name);
        run_name(f, cases[k].name);
        assert_int_equal(lgkm_cycles(f), 2 * cases[k].cycles);
        no_fault(f);
        free(f);
    }
}

/** One more than the counters hold waits for the oldest. */
static void full_counters(void **state)
{
    struct fixture *f = paced_fixture();

    for (unsigned i = 0; i < 64; i++) {
        set_addresses(f, DATA_VA + i * 256, 4);
        run_name(f, "global_load_dword");
    }
    assert_int_equal(f->wave.cycle, NOW);
    set_addresses(f, DATA_VA + 64 * 256, 4);
    run_name(f, "global_load_dword");
    assert_int_equal(f->wave.cycle, NOW + 4 * FILL);
    assert_int_equal(vm_cycles(f), 65 * 4 * FILL);
    free(f);
    f = paced_fixture();
    for (unsigned i = 0; i < 17; i++)
        run_name(f, "ds_read_b32");
    assert_int_equal(f->wave.cycle, NOW + 4);
    free(f);
}

int cost_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency),       cmocka_unit_test(lines),
        cmocka_unit_test(kinds),         cmocka_unit_test(found_again),
        cmocka_unit_test(unused_share),  cmocka_unit_test(local_memory),
        cmocka_unit_test(full_counters),
    };

    return cmocka_run_group_tests_name("cost_tests", tests, NULL, NULL);
}
