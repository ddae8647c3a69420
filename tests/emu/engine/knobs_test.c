// SPDX-License-Identifier: Apache-2.0
/*
 * The command processor's knobs (REEF_EMU_*): each case shows one's effect, in a process of its own
 * (settings are read once): knobs_test PROFILE CASE.
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/amd/engine.h"
#include "emu/amd/kfd.h"

static void knob(const char *name, const char *value)
{
    setenv(name, value, 1);
}

static uint32_t *word(uint32_t value)
{
    uint32_t *at = rig_alloc(64);

    *at = value;
    return at;
}

static void **pointer_to(void *target)
{
    void **at = rig_alloc(64);

    *at = target;
    return at;
}

static void wait_running(void)
{
    while (rig_residents() == 0)
        usleep(100);
}

static uint64_t spin(struct rig_queue *queue, uint32_t loops)
{
    amd_signal_t *done = rig_signal(1);

    rig_submit(queue, rig_dispatch(RIG_SPIN, 1, word(loops), done), true);
    assert_true(rig_wait(done, 0, 60));
    return rig_duration(done);
}

static bool pending(const amd_signal_t *done)
{
    return __atomic_load_n(&done->value, __ATOMIC_ACQUIRE) != 0;
}

/* Begins to spin; returns when that is seen to run. It ends by itself, on a loaded machine perhaps
 * before this thread has looked: then once more. Whoever goes on to disturb it asks pending(). */
static amd_signal_t *spin_on(struct rig_queue *queue, uint32_t loops)
{
    for (;;) {
        amd_signal_t *done = rig_signal(1);

        rig_submit(queue, rig_dispatch(RIG_SPIN, 1, word(loops), done), true);
        while (rig_residents() == 0 && pending(done))
            usleep(100);
        if (pending(done))
            return done;
    }
}

/* ---- packets copied ahead ---- */

/* A running kernel, a barrier that waits for it (the present packet) and a kernel that stores to
 * @first; while the first one runs, the last one's slot is given a packet that stores to @second.
 * Returns when that has run, whichever it was. */
static void rewrite_behind_a_kernel(uint32_t *first, uint32_t *second, bool unmap)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *ran = rig_signal(1);
    uint32_t *gate = word(0);
    hsa_kernel_dispatch_packet_t other = rig_dispatch(RIG_STORE, 1, pointer_to(second), ran);

    /* All are there when the queue is mapped. */
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    rig_submit(&queue, rig_dispatch(RIG_POLL, 1, pointer_to(gate), NULL), true);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, NULL), true);
    rig_submit(&queue, rig_dispatch(RIG_STORE, 1, pointer_to(first), ran), true);
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    wait_running();
    if (unmap)
        assert_int_equal(rig_queue_percent(&queue, 0), 0);
    other.header |= 1 << HSA_PACKET_HEADER_BARRIER;
    queue.ring[2] = other;
    if (unmap)
        assert_int_equal(rig_queue_percent(&queue, 100), 0);
    __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
    assert_true(rig_wait(ran, 0, 20));
    rig_queue_destroy(&queue);
}

static void test_prefetch(void **state)
{
    uint32_t *first, *second;

    knob("REEF_EMU_PREFETCH", "4");
    rig_open();
    first = word(0);
    second = word(0);
    rewrite_behind_a_kernel(first, second, false);
    assert_int_equal(*first, 1);
    assert_int_equal(*second, 0);
    rewrite_behind_a_kernel(first, second, true); /* unmapping forgets the copy */
    assert_int_equal(*second, 1);
}

static void test_no_prefetch(void **state)
{
    uint32_t *first, *second;

    rig_open();
    first = word(0);
    second = word(0);
    rewrite_behind_a_kernel(first, second, false);
    assert_int_equal(*first, 0);
    assert_int_equal(*second, 1);
}

/* Behind a slot that is still INVALID nothing is copied. */
static void test_prefetch_stops_at_invalid(void **state)
{
    struct rig_queue queue;
    amd_signal_t *blocked, *ran;
    uint32_t *first, *second;
    hsa_kernel_dispatch_packet_t hole, other;
    uint16_t header;

    knob("REEF_EMU_PREFETCH", "4");
    rig_open();
    queue = rig_queue_create(7);
    blocked = rig_signal(1);
    ran = rig_signal(1);
    first = word(0);
    second = word(0);
    hole = rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, NULL);
    header = hole.header;
    hole.header = HSA_PACKET_TYPE_INVALID;
    other = rig_dispatch(RIG_STORE, 1, pointer_to(second), ran);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, blocked), true);
    rig_submit(&queue, hole, false);
    rig_submit(&queue, rig_dispatch(RIG_STORE, 1, pointer_to(first), ran), true);
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    assert_true(rig_wait(blocked, 0, 10));
    queue.ring[2] = other;
    __atomic_store_n(&queue.ring[1].header, header, __ATOMIC_RELEASE);
    assert_true(rig_wait(ran, 0, 10));
    assert_int_equal(*first, 0);
    assert_int_equal(*second, 1);
    rig_queue_destroy(&queue);
}

/* Each packet is carried out, once, in a ring that wraps. */
static void test_prefetch_order(void **state)
{
    enum { PACKETS = 700 };
    struct rig_queue queue;
    amd_signal_t *done;
    uint32_t *stored;

    knob("REEF_EMU_PREFETCH", "5");
    rig_open();
    queue = rig_queue_create(7);
    done = rig_signal(PACKETS);
    stored = rig_alloc(PACKETS * sizeof(*stored));
    for (int i = 0; i < PACKETS; i++) {
        while (queue.next - __atomic_load_n(&queue.aql->read_dispatch_id, __ATOMIC_ACQUIRE) >= 256)
            usleep(100);
        if (i % 3 == 2)
            rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), i % 2);
        else
            rig_submit(&queue, rig_dispatch(RIG_STORE, 1, pointer_to(&stored[i]), done), i % 2);
    }
    assert_true(rig_wait(done, 0, 30));
    for (int i = 0; i < PACKETS; i++)
        assert_int_equal(stored[i], i % 3 != 2);
    rig_queue_destroy(&queue);
}

/* A packet that comes while work-groups of the one before wait for places is copied as well. */
static void test_prefetch_while_placing(void **state)
{
    enum { MANY = 3000 /* work-groups: more than there are places */ };
    struct rig_queue queue, other;
    amd_signal_t *seen, *ran;
    uint32_t *gate, *stored;

    knob("REEF_EMU_PREFETCH", "4");
    rig_open();
    queue = rig_queue_create(7);
    other = rig_queue_create(7);
    seen = rig_signal(1);
    ran = rig_signal(1);
    gate = word(0);
    stored = word(0);
    rig_submit(&queue, rig_dispatch(RIG_POLL, MANY, pointer_to(gate), NULL), true);
    wait_running();
    rig_submit(&other, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, seen), true);
    assert_true(rig_wait(seen, 0, 20)); /* the device thread has looked around */
    rig_submit(&queue, rig_dispatch(RIG_STORE, 1, pointer_to(stored), ran), true);
    __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
    assert_true(rig_wait(ran, 0, 60));
    assert_int_equal(*stored, 1);
    rig_queue_destroy(&queue);
    rig_queue_destroy(&other);
}

/* ---- when read_dispatch_id advances ---- */

static void read_index(uint64_t while_running)
{
    struct rig_queue queue;
    amd_signal_t *done;
    uint32_t *gate;

    rig_open();
    queue = rig_queue_create(7);
    done = rig_signal(1);
    gate = word(0);
    rig_submit(&queue, rig_dispatch(RIG_POLL, 1, pointer_to(gate), done), true);
    wait_running();
    assert_int_equal(queue.aql->read_dispatch_id, while_running);
    assert_int_equal(queue.ring[0].header == HSA_PACKET_TYPE_INVALID, while_running);
    assert_int_equal(done->value, 1);
    __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
    assert_true(rig_wait(done, 0, 10));
    assert_int_equal(queue.aql->read_dispatch_id, 1);
    for (int i = 0; i < 600; i++) /* the ring wraps */
        rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, NULL), i % 2);
    rig_queue_destroy(&queue);
}

static void test_read_index_at_completion(void **state)
{
    read_index(0);
}

static void test_read_index_at_launch(void **state)
{
    knob("REEF_EMU_READ_INDEX", "launch");
    read_index(1);
}

/* ---- delays ---- */

static void test_doorbell_delay(void **state)
{
    struct rig_queue queue;
    amd_signal_t *done;

    knob("REEF_EMU_DOORBELL_DELAY_US", "500");
    rig_open();
    queue = rig_queue_create(7);
    for (int i = 0; i < 3; i++) {
        uint64_t before = emu_device_clock_ns();

        done = rig_signal(1);
        rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), true);
        assert_true(rig_wait(done, 0, 10));
        assert_true(done->end_ts >= before + 500000);
    }
    rig_queue_destroy(&queue);
}

static void test_completion_delay(void **state)
{
    struct rig_queue queue;
    amd_signal_t *dispatch, *barrier;

    knob("REEF_EMU_COMPLETION_DELAY_US", "300");
    rig_open();
    queue = rig_queue_create(7);
    dispatch = rig_signal(1);
    barrier = rig_signal(1);
    rig_submit(&queue, rig_dispatch(RIG_SPIN, 1, word(1), dispatch), true);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, barrier), true);
    assert_true(rig_wait(barrier, 0, 10));
    assert_true(rig_duration(dispatch) >= 300000);
    assert_true(rig_duration(dispatch) < 310000);
    /* From the end of the dispatch, for which the barrier bit waits. */
    assert_int_equal(barrier->end_ts - dispatch->end_ts, 300000);
    rig_queue_destroy(&queue);
}

/* ---- saving and restoring waves ---- */

static void test_save_and_restore(void **state)
{
    struct rig_queue queue, idle;
    amd_signal_t *done;
    uint32_t *gate;
    uint64_t before, after, undisturbed;
    bool in_time;

    knob("REEF_EMU_SAVE_US", "400");
    knob("REEF_EMU_RESTORE_US", "700");
    rig_open();
    queue = rig_queue_create(7);
    idle = rig_queue_create(7);
    undisturbed = spin(&queue, 1000000);

    do {
        done = spin_on(&queue, 1000000);
        before = emu_device_clock_ns();
        assert_int_equal(rig_queue_percent(&queue, 0), 0);
        in_time = pending(done);
        after = emu_device_clock_ns();
        assert_int_equal(rig_queue_percent(&queue, 100), 0);
        assert_true(rig_wait(done, 0, 60));
    } while (!in_time);
    assert_true(after >= before + 400000);
    /* An interpreter may have been ahead of the clock by the setting, 50 us. */
    assert_true(rig_duration(done) >= undisturbed + 1100000 - 50000);

    gate = word(0);
    rig_submit(&queue, rig_dispatch(RIG_POLL, 1, pointer_to(gate), NULL), true);
    wait_running();
    before = emu_device_clock_ns();
    rig_queue_destroy(&queue);
    assert_true(emu_device_clock_ns() >= before + 400000);
    assert_int_equal(rig_residents(), 0);
    rig_queue_destroy(&idle);
}

/*
 * A queue is destroyed while others have waves, which are restored later than its own are saved: so
 * all its work-groups are dated behind the moment at which they are ended, and interpreters are
 * making them, which takes long. They must have let go of them.
 */
static void test_destroy_while_saving(void **state)
{
    enum { ROUNDS = 80, GROUPS = 1000 };
    struct rig_queue other;

    knob("REEF_EMU_SAVE_US", "1");
    knob("REEF_EMU_RESTORE_US", "10");
    knob("REEF_EMU_UNMAP_ALL", "1");
    knob("REEF_EMU_THREADS", "4");
    rig_open();
    other = rig_queue_create(7);
    for (int i = 0; i < ROUNDS; i++) {
        struct rig_queue queue = rig_queue_create(7);
        uint32_t *gate = word(0);

        rig_submit(&other, rig_dispatch(RIG_POLL, 1, pointer_to(gate), NULL), true);
        wait_running();
        rig_submit(&queue, rig_dispatch(RIG_SPIN, GROUPS, word(1000000), NULL), true);
        while (rig_residents() < 2)
            usleep(100);
        rig_queue_destroy(&queue);
        __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
        while (rig_residents() > 0)
            usleep(100);
    }
    rig_queue_destroy(&other);
}

/*
 * A work-group is over, but the time of that has not come, when its queue is suspended; another
 * takes its place, so it stays away when the queue comes back, and is suspended once more. It must
 * not run again. The device is slowed so that all this comes before that time.
 */
static void test_suspend_twice(void **state)
{
    enum { WHOLE_CU = 65536, UNITS = 60 };
    hsa_kernel_dispatch_packet_t packet;
    struct rig_queue queue, other;
    amd_signal_t *done, *after;
    uint32_t *out, *gate;

    knob("REEF_EMU_TIMESCALE", "100000");
    rig_open();
    queue = rig_queue_create(7);
    other = rig_queue_create(7);
    for (;;) {
        out = word(0);
        gate = word(0);
        done = rig_signal(1);
        after = rig_signal(1);
        packet = rig_dispatch(RIG_STORE, 1, pointer_to(out), done);
        packet.group_segment_size = WHOLE_CU;
        rig_submit(&queue, packet, true);
        while (__atomic_load_n(out, __ATOMIC_ACQUIRE) == 0)
            usleep(10);
        assert_int_equal(rig_queue_percent(&queue, 0), 0);
        if (pending(done))
            break;
        assert_int_equal(rig_queue_percent(&queue, 100), 0); /* too late */
    }
    *out = 0;
    packet = rig_dispatch(RIG_POLL, UNITS, pointer_to(gate), after);
    packet.group_segment_size = WHOLE_CU;
    rig_submit(&other, packet, true);
    while (rig_residents() < UNITS)
        usleep(100);
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    __atomic_store_n(gate, 1, __ATOMIC_RELEASE);
    assert_true(rig_wait(after, 0, 60));
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    assert_true(rig_wait(done, 0, 60));
    assert_int_equal(*out, 0);
    rig_queue_destroy(&queue);
    rig_queue_destroy(&other);
}

/* Any change of a queue costs the waves of all others: exactly so much. */
static void test_unmap_all(void **state)
{
    struct rig_queue queue, other;
    uint64_t undisturbed;
    amd_signal_t *done;
    bool in_time;

    knob("REEF_EMU_UNMAP_ALL", "1");
    knob("REEF_EMU_SAVE_US", "40");
    knob("REEF_EMU_RESTORE_US", "70");
    rig_open();
    queue = rig_queue_create(7);
    undisturbed = spin(&queue, 400000);
    assert_int_equal(spin(&queue, 400000), undisturbed);

    do {
        done = spin_on(&queue, 400000);
        other = rig_queue_create(7);
        assert_int_equal(rig_queue_percent(&other, 0), 0);
        assert_int_equal(rig_queue_percent(&other, 100), 0);
        rig_queue_destroy(&other);
        in_time = pending(done);
        assert_true(rig_wait(done, 0, 60));
    } while (!in_time);
    assert_int_equal(rig_duration(done), undisturbed + 4 * 110000);
    rig_queue_destroy(&queue);
}

struct peer_says {
    uint64_t undisturbed, disturbed;
    bool in_time;
};

/* Spins and says so on @ready until the other process was in time to disturb it. */
static void peer(int ready, int disturbed, int result)
{
    struct rig_queue queue;
    struct peer_says says = {0};
    amd_signal_t *done;
    char byte;

    rig_open();
    queue = rig_queue_create(7);
    says.undisturbed = spin(&queue, 400000);
    while (!says.in_time) {
        done = spin_on(&queue, 400000);
        assert_int_equal(write(ready, "", 1), 1);
        assert_int_equal(read(disturbed, &byte, 1), 1);
        says.in_time = pending(done);
        assert_true(rig_wait(done, 0, 60));
        says.disturbed = rig_duration(done);
        assert_int_equal(write(result, &says, sizeof(says)), sizeof(says));
    }
    emu_engine_stop();
    _exit(0);
}

static void test_unmap_all_of_peers(void **state)
{
    struct peer_says says;
    struct rig_queue queue;
    int ready[2], disturbed[2], result[2], status = 0;
    char byte;
    pid_t child;

    knob("REEF_EMU_UNMAP_ALL", "1");
    knob("REEF_EMU_SAVE_US", "40");
    knob("REEF_EMU_RESTORE_US", "70");
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(disturbed), 0);
    assert_int_equal(pipe(result), 0);
    child = fork();
    if (child == 0)
        peer(ready[1], disturbed[0], result[1]);
    rig_open();
    do {
        assert_int_equal(read(ready[0], &byte, 1), 1);
        queue = rig_queue_create(7);
        rig_queue_destroy(&queue);
        assert_int_equal(write(disturbed[1], "", 1), 1);
        assert_int_equal(read(result[0], &says, sizeof(says)), sizeof(says));
    } while (!says.in_time);
    assert_int_equal(says.disturbed, says.undisturbed + 2 * 110000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- what not every driver has ---- */

static int request_85(uint32_t gpu_id)
{
    return emu_kfd_ioctl(_IOWR('K', 0x85, uint32_t), &gpu_id);
}

static void test_stock_driver(void **state)
{
    rig_open();
    assert_int_equal(request_85(EMU_GPU_ID), -EINVAL);
    assert_int_equal(emu_kfd_ioctl(_IOWR('K', 0x85, uint32_t), (void *)1), -EINVAL);
}

/* What has a place ends, and its dispatch with it if nothing waits for one; else that goes on. */
static void test_reef_driver(void **state)
{
    enum { MANY = 100 };
    struct rig_queue queue;
    amd_signal_t *done;
    uint32_t *gate;
    hsa_kernel_dispatch_packet_t packet;
    unsigned killed = 0;

    knob("REEF_EMU_DRIVER", "reef");
    rig_open();
    assert_int_equal(emu_kfd_ioctl(_IOWR('K', 0x85, uint32_t), (void *)1), -EFAULT);
    assert_int_equal(request_85(EMU_GPU_ID + 1), -EINVAL);
    assert_int_equal(request_85(EMU_GPU_ID), 0); /* nothing runs */
    queue = rig_queue_create(7);
    done = rig_signal(1);
    gate = word(0);
    packet = rig_dispatch(RIG_POLL, MANY, pointer_to(gate), done);
    packet.group_segment_size = 65536; /* 60 at a time */
    rig_submit(&queue, packet, true);
    while (pending(done)) {
        wait_running();
        assert_int_equal(request_85(EMU_GPU_ID), 0);
        killed++;
        usleep(1000);
    }
    assert_true(killed >= 2);
    assert_int_equal(*gate, 0);
    assert_int_equal(rig_residents(), 0);
    rig_queue_destroy(&queue);
}

static void test_sampling_driver(void **state)
{
    uint32_t query[8] = {[4] = EMU_GPU_ID};

    knob("REEF_EMU_DRIVER", "pc-sampling");
    rig_open();
    assert_int_equal(emu_kfd_ioctl(_IOWR('K', 0x85, uint32_t), (void *)1), -EFAULT);
    assert_int_equal(emu_kfd_ioctl(_IOWR('K', 0x85, query), query), -EOPNOTSUPP);
    assert_int_equal(request_85(0), -EINVAL);
}

/* ---- faults on order ---- */

static void test_fail_ioctl(void **state)
{
    struct rig_queue queue;

    knob("REEF_EMU_FAIL_IOCTL", "7:2:16,0x07:4:12");
    rig_open();
    queue = rig_queue_create(7);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    assert_int_equal(rig_queue_percent(&queue, 100), -EBUSY);
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    assert_int_equal(rig_queue_percent(&queue, 0), -ENOMEM);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    rig_queue_destroy(&queue);
}

static void test_fail_any_ioctl(void **state)
{
    struct kfd_ioctl_get_version_args version = {0};

    knob("REEF_EMU_FAIL_IOCTL", "0:2:5");
    assert_int_equal(emu_start(), 0);
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_GET_VERSION, &version), 0);
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_GET_VERSION, &version), -EIO);
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_GET_VERSION, &version), 0);
}

static void fail_second_packet(const char *how, int64_t expected)
{
    struct rig_queue queue, other;
    amd_signal_t *first, *second, *after;

    knob("REEF_EMU_FAIL_PACKET", how);
    rig_open();
    queue = rig_queue_create(7);
    other = rig_queue_create(7);
    first = rig_signal(1);
    second = rig_signal(1);
    after = rig_signal(50);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, first), true);
    assert_true(rig_wait(first, 0, 10));
    rig_submit(&queue, rig_dispatch(RIG_SPIN, 1, word(1), second), true);
    if (expected)
        assert_true(rig_wait(queue.inactive, expected, 10));
    else
        while (__atomic_load_n(&emu_engine.queues[queue.id]->state, __ATOMIC_ACQUIRE) !=
               EMU_CP_STOPPED)
            usleep(100);
    /* The other queue is none the worse for it. */
    for (int i = 0; i < 50; i++)
        rig_submit(&other, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, after), true);
    assert_true(rig_wait(after, 0, 10));
    assert_int_equal(second->value, 1);
    assert_int_equal(queue.aql->read_dispatch_id, 1);
    assert_int_equal(queue.inactive->value, expected);
    rig_queue_destroy(&queue);
    rig_queue_destroy(&other);
}

static void test_fail_packet_error(void **state)
{
    fail_second_packet("2:error", EMU_QUEUE_INVALID_PACKET);
}

static void test_fail_packet_memory(void **state)
{
    fail_second_packet("2:memory", 0);
}

static void test_fail_packet_hang(void **state)
{
    fail_second_packet("2:hang", 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefetch),
        cmocka_unit_test(test_no_prefetch),
        cmocka_unit_test(test_prefetch_stops_at_invalid),
        cmocka_unit_test(test_prefetch_order),
        cmocka_unit_test(test_prefetch_while_placing),
        cmocka_unit_test(test_read_index_at_completion),
        cmocka_unit_test(test_read_index_at_launch),
        cmocka_unit_test(test_doorbell_delay),
        cmocka_unit_test(test_completion_delay),
        cmocka_unit_test(test_save_and_restore),
        cmocka_unit_test(test_destroy_while_saving),
        cmocka_unit_test(test_suspend_twice),
        cmocka_unit_test(test_unmap_all),
        cmocka_unit_test(test_unmap_all_of_peers),
        cmocka_unit_test(test_stock_driver),
        cmocka_unit_test(test_reef_driver),
        cmocka_unit_test(test_sampling_driver),
        cmocka_unit_test(test_fail_ioctl),
        cmocka_unit_test(test_fail_any_ioctl),
        cmocka_unit_test(test_fail_packet_error),
        cmocka_unit_test(test_fail_packet_memory),
        cmocka_unit_test(test_fail_packet_hang),
    };
    char name[64];

    if (argc != 3)
        return 2;
    snprintf(name, sizeof(name), "test_%s", argv[2]);
    cmocka_set_test_filter(name);
    rig_init(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
