// SPDX-License-Identifier: Apache-2.0
/*
 * The uncontended path of a launch allocates nothing and makes no system call: checked with a
 * counting malloc and with a filter (seccomp(2)) on this thread that ends the program at the first
 * system call. The driver is the counting fake (FAKE_CUDA_COUNT=1).
 *
 *   uncontended [marks]
 *
 * marks: no filter, but a getppid(2) before and behind the launches, for who looks on with strace.
 *
 * RIG_BESIDE=1 (class rt): the program waits so often that beside a best-effort one it has an
 * anchor, which is renewed while it is watched (REEF_ANCHOR=auto).
 */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

void *__libc_malloc(size_t bytes);
void *malloc(size_t bytes);

static _Thread_local unsigned long allocations;

void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}

static void forbid_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

/* Until the agent has nothing more to do from the start: else it may have the lock just when we
 * want it. */
static void wait_for_agent(void)
{
    if (rig_is_be())
        while (system("for t in /proc/$PPID/task/*; do grep -q reef-agent $t/comm && "
                      "grep -q 'State:.S' $t/status && exit 0; done; exit 1") != 0)
            usleep(1000);
}

static CUstream stream;
static CUevent event;

static void call(int i)
{
    static const uint64_t words[2];
    void *params[] = {(void *)&words[0], (void *)&words[1]};
    cuLaunchKernel(rig_add, 1, 1, 1, 32, 1, 1, 0, stream, params, NULL);
    cuEventRecord(event, stream);
    cuStreamQuery(stream);
    if (i % 64 == 0)
        cuStreamSynchronize(stream);
}

static struct fake_cuda_counts *counts;

/* How often the kernel of an anchor has been launched. */
static uint64_t anchors(void)
{
    return counts->anchors;
}

static void get_an_anchor(void)
{
    counts = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(counts);
    for (int i = 0; anchors() < 3; i++) /* the first is a trial */
        call(i);
}

int main(int argc, char **argv)
{
    bool marks = argc > 1;
    rig_start();
    bool anchored = getenv("RIG_BESIDE");
    stream = rig_stream(1);
    TRY(cuEventCreate(&event, 0));
    /* The kernel's time is learned, the RT bit is set, the events of all marks are made. */
    for (int i = 0; i < 20000; i++)
        call(i);
    if (anchored)
        get_an_anchor();
    unsigned long before = allocations;
    wait_for_agent();
    if (marks)
        syscall(SYS_getppid);
    else if (!rig_is_rt()) /* an RT process raises its bit again after the agent has cleared it */
        forbid_calls();
    uint64_t anchors_before = anchored ? anchors() : 0;
    for (int i = 0; i < 20000 || (anchored && anchors() < anchors_before + 4); i++)
        call(i);
    if (marks)
        syscall(SYS_getppid);
    if (allocations != before)
        _exit(1);
    syscall(SYS_exit_group, 0);
}
