// SPDX-License-Identifier: Apache-2.0
/*
 * A program that calls the driver only in a thread that it has pinned: libreef's agent may run
 * where the process may (shim/agent/agent.c).
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

static bool is_agent(const char *task)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", task);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool read = fgets(name, sizeof(name), file) != NULL;
    fclose(file);
    return read && strcmp(name, "reef-agent\n") == 0;
}

/* Of the agent, once it has its name; 0: it has none yet. */
static pid_t find_agent(void)
{
    pid_t agent = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks);
    for (struct dirent *task; !agent && (task = readdir(tasks));)
        if (is_agent(task->d_name))
            agent = atoi(task->d_name);
    closedir(tasks);
    return agent;
}

static void *pinned(void *arg)
{
    cpu_set_t all, one;
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    rig_start();
    rig_do(rig_none, rig_stream(1), NULL, 0);
    TRY(cuCtxSynchronize());
    return NULL;
}

/* Soon after it has its name. */
static bool agent_is_free(const cpu_set_t *process)
{
    cpu_set_t set;
    pid_t agent = find_agent();
    return agent && sched_getaffinity(agent, sizeof(set), &set) == 0 && CPU_EQUAL(process, &set);
}

int main(void)
{
    enum { PATIENCE_MS = 5000 };
    pthread_t thread;
    cpu_set_t process;
    int ms = 0;
    CHECK(pthread_create(&thread, NULL, pinned, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(sched_getaffinity(getpid(), sizeof(process), &process) == 0);
    for (; !agent_is_free(&process) && ms < PATIENCE_MS; ms++)
        usleep(1000);
    CHECK(ms < PATIENCE_MS);
    return 0;
}
