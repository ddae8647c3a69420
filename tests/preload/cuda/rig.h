// SPDX-License-Identifier: Apache-2.0
/*
 * For the tests of CUDA programs under libreef.so: the program itself opens the board as another
 * process would and says when there is real-time work, so that a hold begins and ends at exactly
 * the place where the test wants it. The same cases run without libreef and in every class: what
 * the program sees must not depend on it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/preload/cuda/cu.h"

/** Ends the program with a message if @condition does not hold. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            rig_fail(__FILE__, __LINE__, #condition " " __VA_ARGS__);                              \
    } while (0)
__attribute__((format(printf, 3, 4), noreturn)) void rig_fail(const char *file, int line,
                                                              const char *format, ...);
#define TRY(call)                                                                                  \
    do {                                                                                           \
        CUresult result_ = (call);                                                                 \
        CHECK(result_ == OK, "%s: %d", #call, result_);                                            \
    } while (0)

/** The primary context of device 0 is current, the kernels are loaded. This process counts as a
 * real-time program too; with RIG_BESIDE in the environment as a best-effort one, with RIG_ALONE as
 * none. */
void rig_start(void);
extern CUfunction rig_add, rig_scale, rig_wait, rig_none;
extern CUmodule rig_module;
extern CUcontext rig_context;

/** Whether libreef.so holds work of this process while rig_hold() is in force. */
bool rig_is_be(void);
bool rig_is_rt(void);
/** RT work begins and ends, as seen from this process. */
void rig_hold(void);
/** The same before the agent has heard of it: it is not rung. */
void rig_hold_unheard(void);
void rig_release(void);
/** From here on this process counts as a best-effort program too. */
void rig_be_comes(void);
/** ... as a real-time one, and not as a best-effort one. */
void rig_rt_comes(void);
/** Ends the hold from another thread a moment later: for calls that wait. */
void rig_release_soon(void);
/** While held: how many launches the driver has been given. */
uint64_t rig_launches(void);
/** Whether this process's own bit is set on the board (class rt). */
bool rig_rt_raised(void);

int64_t *rig_int64(void); /* device memory, 0 */
CUstream rig_stream(unsigned flags);
void rig_do(CUfunction f, CUstream stream, const void *at, int64_t value);
static inline CUdeviceptr dev(const void *at)
{
    return (CUdeviceptr)(uintptr_t)at;
}
/** What @times scale kernels make of @value. */
static inline int64_t scaled(int64_t value, int64_t factor, int times)
{
    while (times-- > 0)
        value = value * factor + 1;
    return value;
}
