// SPDX-License-Identifier: Apache-2.0
/*
 * The functions of libhsa-runtime64 that libreef.so stands in front of. Each asks whether the queue
 * or signal is one of ours; if not, the real function gets the call as it came. hooks.def lists
 * them.
 *
 * The order of memory operations on the virtual indices is at least what the function's name asks
 * for; the stronger order costs nothing on x86-64.
 */
#include "shim/amd/allocations.h"
#include "shim/amd/hsa_hooks.h"
#include "shim/amd/prepare.h"
#include "shim/amd/vqueue.h"
#include "shim/trace/trace.h"

/* The deprecated names are hooked as well. hsa.h declares two functions without a prototype. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* --- life of the runtime --- */

static _Atomic int runtime_references;

HOOK(hsa_status_t, hsa_init)(void)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_init)();
    if (status == HSA_STATUS_SUCCESS && atomic_fetch_add(&runtime_references, 1) == 0)
        reef_prepare_allow();
    return status;
}

HOOK(hsa_status_t, hsa_shut_down)(void)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    int references = atomic_load(&runtime_references);
    while (references > 0 &&
           !atomic_compare_exchange_weak(&runtime_references, &references, references - 1))
        ;
    bool last = references == 1 && !atomic_load(&reef_state.forked);
    if (last) {
        reef_prepare_stop();
        reef_gpu_stop_all();
    }
    hsa_status_t status = REAL(hsa_shut_down)();
    if (last) {
        reef_code_forget();
        reef_guards_forget();
        reef_allocations_forget();
    }
    return status;
}

/* --- queues --- */

HOOK(hsa_status_t, hsa_queue_create)
(hsa_agent_t agent, uint32_t size, hsa_queue_type32_t type,
 void (*callback)(hsa_status_t status, hsa_queue_t *source, void *data), void *data,
 uint32_t private_segment_size, uint32_t group_segment_size, hsa_queue_t **queue)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_gpu *gpu = NULL;
    /* Arguments that the real function refuses are its business. */
    if (queue && size > 0 && (size & (size - 1)) == 0 && !atomic_load(&reef_state.passive))
        gpu = reef_gpu_get(agent);
    if (gpu) {
        const struct reef_queue_attributes attributes = {
            .size = size,
            .private_segment_size = private_segment_size,
            .group_segment_size = group_segment_size,
            .type = type,
            .callback = callback,
            .data = data,
            .priority = HSA_AMD_QUEUE_PRIORITY_NORMAL,
        };
        enum reef_class class =
            reef_state.config.priority == REEF_PRIORITY_RT ? REEF_CLASS_RT : REEF_CLASS_BE;
        bool watched = class == REEF_CLASS_RT && type == HSA_QUEUE_TYPE_MULTI &&
                       !atomic_load(&reef_trace_active);
        hsa_status_t status = watched ? reef_watch_create(gpu, &attributes, queue)
                                      : reef_vqueue_create(gpu, &attributes, class, queue);
        if (status == HSA_STATUS_SUCCESS)
            return status;
        /* Whatever it was, the application gets the driver's own answer. */
    }
    return REAL(hsa_queue_create)(agent, size, type, callback, data, private_segment_size,
                                  group_segment_size, queue);
}

HOOK(hsa_status_t, hsa_queue_destroy)(hsa_queue_t *queue)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue), *watched = q ? NULL : reef_watch_find(queue);
    return q         ? reef_vqueue_destroy(q)
           : watched ? reef_watch_destroy(watched)
                     : REAL(hsa_queue_destroy)(queue);
}

HOOK(hsa_status_t, hsa_queue_inactivate)(hsa_queue_t *queue)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue), *watched = q ? NULL : reef_watch_find(queue);
    if (watched)
        atomic_store(&watched->failed, true);
    return q ? reef_vqueue_inactivate(q) : REAL(hsa_queue_inactivate)(queue);
}

HOOK(hsa_status_t, hsa_amd_queue_set_priority)
(hsa_queue_t *queue, hsa_amd_queue_priority_t priority)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue);
    return q ? reef_vqueue_set_priority(q, priority)
             : REAL(hsa_amd_queue_set_priority)(queue, priority);
}

HOOK(hsa_status_t, hsa_amd_queue_cu_set_mask)
(const hsa_queue_t *queue, uint32_t bits, const uint32_t *mask)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue);
    return q ? reef_vqueue_set_cu_mask(q, bits, mask)
             : REAL(hsa_amd_queue_cu_set_mask)(queue, bits, mask);
}

HOOK(hsa_status_t, hsa_amd_queue_cu_get_mask)
(const hsa_queue_t *queue, uint32_t bits, uint32_t *mask)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue);
    return q ? reef_vqueue_get_cu_mask(q, bits, mask)
             : REAL(hsa_amd_queue_cu_get_mask)(queue, bits, mask);
}

HOOK(hsa_status_t, hsa_amd_profiling_set_profiler_enabled)(hsa_queue_t *queue, int enable)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    struct reef_vqueue *q = reef_vqueue_from(queue);
    return q ? reef_vqueue_set_profiling(q, enable)
             : REAL(hsa_amd_profiling_set_profiler_enabled)(queue, enable);
}

/* Not under its own name in C: a newer hsa_ext_amd.h declares it with other types. */
REEF_EXPORT
reef_type_hsa_amd_queue_get_info later_hsa_amd_queue_get_info __asm__("hsa_amd_queue_get_info");

hsa_status_t later_hsa_amd_queue_get_info(hsa_queue_t *queue, unsigned attribute, void *value)
{
    if (!reef_hsa_ready() || !reef_hsa.hsa_amd_queue_get_info)
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    struct reef_vqueue *q = reef_vqueue_from(queue);
    return q ? reef_vqueue_get_info(q, attribute, value)
             : REAL(hsa_amd_queue_get_info)(queue, attribute, value);
}

/* --- indices --- */

#define LOAD_READ_INDEX(name)                                                                      \
    FIRST(uint64_t, name, 0, (const hsa_queue_t *queue), queue)                                    \
    HOOK(uint64_t, name)(const hsa_queue_t *queue)                                                 \
    {                                                                                              \
        if (UNKNOWN())                                                                             \
            return FIRST_CALL(name)(queue);                                                        \
        struct reef_vqueue *q = reef_vqueue_from(queue);                                           \
        return reef_likely(q != NULL) ? reef_feed_read_index(q) : REAL(name)(queue);               \
    }
LOAD_READ_INDEX(hsa_queue_load_read_index_acquire)
LOAD_READ_INDEX(hsa_queue_load_read_index_relaxed)
LOAD_READ_INDEX(hsa_queue_load_read_index_scacquire)

#define LOAD_WRITE_INDEX(name, order)                                                              \
    HOOK(uint64_t, name)(const hsa_queue_t *queue)                                                 \
    {                                                                                              \
        REQUIRE(0);                                                                                \
        struct reef_vqueue *q = reef_vqueue_from(queue);                                           \
        return reef_likely(q != NULL) ? __atomic_load_n(&q->pub.write_dispatch_id, order)          \
                                      : REAL(name)(queue);                                         \
    }
LOAD_WRITE_INDEX(hsa_queue_load_write_index_acquire, __ATOMIC_ACQUIRE)
LOAD_WRITE_INDEX(hsa_queue_load_write_index_relaxed, __ATOMIC_RELAXED)
LOAD_WRITE_INDEX(hsa_queue_load_write_index_scacquire, __ATOMIC_SEQ_CST)

#define STORE_INDEX(name, field, order)                                                            \
    HOOK(void, name)(const hsa_queue_t *queue, uint64_t value)                                     \
    {                                                                                              \
        REQUIRE();                                                                                 \
        struct reef_vqueue *q = reef_vqueue_from(queue);                                           \
        if (reef_likely(q != NULL))                                                                \
            __atomic_store_n(&q->pub.field, value, order);                                         \
        else                                                                                       \
            REAL(name)(queue, value);                                                              \
        atomic_thread_fence(memory_order_seq_cst); /* see reef_rt_arrive */                        \
    }
STORE_INDEX(hsa_queue_store_write_index_relaxed, write_dispatch_id, __ATOMIC_RELAXED)
STORE_INDEX(hsa_queue_store_write_index_release, write_dispatch_id, __ATOMIC_RELEASE)
STORE_INDEX(hsa_queue_store_write_index_screlease, write_dispatch_id, __ATOMIC_SEQ_CST)

/* Only soft queues' read indices may be stored to (HSA runtime specification); ROCr ignores the
 * rest. */
#define STORE_READ_INDEX(name)                                                                     \
    HOOK(void, name)(const hsa_queue_t *queue, uint64_t value)                                     \
    {                                                                                              \
        REQUIRE();                                                                                 \
        if (!reef_vqueue_from(queue))                                                              \
            REAL(name)(queue, value);                                                              \
    }
STORE_READ_INDEX(hsa_queue_store_read_index_relaxed)
STORE_READ_INDEX(hsa_queue_store_read_index_release)
STORE_READ_INDEX(hsa_queue_store_read_index_screlease)

#define ADD_WRITE_INDEX(name, order)                                                               \
    FIRST(uint64_t, name, 0, (const hsa_queue_t *queue, uint64_t value), queue, value)             \
    HOOK(uint64_t, name)(const hsa_queue_t *queue, uint64_t value)                                 \
    {                                                                                              \
        if (UNKNOWN())                                                                             \
            return FIRST_CALL(name)(queue, value);                                                 \
        struct reef_vqueue *q = reef_vqueue_from(queue);                                           \
        return reef_likely(q != NULL)                                                              \
                   ? __atomic_fetch_add(&q->pub.write_dispatch_id, value, order)                   \
                   : REAL(name)(queue, value);                                                     \
    }
ADD_WRITE_INDEX(hsa_queue_add_write_index_acq_rel, __ATOMIC_ACQ_REL)
ADD_WRITE_INDEX(hsa_queue_add_write_index_acquire, __ATOMIC_ACQUIRE)
ADD_WRITE_INDEX(hsa_queue_add_write_index_relaxed, __ATOMIC_RELAXED)
ADD_WRITE_INDEX(hsa_queue_add_write_index_release, __ATOMIC_RELEASE)
ADD_WRITE_INDEX(hsa_queue_add_write_index_scacq_screl, __ATOMIC_SEQ_CST)
ADD_WRITE_INDEX(hsa_queue_add_write_index_scacquire, __ATOMIC_SEQ_CST)
ADD_WRITE_INDEX(hsa_queue_add_write_index_screlease, __ATOMIC_SEQ_CST)

#define CAS_WRITE_INDEX(name)                                                                      \
    HOOK(uint64_t, name)(const hsa_queue_t *queue, uint64_t expected, uint64_t value)              \
    {                                                                                              \
        REQUIRE(0);                                                                                \
        struct reef_vqueue *q = reef_vqueue_from(queue);                                           \
        if (reef_unlikely(!q))                                                                     \
            return REAL(name)(queue, expected, value);                                             \
        __atomic_compare_exchange_n(&q->pub.write_dispatch_id, &expected, value, false,            \
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                           \
        return expected; /* the value observed */                                                  \
    }
CAS_WRITE_INDEX(hsa_queue_cas_write_index_acq_rel)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_acquire)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_relaxed)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_release)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_scacq_screl)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_scacquire)
CAS_WRITE_INDEX(hsa_queue_cas_write_index_screlease)

/* --- signals --- */

#define SIGNAL_STORE(name)                                                                         \
    FIRST(void, name, , (hsa_signal_t signal, hsa_signal_value_t value), signal, value)            \
    HOOK(void, name)(hsa_signal_t signal, hsa_signal_value_t value)                                \
    {                                                                                              \
        if (UNKNOWN()) {                                                                           \
            FIRST_CALL(name)(signal, value);                                                       \
            return;                                                                                \
        }                                                                                          \
        struct reef_vqueue *q = reef_vqueue_of_doorbell(signal);                                   \
        if (q && !q->watched)                                                                      \
            reef_feed_doorbell(q);                                                                 \
        else if (!q || reef_watch_is_plain(q))                                                     \
            REAL(name)(signal, value);                                                             \
        else                                                                                       \
            reef_watch_doorbell(q, value, REAL(name));                                             \
    }
SIGNAL_STORE(hsa_signal_store_relaxed)
SIGNAL_STORE(hsa_signal_store_release)
SIGNAL_STORE(hsa_signal_store_screlease)
SIGNAL_STORE(hsa_signal_silent_store_relaxed)
SIGNAL_STORE(hsa_signal_silent_store_screlease)

#define SIGNAL_WAIT(name)                                                                          \
    HOOK(hsa_signal_value_t, name)                                                                 \
    (hsa_signal_t signal, hsa_signal_condition_t condition, hsa_signal_value_t value,              \
     uint64_t timeout, hsa_wait_state_t state)                                                     \
    {                                                                                              \
        REQUIRE(0);                                                                                \
        reef_feed_flush();                                                                         \
        return REAL(name)(signal, condition, value, timeout, state);                               \
    }
SIGNAL_WAIT(hsa_signal_wait_acquire)
SIGNAL_WAIT(hsa_signal_wait_relaxed)
SIGNAL_WAIT(hsa_signal_wait_scacquire)

HOOK(hsa_status_t, hsa_signal_destroy)(hsa_signal_t signal)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    /* See complete.c: our agent may still be waking the waiters of this signal. */
    if (reef_gpu_first() && !atomic_load(&reef_state.forked)) {
        pthread_mutex_lock(&reef_complete_lock);
        pthread_mutex_unlock(&reef_complete_lock);
    }
    return REAL(hsa_signal_destroy)(signal);
}

/* --- names --- */

HOOK(hsa_status_t, hsa_executable_symbol_get_info)
(hsa_executable_symbol_t symbol, hsa_executable_symbol_info_t attribute, void *value)
{
    REQUIRE(HSA_STATUS_ERROR_NOT_INITIALIZED);
    hsa_status_t status = REAL(hsa_executable_symbol_get_info)(symbol, attribute, value);
    if (status == HSA_STATUS_SUCCESS && !atomic_load(&reef_state.passive) &&
        attribute == HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT)
        reef_kernel_name_add(*(uint64_t *)value, symbol);
    return status;
}

const struct reef_hook reef_hsa_hooks[] = {
#define HSA_HOOK(name)  {#name, (void *)&name},
#define HSA_LATER(name) {#name, (void *)&later_##name},
#define HSA_GUARD(name) {#name, (void *)&name},
#include "shim/amd/hooks.def"
    {NULL, NULL},
};
