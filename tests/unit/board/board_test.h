// SPDX-License-Identifier: Apache-2.0
/* What the tests of the board share: cmocka, a private directory, the time, and child processes.
 * The tests know the contract (board.h) only, not the layout: they damage files through the file
 * system. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shim/board/board.h"

#define GPU "pci-0000-03-00.0"

static char test_dir[64];
static char why[256];

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int make_dir(void **state)
{
    (void)state;
    snprintf(test_dir, sizeof(test_dir), "/tmp/reef-board-test-XXXXXX");
    return mkdtemp(test_dir) ? 0 : -1;
}

static inline int remove_dir(void **state)
{
    (void)state;
    DIR *dir = opendir(test_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    return rmdir(test_dir);
}

static inline struct reef_board *open_board(void)
{
    struct reef_board *board;
    int error = reef_board_open(&board, test_dir, GPU, why, sizeof(why));
    if (error)
        fail_msg("board: %d %s", error, why);
    assert_non_null(board);
    return board;
}

/** The path of the board's file: the only non-empty one there is. */
static inline const char *board_path(void)
{
    static char path[512];
    struct stat st;
    DIR *dir = opendir(test_dir);
    path[0] = '\0';
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char one[400];
        snprintf(one, sizeof(one), "%s/%s", test_dir, entry->d_name);
        if (lstat(one, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
            assert_int_equal(path[0], '\0');
            snprintf(path, sizeof(path), "%s", one);
        }
    }
    closedir(dir);
    assert_true(path[0] != '\0');
    return path;
}

/** Whether RT is active when this process has just renewed its lease: a set bit, whatever the load.
 */
static inline bool active_by_self(struct reef_board *board)
{
    uint64_t at_ns = now_ns();
    reef_board_rt_renew(board, at_ns);
    return reef_board_rt_active(board, at_ns);
}

static inline bool wait_until_active(struct reef_board *board, bool active, uint64_t limit_ns)
{
    uint64_t end_ns = now_ns() + limit_ns;
    while (reef_board_rt_active(board, now_ns()) != active) {
        if (now_ns() > end_ns)
            return false;
        usleep(500);
    }
    return true;
}

/* --- a child process that does one thing when it is told --- */

struct child {
    pid_t pid;
    int in, out;
};

/** Forks @body, which gets descriptors to read orders from and to answer on. */
static inline struct child start_child(void (*body)(int in, int out))
{
    int order[2], answer[2];
    assert_int_equal(pipe(order), 0);
    assert_int_equal(pipe(answer), 0);
    struct child child = {.pid = fork(), .in = answer[0], .out = order[1]};
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(order[1]);
        close(answer[0]);
        body(order[0], answer[1]);
        _exit(0);
    }
    close(order[0]);
    close(answer[1]);
    return child;
}

static inline char hear(int in)
{
    char c = 0;
    return read(in, &c, 1) == 1 ? c : 0;
}

static inline void say(int out, char c)
{
    if (write(out, &c, 1) != 1)
        abort();
}

static inline void order(const struct child *child, char c)
{
    say(child->out, c);
    assert_int_equal(hear(child->in), c);
}

static inline int end_child(const struct child *child)
{
    int status;
    close(child->in);
    close(child->out);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

/** A process on the board. Orders: r raise, c clear, n renew, a digit: its RT work needs ten times
 * as many units, q close and end. Each is answered with itself when done. */
static inline void peer(int in, int out)
{
    struct reef_board *board;
    if (reef_board_open(&board, test_dir, GPU, why, sizeof(why)) != 0)
        _exit(2);
    say(out, 'o');
    for (char c; (c = hear(in));) {
        if (c == 'r')
            reef_board_rt_raise(board);
        else if (c == 'c')
            reef_board_rt_clear(board);
        else if (c == 'n')
            reef_board_rt_renew(board, now_ns());
        else if (c >= '0' && c <= '9')
            reef_board_rt_needs(board, 10 * (uint32_t)(c - '0'));
        else if (c == 'q')
            reef_board_close(board);
        say(out, c);
        if (c == 'q')
            _exit(0);
    }
}

/** Whether RT is active while @child renews. On a loaded machine more than a lease may pass between
 *  the renewal and the look at it, so that is tried again; a bit that is not set stays inactive. */
static inline bool active_by(struct reef_board *board, const struct child *child)
{
    for (unsigned i = 0; i < 50; i++) {
        order(child, 'n');
        if (reef_board_rt_active(board, now_ns()))
            return true;
    }
    return false;
}

static inline struct child start_peer(void)
{
    struct child child = start_child(peer);
    assert_int_equal(hear(child.in), 'o');
    return child;
}
