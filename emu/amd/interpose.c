// SPDX-License-Identifier: Apache-2.0
/*
 * The libc calls by which a program meets the driver. Preloaded, this library answers for /dev/kfd,
 * its render node, the topology files and the module list; every other call goes straight to the
 * next definition of the function, at the price of one look at the path's first characters.
 *
 * An open of the device returns a duplicate of the memory file (vm.c), so that mmap() of buffer
 * objects and doorbells needs no interposition. Which descriptors are the device is not tracked:
 * ioctl() first looks at the request's type letter, and only for 'K' and 'd' compares the file's
 * identity.
 *
 * This library's own code calls the functions below like any other caller; none of the paths that
 * it uses itself is redirected, so that never recurses.
 */
#undef _FILE_OFFSET_BITS /* else <fcntl.h> makes open() another name of open64() */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0

#include "kfd.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define unlikely(x) __builtin_expect((x), 0)
#define EXPORT      __attribute__((visibility("default")))

static void *find_real(const char *name)
{
    void *real = dlsym(RTLD_NEXT, name);

    /* The __xstat family has no default version in newer glibc. */
    return real ? real : dlvsym(RTLD_NEXT, name, "GLIBC_2.2.5");
}

/* Declares real_NAME: a pointer to the next definition of NAME, found at the first call. Threads
 * may race to find it; they find the same. */
#define REAL(name)                                                                                 \
    static __typeof__(&name) slot_##name;                                                          \
    __typeof__(&name) real_##name = __atomic_load_n(&slot_##name, __ATOMIC_RELAXED);               \
    if (!real_##name) {                                                                            \
        real_##name = (__typeof__(&name))find_real(#name);                                         \
        __atomic_store_n(&slot_##name, real_##name, __ATOMIC_RELAXED);                             \
    }

/* glibc has these without declaring them in its headers (any more). */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags);

/* ---- which paths are ours ---- */

enum { DRM_REQUEST = 'd' }; /* type letter of DRM requests */

enum path_kind { PATH_OTHER, PATH_KFD, PATH_RENDER, PATH_MODULES, PATH_TREE };

static const struct {
    const char *prefix;
    unsigned char length;
    bool whole; /* the path itself only, not what lies below */
    enum path_kind kind;
} redirected[] = {
#define ROW(path, whole, kind)                                                                     \
    {                                                                                              \
        path, sizeof(path) - 1, whole, kind                                                        \
    }
    ROW("/dev/kfd", true, PATH_KFD),          ROW("/dev/dri/renderD128", true, PATH_RENDER),
    ROW("/proc/modules", true, PATH_MODULES), ROW("/sys/devices/virtual/kfd", false, PATH_TREE),
    ROW("/sys/class/kfd", false, PATH_TREE),  ROW("/sys/module/amdgpu", false, PATH_TREE),
#undef ROW
};

static enum path_kind match_slow(const char *path)
{
    for (size_t i = 0; i < sizeof(redirected) / sizeof(redirected[0]); i++) {
        size_t length = redirected[i].length;

        if (strncmp(path, redirected[i].prefix, length) == 0 &&
            (path[length] == '\0' || (path[length] == '/' && !redirected[i].whole)))
            return redirected[i].kind;
    }
    return PATH_OTHER;
}

static inline enum path_kind match(const char *path)
{
    if (!path || path[0] != '/' || (path[1] != 'd' && path[1] != 's' && path[1] != 'p'))
        return PATH_OTHER;
    return match_slow(path);
}

/** Where a call that does not open should look instead of @path: to be freed; NULL with errno set
 * on failure. A device node looks like the null device: a character device that all may open. */
static char *redirect(enum path_kind kind, const char *path)
{
    char *real = NULL;
    int rc;

    if (kind != PATH_TREE)
        return strdup(kind == PATH_MODULES ? path : "/dev/null");
    rc = emu_topology_redirect(path, &real);
    if (rc)
        errno = -rc;
    return real;
}

/** free() that keeps errno. */
static void release(char *path)
{
    int error = errno;

    free(path);
    errno = error;
}

/* ---- the device ---- */

const char emu_default_profile[] = "mi50";

int emu_real_open(const char *path, int flags, unsigned mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static bool is_device(int fd)
{
    int error = errno;
    bool same = emu_vm_is_file(fd);

    errno = error;
    return same;
}

static int open_device(int flags)
{
    int rc = emu_start();

    if (rc) {
        errno = -rc;
        return -1;
    }
    if (!emu_vm_is_file(emu_vm_fd())) {
        emu_report(
            "the program has closed a descriptor of the emulated GPU; it cannot open it again");
        errno = ENODEV;
        return -1;
    }
    return fcntl(emu_vm_fd(), flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
}

static __attribute__((noinline)) int open_ours(enum path_kind kind, const char *path, int flags)
{
    char *real;
    int fd;

    if (kind == PATH_KFD || kind == PATH_RENDER)
        return open_device(flags);
    if (kind == PATH_MODULES) {
        fd = emu_topology_modules_fd();
        if (fd >= 0)
            return fd;
        errno = -fd;
        return -1;
    }
    real = redirect(kind, path);
    if (!real)
        return -1;
    fd = emu_real_open(real, flags & ~(O_CREAT | O_TRUNC), 0);
    release(real);
    return fd;
}

/* ---- open and fopen ---- */

static mode_t open_mode(int flags, va_list args)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        enum path_kind kind = match(path);                                                         \
        va_list args;                                                                              \
        mode_t mode;                                                                               \
        REAL(name)                                                                                 \
        if (unlikely(kind != PATH_OTHER))                                                          \
            return open_ours(kind, path, flags);                                                   \
        va_start(args, flags);                                                                     \
        mode = open_mode(flags, args);                                                             \
        va_end(args);                                                                              \
        return real_##name(path, flags, mode);                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    EXPORT int name(int dir, const char *path, int flags, ...)                                     \
    {                                                                                              \
        enum path_kind kind = match(path);                                                         \
        va_list args;                                                                              \
        mode_t mode;                                                                               \
        REAL(name)                                                                                 \
        if (unlikely(kind != PATH_OTHER))                                                          \
            return open_ours(kind, path, flags);                                                   \
        va_start(args, flags);                                                                     \
        mode = open_mode(flags, args);                                                             \
        va_end(args);                                                                              \
        return real_##name(dir, path, flags, mode);                                                \
    }
OPENAT(openat)
OPENAT(openat64)

/* What open() is compiled to with _FORTIFY_SOURCE and without a mode. */
#define OPEN_FORTIFIED(name, params, args)                                                         \
    EXPORT int name params                                                                         \
    {                                                                                              \
        enum path_kind kind = match(path);                                                         \
        REAL(name)                                                                                 \
        return unlikely(kind != PATH_OTHER) ? open_ours(kind, path, flags) : real_##name args;     \
    }
OPEN_FORTIFIED(__open_2, (const char *path, int flags), (path, flags))
OPEN_FORTIFIED(__open64_2, (const char *path, int flags), (path, flags))
OPEN_FORTIFIED(__openat_2, (int dir, const char *path, int flags), (dir, path, flags))
OPEN_FORTIFIED(__openat64_2, (int dir, const char *path, int flags), (dir, path, flags))

static __attribute__((noinline)) FILE *fopen_ours(enum path_kind kind, const char *path,
                                                  const char *mode)
{
    int flags = mode[0] == 'r' && !strchr(mode, '+') ? O_RDONLY : O_RDWR;
    int fd = open_ours(kind, path, flags | (strchr(mode, 'e') ? O_CLOEXEC : 0));
    FILE *file = fd >= 0 ? fdopen(fd, mode) : NULL;

    if (fd >= 0 && !file)
        close(fd);
    return file;
}

#define FOPEN(name)                                                                                \
    EXPORT FILE *name(const char *path, const char *mode)                                          \
    {                                                                                              \
        enum path_kind kind = match(path);                                                         \
        REAL(name)                                                                                 \
        return unlikely(kind != PATH_OTHER) ? fopen_ours(kind, path, mode)                         \
                                            : real_##name(path, mode);                             \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* ---- calls that only look ---- */

#define LOOK(type, failure, name, params, args)                                                    \
    EXPORT type name params                                                                        \
    {                                                                                              \
        enum path_kind kind = match(path);                                                         \
        type result = failure;                                                                     \
        REAL(name)                                                                                 \
        if (unlikely(kind != PATH_OTHER)) {                                                        \
            char *real = redirect(kind, path);                                                     \
                                                                                                   \
            path = real;                                                                           \
            if (real)                                                                              \
                result = real_##name args;                                                         \
            release(real);                                                                         \
            return result;                                                                         \
        }                                                                                          \
        return real_##name args;                                                                   \
    }

LOOK(DIR *, NULL, opendir, (const char *path), (path))
LOOK(int, -1, access, (const char *path, int mode), (path, mode))
LOOK(int, -1, faccessat, (int dir, const char *path, int mode, int flags), (dir, path, mode, flags))
LOOK(int, -1, stat, (const char *path, struct stat *st), (path, st))
LOOK(int, -1, stat64, (const char *path, struct stat64 *st), (path, st))
LOOK(int, -1, lstat, (const char *path, struct stat *st), (path, st))
LOOK(int, -1, lstat64, (const char *path, struct stat64 *st), (path, st))
LOOK(int, -1, fstatat, (int dir, const char *path, struct stat *st, int flags),
     (dir, path, st, flags))
LOOK(int, -1, fstatat64, (int dir, const char *path, struct stat64 *st, int flags),
     (dir, path, st, flags))
LOOK(int, -1, statx, (int dir, const char *path, int flags, unsigned mask, struct statx *st),
     (dir, path, flags, mask, st))
LOOK(int, -1, __xstat, (int version, const char *path, struct stat *st), (version, path, st))
LOOK(int, -1, __xstat64, (int version, const char *path, struct stat64 *st), (version, path, st))
LOOK(int, -1, __lxstat, (int version, const char *path, struct stat *st), (version, path, st))
LOOK(int, -1, __lxstat64, (int version, const char *path, struct stat64 *st), (version, path, st))
LOOK(int, -1, __fxstatat, (int version, int dir, const char *path, struct stat *st, int flags),
     (version, dir, path, st, flags))
LOOK(int, -1, __fxstatat64, (int version, int dir, const char *path, struct stat64 *st, int flags),
     (version, dir, path, st, flags))

/* ---- ioctl ---- */

static __attribute__((noinline)) int ioctl_ours(unsigned long request, void *arg)
{
    int rc = _IOC_TYPE(request) == AMDKFD_IOCTL_BASE ? emu_kfd_ioctl(request, arg)
                                                     : emu_drm_ioctl(request, arg);

    if (rc < 0) {
        errno = -rc;
        return -1;
    }
    return rc;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;
    REAL(ioctl)

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (unlikely(_IOC_TYPE(request) == AMDKFD_IOCTL_BASE || _IOC_TYPE(request) == DRM_REQUEST) &&
        is_device(fd))
        return ioctl_ours(request, arg);
    return real_ioctl(fd, request, arg);
}
