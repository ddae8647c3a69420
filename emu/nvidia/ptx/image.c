// SPDX-License-Identifier: Apache-2.0
/* Images: constants of a module with the addresses of its variables filled in. */
#include "code.h"

#include <stdlib.h>
#include <string.h>

uint64_t ptx_symbol_value(const struct ptx_image *image, uint32_t symbol)
{
    const struct ptx_module *module = image->module;

    if (symbol >= module->variable_count)
        return PTX_WINDOW_CODE + 16ull * (1 + symbol - module->variable_count);
    if (module->variables[symbol].space == PTX_SPACE_SHARED)
        return module->variables[symbol].shared_offset;
    return image->address[symbol];
}

static void fill(const struct ptx_image *image, const struct ptx_constant *constant)
{
    uint64_t value = constant->value;
    uint8_t *at = image->constants + constant->offset;

    if (constant->symbol != PTX_NO_PLACE)
        value += ptx_symbol_value(image, constant->symbol);
    for (unsigned l = 0; l < PTX_LANES; l++)
        memcpy(at + (size_t)l * constant->bytes, &value, constant->bytes);
}

struct ptx_image *ptx_image_create(const struct ptx_module *module, const uint64_t *address)
{
    struct ptx_image *image = calloc(1, sizeof(*image));
    size_t count = module->variable_count ? module->variable_count : 1;

    if (!image)
        return NULL;
    image->module = module;
    image->address = calloc(count, sizeof(*image->address));
    image->constants = aligned_alloc(64, (module->pool->constant_bytes + 64 + 63) / 64 * 64);
    if (!image->address || !image->constants) {
        ptx_image_free(image);
        return NULL;
    }
    if (module->variable_count)
        memcpy(image->address, address, module->variable_count * sizeof(*address));
    for (uint32_t i = 0; i < module->pool->constant_count; i++)
        fill(image, &module->pool->constants[i]);
    return image;
}

void ptx_image_free(struct ptx_image *image)
{
    if (!image)
        return;
    free(image->address);
    free(image->constants);
    free(image);
}

const struct ptx_function *ptx_find_function(const struct ptx_module *module, const char *name)
{
    for (uint32_t i = 0; i < module->function_count; i++) {
        if (strcmp(module->functions[i].name, name) == 0)
            return &module->functions[i];
    }
    return NULL;
}

const struct ptx_variable *ptx_find_variable(const struct ptx_module *module, const char *name)
{
    for (uint32_t i = 0; i < module->variable_count; i++) {
        if (strcmp(module->variables[i].name, name) == 0)
            return &module->variables[i];
    }
    return NULL;
}

void ptx_module_free(struct ptx_module *module)
{
    if (!module)
        return;
    if (module->pool) {
        for (uint32_t i = 0; i < module->pool->call_count; i++) {
            free(module->pool->calls[i].arguments);
            free(module->pool->calls[i].results);
        }
        free(module->pool->constants);
        free(module->pool->lists);
        free(module->pool->calls);
        free(module->pool);
    }
    free(module->variables);
    free(module->functions);
    ptx_arena_free(module->arena);
    free(module);
}
