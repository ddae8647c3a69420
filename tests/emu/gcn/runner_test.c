// SPDX-License-Identifier: Apache-2.0
/*
 * The runner: faults and what they say, slices, the stop flag, barriers, waiting, clocks, VGPR
 * indexing, scalar memory, and one dispatch run by several threads.
 */
#include "harness.h"

#include "rows.h"
#include "wave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

static int setup(void **state)
{
    *state = harness_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    harness_destroy(*state);
    return 0;
}

static struct gcn_workgroup *wave_of(struct harness *h, const char *text)
{
    static uint32_t words[512];
    int count = harness_assemble(text, words, 512);
    struct gcn_workgroup *wg;

    assert_true(count > 0);
    wg = harness_wave(h, words, (unsigned)count);
    assert_non_null(wg);
    for (unsigned at = 0; at < (unsigned)count;) {
        struct gcn_inst inst;

        at += gcn_decode(words + at, (unsigned)count - at, &inst);
        rows_note(inst.op);
    }
    return wg;
}

static struct gcn_fault fault_of_words(struct harness *h, const uint32_t *words, unsigned count)
{
    struct gcn_fault fault;

    assert_non_null(harness_wave(h, words, count));
    assert_int_equal(harness_wave_run(h, &fault), GCN_FAULT);
    return fault;
}

static struct gcn_fault fault_of(struct harness *h, const char *text)
{
    struct gcn_fault fault;

    wave_of(h, text);
    assert_int_equal(harness_wave_run(h, &fault), GCN_FAULT);
    return fault;
}

static void test_illegal(void **state)
{
    const uint32_t no_row[] = {0xbf800000, 0xbf8b0000}; /* s_nop; s_setkill, which has no row */
    const uint32_t no_format[] = {0xf0000000, 0};       /* an image instruction */
    const uint32_t vop3[] = {0xd37f0000, 0};            /* no such opcode */
    struct gcn_fault f = fault_of_words(*state, no_row, 2);
    struct gcn_workgroup *wg;

    assert_int_equal(f.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    assert_int_equal(f.words[0], 0xbf8b0000);
    assert_string_equal(f.text, "s_setkill (SOPP 0xb, words bf8b0000 bf810000)");
    wg = harness_wave(*state, no_row, 2);
    assert_int_equal(f.pc, wg->dispatch->entry_va + 4);

    f = fault_of_words(*state, no_format, 2);
    assert_int_equal(f.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    assert_string_equal(f.text, "no instruction (words f0000000 00000000)");
    f = fault_of_words(*state, vop3, 2);
    assert_int_equal(f.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
}

static void test_bad_addresses(void **state)
{
    struct gcn_fault f = fault_of(*state, "s_mov_b64 s[0:1], 64\ns_load_dword s4, s[0:1], 0x10");

    assert_int_equal(f.kind, GCN_FAULT_UNMAPPED);
    assert_int_equal(f.va, 80);
    assert_string_equal(f.text, "s_load_dword");
    f = fault_of(*state, "v_mov_b32 v0, 0x1000\nv_mov_b32 v1, 0\n"
                         "global_load_dword v2, v[0:1], off");
    assert_int_equal(f.kind, GCN_FAULT_UNMAPPED);
    assert_int_equal(f.va, 0x1000);
    /* The last addresses there are: nothing may wrap around. */
    f = fault_of(*state, "s_mov_b64 s[0:1], -4\ns_load_dwordx4 s[4:7], s[0:1], 0x0");
    assert_int_equal(f.kind, GCN_FAULT_UNMAPPED);
    f = fault_of(*state, "s_mov_b64 s[0:1], 0\ns_setpc_b64 s[0:1]");
    assert_int_equal(f.kind, GCN_FAULT_UNMAPPED);
    assert_int_equal(f.pc, 0);
    assert_int_equal(f.va, 0);
    assert_string_equal(f.text, "instruction fetch");
    f = fault_of(*state, "s_mov_b64 s[0:1], -4\ns_setpc_b64 s[0:1]");
    assert_int_equal(f.kind, GCN_FAULT_UNMAPPED);
}

static void test_trap(void **state)
{
    struct gcn_fault f = fault_of(*state, "s_nop 0\ns_trap 2");

    assert_int_equal(f.kind, GCN_FAULT_TRAP);
    assert_int_equal(f.va, 2);
}

static void test_relative_out_of_range(void **state)
{
    struct gcn_fault f = fault_of(*state, "s_mov_b32 m0, 0x1000\ns_movrels_b32 s4, s0");

    assert_int_equal(f.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
    f = fault_of(*state, "s_mov_b32 m0, -1\ns_movreld_b32 s0, s0");
    assert_int_equal(f.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
}

/* Work-groups of @waves waves that run the code of wave_of(). */
static struct gcn_dispatch many(const struct gcn_workgroup *wg, unsigned waves, unsigned groups)
{
    struct gcn_dispatch d = *wg->dispatch;

    d.workgroup_size[0] = waves * 64;
    d.grid_size[0] = waves * 64 * groups;
    d.group_segment_bytes = 1024;
    return d;
}

/* Runs the work-group of wave_of() for one slice. */
static enum gcn_status slice(struct gcn_workgroup *wg, struct gcn_slice *s)
{
    struct gcn_thread *thread = gcn_thread_create();
    enum gcn_status status;

    assert_non_null(thread);
    s->issue_scale_q8 = s->issue_scale_q8 ? s->issue_scale_q8 : 256;
    status = gcn_workgroup_run(wg, thread, s);
    gcn_thread_destroy(thread);
    return status;
}

static void test_spin_returns(void **state)
{
    struct gcn_workgroup *wg = wave_of(*state, "s_branch -1");
    struct gcn_slice s = {.budget_cycles = 100000};
    atomic_uint stop = 1;

    assert_int_equal(slice(wg, &s), GCN_RUNNING);
    assert_in_range(s.used_cycles, 100000, 100100);
    assert_int_equal(slice(wg, &s), GCN_RUNNING);
    assert_in_range(s.used_cycles, 99900, 100100);
    s.budget_cycles = 1ull << 60;
    s.stop = &stop;
    assert_int_equal(slice(wg, &s), GCN_STOPPED);
    assert_true(s.used_cycles < 100000);
}

/* Waves that go from barrier to barrier must see the flag too. */
static void test_stop_at_barriers(void **state)
{
    struct gcn_dispatch d = many(wave_of(*state, "s_barrier\ns_branch -2"), 2, 1);
    struct gcn_workgroup *wg = gcn_workgroup_create(&d, 0, 0);
    struct gcn_slice s = {.budget_cycles = 100000};
    atomic_uint stop = 1;

    assert_int_equal(slice(wg, &s), GCN_RUNNING);
    s.budget_cycles = 1ull << 60;
    s.stop = &stop;
    assert_int_equal(slice(wg, &s), GCN_STOPPED);
    gcn_workgroup_destroy(wg);
}

static void test_costs(void **state)
{
    struct gcn_workgroup *wg = wave_of(*state, "s_mov_b32 s0, 1\ns_mov_b32 s1, 1");
    struct gcn_slice s = {.budget_cycles = 1000};

    assert_int_equal(slice(wg, &s), GCN_DONE);
    assert_int_equal(s.used_cycles, 3 * 4); /* with s_endpgm */
    wg = wave_of(*state, "s_mov_b32 s0, 1\ns_mov_b32 s1, 1");
    s.issue_scale_q8 = 512;
    assert_int_equal(slice(wg, &s), GCN_DONE);
    assert_int_equal(s.used_cycles, 3 * 8);
    wg = wave_of(*state, "s_sleep 100");
    s.issue_scale_q8 = 256;
    s.budget_cycles = 1000;
    assert_int_equal(slice(wg, &s), GCN_RUNNING);
    assert_int_equal(s.used_cycles, 4 + 6400);
    assert_int_equal(slice(wg, &s), GCN_DONE);
}

static void test_waitcnt(void **state)
{
    const char *load = "s_getpc_b64 s[0:1]\ns_load_dword s4, s[0:1], 0x0\n"
                       "s_load_dword s5, s[0:1], 0x0\n";
    const char *ends[] = {"s_waitcnt lgkmcnt(0)", "s_waitcnt vmcnt(0)", "s_waitcnt lgkmcnt(2)"};
    const uint64_t cycles[] = {12 + 200 + 4, 20, 20};

    for (unsigned i = 0; i < 3; i++) {
        struct gcn_slice s = {.budget_cycles = 10000};
        char text[256];

        snprintf(text, sizeof(text), "%s%s", load, ends[i]);
        assert_int_equal(slice(wave_of(*state, text), &s), GCN_DONE);
        assert_int_equal(s.used_cycles, cycles[i]);
    }
}

static void test_vmcnt(void **state)
{
    const char *text = "s_getpc_b64 s[0:1]\nv_mov_b32 v0, s0\nv_mov_b32 v1, s1\n"
                       "global_load_dword v2, v[0:1], off\ns_memtime s[4:5]\n"
                       "s_waitcnt vmcnt(0)\ns_memtime s[6:7]\ns_waitcnt lgkmcnt(0)";
    struct gcn_workgroup *wg = wave_of(*state, text);
    struct gcn_slice s = {.budget_cycles = 100000, .start_cycle = 1000000};
    uint64_t before, after;

    assert_int_equal(slice(wg, &s), GCN_DONE);
    before = gcn_sgpr64(&wg->wave[0], 4);
    after = gcn_sgpr64(&wg->wave[0], 6);
    assert_in_range(before, 1000000, 1000100);
    assert_in_range(after - before, 490, 600); /* harness_wave()'s latency is 500 */
}

/* Where slices are cut has no influence on the time of waves that share nothing but bandwidth. */
static void test_paced_slices(void **state)
{
    const char *text = "s_getpc_b64 s[0:1]\ns_and_b32 s0, s0, 0xfffff000\nv_mov_b32 v1, s1\n"
                       "v_lshlrev_b32 v0, 4, v0\nv_add_u32 v0, s0, v0\ns_movk_i32 s4, 0x40\n"
                       "global_load_dwordx2 v[2:3], v[0:1], off\nds_read_b128 v[4:7], v8\n"
                       "s_waitcnt vmcnt(0) lgkmcnt(0)\nv_xor_b32 v0, 0x40, v0\n"
                       "s_sub_u32 s4, s4, 1\ns_cmp_lg_u32 s4, 0\ns_cbranch_scc1 -9\n";
    struct gcn_dispatch d = many(wave_of(*state, text), 3, 1);
    const uint64_t budgets[] = {1ull << 40, 1000, 77, 1};
    uint64_t first = 0;

    for (unsigned i = 0; i < 4; i++) {
        struct gcn_workgroup *wg = gcn_workgroup_create(&d, 0, 0);
        struct gcn_slice s = {.budget_cycles = budgets[i],
                              .pace = {.line_q8 = 700, .fill_q8 = 9000, .lds_q8 = 3000}};
        uint64_t used = 0;
        enum gcn_status status;

        do {
            status = slice(wg, &s);
            used += s.used_cycles;
        } while (status == GCN_RUNNING);
        assert_int_equal(status, GCN_DONE);
        if (i == 0)
            first = used;
        assert_int_equal(used, first);
        gcn_workgroup_destroy(wg);
    }
    assert_true(first > 64 * 16 * 3000 / 256);
}

static void test_clock(void **state)
{
    struct gcn_workgroup *wg =
        wave_of(*state, "s_sleep 127\ns_memtime s[4:5]\ns_memrealtime s[6:7]");
    struct gcn_slice s = {.budget_cycles = 1, .start_cycle = 1725000};

    /* The slice ends behind the sleep; device time may be anything when the next one begins. */
    assert_int_equal(slice(wg, &s), GCN_RUNNING);
    s.budget_cycles = 1000;
    s.start_cycle = 3450000;
    assert_int_equal(slice(wg, &s), GCN_DONE);
    assert_int_equal(gcn_sgpr64(&wg->wave[0], 4), 3450000 + 4);
    assert_int_equal(gcn_sgpr64(&wg->wave[0], 6), 200000); /* 1725 MHz against 100 MHz */
}

static void test_gpr_index(void **state)
{
    const char *text = "v_mov_b32 v4, 4\nv_mov_b32 v5, 5\nv_mov_b32 v6, 6\nv_mov_b32 v7, 7\n"
                       "s_mov_b32 s0, 2\ns_mov_b32 m0, 0xff00\n"
                       "s_set_gpr_idx_on s0, gpr_idx(SRC0)\nv_mov_b32 v10, v4\n"
                       "s_set_gpr_idx_mode gpr_idx(DST)\nv_mov_b32 v10, v4\n"
                       "s_set_gpr_idx_idx 3\nv_add_u32 v10, v4, v5\n"
                       "s_set_gpr_idx_mode gpr_idx(SRC1)\nv_sub_u32 v14, v4, v4\n"
                       "v_readfirstlane_b32 s4, v4\ns_set_gpr_idx_off\nv_mov_b32 v15, v4";
    struct gcn_workgroup *wg = wave_of(*state, text);
    const struct gcn_wave *w = &wg->wave[0];

    assert_int_equal(harness_wave_run(*state, NULL), GCN_DONE);
    assert_int_equal(w->vgpr[10][63], 6); /* v4 + 2 */
    assert_int_equal(w->vgpr[12][0], 4);  /* to v10 + 2 */
    assert_int_equal(w->vgpr[13][0], 9);  /* to v10 + 3 */
    assert_int_equal(w->vgpr[14][0], (uint32_t)(4 - 7));
    assert_int_equal(w->sgpr[4], 4);
    assert_int_equal(w->vgpr[15][0], 4);
    assert_int_equal(w->sgpr[GCN_M0], 0x2f03);
}

static void test_scalar_memory(void **state)
{
    struct harness *h = *state;
    uint64_t va;
    uint32_t *data = harness_alloc(h, 4096, &va);
    struct gcn_workgroup *wg;
    struct gcn_wave *w;

    for (unsigned i = 0; i < 1024; i++)
        data[i] = i;
    wg = wave_of(h, "s_load_dwordx16 s[16:31], s[0:1], 0x40\ns_movk_i32 s6, 0x100\n"
                    "s_load_dword s40, s[0:1], s6\ns_load_dword s41, s[0:1], 0x7\n"
                    "s_buffer_load_dwordx4 s[44:47], s[8:11], 0x18\n"
                    "s_buffer_load_dwordx2 s[48:49], s[12:15], 0x8\n"
                    "s_store_dwordx2 s[16:17], s[0:1], 0x800\n"
                    "s_buffer_store_dwordx4 s[16:19], s[8:11], 0x18 glc\ns_dcache_wb");
    w = &wg->wave[0];
    gcn_set_sgpr64(w, 0, va);
    gcn_set_sgpr64(w, 8, va); /* no stride, 32 bytes */
    w->sgpr[10] = 32;
    gcn_set_sgpr64(w, 12, va | 8ull << 48); /* 2 records of 8 bytes */
    w->sgpr[14] = 2;
    assert_int_equal(harness_wave_run(h, NULL), GCN_DONE);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(w->sgpr[16 + i], 16 + i);
    assert_int_equal(w->sgpr[40], 64);
    assert_int_equal(w->sgpr[41], 1);
    assert_int_equal(w->sgpr[44], 6);
    assert_int_equal(w->sgpr[45], 7);
    assert_int_equal(w->sgpr[46], 0); /* out of range */
    assert_int_equal(w->sgpr[47], 0);
    assert_int_equal(w->sgpr[48], 2);
    assert_int_equal(w->sgpr[49], 3);
    assert_int_equal(data[512], 16);
    assert_int_equal(data[513], 17);
    assert_int_equal(data[6], 16);
    assert_int_equal(data[7], 17);
    assert_int_equal(data[8], 8);
}

static uint32_t interrupted;

static void interrupt(const struct gcn_dispatch *dispatch, uint32_t m0)
{
    interrupted = m0;
}

static void test_interrupt(void **state)
{
    struct gcn_workgroup *wg =
        wave_of(*state, "s_mov_b32 m0, 77\ns_sendmsg sendmsg(MSG_INTERRUPT)");

    ((struct gcn_dispatch *)wg->dispatch)->interrupt = interrupt;
    assert_int_equal(harness_wave_run(*state, NULL), GCN_DONE);
    assert_int_equal(interrupted, 77);
}

/* Wave 0 ends at once, wave 1 is slow, wave 2 comes early: the barrier needs 1 and 2 alone. */
static void test_barrier(void **state)
{
    const char *text = "v_readfirstlane_b32 s0, v0\ns_lshr_b32 s0, s0, 6\n"
                       "s_cmp_eq_u32 s0, 0\ns_cbranch_scc1 7\n"
                       "s_cmp_eq_u32 s0, 1\ns_cbranch_scc0 1\ns_sleep 50\n"
                       "s_barrier\ns_memtime s[4:5]\ns_nop 0\n";
    struct gcn_dispatch d = many(wave_of(*state, text), 3, 1);
    struct gcn_workgroup *wg = gcn_workgroup_create(&d, 0, 0);
    struct gcn_slice s = {.budget_cycles = 500};
    unsigned slices = 0;

    while (slice(wg, &s) == GCN_RUNNING)
        slices++;
    assert_int_equal(slices, 1); /* that in which wave 1 sleeps far past the budget */
    assert_int_equal(gcn_sgpr64(&wg->wave[0], 4), 0);
    assert_true(wg->wave[1].cycle > 3200);
    assert_int_equal(wg->wave[1].cycle, wg->wave[2].cycle);
    gcn_workgroup_destroy(wg);
}

/* A wave that polls LDS for what another one writes later must not keep it from running. */
static void test_polling(void **state)
{
    const char *text = "v_mov_b32 v1, 0\nv_mov_b32 v2, 1\n"
                       "v_readfirstlane_b32 s0, v0\ns_cmp_eq_u32 s0, 0\ns_cbranch_scc0 6\n"
                       "ds_read_b32 v3, v1\ns_waitcnt lgkmcnt(0)\nv_readfirstlane_b32 s1, v3\n"
                       "s_cmp_eq_u32 s1, 0\ns_cbranch_scc1 -6\n"
                       "s_nop 0\ns_nop 0\nds_write_b32 v1, v2\n";
    struct gcn_dispatch d = many(wave_of(*state, text), 2, 1);
    struct gcn_workgroup *wg = gcn_workgroup_create(&d, 0, 0);
    struct gcn_slice s = {.budget_cycles = 10000000};

    assert_int_equal(slice(wg, &s), GCN_DONE);
    assert_true(s.used_cycles < 200000);
    gcn_workgroup_destroy(wg);
}

enum { THREADS = 4, GROUPS = 400 };

struct worker {
    const struct gcn_dispatch *dispatch;
    atomic_uint *next;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct gcn_thread *thread = gcn_thread_create();
    uint32_t index;

    while ((index = atomic_fetch_add(worker->next, 1)) < GROUPS) {
        struct gcn_workgroup *wg = gcn_workgroup_create(worker->dispatch, index, 0);
        struct gcn_slice s = {.budget_cycles = 200, .issue_scale_q8 = 256};
        enum gcn_status status;

        do
            status = gcn_workgroup_run(wg, thread, &s);
        while (status == GCN_RUNNING);
        gcn_workgroup_destroy(wg);
        if (status != GCN_DONE)
            break;
    }
    gcn_thread_destroy(thread);
    return NULL;
}

static void test_threads(void **state)
{
    struct harness *h = *state;
    uint64_t va;
    uint32_t *sum = harness_alloc(h, 4096, &va);
    struct gcn_dispatch d;
    atomic_uint next = 0;
    pthread_t thread[THREADS];
    struct worker worker = {&d, &next};
    char text[512];

    snprintf(text, sizeof(text),
             "v_mov_b32 v1, 0x%x\nv_mov_b32 v2, 0x%x\nv_mov_b32 v3, 1\ns_movk_i32 s4, 10\n"
             "global_atomic_add v[1:2], v3, off\ns_waitcnt vmcnt(0)\ns_barrier\n"
             "s_sub_u32 s4, s4, 1\ns_cmp_lg_u32 s4, 0\ns_cbranch_scc1 -7",
             (unsigned)va, (unsigned)(va >> 32));
    d = many(wave_of(h, text), 4, GROUPS);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(*sum, GROUPS * 4 * 64 * 10);
}

static void test_create_limits(void **state)
{
    struct gcn_dispatch d = many(wave_of(*state, "s_nop 0"), 17, 1);

    assert_null(gcn_workgroup_create(&d, 0, 0));
    d = many(wave_of(*state, "s_nop 0"), 2, 3);
    d.grid_size[0] -= 100;
    assert_int_equal(gcn_dispatch_waves(&d), 2);
    assert_int_equal(gcn_dispatch_workgroups(&d), 3);
    d.group_segment_bytes = 64 * 1024 + 1;
    assert_null(gcn_workgroup_create(&d, 0, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(illegal),       TEST(bad_addresses),    TEST(trap),    TEST(relative_out_of_range),
        TEST(spin_returns),  TEST(stop_at_barriers), TEST(costs),   TEST(waitcnt),
        TEST(vmcnt),         TEST(paced_slices),     TEST(clock),   TEST(gpr_index),
        TEST(scalar_memory), TEST(interrupt),        TEST(barrier), TEST(polling),
        TEST(threads),       TEST(create_limits),
    };
    uint32_t word;

    if (harness_assemble("s_nop 0", &word, 1) < 0)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
