// SPDX-License-Identifier: Apache-2.0
/*
 * What the programs of scripts/gpu-kit share: a context on device 0, kernels from PTX text,
 * streams, percentiles. Plain driver API, linked to libcuda, built with any C compiler and no
 * toolkit.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/preload/cuda/cu.h"

CUresult cuGetErrorName(CUresult error, const char **name);
CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value);

#define TRY(call)                                                                                  \
    do {                                                                                           \
        CUresult result_ = (call);                                                                 \
        if (result_ != OK) {                                                                       \
            const char *name_ = "?";                                                               \
            cuGetErrorName(result_, &name_);                                                       \
            fprintf(stderr, "%s:%d: %s: %s (%d)\n", __FILE__, __LINE__, #call, name_, result_);    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct kit {
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction spin, scale;
    int processors;
    unsigned shared_bytes; /* of each spinning block */
    double ns_per_round;   /* of spin, one block a processor */
};

/** Sets everything up. With KIT_FILL in the environment a spinning block takes so much shared
 * memory that no other fits beside it on its multiprocessor, not another program's either. */
void kit_start(struct kit *kit);
/** Measures how long a round of the spin kernel takes, or takes it from KIT_NS_PER_ROUND: programs
 * that run beside others cannot measure it. */
void kit_calibrate(struct kit *kit);
/** A kernel on all processors that takes about @us; its threads write a value that depends on
 * @rounds only. */
void kit_spin(const struct kit *kit, CUstream stream, CUdeviceptr out, uint32_t rounds);
uint32_t kit_rounds(const struct kit *kit, double us);
/** *at = *at * factor + 1, in 64 bits */
void kit_scale(const struct kit *kit, CUstream stream, CUdeviceptr at, uint64_t factor);

double kit_now_us(void);
void kit_sleep_until_us(double us);
/** @mean_us; with a seed, an exponentially distributed time of that mean. */
double kit_period_us(double mean_us, unsigned *seed);
/** The value below which @share of the sorted values lie. */
double kit_percentile(const double *sorted, int count, double share);
void kit_sort(double *values, int count);
