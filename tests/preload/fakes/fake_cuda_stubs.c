// SPDX-License-Identifier: Apache-2.0
/*
 * Every other function that libcuda of CUDA 13.0 exports: so that whoever looks one up finds it.
 * They count the call, note what they were called with (stubbed.h) and answer
 * CUDA_ERROR_NOT_SUPPORTED. Weak: what the other files define counts.
 */
#include "tests/preload/fakes/stubbed.h"

#include <stdatomic.h>

enum { NOT_SUPPORTED = 801 };
struct fake_cuda_counts {
    _Atomic uint64_t launches, calls;
    _Atomic uint64_t anchors;
    _Atomic(void *) registered;
};
extern struct fake_cuda_counts fake_cuda_counts;

__attribute__((visibility("default"))) struct fake_stub_call fake_stub_call;

static int note(struct fake_stub_call call)
{
    call.launches = fake_cuda_counts.launches;
    fake_stub_call = call;
    fake_cuda_counts.calls++;
    return NOT_SUPPORTED;
}

/* Of more words nobody looks at the rest; of fewer, nobody at what is too much. */
#define STUB(symbol_)                                                                              \
    __attribute__((weak, visibility("default"))) int symbol_(uint64_t a, uint64_t b, uint64_t c,   \
                                                             uint64_t d)                           \
    {                                                                                              \
        return note((struct fake_stub_call){.symbol = #symbol_, .words = {a, b, c, d}});           \
    }
#define HOOK_FLOAT(symbol_, name, version, arguments, kind, stream)                                \
    __attribute__((weak, visibility("default"))) int symbol_(uint64_t a, uint64_t b, float f,      \
                                                             float g)                              \
    {                                                                                              \
        return note(                                                                               \
            (struct fake_stub_call){.symbol = #symbol_, .words = {a, b}, .floats = {f, g}});       \
    }
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define HOOK(symbol, name, version, arguments, kind, stream) STUB(symbol)
#define PASS(symbol, reason)                                 STUB(symbol)
#include "shim/nvidia/api.def"
