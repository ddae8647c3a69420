// SPDX-License-Identifier: Apache-2.0
/*
 * The linker: texts of PTX become one. The "machine code" it makes is that text, which a module
 * load takes; it belongs to the link and goes with it. Source: CUDA Driver API, "Module Management"
 * (cuLink*).
 *
 * Not here: machine code and archives as input; weak symbols that two inputs define.
 */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

struct link {
    void *handle;
    char *text; /* owned */
    size_t size;
    char *log; /* the program's */
    size_t log_size;
    bool complete;
};

CUresult cuLinkCreate(unsigned int numOptions, CUjit_option *options, void **optionValues,
                      CUlinkState *stateOut)
{
    struct link *link;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!stateOut || (numOptions && (!options || !optionValues)))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    link = calloc(1, sizeof(*link));
    if (!link || !(link->handle = nv_handle_new(NV_LINK, link))) {
        free(link);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    for (unsigned i = 0; i < numOptions; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
            link->log = optionValues[i];
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            link->log_size = (size_t)(uintptr_t)optionValues[i];
    }
    *stateOut = link->handle;
    return nv_leave(CUDA_SUCCESS);
}

static void say(const struct link *link, const char *format, const char *what, unsigned line)
{
    if (link->log && link->log_size)
        snprintf(link->log, link->log_size, format, what, line);
}

static CUresult append(struct link *link, const char *text, size_t size)
{
    char *larger;

    size = strnlen(text, size);
    larger = realloc(link->text, link->size + size + 2);
    if (!larger)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(larger + link->size, text, size);
    link->text = larger;
    link->size += size;
    link->text[link->size++] = '\n';
    link->text[link->size] = '\0';
    return CUDA_SUCCESS;
}

static CUresult add(struct link *link, CUjitInputType type, const void *data, size_t size)
{
    char *text;
    CUresult rc;

    if (type == CU_JIT_INPUT_PTX)
        return append(link, data, size);
    if (type != CU_JIT_INPUT_FATBINARY)
        return CUDA_ERROR_INVALID_IMAGE; /* machine code */
    rc = nv_fatbin_text(data, &text, &size);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = append(link, text, size);
    free(text);
    return rc;
}

CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void *data, size_t size,
                       const char *name, unsigned int numOptions, CUjit_option *options,
                       void **optionValues)
{
    struct link *link;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    link = nv_object(state, NV_LINK);
    if (!link)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!data || size == 0 || link->complete)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(add(link, type, data, size));
}

CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char *path,
                       unsigned int numOptions, CUjit_option *options, void **optionValues)
{
    void *data = path ? nv_file_read(path) : NULL;
    CUresult rc = data ? cuLinkAddData(state, type, data, SIZE_MAX / 2, path, numOptions, options,
                                       optionValues)
                       : CUDA_ERROR_FILE_NOT_FOUND;

    free(data);
    return rc;
}

static CUresult complete(struct link *link)
{
    struct ptx_error error;
    struct ptx_module *ptx = ptx_parse(link->text ? link->text : "", link->size, &error);
    const char *undefined = ptx ? ptx_undefined(ptx) : NULL;

    if (!ptx)
        say(link, "ptxas error : %s; line %u of the linked text", error.text, error.line);
    else if (undefined)
        say(link, "nvlink error : Undefined reference to '%s'", undefined, 0);
    ptx_module_free(ptx);
    if (!ptx)
        return CUDA_ERROR_INVALID_PTX;
    return undefined ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS;
}

CUresult cuLinkComplete(CUlinkState state, void **cubinOut, size_t *sizeOut)
{
    struct link *link;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    link = nv_object(state, NV_LINK);
    if (!link)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!cubinOut)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = complete(link);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    link->complete = true;
    *cubinOut = link->text;
    if (sizeOut)
        *sizeOut = link->size;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuLinkDestroy(CUlinkState state)
{
    struct link *link;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    link = nv_object(state, NV_LINK);
    if (!link)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_handle_free(link->handle);
    free(link->text);
    free(link);
    return nv_leave(CUDA_SUCCESS);
}
