// SPDX-License-Identifier: Apache-2.0
/* See rig.h. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    uint64_t base, size;
};

static bool find(void *context, uint64_t va, struct ptx_range *range)
{
    const struct memory *memory = context;

    if (va - memory->base >= memory->size)
        return false;
    *range = (struct ptx_range){memory->base, memory->size, 0, true};
    return true;
}

static struct ptx_image *link_image(const struct ptx_module *module, uint8_t **variables)
{
    uint64_t *address = calloc(module->variable_count + 1, sizeof(*address)), total = 0;
    struct ptx_image *image;

    for (uint32_t i = 0; i < module->variable_count; i++)
        total += module->variables[i].size + 64;
    *variables = calloc(1, total + 64);
    total = 0;
    for (uint32_t i = 0; i < module->variable_count; i++) {
        const struct ptx_variable *v = &module->variables[i];

        address[i] = (uintptr_t)(*variables + total);
        if (v->init)
            memcpy(*variables + total, v->init, v->size);
        total += (v->size + 63) & ~63ull;
    }
    image = ptx_image_create(module, address);
    free(address);
    return image;
}

/* Any object, of anything: every byte of the answer may be used. */
static const char *texel(void *unused, struct ptx_texel *t)
{
    assert_in_range(t->dimensions, 1, 3);
    assert_true(!t->surface || (t->bytes >= 1 && t->bytes <= sizeof(t->data)));
    memset(t->data, 0x3f, sizeof(t->data));
    return NULL;
}

/* What references stand for: any object as well. */
enum { MOST_REFERENCES = 1024 };
static const uint64_t references[MOST_REFERENCES];

static struct ptx_launch launch_of(const struct ptx_image *image, const struct ptx_module *module,
                                   const struct ptx_function *entry, unsigned blocks,
                                   unsigned threads, const void *params, struct memory *memory)
{
    return (struct ptx_launch){
        .image = image,
        .entry = entry,
        .grid = {blocks, 1, 1},
        .block = {threads, 1, 1},
        .dynamic_shared_bytes = 1024,
        .local_limit_bytes = 4096,
        .params = params,
        .global_latency = 400,
        .shared_latency = 24,
        .const_latency = 28,
        .clock_mhz = 1530,
        .units = 80,
        .find_range = find,
        .texture = texel,
        .references = module->reference_count <= MOST_REFERENCES ? references : NULL,
        .context = memory,
    };
}

struct run rig_run(const char *text, const char *name, unsigned blocks, unsigned threads,
                   const void *params, void *data, size_t bytes)
{
    struct memory memory = {(uintptr_t)data, bytes};
    struct run run = {.status = PTX_DONE};
    struct ptx_error error;
    struct ptx_module *module = ptx_parse(text, strlen(text), &error);
    const struct ptx_function *entry;
    struct ptx_image *image;
    struct ptx_launch launch;
    uint8_t *variables;

    if (!module)
        fail_msg("line %u: %s", error.line, error.text);
    entry = ptx_find_function(module, name);
    assert_non_null(entry);
    if (entry->missing)
        fail_msg("missing: %s", entry->missing);
    image = link_image(module, &variables);
    launch = launch_of(image, module, entry, blocks, threads, params, &memory);
    for (unsigned i = 0; i < blocks && run.status == PTX_DONE; i++) {
        struct ptx_block *block = ptx_block_create(&launch, i, 0);
        struct ptx_slice slice = {.budget_cycles = 5000, .issue_scale_q8 = 256};

        do {
            run.status = ptx_block_run(block, &slice);
            run.cycles += slice.used_cycles;
            run.instructions += slice.instructions;
            slice.start_cycle = run.cycles;
            assert_true(run.cycles < 1ull << 32);
        } while (run.status == PTX_RUNNING);
        run.fault = slice.fault;
        ptx_block_destroy(block);
    }
    ptx_image_free(image);
    ptx_module_free(module);
    free(variables);
    return run;
}

void rig_try(const char *text, size_t size)
{
    static uint8_t scratch[1 << 16], params[1 << 16];
    struct memory memory = {(uintptr_t)scratch, sizeof(scratch)};
    struct ptx_error error;
    struct ptx_module *module = ptx_parse(text, size, &error);
    struct ptx_image *image;
    uint8_t *variables;

    if (!module)
        return;
    image = link_image(module, &variables);
    for (size_t i = 0; i + 8 <= sizeof(params); i += 8)
        memcpy(params + i, &memory.base, 8);
    for (uint32_t i = 0; i < module->function_count; i++) {
        const struct ptx_function *f = &module->functions[i];
        struct ptx_launch launch = launch_of(image, module, f, 1, 40, params, &memory);
        struct ptx_slice slice = {.budget_cycles = 3000, .issue_scale_q8 = 256};
        struct ptx_block *block;

        if (!f->entry || !f->defined || f->missing || f->param_bytes > sizeof(params) ||
            f->shared_bytes > 1 << 20 || f->local_bytes > 1 << 20)
            continue;
        block = ptx_block_create(&launch, 0, 0);
        if (!block)
            continue;
        for (unsigned k = 0; k < 4 && ptx_block_run(block, &slice) == PTX_RUNNING; k++) {
        }
        ptx_block_destroy(block);
    }
    ptx_image_free(image);
    ptx_module_free(module);
    free(variables);
}
