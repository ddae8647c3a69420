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
#include <unistd.h>

#include "shim/board/layout.h"

uint64_t reef_board_start_time(int32_t pid)
{
    char path[32], text[1024];

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
    if (!field || field[1] != ' ' || field[2] == 'Z' || field[2] == 'X')
        return 0;
    for (int number = 2; number < 22; number++) {
        field = strchr(field + 1, ' ');
        if (!field)
            return 0;
    }
    return strtoull(field + 1, NULL, 10);
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
