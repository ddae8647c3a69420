// SPDX-License-Identifier: Apache-2.0
/* What module.c and library.c share. */
#pragma once

#include "driver.h"

CUresult nv_module_create(struct nv_context *ctx, struct nv_image *image, struct nv_module **out);
/** NULL: no kernel of this name. */
struct nv_function *nv_function_get(struct nv_module *module, const char *name);
CUresult nv_module_variable(struct nv_module *module, const char *name, CUdeviceptr *va,
                            size_t *bytes);
/** A file's contents with zeros behind them, to be freed; NULL: it cannot be read. */
void *nv_file_read(const char *path);
/** The function of a kernel in a context; loads its library there. */
CUresult nv_kernel_function(struct nv_context *ctx, const void *kernel, struct nv_function **out);
