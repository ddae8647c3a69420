// SPDX-License-Identifier: Apache-2.0
/*
 * The device shared by all processes that use it: one mapped file with a robust lock and the device
 * model (emu/model/device.h).
 *
 * Who uses the file is told by file locks, which the kernel takes back from the dead: each process
 * holds a shared flock for as long as it uses the device, and whoever gets the exclusive one is
 * alone and makes the device anew. So a file of another version, a damaged one and one left behind
 * by a crash need no cleaning up by hand.
 *
 * Who has died while others go on is found by pid, start time and a lock on one byte of the file
 * that each process has for itself (emu_segment_check_peers); what it held goes back to the device.
 * The byte tells of a program that called execve: the process lives on, but what it had opened is
 * closed, as the kernel driver would see it. A process that is only stopped keeps its places, but
 * the device clock no longer waits for it.
 *
 * Threading: any thread; the lock is not recursive and is held for short stretches only. Whoever
 * only looks (emu_segment_view) does so without it. A process that is stopped just while it holds
 * the lock stops the others until it goes on: there is no way to take the lock from it.
 */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SEGMENT_MAGIC     0x6765732d66656572ull /* "reef-seg" */
#define CHECK_INTERVAL_NS 5000000ull            /* of wall time between two looks at the peers */
#define STUCK_NS          20000000ull /* a clock that stands this long has somebody missing */

enum { SEGMENT_VERSION = 3 };

struct segment {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes;
    uint32_t sequence; /* odd while somebody changes the device */
    pthread_mutex_t lock;
    uint8_t has_byte[EMU_MAX_PROCESSES]; /* the process has its byte of the file locked */
    struct emu_device dev;
};

static struct {
    struct segment *map; /* NULL: not attached */
    int fd;
    pid_t pid;   /* the process that attached; a forked child has to do so itself */
    int process; /* its slot */
    uint32_t wake_seen[EMU_MAX_PROCESSES]; /* under the lock: to tell whom to wake */
    /* check_peers, device thread only */
    uint64_t checked_wall_ns, stuck_since_ns, stuck_at_ns;
} seg = {.fd = -1};

uint64_t emu_wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- liveness ---- */

enum liveness { PEER_DEAD, PEER_STOPPED, PEER_ALIVE };

/* State letter and start time of a process, fields 3 and 22 of /proc/PID/stat (proc(5)). */
static bool read_stat(int32_t pid, char *state, uint64_t *start_time)
{
    char path[64], text[1024];
    char *at;
    ssize_t got;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = emu_real_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    at = strrchr(text, ')'); /* the name may hold anything */
    if (!at || at[1] != ' ' || at[2] == '\0')
        return false;
    at += 2;
    *state = *at;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    *start_time = strtoull(at, NULL, 10);
    return true;
}

/* A process's own byte of the file. Such a lock (fcntl(2), POSIX) belongs to the process, not to
 * the open file as flock's does: a forked child does not have it, and it goes with the descriptor
 * at execve. */
static struct flock byte_of(int process, short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = process, .l_len = 1};
}

/* Its owner had it and has it no more. */
static bool byte_was_lost(int process)
{
    struct flock lock = byte_of(process, F_WRLCK);

    return seg.map && seg.map->has_byte[process] && fcntl(seg.fd, F_GETLK, &lock) == 0 &&
           lock.l_type == F_UNLCK;
}

static enum liveness peer_liveness(int process, const struct emu_device_process *peer)
{
    uint64_t start_time;
    char state;

    if ((kill(peer->pid, 0) != 0 && errno == ESRCH) || byte_was_lost(process))
        return PEER_DEAD;
    if (!read_stat(peer->pid, &state, &start_time))
        return PEER_ALIVE; /* not to be seen from here: its byte tells when it goes */
    if (start_time != peer->start_time || state == 'Z' || state == 'X')
        return PEER_DEAD;
    return state == 'T' || state == 't' ? PEER_STOPPED : PEER_ALIVE;
}

/* The lock is held. */
static void reap_dead(struct emu_device *dev)
{
    for (int p = 0; p < EMU_MAX_PROCESSES; p++) {
        bool own = seg.pid == getpid() && p == seg.process; /* one's own locks never show */

        if (dev->processes[p].pid != 0 && !own && peer_liveness(p, &dev->processes[p]) == PEER_DEAD)
            emu_device_detach(dev, p, emu_wall_ns());
    }
}

/* ---- lock ---- */

static int lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int rc;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return -rc;
}

/* Takes the lock; if its owner died with it, puts the device in order. 0 or a negative errno. */
static int lock_take(struct segment *map)
{
    int rc = pthread_mutex_lock(&map->lock);

    if (rc == EOWNERDEAD) {
        if (!emu_device_valid(&map->dev) && !emu_device_repair(&map->dev)) {
            pthread_mutex_unlock(&map->lock); /* from now on nobody gets it */
            return -ENOTRECOVERABLE;
        }
        pthread_mutex_consistent(&map->lock);
        reap_dead(&map->dev);
        rc = 0;
    }
    return -rc;
}

struct emu_device *emu_segment_lock(void)
{
    struct emu_device *dev = &seg.map->dev;

    if (lock_take(seg.map) != 0) {
        /* Work-groups, queues and clock are lost for everybody; there is nothing to go on with. */
        emu_report("a process died while it changed the shared device, and left it beyond repair");
        abort();
    }
    __atomic_exchange_n(&seg.map->sequence, seg.map->sequence | 1, __ATOMIC_ACQ_REL);
    for (int p = 0; p < EMU_MAX_PROCESSES; p++)
        seg.wake_seen[p] = dev->processes[p].wake;
    return dev;
}

static void futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void emu_segment_unlock(void)
{
    struct emu_device *dev = &seg.map->dev;
    uint64_t changed = 0;

    _Static_assert(EMU_MAX_PROCESSES <= 64, "changed has a bit for each process");
    for (int p = 0; p < EMU_MAX_PROCESSES; p++)
        changed |= (uint64_t)(seg.wake_seen[p] != dev->processes[p].wake) << p;
    __atomic_store_n(&seg.map->sequence, seg.map->sequence + 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&seg.map->lock);
    for (; changed; changed &= changed - 1)
        futex_wake(&dev->processes[__builtin_ctzll(changed)].wake);
}

int emu_segment_process(void)
{
    return seg.process;
}

/* Without the lock. False if somebody changed the device meanwhile. */
static bool try_peek(struct emu_segment_view *view)
{
    const struct emu_device *dev = &seg.map->dev;
    const struct emu_device_process *me = &dev->processes[seg.process];
    uint32_t before = __atomic_load_n(&seg.map->sequence, __ATOMIC_ACQUIRE);

#define PEEK(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
    view->clock = (struct emu_clock){PEEK(dev->timescale_milli), PEEK(dev->anchor_wall_ns),
                                     PEEK(dev->anchor_device_ns), PEEK(dev->horizon_ns)};
    view->wake = PEEK(me->wake);
    view->turn_end_ns = PEEK(dev->turn_of.end_ns);
    view->called =
        PEEK(me->placed) >= 0 || PEEK(me->absent) || PEEK(me->unmaps) || PEEK(me->turn_news);
#undef PEEK
    return !(before & 1) && before == __atomic_load_n(&seg.map->sequence, __ATOMIC_RELAXED);
}

void emu_segment_view(struct emu_segment_view *view)
{
    const struct emu_device_process *me;
    struct emu_device *dev;

#ifndef __SANITIZE_THREAD__ /* it does not know this kind of reading */
    for (int tries = 0; tries < 100; tries++) {
        if (try_peek(view))
            return;
    }
#else
    (void)try_peek;
#endif
    dev = emu_segment_lock();
    me = &dev->processes[seg.process];
    view->clock = (struct emu_clock){dev->timescale_milli, dev->anchor_wall_ns,
                                     dev->anchor_device_ns, dev->horizon_ns};
    view->wake = me->wake;
    view->turn_end_ns = dev->turn_of.end_ns;
    view->called = me->placed >= 0 || me->absent || me->unmaps || me->turn_news;
    emu_segment_unlock();
}

uint64_t emu_device_clock_ns(void)
{
    struct emu_segment_view view;

    emu_segment_view(&view);
    return emu_clock_now(&view.clock, emu_wall_ns());
}

void emu_segment_wait(uint32_t seen, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                               .tv_nsec = (long)(timeout_ns % 1000000000u)};

    syscall(SYS_futex, &seg.map->dev.processes[seg.process].wake, FUTEX_WAIT, seen, &timeout, NULL,
            0);
}

/* ---- attach ---- */

static int segment_path(char *path, size_t size, const struct emu_profile *profile)
{
    int n = snprintf(path, size, "%s/reef-emu-%s-%u", emu_settings()->dir, profile->name,
                     (unsigned)geteuid());

    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static uint32_t timescale_milli(void)
{
    double milli = emu_settings()->timescale * 1000;

    return milli < 1 ? 1 : milli > UINT32_MAX ? UINT32_MAX : (uint32_t)milli;
}

/* The caller holds the exclusive file lock: nobody else has the file mapped. */
static int segment_create(int fd, const struct emu_profile *profile)
{
    struct segment *map;
    int rc;

    if (ftruncate(fd, 0) != 0 || ftruncate(fd, sizeof(*map)) != 0)
        return -errno;
    map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    rc = lock_init(&map->lock);
    emu_device_init(&map->dev, profile, timescale_milli(), emu_wall_ns());
    map->version = SEGMENT_VERSION;
    map->bytes = sizeof(*map);
    __atomic_store_n(&map->magic, SEGMENT_MAGIC, __ATOMIC_RELEASE);
    munmap(map, sizeof(*map));
    return rc;
}

/* With the shared file lock held. -ESTALE: in use by programs of another version. */
static int segment_map(int fd)
{
    struct segment *map;
    struct stat st;
    int rc;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_size != sizeof(*map))
        return -ESTALE;
    map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    madvise(map, sizeof(*map), MADV_DONTFORK);
    if (map->magic != SEGMENT_MAGIC || map->version != SEGMENT_VERSION ||
        map->bytes != sizeof(*map)) {
        munmap(map, sizeof(*map));
        return -ESTALE;
    }
    rc = lock_take(map);
    if (rc == 0) {
        if (!emu_device_valid(&map->dev))
            rc = -EUCLEAN;
        pthread_mutex_unlock(&map->lock);
    }
    if (rc != 0) {
        munmap(map, sizeof(*map));
        return rc;
    }
    seg.map = map;
    return 0;
}

/* Opens the file, makes it if nobody uses it, maps it. */
static int segment_open(const char *path, const struct emu_profile *profile)
{
    struct stat st;
    int fd = emu_real_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        close(fd);
        return -EPERM;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        rc = segment_create(fd, profile);
    /* Going from exclusive to shared may let another one in between: it finds nobody and makes the
     * device anew, which is as good. */
    while (rc == 0 && flock(fd, LOCK_SH) != 0)
        rc = errno == EINTR ? 0 : -errno;
    if (rc == 0)
        rc = segment_map(fd);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    seg.fd = fd;
    return 0;
}

static int segment_join(const struct emu_profile *profile, const char *path)
{
    struct emu_device *dev = emu_segment_lock();
    uint64_t start_time = 0;
    char state;
    int rc;

    reap_dead(dev);
    if (dev->timescale_milli != timescale_milli())
        emu_report("the device runs at timescale %g already; REEF_EMU_TIMESCALE=%g is ignored",
                   dev->timescale_milli / 1000.0, emu_settings()->timescale);
    if (memcmp(&dev->profile, profile, sizeof(*profile)) != 0)
        emu_report("%s was made from another version of its profile; that one is used", path);
    read_stat(getpid(), &state, &start_time);
    rc = emu_device_attach(dev, getpid(), start_time);
    seg.process = rc;
    if (rc >= 0) {
        struct flock byte = byte_of(rc, F_WRLCK);

        /* Without it (a file system that has no such locks) pids have to do. */
        seg.map->has_byte[rc] = fcntl(seg.fd, F_SETLK, &byte) == 0;
    }
    emu_segment_unlock();
    return rc < 0 ? rc : 0;
}

int emu_segment_attach(void)
{
    struct emu_profile profile;
    char err[640], path[512];
    int rc;

    if (seg.map && seg.pid == getpid())
        return 0;
    if (seg.fd >= 0) /* inherited over fork; the mapping was not */
        close(seg.fd);
    seg.map = NULL;
    seg.fd = -1;
    rc = emu_profile_load(&profile, emu_settings()->profile_path, err, sizeof(err));
    if (rc != 0) {
        emu_report("%s", err);
        return rc;
    }
    if (emu_settings()->mps) { /* another device: who uses this one shares it otherwise */
        profile.timeslice_us = 0;
        if (rc == 0 && strlen(profile.name) + 5 < sizeof(profile.name))
            strcat(profile.name, "-mps");
    }
    rc = segment_path(path, sizeof(path), &profile);
    for (int tries = 0; rc == 0 && tries < 3; tries++) {
        rc = segment_open(path, &profile);
        if (rc != -ESTALE)
            break;
        rc = tries < 2 ? 0 : rc; /* perhaps its last user was just leaving */
        usleep(20000);
    }
    if (rc == 0)
        rc = segment_join(&profile, path);
    if (rc == -ESTALE || rc == -EUCLEAN || rc == -ENOTRECOVERABLE)
        emu_report("%s is in use by programs of another version, or damaged; end them first", path);
    else if (rc != 0)
        emu_report("%s: %s", path, strerror(-rc));
    if (rc == 0)
        seg.pid = getpid();
    return rc;
}

void emu_segment_detach(void)
{
    struct emu_device *dev;
    struct flock byte;

    if (!seg.map || seg.pid != getpid())
        return;
    dev = emu_segment_lock();
    emu_device_detach(dev, seg.process, emu_wall_ns());
    byte = byte_of(seg.process, F_UNLCK);
    (void)fcntl(seg.fd, F_SETLK, &byte);
    emu_segment_unlock();
    /* The mapping stays: another thread of the program may be on its way out of a call. */
    flock(seg.fd, LOCK_UN);
}

/* ---- peers ---- */

/* True when it is time to look: rarely by itself, soon when the clock has stood for long. */
static bool check_is_due(struct emu_device *dev, uint64_t wall)
{
    uint64_t now = emu_device_now(dev, wall);

    if (now != seg.stuck_at_ns) {
        seg.stuck_at_ns = now;
        seg.stuck_since_ns = wall;
    }
    if (wall - seg.checked_wall_ns < CHECK_INTERVAL_NS)
        return false;
    if (wall - seg.stuck_since_ns < STUCK_NS && wall - seg.checked_wall_ns < 10 * STUCK_NS)
        return false;
    seg.checked_wall_ns = wall;
    return true;
}

void emu_segment_check_peers(void)
{
    struct emu_device_process peers[EMU_MAX_PROCESSES];
    struct emu_device *dev;
    uint64_t wall = emu_wall_ns();
    bool due;

    if (wall - seg.checked_wall_ns < CHECK_INTERVAL_NS)
        return;
    dev = emu_segment_lock();
    due = check_is_due(dev, wall);
    if (due)
        memcpy(peers, dev->processes, sizeof(peers));
    emu_segment_unlock();
    if (!due)
        return;
    for (int p = 0; p < EMU_MAX_PROCESSES; p++) {
        struct emu_device_process *peer = &peers[p];
        enum liveness liveness;

        if (peer->pid == 0 || p == seg.process)
            continue;
        liveness = peer_liveness(p, peer);
        if (liveness == PEER_ALIVE || (liveness == PEER_STOPPED && peer->absent))
            continue;
        dev = emu_segment_lock();
        if (dev->processes[p].pid == peer->pid &&
            dev->processes[p].start_time == peer->start_time) {
            /* Once more: the process may have come back with another program, to the same place. */
            if (liveness == PEER_DEAD)
                liveness = peer_liveness(p, peer);
            if (liveness == PEER_DEAD)
                emu_device_detach(dev, p, emu_wall_ns());
            else if (liveness == PEER_STOPPED)
                emu_device_set_absent(dev, p, true, emu_wall_ns());
        }
        emu_segment_unlock();
    }
}
