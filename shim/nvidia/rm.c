// SPDX-License-Identifier: Apache-2.0
/* Watching the kernel driver's ioctls. See rm.h. */
#include "shim/nvidia/rm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * A timeslice that is set right after a group was made has no effect: the user-space driver sets
 * its own when it first schedules the group. So it is set some time after work has followed, and
 * once more, in case the driver was late (measured on an H100 with driver 580.159.04).
 */
#define FIRST_NS  5000000u
#define SECOND_NS 100000000u

enum { OLDEST_DRIVER = 550, NEWEST_DRIVER = 595 };

bool rm_wants(unsigned long request)
{
    unsigned nr = _IOC_NR(request);
    return _IOC_TYPE(request) == RM_IOCTL_MAGIC &&
           (nr == RM_ESC_ALLOC || nr == RM_ESC_FREE || nr == RM_ESC_XFER);
}

static void forget(struct rm_groups *groups, uint32_t client, uint32_t object)
{
    for (unsigned i = 0; i < RM_GROUPS; i++) {
        struct rm_group *g = &groups->groups[i];
        bool gone =
            g->client == client && (g->object == object || g->parent == object || client == object);
        if (g->state != RM_GROUP_FREE && gone) {
            g->state = RM_GROUP_FREE;
            groups->freed++;
        }
    }
}

static bool add(struct rm_groups *groups, const struct rm_file *file, uint32_t client,
                uint32_t parent, uint32_t object, uint64_t work)
{
    struct rm_group *free_one = NULL;
    for (unsigned i = 0; i < RM_GROUPS && !free_one; i++)
        if (groups->groups[i].state == RM_GROUP_FREE)
            free_one = &groups->groups[i];
    groups->seen++;
    if (!free_one) {
        groups->unknown++;
        return false;
    }
    *free_one = (struct rm_group){
        .state = RM_GROUP_NEW,
        .file = *file,
        .client = client,
        .parent = parent,
        .object = object,
        .work = work,
    };
    return true;
}

static bool watch_alloc(struct rm_groups *groups, const struct rm_file *file, size_t size,
                        const void *argument, uint64_t work)
{
    struct rm_alloc_rights a = {0};
    uint32_t status;
    if (size == sizeof(struct rm_alloc)) {
        struct rm_alloc old;
        memcpy(&old, argument, sizeof(old));
        a.root = old.root;
        a.parent = old.parent;
        a.object = old.object;
        a.class_ = old.class_;
        status = old.status;
    } else if (size == sizeof(a)) {
        memcpy(&a, argument, sizeof(a));
        status = a.status;
    } else {
        groups->unknown++;
        return false;
    }
    if (a.class_ != RM_CLASS_CHANNEL_GROUP || status != 0 || a.root == 0 || a.object == 0)
        return false;
    return add(groups, file, a.root, a.parent, a.object, work);
}

bool rm_watch(struct rm_groups *groups, const struct rm_file *file, unsigned command, size_t size,
              const void *argument, uint64_t work)
{
    if (command == RM_ESC_ALLOC)
        return watch_alloc(groups, file, size, argument, work);
    if (command != RM_ESC_FREE)
        return false;
    struct rm_free f;
    if (size != sizeof(f)) {
        groups->unknown++;
        return false;
    }
    memcpy(&f, argument, sizeof(f));
    if (f.status == 0)
        forget(groups, f.root, f.old);
    return false;
}

struct rm_group *rm_due(struct rm_groups *groups, uint64_t work, uint64_t now_ns, uint64_t *next_ns)
{
    *next_ns = UINT64_MAX;
    for (unsigned i = 0; i < RM_GROUPS; i++) {
        struct rm_group *g = &groups->groups[i];
        if (g->state == RM_GROUP_NEW && work > g->work) {
            g->state = RM_GROUP_WORKED;
            g->due_ns = now_ns + FIRST_NS;
        }
        if (g->state != RM_GROUP_WORKED && g->state != RM_GROUP_SET)
            continue;
        if (g->state == RM_GROUP_SET && work == g->work)
            continue; /* no work since: nothing can have undone it */
        if (g->due_ns <= now_ns)
            return g;
        if (g->due_ns - now_ns < *next_ns)
            *next_ns = g->due_ns - now_ns;
    }
    return NULL;
}

void rm_again(struct rm_groups *groups, uint64_t now_ns)
{
    for (unsigned i = 0; i < RM_GROUPS; i++) {
        struct rm_group *g = &groups->groups[i];
        if (g->state != RM_GROUP_SET && g->state != RM_GROUP_DONE)
            continue;
        g->state = RM_GROUP_WORKED;
        g->due_ns = now_ns;
        groups->set--;
    }
}

void rm_answer(struct rm_groups *groups, struct rm_group *group, int error, uint32_t status,
               uint64_t work, uint64_t now_ns)
{
    group->status = status;
    if (error || status) {
        group->state = RM_GROUP_REFUSED;
        groups->refused++;
        return;
    }
    groups->set += group->state == RM_GROUP_WORKED;
    group->state = group->state == RM_GROUP_WORKED ? RM_GROUP_SET : RM_GROUP_DONE;
    group->work = work;
    group->due_ns = now_ns + SECOND_NS;
}

bool rm_known_driver(const char *version)
{
    char *end;
    unsigned long major = strtoul(version, &end, 10);
    return version[0] >= '0' && version[0] <= '9' && *end == '.' && major >= OLDEST_DRIVER &&
           major <= NEWEST_DRIVER;
}

bool rm_parse_timeslice(const char *text, uint32_t auto_us, uint32_t *us, bool *given)
{
    *given = false;
    *us = 0;
    if (!text || strcmp(text, "auto") == 0) {
        *us = auto_us;
        return true;
    }
    if (strcmp(text, "off") == 0)
        return true;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || value < 1 || value > 1000000)
        return false;
    *us = (uint32_t)value;
    *given = true;
    return true;
}
