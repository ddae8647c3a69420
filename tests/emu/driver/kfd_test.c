// SPDX-License-Identifier: Apache-2.0
/*
 * The requests of /dev/kfd (emu/amd/kfd.c) as a program makes them that has the emulator preloaded:
 * results, argument sizes of other header versions, wrong arguments, and what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GPU         31743u
#define BAD_POINTER 8ull

static int failures, kfd;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #condition,              \
                    strerror(errno));                                                              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/** 0 or the error number. */
static int request(unsigned long number, void *args)
{
    return ioctl(kfd, number, args) ? errno : 0;
}

static void answers(void)
{
    struct kfd_ioctl_get_clock_counters_args clock = {.gpu_id = GPU}, cpu = {0};
    struct kfd_process_device_apertures apertures[4];
    struct kfd_ioctl_get_process_apertures_new_args nodes = {
        .kfd_process_device_apertures_ptr = (uint64_t)apertures, .num_of_nodes = 4};
    struct kfd_ioctl_get_process_apertures_new_args count = {0};
    struct kfd_ioctl_set_xnack_mode_args xnack = {.xnack_enabled = -1};
    uint32_t tiles[32], macro_tiles[16];
    struct kfd_ioctl_get_tile_config_args tile = {.tile_config_ptr = (uint64_t)tiles,
                                                  .macro_tile_config_ptr = (uint64_t)macro_tiles,
                                                  .num_tile_configs = 32,
                                                  .num_macro_tile_configs = 16,
                                                  .gpu_id = GPU};
    uint64_t before;

    CHECK(request(AMDKFD_IOC_GET_CLOCK_COUNTERS, &clock) == 0);
    CHECK(clock.system_clock_freq == 1000000000);
    CHECK(clock.gpu_clock_counter == clock.system_clock_counter);
    for (int i = 0; i < 1000; i++) {
        before = clock.gpu_clock_counter;
        CHECK(request(AMDKFD_IOC_GET_CLOCK_COUNTERS, &clock) == 0 &&
              clock.gpu_clock_counter > before);
    }
    CHECK(request(AMDKFD_IOC_GET_CLOCK_COUNTERS, &cpu) == 0 && cpu.gpu_clock_counter == 0);

    CHECK(request(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &count) == 0 && count.num_of_nodes == 1);
    CHECK(request(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &nodes) == 0 && nodes.num_of_nodes == 1);
    CHECK(apertures[0].gpu_id == GPU && apertures[0].gpuvm_limit == (1ull << 47) - 1);
    nodes.kfd_process_device_apertures_ptr = BAD_POINTER;
    CHECK(request(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &nodes) == EFAULT);

    CHECK(request(AMDKFD_IOC_SET_XNACK_MODE, &xnack) == 0 && xnack.xnack_enabled == 0);
    xnack.xnack_enabled = 1;
    CHECK(request(AMDKFD_IOC_SET_XNACK_MODE, &xnack) == EPERM);
    CHECK(request(AMDKFD_IOC_GET_TILE_CONFIG, &tile) == 0 && tile.num_tile_configs == 32);
    tile.gpu_id = 5;
    CHECK(request(AMDKFD_IOC_GET_TILE_CONFIG, &tile) == EINVAL);
}

/** Programs built with older headers pass less, with newer ones more. */
static void argument_sizes(void)
{
    struct {
        struct kfd_ioctl_get_version_args args;
        uint32_t more[8];
    } large = {.more = {7}};
    struct {
        uint32_t major, untouched;
    } small = {.untouched = 9};

    CHECK(request(_IOC(_IOC_READ, 'K', 0x01, sizeof(large)), &large) == 0);
    CHECK(large.args.major_version == 1 && large.more[0] == 7);
    CHECK(request(_IOC(_IOC_READ, 'K', 0x01, 4), &small) == 0);
    CHECK(small.major == 1 && small.untouched == 9);
}

static void memory(void)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args a = {.va_addr = 0x1000000,
                                                   .size = 4096,
                                                   .gpu_id = GPU,
                                                   .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM |
                                                            KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE};
    uint32_t gpus[2] = {GPU, 99};
    struct kfd_ioctl_map_memory_to_gpu_args map = {.device_ids_array_ptr = (uint64_t)gpus,
                                                   .n_devices = 1};
    struct kfd_ioctl_free_memory_of_gpu_args release = {0};
    char *bytes;

    CHECK(request(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a) == 0);
    bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, kfd, (off_t)a.mmap_offset);
    CHECK(bytes != MAP_FAILED && bytes[100] == 0);
    map.handle = release.handle = a.handle;
    CHECK(request(AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map) == 0 && map.n_success == 1);
    CHECK(request(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &release) == EBUSY);
    map.n_success = 0;
    map.n_devices = 2;
    CHECK(request(AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map) == EINVAL && map.n_success == 1);
    map.n_success = 0;
    map.n_devices = 1;
    CHECK(request(AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &map) == 0 && map.n_success == 1);
    map.n_success = 0;
    map.device_ids_array_ptr = BAD_POINTER;
    CHECK(request(AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map) == EFAULT);
    CHECK(request(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &release) == 0);
    CHECK(request(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &release) == EINVAL);
    a.gpu_id = 0;
    CHECK(request(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a) == EINVAL);
    a.gpu_id = GPU;
    a.size = 1ull << 36;
    CHECK(request(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &a) == ENOMEM);
}

static void events(void)
{
    struct kfd_ioctl_create_event_args create = {.event_type = KFD_IOC_EVENT_SIGNAL,
                                                 .auto_reset = 1};
    struct kfd_event_data data = {0};
    struct kfd_ioctl_wait_events_args wait = {.events_ptr = (uint64_t)&data, .num_events = 1};
    struct kfd_ioctl_set_event_args set = {0};

    CHECK(request(AMDKFD_IOC_CREATE_EVENT, &create) == 0 && create.event_id > 0);
    data.event_id = set.event_id = create.event_id;
    CHECK(request(AMDKFD_IOC_WAIT_EVENTS, &wait) == 0);
    CHECK(wait.wait_result == KFD_IOC_WAIT_RESULT_TIMEOUT);
    CHECK(request(AMDKFD_IOC_SET_EVENT, &set) == 0);
    CHECK(request(AMDKFD_IOC_WAIT_EVENTS, &wait) == 0);
    CHECK(wait.wait_result == KFD_IOC_WAIT_RESULT_COMPLETE);
    CHECK(request(AMDKFD_IOC_DESTROY_EVENT, &set) == 0);
    CHECK(request(AMDKFD_IOC_DESTROY_EVENT, &set) == EINVAL);
    CHECK(request(AMDKFD_IOC_WAIT_EVENTS, &wait) == EINVAL);
    wait.num_events = UINT32_MAX;
    CHECK(request(AMDKFD_IOC_WAIT_EVENTS, &wait) == EINVAL);
    create.event_page_offset = 12345; /* no such memory */
    CHECK(request(AMDKFD_IOC_CREATE_EVENT, &create) == EINVAL);
}

static void queues(void)
{
    struct kfd_ioctl_create_queue_args create = {.gpu_id = GPU,
                                                 .queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
                                                 .queue_percentage = 100,
                                                 .ring_size = 4096,
                                                 .ring_base_address = 0x5000000,
                                                 .write_pointer_address = 0x6000000,
                                                 .read_pointer_address = 0x6000080};
    struct kfd_ioctl_destroy_queue_args destroy = {.queue_id = 500};
    struct kfd_ioctl_update_queue_args update = {.queue_id = 500, .queue_percentage = 100};

    CHECK(request(AMDKFD_IOC_CREATE_QUEUE, &create) == EFAULT); /* nothing is mapped there */
    create.queue_percentage = 101;
    CHECK(request(AMDKFD_IOC_CREATE_QUEUE, &create) == EINVAL);
    create.queue_percentage = 100;
    create.ring_size = 5000;
    CHECK(request(AMDKFD_IOC_CREATE_QUEUE, &create) == EINVAL);
    create.ring_size = 4096;
    create.queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE;
    CHECK(request(AMDKFD_IOC_CREATE_QUEUE, &create) == EINVAL);
    CHECK(request(AMDKFD_IOC_DESTROY_QUEUE, &destroy) != 0);
    CHECK(request(AMDKFD_IOC_UPDATE_QUEUE, &update) != 0);
}

static void refused(void)
{
    struct kfd_ioctl_smi_events_args smi = {.gpuid = GPU};
    struct kfd_ioctl_alloc_queue_gws_args gws = {.num_gws = 64};
    char buffer[64] = {0};

    CHECK(request(AMDKFD_IOC_SMI_EVENTS, &smi) == EINVAL);
    CHECK(request(AMDKFD_IOC_ALLOC_QUEUE_GWS, &gws) == EINVAL);
    CHECK(request(AMDKFD_IOC_SVM, buffer) == EINVAL);
    CHECK(request(_IOWR('K', 0x82, buffer), buffer) == EINVAL);
    CHECK(request(_IO('K', 0xff), NULL) == EINVAL);
}

int main(void)
{
    char own[] = "/tmp/reef-kfd-XXXXXX", command[64];

    if (!mkdtemp(own)) {
        perror(own);
        return 1;
    }
    setenv("REEF_EMU_DIR", own, 1);
    kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
    CHECK(kfd >= 0);
    if (kfd >= 0) {
        answers();
        argument_sizes();
        memory();
        events();
        queues();
        refused();
    }
    snprintf(command, sizeof(command), "rm -r %s", own);
    CHECK(system(command) == 0);
    return failures ? 1 : 0;
}
