// SPDX-License-Identifier: Apache-2.0
/*
 * What the driver's front half shares between its files: interpose.c (libc calls), topology.c
 * (files), kfd.c (ioctl table), vm.c (buffer objects) and event.c (events). The back half (segment,
 * engine, queues) sees driver.h only. Private to emu/amd/.
 *
 * Functions return 0 or a negative errno, as the kernel's do.
 */
#pragma once

#include <linux/kfd_ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver.h"

/** KFD's name of the one GPU, and its render node. The topology files publish both. */
enum { EMU_GPU_ID = 31743, EMU_RENDER_MINOR = 128, EMU_DEVICE_ID = 0x66a1, EMU_PCI_REVISION = 2 };
/** GB_ADDR_CONFIG of Vega 20 (gfx_v9_0.c, gfx_v9_0_gpu_early_init). */
#define EMU_GB_ADDR_CONFIG 0x22014042u

/* ---- kfd.c ---- */
/** Copies from and to the program's memory: 0, or -EFAULT where a plain copy would crash. */
int emu_user_get(void *ours, uint64_t user, size_t size);
int emu_user_put(uint64_t user, const void *ours, size_t size);

/* ---- drm.c ---- */
/** ioctl on the render node: 0 or a negative errno. */
int emu_drm_ioctl(unsigned long request, void *arg);

/* ---- topology.c ---- */
/** Sets @real to where the file @path (below one of the redirected prefixes) really lies, to be
 * freed; makes the files at the first call. Any thread. */
int emu_topology_redirect(const char *path, char **real);
/** A new descriptor (close-on-exec) with what /proc/modules says when this driver is loaded. */
int emu_topology_modules_fd(void);

/* ---- vm.c ---- */
/** Makes the device memory of this process (again in a forked child). */
int emu_vm_start(void);
/** True if the descriptor, whoever duplicated it, is the memory file of this process. */
bool emu_vm_is_file(int fd);
int emu_vm_alloc(struct kfd_ioctl_alloc_memory_of_gpu_args *args);
int emu_vm_free(uint64_t handle);
int emu_vm_map(uint64_t handle);
int emu_vm_unmap(uint64_t handle);
/** Bytes of device memory that no process has allocated. */
uint64_t emu_vm_available(void);
/** Host address of the start of a buffer object that lies in the memory file, and its size. */
void *emu_vm_object(uint64_t handle, uint64_t *size);
/** Where the doorbell of queue @id lies in the memory file. */
uint64_t emu_vm_doorbell_offset(uint32_t id);

/* ---- event.c ---- */
/** Forgets all events (again in a forked child). */
void emu_event_start(void);
/** @page: the event page, if the caller passed one (may be NULL). */
int emu_event_create(struct kfd_ioctl_create_event_args *args, uint64_t *page, uint64_t page_bytes);
int emu_event_destroy(uint32_t event_id);
int emu_event_set_checked(uint32_t event_id);
int emu_event_reset(uint32_t event_id);
/** Waits as KFD does: @data[].event_id name the events; data of the raised ones is filled in.
 * Returns 0 with @result set (KFD_IOC_WAIT_RESULT_*), -EINVAL for an unknown event, -EIO if one was
 * destroyed. */
int emu_event_wait(struct kfd_event_data *data, uint32_t count, bool all, uint32_t timeout_ms,
                   uint32_t *result);
