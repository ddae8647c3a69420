// SPDX-License-Identifier: Apache-2.0
/*
 * What clients run: a model is a list of kernels in order, each with its work-groups, what one of
 * them needs of a compute unit, and the time of one by how many share the unit. Models come from
 * text files (docs/replay.md has the format), from REEF's own JSON files, or from a recorded trace.
 *
 * Pure: reads memory, not files.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "emu/model/bulk.h"
#include "sched/padding.h"

enum { REPLAY_NAME = 64, REPLAY_CURVE = 64, REPLAY_KERNELS = 1 << 16, REPLAY_SEQUENCE = 1 << 20 };

struct replay_kernel {
    char name[REPLAY_NAME];
    uint32_t groups, threads;
    struct emu_shape shape; /* of one work-group; waves follow from threads */
    uint32_t curve_ns[REPLAY_CURVE], curve_length;
    /* What follows from the device (replay_model_prepare). */
    struct emu_bulk_kernel bulk;
    struct reef_pad_kernel pad;
    uint64_t alone_ns;
};

struct replay_model {
    char name[REPLAY_NAME];
    struct replay_kernel *kernels; /* owned */
    uint32_t kernel_count;
    uint32_t *sequence; /* owned; indices of kernels, in the order of launch */
    uint32_t length;
    uint32_t overhead_ns; /* what timing its kernels one by one added to each (REEF's profiles) */
    uint64_t single_ns;   /* a run alone on the GPU, launches not counted; known after prepare */
};

/** Reads a model file's text. On failure returns NULL and a line that says where and what is wrong.
 */
struct replay_model *replay_model_parse(const char *text, size_t size, char *err, size_t err_size);
/** An empty model, to be filled by replay_model_add_*. NULL if there is no memory. */
struct replay_model *replay_model_create(const char *name);
void replay_model_destroy(struct replay_model *model);
/** Adds a kernel (copied); returns its index, -ENOMEM or -E2BIG. */
int replay_model_add_kernel(struct replay_model *model, const struct replay_kernel *kernel);
/** Appends kernel @index to the sequence; 0, -ENOMEM or -E2BIG. */
int replay_model_append(struct replay_model *model, uint32_t index);
/** Works out what depends on the device. 0, or -EINVAL and a line: a kernel fits no unit. */
int replay_model_prepare(struct replay_model *model, const struct emu_profile *profile,
                         uint32_t gap_ns, char *err, size_t err_size);
