// SPDX-License-Identifier: Apache-2.0
/*
 * The ioctl table of /dev/kfd and the requests that need no part of their own.
 *
 * A request's number picks its row; the argument is copied in and out with the smaller of the
 * caller's and our size, as the kernel does, so programs built with older or newer headers work.
 * User memory is read and written through the kernel, so a bad pointer is -EFAULT and not a crash.
 * What the driver of that interface version (1.8) refuses is refused here too; what it has and this
 * one lacks is refused and named (emu_missing).
 *
 * Source of numbers, structures and rules: /usr/include/linux/kfd_ioctl.h and
 * linux/drivers/gpu/drm/amd/amdkfd/kfd_chardev.c.
 */
#include "kfd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_WAIT_EVENTS = 2 * KFD_SIGNAL_EVENT_LIMIT, MAX_NODES = 64 };

/* The interface version that ROCm 5.2's own driver reports. */
enum { VERSION_MAJOR = 1, VERSION_MINOR = 8 };

/* ---- user memory ---- */

static int user_copy(void *ours, uint64_t user, size_t size, bool out)
{
    struct iovec local = {.iov_base = ours, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)user, .iov_len = size};
    ssize_t done;

    if (!size)
        return 0;
    if (out)
        done = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    else
        done = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (done == (ssize_t)size)
        return 0;
    if (done < 0 && (errno == ENOSYS || errno == EPERM)) { /* forbidden in some containers */
        memcpy(out ? (void *)user : ours, out ? ours : (void *)user, size);
        return 0;
    }
    return -EFAULT;
}

int emu_user_get(void *ours, uint64_t user, size_t size)
{
    return user_copy(ours, user, size, false);
}

int emu_user_put(uint64_t user, const void *ours, size_t size)
{
    return user_copy((void *)ours, user, size, true);
}

/* ---- handlers: one per request; the argument is our copy ---- */

static int get_version(void *arg)
{
    struct kfd_ioctl_get_version_args *a = arg;

    a->major_version = VERSION_MAJOR;
    a->minor_version = VERSION_MINOR;
    return 0;
}

static int create_queue(void *arg)
{
    struct kfd_ioctl_create_queue_args *a = arg;
    struct emu_queue_args queue = {
        .ring_va = a->ring_base_address,
        .ring_bytes = a->ring_size,
        .write_pointer_va = a->write_pointer_address,
        .read_pointer_va = a->read_pointer_address,
        .percent = a->queue_percentage & 0xff, /* upper bits: a partition's number */
        .priority = a->queue_priority,
    };
    int id;

    if (a->gpu_id != EMU_GPU_ID || queue.percent > KFD_MAX_QUEUE_PERCENTAGE ||
        queue.priority > KFD_MAX_QUEUE_PRIORITY || (a->ring_size & (a->ring_size - 1)))
        return -EINVAL;
    switch (a->queue_type) {
    case KFD_IOC_QUEUE_TYPE_COMPUTE_AQL:
        queue.type = EMU_QUEUE_AQL;
        break;
    case KFD_IOC_QUEUE_TYPE_SDMA:
        queue.type = EMU_QUEUE_SDMA;
        break;
    default:
        emu_missing("queues of type %u (PM4 or XGMI)", a->queue_type);
        return -EINVAL;
    }
    if (!emu_vm_host(queue.write_pointer_va, 8) || !emu_vm_host(queue.read_pointer_va, 8) ||
        (a->ring_base_address && !emu_vm_host(queue.ring_va, queue.ring_bytes)))
        return -EFAULT;
    id = emu_queue_create(&queue);
    if (id < 0)
        return id;
    a->queue_id = (uint32_t)id;
    a->doorbell_offset = emu_vm_doorbell_offset(a->queue_id);
    return 0;
}

static int destroy_queue(void *arg)
{
    return emu_queue_destroy(((struct kfd_ioctl_destroy_queue_args *)arg)->queue_id);
}

static int update_queue(void *arg)
{
    struct kfd_ioctl_update_queue_args *a = arg;
    uint32_t percent = a->queue_percentage & 0xff;

    if (percent > KFD_MAX_QUEUE_PERCENTAGE || a->queue_priority > KFD_MAX_QUEUE_PRIORITY ||
        (a->ring_size & (a->ring_size - 1)))
        return -EINVAL;
    if (a->ring_base_address && !emu_vm_host(a->ring_base_address, a->ring_size))
        return -EFAULT;
    if (!a->ring_base_address || !a->ring_size) /* KFD: a queue without a ring is not active */
        percent = 0;
    return emu_queue_update(a->queue_id, a->ring_base_address, a->ring_size, percent,
                            a->queue_priority);
}

static int alloc_queue_gws(void *arg)
{
    struct kfd_ioctl_alloc_queue_gws_args *a = arg;

    a->first_gws = 0;
    return emu_queue_set_gws(a->queue_id, a->num_gws > 0);
}

/** Bit n is compute unit n: the queue's work-groups are placed on the units named, and nowhere
 * else. (On hardware the driver deals the bits out to the shader engines in turn, one unit of each
 * engine after the other, and writes them to the queue's COMPUTE_STATIC_THREAD_MGMT_SE0 to 3:
 * mqd_symmetrically_map_cu_mask in kfd_mqd_manager.c, update_cu_mask in kfd_mqd_manager_v9.c. That
 * only decides which of the equal units are meant.) */
static int set_cu_mask(void *arg)
{
    struct kfd_ioctl_set_cu_mask_args *a = arg;
    uint32_t words[EMU_MAX_CUS / 32], count = a->num_cu_mask / 32, named = 0;
    struct emu_units units = {0};
    struct emu_device *dev;
    uint32_t cus;
    int rc;

    if (!a->num_cu_mask || a->num_cu_mask % 32)
        return -EINVAL;
    if (count > EMU_MAX_CUS / 32)
        count = EMU_MAX_CUS / 32;
    rc = emu_user_get(words, a->cu_mask_ptr, count * sizeof(*words));
    if (rc)
        return rc;
    dev = emu_segment_lock();
    cus = dev->profile.compute_units;
    emu_segment_unlock();
    for (uint32_t cu = 0; cu < cus && cu / 32 < count; cu++) {
        if (words[cu / 32] >> cu % 32 & 1) {
            units.word[cu / 64] |= 1ull << cu % 64;
            named++;
        }
    }
    if (!named) {
        emu_missing("a mask of no compute unit (asked for queue %u)", a->queue_id);
        return -EINVAL;
    }
    return emu_queue_set_units(a->queue_id, &units);
}

static int set_memory_policy(void *arg)
{
    struct kfd_ioctl_set_memory_policy_args *a = arg;

    return a->gpu_id == EMU_GPU_ID && a->default_policy <= KFD_IOC_CACHE_POLICY_NONCOHERENT &&
                   a->alternate_policy <= KFD_IOC_CACHE_POLICY_NONCOHERENT
               ? 0
               : -EINVAL;
}

/** All counters show device time: the runtime then reports every time stamp, the GPU's and its own,
 * on one time axis, that of the device. They differ between any two calls of a process, also while
 * the clock stands still, because ROCr divides by the difference (GpuAgent::TranslateTime). */
static int get_clock_counters(void *arg)
{
    static atomic_uint_fast64_t last;
    struct kfd_ioctl_get_clock_counters_args *a = arg;
    uint64_t now = emu_device_clock_ns(), before = atomic_load(&last);

    do {
        if (now <= before)
            now = before + 1;
    } while (!atomic_compare_exchange_weak(&last, &before, now));
    a->gpu_clock_counter = a->gpu_id == EMU_GPU_ID ? now : 0;
    a->cpu_clock_counter = now;
    a->system_clock_counter = now;
    a->system_clock_freq = 1000000000;
    return 0;
}

static const struct kfd_process_device_apertures apertures = {
    .lds_base = GCN_SHARED_APERTURE,
    .lds_limit = GCN_SHARED_APERTURE | 0xffffffff,
    .scratch_base = GCN_PRIVATE_APERTURE,
    .scratch_limit = GCN_PRIVATE_APERTURE | 0xffffffff,
    .gpuvm_base = 0x4000,
    .gpuvm_limit = (1ull << 47) - 1,
    .gpu_id = EMU_GPU_ID,
};

static int get_process_apertures(void *arg)
{
    struct kfd_ioctl_get_process_apertures_args *a = arg;

    memset(a, 0, sizeof(*a));
    a->process_apertures[0] = apertures;
    a->num_of_nodes = 1;
    return 0;
}

static int get_process_apertures_new(void *arg)
{
    struct kfd_ioctl_get_process_apertures_new_args *a = arg;
    int rc = 0;

    if (a->num_of_nodes)
        rc = emu_user_put(a->kfd_process_device_apertures_ptr, &apertures, sizeof(apertures));
    a->num_of_nodes = 1;
    return rc;
}

static int create_event(void *arg)
{
    struct kfd_ioctl_create_event_args *a = arg;
    uint64_t *page = NULL, bytes = 0;
    int rc;

    if (a->event_page_offset) { /* a discrete GPU's program allocates the page itself */
        page = emu_vm_object(a->event_page_offset, &bytes);
        if (!page)
            return -EINVAL;
    }
    rc = emu_event_create(a, page, bytes);
    if (!rc &&
        (a->event_type == KFD_IOC_EVENT_SIGNAL || a->event_type == KFD_IOC_EVENT_DEBUG_EVENT))
        a->event_page_offset = 1ull << 62; /* KFD's token for its own page; only compared to 0 */
    return rc;
}

static int destroy_event(void *arg)
{
    return emu_event_destroy(((struct kfd_ioctl_destroy_event_args *)arg)->event_id);
}

static int set_event(void *arg)
{
    return emu_event_set_checked(((struct kfd_ioctl_set_event_args *)arg)->event_id);
}

static int reset_event(void *arg)
{
    return emu_event_reset(((struct kfd_ioctl_reset_event_args *)arg)->event_id);
}

static int wait_events(void *arg)
{
    struct kfd_ioctl_wait_events_args *a = arg;
    size_t bytes = a->num_events * sizeof(struct kfd_event_data);
    struct kfd_event_data *data;
    int rc;

    if (a->num_events > MAX_WAIT_EVENTS)
        return -EINVAL;
    data = malloc(bytes + 1);
    if (!data)
        return -ENOMEM;
    rc = emu_user_get(data, a->events_ptr, bytes);
    if (!rc)
        rc = emu_event_wait(data, a->num_events, a->wait_for_all, a->timeout, &a->wait_result);
    if (!rc && a->wait_result == KFD_IOC_WAIT_RESULT_COMPLETE)
        rc = emu_user_put(a->events_ptr, data, bytes);
    free(data);
    return rc;
}

static int only_for_gpu(uint32_t gpu_id)
{
    return gpu_id == EMU_GPU_ID ? 0 : -EINVAL;
}

/** Used by the kernel for APUs and old queues only; AQL queues carry their scratch address. */
static int set_scratch_backing_va(void *arg)
{
    return only_for_gpu(((struct kfd_ioctl_set_scratch_backing_va_args *)arg)->gpu_id);
}

/** gfx9 keeps no tile mode tables. */
static int get_tile_config(void *arg)
{
    static const uint32_t none[32];
    struct kfd_ioctl_get_tile_config_args *a = arg;
    int rc;

    if (a->gpu_id != EMU_GPU_ID)
        return -EINVAL;
    if (a->num_tile_configs > 32)
        a->num_tile_configs = 32;
    if (a->num_macro_tile_configs > 16)
        a->num_macro_tile_configs = 16;
    rc = emu_user_put(a->tile_config_ptr, none, a->num_tile_configs * sizeof(*none));
    if (!rc)
        rc =
            emu_user_put(a->macro_tile_config_ptr, none, a->num_macro_tile_configs * sizeof(*none));
    a->gb_addr_config = EMU_GB_ADDR_CONFIG;
    a->num_banks = 0;
    a->num_ranks = 0;
    return rc;
}

/** The second-level trap handler is never entered: what would trap is a fault of the queue here. */
static int set_trap_handler(void *arg)
{
    return only_for_gpu(((struct kfd_ioctl_set_trap_handler_args *)arg)->gpu_id);
}

static int acquire_vm(void *arg)
{
    struct kfd_ioctl_acquire_vm_args *a = arg;

    if (a->gpu_id != EMU_GPU_ID)
        return -EINVAL;
    return emu_vm_is_file((int)a->drm_fd) ? 0 : -EINVAL;
}

static int alloc_memory(void *arg)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args *a = arg;

    return a->gpu_id == EMU_GPU_ID ? emu_vm_alloc(a) : -EINVAL;
}

static int free_memory(void *arg)
{
    return emu_vm_free(((struct kfd_ioctl_free_memory_of_gpu_args *)arg)->handle);
}

static int change_mapping(struct kfd_ioctl_map_memory_to_gpu_args *a,
                          int (*change)(uint64_t handle))
{
    if (!a->n_devices || a->n_devices > MAX_NODES || a->n_success > a->n_devices)
        return -EINVAL;
    for (; a->n_success < a->n_devices; a->n_success++) {
        uint32_t gpu_id;
        int rc = emu_user_get(&gpu_id, a->device_ids_array_ptr + a->n_success * sizeof(gpu_id),
                              sizeof(gpu_id));

        if (!rc)
            rc = only_for_gpu(gpu_id);
        if (!rc)
            rc = change(a->handle);
        if (rc)
            return rc;
    }
    return 0;
}

static int map_memory(void *arg)
{
    return change_mapping(arg, emu_vm_map);
}

static int unmap_memory(void *arg)
{
    _Static_assert(sizeof(struct kfd_ioctl_map_memory_to_gpu_args) ==
                       sizeof(struct kfd_ioctl_unmap_memory_from_gpu_args),
                   "both mapping requests have one layout");
    return change_mapping(arg, emu_vm_unmap);
}

/** gfx906 cannot retry faulting accesses: off, and nothing else. */
static int set_xnack_mode(void *arg)
{
    struct kfd_ioctl_set_xnack_mode_args *a = arg;

    if (a->xnack_enabled > 0)
        return -EPERM;
    a->xnack_enabled = 0;
    return 0;
}

/* ---- what not every driver has ---- */

/* REEF's patch of amdkfd (ROCm 4.3): the waves of the calling process end. */
static int wave_reset(void *arg)
{
    return *(uint32_t *)arg == EMU_GPU_ID ? emu_queue_kill_waves() : -EINVAL;
}

static int clear_queue(void *arg)
{
    (void)arg;
    emu_missing("REEF's request CLEAR_QUEUE");
    return -EINVAL;
}

/* The out-of-tree drivers of ROCm 6.2 and later have PC sampling at WAVE_RESET's number. */
struct pc_sample {
    uint64_t info;
    uint32_t info_count, op, gpu_id, trace_id, flags, version;
};

static int pc_sample(void *arg)
{
    const struct pc_sample *a = arg;

    if (a->gpu_id != EMU_GPU_ID)
        return -EINVAL;
    if (a->op == 0) /* which methods there are: on gfx906 none */
        return -EOPNOTSUPP;
    emu_missing("PC sampling, operation %u", a->op);
    return -EINVAL;
}

/* ---- the table ---- */

struct request {
    const char *name;
    int (*handler)(void *arg); /* NULL: refused */
    uint16_t size;
    bool silent; /* the real driver may refuse it as well; not worth a line */
};

#define ARGS(name) sizeof(struct kfd_ioctl_##name##_args)

static const struct request requests[] = {
    [0x01] = {"GET_VERSION", get_version, ARGS(get_version)},
    [0x02] = {"CREATE_QUEUE", create_queue, ARGS(create_queue)},
    [0x03] = {"DESTROY_QUEUE", destroy_queue, ARGS(destroy_queue)},
    [0x04] = {"SET_MEMORY_POLICY", set_memory_policy, ARGS(set_memory_policy)},
    [0x05] = {"GET_CLOCK_COUNTERS", get_clock_counters, ARGS(get_clock_counters)},
    [0x06] = {"GET_PROCESS_APERTURES", get_process_apertures, ARGS(get_process_apertures)},
    [0x07] = {"UPDATE_QUEUE", update_queue, ARGS(update_queue)},
    [0x08] = {"CREATE_EVENT", create_event, ARGS(create_event)},
    [0x09] = {"DESTROY_EVENT", destroy_event, ARGS(destroy_event)},
    [0x0a] = {"SET_EVENT", set_event, ARGS(set_event)},
    [0x0b] = {"RESET_EVENT", reset_event, ARGS(reset_event)},
    [0x0c] = {"WAIT_EVENTS", wait_events, ARGS(wait_events)},
    [0x0d] = {"DBG_REGISTER", NULL, 0},
    [0x0e] = {"DBG_UNREGISTER", NULL, 0},
    [0x0f] = {"DBG_ADDRESS_WATCH", NULL, 0},
    [0x10] = {"DBG_WAVE_CONTROL", NULL, 0},
    [0x11] = {"SET_SCRATCH_BACKING_VA", set_scratch_backing_va, ARGS(set_scratch_backing_va)},
    [0x12] = {"GET_TILE_CONFIG", get_tile_config, ARGS(get_tile_config)},
    [0x13] = {"SET_TRAP_HANDLER", set_trap_handler, ARGS(set_trap_handler)},
    [0x14] = {"GET_PROCESS_APERTURES_NEW", get_process_apertures_new,
              ARGS(get_process_apertures_new)},
    [0x15] = {"ACQUIRE_VM", acquire_vm, ARGS(acquire_vm)},
    [0x16] = {"ALLOC_MEMORY_OF_GPU", alloc_memory, ARGS(alloc_memory_of_gpu)},
    [0x17] = {"FREE_MEMORY_OF_GPU", free_memory, ARGS(free_memory_of_gpu)},
    [0x18] = {"MAP_MEMORY_TO_GPU", map_memory, ARGS(map_memory_to_gpu)},
    [0x19] = {"UNMAP_MEMORY_FROM_GPU", unmap_memory, ARGS(unmap_memory_from_gpu)},
    [0x1a] = {"SET_CU_MASK", set_cu_mask, ARGS(set_cu_mask)},
    [0x1b] = {"GET_QUEUE_WAVE_STATE", NULL, 0},
    [0x1c] = {"GET_DMABUF_INFO", NULL, 0},
    [0x1d] = {"IMPORT_DMABUF", NULL, 0},
    [0x1e] = {"ALLOC_QUEUE_GWS", alloc_queue_gws, ARGS(alloc_queue_gws)},
    [0x1f] = {"SMI_EVENTS", NULL, 0},
    [0x20] = {"SVM", NULL, 0},
    [0x21] = {"SET_XNACK_MODE", set_xnack_mode, ARGS(set_xnack_mode)},
    [0x22] = {"CRIU_OP", NULL, 0},
    [0x23] = {"AVAILABLE_MEMORY", NULL, 0, .silent = true}, /* interface 1.9 */
    /* Only the out-of-tree driver has these. The runtime asks for a debugger at every start. */
    [0x80] = {"IPC_IMPORT_HANDLE", NULL, 0, .silent = true},
    [0x81] = {"IPC_EXPORT_HANDLE", NULL, 0, .silent = true},
    [0x82] = {"DBG_TRAP", NULL, 0, .silent = true},
    /* REEF_EMU_DRIVER=stock has nothing here, on purpose; libreef asks once. */
    [0x85] = {"WAVE_RESET", NULL, 0, .silent = true},
    [0x86] = {"CLEAR_QUEUE", NULL, 0, .silent = true},
};

static const struct request reef_requests[] = {
    {"WAVE_RESET", wave_reset, sizeof(uint32_t)},
    {"CLEAR_QUEUE", clear_queue, sizeof(uint32_t)},
};
static const struct request pc_sampling_requests[] = {
    {"PC_SAMPLE", pc_sample, sizeof(struct pc_sample)},
};

/* The request's row, or NULL. */
static const struct request *find_request(unsigned number)
{
    enum { FIRST = 0x85 };
    enum emu_driver driver = emu_settings()->driver;

    if (driver == EMU_DRIVER_REEF && (number == FIRST || number == FIRST + 1))
        return &reef_requests[number - FIRST];
    if (driver == EMU_DRIVER_PC_SAMPLING && number == FIRST)
        return &pc_sampling_requests[0];
    return number < sizeof(requests) / sizeof(requests[0]) ? &requests[number] : NULL;
}

static int refuse(unsigned number, const struct request *request)
{
    if (!request || !request->name)
        emu_missing("KFD request 0x%02x", number);
    else if (!request->silent)
        emu_missing("KFD request 0x%02x (%s)", number, request->name);
    return -EINVAL;
}

int emu_kfd_ioctl(unsigned long request, void *arg)
{
    unsigned number = _IOC_NR(request);
    const struct request *row = find_request(number);
    size_t user_size = _IOC_SIZE(request), size;
    union {
        char bytes[sizeof(struct kfd_ioctl_get_process_apertures_args)];
        uint64_t align;
    } args = {{0}};
    int rc;

    if (!emu_started()) /* a descriptor that came over a fork: KFD serves its opener only */
        return -EBADF;
    rc = emu_inject_ioctl(number);
    if (rc)
        return rc;
    if (!row || !row->handler)
        return refuse(number, row);
    size = user_size < row->size ? user_size : row->size;
    rc = emu_user_get(args.bytes, (uint64_t)arg, size);
    if (!rc)
        rc = row->handler(args.bytes);
    /* As the kernel: results go back on failure too (MAP_MEMORY_TO_GPU counts its successes). */
    if (rc != -EFAULT && (request & IOC_OUT) && emu_user_put((uint64_t)arg, args.bytes, size))
        rc = -EFAULT;
    if (emu_settings()->trace)
        emu_report("ioctl %s: %d", row->name, rc);
    return rc;
}

/* ---- start and end ---- */

static struct {
    pthread_mutex_t lock;
    pid_t owner; /* the process that opened the device; 0: none */
} start = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool emu_started(void)
{
    pid_t owner = __atomic_load_n(&start.owner, __ATOMIC_ACQUIRE);

    return owner && owner == getpid();
}

static int start_parts(void)
{
    int rc;

    emu_settings_check();
    rc = emu_segment_attach();
    if (!rc)
        rc = emu_vm_start();
    if (rc)
        return rc;
    emu_event_start();
    emu_inject_start();
    return emu_engine_start();
}

int emu_start(void)
{
    int rc = 0;

    if (emu_started())
        return 0;
    pthread_mutex_lock(&start.lock);
    if (!emu_started()) {
        rc = start_parts();
        if (rc)
            emu_report("the emulated GPU cannot be opened: %s", strerror(-rc));
        else
            __atomic_store_n(&start.owner, getpid(), __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&start.lock);
    return rc;
}

static void leave(void *unused)
{
    if (emu_started())
        emu_engine_stop();
}

static void after_fork(void)
{
    start.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

int __cxa_atexit(void (*run)(void *), void *arg, void *dso);

/** Only registers. Handlers run in reverse order and the dynamic linker registers the libraries'
 * own destructors after this one has run; so the device goes when the runtime above has taken
 * itself down. No library handle is given: else the handler would run with this library's
 * destructors. */
static __attribute__((constructor)) void register_leave(void)
{
    __cxa_atexit(leave, NULL, NULL);
    pthread_atfork(NULL, NULL, after_fork);
}
