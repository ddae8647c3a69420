// SPDX-License-Identifier: Apache-2.0
/* The packet processor, kernel dispatches and their device time, killing and suspending: one
 * process. */
#include "rig.h"

#include <pthread.h>
#include <unistd.h>

#include "emu/amd/engine.h"
#include "emu/amd/kfd.h"

#define WHOLE_CU 65536

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

static void test_barrier_and(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *dep = rig_signal(2), *done = rig_signal(1), *next = rig_signal(1);

    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, dep, done), true);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, next), true);
    usleep(5000);
    assert_int_equal(done->value, 1);
    __atomic_store_n(&dep->value, 1, __ATOMIC_RELEASE);
    usleep(5000);
    assert_int_equal(done->value, 1);
    assert_int_equal(queue.aql->read_dispatch_id, 0);
    __atomic_store_n(&dep->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(next, 0, 10));
    assert_int_equal(done->value, 0);
    assert_int_equal(queue.aql->read_dispatch_id, 2);
    assert_int_equal(queue.ring[0].header, HSA_PACKET_TYPE_INVALID);
    assert_int_equal(queue.ring[1].header, HSA_PACKET_TYPE_INVALID);
    assert_int_equal(next->end_ts - done->end_ts, 1000); /* packet_ns */
    rig_queue_destroy(&queue);
}

static void test_barrier_or(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *a = rig_signal(1), *b = rig_signal(1), *done = rig_signal(1);
    hsa_kernel_dispatch_packet_t packet = rig_barrier(HSA_PACKET_TYPE_BARRIER_OR, a, done);

    ((hsa_barrier_or_packet_t *)&packet)->dep_signal[3].handle = (uint64_t)b;
    rig_submit(&queue, packet, true);
    usleep(5000);
    assert_int_equal(done->value, 1);
    __atomic_store_n(&b->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(done, 0, 10));
    rig_queue_destroy(&queue);
}

static void test_barrier_value(void **state)
{
    static const struct {
        hsa_signal_condition_t condition;
        int64_t value, mask, before, after;
    } cases[] = {
        {HSA_SIGNAL_CONDITION_EQ, 5, -1, 4, 5},
        {HSA_SIGNAL_CONDITION_NE, 5, -1, 5, -1},
        {HSA_SIGNAL_CONDITION_LT, -3, -1, -3, -4},
        {HSA_SIGNAL_CONDITION_GTE, 7, -1, 6, 9},
        {HSA_SIGNAL_CONDITION_EQ, 0x10, 0xf0, 0x20f, 0x31f},
    };
    struct rig_queue queue = rig_queue_create(7);

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        amd_signal_t *dep = rig_signal(cases[i].before), *done = rig_signal(1);
        hsa_amd_barrier_value_packet_t value = {
            .header = {HSA_PACKET_TYPE_VENDOR_SPECIFIC, HSA_AMD_PACKET_TYPE_BARRIER_VALUE, 0},
            .signal = {(uint64_t)dep},
            .value = cases[i].value,
            .mask = cases[i].mask,
            .cond = cases[i].condition,
            .completion_signal = {(uint64_t)done},
        };
        hsa_kernel_dispatch_packet_t packet;

        memcpy(&packet, &value, sizeof(packet));
        rig_submit(&queue, packet, true);
        usleep(3000);
        assert_int_equal(done->value, 1);
        if (i == 4) { /* masked: 0x31f & 0xf0 is 0x10 */
            __atomic_store_n(&dep->value, 0x22f, __ATOMIC_RELEASE);
            usleep(3000);
            assert_int_equal(done->value, 1);
        }
        __atomic_store_n(&dep->value, cases[i].after, __ATOMIC_RELEASE);
        assert_true(rig_wait(done, 0, 10));
    }
    rig_queue_destroy(&queue);
}

/* A packet whose header is still INVALID holds the queue even though the doorbell was rung. */
static void test_invalid_holds(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    hsa_kernel_dispatch_packet_t packet = rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done);
    uint16_t header = packet.header;

    packet.header = HSA_PACKET_TYPE_INVALID;
    rig_submit(&queue, packet, false);
    usleep(5000);
    assert_int_equal(done->value, 1);
    __atomic_store_n(&queue.ring[0].header, header, __ATOMIC_RELEASE);
    assert_true(rig_wait(done, 0, 10));
    rig_queue_destroy(&queue);
}

/* A thread that rings late for an old packet hides what another one rang for newer ones. */
static void test_hidden_doorbell(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(4);

    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), true);
    assert_true(rig_wait(done, 3, 10));
    emu_vm_doorbells()[queue.id] = 2; /* too early: the packets are not there yet */
    usleep(5000);
    emu_vm_doorbells()[queue.id] = 0;
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), true);
    emu_vm_doorbells()[queue.id] = 0;
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), true);
    emu_vm_doorbells()[queue.id] = 0;
    assert_true(rig_wait(done, 1, 10));
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), true);
    emu_vm_doorbells()[queue.id] = 1; /* nobody has seen 3 */
    assert_true(rig_wait(done, 0, 10));
    assert_int_equal(queue.aql->read_dispatch_id, 4);
    rig_queue_destroy(&queue);
}

static void test_ring_wraps(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1000);

    for (int i = 0; i < 1000; i++) {
        while (queue.next - __atomic_load_n(&queue.aql->read_dispatch_id, __ATOMIC_ACQUIRE) >= 256)
            usleep(100);
        rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, done), i % 2);
    }
    assert_true(rig_wait(done, 0, 20));
    assert_int_equal(queue.aql->read_dispatch_id, 1000);
    rig_queue_destroy(&queue);
}

static void test_dispatch(void **state)
{
    enum { GROUPS = 5000 };
    struct rig_queue queue = rig_queue_create(7);
    uint32_t *out = rig_alloc(GROUPS * 4);
    amd_signal_t *done = rig_signal(1);

    rig_submit(&queue, rig_dispatch(RIG_STORE, GROUPS, pointer_to(out), done), true);
    assert_true(rig_wait(done, 0, 30));
    for (uint32_t i = 0; i < GROUPS; i++)
        assert_int_equal(out[i], i + 1);
    assert_true(done->start_ts > 0 && done->end_ts > done->start_ts);
    assert_int_equal(rig_residents(), 0);
    rig_queue_destroy(&queue);
}

/* Device time is a matter of the program alone, to the nanosecond. */
static void test_repeats(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    uint64_t first[3] = {0};

    for (int round = 0; round < 4; round++) {
        uint32_t groups[3] = {1, 60, 3000};

        for (int i = 0; i < 3; i++) {
            amd_signal_t *done = rig_signal(1);

            rig_submit(&queue, rig_dispatch(RIG_SPIN, groups[i], word(3000), done), true);
            assert_true(rig_wait(done, 0, 60));
            if (round == 0)
                first[i] = rig_duration(done);
            assert_int_equal(rig_duration(done), first[i]);
        }
    }
    assert_true(first[0] > 3000 * 3 * 4 * 1000 / 1725); /* 3 instructions of 4 cycles each */
    assert_int_equal(first[0], first[1]);               /* on a compute unit each */
    assert_true(first[2] > 5 * first[1]);               /* ten waves on a SIMD, then the rest */
    rig_queue_destroy(&queue);
}

static void test_barrier_bit(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *a = rig_signal(1), *b = rig_signal(1), *c = rig_signal(1);

    rig_submit(&queue, rig_dispatch(RIG_SPIN, 10, word(20000), a), false);
    rig_submit(&queue, rig_dispatch(RIG_SPIN, 10, word(10), b), false);
    rig_submit(&queue, rig_dispatch(RIG_SPIN, 10, word(10), c), true);
    assert_true(rig_wait(c, 0, 30));
    assert_int_equal(a->value, 0);
    assert_true(b->start_ts < a->end_ts && b->end_ts < a->end_ts);
    assert_int_equal(c->start_ts, a->end_ts + 2000); /* decoded already: dispatch_ns remains */
    rig_queue_destroy(&queue);
}

/* Two queues, each with a work-group for every compute unit that fills it: one after the other. */
static void test_full_units(void **state)
{
    struct rig_queue a = rig_queue_create(7), b = rig_queue_create(7);
    amd_signal_t *go = rig_signal(1), *done_a = rig_signal(1), *done_b = rig_signal(1);
    uint32_t *count = word(5000);
    hsa_kernel_dispatch_packet_t first = rig_dispatch(RIG_SPIN, 60, count, done_a);
    hsa_kernel_dispatch_packet_t second = rig_dispatch(RIG_SPIN, 60, count, done_b);

    first.group_segment_size = second.group_segment_size = WHOLE_CU;
    rig_submit(&a, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, go, NULL), true);
    rig_submit(&b, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, go, NULL), true);
    rig_submit(&a, first, true);
    rig_submit(&b, second, true);
    usleep(5000);
    __atomic_store_n(&go->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(done_a, 0, 30));
    assert_true(rig_wait(done_b, 0, 30));
    if (done_a->start_ts < done_b->start_ts)
        assert_int_equal(done_b->start_ts + 1000, done_a->end_ts); /* completion_ns after the end */
    else
        assert_int_equal(done_a->start_ts + 1000, done_b->end_ts);
    assert_int_equal(rig_duration(done_a), rig_duration(done_b));
    rig_queue_destroy(&a);
    rig_queue_destroy(&b);
}

/* A queue that may use 20 units runs 60 work-groups that take one each in three turns, another with
 * the other 40 units to itself in two; neither waits for the other. */
static void test_units(void **state)
{
    struct rig_queue some = rig_queue_create(7), other = rig_queue_create(7);
    amd_signal_t *go = rig_signal(1), *done[3] = {rig_signal(1), rig_signal(1), rig_signal(1)};
    struct emu_units last20 = {.word = {0xfffffull << 40}}, first40 = {.word = {0xffffffffffull}};
    uint32_t *count = word(5000);
    hsa_kernel_dispatch_packet_t one = rig_dispatch(RIG_SPIN, 1, count, done[2]);

    rig_submit(&some, one, true);
    assert_true(rig_wait(done[2], 0, 30));
    assert_int_equal(emu_queue_set_units(some.id, &last20), 0);
    assert_int_equal(emu_queue_set_units(other.id, &first40), 0);
    rig_submit(&some, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, go, NULL), true);
    rig_submit(&other, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, go, NULL), true);
    for (int i = 0; i < 2; i++) {
        hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_SPIN, 60, count, done[i]);

        packet.group_segment_size = WHOLE_CU;
        rig_submit(i == 0 ? &some : &other, packet, true);
    }
    __atomic_store_n(&go->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(done[0], 0, 30));
    assert_true(rig_wait(done[1], 0, 30));
    uint64_t alone = rig_duration(done[2]),
             about = alone / 8; /* what a launch takes is in it once */
    assert_in_range(rig_duration(done[0]), 3 * alone - about, 3 * alone + about);
    assert_in_range(rig_duration(done[1]), 2 * alone - about, 2 * alone + about);
    rig_queue_destroy(&some);
    rig_queue_destroy(&other);
}

static void test_destroy_kills(void **state)
{
    struct rig_queue queue = rig_queue_create(7), other = rig_queue_create(7);
    amd_signal_t *killed = rig_signal(1), *done = rig_signal(1);
    uint32_t *flag = word(0);
    hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_POLL, 1000, pointer_to(flag), killed);

    packet.group_segment_size = WHOLE_CU;
    rig_submit(&queue, packet, true);
    while (rig_residents() < 60)
        usleep(1000);
    rig_submit(&other, rig_dispatch(RIG_SPIN, 1, word(10), done), true);
    usleep(2000);
    rig_queue_destroy(&queue);
    assert_int_equal(killed->value, 1);
    assert_true(rig_wait(done, 0, 30));
    assert_int_equal(rig_residents(), 0);
    assert_int_equal(killed->value, 1);
    rig_queue_destroy(&other);
}

/* A suspended queue's waves do not run and have no places, and device time goes on without them. */
static void test_suspend(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1), *second = rig_signal(1);
    uint32_t *flag = word(0);
    uint64_t before;

    rig_submit(&queue, rig_dispatch(RIG_POLL, 4, pointer_to(flag), done), true);
    rig_submit(&queue, rig_barrier(HSA_PACKET_TYPE_BARRIER_AND, NULL, second), true);
    while (rig_residents() < 4)
        usleep(1000);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
    before = emu_device_clock_ns();
    usleep(20000);
    assert_true(emu_device_clock_ns() > before + 1000000);
    assert_int_equal(done->value, 1);
    assert_int_equal(rig_residents(), 0);
    assert_int_equal(rig_queue_percent(&queue, 100), 0);
    assert_true(rig_wait(second, 0, 30));
    assert_int_equal(done->value, 0);
    assert_true(done->end_ts > before + 1000000);
    rig_queue_destroy(&queue);
}

/* The places of a suspended queue's waves are another queue's meanwhile; when it comes back its
 * waves wait for room, and go on where they were: each work-group is run once, with its registers
 * and in the time that it would have taken. */
static void test_suspend_gives_places(void **state)
{
    enum { GROUPS = 130 }; /* 60 run, and the rest wait for them */
    struct rig_queue queue = rig_queue_create(7), other = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1), *ran = rig_signal(1), *polled = rig_signal(1);
    uint32_t *flag = word(0);
    hsa_kernel_dispatch_packet_t spin = rig_dispatch(RIG_SPIN, GROUPS, word(100000), done);
    hsa_kernel_dispatch_packet_t poll = rig_dispatch(RIG_POLL, 60, pointer_to(flag), polled);
    hsa_kernel_dispatch_packet_t alone;
    uint64_t back;

    spin.group_segment_size = poll.group_segment_size = WHOLE_CU;
    alone = spin;
    alone.completion_signal.handle = (uint64_t)ran;
    rig_submit(&queue, alone, true);
    assert_true(rig_wait(ran, 0, 60));
    for (int i = 0; i < 5; i++) { /* more than once: what is restored may be saved again */
        rig_submit(&queue, spin, true);
        while (rig_residents() < 60 && __atomic_load_n(&done->value, __ATOMIC_ACQUIRE) == 1)
            usleep(100);
        assert_int_equal(rig_queue_percent(&queue, 0), 0);
        assert_int_equal(rig_residents(), 0);
        rig_submit(&other, poll, true);
        while (rig_residents() < 60)
            usleep(100);
        back = emu_device_clock_ns();
        assert_int_equal(rig_queue_percent(&queue, 100), 0);
        usleep(3000);
        assert_int_equal(rig_residents(), 60); /* the other's still */
        assert_int_equal(done->value, 1);
        if (i % 2) {
            assert_int_equal(rig_queue_percent(&queue, 0), 0); /* while it waits for room */
            assert_int_equal(rig_queue_percent(&queue, 100), 0);
        }
        __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
        assert_true(rig_wait(polled, 0, 30));
        assert_true(rig_wait(done, 0, 60));
        assert_true(done->end_ts > back);
        assert_true(rig_duration(done) > rig_duration(ran));
        __atomic_store_n(flag, 0, __ATOMIC_RELEASE);
        done->value = polled->value = 1;
    }
    rig_queue_destroy(&queue);
    rig_queue_destroy(&other);
}

/* However often it is suspended, a dispatch takes as long as it did alone, beside the time for
 * which it was away: nothing is lost, nothing is done for nothing. */
static void test_suspend_keeps_time(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);
    uint64_t undisturbed, away_ns = 0;

    rig_submit(&queue, rig_dispatch(RIG_SPIN, 4, word(300000), done), true);
    assert_true(rig_wait(done, 0, 60));
    undisturbed = rig_duration(done);
    done->value = 1;
    rig_submit(&queue, rig_dispatch(RIG_SPIN, 4, word(300000), done), true);
    while (rig_residents() < 4)
        usleep(100);
    for (int i = 0; i < 12; i++) {
        uint64_t off, on;

        assert_int_equal(rig_queue_percent(&queue, 0), 0);
        off = emu_device_clock_ns();
        usleep(500);
        on = emu_device_clock_ns();
        assert_int_equal(rig_queue_percent(&queue, 100), 0);
        if (done->value == 1)
            away_ns += on - off;
        usleep(500);
    }
    assert_true(rig_wait(done, 0, 60));
    assert_true(away_ns > 0);
    assert_true(rig_duration(done) >= undisturbed + away_ns);
    /* The clock moves on a little while the calls begin and return. */
    assert_true(rig_duration(done) < undisturbed + away_ns + 12 * 400000);
    rig_queue_destroy(&queue);
}

static void test_destroy_suspended(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1);

    rig_submit(&queue, rig_dispatch(RIG_POLL, 4, pointer_to(word(0)), done), true);
    while (rig_residents() < 4)
        usleep(1000);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    assert_int_equal(rig_queue_percent(&queue, 0), 0);
    rig_queue_destroy(&queue);
    assert_int_equal(rig_residents(), 0);
}

/* What ROCr is told, by the bits of queue_inactive_signal. */
static void test_errors(void **state)
{
    for (int i = 0; i < 9; i++) {
        struct rig_queue queue = rig_queue_create(7);
        hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_SPIN, 1, word(1), NULL);
        int64_t expected = 0;

        switch (i) {
        case 0: /* no such packet type */
            packet.header = 9;
            expected = EMU_QUEUE_INVALID_PACKET;
            break;
        case 1:
            packet.workgroup_size_y = 0;
            expected = EMU_QUEUE_INVALID_DIM;
            break;
        case 2:
            packet.group_segment_size = WHOLE_CU + 1;
            expected = EMU_QUEUE_INVALID_GROUP_MEMORY;
            break;
        case 3:
            packet.kernel_object = 0;
            expected = EMU_QUEUE_INVALID_CODE;
            break;
        case 4:
            packet.workgroup_size_x = 1025;
            expected = EMU_QUEUE_GROUP_TOO_LARGE;
            break;
        case 5:
            packet.kernel_object = rig_dispatch(RIG_TRAP, 1, NULL, NULL).kernel_object;
            expected = (int64_t)EMU_QUEUE_TRAP;
            break;
        case 6:
            packet.kernel_object = rig_dispatch(RIG_ILLEGAL, 1, NULL, NULL).kernel_object;
            packet.grid_size_x = 64 * 5000;
            expected = EMU_QUEUE_ILLEGAL_INSTRUCTION;
            break;
        case 7: /* vendor packet of unknown format */
            packet.header = HSA_PACKET_TYPE_VENDOR_SPECIFIC;
            packet.setup = 77;
            expected = EMU_QUEUE_INVALID_VENDOR_PACKET;
            break;
        default:
            packet.grid_size_z = 0;
            expected = EMU_QUEUE_INVALID_DIM;
        }
        rig_submit(&queue, packet, true);
        if (!rig_wait(queue.inactive, expected, 20))
            fail_msg("case %d: 0x%llx", i, (unsigned long long)queue.inactive->value);
        assert_int_equal(rig_residents(), 0);
        rig_queue_destroy(&queue);
    }
}

static void test_memory_fault(void **state)
{
    struct kfd_ioctl_create_event_args create = {.event_type = KFD_IOC_EVENT_MEMORY};
    struct kfd_event_data data = {0};
    struct kfd_ioctl_wait_events_args wait = {
        .events_ptr = (uint64_t)&data, .num_events = 1, .timeout = 20000};
    struct rig_queue queue = rig_queue_create(7);

    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_CREATE_EVENT, &create), 0);
    data.event_id = create.event_id;
    rig_submit(&queue, rig_dispatch(RIG_STORE, 100, pointer_to((void *)0x123456000), NULL), true);
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_WAIT_EVENTS, &wait), 0);
    assert_int_equal(wait.wait_result, KFD_IOC_WAIT_RESULT_COMPLETE);
    assert_int_equal(data.memory_exception_data.va, 0x123456000);
    assert_int_equal(data.memory_exception_data.failure.NotPresent, 1);
    while (rig_residents() > 0)
        usleep(1000);
    rig_queue_destroy(&queue);
}

/* The runtime allocates scratch when asked, and takes a large one back afterwards. */
static void test_scratch(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(1), *again = rig_signal(1);
    hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_SPIN, 2400, word(50), done);

    packet.private_segment_size = 100;
    rig_submit(&queue, packet, true);
    assert_true(rig_wait(queue.inactive, EMU_QUEUE_NEEDS_SCRATCH, 20));
    assert_int_equal(queue.aql->read_dispatch_id, 0);
    queue.aql->scratch_wave64_lane_byte_size = 112;
    queue.aql->compute_tmpring_size = 100 | 7 << 12; /* 100 waves of 7 KiB: some have to wait */
    queue.aql->scratch_backing_memory_location = (uint64_t)rig_alloc(100 * 7168);
    queue.aql->queue_properties |= AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE;
    __atomic_store_n(&queue.inactive->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(done, 0, 60));
    assert_true(rig_wait(queue.inactive, EMU_QUEUE_RECLAIM_SCRATCH, 20));
    packet.completion_signal.handle = (uint64_t)again;
    rig_submit(&queue, packet, true);
    usleep(5000);
    assert_int_equal(again->value, 1);
    __atomic_and_fetch(&queue.aql->queue_properties, ~AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE,
                       __ATOMIC_RELEASE);
    __atomic_store_n(&queue.inactive->value, 0, __ATOMIC_RELEASE);
    assert_true(rig_wait(again, 0, 60));
    assert_int_equal(queue.inactive->value, 0);
    rig_queue_destroy(&queue);
}

/* Code that the runtime has just written is executed once it has invalidated the caches. */
static void test_code_changes(void **state)
{
    struct rig_queue queue = rig_queue_create(7);
    amd_signal_t *done = rig_signal(3);
    hsa_kernel_dispatch_packet_t packet = rig_dispatch(RIG_STORE, 1, NULL, done), flush = {0};
    uint32_t *out = rig_alloc(64), *ib = rig_alloc(64), *code;
    uint32_t words[16] = {0};

    packet.kernarg_address = pointer_to(out);
    rig_submit(&queue, packet, true);
    assert_true(rig_wait(done, 2, 20));
    assert_int_equal(out[0], 1);
    code = (uint32_t *)(packet.kernel_object + *(int64_t *)(packet.kernel_object + 16));
    assert_int_equal(code[3], 0x80028102);
    code[3] = 0x80028502; /* s_add_u32 s2, s2, 5 */
    ib[0] = 0xc0055800;   /* ACQUIRE_MEM, 7 words */
    words[0] = HSA_PACKET_TYPE_VENDOR_SPECIFIC | 1 << 16;
    words[1] = 0xc0023f00; /* INDIRECT_BUFFER */
    words[2] = (uint32_t)(uint64_t)ib;
    words[3] = (uint32_t)((uint64_t)ib >> 32);
    words[4] = 7 | 1 << 23;
    memcpy(&flush, words, sizeof(flush));
    flush.completion_signal.handle = (uint64_t)done;
    rig_submit(&queue, flush, true);
    rig_submit(&queue, packet, true);
    assert_true(rig_wait(done, 0, 20));
    assert_int_equal(out[0], 5);
    code[3] = 0x80028102;
    rig_submit(&queue, flush, true);
    assert_true(rig_wait(done, -1, 20));
    rig_queue_destroy(&queue);
}

/* The copy engine's queue: write pointer by doorbell, read pointer written back, time charged. */
static void test_sdma_queue(void **state)
{
    uint64_t *pointers = rig_alloc(64);
    char *from = rig_alloc(120000), *to = rig_alloc(120000);
    uint32_t *ring = rig_alloc(4096);
    uint64_t *stamps = rig_alloc(64);
    struct kfd_ioctl_create_queue_args args = {
        .ring_base_address = (uint64_t)ring,
        .write_pointer_address = (uint64_t)&pointers[0],
        .read_pointer_address = (uint64_t)&pointers[1],
        .ring_size = 4096,
        .gpu_id = EMU_GPU_ID,
        .queue_type = KFD_IOC_QUEUE_TYPE_SDMA,
        .queue_percentage = 100,
        .queue_priority = 7,
    };
    const uint32_t packets[] = {
        13 | 2 << 8,
        (uint32_t)(uint64_t)&stamps[0],
        (uint32_t)((uint64_t)&stamps[0] >> 32),
        1,
        120000 - 1,
        0,
        (uint32_t)(uint64_t)from,
        (uint32_t)((uint64_t)from >> 32),
        (uint32_t)(uint64_t)to,
        (uint32_t)((uint64_t)to >> 32),
        13 | 2 << 8,
        (uint32_t)(uint64_t)&stamps[4],
        (uint32_t)((uint64_t)&stamps[4] >> 32),
    };

    memset(from, 0x5a, 120000);
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_CREATE_QUEUE, &args), 0);
    memcpy(ring, packets, sizeof(packets));
    __atomic_store_n(&emu_vm_doorbells()[args.queue_id], sizeof(packets), __ATOMIC_RELEASE);
    for (int i = 0; i < 100000; i++) {
        if (__atomic_load_n(&pointers[1], __ATOMIC_ACQUIRE) == sizeof(packets))
            break;
        usleep(100);
    }
    assert_int_equal(pointers[1], sizeof(packets));
    assert_memory_equal(from, to, 120000);
    /* 120000 bytes at 12000 a microsecond, and two packets' decoding. */
    assert_int_equal(stamps[4] - stamps[0], 10000 + 2000);
    assert_int_equal(
        emu_kfd_ioctl(AMDKFD_IOC_DESTROY_QUEUE,
                      &(struct kfd_ioctl_destroy_queue_args){.queue_id = args.queue_id}),
        0);
}

/* A poll packet holds the copy engine's queue until memory says so; time goes on meanwhile. */
static void test_sdma_poll(void **state)
{
    uint64_t *pointers = rig_alloc(64);
    uint32_t *ring = rig_alloc(4096), *flag = word(3);
    struct kfd_ioctl_create_queue_args args = {
        .ring_base_address = (uint64_t)ring,
        .write_pointer_address = (uint64_t)&pointers[0],
        .read_pointer_address = (uint64_t)&pointers[1],
        .ring_size = 4096,
        .gpu_id = EMU_GPU_ID,
        .queue_type = KFD_IOC_QUEUE_TYPE_SDMA,
        .queue_percentage = 100,
        .queue_priority = 7,
    };
    const uint32_t packet[] = {
        8 | 3u << 28 | 1u << 31, /* POLL_REGMEM, memory, equal */
        (uint32_t)(uint64_t)flag, (uint32_t)((uint64_t)flag >> 32), 9, 0xffffffff, 0xfff << 16 | 10,
    };
    uint64_t before;

    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_CREATE_QUEUE, &args), 0);
    memcpy(ring, packet, sizeof(packet));
    __atomic_store_n(&emu_vm_doorbells()[args.queue_id], sizeof(packet), __ATOMIC_RELEASE);
    usleep(5000);
    before = emu_device_clock_ns();
    usleep(20000);
    assert_int_equal(pointers[1], 0);
    assert_true(emu_device_clock_ns() > before + 1000000);
    __atomic_store_n(flag, 9, __ATOMIC_RELEASE);
    for (int i = 0; i < 100000 && __atomic_load_n(&pointers[1], __ATOMIC_ACQUIRE) == 0; i++)
        usleep(100);
    assert_int_equal(pointers[1], sizeof(packet));
    assert_int_equal(
        emu_kfd_ioctl(AMDKFD_IOC_DESTROY_QUEUE,
                      &(struct kfd_ioctl_destroy_queue_args){.queue_id = args.queue_id}),
        0);
}

/* Queues come and go on several threads while kernels run; every completion arrives. */
static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < 15; i++) {
        struct rig_queue queue = rig_queue_create(rand_r(&seed) % 16);
        amd_signal_t *done = rig_signal(3);
        uint32_t *flag = word(0);

        for (int k = 0; k < 3; k++)
            rig_submit(&queue, rig_dispatch(RIG_SPIN, 1 + rand_r(&seed) % 200, word(100), done),
                       k % 2);
        rig_submit(&queue, rig_dispatch(RIG_POLL, 20, pointer_to(flag), NULL), false);
        if (i % 3 == 0 && (rig_queue_percent(&queue, 0) || rig_queue_percent(&queue, 100)))
            return (void *)1;
        if (i % 5 != 0 && !rig_wait(done, 0, 60))
            return (void *)2;
        rig_queue_destroy(&queue);
    }
    return NULL;
}

static void test_churn(void **state)
{
    pthread_t threads[4];
    void *result;

    (void)rig_signal(0);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_int_equal(rig_residents(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier_and),
        cmocka_unit_test(test_barrier_or),
        cmocka_unit_test(test_barrier_value),
        cmocka_unit_test(test_invalid_holds),
        cmocka_unit_test(test_hidden_doorbell),
        cmocka_unit_test(test_ring_wraps),
        cmocka_unit_test(test_dispatch),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_barrier_bit),
        cmocka_unit_test(test_full_units),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_destroy_kills),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_suspend_gives_places),
        cmocka_unit_test(test_suspend_keeps_time),
        cmocka_unit_test(test_destroy_suspended),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory_fault),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_code_changes),
        cmocka_unit_test(test_sdma_queue),
        cmocka_unit_test(test_sdma_poll),
        cmocka_unit_test(test_churn),
    };

    if (argc < 2)
        return 1;
    rig_init(argv[1]);
    rig_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
