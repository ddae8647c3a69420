// SPDX-License-Identifier: Apache-2.0
/*
 * Stands in where the distribution's kernel headers come without <drm/drm.h> (Debian's do): of all
 * that, <linux/kfd_ioctl.h> only needs the integer types. Searched after the system's folders.
 */
#pragma once

#include <linux/types.h>
