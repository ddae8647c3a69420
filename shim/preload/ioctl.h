// SPDX-License-Identifier: Apache-2.0
/* What the hook of ioctl(2) asks the platforms. Any thread, at any time: also before reef_start. */
#pragma once

#include <stdbool.h>

typedef int reef_ioctl_fn(int fd, unsigned long request, ...);

/** The ioctl behind ours; NULL if there is none. */
reef_ioctl_fn *reef_real_ioctl(void);

/* nvidia/timeslice.c */
bool reef_cuda_wants_ioctl(unsigned long request);
/** Makes the call. */
int reef_cuda_ioctl(reef_ioctl_fn *real, int fd, unsigned long request, void *argument);

/* amd/kfd.c */
bool reef_kfd_wants_ioctl(unsigned long request);
int reef_kfd_ioctl(reef_ioctl_fn *real, int fd, unsigned long request, void *argument);
