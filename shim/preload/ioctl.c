// SPDX-License-Identifier: Apache-2.0
/*
 * The hook of ioctl(2). The vendors' user-space drivers talk to their kernel drivers through it,
 * and their answers say what their interfaces above do not: which channel groups (NVIDIA) and which
 * hardware queues (AMD) belong to the process. Requests that nobody here wants go on as they came;
 * all others are the platform's, which gets the real function.
 */
#include <errno.h>
#include <stdarg.h>

#include "shim/preload/ioctl.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

REEF_BEFORE_SANITIZERS reef_ioctl_fn *reef_real_ioctl(void)
{
    static _Atomic(reef_ioctl_fn *) cached;
    reef_ioctl_fn *fn = atomic_load_explicit(&cached, memory_order_acquire);
    if (!fn) {
        reef_dlsym_fn *find = reef_real_dlsym();
        fn = find ? (reef_ioctl_fn *)find((void *)-1l /* RTLD_NEXT */, "ioctl") : NULL;
        atomic_store_explicit(&cached, fn, memory_order_release);
    }
    return fn;
}

REEF_EXPORT int ioctl(int fd, unsigned long request, ...);

REEF_BEFORE_SANITIZERS int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    reef_ioctl_fn *real = reef_real_ioctl();
    if (reef_unlikely(!real)) {
        errno = ENOSYS;
        return -1;
    }
    if (reef_unlikely(reef_cuda_wants_ioctl(request)))
        return reef_cuda_ioctl(real, fd, request, argument);
#ifndef REEF_NO_AMD
    if (reef_unlikely(reef_kfd_wants_ioctl(request)))
        return reef_kfd_ioctl(real, fd, request, argument);
#endif
    return real(fd, request, argument);
}
