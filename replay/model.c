// SPDX-License-Identifier: Apache-2.0
/* Models in memory. The text format is read in model_text.c. */
#include "replay/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay_model *replay_model_create(const char *name)
{
    struct replay_model *model = calloc(1, sizeof(*model));

    if (model)
        snprintf(model->name, sizeof(model->name), "%s", name);
    return model;
}

void replay_model_destroy(struct replay_model *model)
{
    if (!model)
        return;
    free(model->kernels);
    free(model->sequence);
    free(model);
}

/* Arrays grow by doubling: true at 0 and at powers of two from 16 on. */
static int grow(void **array, uint32_t count, size_t size)
{
    uint32_t room = count < 16 ? 16 : count;

    if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
        return 0;
    void *grown = realloc(*array, (size_t)room * (count ? 2 : 1) * size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

int replay_model_add_kernel(struct replay_model *model, const struct replay_kernel *kernel)
{
    void *kernels = model->kernels;

    if (model->kernel_count >= REPLAY_KERNELS)
        return -E2BIG;
    if (grow(&kernels, model->kernel_count, sizeof(*model->kernels)) != 0)
        return -ENOMEM;
    model->kernels = kernels;
    model->kernels[model->kernel_count] = *kernel;
    return (int)model->kernel_count++;
}

int replay_model_append(struct replay_model *model, uint32_t index)
{
    void *sequence = model->sequence;

    if (model->length >= REPLAY_SEQUENCE)
        return -E2BIG;
    if (grow(&sequence, model->length, sizeof(*model->sequence)) != 0)
        return -ENOMEM;
    model->sequence = sequence;
    model->sequence[model->length++] = index;
    return 0;
}

static int prepare_kernel(struct replay_kernel *k, const struct emu_profile *profile,
                          uint32_t overhead_ns)
{
    k->shape.waves = (k->threads + 63) / 64;
    if (emu_bulk_prepare(profile, &k->shape, k->curve_ns, k->curve_length, &k->bulk) != 0)
        return -EINVAL;
    k->alone_ns = emu_bulk_alone_ns(profile, &k->bulk, k->groups);
    k->pad = (struct reef_pad_kernel){
        .groups = k->groups,
        .waves = k->shape.waves,
        .vgprs = k->shape.vgprs,
        .sgprs = k->shape.sgprs,
        .lds_bytes = k->shape.lds_bytes,
        .time_ns = k->curve_ns,
        .times = k->curve_length,
        .alone_ns = k->alone_ns,
        .overhead_ns = overhead_ns,
    };
    return 0;
}

int replay_model_prepare(struct replay_model *model, const struct emu_profile *profile,
                         uint32_t gap_ns, char *err, size_t err_size)
{
    for (uint32_t i = 0; i < model->kernel_count; i++)
        if (prepare_kernel(&model->kernels[i], profile, model->overhead_ns) != 0) {
            snprintf(err, err_size, "model %s: a work-group of kernel %s does not fit the device",
                     model->name, model->kernels[i].name);
            return -EINVAL;
        }
    model->single_ns = 0;
    for (uint32_t i = 0; i < model->length; i++)
        model->single_ns += model->kernels[model->sequence[i]].alone_ns + gap_ns;
    return 0;
}
