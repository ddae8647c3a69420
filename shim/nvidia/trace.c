// SPDX-License-Identifier: Apache-2.0
/*
 * Recording of the NVIDIA part. See trace.h.
 *
 * Kernels go by numbers of ours, as the driver may use a handle again for another one. Entries are
 * made under a lock and never change but for their handle, which becomes 0 when modules go; a
 * reader that meets a stale one finds another handle there and makes a new entry.
 */
#include "shim/nvidia/trace.h"

#include <stdio.h>
#include <string.h>

enum { KERNELS = 4096, BUCKETS = 1024, NAME = 248, GRAPH_BLOCK = 1024 };

struct kernel {
    _Atomic cu_word handle;
    uint32_t next; /* in its bucket; index + 1, 0: none */
    char name[NAME];
};
static struct kernel kernels[KERNELS]; /* its pages come with the first that are used */
static _Atomic uint32_t buckets[BUCKETS];
static unsigned used;
static pthread_mutex_t kernels_lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t find(cu_word handle, const _Atomic uint32_t *bucket)
{
    uint32_t id = atomic_load_explicit(bucket, memory_order_acquire);
    while (id && atomic_load_explicit(&kernels[id - 1].handle, memory_order_relaxed) != handle)
        id = kernels[id - 1].next;
    return id;
}

/* @handle is a CUfunction, or a CUkernel in its place (cuda.h, cuLaunchKernel). */
static void ask_name(cu_word handle, char name[NAME])
{
    const char *text = NULL;
    bool known =
        (cu.cuFuncGetName && cu.cuFuncGetName(cu_out(text), handle) == CUDA_SUCCESS && text) ||
        (cu.cuKernelGetName && cu.cuKernelGetName(cu_out(text), handle) == CUDA_SUCCESS && text);
    snprintf(name, NAME, "%s", known ? text : "");
}

/* The number of a kernel; @name: if it is new, or NULL: ask. Beyond the table all are one. */
static uint64_t number_of(cu_word handle, const char *name)
{
    _Atomic uint32_t *bucket = &buckets[(handle * 0x9e3779b97f4a7c15ull >> 48) % BUCKETS];
    uint32_t id = find(handle, bucket);
    if (reef_likely(id))
        return id;
    char text[NAME];
    if (name)
        snprintf(text, sizeof(text), "%s", name);
    else
        ask_name(handle, text);
    pthread_mutex_lock(&kernels_lock);
    id = find(handle, bucket);
    if (!id && used < KERNELS) {
        struct kernel *k = &kernels[used++];
        memcpy(k->name, text, sizeof(text));
        k->next = atomic_load_explicit(bucket, memory_order_relaxed);
        atomic_store_explicit(&k->handle, handle, memory_order_relaxed);
        id = used;
        atomic_store_explicit(bucket, id, memory_order_release);
    }
    pthread_mutex_unlock(&kernels_lock);
    return id ? id : KERNELS + 1;
}

void cu_trace_forget_kernels(void)
{
    pthread_mutex_lock(&kernels_lock);
    for (unsigned i = 0; i < used; i++)
        atomic_store_explicit(&kernels[i].handle, 0, memory_order_relaxed);
    pthread_mutex_unlock(&kernels_lock);
}

/* For reef_trace_flush(). */
static void kernel_name(uint64_t id, char *text, unsigned size)
{
    snprintf(text, size, "%s", id >= 1 && id <= KERNELS ? kernels[id - 1].name : "");
}

/* --- records --- */

void cu_trace_kernel(struct reef_traced *traced, cu_word function, const uint32_t *grid,
                     const uint32_t *block, uint32_t shared_bytes)
{
    uint64_t groups = (uint64_t)grid[0] * grid[1] * grid[2];
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    *traced = (struct reef_traced){
        .kernel = number_of(function, NULL),
        .size = (groups & UINT32_MAX) | threads << 32,
        .shared_bytes = shared_bytes,
    };
}

void cu_trace_graph(struct reef_traced *traced, cu_word exec)
{
    int device = 0, processors = 1;
    if (cu.cuCtxGetDevice(cu_out(device)) != CUDA_SUCCESS ||
        cu.cuDeviceGetAttribute(cu_out(processors), CU_DEVICE_PROCESSORS,
                                (cu_word)(unsigned)device) != CUDA_SUCCESS)
        processors = 1;
    *traced = (struct reef_traced){
        .kernel = number_of(exec, "CUDA graph"),
        .size = (uint64_t)(unsigned)processors | (uint64_t)GRAPH_BLOCK << 32,
    };
}

void cu_trace_command(const struct reef_stream *s, uint64_t number,
                      const struct reef_traced *traced)
{
    if (traced->kernel)
        reef_trace_put(REEF_TRACE_LAUNCH, s->number, number, traced->kernel, traced->size,
                       traced->shared_bytes);
    else
        reef_trace_put(REEF_TRACE_BARRIER, s->number, number, 0, 0, 0);
}

void cu_trace_completed(struct reef_stream *s, uint64_t last, uint64_t last_ns)
{
    for (; s->traced_done <= last && s->traced_done < s->enqueued; s->traced_done++)
        reef_trace_put(REEF_TRACE_COMPLETE, s->number, s->traced_done,
                       s->traced_done == last ? last_ns : 0, 0, 0);
}

void cu_trace_rt(const struct cu_api *api, const cu_word *a, const struct reef_stream *s,
                 uint64_t number)
{
    struct reef_traced traced = {0};
    if (api->kind == CU_KIND_LAUNCH || api->kind == CU_KIND_LAUNCH_COOPERATIVE) {
        const uint32_t grid[3] = {cu_u32(a[1]), cu_u32(a[2]), cu_u32(a[3])};
        const uint32_t block[3] = {cu_u32(a[4]), cu_u32(a[5]), cu_u32(a[6])};
        cu_trace_kernel(&traced, a[0], grid, block, cu_u32(a[7]));
    } else if (api->kind == CU_KIND_GRAPH_LAUNCH) {
        cu_trace_graph(&traced, a[0]);
    }
    cu_trace_command(s, number, &traced);
}

/* Called from atexit: the driver is still there. The program's context stays current. */
void cu_trace_end(void)
{
    cu_word context = cu_current_context();
    cu_trace_step();
    if (context)
        cu.cuCtxSetCurrent(context);
}

uint64_t cu_trace_step(void)
{
    if (!cu_is_rt())
        cu_look_at_all();
    reef_trace_flush(kernel_name);
    return REEF_TRACE_POLL_NS;
}
