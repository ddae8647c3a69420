// SPDX-License-Identifier: Apache-2.0
/*
 * Who a slot belongs to: a pid and the time its process started, so that a reused pid is not mistaken for the
 * owner. Reads /proc; never called on a launch.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/board/layout.h"

/* proc(5), stat: field 3 is the state of the main thread, 20 the number of threads, 22 the start time. A
 * main thread that ended is a zombie while other threads may go on. */
enum { STATE = 3, THREADS = 20, START = 22 };

uint64_t reef_board_start_time(int32_t pid)
{
    char path[32], text[1024];
    bool zombie = false;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    /* Field 2 is the name in brackets and may hold anything: count from its last bracket (proc(5)). */
    char *field = strrchr(text, ')');
    for (int number = STATE; field && number <= START; number++) {
        field = strchr(field + 1, ' ');
        if (field && number == STATE)
            zombie = field[1] == 'Z' || field[1] == 'X';
        if (field && number == THREADS && zombie && strtol(field + 1, NULL, 10) <= 1)
            return 0;
    }
    return field ? strtoull(field + 1, NULL, 10) : 0;
}

uint32_t reef_board_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint32_t)st.st_ino : 0;
}

bool reef_board_slot_lives(const struct reef_board_slot *slot, uint64_t owner)
{
    uint32_t theirs = atomic_load_explicit(&slot->pid_namespace, memory_order_relaxed);
    if (owner && theirs && theirs != reef_board_pid_namespace())
        return true; /* its pid means nothing here; its lease still ends */
    return reef_board_owner_lives(owner);
}

bool reef_board_owner_lives(uint64_t owner)
{
    int32_t pid = reef_board_owner_pid(owner);

    if (pid <= 0)
        return false;
    uint64_t start = reef_board_start_time(pid);
    if (start)
        return (uint32_t)start == (uint32_t)owner;
    /* No /proc entry: gone, a zombie, or /proc hides other users' processes (hidepid). Only a plain "no such
     * process" is proof; a zombie was seen as one above if /proc shows it at all. */
    return kill(pid, 0) == 0 ? access("/proc/self/stat", R_OK) != 0 : errno != ESRCH;
}
