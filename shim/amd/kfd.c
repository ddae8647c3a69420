// SPDX-License-Identifier: Apache-2.0
/* The kernel driver's queues. See kfd.h. */
#include "shim/amd/kfd.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shim/amd/kfd_abi.h"
#include "shim/preload/ioctl.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

enum { QUEUES = 256, INTERFACE_MAJOR = 1 };

struct kfd_queue {
    uint64_t ring; /* address; 0: free */
    uint32_t ring_bytes, id;
    uint32_t percent, priority; /* as the runtime has them */
    bool off;
};

/* Guards the table; and held over updates, so that the runtime's and ours do not cross. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kfd_queue queues[QUEUES];
static struct {
    _Atomic bool known; /* the rest is set */
    int fd;
    struct stat file; /* what @fd was: the number may be another file's later */
} driver;

bool reef_kfd_seen(void)
{
    return atomic_load(&driver.known);
}

REEF_BEFORE_SANITIZERS bool reef_kfd_wants_ioctl(unsigned long request)
{
    unsigned number = _IOC_NR(request);
    return _IOC_TYPE(request) == KFD_MAGIC &&
           (number == KFD_NR_GET_VERSION || number == KFD_NR_CREATE_QUEUE ||
            number == KFD_NR_UPDATE_QUEUE || number == KFD_NR_DESTROY_QUEUE);
}

/* Other files have requests of this type too (consoles): the size must be right as well; newer
 * interfaces append. */
static bool is(unsigned long request, unsigned number, size_t bytes)
{
    return _IOC_NR(request) == number && _IOC_SIZE(request) >= bytes;
}

static struct kfd_queue *find(uint64_t ring, const uint32_t *id)
{
    for (unsigned i = 0; i < QUEUES; i++)
        if (queues[i].ring && (id ? queues[i].id == *id : queues[i].ring == ring))
            return &queues[i];
    return NULL;
}

/* --- the runtime's requests --- */

static void note_version(int fd, const struct kfd_version *version)
{
    pthread_mutex_lock(&lock);
    if (version->major == INTERFACE_MAJOR && fstat(fd, &driver.file) == 0) {
        driver.fd = fd;
        atomic_store(&driver.known, true);
    }
    pthread_mutex_unlock(&lock);
}

static void note_created(const struct kfd_create_queue *args)
{
    pthread_mutex_lock(&lock);
    struct kfd_queue *free_one = NULL;
    for (unsigned i = 0; i < QUEUES && !free_one; i++)
        if (!queues[i].ring)
            free_one = &queues[i];
    if (free_one && args->type == KFD_QUEUE_COMPUTE_AQL)
        *free_one = (struct kfd_queue){
            .ring = args->ring,
            .ring_bytes = args->ring_bytes,
            .id = args->id,
            .percent = args->percent,
            .priority = args->priority,
        };
    pthread_mutex_unlock(&lock);
}

static int update(reef_ioctl_fn *real, int fd, unsigned long request,
                  const struct kfd_update_queue *args)
{
    union {
        struct kfd_update_queue args;
        char bytes[256];
    } changed;
    size_t size = _IOC_SIZE(request);
    pthread_mutex_lock(&lock);
    struct kfd_queue *q = find(0, &args->id);
    bool off = q && q->off && size <= sizeof(changed);
    if (off) {
        memcpy(&changed, args, size);
        changed.args.percent = 0;
    }
    int result = real(fd, request, off ? (const void *)&changed : args);
    int error = errno;
    if (q && result == 0) {
        q->percent = args->percent;
        q->priority = args->priority;
        if (args->ring) {
            q->ring = args->ring;
            q->ring_bytes = args->ring_bytes;
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

/* Its number may be given to another queue as soon as it is gone. */
static int destroy(reef_ioctl_fn *real, int fd, unsigned long request, void *argument)
{
    uint32_t id = ((const struct kfd_destroy_queue *)argument)->id;
    struct kfd_queue before = {0};
    pthread_mutex_lock(&lock);
    struct kfd_queue *q = find(0, &id);
    if (q) {
        before = *q;
        q->ring = 0;
    }
    pthread_mutex_unlock(&lock);
    int result = real(fd, request, argument);
    int error = errno;
    pthread_mutex_lock(&lock);
    if (result != 0 && q && !q->ring)
        *q = before;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int reef_kfd_ioctl(reef_ioctl_fn *real, int fd, unsigned long request, void *argument)
{
    if (!argument || atomic_load(&reef_state.forked))
        return real(fd, request, argument);
    if (is(request, KFD_NR_UPDATE_QUEUE, sizeof(struct kfd_update_queue)))
        return update(real, fd, request, argument);
    if (is(request, KFD_NR_DESTROY_QUEUE, sizeof(uint32_t)))
        return destroy(real, fd, request, argument);
    int result = real(fd, request, argument);
    int error = errno;
    if (result == 0 && is(request, KFD_NR_GET_VERSION, sizeof(struct kfd_version)))
        note_version(fd, argument);
    else if (result == 0 && is(request, KFD_NR_CREATE_QUEUE, sizeof(struct kfd_create_queue)))
        note_created(argument);
    errno = error;
    return result;
}

/* --- ours --- */

static bool file_is_same(void)
{
    struct stat now;
    return atomic_load(&driver.known) && fstat(driver.fd, &now) == 0 &&
           now.st_dev == driver.file.st_dev && now.st_ino == driver.file.st_ino &&
           now.st_rdev == driver.file.st_rdev;
}

static int request_percent(const struct kfd_queue *q, uint32_t percent)
{
    struct kfd_update_queue args = {
        .ring = q->ring,
        .id = q->id,
        .ring_bytes = q->ring_bytes,
        .percent = percent,
        .priority = q->priority,
    };
    reef_ioctl_fn *real = reef_real_ioctl();
    if (!real || !file_is_same())
        return -EBADF;
    return real(driver.fd, KFD_UPDATE_QUEUE, &args) == 0 ? 0 : -errno;
}

int reef_kfd_set_off(const void *ring, bool off)
{
    int error = -ENOENT;
    pthread_mutex_lock(&lock);
    struct kfd_queue *q = find((uint64_t)(uintptr_t)ring, NULL);
    if (q)
        error = request_percent(q, off ? 0 : q->percent);
    if (q && !error)
        q->off = off;
    pthread_mutex_unlock(&lock);
    return error;
}
