// SPDX-License-Identifier: Apache-2.0
/* Preparing kernels at their first launch. See prepare.h. */
#include "shim/amd/prepare.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "shim/amd/code/container.h"
#include "shim/amd/vqueue.h"
#include "shim/preload/log.h"

enum { WANTED_MAX = 64, GUARD_BYTES_MAX = 256 << 20 };
static const uint64_t patience_ns = 10000000000; /* no launch waits longer for one kernel */

struct wanted {
    struct reef_gpu *gpu;
    uint64_t kernel_object;
};

/* The thread. lock protects all of it; it is taken under gpu->lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, stopped, busy;
    uint64_t busy_since_ns;
    unsigned count;
    struct wanted wanted[WANTED_MAX]; /* the first is the one that is being prepared, if busy */
} worker = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* --- guards --- */

static _Atomic uint64_t loaded_bytes; /* of all guards */
static _Atomic bool told;             /* that there is no more room */

/* Into an executable of its own, which tools and debuggers see as any other one. */
static bool load(struct reef_prepared *p, hsa_agent_t agent, uint64_t *address)
{
    hsa_profile_t profile = HSA_PROFILE_BASE;
    hsa_loaded_code_object_t object;
    hsa_executable_t executable;
    reef_hsa.hsa_agent_get_info(agent, HSA_AGENT_INFO_PROFILE, &profile);
    if (reef_hsa.hsa_code_object_reader_create_from_memory(p->bytes, p->size, &p->reader) !=
        HSA_STATUS_SUCCESS)
        return false;
    if (reef_hsa.hsa_executable_create_alt(profile, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT, NULL,
                                           &executable) == HSA_STATUS_SUCCESS) {
        if (reef_hsa.hsa_executable_load_agent_code_object(executable, agent, p->reader, NULL,
                                                           &object) == HSA_STATUS_SUCCESS &&
            reef_hsa.hsa_executable_freeze(executable, NULL) == HSA_STATUS_SUCCESS &&
            reef_code_delta(object, address) && *address % REEF_GUARD_BLOCK_BYTES == 0) {
            p->executable = executable;
            return true;
        }
        reef_hsa.hsa_executable_destroy(executable);
    }
    reef_hsa.hsa_code_object_reader_destroy(p->reader);
    return false;
}

/* Returns the address of the guards; 0: it has none. */
static uint64_t load_guards(struct reef_prepared *p, const struct reef_code_kernel *k,
                            const struct reef_guarded *guarded,
                            const struct reef_guard_layout *layout)
{
    uint64_t address = 0;
    p->size = reef_container_size(guarded->bytes);
    if (atomic_fetch_add(&loaded_bytes, p->size) + p->size <= GUARD_BYTES_MAX)
        p->bytes = malloc(p->size);
    else if (!atomic_exchange(&told, true))
        reef_info("guards take %u MiB of the GPU's memory: more kernels do not get any",
                  GUARD_BYTES_MAX >> 20);
    if (p->bytes) {
        reef_container_write(p->bytes, &k->object, guarded->bytes);
        reef_guarded_write(guarded, p->bytes + REEF_CONTAINER_HEADERS, k->entry, layout);
        if (load(p, k->agent, &address))
            return address;
        reef_warn("guards of a kernel were refused; it runs without");
    }
    atomic_fetch_sub(&loaded_bytes, p->size);
    free(p->bytes);
    p->bytes = NULL;
    return 0;
}

void reef_prepared_free(struct reef_prepared *prepared, bool unload)
{
    if (!prepared)
        return;
    if (prepared->executable.handle) {
        atomic_fetch_sub(&loaded_bytes, prepared->size);
        if (unload) {
            reef_hsa.hsa_executable_destroy(prepared->executable);
            reef_hsa.hsa_code_object_reader_destroy(prepared->reader);
        }
    }
    reef_ranges_free(prepared->ranges);
    free(prepared->bytes);
    free(prepared);
}

/* --- one kernel --- */

/*
 * Loading makes the GPU copy and invalidate caches: nothing of that while real-time work is there.
 * Best-effort work is held then in any case, so this delays nothing. False: it is not to be loaded
 * any more.
 */
static bool wait_for_real_time(struct reef_gpu *gpu, const struct reef_code_kernel *k)
{
    enum { LOOK_NS = 1000000, SECOND_NS = 1000000000 };
    bool wait = true;
    while (wait && !reef_code_is_leaving(k)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_NS;
        until.tv_sec += until.tv_nsec / SECOND_NS;
        until.tv_nsec %= SECOND_NS;
        pthread_mutex_lock(&worker.lock);
        worker.busy_since_ns = reef_now_ns();
        if (worker.stopped) {
            pthread_mutex_unlock(&worker.lock);
            return false;
        }
        wait = !reef_disabled() && reef_board_rt_any(gpu->board) &&
               reef_board_rt_active(gpu->board, worker.busy_since_ns);
        if (wait)
            pthread_cond_timedwait(&worker.changed, &worker.lock, &until);
        pthread_mutex_unlock(&worker.lock);
    }
    return !wait;
}

static void log_time(const struct reef_code_kernel *k, const char *what, uint64_t since_ns)
{
    reef_debug("kernel %.*s: %s in %llu us", (int)k->kernel.name_length, k->kernel.name, what,
               (unsigned long long)(reef_now_ns() - since_ns) / 1000);
}

static void prepare(struct reef_gpu *gpu, const struct reef_code_kernel *k)
{
    struct reef_guards *guards = reef_guards_wanted() ? reef_guards_get(k->agent) : NULL;
    struct reef_prepared *prepared = calloc(1, sizeof(*prepared));
    struct reef_kernel known = {0}; /* may not be run again */
    struct reef_guarded guarded;
    uint64_t began_ns = reef_now_ns();
    if (!prepared) {
        reef_code_give(k, NULL, &known);
        return;
    }
    if (reef_guarded_make(&guarded, &k->object, &k->kernel, guards ? &guards->layout : NULL) != 0)
        guarded.bytes = 0;
    if (guarded.analysis.restart == REEF_RESTART_IF_DISJOINT)
        prepared->ranges = reef_analyse_ranges(&k->object, &k->kernel);
    known.rule = reef_restart_rule_for(&k->kernel, &guarded.analysis, prepared->ranges,
                                       guarded.bytes > 0 && guarded.alone);
    log_time(k, "analysed", began_ns);
    if (guarded.bytes > 0 && wait_for_real_time(gpu, k)) {
        began_ns = reef_now_ns();
        known.blocks = load_guards(prepared, k, &guarded, &guards->layout);
        log_time(k, "guards loaded", began_ns);
    }
    if (reef_guards_wanted())
        reef_guards_count(known.blocks != 0, known.blocks == 0);
    reef_guarded_free(&guarded);
    reef_code_give(k, prepared, &known);
}

/* --- the thread --- */

static void prepare_wanted(const struct wanted *wanted)
{
    struct reef_code_kernel kernel;
    if (reef_code_take(wanted->kernel_object, &kernel))
        prepare(wanted->gpu, &kernel);
    reef_guards_give_up_kernel(wanted->kernel_object); /* if that did not help */
}

static void *worker_main(void *arg)
{
    (void)arg;
    prctl(PR_SET_NAME, "reef-kernels");
    pthread_mutex_lock(&worker.lock);
    while (!worker.stopped) {
        if (worker.count == 0) {
            pthread_cond_wait(&worker.changed, &worker.lock);
            continue;
        }
        struct wanted wanted = worker.wanted[0];
        worker.busy = true;
        worker.busy_since_ns = reef_now_ns();
        pthread_mutex_unlock(&worker.lock);
        prepare_wanted(&wanted);
        pthread_mutex_lock(&worker.lock);
        if (worker.count > 0) /* else it was stopped */
            worker.count--;
        memmove(&worker.wanted[0], &worker.wanted[1], worker.count * sizeof(worker.wanted[0]));
        pthread_mutex_unlock(&worker.lock);
        reef_feed_resume(wanted.gpu);
        pthread_mutex_lock(&worker.lock);
        worker.busy = false;
        pthread_cond_broadcast(&worker.changed);
    }
    pthread_mutex_unlock(&worker.lock);
    return NULL;
}

static bool start_locked(void)
{
    sigset_t all, before;
    if (worker.started)
        return true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the new thread */
    worker.started = pthread_create(&worker.thread, NULL, worker_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return worker.started;
}

bool reef_prepare_want(struct reef_gpu *gpu, uint64_t kernel_object)
{
    pthread_mutex_lock(&worker.lock);
    bool stuck = worker.busy && reef_now_ns() - worker.busy_since_ns > patience_ns;
    bool will = !worker.stopped && !stuck && start_locked();
    unsigned n = 0;
    while (n < worker.count &&
           (worker.wanted[n].gpu != gpu || worker.wanted[n].kernel_object != kernel_object))
        n++;
    /* If there is no room: the agent looks again. */
    if (will && n == worker.count && worker.count < WANTED_MAX) {
        worker.wanted[worker.count++] = (struct wanted){gpu, kernel_object};
        pthread_cond_broadcast(&worker.changed);
    }
    pthread_mutex_unlock(&worker.lock);
    return will;
}

void reef_prepare_stop(void)
{
    enum { PATIENCE_S = 2 };
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&worker.lock);
    worker.stopped = true;
    pthread_cond_broadcast(&worker.changed);
    int error = 0;
    while (worker.started && worker.busy && error == 0)
        error = pthread_cond_timedwait(&worker.changed, &worker.lock, &deadline);
    bool join = worker.started && !worker.busy;
    if (worker.started && worker.busy)
        reef_warn("a kernel was not prepared in time");
    if (join)
        worker.started = false;
    worker.count = 0;
    pthread_mutex_unlock(&worker.lock);
    if (join)
        pthread_join(worker.thread, NULL);
}

void reef_prepare_allow(void)
{
    pthread_mutex_lock(&worker.lock);
    worker.stopped = worker.started; /* one that did not end in time: there is no second one */
    pthread_mutex_unlock(&worker.lock);
}
