// SPDX-License-Identifier: Apache-2.0
/*
 * Is REEF's request, which ends all waves of a process, in this kernel driver? Its number is
 * another request's in newer drivers, so that is found out by calls that do nothing in any of them:
 *  - amdkfd looks whether it has a request before it reads the argument, so with an address that
 *    nothing is at the answer is EFAULT if it has, and EINVAL if not (kfd_chardev.c, kfd_ioctl).
 *    REEF's driver has two neighbouring ones.
 *  - PC sampling came with interfaces newer than 1.8; and asked for what methods there are, for
 *    this GPU, it says which, or that there are none. To REEF's driver that is a request for GPU 0,
 *    which is none: EINVAL.
 * Shared by libreef.so and reef doctor.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "shim/amd/kfd_abi.h"

typedef int kfd_ioctl_fn(int fd, unsigned long request, ...);

static inline int kfd_request_error(kfd_ioctl_fn *call, int fd, unsigned long request,
                                    void *argument)
{
    return call(fd, request, argument) == 0 ? 0 : errno;
}

/** @minor: of the interface's version, whose major is 1. @gpu_id: a GPU of amdkfd's topology. */
static inline bool kfd_probe_kill(kfd_ioctl_fn *call, int fd, uint32_t minor, uint32_t gpu_id)
{
    enum { BEFORE_PC_SAMPLING = 8 };
    void *nowhere = (void *)1;
    struct kfd_pc_sample query = {.gpu_id = gpu_id};
    return minor <= BEFORE_PC_SAMPLING && gpu_id != 0 &&
           kfd_request_error(call, fd, KFD_WAVE_RESET, nowhere) == EFAULT &&
           kfd_request_error(call, fd, KFD_CLEAR_QUEUE, nowhere) == EFAULT &&
           kfd_request_error(call, fd, KFD_PC_SAMPLE, &query) == EINVAL;
}
