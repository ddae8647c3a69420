// SPDX-License-Identifier: Apache-2.0
/*
 * The uncontended path of a launch allocates nothing and makes no system call: checked with a
 * counting malloc and with a filter (seccomp(2)) on this thread that ends the program at the first
 * system call. The driver is the counting fake (FAKE_CUDA_COUNT=1).
 *
 *   uncontended [marks]
 *
 * marks: no filter, but a getppid(2) before and behind the launches, for who looks on with strace.
 */
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

int main(int argc, char **argv)
{
    bool marks = argc > 1;
    rig_start();
    CUstream s = rig_stream(1);
    CUevent event;
    uint64_t words[2] = {0};
    void *params[] = {&words[0], &words[1]};
    TRY(cuEventCreate(&event, 0));
    /* The kernel's time is learned, the RT bit is set, the events of all marks are made. */
    for (int i = 0; i < 20000; i++)
        TRY(cuLaunchKernel(rig_add, 1, 1, 1, 32, 1, 1, 0, s, params, NULL));
    TRY(cuEventRecord(event, s));
    unsigned long before = allocations;
    wait_for_agent();
    if (marks)
        syscall(SYS_getppid);
    else if (!rig_is_rt()) /* an RT process raises its bit again after the agent has cleared it */
        forbid_calls();
    for (int i = 0; i < 20000; i++) {
        cuLaunchKernel(rig_add, 1, 1, 1, 32, 1, 1, 0, s, params, NULL);
        cuEventRecord(event, s);
        cuStreamQuery(s);
    }
    if (marks)
        syscall(SYS_getppid);
    if (allocations != before)
        _exit(1);
    syscall(SYS_exit_group, 0);
}
