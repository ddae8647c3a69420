// SPDX-License-Identifier: Apache-2.0
/*
 * The emulated libcuda, as its files see each other. Private to emu/nvidia/.
 *
 *   object.c     handles: which pointers of a program are ours, and of what kind
 *   init.c       cuInit, devices, their attributes, errors' names
 *   green.c      contexts with a part of the multiprocessors
 *   context.c    contexts, the calling thread's stack of them, entering and leaving a call
 *   memory.c     allocations of every kind; pool.c: stream-ordered ones; virtual.c: reservations
 *                and mappings; ipc.c: memory and events of other processes; external.c: memory and
 *                semaphores of other drivers
 *   copy.c       copies and fills, as operations; copy_api.c: their entry points
 *   array.c      arrays and mipmapped ones; texture.c: texture and surface objects; texref.c:
 *                texture references
 *   module.c     modules, functions, libraries; fatbin.c: what a program hands over as an image
 *   stream.c     streams; event.c; memop.c; hostfunc.c
 *   command.c    what was submitted, and what waits for what
 *   launch.c     kernel launches and their checks; legacy.c: those of CUDA 2; function.c: occupancy
 *   link.c       the linker
 *   graph.c      graphs; graph_params.c, graph_nodes.c: nodes; graph_plan.c, graph_exec.c: what is
 *                launched; graph_memory.c, graph_condition.c; capture.c
 *   channel.c    channel groups, and the kernel driver's calls about them
 *   engine.c     the device thread; kernel.c: kernels on the device; slices.c: interpreter threads
 *   resolver.c   cuGetProcAddress; suffixed.c, missing.c: generated
 *
 * One lock guards all of it (nv_lock), but for what an interpreter does in a slice. Calls of the
 * program take it in nv_enter and give it back in nv_leave; nobody calls the program's code with
 * it. Ranges of memory have a lock of their own that interpreters read under (nv_memory_lock_*).
 */
#pragma once

#pragma GCC visibility push(default)
#include <cuda.h>
#pragma GCC visibility pop

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/common.h"
#include "ptx/ptx.h"

#define NV_EXPORT __attribute__((visibility("default")))

/* ---- object.c ---- */
enum nv_kind {
    NV_FREE,
    NV_CONTEXT,
    NV_STREAM,
    NV_EVENT,
    NV_MODULE,
    NV_FUNCTION,
    NV_LIBRARY,
    NV_KERNEL,
    NV_GRAPH,
    NV_NODE,
    NV_EXEC,
    NV_POOL,
    NV_ARRAY,
    NV_MIPMAP,
    NV_LINK,
    NV_PHYSICAL,
    NV_EXTERNAL_MEMORY,
    NV_EXTERNAL_SEMAPHORE,
    NV_GREEN,
    NV_DESCRIPTOR,
    NV_TEXREF,
};
/** A handle for @object, or NULL without memory. */
void *nv_handle_new(enum nv_kind kind, void *object);
/** The object behind a program's handle; NULL if it is none of this kind. Any pointer may be asked.
 */
void *nv_object(const void *handle, enum nv_kind kind);
void nv_handle_free(void *handle);
struct nv_context;
/** Frees the context's handle and those of its streams, events, modules and functions. */
void nv_handles_drop(struct nv_context *ctx);

/* ---- contexts ---- */
struct nv_stream;
struct nv_context {
    void *handle;
    struct nv_context *next; /* all of the process */
    bool primary, destroyed;
    unsigned retained; /* primary: uses; a created one: uses beyond the first */
    unsigned flags, version;
    unsigned long long id;
    CUresult sticky; /* what its kernels did; CUDA_SUCCESS: nothing */
    struct nv_stream *legacy, *streams;
    size_t limits[CU_LIMIT_MAX];
    CUfunc_cache cache;
    CUsharedconfig shared_config;
    unsigned in_flight;      /* commands that are not done */
    struct nv_context *base; /* of a green one: the primary, whose memory and code it uses */
    struct nv_green *green;  /* of a green one */
    unsigned channel_group;  /* channel.h; 0: none */
    struct nv_command
        *waits; /* what all later work of the context waits for; retained, may be NULL */
};
extern struct nv_context *nv_contexts;
extern _Atomic bool nv_initialized;

/** The context that memory, code and errors belong to. */
static inline struct nv_context *nv_base(struct nv_context *ctx)
{
    return ctx && ctx->base ? ctx->base : ctx;
}

void nv_lock(void);
void nv_unlock(void);
/** Takes the lock if the driver is initialized and the thread has a healthy current context. */
CUresult nv_enter(struct nv_context **ctx);
/** The same, but a context is not needed (*ctx may become NULL), or may be broken. */
CUresult nv_enter_any(struct nv_context **ctx);
/** Gives the lock back and returns @result. */
CUresult nv_leave(CUresult result);
/** The calling thread's current context or NULL. */
struct nv_context *nv_current(void);
CUresult nv_context_create(struct nv_context **out, unsigned flags, bool primary);
void nv_context_destroy(struct nv_context *ctx);
CUresult nv_primary(struct nv_context **ctx, bool retain);
void nv_primary_release(struct nv_context *ctx);
/** A kernel of the context went wrong: everything of it ends. */
void nv_context_break(struct nv_context *ctx, CUresult error);

/* ---- init.c ---- */
extern struct emu_profile nv_profile;
void nv_missing_note(const char *what);
/** In count mode launches do nothing but be counted (for measuring what is above the driver). */
extern bool nv_count_only;

/* ---- memory.c ---- */
enum nv_memory_kind { NV_MEMORY_DEVICE, NV_MEMORY_HOST, NV_MEMORY_REGISTERED, NV_MEMORY_MANAGED };
struct nv_memory {
    struct ptx_range range; /* range.size: as asked for, rounded up to 512 bytes */
    uint64_t bytes;         /* as asked for */
    enum nv_memory_kind kind;
    unsigned flags;
    struct nv_context *ctx;        /* NULL: none */
    struct nv_pool *pool;          /* of a stream-ordered one */
    struct nv_graph_memory *graph; /* of a graph's node */
    unsigned long long id;
    bool internal; /* of a module, of a mapping: not the program's to free */
    bool freed;    /* in stream order: its free is still to come */
    bool foreign;  /* its pages are not of the window, and not counted here */
};
void nv_memory_lock_read(void);
void nv_memory_unlock(void);
/** Under one of the locks. NULL: no allocation holds it. */
const struct nv_memory *nv_memory_find(uint64_t va);
CUresult nv_memory_alloc(struct nv_context *ctx, uint64_t bytes, uint64_t *va);
void nv_memory_set_pool(uint64_t va, struct nv_pool *pool, bool internal);
void nv_memory_set_freed(uint64_t va);
void nv_memory_set_graph(uint64_t va, struct nv_graph_memory *graph);
void nv_memory_free(uint64_t va);
void nv_memory_forget(struct nv_context *ctx);
/** Host address of device address @va, for @bytes; NULL if the allocation is smaller or none.
 * Mappings that lie side by side in one reservation count as one. */
void *nv_memory_host(uint64_t va, uint64_t bytes);
/** Counts device memory of this process. False: so much is not free. */
bool nv_memory_charge(uint64_t bytes, int sign);
/** Addresses that nobody can touch, for pages that are not of the window. 0: none. */
uint64_t nv_memory_reserve(uint64_t bytes, uint64_t align);
/** The @bytes at @host become device memory at @va, until nv_memory_free. False: no memory. */
bool nv_memory_add(struct nv_context *ctx, uint64_t va, uint64_t bytes, void *host, bool writable);
/** Where the bytes of an allocation of the program's lie in a file. False: it does not begin at
 * @va, or its pages are not the window's. */
bool nv_memory_backing(uint64_t va, int *fd, uint64_t *offset, uint64_t *bytes);
/** True if a plain host address is known to the driver (pinned, registered, managed). */
bool nv_memory_is_pinned(const void *host);

/* ---- operations and commands (command.c) ---- */
enum nv_op_kind {
    NV_OP_EMPTY,
    NV_OP_KERNEL,
    NV_OP_COPY,
    NV_OP_FILL,
    NV_OP_HOST,
    NV_OP_CALLBACK, /* cuStreamAddCallback: also in a broken context, with its error */
    NV_OP_RECORD,
    NV_OP_WAIT_VALUE,
    NV_OP_WRITE_VALUE,
    NV_OP_FREE,
    NV_OP_GRAPH,
    NV_OP_WAIT_EVENT,
    NV_OP_WAIT_SHARED, /* for a record that another process may have made */
    NV_OP_BATCH,
    NV_OP_SEMAPHORES,
    NV_OP_GRAPH_ALLOC, /* the memory of a graph: there all the time, allocated and freed in name */
    NV_OP_GRAPH_FREE,
    NV_OP_CONDITION,
};

struct nv_place {  /* one side of a copy: bytes at base + y * pitch + z * slice */
    uint8_t *host; /* NULL: @va is translated when it is carried out */
    uint64_t va;
    size_t pitch, height;
};
struct nv_copy {
    struct nv_place from, to;
    size_t width, height, depth;
    void *staged; /* owned: a pageable source's contents */
    bool peer;
};
struct nv_fill {
    uint64_t va;
    size_t pitch, width, height; /* width in elements */
    unsigned bytes;              /* of an element */
    uint32_t value;
};
struct nv_kernel_args {
    struct nv_function *function;
    uint32_t grid[3], block[3], shared_bytes;
    uint8_t *params; /* owned */
    bool cooperative;
    bool own_priority; /* of a graph's node: not the launching stream's */
    int priority;
    struct nv_event *event; /* launch attribute; may be NULL */
    bool event_at_start;
    struct nv_bindings *bindings; /* retained; of texture references; NULL: none, or in a graph */
};
struct nv_memop {
    bool wait, wide;
    uint64_t va, value;
    unsigned flags;
};

struct nv_op {
    enum nv_op_kind kind;
    struct nv_context *ctx;
    union {
        struct nv_copy copy;
        struct nv_fill fill;
        struct nv_kernel_args kernel;
        struct {
            CUhostFn fn;
            CUstreamCallback callback;
            CUstream stream;
            void *data;
        } host;
        struct {
            struct nv_event *event;
            uint64_t version; /* of a shared event; 0: none */
        } record;
        struct nv_memop memop;
        struct {
            struct nv_memop *ops; /* owned */
            unsigned count;
        } batch;
        struct {
            struct nv_semaphore_op *ops; /* owned */
            unsigned count;
        } semaphores;
        uint64_t free_va;
        struct nv_exec *exec;           /* retained */
        struct nv_graph_memory *memory; /* retained */
        struct {
            struct nv_condition *value;
            CUgraphConditionalNodeType type;
            unsigned size;
            struct nv_exec **bodies; /* owned, retained; NULL in a node */
        } condition;
    };
};
/** Copies what @op owns. False: no memory. */
bool nv_op_copy(struct nv_op *to, const struct nv_op *from);
void nv_op_clear(struct nv_op *op);

struct nv_command;
struct nv_edge {
    struct nv_command *to;
    struct nv_edge *next;
};
struct nv_command {
    unsigned refs;
    uint64_t number; /* in order of submission */
    struct nv_op op;
    struct nv_stream *stream;  /* retained; NULL: of a graph */
    struct nv_command *parent; /* the graph launch it belongs to */
    /* Of a graph launch that has not begun: its steps that record events or wait for them, by
     * number; owned, not submitted. NULL: none. */
    struct nv_command **event_steps;
    unsigned waits;    /* for so many others */
    unsigned children; /* nodes that are not done */
    bool started, done, failed;
    uint64_t end_ns;
    uint64_t version; /* of an event's record */
    unsigned step;    /* of a batch */
    struct nv_edge *followers;
    struct nv_command *next; /* in the list of ready, or of polled ones */
    struct nv_run *run;      /* a kernel on the device */
    int priority;
    uint32_t stack_bytes; /* of a thread: the context's limit when it was called */
    bool ready;
};

struct nv_command *nv_command_new(struct nv_context *ctx, const struct nv_op *op);
void nv_command_release(struct nv_command *command);
static inline struct nv_command *nv_command_retain(struct nv_command *command)
{
    command->refs++;
    return command;
}
/** @command does not start before @before is done. False: no memory. */
bool nv_command_after(struct nv_command *command, struct nv_command *before);
/** All edges are there: it may start. */
void nv_command_submit(struct nv_command *command);
/** It is done at device time @now; what waited for it goes on. */
void nv_command_done(struct nv_command *command, uint64_t now);
/** Waits until it is done. The lock is dropped meanwhile. */
void nv_command_wait(struct nv_command *command);
/** Builds a command for the stream in its order and submits it. Takes over what @op owns. In a
 * stream that is being captured it becomes a node. *out (may be NULL) gets a reference; NULL if
 * captured. */
CUresult nv_submit(struct nv_stream *stream, struct nv_op *op, struct nv_command **out);
/** The same, behind @before as well (may be NULL). */
CUresult nv_submit_after(struct nv_stream *stream, struct nv_op *op, struct nv_command *before,
                         struct nv_command **out);
/** Waits until everything submitted in the context so far is done. */
void nv_context_wait(struct nv_context *ctx);
/** The same for its legacy and blocking streams. */
void nv_blocking_wait(struct nv_context *ctx);
void nv_contexts_wait(void); /* in all of them */

/* ---- streams (stream.c) ---- */
struct nv_stream {
    void *handle;
    unsigned refs;
    struct nv_context *ctx;
    struct nv_stream *next;
    bool legacy, per_thread, non_blocking, destroyed;
    unsigned flags;
    int priority;
    unsigned long long id;
    pthread_t owner;            /* of a per-thread one */
    struct nv_command *last;    /* the latest one; retained, may be NULL */
    struct nv_capture *capture; /* NULL: not captured */
    struct nv_node **tips;      /* captured: what the next node depends on; owned */
    unsigned tip_count;
    CUsynchronizationPolicy sync_policy;
};
/** The stream of a program's handle in a call of the context. Takes no reference. */
CUresult nv_stream_of(struct nv_context *ctx, CUstream handle, struct nv_stream **stream);
struct nv_stream *nv_stream_create(struct nv_context *ctx);
/** The same with a handle for the program; the priority is clamped. */
CUresult nv_stream_make(struct nv_context *ctx, unsigned flags, int priority, CUstream *handle);
void nv_stream_release(struct nv_stream *stream);
void nv_stream_wait(struct nv_stream *stream);
/** Adds the edges that the stream's next command has to have. */
bool nv_stream_order(struct nv_stream *stream, struct nv_command *command);
extern __thread unsigned nv_per_thread_default;
/** Whether a handle means the legacy stream in this call. */
static inline bool nv_is_legacy(CUstream handle)
{
    return handle == CU_STREAM_LEGACY || (!handle && !nv_per_thread_default);
}

/* ---- events (event.c) ---- */
struct nv_event {
    void *handle;
    unsigned refs;
    struct nv_context *ctx;
    unsigned flags;
    bool destroyed;
    struct nv_command *record; /* the latest record; retained; NULL: never recorded */
    uint64_t version;          /* of records asked for */
    uint64_t time_ns;          /* of the latest that was carried out */
    bool timed;
    struct nv_shared *shared; /* with other processes; owned; NULL: it is not */
    /* recorded in a capture */
    struct nv_capture *capture;
    struct nv_node **captured; /* owned array */
    unsigned captured_count;
};
struct nv_event *nv_event_of(CUevent handle);
void nv_event_release(struct nv_event *event);
/** Makes @op a record of the event, with a reference. */
void nv_event_record_op(struct nv_event *event, struct nv_op *op);
/** Makes @op a wait for its latest record. False: there is nothing to wait for outside of this
 * process. */
bool nv_event_wait_op(struct nv_event *event, struct nv_op *op);
/** The record of a launch attribute or of a graph's node: becomes the event's latest. */
void nv_event_set_record(struct nv_event *event, struct nv_command *command);

/* ---- ipc.c: events that processes share ---- */
/** A new one, or NULL without memory. */
struct nv_shared *nv_shared_new(void);
void nv_shared_free(struct nv_shared *shared);
/** A record is asked for: its version. */
uint64_t nv_shared_ask(struct nv_shared *shared);
void nv_shared_done(struct nv_shared *shared, uint64_t version);
/** The version of the latest record that anybody has asked for; 0: none. */
uint64_t nv_shared_latest(const struct nv_shared *shared);
bool nv_shared_ready(const struct nv_shared *shared, uint64_t version);
struct nv_event *nv_event_new(struct nv_context *ctx, unsigned flags);

/* ---- context_event.c ---- */
CUresult nv_context_record(struct nv_context *ctx, struct nv_event *event);
CUresult nv_context_wait_event(struct nv_context *ctx, struct nv_event *event);

/* ---- green.c ---- */
struct emu_units;
/** Where blocks of the context may go; NULL: anywhere. */
const struct emu_units *nv_green_units(const struct nv_context *ctx);
/** How many multiprocessors that are. */
unsigned nv_green_count(const struct nv_context *ctx);
CUgreenCtx nv_green_handle(const struct nv_context *ctx); /* NULL: it is none */

/* ---- modules (module.c) ---- */
struct nv_image { /* parsed, shared by modules and libraries */
    unsigned refs;
    struct ptx_module *ptx;
};
struct nv_module {
    void *handle;
    unsigned refs;
    struct nv_context *ctx;
    struct nv_image *image;
    struct ptx_image *linked;
    uint64_t *address; /* owned; of variables */
    struct nv_function *functions;
    bool unloaded;
    struct nv_library *library;   /* it belongs to; may be NULL */
    struct nv_texref *texrefs;    /* owned; NULL: none was asked for */
    struct nv_bindings *bindings; /* retained; NULL: what is bound has changed */
};
struct nv_function {
    void *handle;
    struct nv_module *module;
    const struct ptx_function *ptx;
    struct nv_function *next;
    int max_dynamic_shared, carveout;
    CUfunc_cache cache;
    struct nv_legacy *legacy; /* owned; what cuFuncSet* and cuParamSet* have said; may be NULL */
};
/** The function behind a CUfunction, or a CUkernel's in the context. */
CUresult nv_function_of(struct nv_context *ctx, CUfunction handle, struct nv_function **function);
void nv_module_release(struct nv_module *module);
void nv_module_unload(struct nv_module *module);
/** What a program hands over as an image: text or fatbin. */
CUresult nv_image_load(const void *data, struct nv_image **image, char *log, size_t log_size);
void nv_image_release(struct nv_image *image);
/** The best PTX of a fatbin, to be freed. */
CUresult nv_fatbin_text(const void *data, char **text, size_t *size);

/* ---- launch.c, legacy.c ---- */
CUresult nv_launch(CUfunction f, const struct nv_kernel_args *args, bool own_priority,
                   CUstream handle, void **params, void **extra);
struct emu_shape nv_shape(const struct nv_function *function, const uint32_t block[3],
                          uint32_t dynamic_shared);
uint32_t nv_max_threads(const struct nv_function *function);
/** A launch overwrites what was set for its function by the functions of CUDA 2. */
void nv_legacy_launched(const struct nv_kernel_args *args);

/* ---- hostfunc.c ---- */
void nv_host_enqueue(struct nv_command *command);

/* ---- pool.c ---- */
struct nv_pool;
CUmemoryPool nv_pool_handle(const struct nv_pool *pool);
void nv_pool_carry_out_free(uint64_t va);

/* ---- copy.c ---- */
/** False: memory that it uses is gone (a program's error). */
bool nv_copy_carry_out(const struct nv_copy *copy);
bool nv_fill_carry_out(const struct nv_fill *fill);
uint64_t nv_copy_ns(const struct nv_copy *copy);
uint64_t nv_fill_ns(const struct nv_fill *fill);

/* ---- external.c ---- */
struct nv_semaphore;
struct nv_semaphore_op {
    struct nv_semaphore *semaphore; /* retained */
    bool wait;
    uint64_t value;
};
void nv_semaphores_clear(struct nv_semaphore_op *ops, unsigned count);
void nv_semaphores_retain(const struct nv_semaphore_op *ops, unsigned count);
/** Carries it out; false: it has to wait. */
bool nv_semaphore_run(const struct nv_semaphore_op *op);
/** Frees a buffer in external memory. False: there is none at @va. */
bool nv_external_free(uint64_t va);

/* ---- texture.c ---- */
/** A lane's access through a texture or surface object. Any thread, without the lock. */
const char *nv_texture(void *unused, struct ptx_texel *texel);
/** A texture object without checks of what is not emulated. The lock is held. */
CUresult nv_texture_make(const CUDA_RESOURCE_DESC *r, const CUDA_TEXTURE_DESC *t, uint64_t *object);
/** Nothing that uses it runs any more. 0: nothing. */
void nv_texture_drop(uint64_t object);

/* ---- texref.c ---- */
/** What a launch of the module's kernels has: retained, NULL if there are no references. */
CUresult nv_module_bindings(struct nv_module *module, struct nv_bindings **out);
void nv_bindings_release(struct nv_bindings *bindings);
/** The objects by number of reference; NULL for none. */
const uint64_t *nv_bindings_objects(const struct nv_bindings *bindings);
void nv_texrefs_unload(struct nv_module *module);
/** Where it keeps its handle if it is of the context; else NULL. */
void **nv_texref_handle(struct nv_texref *ref, const struct nv_context *ctx);

/* ---- memop.c ---- */
/** True if a wait's condition holds. */
bool nv_memop_ready(const struct nv_memop *op);
void nv_memop_write(const struct nv_memop *op);

/* ---- graphs ---- */
struct nv_graph;
struct nv_exec;
struct nv_node;
struct nv_capture;
CUresult nv_capture_add(struct nv_stream *stream, struct nv_op *op);
/** cuStreamWaitEvent on, or from, a captured stream. *handled: it was one of these. */
CUresult nv_capture_wait(struct nv_stream *stream, struct nv_event *event, bool *handled);
CUresult nv_capture_record(struct nv_stream *stream, struct nv_event *event);
void nv_capture_invalidate(struct nv_stream *stream);
struct nv_graph *nv_capture_graph(const struct nv_stream *stream);
/** The same for the capture that an event was recorded in: asking about it breaks it (seen on
 * driver 580). */
void nv_capture_break(struct nv_capture *capture);
/** An unsafe call: prohibited while the thread's mode says so. */
CUresult nv_capture_check_unsafe(void);
/** A wait for all of the context: prohibited while any stream of it is captured, by whatever thread
 * in whatever mode, which that breaks (seen with driver 580). */
CUresult nv_capture_check_wait(struct nv_context *ctx);
/** A call on the legacy stream: prohibited while a blocking stream of the context is captured. */
CUresult nv_capture_check_legacy(struct nv_context *ctx);
void nv_capture_forget_stream(struct nv_stream *stream);
void nv_exec_retain(struct nv_exec *exec);
void nv_exec_release(struct nv_exec *exec);
/** Starts all nodes of a graph launch that has begun. */
void nv_exec_start(struct nv_command *launch, uint64_t now);
/** A conditional node's turn: starts a body, or is done. Also when a body is done. */
void nv_condition_start(struct nv_command *command, uint64_t now);
void nv_condition_again(struct nv_command *command, uint64_t now);
/** A kernel sets the value behind a handle. Any thread, without the lock. */
void nv_condition_set(void *unused, uint64_t handle, uint32_t value);
bool nv_condition_copy(struct nv_op *op);
void nv_condition_clear(struct nv_op *op);

/* ---- graph_memory.c ---- */
struct nv_graph_memory;
void nv_graph_memory_retain(struct nv_graph_memory *memory);
void nv_graph_memory_release(struct nv_graph_memory *memory);
/** An allocation node's memory, with a reference: @op. */
CUresult nv_graph_alloc_op(uint64_t bytes, uint64_t *va, struct nv_op *op);
/** A free node of @graph for it. */
CUresult nv_graph_free_op(struct nv_graph *graph, uint64_t va, struct nv_op *op);
/** The program frees it outside of any graph; @op: what keeps it until that has its turn. */
CUresult nv_graph_memory_free(struct nv_graph_memory *memory, struct nv_op *op);

/* ---- engine.c ---- */
CUresult nv_engine_start(void);
void nv_engine_stop(void);
/** There is something for the device thread to look at. */
void nv_engine_kick(void);
/** Waits on the completion of something; the lock is dropped meanwhile. */
void nv_engine_wait(void);
void nv_engine_completed(void);
bool nv_engine_is_device_thread(void);
/** Ready commands, in order. */
void nv_engine_ready(struct nv_command *command);
