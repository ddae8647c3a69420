// SPDX-License-Identifier: Apache-2.0
/*
 * Recording. The rings lie in one mapping made at the start, so that a thread's first launch only
 * claims one; its pages come when they are written to. A ring has one writer, the thread, and one
 * reader at a time, who holds `lock`. A thread that ends gives its ring up; the reader empties it
 * once more and then it is free.
 */
#include "shim/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/preload/log.h"
#include "shim/preload/state.h"

enum { RINGS = 64, RECORDS = 4096, NAMES = 4096, BATCH = 256 };
enum ring_state { RING_FREE, RING_CLAIMED, RING_GIVEN_UP };

struct ring {
    _Atomic int state; /* enum ring_state */
    _Atomic uint64_t written, read;
    _Atomic uint64_t lost;
    struct reef_trace_record records[RECORDS];
};

_Atomic bool reef_trace_active;
static struct ring *rings; /* RINGS of them */
static _Atomic uint64_t lost_without_ring;
static int file = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects file, batch, names */
static pthread_key_t key;
static _Thread_local struct ring *own;
static _Thread_local bool refused; /* no ring was left when this thread asked */

static uint64_t names[NAMES]; /* kernels whose name is in the file; open addressing, 0: free */
static struct reef_trace_record batch[BATCH];
static unsigned batched;
static reef_trace_name_fn *last_name; /* for the flush at the end */

static void give_up(void *ring)
{
    atomic_store_explicit(&((struct ring *)ring)->state, RING_GIVEN_UP, memory_order_release);
}

/* Another process may record into the same file: then ours gets another name. */
static int open_file(const char *path, char *used, size_t size)
{
    snprintf(used, size, "%s", path);
    int fd = open(used, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        snprintf(used, size, "%s.%d", path, (int)getpid());
        fd = open(used, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    if (fd >= 0 && ftruncate(fd, 0) != 0 && errno != EINVAL) { /* EINVAL: not a plain file */
        close(fd);
        fd = -1;
    }
    return fd;
}

static void write_all(const void *data, size_t size)
{
    const char *at = data;
    while (size > 0 && file >= 0) {
        ssize_t wrote = write(file, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            reef_warn("REEF_TRACE: %s; recording ends", strerror(errno));
            atomic_store(&reef_trace_active, false);
            close(file);
            file = -1;
            return;
        }
        at += wrote;
        size -= (size_t)wrote;
    }
}

void reef_trace_open(const char *path, bool be)
{
    char used[4096];
    struct reef_trace_header header = {
        .magic = REEF_TRACE_MAGIC,
        .version = REEF_TRACE_VERSION,
        .header_bytes = sizeof(header),
        .record_bytes = sizeof(struct reef_trace_record),
        .pid = (uint32_t)getpid(),
        .process_class = be ? REEF_TRACE_BE : REEF_TRACE_RT,
    };
    void *memory = mmap(NULL, RINGS * sizeof(struct ring), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || pthread_key_create(&key, give_up) != 0) {
        reef_warn("REEF_TRACE: no memory");
        return;
    }
    file = open_file(path, used, sizeof(used));
    if (file < 0) {
        reef_warn("REEF_TRACE: %s: %s", used, strerror(errno));
        return;
    }
    rings = memory;
    write_all(&header, sizeof(header));
    if (file < 0)
        return;
    reef_debug("recording into %s", used);
    atomic_store_explicit(&reef_trace_active, true, memory_order_release);
}

static struct ring *claim(void)
{
    for (unsigned i = 0; i < RINGS && !refused; i++) {
        int unused = RING_FREE;
        if (!atomic_compare_exchange_strong(&rings[i].state, &unused, RING_CLAIMED))
            continue;
        own = &rings[i];
        pthread_setspecific(key, own);
        return own;
    }
    refused = true;
    return NULL;
}

void reef_trace_put(enum reef_trace_type type, uint32_t queue, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d)
{
    struct ring *ring = own ? own : claim();
    if (!ring) {
        atomic_fetch_add_explicit(&lost_without_ring, 1, memory_order_relaxed);
        return;
    }
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    if (written - atomic_load_explicit(&ring->read, memory_order_acquire) >= RECORDS) {
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return;
    }
    ring->records[written % RECORDS] = (struct reef_trace_record){
        .at_ns = reef_now_ns(),
        .type = (uint16_t)type,
        .thread = (uint16_t)(ring - rings),
        .queue = queue,
        .a = a,
        .b = b,
        .c = c,
        .d = d,
    };
    atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

/* --- the reader; `lock` held --- */

static void add(const struct reef_trace_record *record)
{
    batch[batched++] = *record;
    if (batched == BATCH) {
        write_all(batch, sizeof(batch));
        batched = 0;
    }
}

static void add_lost(_Atomic uint64_t *lost, unsigned thread)
{
    uint64_t count = atomic_exchange_explicit(lost, 0, memory_order_relaxed);
    if (count > 0)
        add(&(struct reef_trace_record){.at_ns = reef_now_ns(),
                                        .type = REEF_TRACE_LOST,
                                        .thread = (uint16_t)thread,
                                        .a = count});
}

/* Before a kernel's first launch: its name. When the table is full names come again and again no
 * more: kernels then go by number. */
static void add_name(const struct reef_trace_record *launch, reef_trace_name_fn *name)
{
    char text[504] = "";
    unsigned at = (unsigned)(launch->b * 0x9e3779b97f4a7c15ull >> 52);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t *slot = &names[(at + i) % NAMES];
        if (*slot == launch->b)
            return;
        if (*slot != 0)
            continue;
        *slot = launch->b;
        name(launch->b, text, sizeof(text));
        for (unsigned from = 0; from == 0 || from < strlen(text); from += 24) {
            struct reef_trace_record piece = {
                .at_ns = launch->at_ns,
                .type = REEF_TRACE_NAME,
                .thread = launch->thread,
                .queue = from,
                .a = launch->b,
            };
            uint64_t words[3] = {0};
            size_t length = strnlen(text + from, 24);
            memcpy(words, text + from, length);
            piece.b = words[0];
            piece.c = words[1];
            piece.d = words[2];
            add(&piece);
        }
        return;
    }
}

static void drain(struct ring *ring, reef_trace_name_fn *name)
{
    int state = atomic_load_explicit(&ring->state, memory_order_acquire);
    if (state == RING_FREE)
        return;
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    for (; read != written; read++) {
        const struct reef_trace_record *record = &ring->records[read % RECORDS];
        if (record->type == REEF_TRACE_LAUNCH && name)
            add_name(record, name);
        add(record);
    }
    atomic_store_explicit(&ring->read, read, memory_order_release);
    add_lost(&ring->lost, (unsigned)(ring - rings));
    if (state == RING_GIVEN_UP)
        atomic_store_explicit(&ring->state, RING_FREE, memory_order_release);
}

void reef_trace_flush(reef_trace_name_fn *name)
{
    if (!rings || pthread_mutex_trylock(&lock) != 0)
        return; /* someone is at it */
    if (file >= 0) {
        last_name = name;
        for (unsigned i = 0; i < RINGS; i++)
            drain(&rings[i], name);
        add_lost(&lost_without_ring, RINGS);
        write_all(batch, batched * sizeof(batch[0]));
        batched = 0;
    }
    pthread_mutex_unlock(&lock);
}

void reef_trace_forked(void)
{
    atomic_store(&reef_trace_active, false);
    rings = NULL; /* and nothing is flushed */
}

/* The end of the process: what the agent has not written yet. Nothing happens unless something was
 * recorded. */
__attribute__((destructor)) static void at_exit(void)
{
    if (atomic_exchange(&reef_trace_active, false))
        reef_trace_flush(last_name);
}
