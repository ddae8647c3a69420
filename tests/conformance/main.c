// SPDX-License-Identifier: Apache-2.0
/*
 * The runner: each case in a process of its own, results as TAP on standard output.
 *
 *   conformance            all cases
 *   conformance PREFIX...  those whose names begin so
 *   conformance --shard I N [PREFIX...] every N-th of them from the I-th (0 <= I < N): N processes
 *                          do all
 *   conformance --list     names and promises
 *   conformance --one NAME runs the case in this process
 *   conformance --selftest a case that fails is reported as failed
 *   conformance --peer NAME SOCKET the other process of a case (peer.c)
 *
 * Exit status: 0 if none failed, 77 if there is no driver or device, else 1.
 */
#include "conformance.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIP = 77, CASE_SECONDS = 60 };

extern const struct conf_case *const __start_conf_cases[], *const __stop_conf_cases[];
extern const struct conf_peer *const __start_conf_peers[], *const __stop_conf_peers[];

static int compare(const void *a, const void *b)
{
    const struct conf_case *x = *(const struct conf_case *const *)a;
    const struct conf_case *y = *(const struct conf_case *const *)b;

    return strcmp(x->name, y->name);
}

static void start_process(void)
{
    CUcontext ctx;

    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(CASE_SECONDS); /* a hang is a failure */
    if (cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&dev, 0) != CUDA_SUCCESS)
        conf_skip("no device");
    OK(cuDevicePrimaryCtxRetain(&ctx, dev));
    OK(cuCtxSetCurrent(ctx));
    /* Loading code may wait for all streams, also closed ones (lazily, as late as at the launch).
     */
    module();
}

static int run_one(const struct conf_case *one)
{
    start_process();
    hold_here();
    one->run();
    hold_end();
    return 0;
}

static int run_peer(const char *name, int socket)
{
    for (const struct conf_peer *const *p = __start_conf_peers; p < __stop_conf_peers; p++) {
        if (strcmp((*p)->name, name) != 0)
            continue;
        start_process();
        (*p)->run(socket);
        return 0;
    }
    return 2;
}

static int spawn(const char *self, const struct conf_case *one)
{
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execl(self, self, "--one", one->name, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    if (WIFSIGNALED(status)) {
        printf("# ended by signal %d\n", WTERMSIG(status));
        return -1;
    }
    return WEXITSTATUS(status);
}

/* A case that has to fail: it proves that the runner sees failures, and hangs of the check itself.
 */
static void fails(void)
{
    EQUAL(1, 2);
}
static const struct conf_case failing = {"selftest", "a failed check is seen", fails};

static bool wanted(const struct conf_case *one, int argc, char **argv)
{
    if (argc < 2)
        return true;
    for (int i = 1; i < argc; i++) {
        if (strncmp(one->name, argv[i], strlen(argv[i])) == 0)
            return true;
    }
    return false;
}

static bool has_device(void)
{
    pid_t pid;
    int status = 1;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(cuInit(0) == CUDA_SUCCESS ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
    setenv("CUDA_MODULE_LOADING", "EAGER", 1); /* see run_one */
    size_t count = (size_t)(__stop_conf_cases - __start_conf_cases), number = 0, failed = 0;
    const struct conf_case **cases = malloc((count + 1) * sizeof(*cases));

    memcpy(cases, __start_conf_cases, count * sizeof(*cases));
    qsort(cases, count, sizeof(*cases), compare);
    if (argc == 2 && strcmp(argv[1], "--selftest") == 0)
        return spawn("/proc/self/exe", &failing) == 1 ? 0 : 1;
    if (argc == 3 && strcmp(argv[1], "--one") == 0) {
        if (strcmp(failing.name, argv[2]) == 0)
            return run_one(&failing);
        for (size_t i = 0; i < count; i++) {
            if (strcmp(cases[i]->name, argv[2]) == 0)
                return run_one(cases[i]);
        }
        return 2;
    }
    if (argc == 4 && strcmp(argv[1], "--peer") == 0)
        return run_peer(argv[2], atoi(argv[3]));
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            printf("%-32s %s\n", cases[i]->name, cases[i]->promise);
        return 0;
    }
    size_t shard = 0, shards = 1, met = 0;
    if (argc >= 4 && strcmp(argv[1], "--shard") == 0) {
        shard = strtoul(argv[2], NULL, 10);
        shards = strtoul(argv[3], NULL, 10);
        argc -= 3;
        argv += 3;
    }
    if (shard >= shards)
        return 2;
    for (size_t i = 0; i < count; i++) /* those of this shard, to the front */
        if (wanted(cases[i], argc, argv) && met++ % shards == shard)
            cases[number++] = cases[i];
    if (!has_device()) {
        printf("1..0 # SKIP no CUDA device\n");
        return SKIP;
    }
    printf("1..%zu\n", number);
    for (size_t i = 0; i < number; i++) {
        int rc = spawn("/proc/self/exe", cases[i]);

        failed += rc != 0 && rc != SKIP;
        printf("%s %zu - %s: %s%s\n", rc == 0 || rc == SKIP ? "ok" : "not ok", i + 1,
               cases[i]->name, cases[i]->promise, rc == SKIP ? " # SKIP" : "");
    }
    return failed ? 1 : 0;
}
