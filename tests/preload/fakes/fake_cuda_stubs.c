// SPDX-License-Identifier: Apache-2.0
/*
 * Every other function that libcuda of CUDA 13.0 exports: so that whoever looks one up finds it.
 * They count the call and answer CUDA_ERROR_NOT_SUPPORTED. Weak: what the other files define
 * counts.
 */
#include <stdatomic.h>
#include <stdint.h>

enum { NOT_SUPPORTED = 801 };
struct fake_cuda_counts {
    _Atomic uint64_t launches, calls;
    _Atomic uint64_t anchors;
    _Atomic(void *) registered;
};
extern struct fake_cuda_counts fake_cuda_counts;

#define STUB(symbol)                                                                               \
    __attribute__((weak, visibility("default"))) int symbol();                                     \
    __attribute__((weak, visibility("default"))) int symbol()                                      \
    {                                                                                              \
        fake_cuda_counts.calls++;                                                                  \
        return NOT_SUPPORTED;                                                                      \
    }
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define HOOK(symbol, name, version, arguments, kind, stream) STUB(symbol)
#define PASS(symbol, reason)                                 STUB(symbol)
#include "shim/nvidia/api.def"
