// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor, NVIDIA: is its driver here, does it have what libreef needs, and which of the means
 * will be used for CUDA programs? libcuda.so.1 is loaded, as a program would load it, and none of
 * its functions is called.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/nvidia/mps.h"
#include "shim/nvidia/rm.h"
#include "tools/doctor.h"

static const char *const hooked[] = {
#define HOOK(symbol, name, version, arguments, kind, stream) #symbol,
#include "shim/nvidia/api.def"
};
enum { HOOKED = sizeof(hooked) / sizeof(hooked[0]) };

/* Without one of these nothing is scheduled (shim/nvidia/driver.h). */
static const char *const needed[] = {
    "cuCtxGetCurrent",    "cuCtxSetCurrent",
    "cuCtxGetDevice",     "cuDeviceGetAttribute",
    "cuEventCreate",      "cuEventRecord",
    "cuEventQuery",       "cuEventElapsedTime",
    "cuEventDestroy_v2",  "cuStreamCreateWithPriority",
    "cuStreamDestroy_v2", "cuStreamQuery",
    "cuStreamWaitEvent",  "cuStreamIsCapturing",
    "cuStreamGetFlags",   "cuStreamGetCtx",
};

static void check_library(struct doctor *d, void *cuda)
{
    struct link_map *map = NULL;
    unsigned count = 0;
    bool missing = false;

    dlinfo(cuda, RTLD_DI_LINKMAP, &map);
    for (unsigned i = 0; i < HOOKED; i++)
        count += dlsym(cuda, hooked[i]) != NULL;
    doctor_ok(d, "CUDA driver: %s has %u of the %u functions that are hooked",
              map ? map->l_name : "libcuda.so.1", count, (unsigned)HOOKED);
    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!dlsym(cuda, needed[i])) {
            doctor_no(d, "it has no %s, which libreef needs", needed[i]);
            missing = true;
        }
    if (!missing && !dlsym(cuda, "cuFuncGetParamInfo"))
        doctor_warn(d, "it has no cuFuncGetParamInfo (CUDA 12.4): a launch cannot be put off, so a "
                       "thread waits in it while best-effort work is held");
}

static void read_version(char version[64])
{
    int fd = open("/sys/module/nvidia/version", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, version, 63) : 0;

    if (fd >= 0)
        close(fd);
    version[length > 0 ? length : 0] = '\0';
    version[strcspn(version, "\n")] = '\0';
}

static void check_timeslice(struct doctor *d)
{
    bool rt = d->config.priority == REEF_PRIORITY_RT, given;
    const char *name = rt ? "REEF_RT_TIMESLICE" : "REEF_TIMESLICE";
    const char *text = rt ? d->config.rt_timeslice : d->config.timeslice;
    char version[64];
    uint32_t us;

    read_version(version);
    if (!rm_parse_timeslice(text, rt ? RM_RT_US : RM_BE_US, &us, &given))
        doctor_warn(d, "%s=%s is not auto, off or 1 to 1000000 us: timeslices are left alone", name,
                    text);
    else if (!us)
        doctor_ok(d, "means: timeslices are left alone (%s=off)", name);
    else if (reef_mps_runs())
        doctor_warn(d, "MPS is running: its programs share one context, which does not take turns: "
                       "timeslices change nothing between them");
    else if (given || rm_known_driver(version))
        doctor_ok(d,
                  "means: timeslice of %u us for a %s program's own channel groups%s "
                  "(kernel driver %s)",
                  us, rt ? "real-time" : "best-effort",
                  rt ? " while best-effort programs are there" : "",
                  *version ? version : "not seen");
    else
        doctor_warn(d,
                    "kernel driver %s is not known (550 to 595 are): timeslices are left alone; "
                    "%s=%u tries it",
                    *version ? version : "(none seen)", name, us);
}

bool doctor_check_cuda(struct doctor *d)
{
    void *cuda = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    const char *error = cuda ? NULL : dlerror();
    bool device = access("/dev/nvidiactl", F_OK) == 0;

    if (!cuda && !device)
        return false;
    d->cuda = true;
    if (!cuda) {
        doctor_no(d, "there is /dev/nvidiactl, but no CUDA driver: %s", error);
        return true;
    }
    if (device && access("/dev/nvidiactl", R_OK | W_OK) != 0)
        doctor_no(d, "/dev/nvidiactl: %s", strerror(errno));
    check_library(d, cuda);
    if (getenv("CUDA_INJECTION64_PATH"))
        doctor_warn(d,
                    "CUDA_INJECTION64_PATH is set: what that library launches by itself may pass "
                    "libreef by");
    if (d->config.cuda_depth_us > 0)
        doctor_ok(d, "means: hold, and drain of at most %llu us and %llu commands per stream",
                  (unsigned long long)d->config.cuda_depth_us,
                  (unsigned long long)d->config.cuda_depth);
    else
        doctor_ok(d,
                  "means: hold, and drain of at most 400 us and %llu commands per stream; any time "
                  "where the shortest timeslice takes them off the GPU",
                  (unsigned long long)d->config.cuda_depth);
    check_timeslice(d);
    if (d->config.priority == REEF_PRIORITY_RT)
        doctor_ok(d, d->config.anchor == 1
                         ? "means: no anchors (REEF_ANCHOR=off)"
                         : "means: an anchor keeps a real-time program's context on "
                           "the GPU while it waits for its work");
    return true;
}
