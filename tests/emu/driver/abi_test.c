// SPDX-License-Identifier: Apache-2.0
/* The shim's own words for amdkfd's interface (shim/amd/kfd_abi.h) are the kernel's. */
#include <linux/kfd_ioctl.h>
#include <stddef.h>

#include "shim/amd/kfd_abi.h"

#define SAME(ours, field, theirs, name)                                                            \
    _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, name) &&                \
                       sizeof(((struct ours *)0)->field) == sizeof(((struct theirs *)0)->name),    \
                   #ours "." #field)

SAME(kfd_version, major, kfd_ioctl_get_version_args, major_version);
SAME(kfd_version, minor, kfd_ioctl_get_version_args, minor_version);
SAME(kfd_create_queue, ring, kfd_ioctl_create_queue_args, ring_base_address);
SAME(kfd_create_queue, write_pointer, kfd_ioctl_create_queue_args, write_pointer_address);
SAME(kfd_create_queue, read_pointer, kfd_ioctl_create_queue_args, read_pointer_address);
SAME(kfd_create_queue, ring_bytes, kfd_ioctl_create_queue_args, ring_size);
SAME(kfd_create_queue, gpu_id, kfd_ioctl_create_queue_args, gpu_id);
SAME(kfd_create_queue, type, kfd_ioctl_create_queue_args, queue_type);
SAME(kfd_create_queue, percent, kfd_ioctl_create_queue_args, queue_percentage);
SAME(kfd_create_queue, priority, kfd_ioctl_create_queue_args, queue_priority);
SAME(kfd_create_queue, id, kfd_ioctl_create_queue_args, queue_id);
SAME(kfd_destroy_queue, id, kfd_ioctl_destroy_queue_args, queue_id);
SAME(kfd_update_queue, ring, kfd_ioctl_update_queue_args, ring_base_address);
SAME(kfd_update_queue, id, kfd_ioctl_update_queue_args, queue_id);
SAME(kfd_update_queue, ring_bytes, kfd_ioctl_update_queue_args, ring_size);
SAME(kfd_update_queue, percent, kfd_ioctl_update_queue_args, queue_percentage);
SAME(kfd_update_queue, priority, kfd_ioctl_update_queue_args, queue_priority);
_Static_assert(KFD_UPDATE_QUEUE == AMDKFD_IOC_UPDATE_QUEUE, "UPDATE_QUEUE");
_Static_assert(KFD_GET_VERSION == AMDKFD_IOC_GET_VERSION, "GET_VERSION");
_Static_assert(KFD_NR_GET_VERSION == _IOC_NR(AMDKFD_IOC_GET_VERSION), "GET_VERSION");
_Static_assert(KFD_NR_CREATE_QUEUE == _IOC_NR(AMDKFD_IOC_CREATE_QUEUE), "CREATE_QUEUE");
_Static_assert(KFD_NR_DESTROY_QUEUE == _IOC_NR(AMDKFD_IOC_DESTROY_QUEUE), "DESTROY_QUEUE");
_Static_assert(KFD_MAGIC == AMDKFD_IOCTL_BASE, "magic");

int main(void)
{
    return 0;
}
