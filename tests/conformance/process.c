// SPDX-License-Identifier: Apache-2.0
/* Processes, threads and libraries that come and go while there is work. */
#include "conformance.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

CASE(not_initialized, "before cuInit calls are refused")
{
    int pipes[2], status;
    pid_t pid;

    CHECK(pipe(pipes) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        /* A forked child may not use what its parent initialized. */
        CUdeviceptr at;

        _exit(cuMemAlloc(&at, 4) == CUDA_SUCCESS ? 1 : 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

CASE(fork_child_exits, "a child that is forked and exits leaves its parent's work alone")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    int status;
    pid_t pid;

    chain(s, at);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        exit(0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EQUAL(word(at), CHAIN);
}

CASE(fork_child_stays,
     "a child that is there while its parent goes on, and then exits, disturbs nothing")
{
    CUstream s = stream();
    CUdeviceptr at = words(1), more;
    int status, go[2];
    char byte;
    pid_t pid;

    CHECK(pipe(go) == 0);
    chain(s, at);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        CHECK(read(go[0], &byte, 1) == 1);
        exit(0);
    }
    for (int i = 0; i < 10; i++) {
        OK(cuMemAlloc(&more, 4));
        slow(s, at, 100);
        OK(i % 2 ? cuStreamSynchronize(s) : cuCtxSynchronize());
        OK(cuMemFree(more));
    }
    chain(s, at);
    CHECK(write(go[1], "x", 1) == 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EQUAL(word(at), 2 * CHAIN + 10);
}

CASE(exit_with_work, "a process may exit with work in its streams")
{
    CUdeviceptr at = words(1);

    chain(stream(), at);
    exit(0);
}

CASE(exit_with_gate, "a process may exit while a stream waits for what never comes")
{
    uint32_t *flag = pinned(1);
    CUstream s = stream();

    if (!attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS))
        conf_skip("the device has no stream memory operations");
    OK(cuStreamWaitValue32(s, (CUdeviceptr)(uintptr_t)flag, 1, CU_STREAM_WAIT_VALUE_EQ));
    __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST); /* a real driver would wait for it at exit */
    exit(0);
}

CASE(exec_child, "a process that uses the device may start others")
{
    CUdeviceptr at = words(1);
    int status;
    pid_t pid;

    affine(NULL, at, 1, 3);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EQUAL(word(at), 3);
}

CASE(exec_with_work, "a process may become another program with work in its streams")
{
    CUdeviceptr at = words(1);

    chain(stream(), at);
    fflush(stdout);
    execlp("true", "true", (char *)NULL);
    CHECK(false);
}

/* ---- another process that ends with work to come ---- */

/* Says who it is, submits work that nobody waits for, and then waits to be ended. */
PEER(is_killed)
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    pid_t self = getpid();

    hold_here();
    chain(s, at);
    chain(NULL, at);
    peer_put(socket, &self, sizeof(self));
    for (;;)
        pause();
}

CASE(process_killed, "whatever ends a process with work to come, others use the device as before")
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGABRT};
    CUdeviceptr at = words(1);
    CUstream s = stream();

    for (int i = 0; i < 3; i++) {
        int socket = peer_start("is_killed"), status;
        pid_t pid;

        chain(s, at);
        peer_get(socket, &pid, sizeof(pid));
        CHECK(kill(pid, signals[i]) == 0);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status));
        close(socket);
        OK(cuStreamSynchronize(s));
        EQUAL(peek(at), (i + 1) * CHAIN);
    }
    hold_end();
}

PEER(leaves_at_once)
{
    CUdeviceptr at = words(1);

    hold_here();
    chain(stream(), at);
    peer_go(socket);
    _exit(0);
}

PEER(returns)
{
    CUdeviceptr at = words(1);

    chain(stream(), at);
    chain(CU_STREAM_PER_THREAD, at);
    affine(NULL, at, 1, 1);
    peer_go(socket);
}

CASE(never_synchronizes, "a program may end without waiting for its work, by _exit or by returning")
{
    static const char *const peers[] = {"leaves_at_once", "returns"};
    CUdeviceptr at = words(1);

    for (int i = 0; i < 2; i++) {
        int socket = peer_start(peers[i]);

        peer_wait(socket);
        peer_end(socket);
        affine(NULL, at, 1, 4);
        EQUAL(word(at), 4 * (i + 1));
        hold_end();
    }
}

static void *waits_for_stream(void *arg)
{
    cuStreamSynchronize(arg);
    return NULL;
}

CASE(exit_while_waiting, "a process may exit while another of its threads waits for a stream")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    pthread_t thread;
    struct gate gate;

    gate_close(&gate, s);
    chain(s, at);
    run_thread(waits_for_stream, s, &thread);
    gate_begun(&gate);
    gate_open(&gate);
    exit(0);
}

/* What a call of the driver does in the child CUDA does not say: a wait there may never end. */
CASE(fork_with_gate, "a child that is forked while work stands leaves it to its parent")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    struct gate gate;
    int status;
    pid_t pid;

    gate_close(&gate, s);
    chain(s, at);
    gate_begun(&gate);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

static void *launches_and_ends(void *arg)
{
    struct {
        CUcontext ctx;
        CUstream s;
        CUdeviceptr at;
    } *use = arg;

    OK(cuCtxSetCurrent(use->ctx));
    chain(use->s, use->at);
    return NULL;
}

CASE(thread_exit_with_work, "what a thread that has ended put into a stream still runs, in order")
{
    struct {
        CUcontext ctx;
        CUstream s;
        CUdeviceptr at;
    } use = {NULL, stream(), words(1)};
    pthread_t thread;

    OK(cuCtxGetCurrent(&use.ctx));
    run_thread(launches_and_ends, &use, &thread);
    pthread_join(thread, NULL);
    affine(use.s, use.at, 2, 0);
    EQUAL(word(use.at), 2 * CHAIN);
}

CASE(dlclose_driver,
     "a program may open the driver, use what it finds there and close it, with work")
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    CUresult (*launch)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       unsigned, CUstream, void **, void **);
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    CHECK(library != NULL);
    launch = (__typeof__(launch))dlsym(library, "cuLaunchKernel");
    CHECK(launch != NULL);
    OK(launch(fn("count"), 4, 1, 1, 8, 1, 1, 0, NULL, args, NULL));
    CHECK(dlclose(library) == 0);
    EQUAL(word(at), 32);
}
