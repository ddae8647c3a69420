// SPDX-License-Identifier: Apache-2.0
/*
 * Thousands of random workloads under every policy, each run watched through its log:
 *   - nothing is lost: every request that began ends, every kernel of it is complete once
 *   - a client's kernels complete in order
 *   - an RT request that is first in the queue waits for BE work no longer than the policy's bound
 *   - work conserving: BE is back when RT is over, at the latest after the linger; without RT work
 * no policy is slower than no control at all
 *   - a kernel killed too often is waited for, so BE ends some time, however dense RT work is
 *   - equal seeds give equal logs
 *
 *   test_replay_property [SEED [RUNS]]
 */
#include <inttypes.h>

#include "tests/replay/random_workload.h"

struct watch {
    uint64_t seed;
    const struct replay_policy *policy;
    const struct replay_workload *workload;
    uint32_t next[REPLAY_CLIENTS]; /* kernel to be complete next; UINT32_MAX: no request */
    uint64_t began, ended;
    uint64_t over_ns; /* RT is over since; 0: it is not */
    bool be_off;      /* and nothing of BE was submitted since */
    uint64_t hash;
};

static void fail(const struct watch *w, const char *what, const char *line)
{
    fprintf(stderr, "seed %" PRIu64 ", policy %s: %s: %s\n", w->seed, w->policy->name, what, line);
    exit(1);
}

static uint32_t client_of(const struct watch *w, const char *name)
{
    uint32_t i = 0;

    while (i < w->workload->client_count && strcmp(w->workload->clients[i].name, name) != 0)
        i++;
    if (i == w->workload->client_count)
        fail(w, "no such client", name);
    return i;
}

static bool be_under_way(const struct watch *w)
{
    for (uint32_t i = 0; i < w->workload->client_count; i++)
        if (!w->workload->clients[i].rt && w->next[i] != UINT32_MAX)
            return true;
    return false;
}

/* Where nothing of BE stays on the device under RT, so that it must be submitted again. */
static bool takes_all_back(const struct replay_policy *policy)
{
    return strcmp(policy->core, "reef") == 0 || strcmp(policy->core, "reef-nopad") == 0;
}

static void watch_line(void *arg, const char *line)
{
    struct watch *w = arg;
    unsigned long long at_ns;
    char what[32], name[64];
    unsigned kernel = 0;

    for (const char *c = line; *c; c++)
        w->hash = (w->hash ^ (unsigned char)*c) * 0x100000001b3ull; /* FNV-1a */
    if (sscanf(line, "%llu %31s %63s %u", &at_ns, what, name, &kernel) < 3)
        return;
    if (strcmp(what, "begin") == 0) {
        uint32_t i = client_of(w, name);
        if (w->next[i] != UINT32_MAX)
            fail(w, "two requests at a time", line);
        w->next[i] = 0;
        w->began++;
    } else if (strcmp(what, "done") == 0) {
        if (w->next[client_of(w, name)]++ != kernel)
            fail(w, "out of order", line);
    } else if (strcmp(what, "end") == 0) {
        uint32_t i = client_of(w, name);
        if (w->next[i] != w->workload->clients[i].model->length)
            fail(w, "ended early", line);
        w->next[i] = UINT32_MAX;
        w->ended++;
    } else if (strcmp(what, "rt") == 0) {
        w->over_ns = strcmp(name, "is") == 0 ? at_ns : 0;
        w->be_off = w->over_ns && be_under_way(w);
    } else if (strstr(what, "submit")) {
        if (w->over_ns && w->be_off && takes_all_back(w->policy) &&
            at_ns > w->over_ns + w->policy->linger_us * 1000ull + costs.reset_ns)
            fail(w, "BE came back late", line);
        w->be_off = false;
    }
}

static void run(struct watch *w, struct replay_result *result)
{
    struct replay_options options = {.profile = &mi50,
                                     .costs = &costs,
                                     .policy = w->policy,
                                     .seed = w->seed,
                                     .log = watch_line,
                                     .arg = w};
    int error = replay_run(w->workload, &options, result);

    if (error)
        fail(w, "run failed", strerror(-error));
}

/* The longest that one kernel may take beside others, very roughly from above. */
static uint64_t longest_kernel_ns(const struct replay_workload *workload)
{
    uint64_t longest = 0;

    for (uint32_t m = 0; m < workload->model_count; m++)
        for (uint32_t i = 0; i < workload->models[m]->kernel_count; i++) {
            const struct replay_kernel *k = &workload->models[m]->kernels[i];
            uint64_t ns = (uint64_t)k->curve_ns[k->curve_length - 1] * 2 * (k->groups / 10 + 1) *
                          workload->client_count;

            longest = ns > longest ? ns : longest;
        }
    return longest;
}

/* How long an RT request may wait for BE work, by the policy; 0: not bounded here. */
static uint64_t wait_bound_ns(const struct watch *w)
{
    uint64_t kernel_ns = longest_kernel_ns(w->workload);

    if (!w->policy->rt_waits || strcmp(w->policy->core, "sequential") == 0)
        return 0;
    if (strcmp(w->policy->core, "wait") == 0)
        return w->policy->depth_count * (kernel_ns + costs.gap_ns + costs.launch_ns);
    if (strcmp(w->policy->core, "reef-n") == 0)
        return kernel_ns + w->policy->depth_count * costs.evict_ns;
    /* A reset; or, of a kernel killed too often, its end. */
    return costs.reset_ns + (w->policy->kill_limit ? kernel_ns : 0);
}

static void check_run(uint64_t seed, const struct replay_workload *workload,
                      const struct replay_policy *policy)
{
    struct watch w = {.seed = seed, .policy = policy, .workload = workload, .hash = 1};
    struct replay_result result;
    uint64_t completed = 0, arrivals = 0, handled = 0;
    bool be_runs = strcmp(policy->core, "rt-only") != 0;

    memset(w.next, 0xff, sizeof(w.next));
    run(&w, &result);
    for (uint32_t i = 0; i < workload->client_count; i++) {
        const struct replay_client_result *c = &result.clients[i];

        if (!workload->clients[i].rt && !be_runs)
            continue;
        if (c->begun != c->latency_ns.count)
            fail(&w, "a request did not end", workload->clients[i].name);
        completed += c->latency_ns.count;
        arrivals += workload->clients[i].arrival_count;
        handled += c->begun + c->dropped;
        uint64_t bound_ns = wait_bound_ns(&w);
        if (bound_ns && c->wait_ns_max > bound_ns)
            fail(&w, "RT waited too long", workload->clients[i].name);
    }
    if (arrivals != handled)
        fail(&w, "arrivals were lost", "");
    if (be_runs && (w.began != completed || w.ended != completed))
        fail(&w, "the log and the result differ", "");
    replay_result_free(&result);

    struct watch again = {.seed = seed, .policy = policy, .workload = workload, .hash = 1};
    memset(again.next, 0xff, sizeof(again.next));
    run(&again, &result);
    if (again.hash != w.hash)
        fail(&w, "a second run differs", "");
    replay_result_free(&result);
}

/* Without RT work the policies that hold give what no control gives. */
static void check_conserving(uint64_t seed, const struct replay_workload *workload)
{
    static const char *const names[] = {"streams", "wait", "reef-n", "reef-nopad", "reef"};
    uint64_t hash = 0;

    for (size_t p = 0; p < 5; p++) {
        struct watch w = {
            .seed = seed, .policy = replay_policy_find(names[p]), .workload = workload, .hash = 1};
        struct replay_result result;
        uint64_t sum = 0;

        memset(w.next, 0xff, sizeof(w.next));
        run(&w, &result);
        for (uint32_t i = 0; i < workload->client_count; i++)
            for (size_t k = 0; k < result.clients[i].latency_ns.count; k++)
                sum = sum * 31 + result.clients[i].latency_ns.values[k];
        replay_result_free(&result);
        if (p > 0 && sum != hash)
            fail(&w, "not what streams gives", "");
        hash = sum;
    }
}

/* RT comes back long before a BE kernel can end. It is killed so often, and then waited for. */
static void check_progress(void)
{
    static const char *const names[] = {"reef", "reef-nopad"};

    for (size_t p = 0; p < 2; p++) {
        uint64_t random = 5;
        struct replay_workload *workload = replay_workload_create("dense");
        struct replay_model *rt = replay_model_create("rt"), *be = replay_model_create("be");
        struct replay_kernel k = {.name = "rt", .groups = 60, .threads = 64, .curve_length = 1};
        char err[256];

        (void)random;
        k.curve_ns[0] = 400000;
        replay_model_add_kernel(rt, &k);
        replay_model_append(rt, 0);
        k.curve_ns[0] = 5000000;
        replay_model_add_kernel(be, &k);
        for (int i = 0; i < 3; i++)
            replay_model_append(be, 0);
        replay_model_prepare(rt, &mi50, costs.gap_ns, err, sizeof(err));
        replay_model_prepare(be, &mi50, costs.gap_ns, err, sizeof(err));
        replay_workload_add_model(workload, rt);
        replay_workload_add_model(workload, be);
        for (int i = 0; i < 2; i++) {
            struct replay_client *c = replay_workload_add_client(workload);

            snprintf(c->name, sizeof(c->name), "%s", i ? "be" : "rt");
            c->rt = i == 0;
            c->load = i ? REPLAY_CONTINUOUS : REPLAY_PERIODIC;
            c->period_ns = 1000000;
            c->model = i ? be : rt;
        }
        workload->duration_ns = 1000000000;
        struct watch w = {.seed = 0, .policy = replay_policy_find(names[p]), .workload = workload};
        struct replay_result result;
        memset(w.next, 0xff, sizeof(w.next));
        run(&w, &result);
        uint64_t kernels = result.clients[1].latency_ns.count * 3;
        /* killed kill_limit times, then about 5 ms: 8 + 6 periods each */
        if (kernels < 1000 / (w.policy->kill_limit + 8))
            fail(&w, "BE starves", "");
        replay_result_free(&result);
        replay_workload_destroy(workload);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20220711;
    uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
    const struct replay_policy *policy;

    printf("seeds %" PRIu64 " to %" PRIu64 "\n", seed, seed + runs - 1);
    for (uint64_t i = 0; i < runs; i++) {
        uint64_t random = replay_random_seed(seed + i, 0);
        uint32_t rt = (uint32_t)below(&random, 4), be = (uint32_t)below(&random, 6) + 1;
        struct replay_workload *workload =
            random_workload(&random, rt, be, 2000000 + below(&random, 8000000));

        for (size_t p = 0; (policy = replay_policy_at(p)); p++)
            check_run(seed + i, workload, policy);
        replay_workload_destroy(workload);
        if (i % 10 == 0) {
            workload = random_workload(&random, 0, be, 8000000);
            check_conserving(seed + i, workload);
            replay_workload_destroy(workload);
        }
    }
    check_progress();
    return 0;
}
