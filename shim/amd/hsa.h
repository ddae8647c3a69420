// SPDX-License-Identifier: Apache-2.0
/*
 * The real functions of libhsa-runtime64, and the few facts of its ABI we rely on: amd_queue_t and
 * amd_signal_t as in amd_hsa_queue.h and amd_hsa_signal.h (a hsa_queue_t is the head of an
 * amd_queue_t, a signal handle is the address of an amd_signal_t), and the AQL packet formats of
 * hsa.h.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#pragma GCC diagnostic pop

#include "shim/preload/state.h"

/* ROCm 6's hsa_ext_amd.h; the attribute is an enum there. */
typedef hsa_status_t reef_type_hsa_amd_queue_get_info(hsa_queue_t *queue, unsigned attribute,
                                                      void *value);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
struct reef_hsa {
#define HSA_HOOK(name)  __typeof__(name) *name;
#define HSA_LATER(name) reef_type_##name *name; /* NULL in older runtimes */
#define HSA_GUARD(name) __typeof__(name) *name;
#define HSA_NEED(name)  __typeof__(name) *name;
#define HSA_REAL(name)  __typeof__(name) *name;
#include "shim/amd/hooks.def"
    bool guards; /* everything that they need is there */
    _Atomic bool loaded;
};
#pragma GCC diagnostic pop
extern struct reef_hsa reef_hsa;

/** Looks the real functions up, once. False if libhsa-runtime64 is not in the process. */
bool reef_hsa_load(void);

static inline bool reef_hsa_loaded(void)
{
    return reef_likely(atomic_load_explicit(&reef_hsa.loaded, memory_order_acquire));
}

static inline bool reef_hsa_ready(void)
{
    return reef_hsa_loaded() || reef_hsa_load();
}

static inline bool reef_hsa_has_guards(void)
{
    return reef_hsa.guards;
}

static inline amd_signal_t *reef_signal(hsa_signal_t signal)
{
    return (amd_signal_t *)(uintptr_t)signal.handle;
}

/** A 64-byte AQL packet. The completion signal is at the same place in all formats (hsa.h, and
 *  hsa_ext_amd.h for the vendor's), also in ROCr's PM4 packet. */
union reef_packet {
    struct {
        _Atomic uint32_t head; /* the header in the lower half; written last */
        uint32_t words[13];
        hsa_signal_t completion_signal;
    };
    hsa_kernel_dispatch_packet_t dispatch;
    hsa_barrier_and_packet_t barrier;
};
_Static_assert(sizeof(union reef_packet) == 64, "AQL packets have 64 bytes");

static inline unsigned reef_packet_type(uint32_t head)
{
    return (head >> HSA_PACKET_HEADER_TYPE) & 0xff;
}

/** Writes a barrier packet that waits for all before it and then lowers @signal from 1 to 0. */
static inline void reef_packet_write_barrier(union reef_packet *packet, hsa_signal_t signal)
{
    __atomic_store_n(&reef_signal(signal)->value, 1, __ATOMIC_RELAXED);
    __builtin_memset(packet->words, 0, sizeof(packet->words));
    packet->completion_signal = signal;
    atomic_store_explicit(&packet->head,
                          HSA_PACKET_TYPE_BARRIER_AND << HSA_PACKET_HEADER_TYPE |
                              1 << HSA_PACKET_HEADER_BARRIER,
                          memory_order_release);
}
