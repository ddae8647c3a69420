// SPDX-License-Identifier: Apache-2.0
/*
 * Timeslice control: the GPU takes turns between the channel groups of different processes, and the
 * process that owns a group may say how long its turns are (an ordinary user, the stock driver).
 *
 * A BE process gives its own groups the shortest: then RT work of others waits for a context switch
 * and not for the rest of a millisecond; what runs is saved and goes on later, so nothing needs to
 * be restartable.
 *
 * An RT process gives its own groups a long one while BE programs are there: a request that takes
 * longer than the driver's own slice, about a millisecond, would else lose the GPU at the end of
 * each, and pay for a change of context. 50 kernels of 100 us took 5958 us beside a BE program with
 * the driver's, 5269 with 10 000 us or more, alone 5179, and the BE program got 2 % more. Not
 * beside another RT process, which would wait for so long, nor with several contexts in the
 * process.
 *
 * While several BE processes share the GPU, theirs are longer: it takes turns between them too, and
 * with the shortest slice it would do nothing else (two programs of 1 ms kernels got 0.2 % of an
 * H100, where a change of context takes some 170 us). Then they have slices of SHARED_US, unless
 * they take turns among themselves (turns.c).
 *
 * libcuda makes its ioctls through the C library's ioctl, which is hooked. Only calls that
 * have succeeded are looked at, only sizes and classes that are known, and only groups seen to be
 * made in this process are set, on the very file they were made on. Whatever the driver answers but
 * success, the group is left alone and `reef doctor` and the log say so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/rm.h"
#include "shim/preload/ioctl.h"
#include "shim/preload/log.h"
#include "shim/preload/real.h"

enum {
    SHARED_US = 1000,    /* about the driver's own */
    SHORT_US = 100,      /* less than a change of context takes */
    AGAIN_NS = 50000000, /* how often to look what the company asks for */
};

static struct rm_groups groups;
static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;

static bool describe_file(int fd, struct rm_file *file)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    *file = (struct rm_file){.fd = fd, .device = st.st_dev, .inode = st.st_ino, .rdev = st.st_rdev};
    return true;
}

/* What shows that a context has been used: groups are set after that. */
static uint64_t work_so_far(void)
{
    return atomic_load(&reef_cuda.arrivals);
}

/* The call has returned 0, so what @argument points to is there, of the size that @request says. */
static void watch(int fd, unsigned long request, const void *argument)
{
    unsigned command = _IOC_NR(request);
    size_t size = _IOC_SIZE(request);
    struct rm_file file;
    if (command == RM_ESC_XFER) {
        struct rm_xfer xfer;
        if (size != sizeof(xfer))
            return;
        memcpy(&xfer, argument, sizeof(xfer));
        command = xfer.command;
        size = xfer.size;
        argument = (const void *)(uintptr_t)xfer.pointer;
    }
    if (!argument || size > 64 || !describe_file(fd, &file))
        return;
    pthread_mutex_lock(&groups_lock);
    bool added = rm_watch(&groups, &file, command, size, argument, work_so_far());
    pthread_mutex_unlock(&groups_lock);
    if (!added)
        return;
    atomic_store(&reef_cuda.timeslice_wanted, true);
    cu_fast_end(); /* the next work tells the agent */
}

REEF_BEFORE_SANITIZERS bool reef_cuda_wants_ioctl(unsigned long request)
{
    return rm_wants(request);
}

REEF_BEFORE_SANITIZERS int reef_cuda_ioctl(reef_ioctl_fn *real, int fd, unsigned long request,
                                           void *argument)
{
    int result = real(fd, request, argument);
    int saved_errno = errno;
    if (result == 0 && argument && !atomic_load(&reef_state.forked))
        watch(fd, request, argument);
    errno = saved_errno;
    return result;
}

/* --- setting --- */

static bool driver_is_known(void)
{
    char version[64] = "";
    int fd = open("/sys/module/nvidia/version", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, version, sizeof(version) - 1) < 0)
            version[0] = '\0';
        close(fd);
    }
    if (rm_known_driver(version))
        return true;
    version[strcspn(version, "\n")] = '\0';
    reef_info("kernel driver '%s' is not known: timeslices are left alone", version);
    return false;
}

/* 0: timeslices are left alone. Agent only. */
static uint32_t wanted_us(void)
{
    static bool known, given;
    static uint32_t us;
    if (known)
        return us;
    known = true;
    bool rt = cu_is_rt();
    const char *text = rt ? reef_state.config.rt_timeslice : reef_state.config.timeslice;
    if (!rm_parse_timeslice(text, rt ? RM_RT_US : RM_BE_US, &us, &given))
        reef_warn("%s=%s is not auto, off or 1 to 1000000 us: timeslices are left alone",
                  rt ? "REEF_RT_TIMESLICE" : "REEF_TIMESLICE", text);
    if (us && !given && !driver_is_known())
        us = 0;
    return us;
}

static bool many_contexts(void)
{
    unsigned count = 0;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        count += __atomic_load_n(&c->handle, __ATOMIC_ACQUIRE) != 0;
    return count > 1;
}

/* The timeslice that the present company asks for; 0: none. */
static uint32_t slice_us(uint32_t alone_us, uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_peers_look(now_ns, false);
    if (!cu_is_rt()) {
        bool longer = atomic_load(&cuda->peers_be) && atomic_load(&cuda->long_slices);
        return longer && alone_us < SHARED_US ? SHARED_US : alone_us;
    }
    if (atomic_load(&cuda->peers_rt) || many_contexts())
        return groups.set > 0 ? SHARED_US : 0;
    return atomic_load(&cuda->peers_be) || groups.set > 0 ? alone_us : 0;
}

static void set_group(struct rm_group *group, uint32_t us, uint64_t now_ns)
{
    uint64_t parameters = us; /* NVA06C_CTRL_TIMESLICE_PARAMS */
    struct rm_control control = {
        .client = group->client,
        .object = group->object,
        .command = RM_SET_TIMESLICE,
        .parameters = (uint64_t)(uintptr_t)&parameters,
        .parameters_size = sizeof(parameters),
    };
    struct rm_file file;
    const struct rm_file *made_on = &group->file;
    int error = 0;
    if (!describe_file(made_on->fd, &file) || file.device != made_on->device ||
        file.inode != made_on->inode || file.rdev != made_on->rdev)
        error = EBADF; /* closed, and the number may be another file's by now */
    else if (reef_real_ioctl()(made_on->fd,
                               _IOWR(RM_IOCTL_MAGIC, RM_ESC_CONTROL, struct rm_control),
                               &control) != 0)
        error = errno;
    rm_answer(&groups, group, error, control.status, work_so_far(), now_ns);
    if (error || control.status)
        reef_info("channel group %#x: no timeslice (errno %d, status %#x)", group->object, error,
                  control.status);
    else
        reef_debug("channel group %#x: timeslice %u us", group->object, us);
}

uint64_t cu_timeslice_step(uint64_t now_ns)
{
    static uint32_t present_us;
    uint64_t next_ns = UINT64_MAX;
    if (!atomic_load(&reef_cuda.timeslice_wanted) && groups.set == 0)
        return UINT64_MAX;
    uint32_t us = wanted_us();
    if (!us || reef_disabled()) {
        atomic_store(&reef_cuda.timeslice_wanted, false);
        return UINT64_MAX;
    }
    uint64_t work = work_so_far();
    struct rm_group *group;
    us = slice_us(us, now_ns);
    if (!us)
        return UINT64_MAX;
    /* Under the lock: the driver may free a group, and must not do so between our look and our
     * call. The call takes some hundred microseconds, once or twice in the life of a group. */
    pthread_mutex_lock(&groups_lock);
    if (us != present_us)
        rm_again(&groups, now_ns);
    present_us = us;
    while ((group = rm_due(&groups, work, now_ns, &next_ns)))
        set_group(group, us, now_ns);
    bool open = false;
    for (unsigned i = 0; i < RM_GROUPS; i++)
        open = open ||
               (groups.groups[i].state >= RM_GROUP_NEW && groups.groups[i].state <= RM_GROUP_SET);
    if (!open)
        atomic_store(&reef_cuda.timeslice_wanted, false);
    atomic_store(&reef_cuda.short_slices, us <= SHORT_US && groups.set > 0 && groups.refused == 0);
    if (groups.set > 0 && next_ns > AGAIN_NS && !cu_is_rt()) /* whose work brings it here */
        next_ns = AGAIN_NS;
    pthread_mutex_unlock(&groups_lock);
    return next_ns;
}
