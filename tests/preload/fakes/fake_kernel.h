// SPDX-License-Identifier: Apache-2.0
/*
 * What a "kernel" is for the fake libhsa-runtime64: an AQL packet's kernel_object is a pointer to a
 * function of the host, its kernarg_address points to a struct fake_kernel. The function runs when
 * the kernel's time is over, together with the completion signal: a kernel that is killed before
 * has no effect, one that is not killed has its effect exactly once.
 */
#pragma once

#include <stdint.h>

struct fake_kernel {
    uint32_t duration_us;
    uint32_t reserved;
};

typedef void fake_kernel_fn(struct fake_kernel *arguments);

/* Agents of the fake. */
enum { FAKE_CPU_AGENT = 1, FAKE_GPU_AGENT = 2 };
enum { FAKE_CUS = 60 };
