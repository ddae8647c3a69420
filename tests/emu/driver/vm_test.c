// SPDX-License-Identifier: Apache-2.0
/*
 * Buffer objects and the GPU's address space (emu/amd/vm.c): what is mapped is found at every byte,
 * what is not is not; limits and wrong requests; memory comes back zeroed; readers race with a
 * writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emu/amd/kfd.h"
#include "fake_device.h"

#define VRAM   (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE)
#define GTT    (KFD_IOC_ALLOC_MEM_FLAGS_GTT | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE)
#define PAGE   4096ull
#define MEMORY (64ull << 20)

static int allocate(uint64_t va, uint64_t size, uint32_t flags, uint64_t *handle, uint64_t *offset)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args args = {.va_addr = va,
                                                      .size = size,
                                                      .flags = flags,
                                                      .gpu_id = EMU_GPU_ID,
                                                      .mmap_offset = offset ? *offset : 0};
    int rc = emu_vm_alloc(&args);

    if (!rc) {
        *handle = args.handle;
        if (offset)
            *offset = args.mmap_offset;
    }
    return rc;
}

static int setup(void **state)
{
    fake_device_reset(MEMORY);
    return emu_vm_start();
}

static void mapped_memory_is_what_the_program_maps(void **state)
{
    uint64_t handle = 0, offset = 0, va = 0x7000000000;
    char *host, *mapping;

    assert_int_equal(allocate(va, 3 * PAGE, VRAM, &handle, &offset), 0);
    assert_null(emu_vm_host(va, 1));
    assert_int_equal(emu_vm_map(handle), 0);
    host = emu_vm_host(va, 3 * PAGE);
    assert_non_null(host);
    mapping = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, emu_vm_fd(), (off_t)offset);
    assert_true(mapping != MAP_FAILED);
    mapping[PAGE + 5] = 42;
    assert_int_equal(host[PAGE + 5], 42);
    munmap(mapping, 3 * PAGE);

    assert_null(emu_vm_host(va - 1, 1));
    assert_null(emu_vm_host(va, 3 * PAGE + 1));
    assert_null(emu_vm_host(va + 3 * PAGE, 1));
    assert_ptr_equal(emu_vm_host(va + 3 * PAGE - 1, 1), host + 3 * PAGE - 1);

    assert_int_equal(emu_vm_free(handle), -EBUSY);
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_int_equal(emu_vm_free(handle), 0);
    assert_int_equal(emu_vm_free(handle), -EINVAL);
    assert_int_equal(emu_vm_map(handle), -EINVAL);
}

static void freed_memory_comes_back_zeroed(void **state)
{
    uint64_t handle = 0, va = 0x100000000;

    for (int round = 0; round < 40; round++) {
        /* 40 rounds of 2 GiB pass the end of the file and reuse its start. */
        uint64_t size = 2ull << 30;
        char *host;

        assert_int_equal(allocate(va, size, GTT, &handle, NULL), 0);
        assert_int_equal(emu_vm_map(handle), 0);
        host = emu_vm_host(va, size);
        assert_non_null(host);
        assert_int_equal(host[0] | host[size / 2] | host[size - 1], 0);
        host[0] = host[size / 2] = host[size - 1] = 1;
        assert_int_equal(emu_vm_unmap(handle), 0);
        assert_int_equal(emu_vm_free(handle), 0);
    }
}

static void device_memory_is_limited_for_all_processes(void **state)
{
    uint64_t a = 0, b = 0;

    assert_int_equal(allocate(0x1000000, MEMORY + PAGE, VRAM, &a, NULL), -ENOMEM);
    assert_int_equal(allocate(0x1000000, MEMORY / 2, VRAM, &a, NULL), 0);
    assert_int_equal(emu_vm_available(), MEMORY / 2);
    fake_device.processes[3].pid = 77;
    fake_device.processes[3].memory_bytes = MEMORY / 4;
    assert_int_equal(allocate(0x10000000, MEMORY / 2, VRAM, &b, NULL), -ENOMEM);
    assert_int_equal(allocate(0x10000000, MEMORY / 2, GTT, &b, NULL), 0);
    assert_int_equal(emu_vm_free(b), 0);
    fake_device.processes[3].pid = 0; /* it died */
    assert_int_equal(allocate(0x10000000, MEMORY / 2, VRAM, &b, NULL), 0);
    assert_int_equal(emu_vm_available(), 0);
    assert_int_equal(emu_vm_free(a), 0);
    assert_int_equal(emu_vm_free(b), 0);
    assert_int_equal(emu_vm_available(), MEMORY);
    assert_int_equal(fake_device.processes[0].memory_bytes, 0);
}

static void wrong_requests_are_refused(void **state)
{
    uint64_t a = 0, b = 0, bad = 0x123;

    assert_int_equal(allocate(0x1000000, 0, VRAM, &a, NULL), -EINVAL);
    assert_int_equal(allocate(0x1000001, PAGE, VRAM, &a, NULL), -EINVAL);
    assert_int_equal(allocate(1ull << 47, PAGE, VRAM, &a, NULL), -EINVAL);
    assert_int_equal(allocate(0x1000000, UINT64_MAX, VRAM, &a, NULL), -EINVAL);
    assert_int_equal(allocate(0x1000000, PAGE, 0, &a, NULL), -EINVAL);
    assert_int_equal(allocate(0x1000000, PAGE, VRAM | GTT, &a, NULL), -EINVAL);
    assert_int_equal(allocate(0x1000000, PAGE, KFD_IOC_ALLOC_MEM_FLAGS_USERPTR, &a, &bad), -EINVAL);
    assert_int_equal(allocate(0x1000000, PAGE, KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL, &a, NULL),
                     -EINVAL);
    assert_int_equal(allocate(0x1000000, 100ull << 30, GTT, &a, NULL), -EINVAL);

    /* Two objects at one address: the second cannot be mapped. */
    assert_int_equal(allocate(0x1000000, 4 * PAGE, VRAM, &a, NULL), 0);
    assert_int_equal(allocate(0x1003000, 4 * PAGE, VRAM, &b, NULL), 0);
    assert_int_equal(emu_vm_map(a), 0);
    assert_int_equal(emu_vm_map(a), 0);
    assert_int_equal(emu_vm_map(b), -EINVAL);
    assert_int_equal(emu_vm_unmap(a), 0);
    assert_int_equal(emu_vm_map(b), 0);
    assert_int_equal(emu_vm_map(a), -EINVAL);
    assert_int_equal(emu_vm_unmap(b), 0);
    assert_int_equal(emu_vm_free(a), 0);
    assert_int_equal(emu_vm_free(b), 0);
}

static void each_kind_of_memory(void **state)
{
    static char user[2 * PAGE] __attribute__((aligned(4096)));
    struct gcn_memory *memory = emu_vm_memory();
    uint64_t handle = 0, offset = (uint64_t)user, size = 0;
    struct gcn_range range;

    /* A user pointer: the program's memory itself, read-only here. */
    assert_int_equal(
        allocate(0x500000, sizeof(user), KFD_IOC_ALLOC_MEM_FLAGS_USERPTR, &handle, &offset), 0);
    assert_int_equal(emu_vm_map(handle), 0);
    assert_true(memory->find(memory, 0x501000, &range));
    assert_ptr_equal(range.host, user);
    assert_int_equal(range.start, 0x500000);
    assert_int_equal(range.end, 0x502000);
    assert_false(range.writable);
    assert_null(emu_vm_object(handle, &size));
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_int_equal(emu_vm_free(handle), 0);

    /* Doorbells: what the GPU stores there is what the engine reads. */
    assert_int_equal(allocate(0x600000, 8 * EMU_DOORBELLS,
                              KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
                              &handle, NULL),
                     0);
    assert_int_equal(emu_vm_map(handle), 0);
    *(uint64_t *)emu_vm_host(0x600000 + 8 * 17, 8) = 99;
    assert_int_equal(emu_vm_doorbells()[17], 99);
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_int_equal(emu_vm_free(handle), 0);
    assert_int_equal(emu_vm_doorbells()[17], 99);

    /* A queue's ring of the old kind: one memory at two addresses in a row. */
    assert_int_equal(
        allocate(0x700000, 4 * PAGE, GTT | KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM, &handle, NULL),
        0);
    assert_int_equal(emu_vm_map(handle), 0);
    assert_ptr_equal(emu_vm_host(0x700010, 1), emu_vm_host(0x702010, 1));
    assert_null(emu_vm_host(0x704000, 1));
    assert_non_null(emu_vm_object(handle, &size));
    assert_int_equal(size, 2 * PAGE);
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_null(emu_vm_host(0x700010, 1));
    assert_null(emu_vm_host(0x702010, 1));
    assert_int_equal(emu_vm_free(handle), 0);
}

static void unmapping_stops_the_engine(void **state)
{
    struct gcn_memory *memory = emu_vm_memory();
    uint64_t handle = 0, before = atomic_load(&memory->generation);

    assert_int_equal(allocate(0x500000, PAGE, VRAM, &handle, NULL), 0);
    assert_int_equal(emu_vm_map(handle), 0);
    assert_int_equal(fake_quiesces, 0);
    assert_int_equal(emu_vm_unmap(handle), 0);
    assert_int_equal(fake_quiesces, 1);
    assert_true(atomic_load(&memory->generation) > before);
    assert_int_equal(emu_vm_free(handle), 0);
}

enum { SLOTS = 200, STEPS = 20000 };

struct slot {
    uint64_t handle, va, size;
    char *host;
    bool mapped;
};

static void check_slot(const struct slot *slot)
{
    uint64_t inside = slot->va + (uint64_t)rand() % slot->size;

    if (!slot->mapped) {
        assert_null(emu_vm_host(inside, 1));
        return;
    }
    assert_ptr_equal(emu_vm_host(slot->va, slot->size), slot->host);
    assert_ptr_equal(emu_vm_host(inside, 1), slot->host + (inside - slot->va));
    assert_int_equal(*slot->host, (char)slot->handle);
}

static void random_requests(void **state)
{
    static struct slot slots[SLOTS];

    srand(1);
    for (int step = 0; step < STEPS; step++) {
        int index = rand() % SLOTS;
        struct slot *slot = &slots[index];

        if (!slot->handle) {
            slot->va = 0x10000000ull + (uint64_t)index * 0x100000;
            slot->size = (1 + (uint64_t)rand() % 256) * PAGE;
            if (allocate(slot->va, slot->size, rand() % 4 ? GTT : VRAM, &slot->handle, NULL))
                slot->handle = 0;
        } else if (!slot->mapped && rand() % 2) {
            assert_int_equal(emu_vm_map(slot->handle), 0);
            slot->mapped = true;
            slot->host = emu_vm_host(slot->va, 1);
            *slot->host = (char)slot->handle;
        } else if (slot->mapped) {
            assert_int_equal(emu_vm_unmap(slot->handle), 0);
            slot->mapped = false;
        } else {
            assert_int_equal(emu_vm_free(slot->handle), 0);
            slot->handle = 0;
        }
        slot = &slots[rand() % SLOTS];
        if (slot->handle)
            check_slot(slot);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].mapped)
            assert_int_equal(emu_vm_unmap(slots[i].handle), 0);
        if (slots[i].handle)
            assert_int_equal(emu_vm_free(slots[i].handle), 0);
    }
    assert_int_equal(emu_vm_available(), MEMORY);
    /* Nothing of the file is lost: one object can have nearly all of it. */
    assert_int_equal(allocate(0x10000000, (60ull << 30) - 0x200000, GTT, &slots[0].handle, NULL),
                     0);
    assert_int_equal(emu_vm_free(slots[0].handle), 0);
}

static atomic_bool reading;

static void *read_always(void *arg)
{
    uint64_t va = *(uint64_t *)arg;

    do {
        char *host = emu_vm_host(va, PAGE);

        if (!host || *host != 7)
            return (void *)1;
    } while (atomic_load(&reading));
    return NULL;
}

static void readers_race_with_a_writer(void **state)
{
    uint64_t fixed = 0, moving = 0, va = 0x20000000;
    pthread_t thread[3];

    assert_int_equal(allocate(va, PAGE, GTT, &fixed, NULL), 0);
    assert_int_equal(emu_vm_map(fixed), 0);
    *(char *)emu_vm_host(va, 1) = 7;
    atomic_store(&reading, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read_always, &va), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(allocate(va - (uint64_t)(1 + i % 50) * PAGE, PAGE, GTT, &moving, NULL), 0);
        assert_int_equal(emu_vm_map(moving), 0);
        assert_int_equal(emu_vm_unmap(moving), 0);
        assert_int_equal(emu_vm_free(moving), 0);
    }
    atomic_store(&reading, false);
    for (int i = 0; i < 3; i++) {
        void *failed;

        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(emu_vm_unmap(fixed), 0);
    assert_int_equal(emu_vm_free(fixed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(mapped_memory_is_what_the_program_maps, setup),
        cmocka_unit_test_setup(freed_memory_comes_back_zeroed, setup),
        cmocka_unit_test_setup(device_memory_is_limited_for_all_processes, setup),
        cmocka_unit_test_setup(wrong_requests_are_refused, setup),
        cmocka_unit_test_setup(each_kind_of_memory, setup),
        cmocka_unit_test_setup(unmapping_stops_the_engine, setup),
        cmocka_unit_test_setup(random_requests, setup),
        cmocka_unit_test_setup(readers_race_with_a_writer, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
