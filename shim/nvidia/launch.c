// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel launches: what is copied when one is held.
 *
 * A launch is put off only if its function answers questions about its parameters
 * (launch_function.c), a buffer of arguments fits them, and the driver would surely take it
 * (launch_check.c). What the driver refuses is refused by the call; everything else is launched in
 * turn. What is asked is asked only for launches that are held.
 */
#include <string.h>

#include "shim/nvidia/guard.h"
#include "shim/nvidia/launch.h"
#include "shim/nvidia/trace.h"

/* --- copies --- */

/* CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE, in any order, up to _END. */
static bool read_extra(void **extra, const void **buffer, size_t *bytes)
{
    *buffer = NULL;
    *bytes = 0;
    for (unsigned i = 0; i < 8; i += 2) {
        uintptr_t what = (uintptr_t)extra[i];
        if (what == CU_EXTRA_END)
            return *buffer && *bytes > 0 && *bytes <= 65536;
        if (what == CU_EXTRA_BUFFER)
            *buffer = extra[i + 1];
        else if (what == CU_EXTRA_SIZE && extra[i + 1])
            *bytes = *(size_t *)extra[i + 1];
        else
            return false;
    }
    return false;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

/* Whether the launch's kernel is what @g says, and so its twin can take the arguments. */
static bool fits_twin(const struct cu_shape *shape, const struct cu_function *f,
                      const struct reef_guarded *g)
{
    const void *buffer;
    size_t bytes;
    if (!g || f->count != g->params)
        return false;
    return !shape->extra || (read_extra(shape->extra, &buffer, &bytes) && bytes >= g->param_bytes &&
                             bytes <= aligned(g->param_bytes));
}

/* Bytes that the copy of @shape's arguments takes, or SIZE_MAX. @g: with what its twin needs; may
 * be NULL. */
static size_t arguments_bytes(const struct cu_shape *shape, const struct cu_function *f,
                              const struct reef_guarded *g)
{
    const void *buffer;
    size_t bytes;
    size_t more = g ? REEF_PTX_EXTRA_BYTES + sizeof(struct reef_op_guard) : 0;
    if (!shape->extra)
        return (f->count + (g ? REEF_PTX_EXTRA_PARAMS : 0)) * sizeof(void *) + f->bytes + more;
    /* As long as the parameters, or as a structure of them: the driver decides on others. */
    if (!read_extra(shape->extra, &buffer, &bytes) || bytes < f->end || bytes - f->end > 15)
        return SIZE_MAX;
    return 6 * sizeof(void *) + aligned(bytes) + more;
}

/* What its twin needs besides the arguments, behind them at @at. */
static void attach_guard(struct reef_op *op, const struct reef_guarded *g, char *at)
{
    struct reef_op_guard *guard = (struct reef_op_guard *)(at + REEF_PTX_EXTRA_BYTES);
    *guard = (struct reef_op_guard){.of = *g, .words = (uint64_t *)at};
    op->guard = guard;
}

/* Copies the arguments to @to and sets the two argument words; @op gets a guard if there is @g. */
static void copy_arguments(const struct cu_shape *shape, const struct cu_function *f, char *to,
                           cu_word *parameters, cu_word *extra, struct reef_op *op,
                           const struct reef_guarded *g)
{
    void **array = (void **)to;
    if (shape->extra) {
        const void *buffer;
        size_t bytes;
        read_extra(shape->extra, &buffer, &bytes);
        size_t *size = (size_t *)&array[5];
        array[0] = (void *)(uintptr_t)CU_EXTRA_BUFFER;
        array[1] = &array[6];
        array[2] = (void *)(uintptr_t)CU_EXTRA_SIZE;
        array[3] = size;
        array[4] = (void *)(uintptr_t)CU_EXTRA_END;
        *size = bytes;
        memcpy(&array[6], buffer, bytes);
        if (g) {
            attach_guard(op, g, (char *)&array[6] + aligned(bytes));
            op->guard->size = size;
            op->guard->plain_bytes = bytes;
            op->guard->restartable = cu_guard_restartable(g, NULL, buffer);
        }
        *parameters = 0;
        *extra = (cu_word)(uintptr_t)array;
        return;
    }
    char *data = to + (f->count + (g ? REEF_PTX_EXTRA_PARAMS : 0)) * sizeof(void *);
    for (unsigned i = 0; i < f->count; i++) {
        memcpy(data, shape->parameters[i], f->sizes[i]);
        array[i] = data;
        data += aligned(f->sizes[i]);
    }
    if (g) {
        attach_guard(op, g, data);
        op->guard->restartable = cu_guard_restartable(g, array, NULL);
        for (unsigned i = 0; i < REEF_PTX_EXTRA_PARAMS; i++)
            array[f->count + i] = &op->guard->words[i];
    }
    *parameters = f->count > 0 || g ? (cu_word)(uintptr_t)array : 0;
}

/* In a process of many contexts: is the function the context's, whose stream it is launched into?
 */
static bool of_context(const struct cu_function *f, const struct reef_stream *s)
{
    return !cu_many_contexts() || atomic_load(&f->accepted_in) == s->context->handle;
}

/* The driver has accepted a launch. What that tells is of use only where there are many contexts.
 */
static void note_accepted(const struct cu_shape *shape, const struct reef_stream *s)
{
    if (reef_likely(atomic_load_explicit(&reef_cuda.contexts_created, memory_order_relaxed) == 0))
        return;
    struct cu_function *f = (struct cu_function *)cu_function_of(shape->function);
    if (f)
        atomic_store(&f->accepted_in, s->context->handle);
}

static struct reef_op *copy_launch(struct reef_call *call)
{
    const struct cu_shape *shape = call->more;
    const struct cu_function *f = cu_function_of(shape->function);
    if (!cu_launch_check(shape, f, NULL, call) || !of_context(f, call->stream))
        return NULL;
    const struct reef_guarded *g = fits_twin(shape, f, call->guarded) ? call->guarded : NULL;
    size_t bytes = arguments_bytes(shape, f, g);
    struct reef_op *op = bytes == SIZE_MAX ? NULL : cu_op_new(call, bytes);
    cu_word none = 0;
    if (op)
        copy_arguments(shape, f, (char *)&op->a[call->api->arguments], &op->a[9],
                       call->api->arguments > 10 ? &op->a[10] : &none, op, g);
    if (op && op->guard)
        op->guard->function = &op->a[0];
    return op;
}

/* Of a launch that may be held: its kernel's guarded twin, if there is a reason to use it. */
static const struct reef_guarded *twin_of(cu_word function, struct reef_guarded *found)
{
    struct reef_cuda *cuda = &reef_cuda;
    bool used = reef_unlikely(atomic_load_explicit(&cuda->any_guarded, memory_order_relaxed)) &&
                (atomic_load_explicit(&cuda->bounded, memory_order_relaxed) ||
                 atomic_load_explicit(&cuda->pending, memory_order_relaxed) > 0);
    return used && cu_guard_find(function, found) ? found : NULL;
}

/* Whether the launch fits together on the device only the driver knows: in turn. */
static struct reef_op *copy_never(struct reef_call *call)
{
    return NULL;
}

static uint64_t kernel_key(const struct cu_shape *shape)
{
    uint64_t grid = shape->grid[0] * 0x9e3779b97f4a7c15ull;
    grid = (grid ^ shape->grid[1]) * 0x9e3779b97f4a7c15ull;
    grid = (grid ^ shape->grid[2]) * 0x9e3779b97f4a7c15ull;
    uint64_t key = shape->function ^ (grid >> 16);
    return key ? key : 1;
}

cu_result cu_launch(struct cu_api *api, cu_word *a)
{
    const uint32_t dimensions[6] = {cu_u32(a[1]), cu_u32(a[2]), cu_u32(a[3]),
                                    cu_u32(a[4]), cu_u32(a[5]), cu_u32(a[6])};
    const struct cu_shape shape = {
        .function = a[0],
        .grid = dimensions,
        .block = dimensions + 3,
        .shared_bytes = cu_u32(a[7]),
        .parameters = cu_pointer(a[9]),
        .extra = api->arguments > 10 ? cu_pointer(a[10]) : NULL,
    };
    struct reef_guarded twin;
    struct reef_call call = {
        .api = api,
        .a = a,
        .stream = cu_stream(a[8]),
        .key = kernel_key(&shape),
        .copy = api->kind == CU_KIND_LAUNCH ? copy_launch : copy_never,
        .more = &shape,
        .guarded = api->kind == CU_KIND_LAUNCH ? twin_of(shape.function, &twin) : NULL,
    };
    if (!call.stream)
        return cu_call(cu_real(api), a, api->arguments);
    if (cu_tracing())
        cu_trace_kernel(&call.traced, a[0], shape.grid, shape.block, shape.shared_bytes);
    cu_result result = cu_submit(&call);
    if (reef_likely(result == CUDA_SUCCESS))
        note_accepted(&shape, call.stream);
    return result;
}

/* --- cuLaunchKernelEx --- */

/* Whether the launch begins when what is before it is over, and its blocks are no clusters and need
 * not be there together. */
static bool ordinary_attributes(const struct cu_launch_config *config)
{
    enum { ORDINARY = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 14 };
    const char *at = config->attributes;
    if (config->attribute_count > CU_LAUNCH_ATTRIBUTES_MAX || (config->attribute_count > 0 && !at))
        return false;
    for (uint32_t i = 0; i < config->attribute_count; i++, at += CU_LAUNCH_ATTRIBUTE_BYTES) {
        uint32_t id;
        memcpy(&id, at, sizeof(id));
        if (id > CU_ATTRIBUTE_CARVEOUT || !(ORDINARY >> id & 1))
            return false;
    }
    return true;
}

static struct reef_op *copy_launch_ex(struct reef_call *call)
{
    const struct cu_shape *shape = call->more;
    const struct cu_launch_config *config = cu_pointer(call->a[0]);
    const struct cu_function *f = cu_function_of(shape->function);
    size_t attributes = (size_t)config->attribute_count * CU_LAUNCH_ATTRIBUTE_BYTES;
    if (!cu_launch_check(shape, f, config, call) || !of_context(f, call->stream))
        return NULL;
    const struct reef_guarded *g = fits_twin(shape, f, call->guarded) ? call->guarded : NULL;
    size_t bytes = arguments_bytes(shape, f, g);
    struct reef_op *op =
        bytes == SIZE_MAX ? NULL : cu_op_new(call, sizeof(*config) + attributes + bytes);
    if (!op)
        return NULL;
    struct cu_launch_config *copy = (struct cu_launch_config *)&op->a[call->api->arguments];
    char *copied_attributes = (char *)(copy + 1);
    *copy = *config;
    if (attributes)
        memcpy(copied_attributes, config->attributes, attributes);
    copy->attributes = attributes ? copied_attributes : NULL;
    op->a[0] = (cu_word)(uintptr_t)copy;
    copy_arguments(shape, f, copied_attributes + attributes, &op->a[2], &op->a[3], op, g);
    if (op->guard)
        op->guard->function = &op->a[1];
    return op;
}

/* The stream is not known. */
static cu_result launch_unseen(struct cu_api *api, const cu_word *a)
{
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result == CUDA_SUCCESS && cu_is_rt())
        cu_rt_returned(NULL);
    return result;
}

cu_result cu_launch_ex(struct cu_api *api, cu_word *a)
{
    const struct cu_launch_config *given = cu_pointer(a[0]);
    if (!given)
        return cu_call(cu_real(api), a, api->arguments);
    struct cu_launch_config config = *given;
    if (!cu_stream_substitute(api, &config.stream))
        return launch_unseen(api, a);
    const struct cu_shape shape = {
        .function = a[1],
        .grid = config.grid,
        .block = config.block,
        .shared_bytes = config.shared_bytes,
        .parameters = cu_pointer(a[2]),
        .extra = cu_pointer(a[3]),
    };
    cu_word words[] = {(cu_word)(uintptr_t)&config, a[1], a[2], a[3]};
    struct reef_guarded twin;
    struct reef_call call = {
        .api = api,
        .a = words,
        .stream = cu_stream(config.stream),
        .key = kernel_key(&shape),
        .copy = copy_launch_ex,
        .more = &shape,
    };
    if (atomic_load_explicit(&reef_cuda.any_guarded, memory_order_relaxed) &&
        ordinary_attributes(&config))
        call.guarded = twin_of(shape.function, &twin);
    if (!call.stream)
        return launch_unseen(api, words);
    if (cu_tracing())
        cu_trace_kernel(&call.traced, a[1], shape.grid, shape.block, shape.shared_bytes);
    if (cu_is_rt()) {
        uint64_t number = cu_rt_arrive(call.stream);
        if (cu_tracing())
            cu_trace_command(call.stream, number, &call.traced);
        cu_result result = cu_call(cu_real(api), words, api->arguments);
        cu_rt_returned(call.stream);
        return result;
    }
    cu_result result = cu_submit(&call);
    if (reef_likely(result == CUDA_SUCCESS))
        note_accepted(&shape, call.stream);
    return result;
}
