// SPDX-License-Identifier: Apache-2.0
/*
 * Asynchronous copies: put off only if both ends are memory that the driver knows (device, pinned,
 * registered, managed) and the copy lies within one allocation on either side. A copy from or to
 * pageable memory is made in turn: its source may be reused, and its destination read, when the
 * call returns (CUDA API, "API synchronization behavior").
 */
#include <string.h>

#include "shim/nvidia/nvidia.h"

/* Whether [@address, +@bytes) is within one allocation that the driver knows. */
static bool known_memory(cu_word address, cu_word bytes)
{
    unsigned type = 0;
    cu_word start = 0;
    size_t size = 0;
    if (!address || !cu.cuPointerGetAttribute ||
        cu.cuPointerGetAttribute(cu_out(type), CU_POINTER_MEMORY_TYPE, address) != CUDA_SUCCESS ||
        (type != CU_MEMORY_HOST && type != CU_MEMORY_DEVICE))
        return false;
    if (cu.cuPointerGetAttribute(cu_out(start), CU_POINTER_RANGE_START, address) != CUDA_SUCCESS ||
        cu.cuPointerGetAttribute(cu_out(size), CU_POINTER_RANGE_SIZE, address) != CUDA_SUCCESS)
        return false;
    return address >= start && bytes <= size && address - start <= size - bytes;
}

static struct reef_op *copy_words(const struct reef_call *call)
{
    const cu_word *a = call->a;
    bool known = false;
    switch (call->api->kind) {
    case CU_KIND_COPY: /* to, from, bytes, stream */
        known = known_memory(a[0], a[2]) && known_memory(a[1], a[2]);
        break;
    case CU_KIND_COPY_PEER: /* to, its context, from, its context, bytes, stream */
        known = known_memory(a[0], a[4]) && known_memory(a[2], a[4]);
        break;
    case CU_KIND_COPY_HTOA: /* array, offset, from, bytes, stream */
        known = known_memory(a[2], a[3]);
        break;
    case CU_KIND_COPY_ATOH: /* to, array, offset, bytes, stream */
        known = known_memory(a[0], a[3]);
        break;
    default:
        break;
    }
    return known ? cu_op_new(call, 0) : NULL;
}

/* Element size of a memset, by its name: ...D8..., ...D16..., ...D32... */
static cu_word element_bytes(const char *name)
{
    return strstr(name, "D32") ? 4 : strstr(name, "D16") ? 2 : 1;
}

static bool good_memset(const char *name, const cu_word *a)
{
    cu_word bytes = element_bytes(name);
    if (strncmp(name, "cuMemset", 8) != 0) /* prefetch: address, bytes, where, ... */
        return known_memory(a[0], a[1]);
    if (a[0] % bytes != 0)
        return false;
    if (strncmp(name, "cuMemsetD2D", 11) != 0) /* address, value, count, stream */
        return a[2] <= UINT32_MAX && known_memory(a[0], a[2] * bytes);
    /* address, pitch, value, width, height, stream */
    if (a[1] > UINT32_MAX || a[3] > UINT32_MAX || a[4] > UINT32_MAX || a[3] * bytes > a[1] || !a[4])
        return false;
    return known_memory(a[0], a[1] * (a[4] - 1) + a[3] * bytes);
}

/* stream, address, value, flags: of the flags only those that every device has. */
static bool good_memop(const char *name, const cu_word *a)
{
    cu_word bytes = strstr(name, "64") ? 8 : 4;
    uint32_t most =
        strstr(name, "Wait") ? 3 : 1; /* CU_STREAM_WAIT_VALUE_NOR; ..._NO_MEMORY_BARRIER */
    return a[1] % bytes == 0 && cu_u32(a[3]) <= most && known_memory(a[1], bytes);
}

static bool good_other(const char *name, const cu_word *a)
{
    if (strcmp(name, "cuLaunchHostFunc") == 0) /* stream, function, data */
        return a[1] != 0;
    if (strcmp(name, "cuStreamAddCallback") == 0) /* stream, function, data, flags */
        return a[1] != 0 && cu_u32(a[3]) == 0;
    if (strcmp(name, "cuMemFreeAsync") == 0)
        return known_memory(a[0], 1);
    return strncmp(name, "cuStreamW", 9) == 0 ? good_memop(name, a) : known_memory(a[1], 1);
}

struct reef_op *cu_copy_checked(const struct reef_call *call)
{
    const char *name = call->api->name;
    bool good =
        call->api->kind == CU_KIND_MEMSET ? good_memset(name, call->a) : good_other(name, call->a);
    return good ? cu_op_new(call, 0) : NULL;
}

struct reef_op *cu_copy_event(const struct reef_call *call)
{
    const cu_word *a = call->a;
    bool record = call->api->kind == CU_KIND_EVENT_RECORD;
    /* (event, stream[, flags]) or (stream, event, flags): flags 0 or ..._EXTERNAL, which is for
     * captures */
    uint32_t flags = record && call->api->arguments < 3 ? 0 : cu_u32(a[2]);
    return a[record ? 0 : 1] != 0 && flags == 0 ? cu_op_new(call, 0) : NULL;
}

static cu_word word_at(const char *structure, unsigned offset)
{
    cu_word word;
    memcpy(&word, structure + offset, sizeof(word));
    return word;
}

/* One end of a copy that is told in a structure. Its extent is not looked at: a first byte in known
 * memory makes it asynchronous, and what the driver then says of the rest is told late. */
static bool known_end(const char *structure, unsigned type_at, unsigned host_at, unsigned device_at)
{
    uint32_t type;
    memcpy(&type, structure + type_at, sizeof(type));
    if (type == CU_MEMORY_ARRAY)
        return true;
    return known_memory(word_at(structure, type == CU_MEMORY_HOST ? host_at : device_at), 1);
}

static struct reef_op *copy_structure(const struct reef_call *call)
{
    static const struct cu_copy_layout flat = CU_COPY_2D_LAYOUT, deep = CU_COPY_3D_LAYOUT;
    const struct cu_copy_layout *l = call->api->kind == CU_KIND_COPY_2D ? &flat : &deep;
    const char *from = cu_pointer(call->a[0]);
    if (!from || !known_end(from, l->src_type, l->src_host, l->src_device) ||
        !known_end(from, l->dst_type, l->dst_host, l->dst_device))
        return NULL;
    struct reef_op *op = cu_op_new(call, l->bytes);
    if (!op)
        return NULL;
    char *copy = (char *)&op->a[call->api->arguments];
    memcpy(copy, from, l->bytes);
    op->a[0] = (cu_word)(uintptr_t)copy;
    return op;
}

/* Copies take a time by their size, so they are told apart by it: a power of two is near enough. */
static uint64_t copy_key(const struct cu_api *api, const cu_word *a)
{
    static const int8_t size_at[] = {[CU_KIND_COPY] = 2,
                                     [CU_KIND_COPY_PEER] = 4,
                                     [CU_KIND_COPY_HTOA] = 3,
                                     [CU_KIND_COPY_ATOH] = 3};
    bool told = api->kind < sizeof(size_at) && size_at[api->kind] > 0;
    uint64_t bytes = told ? a[(int)size_at[api->kind]] : 1;
    return 1 + ((uint64_t)(api - cu_api) << 8 | (uint64_t)(64 - __builtin_clzll(bytes | 1)));
}

cu_result cu_copy(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    bool structure = api->kind == CU_KIND_COPY_2D || api->kind == CU_KIND_COPY_3D ||
                     api->kind == CU_KIND_COPY_3D_PEER;
    struct reef_call call = {
        .api = api,
        .a = a,
        .stream = s,
        .key = copy_key(api, a),
        .copy = structure ? copy_structure : copy_words,
    };
    return cu_submit(&call);
}
