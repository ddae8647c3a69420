// SPDX-License-Identifier: Apache-2.0
/*
 * Texture and surface objects, and what an access through one gives. Sources: CUDA Driver API,
 * "Texture Object Management", "Surface Object Management"; CUDA C++ Programming Guide, "Texture
 * Fetching" (filtering, with fractions of 8 bits, and address modes).
 *
 * Interpreters use objects without the driver's lock: they are in a table that stays where it is,
 * and one is taken out only when nothing runs any more.
 *
 * Not here: mipmap levels other than the first, resource views, sRGB, anisotropy, seamless cube
 * maps.
 */
#include "array.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST_OBJECTS = 4096 };
#define HANDLE_MARK 0x5445580000000000ull

struct object {
    _Atomic bool used;
    bool surface;
    CUDA_RESOURCE_DESC resource;
    CUDA_TEXTURE_DESC texture;
    /* What the resource comes to: */
    CUarray_format format;
    unsigned channels;
    int64_t size[3]; /* in elements */
    size_t pitch, slice;
    uint64_t va;
};

static struct object objects[MOST_OBJECTS];

static struct object *object_of(uint64_t handle)
{
    uint64_t index = handle - HANDLE_MARK;

    return index < MOST_OBJECTS && atomic_load(&objects[index].used) ? &objects[index] : NULL;
}

/* ---- making them ---- */

static CUresult use_array(struct object *o, CUarray handle)
{
    const CUDA_ARRAY3D_DESCRIPTOR *d = nv_array_find(handle, &o->va);

    if (!d)
        return CUDA_ERROR_INVALID_HANDLE;
    if (o->surface && !(d->Flags & CUDA_ARRAY3D_SURFACE_LDST))
        return CUDA_ERROR_INVALID_VALUE;
    o->format = d->Format;
    o->channels = d->NumChannels;
    o->size[0] = (int64_t)d->Width;
    o->size[1] = d->Height ? (int64_t)d->Height : 1;
    o->size[2] = d->Depth ? (int64_t)d->Depth : 1;
    o->pitch = d->Width * nv_format_bytes(d->Format) * d->NumChannels;
    o->slice = o->pitch * (size_t)o->size[1];
    return CUDA_SUCCESS;
}

static CUresult use_linear(struct object *o, CUdeviceptr va, CUarray_format format,
                           unsigned channels, size_t bytes)
{
    unsigned element = nv_format_bytes(format) * channels;

    if (!element || channels > 4 || bytes < element || !nv_memory_host(va, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    o->va = va;
    o->format = format;
    o->channels = channels;
    o->size[0] = (int64_t)(bytes / element);
    o->size[1] = o->size[2] = 1;
    o->pitch = o->slice = bytes;
    return CUDA_SUCCESS;
}

static CUresult use_resource(struct object *o, const CUDA_RESOURCE_DESC *r)
{
    CUresult rc;

    o->resource = *r;
    switch (r->resType) {
    case CU_RESOURCE_TYPE_ARRAY:
        return use_array(o, r->res.array.hArray);
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
        CUarray level;

        if (o->surface)
            return CUDA_ERROR_INVALID_VALUE;
        rc = nv_mipmap_level(r->res.mipmap.hMipmappedArray, 0, &level);
        return rc == CUDA_SUCCESS ? use_array(o, level) : rc;
    }
    case CU_RESOURCE_TYPE_LINEAR:
        return o->surface ? CUDA_ERROR_INVALID_VALUE
                          : use_linear(o, r->res.linear.devPtr, r->res.linear.format,
                                       r->res.linear.numChannels, r->res.linear.sizeInBytes);
    case CU_RESOURCE_TYPE_PITCH2D:
        if (o->surface || r->res.pitch2D.height == 0)
            return CUDA_ERROR_INVALID_VALUE;
        rc = use_linear(o, r->res.pitch2D.devPtr, r->res.pitch2D.format, r->res.pitch2D.numChannels,
                        r->res.pitch2D.pitchInBytes * r->res.pitch2D.height);
        if (rc != CUDA_SUCCESS)
            return rc;
        if (r->res.pitch2D.width == 0 ||
            r->res.pitch2D.width * nv_format_bytes(o->format) * o->channels >
                r->res.pitch2D.pitchInBytes)
            return CUDA_ERROR_INVALID_VALUE;
        o->size[0] = (int64_t)r->res.pitch2D.width;
        o->size[1] = (int64_t)r->res.pitch2D.height;
        o->pitch = r->res.pitch2D.pitchInBytes;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

static CUresult make(const CUDA_RESOURCE_DESC *r, const CUDA_TEXTURE_DESC *t, uint64_t *handle)
{
    for (unsigned i = 0; i < MOST_OBJECTS; i++) {
        struct object *o = &objects[i];
        CUresult rc;

        if (atomic_load(&o->used))
            continue;
        o->surface = !t;
        memset(&o->texture, 0, sizeof(o->texture));
        if (t)
            o->texture = *t;
        rc = use_resource(o, r);
        if (rc == CUDA_SUCCESS) {
            atomic_store(&o->used, true);
            *handle = HANDLE_MARK + i;
        }
        return rc;
    }
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult nv_texture_make(const CUDA_RESOURCE_DESC *r, const CUDA_TEXTURE_DESC *t, uint64_t *object)
{
    return make(r, t, object);
}

void nv_texture_drop(uint64_t object)
{
    struct object *o = object_of(object);

    if (o)
        atomic_store(&o->used, false);
}

CUresult cuTexObjectCreate(CUtexObject *out, const CUDA_RESOURCE_DESC *r,
                           const CUDA_TEXTURE_DESC *t, const CUDA_RESOURCE_VIEW_DESC *view)
{
    const unsigned known = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES |
                           CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION;
    struct nv_context *ctx;
    uint64_t handle;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !r || !t || t->filterMode > CU_TR_FILTER_MODE_LINEAR)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (view || (t->flags & ~known) || t->maxAnisotropy > 1) {
        emu_missing("views, sRGB and anisotropy of textures");
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    }
    rc = make(r, t, &handle);
    if (rc == CUDA_SUCCESS)
        *out = handle;
    return nv_leave(rc);
}

CUresult cuSurfObjectCreate(CUsurfObject *out, const CUDA_RESOURCE_DESC *r)
{
    struct nv_context *ctx;
    uint64_t handle;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = out && r ? make(r, NULL, &handle) : CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        *out = handle;
    return nv_leave(rc);
}

/* With the lock; NULL and without it: @rc says why. */
static struct object *enter_object(uint64_t handle, bool surface, CUresult *rc)
{
    struct nv_context *ctx;
    struct object *o;

    *rc = nv_enter(&ctx);
    if (*rc != CUDA_SUCCESS)
        return NULL;
    o = object_of(handle);
    if (o && o->surface == surface)
        return o;
    *rc = nv_leave(CUDA_ERROR_INVALID_VALUE);
    return NULL;
}

static CUresult destroy(uint64_t handle, bool surface)
{
    CUresult rc;
    struct object *o = enter_object(handle, surface, &rc);

    if (!o)
        return rc;
    nv_contexts_wait();
    atomic_store(&o->used, false);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexObjectDestroy(CUtexObject handle)
{
    return destroy(handle, false);
}

CUresult cuSurfObjectDestroy(CUsurfObject handle)
{
    return destroy(handle, true);
}

static CUresult get_resource(uint64_t handle, bool surface, CUDA_RESOURCE_DESC *out)
{
    CUresult rc;
    const struct object *o = enter_object(handle, surface, &rc);

    if (!o)
        return rc;
    if (!out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *out = o->resource;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC *out, CUtexObject handle)
{
    return get_resource(handle, false, out);
}

CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC *out, CUsurfObject handle)
{
    return get_resource(handle, true, out);
}

CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC *out, CUtexObject handle)
{
    CUresult rc;
    const struct object *o = enter_object(handle, false, &rc);

    if (!o)
        return rc;
    if (!out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *out = o->texture;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- elements; interpreters hold the table of memory ---- */

/* Host address of an element, or NULL: it is outside. @x in bytes. */
static uint8_t *element_at(const struct object *o, int64_t x_bytes, int64_t y, int64_t z,
                           unsigned bytes)
{
    if (x_bytes < 0 || y < 0 || y >= o->size[1] || z < 0 || z >= o->size[2] ||
        x_bytes + bytes > o->size[0] * (int64_t)(nv_format_bytes(o->format) * o->channels))
        return NULL;
    return nv_memory_host(
        o->va + (uint64_t)z * o->slice + (uint64_t)y * o->pitch + (uint64_t)x_bytes, bytes);
}

static float half_to_float(uint16_t bits)
{
    _Float16 half;

    memcpy(&half, &bits, sizeof(half));
    return (float)half;
}

/* One channel, as bits of what the program reads. */
static uint32_t channel(const struct object *o, const uint8_t *at)
{
    bool whole = o->texture.flags & CU_TRSF_READ_AS_INTEGER;
    uint32_t word = 0;
    float f;

    memcpy(&word, at, nv_format_bytes(o->format));
    switch (o->format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
        f = (float)word / 255.0f;
        break;
    case CU_AD_FORMAT_UNSIGNED_INT16:
        f = (float)word / 65535.0f;
        break;
    case CU_AD_FORMAT_SIGNED_INT8:
        f = fmaxf((float)(int8_t)word / 127.0f, -1.0f);
        word = (uint32_t)(int32_t)(int8_t)word;
        break;
    case CU_AD_FORMAT_SIGNED_INT16:
        f = fmaxf((float)(int16_t)word / 32767.0f, -1.0f);
        word = (uint32_t)(int32_t)(int16_t)word;
        break;
    case CU_AD_FORMAT_HALF:
        f = half_to_float((uint16_t)word);
        whole = false;
        break;
    default: /* 32 bits are read as they are */
        return word;
    }
    if (!whole)
        memcpy(&word, &f, sizeof(word));
    return word;
}

/* The element that the address mode makes of a coordinate; -1: the border. */
static int64_t wrap(const struct object *o, unsigned dimension, int64_t i)
{
    int64_t n = o->size[dimension], twice;
    CUaddress_mode mode = o->texture.addressMode[dimension];

    if (i >= 0 && i < n)
        return i;
    if (!(o->texture.flags & CU_TRSF_NORMALIZED_COORDINATES) &&
        (mode == CU_TR_ADDRESS_MODE_WRAP || mode == CU_TR_ADDRESS_MODE_MIRROR))
        mode = CU_TR_ADDRESS_MODE_CLAMP;
    if (o->resource.resType == CU_RESOURCE_TYPE_LINEAR)
        mode = CU_TR_ADDRESS_MODE_BORDER; /* outside of linear memory: zero */
    switch (mode) {
    case CU_TR_ADDRESS_MODE_WRAP:
        return ((i % n) + n) % n;
    case CU_TR_ADDRESS_MODE_MIRROR:
        twice = ((i % (2 * n)) + 2 * n) % (2 * n);
        return twice < n ? twice : 2 * n - 1 - twice;
    case CU_TR_ADDRESS_MODE_BORDER:
        return -1;
    default:
        return i < 0 ? 0 : n - 1;
    }
}

static void fetch(const struct object *o, const int64_t at[3], uint32_t word[4])
{
    unsigned bytes = nv_format_bytes(o->format);
    int64_t x = wrap(o, 0, at[0]), y = wrap(o, 1, at[1]), z = wrap(o, 2, at[2]);
    const uint8_t *from =
        x < 0 || y < 0 || z < 0
            ? NULL
            : element_at(o, x * (int64_t)(bytes * o->channels), y, z, bytes * o->channels);

    for (unsigned c = 0; c < 4; c++) {
        if (c >= o->channels)
            word[c] = 0;
        else if (from)
            word[c] = channel(o, from + (size_t)c * bytes);
        else
            memcpy(&word[c], &o->texture.borderColor[c], sizeof(word[c]));
    }
}

/* Between the elements around the point, each fraction in steps of 1/256. */
static void filter(const struct object *o, unsigned dimensions, const float point[3],
                   uint32_t word[4])
{
    float fraction[3] = {0}, sum[4] = {0};
    int64_t corner[3] = {0};

    for (unsigned d = 0; d < dimensions; d++) {
        float at = point[d] - 0.5f, low = floorf(at);

        corner[d] = (int64_t)low;
        fraction[d] = rintf((at - low) * 256.0f) / 256.0f;
    }
    for (unsigned k = 0; k < 1u << dimensions; k++) {
        int64_t at[3] = {corner[0], corner[1], corner[2]};
        float weight = 1.0f;

        for (unsigned d = 0; d < dimensions; d++) {
            at[d] += k >> d & 1;
            weight *= k >> d & 1 ? fraction[d] : 1.0f - fraction[d];
        }
        fetch(o, at, word);
        for (unsigned c = 0; c < 4; c++) {
            float f;

            memcpy(&f, &word[c], sizeof(f));
            sum[c] += weight * f;
        }
    }
    memcpy(word, sum, sizeof(sum));
}

static void sample(const struct object *o, struct ptx_texel *t)
{
    int64_t at[3] = {0};
    float point[3] = {0};

    for (unsigned d = 0; d < t->dimensions; d++) {
        if (t->real) {
            memcpy(&point[d], &t->coordinate[d], sizeof(point[d]));
            if (o->texture.flags & CU_TRSF_NORMALIZED_COORDINATES)
                point[d] *= (float)o->size[d];
            /* Beyond any array, and no number, is as good as far outside. */
            point[d] = point[d] > -1e9f && point[d] < 1e9f ? point[d] : -1e9f;
            at[d] = (int64_t)floorf(point[d]);
        } else {
            at[d] = (int32_t)t->coordinate[d];
        }
    }
    if (t->real && o->texture.filterMode == CU_TR_FILTER_MODE_LINEAR && t->as == 'f')
        filter(o, t->dimensions, point, t->word);
    else
        fetch(o, at, t->word);
}

static const char *touch(const struct object *o, struct ptx_texel *t)
{
    int64_t row = o->size[0] * (int64_t)(nv_format_bytes(o->format) * o->channels);
    int64_t at[3] = {0};
    uint8_t *element;

    for (unsigned d = 0; d < t->dimensions; d++)
        at[d] = (int32_t)t->coordinate[d];
    if (at[0] % t->bytes)
        return "surface coordinate is not a multiple of the access";
    if (t->outside == 1) {
        at[0] = at[0] < 0 ? 0 : at[0] > row - t->bytes ? row - t->bytes : at[0];
        for (unsigned d = 1; d < 3; d++)
            at[d] = at[d] < 0 ? 0 : at[d] >= o->size[d] ? o->size[d] - 1 : at[d];
    }
    element = element_at(o, at[0], at[1], at[2], t->bytes);
    if (!element && t->outside == 0)
        return "access is outside of the surface";
    if (!element)
        memset(t->data, 0, sizeof(t->data));
    else if (t->store)
        memcpy(element, t->data, t->bytes);
    else
        memcpy(t->data, element, t->bytes);
    return NULL;
}

const char *nv_texture(void *unused, struct ptx_texel *t)
{
    const struct object *o = object_of(t->object);

    if (!o || o->surface != t->surface)
        return t->surface ? "no surface object" : "no texture object";
    if (t->surface)
        return touch(o, t);
    sample(o, t);
    return NULL;
}
