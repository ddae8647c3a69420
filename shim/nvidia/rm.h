// SPDX-License-Identifier: Apache-2.0
/*
 * What libreef.so understands of the NVIDIA kernel driver's ioctls: which channel groups the
 * user-space driver made in this process, and how the timeslice of one is set. Pure: bytes in,
 * facts out; no call is made here. One owner at a time (the caller has a lock).
 *
 * Source of all layouts and numbers: NVIDIA/open-gpu-kernel-modules 580.65.06,
 * src/common/sdk/nvidia/inc/nvos.h (NVOS00, NVOS21, NVOS54, NVOS64), .../ctrl/ctrla06c.h,
 * .../class/cla06c.h, src/nvidia/arch/nvalloc/unix/include/nv_escape.h and nv-ioctl-numbers.h. The
 * same since 550. A size that is not one of these is not looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RM_IOCTL_MAGIC = 'F',
    RM_ESC_FREE = 0x29,
    RM_ESC_CONTROL = 0x2a,
    RM_ESC_ALLOC = 0x2b,
    RM_ESC_XFER = 211,
    RM_CLASS_CHANNEL_GROUP = 0xa06c, /* KEPLER_CHANNEL_GROUP_A, also of Hopper and Blackwell */
    RM_GROUPS = 64,
};
#define RM_SET_TIMESLICE 0xa06c0103u /* NVA06C_CTRL_CMD_SET_TIMESLICE */

struct rm_free { /* NVOS00_PARAMETERS */
    uint32_t root, parent, old, status;
};
struct rm_alloc { /* NVOS21_PARAMETERS */
    uint32_t root, parent, object, class_;
    uint64_t parameters;
    uint32_t parameters_size, status;
};
struct rm_alloc_rights { /* NVOS64_PARAMETERS */
    uint32_t root, parent, object, class_;
    uint64_t parameters, rights;
    uint32_t parameters_size, flags, status, pad;
};
struct rm_control { /* NVOS54_PARAMETERS */
    uint32_t client, object, command, flags;
    uint64_t parameters;
    uint32_t parameters_size, status;
};
struct rm_xfer { /* nv_ioctl_xfer_t */
    uint32_t command, size;
    uint64_t pointer;
};
_Static_assert(sizeof(struct rm_free) == 16 && sizeof(struct rm_alloc) == 32 &&
                   sizeof(struct rm_alloc_rights) == 48 && sizeof(struct rm_control) == 32 &&
                   sizeof(struct rm_xfer) == 16,
               "nvos.h");

/** The file an ioctl went to: a number alone may mean another file later. */
struct rm_file {
    int fd;
    uint64_t device, inode, rdev;
};

enum rm_group_state {
    RM_GROUP_FREE,
    RM_GROUP_NEW,    /* no work since it was made */
    RM_GROUP_WORKED, /* set it at due_ns */
    RM_GROUP_SET,    /* and once more at due_ns, if there is work after that */
    RM_GROUP_DONE,
    RM_GROUP_REFUSED, /* the driver said no: left alone */
};

struct rm_group {
    enum rm_group_state state;
    struct rm_file file;
    uint32_t client, parent, object;
    uint32_t status; /* of the last answer */
    uint64_t work;   /* launches of the process when it was made, or set */
    uint64_t due_ns;
};

struct rm_groups {
    struct rm_group groups[RM_GROUPS];
    unsigned seen, freed, set, refused, unknown; /* unknown: not understood, left alone */
};

/** What an ioctl that has returned 0 did. @argument: what it pointed to, of the size that @request
 * says (RM_ESC_XFER: what that pointed to, with its own command and size). True if a group was
 * added. */
bool rm_watch(struct rm_groups *groups, const struct rm_file *file, unsigned command, size_t size,
              const void *argument, uint64_t work);
/** Whether rm_watch() wants to see this ioctl. */
bool rm_wants(unsigned long request);
/** The group whose timeslice is to be set now, or NULL; and when to ask again (UINT64_MAX: when
 * there is work). @work: launches of the process so far. */
struct rm_group *rm_due(struct rm_groups *groups, uint64_t work, uint64_t now_ns,
                        uint64_t *next_ns);
/** The timeslice that was set is not the one that is wanted any more: all groups are due again. */
void rm_again(struct rm_groups *groups, uint64_t now_ns);
/** Notes the answer: @error: of ioctl(2), 0 or errno; @status: the driver's. */
void rm_answer(struct rm_groups *groups, struct rm_group *group, int error, uint32_t status,
               uint64_t work, uint64_t now_ns);
/** Whether @version ("580.65.06", as in /sys/module/nvidia/version) is of a driver whose structures
 * are those above: they were compared from 550 to 595. */
bool rm_known_driver(const char *version);
/** What "auto" stands for in a best-effort program, and in a real-time one. */
enum { RM_BE_US = 1, RM_RT_US = 10000 };
/** "auto", "off" or a number of microseconds. False: none of these. *us 0: off. *given:
 *  a number was given, so it is tried on any driver. */
bool rm_parse_timeslice(const char *text, uint32_t auto_us, uint32_t *us, bool *given);
