// SPDX-License-Identifier: Apache-2.0
/*
 * Opening a board and taking a slot on it. The file is made under flock, so that processes that come at the
 * same time agree on one; it is never truncated or overwritten, since another process may have it mapped: a
 * board that cannot be used is unlinked and made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/layout.h"

/* Opening a board takes a fraction of a millisecond, so this is about a second for hundreds of them. */
enum { LOCK_TRIES = 1000 };

int reef_board_path(char *path, size_t size, const char *dir, const char *gpu)
{
    if (!*gpu || *gpu == '.' || strchr(gpu, '/'))
        return -EINVAL;
    if (!dir || !*dir)
        dir = getenv("XDG_RUNTIME_DIR");
    if (!dir || !*dir)
        dir = "/dev/shm";
    int length = snprintf(path, size, "%s/reef-board-%s-%u", dir, gpu, (unsigned)geteuid());
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* True if a live process has a slot on what is mapped (a board of any version keeps the first bytes). */
static bool in_use(const struct reef_board_layout *map)
{
    if (map->magic != REEF_BOARD_MAGIC)
        return false;
    /* Another version's slots cannot be read: its processes hold a shared flock for as long as they live. */
    for (unsigned i = 0; i < REEF_BOARD_SLOTS && reef_board_is_ours(map); i++)
        if (reef_board_slot_lives(&map->slots[i], atomic_load(&map->slots[i].owner)))
            return true;
    return false;
}

/* A new board file at @path, complete before it has its name. Returns a descriptor or a negative errno. */
static int make_file(const char *path)
{
    struct reef_board_layout *map;
    char fresh[4200];

    snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
    int fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = posix_fallocate(fd, 0, sizeof(*map)); /* so that a full tmpfs shows here, not as SIGBUS */
    if (!error) {
        map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            map->magic = REEF_BOARD_MAGIC;
            map->version = REEF_BOARD_VERSION;
            map->bytes = sizeof(*map);
            munmap(map, sizeof(*map));
            error = rename(fresh, path) == 0 ? 0 : errno;
        } else {
            error = errno;
        }
    }
    if (!error)
        return fd;
    unlink(fresh);
    close(fd);
    return -error;
}

/* Maps the file behind @fd if it is a usable board. Returns 0, -EPROTO (not a board of ours, nobody uses
 * it: to be replaced), or another negative errno. */
static int map_file(int fd, struct reef_board_layout **map, char *why, unsigned why_size)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        snprintf(why, why_size, "the board's file is not a regular file of this user");
        return -EPERM;
    }
    if (st.st_size < (off_t)sizeof(**map)) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return -EPROTO;
        snprintf(why, why_size, "the board's file is too short and in use by another version");
        return -EBUSY;
    }
    *map = mmap(NULL, sizeof(**map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*map == MAP_FAILED) {
        *map = NULL;
        return -errno;
    }
    if (reef_board_is_ours(*map))
        return 0;
    /* Every process keeps a shared lock on the board it uses. */
    bool used = in_use(*map) || flock(fd, LOCK_EX | LOCK_NB) != 0;
    munmap(*map, sizeof(**map));
    *map = NULL;
    if (!used)
        return -EPROTO;
    snprintf(why, why_size, "the board belongs to another version of libreef that is in use");
    return -EBUSY;
}

/* Waits for a lock, but not for ever: its holder may be stopped. */
static int lock_bounded(int fd)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        nanosleep(&pause, NULL);
    }
    return -EBUSY;
}

/* The directory's lock: makers of a board are alone. Returns a descriptor or a negative errno. */
static int lock_maker(const char *path)
{
    char name[4200];

    snprintf(name, sizeof(name), "%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = lock_bounded(fd);
    if (error)
        close(fd);
    return error ? error : fd;
}

static int open_map(const char *path, struct reef_board_layout **map, char *why, unsigned why_size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int error = fd < 0 ? -errno : map_file(fd, map, why, why_size);

    if (fd < 0 && error != -ENOENT)
        snprintf(why, why_size, "%s: %s", path, strerror(-error));
    if (error == -EPROTO || error == -ENOENT) {
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        fd = make_file(path);
        error = fd < 0 ? fd : map_file(fd, map, why, why_size);
        if (error)
            snprintf(why, why_size, "%s: %s", path, strerror(-error));
    }
    if (!error)
        error = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : -errno; /* kept by the mapping's descriptor, see below */
    if (error && fd >= 0)
        close(fd);
    return error ? error : fd;
}

static int take_slot(struct reef_board *board)
{
    uint64_t mine = (uint64_t)getpid() << 32 | (uint32_t)reef_board_start_time(getpid());

    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++) {
        struct reef_board_slot *slot = &board->map->slots[i];
        uint64_t owner = atomic_load(&slot->owner);

        if (owner && reef_board_slot_lives(slot, owner))
            continue;
        atomic_fetch_and(&board->map->rt, ~(1ull << i));
        atomic_fetch_and(&board->map->turn_waiters, ~(1ull << i));
        if (!atomic_compare_exchange_strong(&slot->owner, &owner, mine))
            continue;
        atomic_store(&slot->pid_namespace, reef_board_pid_namespace());
        atomic_store(&slot->renewed_ns, 0);
        atomic_store(&slot->raised_ns, 0);
        atomic_store(&slot->asleep, 0);
        atomic_store(&slot->rt_cus, 0);
        atomic_store(&slot->cls, REEF_BOARD_OFF);
        memset(&slot->stats, 0, sizeof(slot->stats));
        memset(slot->command, 0, sizeof(slot->command));
        prctl(PR_GET_NAME, slot->command);
        board->slot = i;
        return 0;
    }
    return -EUSERS;
}

int reef_board_open(struct reef_board **out, const char *dir, const char *gpu, char *why,
                    unsigned why_size)
{
    struct reef_board_layout *map = NULL;
    char path[4096];

    *out = NULL;
    if (why_size)
        why[0] = '\0';
    int error = reef_board_path(path, sizeof(path), dir, gpu);
    if (error) {
        snprintf(why, why_size, "no usable path for the board of GPU '%s'", gpu);
        return error;
    }
    int maker = lock_maker(path);
    if (maker < 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(-maker));
        return maker;
    }
    int fd = open_map(path, &map, why, why_size);
    struct reef_board *board = fd < 0 ? NULL : calloc(1, sizeof(*board));
    error = fd < 0 ? fd : board ? 0 : -ENOMEM;
    if (!error) {
        board->map = map;
        board->pid = getpid();
        board->fd = fd;
        error = take_slot(board);
        if (error)
            snprintf(why, why_size, "all %d slots of the board are taken", REEF_BOARD_SLOTS);
    }
    close(maker);
    if (error) {
        free(board);
        if (map)
            munmap(map, sizeof(*map));
        if (fd >= 0)
            close(fd);
        return error;
    }
    *out = board;
    return 0;
}

void reef_board_abandon(struct reef_board *board)
{
    if (!board)
        return;
    munmap(board->map, sizeof(*board->map));
    close(board->fd); /* the parent's flock lives on: it belongs to the open file, which it still has */
    free(board);
}

void reef_board_close(struct reef_board *board)
{
    if (!board)
        return;
    if (board->pid == getpid()) {
        reef_board_rt_clear(board);
        reef_board_rt_needs(board, 0);
        reef_board_turn_wait(board, false, -1);
        atomic_store(&board->map->slots[board->slot].pid_namespace, 0);
        atomic_store(&board->map->slots[board->slot].owner, 0);
    }
    reef_board_abandon(board);
}

struct reef_board_stats *reef_board_stats(struct reef_board *board)
{
    return &board->map->slots[board->slot].stats;
}
