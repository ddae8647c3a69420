// SPDX-License-Identifier: Apache-2.0
/*
 * The AMD kernel driver (amdkfd) below the HSA runtime: which hardware queues this process has, and
 * what the runtime offers no call for, to take one off the hardware for a while. Sources:
 * linux/kfd_ioctl.h, and drivers/gpu/drm/amd/amdkfd/ (kfd_chardev.c, kfd_device_queue_manager.c).
 *
 * The runtime's thunk makes its requests through ioctl(2), which is hooked (preload/ioctl.h), also
 * where it is linked statically. A queue is known by the address of its ring. On the file that it
 * was made on UPDATE_QUEUE with 0 % stops it: amdkfd preempts it, which saves its waves (CWSR), and
 * does not map it again until it has more than 0 %. ROCr's own AqlQueue::Suspend does just this.
 * Needs no privilege, in all versions of the interface.
 *
 * While a queue is off, the runtime's own updates of it (priority) are passed on with 0 %.
 *
 * Any thread. reef_kfd_set_off waits for the driver.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Whether the driver's requests pass through our hook, and it is one whose interface is known: a
 *  condition for everything below. False before hsa_init. */
bool reef_kfd_seen(void);
/** Takes the queue with this ring off the hardware, or lets it go on. Returns 0 or a negative
 * errno; -ENOENT: it is not known. */
int reef_kfd_set_off(const void *ring, bool off);

/* REEF's own means, where its patched driver runs: a request that ends all waves of the process.
 * How it is told from others: kfd_probe.h. */
/** Whether the request is there. The driver is asked once, when a queue exists. */
bool reef_kfd_can_kill(void);
/** Ends all waves of this process on the GPU of the queue with this ring; what is queued behind
 *  goes on. Returns 0 or a negative errno. */
int reef_kfd_kill_waves(const void *ring);
/** Whether every compute queue that this process has is idle, but for those to whose rings @own
 * says yes. */
bool reef_kfd_others_idle(bool (*own)(const void *ring, void *arg), void *arg);
