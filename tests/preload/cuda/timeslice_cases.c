// SPDX-License-Identifier: Apache-2.0
/*
 * timeslice_cases CASE: channel groups as libcuda makes them, above a fake kernel driver that
 * checks structures, statuses and order. Without an argument the class and REEF_TIMESLICE say what
 * is expected.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/nvidia/rm.h"
#include "tests/preload/cuda/rig.h"
#include "tests/preload/fakes/fake_nvidiactl.h"

static struct fake_nvidiactl *const driver = &fake_nvidiactl;
static CUstream stream;

static int open_driver(uint32_t *client, uint32_t *device)
{
    int fd = open("/dev/null", O_RDWR);
    struct rm_alloc root = {.class_ = 0x41};
    CHECK(fd >= 0 && ioctl(fd, _IOWR('F', RM_ESC_ALLOC, root), &root) == 0 && root.status == 0);
    struct rm_alloc_rights d = {.root = root.object, .parent = root.object, .class_ = 0x80};
    CHECK(ioctl(fd, _IOWR('F', RM_ESC_ALLOC, d), &d) == 0 && d.status == 0);
    *client = root.object;
    *device = d.object;
    return fd;
}

static uint32_t make_group(int fd, uint32_t client, uint32_t device, bool by_xfer)
{
    struct rm_alloc_rights g = {.root = client, .parent = device, .class_ = RM_CLASS_CHANNEL_GROUP};
    struct rm_xfer x = {
        .command = RM_ESC_ALLOC, .size = sizeof(g), .pointer = (uint64_t)(uintptr_t)&g};
    int result = by_xfer ? ioctl(fd, _IOWR('F', RM_ESC_XFER, x), &x)
                         : ioctl(fd, _IOWR('F', RM_ESC_ALLOC, g), &g);
    CHECK(result == 0 && g.status == 0);
    return g.object;
}

/* Work goes on until @sets timeslices were set. */
static void work_until(unsigned sets)
{
    int64_t *at = rig_int64();
    driver->working = 1;
    for (int i = 0; i < 20000 && driver->sets < sets; i++) {
        rig_do(rig_add, stream, at, 1);
        usleep(1000);
    }
    CHECK(driver->sets == sets, "%u of %u", driver->sets, sets);
    TRY(cuStreamSynchronize(stream));
}

static void work_for(unsigned ms)
{
    int64_t *at = rig_int64();
    driver->working = 1;
    for (unsigned i = 0; i < ms; i++) {
        rig_do(rig_add, stream, at, 1);
        usleep(1000);
    }
    TRY(cuStreamSynchronize(stream));
}

static unsigned wanted_us(void)
{
    const char *text = getenv("REEF_TIMESLICE");
    return text && atoi(text) > 0 ? (unsigned)atoi(text) : 1;
}

static void test_set(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    make_group(fd, client, device, false);
    make_group(fd, client, device, true);
    work_until(4); /* two groups, twice each */
    CHECK(driver->timeslice_us == wanted_us(), "%lu us", (unsigned long)driver->timeslice_us);
    make_group(fd, client, device, false); /* later ones too */
    work_until(6);
    CHECK(driver->wrong == 0, "%u wrong calls", driver->wrong);
}

static void test_alone(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    make_group(fd, client, device, false);
    work_for(300);
    CHECK(driver->sets == 0 && driver->wrong == 0);
}

static void test_freed(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    uint32_t gone = make_group(fd, client, device, false);
    uint32_t stays = make_group(fd, client, device, false);
    struct rm_free f = {.root = client, .parent = device, .old = gone};
    CHECK(ioctl(fd, _IOWR('F', RM_ESC_FREE, f), &f) == 0 && f.status == 0);
    work_until(2);
    CHECK(driver->object == stays && driver->wrong == 0);
}

static void test_refused(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    make_group(fd, client, device, false);
    driver->answer = 0x56; /* NV_ERR_NOT_SUPPORTED */
    work_for(100);
    driver->answer = 0;
    work_for(200);
    CHECK(driver->sets == 0 && driver->wrong == 0, "a group was not left alone");
}

/* The driver's file is closed and its number another's: no call may go there. */
static void test_closed(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    make_group(fd, client, device, false);
    CHECK(dup2(open("/dev/zero", O_RDWR), fd) == fd);
    work_for(200);
    CHECK(driver->sets == 0 && driver->wrong == 0);
}

static void test_unknown(void)
{
    uint32_t client, device, words[10] = {0};
    int fd = open_driver(&client, &device);
    words[0] = client;
    words[2] = 0x1234;
    words[3] = RM_CLASS_CHANNEL_GROUP;
    CHECK(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'F', RM_ESC_ALLOC, 40), words) == 0);
    work_for(200);
    CHECK(driver->sets == 0 && driver->wrong == 0);
}

/* A real-time program's slices are long while best-effort programs are there, and not beside
 * another real-time one. */
static void test_rt(void)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device);
    make_group(fd, client, device, false);
    work_for(300);
    CHECK(driver->sets == 0, "set while it is alone");
    rig_be_comes();
    work_until(2);
    CHECK(driver->timeslice_us == 10000, "%lu us", (unsigned long)driver->timeslice_us);
    rig_rt_comes();
    work_until(4);
    CHECK(driver->timeslice_us == 1000, "%lu us", (unsigned long)driver->timeslice_us);
    CHECK(driver->wrong == 0);
}

/* Another BE process of the GPU: uses it and stays until @until is closed. */
static void be_peer(int ready, int until)
{
    char byte = 0;
    rig_do(rig_add, stream, rig_int64(), 1);
    TRY(cuStreamSynchronize(stream));
    CHECK(write(ready, &byte, 1) == 1);
    while (read(until, &byte, 1) < 0)
        ;
}

/* While there are two, the slices are long, unless they take turns; before and after, as short as
 * is wanted. */
static void test_shared(const char *self, bool turns)
{
    uint32_t client, device;
    int fd = open_driver(&client, &device), ready[2], until[2];
    char byte, in[16], out[16];
    make_group(fd, client, device, false);
    work_until(2);
    CHECK(driver->timeslice_us == wanted_us());
    CHECK(pipe(ready) == 0 && pipe(until) == 0);
    snprintf(out, sizeof(out), "%d", ready[1]);
    snprintf(in, sizeof(in), "%d", until[0]);
    pid_t peer = fork();
    if (peer == 0) {
        close(until[1]);
        execl(self, self, "peer", out, in, NULL);
        _exit(1);
    }
    CHECK(peer > 0 && read(ready[0], &byte, 1) == 1);
    if (turns)
        work_for(300);
    else
        work_until(4);
    CHECK(driver->timeslice_us == (turns ? wanted_us() : 1000), "%lu us",
          (unsigned long)driver->timeslice_us);
    close(until[1]);
    CHECK(waitpid(peer, NULL, 0) == peer);
    if (!turns)
        work_until(6);
    CHECK(driver->timeslice_us == wanted_us() && driver->wrong == 0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"set", test_set},       {"alone", test_alone},
                 {"freed", test_freed},   {"refused", test_refused},
                 {"closed", test_closed}, {"unknown", test_unknown},
                 {"rt", test_rt}};
    rig_start();
    stream = rig_stream(1);
    if (argc == 2 && (strcmp(argv[1], "shared") == 0 || strcmp(argv[1], "turns") == 0)) {
        test_shared(argv[0], argv[1][0] == 't');
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "peer") == 0) {
        be_peer(atoi(argv[2]), atoi(argv[3]));
        return 0;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return 2;
}
