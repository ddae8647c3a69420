// SPDX-License-Identifier: Apache-2.0
/* The agent thread. See agent.h. */
#include "shim/agent/agent.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* struct sched_attr of sched_setattr(2), version 0; older C libraries have no declaration. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/*
 * The agent runs rarely and for microseconds, and in a BE process RT work of others waits for it:
 * so it asks for a short slice, which since Linux 6.12 lets an ordinary task run soon when it
 * wakes, and for a better nice value if it may. A background agent is a batch task: it does not
 * preempt when it wakes (sched(7)). All of this is best effort.
 */
static void set_scheduling(bool background)
{
    struct attributes a = {.size = sizeof(a), .runtime = 100000};
    a.policy = background ? SCHED_BATCH : SCHED_OTHER;
    a.nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
    struct attributes better = a;
    better.nice = a.nice - 10 < -20 ? -20 : a.nice - 10;
    if (syscall(SYS_sched_setattr, 0, &better, 0) != 0)
        syscall(SYS_sched_setattr, 0, &a, 0);
}

/*
 * Where the process may run, and not only where the thread may that started the agent: real-time
 * programs pin their threads, and one that never sleeps, or has a real-time policy, would keep the
 * agent from running; others wait for it then.
 */
static void set_affinity(void)
{
    cpu_set_t own, process;
    if (sched_getaffinity(0, sizeof(own), &own) != 0 ||
        sched_getaffinity(getpid(), sizeof(process), &process) != 0)
        return;
    CPU_OR(&own, &own, &process);
    sched_setaffinity(0, sizeof(own), &own);
}

static void *agent_main(void *arg)
{
    struct reef_agent *agent = arg;
    prctl(PR_SET_NAME, "reef-agent");
    prctl(PR_SET_TIMERSLACK, 1UL); /* the default, 50 us, is longer than a preemption may take */
    set_scheduling(agent->background);
    set_affinity();
    while (!atomic_load_explicit(&agent->stop, memory_order_acquire)) {
        uint32_t bell = reef_board_bell(agent->board);
        uint64_t timeout_ns = agent->step(agent->arg);
        if (timeout_ns > REEF_AGENT_DOZE_NS) {
            atomic_store_explicit(&agent->asleep, true, memory_order_relaxed);
            atomic_thread_fence(memory_order_seq_cst);
            if (agent->anything_new(agent->arg) || atomic_load(&agent->stop))
                timeout_ns = 0;
        }
        if (timeout_ns > 0)
            reef_board_sleep(agent->board, bell, timeout_ns);
        atomic_store_explicit(&agent->asleep, false, memory_order_relaxed);
    }
    return NULL;
}

int reef_agent_start(struct reef_agent *agent)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the new thread */
    int error = pthread_create(&agent->thread, NULL, agent_main, agent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    agent->started = error == 0;
    return -error;
}

bool reef_agent_stop(struct reef_agent *agent)
{
    if (!agent->started)
        return true;
    atomic_store(&agent->stop, true);
    reef_board_ring_self(agent->board);
    if (pthread_equal(pthread_self(), agent->thread))
        return false;
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 2;
    if (pthread_timedjoin_np(agent->thread, NULL, &deadline) != 0) {
        pthread_detach(agent->thread);
        return false;
    }
    agent->started = false;
    return true;
}
