// SPDX-License-Identifier: Apache-2.0
/*
 * The few requests that libdrm_amdgpu makes on the render node when the runtime asks it for the
 * GPU's marketing name (amdgpu_device_initialize). Everything else is refused and named.
 *
 * The structures below are the kernel's, from include/uapi/drm/drm.h and amdgpu_drm.h, as far as
 * they are used; those headers are not part of Debian's kernel headers package.
 */
#include "kfd.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct drm_version {
    int32_t major, minor, patch;
    uint32_t pad;
    uint64_t name_bytes, name, date_bytes, date, text_bytes,
        text; /* lengths in and out, pointers in */
};

struct drm_client {
    int32_t index, authenticated;
    uint64_t pid, uid, magic, iocs;
};

struct drm_amdgpu_info {
    uint64_t result;       /* pointer, in */
    uint32_t result_bytes; /* in */
    uint32_t query;        /* in */
    struct {
        uint32_t offset, count, instance, flags; /* query REGISTERS */
    } registers;
};

/* The leading part of struct drm_amdgpu_info_device. */
struct drm_amdgpu_info_device {
    uint32_t device_id, chip_rev, external_rev, pci_rev, family;
    uint32_t shader_engines, shader_arrays_per_engine, counter_khz;
    uint64_t max_engine_khz, max_memory_khz;
    uint32_t active_cus, always_on_cus, cu_bitmap[4][4];
    uint32_t rb_pipe_mask, rb_pipes, hw_contexts, pcie_gen;
    uint64_t flags, va_offset, va_max;
    uint32_t va_alignment, fragment_bytes, gart_page_bytes, ce_ram_bytes, vram_type, vram_bits;
};

enum { REQUEST_VERSION = 0x00, REQUEST_GET_CLIENT = 0x05, REQUEST_AMDGPU_INFO = 0x45 };
enum { QUERY_ACCEL_WORKING = 0x00, QUERY_REGISTERS = 0x15, QUERY_DEVICE = 0x16 };
enum { FAMILY_AI = 141, VRAM_TYPE_HBM = 6, REGISTER_GB_ADDR_CONFIG = 0x263e };

static int put_text(uint64_t *bytes, uint64_t user, const char *text)
{
    uint64_t length = strlen(text), room = *bytes;

    *bytes = length;
    return user && room ? emu_user_put(user, text, room < length ? room : length) : 0;
}

static int get_version(void *arg)
{
    struct drm_version *v = arg;
    int rc;

    v->major = 3; /* amdgpu's, with the driver that ROCm 5.2 came with */
    v->minor = 46;
    v->patch = 0;
    rc = put_text(&v->name_bytes, v->name, "amdgpu");
    if (!rc)
        rc = put_text(&v->date_bytes, v->date, "20150101");
    if (!rc)
        rc = put_text(&v->text_bytes, v->text, "AMD GPU");
    return rc;
}

static int get_client(void *arg)
{
    struct drm_client *client = arg;

    if (client->index)
        return -EINVAL;
    *client = (struct drm_client){.authenticated = 1};
    return 0;
}

static void describe_device(struct drm_amdgpu_info_device *info)
{
    struct emu_device *dev = emu_segment_lock();
    const struct emu_profile *profile = &dev->profile;

    *info = (struct drm_amdgpu_info_device){
        .device_id = EMU_DEVICE_ID,
        .chip_rev = 1,
        .external_rev = 0x29, /* Vega 20 counts from 0x28 */
        .pci_rev = EMU_PCI_REVISION,
        .family = FAMILY_AI,
        .shader_engines = 4,
        .shader_arrays_per_engine = 1,
        .counter_khz = 25000,
        .max_engine_khz = (uint64_t)profile->clock_mhz * 1000,
        .max_memory_khz = 1000000,
        .active_cus = profile->compute_units,
        .rb_pipe_mask = 0xffff,
        .rb_pipes = 16,
        .hw_contexts = 8,
        .va_offset = 2ull << 20,
        .va_max = 1ull << 47,
        .va_alignment = 4096,
        .fragment_bytes = 2u << 20,
        .gart_page_bytes = 4096,
        .vram_type = VRAM_TYPE_HBM,
        .vram_bits = 4096,
    };
    for (uint32_t cu = 0; cu < profile->compute_units && cu < 64; cu++)
        info->cu_bitmap[cu % 4][0] |= 1u << cu / 4;
    emu_segment_unlock();
}

static int get_info(void *arg)
{
    const struct drm_amdgpu_info *info = arg;
    struct drm_amdgpu_info_device device;
    uint32_t value = 1;
    const void *result = &value;
    size_t bytes = sizeof(value);

    switch (info->query) {
    case QUERY_ACCEL_WORKING:
        break;
    case QUERY_REGISTERS:
        if (info->registers.offset != REGISTER_GB_ADDR_CONFIG || info->registers.count != 1) {
            emu_missing("reading GPU register 0x%x", info->registers.offset);
            return -EFAULT;
        }
        value = EMU_GB_ADDR_CONFIG;
        break;
    case QUERY_DEVICE:
        describe_device(&device);
        result = &device;
        bytes = sizeof(device);
        break;
    default:
        emu_missing("DRM request AMDGPU_INFO, query 0x%02x", info->query);
        return -EINVAL;
    }
    return emu_user_put(info->result, result,
                        bytes < info->result_bytes ? bytes : info->result_bytes);
}

int emu_drm_ioctl(unsigned long request, void *arg)
{
    static const struct {
        unsigned number;
        size_t bytes;
        int (*handler)(void *arg);
    } requests[] = {
        {REQUEST_VERSION, sizeof(struct drm_version), get_version},
        {REQUEST_GET_CLIENT, sizeof(struct drm_client), get_client},
        {REQUEST_AMDGPU_INFO, sizeof(struct drm_amdgpu_info), get_info},
    };
    union {
        char bytes[sizeof(struct drm_version)];
        uint64_t align;
    } args;
    int rc;

    if (!emu_started())
        return -EBADF;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].number != _IOC_NR(request))
            continue;
        if (_IOC_SIZE(request) != requests[i].bytes)
            return -EINVAL;
        rc = emu_user_get(args.bytes, (uint64_t)arg, requests[i].bytes);
        if (!rc)
            rc = requests[i].handler(args.bytes);
        if (!rc && (request & IOC_OUT))
            rc = emu_user_put((uint64_t)arg, args.bytes, requests[i].bytes);
        return rc;
    }
    emu_missing("DRM request 0x%02x", (unsigned)_IOC_NR(request));
    return -EINVAL;
}
