// SPDX-License-Identifier: Apache-2.0
/* Finding the GPU code objects in a file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** @target: as the bundle names it, e.g. "hipv4-amdgcn-amd-amdhsa--gfx906"; not terminated, may be
 *  empty. */
typedef void reef_code_object_fn(void *arg, const uint8_t *bytes, size_t size, const char *target,
                                 size_t target_length);

/**
 * Calls @found for every code object in @path: the file itself, or those in the bundles of clang's
 * offload bundler that it contains (programs and libraries of hipcc, .hsaco files). Returns how
 * many there were, or a negative errno.
 */
int reef_code_objects(const char *path, reef_code_object_fn *found, void *arg);
