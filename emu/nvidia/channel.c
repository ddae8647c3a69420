// SPDX-License-Identifier: Apache-2.0
/*
 * Channel groups and the kernel driver's side of them. See channel.h.
 *
 * libcuda's ioctls go through the C library's symbol, as the real one's do, and this library
 * exports that symbol too: so a preloaded library sees the calls first, and what it hands on comes
 * here and not to the kernel. The file is an anonymous one; calls on any other file pass.
 *
 * Of the driver there is: allocation of a client, a device and channel groups, their release, and
 * NVA06C_CTRL_CMD_SET_TIMESLICE. Sources of layouts and numbers: NVIDIA/open-gpu-kernel-modules
 * 580.65.06, src/common/sdk/nvidia/inc/nvos.h (NVOS00, NVOS54, NVOS64), ctrl/ctrla06c.h,
 * class/cl0000.h, cl0080.h, cla06c.h, src/nvidia/arch/nvalloc/unix/include/nv_escape.h and
 * nvstatuscodes.h.
 *
 * In the model it is processes that take turns, so of several groups of a process the one that was
 * set last counts.
 */
#include "channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/segment.h"
#include "driver.h"

enum {
    ESC_MAGIC = 'F',
    ESC_FREE = 0x29,
    ESC_CONTROL = 0x2a,
    ESC_ALLOC = 0x2b,
    CLASS_ROOT = 0x0041,   /* NV01_ROOT_CLIENT */
    CLASS_DEVICE = 0x0080, /* NV01_DEVICE_0 */
    CLASS_GROUP = 0xa06c,  /* KEPLER_CHANNEL_GROUP_A */
    STATUS_OK = 0,
    STATUS_INVALID_ARGUMENT = 0x1f,
    STATUS_NOT_SUPPORTED = 0x56,
    STATUS_NOT_FOUND = 0x57,
    CLIENT = 0x41000000, /* handles are the client's to choose (nvos.h, NVOS64) */
    DEVICE = 0x41000001,
    FIRST_GROUP = 0x41000100,
    GROUPS = 64,
    LONGEST_US = 1000000,
};
#define SET_TIMESLICE 0xa06c0103u

struct alloc { /* NVOS64_PARAMETERS */
    uint32_t root, parent, object, class_;
    uint64_t parameters, rights;
    uint32_t parameters_size, flags, status, pad;
};
struct release { /* NVOS00_PARAMETERS */
    uint32_t root, parent, old, status;
};
struct control { /* NVOS54_PARAMETERS */
    uint32_t client, object, command, flags;
    uint64_t parameters;
    uint32_t parameters_size, status;
};
_Static_assert(sizeof(struct alloc) == 48 && sizeof(struct release) == 16 &&
                   sizeof(struct control) == 32,
               "nvos.h");

static struct {
    bool used, scheduled;
} groups[GROUPS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* groups, file */
static struct {
    int fd;
    dev_t device;
    ino_t inode;
    pid_t pid;
} file = {.fd = -1};

/* ---- the kernel driver's side ---- */

static bool is_group(uint32_t object)
{
    return object >= FIRST_GROUP && object < FIRST_GROUP + GROUPS &&
           groups[object - FIRST_GROUP].used;
}

static uint32_t allocate(const struct alloc *a)
{
    if (a->class_ == CLASS_ROOT || a->class_ == CLASS_DEVICE)
        return STATUS_OK;
    if (a->class_ != CLASS_GROUP || a->root != CLIENT || a->parent != DEVICE)
        return STATUS_NOT_SUPPORTED;
    if (a->object < FIRST_GROUP || a->object >= FIRST_GROUP + GROUPS || is_group(a->object))
        return STATUS_INVALID_ARGUMENT;
    groups[a->object - FIRST_GROUP].used = true;
    groups[a->object - FIRST_GROUP].scheduled = false;
    return STATUS_OK;
}

static uint32_t release(const struct release *r)
{
    if (r->root != CLIENT || !is_group(r->old))
        return STATUS_NOT_FOUND;
    groups[r->old - FIRST_GROUP].used = false;
    return STATUS_OK;
}

static void set_slice_us(uint32_t us)
{
    struct emu_device *dev = emu_segment_lock();

    emu_device_turn_slice(dev, emu_segment_process(), us, emu_device_now(dev, emu_wall_ns()));
    emu_segment_unlock();
}

static uint32_t set_timeslice(const struct control *c)
{
    uint64_t us;

    if (c->client != CLIENT || !is_group(c->object))
        return STATUS_NOT_FOUND;
    if (c->command != SET_TIMESLICE)
        return STATUS_NOT_SUPPORTED;
    if (c->parameters_size != sizeof(us) || !c->parameters)
        return STATUS_INVALID_ARGUMENT;
    memcpy(&us, (const void *)(uintptr_t)c->parameters, sizeof(us));
    if (us < 1 || us > LONGEST_US)
        return STATUS_INVALID_ARGUMENT;
    set_slice_us((uint32_t)us);
    return STATUS_OK;
}

static int escape(unsigned long request, void *argument)
{
    size_t size = _IOC_SIZE(request);
    unsigned command = _IOC_NR(request);
    int result = 0;

    pthread_mutex_lock(&lock);
    if (command == ESC_ALLOC && size == sizeof(struct alloc)) {
        struct alloc *a = argument;
        a->status = allocate(a);
    } else if (command == ESC_FREE && size == sizeof(struct release)) {
        struct release *r = argument;
        r->status = release(r);
    } else if (command == ESC_CONTROL && size == sizeof(struct control)) {
        struct control *c = argument;
        c->status = set_timeslice(c);
    } else {
        errno = EINVAL;
        result = -1;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static bool is_ours(int fd)
{
    struct stat st;

    return fd == file.fd && fd >= 0 && file.pid == getpid() && fstat(fd, &st) == 0 &&
           st.st_dev == file.device && st.st_ino == file.inode;
}

NV_EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    void *argument;

    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    if (_IOC_TYPE(request) == ESC_MAGIC && argument && is_ours(fd))
        return escape(request, argument);
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

/* ---- the user-space driver's side ---- */

static bool make(uint32_t parent, uint32_t object, uint32_t class_)
{
    struct alloc a = {.root = object == CLIENT ? 0 : CLIENT,
                      .parent = parent,
                      .object = object,
                      .class_ = class_};

    return ioctl(file.fd, _IOWR(ESC_MAGIC, ESC_ALLOC, struct alloc), &a) == 0 &&
           a.status == STATUS_OK;
}

static bool open_driver(void)
{
    struct stat st;
    int fd;

    if (file.fd >= 0 && file.pid == getpid())
        return true;
    fd = memfd_create("reef-emu-nvidiactl", MFD_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    pthread_mutex_lock(&lock);
    memset(groups, 0, sizeof(groups)); /* in a forked child: the parent's */
    file.device = st.st_dev;
    file.inode = st.st_ino;
    file.pid = getpid();
    file.fd = fd;
    pthread_mutex_unlock(&lock);
    return make(0, CLIENT, CLASS_ROOT) && make(CLIENT, DEVICE, CLASS_DEVICE);
}

unsigned nv_channel_group_new(void)
{
    unsigned i = 0;

    if (!open_driver())
        return 0;
    pthread_mutex_lock(&lock);
    while (i < GROUPS && groups[i].used)
        i++;
    pthread_mutex_unlock(&lock);
    return i < GROUPS && make(DEVICE, FIRST_GROUP + i, CLASS_GROUP) ? FIRST_GROUP + i : 0;
}

void nv_channel_group_free(unsigned group)
{
    struct release r = {.root = CLIENT, .parent = DEVICE, .old = group};

    if (group && is_ours(file.fd))
        ioctl(file.fd, _IOWR(ESC_MAGIC, ESC_FREE, struct release), &r);
}

void nv_channel_group_schedule(unsigned group)
{
    bool first;

    if (!group)
        return;
    pthread_mutex_lock(&lock);
    first = is_group(group) && !groups[group - FIRST_GROUP].scheduled;
    groups[group - FIRST_GROUP].scheduled = true;
    if (first)
        set_slice_us(emu_settings()->timeslice_us ? emu_settings()->timeslice_us
                                                  : nv_profile.timeslice_us);
    pthread_mutex_unlock(&lock);
}
