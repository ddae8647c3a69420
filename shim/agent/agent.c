// SPDX-License-Identifier: Apache-2.0
/* The agent thread. See agent.h. */
#include "shim/agent/agent.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

static void *agent_main(void *arg)
{
    struct reef_agent *agent = arg;
    prctl(PR_SET_NAME, "reef-agent");
    prctl(PR_SET_TIMERSLACK, 1UL); /* the default, 50 us, is more than a preemption */
    if (agent->background)         /* batch tasks do not preempt on wake-up (sched(7)) */
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &(struct sched_param){0});
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
