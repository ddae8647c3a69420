// SPDX-License-Identifier: Apache-2.0
/* Cases of two processes: starting the other one, and what goes over the socket between them. */
#include "conformance.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t peer_pid; /* a case has one at most */

int peer_start(const char *name)
{
    char number[16];
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fflush(stdout);
    peer_pid = fork();
    CHECK(peer_pid >= 0);
    if (peer_pid == 0) {
        close(pair[0]);
        snprintf(number, sizeof(number), "%d", pair[1]);
        execl("/proc/self/exe", "conformance", "--peer", name, number, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    return pair[0];
}

void peer_end(int socket)
{
    int status;

    CHECK(waitpid(peer_pid, &status, 0) == peer_pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        conf_skip("as the other process says");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(socket);
}

void peer_put(int socket, const void *data, size_t bytes)
{
    CHECK(send(socket, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
}

/* The other one has ended: if it passed or had to skip, so has this one. */
void peer_get(int socket, void *data, size_t bytes)
{
    ssize_t got = recv(socket, data, bytes, MSG_WAITALL);

    if (got == 0 && peer_pid)
        peer_end(socket);
    CHECK(got == (ssize_t)bytes);
}

void peer_go(int socket)
{
    peer_put(socket, "", 1);
}

void peer_wait(int socket)
{
    char byte;

    peer_get(socket, &byte, 1);
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

void peer_put_file(int socket, int fd)
{
    union control control = {{0}};
    struct iovec data = {"", 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    CHECK(sendmsg(socket, &message, MSG_NOSIGNAL) == 1);
}

int peer_get_file(int socket)
{
    union control control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd;

    CHECK(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}
