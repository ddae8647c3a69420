// SPDX-License-Identifier: Apache-2.0
/*
 * What is used of amdkfd's interface, by hand: kernels' headers differ in what they have, and some
 * need DRM's. Layouts as in linux/kfd_ioctl.h, whose structures only grow; a test compares.
 */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

#define KFD_MAGIC 'K'

enum {
    KFD_NR_GET_VERSION = 0x01,
    KFD_NR_CREATE_QUEUE = 0x02,
    KFD_NR_DESTROY_QUEUE = 0x03,
    KFD_NR_UPDATE_QUEUE = 0x07,
    /* REEF's patch (reef-env, amdgpu-dkms of ROCm 4.3); the first is PC sampling's in AMD's own
     * drivers from ROCm 6.2 on. */
    KFD_NR_WAVE_RESET = 0x85,
    KFD_NR_CLEAR_QUEUE = 0x86,
};

enum { KFD_QUEUE_COMPUTE = 0, KFD_QUEUE_COMPUTE_AQL = 2 };

struct kfd_version {
    uint32_t major, minor;
};

/* As far as it is known in all versions. */
struct kfd_create_queue {
    uint64_t ring, write_pointer, read_pointer, doorbell_offset;
    uint32_t ring_bytes, gpu_id, type, percent, priority, id;
};

struct kfd_destroy_queue {
    uint32_t id, pad;
};

struct kfd_update_queue {
    uint64_t ring;
    uint32_t id, ring_bytes, percent, priority;
};

/* The first word of REEF's structures. */
struct kfd_wave_reset {
    uint32_t gpu_id;
};

/* AMD's PC sampling, its first operation asks what there is. */
struct kfd_pc_sample {
    uint64_t info;
    uint32_t info_count, op, gpu_id, trace_id, flags, version;
};

#define KFD_GET_VERSION  _IOR(KFD_MAGIC, KFD_NR_GET_VERSION, struct kfd_version)
#define KFD_WAVE_RESET   _IOWR(KFD_MAGIC, KFD_NR_WAVE_RESET, struct kfd_wave_reset)
#define KFD_CLEAR_QUEUE  _IOWR(KFD_MAGIC, KFD_NR_CLEAR_QUEUE, struct kfd_wave_reset)
#define KFD_PC_SAMPLE    _IOWR(KFD_MAGIC, KFD_NR_WAVE_RESET, struct kfd_pc_sample)
#define KFD_UPDATE_QUEUE _IOW(KFD_MAGIC, KFD_NR_UPDATE_QUEUE, struct kfd_update_queue)
