// SPDX-License-Identifier: Apache-2.0
/* Global wave sync: barriers and semaphores among the work-groups of a dispatch. */
#include "harness.h"

#include "rows.h"
#include "wave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

enum { GROUPS = 6, WAVES = 2, ROUNDS = 3, THREADS = 3 };

struct rig {
    struct harness *h;
    struct gcn_gws gws;
    uint64_t va; /* of 4 KiB of memory */
    uint32_t *memory;
};

static int setup(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof(rig));
    rig.h = harness_create();
    rig.memory = rig.h ? harness_alloc(rig.h, 4096, &rig.va) : NULL;
    *state = &rig;
    return rig.memory ? 0 : -1;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    harness_destroy(rig->h);
    return 0;
}

/* A dispatch that runs @text behind: s0 the number of the wave in its work-group, v[2:3] the
 * memory, v4 = 1, one lane active, M0 = resource 3. */
static struct gcn_dispatch dispatch_of(struct rig *rig, const char *text, unsigned waves,
                                       unsigned groups)
{
    static uint32_t words[512];
    struct gcn_dispatch d;
    char all[2048];
    int count;

    snprintf(all, sizeof(all),
             "v_readfirstlane_b32 s0, v0\ns_lshr_b32 s0, s0, 6\nv_mov_b32 v2, 0x%x\n"
             "v_mov_b32 v3, 0x%x\nv_mov_b32 v4, 1\ns_mov_b64 exec, 1\ns_mov_b32 m0, 0x30000\n%s",
             (unsigned)rig->va, (unsigned)(rig->va >> 32), text);
    count = harness_assemble(all, words, 512);
    assert_true(count > 0);
    for (unsigned at = 0; at < (unsigned)count;) {
        struct gcn_inst inst;

        at += gcn_decode(words + at, (unsigned)count - at, &inst);
        rows_note(inst.op);
    }
    d = *harness_wave(rig->h, words, (unsigned)count)->dispatch;
    d.workgroup_size[0] = (uint16_t)(waves * 64);
    d.grid_size[0] = waves * 64 * groups;
    d.group_segment_bytes = 1024;
    d.gws = &rig->gws;
    return d;
}

struct worker {
    struct gcn_workgroup *wg[GROUPS];
    unsigned groups;
    bool failed;
};

/* Runs its work-groups in turns to their end. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    struct gcn_thread *thread = gcn_thread_create();
    unsigned left = worker->groups;

    for (unsigned i = 0; left; i = (i + 1) % worker->groups) {
        struct gcn_slice s = {.budget_cycles = 300, .issue_scale_q8 = 256};
        enum gcn_status status;

        if (!worker->wg[i])
            continue;
        status = gcn_workgroup_run(worker->wg[i], thread, &s);
        if (status == GCN_RUNNING)
            continue;
        worker->failed |= status != GCN_DONE;
        gcn_workgroup_destroy(worker->wg[i]);
        worker->wg[i] = NULL;
        left--;
    }
    gcn_thread_destroy(thread);
    return NULL;
}

/* Runs @groups work-groups on @threads threads, each in turns. */
static void run_all(const struct gcn_dispatch *d, unsigned groups, unsigned threads)
{
    struct worker workers[THREADS] = {0};
    pthread_t thread[THREADS];

    for (unsigned i = 0; i < groups; i++) {
        struct worker *worker = &workers[i % threads];

        worker->wg[worker->groups++] = gcn_workgroup_create(d, i, 0);
    }
    for (unsigned i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        assert_false(workers[i].failed);
    }
}

/* What the runtime launches before a cooperative kernel: resource 3 + 2 gets @value. */
static void init(struct rig *rig, unsigned value)
{
    struct gcn_dispatch d;
    char text[128];

    snprintf(text, sizeof(text), "v_mov_b32 v1, %u\nds_gws_init v1 offset:2 gds\n", value);
    d = dispatch_of(rig, text, 1, 1);
    run_all(&d, 1, 1);
}

/* Grid synchronisation: behind the barrier every wave sees what all have done before it. */
static void test_barrier(void **state)
{
    struct rig *rig = *state;
    const unsigned all = GROUPS * WAVES;
    char text[1024];
    size_t used = 0;
    struct gcn_dispatch d;

    used = (size_t)snprintf(text, sizeof(text), "v_mov_b32 v1, %u\n", all - 1);
    for (unsigned r = 0; r < ROUNDS; r++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "global_atomic_add v[2:3], v4, off offset:%u\n"
                                 "s_waitcnt vmcnt(0)\nds_gws_barrier v1 offset:2 gds\n"
                                 "s_waitcnt lgkmcnt(0)\n"
                                 "global_load_dword v6, v[2:3], off offset:%u\n"
                                 "s_waitcnt vmcnt(0)\nv_cmp_eq_u32 vcc, %u, v6\n"
                                 "v_cndmask_b32 v7, 0, v4, vcc\n"
                                 "global_atomic_add v[2:3], v7, off offset:64\n",
                                 4 * r, 4 * r, all);
    for (unsigned threads = 1; threads <= THREADS; threads++) {
        memset(rig->memory, 0, 128);
        init(rig, all - 1);
        d = dispatch_of(rig, text, WAVES, GROUPS);
        run_all(&d, GROUPS, threads);
        for (unsigned r = 0; r < ROUNDS; r++)
            assert_int_equal(rig->memory[r], all);
        assert_int_equal(rig->memory[16], all * ROUNDS); /* waves that saw all */
    }
}

/* Wave 0 gives; each of @takers others takes one. */
static void give_and_take(struct rig *rig, const char *give, unsigned first, unsigned takers)
{
    struct gcn_dispatch d;
    char text[1024];
    uint32_t words[64];
    int giving = harness_assemble(give, words, 64);

    assert_true(giving > 0);
    init(rig, first);
    memset(rig->memory, 0, 128);
    /* The takers count themselves before and behind; the giver waits until all have come. */
    snprintf(text, sizeof(text),
             "s_cmp_eq_u32 s0, 0\ns_cbranch_scc0 %d\n"
             "s_sleep 127\n"
             "global_load_dword v6, v[2:3], off glc\ns_waitcnt vmcnt(0)\n"
             "v_cmp_ne_u32 vcc, %u, v6\ns_cbranch_vccnz -6\ns_sleep 127\n%s\ns_endpgm\n"
             "global_atomic_add v[2:3], v4, off\ns_waitcnt vmcnt(0)\n"
             "ds_gws_sema_p offset:2 gds\ns_waitcnt lgkmcnt(0)\n"
             "global_atomic_add v[2:3], v4, off offset:4\n",
             8 + giving, takers, give);
    d = dispatch_of(rig, text, takers + 1, 1);
    run_all(&d, 1, 1);
    assert_int_equal(rig->memory[0], takers);
    assert_int_equal(rig->memory[1], takers);
    assert_int_equal(rig->gws.resource[5].waiting, 0);
}

static void test_semaphore(void **state)
{
    struct rig *rig = *state;

    give_and_take(rig, "s_nop 0", 4, 4); /* nobody has to wait */
    assert_int_equal(rig->gws.resource[5].counter, 0);
    give_and_take(rig, "v_mov_b32 v1, 5\nds_gws_sema_br v1 offset:2 gds", 0, 4);
    assert_int_equal(rig->gws.resource[5].counter, 1);
    give_and_take(rig, "ds_gws_sema_v offset:2 gds\nds_gws_sema_v offset:2 gds", 1, 3);
    assert_int_equal(rig->gws.resource[5].counter, 0);
    give_and_take(rig, "ds_gws_sema_release_all offset:2 gds", 0, 5);
    assert_int_equal(rig->gws.resource[5].counter, 0);
}

/* Without the queue's consent there is no such thing. */
static void test_none(void **state)
{
    static const char *const names[] = {"init v1", "barrier v1", "sema_v",
                                        "sema_p",  "sema_br v1", "sema_release_all"};
    struct rig *rig = *state;

    for (unsigned i = 0; i < 6; i++) {
        char text[64];
        struct gcn_thread *thread = gcn_thread_create();
        struct gcn_slice s = {.budget_cycles = 1000, .issue_scale_q8 = 256};
        struct gcn_workgroup *wg;
        struct gcn_dispatch d;

        snprintf(text, sizeof(text), "ds_gws_%s gds", names[i]);
        d = dispatch_of(rig, text, 1, 1);
        d.gws = NULL;
        wg = gcn_workgroup_create(&d, 0, 0);
        assert_int_equal(gcn_workgroup_run(wg, thread, &s), GCN_FAULT);
        assert_int_equal(s.fault.kind, GCN_FAULT_ILLEGAL_INSTRUCTION);
        gcn_workgroup_destroy(wg);
        gcn_thread_destroy(thread);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_barrier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_semaphore, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
    };
    uint32_t word;

    if (harness_assemble("s_nop 0", &word, 1) < 0)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
