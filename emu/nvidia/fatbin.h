// SPDX-License-Identifier: Apache-2.0
/* The pure part of fatbin.c, for its tests. */
#pragma once

#include <stddef.h>

/** Finds the PTX for the newest architecture not above @most_arch in the fat binary at @data, of
 *  which @limit bytes may be read. 0: *text is to be freed; -1: damaged; -2: there is none. */
int nv_fatbin_scan(const void *data, size_t limit, unsigned most_arch, char **text, size_t *size);
