// SPDX-License-Identifier: Apache-2.0
/*
 * KFD events (emu/amd/event.c): automatic and manual reset, waiting for one and for all, timeouts,
 * many waiters, destruction under a waiter, fault data, the event page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emu/amd/kfd.h"
#include "fake_device.h"

#define INFINITE UINT32_MAX

static int setup(void **state)
{
    fake_device_reset(1 << 20);
    emu_event_start();
    return emu_vm_start();
}

static uint32_t create(uint32_t type, bool auto_reset)
{
    struct kfd_ioctl_create_event_args args = {.event_type = type, .auto_reset = auto_reset};

    assert_int_equal(emu_event_create(&args, NULL, 0), 0);
    return args.event_id;
}

static uint32_t wait_for(uint32_t id, uint32_t timeout_ms)
{
    struct kfd_event_data data = {.event_id = id};
    uint32_t result = 99;

    assert_int_equal(emu_event_wait(&data, 1, false, timeout_ms, &result), 0);
    return result;
}

static void reset_rules(void **state)
{
    uint32_t automatic = create(KFD_IOC_EVENT_SIGNAL, true);
    uint32_t manual = create(KFD_IOC_EVENT_SIGNAL, false);

    assert_int_equal(wait_for(automatic, 0), KFD_IOC_WAIT_RESULT_TIMEOUT);
    assert_int_equal(emu_event_set_checked(automatic), 0);
    assert_int_equal(wait_for(automatic, 0), KFD_IOC_WAIT_RESULT_COMPLETE);
    assert_int_equal(wait_for(automatic, 0), KFD_IOC_WAIT_RESULT_TIMEOUT);

    assert_int_equal(emu_event_set_checked(manual), 0);
    assert_int_equal(wait_for(manual, INFINITE), KFD_IOC_WAIT_RESULT_COMPLETE);
    assert_int_equal(wait_for(manual, INFINITE), KFD_IOC_WAIT_RESULT_COMPLETE);
    assert_int_equal(emu_event_reset(manual), 0);
    assert_int_equal(wait_for(manual, 5), KFD_IOC_WAIT_RESULT_TIMEOUT);
}

static void wrong_requests(void **state)
{
    struct kfd_ioctl_create_event_args args = {.event_type = 55};
    struct kfd_event_data data = {.event_id = 4000};
    uint32_t result, memory = create(KFD_IOC_EVENT_MEMORY, true);

    assert_int_equal(emu_event_create(&args, NULL, 0), -EINVAL);
    assert_int_equal(emu_event_set_checked(4000), -EINVAL);
    assert_int_equal(emu_event_set_checked(UINT32_MAX), -EINVAL);
    assert_int_equal(emu_event_reset(4000), -EINVAL);
    assert_int_equal(emu_event_destroy(4000), -EINVAL);
    assert_int_equal(emu_event_wait(&data, 1, false, 0, &result), -EINVAL);
    assert_int_equal(emu_event_set_checked(memory), -EINVAL); /* only the GPU raises it */
}

static void event_ids_run_out(void **state)
{
    struct kfd_ioctl_create_event_args args = {.event_type = KFD_IOC_EVENT_SIGNAL};

    for (int i = 1; i < KFD_SIGNAL_EVENT_LIMIT; i++) {
        assert_int_equal(emu_event_create(&args, NULL, 0), 0);
        assert_int_equal(args.event_id, i);
        assert_int_equal(args.event_slot_index, i);
        assert_int_equal(args.event_trigger_data, i);
    }
    assert_int_equal(emu_event_create(&args, NULL, 0), -ENOSPC);
    assert_int_equal(emu_event_destroy(77), 0);
    assert_int_equal(emu_event_create(&args, NULL, 0), 0);
    assert_int_equal(args.event_id, 77);
}

static void waiting_for_all(void **state)
{
    struct kfd_event_data data[3];
    uint32_t result;

    memset(data, 0, sizeof(data));
    for (int i = 0; i < 3; i++)
        data[i].event_id = create(KFD_IOC_EVENT_SIGNAL, true);
    emu_event_set(data[0].event_id);
    emu_event_set(data[2].event_id);
    assert_int_equal(emu_event_wait(data, 3, true, 0, &result), 0);
    assert_int_equal(result, KFD_IOC_WAIT_RESULT_TIMEOUT);
    for (int i = 0; i < 3; i++)
        emu_event_set(data[i].event_id);
    assert_int_equal(emu_event_wait(data, 3, true, 0, &result), 0);
    assert_int_equal(result, KFD_IOC_WAIT_RESULT_COMPLETE);
}

static void timeouts_take_their_time(void **state)
{
    uint32_t id = create(KFD_IOC_EVENT_SIGNAL, true);
    struct timespec a, b;
    long ms;

    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_int_equal(wait_for(id, 30), KFD_IOC_WAIT_RESULT_TIMEOUT);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    assert_in_range(ms, 29, 2000);
}

struct worker {
    pthread_t thread;
    uint32_t ids[2];
    unsigned count;
    int rc;
    uint32_t result;
};

static void *wait_thread(void *arg)
{
    struct worker *w = arg;
    struct kfd_event_data data[2] = {{.event_id = w->ids[0]}, {.event_id = w->ids[1]}};

    w->rc = emu_event_wait(data, w->count, false, INFINITE, &w->result);
    return NULL;
}

static void one_set_wakes_all_who_wait(void **state)
{
    struct worker workers[8];
    uint32_t id = create(KFD_IOC_EVENT_SIGNAL, true);

    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.ids = {id, create(KFD_IOC_EVENT_SIGNAL, true)}, .count = 2};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, wait_thread, &workers[i]), 0);
    }
    usleep(20000); /* let them fall asleep; one that is late finds its second event set */
    emu_event_set(id);
    for (int i = 0; i < 8; i++)
        emu_event_set(workers[i].ids[1]);
    for (int i = 0; i < 8; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].rc, 0);
        assert_int_equal(workers[i].result, KFD_IOC_WAIT_RESULT_COMPLETE);
    }
}

static void destroying_an_event_ends_the_wait(void **state)
{
    struct worker w = {.ids = {create(KFD_IOC_EVENT_SIGNAL, true)}, .count = 1};

    assert_int_equal(pthread_create(&w.thread, NULL, wait_thread, &w), 0);
    usleep(20000);
    assert_int_equal(emu_event_destroy(w.ids[0]), 0);
    pthread_join(w.thread, NULL);
    /* -EINVAL if the thread came too late to find the event at all */
    assert_true(w.rc == -EIO || w.rc == -EINVAL);
}

static void *set_many(void *arg)
{
    for (int i = 0; i < 20000; i++)
        emu_event_set(*(uint32_t *)arg);
    return NULL;
}

static void no_wakeup_is_lost(void **state)
{
    uint32_t id = create(KFD_IOC_EVENT_SIGNAL, true);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, set_many, &id), 0);
    for (int i = 0; i < 1000; i++) {
        /* Sets may have merged and ended; then one more is due. */
        if (wait_for(id, 50) == KFD_IOC_WAIT_RESULT_TIMEOUT)
            break;
    }
    pthread_join(thread, NULL);
    emu_event_set(id);
    assert_int_equal(wait_for(id, INFINITE), KFD_IOC_WAIT_RESULT_COMPLETE);
}

static void faults_carry_their_data(void **state)
{
    struct kfd_event_data data = {.event_id = create(KFD_IOC_EVENT_MEMORY, true)};
    struct kfd_event_data hang = {.event_id = create(KFD_IOC_EVENT_HW_EXCEPTION, true)};
    uint32_t result;

    emu_event_memory_fault(0x123456, true, false);
    assert_int_equal(emu_event_wait(&data, 1, false, 0, &result), 0);
    assert_int_equal(result, KFD_IOC_WAIT_RESULT_COMPLETE);
    assert_int_equal(data.memory_exception_data.gpu_id, EMU_GPU_ID);
    assert_int_equal(data.memory_exception_data.va, 0x123000);
    assert_int_equal(data.memory_exception_data.failure.NotPresent, 1);
    assert_int_equal(data.memory_exception_data.failure.ReadOnly, 0);

    emu_event_hw_exception();
    assert_int_equal(emu_event_wait(&hang, 1, false, 0, &result), 0);
    assert_int_equal(hang.hw_exception_data.reset_cause, KFD_HW_EXCEPTION_GPU_HANG);
    assert_int_equal(hang.hw_exception_data.gpu_id, EMU_GPU_ID);
}

static void the_gpu_signals_through_the_page(void **state)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args memory = {
        .va_addr = 0x800000,
        .size = 8 * KFD_SIGNAL_EVENT_LIMIT,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_GTT | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
    };
    struct kfd_ioctl_create_event_args args = {.event_type = KFD_IOC_EVENT_SIGNAL, .auto_reset = 1};
    uint64_t bytes = 0, *page;

    assert_int_equal(emu_vm_alloc(&memory), 0);
    assert_int_equal(emu_vm_map(memory.handle), 0);
    page = emu_vm_object(memory.handle, &bytes);
    assert_non_null(page);
    assert_int_equal(emu_event_create(&args, page, bytes), 0);
    assert_int_equal(emu_event_create(&args, page, bytes), -EINVAL); /* there is one page */
    assert_true(page[args.event_id] == UINT64_MAX);
    emu_event_signal(0x800000 + 8 * args.event_id, args.event_id);
    assert_true(page[args.event_id] == UINT64_MAX);
    assert_int_equal(wait_for(args.event_id, 0), KFD_IOC_WAIT_RESULT_COMPLETE);
    emu_event_signal(0x10, 4095); /* a bad mailbox and an unknown event do nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reset_rules, setup),
        cmocka_unit_test_setup(wrong_requests, setup),
        cmocka_unit_test_setup(event_ids_run_out, setup),
        cmocka_unit_test_setup(waiting_for_all, setup),
        cmocka_unit_test_setup(timeouts_take_their_time, setup),
        cmocka_unit_test_setup(one_set_wakes_all_who_wait, setup),
        cmocka_unit_test_setup(destroying_an_event_ends_the_wait, setup),
        cmocka_unit_test_setup(no_wakeup_is_lost, setup),
        cmocka_unit_test_setup(faults_carry_their_data, setup),
        cmocka_unit_test_setup(the_gpu_signals_through_the_page, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
