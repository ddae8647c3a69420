// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the PTX in what a program hands to the driver as code: text, or a fat binary. Pure.
 *
 * A program gives an address without a size: the sizes in the headers are all there is. @limit: how
 * many bytes may be read (SIZE_MAX: it is a program's, of which nothing more is known).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** Whether the image begins as PTX text does. */
bool reef_ptx_is_text(const void *image, size_t limit);
/** The PTX text that the driver would compile of @image; NULL: none, or that is not known. */
const char *reef_ptx_image_text(const void *image, size_t limit, size_t *size);
