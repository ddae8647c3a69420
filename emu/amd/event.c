// SPDX-License-Identifier: Apache-2.0
/*
 * KFD events: what a host thread sleeps on until the GPU says something. The rules are the kernel's
 * (linux/drivers/gpu/drm/amd/amdkfd/kfd_events.c): an event that resets itself wakes all who wait
 * at that moment and stays unsignalled, or, when nobody waits, stays signalled for the first who
 * comes.
 *
 * By these rules two threads of ROCr 5.2 that wait for one signal can hang a program: the one that
 * sets it takes its own event before the other has gone to sleep (in hsa_queue_destroy(), about
 * once in a thousand; later drivers count an event's age for this). So a wait without end is over
 * after LOOK_AGAIN_MS as if its time were: ROCr looks at the signal then and waits again.
 *
 * Threading: any thread; one lock, taken under all others (see the lock order in driver.h); nothing
 * is called with it held. Each waiting call has its own condition variable, so that raising one
 * event of dozens wakes only who waits for it.
 */
#include "kfd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNSIGNALED_SLOT UINT64_MAX  /* what KFD keeps in an event page slot between signals */
#define TIMEOUT_ENDLESS 0x7fffffffu /* ROCr's are UINT32_MAX, or one less */

enum { LOOK_AGAIN_MS = 1000 };
enum {
    FIRST_OTHER = KFD_SIGNAL_EVENT_LIMIT, /* ids of events without a slot in the event page */
    MAX_OTHER = 256,
    MAX_EVENTS = FIRST_OTHER + MAX_OTHER,
};

struct event {
    bool used;
    bool signaled;
    bool auto_reset;
    uint32_t type;
    struct kfd_hsa_memory_exception_data memory;
    struct kfd_hsa_hw_exception_data hardware;
    struct waiter *waiters; /* borrowed: they live on the waiting threads' stacks */
};

struct waiter {
    struct waiter *next;
    struct sleeper *sleeper;
    struct event *event; /* NULL: destroyed meanwhile */
    bool activated;
};

struct sleeper {
    pthread_cond_t wake;
};

/* protects: events, page */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event events[MAX_EVENTS];
static uint64_t *page; /* event page; NULL until a program passes one */
static uint64_t page_slots;

void emu_event_start(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    memset(events, 0, sizeof(events));
    page = NULL;
    page_slots = 0;
}

static struct event *event_find(uint32_t id)
{
    return id < MAX_EVENTS && events[id].used ? &events[id] : NULL;
}

static void event_raise(struct event *event)
{
    event->signaled = !event->auto_reset || !event->waiters;
    for (struct waiter *w = event->waiters; w; w = w->next) {
        w->activated = true;
        pthread_cond_signal(&w->sleeper->wake);
    }
}

int emu_event_create(struct kfd_ioctl_create_event_args *args, uint64_t *new_page,
                     uint64_t page_bytes)
{
    bool has_slot =
        args->event_type == KFD_IOC_EVENT_SIGNAL || args->event_type == KFD_IOC_EVENT_DEBUG_EVENT;
    uint32_t id = has_slot ? 1 : FIRST_OTHER, end = has_slot ? FIRST_OTHER : MAX_EVENTS;
    int rc = 0;

    if (args->event_type > KFD_IOC_EVENT_MEMORY)
        return -EINVAL;
    pthread_mutex_lock(&lock);
    if (new_page && page) {
        rc = -EINVAL;
        goto out;
    }
    if (new_page) {
        page = new_page;
        page_slots = page_bytes / sizeof(*page);
        for (uint64_t i = 0; i < page_slots; i++)
            page[i] = UNSIGNALED_SLOT;
    }
    while (id < end && events[id].used)
        id++;
    if (id == end) {
        rc = -ENOSPC;
        goto out;
    }
    events[id] =
        (struct event){.used = true, .auto_reset = args->auto_reset != 0, .type = args->event_type};
    args->event_id = id;
    if (has_slot) {
        args->event_trigger_data = id;
        args->event_slot_index = id;
        if (id < page_slots)
            page[id] = UNSIGNALED_SLOT;
    }
out:
    pthread_mutex_unlock(&lock);
    return rc;
}

int emu_event_destroy(uint32_t id)
{
    struct event *event;

    pthread_mutex_lock(&lock);
    event = event_find(id);
    if (event) {
        for (struct waiter *w = event->waiters; w; w = w->next) {
            w->event = NULL;
            pthread_cond_signal(&w->sleeper->wake);
        }
        memset(event, 0, sizeof(*event));
    }
    pthread_mutex_unlock(&lock);
    return event ? 0 : -EINVAL;
}

/** Only events of the signal kind are set and reset by programs. */
static int event_change(uint32_t id, bool raise)
{
    struct event *event;
    int rc = -EINVAL;

    pthread_mutex_lock(&lock);
    event = event_find(id);
    if (event && id < FIRST_OTHER) {
        rc = 0;
        if (raise)
            event_raise(event);
        else
            event->signaled = false;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

int emu_event_set_checked(uint32_t id)
{
    return event_change(id, true);
}

int emu_event_reset(uint32_t id)
{
    return event_change(id, false);
}

void emu_event_set(uint32_t id)
{
    (void)event_change(id, true);
}

void emu_event_signal(uint64_t mailbox_va, uint32_t id)
{
    uint64_t *mailbox = mailbox_va ? emu_vm_host(mailbox_va, sizeof(*mailbox)) : NULL;

    if (mailbox)
        __atomic_store_n(mailbox, id, __ATOMIC_RELEASE);
    pthread_mutex_lock(&lock);
    if (event_find(id) && id < FIRST_OTHER) {
        /* The driver takes the note out of the slot when it handles the interrupt. */
        if (id < page_slots)
            __atomic_store_n(&page[id], UNSIGNALED_SLOT, __ATOMIC_RELAXED);
        event_raise(&events[id]);
    }
    pthread_mutex_unlock(&lock);
}

void emu_event_memory_fault(uint64_t va, bool not_present, bool read_only)
{
    pthread_mutex_lock(&lock);
    for (uint32_t id = FIRST_OTHER; id < MAX_EVENTS; id++) {
        if (!events[id].used || events[id].type != KFD_IOC_EVENT_MEMORY)
            continue;
        events[id].memory = (struct kfd_hsa_memory_exception_data){
            .failure = {.NotPresent = not_present, .ReadOnly = read_only},
            .va = va & ~4095ull, /* the fault register holds a page number */
            .gpu_id = EMU_GPU_ID,
        };
        event_raise(&events[id]);
    }
    pthread_mutex_unlock(&lock);
}

void emu_event_hw_exception(void)
{
    pthread_mutex_lock(&lock);
    for (uint32_t id = FIRST_OTHER; id < MAX_EVENTS; id++) {
        if (!events[id].used || events[id].type != KFD_IOC_EVENT_HW_EXCEPTION)
            continue;
        events[id].hardware = (struct kfd_hsa_hw_exception_data){
            .reset_type = KFD_HW_EXCEPTION_WHOLE_GPU_RESET,
            .reset_cause = KFD_HW_EXCEPTION_GPU_HANG,
            .memory_lost = 1,
            .gpu_id = EMU_GPU_ID,
        };
        event_raise(&events[id]);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- waiting ---- */

/** Puts the waiters into their events' lists, taking what is signalled already. */
static int waiters_enter(struct waiter *waiters, struct kfd_event_data *data, uint32_t count,
                         struct sleeper *sleeper)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!event_find(data[i].event_id))
            return -EINVAL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct event *event = &events[data[i].event_id];

        waiters[i] = (struct waiter){.next = event->waiters,
                                     .sleeper = sleeper,
                                     .event = event,
                                     .activated = event->signaled};
        event->waiters = &waiters[i];
        event->signaled = event->signaled && !event->auto_reset;
    }
    return 0;
}

static void waiters_leave(struct waiter *waiters, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct waiter **link = waiters[i].event ? &waiters[i].event->waiters : NULL;

        while (link && *link != &waiters[i])
            link = &(*link)->next;
        if (link)
            *link = waiters[i].next;
    }
}

static uint32_t waiters_state(const struct waiter *waiters, uint32_t count, bool all)
{
    uint32_t activated = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!waiters[i].event)
            return KFD_IOC_WAIT_RESULT_FAIL;
        activated += waiters[i].activated;
    }
    return (all ? activated == count : activated > 0) ? KFD_IOC_WAIT_RESULT_COMPLETE
                                                      : KFD_IOC_WAIT_RESULT_TIMEOUT;
}

static struct timespec deadline_after(uint32_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static uint32_t waiters_sleep(struct waiter *waiters, uint32_t count, bool all, uint32_t timeout_ms,
                              struct sleeper *sleeper)
{
    bool endless = timeout_ms >= TIMEOUT_ENDLESS;
    struct timespec deadline = deadline_after(endless ? LOOK_AGAIN_MS : timeout_ms);
    uint32_t state;
    int rc = timeout_ms ? 0 : ETIMEDOUT;

    for (;;) {
        state = waiters_state(waiters, count, all);
        if (state != KFD_IOC_WAIT_RESULT_TIMEOUT || rc == ETIMEDOUT)
            return state;
        rc = pthread_cond_timedwait(&sleeper->wake, &lock, &deadline);
    }
}

int emu_event_wait(struct kfd_event_data *data, uint32_t count, bool all, uint32_t timeout_ms,
                   uint32_t *result)
{
    struct waiter *waiters = calloc(count ? count : 1, sizeof(*waiters));
    struct sleeper sleeper;
    pthread_condattr_t attr;
    int rc;

    if (!waiters)
        return -ENOMEM;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sleeper.wake, &attr);
    pthread_condattr_destroy(&attr);

    pthread_mutex_lock(&lock);
    rc = waiters_enter(waiters, data, count, &sleeper);
    if (!rc) {
        *result = waiters_sleep(waiters, count, all, timeout_ms, &sleeper);
        for (uint32_t i = 0; i < count; i++) {
            struct event *event = waiters[i].event;

            if (event && waiters[i].activated && event->type == KFD_IOC_EVENT_MEMORY)
                data[i].memory_exception_data = event->memory;
            else if (event && waiters[i].activated && event->type == KFD_IOC_EVENT_HW_EXCEPTION)
                data[i].hw_exception_data = event->hardware;
        }
        waiters_leave(waiters, count);
        if (*result == KFD_IOC_WAIT_RESULT_FAIL)
            rc = -EIO;
    }
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&sleeper.wake);
    free(waiters);
    return rc;
}
