// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel driver's side of /dev/nvidiactl, as far as channel groups go: an ioctl that stands
 * behind libreef's hook in the program's search order. Objects belong to the file they were made
 * on, as the real driver has it (strict client validation), and every structure is checked.
 * Layouts: see shim/nvidia/rm.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/nvidia/rm.h"
#include "tests/preload/fakes/fake_nvidiactl.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT struct fake_nvidiactl fake_nvidiactl;

static struct object {
    int fd;
    uint32_t client, parent, object, class_;
} objects[256];
static uint32_t next_object = 0x5c000001;

static struct object *find(int fd, uint32_t client, uint32_t object)
{
    for (unsigned i = 0; i < 256; i++)
        if (objects[i].object == object && objects[i].client == client && objects[i].fd == fd)
            return &objects[i];
    return NULL;
}

static uint32_t allocate(int fd, uint32_t client, uint32_t parent, uint32_t *object,
                         uint32_t class_)
{
    for (unsigned i = 0; i < 256; i++) {
        if (objects[i].object)
            continue;
        if (!*object)
            *object = next_object++;
        objects[i] = (struct object){fd, client ? client : *object, parent, *object, class_};
        fake_nvidiactl.groups += class_ == RM_CLASS_CHANNEL_GROUP;
        return 0;
    }
    return 0x1a; /* NV_ERR_INSUFFICIENT_RESOURCES */
}

static uint32_t release(int fd, uint32_t client, uint32_t object)
{
    struct object *o = find(fd, client, object);
    if (!o)
        return 0x57; /* NV_ERR_OBJECT_NOT_FOUND */
    for (unsigned i = 0; i < 256; i++) {
        bool child = objects[i].object && objects[i].client == client &&
                     (objects[i].parent == object || client == object || &objects[i] == o);
        if (child) {
            fake_nvidiactl.groups -= objects[i].class_ == RM_CLASS_CHANNEL_GROUP;
            objects[i].object = 0;
        }
    }
    return 0;
}

static uint32_t control(int fd, const struct rm_control *c)
{
    struct object *o = find(fd, c->client, c->object);
    uint64_t us;
    if (c->command != RM_SET_TIMESLICE || !o || o->class_ != RM_CLASS_CHANNEL_GROUP ||
        c->flags != 0 || c->parameters_size != sizeof(us) || !c->parameters || c->status != 0 ||
        !fake_nvidiactl.working) {
        fake_nvidiactl.wrong++;
        return 0x57;
    }
    memcpy(&us, (const void *)(uintptr_t)c->parameters, sizeof(us));
    fake_nvidiactl.timeslice_us = us;
    fake_nvidiactl.object = c->object;
    if (fake_nvidiactl.answer == 0)
        fake_nvidiactl.sets++;
    return (uint32_t)fake_nvidiactl.answer;
}

static int escape(int fd, unsigned command, size_t size, void *argument)
{
    if (command == RM_ESC_ALLOC && size == sizeof(struct rm_alloc)) {
        struct rm_alloc *a = argument;
        a->status = allocate(fd, a->root, a->parent, &a->object, a->class_);
    } else if (command == RM_ESC_ALLOC && size == sizeof(struct rm_alloc_rights)) {
        struct rm_alloc_rights *a = argument;
        a->status = allocate(fd, a->root, a->parent, &a->object, a->class_);
    } else if (command == RM_ESC_FREE && size == sizeof(struct rm_free)) {
        struct rm_free *f = argument;
        f->status = release(fd, f->root, f->old);
    } else if (command == RM_ESC_CONTROL && size == sizeof(struct rm_control)) {
        struct rm_control *c = argument;
        c->status = control(fd, c);
    } else if (command == RM_ESC_ALLOC && size == 40) {
        return 0; /* a driver of another version: a group that nobody understands */
    } else {
        fake_nvidiactl.wrong++;
        errno = EINVAL;
        return -1;
    }
    return 0;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (_IOC_TYPE(request) != RM_IOCTL_MAGIC)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    if (_IOC_NR(request) == RM_ESC_XFER) {
        struct rm_xfer *x = argument;
        return escape(fd, x->command, x->size, (void *)(uintptr_t)x->pointer);
    }
    return escape(fd, _IOC_NR(request), _IOC_SIZE(request), argument);
}
