// SPDX-License-Identifier: Apache-2.0
/* See rig.h. Takes the place of interpose.c and topology.c: nothing is preloaded here. */
#include "rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "emu/amd/kfd.h"

static char *code; /* descriptors, then kernels, 256 bytes apart */

/* Assembled with llvm-mc --arch=amdgcn --mcpu=gfx906. */
static const uint32_t spin[] = {
    0xc0020000, 0x00000000, /* s_load_dword s0, s[0:1], 0x0 */
    0xbf8cc07f,             /* s_waitcnt lgkmcnt(0) */
    0x80808100,             /* s_sub_u32 s0, s0, 1 */
    0xbf078000,             /* s_cmp_lg_u32 s0, 0 */
    0xbf85fffd,             /* s_cbranch_scc1 -3 */
    0xbf810000,             /* s_endpgm */
};
static const uint32_t store[] = {
    0xc0060100, 0x00000000, /* s_load_dwordx2 s[4:5], s[0:1], 0x0 */
    0x8e038202,             /* s_lshl_b32 s3, s2, 2 */
    0x80028102,             /* s_add_u32 s2, s2, 1 */
    0x7e000203,             /* v_mov_b32 v0, s3 */
    0x7e020202,             /* v_mov_b32 v1, s2 */
    0xbf8cc07f,             /* s_waitcnt lgkmcnt(0) */
    0xdc708000, 0x00040100, /* global_store_dword v0, v1, s[4:5] */
    0xbf810000,             /* s_endpgm */
};
static const uint32_t poll[] = {
    0xc0060100, 0x00000000, /* s_load_dwordx2 s[4:5], s[0:1], 0x0 */
    0x7e000280,             /* v_mov_b32 v0, 0 */
    0xbf8cc07f,             /* s_waitcnt lgkmcnt(0) */
    0xdc518000, 0x01040000, /* global_load_dword v1, v0, s[4:5] glc */
    0xbf8c0f70,             /* s_waitcnt vmcnt(0) */
    0x7d940280,             /* v_cmp_eq_u32 vcc, 0, v1 */
    0xbf87fffb,             /* s_cbranch_vccnz -5 */
    0xbf810000,             /* s_endpgm */
};
static const uint32_t trap[] = {0xbf920002, 0xbf810000}; /* s_trap 2; s_endpgm */
static const uint32_t illegal[] = {0xffffffff, 0xffffffff};

static const struct {
    const uint32_t *words;
    size_t bytes;
} kernels[RIG_KERNELS] = {
    [RIG_SPIN] = {spin, sizeof(spin)},          [RIG_STORE] = {store, sizeof(store)},
    [RIG_POLL] = {poll, sizeof(poll)},          [RIG_TRAP] = {trap, sizeof(trap)},
    [RIG_ILLEGAL] = {illegal, sizeof(illegal)},
};

/* ---- what interpose.c and topology.c would be ---- */

const char emu_default_profile[] = "mi50";

int emu_real_open(const char *path, int flags, unsigned mode)
{
    return open(path, flags, mode);
}

/* ---- memory ---- */

static char dir[] = "/tmp/emu-rig-XXXXXX";
static pid_t dir_owner;

static void remove_dir(void)
{
    char path[512];

    if (dir_owner != getpid())
        return;
    snprintf(path, sizeof(path), "%s/reef-emu-mi50-%u", dir, (unsigned)geteuid());
    unlink(path);
    rmdir(dir);
}

void rig_init(const char *profile)
{
    assert_non_null(mkdtemp(dir));
    dir_owner = getpid();
    atexit(remove_dir);
    setenv("REEF_EMU_DIR", dir, 1);
    setenv("REEF_EMU_PROFILE", profile, 1);
    setenv("REEF_EMU_TIMESCALE", "2", 0);
}

void *rig_alloc(size_t bytes)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .size = (bytes + 4095) & ~4095ull,
        .gpu_id = EMU_GPU_ID,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_GTT | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
                 KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE,
    };
    uint32_t gpu = EMU_GPU_ID;
    struct kfd_ioctl_map_memory_to_gpu_args map = {.device_ids_array_ptr = (uint64_t)&gpu,
                                                   .n_devices = 1};
    void *host = mmap(NULL, alloc.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(host, MAP_FAILED);
    alloc.va_addr = (uint64_t)host;
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc), 0);
    assert_ptr_equal(mmap(host, alloc.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                          emu_vm_fd(), (off_t)alloc.mmap_offset),
                     host);
    map.handle = alloc.handle;
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map), 0);
    memset(host, 0, alloc.size);
    return host;
}

static void put_kernels(void)
{
    code = rig_alloc(RIG_KERNELS * 512);
    for (int k = 0; k < RIG_KERNELS; k++) {
        char *descriptor = code + k * 64, *entry = code + RIG_KERNELS * 256 + k * 256;
        int64_t offset = entry - descriptor;
        uint32_t rsrc1 = 1 | 1 << 6;      /* 8 VGPRs, 16 SGPRs */
        uint32_t rsrc2 = 2 << 1 | 1 << 7; /* 2 user SGPRs, work-group id x */
        uint16_t properties = 8;          /* kernarg pointer */

        memcpy(descriptor + 16, &offset, sizeof(offset));
        memcpy(descriptor + 48, &rsrc1, sizeof(rsrc1));
        memcpy(descriptor + 52, &rsrc2, sizeof(rsrc2));
        memcpy(descriptor + 56, &properties, sizeof(properties));
        memcpy(entry, kernels[k].words, kernels[k].bytes);
    }
}

void rig_open(void)
{
    assert_int_equal(emu_start(), 0);
    put_kernels();
}

/* ---- signals ---- */

amd_signal_t *rig_signal(int64_t value)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *page, *end;
    static pid_t owner;
    amd_signal_t *signal;

    pthread_mutex_lock(&lock);
    if (page == end || owner != getpid()) {
        page = rig_alloc(65536);
        end = page + 65536;
        owner = getpid();
    }
    signal = (amd_signal_t *)page;
    page += sizeof(*signal);
    pthread_mutex_unlock(&lock);
    signal->kind = AMD_SIGNAL_KIND_USER;
    signal->value = value;
    return signal;
}

static double wall(void)
{
    return (double)emu_wall_ns() * 1e-9;
}

bool rig_wait(amd_signal_t *signal, int64_t value, double seconds)
{
    double end = wall() + seconds;

    while (__atomic_load_n(&signal->value, __ATOMIC_ACQUIRE) != value) {
        if (wall() > end)
            return false;
        usleep(100);
    }
    return true;
}

uint64_t rig_duration(const amd_signal_t *signal)
{
    return signal->end_ts - signal->start_ts;
}

/* ---- queues ---- */

struct rig_queue rig_queue_create(uint32_t priority)
{
    struct rig_queue queue = {.packets = 256};
    struct kfd_ioctl_create_queue_args args = {
        .gpu_id = EMU_GPU_ID,
        .queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
        .queue_percentage = 100,
        .queue_priority = priority,
        .ring_size = queue.packets * 64,
    };

    queue.aql = rig_alloc(sizeof(*queue.aql));
    queue.ring = rig_alloc(args.ring_size);
    queue.inactive = rig_signal(0);
    queue.aql->queue_inactive_signal.handle = (uint64_t)queue.inactive;
    for (uint32_t i = 0; i < queue.packets; i++)
        queue.ring[i].header = HSA_PACKET_TYPE_INVALID;
    args.ring_base_address = (uint64_t)queue.ring;
    args.write_pointer_address = (uint64_t)&queue.aql->write_dispatch_id;
    args.read_pointer_address = (uint64_t)&queue.aql->read_dispatch_id;
    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_CREATE_QUEUE, &args), 0);
    queue.id = args.queue_id;
    return queue;
}

void rig_queue_destroy(struct rig_queue *queue)
{
    struct kfd_ioctl_destroy_queue_args args = {.queue_id = queue->id};

    assert_int_equal(emu_kfd_ioctl(AMDKFD_IOC_DESTROY_QUEUE, &args), 0);
}

int rig_queue_percent(struct rig_queue *queue, uint32_t percent)
{
    struct kfd_ioctl_update_queue_args args = {
        .ring_base_address = percent ? (uint64_t)queue->ring : 0,
        .queue_id = queue->id,
        .ring_size = percent ? queue->packets * 64 : 0,
        .queue_percentage = percent,
        .queue_priority = 7,
    };

    return emu_kfd_ioctl(AMDKFD_IOC_UPDATE_QUEUE, &args);
}

hsa_kernel_dispatch_packet_t rig_dispatch(enum rig_kernel kernel, uint32_t groups, void *kernarg,
                                          amd_signal_t *completion)
{
    return (hsa_kernel_dispatch_packet_t){
        .header = HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE,
        .setup = 1,
        .workgroup_size_x = 64,
        .workgroup_size_y = 1,
        .workgroup_size_z = 1,
        .grid_size_x = groups * 64,
        .grid_size_y = 1,
        .grid_size_z = 1,
        .kernel_object = (uint64_t)code + kernel * 64,
        .kernarg_address = kernarg,
        .completion_signal = {(uint64_t)completion},
    };
}

hsa_kernel_dispatch_packet_t rig_barrier(unsigned type, amd_signal_t *dep, amd_signal_t *completion)
{
    hsa_barrier_and_packet_t barrier = {
        .header = (uint16_t)(type << HSA_PACKET_HEADER_TYPE),
        .dep_signal = {{(uint64_t)dep}},
        .completion_signal = {(uint64_t)completion},
    };
    hsa_kernel_dispatch_packet_t packet;

    memcpy(&packet, &barrier, sizeof(packet));
    return packet;
}

uint64_t rig_submit(struct rig_queue *queue, hsa_kernel_dispatch_packet_t packet, bool barrier_bit)
{
    hsa_kernel_dispatch_packet_t *slot = &queue->ring[queue->next % queue->packets];
    uint16_t header = packet.header;
    uint64_t index = queue->next++;

    if (barrier_bit)
        header |= 1 << HSA_PACKET_HEADER_BARRIER;
    packet.header = HSA_PACKET_TYPE_INVALID;
    memcpy((char *)slot + 2, (char *)&packet + 2, sizeof(packet) - 2);
    __atomic_store_n(&slot->header, header, __ATOMIC_RELEASE);
    __atomic_store_n(&queue->aql->write_dispatch_id, queue->next, __ATOMIC_RELEASE);
    __atomic_store_n(&emu_vm_doorbells()[queue->id], index, __ATOMIC_RELEASE);
    return index;
}

unsigned rig_residents(void)
{
    const struct emu_device *dev = emu_segment_lock();
    unsigned count = 0;

    for (int i = 0; i < EMU_MAX_RESIDENTS; i++)
        count += dev->residents[i].used == EMU_RESIDENT_PLACED ||
                 dev->residents[i].used == EMU_RESIDENT_TAKEN;
    emu_segment_unlock();
    return count;
}
