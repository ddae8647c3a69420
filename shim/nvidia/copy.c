// SPDX-License-Identifier: Apache-2.0
/*
 * Asynchronous copies, fills and the like: put off only if the driver would surely accept them.
 * That is, if both ends are memory that the driver knows (device, pinned, registered, managed) and
 * the copy lies within one allocation, or one array, on either side. A copy from or to pageable
 * memory is made in turn: its source may be reused, and its destination read, when the call returns
 * (CUDA API, "API synchronization behavior").
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

/* Of memory that the driver knows. */
static bool is_managed(cu_word address)
{
    unsigned managed = 0;
    return cu.cuPointerGetAttribute(cu_out(managed), CU_POINTER_MANAGED, address) == CUDA_SUCCESS &&
           managed;
}

/* Whether [@x, +@bytes) of one row is within the array, and so are @rows and @slices from @y and
 * @z. */
static bool known_array(cu_word array, cu_word x, cu_word bytes, cu_word y, cu_word rows, cu_word z,
                        cu_word slices)
{
    /* CU_AD_FORMAT_*: the kinds that are plain numbers. */
    static const uint8_t element_bytes[] = {
        [1] = 1, [2] = 2, [3] = 4, [8] = 1, [9] = 2, [10] = 4, [0x10] = 2, [0x20] = 4};
    struct cu_array d;
    if (!array || !cu.cuArray3DGetDescriptor_v2 ||
        cu.cuArray3DGetDescriptor_v2(cu_out(d), array) != CUDA_SUCCESS ||
        d.format >= sizeof(element_bytes) || element_bytes[d.format] == 0)
        return false;
    size_t row = d.width * element_bytes[d.format] * d.channels;
    size_t height = d.height ? d.height : 1, depth = d.depth ? d.depth : 1;
    return x <= row && bytes <= row - x && y <= height && rows <= height - y && z <= depth &&
           slices <= depth - z;
}

static struct reef_op *copy_words(struct reef_call *call)
{
    const cu_word *a = call->a;
    bool known = false;
    switch (call->api->kind) {
    case CU_KIND_COPY: /* to, from, bytes, stream */
        known = known_memory(a[0], a[2]) && known_memory(a[1], a[2]);
        break;
    case CU_KIND_COPY_PEER: /* to, its context, from, its context, bytes, stream */
        known = known_memory(a[0], a[4]) && known_memory(a[2], a[4]) && cu_context_known(a[1]) &&
                cu_context_known(a[3]);
        break;
    case CU_KIND_COPY_HTOA: /* array, offset, from, bytes, stream */
        known = known_memory(a[2], a[3]) && known_array(a[0], a[1], a[3], 0, 1, 0, 1);
        break;
    case CU_KIND_COPY_ATOH: /* to, array, offset, bytes, stream */
        known = known_memory(a[0], a[3]) && known_array(a[1], a[2], a[3], 0, 1, 0, 1);
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
    if (a[0] % bytes != 0)
        return false;
    if (strncmp(name, "cuMemsetD2D", 11) != 0) /* address, value, count, stream */
        return a[2] <= UINT32_MAX && known_memory(a[0], a[2] * bytes);
    /* address, pitch, value, width, height, stream */
    if (a[1] > UINT32_MAX || a[3] > UINT32_MAX || a[4] > UINT32_MAX || a[3] * bytes > a[1] || !a[4])
        return false;
    return known_memory(a[0], a[1] * (a[4] - 1) + a[3] * bytes);
}

/* address, bytes, then a device, or a location (type and id in one word) and flags; to the present
 * device or to the host. */
static bool good_prefetch(const struct cu_api *api, const cu_word *a)
{
    int device = -1, concurrent = 0;
    uint32_t type = cu_u32(a[2]), id = cu_u32(a[2] >> 32);
    if (cu.cuCtxGetDevice(cu_out(device)) != CUDA_SUCCESS ||
        cu.cuDeviceGetAttribute(cu_out(concurrent), CU_DEVICE_CONCURRENT_MANAGED,
                                (cu_word)(unsigned)device) != CUDA_SUCCESS)
        return false;
    bool to_device = api->arguments == 4 ? type == (uint32_t)device
                                         : type == CU_LOCATION_DEVICE && id == (uint32_t)device;
    bool to_host = api->arguments == 4 ? type == UINT32_MAX : type == CU_LOCATION_HOST;
    return concurrent && (to_device || to_host) && (api->arguments == 4 || cu_u32(a[3]) == 0) &&
           a[1] > 0 && known_memory(a[0], a[1]) && is_managed(a[0]);
}

/* stream, address, value, flags: of the flags only those that every device has. */
static bool good_memop(const char *name, const cu_word *a)
{
    cu_word bytes = strstr(name, "64") ? 8 : 4;
    uint32_t most =
        strstr(name, "Wait") ? 3 : 1; /* CU_STREAM_WAIT_VALUE_NOR; ..._NO_MEMORY_BARRIER */
    return a[1] % bytes == 0 && cu_u32(a[3]) <= most && known_memory(a[1], bytes) &&
           !is_managed(a[1]);
}

/* address, stream: what a pool gave, and nobody frees yet. */
static bool good_free(const cu_word *a)
{
    cu_word start = 0, pool = 0;
    return known_memory(a[0], 1) &&
           cu.cuPointerGetAttribute(cu_out(start), CU_POINTER_RANGE_START, a[0]) == CUDA_SUCCESS &&
           start == a[0] &&
           cu.cuPointerGetAttribute(cu_out(pool), CU_POINTER_POOL, a[0]) == CUDA_SUCCESS && pool &&
           !cu_object_pending(a[0]);
}

/* stream, address, bytes, flags */
static bool good_attach(const struct reef_stream *s, const cu_word *a)
{
    uint32_t flags = cu_u32(a[3]);
    return (flags == 1 || flags == 2 || (flags == CU_ATTACH_SINGLE && !s->legacy)) &&
           known_memory(a[1], a[2]) && is_managed(a[1]);
}

static bool good_other(const struct reef_call *call)
{
    const char *name = call->api->name;
    const cu_word *a = call->a;
    if (call->api->kind == CU_KIND_MEM_FREE)
        return good_free(a);
    if (strcmp(name, "cuLaunchHostFunc") == 0) /* stream, function, data */
        return a[1] != 0;
    if (strcmp(name, "cuStreamAddCallback") == 0) /* stream, function, data, flags */
        return a[1] != 0 && cu_u32(a[3]) == 0;
    return strncmp(name, "cuStreamW", 9) == 0 ? good_memop(name, a) : good_attach(call->stream, a);
}

struct reef_op *cu_copy_checked(struct reef_call *call)
{
    const char *name = call->api->name;
    bool good = strncmp(name, "cuMemset", 8) == 0   ? good_memset(name, call->a)
                : call->api->kind == CU_KIND_MEMSET ? good_prefetch(call->api, call->a)
                                                    : good_other(call);
    return good ? cu_op_new(call, 0) : NULL;
}

struct reef_op *cu_copy_event(struct reef_call *call)
{
    const cu_word *a = call->a;
    bool record = call->api->kind == CU_KIND_EVENT_RECORD;
    /* (event, stream[, flags]) or (stream, event, flags): flags 0 or ..._EXTERNAL, which is for
     * captures */
    uint32_t flags = record && call->api->arguments < 3 ? 0 : cu_u32(a[2]);
    if (record && cu_many_contexts())
        return NULL; /* only the driver knows whether the event is of the stream's context */
    cu_word event = a[record ? 0 : 1];
    if (event == 0 || flags != 0)
        return NULL;
    return cu_event_is_one(event) ? cu_op_new(call, 0) : NULL;
}

static cu_word word_at(const char *structure, unsigned offset)
{
    cu_word word;
    memcpy(&word, structure + offset, sizeof(word));
    return word;
}

static cu_word field(const char *structure, uint8_t at)
{
    return at == CU_COPY_NONE ? 0 : word_at(structure, at);
}

/* How much a copy that is told in a structure copies. */
struct box {
    cu_word width, rows, depth;
};

/* One end of it: in an array or within one allocation that the driver knows. Fields that are left 0
 * for the driver to fill in are left to it. */
static bool known_end(const char *structure, const struct cu_copy_end *end, const struct box *box)
{
    cu_word x = field(structure, end->x), y = field(structure, end->y);
    cu_word z = field(structure, end->z), pitch = field(structure, end->pitch);
    cu_word height = end->height == CU_COPY_NONE ? y + box->rows : field(structure, end->height);
    cu_word rows, bytes;
    uint32_t type;
    memcpy(&type, structure + end->type, sizeof(type));
    if (type == CU_MEMORY_ARRAY)
        return known_array(field(structure, end->array), x, box->width, y, box->rows, z,
                           box->depth);
    if (type != CU_MEMORY_HOST && type != CU_MEMORY_DEVICE && type != CU_MEMORY_UNIFIED)
        return false;
    if (box->depth == 1 && z == 0 && height == 0)
        height = y + box->rows;
    if (pitch > INT32_MAX || x > pitch || box->width > pitch - x || y > height ||
        box->rows > height - y || (box->rows > 1 && pitch == 0))
        return false;
    if (__builtin_mul_overflow(z + box->depth - 1, height, &rows) ||
        __builtin_add_overflow(rows, y + box->rows - 1, &rows) ||
        __builtin_mul_overflow(rows, pitch, &bytes) ||
        __builtin_add_overflow(bytes, x + box->width, &bytes))
        return false;
    return known_memory(field(structure, type == CU_MEMORY_HOST ? end->host : end->device), bytes);
}

static struct reef_op *copy_structure(struct reef_call *call)
{
    static const struct cu_copy_layout flat = CU_COPY_2D_LAYOUT, deep = CU_COPY_3D_LAYOUT;
    const struct cu_copy_layout *l = call->api->kind == CU_KIND_COPY_2D ? &flat : &deep;
    const char *from = cu_pointer(call->a[0]);
    if (!from)
        return NULL;
    struct box box = {field(from, l->width), field(from, l->rows),
                      l->depth == CU_COPY_NONE ? 1 : field(from, l->depth)};
    if (!box.width || !box.rows || !box.depth || box.width > INT32_MAX || box.rows > INT32_MAX ||
        box.depth > INT32_MAX || !known_end(from, &l->from, &box) || !known_end(from, &l->to, &box))
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
