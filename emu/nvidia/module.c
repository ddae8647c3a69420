// SPDX-License-Identifier: Apache-2.0
/*
 * Modules: parsed images with their variables in a context's memory, and their functions. Errors of
 * the image come with a line of explanation in the program's log buffer, if it gave one.
 */
#include "driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library.h"

/* ---- images ---- */

void nv_image_release(struct nv_image *image)
{
    if (!image || --image->refs > 0)
        return;
    ptx_module_free(image->ptx);
    free(image);
}

static CUresult parse(const char *text, size_t size, struct nv_image **out, char *log,
                      size_t log_size)
{
    struct nv_image *image = calloc(1, sizeof(*image));
    struct ptx_error error;

    if (!image)
        return CUDA_ERROR_OUT_OF_MEMORY;
    image->refs = 1;
    image->ptx = ptx_parse(text, size, &error);
    if (!image->ptx) {
        if (log && log_size)
            snprintf(log, log_size, "ptxas application ptx input, line %u; error : %s", error.line,
                     error.text);
        free(image);
        return CUDA_ERROR_INVALID_PTX;
    }
    if (image->ptx->target > nv_profile.compute_capability) {
        nv_image_release(image);
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    *out = image;
    return CUDA_SUCCESS;
}

CUresult nv_image_load(const void *data, struct nv_image **image, char *log, size_t log_size)
{
    const unsigned char *bytes = data;
    uint32_t magic;
    char *text;
    size_t size;
    CUresult rc;

    memcpy(&magic, data, 1);
    if (bytes[0] == 0x7f) /* ELF: machine code, which this device cannot run */
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    if ((bytes[0] == 0xb1 && bytes[1] == 0x43) || (bytes[0] == 0x50 && bytes[1] == 0xed)) {
        rc = nv_fatbin_text(data, &text, &size);
        if (rc != CUDA_SUCCESS)
            return rc;
        rc = parse(text, size, image, log, log_size);
        free(text);
        return rc;
    }
    return parse(data, strlen(data), image, log, log_size);
}

/* ---- modules ---- */

static void free_variables(struct nv_module *module)
{
    const struct ptx_module *ptx = module->image->ptx;

    for (uint32_t i = 0; module->address && i < ptx->variable_count; i++) {
        if (module->address[i])
            nv_memory_free(module->address[i]);
    }
    free(module->address);
    module->address = NULL;
}

void nv_module_release(struct nv_module *module)
{
    if (--module->refs > 0)
        return;
    while (module->functions) {
        struct nv_function *next = module->functions->next;

        free(module->functions->legacy);
        free(module->functions);
        module->functions = next;
    }
    nv_texrefs_unload(module);
    ptx_image_free(module->linked);
    nv_image_release(module->image);
    free(module);
}

static void fill_variable(const struct nv_module *module, const struct ptx_variable *v, uint64_t va)
{
    uint8_t *host = nv_memory_host(va, v->size);

    if (v->init)
        memcpy(host, v->init, v->size);
    else
        memset(host, 0, v->size);
    for (uint32_t i = 0; i < v->relocations; i++) {
        const struct ptx_relocation *r = &v->relocation[i];
        uint64_t value = ptx_symbol_value(module->linked, r->symbol) + (uint64_t)r->addend;

        memcpy(host + r->offset, &value, r->bytes);
    }
}

static CUresult make_variables(struct nv_module *module)
{
    const struct ptx_module *ptx = module->image->ptx;
    CUresult rc = CUDA_SUCCESS;

    module->address = calloc(ptx->variable_count + 1, sizeof(*module->address));
    if (!module->address)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < ptx->variable_count && rc == CUDA_SUCCESS; i++) {
        const struct ptx_variable *v = &ptx->variables[i];

        if (v->space == PTX_SPACE_SHARED)
            continue;
        if (v->external) {
            emu_report("symbol %s is not defined in its module", v->name);
            return CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND;
        }
        rc = nv_memory_alloc(module->ctx, v->size ? v->size : 1, &module->address[i]);
        if (rc == CUDA_SUCCESS)
            nv_memory_set_pool(module->address[i], NULL, true);
    }
    if (rc != CUDA_SUCCESS)
        return rc;
    module->linked = ptx_image_create(ptx, module->address);
    if (!module->linked)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < ptx->variable_count; i++) {
        if (module->address[i] && ptx->variables[i].size)
            fill_variable(module, &ptx->variables[i], module->address[i]);
    }
    return CUDA_SUCCESS;
}

CUresult nv_module_create(struct nv_context *ctx, struct nv_image *image, struct nv_module **out)
{
    struct nv_module *module = calloc(1, sizeof(*module));
    CUresult rc;

    if (!module)
        return CUDA_ERROR_OUT_OF_MEMORY;
    module->refs = 1;
    module->ctx = ctx;
    module->image = image;
    image->refs++;
    rc = make_variables(module);
    if (rc == CUDA_SUCCESS && !(module->handle = nv_handle_new(NV_MODULE, module)))
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    if (rc != CUDA_SUCCESS) {
        free_variables(module);
        nv_module_release(module);
        return rc;
    }
    *out = module;
    return CUDA_SUCCESS;
}

/* Handles are gone at once; code and data when nothing runs any more. */
void nv_module_unload(struct nv_module *module)
{
    for (struct nv_function *f = module->functions; f; f = f->next) {
        if (f->handle)
            nv_handle_free(f->handle);
        f->handle = NULL;
    }
    nv_handle_free(module->handle);
    nv_texrefs_unload(module);
    module->unloaded = true;
    free_variables(module);
    nv_module_release(module);
}

static CUresult load(CUmodule *out, const void *data, char *log, size_t log_size)
{
    struct nv_context *ctx;
    struct nv_image *image;
    struct nv_module *module;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !data)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_image_load(data, &image, log, log_size);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    rc = nv_module_create(nv_base(ctx), image, &module);
    nv_image_release(image);
    if (rc == CUDA_SUCCESS)
        *out = module->handle;
    return nv_leave(rc);
}

CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    return load(module, image, NULL, 0);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int numOptions,
                            CUjit_option *options, void **values)
{
    char *log = NULL;
    size_t size = 0;

    for (unsigned i = 0; i < numOptions; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
            log = values[i];
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            size = (size_t)(uintptr_t)values[i];
    }
    if (log && size)
        log[0] = '\0';
    return load(module, image, log, size);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *fatCubin)
{
    return load(module, fatCubin, NULL, 0);
}

void *nv_file_read(const char *path)
{
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && st.st_size < 1 << 28 &&
        (text = calloc(1, (size_t)st.st_size + 64))) {
        for (ssize_t at = 0, got; at < st.st_size; at += got) {
            got = read(fd, text + at, (size_t)(st.st_size - at));
            if (got <= 0)
                break;
        }
    }
    close(fd);
    return text;
}

CUresult cuModuleLoad(CUmodule *module, const char *fname)
{
    void *data;
    CUresult rc;

    if (!module || !fname)
        return CUDA_ERROR_INVALID_VALUE;
    data = nv_file_read(fname);
    if (!data)
        return CUDA_ERROR_FILE_NOT_FOUND;
    rc = load(module, data, NULL, 0);
    free(data);
    return rc;
}

CUresult cuModuleUnload(CUmodule hmod)
{
    struct nv_context *ctx;
    struct nv_module *module;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(hmod, NV_MODULE);
    if (!module || module->library)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    module->refs++;
    nv_context_wait(module->ctx);
    if (!module->unloaded)
        nv_module_unload(module);
    nv_module_release(module);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- functions and variables ---- */

struct nv_function *nv_function_get(struct nv_module *module, const char *name)
{
    const struct ptx_function *ptx = ptx_find_function(module->image->ptx, name);
    struct nv_function *f;

    if (!ptx || !ptx->entry || !ptx->defined)
        return NULL;
    for (f = module->functions; f; f = f->next) {
        if (f->ptx == ptx)
            return f;
    }
    f = calloc(1, sizeof(*f));
    if (!f || !(f->handle = nv_handle_new(NV_FUNCTION, f))) {
        free(f);
        return NULL;
    }
    f->module = module;
    f->ptx = ptx;
    f->carveout = -1;
    f->next = module->functions;
    module->functions = f;
    return f;
}

CUresult cuModuleGetFunction(CUfunction *hfunc, CUmodule hmod, const char *name)
{
    struct nv_context *ctx;
    struct nv_module *module;
    struct nv_function *f;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(hmod, NV_MODULE);
    if (!module)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!hfunc || !name)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    f = nv_function_get(module, name);
    if (!f)
        return nv_leave(CUDA_ERROR_NOT_FOUND);
    *hfunc = f->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult nv_module_variable(struct nv_module *module, const char *name, CUdeviceptr *va,
                            size_t *bytes)
{
    const struct ptx_module *ptx = module->image->ptx;
    const struct ptx_variable *v = ptx_find_variable(ptx, name);

    if (!v || v->space == PTX_SPACE_SHARED)
        return CUDA_ERROR_NOT_FOUND;
    if (va)
        *va = module->address[v - ptx->variables];
    if (bytes)
        *bytes = v->size;
    return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal(CUdeviceptr *dptr, size_t *bytes, CUmodule hmod, const char *name)
{
    struct nv_context *ctx;
    struct nv_module *module;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(hmod, NV_MODULE);
    if (!module)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!name || (!dptr && !bytes))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(nv_module_variable(module, name, dptr, bytes));
}

static unsigned entries_of(const struct ptx_module *ptx)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < ptx->function_count; i++)
        n += ptx->functions[i].entry && ptx->functions[i].defined;
    return n;
}

CUresult cuModuleGetFunctionCount(unsigned int *count, CUmodule mod)
{
    struct nv_context *ctx;
    struct nv_module *module;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(mod, NV_MODULE);
    if (!module || !count)
        return nv_leave(module ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    *count = entries_of(module->image->ptx);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuModuleEnumerateFunctions(CUfunction *functions, unsigned int numFunctions, CUmodule mod)
{
    struct nv_context *ctx;
    struct nv_module *module;
    unsigned n = 0;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(mod, NV_MODULE);
    if (!module || !functions)
        return nv_leave(module ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    for (uint32_t i = 0; i < module->image->ptx->function_count && n < numFunctions; i++) {
        struct nv_function *f = nv_function_get(module, module->image->ptx->functions[i].name);

        if (f)
            functions[n++] = f->handle;
    }
    return nv_leave(CUDA_SUCCESS);
}
