// SPDX-License-Identifier: Apache-2.0
/*
 * Of what libraries a thread's time is made: every 200 us a signal notes where the thread is. For
 * programs whose whole time varies by more than what libreef may cost (torch_loop.py, KIT_SHARE).
 *
 *   share_begin()      from now on, of the calling thread
 *   share_end(FILE)    stops, and writes one line for each sample: LIBRARY OFFSET THROUGH
 *
 * What libreef calls (the driver, a lock of the C library, the clock) counts as that library's.
 * THROUGH tells it apart: the offset in libreef.so that it will probably return to, which is the
 * innermost such address on the stack; 0: none.
 */
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { SAMPLES = 200000, PERIOD_NS = 200000, STACK_WORDS = 512 };

static struct sample {
    uintptr_t at, through;
} samples[SAMPLES];
static uintptr_t libreef_begin, libreef_end; /* of its code */
static atomic_uint count;
static timer_t timer;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    unsigned i = atomic_fetch_add(&count, 1);
    if (i >= SAMPLES)
        return;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uintptr_t *stack = (const uintptr_t *)registers[REG_RSP];
    samples[i].at = (uintptr_t)registers[REG_RIP];
    for (unsigned word = 0; word < STACK_WORDS && !samples[i].through; word++)
        if (stack[word] >= libreef_begin && stack[word] < libreef_end)
            samples[i].through = stack[word];
}

static int find_libreef(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    for (unsigned i = 0; i < info->dlpi_phnum && strstr(info->dlpi_name, "/libreef.so"); i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            libreef_begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            libreef_end = libreef_begin + info->dlpi_phdr[i].p_memsz;
        }
    return 0;
}

int share_begin(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    struct itimerspec period = {{0, PERIOD_NS}, {0, PERIOD_NS}};
    dl_iterate_phdr(find_libreef, NULL);
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    if (sigaction(SIGPROF, &action, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
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
        Dl_info where = {0}, reef = {0};
        int found =
            dladdr((void *)samples[i].at, &where) && where.dli_fname; // NOLINT: an address of code
        const char *name = found ? strrchr(where.dli_fname, '/') : NULL;
        uintptr_t through = samples[i].through;
        if (through && dladdr((void *)through, &reef))
            through -= (uintptr_t)reef.dli_fbase;
        fprintf(out, "%s %#lx %#lx\n",
                name    ? name + 1
                : found ? where.dli_fname
                        : "?",
                (unsigned long)(samples[i].at - (found ? (uintptr_t)where.dli_fbase : 0)),
                (unsigned long)through);
    }
    return fclose(out);
}
