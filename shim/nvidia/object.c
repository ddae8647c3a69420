// SPDX-License-Identifier: Apache-2.0
/*
 * The events and executable graphs that held operations use, and streams that are gone: what is to
 * be known of them by their handles, in a hash table that cuda->lock guards.
 */
#include <stdlib.h>

#include "shim/nvidia/nvidia.h"

static struct reef_object **bucket_of(cu_word handle)
{
    return &reef_cuda.objects[(handle * 0x9e3779b97f4a7c15ull >> 48) % REEF_OBJECT_BUCKETS];
}

struct reef_object *cu_object_locked(cu_word handle, bool make)
{
    struct reef_object **bucket = bucket_of(handle);
    for (struct reef_object *o = *bucket; o; o = o->next)
        if (o->handle == handle)
            return o;
    struct reef_object *o = make ? calloc(1, sizeof(*o)) : NULL;
    if (o) {
        o->handle = handle;
        o->next = *bucket;
        *bucket = o;
    }
    return o;
}

void cu_object_forget_locked(cu_word handle)
{
    struct reef_object **at = bucket_of(handle);
    while (*at && (*at)->handle != handle)
        at = &(*at)->next;
    struct reef_object *o = *at;
    if (!o || o->pending > 0)
        return;
    atomic_fetch_sub(&reef_cuda.objects_kept, cu_object_kept(o));
    atomic_fetch_sub(&reef_cuda.objects_gone, o->gone);
    *at = o->next;
    free(o);
}

bool cu_object_pending_locked(cu_word handle)
{
    struct reef_object *o = handle ? cu_object_locked(handle, false) : NULL;
    return o && o->pending > 0;
}

bool cu_object_pending(cu_word handle)
{
    pthread_mutex_lock(&reef_cuda.lock);
    bool pending = cu_object_pending_locked(handle);
    pthread_mutex_unlock(&reef_cuda.lock);
    return pending;
}

void cu_object_keep_locked(struct reef_object *o, bool *what, bool value)
{
    bool kept = cu_object_kept(o);
    *what = value;
    atomic_fetch_add(&reef_cuda.objects_kept, cu_object_kept(o) - kept);
}

bool cu_event_pending(cu_word event)
{
    if (atomic_load_explicit(&reef_cuda.pending, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(event, false);
    bool pending = o && o->records > 0;
    pthread_mutex_unlock(&reef_cuda.lock);
    return pending;
}

bool cu_is_gone(cu_word handle)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(handle, false);
    bool gone = o && o->gone;
    pthread_mutex_unlock(&reef_cuda.lock);
    return gone;
}

/* --- of an operation --- */

bool cu_pin_locked(struct reef_op *op, const struct reef_call *call)
{
    for (unsigned i = 0; i < 2 && call->objects[i]; i++) {
        op->pins[i] = cu_object_locked(call->objects[i], true);
        if (!op->pins[i])
            return false;
    }
    for (unsigned i = 0; i < 2 && op->pins[i]; i++) {
        op->pins[i]->pending++;
        op->pins[i]->records += i == 0 && call->records;
        atomic_fetch_add(&reef_cuda.records, i == 0 && call->records);
    }
    return true;
}

void cu_unpin_locked(struct reef_op *op)
{
    for (unsigned i = 0; i < 2 && op->pins[i]; i++) {
        struct reef_object *o = op->pins[i];
        bool record = i == 0 && op->api->kind == CU_KIND_EVENT_RECORD;
        o->pending--;
        o->records -= record;
        atomic_fetch_sub(&reef_cuda.records, record);
        if (o->pending > 0 || cu_object_kept(o))
            continue;
        struct reef_object **at = bucket_of(o->handle);
        while (*at != o)
            at = &(*at)->next;
        *at = o->next;
        free(o);
    }
}
