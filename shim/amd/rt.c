// SPDX-License-Identifier: Apache-2.0
/*
 * The RT side: when this process's bit on the board is set and cleared.
 *
 * Set: by the thread that rings an RT doorbell (or a little earlier, in a HIP launch call); one
 * load when it is set already. Cleared: by the agent, which looks now and then: when all RT queues
 * are consumed it appends a barrier packet to those that had work, because a read index may pass a
 * kernel that still runs, and when the barriers have fired and nothing came since, RT work is over.
 * Then it clears the bit and looks at the write indices once more: so an arrival is not lost (see
 * reef_rt_arrive).
 *
 * RT must not hold BE when it cannot use the GPU itself:
 *  - An RT queue whose next packet is a barrier with an unmet dependency does not count while this
 *    process has BE work pending: that work may be what the barrier waits for.
 *  - RT work that makes no progress does not count until it moves: after one second if its next
 *    packet waits for something (the host, for one), after ten if it is a kernel.
 * So an RT kernel longer than ten seconds is not protected to its end.
 */
#include "shim/amd/vqueue.h"

#include <string.h>

#include "shim/preload/log.h"
#include "shim/trace/trace.h"

/* While RT work runs the agent looks after an eighth of the time it has run so far: so it disturbs
 * long work little, and BE goes on at most that much later. */
enum {
    RT_POLL_MIN_NS = 100000,
    RT_POLL_MAX_NS = 2000000,
    RT_PROBE_POLL_NS = 20000,
    RT_BLOCKED_POLL_NS = 200000,
    RT_LAUNCH_NS = 200000, /* for which a launch call may take until its packet is there */
};
#define RT_WAIT_STALL_NS 1000000000u
#define RT_RUN_STALL_NS  10000000000u

void reef_rt_raise(struct reef_gpu *gpu)
{
    if (reef_unlikely(atomic_load_explicit(&gpu->stopped, memory_order_relaxed)))
        return;
    atomic_fetch_add(&gpu->rt_raising, 1); /* the agent does not lower meanwhile */
    atomic_fetch_add(&gpu->rt_arrivals, 1);
    if (!atomic_exchange(&gpu->rt_raised, true)) {
        REEF_TRACE_EVENT(REEF_TRACE_RT_BEGIN, 0, 0, 0, 0, 0);
        reef_board_rt_raise(gpu->board); /* rings our own agent too: it watches from now on */
    }
    atomic_fetch_sub(&gpu->rt_raising, 1);
}

/* The application's write index: it has moved when a doorbell is rung. */
static uint64_t write_index(const struct reef_vqueue *q)
{
    return q->watched ? reef_hsa.hsa_queue_load_write_index_scacquire(q->real)
                      : reef_vqueue_write_index(q);
}

/* Whether something came after look_at() has looked. gpu->lock held. */
static bool anything_new(struct reef_gpu *gpu)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next)
        if (q->class == REEF_CLASS_RT && !q->closing && write_index(q) != q->write_seen)
            return true;
    return false;
}

static void lower(struct reef_gpu *gpu, uint64_t arrivals)
{
    atomic_store_explicit(&gpu->rt_raised, false, memory_order_seq_cst);
    reef_board_rt_clear(gpu->board);
    REEF_TRACE_EVENT(REEF_TRACE_RT_END, 0, 0, 0, 0, 0);
    reef_debug("rt work is over");
    /* Either the arriving thread sees that the bit is gone, or we see its packets. If it has seen
     * that, it may have raised before we cleared: so raise whatever rt_raised says now. */
    atomic_thread_fence(memory_order_seq_cst);
    reef_gpu_agent_lock(gpu);
    bool raise = atomic_load(&gpu->rt_arrivals) != arrivals || anything_new(gpu);
    pthread_mutex_unlock(&gpu->lock);
    if (raise) {
        atomic_store(&gpu->rt_raised, true);
        reef_board_rt_raise(gpu->board);
    }
}

static bool unmet(hsa_signal_t signal)
{
    return signal.handle && __atomic_load_n(&reef_signal(signal)->value, __ATOMIC_RELAXED) != 0;
}

/* Whether the packet at the head of the hardware queue waits for other work. Looking at the signals
 * without a call is safe even if they are destroyed meanwhile: ROCr keeps signals in pools. */
static bool head_waits(const struct reef_vqueue *q, uint64_t read, bool stalled)
{
    const union reef_packet *packet = &q->real_ring[read & q->real_mask];
    hsa_signal_t depends[5];
    unsigned type = reef_packet_type(atomic_load_explicit(&packet->head, memory_order_acquire));
    unsigned present = 0, waiting = 0;
    if (type == HSA_PACKET_TYPE_INVALID) /* its place is taken, it is not written yet */
        return stalled && reef_hsa.hsa_queue_load_read_index_scacquire(q->real) == read;
    if (type != HSA_PACKET_TYPE_BARRIER_AND && type != HSA_PACKET_TYPE_BARRIER_OR)
        return false;
    memcpy(depends, packet->barrier.dep_signal, sizeof(depends));
    if (reef_hsa.hsa_queue_load_read_index_scacquire(q->real) != read)
        return false; /* it has moved on; the copy may be of another packet */
    for (unsigned i = 0; i < 5; i++) {
        present += depends[i].handle != 0;
        waiting += unmet(depends[i]);
    }
    return type == HSA_PACKET_TYPE_BARRIER_AND ? waiting > 0 : present > 0 && waiting == present;
}

static bool be_pending(struct reef_gpu *gpu)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next)
        if (q->class == REEF_CLASS_BE && q->retired != reef_vqueue_write_index(q))
            return true;
    return false;
}

enum rt_queue { RT_IDLE, RT_CONSUMED, RT_WAITS, RT_RUNS };

/* Up to where the queue's packets are on the hardware queue; UINT64_MAX: more are to come. */
static uint64_t given(struct reef_vqueue *q)
{
    if (q->watched)
        return q->write_seen;
    if (pthread_mutex_trylock(&q->direct_lock) != 0)
        return UINT64_MAX; /* someone is feeding it; and must not have to wake us when it is done */
    if (reef_vqueue_has_new(q))
        reef_feed_direct(q); /* what did not fit */
    uint64_t write = q->taken == q->write_seen ? q->real_write : UINT64_MAX;
    pthread_mutex_unlock(&q->direct_lock);
    return write;
}

/* What an RT queue is doing. RT_CONSUMED: all packets taken by the device, but not known to be
 * over. */
static enum rt_queue look_at(struct reef_vqueue *q, uint64_t now_ns, bool be)
{
    q->write_seen = write_index(q);
    if (atomic_load(&q->failed))
        return RT_IDLE;
    uint64_t write = given(q);
    uint64_t read = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
    bool probe_out = __atomic_load_n(&reef_signal(q->probe)->value, __ATOMIC_ACQUIRE) > 0;
    if (read != q->last_read || (read == write && !probe_out)) {
        q->last_read = read;
        q->last_move_ns = now_ns;
    }
    uint64_t still_ns = now_ns - q->last_move_ns;
    if (still_ns > RT_RUN_STALL_NS)
        return RT_WAITS;
    if (read != write) {
        if (q->watched && probe_out)
            reef_watch_ring_again(q, read);
        bool stalled = still_ns > RT_WAIT_STALL_NS;
        bool waits = (be || stalled) && head_waits(q, read, stalled);
        return waits ? RT_WAITS : RT_RUNS;
    }
    if (probe_out)
        return RT_RUNS;
    return q->probed == write ? RT_IDLE : RT_CONSUMED;
}

/* A barrier behind everything the queue was given. It fires when all that is over. */
static void probe(struct reef_vqueue *q)
{
    if (q->watched) {
        reef_watch_probe(q);
        return;
    }
    if (pthread_mutex_trylock(&q->direct_lock) != 0)
        return; /* new work is being fed */
    uint64_t read = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
    if (q->real_write - read < q->real_mask) {
        union reef_packet *packet = &q->real_ring[q->real_write & q->real_mask];
        __atomic_store_n(&q->virtual_of[q->real_write & q->real_mask], q->taken, __ATOMIC_RELAXED);
        __atomic_store_n(&q->virtual_of[(q->real_write + 1) & q->real_mask], q->taken,
                         __ATOMIC_RELAXED);
        reef_packet_write_barrier(packet, q->probe);
        q->real_write++;
        q->probed = q->real_write;
        reef_hsa.hsa_queue_store_write_index_screlease(q->real, q->real_write);
        reef_hsa.hsa_signal_store_screlease(q->real->doorbell_signal,
                                            (hsa_signal_value_t)(q->real_write - 1));
    }
    pthread_mutex_unlock(&q->direct_lock);
}

static uint64_t running_poll(uint64_t running_ns)
{
    uint64_t poll_ns = running_ns / 8;
    return poll_ns < RT_POLL_MIN_NS   ? RT_POLL_MIN_NS
           : poll_ns > RT_POLL_MAX_NS ? RT_POLL_MAX_NS
                                      : poll_ns;
}

/* A launch call was seen whose packet has not come yet. HIP takes microseconds in between, and the
 * thread may lose its processor; if the bit went meanwhile, BE work would be let in, and preempted
 * a second time at the doorbell. But not each call has a packet. */
static bool is_launching(struct reef_gpu *gpu, uint64_t arrivals, uint64_t now_ns)
{
    if (atomic_load(&gpu->rt_raising) > 0)
        return true;
    if (arrivals == gpu->rt_arrivals_seen)
        return false;
    if (gpu->rt_launch_ns == 0)
        gpu->rt_launch_ns = now_ns;
    if (now_ns - gpu->rt_launch_ns < RT_LAUNCH_NS)
        return true;
    gpu->rt_arrivals_seen = arrivals;
    gpu->rt_launch_ns = 0;
    return false;
}

uint64_t reef_rt_step(struct reef_gpu *gpu, uint64_t now_ns)
{
    if (!atomic_load(&gpu->rt_raised) && !gpu->rt_watching)
        return UINT64_MAX;
    uint64_t arrivals = atomic_load(&gpu->rt_arrivals);
    unsigned count[4] = {0};
    bool begins = !gpu->rt_watching;
    gpu->rt_watching = true;
    if (begins) {
        gpu->rt_since_ns = now_ns;
        reef_debug("rt work has begun");
    }

    /* Queues are not destroyed while gpu->lock is held; real RT queues are never replaced. */
    reef_gpu_agent_lock(gpu);
    bool be = be_pending(gpu);
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        if (q->class != REEF_CLASS_RT || q->closing)
            continue;
        if (begins)
            q->last_move_ns = now_ns;
        enum rt_queue state = look_at(q, now_ns, be);
        count[state]++;
        if (state == RT_CONSUMED)
            probe(q);
    }
    reef_need_close(gpu, now_ns, count[RT_RUNS] + count[RT_CONSUMED] == 0);
    pthread_mutex_unlock(&gpu->lock);

    if (count[RT_RUNS] + count[RT_CONSUMED] > 0) {
        if (!atomic_exchange(&gpu->rt_raised, true))
            reef_board_rt_raise(gpu->board);
        reef_board_rt_renew(gpu->board, now_ns);
        gpu->rt_arrivals_seen = arrivals;
        gpu->rt_launch_ns = 0;
        return count[RT_RUNS] > 0 ? running_poll(now_ns - gpu->rt_since_ns) : RT_PROBE_POLL_NS;
    }
    if (is_launching(gpu, arrivals, now_ns)) {
        reef_board_rt_renew(gpu->board, now_ns);
        return RT_PROBE_POLL_NS;
    }
    if (atomic_load(&gpu->rt_raised))
        lower(gpu, arrivals);
    gpu->rt_watching = count[RT_WAITS] > 0 || atomic_load(&gpu->rt_raised);
    return gpu->rt_watching ? RT_BLOCKED_POLL_NS : UINT64_MAX;
}
