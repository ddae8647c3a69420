// SPDX-License-Identifier: Apache-2.0
/*
 * Several threads write packets to several BE queues while another process raises RT work at
 * random. Every kernel must have its effect exactly once and in the order of its queue, every
 * signal must fall exactly to zero, barriers across queues must hold, and there must have been
 * kills.
 *
 * queue_stress [packets [seed]]     the BE side; starts itself with "pulse" as the RT side
 */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aql.h"
#include "shim/board/board.h"

enum { QUEUES = 3, PRODUCERS = 2, QUEUE_SIZE = 256 };

struct stream {
    hsa_queue_t *queue;
    uint64_t *log; /* what took effect, in order */
    _Atomic uint64_t effects;
    uint64_t written;
    pthread_mutex_t lock;
};

struct job {
    struct fake_kernel kernel; /* first */
    struct stream *stream;
    uint64_t index;
    _Atomic int *cross; /* checked: was set by the kernel a barrier waited for */
    _Atomic int *mark;
};

static struct stream streams[QUEUES];
static unsigned packets = 12000, seed = 1;

static void run_job(struct fake_kernel *arguments)
{
    struct job *job = (struct job *)arguments;
    struct stream *s = job->stream;
    uint64_t n = atomic_fetch_add(&s->effects, 1);
    s->log[n] = job->index;
    if (job->cross)
        CHECK(atomic_load(job->cross) == 1, "a kernel ran before what it depends on");
    if (job->mark)
        atomic_store(job->mark, 1);
}

static struct job *new_job(struct stream *s, unsigned duration_us)
{
    struct job *job = calloc(1, sizeof(*job));
    job->kernel.duration_us = duration_us;
    job->stream = s;
    return job;
}

/* Index and log entry must agree, so the index is known before the packet is visible. */
static void put_kernel(struct stream *s, struct job *job, hsa_signal_t done)
{
    hsa_kernel_dispatch_packet_t packet = {.grid_size_x = 64,
                                           .kernel_object = (uint64_t)(uintptr_t)run_job,
                                           .kernarg_address = job,
                                           .completion_signal = done};
    job->index = aql_reserve(s->queue);
    aql_publish(s->queue, job->index, &packet, HSA_PACKET_TYPE_KERNEL_DISPATCH);
    __atomic_fetch_add(&s->written, 1, __ATOMIC_RELAXED);
}

static void *produce(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;
    struct stream *s = &streams[number % QUEUES];
    unsigned random = seed * 7919 + number;
    hsa_signal_t none = {0}, last[8];
    unsigned waiting = 0;
    for (unsigned i = 0; i < packets / (QUEUES * PRODUCERS); i++) {
        unsigned dice = (unsigned)rand_r(&random) % 100;
        unsigned duration = dice < 3 ? 400 : (unsigned)rand_r(&random) % 30;
        if (dice < 5) {
            /* another queue's kernel, a barrier on it here, a kernel behind that */
            struct stream *other = &streams[(number + 1) % QUEUES];
            struct job *first = new_job(other, duration), *second = new_job(s, duration);
            first->mark = second->cross = calloc(1, sizeof(_Atomic int));
            hsa_signal_t met = aql_signal(1), done = aql_signal(1);
            /* producers of this queue must not come in between: the barrier orders only what
             * follows */
            put_kernel(other, first, met);
            aql_barrier(s->queue, met, none);
            put_kernel(s, second, done);
            last[waiting++] = done;
        } else if (dice < 30) {
            hsa_signal_t done = aql_signal(1);
            put_kernel(s, new_job(s, duration), done);
            last[waiting++] = done;
        } else {
            put_kernel(s, new_job(s, duration), none);
        }
        if (waiting == 8) {
            for (unsigned w = 0; w < 8; w++) {
                CHECK(aql_wait(last[w], 60), "a kernel never completed");
                CHECK(hsa_signal_load_relaxed(last[w]) == 0, "a signal fell below zero");
                hsa_signal_destroy(last[w]);
            }
            waiting = 0;
        }
    }
    for (unsigned w = 0; w < waiting; w++)
        CHECK(aql_wait(last[w], 60), "a kernel never completed");
    return NULL;
}

static void nothing(struct fake_kernel *arguments) {}

static int pulse(void)
{
    unsigned random = seed + (unsigned)getpid();
    hsa_init();
    hsa_queue_t *queue = aql_open(64);
    for (;;) {
        static struct fake_kernel kernel;
        kernel.duration_us = (unsigned)rand_r(&random) % 200;
        hsa_signal_t done = aql_signal(1);
        aql_kernel(queue, nothing, &kernel, done);
        CHECK(aql_wait(done, 10), "RT work did not complete");
        hsa_signal_destroy(done);
        aql_nap_us(300 + (unsigned)rand_r(&random) % 4000);
    }
}

static pid_t start_pulse(char *self)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", seed);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* kept over exec */
        setenv("REEF_PRIORITY", "rt", 1);
        execl(self, self, "pulse", text, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static struct reef_board_stats own_stats(void)
{
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    int count =
        reef_board_read(getenv("REEF_BOARD_DIR"), "pci-0000-03-00.0", peers, REEF_BOARD_SLOTS);
    for (int i = 0; i < count; i++)
        if (peers[i].pid == getpid())
            return peers[i].stats;
    CHECK(false, "this process is not on the board (%d)", count);
}

int main(int argc, char **argv)
{
    if (argc > 2)
        seed = (unsigned)atoi(argv[2]);
    if (argc > 1 && strcmp(argv[1], "pulse") == 0)
        return pulse();
    if (argc > 1)
        packets = (unsigned)atoi(argv[1]);

    pid_t child = start_pulse(argv[0]);
    hsa_init();
    for (unsigned i = 0; i < QUEUES; i++) {
        streams[i].queue = aql_open(QUEUE_SIZE);
        streams[i].log = calloc(2 * packets, sizeof(uint64_t));
    }
    pthread_t threads[QUEUES * PRODUCERS];
    for (unsigned i = 0; i < QUEUES * PRODUCERS; i++)
        pthread_create(&threads[i], NULL, produce, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < QUEUES * PRODUCERS; i++)
        pthread_join(threads[i], NULL);

    uint64_t total = 0;
    for (unsigned i = 0; i < QUEUES; i++) {
        struct stream *s = &streams[i];
        hsa_signal_t none = {0}, done = aql_signal(1);
        aql_barrier(s->queue, none, done);
        CHECK(aql_wait(done, 60), "the last barrier never completed");
        CHECK(s->effects == s->written, "queue %u: %llu effects of %llu kernels", i,
              (unsigned long long)s->effects, (unsigned long long)s->written);
        for (uint64_t k = 1; k < s->effects; k++)
            CHECK(s->log[k] > s->log[k - 1], "queue %u: kernel %llu after %llu", i,
                  (unsigned long long)s->log[k], (unsigned long long)s->log[k - 1]);
        total += s->effects;
    }
    aql_nap_us(20000); /* the agent publishes its counters at its next step */
    struct reef_board_stats stats = own_stats();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (unsigned i = 0; i < QUEUES; i++)
        CHECK(hsa_queue_destroy(streams[i].queue) == HSA_STATUS_SUCCESS, "hsa_queue_destroy");
    hsa_shut_down();
    printf("%llu kernels, %llu preemptions, %llu resets, %llu drains, %llu killed, %llu again\n",
           (unsigned long long)total, (unsigned long long)stats.preemptions,
           (unsigned long long)stats.resets, (unsigned long long)stats.drains,
           (unsigned long long)stats.killed, (unsigned long long)stats.reexecuted);
    CHECK(stats.preemptions > 0, "nothing was preempted");
    const char *restartable = getenv("REEF_RESTARTABLE");
    if (restartable && strcmp(restartable, "assume") == 0)
        CHECK(stats.killed > 0 && stats.reexecuted > 0, "nothing was killed");
    else
        CHECK(stats.killed == 0, "what may not be restarted was killed");
    return 0;
}
