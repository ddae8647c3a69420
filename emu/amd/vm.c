// SPDX-License-Identifier: Apache-2.0
/*
 * Buffer objects and the GPU's address space.
 *
 * Device memory, pinned system memory (GTT), the doorbell page and the remapped MMIO page all lie
 * in one sparse file of 64 GiB. The program maps pieces of it through the device's descriptor; this
 * library has all of it mapped once. What the GPU may touch is decided by a table of its own, so a
 * pointer that only the host can use faults on the GPU. A user pointer (USERPTR) is the program's
 * own memory and lies in no file. Freed pages are punched out of the file: memory is zero when it
 * is allocated again.
 *
 * Threading. bo_lock guards the objects and the free list; table_lock guards the translation table,
 * which interpreter threads read. Nobody who holds table_lock waits for anything. Unmapping stops
 * all interpretation of this process meanwhile, so no interpreter keeps a stale pointer.
 *
 * What KFD answers to a wrong request: linux/drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c.
 */
#include "kfd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#define PAGE_BYTES   4096ull
#define FILE_SIZE    (64ull << 30)
#define OBJECT_START 0x200000ull /* a program that maps offset 0 by mistake meets nothing */
#define OBJECT_END   (60ull << 30)
/* libhsakmt 5.2 takes the doorbell's offset apart before it knows the size of a doorbell page, and
 * then takes the lower 32 bits for the place in the page (queues.c, hsaKmtCreateQueue): the page
 * must begin at a multiple of 4 GiB. */
#define DOORBELL_START OBJECT_END
#define VA_LIMIT       (1ull << 47)
#define NO_OFFSET      UINT64_MAX

struct object {
    uint64_t handle;
    uint64_t va, size; /* of one mapping, whole pages */
    uint64_t offset;   /* in the memory file; NO_OFFSET: a user pointer */
    char *host;        /* borrowed */
    uint32_t flags;    /* KFD_IOC_ALLOC_MEM_FLAGS_* */
    bool owns_offset;  /* has a stretch of the file to itself */
    bool mapped;       /* on the GPU */
    UT_hash_handle hh;
};

struct extent {
    uint64_t start, end;
};

static struct {
    int fd;            /* -1: none yet */
    dev_t file_device; /* what tells the file from others, even when its descriptor was */
    ino_t file_number; /* closed behind our back and the number is in use again */
    char *base;        /* the whole file */
    pthread_mutex_t bo_lock;
    struct object *objects;
    uint64_t next_handle;
    uint64_t device_bytes; /* VRAM that this process has allocated */
    struct extent *holes;  /* free stretches of the file, ascending, never adjacent */
    size_t holes_used, holes_size;
    uint64_t cursor; /* where the search for a hole goes on: late reuse shows stale pointers */
    pthread_rwlock_t table_lock;
    struct gcn_range *table; /* by start, disjoint */
    size_t table_used, table_size;
} vm = {.fd = -1, .bo_lock = PTHREAD_MUTEX_INITIALIZER, .table_lock = PTHREAD_RWLOCK_INITIALIZER};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

/* ---- translation table ---- */

/** Index of the first range that ends above @va. */
static size_t table_position(uint64_t va)
{
    size_t low = 0, high = vm.table_used;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (vm.table[middle].end > va)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool table_find(struct gcn_memory *memory, uint64_t va, struct gcn_range *range)
{
    bool found;
    size_t i;

    pthread_rwlock_rdlock(&vm.table_lock);
    i = table_position(va);
    found = i < vm.table_used && vm.table[i].start <= va;
    if (found)
        *range = vm.table[i];
    pthread_rwlock_unlock(&vm.table_lock);
    return found;
}

static struct gcn_memory memory = {.find = table_find};

/* table_lock is held for writing. */
static int table_insert(const struct gcn_range *range)
{
    size_t i = table_position(range->start);

    if (i < vm.table_used && vm.table[i].start < range->end)
        return -EINVAL;
    if (vm.table_used == vm.table_size) {
        size_t size = vm.table_size ? vm.table_size * 2 : 64;
        struct gcn_range *table = realloc(vm.table, size * sizeof(*table));

        if (!table)
            return -ENOMEM;
        vm.table = table;
        vm.table_size = size;
    }
    memmove(vm.table + i + 1, vm.table + i, (vm.table_used - i) * sizeof(*vm.table));
    vm.table[i] = *range;
    vm.table_used++;
    return 0;
}

/* table_lock is held for writing. */
static void table_remove(uint64_t start)
{
    size_t i = table_position(start);

    if (i == vm.table_used || vm.table[i].start != start)
        return;
    vm.table_used--;
    memmove(vm.table + i, vm.table + i + 1, (vm.table_used - i) * sizeof(*vm.table));
}

/* ---- free stretches of the file ---- */

static int hole_insert(size_t at, uint64_t start, uint64_t end)
{
    if (vm.holes_used == vm.holes_size) {
        size_t size = vm.holes_size ? vm.holes_size * 2 : 64;
        struct extent *holes = realloc(vm.holes, size * sizeof(*holes));

        if (!holes)
            return -ENOMEM;
        vm.holes = holes;
        vm.holes_size = size;
    }
    memmove(vm.holes + at + 1, vm.holes + at, (vm.holes_used - at) * sizeof(*vm.holes));
    vm.holes[at] = (struct extent){start, end};
    vm.holes_used++;
    return 0;
}

static void hole_remove(size_t at)
{
    vm.holes_used--;
    memmove(vm.holes + at, vm.holes + at + 1, (vm.holes_used - at) * sizeof(*vm.holes));
}

/** Takes @size bytes at or above @from. NO_OFFSET if there are none. */
static uint64_t file_take_from(uint64_t from, uint64_t size)
{
    for (size_t i = 0; i < vm.holes_used; i++) {
        struct extent hole = vm.holes[i];
        uint64_t start = hole.start < from ? from : hole.start;

        if (start >= hole.end || hole.end - start < size)
            continue;
        if (start > hole.start && start + size < hole.end) {
            if (hole_insert(i + 1, start + size, hole.end))
                return NO_OFFSET;
            vm.holes[i].end = start;
        } else if (start > hole.start) {
            vm.holes[i].end = start;
        } else if (start + size < hole.end) {
            vm.holes[i].start = start + size;
        } else {
            hole_remove(i);
        }
        vm.cursor = start + size;
        return start;
    }
    return NO_OFFSET;
}

static uint64_t file_take(uint64_t size)
{
    uint64_t offset = file_take_from(vm.cursor, size);

    return offset != NO_OFFSET ? offset : file_take_from(0, size);
}

static void file_give(uint64_t start, uint64_t size)
{
    uint64_t end = start + size;
    size_t i = 0;
    bool joins_left, joins_right;

    if (fallocate(vm.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start, (off_t)size))
        memset(vm.base + start, 0, size);
    while (i < vm.holes_used && vm.holes[i].start < start)
        i++;
    joins_left = i > 0 && vm.holes[i - 1].end == start;
    joins_right = i < vm.holes_used && vm.holes[i].start == end;
    if (joins_left && joins_right) {
        vm.holes[i - 1].end = vm.holes[i].end;
        hole_remove(i);
    } else if (joins_left) {
        vm.holes[i - 1].end = end;
    } else if (joins_right) {
        vm.holes[i].start = start;
    } else {
        /* Without memory for the note the stretch is lost to this process, nothing worse. */
        (void)hole_insert(i, start, end);
    }
}

/* ---- device memory is one for all processes ---- */

static uint64_t device_bytes_used(const struct emu_device *dev)
{
    uint64_t used = 0;

    for (int i = 0; i < EMU_MAX_PROCESSES; i++) {
        if (dev->processes[i].pid)
            used += dev->processes[i].memory_bytes;
    }
    return used;
}

/** Notes in this process's slot how much it has. At exit the slot may be another's already. */
static void device_note(struct emu_device *dev)
{
    struct emu_device_process *process = &dev->processes[emu_segment_process()];

    if (process->pid == getpid())
        process->memory_bytes = vm.device_bytes;
}

static int device_take(uint64_t size)
{
    struct emu_device *dev = emu_segment_lock();
    uint64_t all = dev->profile.memory_bytes, used = device_bytes_used(dev);
    int rc = size > all || used > all - size ? -ENOMEM : 0;

    if (!rc) {
        vm.device_bytes += size;
        device_note(dev);
    }
    emu_segment_unlock();
    return rc;
}

static void device_give(uint64_t size)
{
    struct emu_device *dev = emu_segment_lock();

    vm.device_bytes -= size;
    device_note(dev);
    emu_segment_unlock();
}

uint64_t emu_vm_available(void)
{
    struct emu_device *dev = emu_segment_lock();
    uint64_t used = device_bytes_used(dev), all = dev->profile.memory_bytes;

    emu_segment_unlock();
    return used < all ? all - used : 0;
}

/* ---- start ---- */

static int make_file(void)
{
    int fd = memfd_create("reef-emu-memory", MFD_CLOEXEC), high;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)FILE_SIZE) || fstat(fd, &st))
        goto fail;
    vm.file_device = st.st_dev;
    vm.file_number = st.st_ino;
    vm.base = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (vm.base == MAP_FAILED)
        goto fail;
    /* A forked child has no use for the device, and a core file none for 64 GiB. */
    madvise(vm.base, FILE_SIZE, MADV_DONTFORK);
    madvise(vm.base, FILE_SIZE, MADV_DONTDUMP);
    /* Out of the way of programs that count on low numbers. */
    high = fcntl(fd, F_DUPFD_CLOEXEC, 800);
    if (high >= 0) {
        close(fd);
        fd = high;
    }
    vm.fd = fd;
    return 0;
fail:
    high = -errno;
    close(fd);
    return high;
}

int emu_vm_start(void)
{
    int rc;

    /* In a forked child: the parent's objects mean nothing here, and its threads may have held the
     * locks. What they own is not freed, the heap may be in any state that a fork left. */
    if (vm.fd >= 0)
        close(vm.fd);
    vm.fd = -1;
    vm.bo_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    vm.table_lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
    vm.objects = NULL;
    vm.holes = NULL;
    vm.table = NULL;
    vm.holes_used = vm.holes_size = vm.table_used = vm.table_size = 0;
    vm.device_bytes = 0;
    vm.cursor = OBJECT_START;
    rc = make_file();
    if (!rc)
        rc = hole_insert(0, OBJECT_START, OBJECT_END);
    if (!rc)
        device_give(0);
    return rc;
}

int emu_vm_fd(void)
{
    return vm.fd;
}

bool emu_vm_is_file(int fd)
{
    struct stat st;

    return vm.fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == vm.file_device &&
           st.st_ino == vm.file_number;
}

struct gcn_memory *emu_vm_memory(void)
{
    return &memory;
}

volatile uint64_t *emu_vm_doorbells(void)
{
    return (volatile uint64_t *)(vm.base + DOORBELL_START);
}

uint64_t emu_vm_doorbell_offset(uint32_t id)
{
    return DOORBELL_START + id * sizeof(uint64_t);
}

void *emu_vm_host(uint64_t va, size_t size)
{
    struct gcn_range range;

    if (!table_find(&memory, va, &range) || range.end - va < size)
        return NULL;
    return range.host + (va - range.start);
}

/* ---- objects ---- */

static struct object *object_find(uint64_t handle)
{
    struct object *object;

    HASH_FIND(hh, vm.objects, &handle, sizeof(handle), object);
    return object;
}

static int object_check(const struct kfd_ioctl_alloc_memory_of_gpu_args *args)
{
    const uint32_t types = KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT |
                           KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL |
                           KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP;
    uint32_t type = args->flags & types;

    if (!type || (type & (type - 1)))
        return -EINVAL;
    if (!args->size || args->size > FILE_SIZE || args->va_addr % PAGE_BYTES ||
        args->va_addr >= VA_LIMIT || args->size > VA_LIMIT - args->va_addr)
        return -EINVAL;
    if (type == KFD_IOC_ALLOC_MEM_FLAGS_USERPTR &&
        (!args->mmap_offset || args->mmap_offset % PAGE_BYTES))
        return -EINVAL;
    if (type == KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL && args->size != EMU_DOORBELLS * sizeof(uint64_t))
        return -EINVAL;
    if (type == KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP && args->size != PAGE_BYTES)
        return -EINVAL;
    return 0;
}

/** Finds the memory that the object stands for. */
static int object_back(struct object *object, uint64_t user_address)
{
    int rc;

    if (object->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR) {
        object->offset = NO_OFFSET;
        object->host = (char *)user_address;
        return 0;
    }
    if (object->flags & KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL) {
        object->offset = DOORBELL_START;
        object->host = vm.base + object->offset;
        return 0;
    }
    if (object->flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM) {
        rc = device_take(object->size);
        if (rc)
            return rc;
    }
    object->offset = file_take(object->size);
    if (object->offset == NO_OFFSET) {
        if (object->flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM)
            device_give(object->size);
        return -ENOMEM;
    }
    object->owns_offset = true;
    object->host = vm.base + object->offset;
    return 0;
}

int emu_vm_alloc(struct kfd_ioctl_alloc_memory_of_gpu_args *args)
{
    struct object *object;
    int rc = object_check(args);

    if (rc)
        return rc;
    object = calloc(1, sizeof(*object));
    if (!object)
        return -ENOMEM;
    object->va = args->va_addr;
    object->size = round_up(args->size, PAGE_BYTES);
    object->flags = args->flags;
    if (args->flags &
        KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM) /* one memory at two addresses in a row */
        object->size = round_up(args->size / 2, PAGE_BYTES);

    pthread_mutex_lock(&vm.bo_lock);
    rc = object_back(object, args->mmap_offset);
    if (!rc) {
        object->handle = (uint64_t)EMU_GPU_ID << 32 | ++vm.next_handle;
        HASH_ADD(hh, vm.objects, handle, sizeof(object->handle), object);
        args->handle = object->handle;
        if (object->offset != NO_OFFSET)
            args->mmap_offset = object->offset;
    }
    pthread_mutex_unlock(&vm.bo_lock);
    if (rc)
        free(object);
    return rc;
}

int emu_vm_free(uint64_t handle)
{
    struct object *object;
    int rc = 0;

    pthread_mutex_lock(&vm.bo_lock);
    object = object_find(handle);
    if (!object) {
        rc = -EINVAL;
    } else if (object->mapped) {
        rc = -EBUSY;
    } else {
        HASH_DEL(vm.objects, object);
        if (object->owns_offset)
            file_give(object->offset, object->size);
        if (object->flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM)
            device_give(object->size);
        free(object);
    }
    pthread_mutex_unlock(&vm.bo_lock);
    return rc;
}

static unsigned object_copies(const struct object *object)
{
    return object->flags & KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM ? 2 : 1;
}

int emu_vm_map(uint64_t handle)
{
    struct object *object;
    int rc = 0;

    pthread_mutex_lock(&vm.bo_lock);
    object = object_find(handle);
    if (!object) {
        rc = -EINVAL;
    } else if (!object->mapped) {
        pthread_rwlock_wrlock(&vm.table_lock);
        for (unsigned i = 0; i < object_copies(object) && !rc; i++) {
            struct gcn_range range = {
                .start = object->va + i * object->size,
                .end = object->va + (i + 1) * object->size,
                .host = object->host,
                .writable = object->flags & KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
                .system = !(object->flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM),
            };

            rc = table_insert(&range);
            if (rc && i)
                table_remove(object->va);
        }
        pthread_rwlock_unlock(&vm.table_lock);
        object->mapped = rc == 0;
    }
    pthread_mutex_unlock(&vm.bo_lock);
    return rc;
}

static void unmap_now(void *arg)
{
    const struct object *object = arg;

    pthread_rwlock_wrlock(&vm.table_lock);
    for (unsigned i = 0; i < object_copies(object); i++)
        table_remove(object->va + i * object->size);
    pthread_rwlock_unlock(&vm.table_lock);
    atomic_fetch_add(&memory.generation, 1);
}

int emu_vm_unmap(uint64_t handle)
{
    struct object *object;
    int rc = 0;

    pthread_mutex_lock(&vm.bo_lock);
    object = object_find(handle);
    if (!object) {
        rc = -EINVAL;
    } else if (object->mapped) {
        emu_engine_quiesce(unmap_now, object);
        object->mapped = false;
    }
    pthread_mutex_unlock(&vm.bo_lock);
    return rc;
}

void *emu_vm_object(uint64_t handle, uint64_t *size)
{
    struct object *object;
    void *host = NULL;

    pthread_mutex_lock(&vm.bo_lock);
    object = object_find(handle);
    if (object && object->offset != NO_OFFSET) {
        host = object->host;
        *size = object->size;
    }
    pthread_mutex_unlock(&vm.bo_lock);
    return host;
}
