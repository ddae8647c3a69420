// SPDX-License-Identifier: Apache-2.0
/* For the generated missing.c: a weak definition of every symbol of cuda.h, which the real ones
 * override. It includes no cuda.h, since it defines all of them with one type. */
#pragma once

/** Remembers that the program asked for @symbol, and returns CUDA_ERROR_NOT_SUPPORTED. */
int nv_missing(const char *symbol);

#define MISSING(symbol)                                                                            \
    int symbol(void);                                                                              \
    __attribute__((weak, visibility("default"))) int symbol(void)                                  \
    {                                                                                              \
        return nv_missing(#symbol);                                                                \
    }
