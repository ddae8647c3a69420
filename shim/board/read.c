// SPDX-License-Identifier: Apache-2.0
/*
 * What a monitor reads. It takes no slot and writes nothing; the file is mapped read-only, and a board of
 * another version is not read at all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/layout.h"

static_assert(sizeof(struct reef_board_stats) % sizeof(uint64_t) == 0, "copied word by word");

static void copy_stats(struct reef_board_stats *to, const struct reef_board_stats *from)
{
    _Atomic uint64_t *t = (_Atomic uint64_t *)to;
    const _Atomic uint64_t *f = (const _Atomic uint64_t *)from;

    for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
        atomic_init(&t[i], atomic_load_explicit(&f[i], memory_order_relaxed));
}

static void copy_peer(struct reef_board_peer *peer, const struct reef_board_layout *map, unsigned i,
                      uint64_t owner)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    const struct reef_board_slot *slot = &map->slots[i];
    uint32_t cls = atomic_load(&slot->cls);

    memset(peer, 0, sizeof(*peer));
    peer->pid = reef_board_owner_pid(owner);
    peer->cls = cls <= REEF_BOARD_BE ? (enum reef_board_class)cls : REEF_BOARD_OFF;
    peer->alive = reef_board_slot_lives(slot, owner);
    peer->rt_active = peer->alive && (atomic_load(&map->rt) >> i & 1) &&
                      reef_board_lease_holds(atomic_load(&slot->renewed_ns), now_ns);
    memcpy(peer->command, slot->command, sizeof(peer->command) - 1);
    copy_stats(&peer->stats, &slot->stats);
}

int reef_board_read(const char *dir, const char *gpu, struct reef_board_peer *peers, unsigned count)
{
    char path[4096];
    struct stat st;
    unsigned written = 0;
    int error = reef_board_path(path, sizeof(path), dir, gpu);

    if (error)
        return error;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size < (off_t)sizeof(struct reef_board_layout)) {
        close(fd);
        return -EPROTO;
    }
    const struct reef_board_layout *map = mmap(NULL, sizeof(*map), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return -errno;
    if (!reef_board_is_ours(map)) {
        munmap((void *)map, sizeof(*map));
        return -EPROTO;
    }
    for (unsigned i = 0; i < REEF_BOARD_SLOTS && written < count; i++) {
        uint64_t owner = atomic_load(&map->slots[i].owner);
        if (owner)
            copy_peer(&peers[written++], map, i, owner);
    }
    munmap((void *)map, sizeof(*map));
    return (int)written;
}

int reef_board_list(const char *dir, char names[][REEF_BOARD_NAME], unsigned count)
{
    char path[4096], prefix[] = "reef-board-", suffix[16];
    unsigned written = 0;

    /* The folder and the parts of a board's file name around the GPU's identity. */
    int error = reef_board_path(path, sizeof(path), dir, "x");
    if (error)
        return error;
    snprintf(suffix, sizeof(suffix), "-%u", (unsigned)geteuid());
    *strrchr(path, '/') = '\0';
    DIR *folder = opendir(path);
    if (!folder)
        return -errno;
    for (struct dirent *entry; written < count && (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name), around = strlen(prefix) + strlen(suffix);

        if (length <= around || length - around >= REEF_BOARD_NAME ||
            strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
            strcmp(entry->d_name + length - strlen(suffix), suffix) != 0)
            continue;
        memcpy(names[written], entry->d_name + strlen(prefix), length - around);
        names[written++][length - around] = '\0';
    }
    closedir(folder);
    return (int)written;
}
