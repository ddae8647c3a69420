// SPDX-License-Identifier: Apache-2.0
/*
 * Small cases of virtual queues, each a process of its own: queue_cases NAME. The environment
 * decides whether libreef.so is there and of what class the queues are; what the application sees
 * must be the same.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aql.h"
#include "shim/board/board.h"

static const hsa_signal_t none;

struct job {
    struct fake_kernel kernel; /* first */
    _Atomic unsigned *counter;
    unsigned seen; /* the counter when this kernel took effect */
};

static void count(struct fake_kernel *arguments)
{
    struct job *job = (struct job *)arguments;
    job->seen = atomic_fetch_add(job->counter, 1);
}

static struct job *jobs_of(unsigned n, unsigned duration_us, _Atomic unsigned *counter)
{
    struct job *jobs = calloc(n, sizeof(*jobs));
    for (unsigned i = 0; i < n; i++)
        jobs[i] = (struct job){.kernel = {.duration_us = duration_us}, .counter = counter};
    return jobs;
}

static void finish(hsa_queue_t *queue, unsigned seconds)
{
    hsa_signal_t done = aql_signal(1);
    aql_barrier(queue, none, done);
    CHECK(aql_wait(done, seconds), "the queue does not get empty");
    hsa_signal_destroy(done);
}

static void wait_consumed(hsa_queue_t *queue)
{
    uint64_t begin = aql_now_ns();
    while (hsa_queue_load_read_index_scacquire(queue) !=
           hsa_queue_load_write_index_relaxed(queue)) {
        CHECK(aql_now_ns() - begin < 10000000000ull,
              "the read index does not reach the write index");
        aql_nap_us(50);
    }
}

/*
 * Order, indices, and that consumed packets are marked invalid; several times round the ring. A
 * queue for one producer has the indices of that producer's packets; in one for several (MULTI)
 * there is another one in an RT process: libreef itself.
 */
static void order_in(hsa_queue_type32_t type, bool alone)
{
    enum { N = 1000 };
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(N, 5, &counter);
    hsa_queue_t *queue = aql_open_type(64, type);
    CHECK(queue->size >= 64 && queue->base_address, "size %u", queue->size);
    CHECK(queue->type == type, "type %u", queue->type);
    uint64_t least = 0;
    for (unsigned i = 0; i < N; i++) {
        uint64_t index = aql_kernel(queue, count, &jobs[i], none);
        CHECK(index >= least && (!alone || index == i), "index");
        least = index + 1;
    }
    finish(queue, 30);
    CHECK(counter == N, "%u of %u kernels", counter, N);
    for (unsigned i = 0; i < N; i++)
        CHECK(jobs[i].seen == i, "kernel %u was number %u", i, jobs[i].seen);
    wait_consumed(queue);
    CHECK(!alone || hsa_queue_load_read_index_relaxed(queue) == N + 1, "read index");
    for (unsigned i = 0; i < queue->size && alone; i++)
        CHECK((((uint32_t *)queue->base_address)[i * 16] & 0xff) == HSA_PACKET_TYPE_INVALID,
              "packet %u is still valid", i);
    CHECK(hsa_queue_destroy(queue) == HSA_STATUS_SUCCESS, "destroy");
}

static void case_single(void)
{
    order_in(HSA_QUEUE_TYPE_SINGLE, true);
}

static void case_order(void)
{
    const char *class = getenv("REEF_PRIORITY");
    order_in(HSA_QUEUE_TYPE_MULTI, !class || strcmp(class, "rt") != 0);
}

/* Bursts a little longer than a device queue is deep, each waited for: the last packets are written
 * just when what they wait behind is over, and nobody rings again after them. */
static void case_bursts(void)
{
    enum { BURSTS = 3000, MOST = 8 };
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(MOST, 1, &counter);
    hsa_queue_t *queue = aql_open(64);
    unsigned random = 1, all = 0;
    for (unsigned b = 0; b < BURSTS; b++) {
        hsa_signal_t done = aql_signal(1);
        unsigned packets = 1 + (unsigned)rand_r(&random) % MOST;
        for (unsigned i = 0; i < packets; i++) {
            jobs[i].kernel.duration_us = (unsigned)rand_r(&random) % 4;
            aql_kernel(queue, count, &jobs[i], i + 1 == packets ? done : none);
        }
        all += packets;
        CHECK(aql_wait(done, 20), "burst %u: a packet was forgotten", b);
        hsa_signal_destroy(done);
    }
    CHECK(counter == all, "%u of %u kernels", counter, all);
    hsa_queue_destroy(queue);
}

/* In an RT process: however short before the next launch the last work was found to be over, the
 * process's bit on the board is there while there is work. That is not over before the bit was
 * seen: the agent may just have cleared it, and lose its processor before it looks at the queue
 * again. */
static void case_arrivals(void)
{
    char why[160];
    struct reef_board *board;
    _Atomic unsigned counter = 0;
    struct job *job = jobs_of(1, 100, &counter);
    hsa_queue_t *queue = aql_open(64);
    unsigned random = 1;
    CHECK(reef_board_open(&board, getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", why, sizeof(why)) ==
              0,
          "%s", why);
    for (unsigned i = 0; i < 500; i++) {
        hsa_signal_t gate = aql_signal(1), done = aql_signal(1);
        aql_barrier(queue, gate, none);
        uint64_t begin_ns = aql_now_ns();
        while (!reef_board_rt_active(board, aql_now_ns()))
            CHECK(aql_now_ns() - begin_ns < 20000000000ull, "arrival %u was lost", i);
        aql_kernel(queue, count, job, done);
        hsa_signal_store_relaxed(gate, 0);
        CHECK(aql_wait(done, 10), "no completion");
        hsa_signal_destroy(done);
        hsa_signal_destroy(gate);
        uint64_t until_ns = aql_now_ns() + (uint64_t)rand_r(&random) % 200000;
        while (aql_now_ns() < until_ns)
            ;
    }
    hsa_queue_destroy(queue);
    reef_board_close(board);
}

/* One doorbell for many packets; a packet that is published before the one in front of it. */
static void case_doorbell(void)
{
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(12, 5, &counter);
    hsa_queue_t *queue = aql_open(64);
    uint32_t *ring = queue->base_address;
    hsa_queue_store_write_index_relaxed(queue, 10);
    for (unsigned i = 0; i < 10; i++) {
        hsa_kernel_dispatch_packet_t packet = {.kernel_object = (uint64_t)(uintptr_t)count,
                                               .kernarg_address = &jobs[i],
                                               .grid_size_x = 1};
        memcpy(ring + i * 16 + 1, (char *)&packet + 4, 60);
        __atomic_store_n(ring + i * 16, HSA_PACKET_TYPE_KERNEL_DISPATCH, __ATOMIC_RELEASE);
    }
    hsa_signal_store_relaxed(queue->doorbell_signal, 9);
    uint64_t first = hsa_queue_add_write_index_relaxed(queue, 1);
    aql_kernel(queue, count, &jobs[11], none);
    aql_nap_us(30000);
    CHECK(counter == 10, "%u kernels ran, a gap was jumped over", counter);
    hsa_kernel_dispatch_packet_t packet = {.kernel_object = (uint64_t)(uintptr_t)count,
                                           .kernarg_address = &jobs[10],
                                           .grid_size_x = 1};
    aql_publish(queue, first, &packet, HSA_PACKET_TYPE_KERNEL_DISPATCH);
    finish(queue, 10);
    CHECK(counter == 12 && jobs[10].seen == 10 && jobs[11].seen == 11, "order");
    uint64_t expected = hsa_queue_load_write_index_scacquire(queue);
    CHECK(hsa_queue_cas_write_index_relaxed(queue, expected + 1, 0) == expected, "cas");
    CHECK(hsa_queue_load_write_index_relaxed(queue) == expected, "cas must not have stored");
    hsa_queue_destroy(queue);
}

/* A full ring whose first packet waits for the host. */
static void case_full(void)
{
    _Atomic unsigned counter = 0;
    hsa_queue_t *queue = aql_open(64);
    struct job *jobs = jobs_of(queue->size, 1, &counter);
    for (unsigned round = 0; round < 20; round++) {
        hsa_signal_t gate = aql_signal(1);
        counter = 0;
        aql_barrier(queue, gate, none);
        for (unsigned i = 0; i < queue->size - 1; i++)
            aql_kernel(queue, count, &jobs[i], none);
        aql_nap_us(2000);
        CHECK(counter == 0, "the barrier did not hold");
        hsa_signal_store_relaxed(gate, 0);
        finish(queue, 10);
        CHECK(counter == queue->size - 1, "%u kernels", counter);
        hsa_signal_destroy(gate);
    }
    hsa_queue_destroy(queue);
}

/* Time stamps reach the application's signal; the signal may be destroyed at once. */
static void case_signals(void)
{
    enum { N = 2000 };
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(N, 3, &counter);
    hsa_queue_t *queue = aql_open(64);
    hsa_amd_profiling_set_profiler_enabled(queue, 1);
    for (unsigned i = 0; i < N; i++) {
        hsa_signal_t done = aql_signal(1);
        hsa_amd_profiling_dispatch_time_t time;
        hsa_agent_t agent = {FAKE_GPU_AGENT};
        uint64_t before = aql_now_ns();
        aql_kernel(queue, count, &jobs[i], done);
        CHECK(aql_wait(done, 10), "no completion");
        CHECK(hsa_signal_load_relaxed(done) == 0, "value %lld",
              (long long)hsa_signal_load_relaxed(done));
        hsa_amd_profiling_get_dispatch_time(agent, done, &time);
        CHECK(time.start >= before && time.end >= time.start + 3000, "time stamps");
        hsa_signal_destroy(done);
    }
    hsa_queue_destroy(queue);
}

static hsa_queue_t *error_source;
static _Atomic int error_status;

static void on_error(hsa_status_t status, hsa_queue_t *source, void *data)
{
    error_source = source;
    CHECK(data == &error_status, "the callback's data");
    atomic_store(&error_status, (int)status);
}

/* An error of the queue names the queue the application knows, and nothing runs afterwards. */
static void case_error(void)
{
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(2, 5, &counter);
    hsa_agent_t agent = {FAKE_GPU_AGENT};
    hsa_queue_t *queue;
    CHECK(hsa_queue_create(agent, 64, HSA_QUEUE_TYPE_MULTI, on_error, &error_status, UINT32_MAX,
                           UINT32_MAX, &queue) == HSA_STATUS_SUCCESS,
          "create");
    aql_kernel(queue, count, &jobs[0], none);
    aql_kernel(queue, NULL, &jobs[1], none);
    for (unsigned i = 0; i < 1000 && !error_status; i++)
        aql_nap_us(1000);
    CHECK(error_status == HSA_STATUS_ERROR_INVALID_CODE_OBJECT, "status 0x%x", error_status);
    CHECK(error_source == queue, "the error names another queue");
    aql_kernel(queue, count, &jobs[1], none);
    aql_nap_us(20000);
    CHECK(counter == 1, "%u kernels", counter);
    hsa_queue_destroy(queue);
}

/* Arguments the real function refuses; a queue of an agent that is no GPU. */
static void case_arguments(void)
{
    hsa_queue_t *queue;
    hsa_agent_t gpu = {FAKE_GPU_AGENT}, cpu = {FAKE_CPU_AGENT};
    CHECK(hsa_queue_create(gpu, 63, HSA_QUEUE_TYPE_MULTI, NULL, NULL, 0, 0, &queue) ==
              HSA_STATUS_ERROR_INVALID_ARGUMENT,
          "size 63");
    CHECK(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_MULTI, NULL, NULL, 0, 0, NULL) ==
              HSA_STATUS_ERROR_INVALID_ARGUMENT,
          "no pointer");
    CHECK(hsa_queue_create(cpu, 64, HSA_QUEUE_TYPE_MULTI, NULL, NULL, 0, 0, &queue) ==
              HSA_STATUS_SUCCESS,
          "cpu agent");
    hsa_queue_destroy(queue);
}

/* Destroying a queue with a long kernel in it, and one with held packets. */
static void case_destroy(void)
{
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(8, 20000000, &counter);
    uint64_t begin = aql_now_ns();
    for (unsigned round = 0; round < 3; round++) {
        hsa_queue_t *queue = aql_open(64);
        for (unsigned i = 0; i < 8; i++)
            aql_kernel(queue, count, &jobs[i], none);
        aql_nap_us(2000);
        CHECK(hsa_queue_destroy(queue) == HSA_STATUS_SUCCESS, "destroy");
    }
    CHECK(aql_now_ns() - begin < 5000000000ull, "destroying took too long");
    CHECK(counter == 0, "a kernel ran on");
}

/* Leaving with work in the queue, with and without hsa_shut_down: must not hang. */
static void case_exit(void)
{
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(8, 20000000, &counter);
    hsa_queue_t *queue = aql_open(64);
    for (unsigned i = 0; i < 8; i++)
        aql_kernel(queue, count, &jobs[i], none);
    aql_nap_us(1000);
}

static void case_shutdown(void)
{
    case_exit();
    CHECK(hsa_shut_down() == HSA_STATUS_SUCCESS, "hsa_shut_down");
    /* A second life of the runtime. */
    CHECK(hsa_init() == HSA_STATUS_SUCCESS, "hsa_init");
    case_order();
}

/* fork: the child exits, another one execs; the parent's queues go on. */
static void case_fork(void)
{
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(200, 200, &counter);
    hsa_queue_t *queue = aql_open(256);
    for (unsigned i = 0; i < 100; i++)
        aql_kernel(queue, count, &jobs[i], none);
    for (unsigned i = 0; i < 4; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0 && i % 2)
            exit(0);
        if (pid == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child: %d", status);
        for (unsigned k = 0; k < 25; k++)
            aql_kernel(queue, count, &jobs[100 + i * 25 + k], none);
    }
    finish(queue, 30);
    CHECK(counter == 200, "%u kernels", counter);
    hsa_queue_destroy(queue);
}

/* A high-priority queue in a be process is rt: it passes long be kernels, also when it depends on
 * one. */
static void case_priority(void)
{
    _Atomic unsigned be_counter = 0, rt_counter = 0;
    struct job *be_jobs = jobs_of(50, 10000, &be_counter);
    struct job *rt_jobs = jobs_of(400, 50, &rt_counter);
    hsa_queue_t *be = aql_open(64), *rt = aql_open(64);
    CHECK(hsa_amd_queue_set_priority(rt, HSA_AMD_QUEUE_PRIORITY_HIGH) == HSA_STATUS_SUCCESS,
          "prio");
    for (unsigned i = 0; i < 20; i++)
        aql_kernel(be, count, &be_jobs[i], none);
    for (unsigned i = 0; i < 200; i++) {
        hsa_signal_t done = aql_signal(1);
        aql_kernel(rt, count, &rt_jobs[i], done);
        CHECK(aql_wait(done, 10), "rt work did not complete");
        hsa_signal_destroy(done);
        if (i % 50 == 0)
            aql_nap_us(3000);
    }
    finish(be, 30);
    /* rt waits for be, be is held while rt is active: must not deadlock */
    uint64_t begin = aql_now_ns();
    for (unsigned i = 0; i < 20; i++) {
        hsa_signal_t met = aql_signal(1), done = aql_signal(1);
        aql_kernel(be, count, &be_jobs[20 + i], met);
        aql_kernel(rt, count, &rt_jobs[200 + i], none);
        aql_barrier(rt, met, none);
        aql_kernel(rt, count, &rt_jobs[220 + i], done);
        CHECK(aql_wait(done, 20), "rt and be wait for each other");
        CHECK(be_counter == 21 + i, "rt did not wait for be");
        hsa_signal_destroy(done);
    }
    CHECK(aql_now_ns() - begin < 10000000000ull, "rt waited too long for be");
    finish(rt, 10);
    CHECK(be_counter == 40 && rt_counter == 240, "%u be, %u rt", be_counter, rt_counter);
    hsa_queue_destroy(be);
    hsa_queue_destroy(rt);
}

/* Of this process's BE work. */
static uint64_t preemptions(void)
{
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    uint64_t sum = 0;
    int count =
        reef_board_read(getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", peers, REEF_BOARD_SLOTS);
    for (int i = 0; i < count; i++)
        if (peers[i].pid == getpid())
            sum += peers[i].stats.preemptions;
    return sum;
}

static _Atomic bool restless_end;

/* RT work of another process that comes and goes more often than anything is given up for stalled.
 */
static void *come_and_go(void *arg)
{
    struct reef_board *board = arg;
    while (!restless_end) {
        reef_board_rt_raise(board);
        aql_nap_us(1000);
        reef_board_rt_clear(board);
        aql_nap_us(1000);
    }
    return NULL;
}

/*
 * A full device queue goes on while RT work comes and goes. Twice: what is in it waits for the
 * program itself, which first wants to put more into its queue than the depth lets through, and
 * behind that one queue waits for the other; and kernels of which none fits into a gap.
 */
static void case_restless(void)
{
    enum { N = 24, LONG = 6 };
    char why[160];
    struct reef_board *board;
    pthread_t rt;
    _Atomic unsigned counter = 0;
    struct job *jobs = jobs_of(2 * N, 50, &counter), *others = jobs_of(1, 50, &counter);
    struct job *longs = jobs_of(LONG, 3000, &counter);
    hsa_queue_t *queue = aql_open(64), *other = aql_open(64);
    hsa_signal_t go = aql_signal(1), met = aql_signal(1);

    CHECK(reef_board_open(&board, getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", why, sizeof(why)) ==
              0,
          "%s", why);
    CHECK(pthread_create(&rt, NULL, come_and_go, board) == 0, "thread");
    aql_barrier(queue, go, none);
    for (unsigned i = 0; i < N; i++)
        aql_kernel(queue, count, &jobs[i], none);
    aql_barrier(other, go, none);
    aql_kernel(other, count, &others[0], met);
    aql_barrier(queue, met, none);
    for (unsigned i = N; i < 2 * N; i++)
        aql_kernel(queue, count, &jobs[i], none);
    aql_nap_us(20000);
    CHECK(counter == 0, "the barrier did not hold");
    hsa_signal_store_relaxed(go, 0);
    finish(queue, 60);
    CHECK(counter == 2 * N + 1, "%u kernels", counter);
    for (unsigned i = 1; i < 2 * N; i++)
        CHECK(jobs[i].seen > jobs[i - 1].seen, "kernel %u before %u", i, i - 1);
    CHECK(others[0].seen < jobs[N].seen, "a kernel ran before what it depends on");
    for (unsigned i = 0; i < LONG; i++)
        aql_kernel(queue, count, &longs[i], none);
    finish(queue, 60);
    CHECK(counter == 2 * N + 1 + LONG, "%u kernels", counter);
    for (unsigned more = 0; preemptions() <= 10 && more < 1000; more++) { /* on a busy machine */
        aql_kernel(queue, count, &longs[0], none);
        finish(queue, 60);
    }
    restless_end = true;
    CHECK(pthread_join(rt, NULL) == 0, "join");
    aql_nap_us(20000); /* the agent publishes its counters at its next step */
    CHECK(preemptions() > 10, "%llu preemptions", (unsigned long long)preemptions());
    hsa_queue_destroy(other);
    hsa_queue_destroy(queue);
    reef_board_close(board);
}

static char *self_path;

/* Starts this program as an RT process that runs another case. */
static pid_t start_rt(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("REEF_PRIORITY", "rt", 1);
        execl(self_path, self_path, name, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Kernels of 0.1 s: it makes progress. */
static void case_long_rt(void)
{
    _Atomic unsigned counter = 0;
    hsa_queue_t *queue = aql_open(64);
    struct job *jobs = jobs_of(60, 100000, &counter);
    for (unsigned i = 0; i < 60; i++)
        aql_kernel(queue, count, &jobs[i], none);
    finish(queue, 60);
}

/* Waits for its own host, which never answers. */
static void case_waiting_rt(void)
{
    hsa_queue_t *queue = aql_open(64);
    hsa_signal_t never = aql_signal(1);
    aql_barrier(queue, never, none);
    finish(queue, 60);
}

/* Whether process @pid has RT work. */
static bool has_rt_work(pid_t pid)
{
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    int count =
        reef_board_read(getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", peers, REEF_BOARD_SLOTS);
    for (int i = 0; i < count; i++)
        if (peers[i].pid == pid && peers[i].rt_active)
            return true;
    return false;
}

/* Milliseconds until @done, at most @most_ms, by the clock of somebody who has to wait for a
 * processor as the agent has: a nap of 0.2 ms that lasts longer than 2 ms counts as 2 ms. */
static unsigned waited_ms(hsa_signal_t done, unsigned most_ms)
{
    uint64_t sum_ns = 0, now_ns, last_ns = aql_now_ns();
    while (hsa_signal_load_relaxed(done) > 0 && sum_ns < most_ms * 1000000ull) {
        aql_nap_us(200);
        now_ns = aql_now_ns();
        sum_ns += now_ns - last_ns < 2000000 ? now_ns - last_ns : 2000000;
        last_ns = now_ns;
    }
    return (unsigned)(sum_ns / 1000000);
}

/* Submits kernels until one does not complete for 20 ms while the RT peer has work: it holds us. */
static void until_held(hsa_queue_t *queue, struct job *job, hsa_signal_t done, pid_t peer)
{
    for (uint64_t begin = aql_now_ns();; aql_nap_us(1000)) {
        CHECK(aql_now_ns() - begin < 60000000000ull, "the rt peer never held us");
        CHECK(aql_wait(done, 20), "held for ever");
        hsa_signal_store_relaxed(done, 1);
        aql_kernel(queue, count, job, done);
        if (waited_ms(done, 20) >= 20 && has_rt_work(peer)) /* it may have come just before */
            return;
    }
}

/* An RT peer that stops, dies, or only waits: BE goes on, within the bounds that are promised. */
static void case_peers(void)
{
    static const struct {
        const char *peer;
        int signal; /* 0: none */
        unsigned bound_ms;
    } rows[] = {{"long-rt", SIGSTOP, 150}, {"long-rt", SIGKILL, 150}, {"waiting-rt", 0, 1500}};
    _Atomic unsigned counter = 0;
    struct job *job = jobs_of(1, 100, &counter);
    hsa_queue_t *queue = aql_open(64);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pid_t peer = start_rt(rows[i].peer);
        hsa_signal_t done = aql_signal(0);
        until_held(queue, job, done, peer);
        if (rows[i].signal)
            kill(peer, rows[i].signal);
        unsigned ms = waited_ms(done, 20000);
        printf("%s, signal %d: released after %u ms\n", rows[i].peer, rows[i].signal, ms);
        CHECK(ms <= rows[i].bound_ms, "BE work was held for %u ms", ms);
        kill(peer, SIGKILL);
        waitpid(peer, NULL, 0);
        hsa_signal_destroy(done);
    }
    hsa_queue_destroy(queue);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"order", case_order},       {"doorbell", case_doorbell},
    {"full", case_full},         {"signals", case_signals},
    {"error", case_error},       {"arguments", case_arguments},
    {"destroy", case_destroy},   {"exit", case_exit},
    {"shutdown", case_shutdown}, {"fork", case_fork},
    {"priority", case_priority}, {"peers", case_peers},
    {"long-rt", case_long_rt},   {"waiting-rt", case_waiting_rt},
    {"restless", case_restless}, {"single", case_single},
    {"bursts", case_bursts},     {"arrivals", case_arrivals},
};

int main(int argc, char **argv)
{
    self_path = argv[0];
    CHECK(argc == 2, "usage: queue_cases NAME");
    CHECK(hsa_init() == HSA_STATUS_SUCCESS, "hsa_init");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return 0;
        }
    }
    CHECK(false, "no such case");
}
