// SPDX-License-Identifier: Apache-2.0
/* The fundamental types of PTX. Private to emu/nvidia/ptx/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* name, bytes, kind: b(its), u(nsigned), s(igned), f(loat), p(redicate) */
#define PTX_TYPES(X)                                                                               \
    X(b8, 1, 'b')                                                                                  \
    X(u8, 1, 'u')                                                                                  \
    X(s8, 1, 's')                                                                                  \
    X(b16, 2, 'b')                                                                                 \
    X(u16, 2, 'u')                                                                                 \
    X(s16, 2, 's')                                                                                 \
    X(f16, 2, 'f')                                                                                 \
    X(bf16, 2, 'f')                                                                                \
    X(b32, 4, 'b')                                                                                 \
    X(u32, 4, 'u')                                                                                 \
    X(s32, 4, 's')                                                                                 \
    X(f32, 4, 'f')                                                                                 \
    X(f16x2, 4, 'f')                                                                               \
    X(bf16x2, 4, 'f')                                                                              \
    X(b64, 8, 'b')                                                                                 \
    X(u64, 8, 'u')                                                                                 \
    X(s64, 8, 's')                                                                                 \
    X(f64, 8, 'f')                                                                                 \
    X(pred, 4, 'p')

enum ptx_type {
#define X(name, bytes, kind) PTX_T_##name,
    PTX_TYPES(X)
#undef X
        PTX_TYPE_COUNT
};

struct ptx_type_info {
    const char *name;
    uint8_t bytes;
    char kind;
};
extern const struct ptx_type_info ptx_types[PTX_TYPE_COUNT];
