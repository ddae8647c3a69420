// SPDX-License-Identifier: Apache-2.0
/*
 * Texture references: what a module's variables of that kind are bound to. Source: CUDA Driver API,
 * "Texture Reference Management [DEPRECATED]"; CUDA C++ Programming Guide 11, "Texture Reference
 * API".
 *
 * A launch has what is bound when it is called. So what is bound is a set of texture objects
 * (texture.c), made by the first launch after a change and kept by all launches that have it.
 *
 * Threading: as driver.h. Not here: levels of mipmapped arrays, anisotropy, references that belong
 * to no module, surface references; and kernels that use references do not run in graphs, where
 * CUDA does not define them (cuda.h, cuGraphAddKernelNode).
 */
#include "array.h"

#include <stdlib.h>
#include <string.h>

struct nv_texref {
    void *handle; /* NULL: nobody has asked for it */
    struct nv_context *ctx;
    struct nv_module *module; /* NULL: of none, so no launch has it */
    bool bound;
    CUDA_RESOURCE_DESC resource; /* linear memory gets its format from below */
    CUDA_TEXTURE_DESC texture;
    CUarray_format format;
    unsigned channels;
};

struct nv_bindings {
    unsigned refs, count;
    uint64_t objects[]; /* 0: nothing is bound */
};

/* ---- what a launch has ---- */

void nv_bindings_release(struct nv_bindings *bindings)
{
    if (!bindings || --bindings->refs > 0)
        return;
    for (unsigned i = 0; i < bindings->count; i++)
        nv_texture_drop(bindings->objects[i]);
    free(bindings);
}

const uint64_t *nv_bindings_objects(const struct nv_bindings *bindings)
{
    return bindings ? bindings->objects : NULL;
}

static CUresult bind(struct nv_texref *ref, uint64_t *object)
{
    if (!ref->bound)
        return CUDA_SUCCESS;
    if (ref->resource.resType == CU_RESOURCE_TYPE_LINEAR) {
        ref->resource.res.linear.format = ref->format;
        ref->resource.res.linear.numChannels = ref->channels;
    }
    return nv_texture_make(&ref->resource, &ref->texture, object);
}

CUresult nv_module_bindings(struct nv_module *module, struct nv_bindings **out)
{
    uint32_t count = module->image->ptx->reference_count;
    struct nv_bindings *made = module->bindings;

    *out = NULL;
    if (count == 0)
        return CUDA_SUCCESS;
    if (!made) {
        made = calloc(1, sizeof(*made) + count * sizeof(*made->objects));
        if (!made)
            return CUDA_ERROR_OUT_OF_MEMORY;
        made->refs = 1; /* the module's */
        made->count = count;
        for (uint32_t i = 0; i < count && module->texrefs; i++) {
            CUresult rc = bind(&module->texrefs[i], &made->objects[i]);

            if (rc != CUDA_SUCCESS) {
                nv_bindings_release(made);
                return rc;
            }
        }
        module->bindings = made;
    }
    made->refs++;
    *out = made;
    return CUDA_SUCCESS;
}

void nv_texrefs_unload(struct nv_module *module)
{
    for (uint32_t i = 0; module->texrefs && i < module->image->ptx->reference_count; i++)
        nv_handle_free(module->texrefs[i].handle);
    free(module->texrefs);
    module->texrefs = NULL;
    nv_bindings_release(module->bindings);
    module->bindings = NULL;
}

void **nv_texref_handle(struct nv_texref *ref, const struct nv_context *ctx)
{
    return ref->ctx == ctx ? &ref->handle : NULL;
}

/* ---- of a module ---- */

static struct nv_texref *texrefs_of(struct nv_module *module)
{
    uint32_t count = module->image->ptx->reference_count;

    if (!module->texrefs)
        module->texrefs = calloc(count, sizeof(*module->texrefs));
    for (uint32_t i = 0; module->texrefs && i < count; i++) {
        module->texrefs[i].ctx = module->ctx;
        module->texrefs[i].module = module;
    }
    return module->texrefs;
}

CUresult cuModuleGetTexRef(CUtexref *out, CUmodule handle, const char *name)
{
    const struct ptx_variable *v;
    struct nv_module *module;
    struct nv_texref *ref;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    module = nv_object(handle, NV_MODULE);
    if (!module || !out || !name)
        return nv_leave(module ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    v = ptx_find_variable(module->image->ptx, name);
    if (!v || !v->reference)
        return nv_leave(CUDA_ERROR_NOT_FOUND);
    ref = texrefs_of(module) ? &module->texrefs[v->reference - 1] : NULL;
    if (!ref || (!ref->handle && !(ref->handle = nv_handle_new(NV_TEXREF, ref))))
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *out = ref->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* With the lock, to be changed; NULL and without it: @rc says why. */
static struct nv_texref *enter_texref(CUtexref handle, CUresult *rc)
{
    struct nv_texref *ref;
    struct nv_context *ctx;

    *rc = nv_enter(&ctx);
    if (*rc != CUDA_SUCCESS)
        return NULL;
    ref = nv_object(handle, NV_TEXREF);
    if (!ref) {
        *rc = nv_leave(CUDA_ERROR_INVALID_VALUE);
        return NULL;
    }
    if (ref->module) {
        nv_bindings_release(ref->module->bindings);
        ref->module->bindings = NULL; /* the next launch makes its own */
    }
    return ref;
}

/* All references of a module are there for its kernels anyway. */
CUresult cuParamSetTexRef(CUfunction function, int unit, CUtexref handle)
{
    struct nv_context *ctx;
    struct nv_texref *ref;
    struct nv_function *f;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_function_of(ctx, function, &f);
    ref = nv_object(handle, NV_TEXREF);
    if (rc == CUDA_SUCCESS && (unit != CU_PARAM_TR_DEFAULT || !ref || ref->module != f->module))
        rc = CUDA_ERROR_INVALID_VALUE;
    return nv_leave(rc);
}

/* ---- references of no module: all they are good for is to be made ---- */

CUresult cuTexRefCreate(CUtexref *out)
{
    struct nv_texref *ref;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ref = calloc(1, sizeof(*ref));
    if (!ref || !(ref->handle = nv_handle_new(NV_TEXREF, ref))) {
        free(ref);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    ref->ctx = nv_base(ctx);
    *out = ref->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefDestroy(CUtexref handle)
{
    CUresult rc;
    struct nv_texref *ref = enter_texref(handle, &rc);

    if (!ref)
        return rc;
    if (ref->module)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    nv_handle_free(ref->handle);
    free(ref);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- setting ---- */

static CUresult set_resource(CUtexref handle, const CUDA_RESOURCE_DESC *r)
{
    CUresult rc;
    struct nv_texref *ref = enter_texref(handle, &rc);

    if (!ref)
        return rc;
    ref->resource = *r;
    ref->bound = true;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefSetAddress(size_t *offset, CUtexref handle, CUdeviceptr va, size_t bytes)
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_LINEAR};

    r.res.linear.devPtr = va;
    r.res.linear.sizeInBytes = bytes;
    if (offset)
        *offset = 0; /* any address is aligned enough */
    return set_resource(handle, &r);
}

CUresult cuTexRefSetAddress2D(CUtexref handle, const CUDA_ARRAY_DESCRIPTOR *d, CUdeviceptr va,
                              size_t pitch)
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_PITCH2D};

    if (!d)
        return CUDA_ERROR_INVALID_VALUE;
    r.res.pitch2D.devPtr = va;
    r.res.pitch2D.format = d->Format;
    r.res.pitch2D.numChannels = d->NumChannels;
    r.res.pitch2D.width = d->Width;
    r.res.pitch2D.height = d->Height;
    r.res.pitch2D.pitchInBytes = pitch;
    return set_resource(handle, &r);
}

CUresult cuTexRefSetArray(CUtexref handle, CUarray array, unsigned int flags)
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_ARRAY, .res = {.array = {array}}};

    return flags == CU_TRSA_OVERRIDE_FORMAT ? set_resource(handle, &r) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuTexRefSetMipmappedArray(CUtexref handle, CUmipmappedArray array, unsigned int flags)
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY,
                            .res = {.mipmap = {array}}};

    return flags == CU_TRSA_OVERRIDE_FORMAT ? set_resource(handle, &r) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuTexRefSetFormat(CUtexref handle, CUarray_format format, int channels)
{
    CUresult rc;
    struct nv_texref *ref = nv_format_bytes(format) && channels > 0 && channels <= 4
                                ? enter_texref(handle, &rc)
                                : (rc = CUDA_ERROR_INVALID_VALUE, NULL);

    if (!ref)
        return rc;
    ref->format = format;
    ref->channels = (unsigned)channels;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefSetFlags(CUtexref handle, unsigned int flags)
{
    CUresult rc;
    struct nv_texref *ref = enter_texref(handle, &rc);

    if (!ref)
        return rc;
    if (flags & ~(CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES)) {
        emu_missing("sRGB and seamless cube maps of texture references");
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    }
    ref->texture.flags = flags;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefSetFilterMode(CUtexref handle, CUfilter_mode mode)
{
    CUresult rc;
    struct nv_texref *ref = enter_texref(handle, &rc);

    if (!ref)
        return rc;
    if (mode > CU_TR_FILTER_MODE_LINEAR)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ref->texture.filterMode = mode;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefSetAddressMode(CUtexref handle, int dimension, CUaddress_mode mode)
{
    CUresult rc;
    struct nv_texref *ref = enter_texref(handle, &rc);

    if (!ref)
        return rc;
    if (dimension < 0 || dimension > 2 || mode > CU_TR_ADDRESS_MODE_BORDER)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ref->texture.addressMode[dimension] = mode;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexRefSetBorderColor(CUtexref handle, float *color)
{
    CUresult rc;
    struct nv_texref *ref =
        color ? enter_texref(handle, &rc) : (rc = CUDA_ERROR_INVALID_VALUE, NULL);

    if (!ref)
        return rc;
    memcpy(ref->texture.borderColor, color, sizeof(ref->texture.borderColor));
    return nv_leave(CUDA_SUCCESS);
}

/* ---- levels: of a reference that has one, what changes nothing ---- */

static CUresult set_level(CUtexref handle, bool changes_nothing)
{
    CUresult rc;

    if (!enter_texref(handle, &rc))
        return rc;
    if (!changes_nothing)
        emu_missing("levels and anisotropy of texture references");
    return nv_leave(changes_nothing ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED);
}

CUresult cuTexRefSetMipmapFilterMode(CUtexref handle, CUfilter_mode mode)
{
    return set_level(handle, mode == CU_TR_FILTER_MODE_POINT);
}

CUresult cuTexRefSetMipmapLevelBias(CUtexref handle, float bias)
{
    return set_level(handle, bias == 0);
}

CUresult cuTexRefSetMipmapLevelClamp(CUtexref handle, float least, float most)
{
    return set_level(handle, least == 0 && most >= 0);
}

CUresult cuTexRefSetMaxAnisotropy(CUtexref handle, unsigned int most)
{
    return set_level(handle, most <= 1);
}
