// SPDX-License-Identifier: Apache-2.0
/*
 * The interposed libc calls (emu/amd/interpose.c), seen from a program that has the emulator
 * preloaded: what is redirected, what passes through untouched, and what fork and exec leave alone.
 * Works in an emulator folder of its own.
 */
#undef _FILE_OFFSET_BITS /* to call open() and open64() as the two functions they are */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPOLOGY "/sys/devices/virtual/kfd/kfd/topology/"
#define CLASS    "/sys/class/kfd/kfd/topology/"

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #condition,              \
                    strerror(errno));                                                              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static unsigned number_in(FILE *file)
{
    unsigned value = 0;

    if (!file || fscanf(file, "%u", &value) != 1)
        value = 0;
    if (file)
        fclose(file);
    return value;
}

static bool contains(const char *path, const char *word)
{
    FILE *file = fopen(path, "re");
    char line[256];
    bool found = false;

    while (file && fgets(line, sizeof(line), file))
        found |= strstr(line, word) != NULL;
    if (file)
        fclose(file);
    return found;
}

/** A program that uses none of our paths pays nothing. */
static void idle_program(const char *dir)
{
    CHECK(entries("/proc/self/task") == 1);
    CHECK(entries(dir) == 0);
}

static void topology(void)
{
    struct stat st;
    struct stat64 st64;
    int fds[] = {
        open(TOPOLOGY "generation_id", O_RDONLY),
        open64(TOPOLOGY "generation_id", O_RDONLY),
        openat(AT_FDCWD, CLASS "generation_id", O_RDONLY | O_CLOEXEC),
        openat64(AT_FDCWD, TOPOLOGY "generation_id", O_RDONLY),
        __open_2(TOPOLOGY "generation_id", O_RDONLY),
        __open64_2(CLASS "generation_id", O_RDONLY),
    };

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        char text[8] = "";

        CHECK(fds[i] >= 0 && read(fds[i], text, sizeof(text)) == 2 && text[0] == '2');
        close(fds[i]);
    }
    CHECK(number_in(fopen(TOPOLOGY "nodes/1/gpu_id", "r")) == 31743);
    CHECK(number_in(fopen64(CLASS "nodes/1/gpu_id", "r")) == 31743);
    CHECK(contains(TOPOLOGY "nodes/1/properties", "simd_count 240"));
    CHECK(contains(TOPOLOGY "nodes/1/properties", "gfx_target_version 90006"));
    CHECK(contains(TOPOLOGY "nodes/1/caches/1/properties", "type 9"));
    CHECK(entries(TOPOLOGY "nodes") == 2);
    CHECK(stat(TOPOLOGY "nodes/0/gpu_id", &st) == 0 && S_ISREG(st.st_mode));
    CHECK(stat64(CLASS "nodes", &st64) == 0 && S_ISDIR(st64.st_mode));
    CHECK(lstat(TOPOLOGY "nodes", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(fstatat(AT_FDCWD, TOPOLOGY "nodes", &st, 0) == 0);
    CHECK(access(TOPOLOGY "nodes/1/mem_banks/0/properties", R_OK) == 0);
    CHECK(access(TOPOLOGY "nodes/2", F_OK) == -1 && errno == ENOENT);
    CHECK(open(TOPOLOGY "nodes/7/gpu_id", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(contains("/proc/modules", "amdgpu"));
    CHECK(contains("/sys/module/amdgpu/initstate", "live"));
}

static void pass_through(const char *dir)
{
    char path[512];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/made", dir);
    fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0640);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640);
    close(fd);
    CHECK(stat(path, &st) == 0 && access(path, W_OK) == 0);
    unlink(path);
    fd = openat(AT_FDCWD, path, O_CREAT | O_EXCL | O_RDWR, 0600);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
    close(fd);
    unlink(path);

    CHECK(open("/dev/kfdx", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(open("dev/kfd", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(open("/sys/class/kfd2", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(open("", O_RDONLY) == -1 && errno == ENOENT);
    fd = open("/dev/null", O_RDWR);
    CHECK(fd >= 0);
    CHECK(ioctl(fd, AMDKFD_IOC_GET_VERSION, &st) == -1 && errno == ENOTTY);
    CHECK(ioctl(fd, FIOCLEX) == 0);
    close(fd);
    CHECK(contains("/proc/self/maps", "stack"));
}

static int version_of(int fd)
{
    struct kfd_ioctl_get_version_args args = {0};

    return ioctl(fd, AMDKFD_IOC_GET_VERSION, &args) ? -errno : (int)args.major_version;
}

static void device(void)
{
    struct kfd_ioctl_wait_events_args wait = {.num_events = 1, .events_ptr = 8};
    struct stat st;
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), copy, render;

    CHECK(stat("/dev/kfd", &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(access("/dev/dri/renderD128", R_OK | W_OK) == 0);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    CHECK(version_of(fd) == 1);
    copy = dup(fd);
    close(fd);
    CHECK(version_of(fd) == -EBADF);
    CHECK(version_of(copy) == 1);
    render = open("/dev/dri/renderD128", O_RDWR);
    CHECK(render >= 0);

    CHECK(ioctl(copy, AMDKFD_IOC_GET_VERSION, (void *)8) == -1 && errno == EFAULT);
    CHECK(ioctl(copy, AMDKFD_IOC_WAIT_EVENTS, &wait) == -1 && errno == EFAULT);
    CHECK(ioctl(copy, _IOWR('K', 0x7f, int), &wait) == -1 && errno == EINVAL);
    CHECK(ioctl(copy, TCGETS, &wait) == -1 && errno == ENOTTY);
    close(render);
    close(copy);
}

static int exit_status(pid_t pid)
{
    int status = -1;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

static void fork_and_exec(void)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args args = {
        .va_addr = 0x1000000, .size = 4096, .gpu_id = 31743, .flags = KFD_IOC_ALLOC_MEM_FLAGS_GTT};
    int fd = open("/dev/kfd", O_RDWR), status;
    char *memory;
    pid_t pid;

    CHECK(ioctl(fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args) == 0);
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)args.mmap_offset);
    CHECK(memory != MAP_FAILED);
    if (memory == MAP_FAILED)
        return;
    memory[0] = 5;

    pid = fork();
    if (!pid) { /* the device serves its opener only; opened anew, it is the child's own */
        int own, fine = version_of(fd) == -EBADF;

        own = open("/dev/kfd", O_RDWR);
        fine &= own >= 0 && version_of(own) == 1 && version_of(fd) < 0;
        exit(fine ? 42 : 1);
    }
    CHECK(exit_status(pid) == 42);

    pid = fork();
    if (!pid) {
        execlp("grep", "grep", "-q", "31743", TOPOLOGY "nodes/1/gpu_id", NULL);
        _exit(1);
    }
    CHECK(exit_status(pid) == 0);
    status = system("test -c /dev/kfd && ! test -e /dev/kfdx");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    CHECK(memory[0] == 5);
    CHECK(version_of(fd) == 1);
    munmap(memory, 4096);
    close(fd);
}

int main(void)
{
    char own[] = "/tmp/reef-interpose-XXXXXX", command[64];

    if (!mkdtemp(own)) {
        perror(own);
        return 1;
    }
    umask(022);
    setenv("REEF_EMU_DIR", own, 1);
    idle_program(own);
    pass_through(own);
    idle_program(own);
    topology();
    device();
    fork_and_exec();
    snprintf(command, sizeof(command), "rm -r %s", own);
    CHECK(system(command) == 0);
    return failures ? 1 : 0;
}
