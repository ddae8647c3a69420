// SPDX-License-Identifier: Apache-2.0
/* The kernel driver's queues. See kfd.h. */
#include "shim/amd/kfd.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shim/amd/kfd_probe.h"
#include "shim/preload/ioctl.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

enum { QUEUES = 256, INTERFACE_MAJOR = 1 };

struct kfd_queue {
    uint64_t ring;                    /* address; 0: free */
    uint64_t read_index, write_index; /* addresses; of an AQL queue */
    uint32_t ring_bytes, id;
    uint32_t gpu_id;
    uint32_t percent, priority; /* as the runtime has them */
    bool off;
};

/* Guards the table; and held over updates, so that the runtime's and ours do not cross. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kfd_queue queues[QUEUES];
static struct {
    _Atomic bool known; /* the rest is set */
    bool probed, kills; /* whether it was asked for REEF's request, and has it */
    bool full;          /* there were more queues than the table holds */
    uint32_t minor;     /* of the interface's version */
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
        driver.minor = version->minor;
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
    if (free_one && (args->type == KFD_QUEUE_COMPUTE_AQL || args->type == KFD_QUEUE_COMPUTE))
        *free_one = (struct kfd_queue){
            .ring = args->ring,
            .read_index = args->type == KFD_QUEUE_COMPUTE_AQL ? args->read_pointer : 0,
            .write_index = args->type == KFD_QUEUE_COMPUTE_AQL ? args->write_pointer : 0,
            .ring_bytes = args->ring_bytes,
            .id = args->id,
            .gpu_id = args->gpu_id,
            .percent = args->percent,
            .priority = args->priority,
        };
    driver.full = driver.full || !free_one;
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

/* --- REEF's request --- */

bool reef_kfd_can_kill(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < QUEUES && !driver.probed; i++) {
        if (!queues[i].ring)
            continue;
        driver.probed = true;
        driver.kills = reef_real_ioctl() && file_is_same() &&
                       kfd_probe_kill(reef_real_ioctl(), driver.fd, driver.minor, queues[i].gpu_id);
    }
    bool kills = driver.kills;
    pthread_mutex_unlock(&lock);
    return kills;
}

int reef_kfd_kill_waves(const void *ring)
{
    int error = ENOENT;
    pthread_mutex_lock(&lock);
    const struct kfd_queue *q = find((uint64_t)(uintptr_t)ring, NULL);
    if (q && driver.kills && file_is_same()) {
        struct kfd_wave_reset args = {.gpu_id = q->gpu_id};
        error = kfd_request_error(reef_real_ioctl(), driver.fd, KFD_WAVE_RESET, &args);
    }
    pthread_mutex_unlock(&lock);
    return -error;
}

static bool idle(const struct kfd_queue *q)
{
    return q->read_index && __atomic_load_n((const uint64_t *)q->read_index, __ATOMIC_ACQUIRE) ==
                                __atomic_load_n((const uint64_t *)q->write_index, __ATOMIC_ACQUIRE);
}

bool reef_kfd_others_idle(bool (*own)(const void *ring, void *arg), void *arg)
{
    pthread_mutex_lock(&lock);
    bool all = !driver.full;
    for (unsigned i = 0; i < QUEUES && all; i++)
        all = !queues[i].ring || own((const void *)(uintptr_t)queues[i].ring, arg) ||
              idle(&queues[i]);
    pthread_mutex_unlock(&lock);
    return all;
}
