// SPDX-License-Identifier: Apache-2.0
/*
 * cuInit, the one device and its attributes, the names of errors; and what other calls are missing.
 *
 * Environment (docs/emulator.md): REEF_EMU_* of the device, REEF_EMU_COUNT=1 for launches that do
 * nothing but be counted.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRIVER_VERSION = CUDA_VERSION };

const char emu_default_profile[] = "v100";
struct emu_profile nv_profile;
bool nv_count_only;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CUresult outcome;

int emu_real_open(const char *path, int flags, unsigned mode)
{
    return open(path, flags, (mode_t)mode);
}

int nv_missing(const char *symbol);
int nv_missing(const char *symbol)
{
    emu_missing("%s", symbol);
    return CUDA_ERROR_NOT_SUPPORTED;
}

void nv_print(const char *text);
void nv_print(const char *text)
{
    fputs(text, stdout);
}

static void at_exit(void)
{
    nv_engine_stop();
}

static void start(void)
{
    struct emu_device *dev;

    emu_settings_check();
    if (emu_segment_attach() != 0) {
        outcome = CUDA_ERROR_NO_DEVICE;
        return;
    }
    dev = emu_segment_lock();
    nv_profile = dev->profile;
    emu_segment_unlock();
    if (nv_profile.compute_capability == 0) {
        emu_report("the profile %s is not of an NVIDIA device", nv_profile.name);
        outcome = CUDA_ERROR_NO_DEVICE;
        return;
    }
    nv_count_only = emu_settings()->count_only;
    outcome = nv_engine_start();
    if (outcome == CUDA_SUCCESS) {
        nv_initialized = true;
        atexit(at_exit);
    }
}

CUresult cuInit(unsigned int Flags)
{
    if (Flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_once(&once, start);
    if (outcome == CUDA_SUCCESS && nv_engine.pid != getpid())
        return CUDA_ERROR_NOT_INITIALIZED; /* forked: as CUDA, of no use any more */
    return outcome;
}

CUresult cuDriverGetVersion(int *driverVersion)
{
    if (!driverVersion)
        return CUDA_ERROR_INVALID_VALUE;
    *driverVersion = DRIVER_VERSION;
    return CUDA_SUCCESS;
}

/* ---- devices ---- */

static CUresult check_device(CUdevice dev)
{
    if (!nv_initialized)
        return CUDA_ERROR_NOT_INITIALIZED;
    return dev == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceGetCount(int *count)
{
    CUresult rc = check_device(0);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!count)
        return CUDA_ERROR_INVALID_VALUE;
    *count = 1;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    CUresult rc = check_device(ordinal);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!device)
        return CUDA_ERROR_INVALID_VALUE;
    *device = 0;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int len, CUdevice dev)
{
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name || len <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    snprintf(name, (size_t)len, "Emulated %s", nv_profile.name);
    return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice dev)
{
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!bytes)
        return CUDA_ERROR_INVALID_VALUE;
    *bytes = nv_profile.memory_bytes;
    return CUDA_SUCCESS;
}

static CUresult uuid_of(CUuuid *uuid, CUdevice dev)
{
    static const char text[16] = "reef-emulated-gp";
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!uuid)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(uuid->bytes, text, sizeof(text));
    return CUDA_SUCCESS;
}

#undef cuDeviceGetUuid
NV_EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice dev);
CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice dev)
{
    return uuid_of(uuid, dev);
}
NV_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice dev);
CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice dev)
{
    return uuid_of(uuid, dev);
}

CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice dev)
{
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!id || len < 13)
        return CUDA_ERROR_INVALID_VALUE;
    snprintf(id, (size_t)len, "0000:01:00.0");
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetByPCIBusId(CUdevice *dev, const char *id)
{
    if (!dev || !id || strcmp(id, "0000:01:00.0") != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *dev = 0;
    return CUDA_SUCCESS;
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice dev)
{
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!major || !minor)
        return CUDA_ERROR_INVALID_VALUE;
    *major = (int)nv_profile.compute_capability / 10;
    *minor = (int)nv_profile.compute_capability % 10;
    return CUDA_SUCCESS;
}

#define P nv_profile
#define ATTRIBUTES(X)                                                                              \
    X(MAX_THREADS_PER_BLOCK, 1024)                                                                 \
    X(MAX_BLOCK_DIM_X, 1024)                                                                       \
    X(MAX_BLOCK_DIM_Y, 1024)                                                                       \
    X(MAX_BLOCK_DIM_Z, 64)                                                                         \
    X(MAX_GRID_DIM_X, INT32_MAX)                                                                   \
    X(MAX_GRID_DIM_Y, 65535)                                                                       \
    X(MAX_GRID_DIM_Z, 65535)                                                                       \
    X(MAX_SHARED_MEMORY_PER_BLOCK, 49152)                                                          \
    X(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, P.lds_bytes_per_cu)                                       \
    X(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, P.lds_bytes_per_cu)                                    \
    X(RESERVED_SHARED_MEMORY_PER_BLOCK, 0)                                                         \
    X(TOTAL_CONSTANT_MEMORY, 65536)                                                                \
    X(WARP_SIZE, PTX_LANES)                                                                        \
    X(MAX_PITCH, INT32_MAX)                                                                        \
    X(MAX_REGISTERS_PER_BLOCK, P.vgprs_per_simd *P.simds_per_cu *PTX_LANES)                        \
    X(MAX_REGISTERS_PER_MULTIPROCESSOR, P.vgprs_per_simd *P.simds_per_cu *PTX_LANES)               \
    X(CLOCK_RATE, P.clock_mhz * 1000)                                                              \
    X(MEMORY_CLOCK_RATE, 877000)                                                                   \
    X(GLOBAL_MEMORY_BUS_WIDTH, 4096)                                                               \
    X(L2_CACHE_SIZE, 6291456)                                                                      \
    X(TEXTURE_ALIGNMENT, 512)                                                                      \
    X(TEXTURE_PITCH_ALIGNMENT, 32)                                                                 \
    X(SURFACE_ALIGNMENT, 512)                                                                      \
    X(GPU_OVERLAP, 1)                                                                              \
    X(MULTIPROCESSOR_COUNT, P.compute_units)                                                       \
    X(CAN_MAP_HOST_MEMORY, 1)                                                                      \
    X(CONCURRENT_KERNELS, 1)                                                                       \
    X(PCI_BUS_ID, 1)                                                                               \
    X(MAX_THREADS_PER_MULTIPROCESSOR, P.waves_per_simd *P.simds_per_cu *PTX_LANES)                 \
    X(ASYNC_ENGINE_COUNT, 2)                                                                       \
    X(UNIFIED_ADDRESSING, 1)                                                                       \
    X(COMPUTE_CAPABILITY_MAJOR, P.compute_capability / 10)                                         \
    X(COMPUTE_CAPABILITY_MINOR, P.compute_capability % 10)                                         \
    X(STREAM_PRIORITIES_SUPPORTED, 1)                                                              \
    X(GLOBAL_L1_CACHE_SUPPORTED, 1)                                                                \
    X(LOCAL_L1_CACHE_SUPPORTED, 1)                                                                 \
    X(MANAGED_MEMORY, 1)                                                                           \
    X(SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, 2)                                                    \
    X(CONCURRENT_MANAGED_ACCESS, 1)                                                                \
    X(COMPUTE_PREEMPTION_SUPPORTED, 1)                                                             \
    X(CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 1)                                                  \
    X(COOPERATIVE_LAUNCH, 1)                                                                       \
    X(HOST_REGISTER_SUPPORTED, 1)                                                                  \
    X(READ_ONLY_HOST_REGISTER_SUPPORTED, 1)                                                        \
    X(MAX_BLOCKS_PER_MULTIPROCESSOR,                                                               \
      P.workgroup_slots_per_cu ? P.workgroup_slots_per_cu : P.workgroups_per_cu)                   \
    X(MEMORY_POOLS_SUPPORTED, 1)                                                                   \
    X(CAN_USE_64_BIT_STREAM_MEM_OPS, 1)                                                            \
    X(CAN_USE_STREAM_WAIT_VALUE_NOR, 1)                                                            \
    X(CAN_USE_STREAM_MEM_OPS_V1, 1)                                                                \
    X(CAN_USE_64_BIT_STREAM_MEM_OPS_V1, 1)                                                         \
    X(CAN_USE_STREAM_WAIT_VALUE_NOR_V1, 1)                                                         \
    X(MEM_SYNC_DOMAIN_COUNT, 1)                                                                    \
    X(MAXIMUM_TEXTURE1D_WIDTH, 131072)                                                             \
    X(MAXIMUM_TEXTURE2D_WIDTH, 131072)                                                             \
    X(MAXIMUM_TEXTURE2D_HEIGHT, 65536)                                                             \
    X(MAXIMUM_TEXTURE3D_WIDTH, 16384)                                                              \
    X(MAXIMUM_TEXTURE3D_HEIGHT, 16384)                                                             \
    X(MAXIMUM_TEXTURE3D_DEPTH, 16384)                                                              \
    X(COOPERATIVE_MULTI_DEVICE_LAUNCH, 1)                                                          \
    X(VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1)                                                      \
    X(HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, 1)                                              \
    X(TIMELINE_SEMAPHORE_INTEROP_SUPPORTED, 1)                                                     \
    X(IPC_EVENT_SUPPORTED, 1)                                                                      \
    X(NUMA_ID, -1)                                                                                 \
    X(HOST_NUMA_ID, -1)

/* What is not in the list is a thing that this device does not have: 0. */
CUresult cuDeviceGetAttribute(int *pi, CUdevice_attribute attrib, CUdevice dev)
{
    CUresult rc = check_device(dev);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pi || attrib < 1 || attrib >= CU_DEVICE_ATTRIBUTE_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    switch ((int)attrib) {
#define X(name, value)                                                                             \
    case CU_DEVICE_ATTRIBUTE_##name:                                                               \
        *pi = (int)(value);                                                                        \
        return CUDA_SUCCESS;
        ATTRIBUTES(X)
#undef X
    default:
        *pi = 0;
        return CUDA_SUCCESS;
    }
}
#undef P

CUresult cuDeviceCanAccessPeer(int *can, CUdevice dev, CUdevice peer)
{
    if (!can)
        return CUDA_ERROR_INVALID_VALUE;
    if (dev != 0 || peer != 0)
        return CUDA_ERROR_INVALID_DEVICE;
    *can = 0;
    return CUDA_SUCCESS;
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode *mode)
{
    if (!mode)
        return CUDA_ERROR_INVALID_VALUE;
    *mode = CU_MODULE_LAZY_LOADING;
    return CUDA_SUCCESS;
}

CUresult cuProfilerStart(void);
NV_EXPORT CUresult cuProfilerStart(void)
{
    return nv_current() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
CUresult cuProfilerStop(void);
NV_EXPORT CUresult cuProfilerStop(void)
{
    return nv_current() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

/* ---- errors ---- */

static const struct {
    CUresult code;
    const char *name, *text;
} errors[] = {
#include "errors.inc"
};

static int find_error(CUresult error)
{
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == error)
            return (int)i;
    }
    return -1;
}

CUresult cuGetErrorName(CUresult error, const char **pStr)
{
    int i = find_error(error);

    if (!pStr)
        return CUDA_ERROR_INVALID_VALUE;
    *pStr = i >= 0 ? errors[i].name : NULL;
    return i >= 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char **pStr)
{
    int i = find_error(error);

    if (!pStr)
        return CUDA_ERROR_INVALID_VALUE;
    *pStr = i >= 0 ? errors[i].text : NULL;
    return i >= 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
