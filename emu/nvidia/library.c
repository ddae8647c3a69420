// SPDX-License-Identifier: Apache-2.0
/*
 * Libraries: images that belong to no context. A kernel of one has a function in each context, made
 * when it is first needed there.
 */
#include "library.h"

#include <stdlib.h>
#include <string.h>

struct kernel {
    void *handle;
    struct nv_library *library;
    const struct ptx_function *ptx;
    struct kernel *next;
};

struct nv_library {
    void *handle;
    struct nv_image *image;
    struct kernel *kernels;
    struct nv_module **modules; /* owned; one for each context that has used it */
    unsigned count;
};

static CUresult module_in(struct nv_library *library, struct nv_context *ctx,
                          struct nv_module **out)
{
    struct nv_module **larger;
    CUresult rc;

    ctx = nv_base(ctx);
    for (unsigned i = 0; i < library->count; i++) {
        if (library->modules[i]->ctx == ctx) {
            *out = library->modules[i];
            return CUDA_SUCCESS;
        }
    }
    larger = realloc(library->modules, (library->count + 1) * sizeof(*larger));
    if (!larger)
        return CUDA_ERROR_OUT_OF_MEMORY;
    library->modules = larger;
    rc = nv_module_create(ctx, library->image, out);
    if (rc == CUDA_SUCCESS) {
        (*out)->library = library;
        library->modules[library->count++] = *out;
    }
    return rc;
}

CUresult nv_kernel_function(struct nv_context *ctx, const void *handle, struct nv_function **out)
{
    struct kernel *kernel = nv_object(handle, NV_KERNEL);
    struct nv_module *module;
    CUresult rc;

    if (!kernel)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!ctx)
        return CUDA_ERROR_INVALID_CONTEXT;
    rc = module_in(kernel->library, ctx, &module);
    if (rc != CUDA_SUCCESS)
        return rc;
    *out = nv_function_get(module, kernel->ptx->name);
    return *out ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

static CUresult load(CUlibrary *out, const void *code)
{
    struct nv_library *library;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !code)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    library = calloc(1, sizeof(*library));
    if (!library)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    rc = nv_image_load(code, &library->image, NULL, 0);
    if (rc == CUDA_SUCCESS && !(library->handle = nv_handle_new(NV_LIBRARY, library)))
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    if (rc != CUDA_SUCCESS) {
        free(library);
        return nv_leave(rc);
    }
    *out = library->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *code, CUjit_option *jitOptions,
                           void **jitOptionsValues, unsigned int numJitOptions,
                           CUlibraryOption *libraryOptions, void **libraryOptionValues,
                           unsigned int numLibraryOptions)
{
    return load(library, code);
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *fileName, CUjit_option *jitOptions,
                               void **jitOptionsValues, unsigned int numJitOptions,
                               CUlibraryOption *libraryOptions, void **libraryOptionValues,
                               unsigned int numLibraryOptions)
{
    void *data = fileName ? nv_file_read(fileName) : NULL;
    CUresult rc = data ? load(library, data) : CUDA_ERROR_FILE_NOT_FOUND;

    free(data);
    return rc;
}

CUresult cuLibraryUnload(CUlibrary handle)
{
    struct nv_library *library;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(handle, NV_LIBRARY);
    if (!library)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    for (unsigned i = 0; i < library->count; i++) {
        if (!library->modules[i]->ctx->destroyed)
            nv_context_wait(library->modules[i]->ctx);
    }
    for (unsigned i = 0; i < library->count; i++)
        nv_module_unload(library->modules[i]);
    while (library->kernels) {
        struct kernel *next = library->kernels->next;

        nv_handle_free(library->kernels->handle);
        free(library->kernels);
        library->kernels = next;
    }
    nv_handle_free(library->handle);
    nv_image_release(library->image);
    free(library->modules);
    free(library);
    return nv_leave(CUDA_SUCCESS);
}

static struct kernel *kernel_get(struct nv_library *library, const struct ptx_function *ptx)
{
    struct kernel *kernel;

    for (kernel = library->kernels; kernel; kernel = kernel->next) {
        if (kernel->ptx == ptx)
            return kernel;
    }
    kernel = calloc(1, sizeof(*kernel));
    if (!kernel || !(kernel->handle = nv_handle_new(NV_KERNEL, kernel))) {
        free(kernel);
        return NULL;
    }
    kernel->library = library;
    kernel->ptx = ptx;
    kernel->next = library->kernels;
    library->kernels = kernel;
    return kernel;
}

CUresult cuLibraryGetKernel(CUkernel *pKernel, CUlibrary handle, const char *name)
{
    struct nv_library *library;
    const struct ptx_function *ptx;
    struct kernel *kernel;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(handle, NV_LIBRARY);
    if (!library)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!pKernel || !name)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ptx = ptx_find_function(library->image->ptx, name);
    kernel = ptx && ptx->entry && ptx->defined ? kernel_get(library, ptx) : NULL;
    if (!kernel)
        return nv_leave(CUDA_ERROR_NOT_FOUND);
    *pKernel = kernel->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuLibraryGetKernelCount(unsigned int *count, CUlibrary lib)
{
    struct nv_library *library;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(lib, NV_LIBRARY);
    if (!library || !count)
        return nv_leave(library ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    *count = 0;
    for (uint32_t i = 0; i < library->image->ptx->function_count; i++)
        *count +=
            library->image->ptx->functions[i].entry && library->image->ptx->functions[i].defined;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuLibraryEnumerateKernels(CUkernel *kernels, unsigned int numKernels, CUlibrary lib)
{
    struct nv_library *library;
    struct nv_context *ctx;
    unsigned n = 0;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(lib, NV_LIBRARY);
    if (!library || !kernels)
        return nv_leave(library ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    for (uint32_t i = 0; i < library->image->ptx->function_count && n < numKernels; i++) {
        const struct ptx_function *ptx = &library->image->ptx->functions[i];
        struct kernel *kernel = ptx->entry && ptx->defined ? kernel_get(library, ptx) : NULL;

        if (kernel)
            kernels[n++] = kernel->handle;
    }
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuLibraryGetModule(CUmodule *pMod, CUlibrary handle)
{
    struct nv_library *library;
    struct nv_module *module;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(handle, NV_LIBRARY);
    if (!library || !pMod)
        return nv_leave(library ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    rc = module_in(library, ctx, &module);
    if (rc == CUDA_SUCCESS)
        *pMod = module->handle;
    return nv_leave(rc);
}

CUresult cuLibraryGetGlobal(CUdeviceptr *dptr, size_t *bytes, CUlibrary handle, const char *name)
{
    struct nv_library *library;
    struct nv_module *module;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    library = nv_object(handle, NV_LIBRARY);
    if (!library)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!name)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = module_in(library, ctx, &module);
    if (rc == CUDA_SUCCESS)
        rc = nv_module_variable(module, name, dptr, bytes);
    return nv_leave(rc);
}

CUresult cuKernelGetFunction(CUfunction *pFunc, CUkernel kernel)
{
    struct nv_function *f;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pFunc)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_kernel_function(ctx, kernel, &f);
    if (rc == CUDA_SUCCESS)
        *pFunc = f->handle;
    return nv_leave(rc);
}

CUresult cuKernelGetName(const char **name, CUkernel handle)
{
    struct kernel *kernel;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    kernel = nv_object(handle, NV_KERNEL);
    if (!kernel || !name)
        return nv_leave(kernel ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    *name = kernel->ptx->name;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuKernelGetLibrary(CUlibrary *pLib, CUkernel handle)
{
    struct kernel *kernel;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    kernel = nv_object(handle, NV_KERNEL);
    if (!kernel || !pLib)
        return nv_leave(kernel ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    *pLib = kernel->library->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuKernelGetParamInfo(CUkernel handle, size_t index, size_t *offset, size_t *size)
{
    struct kernel *kernel;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    kernel = nv_object(handle, NV_KERNEL);
    if (!kernel)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!offset || index >= kernel->ptx->param_count)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *offset = kernel->ptx->params[index].offset;
    if (size)
        *size = kernel->ptx->params[index].size;
    return nv_leave(CUDA_SUCCESS);
}
