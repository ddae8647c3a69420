// SPDX-License-Identifier: Apache-2.0
/*
 * What a function of the fake libcuda that does nothing was called with last. Read by tests of one
 * thread, or after a wait for the one that called.
 */
#pragma once

#include <stdint.h>

enum { FAKE_STUB_WORDS = 4 };

struct fake_stub_call {
    const char *symbol;
    uint64_t launches; /* that the driver had been given before */
    uint64_t words[FAKE_STUB_WORDS];
    float floats[2]; /* HOOK_FLOAT */
};

/** Looked up with dlsym. */
extern struct fake_stub_call fake_stub_call;
