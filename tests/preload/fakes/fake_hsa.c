// SPDX-License-Identifier: Apache-2.0
/*
 * A fake libhsa-runtime64.so.1 for the tests of libreef's virtual queues: signals are plain
 * structures, a hardware queue is a thread that consumes packets. It has the version node of the
 * real library.
 *
 * It is strict where the real one is only undefined: a doorbell, index or signal used after its end
 * aborts the program, and a destroyed queue's ring is not accessible any more.
 *
 * FAKE_RACE=N (percent): so often does a kernel complete just while its queue is being inactivated,
 * and so often is the read index late. FAKE_FAIL_CREATE=N: the N-th and later hsa_queue_create
 * fail. FAKE_LATE_RING_US=N: the thread called reef-agent is so late with storing to doorbells.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#include "fake_kernel.h"

#define API         __attribute__((visibility("default")))
#define QUEUE_MAGIC 0x4655515545554531ull

struct fake_queue {
    amd_queue_t pub; /* first */
    uint64_t magic;
    amd_signal_t *doorbell;
    pthread_t thread;
    pthread_mutex_t lock; /* completion against inactivation */
    _Atomic bool killed;
    _Atomic bool let_finish; /* FAKE_RACE: kill only when the running packet is complete */
    _Atomic int profiling;
    bool joined;
    void (*callback)(hsa_status_t status, hsa_queue_t *source, void *data);
    void *data;
};

static _Atomic int references;
static _Atomic uint64_t next_queue_id;
static _Atomic int creations;

static void die(const char *what)
{
    fprintf(stderr, "fake hsa: %s\n", what);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned env_number(const char *name)
{
    const char *value = getenv(name);
    return value ? (unsigned)atoi(value) : 0;
}

static bool chance(unsigned percent)
{
    static _Thread_local unsigned seed;
    if (!seed)
        seed = (unsigned)now_ns() | 1;
    return (unsigned)rand_r(&seed) % 100 < percent;
}

static void nap(unsigned us)
{
    struct timespec t = {us / 1000000, (us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

/* --- signals --- */

static amd_signal_t *signal_of(hsa_signal_t handle)
{
    amd_signal_t *signal = (amd_signal_t *)(uintptr_t)handle.handle;
    if (!signal || signal->kind == AMD_SIGNAL_KIND_INVALID)
        die("a signal is used that does not exist");
    return signal;
}

static amd_signal_t *new_signal(amd_signal_kind64_t kind, int64_t value)
{
    amd_signal_t *signal = aligned_alloc(64, sizeof(*signal));
    memset(signal, 0, sizeof(*signal));
    signal->kind = kind;
    signal->value = value;
    return signal;
}

API hsa_status_t hsa_signal_create(hsa_signal_value_t value, uint32_t count,
                                   const hsa_agent_t *consumers, hsa_signal_t *signal)
{
    signal->handle = (uint64_t)(uintptr_t)new_signal(AMD_SIGNAL_KIND_USER, value);
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_amd_signal_create(hsa_signal_value_t value, uint32_t count,
                                       const hsa_agent_t *consumers, uint64_t attributes,
                                       hsa_signal_t *signal)
{
    return hsa_signal_create(value, count, consumers, signal);
}

API hsa_status_t hsa_signal_destroy(hsa_signal_t signal)
{
    signal_of(signal)->kind = AMD_SIGNAL_KIND_INVALID; /* never freed: uses after this are found */
    return HSA_STATUS_SUCCESS;
}

static void ring(amd_signal_t *doorbell)
{
    struct fake_queue *q = (struct fake_queue *)doorbell->queue_ptr;
    if (q->magic != QUEUE_MAGIC || atomic_load(&q->killed))
        die("the doorbell of a queue is rung that does not run");
}

/* Another producer of the queue may ring in between. */
static void be_late(void)
{
    static _Thread_local unsigned late_us = UINT32_MAX;
    if (late_us == UINT32_MAX) {
        char name[16] = "";
        prctl(PR_GET_NAME, name);
        late_us = strcmp(name, "reef-agent") == 0 ? env_number("FAKE_LATE_RING_US") : 0;
    }
    if (late_us > 0)
        nap(late_us);
}

static void store(hsa_signal_t handle, hsa_signal_value_t value)
{
    amd_signal_t *signal = signal_of(handle);
    if (signal->kind == AMD_SIGNAL_KIND_DOORBELL) {
        be_late();
        ring(signal);
    }
    __atomic_store_n(&signal->value, value, __ATOMIC_SEQ_CST);
}

#define STORE(name)                                                                                \
    API void name(hsa_signal_t signal, hsa_signal_value_t value)                                   \
    {                                                                                              \
        store(signal, value);                                                                      \
    }
STORE(hsa_signal_store_relaxed)
STORE(hsa_signal_store_release)
STORE(hsa_signal_store_screlease)
STORE(hsa_signal_silent_store_relaxed)
STORE(hsa_signal_silent_store_screlease)

API void hsa_signal_subtract_screlease(hsa_signal_t signal, hsa_signal_value_t value)
{
    amd_signal_t *s = signal_of(signal);
    __atomic_fetch_sub(&s->value, value, __ATOMIC_SEQ_CST);
    if (chance(1))
        nap(50);       /* ROCr wakes waiters here */
    signal_of(signal); /* still there? */
}

#define LOAD(name)                                                                                 \
    API hsa_signal_value_t name(hsa_signal_t signal)                                               \
    {                                                                                              \
        return __atomic_load_n(&signal_of(signal)->value, __ATOMIC_ACQUIRE);                       \
    }
LOAD(hsa_signal_load_relaxed)
LOAD(hsa_signal_load_scacquire)

static hsa_signal_value_t wait_for(hsa_signal_t signal, hsa_signal_condition_t condition,
                                   hsa_signal_value_t compare, uint64_t timeout)
{
    uint64_t begin = now_ns();
    for (;;) {
        hsa_signal_value_t value = hsa_signal_load_scacquire(signal);
        if ((condition == HSA_SIGNAL_CONDITION_EQ && value == compare) ||
            (condition == HSA_SIGNAL_CONDITION_LT && value < compare) || now_ns() - begin > timeout)
            return value;
        nap(10);
    }
}

#define WAIT(name)                                                                                 \
    API hsa_signal_value_t name(hsa_signal_t signal, hsa_signal_condition_t condition,             \
                                hsa_signal_value_t compare, uint64_t timeout,                      \
                                hsa_wait_state_t state)                                            \
    {                                                                                              \
        return wait_for(signal, condition, compare, timeout);                                      \
    }
WAIT(hsa_signal_wait_acquire)
WAIT(hsa_signal_wait_relaxed)
WAIT(hsa_signal_wait_scacquire)

/* --- the packet processor --- */

static bool killed_now(struct fake_queue *q)
{
    return atomic_load_explicit(&q->killed, memory_order_acquire) &&
           !atomic_load_explicit(&q->let_finish, memory_order_acquire);
}

/* False if killed meanwhile. */
static bool pass_time(struct fake_queue *q, uint64_t until)
{
    while (now_ns() < until) {
        if (killed_now(q))
            return false;
        uint64_t left = until - now_ns();
        if (left > 60000 && left < 1000000000)
            nap(20);
    }
    return !killed_now(q);
}

static bool met(const hsa_barrier_and_packet_t *packet, bool all)
{
    unsigned present = 0, zero = 0;
    for (unsigned i = 0; i < 5; i++) {
        if (!packet->dep_signal[i].handle)
            continue;
        present++;
        zero += __atomic_load_n(&signal_of(packet->dep_signal[i])->value, __ATOMIC_ACQUIRE) == 0;
    }
    return all ? zero == present : present == 0 || zero > 0;
}

static void consume(struct fake_queue *q, hsa_kernel_dispatch_packet_t *packet)
{
    if (chance(env_number("FAKE_RACE") / 10))
        nap(100);
    __atomic_store_n(&packet->header, HSA_PACKET_TYPE_INVALID, __ATOMIC_RELEASE);
    __atomic_fetch_add(&q->pub.read_dispatch_id, 1, __ATOMIC_SEQ_CST);
}

/* Effect and completion are one for whoever inactivates the queue. False if it was killed before.
 */
static bool complete(struct fake_queue *q, hsa_kernel_dispatch_packet_t *packet, uint64_t start)
{
    pthread_mutex_lock(&q->lock);
    bool alive = !killed_now(q);
    if (alive) {
        unsigned type = packet->header & 0xff;
        if (type == HSA_PACKET_TYPE_KERNEL_DISPATCH)
            ((fake_kernel_fn *)(uintptr_t)packet->kernel_object)(packet->kernarg_address);
        if (packet->completion_signal.handle) {
            amd_signal_t *signal = signal_of(packet->completion_signal);
            if (atomic_load(&q->profiling)) {
                signal->start_ts = start;
                signal->end_ts = now_ns();
            }
            __atomic_fetch_sub(&signal->value, 1, __ATOMIC_SEQ_CST);
        }
    }
    atomic_store(&q->let_finish, false);
    pthread_mutex_unlock(&q->lock);
    return alive;
}

static bool execute(struct fake_queue *q, hsa_kernel_dispatch_packet_t *packet)
{
    uint64_t start = now_ns();
    struct fake_kernel *kernel = packet->kernarg_address;
    switch (packet->header & 0xff) {
    case HSA_PACKET_TYPE_KERNEL_DISPATCH:
        if (!packet->kernel_object) {
            if (q->callback)
                q->callback(HSA_STATUS_ERROR_INVALID_CODE_OBJECT, &q->pub.hsa_queue, q->data);
            return false;
        }
        if (!pass_time(q, start + kernel->duration_us * 1000ull))
            return false;
        break;
    case HSA_PACKET_TYPE_BARRIER_AND:
    case HSA_PACKET_TYPE_BARRIER_OR:
        while (!met((hsa_barrier_and_packet_t *)packet,
                    (packet->header & 0xff) == HSA_PACKET_TYPE_BARRIER_AND)) {
            if (killed_now(q) || atomic_load(&q->killed))
                return false;
            nap(5);
        }
        break;
    default:
        break;
    }
    return complete(q, packet, start);
}

static void *queue_main(void *arg)
{
    struct fake_queue *q = arg;
    hsa_kernel_dispatch_packet_t *ring = q->pub.hsa_queue.base_address;
    unsigned idle = 0;
    for (uint64_t read = 0; !atomic_load(&q->killed);) {
        hsa_kernel_dispatch_packet_t *packet = &ring[read & (q->pub.hsa_queue.size - 1)];
        bool rung = __atomic_load_n(&q->doorbell->value, __ATOMIC_ACQUIRE) >= (int64_t)read;
        if (!rung ||
            __atomic_load_n(&packet->header, __ATOMIC_ACQUIRE) == HSA_PACKET_TYPE_INVALID) {
            if (++idle > 50)
                nap(20);
            continue;
        }
        idle = 0;
        if (!execute(q, packet))
            return NULL;
        if (!atomic_load(&q->killed))
            consume(q, packet);
        read++;
    }
    return NULL;
}

/* --- queues --- */

static struct fake_queue *queue_of(const hsa_queue_t *queue)
{
    struct fake_queue *q = (struct fake_queue *)(uintptr_t)queue;
    if (!q || q->magic != QUEUE_MAGIC)
        die("a queue is used that does not exist");
    return q;
}

API hsa_status_t hsa_queue_create(hsa_agent_t agent, uint32_t size, hsa_queue_type32_t type,
                                  void (*callback)(hsa_status_t, hsa_queue_t *, void *), void *data,
                                  uint32_t private_size, uint32_t group_size, hsa_queue_t **queue)
{
    unsigned fail = env_number("FAKE_FAIL_CREATE");
    if (!queue || size == 0 || size & (size - 1))
        return HSA_STATUS_ERROR_INVALID_ARGUMENT;
    if (fail && (unsigned)atomic_fetch_add(&creations, 1) + 1 >= fail)
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    size = size < 64 ? 64 : size;
    struct fake_queue *q = aligned_alloc(64, (sizeof(*q) + 63) & ~(size_t)63);
    memset(q, 0, sizeof(*q));
    hsa_kernel_dispatch_packet_t *ring =
        mmap(NULL, size * 64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 0; i < size; i++)
        ring[i].header = HSA_PACKET_TYPE_INVALID;
    q->magic = QUEUE_MAGIC;
    q->callback = callback;
    q->data = data;
    q->doorbell = new_signal(AMD_SIGNAL_KIND_DOORBELL, -1);
    q->doorbell->queue_ptr = &q->pub;
    q->pub.hsa_queue.type = type;
    q->pub.hsa_queue.features = HSA_QUEUE_FEATURE_KERNEL_DISPATCH;
    q->pub.hsa_queue.base_address = ring;
    q->pub.hsa_queue.doorbell_signal.handle = (uint64_t)(uintptr_t)q->doorbell;
    q->pub.hsa_queue.size = size;
    q->pub.hsa_queue.id = atomic_fetch_add(&next_queue_id, 1);
    q->pub.private_segment_aperture_base_hi = 0x2000;
    pthread_mutex_init(&q->lock, NULL);
    if (pthread_create(&q->thread, NULL, queue_main, q) != 0)
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    *queue = &q->pub.hsa_queue;
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_queue_inactivate(hsa_queue_t *queue)
{
    struct fake_queue *q = queue_of(queue);
    pthread_mutex_lock(&q->lock);
    if (chance(env_number("FAKE_RACE")))
        atomic_store(&q->let_finish, true);
    atomic_store(&q->killed, true);
    pthread_mutex_unlock(&q->lock);
    if (!q->joined)
        pthread_join(q->thread, NULL); /* nothing of it runs when this returns */
    q->joined = true;
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_queue_destroy(hsa_queue_t *queue)
{
    struct fake_queue *q = queue_of(queue);
    nap(30); /* ROCr waits for a thread of its own first */
    hsa_queue_inactivate(queue);
    q->magic = 0;
    q->doorbell->kind = AMD_SIGNAL_KIND_INVALID;
    mprotect(q->pub.hsa_queue.base_address, q->pub.hsa_queue.size * 64, PROT_NONE);
    return HSA_STATUS_SUCCESS; /* the structure stays, to find uses of it */
}

API hsa_status_t hsa_amd_queue_set_priority(hsa_queue_t *queue, hsa_amd_queue_priority_t priority)
{
    return atomic_load(&queue_of(queue)->killed) ? HSA_STATUS_ERROR_INVALID_QUEUE
                                                 : HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_amd_queue_cu_set_mask(const hsa_queue_t *queue, uint32_t bits,
                                           const uint32_t *mask)
{
    return atomic_load(&queue_of(queue)->killed) ? HSA_STATUS_ERROR_INVALID_QUEUE
                                                 : HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_amd_queue_cu_get_mask(const hsa_queue_t *queue, uint32_t bits, uint32_t *mask)
{
    queue_of(queue);
    memset(mask, 0xff, bits / 8);
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_amd_profiling_set_profiler_enabled(hsa_queue_t *queue, int enable)
{
    atomic_store(&queue_of(queue)->profiling, enable);
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_amd_profiling_get_dispatch_time(hsa_agent_t agent, hsa_signal_t signal,
                                                     hsa_amd_profiling_dispatch_time_t *time)
{
    time->start = signal_of(signal)->start_ts;
    time->end = signal_of(signal)->end_ts;
    return HSA_STATUS_SUCCESS;
}

#define LOAD_INDEX(name, field)                                                                    \
    API uint64_t name(const hsa_queue_t *queue)                                                    \
    {                                                                                              \
        return __atomic_load_n(&queue_of(queue)->pub.field, __ATOMIC_ACQUIRE);                     \
    }
LOAD_INDEX(hsa_queue_load_read_index_acquire, read_dispatch_id)
LOAD_INDEX(hsa_queue_load_read_index_relaxed, read_dispatch_id)
LOAD_INDEX(hsa_queue_load_read_index_scacquire, read_dispatch_id)
LOAD_INDEX(hsa_queue_load_write_index_acquire, write_dispatch_id)
LOAD_INDEX(hsa_queue_load_write_index_relaxed, write_dispatch_id)
LOAD_INDEX(hsa_queue_load_write_index_scacquire, write_dispatch_id)

#define STORE_INDEX(name)                                                                          \
    API void name(const hsa_queue_t *queue, uint64_t value)                                        \
    {                                                                                              \
        __atomic_store_n(&queue_of(queue)->pub.write_dispatch_id, value, __ATOMIC_RELEASE);        \
    }
STORE_INDEX(hsa_queue_store_write_index_relaxed)
STORE_INDEX(hsa_queue_store_write_index_release)
STORE_INDEX(hsa_queue_store_write_index_screlease)

#define IGNORE_INDEX(name)                                                                         \
    API void name(const hsa_queue_t *queue, uint64_t value)                                        \
    {                                                                                              \
        queue_of(queue);                                                                           \
    }
IGNORE_INDEX(hsa_queue_store_read_index_relaxed)
IGNORE_INDEX(hsa_queue_store_read_index_release)
IGNORE_INDEX(hsa_queue_store_read_index_screlease)

#define ADD_INDEX(name)                                                                            \
    API uint64_t name(const hsa_queue_t *queue, uint64_t value)                                    \
    {                                                                                              \
        return __atomic_fetch_add(&queue_of(queue)->pub.write_dispatch_id, value,                  \
                                  __ATOMIC_SEQ_CST);                                               \
    }
#define CAS_INDEX(name)                                                                            \
    API uint64_t name(const hsa_queue_t *queue, uint64_t expected, uint64_t value)                 \
    {                                                                                              \
        __atomic_compare_exchange_n(&queue_of(queue)->pub.write_dispatch_id, &expected, value,     \
                                    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                    \
        return expected;                                                                           \
    }
#define EACH_ORDER(M, prefix)                                                                      \
    M(prefix##_acq_rel)                                                                            \
    M(prefix##_acquire)                                                                            \
    M(prefix##_relaxed)                                                                            \
    M(prefix##_release) M(prefix##_scacq_screl) M(prefix##_scacquire) M(prefix##_screlease)
EACH_ORDER(ADD_INDEX, hsa_queue_add_write_index)
EACH_ORDER(CAS_INDEX, hsa_queue_cas_write_index)

/* --- the rest --- */

API hsa_status_t hsa_init(void)
{
    atomic_fetch_add(&references, 1);
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_shut_down(void)
{
    return atomic_fetch_sub(&references, 1) > 0 ? HSA_STATUS_SUCCESS
                                                : HSA_STATUS_ERROR_NOT_INITIALIZED;
}

API hsa_status_t hsa_agent_get_info(hsa_agent_t agent, hsa_agent_info_t attribute, void *value)
{
    switch ((int)attribute) {
    case HSA_AGENT_INFO_DEVICE:
        *(hsa_device_type_t *)value =
            agent.handle == FAKE_GPU_AGENT ? HSA_DEVICE_TYPE_GPU : HSA_DEVICE_TYPE_CPU;
        return HSA_STATUS_SUCCESS;
    case HSA_AMD_AGENT_INFO_BDFID:
        *(uint32_t *)value = 0x300;
        return HSA_STATUS_SUCCESS;
    case HSA_AMD_AGENT_INFO_DOMAIN:
        *(uint32_t *)value = 0;
        return HSA_STATUS_SUCCESS;
    case HSA_AMD_AGENT_INFO_COMPUTE_UNIT_COUNT:
        *(uint32_t *)value = FAKE_CUS;
        return HSA_STATUS_SUCCESS;
    default:
        return HSA_STATUS_ERROR_INVALID_ARGUMENT;
    }
}

API hsa_status_t hsa_system_get_info(hsa_system_info_t attribute, void *value)
{
    if (attribute != HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY)
        return HSA_STATUS_ERROR_INVALID_ARGUMENT;
    *(uint64_t *)value = 1000000000;
    return HSA_STATUS_SUCCESS;
}

API hsa_status_t hsa_executable_symbol_get_info(hsa_executable_symbol_t symbol,
                                                hsa_executable_symbol_info_t attribute, void *value)
{
    static const char name[] = "fake.kd";
    switch ((int)attribute) {
    case HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT:
        *(uint64_t *)value = symbol.handle;
        return HSA_STATUS_SUCCESS;
    case HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH:
        *(uint32_t *)value = sizeof(name) - 1;
        return HSA_STATUS_SUCCESS;
    case HSA_EXECUTABLE_SYMBOL_INFO_NAME:
        memcpy(value, name, sizeof(name) - 1);
        return HSA_STATUS_SUCCESS;
    default:
        return HSA_STATUS_ERROR_INVALID_ARGUMENT;
    }
}
