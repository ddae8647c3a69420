// SPDX-License-Identifier: Apache-2.0
/*
 * Channel groups: what the hardware's scheduler takes turns between. The user-space driver makes
 * one for each context by an ioctl on the kernel driver's file, and whoever owns it may set its
 * timeslice in the same way; so what stands between a program and its libcuda sees here what it
 * sees on a machine with NVIDIA's driver, and can do there what it does here.
 */
#pragma once

#include <stdbool.h>

/** Makes a group, by an ioctl. Returns it, or 0: there is none. The driver's lock may be held. */
unsigned nv_channel_group_new(void);
void nv_channel_group_free(unsigned group);
/** The group's first work comes to the device: now its timeslice is what the driver thinks best,
 * whatever was set before (seen on an H100 with driver 580). */
void nv_channel_group_schedule(unsigned group);
