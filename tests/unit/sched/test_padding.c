// SPDX-License-Identifier: Apache-2.0
/*
 * Padding: the rules one by one, then random kernels, for which every choice is checked against the
 * rules; and what the core makes of the choice.
 *
 *   test_sched_padding [SEED]     for the random part; default: a fixed seed
 */
#include "tests/unit/sched/sched_test.h"

#include "emu/model/device.h"
#include "sched/padding.h"

static const struct reef_pad_device mi50 = {
    .cus = 60,
    .simds = 4,
    .waves_per_simd = 10,
    .groups_per_cu = 16,
    .vgprs = 256,
    .vgpr_granule = 4,
    .sgprs = 800,
    .sgpr_granule = 16,
    .lds_bytes = 65536,
    .lds_granule = 512,
};
static const struct emu_profile profile = {
    .compute_units = 60,
    .simds_per_cu = 4,
    .waves_per_simd = 10,
    .vgprs_per_simd = 256,
    .vgpr_granule = 4,
    .sgprs_per_simd = 800,
    .sgpr_granule = 16,
    .lds_bytes_per_cu = 65536,
    .lds_granule = 512,
    .workgroups_per_cu = 16,
};
static const uint32_t flat_100[] = {100000, 100000, 100000, 100000};
static const uint32_t flat_50[] = {50000, 50000, 50000, 50000};
static const uint32_t flat_102[] = {102000};

static uint64_t seed = 20220711;

static uint64_t below(uint64_t n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return ((seed * 0x2545f4914f6cdd1dull) >> 32) % n;
}

static struct reef_pad_kernel kernel(uint32_t groups, const uint32_t *time_ns, uint32_t times)
{
    return (struct reef_pad_kernel){.groups = groups,
                                    .waves = 4,
                                    .vgprs = 32,
                                    .sgprs = 32,
                                    .time_ns = time_ns,
                                    .times = times,
                                    .alone_ns = time_ns[0]};
}

static unsigned choose(const struct reef_pad_rules *rules, const struct reef_pad_kernel *rt,
                       const struct reef_pad_kernel *be, struct reef_pad pads[REEF_PADS_MAX])
{
    struct reef_pad_account account = {.credit_ns = 0};
    struct reef_pad_candidate candidate = {.kernel = be, .groups = be->groups};
    return reef_padding_choose(&mi50, rules, &account, rt, &candidate, 1, pads);
}

static void rt_fills_whole_layers(void **state)
{
    (void)state;
    struct reef_pad_kernel rt = kernel(32, flat_100, 4);
    assert_int_equal(reef_padding_rt_cus(&mi50, &rt), 32);
    rt.groups = 60;
    assert_int_equal(reef_padding_rt_cus(&mi50, &rt), 60);
    rt.groups = 64; /* 2 layers */
    assert_int_equal(reef_padding_rt_cus(&mi50, &rt), 32);
    rt.groups = 128; /* 3 layers */
    assert_int_equal(reef_padding_rt_cus(&mi50, &rt), 43);
}

static void first_fit_takes_all_left_units(void **state)
{
    (void)state;
    struct reef_pad_rules rules = {.kernels = 1, .first_fit = true};
    struct reef_pad_kernel rt = kernel(32, flat_100, 4), be = kernel(1000, flat_50, 4);
    struct reef_pad pads[REEF_PADS_MAX];
    assert_int_equal(choose(&rules, &rt, &be, pads), 1);
    assert_int_equal(pads[0].first_cu, 32);
    assert_int_equal(pads[0].cus, 28);
    assert_int_equal(pads[0].each, 4);
    assert_int_equal(pads[0].groups, 28 * 4 * 2); /* two rounds in RT's time */
}

static void a_longer_be_kernel_does_not_fit(void **state)
{
    (void)state;
    struct reef_pad_rules rules = {.kernels = 1, .first_fit = true};
    struct reef_pad_kernel rt = kernel(32, flat_100, 4), be = kernel(10, flat_102, 1);
    struct reef_pad pads[REEF_PADS_MAX];
    assert_int_equal(choose(&rules, &rt, &be, pads), 0);
    rules.profiled = true; /* REEF's times: RT's has its launch in it */
    rules.launch_ns = 2000;
    assert_int_equal(choose(&rules, &rt, &be, pads), 1);
}

static void lateness_is_paid_from_the_account(void **state)
{
    (void)state;
    struct reef_pad_rules rules = {
        .kernels = 1, .allowance_milli = 10, .worth = 10, .merge_milli = 5};
    struct reef_pad_kernel rt = kernel(32, flat_100, 4), be = kernel(10, flat_102, 1);
    struct reef_pad_candidate candidate = {.kernel = &be, .groups = 10};
    struct reef_pad_account account = {.credit_ns = 0};
    struct reef_pad pads[REEF_PADS_MAX];
    unsigned merged = 0;
    for (int i = 0; i < 1000; i++)
        merged += reef_padding_choose(&mi50, &rules, &account, &rt, &candidate, 1, pads);
    /* each costs 0.5 us and 2 us of lateness, of 1 us granted */
    assert_in_range(merged, 395, 400);
    assert_true(account.credit_ns >= 0);
}

static void what_held_rt_up_is_charged(void **state)
{
    (void)state;
    struct reef_pad_account account = {.credit_ns = 0};
    reef_padding_charge(&account, 36000);
    assert_int_equal(account.credit_ns, -36000);
    for (int i = 0; i < 10; i++)
        reef_padding_charge(&account, UINT64_MAX);
    assert_true(account.credit_ns >= -1000000); /* one bad hour is not held against BE for ever */
}

static void lds_counts_for_occupancy(void **state)
{
    (void)state;
    struct reef_pad_rules rules = {.kernels = 1, .first_fit = true};
    struct reef_pad_kernel rt = kernel(100, flat_100, 4), be = kernel(10, flat_50, 1);
    struct reef_pad pads[REEF_PADS_MAX];
    be.lds_bytes = 40000; /* once on a unit; RT needs 2 layers */
    assert_int_equal(choose(&rules, &rt, &be, pads), 0);
    rules.ignore_lds = true;
    assert_int_equal(choose(&rules, &rt, &be, pads), 1);
}

static void several_kernels_get_units_of_their_own(void **state)
{
    (void)state;
    struct reef_pad_rules rules = {.kernels = 4, .worth = 1};
    struct reef_pad_account account = {.credit_ns = 0};
    struct reef_pad_kernel rt = kernel(32, flat_100, 4), be = kernel(16, flat_50, 4);
    struct reef_pad_candidate candidates[3] = {{&be, 16}, {&be, 16}, {&be, 16}};
    struct reef_pad pads[REEF_PADS_MAX];
    assert_int_equal(reef_padding_choose(&mi50, &rules, &account, &rt, candidates, 3, pads), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pads[i].groups, 16);
        assert_int_equal(pads[i].first_cu, i ? pads[i - 1].first_cu + pads[i - 1].cus : 32);
    }
}

static void occupancy_is_the_device_models(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct emu_shape shape = {.waves = (uint32_t)below(16) + 1,
                                  .vgprs = (uint32_t)below(257),
                                  .sgprs = (uint32_t)below(110),
                                  .lds_bytes = below(2) ? (uint32_t)below(70000) : 0};
        struct reef_pad_kernel k = {.waves = shape.waves,
                                    .vgprs = shape.vgprs,
                                    .sgprs = shape.sgprs,
                                    .lds_bytes = shape.lds_bytes};
        assert_int_equal(reef_padding_occupancy(&mi50, &k, false), emu_occupancy(&profile, &shape));
    }
}

/* --- random --- */

enum { CANDIDATES = 6, CURVE = 16 };

struct random_kernel {
    struct reef_pad_kernel kernel;
    uint32_t curve[CURVE];
};

static void random_kernel(struct random_kernel *k)
{
    uint32_t ns = (uint32_t)below(200000) + 1000;
    k->kernel = (struct reef_pad_kernel){
        .groups = (uint32_t)below(300) + 1,
        .waves = (uint32_t)below(8) + 1,
        .vgprs = (uint32_t)below(120) + 1,
        .sgprs = (uint32_t)below(100) + 1,
        .lds_bytes = below(2) ? (uint32_t)below(33000) : 0,
        .time_ns = k->curve,
        .times = (uint32_t)below(CURVE) + 1,
        .overhead_ns = (uint32_t)below(15000),
    };
    for (int i = 0; i < CURVE; i++)
        k->curve[i] = ns += (uint32_t)below(20000);
    k->kernel.alone_ns = k->curve[(k->kernel.groups - 1) / 60 % k->kernel.times];
}

static void check_choice(const struct reef_pad_rules *rules, const struct reef_pad_kernel *rt,
                         const struct reef_pad_candidate *candidates, const struct reef_pad *pads,
                         unsigned count, int64_t spare_ns)
{
    struct reef_pad_kernel merged = *rt;
    uint32_t next_cu = reef_padding_rt_cus(&mi50, rt), taken = 0;
    uint32_t layers = (rt->groups + 59) / 60;
    uint32_t own = reef_padding_occupancy(&mi50, rt, false);
    assert_true(count <= rules->kernels && count <= REEF_PADS_MAX);
    for (unsigned i = 0; i < count; i++) {
        const struct reef_pad *pad = &pads[i];
        const struct reef_pad_kernel *k = candidates[pad->candidate].kernel;
        assert_false(taken >> pad->candidate & 1);
        taken |= 1u << pad->candidate;
        assert_true(pad->groups > 0 && pad->groups <= candidates[pad->candidate].groups);
        assert_int_equal(pad->first_cu, next_cu); /* units of its own, none of RT's */
        next_cu += pad->cus;
        assert_true(pad->cus > 0 && next_cu <= 60);
        /* It ends in time, or as late as there was credit for. */
        uint32_t layer = (pad->groups + pad->cus - 1) / pad->cus;
        uint64_t ns = (uint64_t)((layer + pad->each - 1) / pad->each) * k->time_ns[pad->each - 1];
        assert_true(ns <= rt->alone_ns + (uint64_t)spare_ns +
                              (rules->profiled ? rt->overhead_ns + rules->launch_ns : 0));
        merged.waves = merged.waves > k->waves ? merged.waves : k->waves;
        merged.vgprs = merged.vgprs > k->vgprs ? merged.vgprs : k->vgprs;
        merged.sgprs = merged.sgprs > k->sgprs ? merged.sgprs : k->sgprs;
        merged.lds_bytes = merged.lds_bytes > k->lds_bytes ? merged.lds_bytes : k->lds_bytes;
    }
    /* All parts together: RT's occupancy is not lowered below what it needs, nor a part's. */
    uint32_t fits = reef_padding_occupancy(&mi50, &merged, false);
    if (count > 0)
        assert_true(fits >= (layers < own ? layers : own));
    for (unsigned i = 0; i < count; i++)
        assert_true(fits >= pads[i].each);
}

static void random_choices_obey_the_rules(void **state)
{
    (void)state;
    struct random_kernel rt, be[CANDIDATES];
    unsigned padded = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 100000; i++) {
        struct reef_pad_candidate candidates[CANDIDATES];
        struct reef_pad pads[REEF_PADS_MAX];
        unsigned count = (unsigned)below(CANDIDATES + 1);
        struct reef_pad_account account = {.credit_ns = (int64_t)below(30000) - 10000};
        struct reef_pad_rules rules = {
            .kernels = (uint32_t)below(10),
            .first_fit = below(3) == 0,
            .profiled = below(3) == 0,
            .launch_ns = 2000,
            .merge_milli = 8,
            .allowance_milli = (uint32_t)below(2) * 15,
            .finish_ns = (uint32_t)below(60000),
            .worth = (uint32_t)below(30),
        };
        random_kernel(&rt);
        for (unsigned c = 0; c < count; c++) {
            random_kernel(&be[c]);
            candidates[c] = (struct reef_pad_candidate){&be[c].kernel,
                                                        (uint32_t)below(be[c].kernel.groups) + 1};
        }
        int64_t before = account.credit_ns;
        int64_t granted = (int64_t)(rt.kernel.alone_ns * rules.allowance_milli / 1000);
        unsigned n =
            reef_padding_choose(&mi50, &rules, &account, &rt.kernel, candidates, count, pads);
        int64_t spare = rules.allowance_milli ? before + granted : 0;
        check_choice(&rules, &rt.kernel, candidates, pads, n, spare > 0 ? spare : 0);
        assert_true(account.credit_ns <= before + granted);
        if (rules.allowance_milli && before >= 0)
            assert_true(account.credit_ns >= 0); /* never more than there is */
        padded += n > 0;
    }
    assert_true(padded > 20000);
}

/* --- the core --- */

static struct rig pad_rig(void)
{
    struct reef_core_config config = default_config();
    config.device = mi50;
    config.padding = (struct reef_pad_rules){.kernels = 1, .first_fit = true};
    config.linger_ns = 0;
    return rig_with(&config);
}

static uint32_t queue_with(struct rig *rig, const struct reef_pad_kernel *pad, unsigned count)
{
    uint32_t q = open_queue(rig);
    for (unsigned i = 0; i < count; i++) {
        struct reef_command command = {.key = 7, .flags = REEF_COMMAND_RESTARTABLE, .pad = pad};
        reef_core_enqueued(rig->core, q, &command, rig->now_ns);
    }
    return q;
}

static void held_commands_are_padded_in_order(void **state)
{
    (void)state;
    struct rig rig = pad_rig();
    struct reef_pad_kernel rt_kernel = kernel(32, flat_100, 4), be = kernel(300, flat_50, 4);
    struct reef_core_pad pads[REEF_PADS_MAX], none[REEF_PADS_MAX];
    rt(&rig, true);
    uint32_t q = queue_with(&rig, &be, 2);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 1);
    assert_int_equal(pads[0].queue, q);
    assert_int_equal(pads[0].seq, 0);
    assert_int_equal(pads[0].first_group, 0);
    assert_int_equal(pads[0].groups, 224);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, none), 0); /* it is out */
    reef_core_padded(rig.core, q, 0, rig.now_ns);
    assert_int_equal(reef_core_groups_done(rig.core, q, 0), 224);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 1);
    assert_int_equal(pads[0].first_group, 224);
    assert_int_equal(pads[0].groups, 76);
    reef_core_padded(rig.core, q, 0, rig.now_ns);
    assert_int_equal(stats_of(&rig).completed, 1);
    assert_int_equal(stats_of(&rig).padded, 1);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 1);
    assert_int_equal(pads[0].seq, 1);
    reef_core_padded(rig.core, q, 1, rig.now_ns);
    rt(&rig, false);
    expect_submit(&rig, q, 1, 1); /* the rest of it runs now */
    assert_int_equal(reef_core_groups_done(rig.core, q, 1), 224);
    done(&rig, q, 1);
    assert_int_equal(stats_of(&rig).completed, 2);
    reef_core_destroy(rig.core);
}

static void what_is_out_is_not_submitted(void **state)
{
    (void)state;
    struct rig rig = pad_rig();
    struct reef_pad_kernel rt_kernel = kernel(32, flat_100, 4), be = kernel(300, flat_50, 4);
    struct reef_core_pad pads[REEF_PADS_MAX];
    rt(&rig, true);
    uint32_t q = queue_with(&rig, &be, 1);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 1);
    rt(&rig, false); /* the merged kernel runs still */
    expect_nothing(&rig);
    reef_core_padded(rig.core, q, 0, rig.now_ns);
    expect_submit(&rig, q, 0, 1);
    reef_core_destroy(rig.core);
}

static void only_held_restartable_commands_are_candidates(void **state)
{
    (void)state;
    struct rig rig = pad_rig();
    struct reef_pad_kernel rt_kernel = kernel(32, flat_100, 4), be = kernel(300, flat_50, 4);
    struct reef_core_pad pads[REEF_PADS_MAX];
    uint32_t running = queue_with(&rig, &be, 1), fixed = open_queue(&rig);
    expect_submit(&rig, running, 0, 1);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 0);
    rt(&rig, true);
    expect_reset(&rig, running);
    struct reef_command command = {.key = 7, .pad = &be}; /* not restartable */
    reef_core_enqueued(rig.core, fixed, &command, rig.now_ns);
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 0);
    stopped(&rig, running); /* a killed command is one */
    assert_int_equal(reef_core_pad(rig.core, &rt_kernel, pads), 1);
    assert_int_equal(pads[0].queue, running);
    reef_core_destroy(rig.core);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rt_fills_whole_layers),
        cmocka_unit_test(first_fit_takes_all_left_units),
        cmocka_unit_test(a_longer_be_kernel_does_not_fit),
        cmocka_unit_test(lateness_is_paid_from_the_account),
        cmocka_unit_test(what_held_rt_up_is_charged),
        cmocka_unit_test(lds_counts_for_occupancy),
        cmocka_unit_test(several_kernels_get_units_of_their_own),
        cmocka_unit_test(occupancy_is_the_device_models),
        cmocka_unit_test(random_choices_obey_the_rules),
        cmocka_unit_test(held_commands_are_padded_in_order),
        cmocka_unit_test(what_is_out_is_not_submitted),
        cmocka_unit_test(only_held_restartable_commands_are_candidates),
    };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
