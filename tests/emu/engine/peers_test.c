// SPDX-License-Identifier: Apache-2.0
/*
 * One device for several processes: side by side, and what the others see when one ends, is killed,
 * is stopped, dies with the lock, or forks. The other processes are this program again with a role.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/amd/engine.h"
#include "emu/common/segment.h"

#define WHOLE_CU 65536

static const char *profile;

static void *pointer_to(void *target)
{
    void **at = rig_alloc(64);

    *at = target;
    return at;
}

static void occupy(struct rig_queue *queue, uint32_t groups)
{
    hsa_kernel_dispatch_packet_t packet =
        rig_dispatch(RIG_POLL, groups, pointer_to(rig_alloc(64)), NULL);

    packet.group_segment_size = WHOLE_CU;
    rig_submit(queue, packet, true);
}

/* ---- the other process ---- */

static int role(const char *name, uint32_t groups)
{
    struct rig_queue queue;
    struct emu_device *dev;

    rig_open();
    queue = rig_queue_create(7);
    occupy(&queue, groups);
    while (rig_residents() < groups)
        usleep(1000);
    if (strcmp(name, "come-back") == 0)
        execl("/proc/self/exe", "peers_test", profile, "hold", "10", NULL);
    if (write(STDOUT_FILENO, "r", 1) != 1)
        return 1;
    if (strcmp(name, "exit") == 0)
        return 0;
    if (strcmp(name, "replace") == 0)
        execl("/bin/sleep", "sleep", "60", NULL);
    if (strcmp(name, "die-locked") == 0) {
        dev = emu_segment_lock();
        memset(dev->cus, 0x55, sizeof(dev->cus));
        dev->free_resident = 17;
        _exit(0);
    }
    for (;;)
        pause();
}

static pid_t start(const char *name, const char *groups)
{
    int fd[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(fd), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fd[1], STDOUT_FILENO);
        close(fd[0]);
        close(fd[1]);
        execl("/proc/self/exe", "peers_test", profile, name, groups, NULL);
        _exit(127);
    }
    close(fd[1]);
    assert_int_equal(read(fd[0], &byte, 1), 1);
    close(fd[0]);
    return pid;
}

static void finish(pid_t pid, int signal)
{
    if (signal)
        kill(pid, signal);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static unsigned attached(void)
{
    const struct emu_device *dev = emu_segment_lock();
    unsigned count = 0;

    for (int p = 0; p < EMU_MAX_PROCESSES; p++)
        count += dev->processes[p].pid != 0;
    emu_segment_unlock();
    return count;
}

static bool device_valid(void)
{
    bool valid = emu_device_valid(emu_segment_lock());

    emu_segment_unlock();
    return valid;
}

static uint32_t *word(uint32_t value)
{
    uint32_t *at = rig_alloc(64);

    *at = value;
    return at;
}

static hsa_kernel_dispatch_packet_t spin_everywhere(amd_signal_t *done)
{
    hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_SPIN, 60, word(20000), done);

    packet.group_segment_size = WHOLE_CU;
    return packet;
}

/* ---- tests ---- */

/* Half the device is another's: ours takes two rounds instead of one. */
static void test_side_by_side(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *alone = rig_signal(1), *shared = rig_signal(1);
    pid_t peer;

    rig_submit(&queue, spin_everywhere(alone), true);
    assert_true(rig_wait(alone, 0, 60));
    peer = start("hold", "30");
    assert_int_equal(attached(), 2);
    rig_submit(&queue, spin_everywhere(shared), true);
    assert_true(rig_wait(shared, 0, 60));
    assert_int_equal(rig_duration(shared) - 1000, 2 * (rig_duration(alone) - 1000));
    finish(peer, SIGKILL);
    rig_queue_destroy(&queue);
}

static void wait_alone(void)
{
    for (int i = 0; attached() > 1 && i < 20000; i++)
        usleep(1000);
    assert_int_equal(attached(), 1);
    assert_int_equal(rig_residents(), 0);
    assert_true(device_valid());
}

static void test_killed(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    pid_t peer;

    wait_alone();
    peer = start("hold", "60");
    rig_submit(&queue, spin_everywhere(done), true);
    usleep(50000);
    assert_int_equal(done->value, 1);
    finish(peer, SIGKILL);
    assert_true(rig_wait(done, 0, 60));
    wait_alone();
    rig_queue_destroy(&queue);
}

static void test_exited(void **state)
{
    pid_t peer = start("exit", "60");

    finish(peer, 0);
    assert_int_equal(attached(), 1); /* at once: it took itself off */
    wait_alone();
}

/* A program that is replaced by another one (execve) is gone, though its process lives on. */
static void test_replaced(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    pid_t peer = start("replace", "60");

    rig_submit(&queue, spin_everywhere(done), true);
    assert_true(rig_wait(done, 0, 60));
    wait_alone();
    assert_int_equal(kill(peer, 0), 0);
    finish(peer, SIGKILL);
    rig_queue_destroy(&queue);
}

/* ... and may use the device again itself: as another program, without what the former one had. */
static void test_came_back(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    pid_t peer = start("come-back", "60");

    for (int i = 0; rig_residents() != 10 && i < 20000; i++)
        usleep(1000);
    assert_int_equal(rig_residents(), 10);
    assert_int_equal(attached(), 2);
    rig_submit(&queue, spin_everywhere(done), true);
    assert_true(rig_wait(done, 0, 60));
    assert_int_equal(rig_residents(), 10);
    finish(peer, SIGKILL);
    wait_alone();
    rig_queue_destroy(&queue);
}

/* A stopped process keeps its places, but the clock does not wait for it; then it goes on. */
static void test_stopped(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1), *again = rig_signal(1);
    pid_t peer = start("hold", "30");
    const struct emu_device *dev;
    unsigned absent = 1;

    kill(peer, SIGSTOP);
    rig_submit(&queue, spin_everywhere(done), true);
    assert_true(rig_wait(done, 0, 60));
    assert_int_equal(rig_residents(), 30);
    kill(peer, SIGCONT);
    for (int i = 0; absent && i < 20000; i++) {
        usleep(1000);
        absent = 0;
        dev = emu_segment_lock();
        for (int p = 0; p < EMU_MAX_PROCESSES; p++)
            absent += dev->processes[p].absent;
        emu_segment_unlock();
    }
    assert_int_equal(absent, 0);
    rig_submit(&queue, spin_everywhere(again), true);
    assert_true(rig_wait(again, 0, 60));
    finish(peer, SIGKILL);
    wait_alone();
    rig_queue_destroy(&queue);
}

static void test_died_with_lock(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    pid_t peer = start("die-locked", "60");

    finish(peer, 0);
    rig_submit(&queue, spin_everywhere(done), true);
    assert_true(rig_wait(done, 0, 60));
    wait_alone();
    rig_queue_destroy(&queue);
}

/* A forked child has none of its parent's device, touches nothing of it, and may open its own. */
static void test_forked(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    uint32_t *flag = word(0);
    int status;
    pid_t child;

    rig_submit(&queue, rig_dispatch(RIG_POLL, 3, pointer_to(flag), done), true);
    while (rig_residents() < 3)
        usleep(1000);
    child = fork();
    if (child == 0) {
        bool ok = emu_queue_destroy(queue.id) < 0;
        amd_signal_t *own_done;
        struct rig_queue own;

        emu_engine_stop();
        rig_open();
        own = rig_queue_create(7);
        own_done = rig_signal(1);
        rig_submit(&own, rig_dispatch(RIG_SPIN, 5, word(10), own_done), true);
        ok &= rig_wait(own_done, 0, 60);
        emu_engine_stop();
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(rig_residents(), 3);
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
    assert_true(rig_wait(done, 0, 60));
    wait_alone();
    rig_queue_destroy(&queue);
}

/* In a forked child with a directory of its own: attaches over a file that holds @text. */
static int attach_over(const char *text, size_t bytes, bool in_use)
{
    char dir[] = "/tmp/emu-peers-XXXXXX", path[256], byte;
    int fd, status, ready[2];
    pid_t child, user = 0;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/reef-emu-mi50-%u", dir, (unsigned)geteuid());
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, bytes), bytes);
    assert_int_equal(pipe(ready), 0);
    if (in_use && (user = fork()) == 0) {
        int own = open(path, O_RDWR);

        flock(own, LOCK_SH);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (in_use)
        assert_int_equal(read(ready[0], &byte, 1), 1);
    child = fork();
    if (child == 0) {
        /* Settings are read once: exec. */
        setenv("REEF_EMU_DIR", dir, 1);
        execl("/proc/self/exe", "peers_test", profile, "attach", "0", NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (user) {
        kill(user, SIGKILL);
        waitpid(user, NULL, 0);
    }
    close(fd);
    close(ready[0]);
    close(ready[1]);
    unlink(path);
    rmdir(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_foreign_file(void **state)
{
    static char garbage[2 * sizeof(struct emu_device)];

    memset(garbage, 0xa5, sizeof(garbage));
    assert_int_equal(attach_over("", 0, false), 0);
    assert_int_equal(attach_over("old", 3, false), 0);
    assert_int_equal(attach_over(garbage, sizeof(garbage), false), 0);
    assert_int_equal(attach_over("old", 3, true), ESTALE);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_side_by_side),   cmocka_unit_test(test_killed),
        cmocka_unit_test(test_exited),         cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_died_with_lock), cmocka_unit_test(test_forked),
        cmocka_unit_test(test_replaced),       cmocka_unit_test(test_came_back),
        cmocka_unit_test(test_foreign_file),
    };

    if (argc < 2)
        return 1;
    profile = argv[1];
    if (argc == 4 && strcmp(argv[2], "attach") == 0) {
        setenv("REEF_EMU_PROFILE", profile, 1);
        return -emu_segment_attach();
    }
    if (argc == 4)
        return role(argv[2], (uint32_t)atoi(argv[3]));
    rig_init(profile);
    rig_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
