// SPDX-License-Identifier: Apache-2.0
/*
 * Of what libraries a thread's time is made: every 200 us a signal notes where the thread is. For
 * programs whose whole time varies by more than what libreef may cost (torch_loop.py, KIT_SHARE).
 *
 *   share_begin()      from now on, of the calling thread
 *   share_end(FILE)    stops, and writes one line for each sample: LIBRARY OFFSET
 *
 * What libreef calls (a lock of the C library, the clock) counts as that library's: compare with a
 * run without it.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { SAMPLES = 200000, PERIOD_NS = 200000 };

static uintptr_t samples[SAMPLES];
static atomic_uint count;
static timer_t timer;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    unsigned i = atomic_fetch_add(&count, 1);
    if (i < SAMPLES)
        samples[i] = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

int share_begin(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    struct itimerspec period = {{0, PERIOD_NS}, {0, PERIOD_NS}};
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    if (sigaction(SIGPROF, &action, NULL) != 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
        return -1;
    return timer_settime(timer, 0, &period, NULL);
}

int share_end(const char *file)
{
    timer_delete(timer);
    unsigned all = atomic_load(&count);
    FILE *out = fopen(file, "w");
    if (!out)
        return -1;
    for (unsigned i = 0; i < all && i < SAMPLES; i++) {
        Dl_info where = {0};
        int found = dladdr((void *)samples[i], &where) && where.dli_fname; // NOLINT: an address of code
        const char *name = found ? strrchr(where.dli_fname, '/') : NULL;
        fprintf(out, "%s %#lx\n", name ? name + 1 : found ? where.dli_fname : "?",
                (unsigned long)(samples[i] - (found ? (uintptr_t)where.dli_fbase : 0)));
    }
    return fclose(out);
}
