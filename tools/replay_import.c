// SPDX-License-Identifier: Apache-2.0
/* reef replay import: REEF's model and profile files as a model file of ours, on standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/read/read.h"
#include "replay/text.h"
#include "tools/replay.h"

static void print_us(uint32_t ns)
{
    printf("%u", ns / 1000);
    if (ns % 1000)
        printf(".%03u", ns % 1000);
}

/* Our format has no spaces in names; '#' would begin a comment, '(' and ')' a repetition. */
static void print_name(const char *name)
{
    for (int room = 50; *name && room > 0; name++, room--)
        putchar((unsigned char)*name > ' ' && !strchr("#()", *name) ? *name : '_');
}

static void print_model(const struct replay_model *model)
{
    printf("model ");
    print_name(model->name);
    printf("\noverhead ");
    print_us(model->overhead_ns);
    printf("\n\n");
    for (uint32_t i = 0; i < model->kernel_count; i++) {
        const struct replay_kernel *k = &model->kernels[i];

        printf("kernel %u.", i); /* the same kernel may be there with several sizes */
        print_name(k->name);
        printf(" groups %u threads %u lds %u us", k->groups, k->threads, k->shape.lds_bytes);
        for (uint32_t n = 0; n < k->curve_length; n++) {
            printf(" %u:", n + 1);
            print_us(k->curve_ns[n]);
        }
        putchar('\n');
    }
    for (uint32_t i = 0; i < model->length; i++) {
        printf("%s%u.", i % 4 ? " " : "\nsequence ", model->sequence[i]);
        print_name(model->kernels[model->sequence[i]].name);
    }
    putchar('\n');
}

int replay_import(int argc, char **argv)
{
    char err[512];
    size_t kernels_size, profile_size;
    uint64_t us = 0;

    if (argc < 4 || argc > 5 || (argc == 5 && !replay_text_uint(argv[4], 1000000000, &us))) {
        reef_say("usage: reef replay import NAME KERNELS.json PROFILE.json [US OF A RUN ALONE]");
        return REEF_EXIT_USAGE;
    }
    char *kernels = replay_file_read(argv[2], &kernels_size);
    char *profile = kernels ? replay_file_read(argv[3], &profile_size) : NULL;
    struct replay_model *model = profile
                                     ? replay_read_reef(argv[1], kernels, kernels_size, profile,
                                                        profile_size, us * 1000, err, sizeof(err))
                                     : NULL;
    if (profile && !model)
        reef_say("replay: %s", err);
    if (model)
        print_model(model);
    free(kernels);
    free(profile);
    int status = model ? 0 : 1;
    replay_model_destroy(model);
    return status;
}
